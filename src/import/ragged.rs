//! Rows of numbers in two flat arrays: a review costs no allocation of its own.

use std::ops::Range;

/// Rows of `u32`, addressed by number.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Ragged {
    /// What the rows hold, end to end.
    pub numbers: Vec<u32>,
    /// Where each row lies in `numbers`.
    pub ranges: Vec<Range<usize>>,
}

impl Ragged {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// One row.
    ///
    /// # Panics
    /// If there are not so many rows.
    pub fn row(&self, row: usize) -> &[u32] {
        &self.numbers[self.ranges[row].clone()]
    }

    /// Ends a row: whatever was appended to `numbers` since the last call is now one.
    pub fn end_row(&mut self) {
        let start = self.ranges.last().map_or(0, |range| range.end);
        self.ranges.push(start..self.numbers.len());
    }
}
