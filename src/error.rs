//! The one error type of the library.
//!
//! Data problems are values of [`Error`]; each names the file, the place and what to do about it. Contract
//! violations of the caller (a slice of the wrong length, say) panic with a sentence; each such function says
//! so under "Panics".

use std::borrow::Cow;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// What went wrong, where, and what helps.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused. Cause and remedy are in its own words: a missing file, a full disk, missing
    /// permissions.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The verb, as in "cannot *read* x".
        action: &'static str,
        /// The system's own error. It is part of the text, and so not given once more as what stands behind it: thiserror takes a
        /// field named `r#source` for no source.
        r#source: io::Error,
    },
    /// A file is not of the kind that was asked for: a model where a dataset belongs, say.
    #[error("{}: expected {expected}, found {found}; {remedy}", path.display())]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// The kind asked for, with its article ("a dataset").
        expected: &'static str,
        /// What the file looks like.
        found: String,
        /// What to do next.
        remedy: String,
    },
    /// A file is of the right kind, but damaged, cut short or malicious.
    #[error("{}: {place}: {problem}; {remedy}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where in the file: a tensor and a row, a line, a byte offset.
        place: String,
        /// What is wrong there.
        problem: String,
        /// What to do next.
        remedy: String,
    },
    /// A download did not come about: the server, the way to it, or what it sent is at fault.
    #[error("{url}: {problem}; {remedy}")]
    Network {
        /// The address that was asked for.
        url: String,
        /// What went wrong, and how often it was tried.
        problem: String,
        /// What to do next.
        remedy: String,
    },
    /// An option has a value that no data could make right. The command line ends with exit code 2 here.
    #[error("{option} is {value:?}, expected {expected}")]
    InvalidOption {
        /// The option as the user wrote it, such as `--batch-size`.
        option: String,
        /// Its value.
        value: String,
        /// What it may be; the known names where it is a choice.
        expected: String,
    },
    /// An option is fine by itself, but not for this dataset or model.
    #[error("{option} is {value}, but {reason}; {remedy}")]
    Unfit {
        /// The option as the user wrote it, such as `--validation`.
        option: &'static str,
        /// Its value.
        value: String,
        /// Which fact of the data it contradicts.
        reason: String,
        /// What to do next.
        remedy: String,
    },
    /// Weights of a model are numbers, each by itself, but so large that what they come to on a review is none.
    #[error(
        "the model is one of finite weights, but they overflow on {review}, whose logit is {logit}; \
         train it again, with a smaller --learning-rate"
    )]
    Overflow {
        /// Which review: its place, from 0, among the texts of the call or in its split, or the id of its only word.
        at: usize,
        /// What it is called.
        review: String,
        /// What its weights come to.
        logit: f32,
    },
    /// The loss, or a weight, stopped being a number. The history up to the last good epoch is in the run's
    /// [`Outcome`](crate::train::Outcome::history).
    #[error(
        "loss or weights are not finite any more in epoch {epoch}, {} (seed {seed}, learning rate {learning_rate:?}); \
         try a smaller --learning-rate",
        step_name(*batch)
    )]
    Diverged {
        /// Counted from 1.
        epoch: usize,
        /// Counted from 1 within the epoch; 0 where it was noticed in validation.
        batch: usize,
        /// The learning rate of the last step that was taken, by the schedule; the optimizer's own where none was.
        learning_rate: f32,
        /// That of the run: it tells which one of many it was.
        seed: u64,
    },
}

/// `Result` with the library's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Text of a file for a message, no more than so many characters of it: a word, a name or a number may be as long as the file.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}...", &text[..end]).into(),
        None => text.into(),
    }
}

/// Refuses the value of an option that is not within its bounds.
///
/// # Errors
/// [`Error::InvalidOption`]
pub(crate) fn expect_within(
    option: &str,
    value: usize,
    bounds: RangeInclusive<usize>,
) -> Result<()> {
    if bounds.contains(&value) {
        return Ok(());
    }
    let expected = format!("a number from {} to {}", bounds.start(), bounds.end());
    Err(Error::invalid(option, value, expected))
}

/// Where in an epoch a run diverged.
fn step_name(batch: usize) -> String {
    if batch == 0 { "validation".to_owned() } else { format!("batch {batch}") }
}

impl Error {
    /// Wraps an [`io::Error`] with the file and the verb ("read", "create", ...).
    pub fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { path, action, source }
    }

    /// The system does not give the `threads` that are wanted.
    pub(crate) fn no_threads(threads: usize, error: io::Error) -> Error {
        let remedy = match threads {
            1 => "raise the limit of processes (ulimit -u)",
            _ => "ask for fewer by --threads 1",
        };
        let text = format!("{error}; {remedy}");
        let source = io::Error::new(error.kind(), text);
        Error::Io { path: "--threads".into(), action: "start the threads of", source }
    }

    /// A [`Error::Malformed`], whatever the length of what the file has at that place.
    pub fn malformed(
        path: &Path,
        place: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Error {
        const MOST: usize = 500;
        Error::Malformed {
            path: path.to_path_buf(),
            place: shortened(&place.into(), MOST).into_owned(),
            problem: shortened(&problem.into(), MOST).into_owned(),
            remedy: remedy.into(),
        }
    }

    /// A [`Error::InvalidOption`].
    pub fn invalid(
        option: impl Into<String>,
        value: impl ToString,
        expected: impl Into<String>,
    ) -> Error {
        Error::InvalidOption {
            option: option.into(),
            value: value.to_string(),
            expected: expected.into(),
        }
    }

    /// The same of a name that is none of those known.
    pub(crate) fn unknown(option: &str, name: &str, known: &[&str]) -> Error {
        Error::invalid(option, name, format!("one of {}", known.join(", ")))
    }

    /// Why, without what is at fault and what helps: for those who know both better.
    pub(crate) fn reason(self) -> String {
        match self {
            Error::Unfit { reason, .. } => reason,
            error => error.to_string(),
        }
    }

    /// Whether the arguments alone are at fault, whatever the data: exit code 2 rather than 1.
    pub fn is_usage(&self) -> bool {
        matches!(self, Error::InvalidOption { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who prints an error with all that stands behind it says nothing twice.
    #[test]
    fn what_the_text_says_already_is_no_source() {
        let error = Error::io(Path::new("x"), "read")(io::Error::other("it is gone"));
        assert_eq!(error.to_string(), "cannot read x: it is gone");
        assert!(std::error::Error::source(&error).is_none());
    }
}
