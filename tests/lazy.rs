//! Skipping rows whose gradient is zero changes nothing but the time: every optimizer against itself, swept densely.

mod common;
// What the fuzz target of the same name checks as well.
#[path = "../fuzz/src/swept.rs"]
mod swept;

use common::{generated, team, written};
use imdb_fast::dataset::Holdout;
use imdb_fast::kernel::Level;
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::optimizer::{self, Adagrad, Idle, Optimizer, RmsProp, Sgd, Step};
use imdb_fast::random::{Random, Stream};
use imdb_fast::train::{FitOptions, Silent, TrainPlan, fit};
use swept::{Follower, ROWS, compare};

/// An optimizer that says something else of what it may skip.
#[derive(Debug)]
struct Saying(Idle, Box<dyn Optimizer>);

impl Optimizer for Saying {
    fn name(&self) -> &str {
        self.1.name()
    }
    fn learning_rate(&self) -> f32 {
        self.1.learning_rate()
    }
    fn state(&self) -> Vec<f32> {
        self.1.state()
    }
    fn idle(&self) -> Idle {
        self.0.clone()
    }
    fn update(&self, step: Step, weights: &mut [f32], gradient: &[f32], state: &mut [f32]) {
        self.1.update(step, weights, gradient, state);
    }
}

#[test]
fn lazy_equals_dense() {
    let folder = tempfile::tempdir().unwrap();
    // Batches of 20 reviews over 3,000 words: most rows are idle in most steps, some for long runs.
    let dataset = written(generated(1200, 3000, 3), &folder.path().join("d"));
    let layer = Dense { units: 8, activation: Activation::Tanh };
    let architecture = Architecture::new(dataset.features(), &[layer]).unwrap();
    let trained_by = |batch_size, optimizer: Box<dyn Optimizer>| {
        let mut model = Model::new(architecture.clone(), 1);
        let options = FitOptions {
            epochs: 3,
            batch_size,
            validation: Holdout::None,
            optimizer,
            ..FitOptions::default()
        };
        let plan = TrainPlan::new(&dataset, &model, options).unwrap();
        fit(&plan, &mut model, &team(2), &mut Silent).unwrap();
        model.parameters().first_kernel.to_vec()
    };
    let trained = |optimizer| trained_by(20, optimizer);
    for name in ["rmsprop", "rmsprop:centered=true", "sgd", "adagrad", "adam", "sgd:momentum=0.9"] {
        let parse = || optimizer::parse(name, Some(0.01)).unwrap();
        let (lazy, dense) = (trained(parse()), trained(Box::new(Saying(Idle::Moves, parse()))));
        let is_skipping = parse().idle() != Idle::Moves;
        assert_eq!(is_skipping, !["adam", "sgd:momentum=0.9"].contains(&name), "{name}");
        for (a, b) in lazy.iter().zip(&dense) {
            // rho^k rounds once instead of k times: a few units of the last place of an update of 0.01, compounded.
            assert!((a - b).abs() < 2e-5, "{name}: {a} {b}");
        }
        assert!(lazy.iter().zip(&trained(parse())).all(|(a, b)| a.to_bits() == b.to_bits()));
    }
    // Batches so small that the rows they touch are listed. What has no state has nothing that decays, whatever it says.
    let sgd = || Box::new(Sgd::default());
    let says = Saying(Idle::Decays(Vec::new()), sgd());
    assert!(trained_by(2, sgd()) == trained_by(2, Box::new(says)));
}

/// A factor that is missing would leave an array of state as it was.
#[test]
fn each_array_of_state_has_a_factor() {
    for factors in [vec![], vec![0.9; 2], vec![f32::NAN]] {
        let optimizer = Saying(Idle::Decays(factors), Box::new(RmsProp::default()));
        let options = FitOptions { optimizer: Box::new(optimizer), ..FitOptions::default() };
        let error = options.check().unwrap_err().to_string();
        assert!(error.contains("a finite factor for each array of its state"), "{error}");
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

fn optimizers(random: &mut Random) -> (RmsProp, [Box<dyn Optimizer>; 2]) {
    let mut power_of_ten =
        |from: f64, to: f64| 10f64.powf(from + (to - from) * random.uniform_f64()) as f32;
    let learning_rate = power_of_ten(-4.0, -1.0);
    let rmsprop = RmsProp {
        learning_rate,
        // Below a half, a centered variance is the difference of two nearly equal numbers.
        rho: 1.0 - f64::from(power_of_ten(-3.0, -0.31)),
        momentum: 0.0,
        epsilon: power_of_ten(-8.0, -3.0),
        centered: false,
        weight_decay: 0.0,
    };
    let adagrad = Adagrad {
        learning_rate,
        initial_accumulator_value: power_of_ten(-3.0, 0.0),
        epsilon: rmsprop.epsilon,
        weight_decay: 0.0,
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
                let told = "the case tells something";
                worst[0] = worst[0].max(lazy.check(nonzero, step, gradient).expect(told));
                worst[1] = worst[1].max(dense.check(swept, step, gradient).expect(told));
            });
        }
    });
    println!("lazy, dense: {worst:.2?} of their bounds");
}
