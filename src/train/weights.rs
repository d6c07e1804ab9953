//! The weights of a shard and what the optimizer keeps for each of them.

use std::borrow::Cow;
use std::ops::Range;

use crate::kernel::{Aligned, Apart, LANES, Records, Table, Values, Whole};

/// Some rows of the first kernel, with their state and their scales.
#[derive(Debug)]
pub(super) struct Weights<'m> {
    /// `[features, width]`, the model's. Behind the times while there are records.
    kernel: &'m mut [f32],
    width: usize,
    /// What the rows of the kernel are multiplied by; none where they are as the optimizer moves them.
    scales: Option<&'m [f32]>,
    /// Arrays of state.
    arrays: usize,
    held: Held,
}

/// How a run goes through the rows of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Through all of them, in every step.
    All,
    /// Through many, from one end to the other.
    Many,
    /// From one to another that is far from it.
    Few,
}

/// Where all that stands during a run.
#[derive(Debug)]
enum Held {
    /// The weights in the kernel, the state `[arrays, features, width]`, and the scale of each weight: all as one long row.
    Whole { state: Aligned, scales: Option<Aligned> },
    /// The weights in the kernel, the state `[features, arrays, width]`, and a copy of the scales, for a row to be found as
    /// fast in all three.
    Apart { state: Aligned, scales: Option<Aligned> },
    /// `[features, stride]`: the weight, its state, its scale if there are any, and room for rows to begin at even places.
    Together { records: Aligned, stride: usize },
}

impl<'m> Weights<'m> {
    /// Before the first step, with the initial value of each array of state. Of a linear model, whose rows have one weight, each
    /// that is far from others is put together with its state, which brings both with one line of the cache.
    pub(super) fn new(
        kernel: &'m mut [f32],
        width: usize,
        scales: Option<&'m [f32]>,
        initial: &[f32],
        pace: Pace,
    ) -> Weights<'m> {
        let arrays = initial.len();
        let held = if pace == Pace::Few && width == 1 {
            let stride = (1 + arrays + usize::from(scales.is_some())).next_power_of_two();
            let mut records = Aligned::zeros(kernel.len() * stride);
            for (row, record) in records.chunks_exact_mut(stride).enumerate() {
                record[0] = kernel[row];
                record[1..=arrays].copy_from_slice(initial);
                if let Some(scales) = scales {
                    record[1 + arrays] = scales[row];
                }
            }
            Held::Together { records, stride }
        } else if pace == Pace::All && (width == 1 || (width != LANES && scales.is_none())) {
            // Rows of one line are as fast by themselves, and have one scale each.
            let mut state = Aligned::zeros(kernel.len() * arrays);
            for (array, &value) in state.chunks_exact_mut(kernel.len().max(1)).zip(initial) {
                if value != 0.0 {
                    array.fill(value);
                }
            }
            Held::Whole { state, scales: scales.map(Aligned::from) }
        } else {
            let mut state = Aligned::zeros(kernel.len() * arrays);
            if initial.iter().any(|&value| value != 0.0) {
                for (at, array) in state.chunks_exact_mut(width).enumerate() {
                    array.fill(initial[at % arrays]);
                }
            }
            Held::Apart { state, scales: scales.map(Aligned::from) }
        };
        Weights { kernel, width, scales, arrays, held }
    }

    /// The weights, the first of which belongs to feature `first`.
    pub(super) fn table(&self, first: usize) -> Table<'_> {
        match &self.held {
            Held::Whole { .. } | Held::Apart { .. } => Table::new(self.kernel, first, self.width),
            Held::Together { records, stride } => Table::strided(records, first, *stride),
        }
    }

    /// For a step.
    pub(super) fn values(&mut self) -> Values<'_> {
        match &mut self.held {
            Held::Whole { state, scales } => {
                let (weights, scales) = (&mut *self.kernel, scales.as_deref());
                Values::Whole(Whole { weights, state, scales })
            }
            Held::Apart { state, scales } => {
                let (weights, scales) = (&mut *self.kernel, scales.as_deref());
                Values::Apart(Apart { weights, state, scales })
            }
            &mut Held::Together { ref mut records, stride } => {
                let has_scales = self.scales.is_some();
                Values::Together(Records { values: records, stride, has_scales })
            }
        }
    }

    /// What the rows of the kernel are multiplied by, if by anything.
    pub(super) fn scales(&self) -> Option<&'m [f32]> {
        self.scales
    }

    /// The weights of a row, `[width]`.
    pub(super) fn row(&self, row: usize) -> &[f32] {
        match &self.held {
            Held::Whole { .. } | Held::Apart { .. } => {
                &self.kernel[row * self.width..][..self.width]
            }
            Held::Together { records, stride } => &records[row * stride..][..1],
        }
    }

    /// Brings the model's kernel up to date, `[features, width]`.
    pub(super) fn kernel(&mut self) -> &[f32] {
        if let Held::Together { records, stride } = &self.held {
            for (weight, record) in self.kernel.iter_mut().zip(records.chunks_exact(*stride)) {
                *weight = record[0];
            }
        }
        self.kernel
    }

    /// The same, and the state, `[features, arrays, width]`.
    pub(super) fn kernel_and_state(&mut self) -> (&[f32], Cow<'_, [f32]>) {
        self.kernel();
        let state = match &self.held {
            Held::Whole { state, .. } if self.arrays > 1 => {
                let (weights, shape) = (self.kernel.len(), (self.arrays, self.width));
                let mut rows = vec![0.0; state.len()];
                for (at, row) in rows.chunks_exact_mut(self.width).enumerate() {
                    row.copy_from_slice(&state[in_whole(at, weights, shape)]);
                }
                Cow::Owned(rows)
            }
            Held::Whole { state, .. } | Held::Apart { state, .. } => Cow::Borrowed(&state[..]),
            Held::Together { records, stride } => {
                let records = records.chunks_exact(*stride);
                records.flat_map(|record| record[1..=self.arrays].iter().copied()).collect()
            }
        };
        (self.kernel, state)
    }

    /// Replaces all weights.
    pub(super) fn set_kernel(&mut self, kernel: &[f32]) {
        self.kernel.copy_from_slice(kernel);
        if let Held::Together { records, stride } = &mut self.held {
            for (record, &weight) in records.chunks_exact_mut(*stride).zip(kernel) {
                record[0] = weight;
            }
        }
    }

    /// Replaces the state by that of all features, of which these begin at `first`.
    pub(super) fn set_state(&mut self, state: &[f32], first: usize) {
        let row = self.arrays * self.width;
        let (weights, shape) = (self.kernel.len(), (self.arrays, self.width));
        let features = weights / self.width;
        let state = &state[first * row..(first + features) * row];
        match &mut self.held {
            Held::Whole { state: held, .. } => {
                for (at, row) in state.chunks_exact(self.width).enumerate() {
                    held[in_whole(at, weights, shape)].copy_from_slice(row);
                }
            }
            Held::Apart { state: held, .. } => held.copy_from_slice(state),
            Held::Together { records, stride } => {
                for (at, record) in records.chunks_exact_mut(*stride).enumerate() {
                    record[1..=row].copy_from_slice(&state[at * row..(at + 1) * row]);
                }
            }
        }
    }
}

/// Where in [`Held::Whole`] of so many weights the state is that comes at a place of `[features, arrays]`.
fn in_whole(at: usize, weights: usize, (arrays, width): (usize, usize)) -> Range<usize> {
    let start = at % arrays * weights + at / arrays * width;
    start..start + width
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkpoint has the state in one order, wherever it stands.
    #[test]
    fn state_is_taken_in_as_it_is_given_out() {
        for pace in [Pace::All, Pace::Many, Pace::Few] {
            for width in [1, 3, LANES] {
                let mut kernel = vec![0.0; 5 * width];
                let mut weights = Weights::new(&mut kernel, width, None, &[0.5, 0.25], pace);
                let initial = [vec![0.5; width], vec![0.25; width]].concat().repeat(5);
                assert_eq!(weights.kernel_and_state().1, initial, "{pace:?}, {width}");
                let state: Vec<f32> = (0..8 * 2 * width).map(|at| at as f32).collect();
                weights.set_state(&state, 3);
                let own = &state[3 * 2 * width..];
                assert_eq!(weights.kernel_and_state().1, own, "{pace:?}, {width}");
                if let Values::Whole(Whole { state, .. }) = weights.values() {
                    assert_eq!(state[0], own[0], "{width}");
                    assert_eq!(state[5 * width], own[width], "{width}");
                }
            }
        }
    }
}
