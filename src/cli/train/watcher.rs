//! What looks after a run: it shows it, saves it, and stops it.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use imdb_fast::train::{History, Observer, Snapshot};
use imdb_fast::{Error, Result};

use super::options::Every;
use super::outputs::Outputs;
use super::unfinished::Notes;
use crate::cli::progress::Progress;
use crate::cli::stop::Stop;

/// Epochs that take longer have their history saved one by one; of shorter ones no more than this much time is lost.
const SAVE_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Watcher<'a> {
    pub(super) progress: Progress,
    outputs: &'a Outputs<'a>,
    stop: &'a Stop,
    every: Option<Every>,
    notes: Notes,
    size: Size,
    /// Reviews of the epoch that were trained on before this program took over.
    skipped: usize,
    start: Instant,
    epoch_start: Instant,
    last_saved: Instant,
    /// Time spent on writing, which is not training.
    saving: Duration,
    /// Training time before this program took over.
    before: Duration,
    /// Where the run was stopped: epochs and batches that are done.
    pub(super) stopped: Option<(usize, usize)>,
    /// Where in the run its last checkpoint is, likewise.
    pub(super) saved: Option<(usize, usize)>,
    /// That a checkpoint cannot be written.
    pub(super) failure: Option<Error>,
    /// Whether it has been said that the history cannot be saved.
    has_warned: bool,
    /// Whether this run has saved a history on its way.
    pub(super) has_history: bool,
}

/// How large a run is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Of an epoch: those that are trained on, and those that were held out.
    pub(super) trained: usize,
    pub(super) held_out: usize,
    pub(super) batch_size: usize,
    pub(super) epochs: usize,
    pub(super) batches: usize,
}

impl Size {
    /// Reviews that an epoch goes through, in training and validation.
    pub(super) fn reviews(&self) -> usize {
        self.trained + self.held_out
    }

    /// Reviews of so many batches; the last one of an epoch may have fewer.
    fn reviews_of(&self, batches: usize) -> usize {
        self.trained.min(batches * self.batch_size)
    }
}

impl<'a> Watcher<'a> {
    pub(super) fn new(
        progress: Progress,
        outputs: &'a Outputs<'a>,
        stop: &'a Stop,
        every: Option<Every>,
        notes: Notes,
        size: Size,
    ) -> Watcher<'a> {
        let now = Instant::now();
        // A file may hold any number.
        let before = Duration::try_from_secs_f64(notes.seconds).unwrap_or_default();
        Watcher {
            progress,
            outputs,
            stop,
            every,
            notes,
            size,
            skipped: 0,
            start: now,
            epoch_start: now,
            last_saved: now,
            saving: Duration::ZERO,
            before,
            stopped: None,
            saved: None,
            failure: None,
            has_warned: false,
            has_history: false,
        }
    }

    /// The training time of the whole run.
    pub(super) fn fit_time(&self) -> Duration {
        // What a file says of the time before may be all that a duration holds.
        self.before.saturating_add(self.start.elapsed() - self.saving)
    }

    /// Calls `save`, whose time is no training.
    fn save<T>(&mut self, save: impl FnOnce(&Outputs<'a>) -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let saved = save(self.outputs);
        let time = start.elapsed();
        self.saving += time;
        self.epoch_start += time;
        saved
    }
}

impl Observer for Watcher<'_> {
    fn epoch_begins(&mut self, epoch: usize, epochs: usize, batches: usize) {
        self.epoch_start = Instant::now();
        self.progress.begin(epoch, epochs, batches);
    }

    fn resumes(&mut self, history: &History, batch: usize) {
        self.saved = Some((history.epochs(), batch));
        self.skipped = self.size.reviews_of(batch);
        self.progress.skip_to(batch);
    }

    fn batch_ended(&mut self, batch: usize) {
        self.progress.reach(batch + 1);
    }

    fn pauses(&mut self, epoch: usize, batch: usize) -> bool {
        self.stop.is_asked()
            || self.every.is_some_and(|every| every.is_due(epoch, batch, self.size.batches))
    }

    fn paused(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        self.notes.seconds = self.fit_time().as_secs_f64();
        let notes = self.notes.to_json();
        if let Err(error) = self.save(|outputs| outputs.save_checkpoint(snapshot, &notes)) {
            self.failure = Some(error);
            return ControlFlow::Break(());
        }
        self.saved = Some((snapshot.epoch(), snapshot.batch()));
        if self.stop.is_asked() {
            self.stopped = self.saved;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn epoch_ended(&mut self, _epoch: usize, history: &History) -> ControlFlow<()> {
        let now = Instant::now();
        let reviews = self.size.reviews() - std::mem::take(&mut self.skipped);
        self.progress.epoch(self.size.epochs, history, reviews, now - self.epoch_start);
        if now - self.last_saved >= SAVE_EVERY {
            self.last_saved = now;
            let fit_time = self.fit_time();
            let saved = self.save(|outputs| outputs.save_partial_history(history, fit_time));
            match saved {
                Ok(_) => self.has_history = true,
                // No reason to lose the run: there may be room again by its end.
                Err(error) if !std::mem::replace(&mut self.has_warned, true) => {
                    self.progress.warn(format_args!("{error}; the run goes on without it"));
                }
                Err(_) => {}
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::Size;

    #[test]
    fn batches_have_no_more_reviews_than_the_epoch() {
        let size = Size { trained: 1000, held_out: 50, batch_size: 64, epochs: 2, batches: 16 };
        assert_eq!([0, 3, 15, 16].map(|batches| size.reviews_of(batches)), [0, 192, 960, 1000]);
        assert_eq!(size.reviews(), 1050);
    }
}
