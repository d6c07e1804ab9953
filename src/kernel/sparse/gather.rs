//! Sums of weight rows.

use super::super::lanes::{Kernel, LANES, Lanes, Sum, load_lines};
use super::super::{Id, Level, prefetch};
use super::addend::Addend;
use super::columns::{ByColumns, NONE, load_columns, store_columns};
use super::span::{Span, prefetch_words, words};
use super::{CHAINS, NEAR_BYTES};

/// A range of weight rows, the first of them belonging to feature `first`.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// All rows.
    pub values: &'a [f32],
    /// The feature of row 0.
    pub first: usize,
    /// Units of the first layer.
    pub width: usize,
    /// Values from one row to the next.
    stride: usize,
}

impl<'a> Table<'a> {
    /// `[rows, width]`, row-major.
    pub fn new(values: &'a [f32], first: usize, width: usize) -> Table<'a> {
        Table { values, first, width, stride: width }
    }

    /// Rows of one weight, each with other values behind it: `[rows, stride]`.
    pub(crate) fn strided(values: &'a [f32], first: usize, stride: usize) -> Table<'a> {
        Table { values, first, width: 1, stride }
    }

    /// Whether rows may be far: in a table that does not stay in a core's own cache.
    pub(crate) fn is_far(&self) -> bool {
        size_of_val(self.values) > NEAR_BYTES
    }
}

/// For each span the sum of the weight rows of its words: `out[span.row, :] = sum(table[indices[span], :])`. The row of a
/// word that occurs several times is multiplied by their number.
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
    I::gather(level, Gather { table, indices, spans, sum, out });
}

/// The arguments of [`gather_sum`].
pub struct Gather<'a, I> {
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
            64 if V::PASS >= 2 => self.lines::<V, 4, 2>(),
            64 => self.lines::<V, 4, 1>(),
            width => self.any_width::<V>(width),
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
        let is_far = table.is_far();
        for (at, span) in spans.iter().enumerate() {
            let words = words(indices, span);
            prefetch_words(indices, spans, at);
            for part in 0..N / P {
                let rows = Pieces { pieces, first: table.first, stride: N / P, part };
                if is_far && let Some(next) = spans.get(at + 1) {
                    for &id in self::words(indices, next) {
                        rows.of(id).iter().for_each(prefetch);
                    }
                }
                let sums: [V; P] = sum_words(words, [V::zero(); P], rows);
                let out = &mut out[span.row as usize * (N / P) + part];
                for (line, total) in out.iter_mut().zip(sums) {
                    total.put(sum, line);
                }
            }
        }
    }

    /// Rows of one value: a linear model's weights.
    #[inline(always)]
    fn scalars<V: Lanes>(&mut self) {
        let Gather { table: Table { values, first, stride, .. }, indices, spans, sum, .. } = *self;
        for (at, span) in spans.iter().enumerate() {
            prefetch_words(indices, spans, at);
            let rows = Scalars { values, first, stride };
            let total: f32 = sum_words(words(indices, span), 0.0, rows);
            let out = &mut self.out[span.row as usize];
            *out = if sum == Sum::Add { *out + total } else { total };
        }
    }
}

impl<I: Id> ByColumns for Gather<'_, I> {
    #[inline(always)]
    fn columns<V: Lanes, const P: usize, const TAIL: u8>(&mut self, column: usize) {
        let Gather { table, indices, spans, sum, .. } = *self;
        let Table { values, first, width, .. } = table;
        let length = if TAIL == NONE { P * LANES } else { width - column };
        let rows = Columns::<P, TAIL> { values, first, width, column };
        let is_far = table.is_far();
        for (at, span) in spans.iter().enumerate() {
            let words = words(indices, span);
            prefetch_words(indices, spans, at);
            if is_far && let Some(next) = spans.get(at + 1) {
                for &id in self::words(indices, next) {
                    rows.of(id)[column..][..length]
                        .chunks(LANES)
                        .for_each(|line| prefetch(&line[0]));
                }
            }
            let total: ([V; P], V) = sum_words(words, ([V::zero(); P], V::zero()), rows);
            let out = &mut self.out[span.row as usize * width..][..width];
            let total = match sum {
                Sum::Store => total,
                Sum::Add => load_columns::<V, P, TAIL>(out, column).plus(total),
            };
            store_columns::<V, P, TAIL>(total, out, column);
        }
    }
}

/// What the row of a word is added to; a trait, since a closure might not be inlined, and so not be compiled for the
/// instruction set of its lanes.
trait AddRow<I, A>: Copy {
    fn add(self, sum: A, id: I) -> A;
}

/// Parts of rows, `P` lines each.
#[derive(Clone, Copy)]
struct Pieces<'a, const P: usize> {
    pieces: &'a [[[f32; LANES]; P]],
    first: usize,
    /// Pieces a row.
    stride: usize,
    part: usize,
}

impl<'a, const P: usize> Pieces<'a, P> {
    #[inline(always)]
    fn of<I: Id>(self, id: I) -> &'a [[f32; LANES]; P] {
        &self.pieces[(id.place() - self.first) * self.stride + self.part]
    }
}

impl<V: Lanes, I: Id, const P: usize> AddRow<I, [V; P]> for Pieces<'_, P> {
    #[inline(always)]
    fn add(self, sum: [V; P], id: I) -> [V; P] {
        let lines: [V; P] = load_lines(self.of(id));
        sum.plus(lines.times(id))
    }
}

/// Columns of rows: `P` lines from a column on, and a tail.
#[derive(Clone, Copy)]
struct Columns<'a, const P: usize, const TAIL: u8> {
    values: &'a [f32],
    first: usize,
    width: usize,
    column: usize,
}

impl<'a, const P: usize, const TAIL: u8> Columns<'a, P, TAIL> {
    /// The whole row of a word.
    #[inline(always)]
    fn of<I: Id>(self, id: I) -> &'a [f32] {
        &self.values[(id.place() - self.first) * self.width..][..self.width]
    }
}

impl<V: Lanes, I: Id, const P: usize, const TAIL: u8> AddRow<I, ([V; P], V)>
    for Columns<'_, P, TAIL>
{
    #[inline(always)]
    fn add(self, sum: ([V; P], V), id: I) -> ([V; P], V) {
        let row: ([V; P], V) = load_columns::<V, P, TAIL>(self.of(id), self.column);
        sum.plus(row.times(id))
    }
}

/// Rows of one value.
#[derive(Clone, Copy)]
struct Scalars<'a> {
    values: &'a [f32],
    first: usize,
    stride: usize,
}

impl<I: Id> AddRow<I, f32> for Scalars<'_> {
    #[inline(always)]
    fn add(self, sum: f32, id: I) -> f32 {
        sum + self.values[(id.place() - self.first) * self.stride].times(id)
    }
}

/// The order of the additions, for all widths and levels.
#[inline(always)]
fn sum_words<I: Id, A: Addend>(words: &[I], zero: A, rows: impl AddRow<I, A>) -> A {
    let [mut a, mut b, mut c, mut d] = [zero; CHAINS];
    let (quads, rest) = words.as_chunks::<CHAINS>();
    for quad in quads {
        a = rows.add(a, quad[0]);
        b = rows.add(b, quad[1]);
        c = rows.add(c, quad[2]);
        d = rows.add(d, quad[3]);
    }
    match *rest {
        [x] => a = rows.add(a, x),
        [x, y] => (a, b) = (rows.add(a, x), rows.add(b, y)),
        [x, y, z] => (a, b, c) = (rows.add(a, x), rows.add(b, y), rows.add(c, z)),
        _ => {}
    }
    a.plus(b).plus(c.plus(d))
}
