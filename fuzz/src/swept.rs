//! Rows that are swept densely and lazily, side by side, and beside exact arithmetic.

use imdb_fast::kernel::{Apart, Level, Powers, Rows, Selection, Touched, Values};
use imdb_fast::optimizer::{Idle, Optimizer, RmsProp, Step};

/// Rows of weights that are swept, in one way or another.
pub struct Net {
    /// `[ROWS, width]`
    pub weights: Vec<f32>,
    /// `[ROWS, arrays, width]`
    pub state: Vec<f32>,
    /// The last step of each row.
    pub updated: Vec<u32>,
    width: usize,
}

/// As many rows as a net has.
pub const ROWS: usize = 7;

impl Net {
    fn new(optimizer: &dyn Optimizer, weights: &[f32]) -> Net {
        let width = weights.len() / ROWS;
        let row = optimizer.state().into_iter().flat_map(|value| std::iter::repeat_n(value, width));
        let state = row.collect::<Vec<f32>>().repeat(ROWS);
        Net { weights: weights.to_vec(), state, updated: vec![0; ROWS], width }
    }

    fn sweep(
        &mut self,
        optimizer: &dyn Optimizer,
        step: Step,
        mut gradient: Vec<f32>,
        selection: Selection<'_>,
        decays: &[Powers],
    ) {
        let Net { weights, state, updated, width } = self;
        let (width, gradient) = (*width, &mut gradient[..]);
        let values = Values::Apart(Apart { weights, state, scales: None });
        let rows = Rows { width, values, gradient, selection, updated, decays };
        optimizer.sweep(step, rows);
    }

    fn skipped(&self, row: usize, step: Step) -> u32 {
        step.number - 1 - self.updated[row]
    }
}

/// Half a unit of the last place of 1: what one rounding changes at most, relative to its result.
const ROUNDING: f64 = f32::EPSILON as f64 / 2.0;
/// What a rounding among the smallest numbers changes at most.
const SMALLEST: f64 = 1.5e-45;

/// A value in exact arithmetic, or nearly so, and how far `f32` may be from it: running error analysis (Higham, Accuracy and
/// Stability of Numerical Algorithms, section 3.3), to first order.
#[derive(Debug, Clone, Copy, Default)]
struct Bounded {
    value: f64,
    error: f64,
}

impl Bounded {
    /// `f32` has come to a value after so many roundings since the last.
    fn rounded(mut self, value: f64, roundings: f64) -> Bounded {
        self.error += roundings * ROUNDING * value.abs() + SMALLEST;
        self
    }

    /// `factor self`, without its roundings.
    fn times(self, factor: f64) -> Bounded {
        Bounded { value: factor * self.value, error: factor * self.error }
    }

    fn check(self, got: f32, what: &str) -> f64 {
        let error = (f64::from(got) - self.value).abs();
        assert!(error <= self.error, "{what}: {got} is off by {error}, not {self:?}");
        error / self.error
    }
}

/// One weight under RMSprop in `f64`.
#[derive(Debug, Clone, Copy, Default)]
struct Exact {
    weight: Bounded,
    velocity: Bounded,
    average: Bounded,
}

impl Exact {
    /// `steps` steps without a gradient, which `f32` makes in so many roundings.
    fn idle(&mut self, rule: &RmsProp, steps: u32, roundings: f64) {
        let rho = f64::from(rule.rho as f32);
        let power = rho.powf(f64::from(steps));
        for average in [&mut self.velocity, &mut self.average] {
            let decayed = average.times(power);
            *average = decayed.rounded(decayed.value, roundings);
            // Among the smallest numbers each step may round up by as much as it decays, and the value stays where it is.
            average.error += SMALLEST * roundings.min(1.0 / (1.0 - rho));
        }
    }

    /// False where the bounds do not tell anything any more.
    fn step(&mut self, rule: &RmsProp, gradient: f32) -> bool {
        let (rho, g) = (f64::from(rule.rho as f32), f64::from(gradient));
        let new = f64::from((1.0 - rule.rho) as f32);
        // Two products and their sum; g^2 is rounded as well.
        let mut velocity = self.velocity.times(rho);
        velocity.value += new * g * g;
        self.velocity = velocity.rounded(velocity.value, 3.0);
        let mut average = self.average.times(rho);
        let size = average.value.abs() + (new * g).abs();
        average.value += new * g;
        self.average = average.rounded(size, 2.0);

        let mut variance = self.velocity;
        if rule.centered {
            let Bounded { value, error } = self.average;
            variance.value -= value * value;
            variance.error += (2.0 * value.abs() + error) * error;
            variance = variance.rounded(value * value, 1.0).rounded(variance.value, 1.0);
        }
        variance.value += f64::from(rule.epsilon);
        variance = variance.rounded(variance.value, 1.0);
        if variance.error >= variance.value / 100.0 {
            return false;
        }
        // The root, within three units of the last place, and two products.
        let step = f64::from(rule.learning_rate) * g / variance.value.sqrt();
        let relative = variance.error / (variance.value - variance.error) / 2.0;
        self.weight.value -= step;
        self.weight.error += step.abs() * relative;
        self.weight = self.weight.rounded(step, 8.0).rounded(self.weight.value, 1.0);
        true
    }
}

/// Runs an optimizer densely and lazily and shows each step's nets and gradients to `check`, which are densely swept, the
/// rows that have a gradient swept, and these listed.
pub fn compare(
    optimizer: &dyn Optimizer,
    level: Level,
    weights: &[f32],
    gradients: &[Vec<f32>],
    mut check: impl FnMut(Step, &[Net; 3], &[f32]),
) {
    let width = weights.len() / ROWS;
    let decays: Vec<Powers> = match optimizer.idle() {
        Idle::Decays(factors) => factors.into_iter().map(Powers::of).collect(),
        Idle::Unchanged | Idle::Rests => Vec::new(),
        Idle::Moves => panic!("it skips nothing"),
    };
    let mut nets = [(); 3].map(|()| Net::new(optimizer, weights));
    for (number, gradient) in (1..).zip(gradients) {
        let step = Step { number, level, rate: 1.0 };
        let has_gradient = |row: &usize| gradient[row * width..][..width].iter().any(|&g| g != 0.0);
        let [dense, nonzero, listed] = &mut nets;
        dense.sweep(optimizer, step, gradient.clone(), Selection::All, &[]);
        nonzero.sweep(optimizer, step, gradient.clone(), Selection::Nonzero, &decays);
        let touched = |row: usize| Touched {
            row: row as u32,
            slot: row as u32,
            skipped: listed.skipped(row, step),
        };
        let list: Vec<Touched> = (0..ROWS).filter(has_gradient).map(touched).collect();
        listed.sweep(optimizer, step, gradient.clone(), Selection::Listed(&list), &decays);
        check(step, &nets, gradient);
    }
}

/// Follows a net under RMSprop in exact arithmetic.
pub struct Follower {
    rule: RmsProp,
    exact: Vec<Exact>,
    rested: [u32; ROWS],
    /// In how many roundings at most the net makes up for steps without a gradient.
    roundings: u32,
}

impl Follower {
    /// Beside a net with these weights.
    pub fn new(rule: RmsProp, weights: &[f32], roundings: u32) -> Follower {
        let exact = |&weight: &f32| {
            let weight = Bounded { value: f64::from(weight), error: 0.0 };
            Exact { weight, ..Exact::default() }
        };
        let exact = weights.iter().map(exact).collect();
        Follower { rule, exact, rested: [0; ROWS], roundings }
    }

    /// Takes a step, compares the rows that have a gradient, and returns the largest error in parts of its bound; nothing
    /// where the bounds tell nothing any more.
    pub fn check(&mut self, net: &Net, step: Step, gradient: &[f32]) -> Option<f64> {
        let width = net.width;
        let arrays = net.state.len() / net.weights.len();
        let mut worst = 0f64;
        for row in 0..ROWS {
            let gradient = &gradient[row * width..][..width];
            if gradient.iter().all(|&g| g == 0.0) {
                self.rested[row] += 1;
                continue;
            }
            let steps = std::mem::take(&mut self.rested[row]);
            let state = &net.state[row * arrays * width..][..arrays * width];
            let what = format!("{:?}, {step:?} after {steps}", self.rule);
            for (column, &g) in gradient.iter().enumerate() {
                let exact = &mut self.exact[row * width + column];
                exact.idle(&self.rule, steps, f64::from(steps.min(self.roundings)));
                if !exact.step(&self.rule, g) {
                    return None;
                }
                let weight = net.weights[row * width + column];
                worst = worst.max(exact.weight.check(weight, &what));
                worst = worst.max(exact.velocity.check(state[column], &what));
                if arrays == 2 {
                    worst = worst.max(exact.average.check(state[width + column], &what));
                }
            }
        }
        Some(worst)
    }
}
