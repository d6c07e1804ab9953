//! Losses (`keras/src/losses/losses.py`): mean over a batch of one value a review.

use std::fmt::Debug;
use std::marker::PhantomData;

use crate::error::{Error, Result};
use crate::kernel::math::softplus_of_minus_abs;
use crate::kernel::{Kernel, LANES, Lanes, Level};

/// A loss of one sigmoid output.
///
/// `Debug` has to show every parameter, and the same text in every process: by it a checkpoint tells whether a run goes on with
/// the options that it began with.
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

    /// The sum of [`Loss::value`] over some reviews, `[reviews]` each. `level` is for those who have kernels for it.
    ///
    /// # Panics
    /// If the lengths differ.
    fn sum(&self, _level: Level, logits: &[f32], probabilities: &[f32], labels: &[f32]) -> f64 {
        expect_lengths(logits, probabilities, labels);
        let each = logits.iter().zip(probabilities).zip(labels);
        each.map(|((&logit, &p), &label)| f64::from(self.value(logit, p, label))).sum()
    }

    /// [`Loss::d_logit`] of some reviews, `[reviews]` each, times `scale` (one over the batch's size). `level` is as in
    /// [`Loss::sum`].
    ///
    /// # Panics
    /// If the lengths differ.
    fn d_logits(
        &self,
        _level: Level,
        logits: &[f32],
        probabilities: &[f32],
        labels: &[f32],
        scale: f32,
        d_logits: &mut [f32],
    ) {
        expect_lengths(logits, probabilities, labels);
        expect_d_length(logits, d_logits);
        let each = logits.iter().zip(probabilities).zip(labels);
        for (d, ((&logit, &p), &label)) in d_logits.iter_mut().zip(each) {
            *d = scale * self.d_logit(logit, p, label);
        }
    }
}

fn expect_lengths(logits: &[f32], probabilities: &[f32], labels: &[f32]) {
    assert_eq!(probabilities.len(), logits.len(), "a probability for each logit");
    assert_eq!(labels.len(), logits.len(), "a label for each logit");
}

fn expect_d_length(logits: &[f32], d_logits: &[f32]) {
    assert_eq!(d_logits.len(), logits.len(), "a derivative for each logit");
}

/// What [`Loss::value`] and [`Loss::d_logit`] say of one review, of sixteen.
trait LossInLanes {
    /// Must be `#[inline(always)]`.
    fn values<V: Lanes>(logits: V, probabilities: V, labels: V) -> V;

    /// Must be `#[inline(always)]`.
    fn slopes<V: Lanes>(logits: V, probabilities: V, labels: V) -> V;
}

/// The methods of [`Loss`] for batches, by [`LossInLanes`].
macro_rules! batches_in_lanes {
    () => {
        fn sum(&self, level: Level, logits: &[f32], probabilities: &[f32], labels: &[f32]) -> f64 {
            let batch = Batch::<Self>::new(logits, probabilities, labels);
            level.run(Values { batch })
        }

        fn d_logits(
            &self,
            level: Level,
            logits: &[f32],
            probabilities: &[f32],
            labels: &[f32],
            scale: f32,
            d_logits: &mut [f32],
        ) {
            let batch = Batch::<Self>::new(logits, probabilities, labels);
            expect_d_length(logits, d_logits);
            level.run(Slopes { batch, scale, d_logits });
        }
    };
}

/// `-label ln p - (1 - label) ln(1 - p)`, computed from the logit as `max(z, 0) - z label + ln(1 + e^-|z|)`, so that it
/// stays finite and exact where `p` rounds to 0 or 1 (`tf.nn.sigmoid_cross_entropy_with_logits`, which Keras on TensorFlow calls
/// with the logits that it has kept of a sigmoid; without them it clips `p` to 1e-7, which differs only there).
#[derive(Debug, Clone, Copy)]
pub struct BinaryCrossentropy;

impl Loss for BinaryCrossentropy {
    fn name(&self) -> &str {
        "binary_crossentropy"
    }

    fn value(&self, logit: f32, _probability: f32, label: f32) -> f32 {
        logit.max(0.0) - logit * label + (-logit.abs()).exp().ln_1p()
    }

    fn d_logit(&self, _logit: f32, probability: f32, label: f32) -> f32 {
        probability - label
    }

    batches_in_lanes!();
}

impl LossInLanes for BinaryCrossentropy {
    #[inline(always)]
    fn values<V: Lanes>(logits: V, _probabilities: V, labels: V) -> V {
        V::zero().max(logits) - logits * labels + softplus_of_minus_abs(logits)
    }

    #[inline(always)]
    fn slopes<V: Lanes>(_logits: V, probabilities: V, labels: V) -> V {
        probabilities - labels
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

    batches_in_lanes!();
}

impl LossInLanes for MeanSquaredError {
    #[inline(always)]
    fn values<V: Lanes>(_logits: V, probabilities: V, labels: V) -> V {
        (labels - probabilities) * (labels - probabilities)
    }

    #[inline(always)]
    fn slopes<V: Lanes>(_logits: V, p: V, labels: V) -> V {
        V::splat(2.0) * (p - labels) * p * (V::splat(1.0) - p)
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
        let margin = 1.0 - (2.0 * label - 1.0) * probability;
        // Unlike `max`, this lets NaN through.
        if margin < 0.0 { 0.0 } else { margin }
    }

    fn d_logit(&self, _logit: f32, probability: f32, label: f32) -> f32 {
        let y = 2.0 * label - 1.0;
        if 1.0 - y * probability > 0.0 { -y * probability * (1.0 - probability) } else { 0.0 }
    }

    batches_in_lanes!();
}

impl LossInLanes for Hinge {
    #[inline(always)]
    fn values<V: Lanes>(_logits: V, p: V, labels: V) -> V {
        let y = V::splat(2.0) * labels - V::splat(1.0);
        V::zero().max(V::splat(1.0) - y * p)
    }

    #[inline(always)]
    fn slopes<V: Lanes>(_logits: V, p: V, labels: V) -> V {
        let (zero, one) = (V::zero(), V::splat(1.0));
        let y = V::splat(2.0) * labels - one;
        (one - y * p).select_above(zero, (zero - y) * p * (one - p), zero)
    }
}

/// What a loss looks at.
struct Batch<'a, L> {
    logits: &'a [f32],
    probabilities: &'a [f32],
    labels: &'a [f32],
    loss: PhantomData<L>,
}

impl<'a, L: LossInLanes> Batch<'a, L> {
    fn new(logits: &'a [f32], probabilities: &'a [f32], labels: &'a [f32]) -> Batch<'a, L> {
        expect_lengths(logits, probabilities, labels);
        Batch { logits, probabilities, labels, loss: PhantomData }
    }
}

/// The sum of the values. Each lane has an `f64` of its own, and in the end these are added in their order, at every level.
struct Values<'a, L> {
    batch: Batch<'a, L>,
}

impl<L: LossInLanes> Kernel for Values<'_, L> {
    type Output = f64;

    #[inline(always)]
    fn run<V: Lanes>(self) -> f64 {
        let (logits, logits_rest) = self.batch.logits.as_chunks::<LANES>();
        let (probabilities, probabilities_rest) = self.batch.probabilities.as_chunks::<LANES>();
        let (labels, labels_rest) = self.batch.labels.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        let mut line = [0.0; LANES];
        for ((logits, probabilities), labels) in logits.iter().zip(probabilities).zip(labels) {
            L::values(V::load(logits), V::load(probabilities), V::load(labels)).store(&mut line);
            add(&mut sums, &line);
        }
        if !logits_rest.is_empty() {
            line = [0.0; LANES];
            let probabilities = V::load_partial(probabilities_rest);
            L::values(V::load_partial(logits_rest), probabilities, V::load_partial(labels_rest))
                .store_partial(&mut line[..logits_rest.len()]);
            add(&mut sums, &line);
        }
        sums.iter().sum()
    }
}

#[inline(always)]
fn add(sums: &mut [f64; LANES], line: &[f32; LANES]) {
    for (sum, &value) in sums.iter_mut().zip(line) {
        *sum += f64::from(value);
    }
}

/// The derivatives with respect to the logits, times `scale`.
struct Slopes<'a, L> {
    batch: Batch<'a, L>,
    scale: f32,
    d_logits: &'a mut [f32],
}

impl<L: LossInLanes> Kernel for Slopes<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let scale = V::splat(self.scale);
        let (logits, logits_rest) = self.batch.logits.as_chunks::<LANES>();
        let (probabilities, probabilities_rest) = self.batch.probabilities.as_chunks::<LANES>();
        let (labels, labels_rest) = self.batch.labels.as_chunks::<LANES>();
        let (d, d_rest) = self.d_logits.as_chunks_mut::<LANES>();
        let lines = logits.iter().zip(probabilities).zip(labels).zip(d);
        for (((logits, probabilities), labels), d) in lines {
            let slopes = L::slopes(V::load(logits), V::load(probabilities), V::load(labels));
            (scale * slopes).store(d);
        }
        let probabilities = V::load_partial(probabilities_rest);
        let slopes =
            L::slopes(V::load_partial(logits_rest), probabilities, V::load_partial(labels_rest));
        (scale * slopes).store_partial(d_rest);
    }
}

/// The names that [`loss`] knows, in the order in which error and help texts list them.
pub const LOSSES: [&str; 3] = ["binary-crossentropy", "mean-squared-error", "hinge"];

/// A loss by its name in Keras; `-` may stand for `_`.
///
/// # Errors
/// [`Error::InvalidOption`] that names the known ones.
pub fn loss(name: &str) -> Result<Box<dyn Loss>> {
    Ok(match name.replace('_', "-").as_str() {
        "binary-crossentropy" => Box::new(BinaryCrossentropy),
        "mean-squared-error" => Box::new(MeanSquaredError),
        "hinge" => Box::new(Hinge),
        _ => return Err(Error::unknown("--loss", name, &LOSSES)),
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::super::sigmoid;
    use super::*;

    const ALL: [&dyn Loss; 3] = [&BinaryCrossentropy, &MeanSquaredError, &Hinge];

    /// A loss of which only the scalars are known.
    #[derive(Debug)]
    struct Scalars<'a>(&'a dyn Loss);

    impl Loss for Scalars<'_> {
        fn name(&self) -> &str {
            self.0.name()
        }
        fn value(&self, logit: f32, probability: f32, label: f32) -> f32 {
            self.0.value(logit, probability, label)
        }
        fn d_logit(&self, logit: f32, probability: f32, label: f32) -> f32 {
            self.0.d_logit(logit, probability, label)
        }
    }

    /// Logits, probabilities and labels.
    fn batch(n: usize) -> [Vec<f32>; 3] {
        let logits: Vec<f32> = (0..n).map(|i| (i as f32 * 0.7).sin() * 20.0).collect();
        let probabilities = logits.iter().map(|&logit| sigmoid(logit)).collect();
        let labels = (0..n).map(|i| (i % 3 % 2) as f32).collect();
        [logits, probabilities, labels]
    }

    #[test]
    fn names_are_those_of_keras() {
        for (name, expected) in LOSSES.into_iter().zip(ALL) {
            assert_eq!(loss(name).unwrap().name(), expected.name());
            assert_eq!(loss(expected.name()).unwrap().name(), expected.name());
        }
    }

    #[test]
    fn batches_are_the_scalars() {
        for (loss, n) in ALL.into_iter().flat_map(|loss| [0, 1, 16, 37, 512].map(|n| (loss, n))) {
            let [logits, p, labels] = batch(n);
            let scalars = Scalars(loss);
            let expected = scalars.sum(Level::portable(), &logits, &p, &labels);
            let mut expected_d = vec![0.0; n];
            scalars.d_logits(Level::portable(), &logits, &p, &labels, 0.3, &mut expected_d);
            for level in Level::supported() {
                let sum = loss.sum(level, &logits, &p, &labels);
                assert!((sum - expected).abs() <= 1e-7 * expected, "{level}: {loss:?} of {n}");
                let mut d = vec![0.0; n];
                loss.d_logits(level, &logits, &p, &labels, 0.3, &mut d);
                assert_eq!(d, expected_d, "{level}: {loss:?} of {n}");
            }
        }
    }

    #[test]
    fn slices_of_other_lengths_are_refused() {
        for loss in ALL {
            for loss in [loss, &Scalars(loss)] {
                for [logits, p, labels, d] in
                    [[2, 1, 1, 2], [2, 1, 2, 2], [1, 1, 2, 1], [2, 2, 2, 1]]
                {
                    let [logits, p, labels] = [logits, p, labels].map(|n| vec![0.5; n]);
                    let level = Level::detect();
                    let sum = || loss.sum(level, &logits, &p, &labels);
                    let d_logits =
                        || loss.d_logits(level, &logits, &p, &labels, 1.0, &mut vec![0.0; d]);
                    let has_lengths = [logits.len(); 2] == [p.len(), labels.len()];
                    assert_eq!(catch_unwind(AssertUnwindSafe(sum)).is_ok(), has_lengths);
                    assert!(catch_unwind(AssertUnwindSafe(d_logits)).is_err(), "{loss:?}");
                }
            }
        }
    }

    /// Each value has an `f32`'s error, the sum adds none to that, and a single NaN is not lost in it.
    #[test]
    fn sums_are_accurate_and_notice_nan() {
        let [mut logits, p, labels] = batch(512);
        let value = |(&z, &y): (&f32, &f32)| {
            let (z, y) = (f64::from(z), f64::from(y));
            z.max(0.0) - z * y + (-z.abs()).exp().ln_1p()
        };
        let expected: f64 = logits.iter().zip(&labels).map(value).sum();
        for level in Level::supported() {
            let sum = BinaryCrossentropy.sum(level, &logits, &p, &labels);
            assert!((sum - expected).abs() < 3e-8 * expected, "{level}: {sum} {expected}");
        }
        logits[300] = f32::NAN;
        for (level, loss) in Level::supported().into_iter().flat_map(|l| ALL.map(|loss| (l, loss)))
        {
            let p: Vec<f32> = logits.iter().map(|&logit| sigmoid(logit)).collect();
            assert!(loss.sum(level, &logits, &p, &labels).is_nan(), "{level}: {loss:?}");
            assert!(Scalars(loss).sum(level, &logits, &p, &labels).is_nan(), "{level}: {loss:?}");
        }
    }

    #[test]
    fn derivatives_are_the_slopes() {
        for loss in ALL {
            for (logit, label) in [(-2.0, 0.0), (-0.5, 1.0), (0.7, 0.0), (3.0, 1.0)] {
                let at = |x: f32| loss.value(x, sigmoid(x), label);
                let slope = (at(logit + 1e-2) - at(logit - 1e-2)) / 2e-2;
                let d = loss.d_logit(logit, sigmoid(logit), label);
                assert!((slope - d).abs() < 1e-3, "{loss:?} at {logit}, {label}: {slope} {d}");
            }
        }
    }

    /// `keras.losses.hinge` takes the labels 0 and 1 as -1 and 1.
    #[test]
    fn hinge_is_that_of_keras() {
        for (label, p, value, slope) in [
            (0.0, 0.0, 1.0, 0.0),
            (0.0, 0.25, 1.25, 0.1875),
            (0.0, 1.0, 2.0, 0.0),
            (1.0, 0.0, 1.0, 0.0),
            (1.0, 0.25, 0.75, -0.1875),
            (1.0, 1.0, 0.0, 0.0),
        ] {
            // It looks at probabilities alone.
            let logit = 0.0;
            assert_eq!(Hinge.value(logit, p, label), value, "{label}, {p}");
            assert_eq!(Hinge.d_logit(logit, p, label), slope, "{label}, {p}");
            for level in Level::supported() {
                let mut d_logits = [0.0];
                Hinge.d_logits(level, &[logit], &[p], &[label], 1.0, &mut d_logits);
                let sum = Hinge.sum(level, &[logit], &[p], &[label]);
                assert_eq!((sum, d_logits), (value.into(), [slope]), "{level}: {label}, {p}");
            }
        }
    }

    #[test]
    fn cross_entropy_is_finite_where_probabilities_round() {
        assert_eq!(BinaryCrossentropy.value(200.0, 1.0, 0.0), 200.0);
        assert_eq!(BinaryCrossentropy.value(-200.0, 0.0, 0.0), 0.0);
        for level in Level::supported() {
            let sum = |logit, p| BinaryCrossentropy.sum(level, &[logit], &[p], &[0.0]);
            assert_eq!([sum(200.0, 1.0), sum(-200.0, 0.0)], [200.0, 0.0], "{level}");
        }
    }
}
