//! The runs of the library: the same whatever the threads, the order and what was done before.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use imdb_fast::dataset::{Dataset, Holdout};
use imdb_fast::error::{Error, Result};
use imdb_fast::model::Model;
use imdb_fast::sweep::{
    self, Configuration, Design, Finished, Grid, Judging, Observer, Unwatched, rank,
};
use imdb_fast::train::{Silent, TrainPlan, fit};

use crate::common::{generated, team, written};

fn dataset(folder: &tempfile::TempDir) -> Dataset {
    written(generated(1_200, 300, 8), &folder.path().join("d"))
}

fn grid() -> Vec<Configuration> {
    let grid = Grid {
        hidden: vec![vec![], vec![5], vec![16, 16]],
        optimizer: vec!["rmsprop".to_owned(), "adam".to_owned()],
        batch_size: vec![64],
        epochs: vec![3],
        ..Grid::default()
    };
    grid.configurations().unwrap().0
}

fn design(judging: Judging) -> Design {
    Design::new(grid(), vec![1, 2], judging, None).unwrap()
}

const HOLDOUT: Judging = Judging::Holdout(Holdout::Fraction(0.3));

#[test]
fn results_do_not_depend_on_threads_nor_on_what_was_done_before() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    for judging in [HOLDOUT, Judging::Folds(3)] {
        let design = design(judging);
        let run = |threads, done| {
            sweep::run(&design, &dataset, &team(threads), done, &Unwatched).unwrap()
        };
        let expected = run(1, Vec::new());
        assert!(expected.iter().all(Option::is_some));
        assert_eq!(expected.len(), 6 * design.runs_each());
        for threads in [2, 3] {
            assert!(run(threads, Vec::new()) == expected, "{judging:?} on {threads} threads");
        }
        let mut half = expected.clone();
        half.iter_mut().step_by(2).for_each(|run| *run = None);
        assert!(run(2, half) == expected);
    }
}

#[test]
fn a_run_is_what_it_would_be_alone() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    let design = design(HOLDOUT);
    let runs = sweep::run(&design, &dataset, &team(2), Vec::new(), &Unwatched).unwrap();
    for (run, finished) in design.runs().into_iter().zip(&runs) {
        let configuration = &design.configurations()[run.configuration];
        let architecture = configuration.architecture(dataset.features()).unwrap();
        let mut model = Model::new(architecture, run.seed);
        let options = configuration.fit_options(run.seed, Holdout::Fraction(0.3)).unwrap();
        let plan = TrainPlan::new(&dataset, &model, options).unwrap();
        let history = fit(&plan, &mut model, &team(2), &mut Silent).unwrap().history;
        assert_eq!(finished.as_ref().unwrap().history, history, "{run:?}");
    }
}

#[test]
fn a_run_that_diverges_does_not_end_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    let wild = Configuration {
        optimizer: "sgd".to_owned(),
        activation: "linear".to_owned(),
        loss: "mean-squared-error".to_owned(),
        learning_rate: Some(f32::MAX),
        ..Configuration::default()
    };
    let tame = Configuration { loss: wild.loss.clone(), epochs: 2, ..Configuration::default() };
    let design = Design::new(vec![wild, tame], vec![1], HOLDOUT, None).unwrap();
    let runs = sweep::run(&design, &dataset, &team(2), Vec::new(), &Unwatched).unwrap();
    let reason = runs[0].as_ref().unwrap().diverged.as_ref().unwrap();
    assert!(reason.contains("not finite"), "{reason}");
    assert_eq!(runs[1].as_ref().unwrap().diverged, None);
    let ranking = rank(&design, &runs);
    assert_eq!((ranking[0].configuration, ranking[1].diverged), (1, 1));
}

/// Stops after some runs, or fails at one.
#[derive(Default)]
struct Watch {
    stop_after: usize,
    fails: bool,
    ended: AtomicUsize,
    heard: Mutex<Vec<(usize, usize)>>,
}

impl Observer for Watch {
    fn epoch_ended(&self, run: usize, history: &imdb_fast::train::History) {
        self.heard.lock().unwrap().push((run, history.epochs()));
    }

    fn ended(&self, run: usize, _finished: &Finished) -> Result<()> {
        self.ended.fetch_add(1, Ordering::SeqCst);
        match self.fails && run == 2 {
            true => Err(Error::invalid("the disk", "full", "room")),
            false => Ok(()),
        }
    }

    fn stops(&self) -> bool {
        self.ended.load(Ordering::SeqCst) >= self.stop_after
    }
}

#[test]
fn a_sweep_stops_and_fails_with_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    let design = design(HOLDOUT);
    let whole = sweep::run(&design, &dataset, &team(1), Vec::new(), &Unwatched).unwrap();
    for threads in [1, 2] {
        let watch = Watch { stop_after: 3, ..Watch::default() };
        let part = sweep::run(&design, &dataset, &team(threads), Vec::new(), &watch).unwrap();
        let done = part.iter().flatten().count();
        assert!((3..3 + threads).contains(&done), "{done}");
        for (part, whole) in part.iter().zip(&whole) {
            assert!(part.is_none() || part == whole);
        }
        let heard = watch.heard.into_inner().unwrap();
        for (run, _) in part.iter().enumerate().filter(|(_, one)| one.is_some()) {
            assert!(heard.iter().filter(|heard| heard.0 == run).map(|heard| heard.1).eq(1..=3));
        }

        let watch = Watch { stop_after: usize::MAX, fails: true, ..Watch::default() };
        let failed = sweep::run(&design, &dataset, &team(threads), Vec::new(), &watch);
        assert!(failed.unwrap_err().to_string().contains("the disk"));
    }
    let unfit = Design::new(grid(), vec![1], Judging::Folds(2_000), None).unwrap();
    assert!(unfit.check(&dataset).is_err());
    assert!(sweep::run(&unfit, &dataset, &team(1), Vec::new(), &Unwatched).is_err());
    let nothing = Judging::Holdout(Holdout::Fraction(1e-9));
    let error = design_with(nothing).check(&dataset).unwrap_err().to_string();
    assert!(error.contains("hold out more"), "{error}");
}

fn design_with(judging: Judging) -> Design {
    Design::new(vec![Configuration::default()], vec![1], judging, None).unwrap()
}
