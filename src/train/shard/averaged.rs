//! A shard whose weights are averaged on the way.

use super::super::average::{Averages, WeightAverage};
use super::Shard;
use super::gradient::Gradient;

impl Shard<'_> {
    /// Averages the weights from here on.
    pub(in super::super) fn average(&mut self, average: WeightAverage) {
        self.averages = Some(Averages::new(average, self.features.len(), self.width));
    }

    /// Takes in the rows that a step is about to move, as they have stood up to the step before.
    pub(super) fn take_in_moving(&mut self, step: u32) {
        let Some(averages) = &mut self.averages else { return };
        let (weights, before) = (&mut self.weights, step - 1);
        match &self.gradient {
            Gradient::Dense(_) if self.is_swept_whole => {
                averages.take_in_all(weights.kernel(), before)
            }
            Gradient::Dense(values) => {
                for (row, gradient) in values.chunks_exact(self.width).enumerate() {
                    if gradient.iter().any(|&value| value != 0.0) {
                        averages.take_in(row, weights.row(row), before);
                    }
                }
            }
            Gradient::Compact { touched, .. } => {
                let rows = touched.iter().map(|touched| touched.row as usize);
                rows.for_each(|row| averages.take_in(row, weights.row(row), before));
            }
            Gradient::Shared { rows, .. } => {
                let rows = rows.iter().map(|&row| row as usize);
                rows.for_each(|row| averages.take_in(row, weights.row(row), before));
            }
        }
    }

    /// Puts the averages behind so many steps in the place of the weights.
    pub(in super::super) fn end_with_averages(&mut self, steps: u32) {
        if let Some(averages) = &mut self.averages {
            averages.take_in_all(self.weights.kernel(), steps);
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
