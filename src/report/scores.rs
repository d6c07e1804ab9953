//! What probabilities are worth against labels, over all thresholds: the ROC curve, the calibration, the distribution.

/// How many ranges of equal width the probabilities are put in to see whether they hold.
const CALIBRATION_BINS: usize = 10;
/// How many ranges of equal width the distribution has.
const DISTRIBUTION_BINS: usize = 20;

/// The receiver operating characteristic: what each threshold finds, and at what price.
#[derive(Debug, Clone, PartialEq)]
pub struct Roc {
    /// By falling threshold, from (0, 0) to (1, 1).
    pub points: Vec<RocPoint>,
    /// The area under it, exactly: the chance that of a positive and a negative review the positive one has the higher
    /// probability, ties counted half. (`keras.metrics.AUC` sums over 200 thresholds.)
    pub area: f64,
}

/// What calling positive all reviews of a probability of `threshold` and more comes to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RocPoint {
    /// The least probability called positive; infinite at the start, where none is.
    pub threshold: f32,
    /// The share of the negative reviews that is called positive.
    pub false_positives: f64,
    /// The share of the positive reviews that is called positive.
    pub true_positives: f64,
}

impl Roc {
    /// The curve, with a point for each distinct probability; none where one class has no review.
    ///
    /// # Panics
    /// If there is not a label for each probability.
    pub fn new(probabilities: &[f32], labels: &[u8]) -> Option<Roc> {
        assert_eq!(probabilities.len(), labels.len(), "a label for each review");
        let positives = labels.iter().filter(|&&label| label == 1).count();
        let negatives = labels.len() - positives;
        if positives == 0 || negatives == 0 {
            return None;
        }
        let mut pairs: Vec<(f32, u8)> =
            probabilities.iter().copied().zip(labels.iter().copied()).collect();
        pairs.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let start =
            RocPoint { threshold: f32::INFINITY, false_positives: 0.0, true_positives: 0.0 };
        let mut points = vec![start];
        let mut called = [0u64; 2];
        // Twice the area in units of one pair, so that all sums are whole numbers.
        let mut twice = 0u128;
        for ties in pairs.chunk_by(|a, b| a.0 == b.0) {
            let before = called;
            ties.iter().for_each(|&(_, label)| called[usize::from(label == 1)] += 1);
            twice += u128::from(called[0] - before[0]) * u128::from(called[1] + before[1]);
            points.push(RocPoint {
                threshold: ties[0].0,
                false_positives: called[0] as f64 / negatives as f64,
                true_positives: called[1] as f64 / positives as f64,
            });
        }
        let area = twice as f64 / (2.0 * positives as f64 * negatives as f64);
        Some(Roc { points, area })
    }

    /// At most about `count` of the points, about equally far apart along the curve, its ends among them.
    pub fn thinned(&self, count: usize) -> Vec<RocPoint> {
        let along = |point: &RocPoint| point.false_positives + point.true_positives;
        // From (0, 0) to (1, 1) both grow by 1 in all.
        let step = 2.0 / count.max(1) as f64;
        let mut kept: Vec<RocPoint> = Vec::new();
        for point in &self.points {
            if kept.last().is_none_or(|last| along(point) - along(last) >= step) {
                kept.push(*point);
            }
        }
        if let (Some(last), Some(end)) = (kept.last().copied(), self.points.last())
            && last != *end
        {
            kept.push(*end);
        }
        kept
    }
}

/// The reviews of a range of probabilities, and what became of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationBin {
    /// How many reviews.
    pub reviews: u64,
    /// Their mean probability; not a number where there are none.
    pub predicted: f64,
    /// The share of them that is positive; not a number where there are none.
    pub positive: f64,
}

/// Whether of the reviews with a probability of 0.7 seven in ten are positive.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// Ten ranges of equal width from 0 to 1.
    pub bins: Vec<CalibrationBin>,
    /// The mean distance of `predicted` and `positive`, each range weighted by its reviews ("expected calibration error").
    pub error: f64,
    /// The mean square of probability less label (the Brier score).
    pub brier: f64,
}

impl Calibration {
    /// Every label but 1 counts as 0.
    ///
    /// # Panics
    /// If there is not a label for each probability.
    pub fn new(probabilities: &[f32], labels: &[u8]) -> Calibration {
        assert_eq!(probabilities.len(), labels.len(), "a label for each review");
        let mut sums = [(0u64, 0u64, 0.0f64); CALIBRATION_BINS];
        let mut squares = 0.0;
        for (&probability, &label) in probabilities.iter().zip(labels) {
            let (reviews, positives, sum) = &mut sums[bin_of(probability, CALIBRATION_BINS)];
            *reviews += 1;
            let is_positive = label == 1;
            *positives += u64::from(is_positive);
            *sum += f64::from(probability);
            squares += (f64::from(probability) - f64::from(is_positive)).powi(2);
        }
        let all = probabilities.len() as f64;
        let bins: Vec<CalibrationBin> = sums
            .into_iter()
            .map(|(reviews, positives, sum)| CalibrationBin {
                reviews,
                predicted: sum / reviews as f64,
                positive: positives as f64 / reviews as f64,
            })
            .collect();
        let filled = bins.iter().filter(|bin| bin.reviews > 0);
        let error =
            filled.map(|bin| bin.reviews as f64 / all * (bin.predicted - bin.positive).abs()).sum();
        Calibration { bins, error, brier: squares / all }
    }
}

/// How often each probability occurs: `counts[label][range]`, in twenty ranges of equal width from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Reviews by label and range.
    pub counts: [Vec<u64>; 2],
}

impl Distribution {
    /// # Panics
    /// If there is not a label for each probability.
    pub fn new(probabilities: &[f32], labels: &[u8]) -> Distribution {
        assert_eq!(probabilities.len(), labels.len(), "a label for each review");
        let mut counts = [vec![0; DISTRIBUTION_BINS], vec![0; DISTRIBUTION_BINS]];
        for (&probability, &label) in probabilities.iter().zip(labels) {
            counts[usize::from(label == 1)][bin_of(probability, DISTRIBUTION_BINS)] += 1;
        }
        Distribution { counts }
    }
}

/// The range of a probability: each has its lower end and not its upper one, but for the last.
fn bin_of(probability: f32, bins: usize) -> usize {
    // In f64, where a tenth of a float32 is not rounded up into the next range.
    ((f64::from(probability) * bins as f64) as usize).min(bins - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, Stream};
    use crate::train::{Auc, Metric};

    const PROBABILITIES: [f32; 6] = [0.1, 0.4, 0.5, 0.6, 0.8, 1.0];
    const LABELS: [u8; 6] = [0, 1, 1, 0, 1, 1];

    #[test]
    fn the_curve_passes_each_threshold() {
        let roc = Roc::new(&PROBABILITIES, &LABELS).unwrap();
        let points: Vec<(f64, f64)> =
            roc.points.iter().map(|p| (p.false_positives, p.true_positives)).collect();
        let expected =
            [(0.0, 0.0), (0.0, 0.25), (0.0, 0.5), (0.5, 0.5), (0.5, 0.75), (0.5, 1.0), (1.0, 1.0)];
        assert_eq!(points, expected);
        assert_eq!(roc.points[1].threshold, 1.0);
        // Of the 8 pairs of a positive and a negative, 6 are in order.
        assert_eq!(roc.area, 6.0 / 8.0);
    }

    #[test]
    fn ties_count_half_and_one_class_has_no_curve() {
        let roc = Roc::new(&[0.5; 4], &[0, 1, 1, 0]).unwrap();
        assert_eq!((roc.points.len(), roc.area), (2, 0.5));
        assert_eq!(Roc::new(&[0.9, 0.1], &[1, 0]).unwrap().area, 1.0);
        assert_eq!(Roc::new(&[0.9, 0.1], &[0, 1]).unwrap().area, 0.0);
        assert_eq!(Roc::new(&[0.5, 0.6], &[1, 1]), None);
        assert_eq!(Roc::new(&[], &[]), None);
    }

    /// Probabilities that lean to their labels.
    fn many() -> (Vec<f32>, Vec<u8>) {
        let mut random = Random::new(7, Stream::SyntheticReviews);
        (0..5_000)
            .map(|_| {
                let probability = random.uniform_f64();
                (probability as f32, u8::from(random.uniform_f64() < probability))
            })
            .unzip()
    }

    #[test]
    fn the_area_is_that_of_keras_to_its_thresholds() {
        let (probabilities, labels) = many();
        let mut auc = Auc::default();
        auc.update(&probabilities, &labels);
        let roc = Roc::new(&probabilities, &labels).unwrap();
        assert!((roc.area - auc.result()).abs() < 1e-3, "{} {}", roc.area, auc.result());
        // By its definition, pair by pair.
        let of = |label: u8| -> Vec<f32> {
            let pairs = probabilities.iter().zip(&labels).take(1_000);
            pairs
                .filter(|&(_, &other)| other == label)
                .map(|(&probability, _)| probability)
                .collect()
        };
        let (negatives, positives) = (of(0), of(1));
        let halves = |positive: f32, negative: f32| match positive > negative {
            true => 2,
            false => u64::from(positive == negative),
        };
        let halves: u64 =
            positives.iter().flat_map(|&p| negatives.iter().map(move |&n| halves(p, n))).sum();
        let pairs = positives.len() * negatives.len();
        let part = Roc::new(&probabilities[..1_000], &labels[..1_000]).unwrap();
        assert!((part.area - halves as f64 / (2 * pairs) as f64).abs() < 1e-12);
    }

    #[test]
    fn thinned_curves_keep_their_ends_and_stay_close() {
        let (probabilities, labels) = many();
        let roc = Roc::new(&probabilities, &labels).unwrap();
        let thinned = roc.thinned(200);
        assert!((190..=202).contains(&thinned.len()), "{}", thinned.len());
        assert_eq!(thinned.first(), roc.points.first());
        assert_eq!(thinned.last(), roc.points.last());
        let area: f64 = thinned
            .windows(2)
            .map(|w| {
                let width = w[1].false_positives - w[0].false_positives;
                width * (w[0].true_positives + w[1].true_positives) / 2.0
            })
            .sum();
        assert!((area - roc.area).abs() < 1e-3);
    }

    #[test]
    fn bins_hold_their_lower_end() {
        let probabilities = [0.0, 0.05, 0.1, 0.99, 1.0, 0.95];
        let calibration = Calibration::new(&probabilities, &[0, 1, 1, 1, 1, 0]);
        let reviews: Vec<u64> = calibration.bins.iter().map(|bin| bin.reviews).collect();
        assert_eq!(reviews, [2, 1, 0, 0, 0, 0, 0, 0, 0, 3]);
        assert!((calibration.bins[0].predicted - 0.025).abs() < 1e-8);
        assert_eq!(calibration.bins[0].positive, 0.5);
        assert_eq!(calibration.bins[9].positive, 2.0 / 3.0);
        assert!(calibration.bins[5].predicted.is_nan());
        let other = Calibration::new(&probabilities, &[0, 1, 1, 1, 1, 7]);
        assert_eq!((other.error, other.brier), (calibration.error, calibration.brier));
        let error = (2.0 * 0.475 + 0.9 + 3.0 * (0.98 - 2.0 / 3.0)) / 6.0;
        assert!((calibration.error - error).abs() < 1e-7, "{}", calibration.error);
        let distribution = Distribution::new(&probabilities, &[0, 1, 1, 1, 1, 0]);
        assert_eq!(distribution.counts[0][0], 1);
        assert_eq!(distribution.counts[1][1..3], [1, 1]);
        assert_eq!(distribution.counts[1][19], 2);
        assert_eq!(distribution.counts.iter().flatten().sum::<u64>(), 6);
    }

    #[test]
    fn honest_probabilities_are_calibrated() {
        let (probabilities, labels) = many();
        let calibration = Calibration::new(&probabilities, &labels);
        assert!(calibration.error < 0.03, "{}", calibration.error);
        // The mean of p * (1 - p) over all p from 0 to 1.
        assert!((calibration.brier - 1.0 / 6.0).abs() < 0.01, "{}", calibration.brier);
    }
}
