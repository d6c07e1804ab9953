//! Datasets on disk: sparse rows, labels, vocabulary in one mapped file.

mod folds;
pub mod format;
mod holdout;
mod source;
mod split;
mod synthetic;
mod validate;
mod writer;

use std::ops::Range;
use std::path::Path;

use crate::container::{Access, Container, Kind, Section, TEXT_RULES};
use crate::error::{Error, Result};
use crate::text::{Encoder, Rules, Vocabulary};

pub use folds::Folds;
pub use holdout::{HeldOut, Holdout};
pub use source::{Review, ReviewSource, write, write_to};
/// Of the matrices of [`Csr`].
pub use split::sprs;
pub use split::{Csr, Sequences, Split, WordId};
pub use synthetic::{Synthetic, SyntheticOptions};
pub(crate) use validate::{Fault, sound_rows};
pub use writer::{Contents, SplitSummary, Summary, Writer};

/// An open dataset whose structure is sound.
///
/// Only [`Dataset::open`] makes one, and it checks every row: row pointers that rise from 0 to nnz, word ids that
/// ascend strictly and lie below the feature count, labels of 0 or 1. Whoever holds a `Dataset` need not check again.
#[derive(Debug)]
pub struct Dataset {
    container: Container,
    features: usize,
    splits: [Option<SplitSections>; 3],
    vocabulary: Option<Vocabulary>,
    text: Option<Rules>,
}

/// Where the tensors of one split lie.
#[derive(Debug)]
struct SplitSections {
    indptr: Section<u64>,
    indices: Ids,
    labels: Option<Section<u8>>,
    sequences: Option<(Section<u64>, Ids)>,
    ratings: Option<Section<u8>>,
    groups: Option<Section<u32>>,
}

/// Word ids in the width that the feature count asks for.
#[derive(Debug)]
enum Ids {
    Narrow(Section<u16>),
    Wide(Section<u32>),
}

impl Dataset {
    /// Maps (or reads) a file and checks all of it but the checksums; see [`mod@format`]. A file that another program may change
    /// meanwhile is to be read: [`Access::Map`] says why.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::WrongKind`] where the file is something else, [`Error::Malformed`] with tensor and row
    /// where it breaks a rule of the format.
    pub fn open(path: &Path, access: Access) -> Result<Dataset> {
        validate::dataset(Container::open_as(path, access, Kind::Dataset, format::VERSION)?)
    }

    /// The file behind it, for its metadata, its tensors and their checksums.
    pub fn container(&self) -> &Container {
        &self.container
    }

    /// A number, as text, for all that a run reads of it or its model takes over: rows, sequences, labels, vocabulary, text rules,
    /// the feature count. Another file with the same of these has the same one, wherever it lies. By the checksums of the file,
    /// which only [`Container::verify`] compares with its contents.
    pub fn fingerprint(&self) -> String {
        let is_read = |tensor: &str| !tensor.ends_with(".ratings") && !tensor.ends_with(".groups");
        self.container.fingerprint(&["features", TEXT_RULES], is_read)
    }

    /// How many features: every word id is below it.
    pub fn features(&self) -> usize {
        self.features
    }

    /// How the file was made, as JSON.
    pub fn options(&self) -> &str {
        self.container.metadata("options").unwrap_or("{}")
    }

    /// The word of each id, where the file has them.
    pub fn vocabulary(&self) -> Option<&Vocabulary> {
        self.vocabulary.as_ref()
    }

    /// How text became its ids, where the file tells.
    pub fn text_rules(&self) -> Option<&Rules> {
        self.text.as_ref()
    }

    /// What makes more rows of text, by the vocabulary and the text rules, where the file has both.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the vocabulary's n-grams are none by these rules, which [`Dataset::open`] does not look at.
    pub fn encoder(&self) -> Result<Option<Encoder>> {
        let (Some(rules), Some(vocabulary)) = (&self.text, &self.vocabulary) else {
            return Ok(None);
        };
        let encoder = Encoder::new(rules, vocabulary).map(Some);
        encoder.map_err(|error| validate::unfit_words(&self.container, error.reason()))
    }

    /// The splits that the file has.
    pub fn splits(&self) -> impl Iterator<Item = Split> {
        Split::ALL.into_iter().filter(|&split| self.splits[split as usize].is_some())
    }

    /// The reviews of a split as sparse rows, without a copy.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the file has no such split.
    pub fn csr(&self, split: Split) -> Result<Csr<'_>> {
        let sections = self.sections(split)?;
        let indptr = self.container.get(&sections.indptr);
        Ok(match &sections.indices {
            Ids::Narrow(ids) => Csr::narrow(self.features, indptr, self.container.get(ids)),
            Ids::Wide(ids) => Csr::wide(self.features, indptr, self.container.get(ids)),
        })
    }

    /// A row of a split, and what errors call it.
    pub(crate) fn row_place(&self, split: Split, row: usize) -> (usize, String) {
        (row, format!("{}, {} row {row}", self.container.path().display(), split.name()))
    }

    /// Checks that a split has some rows.
    ///
    /// # Errors
    /// [`Error::Unfit`] where it has not, or there is no such split.
    pub fn expect_rows(&self, split: Split, rows: &Range<usize>) -> Result<()> {
        let count = self.csr(split)?.rows();
        if rows.start <= rows.end && rows.end <= count {
            return Ok(());
        }
        Err(Error::Unfit {
            option: "--rows",
            value: format!("{}..{}", rows.start, rows.end),
            reason: so_many_rows(split, count),
            remedy: "count from 0; the end is not included".to_owned(),
        })
    }

    /// The labels of a split, 0 or 1, one a row; none for the unlabelled split.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the file has no such split, or it has no labels.
    pub fn labels(&self, split: Split) -> Result<&[u8]> {
        let Some(labels) = &self.sections(split)?.labels else {
            return Err(Error::Unfit {
                option: "--split",
                value: split.name().to_owned(),
                reason: "its reviews have no labels".to_owned(),
                remedy: "choose `train` or `test`".to_owned(),
            });
        };
        Ok(self.container.get(labels))
    }

    /// The stars of a split's reviews, one a row, where the file has them.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the file has no such split.
    pub fn ratings(&self, split: Split) -> Result<Option<&[u8]>> {
        Ok(self.sections(split)?.ratings.as_ref().map(|ratings| self.container.get(ratings)))
    }

    /// What each review of a split is about, one a row, where the file knows: the movie for IMDB, by the number of its
    /// title; [`format::UNKNOWN_GROUP`] where nobody knows.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the file has no such split.
    pub fn groups(&self, split: Split) -> Result<Option<&[u32]>> {
        Ok(self.sections(split)?.groups.as_ref().map(|groups| self.container.get(groups)))
    }

    /// Tells the system that the words of some rows will be read soon. A hint: where it is not heard, reading waits.
    pub fn will_need(&self, split: Split, rows: Range<usize>) {
        let Some(sections) = &self.splits[split as usize] else { return };
        let indptr: &[u64] = self.container.get(&sections.indptr);
        let Some(&[start, .., end]) = indptr.get(rows.start..=rows.end) else { return };
        let words = start as usize..end as usize;
        match &sections.indices {
            Ids::Narrow(ids) => self.container.will_need(ids, words),
            Ids::Wide(ids) => self.container.will_need(ids, words),
        }
    }

    /// The words of a review in reading order, uncut and repeated; `None` where the file keeps only sets.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the file has no such split or the split no such row.
    pub fn sequence(&self, split: Split, row: usize) -> Result<Option<Vec<u32>>> {
        let count = self.csr(split)?.rows();
        if row >= count {
            return Err(Error::Unfit {
                option: "--row",
                value: row.to_string(),
                reason: so_many_rows(split, count),
                remedy: "count from 0".to_owned(),
            });
        }
        Ok(self.sequences(split)?.map(|sequences| sequences.row(row)))
    }

    /// The words of all reviews of a split in reading order, without a copy; `None` where the file keeps only sets.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the file has no such split.
    pub fn sequences(&self, split: Split) -> Result<Option<Sequences<'_>>> {
        let Some((pointers, ids)) = &self.sections(split)?.sequences else { return Ok(None) };
        let pointers = self.container.get(pointers);
        Ok(Some(match ids {
            Ids::Narrow(ids) => Sequences::Narrow(pointers, self.container.get(ids)),
            Ids::Wide(ids) => Sequences::Wide(pointers, self.container.get(ids)),
        }))
    }

    fn sections(&self, split: Split) -> Result<&SplitSections> {
        self.splits[split as usize].as_ref().ok_or_else(|| {
            let names: Vec<&str> = self.splits().map(Split::name).collect();
            let how = match split {
                Split::Test => "; `imdb-fast import` makes one by --test or --test-fraction",
                _ => "",
            };
            Error::Unfit {
                option: "--split",
                value: split.name().to_owned(),
                reason: format!("{} has no such split", self.container.path().display()),
                remedy: format!("it has: {}{how}", names.join(", ")),
            }
        })
    }
}

/// How many rows a split has, as a reason.
fn so_many_rows(split: Split, count: usize) -> String {
    format!("the {} split has {count} {}", split.name(), if count == 1 { "row" } else { "rows" })
}
