//! Reviews as sequences, which an [`Embedding`] averages: their rows of words and counts.

use super::parallel::Team;
use super::rows::{Counted, Rows};
use crate::dataset::{Dataset, Sequences, Split};
use crate::error::{Error, Result};
use crate::kernel::{Level, Single, Span, Sum, Table, gather_sum, has_room};
use crate::nn::{Embedding, Workspace};

/// Reviews that a thread counts the words of at a time.
const CHUNK_ROWS: usize = 1024;

/// The sequences of a split.
///
/// # Errors
/// [`Error::Unfit`] where the dataset has no such split, keeps only sets, or has n-grams, which have no place in a sequence.
pub(super) fn sequences(dataset: &Dataset, split: Split) -> Result<Sequences<'_>> {
    let unfit = |reason: &str, remedy: &str| Error::Unfit {
        option: "the encoding",
        value: "embedding".to_owned(),
        reason: format!("{} {reason}", dataset.container().path().display()),
        remedy: remedy.to_owned(),
    };
    if dataset.text_rules().is_some_and(|rules| rules.ngrams > 1) {
        let reason = "has n-grams among its features, which stand at no place of a sequence";
        return Err(unfit(reason, "import it again without --ngrams and --hash-bits"));
    }
    dataset.sequences(split)?.ok_or_else(|| {
        let reason = "keeps the set of each review's words, not their sequence";
        let remedy = "make it of a source that has one, which libsvm text has not, and without --no-sequences; \
                      or use --encoding multi-hot";
        unfit(reason, remedy)
    })
}

/// The rows of a split, each the distinct words of its padded and cut sequence with their counts. They take memory of their
/// own: up to twice that of the sequences in the file.
pub(super) struct CountedRows<I: Counted> {
    indptr: Vec<u64>,
    indices: Vec<I::Repeated>,
    scales: Vec<f32>,
}

impl<I: Counted> CountedRows<I> {
    /// Checks that there is memory for them, and for the pieces that they are put together from.
    ///
    /// # Errors
    /// [`Error::Unfit`]
    pub(super) fn expect_memory(embedding: Embedding, all: Sequences<'_>) -> Result<()> {
        let bytes = CountedRows::<I>::most_bytes(embedding, all).saturating_mul(2);
        if has_room(bytes) {
            return Ok(());
        }
        Err(Error::Unfit {
            option: "--encoding",
            value: "embedding".to_owned(),
            reason: format!(
                "to count the words of all reviews takes {:.1} GB, which the system does not give",
                bytes as f64 / 1e9
            ),
            remedy: "take a smaller --max-len, fewer reviews, or --encoding multi-hot".to_owned(),
        })
    }

    /// The bytes that they take at most.
    fn most_bytes(embedding: Embedding, all: Sequences<'_>) -> usize {
        let (Sequences::Narrow(pointers, _) | Sequences::Wide(pointers, _)) = all;
        // The padding is one more word.
        let words = |pair: &[u64]| (pair[1] - pair[0]) as usize + 1;
        let words = pointers.windows(2).map(|pair| words(pair).min(embedding.max_len));
        words.sum::<usize>() * size_of::<I::Repeated>()
    }

    /// Counts the words of all sequences.
    ///
    /// # Panics
    /// If their ids are of another width: the caller has matched on it, and all splits of a dataset have the same.
    pub(super) fn of(team: &Team, embedding: Embedding, all: Sequences<'_>) -> CountedRows<I> {
        let (pointers, ids) =
            I::sequences(all).expect("all splits of a dataset have ids of one width");
        let rows = pointers.len() - 1;
        let mut chunks: Vec<SequenceBlock<I>> =
            (0..rows.div_ceil(CHUNK_ROWS)).map(|_| SequenceBlock::default()).collect();
        team.for_each(&mut chunks, |chunk, block| {
            for row in chunk * CHUNK_ROWS..rows.min((chunk + 1) * CHUNK_ROWS) {
                let words = &ids[pointers[row] as usize..pointers[row + 1] as usize];
                block.push(embedding, words);
            }
        });
        let words = chunks.iter().map(|block| block.words.len()).sum();
        let mut all = CountedRows {
            indptr: Vec::with_capacity(rows + 1),
            indices: Vec::with_capacity(words),
            scales: Vec::with_capacity(rows),
        };
        all.indptr.push(0);
        for block in chunks {
            let before = all.indices.len();
            let ends = block.spans.iter().map(|span| before + span.start + span.length as usize);
            all.indptr.extend(ends.map(|end| end as u64));
            all.indices.extend(block.words);
            all.scales.extend(block.scales);
        }
        all
    }

    /// As kernels take them.
    pub(super) fn rows(&self) -> Rows<'_, I::Repeated> {
        Rows::from_parts(&self.indptr, &self.indices).with_scales(Some(&self.scales))
    }
}

/// Some reviews as rows of words and counts.
#[derive(Debug)]
pub(crate) struct SequenceBlock<I: Single> {
    words: Vec<I::Repeated>,
    spans: Vec<Span>,
    scales: Vec<f32>,
    sorted: Vec<I>,
}

impl<I: Single> Default for SequenceBlock<I> {
    fn default() -> SequenceBlock<I> {
        let (words, spans, scales, sorted) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        SequenceBlock { words, spans, scales, sorted }
    }
}

impl<I: Single> SequenceBlock<I> {
    /// Takes out all reviews.
    pub(crate) fn clear(&mut self) {
        self.words.clear();
        self.spans.clear();
        self.scales.clear();
    }

    /// Adds a review by its words in reading order.
    pub(crate) fn push(&mut self, embedding: Embedding, words: &[I]) {
        let start = self.words.len();
        self.scales.push(embedding.row(words, &mut self.sorted, &mut self.words));
        let length = (self.words.len() - start) as u32;
        self.spans.push(Span { start, length, row: self.spans.len() as u32 });
    }

    /// The sums of the words' rows of the table for each review, in order: `[reviews, width]`.
    pub(crate) fn sum(&self, level: Level, table: Table<'_>, sums: &mut [f32]) {
        gather_sum(level, table, &self.words, &self.spans, Sum::Store, sums);
    }

    /// The averages of the words' rows of the table for each review.
    pub(crate) fn average(&self, level: Level, table: Table<'_>, workspace: &mut Workspace) {
        self.sum(level, table, workspace.first_z(self.spans.len()));
        workspace.scale(self.scales.iter().copied());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_take_no_more_than_is_asked_for() {
        let (pointers, ids) = ([0, 0, 3, 9], [5u16, 5, 7, 1, 2, 3, 4, 5, 6]);
        let all = Sequences::Narrow(&pointers, &ids);
        let team = Team::new(1).unwrap();
        for (max_len, most) in [(2, 5), (4, 9), (7, 12)] {
            let embedding = Embedding { max_len, ..Embedding::default() };
            let words = CountedRows::<u16>::of(&team, embedding, all).indices;
            let bytes = CountedRows::<u16>::most_bytes(embedding, all);
            assert_eq!(bytes, most * size_of_val(&words[0]), "{max_len}");
            assert!(size_of_val(&words[..]) <= bytes, "{max_len}");
        }
    }
}
