//! Datasets on disk: sparse rows, labels, vocabulary in one mapped file.

use serde::{Deserialize, Serialize};

pub mod format;
mod source;
mod writer;

pub use source::{Review, ReviewSource, write};
pub use writer::{Contents, Summary, Writer};

/// A part of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Reviews to learn from.
    Train = 0,
    /// Reviews to be judged by.
    Test = 1,
    /// Reviews nobody has labelled.
    Unlabelled = 2,
}

impl Split {
    /// All splits, in the order in which files and tables list them.
    pub const ALL: [Split; 3] = [Split::Train, Split::Test, Split::Unlabelled];

    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Test => "test",
            Split::Unlabelled => "unlabelled",
        }
    }

    /// Whether its reviews have labels.
    pub const fn is_labelled(self) -> bool {
        !matches!(self, Split::Unlabelled)
    }
}
