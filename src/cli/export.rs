//! `imdb-fast export`: a model for other programs.

use std::path::{Path, PathBuf};

use imdb_fast::export::{self, OnnxInput};
use imdb_fast::model::Model;
use imdb_fast::{Error, Result};

use super::{Global, OutputArg, shown, thousands};

/// Write a model as Keras, ONNX runtimes or PyTorch take it
///
/// The weights are the same, so the probabilities are, to float32 rounding. Text is turned to word ids here, not there:
/// `import` and `predict` do it. What the inputs are is told below and in the crate's documentation, `imdb_fast::export`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = LONG)]
pub(crate) struct Args {
    /// A model.safetensors
    model: PathBuf,
    /// What to write; told by the output's name (.npz, .onnx, .safetensors) where it is not given
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Format>,
    /// How an ONNX model takes reviews [default: multi-hot]
    #[arg(long, value_name = "INPUT", value_enum)]
    onnx_input: Option<Input>,
    #[command(flatten)]
    output: OutputArg,
}

macro_rules! examples {
    () => {
        "\
Examples:
  imdb-fast export run/model.safetensors --format keras-npz -o weights.npz
  imdb-fast export run/model.safetensors --format onnx -o model.onnx
  imdb-fast export run/model.safetensors --format onnx --onnx-input indices -o model.onnx
  imdb-fast export run/model.safetensors --format torch-safetensors -o weights.safetensors"
    };
}

const EXAMPLES: &str = examples!();

const LONG: &str = concat!(
    examples!(),
    "

Inputs:
  A review is the set of its word ids, reserved ids included, as they stand in a dataset's
  `indices`: multi-hot rows have a 1 at each of them, lists have each of them once.

Keras:
  The arrays are those of Model.set_weights, in its order:

",
    include_str!("../export/load_keras.py"),
    "
ONNX:
  Standard operators of opset 13. The output `probability` is float32 [reviews, 1]:

",
    include_str!("../export/load_onnx.py"),
    "
PyTorch:
  The state_dict has `embedding.weight` and `bias`, the first layer; `linear.I.weight` and
  `linear.I.bias`, the others; and where there is PReLU, `activation.I.weight`:

",
    include_str!("../export/load_torch.py"),
);

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// NumPy's archive of the arrays that Model.set_weights takes
    KerasNpz,
    /// A model for ONNX runtimes; at most 2 GiB
    Onnx,
    /// A state_dict: EmbeddingBag (sum), a bias, and Linear layers
    TorchSafetensors,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Input {
    /// `multi_hot`, float32 [reviews, features]: zeros and ones
    MultiHot,
    /// `indices`, int64 [words], and `offsets`, int64 [reviews], as EmbeddingBag takes them
    Indices,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let path = &args.output.output;
    let format = args.format()?;
    if is_same_file(&args.model, path) {
        let expected = "another file than the model: the model would be lost";
        return Err(Error::invalid("--output", shown(path), expected));
    }
    export::export(&Model::load(&args.model)?, format, path)?;
    let bytes = std::fs::metadata(path).map_err(Error::io(path, "read"))?.len();
    global.note(format_args!("wrote {}: {} bytes", shown(path), thousands(bytes)));
    Ok(())
}

impl Args {
    fn format(&self) -> Result<export::Format> {
        let format = match self.format {
            Some(format) => format,
            None => format_of(&self.output.output)?,
        };
        match (format, self.onnx_input) {
            (Format::Onnx, None | Some(Input::MultiHot)) => {
                Ok(export::Format::Onnx(OnnxInput::MultiHot))
            }
            (Format::Onnx, Some(Input::Indices)) => Ok(export::Format::Onnx(OnnxInput::Indices)),
            (_, Some(_)) => {
                let expected = "nothing: it goes with --format onnx only";
                Err(Error::invalid("--onnx-input", "given", expected))
            }
            (Format::KerasNpz, None) => Ok(export::Format::KerasNpz),
            (Format::TorchSafetensors, None) => Ok(export::Format::TorchSafetensors),
        }
    }
}

/// The format that a file's name promises.
fn format_of(path: &Path) -> Result<Format> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    match extension.as_deref() {
        Some("npz") => Ok(Format::KerasNpz),
        Some("onnx") => Ok(Format::Onnx),
        Some("safetensors") => Ok(Format::TorchSafetensors),
        _ => {
            let expected = "a name that ends in .npz, .onnx or .safetensors, or --format besides";
            Err(Error::invalid("--output", shown(path), expected))
        }
    }
}

pub(super) fn is_same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
