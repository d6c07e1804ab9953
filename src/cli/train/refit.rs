//! A run in silence: the best of a sweep, once more.

use std::time::Instant;

use imdb_fast::Result;
use imdb_fast::dataset::Dataset;
use imdb_fast::model::Model;
use imdb_fast::train::{Ending, Observer, Team, TrainPlan, fit};

use super::Args;
use super::outputs::{Outputs, facts};
use crate::cli::stop::Stop;

/// Trains a fresh model by the arguments of a run, and leaves all that the run would have left. Nothing comes back where
/// somebody has stopped it; then nothing is left, either.
pub(in crate::cli) fn refit(
    args: &Args,
    mut model: Model,
    dataset: &Dataset,
    team: &Team,
    stop: &Stop,
) -> Result<Option<Model>> {
    model.take_words(dataset);
    let plan = TrainPlan::new(dataset, &model, args.fit_options()?)?;
    let outputs = Outputs::create(args, facts(args, team, dataset, &plan))?;
    let start = Instant::now();
    let outcome = fit(&plan, &mut model, team, &mut Stoppable(stop))?;
    let fit_time = start.elapsed();
    dataset.container().check_unchanged()?;
    match outcome.ending {
        Ending::Interrupted => Ok(None),
        Ending::Diverged(error) => Err(error),
        Ending::Completed | Ending::StoppedEarly => {
            model.training = outputs.training(&outcome.history, Some(outcome.epoch.unwrap_or(0)));
            outputs.save(&outcome.history, fit_time, Some(&model))?;
            Ok(Some(model))
        }
    }
}

/// Stops when asked to.
struct Stoppable<'a>(&'a Stop);

impl Observer for Stoppable<'_> {
    fn pauses(&mut self, _epoch: usize, _batch: usize) -> bool {
        self.0.is_asked()
    }
}
