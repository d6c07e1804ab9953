//! The runs of a sweep, one thread each.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::{Design, Judging, Run};
use crate::dataset::{Dataset, Folds};
use crate::error::Result;
use crate::train::{self, Ending, History, Team, fit};

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// What went wrong, where the loss or a weight stopped being a number; the history then ends before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diverged: Option<String>,
    /// [`Finished::SERIES`], one value an epoch.
    pub history: History,
}

impl Finished {
    /// The quantities of its history.
    pub const SERIES: [&str; 4] = ["loss", "accuracy", "val_loss", "val_accuracy"];

    /// Whether its history has these and no others, or nothing at all: what is read may be any.
    pub fn has_its_series(&self) -> bool {
        let mut names = self.history.series().map(|(name, _)| name).peekable();
        names.peek().is_none() || names.eq(Finished::SERIES)
    }
}

/// Hears of the runs of a sweep, from several threads at once.
pub trait Observer: Sync {
    /// So many runs are about to be trained at a time: one a thread, or fewer where memory has room for no more.
    fn sets_out(&self, at_once: usize) {
        let _ = at_once;
    }

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

/// Trains all runs of a design that are not in `finished` yet, each on one thread of `team`; fewer at a time than it has
/// threads where memory is too short for so many of the largest.
///
/// `finished` has a place for each of [`Design::runs`], or none at all. The result is the same with the rest filled in; with gaps
/// where the observer has stopped the sweep.
///
/// # Errors
/// [`Error::Unfit`](crate::Error::Unfit) where an option does not fit the data or memory is short, and what the observer has
/// returned. Runs that diverge are no error.
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
    let configurations: BTreeSet<usize> = left.iter().map(|&run| runs[run].configuration).collect();
    let most_bytes = design.most_bytes(dataset, configurations)?;
    let at_once = team.most_at_once(most_bytes).min(left.len());
    let sweep = Sweep {
        design,
        dataset,
        observer,
        folds: cut(design, dataset)?,
        has_failed: AtomicBool::new(false),
    };
    observer.sets_out(at_once);
    let done = team.each_alone(left.len(), at_once, |alone, at| {
        let one = sweep.train_and_tell(alone, left[at], runs[left[at]]);
        if one.is_err() {
            sweep.has_failed.store(true, Ordering::Relaxed);
        }
        one
    })?;
    for (place, one) in left.into_iter().zip(done) {
        finished[place] = one;
    }
    Ok(finished)
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
    /// One run, of which the observer hears at its end; nothing where it is given up.
    fn train_and_tell(&self, alone: &Team, place: usize, run: Run) -> Result<Option<Finished>> {
        let one = self.train(alone, place, run)?;
        if let Some(finished) = &one {
            self.observer.ended(place, finished)?;
        }
        Ok(one)
    }

    /// One run; nothing where it is given up.
    fn train(&self, alone: &Team, place: usize, run: Run) -> Result<Option<Finished>> {
        if self.stops() {
            return Ok(None);
        }
        self.observer.begins(place);
        let configuration = &self.design.configurations()[run.configuration];
        let fold = self.folds.get(&run.seed).zip(run.fold);
        let plan = self.design.plan(self.dataset, configuration, run.seed, fold)?;
        let mut model = configuration.model(self.dataset.features(), run.seed)?;
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

    fn epoch_ended(&mut self, _epoch: usize, history: &History) -> ControlFlow<()> {
        self.sweep.observer.epoch_ended(self.place, history);
        ControlFlow::Continue(())
    }
}
