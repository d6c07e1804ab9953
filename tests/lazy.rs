//! Skipping rows whose gradient is zero changes nothing but the time: every optimizer against itself, swept densely.

mod common;

use common::{generated, team, written};
use imdb_fast::dataset::Holdout;
use imdb_fast::kernel::{Level, Powers, Rows, Selection, Touched};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::optimizer::{self, Adagrad, Idle, Optimizer, RmsProp, Sgd, Step};
use imdb_fast::random::{Random, Stream};
use imdb_fast::train::{EarlyStopping, Ending, FitOptions, Silent, TrainPlan, fit};

/// Another optimizer that says nothing of what it may skip.
#[derive(Debug)]
struct Swept(Box<dyn Optimizer>);

impl Optimizer for Swept {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn learning_rate(&self) -> f32 {
        self.0.learning_rate()
    }
    fn state(&self) -> Vec<f32> {
        self.0.state()
    }
    fn idle(&self) -> Idle {
        Idle::Moves
    }
    fn update(&self, step: Step, weights: &mut [f32], gradient: &[f32], state: &mut [f32]) {
        self.0.update(step, weights, gradient, state);
    }
}

#[test]
fn lazy_equals_dense() {
    let folder = tempfile::tempdir().unwrap();
    // Batches of 20 reviews over 3,000 words: most rows are idle in most steps, some for long runs.
    let dataset = written(generated(1200, 3000, 3), &folder.path().join("d"));
    let layer = Dense { units: 8, activation: Activation::Tanh };
    let architecture = Architecture::new(dataset.features(), &[layer]).unwrap();
    let trained = |optimizer: Box<dyn Optimizer>| {
        let mut model = Model::new(architecture.clone(), 1);
        let options = FitOptions {
            epochs: 3,
            batch_size: 20,
            validation: Holdout::None,
            optimizer,
            ..FitOptions::default()
        };
        let plan = TrainPlan::new(&dataset, &model, options).unwrap();
        fit(&plan, &mut model, &team(2), &mut Silent).unwrap();
        model.parameters().first_kernel.to_vec()
    };
    for name in ["rmsprop", "rmsprop:centered=true", "sgd", "adagrad", "adam", "sgd:momentum=0.9"] {
        let parse = || optimizer::parse(name, Some(0.01)).unwrap();
        let (lazy, dense) = (trained(parse()), trained(Box::new(Swept(parse()))));
        let is_skipping = parse().idle() != Idle::Moves;
        assert_eq!(is_skipping, !["adam", "sgd:momentum=0.9"].contains(&name), "{name}");
        for (a, b) in lazy.iter().zip(&dense) {
            // rho^k rounds once instead of k times: a few units of the last place of an update of 0.01, compounded.
            assert!((a - b).abs() < 2e-5, "{name}: {a} {b}");
        }
        assert!(lazy.iter().zip(&trained(parse())).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
}

/// Rows of weights that are swept, in one way or another.
struct Net {
    weights: Vec<f32>,
    state: Vec<f32>,
    updated: Vec<u32>,
    width: usize,
}

const ROWS: usize = 7;

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
        let rows = Rows { width, weights, state, gradient, selection, updated, decays };
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
        let power = f64::from(rule.rho).powf(f64::from(steps));
        for average in [&mut self.velocity, &mut self.average] {
            let decayed = average.times(power);
            *average = decayed.rounded(decayed.value, roundings);
        }
    }

    fn step(&mut self, rule: &RmsProp, gradient: f32) {
        let (rho, g) = (f64::from(rule.rho), f64::from(gradient));
        let new = f64::from(1.0 - rule.rho);
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
        assert!(variance.error < variance.value / 100.0, "the case tells nothing: {self:?}");
        // The root, within three units of the last place, and two products.
        let step = f64::from(rule.learning_rate) * g / variance.value.sqrt();
        let relative = variance.error / (variance.value - variance.error) / 2.0;
        self.weight.value -= step;
        self.weight.error += step.abs() * relative;
        self.weight = self.weight.rounded(step, 8.0).rounded(self.weight.value, 1.0);
    }
}

/// Gradients of all rows for each step, zero in most: rows rest for no step, a few, or thousands.
fn gradients(random: &mut Random, width: usize, steps: u32) -> Vec<Vec<f32>> {
    let mut next = [1; ROWS];
    let mut gradient = |number: u32| {
        let mut gradient = vec![0.0; ROWS * width];
        for (row, values) in gradient.chunks_exact_mut(width).enumerate() {
            if number == next[row] {
                let size = [1e-4, 0.01, 1.0][random.below(3) as usize];
                values.iter_mut().for_each(|value| *value = (random.normal() * size) as f32);
                let gaps = [1, 1, 1, 2, 3, 10, 100, 700, 1023, 1024, 1025, 1026, 1500];
                next[row] += gaps[random.below(gaps.len() as u64) as usize];
            }
        }
        gradient
    };
    (1..=steps).map(&mut gradient).collect()
}

/// Runs an optimizer densely and lazily and shows each step's nets and gradients to `check`, which are densely swept, the
/// rows that have a gradient swept, and these listed.
fn compare(
    optimizer: &dyn Optimizer,
    level: Level,
    weights: &[f32],
    gradients: &[Vec<f32>],
    mut check: impl FnMut(Step, &[Net; 3], &[f32]),
) {
    let width = weights.len() / ROWS;
    let decays: Vec<Powers> = match optimizer.idle() {
        Idle::Decays(factors) => factors.into_iter().map(Powers::of).collect(),
        Idle::Unchanged => Vec::new(),
        Idle::Moves => panic!("it skips nothing"),
    };
    let mut nets = [(); 3].map(|()| Net::new(optimizer, weights));
    for (number, gradient) in (1..).zip(gradients) {
        let step = Step { number, level };
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

fn optimizers(random: &mut Random) -> (RmsProp, [Box<dyn Optimizer>; 2]) {
    let mut power_of_ten =
        |from: f64, to: f64| 10f64.powf(from + (to - from) * random.uniform_f64()) as f32;
    let learning_rate = power_of_ten(-4.0, -1.0);
    let rmsprop = RmsProp {
        learning_rate,
        // Below a half, a centered variance is the difference of two nearly equal numbers.
        rho: 1.0 - power_of_ten(-3.0, -0.31),
        momentum: 0.0,
        epsilon: power_of_ten(-8.0, -3.0),
        centered: false,
    };
    let adagrad = Adagrad {
        learning_rate,
        initial_accumulator_value: power_of_ten(-3.0, 0.0),
        epsilon: rmsprop.epsilon,
    };
    let sgd = Sgd { learning_rate, ..Sgd::default() };
    (rmsprop, [Box::new(adagrad), Box::new(sgd)])
}

/// Makes `cases` of random weights, gradients and options; `check` gets them with each level.
fn for_each_case(mut check: impl FnMut(&mut Random, Level, &[f32], &[Vec<f32>])) {
    for (case, width) in (0..).zip([1, 8, 16, 20]) {
        let random = &mut Random::numbered(5, Stream::SyntheticReviews, case);
        let weights: Vec<f32> = (0..ROWS * width).map(|_| random.normal() as f32 * 0.1).collect();
        let gradients = gradients(random, width, 4000);
        for level in Level::supported() {
            check(random, level, &weights, &gradients);
        }
    }
}

/// What rests unchanged may be left out: the same bits.
#[test]
fn rows_without_a_gradient_rest() {
    for_each_case(|random, level, weights, gradients| {
        for optimizer in optimizers(random).1 {
            compare(&*optimizer, level, weights, gradients, |step, nets, _| {
                for net in &nets[1..] {
                    let is_same = net.weights == nets[0].weights && net.state == nets[0].state;
                    assert!(is_same, "{optimizer:?} in {step:?}");
                }
            });
        }
    });
}

/// Follows a net under RMSprop in exact arithmetic.
struct Follower {
    rule: RmsProp,
    exact: Vec<Exact>,
    rested: [u32; ROWS],
    /// In how many roundings at most the net makes up for steps without a gradient.
    roundings: u32,
}

impl Follower {
    fn new(rule: RmsProp, weights: &[f32], roundings: u32) -> Follower {
        let exact = |&weight: &f32| {
            let weight = Bounded { value: f64::from(weight), error: 0.0 };
            Exact { weight, ..Exact::default() }
        };
        let exact = weights.iter().map(exact).collect();
        Follower { rule, exact, rested: [0; ROWS], roundings }
    }

    /// Takes a step, compares the rows that have a gradient, and returns the largest error in parts of its bound.
    fn check(&mut self, net: &Net, step: Step, gradient: &[f32]) -> f64 {
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
                exact.step(&self.rule, g);
                let weight = net.weights[row * width + column];
                worst = worst.max(exact.weight.check(weight, &what));
                worst = worst.max(exact.velocity.check(state[column], &what));
                if arrays == 2 {
                    worst = worst.max(exact.average.check(state[width + column], &what));
                }
            }
        }
        worst
    }
}

/// Two roundings make up for any number of skipped steps: one of the power, one of its product with the state. Swept one by
/// one, each of the steps rounds. Both stay as close to RMSprop in exact arithmetic as that allows.
#[test]
fn skipped_decay_is_made_up_for_in_two_roundings() {
    let mut worst = [0f64; 2];
    for_each_case(|random, level, weights, gradients| {
        for centered in [false, true] {
            let rule = RmsProp { centered, ..optimizers(random).0 };
            let mut lazy = Follower::new(rule, weights, 2);
            let mut dense = Follower::new(rule, weights, u32::MAX);
            compare(&rule, level, weights, gradients, |step, nets, gradient| {
                let [swept, nonzero, listed] = nets;
                assert!(nonzero.weights == listed.weights && nonzero.state == listed.state);
                assert_eq!(nonzero.updated, listed.updated);
                worst[0] = worst[0].max(lazy.check(nonzero, step, gradient));
                worst[1] = worst[1].max(dense.check(swept, step, gradient));
            });
        }
    });
    println!("lazy, dense: {worst:.2?} of their bounds");
}

#[test]
fn early_stopping_and_the_best_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(800, 500, 4), &folder.path().join("d"));
    let layer = Dense { units: 16, activation: Activation::Relu };
    let mut model = Model::new(Architecture::new(500, &[layer]).unwrap(), 1);
    let options = FitOptions {
        epochs: 200,
        batch_size: 32,
        validation: Holdout::Fraction(0.3),
        optimizer: optimizer::parse("adam", Some(0.01)).unwrap(),
        early_stopping: Some(EarlyStopping { patience: 3, min_delta: 0.0 }),
        keep_best: true,
        ..FitOptions::default()
    };
    let plan = TrainPlan::new(&dataset, &model, options).unwrap();
    let outcome = fit(&plan, &mut model, &team(2), &mut Silent).unwrap();
    assert!(matches!(outcome.ending, Ending::StoppedEarly));
    let lowest = outcome.history.lowest("val_loss").unwrap();
    assert_eq!(outcome.epoch, Some(lowest));
    assert_eq!(outcome.history.epochs(), lowest + 1 + 3);
}
