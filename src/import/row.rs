//! A review a row: what the readers of CSV, JSON lines, fastText and parquet yield, and the usual names of columns.

use std::path::Path;

use crate::error::{Error, Result};

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row<'a> {
    /// Its line or row, from 1.
    pub number: u64,
    /// The review.
    pub text: &'a [u8],
    /// The label; none, or an empty one, where nobody has labelled it.
    pub label: Option<&'a [u8]>,
    /// What the column of splits says.
    pub split: Option<&'a [u8]>,
}

/// The rows of an open file.
pub(super) trait Rows {
    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Malformed`] with line or row; [`Error::Io`].
    fn next_row(&mut self) -> Result<Option<Row<'_>>>;
}

/// Names that columns and fields usually have, where the user names none.
pub const TEXT_NAMES: [&str; 6] = ["text", "review", "sentence", "content", "comment", "body"];
/// As [`TEXT_NAMES`], for labels.
pub const LABEL_NAMES: [&str; 5] = ["label", "sentiment", "class", "polarity", "target"];

/// Which of `names` the user means, or which is a usual one. A name that differs in case only, or in blanks around it, is the
/// right one too, unless there is the very name. Of several, it is the first.
///
/// # Errors
/// [`Error::Unfit`] where there is none, unless nothing was asked for and it may be `missing`.
pub fn column(
    path: &Path,
    names: &[impl AsRef<str>],
    (option, asked): (&'static str, Option<&str>),
    usual: &[&str],
    missing: bool,
) -> Result<Option<usize>> {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    let position = |name: &str| {
        let exact = names.iter().position(|&found| found == name);
        let similar = |found: &&str| found.trim().eq_ignore_ascii_case(name);
        exact.or_else(|| names.iter().position(similar))
    };
    let found = match asked {
        Some(name) => position(name),
        None => usual.iter().find_map(|name| position(name)),
    };
    if found.is_some() || (missing && asked.is_none()) {
        return Ok(found);
    }
    let shown: Vec<String> = names.iter().take(20).map(|n| n.chars().take(40).collect()).collect();
    Err(Error::Unfit {
        option,
        value: asked.unwrap_or("not given").to_owned(),
        reason: format!("{} has: {}", path.display(), shown.join(", ")),
        remedy: "name one of them".into(),
    })
}
