//! What a user can say about files of text.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::lines::check_max_text;
use super::unpack::MAX_UNPACKED;
use crate::error::{Error, Result};

/// What a review takes of memory besides its words, at most: its header and its place among the words, its row, its label, and
/// room to grow.
const REVIEW_BYTES: u64 = 64;

/// What becomes of reviews that are not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum InvalidUtf8 {
    /// The import stops and names the review.
    #[default]
    Stop,
    /// Bytes that are none become U+FFFD, as Python's `errors="replace"` has it.
    Replace,
    /// They are left out, and counted.
    Skip,
}

impl InvalidUtf8 {
    /// All of them, in the order in which help texts list them.
    pub const ALL: [InvalidUtf8; 3] = [InvalidUtf8::Stop, InvalidUtf8::Replace, InvalidUtf8::Skip];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            InvalidUtf8::Stop => "stop",
            InvalidUtf8::Replace => "replace",
            InvalidUtf8::Skip => "skip",
        }
    }

    /// A text as UTF-8; nothing where it is to be left out. `what` it is errors say, of a review whose file, and place in it,
    /// are those of `place`.
    ///
    /// # Errors
    /// [`Error::Malformed`] with the byte, where it is to stop.
    pub fn read<'a>(
        self,
        text: &'a [u8],
        what: &str,
        place: impl FnOnce() -> (PathBuf, String),
    ) -> Result<Option<Cow<'a, str>>> {
        Ok(match (std::str::from_utf8(text), self) {
            (Ok(text), _) => Some(text.into()),
            (Err(_), InvalidUtf8::Replace) => Some(String::from_utf8_lossy(text)),
            (Err(_), InvalidUtf8::Skip) => None,
            (Err(error), InvalidUtf8::Stop) => {
                let (at, (path, place)) = (error.valid_up_to(), place());
                let problem = format!("byte {at} of the {what}, 0x{:02x}, is not UTF-8", text[at]);
                let remedy = "convert the file to UTF-8, or give --invalid-utf8 replace or skip";
                return Err(Error::malformed(&path, place, problem, remedy));
            }
        })
    }
}

impl FromStr for InvalidUtf8 {
    type Err = Error;

    fn from_str(name: &str) -> Result<InvalidUtf8> {
        let found = InvalidUtf8::ALL.into_iter().find(|choice| choice.name() == name);
        let names = || InvalidUtf8::ALL.map(InvalidUtf8::name);
        found.ok_or_else(|| Error::unknown("--invalid-utf8", name, &names()))
    }
}

/// How to read files of text.
#[derive(Debug, Clone, PartialEq)]
pub struct TextOptions {
    /// A second file of the same format, the test split.
    pub test: Option<PathBuf>,
    /// A file of the same format whose labels, if it has any, do not count.
    pub unlabelled: Option<PathBuf>,
    /// The part of the labelled reviews that becomes the test split, where nothing else says.
    pub test_fraction: Option<f64>,
    /// The column or field with the text; found by its usual names where it is not given.
    pub text_column: Option<String>,
    /// The column or field with the label; found by its usual names where it is not given.
    pub label_column: Option<String>,
    /// The column or field that names the split of each row; one that names none is an error.
    pub split_column: Option<String>,
    /// Whether the first row of a table names its columns; else they are named by numbers from 1. Default true.
    pub header: bool,
    /// Whether fields of tables may be quoted; by default those of CSV are and those of TSV are not.
    pub quoting: Option<bool>,
    /// Labels that mean a negative review, where they are not the usual ones.
    pub negative: Vec<String>,
    /// Labels that mean a positive review.
    pub positive: Vec<String>,
    /// Leaves reviews in the order of their source, even sorted by class.
    pub keep_order: bool,
    /// Whether reviews without a label become the unlabelled split. Default true.
    pub with_unlabelled: bool,
    /// What becomes of reviews that are not UTF-8.
    pub invalid_utf8: InvalidUtf8,
    /// The most bytes that a gzip file may unpack to, and that all reviews may take of memory besides their texts, 64 each; 4 GiB
    /// where it is not given.
    pub max_unpacked: Option<u64>,
    /// The most bytes of a review's text, or of the line that it is in; 16 MiB where it is not given.
    pub max_text: Option<usize>,
    /// Threads to use; 0 is one a core. The results do not depend on it.
    pub threads: usize,
    /// Where what does not fit into memory is put, unnamed; the current folder where it is not given.
    pub spool: Option<PathBuf>,
}

impl Default for TextOptions {
    fn default() -> TextOptions {
        TextOptions {
            test: None,
            unlabelled: None,
            test_fraction: None,
            text_column: None,
            label_column: None,
            split_column: None,
            header: true,
            quoting: None,
            negative: Vec::new(),
            positive: Vec::new(),
            keep_order: false,
            with_unlabelled: true,
            invalid_utf8: InvalidUtf8::default(),
            max_unpacked: None,
            max_text: None,
            threads: 0,
            spool: None,
        }
    }
}

impl TextOptions {
    /// Checks what can be checked before the source is read.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for a fraction that is none, a limit that means nothing, or a column that two options name.
    pub fn check(&self) -> Result<()> {
        if let Some(fraction) = self.test_fraction
            && !(fraction > 0.0 && fraction < 1.0)
        {
            return Err(Error::invalid("--test-fraction", fraction, "a fraction between 0 and 1"));
        }
        let [text, label, split] =
            [&self.text_column, &self.label_column, &self.split_column].map(Option::as_deref);
        for (option, column, others) in
            [("--label-column", label, [text, None]), ("--split-column", split, [text, label])]
        {
            if let Some(column) = column.filter(|_| others.contains(&column)) {
                return Err(Error::invalid(option, column, "a column that no other option names"));
            }
        }
        check_max_text(self.max_text)
    }

    /// Refuses more reviews than may take memory besides their texts: a gzip file of a few kB may have millions of nothing but a
    /// label. They are those of the file at `path`, and of the files before it, unless it is the first.
    ///
    /// # Errors
    /// [`Error::Unfit`]
    pub(super) fn check_reviews(&self, reviews: usize, path: &Path, is_first: bool) -> Result<()> {
        let limit = self.max_unpacked.unwrap_or(MAX_UNPACKED);
        let most = limit / REVIEW_BYTES;
        if reviews as u64 <= most {
            return Ok(());
        }
        let have = if is_first { "has" } else { "and the files before it have together" };
        Err(Error::Unfit {
            option: "--max-unpacked",
            value: limit.to_string(),
            reason: format!(
                "{} {have} more than {most} reviews, each of {REVIEW_BYTES} bytes of memory besides its text",
                path.display()
            ),
            remedy: "raise it if the file is no bomb".into(),
        })
    }
}
