//! Where an axis begins and ends, and which numbers stand at it.

use std::ops::Range;

/// The distance between two ticks, `mantissa * 10^power`.
struct Step {
    mantissa: u32,
    power: i32,
}

impl Step {
    /// The smallest of 1, 2, 5, 10, 20, 50, ... (and 0.5, 0.2, ...) that is not below `least` > 0.
    fn at_least(least: f64) -> Step {
        let power = least.log10().floor() as i32;
        let unit = 10f64.powi(power);
        match [1, 2, 5].into_iter().find(|&mantissa| f64::from(mantissa) * unit >= least) {
            Some(mantissa) => Step { mantissa, power },
            None => Step { mantissa: 1, power: power + 1 },
        }
    }

    /// The multiple `count * step`. Dividing by a power of ten, which is exact, keeps 3 * 0.1 at 0.3.
    fn times(&self, count: f64) -> f64 {
        let mantissas = count * f64::from(self.mantissa);
        if self.power < 0 {
            mantissas / 10f64.powi(-self.power)
        } else {
            mantissas * 10f64.powi(self.power)
        }
    }

    /// The multiples within `range`, in order.
    fn multiples(&self, range: Range<f64>) -> impl Iterator<Item = f64> {
        let size = self.times(1.0);
        let first = (range.start / size).ceil() as i64;
        let last = (range.end / size).floor() as i64;
        (first..=last).map(|count| self.times(count as f64))
    }
}

/// The range of an axis, its ticks and how they are written.
pub(super) struct Axis {
    pub(super) range: Range<f64>,
    pub(super) ticks: Vec<f64>,
    /// Labels show a value divided by ten to this power; [`Axis::title`] says so.
    exponent: i32,
    /// Digits behind the point of a label.
    decimals: usize,
}

impl Axis {
    /// An axis of the epochs 1 to `count`: each has a tick as long as that is legible, then 1 and round numbers have.
    pub(super) fn of_epochs(count: usize) -> Axis {
        let last = count.max(1) as f64;
        let margin = (0.03 * (last - 1.0)).max(0.3);
        let range = 1.0 - margin..last + margin;
        let step = Step::at_least(if last <= 12.0 { 1.0 } else { (last / 8.0).max(5.0) });
        let round = step.multiples(1.5..last + 0.5);
        let ticks = std::iter::once(1.0).chain(round).collect();
        Axis { range, ticks, exponent: 0, decimals: 0 }
    }

    /// An axis that shows all `values` that are [`drawable`], with no tick above `ceiling` nor, where no value is
    /// negative, below zero.
    pub(super) fn of_values(values: impl Iterator<Item = f64>, ceiling: f64) -> Axis {
        Axis::with_least_step(values, ceiling, 0.0)
    }

    /// The same for numbers of things: no tick stands between two of them.
    pub(super) fn of_counts(counts: impl Iterator<Item = f64>) -> Axis {
        Axis::with_least_step(counts, f64::INFINITY, 1.0)
    }

    fn with_least_step(values: impl Iterator<Item = f64>, ceiling: f64, least: f64) -> Axis {
        let (low, high) = values
            .filter(|&value| drawable(value))
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let largest = match low.abs().max(high.abs()) {
            denormal if denormal < f64::from(f32::MIN_POSITIVE) => 1.0,
            largest => largest,
        };
        // Equal values lie in the middle of an axis with few digits; nearly equal ones are not torn further apart than
        // five digits can tell.
        let margin =
            if low == high { 0.1 * largest } else { (0.05 * (high - low)).max(1e-4 * largest) };
        let range = low - margin..high + margin;
        let step = Step::at_least(((range.end - range.start) / 7.0).max(least));
        let floor = if low < 0.0 { f64::NEG_INFINITY } else { 0.0 };
        let ceiling = if high > ceiling { f64::INFINITY } else { ceiling };
        let ticks = step.multiples(range.clone()).filter(|&t| floor <= t && t <= ceiling).collect();
        let exponent = match largest.log10().floor() as i32 {
            -3..=4 => 0,
            exponent => exponent,
        };
        let decimals = (exponent - step.power).max(0) as usize;
        Axis { range, ticks, exponent, decimals }
    }

    /// An axis of shares and probabilities: all of 0 to 1.
    pub(super) fn of_shares() -> Axis {
        let ticks = (0..=5).map(|fifth| f64::from(fifth) / 5.0).collect();
        Axis { range: 0.0..1.0, ticks, exponent: 0, decimals: 1 }
    }

    /// The number as it stands at its tick.
    pub(super) fn label(&self, value: f64) -> String {
        format!("{:.*}", self.decimals, value / 10f64.powi(self.exponent))
    }

    /// `name`, and the power of ten that the labels leave out.
    pub(super) fn title(&self, name: &str) -> String {
        match self.exponent {
            0 => name.to_owned(),
            exponent => format!("{name} (×10{})", superscript(exponent)),
        }
    }
}

/// Whether a value has a place in a picture: finite, and within what a loss in `f32` can be, so that no sum or
/// difference of two overflows.
pub(super) fn drawable(value: f64) -> bool {
    value.abs() <= f64::from(f32::MAX)
}

fn superscript(number: i32) -> String {
    let digits = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    let raised = |c: char| c.to_digit(10).map_or('⁻', |digit| digits[digit as usize]);
    number.to_string().chars().map(raised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks.iter().map(|&tick| axis.label(tick)).collect()
    }

    fn of(values: &[f64]) -> Axis {
        Axis::of_values(values.iter().copied(), f64::INFINITY)
    }

    #[test]
    fn epochs_are_counted_from_one_in_round_numbers() {
        assert_eq!(labels(&Axis::of_epochs(0)), ["1"]);
        assert_eq!(labels(&Axis::of_epochs(1)), ["1"]);
        assert_eq!(labels(&Axis::of_epochs(4)), ["1", "2", "3", "4"]);
        assert_eq!(labels(&Axis::of_epochs(20)), ["1", "5", "10", "15", "20"]);
        assert_eq!(labels(&Axis::of_epochs(200)), ["1", "50", "100", "150", "200"]);
    }

    #[test]
    fn values_get_short_round_labels() {
        assert_eq!(labels(&of(&[0.1, 0.3, 0.5])), ["0.1", "0.2", "0.3", "0.4", "0.5"]);
        let huge = of(&[1e6, 2.0, 1.0]);
        assert_eq!(labels(&huge), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(huge.title("Loss"), "Loss (×10⁶)");
        let tiny = of(&[2e-12, 7e-12]);
        assert_eq!(labels(&tiny), ["2", "3", "4", "5", "6", "7"]);
        assert_eq!(tiny.title("Loss"), "Loss (×10⁻¹²)");
    }

    #[test]
    fn things_are_counted_in_whole_numbers() {
        let of = |counts: &[f64]| labels(&Axis::of_counts(counts.iter().copied()));
        assert_eq!(of(&[-1.0, 0.0, 1.0]), ["-1", "0", "1"]);
        assert_eq!(of(&[-0.0, 0.0, 2.0]), ["0", "1", "2"]);
        assert_eq!(of(&[0.0, 0.0]), ["0"]);
        assert_eq!(of(&[-30.0, 40.0]), ["-20", "0", "20", "40"]);
    }

    #[test]
    fn equal_values_lie_in_the_middle() {
        for value in [0.0, 0.5, 1e6, 1e-30, -3.0] {
            let axis = of(&[value, value]);
            let middle = (axis.range.start + axis.range.end) / 2.0;
            assert!((middle - value).abs() <= 1e-9 * value.abs());
            assert!((2..9).contains(&axis.ticks.len()), "{value}: {:?}", axis.ticks);
        }
    }

    #[test]
    fn whatever_stands_in_a_history_makes_a_sound_axis() {
        let extremes = [
            f64::NAN,
            f64::INFINITY,
            f64::MAX,
            f64::MIN,
            f64::from(f32::MAX),
            f64::from(f32::MIN),
            5e-324,
            -5e-324,
            0.0,
            1.0,
            1.0 + f64::EPSILON,
        ];
        for a in extremes {
            for b in extremes {
                let axis = of(&[a, b]);
                assert!(axis.range.start < axis.range.end, "{a} {b}");
                assert!((1..9).contains(&axis.ticks.len()), "{a} {b}: {:?}", axis.ticks);
                assert!(labels(&axis).iter().all(|label| label.len() <= 9), "{:?}", labels(&axis));
            }
        }
    }

    #[test]
    fn accuracy_has_no_tick_above_one_and_none_below_zero() {
        let axis = Axis::of_values([0.01, 1.0].into_iter(), 1.0);
        assert_eq!(labels(&axis), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }
}
