//! Rows of weights with all that belongs to them, and which of them a step updates.

use super::lanes::LANES;
use super::{Powers, prefetch};

/// A row of weights whose gradient stands elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched {
    /// The row of its weights and state.
    pub row: u32,
    /// The row of its gradient.
    pub slot: u32,
    /// How many steps since its last have left it out because its gradient was zero.
    pub skipped: u32,
}

/// Which rows a step updates.
#[derive(Debug, Clone, Copy)]
pub enum Selection<'a> {
    /// All, in every step: each row of the gradient belongs to the row of weights of the same number.
    All,
    /// Of these, the ones whose gradient is not zero.
    Nonzero,
    /// These, no two of them the same.
    Listed(&'a [Touched]),
    /// The words of a batch of one review, which all have the first row of the gradient.
    Shared {
        /// No two of them the same.
        rows: &'a [u32],
        /// Rows of the review that comes next. They are asked for on the way, so that their memory comes while the CPU counts.
        ahead: &'a [u32],
    },
}

/// Rows of weights with all that belongs to them.
#[derive(Debug)]
pub struct Rows<'a> {
    /// Values a row.
    pub width: usize,
    /// The weights and their state.
    pub values: Values<'a>,
    /// `[slots, width]`; a step leaves zeros where it has been.
    pub gradient: &'a mut [f32],
    /// Which rows the step updates.
    pub selection: Selection<'a>,
    /// For each row the number of the last step that has updated it, from 1; 0 before the first. It says nothing, and may be empty,
    /// where all rows are selected, and where there are no decays.
    pub updated: &'a mut [u32],
    /// For each array of state, what a step that leaves the row out multiplies it by.
    pub decays: &'a [Powers],
}

/// Weights and what is kept for each of them. The weights may be those that the optimizer moves, each multiplied by its row's
/// scale; where there are no scales, they are the same.
#[derive(Debug)]
pub enum Values<'a> {
    /// In arrays of their own.
    Apart(Apart<'a>),
    /// Row by row, so that a step finds all of a row in one place.
    Together(Records<'a>),
    /// As one long row, for a step that updates all of them: how wide its rows are then makes no difference.
    Whole(Whole<'a>),
}

/// Weights, state and scales in arrays of their own.
#[derive(Debug)]
pub struct Apart<'a> {
    /// `[rows, width]`
    pub weights: &'a mut [f32],
    /// `[rows, arrays, width]`
    pub state: &'a mut [f32],
    /// `[rows]`
    pub scales: Option<&'a [f32]>,
}

/// The weights of all rows, one after the other, with arrays of state and scales as long as they are.
#[derive(Debug)]
pub struct Whole<'a> {
    /// `[n]`
    pub weights: &'a mut [f32],
    /// `[arrays, n]`
    pub state: &'a mut [f32],
    /// `[n]`: the scale of each weight.
    pub scales: Option<&'a [f32]>,
}

/// Rows of one weight each, for a linear model: the weight, its state, and its scale if there are any.
#[derive(Debug)]
pub struct Records<'a> {
    /// `[rows, stride]`
    pub values: &'a mut [f32],
    /// Values from one row to the next: at least as many as a row has.
    pub stride: usize,
    /// Whether there are scales.
    pub has_scales: bool,
}

/// Finds what a row has.
pub(super) trait Layout {
    /// How many rows of so many weights there are.
    fn rows(&self, width: usize) -> usize;

    /// A row of `width` weights with so many arrays of state.
    fn row(&mut self, row: usize, width: usize, arrays: usize) -> Row<'_>;

    /// Asks for such a row.
    fn ask(&self, row: usize, width: usize, arrays: usize);
}

/// A row of weights.
pub(super) struct Row<'a> {
    /// `[width]`
    pub(super) weights: &'a mut [f32],
    /// `[arrays, width]`
    pub(super) state: &'a mut [f32],
    pub(super) scale: Option<f32>,
}

impl Layout for Apart<'_> {
    #[inline(always)]
    fn rows(&self, width: usize) -> usize {
        self.weights.len() / width
    }

    #[inline(always)]
    fn row(&mut self, row: usize, width: usize, arrays: usize) -> Row<'_> {
        Row {
            weights: &mut self.weights[row * width..][..width],
            state: &mut self.state[row * arrays * width..][..arrays * width],
            scale: self.scales.map(|scales| scales[row]),
        }
    }

    #[inline(always)]
    fn ask(&self, row: usize, width: usize, arrays: usize) {
        let lines = |values: &[f32], length: usize| {
            let row = values.get(row * length..(row + 1) * length).unwrap_or_default();
            row.iter().step_by(LANES).for_each(prefetch);
        };
        lines(self.weights, width);
        lines(self.state, arrays * width);
        self.scales.and_then(|scales| scales.get(row)).into_iter().for_each(prefetch);
    }
}

impl Layout for Records<'_> {
    #[inline(always)]
    fn rows(&self, _width: usize) -> usize {
        self.values.len() / self.stride
    }

    #[inline(always)]
    fn row(&mut self, row: usize, width: usize, arrays: usize) -> Row<'_> {
        let record = &mut self.values[row * self.stride..][..self.stride];
        let (weights, others) = record.split_at_mut(width);
        let (state, others) = others.split_at_mut(arrays * width);
        Row { weights, state, scale: self.has_scales.then(|| others[0]) }
    }

    #[inline(always)]
    fn ask(&self, row: usize, _width: usize, _arrays: usize) {
        self.values.get(row * self.stride).into_iter().for_each(prefetch);
    }
}
