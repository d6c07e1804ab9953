//! The reviews of a run as plain slices.

use super::row_set::RowSet;
use crate::dataset::{Csr, WordId};
use crate::kernel::{Id, Repeated, Single, Span};

/// An entry of a row that the kernels take: a word, or one with its count.
pub(super) trait Word: Id {
    /// The same in a table of slots.
    type Slot: Word<Slot = Self::Slot>;

    /// The slot of the word, which occurs there as often.
    fn with_slot(self, slot: u32) -> Self::Slot;

    /// The slots of this kind.
    fn slots(slots: &Slots) -> &[Self::Slot];

    /// Where they are kept.
    fn slots_mut(slots: &mut Slots) -> &mut Vec<Self::Slot>;
}

/// Room for the slots of a batch's words, of one kind or the other.
#[derive(Debug, Default)]
pub(super) struct Slots {
    single: Vec<u32>,
    repeated: Vec<Repeated<u64>>,
}

macro_rules! words {
    ($($word:ty: $slot:ty, $kind:ident, $with_slot:expr;)*) => {
        $(
            impl Word for $word {
                type Slot = $slot;

                #[inline(always)]
                fn with_slot(self, slot: u32) -> $slot {
                    $with_slot(self, slot)
                }

                fn slots(slots: &Slots) -> &[$slot] {
                    &slots.$kind
                }

                fn slots_mut(slots: &mut Slots) -> &mut Vec<$slot> {
                    &mut slots.$kind
                }
            }
        )*
    };
}

words! {
    u16: u32, single, |_, slot| slot;
    u32: u32, single, |_, slot| slot;
    Repeated<u32>: Repeated<u64>, repeated, Repeated::<u32>::of_slot;
    Repeated<u64>: Repeated<u64>, repeated, Repeated::<u64>::of_slot;
}

/// The id of a word as a dataset has it, with and without a count.
pub(super) trait Counted: WordId + Word + Single<Repeated: Word> {}

impl<I: WordId + Word + Single<Repeated: Word>> Counted for I {}

/// Sparse rows by their parts, for kernels: which words, and where each row's are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows<'d, I> {
    indptr: &'d [u64],
    pub(super) indices: &'d [I],
    /// What the sums of each row are multiplied by, where they are.
    scales: Option<&'d [f32]>,
}

impl<'d, I: Word> Rows<'d, I> {
    /// The parts of a matrix.
    ///
    /// # Panics
    /// If its ids are of another width: the caller has matched on it, and all splits of a dataset have the same.
    pub(super) fn of(csr: Csr<'d>) -> Rows<'d, I>
    where
        I: WordId,
    {
        let matrix = I::matrix(csr).expect("all splits of a dataset have ids of one width");
        let (indptr, indices, _) = matrix.into_raw_storage();
        Rows { indptr, indices, scales: None }
    }

    /// Rows by their pointers, \[rows + 1\], and their words, ascending in each row.
    pub(super) fn from_parts(indptr: &'d [u64], indices: &'d [I]) -> Rows<'d, I> {
        Rows { indptr, indices, scales: None }
    }

    /// The same rows with one scale each, if there are any.
    pub(super) fn with_scales(self, scales: Option<&'d [f32]>) -> Rows<'d, I> {
        Rows { scales, ..self }
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.indptr.len() - 1
    }

    /// How many words some rows have.
    pub(super) fn words_of(&self, rows: &RowSet) -> usize {
        rows.words(self.indptr)
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

    /// What the sums of each row are multiplied by, if by anything.
    pub(super) fn all_scales(&self) -> Option<&'d [f32]> {
        self.scales
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
