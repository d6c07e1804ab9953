//! The readers of texts that are read line by line, by their format.

use std::io::Read;
use std::path::Path;

use super::lines::Lines;
use super::row::{LabelUse, Rows};
use super::unpack::{self, Input};
use super::{Format, TextOptions, delimited, fasttext, json_lines};
use crate::error::{Error, Result};

/// Opens a stream of reviews that `name` is the name of, packed by gzip or not: its rows, as an import reads them, as they
/// come. Without a format, each line is a review. Labels need not be there unless their column is named.
///
/// # Errors
/// [`Error::InvalidOption`] for a format that is not read so and for options that mean nothing; [`Error::Malformed`],
/// [`Error::Unfit`] where columns are not there, [`Error::Io`].
pub fn rows_of(
    stream: Box<dyn Read + Send>,
    name: &Path,
    format: Option<Format>,
    options: &TextOptions,
) -> Result<Box<dyn Rows + Send>> {
    options.check()?;
    let input = unpack::text_of(stream, name)?;
    match format {
        Some(format) => open(input, format, options, LabelUse::Shown),
        None => Ok(Box::new(Lines::new(input, options.max_text))),
    }
}

/// Opens a text in one of the formats that are read line by line.
///
/// # Errors
/// Those of [`rows_of`].
pub(super) fn open(
    input: Input,
    format: Format,
    options: &TextOptions,
    labels: LabelUse,
) -> Result<Box<dyn Rows + Send>> {
    let longest = options.max_text;
    Ok(match format {
        Format::Csv => Box::new(delimited::open(input, b',', options, labels)?),
        Format::Tsv => Box::new(delimited::open(input, b'\t', options, labels)?),
        Format::Fasttext => Box::new(fasttext::of(Lines::new(input, longest), labels)),
        Format::JsonLines => {
            Box::new(json_lines::of(Lines::new(input, longest), options.clone(), labels))
        }
        other => {
            return Err(Error::invalid("--format", other.name(), "csv, tsv, jsonl or fasttext"));
        }
    })
}
