//! A part of a dataset, and its reviews as compressed sparse rows.

#![allow(unsafe_code)]

use std::fmt;

use serde::{Deserialize, Serialize};
pub use sprs;
use sprs::{CompressedStorage, CsMatViewI};

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

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word id as the file stores it.
pub trait WordId: sprs::SpIndex + Into<u32> + Send + Sync {
    /// The matrix, if its ids are of this type.
    fn matrix(csr: Csr<'_>) -> Option<CsMatViewI<'_, (), Self, u64>>;

    /// The row pointers and the ids of sequences, if these are of this type.
    fn sequences(sequences: Sequences<'_>) -> Option<(&[u64], &[Self])>;
}

impl WordId for u16 {
    fn matrix(csr: Csr<'_>) -> Option<CsMatViewI<'_, (), u16, u64>> {
        if let Csr::Narrow(matrix) = csr { Some(matrix) } else { None }
    }

    fn sequences(sequences: Sequences<'_>) -> Option<(&[u64], &[u16])> {
        if let Sequences::Narrow(rows, ids) = sequences { Some((rows, ids)) } else { None }
    }
}

impl WordId for u32 {
    fn matrix(csr: Csr<'_>) -> Option<CsMatViewI<'_, (), u32, u64>> {
        if let Csr::Wide(matrix) = csr { Some(matrix) } else { None }
    }

    fn sequences(sequences: Sequences<'_>) -> Option<(&[u64], &[u32])> {
        if let Sequences::Wide(rows, ids) = sequences { Some((rows, ids)) } else { None }
    }
}

/// The rows of one split, by the width of their ids: a binary matrix, \[reviews, features\].
///
/// The values are `()`: all are ones, and none is stored.
#[derive(Debug, Clone, Copy)]
pub enum Csr<'a> {
    /// Fewer than 65,536 features.
    Narrow(CsMatViewI<'a, (), u16, u64>),
    /// 65,536 features and more.
    Wide(CsMatViewI<'a, (), u32, u64>),
}

impl<'a> Csr<'a> {
    pub(super) fn narrow(features: usize, indptr: &'a [u64], indices: &'a [u16]) -> Csr<'a> {
        Csr::Narrow(view(features, indptr, indices))
    }

    pub(super) fn wide(features: usize, indptr: &'a [u64], indices: &'a [u32]) -> Csr<'a> {
        Csr::Wide(view(features, indptr, indices))
    }

    /// How many reviews.
    pub fn rows(&self) -> usize {
        match self {
            Csr::Narrow(matrix) => matrix.rows(),
            Csr::Wide(matrix) => matrix.rows(),
        }
    }

    /// How many (review, word) pairs.
    pub fn nnz(&self) -> usize {
        match self {
            Csr::Narrow(matrix) => matrix.nnz(),
            Csr::Wide(matrix) => matrix.nnz(),
        }
    }

    /// The row pointers, \[rows + 1\].
    pub fn indptr(&self) -> &'a [u64] {
        // The accessors would tie them to this view; the parts of a copied view live as long as the file.
        match *self {
            Csr::Narrow(matrix) => matrix.into_raw_storage().0,
            Csr::Wide(matrix) => matrix.into_raw_storage().0,
        }
    }

    /// The distinct words of a review, ascending.
    ///
    /// # Panics
    /// If `row` is not below [`Csr::rows`].
    pub fn row(&self, row: usize) -> Vec<u32> {
        fn ids<I: WordId>(indptr: &[u64], indices: &[I], row: usize) -> Vec<u32> {
            let span = indptr[row] as usize..indptr[row + 1] as usize;
            indices[span].iter().map(|&id| id.into()).collect()
        }
        match self {
            Csr::Narrow(matrix) => ids(self.indptr(), matrix.indices(), row),
            Csr::Wide(matrix) => ids(self.indptr(), matrix.indices(), row),
        }
    }
}

/// The sequences of one split, by the width of their ids: the words of each review in reading order, uncut and repeated.
#[derive(Debug, Clone, Copy)]
pub enum Sequences<'a> {
    /// Row pointers, \[rows + 1\], and ids of fewer than 65,536 features.
    Narrow(&'a [u64], &'a [u16]),
    /// Row pointers, \[rows + 1\], and ids of 65,536 features and more.
    Wide(&'a [u64], &'a [u32]),
}

impl Sequences<'_> {
    /// How many reviews.
    pub fn rows(&self) -> usize {
        let (Sequences::Narrow(pointers, _) | Sequences::Wide(pointers, _)) = self;
        pointers.len() - 1
    }

    /// How many words in all.
    pub fn words(&self) -> usize {
        match self {
            Sequences::Narrow(_, ids) => ids.len(),
            Sequences::Wide(_, ids) => ids.len(),
        }
    }

    /// The words of a review.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> Vec<u32> {
        let span = |pointers: &[u64]| pointers[row] as usize..pointers[row + 1] as usize;
        match *self {
            Sequences::Narrow(pointers, ids) => {
                ids[span(pointers)].iter().map(|&id| id.into()).collect()
            }
            Sequences::Wide(pointers, ids) => ids[span(pointers)].to_vec(),
        }
    }
}

fn view<'a, I: WordId>(
    features: usize,
    indptr: &'a [u64],
    indices: &'a [I],
) -> CsMatViewI<'a, (), I, u64> {
    // A slice of `()` takes no memory, however long.
    const ONES: &[()] = &[(); usize::MAX];
    let ones = &ONES[..indices.len()];
    let shape = (indptr.len() - 1, features);
    // SAFETY: `Dataset::csr` alone asks for it, with the sections of a split whose every row `Dataset::open` has checked.
    unsafe { CsMatViewI::new_unchecked(CompressedStorage::CSR, shape, indptr, indices, ones) }
}
