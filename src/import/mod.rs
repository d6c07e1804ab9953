//! From files of other programs to reviews.
//!
//! Every input is untrusted: no size in it is believed before the bytes are there, nothing in it is run.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::dataset::ReviewSource;
use crate::error::{Error, Result};
use crate::input;
use crate::text::{Rules, Vocabulary};

mod applicable;
mod archive;
mod corpus;
mod delimited;
mod detect;
mod document;
mod fasttext;
mod json_lines;
mod keras;
mod libsvm;
mod lines;
mod parallel;
mod parquet_file;
mod ragged;
mod readers;
mod row;
mod text_options;
mod unpack;

use corpus::Corpus;
pub use corpus::WordOptions;
pub use detect::{
    INSTEAD_OF_AN_ARRAY, detect, foreign, format_of, is_array_of_objects, is_safetensors,
};
pub use keras::{KerasImdb, KerasOptions};
use libsvm::Libsvm;
pub use libsvm::{IndexBase, LibsvmOptions};
pub use readers::rows_of;
pub use row::{Row, Rows, is_header};
pub use text_options::{InvalidUtf8, TextOptions};
pub use unpack::stream;

/// Reads a word index for nothing but to know that it is one, before a long download, say.
///
/// # Errors
/// [`Error::Malformed`] where it is no JSON object of positive integers or two words share a rank; [`Error::Io`].
pub fn check_word_index(path: &Path) -> Result<()> {
    keras::word_index::read(path).map(drop)
}

/// A kind of file that holds reviews.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The Large Movie Review Dataset, `aclImdb_v1.tar.gz`, packed or not.
    Archive,
    /// The folder that it unpacks to.
    Folder,
    /// Comma-separated values with a header, a review a row.
    Csv,
    /// Tab-separated values with a header.
    Tsv,
    /// A JSON object a line.
    JsonLines,
    /// fastText's `__label__NAME TEXT` lines.
    Fasttext,
    /// Parquet, as HuggingFace keeps `stanfordnlp/imdb`; only where the program is built with the feature `parquet`.
    Parquet,
    /// Keras' `imdb.npz`, see [`KerasImdb`].
    Keras,
    /// The text format of SVMlight and LIBSVM, see [`LibsvmOptions`].
    Libsvm,
}

impl Format {
    /// All formats, in the order in which help texts list them.
    pub const ALL: [Format; 9] = [
        Format::Archive,
        Format::Folder,
        Format::Csv,
        Format::Tsv,
        Format::JsonLines,
        Format::Fasttext,
        Format::Parquet,
        Format::Keras,
        Format::Libsvm,
    ];

    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Archive => "archive",
            Format::Folder => "folder",
            Format::Csv => "csv",
            Format::Tsv => "tsv",
            Format::JsonLines => "jsonl",
            Format::Fasttext => "fasttext",
            Format::Parquet => "parquet",
            Format::Keras => "keras",
            Format::Libsvm => "libsvm",
        }
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Format> {
        let format = Format::ALL.into_iter().find(|format| format.name() == name);
        format.ok_or_else(|| Error::unknown("--format", name, &Format::ALL.map(Format::name)))
    }
}

/// The words of a model or of a dataset, and the rules by which texts become their ids: what one learned from is to be judged on
/// reviews of the same features.
#[derive(Debug, Clone)]
pub struct KnownWords {
    /// The file that has them, for errors.
    pub path: PathBuf,
    /// How texts become ids, and these features.
    pub rules: Rules,
    /// The names of the features.
    pub vocabulary: Vocabulary,
}

/// What an import needs to know besides the path.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The format; found out by [`detect`] where it is not given.
    pub format: Option<Format>,
    /// Keras' `imdb_word_index.json`: the words of [`Format::Keras`], and ranks that are imposed on texts. Only
    /// [`Format::Libsvm`] has no use for it.
    pub word_index: Option<PathBuf>,
    /// For texts: known words in place of those that are counted. Options that are about words and their ids are refused beside
    /// them.
    pub vocabulary: Option<KnownWords>,
    /// For [`Format::Keras`] and texts.
    pub keras: KerasOptions,
    /// For texts.
    pub text: TextOptions,
    /// For texts.
    pub words: WordOptions,
    /// For [`Format::Libsvm`].
    pub libsvm: LibsvmOptions,
}

/// Opens the file at `path` in the format of the options, or in the one that its content shows.
///
/// # Errors
/// Those of [`detect`] and of the format's own `open`; [`Error::Unfit`] for an option where the format has no use for it.
pub fn open(path: &Path, options: &ImportOptions) -> Result<Box<dyn ReviewSource + Send>> {
    let format = match options.format {
        Some(format) => format,
        None => detect(path)?,
    };
    applicable::check(path, format, options)?;
    if options.format.is_none() {
        expect_same_format(path, format, &options.text)?;
    }
    // Told before the first file is read, which may take long.
    for other in [&options.text.test, &options.text.unlabelled].into_iter().flatten() {
        input::open(other)?;
    }
    let word_index = options.word_index.as_deref();
    Ok(match format {
        Format::Keras => Box::new(KerasImdb::open(path, word_index, options.keras.clone())?),
        Format::Libsvm => Box::new(Libsvm::open(path, options.libsvm.clone(), &options.text)?),
        format => Box::new(Corpus::open(path, format, options)?),
    })
}

/// Refuses a second file that shows another format than the first. One that shows none is read as the first is.
fn expect_same_format(path: &Path, format: Format, options: &TextOptions) -> Result<()> {
    // Where no header is, a review may look like anything; and so it may where fastText's lines have no labels.
    let unlabelled = options.unlabelled.as_deref().filter(|_| format != Format::Fasttext);
    let others = [("--test", options.test.as_deref()), ("--unlabelled", unlabelled)];
    for (option, other) in others.into_iter().filter(|_| options.header) {
        let Some(other) = other else { continue };
        if let Ok(found) = detect(other)
            && found != format
        {
            let (value, source) = (other.display().to_string(), path.display());
            let (found, format) = (found.name(), format.name());
            return Err(Error::Unfit {
                option,
                value,
                reason: format!("it looks like {found}, and {source} like {format}"),
                remedy: "both have to be of one format; name it by --format if they are".to_owned(),
            });
        }
    }
    Ok(())
}

/// The name of a file without its folder: what a dataset says about its origin does not depend on the machine.
fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
