//! A run that is stopped anywhere and goes on ends with the bits of one that never stopped.

mod common;

use std::ops::ControlFlow;
use std::path::Path;

use common::{generated, team, written};
use imdb_fast::Result;
use imdb_fast::dataset::{Dataset, Holdout};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::optimizer;
use imdb_fast::train::{
    Checkpoint, EarlyStopping, Ending, FitOptions, History, Observer, Outcome, Shuffle, Silent,
    Snapshot, TrainPlan, fit, metric, resume,
};
use serde_json::json;

/// A run, small enough to be stopped at each of its steps.
#[derive(Clone, Copy)]
struct Case {
    optimizer: &'static str,
    hidden: &'static [usize],
    activation: Activation,
    batch_size: usize,
    epochs: usize,
    validation: Holdout,
    shuffle: Option<Shuffle>,
    patience: Option<usize>,
    keep_best: bool,
}

const PLAIN: Case = Case {
    optimizer: "rmsprop",
    hidden: &[16, 16],
    activation: Activation::Relu,
    batch_size: 64,
    epochs: 3,
    validation: Holdout::First(100),
    shuffle: None,
    patience: None,
    keep_best: false,
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
            metrics: ["accuracy", "f1", "auc"].map(|name| metric(name).unwrap()).into(),
            early_stopping: self
                .patience
                .map(|patience| EarlyStopping { patience, min_delta: 0.0 }),
            keep_best: self.keep_best,
            ..FitOptions::default()
        }
    }

    fn model(&self, dataset: &Dataset) -> Model {
        let layer = |&units: &usize| Dense { units, activation: self.activation };
        let hidden: Vec<Dense> = self.hidden.iter().map(layer).collect();
        Model::new(Architecture::new(dataset.features(), &hidden).unwrap(), 3)
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
    let part = Holdout::Fraction(0.2);
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
        (&dataset, Case { batch_size: 5000, shuffle: Some(Shuffle::Blocked), ..PLAIN }),
    ];
    let mut stops = 0;
    for (dataset, case) in &cases {
        stops += stop_everywhere(dataset, case, folder.path());
    }
    println!("{stops} stops in {} runs, and as many in a row", cases.len());
    assert!(stops > 200, "{stops}");
}
