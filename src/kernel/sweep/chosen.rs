//! The rows that a step goes through.

use super::super::lanes::{LANES, Lanes};
use super::super::rows::{Layout, Row, Rows, Selection, Values};
use super::super::{Powers, prefetch};
use super::{load_rest, store_rest};

/// How many rows of a list ahead a row is asked for.
const AHEAD: usize = 8;

/// What is done with each row; a trait, since a closure might not be inlined.
pub(super) trait RowUpdate<V: Lanes> {
    /// Updates a row by its gradient, after making up for the steps that have left it out.
    fn update(&mut self, row: Row<'_>, gradient: &[f32], decays: &[Powers], skipped: u32);

    /// Clears a row of the gradient. Must be `#[inline(always)]`, as the other.
    #[inline(always)]
    fn clear(gradient: &mut [f32]) {
        let (lines, rest) = gradient.as_chunks_mut();
        for line in lines {
            V::zero().store(line);
        }
        if !rest.is_empty() {
            store_rest(V::zero(), rest);
        }
    }
}

/// The rows of a step, wherever their weights are.
pub(super) struct Chosen<'a> {
    pub(super) width: usize,
    pub(super) gradient: &'a mut [f32],
    pub(super) selection: Selection<'a>,
    updated: &'a mut [u32],
    pub(super) decays: &'a [Powers],
}

impl<'a> Rows<'a> {
    pub(super) fn split(self) -> (Values<'a>, Chosen<'a>) {
        let Rows { width, values, gradient, selection, updated, decays } = self;
        (values, Chosen { width, gradient, selection, updated, decays })
    }
}

impl<'a> Chosen<'a> {
    /// The gradient of all rows.
    ///
    /// # Panics
    /// If not all are selected.
    pub(super) fn all(self) -> &'a mut [f32] {
        assert!(matches!(self.selection, Selection::All), "one long row is updated whole");
        self.gradient
    }

    /// Updates each row that is selected. `width` is that of the rows, given again where it is a constant.
    #[inline(always)]
    pub(super) fn update<V: Lanes, U: RowUpdate<V>>(
        self,
        number: u32,
        (width, arrays): (usize, usize),
        mut layout: impl Layout,
        mut update: U,
    ) {
        let Chosen { gradient, selection, updated, decays, .. } = self;
        let place = |slot: usize| slot * width..(slot + 1) * width;
        // What no step has to be made up for is not counted: that would be one more place to go to.
        let skipped = |updated: &mut [u32], row: usize| match decays {
            [] => 0,
            _ => number - 1 - std::mem::replace(&mut updated[row], number),
        };
        match selection {
            Selection::All => {
                for row in 0..layout.rows(width) {
                    let gradient = &mut gradient[place(row)];
                    update.update(layout.row(row, width, arrays), gradient, decays, 0);
                    U::clear(gradient);
                }
            }
            Selection::Nonzero => {
                for first in (0..layout.rows(width)).step_by(64) {
                    let mut bits = nonzero_rows::<V>(gradient, width, first);
                    while bits != 0 {
                        let row = first + bits.trailing_zeros() as usize;
                        bits &= bits - 1;
                        let skipped = skipped(updated, row);
                        let gradient = &mut gradient[place(row)];
                        update.update(layout.row(row, width, arrays), gradient, decays, skipped);
                        U::clear(gradient);
                    }
                }
            }
            Selection::Listed(list) => {
                for (at, touched) in list.iter().enumerate() {
                    if let Some(later) = list.get(at + AHEAD) {
                        layout.ask(later.row as usize, width, arrays);
                        updated.get(later.row as usize).into_iter().for_each(prefetch);
                    }
                    let row = touched.row as usize;
                    if !decays.is_empty() {
                        updated[row] = number;
                    }
                    let gradient = &mut gradient[place(touched.slot as usize)];
                    let row = layout.row(row, width, arrays);
                    update.update(row, gradient, decays, touched.skipped);
                    U::clear(gradient);
                }
            }
            Selection::Shared { rows, ahead } => {
                let gradient = &mut gradient[place(0)];
                let mut ahead = ahead.iter().map(|&row| row as usize);
                for &row in rows {
                    ahead.next().into_iter().for_each(|row| layout.ask(row, width, arrays));
                    let row = row as usize;
                    let skipped = skipped(updated, row);
                    update.update(layout.row(row, width, arrays), gradient, decays, skipped);
                }
                ahead.for_each(|row| layout.ask(row, width, arrays));
                U::clear(gradient);
            }
        }
    }
}

/// Which of sixty-four rows of a gradient are not zero, as bits, so that no branch depends on a row.
#[inline(always)]
fn nonzero_rows<V: Lanes>(gradient: &[f32], width: usize, first: usize) -> u64 {
    let rows = &gradient[first * width..];
    let mut bits = 0u64;
    if width == LANES {
        for (i, row) in rows.as_chunks::<LANES>().0.iter().take(64).enumerate() {
            bits |= u64::from(!V::load(row).is_zero()) << i;
        }
    } else if width == 1 {
        for (i, &value) in rows.iter().take(64).enumerate() {
            bits |= u64::from(value != 0.0) << i;
        }
    } else {
        for (i, row) in rows.chunks_exact(width).take(64).enumerate() {
            bits |= u64::from(!is_zero::<V>(row)) << i;
        }
    }
    bits
}

#[inline(always)]
fn is_zero<V: Lanes>(row: &[f32]) -> bool {
    let (lines, rest) = row.as_chunks::<LANES>();
    let mut is_zero = rest.is_empty() || load_rest::<V>(rest).is_zero();
    for line in lines {
        is_zero &= V::load(line).is_zero();
    }
    is_zero
}
