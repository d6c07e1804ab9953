//! The same seed gives the same bits, on any number of threads.

mod common;

use std::sync::mpsc;
use std::time::{Duration, Instant};

use common::{InMemory, generated, sequences, team, written};
use imdb_fast::dataset::{Contents, Dataset, Holdout, Split};
use imdb_fast::kernel::Level;
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, BinaryCrossentropy, Dense, Embedding};
use imdb_fast::optimizer;
use imdb_fast::random::{Random, Stream};
use imdb_fast::train::{FitOptions, History, Shuffle, Silent, Team, TrainPlan, evaluate, fit};
use rayon::prelude::*;

struct Case {
    optimizer: &'static str,
    activation: Activation,
    hidden: &'static [usize],
    batch_size: usize,
}

fn model(dataset: &Dataset, case: &Case, seed: u64) -> Model {
    let layer = |&units: &usize| Dense { units, activation: case.activation };
    let hidden: Vec<Dense> = case.hidden.iter().map(layer).collect();
    Model::new(Architecture::new(dataset.features(), &hidden).unwrap(), seed)
}

fn bits(model: &Model) -> Vec<u32> {
    let parameters = model.parameters();
    let values = parameters.first_kernel.iter().chain(&parameters.head.values);
    values.map(|value| value.to_bits()).collect()
}

fn train(dataset: &Dataset, case: &Case, seed: u64, threads: usize) -> (History, Vec<u32>) {
    train_further(dataset, case, model(dataset, case, seed), seed, &team(threads))
}

fn train_further(
    dataset: &Dataset,
    case: &Case,
    mut model: Model,
    seed: u64,
    team: &Team,
) -> (History, Vec<u32>) {
    let options = FitOptions {
        epochs: 2,
        batch_size: case.batch_size,
        validation: Holdout::Fraction(0.4),
        seed,
        optimizer: optimizer::parse(case.optimizer, None).unwrap(),
        keep_best: true,
        ..FitOptions::default()
    };
    let plan = TrainPlan::new(dataset, &model, options).unwrap();
    let outcome = fit(&plan, &mut model, team, &mut Silent).unwrap();
    (outcome.history, bits(&model))
}

#[test]
fn the_bits_do_not_depend_on_the_threads() {
    let folder = tempfile::tempdir().unwrap();
    // Several rounds of validation, the last of which is short.
    let dataset = written(generated(4000, 1500, 1), &folder.path().join("d.safetensors"));
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
            batch_size: usize::MAX,
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

/// Averages of sequences: words that are repeated, a scale a review, and gradients of all forms.
#[test]
fn nor_where_sequences_are_averaged() {
    let folder = tempfile::tempdir().unwrap();
    for (features, optimizer, batch_size) in
        [(1500, "rmsprop", 512), (1500, "adam", 64), (70_000, "rmsprop", 300), (9000, "sgd", 40)]
    {
        let name = folder.path().join(format!("{features}.safetensors"));
        let dataset = written(sequences(2000, features, 1), &name);
        let activation = Activation::Relu;
        let case = Case { optimizer, activation, hidden: &[16], batch_size };
        for mask in [false, true] {
            let dense = model(&dataset, &case, 7).architecture().clone();
            let embedding = Embedding { dim: 16, max_len: 40, mask };
            let fresh = Model::new(dense.with_embedding(embedding).unwrap(), 7);
            let train =
                |threads: usize| train_further(&dataset, &case, fresh.clone(), 7, &team(threads));
            let alone = train(1);
            assert!(alone.1 != bits(&fresh));
            for threads in [1, 2, 3, 8, 64] {
                let what = format!("{optimizer}, {features} features, mask {mask} on {threads}");
                assert!(train(threads) == alone, "{what}");
            }
        }
    }
}

/// Words of four bytes, and gradients that are gathered by slots, since a batch touches few of so many rows.
#[test]
fn nor_where_features_are_many_at_any_level() {
    let folder = tempfile::tempdir().unwrap();
    let written = |features: usize| {
        let name = folder.path().join(format!("{features}.safetensors"));
        written(generated(2000, features, 5), &name)
    };
    let (many, some) = (written(200_000), written(70_000));
    let case = |optimizer, hidden| {
        let activation = Activation::Tanh;
        Case { optimizer, activation, hidden, batch_size: 300 }
    };
    let chosen = team(1).level();
    for (dataset, case) in [
        (&many, case("rmsprop", &[])),
        (&many, case("rmsprop:centered=true", &[20])),
        (&some, case("adagrad", &[32])),
        (&some, case("rmsprop", &[64, 16])),
    ] {
        let fresh = model(dataset, &case, 7);
        for level in Level::supported() {
            let train = |threads: usize| {
                let team = team(threads).with_level(level);
                train_further(dataset, &case, fresh.clone(), 7, &team)
            };
            let alone = train(1);
            assert!(alone.1 != bits(&fresh));
            // The other levels have a run of the suite of their own.
            let all: &[usize] = if level == chosen { &[2, 3, 8, 64] } else { &[3] };
            for &threads in all {
                let what = format!("{}, {:?} at {level} on {threads}", case.optimizer, case.hidden);
                assert!(train(threads) == alone, "{what}");
            }
        }
    }
}

/// What is found out about the validation's rows in the first epoch serves all others.
#[test]
fn validation_is_evaluation_in_every_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(12_000, 800, 9), &folder.path().join("d.safetensors"));
    let layer = Dense { units: 16, activation: Activation::Relu };
    for epochs in [1, 3] {
        let mut model = Model::new(Architecture::new(800, &[layer]).unwrap(), 1);
        let validation = Holdout::Split(Split::Test);
        let options = FitOptions { epochs, validation, ..FitOptions::default() };
        let plan = TrainPlan::new(&dataset, &model, options).unwrap();
        let history = fit(&plan, &mut model, &team(2), &mut Silent).unwrap().history;
        let loss = *history.get("val_loss").unwrap().last().unwrap();
        let again = evaluate(&model, &dataset, Split::Test, &BinaryCrossentropy, &team(2)).unwrap();
        // The first layer is summed in another order.
        assert!((loss / again.loss - 1.0).abs() < 1e-6, "{epochs} epochs: {loss} {again:?}");
    }
}

/// More rows than two windows have, and more to validate on than spans are kept for.
const TINY: [(Split, usize); 2] = [(Split::Train, 530_000), (Split::Test, 263_000)];

/// Rows of one to three words. Odd words are those of positive rows, as a rule.
fn tiny() -> InMemory {
    let mut random = Random::new(6, Stream::SyntheticReviews);
    let mut row = |split| {
        let label = random.below(2) as u8;
        let mut word = || {
            let word = random.below(200) as u32;
            if random.below(3) > 0 { word & !1 | u32::from(label) } else { word }
        };
        let words = [word(), word(), word()];
        (split, words[..1 + random.below(3) as usize].to_vec(), Some(label))
    };
    let rows = |(split, rows)| std::iter::repeat_n(split, rows);
    let reviews = TINY.into_iter().flat_map(rows).map(&mut row).collect();
    let options = serde_json::json!({});
    InMemory {
        contents: Contents {
            features: 200,
            vocabulary: None,
            text: None,
            sequences: false,
            options,
        },
        reviews,
    }
}

#[test]
fn several_windows_are_trained_on_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(tiny(), &folder.path().join("d.safetensors"));
    let layer = Dense { units: 16, activation: Activation::Relu };
    let fresh = Model::new(Architecture::new(dataset.features(), &[layer]).unwrap(), 1);
    let train = |shuffle, optimizer: &str, epochs, validation, threads| {
        let mut model = fresh.clone();
        let options = FitOptions {
            epochs,
            batch_size: 4096,
            validation,
            shuffle: Some(shuffle),
            optimizer: optimizer::parse(optimizer, None).unwrap(),
            ..FitOptions::default()
        };
        let plan = TrainPlan::new(&dataset, &model, options).unwrap();
        let history = fit(&plan, &mut model, &team(threads), &mut Silent).unwrap().history;
        (history, bits(&model))
    };
    let start = [Split::Train, Split::Test]
        .map(|split| evaluate(&fresh, &dataset, split, &BinaryCrossentropy, &team(2)).unwrap());
    for shuffle in [Shuffle::Blocked, Shuffle::Full, Shuffle::None] {
        // Steps too small to change a weight: each row is seen once with its own label, or the means are others.
        let (validation, epochs) = match shuffle {
            Shuffle::Blocked => (Holdout::Split(Split::Test), 2),
            Shuffle::Full | Shuffle::None => (Holdout::None, 1),
        };
        let (history, _) = train(shuffle, "sgd:learning_rate=1e-30", epochs, validation, 2);
        for (prefix, start) in ["", "val_"].into_iter().zip(&start) {
            if (prefix, validation) == ("val_", Holdout::None) {
                continue;
            }
            let values = |name: &str| history.get(&format!("{prefix}{name}")).unwrap();
            for (loss, accuracy) in values("loss").iter().zip(values("accuracy")) {
                let what = format!("{shuffle:?}: {history:?} {start:?}");
                assert!((loss / start.loss - 1.0).abs() < 1e-6, "{what}");
                assert!((accuracy - start.accuracy).abs() < 1e-9, "{what}");
            }
        }
    }
    for shuffle in [Shuffle::Blocked, Shuffle::Full] {
        let [trained, alone] =
            [2, 1].map(|threads| train(shuffle, "rmsprop", 1, Holdout::None, threads));
        assert!(trained == alone, "{shuffle:?}");
        let loss = trained.0.get("loss").unwrap()[0];
        assert!(loss < 0.9 * start[0].loss, "{shuffle:?}: {loss}");
    }
}

/// Threads that wait for each other by spinning alone would hardly let the others run.
#[test]
fn far_more_threads_than_cores_come_to_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(20_000, 1500, 1), &folder.path().join("d.safetensors"));
    // So many blocks that each thread may have one.
    let case = Case {
        optimizer: "rmsprop",
        activation: Activation::Relu,
        hidden: &[16],
        batch_size: 4096,
    };
    let start = Instant::now();
    let alone = train(&dataset, &case, 1, 1);
    let time = start.elapsed();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(train(&dataset, &case, 1, 64)));
    // It takes about a second; by spinning, a minute. Or as many times longer, where the kernels are slow.
    let patience = (1000 * time).max(Duration::from_secs(30));
    let many = receiver.recv_timeout(patience).expect("it comes to an end");
    assert!(many == alone);
}

/// A thread of the caller's own pool that waits for a team takes up more of what that pool has to do: another run.
#[test]
fn runs_of_a_callers_own_pool_come_to_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(2000, 500, 1), &folder.path().join("d.safetensors"));
    let case =
        Case { optimizer: "rmsprop", activation: Activation::Relu, hidden: &[16], batch_size: 64 };
    let expected: Vec<_> = (0..8).map(|seed| train(&dataset, &case, seed, 2)).collect();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(4).build().unwrap();
        for teams in [vec![team(2)], vec![team(2), team(3)]] {
            let run = |seed: u64| {
                let team = &teams[seed as usize % teams.len()];
                train_further(&dataset, &case, model(&dataset, &case, seed), seed, team)
            };
            let trained = pool.install(|| (0..8).into_par_iter().map(run).collect::<Vec<_>>());
            sender.send(trained).unwrap();
        }
    });
    for teams in ["one team", "two teams"] {
        let trained = receiver.recv_timeout(Duration::from_secs(120)).expect(teams);
        assert!(trained == expected, "{teams}");
    }
}
