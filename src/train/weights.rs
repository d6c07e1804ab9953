//! The weights of a shard and what the optimizer keeps for each of them.

use std::io;
use std::ops::Range;

use super::cut::Pace;
use crate::container::{Sink, Source};
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

/// Values of a record: a weight, its state, its scale if there are any, and room for the next to begin at an even place.
fn stride(arrays: usize, has_scales: bool) -> usize {
    (1 + arrays + usize::from(has_scales)).next_power_of_two()
}

/// The most values that are kept for a weight of rows so wide, beside the weight in the kernel: a record, or state and, of narrow
/// rows, a scale.
pub(super) fn most_beside(width: usize, arrays: usize, has_scales: bool) -> usize {
    match width {
        1 => stride(arrays, has_scales),
        2..LANES => arrays + usize::from(has_scales),
        _ => arrays,
    }
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
            let stride = stride(arrays, scales.is_some());
            let mut records = Aligned::zeros(kernel.len() * stride);
            for (row, record) in records.chunks_exact_mut(stride).enumerate() {
                record[0] = kernel[row];
                record[1..=arrays].copy_from_slice(initial);
                if let Some(scales) = scales {
                    record[1 + arrays] = scales[row];
                }
            }
            Held::Together { records, stride }
        } else if pace == Pace::All && width != LANES && (width < LANES || scales.is_none()) {
            // Rows of one line are as fast by themselves, and wider ones nearly: scales of each of their weights would take as
            // much memory as the weights.
            let mut state = Aligned::zeros(kernel.len() * arrays);
            for (array, &value) in state.chunks_exact_mut(kernel.len().max(1)).zip(initial) {
                if value != 0.0 {
                    array.fill(value);
                }
            }
            let scales = scales.map(|scales| {
                let mut each = Aligned::zeros(kernel.len());
                each.chunks_exact_mut(width).zip(scales).for_each(|(row, &scale)| row.fill(scale));
                each
            });
            Held::Whole { state, scales }
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

    /// The same, and the state.
    pub(super) fn kernel_and_state(&mut self) -> (&[f32], State<'_>) {
        self.kernel();
        let shape = (self.arrays, self.width);
        (self.kernel, State { held: &self.held, weights: self.kernel.len(), shape })
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

/// The state of some rows, wherever it stands.
#[derive(Debug)]
pub(super) struct State<'w> {
    held: &'w Held,
    weights: usize,
    /// Arrays and width.
    shape: (usize, usize),
}

impl State<'_> {
    /// Rows that are put together at a time.
    const SOME_ROWS: usize = 4096;
}

/// As `[features, arrays, width]`.
impl Source for State<'_> {
    fn each(&self, sink: Sink<'_>) -> io::Result<()> {
        let State { held, weights, shape } = *self;
        let (arrays, width) = shape;
        let features = weights / width;
        let mut rows = Vec::new();
        for first in (0..features).step_by(State::SOME_ROWS) {
            let some = first..features.min(first + State::SOME_ROWS);
            rows.clear();
            match held {
                Held::Apart { state, .. } => {
                    let row = arrays * width;
                    rows.extend_from_slice(&state[some.start * row..some.end * row]);
                }
                Held::Whole { state, .. } => {
                    let places = some.start * arrays..some.end * arrays;
                    let values = places.map(|at| &state[in_whole(at, weights, shape)]);
                    values.for_each(|values| rows.extend_from_slice(values));
                }
                Held::Together { records, stride } => {
                    let records = records[some.start * stride..some.end * stride].chunks(*stride);
                    records.for_each(|record| rows.extend_from_slice(&record[1..=arrays]));
                }
            }
            sink(bytemuck::cast_slice(&rows))?;
        }
        Ok(())
    }
}

/// Where in [`Held::Whole`] of so many weights the state is that comes at a place of `[features, arrays]`.
fn in_whole(at: usize, weights: usize, (arrays, width): (usize, usize)) -> Range<usize> {
    let start = at % arrays * weights + at / arrays * width;
    start..start + width
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// All values of a state, as a checkpoint has them.
    pub(in super::super) fn values(state: &State<'_>) -> Vec<f32> {
        let mut values = Vec::new();
        let gathered = state.each(&mut |bytes| {
            values.extend_from_slice(bytemuck::cast_slice(bytes));
            Ok(())
        });
        gathered.unwrap();
        values
    }

    /// A checkpoint has the state in one order, wherever it stands.
    #[test]
    fn state_is_taken_in_as_it_is_given_out() {
        let all = [1, 3, LANES, 20].map(|width| (Pace::All, width));
        for (pace, width) in all.into_iter().chain([(Pace::Many, 3), (Pace::Few, 1)]) {
            for scales in [None, Some(&[1.0, 2.0, 3.0, 4.0, 5.0][..])] {
                let mut kernel = vec![0.0; 5 * width];
                let mut weights = Weights::new(&mut kernel, width, scales, &[0.5, 0.25], pace);
                let initial = [vec![0.5; width], vec![0.25; width]].concat().repeat(5);
                assert_eq!(values(&weights.kernel_and_state().1), initial, "{pace:?}, {width}");
                let state: Vec<f32> = (0..8 * 2 * width).map(|at| at as f32).collect();
                weights.set_state(&state, 3);
                let own = &state[3 * 2 * width..];
                assert_eq!(values(&weights.kernel_and_state().1), own, "{pace:?}, {width}");
                if let Values::Whole(Whole { state, scales, .. }) = weights.values() {
                    assert_eq!(state[0], own[0], "{width}");
                    assert_eq!(state[5 * width], own[width], "{width}");
                    let each = scales.map(|scales| (scales[width - 1], scales[width]));
                    assert!(each.is_none_or(|each| each == (1.0, 2.0)), "{width}");
                }
            }
        }
    }
}
