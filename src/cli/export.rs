//! `imdb-fast export`: a model for other programs.

use std::path::{Path, PathBuf};

use imdb_fast::export::{self, OnnxInput};
use imdb_fast::{Error, Result};

use super::{Global, OutputArg, open_model, shown, thousands};

/// Write a model as Keras, ONNX runtimes or PyTorch take it
///
/// The weights are the same, so the probabilities are, to float32 rounding. Text is turned to word ids here, not there:
/// `import` and `predict` do it. What the inputs are is told below and in the crate's documentation, `imdb_fast::export`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, after_long_help = long_help())]
pub(crate) struct Args {
    /// A model.safetensors
    model: PathBuf,
    /// What to write; told by the output's name (.npz, .onnx, .safetensors) where it is not given
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<Format>,
    /// How an ONNX model takes reviews [default: multi-hot; ids of a network of an embedding]
    #[arg(long, value_name = "INPUT", value_enum)]
    onnx_input: Option<Input>,
    #[command(flatten)]
    output: OutputArg,
}

const EXAMPLES: &str = "\
Examples:
  imdb-fast export run/model.safetensors --format keras-npz -o weights.npz
  imdb-fast export run/model.safetensors -o model.onnx
  imdb-fast export run/model.safetensors --onnx-input indices -o model.onnx
  imdb-fast export run/model.safetensors --format torch-safetensors \\
      -o weights.safetensors";

/// The examples, and how each program takes its file.
fn long_help() -> String {
    let [keras, keras_unit_length, keras_embedding, onnx, torch, torch_embedding] = [
        export::LOAD_KERAS,
        export::LOAD_KERAS_UNIT_LENGTH,
        export::LOAD_KERAS_EMBEDDING,
        export::LOAD_ONNX,
        export::LOAD_TORCH,
        export::LOAD_TORCH_EMBEDDING,
    ]
    .map(indented);
    format!(
        "{EXAMPLES}

Inputs:
A review is the set of its word ids, reserved ids included, as they stand in a dataset's `indices`: multi-hot rows have a 1 at \
each of them, lists have each of them once. A network of an embedding takes sequences of ids, padded and cut as Keras' \
pad_sequences does.

Keras:
The arrays are those of Model.set_weights, in its order:

{keras}
Where reviews have length 1 (--row-norm l2):

{keras_unit_length}
Of a network of an embedding:

{keras_embedding}
ONNX:
Standard operators of opset 13. The output `probability` is float32 [reviews, 1]:

{onnx}
PyTorch:
The state_dict has `embedding.weight` and `bias`, the first layer; `linear.I.weight` and `linear.I.bias`, the others; and where \
there is PReLU, `activation.I.weight`:

{torch}
Of a network of an embedding, whose mode is `mean`:

{torch_embedding}"
    )
}

/// Code further to the right than the text around it, as manual pages show it line by line.
fn indented(code: &str) -> String {
    let indented = |line: &str| match line.is_empty() {
        true => "\n".to_owned(),
        false => format!("    {line}\n"),
    };
    code.lines().map(indented).collect()
}

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
    /// `ids`, int64 [reviews, max_len]: padded sequences, for a network of an embedding
    Ids,
}

impl From<Input> for OnnxInput {
    fn from(input: Input) -> OnnxInput {
        match input {
            Input::MultiHot => OnnxInput::MultiHot,
            Input::Indices => OnnxInput::Indices,
            Input::Ids => OnnxInput::Ids,
        }
    }
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let path = &args.output.output;
    let kind = args.kind()?;
    args.output.spare([&args.model], "the model")?;
    let model = open_model(&args.model)?;
    let format = match kind {
        Format::KerasNpz => export::Format::KerasNpz,
        Format::Onnx => export::Format::Onnx(match args.onnx_input {
            Some(input) => input.into(),
            None => OnnxInput::of(model.architecture()),
        }),
        Format::TorchSafetensors => export::Format::TorchSafetensors,
    };
    export::export(&model, format, path)?;
    let bytes = std::fs::metadata(path).map_err(Error::io(path, "read"))?.len();
    global.note(format_args!("wrote {}: {} bytes", shown(path), thousands(bytes)));
    Ok(())
}

impl Args {
    /// What can be said without the model.
    fn kind(&self) -> Result<Format> {
        let format = match self.format {
            Some(format) => format,
            None => format_of(&self.output.output)?,
        };
        match self.onnx_input {
            Some(input) if format != Format::Onnx => {
                let expected = "left out: it goes with --format onnx only";
                Err(Error::invalid("--onnx-input", OnnxInput::from(input), expected))
            }
            _ => Ok(format),
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
