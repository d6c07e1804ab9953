//! Where words stand.

use super::super::prefetch;

/// How many spans ahead the index lists are asked for: they lie anywhere in memory.
const AHEAD: usize = 6;

/// Where the words of a review, or some of them, stand in the index array, and which row of the output is theirs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// The first position.
    pub start: usize,
    /// How many words.
    pub length: u32,
    /// The row of sums or deltas that belongs to it.
    pub row: u32,
}

/// The words of a span.
#[inline(always)]
pub(super) fn words<'a, I>(indices: &'a [I], span: &Span) -> &'a [I] {
    &indices[span.start..][..span.length as usize]
}

/// Asks for the index list of a span some way ahead.
#[inline(always)]
pub(super) fn prefetch_words<I>(indices: &[I], spans: &[Span], at: usize) {
    prefetch_span(indices, spans, at + AHEAD);
}

/// Asks for the index list of a span, if there is one.
#[inline(always)]
pub(crate) fn prefetch_span<I>(indices: &[I], spans: &[Span], at: usize) {
    if let Some(span) = spans.get(at) {
        let words = words(indices, span);
        words.iter().step_by(64 / size_of::<I>()).for_each(prefetch);
        // A list that does not start at a cache line ends in one more.
        words.last().into_iter().for_each(prefetch);
    }
}
