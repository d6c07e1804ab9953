//! Parquet files, as HuggingFace keeps `stanfordnlp/imdb`, where the program is built to read them.

#[cfg(feature = "parquet")]
mod columns;

use std::path::Path;

use super::TextOptions;
use super::row::{LabelUse, Rows};
use crate::error::Result;

/// Whether a file that begins with `head` is in this format.
pub(super) fn looks_like_it(head: &[u8]) -> bool {
    head.starts_with(b"PAR1")
}

/// Opens the file at `path`.
///
/// # Errors
/// Those of [`crate::input::open`], [`Error::Malformed`](crate::Error::Malformed), and
/// [`Error::Unfit`](crate::Error::Unfit) where the columns are not there.
#[cfg(feature = "parquet")]
pub(super) fn open(
    path: &Path,
    options: &TextOptions,
    labels: LabelUse,
) -> Result<Box<dyn Rows + Send>> {
    Ok(Box::new(columns::open(path, options, labels)?))
}

/// Says that this program cannot.
///
/// # Errors
/// Always [`Error::WrongKind`](crate::Error::WrongKind).
#[cfg(not(feature = "parquet"))]
pub(super) fn open(path: &Path, _: &TextOptions, _: LabelUse) -> Result<Box<dyn Rows + Send>> {
    Err(crate::Error::WrongKind {
        path: path.to_path_buf(),
        expected: "a file that this program was built to read",
        found: "a parquet file".into(),
        remedy: "install it with `--features parquet`, or convert the file to CSV".into(),
    })
}
