//! fastText's text files: `__label__NAME TEXT`, a review a line.

use std::path::Path;

use super::TextOptions;
use super::lines::Lines;
use super::row::{Row, Rows};
use crate::error::{Error, Result};

/// What fastText puts before each label by default.
const PREFIX: &[u8] = b"__label__";

/// The lines of a file, with their labels.
pub(super) struct Fasttext {
    lines: Lines,
    path: std::path::PathBuf,
}

/// Whether a file that begins with `head` is in this format.
pub(super) fn looks_like_it(head: &[u8]) -> bool {
    head.trim_ascii_start().starts_with(PREFIX)
}

/// Opens the file at `path`.
///
/// # Errors
/// Those of [`Lines::open`].
pub(super) fn open(path: &Path, options: &TextOptions) -> Result<Fasttext> {
    let lines = Lines::open(path, options.max_unpacked, options.max_text)?;
    Ok(Fasttext { lines, path: path.to_path_buf() })
}

impl Rows for Fasttext {
    fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        let Some((number, line)) = self.lines.next_line()? else { return Ok(None) };
        let Some(rest) = line.strip_prefix(PREFIX) else {
            return Ok(Some(Row { number, text: line, label: None, split: None }));
        };
        let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
        let (label, text) = (&rest[..end], rest[end..].trim_ascii_start());
        if text.starts_with(PREFIX) {
            return Err(Error::malformed(
                &self.path,
                format!("line {number}"),
                "it has two labels",
                "leave one of them: a review is positive or negative",
            ));
        }
        Ok(Some(Row { number, text, label: Some(label), split: None }))
    }
}
