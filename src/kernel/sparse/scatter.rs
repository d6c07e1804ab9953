//! Deltas added to gradient rows.

use super::super::lanes::{Kernel, LANES, Lanes, load_lines};
use super::super::{Id, Level, prefetch};
use super::NEAR_BYTES;
use super::addend::{Addend, times};
use super::columns::{ByColumns, NARROW, load_columns, store_columns};
use super::span::{Span, prefetch_span, prefetch_words, words};

/// Words of rows that are no whole lines which are loaded together before any is stored, so that no load waits for a store to an
/// address not yet known.
const SHORT_GROUP: usize = 4;

/// Adds each span's delta to the gradient rows of its words, span by span:
/// `gradient[indices[span] - first, :] += deltas[span.row, :]`, times the number of times that the word occurs. `gradient` and
/// `deltas` are `[any, width]`. The words of a span are distinct, as those of a review are: one that stood twice within a span
/// might be counted once.
///
/// # Panics
/// As [`gather_sum`](super::gather_sum).
pub fn scatter_add<I: Id>(
    level: Level,
    gradient: &mut [f32],
    first: usize,
    width: usize,
    indices: &[I],
    spans: &[Span],
    deltas: &[f32],
) {
    let later = (indices, &[][..]);
    I::scatter(level, Scatter { gradient, first, width, indices, spans, deltas, later });
}

/// The same, and meanwhile asks for the words of `later` spans, whose turn is soon: a gather alone would wait for them.
pub(crate) fn scatter_add_ahead<I: Id, J: Id>(
    level: Level,
    gradient: &mut [f32],
    first: usize,
    width: usize,
    (indices, spans): (&[I], &[Span]),
    deltas: &[f32],
    later: (&[J], &[Span]),
) {
    level.run(Scatter { gradient, first, width, indices, spans, deltas, later });
}

/// The arguments of [`scatter_add`], and of what comes after it.
pub struct Scatter<'a, I, J> {
    gradient: &'a mut [f32],
    first: usize,
    width: usize,
    indices: &'a [I],
    spans: &'a [Span],
    deltas: &'a [f32],
    later: (&'a [J], &'a [Span]),
}

impl<I: Id, J: Id> Kernel for Scatter<'_, I, J> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(mut self) {
        match (self.width, V::PASS) {
            (16, 4..) => self.lines::<V, 1, 8>(),
            (16, _) => self.lines::<V, 1, 4>(),
            (32, 4..) => self.lines::<V, 2, 8>(),
            (32, _) => self.lines::<V, 2, 2>(),
            (64, _) => self.lines::<V, 4, 1>(),
            (width, _) => self.any_width::<V>(width),
        }
    }
}

impl<I: Id, J: Id> Scatter<'_, I, J> {
    /// Rows of `N` lines. Those of `GROUP` words, which the registers have to hold, are loaded before any is stored, so that no
    /// load waits for a store to an address not yet known.
    #[inline(always)]
    fn lines<V: Lanes, const N: usize, const GROUP: usize>(&mut self) {
        let Scatter { first, indices, spans, later, .. } = *self;
        let is_far = size_of_val(self.gradient) > NEAR_BYTES;
        let rows = self.gradient.as_chunks_mut::<LANES>().0.as_chunks_mut::<N>().0;
        let deltas = self.deltas.as_chunks::<LANES>().0.as_chunks::<N>().0;
        for (at, span) in spans.iter().enumerate() {
            prefetch_words(indices, spans, at);
            if is_far && let Some(next) = spans.get(at + 1) {
                for &id in words(indices, next) {
                    rows[id.place() - first].iter().for_each(prefetch);
                }
            }
            prefetch_span(later.0, later.1, at);
            let delta: [V; N] = load_lines(&deltas[span.row as usize]);
            let (groups, rest) = words(indices, span).as_chunks::<GROUP>();
            for group in groups {
                let places = group.map(|id| id.place() - first);
                let mut sums = [delta; GROUP];
                for ((sum, &place), &id) in sums.iter_mut().zip(&places).zip(group) {
                    let row: [V; N] = load_lines(&rows[place]);
                    *sum = row.plus(sum.times(id));
                }
                for (sum, place) in sums.into_iter().zip(places) {
                    for (line, sum) in rows[place].iter_mut().zip(sum) {
                        sum.store(line);
                    }
                }
            }
            for &id in rest {
                for (line, delta) in rows[id.place() - first].iter_mut().zip(delta) {
                    (V::load(line) + times(delta, id)).store(line);
                }
            }
        }
    }
}

impl<I: Id, J: Id> ByColumns for Scatter<'_, I, J> {
    #[inline(always)]
    fn columns<V: Lanes, const P: usize, const TAIL: u8>(&mut self, column: usize) {
        let Scatter { first, width, indices, spans, deltas, later, .. } = *self;
        for (at, span) in spans.iter().enumerate() {
            prefetch_words(indices, spans, at);
            prefetch_span(later.0, later.1, at);
            let delta = &deltas[span.row as usize * width..][..width];
            let words = words(indices, span);
            if TAIL == NARROW {
                for &id in words {
                    add_narrow(
                        &mut self.gradient[(id.place() - first) * width..][..width],
                        delta,
                        id,
                    );
                }
                continue;
            }
            let (lines, tail): ([V; P], V) = load_columns::<V, P, TAIL>(delta, column);
            let delta = (lines, tail);
            let grouped = if P < V::PASS { words.len() } else { 0 };
            let (groups, _) = words[..grouped].as_chunks::<SHORT_GROUP>();
            let rest = &words[groups.len() * SHORT_GROUP..];
            for group in groups {
                let starts = group.map(|id| (id.place() - first) * width);
                let mut sums = [delta; SHORT_GROUP];
                for ((sum, &start), &id) in sums.iter_mut().zip(&starts).zip(group) {
                    let row = &self.gradient[start..][..width];
                    *sum = load_columns::<V, P, TAIL>(row, column).plus(sum.times(id));
                }
                for (start, sums) in starts.into_iter().zip(sums) {
                    store_columns::<V, P, TAIL>(sums, &mut self.gradient[start..][..width], column);
                }
            }
            for &id in rest {
                let row = &mut self.gradient[(id.place() - first) * width..][..width];
                let sums = load_columns::<V, P, TAIL>(row, column).plus(delta.times(id));
                store_columns::<V, P, TAIL>(sums, row, column);
            }
        }
    }
}

/// Rows shorter than a line, in quads: what a mask has stored keeps the next load of it waiting.
#[inline(always)]
fn add_narrow<I: Id>(row: &mut [f32], delta: &[f32], id: I) {
    let (quads, rest) = row.as_chunks_mut::<4>();
    let (delta_quads, delta_rest) = delta.as_chunks::<4>();
    for (quad, delta) in quads.iter_mut().zip(delta_quads) {
        let delta = delta.map(|value| value.times(id));
        *quad = [quad[0] + delta[0], quad[1] + delta[1], quad[2] + delta[2], quad[3] + delta[3]];
    }
    for (value, delta) in rest.iter_mut().zip(delta_rest) {
        *value += delta.times(id);
    }
}
