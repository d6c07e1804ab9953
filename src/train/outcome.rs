//! How a run went.

use super::place::Place;
use super::{History, TrainPlan};
use crate::error::Error;

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    /// One value a quantity and epoch.
    pub history: History,
    /// Why it ended.
    pub ending: Ending,
    /// The epoch (from 0) whose weights the model has, or up to whose end they are averaged; `None` where they are those of a run
    /// that was interrupted within an epoch, or of one that diverged and remembered no good epoch, when they are of no use.
    pub epoch: Option<usize>,
    /// How many threads of the team had work: a run on few words has it for one.
    pub threads: usize,
}

/// Why a run ended.
#[derive(Debug)]
pub enum Ending {
    /// All epochs are done.
    Completed,
    /// The validation loss did not fall any more.
    StoppedEarly,
    /// The observer said so, at the end of an epoch or where it had paused the run.
    Interrupted,
    /// The loss or a weight is not a number any more; an [`Error::Diverged`].
    Diverged(Error),
}

impl Ending {
    /// In a batch of an epoch, both from 1; batch 0 is the validation behind all of them. `next` is the step that would come next.
    pub(super) fn diverged(
        plan: &TrainPlan<'_>,
        epoch: usize,
        batch: usize,
        next: Place,
    ) -> Ending {
        let taken = next.steps(plan.batches()) as u32;
        let rate = taken.checked_sub(1).map_or(1.0, |last| plan.rate(last));
        let learning_rate = rate * plan.options.optimizer.learning_rate();
        let seed = plan.options.seed;
        Ending::Diverged(Error::Diverged { epoch, batch, learning_rate, seed })
    }
}
