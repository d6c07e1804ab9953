//! Where a run stands still: before its first step, between two steps, and behind its last.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use super::super::checkpoint::{Checkpoint, Kept, Snapshot};
use super::super::outcome::{Ending, Outcome};
use super::super::parallel::{Team, inside, inside_lock};
use super::super::place::Place;
use super::super::rows::Word;
use super::super::shard::{Shard, Standing};
use super::Run;
use crate::error::Result;
use crate::nn::Head;

impl<I: Word> Run<'_, I> {
    /// Goes on from where a checkpoint was taken; the weights are those of its model already.
    pub(in super::super) fn take_up(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let (order, window) = (inside(&mut self.order), inside_lock(&mut self.window));
        checkpoint.restore_order(self.labels, order, window)?;
        let books = inside(&mut self.books);
        checkpoint.restore_books(self.plan, books, inside_lock(&mut self.head))?;
        checkpoint.restore_shards(self.plan, &mut self.first_layer, books.best.is_some())?;
        self.from = checkpoint.place();
        books.resume(self.from);
        Ok(())
    }

    /// Trains to the end, and stands still where the observer wants to save the run. Returns where it ends it there.
    ///
    /// # Errors
    /// Those of [`Team::run`].
    pub(in super::super) fn go_on(&mut self, team: &Team) -> Result<Option<Place>> {
        loop {
            self.ended.store(false, Ordering::Release);
            team.run(self.threads, |worker| self.work(&worker))?;
            let Some(place) = inside(&mut self.books).pause.take() else { return Ok(None) };
            self.from = place;
            if !self.is_finite() {
                // What is saved stays good.
                let Place { epoch, batch } = place;
                let (epoch, batch) =
                    if batch == 0 { (epoch, self.plan.batches()) } else { (epoch + 1, batch) };
                inside(&mut self.books).ending = Ending::diverged(self.plan, epoch, batch, place);
                return Ok(None);
            }
            if self.pause(place).is_break() {
                inside(&mut self.books).ending = Ending::Interrupted;
                return Ok(Some(place));
            }
        }
    }

    /// Shows the observer how the run stands.
    fn pause(&mut self, place: Place) -> ControlFlow<()> {
        let mut shards: Vec<Standing<'_>> =
            self.first_layer.shards_mut().map(|shard| shard.standing()).collect();
        shards.sort_by_key(|shard| (shard.features.start, shard.features.end));
        let (kept, observer) = Kept::of(inside(&mut self.books), place);
        let snapshot = Snapshot {
            plan: self.plan,
            architecture: self.architecture,
            level: self.level,
            place,
            shards,
            head: inside_lock(&mut self.head),
            scale: self.scale,
            order: inside(&mut self.order),
            window: inside_lock(&mut self.window),
            kept,
        };
        observer.paused(&snapshot)
    }

    fn is_finite(&mut self) -> bool {
        let head = inside_lock(&mut self.head);
        head.values.iter().all(|value| value.is_finite())
            && self.first_layer.shards_mut().all(|shard| shard.is_finite())
    }

    /// Puts the weights that the model is to have in their place. Returns the head, which stands apart.
    pub(in super::super) fn finish(mut self, stopped: Option<Place>) -> (Outcome, Head) {
        let has_diverged = |ending: &Ending| matches!(ending, Ending::Diverged(_));
        let books = inside(&mut self.books);
        let (history, mut ending) = (
            std::mem::take(&mut books.history),
            std::mem::replace(&mut books.ending, Ending::Completed),
        );
        let is_within = stopped.is_some_and(|place| place.batch > 0);
        let mut epoch = if is_within { None } else { history.epochs().checked_sub(1) };
        if self.plan.options.keep_best || has_diverged(&ending) {
            epoch = self.fall_back().or(epoch);
        }
        let mut is_finite = self.is_finite();
        // The last update may have spoilt weights that no loss has seen.
        if !is_finite && !has_diverged(&ending) {
            let (epochs, batches) = (history.epochs(), self.plan.batches());
            ending =
                Ending::diverged(self.plan, epochs, batches, Place { epoch: epochs, batch: 0 });
            epoch = self.fall_back();
            is_finite = epoch.is_some() && self.is_finite();
        }
        // A loss that is not finite may come of weights that are.
        if !is_finite || (has_diverged(&ending) && inside(&mut self.books).best.is_none()) {
            epoch = None;
        }
        if matches!(ending, Ending::Completed | Ending::StoppedEarly) {
            self.end_with_averages(history.epochs());
        }
        let outcome = Outcome { history, ending, epoch, threads: self.threads };
        (outcome, inside_lock(&mut self.head).clone())
    }

    /// Puts the averages of the weights in their place, where the run has been asked to.
    fn end_with_averages(&mut self, epochs: usize) {
        let steps = Place { epoch: epochs, batch: 0 }.steps(self.plan.batches()) as u32;
        self.first_layer.shards_mut().for_each(|shard| shard.end_with_averages(steps));
        if let Some(averages) = inside(&mut self.books).head.averages() {
            inside_lock(&mut self.head).values.copy_from_slice(averages);
        }
    }

    /// Goes back to the weights of the best epoch, if they are remembered. Returns which one it was.
    fn fall_back(&mut self) -> Option<usize> {
        let (epoch, head) = inside(&mut self.books).best.as_ref()?;
        inside_lock(&mut self.head).clone_from(head);
        self.first_layer.shards_mut().for_each(Shard::restore);
        Some(*epoch)
    }
}
