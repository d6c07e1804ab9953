//! The reviews of a run as plain slices.

use crate::dataset::{Csr, WordId};
use crate::kernel::{Id, Span};

/// A word id that the kernels take.
pub(super) trait Word: WordId + Id {}

impl<I: WordId + Id> Word for I {}

/// Sparse rows by their parts, for kernels: which words, and where each row's are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'d, I> {
    indptr: &'d [u64],
    pub(super) indices: &'d [I],
}

impl<'d, I: Word> Rows<'d, I> {
    /// The parts of a matrix.
    ///
    /// # Panics
    /// If its ids are of another width: the caller has matched on it, and all splits of a dataset have the same.
    pub(super) fn of(csr: Csr<'d>) -> Rows<'d, I> {
        let matrix = I::matrix(csr).expect("all splits of a dataset have ids of one width");
        let (indptr, indices, _) = matrix.into_raw_storage();
        Rows { indptr, indices }
    }

    /// Where the words of a row stand.
    pub(super) fn span(&self, row: usize) -> Span {
        let start = self.indptr[row] as usize;
        // A row has no more words than there are features, and those fit 32 bits.
        Span { start, length: (self.indptr[row + 1] as usize - start) as u32, row: 0 }
    }

    /// The words of a row, ascending.
    pub(super) fn words(&self, row: usize) -> &'d [I] {
        &self.indices[self.indptr[row] as usize..self.indptr[row + 1] as usize]
    }

    /// Rows without a dataset around them.
    #[cfg(test)]
    pub(super) fn of_parts(indptr: &'d [u64], indices: &'d [I]) -> Rows<'d, I> {
        Rows { indptr, indices }
    }
}

/// Rows of up to 20 words of 1,000, most of them frequent ones: their pointers and their words.
#[cfg(test)]
pub(super) fn drawn_rows(random: &mut crate::random::Random) -> (Vec<u64>, Vec<u16>) {
    let (mut indptr, mut indices) = (vec![0], Vec::new());
    for _ in 0..500 {
        let word = |_| 1000f64.powf(random.uniform_f64()) as u16;
        let mut words: Vec<u16> = (0..20).map(word).collect();
        words.sort_unstable();
        words.dedup();
        indices.extend(words);
        indptr.push(indices.len() as u64);
    }
    (indptr, indices)
}
