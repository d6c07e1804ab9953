//! Rows of any width, some of their columns at a time.

use super::super::lanes::{LANES, Lanes, load_lines};

/// A kernel whose rows are not whole lines, or of another number of them than there is a constant for: it works on some of
/// their columns at a time.
pub(super) trait ByColumns {
    /// Columns from `column` on: `P` lines of them, and all behind those if there is a tail.
    fn columns<V: Lanes, const P: usize, const TAIL: u8>(&mut self, column: usize);

    /// All columns. The tail comes with a line: what it shares with one is loaded before either is stored.
    #[inline(always)]
    fn any_width<V: Lanes>(&mut self, width: usize) {
        let mut column = 0;
        while column + (V::PASS + 1) * LANES <= width {
            match V::PASS {
                4 => self.columns::<V, 4, NONE>(column),
                2 => self.columns::<V, 2, NONE>(column),
                _ => self.columns::<V, 1, NONE>(column),
            }
            column += V::PASS * LANES;
        }
        match ((width - column) / LANES, V::PASS) {
            (0, _) if width == 4 => self.columns::<V, 0, FOUR>(0),
            (0, _) if width == 8 => self.columns::<V, 0, EIGHT>(0),
            (0, _) => self.columns::<V, 0, NARROW>(0),
            (2, 2) if !width.is_multiple_of(LANES) => {
                // The registers hold sums of two lines, but not of a tail as well.
                self.columns::<V, 1, NONE>(column);
                self.with_tail::<V, 1>(width, column + LANES);
            }
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
pub(super) const NONE: u8 = 0;
/// Of rows shorter than a line: as many lanes as there are.
pub(super) const NARROW: u8 = 1;
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

/// Columns of a row.
#[inline(always)]
pub(super) fn load_columns<V: Lanes, const P: usize, const TAIL: u8>(
    row: &[f32],
    column: usize,
) -> ([V; P], V) {
    let lines = row[column..][..P * LANES].as_chunks::<LANES>().0;
    (load_lines(lines), load_tail::<V, TAIL>(row))
}

/// Replaces columns of a row.
#[inline(always)]
pub(super) fn store_columns<V: Lanes, const P: usize, const TAIL: u8>(
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
