//! Averages of the weights over the steps of a run (`use_ema` in `keras/src/optimizers/base_optimizer.py`).
//!
//! Behind each step `average = m average + (1 - m) w`, and behind the first `average = w`. A row that rests for `k` steps goes
//! towards its weights as `average += (1 - m^k) (w - average)`: the same at one look, made before the row moves on. So the cost
//! follows the rows that a step touches, and the result is that of Keras' sweep over all of them, to rounding.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::settings::Settings;

const OPTION: &str = "--average-weights";

/// The weights that a model ends with: their exponential moving average in place of the last ones. Validation on the way is by
/// the weights themselves, as in Keras.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightAverage {
    /// `m`, from 0 to below 1: `ema_momentum` in Keras.
    pub momentum: f64,
}

impl Default for WeightAverage {
    fn default() -> WeightAverage {
        WeightAverage { momentum: 0.99 }
    }
}

impl WeightAverage {
    /// Checks the value.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub fn check(self) -> Result<()> {
        match (0.0..1.0).contains(&self.momentum) {
            true => Ok(()),
            false => Err(Error::invalid(OPTION, self, "a momentum from 0 to below 1")),
        }
    }
}

impl FromStr for WeightAverage {
    type Err = Error;

    fn from_str(text: &str) -> Result<WeightAverage> {
        let mut settings = Settings::parse(OPTION, text)?;
        let mut average = WeightAverage::default();
        if settings.name() != "ema" {
            return Err(settings.unknown(&["ema"]));
        }
        settings.take("momentum", &mut average.momentum, "a number from 0 to below 1")?;
        settings.nothing_left("momentum")?;
        average.check()?;
        Ok(average)
    }
}

impl fmt::Display for WeightAverage {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ema:momentum={}", self.momentum)
    }
}

/// The averages of some rows.
#[derive(Debug)]
pub(super) struct Averages {
    momentum: f64,
    /// `1 - m^k` for the first few `k`; longer rests are rare.
    shares: Vec<f32>,
    width: usize,
    /// `[rows, width]`
    values: Vec<f32>,
    /// The last step behind which each row has been taken in; 0 before the first.
    seen: Vec<u32>,
}

impl Averages {
    const TABLE: u32 = 1024;

    pub(super) fn new(average: WeightAverage, rows: usize, width: usize) -> Averages {
        let momentum = average.momentum;
        let shares = (0..Averages::TABLE).map(|steps| share(momentum, steps));
        Averages {
            momentum,
            shares: shares.collect(),
            width,
            values: vec![0.0; rows * width],
            seen: vec![0; rows],
        }
    }

    /// Takes in a row of weights, `[width]`, as it has stood behind all steps up to this one since it was last taken in.
    pub(super) fn take_in(&mut self, row: usize, weights: &[f32], step: u32) {
        let average = &mut self.values[row * self.width..][..self.width];
        match std::mem::replace(&mut self.seen[row], step) {
            _ if step == 0 => {}
            0 => average.copy_from_slice(weights),
            seen => {
                let steps = step - seen;
                let known = self.shares.get(steps as usize).copied();
                let new = known.unwrap_or_else(|| share(self.momentum, steps));
                for (average, weight) in average.iter_mut().zip(weights) {
                    *average += new * (weight - *average);
                }
            }
        }
    }

    /// The same of all rows, `[rows, width]`.
    pub(super) fn take_in_all(&mut self, kernel: &[f32], step: u32) {
        let rows = kernel.chunks_exact(self.width).enumerate();
        rows.for_each(|(row, weights)| self.take_in(row, weights, step));
    }

    /// `[rows, width]`
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    /// One step a row, for a checkpoint.
    pub(super) fn seen(&self) -> &[u32] {
        &self.seen
    }

    /// Goes on from where averages stood.
    pub(super) fn take_up(&mut self, values: &[f32], seen: &[u32]) {
        self.values.copy_from_slice(values);
        self.seen.copy_from_slice(seen);
    }
}

/// `1 - m^k`
fn share(momentum: f64, steps: u32) -> f32 {
    (1.0 - momentum.powf(f64::from(steps))) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_as_many_steps() {
        let average: WeightAverage = "ema:momentum=0.999".parse().unwrap();
        let (mut rests, mut steps) = (Averages::new(average, 1, 2), Averages::new(average, 1, 2));
        let mut kernel = [1.0, -2.0];
        let mut exact = [0.0f64; 2];
        let mut step = 0;
        for rest in [1, 3, 1, 2000, 17, 1] {
            for _ in 0..rest {
                step += 1;
                steps.take_in_all(&kernel, step);
                for (exact, weight) in exact.iter_mut().zip(kernel) {
                    let kept = if step == 1 { 0.0 } else { average.momentum };
                    *exact = kept * *exact + (1.0 - kept) * f64::from(weight);
                }
            }
            rests.take_in(0, &kernel, step);
            kernel = [kernel[0] + 0.5, kernel[1] * 1.5];
        }
        for ((rests, steps), exact) in rests.values().iter().zip(steps.values()).zip(exact) {
            assert!((f64::from(*rests) - exact).abs() < 1e-6, "{rests}, not {exact}");
            assert!((f64::from(*steps) - exact).abs() < 1e-4, "{steps}, not {exact}");
        }
    }

    #[test]
    fn its_text_is_read_again() {
        let average: WeightAverage = "ema".parse().unwrap();
        assert_eq!(average.to_string(), "ema:momentum=0.99");
        for wrong in ["swa", "ema:0.9", "ema:momentum=1", "ema:momentum=nan", "ema:decay=0.9"] {
            assert!(wrong.parse::<WeightAverage>().unwrap_err().is_usage(), "{wrong}");
        }
        assert!(WeightAverage { momentum: -0.1 }.check().is_err());
    }
}
