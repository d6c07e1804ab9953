//! The first layer: sums of weight rows, and deltas added to gradient rows.

use super::lanes::{Kernel, LANES, Lanes};
use super::{Level, prefetch};

/// Independent partial sums, so that additions need not wait for each other.
const CHAINS: usize = 4;

/// How many spans ahead the index lists are asked for: they lie anywhere in memory.
const AHEAD: usize = 6;

/// Tables of more bytes than this do not stay in a core's own cache: their rows are asked for one span ahead.
const NEAR_BYTES: usize = 2 << 20;

/// The id of a feature, as an index array holds it.
pub trait Id: Copy + Ord + TryFrom<usize> + Send + Sync {
    /// Which row of a table that starts at feature 0.
    fn place(self) -> usize;
}

impl Id for u16 {
    #[inline(always)]
    fn place(self) -> usize {
        usize::from(self)
    }
}

impl Id for u32 {
    #[inline(always)]
    fn place(self) -> usize {
        self as usize
    }
}

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

/// A range of weight rows: `[rows, width]`, row-major, the first of them belonging to feature `first`.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// `rows * width` values.
    pub values: &'a [f32],
    /// The feature of row 0.
    pub first: usize,
    /// Units of the first layer.
    pub width: usize,
}

/// What becomes of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// It replaces what the output held.
    Store,
    /// It is added to what the output held.
    Add,
}

/// For each span the sum of the weight rows of its words: `out[span.row, :] = sum(table[indices[span], :])`.
///
/// The order is fixed, so that all levels agree to the bit: word `k` of a span goes to chain `k mod 4`, and the chains are
/// added as (0 + 1) + (2 + 3).
///
/// # Panics
/// If a word has no row in the table, a span leaves `indices`, or its row leaves `out`, which is `[any, width]`.
pub fn gather_sum<I: Id>(
    level: Level,
    table: Table<'_>,
    indices: &[I],
    spans: &[Span],
    sum: Sum,
    out: &mut [f32],
) {
    level.run(Gather { table, indices, spans, sum, out });
}

/// Adds each span's delta to the gradient rows of its words, span by span:
/// `gradient[indices[span] - first, :] += deltas[span.row, :]`. `gradient` and `deltas` are `[any, width]`.
///
/// # Panics
/// As [`gather_sum`].
pub fn scatter_add<I: Id>(
    level: Level,
    gradient: &mut [f32],
    first: usize,
    width: usize,
    indices: &[I],
    spans: &[Span],
    deltas: &[f32],
) {
    scatter_add_ahead(level, gradient, first, width, (indices, spans), deltas, (indices, &[]));
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

/// How many of some ids are below each bound. Without branches: a search would mispredict half of its steps.
pub(crate) fn count_below<I: Id, const BOUNDS: usize>(
    level: Level,
    ids: &[I],
    bounds: [usize; BOUNDS],
) -> [u32; BOUNDS] {
    level.run(CountBelow { ids, bounds })
}

struct Gather<'a, I> {
    table: Table<'a>,
    indices: &'a [I],
    spans: &'a [Span],
    sum: Sum,
    out: &'a mut [f32],
}

impl<I: Id> Kernel for Gather<'_, I> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(mut self) {
        match self.table.width {
            1 => self.scalars::<V>(),
            16 => self.lines::<V, 1, 1>(),
            32 if V::PASS >= 2 => self.lines::<V, 2, 2>(),
            32 => self.lines::<V, 2, 1>(),
            64 if V::PASS >= 4 => self.lines::<V, 4, 4>(),
            64 => self.lines::<V, 4, 1>(),
            _ => self.any_width::<V>(),
        }
    }
}

impl<I: Id> Gather<'_, I> {
    /// Rows of `N` lines, `P` of them at a time.
    #[inline(always)]
    fn lines<V: Lanes, const N: usize, const P: usize>(&mut self) {
        let Gather { table, indices, spans, sum, .. } = *self;
        let pieces = table.values.as_chunks::<LANES>().0.as_chunks::<P>().0;
        let out = self.out.as_chunks_mut::<LANES>().0.as_chunks_mut::<P>().0;
        let is_far = size_of_val(table.values) > NEAR_BYTES;
        for (at, span) in spans.iter().enumerate() {
            let words = words(indices, span);
            prefetch_words(indices, spans, at);
            for part in 0..N / P {
                let piece = |id: I| (id.place() - table.first) * (N / P) + part;
                if is_far && let Some(next) = spans.get(at + 1) {
                    for &id in self::words(indices, next) {
                        pieces[piece(id)].iter().for_each(prefetch);
                    }
                }
                let add = |chain: [V; P], id: I| {
                    let lines = &pieces[piece(id)];
                    std::array::from_fn(|i| chain[i] + V::load(&lines[i]))
                };
                let sums = sum_words(words, [V::zero(); P], add);
                let out = &mut out[span.row as usize * (N / P) + part];
                for (line, total) in out.iter_mut().zip(sums) {
                    total.put(sum, line);
                }
            }
        }
    }

    /// Rows that are not whole lines, or of another number of them than there is a constant for.
    #[inline(always)]
    fn any_width<V: Lanes>(&mut self) {
        let width = self.table.width;
        let mut column = 0;
        while column + V::PASS * LANES <= width {
            match V::PASS {
                4 => self.columns::<V, 4, false>(column),
                _ => self.columns::<V, 1, false>(column),
            }
            column += V::PASS * LANES;
        }
        match ((width - column) / LANES, !width.is_multiple_of(LANES)) {
            (0, false) => {}
            (0, true) => self.columns::<V, 0, true>(column),
            (1, false) => self.columns::<V, 1, false>(column),
            (1, true) => self.columns::<V, 1, true>(column),
            (2, false) => self.columns::<V, 2, false>(column),
            (2, true) => self.columns::<V, 2, true>(column),
            (_, false) => self.columns::<V, 3, false>(column),
            (_, true) => self.columns::<V, 3, true>(column),
        }
    }

    /// `P` lines from a column on, and with `TAIL` the rest of the row.
    #[inline(always)]
    fn columns<V: Lanes, const P: usize, const TAIL: bool>(&mut self, column: usize) {
        let Gather { table: Table { values, first, width }, indices, spans, sum, .. } = *self;
        let length = if TAIL { width - column } else { P * LANES };
        let is_far = size_of_val(values) > NEAR_BYTES;
        let row = |id: I| &values[(id.place() - first) * width + column..][..length];
        for (at, span) in spans.iter().enumerate() {
            let words = words(indices, span);
            prefetch_words(indices, spans, at);
            if is_far && let Some(next) = spans.get(at + 1) {
                for &id in self::words(indices, next) {
                    row(id).chunks(LANES).for_each(|line| prefetch(&line[0]));
                }
            }
            let add = |(chain, tail): ([V; P], V), id: I| {
                let (lines, rest) = row(id).as_chunks::<LANES>();
                let chain = std::array::from_fn(|i| chain[i] + V::load(&lines[i]));
                (chain, if TAIL { tail + V::load_partial(rest) } else { tail })
            };
            let (sums, tail) = sum_words(words, ([V::zero(); P], V::zero()), add);
            let out = &mut self.out[span.row as usize * width + column..][..length];
            let (lines, rest) = out.as_chunks_mut::<LANES>();
            for (line, total) in lines.iter_mut().zip(sums) {
                total.put(sum, line);
            }
            if TAIL {
                let before = if sum == Sum::Add { V::load_partial(rest) } else { V::zero() };
                (if sum == Sum::Add { before + tail } else { tail }).store_partial(rest);
            }
        }
    }

    /// Rows of one value: a linear model's weights.
    #[inline(always)]
    fn scalars<V: Lanes>(&mut self) {
        let Gather { table: Table { values, first, .. }, indices, spans, sum, .. } = *self;
        for (at, span) in spans.iter().enumerate() {
            prefetch_words(indices, spans, at);
            let add = |chain: f32, id: I| chain + values[id.place() - first];
            let total = sum_words(words(indices, span), 0.0, add);
            let out = &mut self.out[span.row as usize];
            *out = if sum == Sum::Add { *out + total } else { total };
        }
    }
}

/// Several numbers that are added together.
trait Addend: Copy {
    fn plus(self, other: Self) -> Self;
}

impl Addend for f32 {
    #[inline(always)]
    fn plus(self, other: f32) -> f32 {
        self + other
    }
}

impl<V: Lanes, const P: usize> Addend for [V; P] {
    #[inline(always)]
    fn plus(self, other: [V; P]) -> [V; P] {
        std::array::from_fn(|i| self[i] + other[i])
    }
}

impl<V: Lanes, const P: usize> Addend for ([V; P], V) {
    #[inline(always)]
    fn plus(self, other: ([V; P], V)) -> ([V; P], V) {
        (self.0.plus(other.0), self.1 + other.1)
    }
}

/// The order of the additions, for all widths and levels. `add` adds the row of a word to a chain.
#[inline(always)]
fn sum_words<I: Id, A: Addend>(words: &[I], zero: A, add: impl Fn(A, I) -> A) -> A {
    let [mut a, mut b, mut c, mut d] = [zero; CHAINS];
    let (quads, rest) = words.as_chunks::<CHAINS>();
    for quad in quads {
        a = add(a, quad[0]);
        b = add(b, quad[1]);
        c = add(c, quad[2]);
        d = add(d, quad[3]);
    }
    match *rest {
        [x] => a = add(a, x),
        [x, y] => (a, b) = (add(a, x), add(b, y)),
        [x, y, z] => (a, b, c) = (add(a, x), add(b, y), add(c, z)),
        _ => {}
    }
    a.plus(b).plus(c.plus(d))
}

struct Scatter<'a, I, J> {
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
        match self.width {
            16 => self.lines::<V, 1>(),
            32 => self.lines::<V, 2>(),
            64 => self.lines::<V, 4>(),
            _ => self.any_width::<V>(),
        }
    }
}

impl<I: Id, J: Id> Scatter<'_, I, J> {
    /// Rows of `N` lines.
    #[inline(always)]
    fn lines<V: Lanes, const N: usize>(&mut self) {
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
            let delta: [V; N] = deltas[span.row as usize].each_ref().map(V::load);
            for &id in words(indices, span) {
                for (line, delta) in rows[id.place() - first].iter_mut().zip(delta) {
                    (V::load(line) + delta).store(line);
                }
            }
        }
    }

    #[inline(always)]
    fn any_width<V: Lanes>(&mut self) {
        let Scatter { first, width, indices, spans, deltas, .. } = *self;
        for (at, span) in spans.iter().enumerate() {
            prefetch_words(indices, spans, at);
            let delta = &deltas[span.row as usize * width..][..width];
            for &id in words(indices, span) {
                let row = &mut self.gradient[(id.place() - first) * width..][..width];
                add_row::<V>(row, delta);
            }
        }
    }
}

#[inline(always)]
fn add_row<V: Lanes>(row: &mut [f32], delta: &[f32]) {
    let (lines, rest) = row.as_chunks_mut::<LANES>();
    let (delta_lines, delta_rest) = delta.as_chunks::<LANES>();
    for (line, delta) in lines.iter_mut().zip(delta_lines) {
        (V::load(line) + V::load(delta)).store(line);
    }
    match rest {
        [] => {}
        [value] => *value += delta_rest[0],
        _ => (V::load_partial(rest) + V::load_partial(delta_rest)).store_partial(rest),
    }
}

/// The words of a span.
#[inline(always)]
fn words<'a, I>(indices: &'a [I], span: &Span) -> &'a [I] {
    &indices[span.start..][..span.length as usize]
}

/// Asks for the index list of a span some way ahead.
#[inline(always)]
fn prefetch_words<I>(indices: &[I], spans: &[Span], at: usize) {
    prefetch_span(indices, spans, at + AHEAD);
}

/// Asks for the index list of a span, if there is one.
#[inline(always)]
fn prefetch_span<I>(indices: &[I], spans: &[Span], at: usize) {
    if let Some(span) = spans.get(at) {
        let words = words(indices, span);
        words.iter().step_by(64 / size_of::<I>()).for_each(prefetch);
        // A list that does not start at a cache line ends in one more.
        words.last().into_iter().for_each(prefetch);
    }
}

struct CountBelow<'a, I, const BOUNDS: usize> {
    ids: &'a [I],
    bounds: [usize; BOUNDS],
}

impl<I: Id, const BOUNDS: usize> Kernel for CountBelow<'_, I, BOUNDS> {
    type Output = [u32; BOUNDS];

    #[inline(always)]
    fn run<V: Lanes>(self) -> [u32; BOUNDS] {
        self.bounds.map(|bound| match I::try_from(bound) {
            Ok(bound) => self.ids.chunks(COUNTED).map(|ids| u32::from(below(ids, bound))).sum(),
            Err(_) => self.ids.len() as u32,
        })
    }
}

/// Few enough ids to be counted in sixteen bits, thirty-two at a time.
const COUNTED: usize = 1 << 15;

#[inline(always)]
fn below<I: Id>(ids: &[I], bound: I) -> u16 {
    ids.iter().fold(0, |count, &id| count + u16::from(id < bound))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<I: Id>(ids: &[I], bounds: [usize; 4]) {
        let expected =
            bounds.map(|bound| ids.iter().filter(|id| id.place() < bound).count() as u32);
        for level in Level::supported() {
            let what = format!("{level}, {} ids of {} bytes", ids.len(), size_of::<I>());
            assert_eq!(count_below(level, ids, bounds), expected, "{what} below {bounds:?}");
        }
    }

    #[test]
    fn ids_below_bounds_are_counted_whatever_their_number() {
        // Around the widths of registers, a row of the longest reviews, and around the counts that fit sixteen bits.
        for n in [0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 2500, 32_767, 32_768, 65_536] {
            let narrow: Vec<u16> = (0..n).map(|i| i as u16).collect();
            for bounds in [[0, 1, n / 2, n], [n + 1, 65_535, 65_536, usize::MAX]] {
                check(&narrow, bounds);
            }
            // Ids of more than sixteen bits, and in falling order: the count asks for none.
            let wide: Vec<u32> = (0..n as u32).rev().map(|i| i * 65_000).collect();
            for bounds in [[0, 1, n * 32_500, n * 65_000], [65_536, 1 << 31, 1 << 32, usize::MAX]] {
                check(&wide, bounds);
            }
        }
        let many: Vec<u32> = (0..200_000).map(|i| i % 100).collect();
        check(&many, [0, 50, 100, 1 << 20]);
    }
}
