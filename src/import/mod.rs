//! From files of other programs to reviews.
//!
//! Every input is untrusted: no size in it is believed before the bytes are there, nothing in it is run.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::dataset::ReviewSource;
use crate::dataset::format::MAX_FEATURES;
use crate::error::{Error, Result};
use crate::input;

mod keras;
mod libsvm;
mod lines;
mod rows;

pub use keras::{KerasImdb, KerasOptions};
pub use libsvm::{IndexBase, Libsvm, LibsvmOptions};

/// How much of a file [`detect`] looks at.
const HEAD: u64 = 64 << 10;

/// A kind of file that holds reviews.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Keras' `imdb.npz`, see [`KerasImdb`].
    Keras,
    /// The text format of SVMlight and LIBSVM, see [`Libsvm`].
    Libsvm,
}

impl Format {
    /// All formats, in the order in which help texts list them.
    pub const ALL: [Format; 2] = [Format::Keras, Format::Libsvm];

    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Keras => "keras",
            Format::Libsvm => "libsvm",
        }
    }

    /// All names, for error and help texts.
    fn names() -> String {
        Format::ALL.map(Format::name).join(", ")
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Format> {
        let format = Format::ALL.into_iter().find(|format| format.name() == name);
        format.ok_or_else(|| Error::invalid("--format", name, Format::names()))
    }
}

/// What an import needs to know besides the path.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The format; found out by [`detect`] where it is not given.
    pub format: Option<Format>,
    /// Keras' `imdb_word_index.json`. Only [`Format::Keras`] has use for it.
    pub word_index: Option<PathBuf>,
    /// For [`Format::Keras`].
    pub keras: KerasOptions,
    /// For [`Format::Libsvm`].
    pub libsvm: LibsvmOptions,
}

/// Opens the file at `path` in the format of the options, or in the one that its content shows.
///
/// # Errors
/// Those of [`detect`] and of the format's own `open`; [`Error::Unfit`] for a word index where the format has no use
/// for it.
pub fn open(path: &Path, options: &ImportOptions) -> Result<Box<dyn ReviewSource>> {
    let format = match options.format {
        Some(format) => format,
        None => detect(path)?,
    };
    let word_index = options.word_index.as_deref();
    match (format, word_index) {
        (Format::Keras, _) => {
            Ok(Box::new(KerasImdb::open(path, word_index, options.keras.clone())?))
        }
        (Format::Libsvm, None) => Ok(Box::new(Libsvm::open(path, options.libsvm.clone())?)),
        (format, Some(index)) => Err(Error::Unfit {
            option: "--word-index",
            value: index.display().to_string(),
            reason: format!("{} is a {} file", path.display(), format.name()),
            remedy: "leave it out; only keras files have ranks to look up".into(),
        }),
    }
}

/// Finds out the format by the first bytes of the file; its name does not count.
///
/// # Errors
/// [`Error::WrongKind`] for folders, empty files, safetensors files and whatever else is not known; [`Error::Io`].
pub fn detect(path: &Path) -> Result<Format> {
    let wrong = |found: &str, remedy: String| Error::WrongKind {
        path: path.to_path_buf(),
        expected: "a file with reviews",
        found: found.into(),
        remedy,
    };
    let mut head = Vec::new();
    let file = input::open(path)?;
    file.take(HEAD).read_to_end(&mut head).map_err(Error::io(path, "read"))?;
    if head.is_empty() {
        return Err(wrong("an empty file", "get the file again".into()));
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Format::Keras);
    }
    if is_safetensors(&head) {
        let remedy = "it is a dataset or a model already and needs no import".into();
        return Err(wrong("a safetensors file", remedy));
    }
    if libsvm::looks_like_it(&head) {
        return Ok(Format::Libsvm);
    }
    let remedy = format!("if you know its format, name it with --format ({})", Format::names());
    Err(wrong("an unknown format", remedy))
}

/// Whether a file starts as safetensors files do: with a small length and the JSON object that has it.
fn is_safetensors(head: &[u8]) -> bool {
    let length = head.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    length.is_some_and(|length| length < 1 << 32) && head.get(8) == Some(&b'{')
}

/// Refuses feature counts that no dataset can have.
fn check_features(option: &str, features: usize) -> Result<()> {
    if features == 0 || features > MAX_FEATURES {
        let expected = format!("a number from 1 to {MAX_FEATURES}");
        return Err(Error::invalid(option, features, expected));
    }
    Ok(())
}

/// The name of a file without its folder: what a dataset says about its origin does not depend on the machine.
fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
