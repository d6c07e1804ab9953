//! Skipping rows whose gradient is zero changes nothing but the time: every optimizer against itself, swept densely.

mod common;

use common::{generated, team, written};
use imdb_fast::dataset::Holdout;
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::optimizer::{self, Idle, Optimizer, Step};
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
    assert_eq!(outcome.epoch, lowest);
    assert_eq!(outcome.history.epochs(), lowest + 1 + 3);
}
