//! Which of a shard's words the reviews have that it takes up.

use std::ops::Range;

use super::super::rows::{Rows, Word};
use super::super::spans::ByLength;
use crate::dataset::format::MAX_FEATURES;
use crate::kernel::{BITS, Level, Span, bits_of, prefetch, prefetch_span};

/// Words that the rows of a split may have in all, so that a place among them and a number of features fit eight bytes.
pub(in super::super) const MOST_WORDS: u64 = 1 << 37;

/// How many rows ahead of its use what is known of one is asked for.
const AHEAD: usize = 32;

/// The words of the window, of the batch, of the next one, of the validation.
#[derive(Debug)]
pub(in super::super) struct Words {
    level: Level,
    /// The shard's.
    features: Range<usize>,
    /// Whether those of the first 64 features are kept as bits.
    has_bits: bool,
    /// Where the words of each row of the window stand.
    window: Vec<Place>,
    /// The bits of each row of the window.
    window_bits: Vec<u64>,
    batch: Taken,
    /// The batch that comes next, if it is prepared.
    next: Taken,
    /// The rounds of the validation, as far as they are kept.
    rounds: Vec<Taken>,
    current: Current,
    by_length: ByLength,
}

/// The words of some reviews.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// For each review those of the first 64 features; empty where they are not kept as bits.
    pub(super) bits: Vec<u64>,
    /// Where the others stand, the shortest spans first.
    pub(super) spans: Vec<Span>,
}

/// What has been taken up: the batch, or a round of the validation.
#[derive(Debug, Clone, Copy)]
enum Current {
    Batch,
    Round(usize),
}

/// A start and a length in eight bytes: every step reads this table all over, and the cache has better things to hold.
#[derive(Debug, Clone, Copy)]
struct Place(u64);

impl Place {
    const LENGTH_BITS: u32 = u64::BITS - MOST_WORDS.trailing_zeros();

    fn of(span: Span) -> Place {
        const { assert!(MAX_FEATURES < 1 << Place::LENGTH_BITS, "a review may have all words") }
        Place((span.start as u64) << Place::LENGTH_BITS | u64::from(span.length))
    }

    fn span(self, row: u32) -> Span {
        let length = self.0 & ((1 << Place::LENGTH_BITS) - 1);
        Span { start: (self.0 >> Place::LENGTH_BITS) as usize, length: length as u32, row }
    }
}

impl Words {
    /// Nothing taken up yet. The features of a shard that has bits begin at 0.
    pub(super) fn new(level: Level, features: Range<usize>, has_bits: bool) -> Words {
        Words {
            level,
            features,
            has_bits,
            window: Vec::new(),
            window_bits: Vec::new(),
            batch: Taken::default(),
            next: Taken::default(),
            rounds: Vec::new(),
            current: Current::Batch,
            by_length: ByLength::default(),
        }
    }

    /// The bits of a row, and where its other words stand.
    fn of_row<I: Word>(&self, rows: Rows<'_, I>, row: usize) -> (u64, Span) {
        let words = rows.words(row);
        let first = if self.has_bits { BITS } else { self.features.start };
        let before = count_below(words, first);
        let length = count_below(&words[before..], self.features.end);
        let bits = if self.has_bits { bits_of(self.level, &words[..before]) } else { 0 };
        let start = rows.span(row).start + before;
        (bits, Span { start, length: length as u32, row: 0 })
    }

    /// Finds the shard's words in the rows of a window.
    pub(in super::super) fn begin_window<I: Word>(&mut self, rows: Rows<'_, I>, window: &[u32]) {
        self.window.clear();
        self.window_bits.clear();
        for &row in window {
            let (bits, span) = self.of_row(rows, row as usize);
            self.window.push(Place::of(span));
            if self.has_bits {
                self.window_bits.push(bits);
            }
        }
    }

    /// Takes up a batch: `order` names rows of the window.
    pub(in super::super) fn begin_batch(&mut self, order: &[u32]) {
        if self.next.spans.is_empty() {
            self.prepare_batch(order);
        }
        std::mem::swap(&mut self.batch, &mut self.next);
        self.next.spans.clear();
        self.current = Current::Batch;
    }

    /// Prepares the batch that comes next, so that its words can be asked for while this one's gradient is gathered.
    pub(in super::super) fn prepare_batch(&mut self, order: &[u32]) {
        let Words { window, window_bits, by_length, next, .. } = self;
        let span = |(row, &at): (usize, &u32)| {
            // Rows come in any order, so the table is read all over.
            if let Some(&ahead) = order.get(row + AHEAD) {
                prefetch(&window[ahead as usize]);
            }
            window[at as usize].span(row as u32)
        };
        by_length.sort(order.iter().enumerate().map(span), &mut next.spans);
        if self.has_bits {
            next.bits.clear();
            next.bits.extend(order.iter().map(|&at| window_bits[at as usize]));
        }
    }

    /// Asks for the words of a row of the window, and where those of another stand.
    pub(super) fn look_ahead<I: Word>(
        &self,
        rows: Rows<'_, I>,
        near: Option<&u32>,
        far: Option<&u32>,
    ) {
        if let Some(&at) = near {
            prefetch_span(rows.indices, &[self.window[at as usize].span(0)], 0);
        }
        if let Some(&at) = far {
            prefetch(&self.window[at as usize]);
        }
    }

    /// Takes up a round of the validation: the given rows. Kept, a round is found only once.
    pub(in super::super) fn begin_round<I: Word>(
        &mut self,
        rows: Rows<'_, I>,
        round: usize,
        round_rows: impl Iterator<Item = usize>,
        is_kept: bool,
    ) {
        let place = if is_kept { round } else { 0 };
        let is_known = is_kept && round < self.rounds.len();
        self.current = Current::Round(place);
        if is_known {
            return;
        }
        if self.rounds.len() == place {
            self.rounds.push(Taken::default());
        }
        let Taken { mut bits, mut spans } = std::mem::take(&mut self.rounds[place]);
        let mut by_length = std::mem::take(&mut self.by_length);
        bits.clear();
        let span = |(row, at): (usize, usize)| {
            let (row_bits, span) = self.of_row(rows, at);
            if self.has_bits {
                bits.push(row_bits);
            }
            Span { row: row as u32, ..span }
        };
        by_length.sort(round_rows.enumerate().map(span), &mut spans);
        self.by_length = by_length;
        self.rounds[place] = Taken { bits, spans };
    }

    /// Whether it is the batch that has been taken up.
    pub(super) fn is_batch(&self) -> bool {
        matches!(self.current, Current::Batch)
    }

    /// What has been taken up.
    pub(super) fn taken(&self) -> &Taken {
        match self.current {
            Current::Batch => &self.batch,
            Current::Round(place) => &self.rounds[place],
        }
    }

    /// The batch, whether or not a round of the validation has been taken up since.
    pub(super) fn batch(&self) -> &Taken {
        &self.batch
    }

    /// The batch that comes next; no spans where it is not prepared.
    pub(super) fn next(&self) -> &Taken {
        &self.next
    }
}

/// How many of some words, ascending, are below a bound. All or none, as of a shard with the first or the last features, are told
/// by one look: a search looks at many lines of a long review that nothing else needs yet.
fn count_below<I: Word>(words: &[I], bound: usize) -> usize {
    match words {
        _ if bound == 0 => 0,
        [.., last] if last.place() >= bound => words.partition_point(|word| word.place() < bound),
        _ => words.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Single;

    #[test]
    fn words_below_a_bound_are_counted() {
        fn check<I: Word>(words: &[I]) {
            for bound in [0, 1, 5, 6, 9, 10, 65_535, 65_536, usize::MAX] {
                let expected = words.iter().filter(|word| word.place() < bound).count();
                assert_eq!(count_below(words, bound), expected, "{bound}");
            }
        }
        for words in [&[][..], &[0], &[5, 9, 65_535]] {
            check::<u16>(words);
            check(&words.iter().map(|&word| word.repeated(word ^ 1)).collect::<Vec<_>>());
        }
        check::<u32>(&[5, 9, 65_535, 65_536, u32::MAX]);
    }

    #[test]
    fn a_place_keeps_the_longest_and_the_last_span() {
        let most = MAX_FEATURES as u32;
        for (start, length) in [(0, 0), (7, 3), ((MOST_WORDS - 1) as usize, 1), (5, most)] {
            let span = Span { start, length, row: 9 };
            assert_eq!(Place::of(span).span(9), span);
        }
    }
}
