//! The first layer: sums of weight rows, and deltas added to gradient rows.

use super::lanes::{Kernel, LANES, Lanes, Sum, load_lines};
use super::{Id, Level, Repeated, prefetch};

/// Independent partial sums, so that additions need not wait for each other.
const CHAINS: usize = 4;

/// How many spans ahead the index lists are asked for: they lie anywhere in memory.
const AHEAD: usize = 6;

/// Words whose rows are loaded together before any is stored, so that no load waits for a store to an address not yet known.
const GROUP: usize = 8;

/// The same of rows that take several registers each.
const SHORT_GROUP: usize = 4;

/// Tables of more bytes than this do not stay in a core's own cache: their rows are asked for one span ahead.
const NEAR_BYTES: usize = 2 << 20;

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

/// Adds each span's delta to the gradient rows of its words, span by span:
/// `gradient[indices[span] - first, :] += deltas[span.row, :]`, times the number of times that the word occurs. `gradient` and
/// `deltas` are `[any, width]`. The words of a span are distinct, as those of a review are: one that stood twice within a span
/// might be counted once.
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

/// The kernels of one kind of entries. Functions of any kind would be compiled again in each crate that calls them, for all
/// levels and widths, and with whatever optimization that crate has; these are compiled here, once.
pub trait Compiled: Sized {
    /// [`gather_sum`]
    fn gather(level: Level, gather: Gather<'_, Self>);

    /// [`scatter_add`]
    fn scatter(level: Level, scatter: Scatter<'_, Self, Self>);
}

macro_rules! compiled {
    ($($id:ty),*) => {$(
        impl Compiled for $id {
            #[inline(never)]
            fn gather(level: Level, gather: Gather<'_, $id>) {
                level.run(gather);
            }

            #[inline(never)]
            fn scatter(level: Level, scatter: Scatter<'_, $id, $id>) {
                level.run(scatter);
            }
        }
    )*};
}

compiled!(u16, u32, Repeated<u32>, Repeated<u64>);

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

/// A kernel whose rows are not whole lines, or of another number of them than there is a constant for: it works on some of
/// their columns at a time.
trait ByColumns {
    /// Columns from `column` on: `P` lines of them, and all behind those if there is a tail.
    fn columns<V: Lanes, const P: usize, const TAIL: u8>(&mut self, column: usize);

    /// All columns. The tail comes with a line: what it shares with one is loaded before either is stored.
    #[inline(always)]
    fn any_width<V: Lanes>(&mut self, width: usize) {
        let mut column = 0;
        while column + (V::PASS + 1) * LANES <= width {
            match V::PASS {
                4 => self.columns::<V, 4, NONE>(column),
                _ => self.columns::<V, 1, NONE>(column),
            }
            column += V::PASS * LANES;
        }
        match ((width - column) / LANES, V::PASS) {
            (0, _) if width == 4 => self.columns::<V, 0, FOUR>(0),
            (0, _) if width == 8 => self.columns::<V, 0, EIGHT>(0),
            (0, _) => self.columns::<V, 0, NARROW>(0),
            (2, 2..) => self.with_tail::<V, 2>(width, column),
            (3, 3..) => self.with_tail::<V, 3>(width, column),
            (4, 4..) => self.with_tail::<V, 4>(width, column),
            _ => self.with_tail::<V, 1>(width, column),
        }
    }

    /// The last `P` lines of the columns, and what is behind them.
    #[inline(always)]
    fn with_tail<V: Lanes, const P: usize>(&mut self, width: usize, column: usize) {
        match width % LANES {
            0 => self.columns::<V, P, NONE>(column),
            1..=4 => self.columns::<V, P, FOUR>(column),
            5..=8 => self.columns::<V, P, EIGHT>(column),
            _ => self.columns::<V, P, SIXTEEN>(column),
        }
    }
}

/// The columns behind the last whole line: none.
const NONE: u8 = 0;
/// Of rows shorter than a line: as many lanes as there are.
const NARROW: u8 = 1;
/// Of longer rows: the row's last 4, 8 or 16 columns, some of which may belong to the line before. One load, where the rest
/// alone would take several, or a mask; and the shorter it is, the more rarely it crosses into another cache line.
const FOUR: u8 = 4;
const EIGHT: u8 = 8;
const SIXTEEN: u8 = 16;

/// The tail of a row.
#[inline(always)]
fn load_tail<V: Lanes, const TAIL: u8>(row: &[f32]) -> V {
    match TAIL {
        FOUR => V::load_four(last(row)),
        EIGHT => V::load_eight(last(row)),
        SIXTEEN => V::load(last(row)),
        NARROW => V::load_partial(row),
        _ => V::zero(),
    }
}

/// Replaces the tail of a row.
#[inline(always)]
fn store_tail<V: Lanes, const TAIL: u8>(tail: V, row: &mut [f32]) {
    match TAIL {
        FOUR => tail.store_four(last_mut(row)),
        EIGHT => tail.store_eight(last_mut(row)),
        SIXTEEN => tail.store(last_mut(row)),
        NARROW => tail.store_partial(row),
        _ => {}
    }
}

/// The last columns of a row that has them.
#[inline(always)]
fn last<const N: usize>(row: &[f32]) -> &[f32; N] {
    row.last_chunk().expect("a tail is no longer than its row")
}

#[inline(always)]
fn last_mut<const N: usize>(row: &mut [f32]) -> &mut [f32; N] {
    row.last_chunk_mut().expect("a tail is no longer than its row")
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

/// Columns of a row.
#[inline(always)]
fn load_columns<V: Lanes, const P: usize, const TAIL: u8>(
    row: &[f32],
    column: usize,
) -> ([V; P], V) {
    let lines = row[column..][..P * LANES].as_chunks::<LANES>().0;
    (load_lines(lines), load_tail::<V, TAIL>(row))
}

/// Replaces columns of a row.
#[inline(always)]
fn store_columns<V: Lanes, const P: usize, const TAIL: u8>(
    (lines, tail): ([V; P], V),
    row: &mut [f32],
    column: usize,
) {
    let places = row[column..][..P * LANES].as_chunks_mut::<LANES>().0;
    for (line, place) in lines.into_iter().zip(places) {
        line.store(place);
    }
    store_tail::<V, TAIL>(tail, row);
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

/// A row, or a delta, as often as a word occurs.
#[inline(always)]
fn times<V: Lanes, I: Id>(lanes: V, id: I) -> V {
    if I::REPEATS { lanes * V::splat(id.times()) } else { lanes }
}

/// Several numbers that are added together.
trait Addend: Copy {
    fn plus(self, other: Self) -> Self;

    /// As often as a word occurs.
    fn times<I: Id>(self, id: I) -> Self;
}

impl Addend for f32 {
    #[inline(always)]
    fn plus(self, other: f32) -> f32 {
        self + other
    }

    #[inline(always)]
    fn times<I: Id>(self, id: I) -> f32 {
        if I::REPEATS { self * id.times() } else { self }
    }
}

impl<V: Lanes, const P: usize> Addend for [V; P] {
    #[inline(always)]
    fn plus(mut self, other: [V; P]) -> [V; P] {
        for (lanes, other) in self.iter_mut().zip(other) {
            *lanes = *lanes + other;
        }
        self
    }

    #[inline(always)]
    fn times<I: Id>(mut self, id: I) -> [V; P] {
        for lanes in &mut self {
            *lanes = times(*lanes, id);
        }
        self
    }
}

impl<V: Lanes, const P: usize> Addend for ([V; P], V) {
    #[inline(always)]
    fn plus(self, other: ([V; P], V)) -> ([V; P], V) {
        (self.0.plus(other.0), self.1 + other.1)
    }

    #[inline(always)]
    fn times<I: Id>(self, id: I) -> ([V; P], V) {
        (self.0.times(id), times(self.1, id))
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
        match self.width {
            16 => self.lines::<V, 1>(),
            32 => self.lines::<V, 2>(),
            64 => self.lines::<V, 4>(),
            width => self.any_width::<V>(width),
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
            let delta: [V; N] = load_lines(&deltas[span.row as usize]);
            let words = words(indices, span);
            // Only where the registers hold a group: `PASS` rows of a line for each chain.
            let grouped = if GROUP * N <= CHAINS * V::PASS { words.len() } else { 0 };
            let (groups, _) = words[..grouped].as_chunks::<GROUP>();
            let rest = &words[groups.len() * GROUP..];
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
pub(crate) fn prefetch_span<I>(indices: &[I], spans: &[Span], at: usize) {
    if let Some(span) = spans.get(at) {
        let words = words(indices, span);
        words.iter().step_by(64 / size_of::<I>()).for_each(prefetch);
        // A list that does not start at a cache line ends in one more.
        words.last().into_iter().for_each(prefetch);
    }
}
