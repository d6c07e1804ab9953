//! The reviews of a run as plain slices.

use crate::dataset::{Csr, WordId};
use crate::kernel::Span;

/// Sparse rows by their parts, for kernels: which words, and where each row's are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'d, I> {
    indptr: &'d [u64],
    pub(super) indices: &'d [I],
}

impl<'d, I: WordId> Rows<'d, I> {
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
        Span { start: self.indptr[row] as usize, end: self.indptr[row + 1] as usize }
    }
}
