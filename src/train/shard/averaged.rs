//! A shard whose weights are averaged on the way.

use super::super::average::{Averages, WeightAverage};
use super::{Gradient, Shard};

impl Shard<'_> {
    /// Averages the weights from here on.
    pub(in super::super) fn average(&mut self, average: WeightAverage) {
        self.averages = Some(Averages::new(average, self.features.len(), self.width));
    }

    /// Takes in the rows that a step is about to move, as they have stood up to the step before.
    pub(super) fn take_in_moving(&mut self, step: u32) {
        let Some(averages) = &mut self.averages else { return };
        let (weights, before) = (&self.weights, step - 1);
        let mut take_in = |row: usize| averages.take_in(row, weights.row(row), before);
        match &self.gradient {
            Gradient::Dense(_) if self.is_swept_whole => (0..self.features.len()).for_each(take_in),
            Gradient::Dense(values) => {
                for (row, gradient) in values.chunks_exact(self.width).enumerate() {
                    if gradient.iter().any(|&value| value != 0.0) {
                        take_in(row);
                    }
                }
            }
            Gradient::Compact { touched, .. } => {
                touched.iter().for_each(|row| take_in(row.row as usize));
            }
            Gradient::Shared { rows, .. } => {
                rows.iter().for_each(|&row| take_in(row as usize));
            }
        }
    }

    /// Puts the averages behind so many steps in the place of the weights.
    pub(in super::super) fn end_with_averages(&mut self, steps: u32) {
        if let Some(averages) = &mut self.averages {
            for row in 0..self.features.len() {
                averages.take_in(row, self.weights.row(row), steps);
            }
            self.weights.set_kernel(averages.values());
        }
    }

    /// Goes on with the averages of all features as they stood after so many steps. Returns false where they cannot be of this
    /// run.
    pub(in super::super) fn take_up_averages(
        &mut self,
        steps: u32,
        values: &[f32],
        seen: &[u32],
    ) -> bool {
        let (features, width) = (self.features.clone(), self.width);
        let seen = &seen[features.clone()];
        if let Some(averages) = &mut self.averages {
            averages.take_up(&values[features.start * width..features.end * width], seen);
        }
        seen.iter().all(|&step| step <= steps)
    }
}
