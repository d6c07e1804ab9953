//! A run that is stopped anywhere and goes on ends with the bits of one that never stopped.

mod common;

use std::ops::ControlFlow;
use std::path::Path;

use common::{InMemory, generated, sequences, team, written};
use imdb_fast::Result;
use imdb_fast::dataset::{Dataset, Holdout};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense, Embedding, RowNorm};
use imdb_fast::optimizer;
use imdb_fast::text::{Rules, Unknown};
use imdb_fast::train::{
    Checkpoint, EarlyStopping, Ending, FeatureScale, FitOptions, History, Metric, Observer,
    Outcome, Shuffle, Silent, Snapshot, TrainPlan, WeightAverage, fit, metric, resume,
};
use serde_json::json;

/// A run, small enough to be stopped at each of its steps.
#[derive(Clone, Copy)]
struct Case {
    optimizer: &'static str,
    embedding: Option<Embedding>,
    hidden: &'static [usize],
    activation: Activation,
    batch_size: usize,
    epochs: usize,
    validation: Holdout,
    shuffle: Option<Shuffle>,
    patience: Option<usize>,
    keep_best: bool,
    is_scaled: bool,
    schedule: &'static str,
    biases: Option<&'static str>,
    clip: Option<f32>,
    l2: f32,
    dropout: [f32; 2],
    momentum: Option<f64>,
}

const PLAIN: Case = Case {
    optimizer: "rmsprop",
    embedding: None,
    hidden: &[16, 16],
    activation: Activation::Relu,
    batch_size: 64,
    epochs: 3,
    validation: Holdout::First(100),
    shuffle: None,
    patience: None,
    keep_best: false,
    is_scaled: false,
    schedule: "constant",
    biases: None,
    clip: None,
    l2: 0.0,
    dropout: [0.0; 2],
    momentum: None,
};

impl Case {
    fn options(&self) -> FitOptions {
        FitOptions {
            epochs: self.epochs,
            batch_size: self.batch_size,
            validation: self.validation,
            shuffle: self.shuffle,
            seed: 3,
            optimizer: optimizer::parse(self.optimizer, Some(0.01)).unwrap(),
            schedule: self.schedule.parse().unwrap(),
            bias_optimizer: self.biases.map(|biases| optimizer::parse_for_biases(biases).unwrap()),
            metrics: ["accuracy", "f1", "auc"].map(|name| metric(name).unwrap()).into(),
            early_stopping: self
                .patience
                .map(|patience| EarlyStopping { patience, min_delta: 0.0 }),
            keep_best: self.keep_best,
            global_clipnorm: self.clip,
            l2: self.l2,
            dropout: self.dropout[0],
            average_weights: self.momentum.map(|momentum| WeightAverage { momentum }),
            word_dropout: self.dropout[1],
            feature_scale: self.is_scaled.then_some(FeatureScale::NaiveBayes { smoothing: 1.0 }),
            row_norm: if self.is_scaled { RowNorm::L2 } else { RowNorm::None },
            ..FitOptions::default()
        }
    }

    fn model(&self, dataset: &Dataset) -> Model {
        let layer = |&units: &usize| Dense { units, activation: self.activation };
        let hidden: Vec<Dense> = self.hidden.iter().map(layer).collect();
        let dense = Architecture::new(dataset.features(), &hidden).unwrap();
        let network = match self.embedding {
            Some(embedding) => dense.with_embedding(embedding).unwrap(),
            None => dense,
        };
        Model::new(network, 3)
    }
}

/// All that has to be the same.
#[derive(PartialEq)]
struct End {
    weights: Vec<u32>,
    history: Vec<(String, Vec<u64>)>,
    epoch: Option<usize>,
    is_early: bool,
}

impl End {
    fn of(model: &Model, outcome: &Outcome) -> End {
        let parameters = model.parameters();
        let weights = parameters.first_kernel.iter().chain(&parameters.head.values);
        End {
            weights: weights.map(|value| value.to_bits()).collect(),
            history: bits(&outcome.history),
            epoch: outcome.epoch,
            is_early: matches!(outcome.ending, Ending::StoppedEarly),
        }
    }
}

fn bits(history: &History) -> Vec<(String, Vec<u64>)> {
    let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect();
    history.series().map(|(name, values)| (name.to_owned(), bits(values))).collect()
}

/// Stops or saves where `pauses` says so; counts the places that it is asked at.
struct Stopper<'a> {
    path: &'a Path,
    pauses: &'a (dyn Fn(usize) -> bool + Sync),
    goes_on: bool,
    asked: usize,
    saved: usize,
    failure: Option<imdb_fast::Error>,
}

impl<'a> Stopper<'a> {
    fn new(
        path: &'a Path,
        pauses: &'a (dyn Fn(usize) -> bool + Sync),
        goes_on: bool,
    ) -> Stopper<'a> {
        Stopper { path, pauses, goes_on, asked: 0, saved: 0, failure: None }
    }
}

impl Observer for Stopper<'_> {
    fn pauses(&mut self, _epoch: usize, _batch: usize) -> bool {
        self.asked += 1;
        (self.pauses)(self.asked - 1)
    }

    fn paused(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        let place = json!([snapshot.epoch(), snapshot.batch(), snapshot.history().epochs()]);
        self.failure = snapshot.save(self.path, &place).err();
        if self.failure.is_none() {
            let (saved, model) = (Checkpoint::load(self.path).unwrap(), snapshot.model());
            let saved = saved.model().unwrap();
            assert!(saved.parameters() == model.parameters());
            assert!(saved.input_scale() == model.input_scale());
        }
        self.saved += 1;
        if self.goes_on { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }
}

fn run(dataset: &Dataset, case: &Case, threads: usize, observer: &mut dyn Observer) -> End {
    let mut model = case.model(dataset);
    let plan = TrainPlan::new(dataset, &model, case.options()).unwrap();
    let outcome = fit(&plan, &mut model, &team(threads), observer).unwrap();
    End::of(&model, &outcome)
}

fn go_on(
    dataset: &Dataset,
    case: &Case,
    threads: usize,
    path: &Path,
    observer: &mut dyn Observer,
) -> Result<End> {
    let mut model = case.model(dataset);
    let plan = TrainPlan::new(dataset, &model, case.options())?;
    let outcome = resume(&plan, &mut model, &team(threads), observer, Checkpoint::load(path)?)?;
    Ok(End::of(&model, &outcome))
}

/// Stops at every place there is, with 1 or 2 threads before it and 2 or 1 behind it. Returns how many there were.
fn stop_everywhere(dataset: &Dataset, case: &Case, folder: &Path) -> usize {
    let path = &folder.join("checkpoint.safetensors");
    let what = case.optimizer;
    let whole = run(dataset, case, 1, &mut Silent);

    // To save everywhere changes nothing.
    let always = |_| true;
    let mut saver = Stopper::new(path, &always, true);
    assert!(run(dataset, case, 2, &mut saver) == whole, "{what}: saved at each step");
    assert!(saver.failure.is_none() && saver.saved == saver.asked && saver.saved > 0, "{what}");

    for place in 0..saver.asked {
        let here = |asked| asked == place;
        let threads = 1 + place % 2;
        let mut stopper = Stopper::new(path, &here, false);
        let stopped = run(dataset, case, threads, &mut stopper);
        assert!(stopper.failure.is_none() && stopper.saved == 1, "{what}, place {place}");
        let checkpoint = Checkpoint::load(path).unwrap();
        assert_eq!(stopped.history.first().map_or(0, |(_, v)| v.len()), checkpoint.epoch());
        let again = go_on(dataset, case, 3 - threads, path, &mut Silent).unwrap();
        assert!(again == whole, "{what}, stopped at place {place} of {}", saver.asked);
    }

    // Stopped at every step of one run, which goes on each time.
    let first = |asked| asked == 0;
    let mut stopper = Stopper::new(path, &first, false);
    run(dataset, case, 1, &mut stopper);
    let mut stops = 1;
    let last = loop {
        let mut stopper = Stopper::new(path, &first, false);
        let end = go_on(dataset, case, 1 + stops % 2, path, &mut stopper).unwrap();
        if stopper.saved == 0 {
            break end;
        }
        stops += 1;
    };
    assert!(last == whole && stops == saver.asked, "{what}: {stops} stops in a row");
    saver.asked
}

#[test]
fn a_stop_at_any_step_changes_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(800, 900, 1), &folder.path().join("d.safetensors"));
    let many = written(generated(600, 200_000, 2), &folder.path().join("many.safetensors"));
    let few = written(generated(80, 20_000, 3), &folder.path().join("few.safetensors"));
    let ordered = written(sequences(400, 900, 4), &folder.path().join("ordered.safetensors"));
    let wide = written(sequences(300, 70_000, 5), &folder.path().join("wide.safetensors"));
    let vectors = Embedding { dim: 8, max_len: 40, mask: false };
    let embedded = Case { embedding: Some(vectors), hidden: &[4], ..PLAIN };
    let masked = Case { embedding: Some(Embedding { mask: true, ..vectors }), ..embedded };
    let part = Holdout::Fraction(0.2);
    // A linear model keeps each weight beside its state where its words are far apart.
    let linear = Case { optimizer: "adagrad", hidden: &[], validation: part, ..PLAIN };
    let cases = [
        (&dataset, PLAIN),
        // Rows that few batches touch: their counters differ from row to row.
        (&many, Case { hidden: &[4], batch_size: 100, ..PLAIN }),
        (&many, Case { optimizer: "rmsprop:centered=true", hidden: &[5], batch_size: 90, ..PLAIN }),
        (&dataset, Case { optimizer: "adam", hidden: &[], validation: Holdout::None, ..PLAIN }),
        (
            &dataset,
            Case { optimizer: "adamw:amsgrad=true", activation: Activation::Prelu, ..PLAIN },
        ),
        (&dataset, Case { optimizer: "sgd:momentum=0.9,nesterov=true", validation: part, ..PLAIN }),
        (&dataset, Case { optimizer: "sgd", shuffle: Some(Shuffle::None), ..PLAIN }),
        (&dataset, Case { optimizer: "adagrad", batch_size: 37, keep_best: true, ..PLAIN }),
        (
            &dataset,
            Case { patience: Some(2), keep_best: true, epochs: 30, batch_size: 200, ..PLAIN },
        ),
        (&many, Case { is_scaled: true, keep_best: true, batch_size: 100, ..PLAIN }),
        (&many, Case { schedule: "linear:warm_up=0.1", batch_size: 150, ..PLAIN }),
        (&dataset, Case { optimizer: "adam", schedule: "cosine", batch_size: 150, ..PLAIN }),
        (&many, Case { optimizer: "adam:rows=touched", batch_size: 150, ..PLAIN }),
        (&dataset, Case { biases: Some("adam"), hidden: &[], batch_size: 150, ..PLAIN }),
        (&many, Case { optimizer: "sgd", biases: Some("rmsprop"), batch_size: 150, ..PLAIN }),
        (&many, Case { dropout: [0.2, 0.1], batch_size: 150, ..PLAIN }),
        (&many, Case { momentum: Some(0.9), batch_size: 150, ..PLAIN }),
        (&dataset, Case { momentum: Some(0.9), patience: Some(1), batch_size: 150, ..PLAIN }),
        (&dataset, Case { l2: 0.01, batch_size: 150, ..PLAIN }),
        (&dataset, Case { optimizer: "sgd:weight_decay=0.1", batch_size: 150, ..PLAIN }),
        (&dataset, Case { clip: Some(0.01), batch_size: 150, ..PLAIN }),
        (&dataset, Case { batch_size: 5000, shuffle: Some(Shuffle::Blocked), ..PLAIN }),
        (&few, Case { batch_size: 1, epochs: 2, is_scaled: true, keep_best: true, ..linear }),
        (&few, Case { optimizer: "rmsprop", batch_size: 1, epochs: 2, ..linear }),
        (&many, Case { batch_size: 90, is_scaled: true, keep_best: true, ..linear }),
        (
            &dataset,
            Case { optimizer: "adam", hidden: &[3], is_scaled: true, batch_size: 150, ..PLAIN },
        ),
        (&ordered, Case { optimizer: "adam", ..embedded }),
        (&wide, Case { keep_best: true, batch_size: 50, ..masked }),
    ];
    let mut stops = 0;
    for (dataset, case) in &cases {
        stops += stop_everywhere(dataset, case, folder.path());
    }
    println!("{stops} stops in {} runs, and as many in a row", cases.len());
    assert!(stops > 200, "{stops}");
}

#[test]
fn notes_that_would_not_be_read_again_are_not_saved() {
    struct Deep<'a>(&'a Path, String);
    impl Observer for Deep<'_> {
        fn pauses(&mut self, _epoch: usize, _batch: usize) -> bool {
            true
        }
        fn paused(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
            let notes = (0..128).fold(json!(1), |inner, _| [inner].into());
            self.1 = snapshot.save(self.0, &notes).unwrap_err().to_string();
            ControlFlow::Break(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(800, 900, 1), &folder.path().join("d.safetensors"));
    let path = folder.path().join("checkpoint.safetensors");
    let mut deep = Deep(&path, String::new());
    run(&dataset, &PLAIN, 1, &mut deep);
    assert!(deep.1.contains("deeply nested JSON") && !path.exists(), "{}", deep.1);
}

/// Of more reviews than a window holds: stopped within a window, at its end, and between epochs.
#[test]
fn nor_does_a_stop_among_several_windows() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(360_000, 40, 3), &folder.path().join("d.safetensors"));
    let path = &folder.path().join("checkpoint.safetensors");
    for shuffle in [Shuffle::Full, Shuffle::Blocked] {
        // 270,000 reviews, a window of 64 batches, and one of two.
        let case = Case {
            hidden: &[2],
            batch_size: 4096,
            epochs: 2,
            validation: Holdout::None,
            shuffle: Some(shuffle),
            ..PLAIN
        };
        let whole = run(&dataset, &case, 2, &mut Silent);
        for place in [30, 63, 64, 130] {
            let here = |asked| asked == place;
            let mut stopper = Stopper::new(path, &here, false);
            run(&dataset, &case, 2, &mut stopper);
            assert!(stopper.failure.is_none() && stopper.saved == 1, "{shuffle:?}, {place}");
            let again = go_on(&dataset, &case, 1, path, &mut Silent).unwrap();
            assert!(again == whole, "{shuffle:?}, stopped at place {place}");
        }
    }
}

#[test]
fn a_run_goes_on_with_what_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(800, 900, 1), &folder.path().join("d.safetensors"));
    let other = written(generated(800, 900, 2), &folder.path().join("other.safetensors"));
    let path = &folder.path().join("checkpoint.safetensors");
    let here = |asked| asked == 10;
    run(&dataset, &PLAIN, 1, &mut Stopper::new(path, &here, false));
    let refused = |dataset: &Dataset, case: Case, parts: &[&str]| {
        let error = go_on(dataset, &case, 1, path, &mut Silent).err().unwrap().to_string();
        for part in [parts, &["checkpoint.safetensors"]].concat() {
            assert!(error.contains(part), "no {part:?} in {error}");
        }
    };
    let parts = ["other.safetensors", "d.safetensors", "fingerprint"];
    refused(&other, PLAIN, &parts);
    refused(&dataset, Case { batch_size: 65, ..PLAIN }, &["--batch-size is 65", "with 64"]);
    refused(&dataset, Case { optimizer: "adam", ..PLAIN }, &["--optimizer", "RmsProp", "Adam"]);
    refused(&dataset, Case { optimizer: "rmsprop:rho=0.8", ..PLAIN }, &["rho: 0.8", "rho: 0.9"]);
    refused(&dataset, Case { hidden: &[16], ..PLAIN }, &["the model", "\"units\":16"]);
    let shuffle = Some(Shuffle::None);
    refused(&dataset, Case { shuffle, ..PLAIN }, &["--shuffle is none", "with full"]);
    refused(&dataset, Case { patience: Some(1), ..PLAIN }, &["--early-stopping"]);
    refused(&dataset, Case { validation: Holdout::First(101), ..PLAIN }, &["--validation"]);
    refused(&dataset, Case { epochs: 1, ..PLAIN }, &["--epochs is 1", "ask for more"]);
    refused(&dataset, Case { schedule: "linear", ..PLAIN }, &["--schedule", "linear:end=0"]);
    refused(&dataset, Case { biases: Some("sgd"), ..PLAIN }, &["--bias-optimizer", "None"]);
    refused(&dataset, Case { l2: 0.1, ..PLAIN }, &["--l2 is 0.1", "with 0"]);
    refused(&dataset, Case { dropout: [0.5, 0.0], ..PLAIN }, &["--dropout is 0.5"]);
    refused(&dataset, Case { dropout: [0.0, 0.5], ..PLAIN }, &["--word-dropout is 0.5"]);
    refused(&dataset, Case { momentum: Some(0.9), ..PLAIN }, &["--average-weights", "with none"]);
    refused(&dataset, Case { clip: Some(1.0), ..PLAIN }, &["--global-clipnorm", "None"]);
    // A copy elsewhere is the same dataset, and more epochs are the run that was to have them.
    let copy = folder.path().join("copy.safetensors");
    std::fs::copy(folder.path().join("d.safetensors"), &copy).unwrap();
    let copy = Dataset::open(&copy, imdb_fast::container::Access::Read).unwrap();
    let longer = Case { epochs: 5, ..PLAIN };
    let whole = run(&dataset, &longer, 1, &mut Silent);
    assert!(go_on(&copy, &longer, 2, path, &mut Silent).unwrap() == whole);
    // Not where the rates of the same steps change with the number of epochs.
    let linear = Case { schedule: "linear", ..PLAIN };
    run(&dataset, &linear, 1, &mut Stopper::new(path, &here, false));
    let whole = run(&dataset, &linear, 1, &mut Silent);
    assert!(go_on(&dataset, &linear, 2, path, &mut Silent).unwrap() == whole);
    refused(&dataset, Case { epochs: 5, ..linear }, &["--schedule", "over 40 steps", "over 24"]);
}

/// Both are of the dataset, whatever is trained: an embedding goes by the order of words, and a model takes over the rules.
#[test]
fn a_run_goes_on_with_the_sequences_and_the_rules_that_it_began_with() {
    let folder = tempfile::tempdir().unwrap();
    let write = |source: InMemory, name: &str| written(source, &folder.path().join(name));
    let mut source = sequences(800, 900, 1);
    let rules = Rules { num_words: 900, ..Rules::default() };
    source.contents.text = Some(rules.clone());
    let mut reversed = source.clone();
    reversed.reviews.iter_mut().for_each(|(_, words, _)| words.reverse());
    let mut ruled = source.clone();
    ruled.contents.text = Some(Rules { unknown: Unknown::Cut, ..rules });

    let dataset = write(source, "d.safetensors");
    let path = &folder.path().join("checkpoint.safetensors");
    run(&dataset, &PLAIN, 1, &mut Stopper::new(path, &|asked| asked == 10, false));
    for (other, name) in [(reversed, "reversed.safetensors"), (ruled, "ruled.safetensors")] {
        let other = write(other, name);
        let error = go_on(&other, &PLAIN, 1, path, &mut Silent).err().unwrap().to_string();
        assert!(error.contains(name) && error.contains("had other contents"), "{error}");
    }
    go_on(&dataset, &PLAIN, 1, path, &mut Silent).unwrap();
}

/// Counts reviews, and keeps how many to itself.
#[derive(Debug, Default)]
struct Secretive(usize);

impl Metric for Secretive {
    fn name(&self) -> &str {
        "secretive"
    }
    fn update(&mut self, probabilities: &[f32], _labels: &[u8]) {
        self.0 += probabilities.len();
    }
    fn result(&self) -> f64 {
        self.0 as f64
    }
    fn fresh(&self) -> Box<dyn Metric> {
        Box::new(Secretive::default())
    }
}

#[test]
fn a_metric_without_a_state_is_saved_between_epochs_only() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(800, 900, 1), &folder.path().join("d.safetensors"));
    let path = &folder.path().join("checkpoint.safetensors");
    let options = || FitOptions { metrics: vec![Box::new(Secretive(0))], ..PLAIN.options() };
    let stop = |place: usize| {
        let mut model = PLAIN.model(&dataset);
        let plan = TrainPlan::new(&dataset, &model, options()).unwrap();
        let here = |asked| asked == place;
        let mut stopper = Stopper::new(path, &here, false);
        let outcome = fit(&plan, &mut model, &team(1), &mut stopper).unwrap();
        assert!(matches!(outcome.ending, Ending::Interrupted));
        (stopper.failure, outcome.epoch)
    };
    let (failure, epoch) = stop(3);
    let failure = failure.unwrap().to_string();
    assert!(failure.contains("secretive") && failure.contains("Metric::state"), "{failure}");
    assert!(!path.exists() && epoch.is_none());
    // Eight batches an epoch, and then its end.
    let (failure, epoch) = stop(8);
    assert!(failure.is_none() && epoch == Some(0));
    let mut model = PLAIN.model(&dataset);
    let plan = TrainPlan::new(&dataset, &model, options()).unwrap();
    let checkpoint = Checkpoint::load(path).unwrap();
    assert_eq!((checkpoint.epoch(), checkpoint.batch()), (1, 0));
    let outcome = resume(&plan, &mut model, &team(2), &mut Silent, checkpoint).unwrap();
    assert_eq!(outcome.history.get("secretive"), Some(&[500.0; 3][..]));
}

/// The header of a file as text, what follows it, and a way back.
fn parts(bytes: &[u8]) -> (String, Vec<u8>) {
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header = String::from_utf8(bytes[8..8 + length].to_vec()).unwrap();
    (header, bytes[8 + length..].to_vec())
}

fn joined((header, tensors): (&str, &[u8])) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), tensors].concat()
}

/// Whoever writes a checkpoint by hand can get its checksums right, and still nothing is trusted.
#[test]
fn a_forged_checkpoint_is_refused() {
    // Many more than a batch has, so that steps are counted for each of them.
    const FEATURES: usize = 5_000;
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(800, FEATURES, 1), &folder.path().join("d.safetensors"));
    let path = &folder.path().join("checkpoint.safetensors");
    let here = |asked| asked == 10;
    let case = Case { hidden: &[2], momentum: Some(0.9), ..PLAIN };
    run(&dataset, &case, 1, &mut Stopper::new(path, &here, false));
    let (header, tensors) = parts(&std::fs::read(path).unwrap());
    let value: serde_json::Value = serde_json::from_str(header.trim_end()).unwrap();
    let sound = value["__metadata__"]["run"].as_str().unwrap().to_owned();

    let forge = |change: &dyn Fn(&mut serde_json::Value, &mut Vec<u8>, &mut serde_json::Value)| {
        let (mut header, mut tensors) = (value.clone(), tensors.clone());
        let mut run: serde_json::Value = serde_json::from_str(&sound).unwrap();
        change(&mut header, &mut tensors, &mut run);
        let run = run.to_string();
        let metadata = header["__metadata__"].as_object_mut().unwrap();
        metadata["run"] = run.into();
        metadata.remove("xxh3:header");
        for (name, info) in header.clone().as_object().unwrap() {
            if let Some(offsets) = info["data_offsets"].as_array() {
                let at = |i: usize| offsets[i].as_u64().unwrap() as usize;
                let hash = format!("{:016x}", xxh3(&tensors[at(0)..at(1)]));
                header["__metadata__"][format!("xxh3:{name}")] = hash.into();
            }
        }
        header.sort_all_objects();
        let hash = format!("{:016x}", xxh3(header.to_string().as_bytes()));
        header["__metadata__"]["xxh3:header"] = hash.into();
        let mut header = header.to_string();
        header.extend(std::iter::repeat_n(' ', header.len().next_multiple_of(8) - header.len()));
        std::fs::write(path, joined((&header, &tensors))).unwrap();
        go_on(&dataset, &case, 2, path, &mut Silent)
    };
    let start = |header: &serde_json::Value, tensor: &str| {
        header[tensor]["data_offsets"][0].as_u64().unwrap() as usize
    };
    assert!(forge(&|_, _, _| {}).unwrap() == run(&dataset, &case, 1, &mut Silent), "unchanged");

    let refused = |what: &str, part: &str, result: Result<End>| {
        let error = result.err().unwrap_or_else(|| panic!("{what} was taken")).to_string();
        assert!(error.contains(part), "{what}: no {part:?} in {error}");
    };
    // Facts.
    for (key, forged, part) in [
        ("epoch", json!(7), "--epochs"),
        ("epoch", json!(0), "tensor `optimizer.updated`"),
        ("epoch", json!(-1), "metadata `run`"),
        ("epoch", json!(u64::MAX), "--epochs"),
        ("batch", json!(u64::MAX), "metadata `run`"),
        ("batches", json!(0), "metadata `run`"),
        ("window", json!(u64::MAX >> 1), "tensor `order.window`"),
        ("score", json!(null), "metadata `run`"),
        ("quantities", json!(["loss"]), "the history is of"),
        ("options", json!([]), "--batch-size"),
        ("dataset", json!({"path": "d", "fingerprint": "0"}), "the dataset"),
    ] {
        refused(key, part, forge(&|_, _, run| run[key] = forged.clone()));
    }
    for (at, forged) in [
        ("/score/loss_bits", json!(u64::MAX)),
        ("/score/reviews", json!(0)),
        ("/score/reviews", json!(u64::MAX)),
        ("/score/metrics", json!([])),
        ("/score/metrics/0", json!([9])),
        ("/score/metrics/2/7", json!(u64::MAX)),
    ] {
        let result = forge(&|_, _, run| *run.pointer_mut(at).unwrap() = forged.clone());
        refused(at, "metadata `run`", result);
    }
    // Values.
    for (tensor, forged) in [
        ("order.window", 0xffff_ffffu32.to_le_bytes()),
        ("optimizer.updated", 1_000u32.to_le_bytes()),
        ("average.updated", 1_000u32.to_le_bytes()),
        ("dense_0.kernel", f32::NAN.to_le_bytes()),
        ("dense_1.bias", f32::INFINITY.to_le_bytes()),
    ] {
        let result = forge(&|header, tensors, _| {
            let at = start(header, tensor);
            tensors[at..at + 4].copy_from_slice(&forged);
        });
        refused(tensor, &format!("tensor `{tensor}`"), result);
    }
    // Shapes and types that the bytes have room for, and tensors that are not there.
    for (tensor, field, forged) in [
        ("optimizer.first_kernel", "shape", json!([FEATURES, 2, 1])),
        ("optimizer.head", "shape", json!([5, 1])),
        ("optimizer.updated", "dtype", json!("F32")),
        ("order.generator", "shape", json!([4, 8])),
        ("order.window", "shape", json!([50, 10])),
        ("history", "shape", json!([2, 4])),
        ("dense_0.kernel", "shape", json!([2, FEATURES])),
        ("best.first_kernel", "shape", json!([2 * FEATURES])),
        ("best.head", "shape", json!([5, 1])),
        ("average.first_kernel", "shape", json!([2, FEATURES])),
        ("average.updated", "shape", json!([1, FEATURES])),
        ("average.head", "shape", json!([5, 1])),
    ] {
        let result = forge(&|header, _, _| header[tensor][field] = forged.clone());
        refused(tensor, &format!("tensor `{tensor}`"), result);
    }
    for tensor in ["optimizer.first_kernel", "best.head", "average.head", "order.window", "history"]
    {
        let result = forge(&|header, _, _| {
            let info = header.as_object_mut().unwrap().shift_remove(tensor).unwrap();
            header["unknown"] = info;
        });
        refused(tensor, &format!("no tensor `{tensor}`"), result);
    }
}

/// Bytes as a file's own checksums have them.
fn xxh3(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}
