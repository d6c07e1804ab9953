//! Where reviews come from, and the one way from there to a dataset file.

use std::path::Path;

use super::{Contents, Split, Summary, Writer};
use crate::error::Result;
use crate::output::OutputFile;

/// One review as a source yields it.
#[derive(Debug, Clone, Copy)]
pub struct Review<'a> {
    /// Where it belongs.
    pub split: Split,
    /// Word ids in reading order, repeated as they stand; each below the source's feature count.
    pub words: &'a [u32],
    /// The features, distinct and ascending, where they are more than the distinct `words` (n-grams, too) or at hand.
    pub features: Option<&'a [u32]>,
    /// 1 positive, 0 negative; `None` in the unlabelled split only.
    pub label: Option<u8>,
    /// Its stars; either all reviews of a split have them or none.
    pub rating: Option<u8>,
    /// The movie, or whatever it is about, [`UNKNOWN_GROUP`](super::format::UNKNOWN_GROUP) where nobody knows; either all
    /// reviews of a split have it or none.
    pub group: Option<u32>,
}

impl<'a> Review<'a> {
    /// A review of which nothing but its words and its label is known.
    pub fn new(split: Split, words: &'a [u32], label: Option<u8>) -> Review<'a> {
        Review { split, words, features: None, label, rating: None, group: None }
    }
}

/// A file or generator that yields reviews one after the other.
pub trait ReviewSource {
    /// What holds for all reviews: feature count, vocabulary, options.
    fn contents(&self) -> Contents;

    /// What was found out about the input without being told, a sentence each, for the user to check.
    fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    /// Calls `sink` with each review in order and stops at its first error.
    ///
    /// # Errors
    /// Those of the sink, and [`Error::Malformed`](crate::Error::Malformed) with the place in the source.
    fn for_each(&mut self, sink: &mut dyn FnMut(Review<'_>) -> Result<()>) -> Result<()>;
}

/// Writes all reviews of `source` to a dataset file at `path`, whole or not at all.
///
/// # Errors
/// Those of the source and of the [`Writer`].
pub fn write(source: &mut dyn ReviewSource, path: &Path) -> Result<Summary> {
    write_to(source, OutputFile::create(path)?)
}

/// Writes all reviews of `source` to a dataset file that is open: what takes long to read has its output tried before.
///
/// # Errors
/// Those of the source and of the [`Writer`].
pub fn write_to(source: &mut dyn ReviewSource, output: OutputFile) -> Result<Summary> {
    let mut writer = Writer::new(output, source.contents())?;
    source.for_each(&mut |review| writer.push_review(review))?;
    writer.finish()
}
