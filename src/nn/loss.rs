//! Losses (`keras/src/losses/losses.py`): mean over a batch of one value a review.

use std::fmt::Debug;

use super::activation::softplus;
use crate::error::{Error, Result};
use crate::kernel::Level;

/// A loss of one sigmoid output.
///
/// A user's own:
/// ```
/// use imdb_fast::nn::Loss;
///
/// /// |label - probability|
/// #[derive(Debug)]
/// struct MeanAbsoluteError;
///
/// impl Loss for MeanAbsoluteError {
///     fn name(&self) -> &str {
///         "mean_absolute_error"
///     }
///     fn value(&self, _logit: f32, probability: f32, label: f32) -> f32 {
///         (label - probability).abs()
///     }
///     fn d_logit(&self, _logit: f32, probability: f32, label: f32) -> f32 {
///         (probability - label).signum() * probability * (1.0 - probability)
///     }
/// }
/// assert_eq!(MeanAbsoluteError.value(0.0, 0.5, 1.0), 0.5);
/// ```
pub trait Loss: Debug + Send + Sync {
    /// Its name in Keras, for reports.
    fn name(&self) -> &str;

    /// The loss of one review; `probability` is the sigmoid of `logit`, `label` is 0 or 1.
    fn value(&self, logit: f32, probability: f32, label: f32) -> f32;

    /// Its derivative with respect to the logit.
    fn d_logit(&self, logit: f32, probability: f32, label: f32) -> f32;

    /// The sum of the values of some reviews.
    fn sum(&self, _level: Level, logits: &[f32], probabilities: &[f32], labels: &[f32]) -> f64 {
        let each = logits.iter().zip(probabilities).zip(labels);
        each.map(|((&logit, &p), &label)| f64::from(self.value(logit, p, label))).sum()
    }

    /// The derivatives of some reviews, each times `scale` (one over the batch's size).
    fn d_logits(
        &self,
        _level: Level,
        logits: &[f32],
        probabilities: &[f32],
        labels: &[f32],
        scale: f32,
        d_logits: &mut [f32],
    ) {
        let each = logits.iter().zip(probabilities).zip(labels);
        for (d, ((&logit, &p), &label)) in d_logits.iter_mut().zip(each) {
            *d = scale * self.d_logit(logit, p, label);
        }
    }
}

/// `-label ln p - (1 - label) ln(1 - p)`, computed from the logit, so that it stays finite and exact where `p` rounds to
/// 0 or 1 (`tf.nn.sigmoid_cross_entropy_with_logits`; Keras clips `p` to 1e-7 instead, which differs only there).
#[derive(Debug, Clone, Copy)]
pub struct BinaryCrossentropy;

impl Loss for BinaryCrossentropy {
    fn name(&self) -> &str {
        "binary_crossentropy"
    }

    fn value(&self, logit: f32, _probability: f32, label: f32) -> f32 {
        softplus(logit) - logit * label
    }

    fn d_logit(&self, _logit: f32, probability: f32, label: f32) -> f32 {
        probability - label
    }
}

/// `(label - p)^2`
#[derive(Debug, Clone, Copy)]
pub struct MeanSquaredError;

impl Loss for MeanSquaredError {
    fn name(&self) -> &str {
        "mean_squared_error"
    }

    fn value(&self, _logit: f32, probability: f32, label: f32) -> f32 {
        (label - probability) * (label - probability)
    }

    fn d_logit(&self, _logit: f32, probability: f32, label: f32) -> f32 {
        2.0 * (probability - label) * probability * (1.0 - probability)
    }
}

/// `max(1 - y p, 0)` with the labels 0 and 1 taken as `y` = -1 and 1, as `keras.losses.hinge` converts them.
#[derive(Debug, Clone, Copy)]
pub struct Hinge;

impl Loss for Hinge {
    fn name(&self) -> &str {
        "hinge"
    }

    fn value(&self, _logit: f32, probability: f32, label: f32) -> f32 {
        (1.0 - (2.0 * label - 1.0) * probability).max(0.0)
    }

    fn d_logit(&self, _logit: f32, probability: f32, label: f32) -> f32 {
        let y = 2.0 * label - 1.0;
        if 1.0 - y * probability > 0.0 { -y * probability * (1.0 - probability) } else { 0.0 }
    }
}

/// A loss by its name in Keras; `-` may stand for `_`.
///
/// # Errors
/// [`Error::InvalidOption`] that names the known ones.
pub fn loss(name: &str) -> Result<Box<dyn Loss>> {
    let known: [Box<dyn Loss>; 3] =
        [Box::new(BinaryCrossentropy), Box::new(MeanSquaredError), Box::new(Hinge)];
    let names = known.each_ref().map(|loss| loss.name().to_owned()).join(", ");
    let wanted = name.replace('-', "_");
    let found = known.into_iter().find(|loss| loss.name() == wanted);
    found.ok_or_else(|| Error::invalid("--loss", name, format!("one of {names}")))
}

#[cfg(test)]
mod tests {
    use super::super::sigmoid;
    use super::*;

    #[test]
    fn derivatives_are_the_slopes() {
        let losses: [&dyn Loss; 3] = [&BinaryCrossentropy, &MeanSquaredError, &Hinge];
        for loss in losses {
            for (logit, label) in [(-2.0, 0.0), (-0.5, 1.0), (0.7, 0.0), (3.0, 1.0)] {
                let at = |x: f32| loss.value(x, sigmoid(x), label);
                let slope = (at(logit + 1e-2) - at(logit - 1e-2)) / 2e-2;
                let d = loss.d_logit(logit, sigmoid(logit), label);
                assert!((slope - d).abs() < 1e-3, "{loss:?} at {logit}, {label}: {slope} {d}");
            }
        }
    }

    #[test]
    fn cross_entropy_is_finite_where_probabilities_round() {
        assert_eq!(BinaryCrossentropy.value(200.0, 1.0, 0.0), 200.0);
        assert_eq!(BinaryCrossentropy.value(-200.0, 0.0, 0.0), 0.0);
    }
}
