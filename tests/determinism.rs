//! The same seed gives the same bits, on any number of threads.

mod common;

use common::{generated, team, written};
use imdb_fast::dataset::{Dataset, Holdout};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::optimizer;
use imdb_fast::train::{FitOptions, History, Shuffle, Silent, TrainPlan, fit};

struct Case {
    optimizer: &'static str,
    activation: Activation,
    hidden: &'static [usize],
    batch_size: usize,
}

fn train(dataset: &Dataset, case: &Case, seed: u64, threads: usize) -> (History, Vec<u32>) {
    let layer = |&units: &usize| Dense { units, activation: case.activation };
    let hidden: Vec<Dense> = case.hidden.iter().map(layer).collect();
    let architecture = Architecture::new(dataset.features(), &hidden).unwrap();
    let mut model = Model::new(architecture, seed);
    let options = FitOptions {
        epochs: 2,
        batch_size: case.batch_size,
        validation: Holdout::Fraction(0.3),
        seed,
        optimizer: optimizer::parse(case.optimizer, None).unwrap(),
        keep_best: true,
        ..FitOptions::default()
    };
    let plan = TrainPlan::new(dataset, &model, options).unwrap();
    let outcome = fit(&plan, &mut model, &team(threads), &mut Silent).unwrap();
    let parameters = model.parameters();
    let values = parameters.first_kernel.iter().chain(&parameters.head.values);
    (outcome.history, values.map(|value| value.to_bits()).collect())
}

#[test]
fn the_bits_do_not_depend_on_the_threads() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(2000, 1500, 1), &folder.path().join("d.safetensors"));
    let cases = [
        Case {
            optimizer: "rmsprop",
            activation: Activation::Relu,
            hidden: &[16, 16],
            batch_size: 512,
        },
        Case {
            optimizer: "rmsprop:centered=true",
            activation: Activation::Prelu,
            hidden: &[5],
            batch_size: 37,
        },
        Case { optimizer: "adam", activation: Activation::Tanh, hidden: &[32], batch_size: 100 },
        Case {
            optimizer: "sgd:momentum=0.9",
            activation: Activation::Gelu,
            hidden: &[],
            batch_size: 2000,
        },
        Case { optimizer: "adagrad", activation: Activation::Relu, hidden: &[16], batch_size: 1 },
    ];
    for case in &cases {
        let alone = train(&dataset, case, 7, 1);
        // Many threads on few cores meet slowly; with batches of one that would take minutes.
        let most = if case.batch_size == 1 { 3 } else { 64 };
        for threads in [1, 2, 3, 8, 64].into_iter().filter(|&threads| threads <= most) {
            assert!(train(&dataset, case, 7, threads) == alone, "{} on {threads}", case.optimizer);
        }
        assert!(train(&dataset, case, 8, 2).1 != alone.1, "another seed is another network");
    }
}

#[test]
fn the_seed_decides_the_order_and_without_shuffling_there_is_none_to_decide() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(600, 300, 3), &folder.path().join("d.safetensors"));
    let losses = |shuffle: Option<Shuffle>, seed: u64| {
        // The same start for every seed.
        let mut model = Model::new(Architecture::new(dataset.features(), &[]).unwrap(), 0);
        let options = FitOptions {
            epochs: 2,
            batch_size: 32,
            validation: Holdout::None,
            shuffle,
            seed,
            ..FitOptions::default()
        };
        let plan = TrainPlan::new(&dataset, &model, options).unwrap();
        fit(&plan, &mut model, &team(2), &mut Silent).unwrap().history
    };
    assert_eq!(losses(Some(Shuffle::None), 1), losses(Some(Shuffle::None), 2));
    assert_eq!(losses(None, 1), losses(None, 1));
    assert_ne!(losses(None, 1), losses(None, 2));
    assert_ne!(losses(None, 1), losses(Some(Shuffle::None), 1));
}
