//! The runs of a sweep, one thread each.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::{Design, Judging, Run};
use crate::dataset::{Dataset, Folds, Holdout};
use crate::error::Result;
use crate::model::Model;
use crate::train::{self, Ending, History, Snapshot, Team, TrainPlan, fit};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// What went wrong, where the loss or a weight stopped being a number; the history then ends before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverged: Option<String>,
    /// `loss`, `accuracy`, `val_loss` and `val_accuracy`, one value an epoch.
    pub history: History,
}

/// Hears of the runs of a sweep, from several threads at once.
pub trait Observer: Sync {
    /// A run of [`Design::runs`], by its place there, begins.
    fn begins(&self, run: usize) {
        let _ = run;
    }

    /// An epoch of a run is done; it stands at the end of `history`.
    fn epoch_ended(&self, run: usize, history: &History) {
        let _ = (run, history);
    }

    /// A run is done.
    ///
    /// # Errors
    /// An error ends the sweep.
    fn ended(&self, run: usize, finished: &Finished) -> Result<()> {
        let _ = (run, finished);
        Ok(())
    }

    /// Whether the sweep is to stop; asked after each batch. Runs on their way are then given up.
    fn stops(&self) -> bool {
        false
    }
}

/// Hears nothing.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Observer for Unwatched {}

/// Trains all runs of a design that are not in `finished` yet, each on one thread of `team`.
///
/// `finished` has a place for each of [`Design::runs`], or none at all. The result is the same with the rest filled in; with gaps
/// where the observer has stopped the sweep.
///
/// # Errors
/// [`Error::Unfit`](crate::Error::Unfit) where an option does not fit the data, and what the observer has returned. Runs that
/// diverge are no error.
///
/// # Panics
/// If `finished` has another length; if the observer panics.
pub fn run(
    design: &Design,
    dataset: &Dataset,
    team: &Team,
    mut finished: Vec<Option<Finished>>,
    observer: &dyn Observer,
) -> Result<Vec<Option<Finished>>> {
    let runs = design.runs();
    if finished.is_empty() {
        finished.resize(runs.len(), None);
    }
    assert_eq!(finished.len(), runs.len(), "there is one place a run");
    let left: Vec<usize> = (0..runs.len()).filter(|&run| finished[run].is_none()).collect();
    let sweep = Sweep {
        design,
        dataset,
        observer,
        folds: cut(design, dataset)?,
        has_failed: AtomicBool::new(false),
    };
    let next = AtomicUsize::new(0);
    let results = Mutex::new((finished, None));
    team.run(team.size().min(left.len()).max(1), |_| {
        let results = || results.lock().unwrap_or_else(PoisonError::into_inner);
        let alone = Team::new(1).map(|alone| alone.with_level(team.level()));
        let done = alone.and_then(|alone| {
            while let Some(&place) = left.get(next.fetch_add(1, Ordering::Relaxed)) {
                let Some(one) = sweep.train(&alone, place, runs[place])? else { break };
                observer.ended(place, &one)?;
                results().0[place] = Some(one);
            }
            Ok(())
        });
        if let Err(error) = done {
            sweep.has_failed.store(true, Ordering::Relaxed);
            results().1.get_or_insert(error);
        }
    });
    let (finished, error) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    error.map_or(Ok(finished), Err)
}

/// The folds of each seed.
fn cut(design: &Design, dataset: &Dataset) -> Result<BTreeMap<u64, Folds>> {
    let Judging::Folds(count) = design.judging() else { return Ok(BTreeMap::new()) };
    design.seeds().iter().map(|&seed| Ok((seed, Folds::new(dataset, count, seed)?))).collect()
}

/// What the threads share.
struct Sweep<'a> {
    design: &'a Design,
    dataset: &'a Dataset,
    observer: &'a dyn Observer,
    folds: BTreeMap<u64, Folds>,
    has_failed: AtomicBool,
}

impl Sweep<'_> {
    /// One run; nothing where it is given up.
    fn train(&self, alone: &Team, place: usize, run: Run) -> Result<Option<Finished>> {
        if self.stops() {
            return Ok(None);
        }
        self.observer.begins(place);
        let configuration = &self.design.configurations()[run.configuration];
        let architecture = configuration.architecture(self.dataset.features())?;
        let mut model = Model::new(architecture, run.seed);
        let plan = match (self.design.judging(), run.fold) {
            (Judging::Folds(_), Some(fold)) => {
                let folds = &self.folds[&run.seed];
                let options = configuration.fit_options(run.seed, Holdout::None)?;
                let (train, held_out) = (folds.train(fold), folds.held_out(fold));
                TrainPlan::of_rows(self.dataset, &model, options, &train, held_out)?
            }
            (Judging::Holdout(holdout), _) => {
                let options = configuration.fit_options(run.seed, holdout)?;
                TrainPlan::new(self.dataset, &model, options)?
            }
            (Judging::Folds(_), None) => unreachable!("a run of a design with folds has one"),
        };
        let mut watch = Watch { sweep: self, place };
        let outcome = fit(&plan, &mut model, alone, &mut watch)?;
        Ok(match outcome.ending {
            Ending::Interrupted => None,
            Ending::Diverged(error) => {
                let diverged = Some(error.to_string());
                Some(Finished { diverged, history: outcome.history })
            }
            Ending::Completed | Ending::StoppedEarly => {
                Some(Finished { diverged: None, history: outcome.history })
            }
        })
    }

    fn stops(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed) || self.observer.stops()
    }
}

/// Looks after one run for the sweep.
struct Watch<'a> {
    sweep: &'a Sweep<'a>,
    place: usize,
}

impl train::Observer for Watch<'_> {
    fn pauses(&mut self, _epoch: usize, _batch: usize) -> bool {
        self.sweep.stops()
    }

    fn paused(&mut self, _snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        ControlFlow::Break(())
    }

    fn epoch_ended(&mut self, _epoch: usize, history: &History) -> ControlFlow<()> {
        self.sweep.observer.epoch_ended(self.place, history);
        ControlFlow::Continue(())
    }
}
