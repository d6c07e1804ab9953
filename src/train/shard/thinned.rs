//! A batch some of whose words are left out at random.

use super::super::rows::{Rows, Slots, Word};
use super::Shard;
use crate::kernel::Span;
use crate::nn::Dropout;
use crate::random::Draws;

/// The words that stay, and where those of each review are.
#[derive(Debug, Default)]
pub(super) struct Thinned {
    pub(super) words: Slots,
    pub(super) spans: Vec<Span>,
}

impl Shard<'_> {
    /// Leaves words out of the batch that has been taken up, by one sequence of random numbers a review, one number a word: the
    /// same whichever shard has it.
    pub(in super::super) fn thin<I: Word>(
        &mut self,
        rows: Rows<'_, I>,
        dropout: Dropout,
        reviews: &[Draws],
    ) {
        let Thinned { words, spans } = self.thinned.get_or_insert_default();
        let words = I::slots_mut(words);
        words.clear();
        spans.clear();
        for span in &self.words.batch().spans {
            let (start, review) = (words.len(), reviews[span.row as usize]);
            let all = rows.indices[span.start..][..span.length as usize].iter();
            let kept = all.filter(|word| dropout.keeps(review.at(word.place() as u64)));
            words.extend(kept.map(|word| word.with_slot(word.place() as u32)));
            spans.push(Span { start, length: (words.len() - start) as u32, row: span.row });
        }
    }
}
