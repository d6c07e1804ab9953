//! The books of a run, kept by its leader: losses, metrics, history, the head's training, the best epoch, pauses.

use std::ops::ControlFlow;
use std::sync::RwLock;

use serde::{Deserialize, Serialize};

use super::block::Block;
use super::head::HeadTrainer;
use super::parallel::read;
use super::place::Place;
use super::{Ending, History, Metric, Observer, TrainPlan};
use crate::nn::Head;

pub(super) struct Books<'a> {
    plan: &'a TrainPlan<'a>,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) history: History,
    pub(super) ending: Ending,
    /// Where the observer has paused the run.
    pub(super) pause: Option<Place>,
    /// Whether the weights of the best epoch are remembered.
    remembers: bool,
    /// The epoch with the lowest loss, of the validation where there is one, and its head.
    pub(super) best: Option<(usize, Head)>,
    lowest: f64,
    /// The lowest validation loss that counted for early stopping, and the epochs since.
    stopping_best: f64,
    epochs_without: usize,
    pub(super) train: Score,
    validation: Score,
    pub(super) head: HeadTrainer<'a>,
}

/// A [`Score`], as a checkpoint keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ScoreFacts {
    /// The sum of the losses, as its bits: JSON would round some values.
    pub(super) loss_bits: u64,
    pub(super) reviews: usize,
    /// The state of each metric.
    pub(super) metrics: Vec<Vec<u64>>,
}

/// Loss and metrics of an epoch so far.
#[derive(Debug)]
pub(super) struct Score {
    loss: f64,
    reviews: usize,
    metrics: Vec<Box<dyn Metric>>,
}

impl<'a> Books<'a> {
    pub(super) fn new(
        plan: &'a TrainPlan<'a>,
        head: &Head,
        observer: &'a mut dyn Observer,
        remembers: bool,
    ) -> Books<'a> {
        Books {
            plan,
            observer,
            history: History::default(),
            ending: Ending::Completed,
            pause: None,
            remembers,
            best: None,
            lowest: f64::INFINITY,
            stopping_best: f64::INFINITY,
            epochs_without: 0,
            train: Score::new(plan),
            validation: Score::new(plan),
            head: HeadTrainer::new(plan, head),
        }
    }

    /// Opens the page of a new epoch.
    pub(super) fn begin_epoch(&mut self, epoch: usize) {
        self.train.clear();
        self.validation.clear();
        self.observer.epoch_begins(epoch, self.plan.options.epochs, self.plan.batches());
    }

    /// Records a batch; `Break` where its loss is not finite.
    pub(super) fn end_batch(&mut self, batch: usize, blocks: &[RwLock<Block>]) -> ControlFlow<()> {
        let loss: f64 = blocks.iter().map(|block| read(block).loss).sum();
        if !loss.is_finite() {
            self.diverge(batch + 1, Place { epoch: self.history.epochs(), batch });
            return ControlFlow::Break(());
        }
        for block in blocks {
            let block = read(block);
            self.train.add(&block.probabilities, &block.labels, block.loss);
        }
        self.observer.batch_ended(batch);
        ControlFlow::Continue(())
    }

    /// Records some validation reviews.
    pub(super) fn validated(&mut self, probabilities: &[f32], labels: &[u8], loss: f64) {
        self.validation.add(probabilities, labels, loss);
    }

    /// Writes the epoch into the history. Returns whether the run has ended and whether these are the best weights.
    pub(super) fn end_epoch(&mut self, epoch: usize, head: &Head) -> (bool, bool) {
        let mut values = self.train.values("");
        if self.plan.validation.is_some() {
            if !self.validation.loss.is_finite() {
                self.diverge(0, Place { epoch: self.history.epochs() + 1, batch: 0 });
                return (true, false);
            }
            values.extend(self.validation.values("val_"));
        }
        self.history.push(&values);
        let is_last = epoch + 1 == self.plan.options.epochs;
        let (mut has_ended, mut is_best) = self.judge(epoch);
        // Nobody falls back from the last epoch to itself.
        is_best &= self.remembers && (self.plan.options.keep_best || !is_last);
        if is_best {
            self.best = Some((epoch, head.clone()));
        }
        if has_ended {
            self.ending = Ending::StoppedEarly;
        }
        if self.observer.epoch_ended(epoch, &self.history).is_break() {
            self.ending = Ending::Interrupted;
            has_ended = true;
        }
        if !has_ended && !is_last {
            has_ended = self.pauses(Place { epoch: epoch + 1, batch: 0 });
        }
        (has_ended, is_best)
    }

    /// Tells the observer that the run goes on from here.
    pub(super) fn resume(&mut self, place: Place) {
        if place.batch > 0 {
            let plan = self.plan;
            self.observer.epoch_begins(place.epoch, plan.options.epochs, plan.batches());
        }
        self.observer.resumes(&self.history, place.batch);
    }

    /// Whether the observer wants the run to stand still here.
    pub(super) fn pauses(&mut self, place: Place) -> bool {
        let pauses = self.observer.pauses(place.epoch, place.batch);
        self.pause = pauses.then_some(place);
        pauses
    }

    /// Whether an epoch of the history ends the run early, and whether its loss is the lowest so far. To be asked once for each.
    fn judge(&mut self, epoch: usize) -> (bool, bool) {
        let validated = self.history.get("val_loss");
        let Some(losses) = validated.or(self.history.get("loss")) else { return (false, false) };
        let (loss, is_validated) = (losses[epoch], validated.is_some());
        let is_lowest = loss < self.lowest;
        self.lowest = self.lowest.min(loss);
        (is_validated && self.is_early_end(loss), is_lowest)
    }

    /// Opens the books of a run where they stood: its history, the sums of the epoch so far, and the head of the best epoch, if it is
    /// there. Returns false where they cannot be of this run.
    pub(super) fn take_up(
        &mut self,
        history: History,
        score: Option<&ScoreFacts>,
        best: Option<Head>,
    ) -> bool {
        self.history = history;
        let mut best_epoch = None;
        for epoch in 0..self.history.epochs() {
            let (has_ended, is_best) = self.judge(epoch);
            best_epoch = if is_best { Some(epoch) } else { best_epoch };
            if has_ended {
                return false;
            }
        }
        self.best = best_epoch.zip(best);
        score.is_none_or(|score| self.train.take_up(score))
    }

    /// What the history has of each epoch, in its order.
    pub(super) fn quantities(&self) -> Vec<String> {
        let mut names = self.train.names("");
        if self.plan.validation.is_some() {
            names.extend(self.validation.names("val_"));
        }
        names
    }

    /// Whether a checkpoint has to hold the best weights.
    pub(super) fn expects_best(&self, history: &History) -> bool {
        self.remembers && history.epochs() > 0
    }

    /// Counts the epochs without an improvement (`keras/src/callbacks/early_stopping.py`).
    fn is_early_end(&mut self, loss: f64) -> bool {
        let Some(stopping) = self.plan.options.early_stopping else { return false };
        if loss < self.stopping_best - stopping.min_delta {
            (self.stopping_best, self.epochs_without) = (loss, 0);
            return false;
        }
        self.epochs_without += 1;
        self.epochs_without >= stopping.patience
    }

    fn diverge(&mut self, batch: usize, next: Place) {
        let epoch = self.history.epochs() + 1;
        self.ending = Ending::diverged(self.plan, epoch, batch, next);
    }
}

impl Score {
    fn new(plan: &TrainPlan<'_>) -> Score {
        let metrics = plan.options.metrics.iter().map(|metric| metric.fresh()).collect();
        Score { loss: 0.0, reviews: 0, metrics }
    }

    /// For a checkpoint; nothing where a metric cannot tell its state, whose name is then the error.
    pub(super) fn facts(&self) -> Result<ScoreFacts, String> {
        let states =
            self.metrics.iter().map(|metric| metric.state().ok_or(metric.name().to_owned()));
        Ok(ScoreFacts {
            loss_bits: self.loss.to_bits(),
            reviews: self.reviews,
            metrics: states.collect::<Result<_, _>>()?,
        })
    }

    fn take_up(&mut self, facts: &ScoreFacts) -> bool {
        self.loss = f64::from_bits(facts.loss_bits);
        self.reviews = facts.reviews;
        self.loss.is_finite()
            && self.metrics.len() == facts.metrics.len()
            && self.metrics.iter_mut().zip(&facts.metrics).all(|(m, state)| m.restore(state))
    }

    fn clear(&mut self) {
        self.loss = 0.0;
        self.reviews = 0;
        self.metrics.iter_mut().for_each(|metric| *metric = metric.fresh());
    }

    fn add(&mut self, probabilities: &[f32], labels: &[u8], loss: f64) {
        self.loss += loss;
        self.reviews += labels.len();
        for metric in &mut self.metrics {
            metric.update(probabilities, labels);
        }
    }

    /// The means over the epoch: `loss`, then the metrics. Keras weighs each batch's mean by its size, which is the mean
    /// over reviews (`keras/src/trainers/trainer.py`, `_loss_tracker`).
    fn values(&self, prefix: &str) -> Vec<(String, f64)> {
        let loss = self.loss / self.reviews as f64;
        let values = std::iter::once(loss).chain(self.metrics.iter().map(|m| m.result()));
        self.names(prefix).into_iter().zip(values).collect()
    }

    fn names(&self, prefix: &str) -> Vec<String> {
        let metrics = self.metrics.iter().map(|m| m.name());
        std::iter::once("loss").chain(metrics).map(|name| format!("{prefix}{name}")).collect()
    }
}
