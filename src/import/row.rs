//! A review a row: what the readers of CSV, JSON lines, fastText and parquet yield, and the usual names of columns.

use std::path::Path;

use super::TextOptions;
use crate::error::{Error, Result, shortened};

/// One row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Its line or row, from 1.
    pub number: u64,
    /// The review, which need not be UTF-8.
    pub text: &'a [u8],
    /// The label; none, or an empty one, where nobody has labelled it.
    pub label: Option<&'a [u8]>,
    /// What the column of splits says.
    pub split: Option<&'a [u8]>,
}

/// The rows of an open file.
pub trait Rows {
    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Malformed`] with line or row; [`Error::Io`]; [`Error::Unfit`] at the end where a field that was asked for never
    /// came.
    fn next_row(&mut self) -> Result<Option<Row<'_>>>;
}

/// What labels are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LabelUse {
    /// Reviews are to be learnt from: a file without labels is at fault, and a review with two.
    Needed,
    /// They are shown where there are any.
    Shown,
    /// They do not count.
    Unused,
}

/// Names that columns and fields usually have, where the user names none.
const TEXT_NAMES: [&str; 6] = ["text", "review", "sentence", "content", "comment", "body"];
/// As [`TEXT_NAMES`], for labels.
const LABEL_NAMES: [&str; 5] = ["label", "sentiment", "class", "polarity", "target"];

/// A column that counts.
pub(super) struct Wanted<'a> {
    /// The option that names it, and the name.
    option: &'static str,
    asked: Option<&'a str>,
    usual: &'static [&'static str],
    is_needed: bool,
}

/// The columns that count: those of text, label and split.
pub(super) fn wanted(options: &TextOptions, labels: LabelUse) -> [Wanted<'_>; 3] {
    let label = options.label_column.as_deref();
    let (label, usual_labels): (_, &[&str]) = match labels {
        LabelUse::Unused => (None, &[]),
        LabelUse::Needed | LabelUse::Shown => (label, &LABEL_NAMES),
    };
    [
        Wanted {
            option: "--text-column",
            asked: options.text_column.as_deref(),
            usual: &TEXT_NAMES,
            is_needed: true,
        },
        Wanted {
            option: "--label-column",
            asked: label,
            usual: usual_labels,
            is_needed: labels == LabelUse::Needed,
        },
        Wanted {
            option: "--split-column",
            asked: options.split_column.as_deref(),
            usual: &[],
            is_needed: false,
        },
    ]
}

impl Wanted<'_> {
    /// The name that was asked for, or the usual ones.
    fn names(&self) -> &[&str] {
        self.asked.as_ref().map_or(self.usual, std::slice::from_ref)
    }

    /// Whether a column of this name may be the one.
    fn has(&self, found: &str) -> bool {
        self.names().iter().any(|name| is_similar(found, name))
    }

    /// Whether there can be such a column.
    pub fn is_sought(&self) -> bool {
        !self.names().is_empty()
    }

    /// Which of `names` the user means, or which is a usual one. A name that differs in case only, or in blanks around it, is
    /// the right one too, unless there is the very name. Of several, it is the first.
    ///
    /// # Errors
    /// [`Error::Unfit`] where there is none, and it was asked for or is needed.
    pub fn find(&self, path: &Path, names: &[String]) -> Result<Option<usize>> {
        let position = |name: &str| {
            let exact = names.iter().position(|found| found == name);
            exact.or_else(|| names.iter().position(|found| is_similar(found, name)))
        };
        let found = self.names().iter().find_map(|name| position(name));
        if found.is_some() || (!self.is_needed && self.asked.is_none()) {
            return Ok(found);
        }
        let shown: Vec<_> = names.iter().take(20).map(|name| shortened(name, 40)).collect();
        Err(Error::Unfit {
            option: self.option,
            value: self.asked.unwrap_or("not given").to_owned(),
            reason: format!("{} has: {}", path.display(), shown.join(", ")),
            remedy: "name one of them".into(),
        })
    }
}

/// Whether the fields of a table's first line name its columns, one of them that of the texts. Where it was not asked for, the line
/// may be a review, a list of words, among them `content`: blanks before a usual name are those of prose then, unless another field
/// is a name that columns of labels have.
pub fn is_header(fields: &[String], options: &TextOptions) -> bool {
    let [text, label, _] = wanted(options, LabelUse::Shown);
    let may_have_blanks = text.asked.is_some() || fields.iter().any(|field| label.has(field));
    let is_it = |field: &String| {
        text.has(field) && (may_have_blanks || !field.starts_with(char::is_whitespace))
    };
    fields.iter().any(is_it)
}

/// Whether a name in a file is the one that is looked for, but for case and blanks around it.
pub(super) fn is_similar(found: &str, name: &str) -> bool {
    found.trim().eq_ignore_ascii_case(name.trim())
}
