//! Metrics (`keras/src/metrics/`): what a run is judged by, besides its loss.

use std::fmt::Debug;

use crate::error::{Error, Result};

/// A number that grows out of the probabilities and labels of an epoch, batch by batch.
///
/// A user's own:
/// ```
/// use imdb_fast::train::Metric;
///
/// /// Mean distance between probability and label.
/// #[derive(Debug, Default)]
/// struct MeanError(f64, f64);
///
/// impl Metric for MeanError {
///     fn name(&self) -> &str {
///         "mean_error"
///     }
///     fn update(&mut self, probabilities: &[f32], labels: &[u8]) {
///         for (p, &label) in probabilities.iter().zip(labels) {
///             self.0 += f64::from((p - f32::from(label)).abs());
///             self.1 += 1.0;
///         }
///     }
///     fn result(&self) -> f64 {
///         self.0 / self.1
///     }
///     fn fresh(&self) -> Box<dyn Metric> {
///         Box::new(MeanError::default())
///     }
/// }
/// let mut metric = MeanError::default();
/// metric.update(&[0.25, 0.5], &[0, 1]);
/// assert_eq!(metric.result(), 0.375);
/// ```
pub trait Metric: Debug + Send + Sync {
    /// Its name in the history, where that of the validation has `val_` in front: none begins so itself, and none is empty, `loss`
    /// or `epoch`.
    fn name(&self) -> &str;

    /// Takes some more reviews into account; labels are 0 or 1.
    fn update(&mut self, probabilities: &[f32], labels: &[u8]);

    /// The value over all reviews so far.
    fn result(&self) -> f64;

    /// The same metric, having seen nothing.
    fn fresh(&self) -> Box<dyn Metric>;

    /// All that it has seen so far, for a checkpoint within an epoch; `None` where it cannot tell. Then a run with it can be
    /// saved between epochs only.
    fn state(&self) -> Option<Vec<u64>> {
        None
    }

    /// Goes back to where a [`Metric::state`] was taken. Returns false for numbers that no state has.
    fn restore(&mut self, state: &[u64]) -> bool {
        let _ = state;
        false
    }
}

/// Numbers of a file as counts; `None` where they are not so many, or so large that sums of them might not fit.
fn counts<const N: usize>(state: &[u64]) -> Option<[u64; N]> {
    const LARGEST: u64 = 1 << 48;
    let counts: [u64; N] = state.try_into().ok()?;
    counts.iter().all(|&count| count <= LARGEST).then_some(counts)
}

/// The names that [`metric`] knows, in the order in which error and help texts list them.
pub const METRICS: [&str; 5] = ["accuracy", "precision", "recall", "f1", "auc"];

/// Metrics by name.
///
/// # Errors
/// [`Error::InvalidOption`] that names the known ones.
pub fn metric(name: &str) -> Result<Box<dyn Metric>> {
    Ok(match name {
        "accuracy" => Box::new(Accuracy::default()),
        "precision" => Box::new(Confusion::new("precision", ConfusionMatrix::precision)),
        "recall" => Box::new(Confusion::new("recall", ConfusionMatrix::recall)),
        "f1" => Box::new(Confusion::new("f1", ConfusionMatrix::f1)),
        "auc" => Box::new(Auc::default()),
        _ => return Err(Error::unknown("--metrics", name, &METRICS)),
    })
}

/// `keras.metrics.BinaryAccuracy`: the share of reviews whose probability is above 0.5 exactly where the label is 1.
#[derive(Debug, Clone, Default)]
pub struct Accuracy {
    right: u64,
    seen: u64,
}

impl Metric for Accuracy {
    fn name(&self) -> &str {
        "accuracy"
    }

    fn update(&mut self, probabilities: &[f32], labels: &[u8]) {
        let right = probabilities.iter().zip(labels).filter(|&(&p, &l)| (p > 0.5) == (l == 1));
        self.right += right.count() as u64;
        self.seen += labels.len() as u64;
    }

    fn result(&self) -> f64 {
        share(self.right, self.seen)
    }

    fn fresh(&self) -> Box<dyn Metric> {
        Box::new(Accuracy::default())
    }

    fn state(&self) -> Option<Vec<u64>> {
        Some(vec![self.right, self.seen])
    }

    fn restore(&mut self, state: &[u64]) -> bool {
        let Some([right, seen]) = counts(state) else { return false };
        (self.right, self.seen) = (right, seen);
        right <= seen
    }
}

/// Counts of labels against predictions at a probability of 0.5.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConfusionMatrix {
    /// `counts[label][prediction]`
    pub counts: [[u64; 2]; 2],
}

impl ConfusionMatrix {
    /// Counts some more reviews.
    pub fn update(&mut self, probabilities: &[f32], labels: &[u8]) {
        for (&p, &label) in probabilities.iter().zip(labels) {
            self.counts[usize::from(label == 1)][usize::from(p > 0.5)] += 1;
        }
    }

    /// How many reviews are called what they are not.
    pub fn mistakes(&self) -> u64 {
        self.counts[0][1] + self.counts[1][0]
    }

    /// Of the reviews called positive, the share that is (`keras.metrics.Precision`); 0 where none was called so.
    pub fn precision(&self) -> f64 {
        share(self.counts[1][1], self.counts[0][1] + self.counts[1][1])
    }

    /// Of the positive reviews, the share that was called so (`keras.metrics.Recall`); 0 where there is none.
    pub fn recall(&self) -> f64 {
        share(self.counts[1][1], self.counts[1][0] + self.counts[1][1])
    }

    /// The harmonic mean of precision and recall; 0 where both are.
    pub fn f1(&self) -> f64 {
        let [[_, wrong_positive], [wrong_negative, right]] = self.counts;
        share(2 * right, 2 * right + wrong_positive + wrong_negative)
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A number that is made of the counts.
#[derive(Debug, Clone)]
struct Confusion {
    name: &'static str,
    of: fn(&ConfusionMatrix) -> f64,
    matrix: ConfusionMatrix,
}

impl Confusion {
    fn new(name: &'static str, of: fn(&ConfusionMatrix) -> f64) -> Confusion {
        Confusion { name, of, matrix: ConfusionMatrix::default() }
    }
}

impl Metric for Confusion {
    fn name(&self) -> &str {
        self.name
    }

    fn update(&mut self, probabilities: &[f32], labels: &[u8]) {
        self.matrix.update(probabilities, labels);
    }

    fn result(&self) -> f64 {
        (self.of)(&self.matrix)
    }

    fn fresh(&self) -> Box<dyn Metric> {
        Box::new(Confusion::new(self.name, self.of))
    }

    fn state(&self) -> Option<Vec<u64>> {
        Some(self.matrix.counts.concat())
    }

    fn restore(&mut self, state: &[u64]) -> bool {
        let Some([a, b, c, d]) = counts(state) else { return false };
        self.matrix.counts = [[a, b], [c, d]];
        true
    }
}

/// How many thresholds `keras.metrics.AUC` compares by default.
const THRESHOLDS: usize = 200;

/// `keras.metrics.AUC` with its defaults: the area under the ROC curve through 200 evenly spaced thresholds, by trapezoids.
///
/// Its memory does not grow with the reviews, and a value is that of Keras rather than the exact area.
#[derive(Debug, Clone)]
pub struct Auc {
    /// For each label, how many probabilities lie above threshold `k` and not above `k + 1`.
    buckets: [[u64; THRESHOLDS]; 2],
}

impl Default for Auc {
    fn default() -> Auc {
        Auc { buckets: [[0; THRESHOLDS]; 2] }
    }
}

impl Metric for Auc {
    fn name(&self) -> &str {
        "auc"
    }

    fn update(&mut self, probabilities: &[f32], labels: &[u8]) {
        for (&p, &label) in probabilities.iter().zip(labels) {
            // `_update_confusion_matrix_variables_optimized`: the first threshold lies below 0, the last above 1.
            let bucket = (p * (THRESHOLDS - 1) as f32).ceil() as usize;
            let bucket = bucket.saturating_sub(1).min(THRESHOLDS - 1);
            self.buckets[usize::from(label == 1)][bucket] += 1;
        }
    }

    fn result(&self) -> f64 {
        let totals = [0, 1].map(|label: usize| self.buckets[label].iter().sum::<u64>());
        let mut above = [0, 0];
        let mut before = [0.0, 0.0];
        let mut area = 0.0;
        for threshold in (0..THRESHOLDS).rev() {
            above = [0, 1].map(|label: usize| above[label] + self.buckets[label][threshold]);
            let [false_rate, true_rate] =
                [0, 1].map(|label: usize| share(above[label], totals[label]));
            area += (false_rate - before[0]) * (true_rate + before[1]) / 2.0;
            before = [false_rate, true_rate];
        }
        area
    }

    fn fresh(&self) -> Box<dyn Metric> {
        Box::new(Auc::default())
    }

    fn state(&self) -> Option<Vec<u64>> {
        Some(self.buckets.concat())
    }

    fn restore(&mut self, state: &[u64]) -> bool {
        let Some(counts) = counts::<{ 2 * THRESHOLDS }>(state) else { return false };
        let (negative, positive) = counts.split_at(THRESHOLDS);
        self.buckets[0].copy_from_slice(negative);
        self.buckets[1].copy_from_slice(positive);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROBABILITIES: [f32; 6] = [0.1, 0.4, 0.5, 0.6, 0.8, 1.0];
    const LABELS: [u8; 6] = [0, 1, 1, 0, 1, 1];

    fn of(name: &str) -> f64 {
        let mut metric = metric(name).unwrap();
        metric.update(&PROBABILITIES[..2], &LABELS[..2]);
        metric.update(&PROBABILITIES[2..], &LABELS[2..]);
        metric.result()
    }

    #[test]
    fn known_values() {
        assert!(METRICS.iter().all(|name| metric(name).unwrap().name() == *name));
        // Above 0.5: the last three, of which the labels are 0, 1, 1.
        assert_eq!(of("accuracy"), 3.0 / 6.0);
        assert_eq!(of("precision"), 2.0 / 3.0);
        assert_eq!(of("recall"), 2.0 / 4.0);
        assert!((of("f1") - 4.0 / 7.0).abs() < 1e-15);
        // Of the 8 pairs of a positive and a negative, 6 are in order.
        assert!((of("auc") - 6.0 / 8.0).abs() < 1e-12);
    }

    /// The same as Keras defines it: each threshold by itself.
    fn auc_by_thresholds(probabilities: &[f32], labels: &[u8]) -> f64 {
        let between = (1..199).map(|i| i as f32 / 199.0);
        let thresholds = std::iter::once(-1e-7).chain(between).chain([1.0 + 1e-7]);
        let rates = |threshold: f32| {
            [0, 1].map(|class| {
                let of_class = probabilities.iter().zip(labels).filter(|&(_, &l)| l == class);
                let above = of_class.clone().filter(|&(&p, _)| p > threshold);
                above.count() as f64 / of_class.count() as f64
            })
        };
        let curve: Vec<[f64; 2]> = thresholds.map(rates).collect();
        curve
            .windows(2)
            .map(|pair| (pair[0][0] - pair[1][0]) * (pair[0][1] + pair[1][1]) / 2.0)
            .sum()
    }

    #[test]
    fn auc_is_that_of_200_thresholds_and_not_the_exact_area() {
        let kth = |k: f32| k / 199.0;
        let many: Vec<f32> = (0..1000).map(|i| (i * 619 % 1001) as f32 / 1000.0).collect();
        let halves: Vec<u8> =
            (0..1000).map(|i| u8::from(many[i] + many[i * 7 % 1000] > 1.0)).collect();
        for (probabilities, labels, expected) in [
            // No threshold lies between these two, so that nobody knows which is more probable.
            (&[0.5001, 0.5002][..], &[0, 1][..], Some(0.5)),
            (&[0.5001, 0.5002], &[1, 0], Some(0.5)),
            (&[0.0, kth(0.5)], &[0, 1], Some(0.5)),
            (&[kth(198.5), 1.0], &[0, 1], Some(0.5)),
            (&[0.0, 1.0], &[0, 1], Some(1.0)),
            // What equals a threshold is not above it; 31 / 199 and some others times 199 would round up, in Keras too.
            (&[kth(39.5), kth(40.0)], &[0, 1], Some(0.5)),
            (&[kth(40.0), kth(40.5)], &[0, 1], Some(1.0)),
            (&[kth(1.0), kth(100.0), kth(100.0), kth(198.0), 1.0], &[0, 1, 0, 0, 1], None),
            (&many, &halves, None),
        ] {
            let mut auc = Auc::default();
            auc.update(probabilities, labels);
            let by_thresholds = auc_by_thresholds(probabilities, labels);
            assert!((auc.result() - by_thresholds).abs() < 1e-12, "{probabilities:?}");
            assert!(expected.is_none_or(|expected| auc.result() == expected), "{probabilities:?}");
        }
    }

    #[test]
    fn a_metric_goes_on_from_its_state_and_from_nothing_else() {
        for name in METRICS {
            let mut before = metric(name).unwrap();
            before.update(&PROBABILITIES[..3], &LABELS[..3]);
            let state = before.state().unwrap();
            let mut after = before.fresh();
            assert!(after.restore(&state), "{name}");
            after.update(&PROBABILITIES[3..], &LABELS[3..]);
            assert_eq!(after.result(), of(name), "{name}");
            assert!(!after.restore(&state[1..]), "{name}: too few");
            assert!(!after.restore(&vec![u64::MAX; state.len()]), "{name}: sums would overflow");
        }
        assert!(!metric("accuracy").unwrap().restore(&[2, 1]));
    }

    #[test]
    fn nothing_seen_is_zero_and_not_nan() {
        for name in METRICS {
            assert_eq!(metric(name).unwrap().result(), 0.0);
        }
        assert!(metric("acuracy").unwrap_err().to_string().contains("accuracy, precision"));
    }
}
