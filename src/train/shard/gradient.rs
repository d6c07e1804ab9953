//! What is done with a shard's gradient between its sum and the update, where a run asks for it.

use super::{Gradient, Shard};

impl Shard<'_> {
    /// The sum of the squares of the gradient of the weights that the optimizer moves: of row `j` that is `r_j` times the gradient
    /// of the row that is kept, where words have scales.
    pub(in super::super) fn squares(&self) -> f64 {
        let scales = self.weights.scales();
        let scale = |row: usize| scales.map_or(1.0, |scales| f64::from(scales[row]));
        let rows = |values: &[f32], rows: &mut dyn Iterator<Item = usize>| -> f64 {
            let values = values.chunks_exact(self.width);
            values.zip(rows).map(|(values, row)| scale(row).powi(2) * squares(values)).sum()
        };
        match &self.gradient {
            Gradient::Dense(values) if scales.is_none() => squares(values),
            Gradient::Dense(values) => rows(values, &mut (0..self.features.len())),
            Gradient::Compact { values, touched, .. } => {
                rows(values, &mut touched.iter().map(|touched| touched.row as usize))
            }
            Gradient::Shared { delta, rows, .. } => {
                let scales: f64 = rows.iter().map(|&row| scale(row as usize).powi(2)).sum();
                scales * squares(delta)
            }
        }
    }

    /// Adds to the gradient that of `l2` times the sum of the squared weights: `2 l2 w`
    /// (`keras/src/regularizers/regularizers.py`, `L2`). A weight that counts for nothing, since its word's scale is 0, stays.
    ///
    /// # Panics
    /// If the shard is not swept whole.
    pub(in super::super) fn pull(&mut self, l2: f32) {
        let Gradient::Dense(values) = &mut self.gradient else {
            panic!("a penalty on all weights needs the gradient of all of them");
        };
        let scales = self.weights.scales();
        let kernel = self.weights.kernel();
        match scales {
            None => pull(l2, values, kernel),
            Some(scales) => {
                let rows = values.chunks_exact_mut(self.width);
                let kernel = kernel.chunks_exact(self.width);
                for ((gradient, weights), &scale) in rows.zip(kernel).zip(scales) {
                    // The weight is `v / r`, and its gradient `r` times that of `v`.
                    if scale != 0.0 {
                        for (g, v) in gradient.iter_mut().zip(weights) {
                            *g += 2.0 * l2 * (v / scale) / scale;
                        }
                    }
                }
            }
        }
    }

    /// Multiplies the gradient by a factor.
    pub(in super::super) fn shrink(&mut self, factor: f32) {
        let values = match &mut self.gradient {
            Gradient::Dense(values) => &mut values[..],
            Gradient::Compact { values, touched, .. } => &mut values[..touched.len() * self.width],
            Gradient::Shared { delta, .. } => &mut delta[..],
        };
        values.iter_mut().for_each(|value| *value *= factor);
    }
}

/// Adds the gradient of `l2` times the sum of the squared weights.
pub(in super::super) fn pull(l2: f32, gradient: &mut [f32], weights: &[f32]) {
    for (g, weight) in gradient.iter_mut().zip(weights) {
        *g += 2.0 * l2 * weight;
    }
}

/// The sum of the squares, in eight chains.
pub(in super::super) fn squares(values: &[f32]) -> f64 {
    let (lines, rest) = values.as_chunks::<8>();
    let mut chains = [0.0; 8];
    for line in lines {
        for (sum, &value) in chains.iter_mut().zip(line) {
            *sum += f64::from(value) * f64::from(value);
        }
    }
    let rest: f64 = rest.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    chains.iter().sum::<f64>() + rest
}
