//! The books of a run, kept by its leader: order, losses, metrics, history, the head's optimizer, the best epoch.

use std::ops::ControlFlow;
use std::sync::RwLock;

use super::block::Block;
use super::parallel::read;
use super::{Ending, History, Metric, Observer, TrainPlan};
use crate::nn::Head;
use crate::optimizer::Step;

pub(super) struct Books<'a> {
    plan: &'a TrainPlan<'a>,
    observer: &'a mut dyn Observer,
    pub(super) history: History,
    pub(super) ending: Ending,
    /// The epoch with the lowest validation loss and its head, where the plan keeps it.
    pub(super) best: Option<(usize, Head)>,
    lowest: f64,
    /// The lowest validation loss that counted for early stopping, and the epochs since.
    stopping_best: f64,
    epochs_without: usize,
    train: Score,
    validation: Score,
    d_head: Vec<f32>,
    head_state: Vec<f32>,
}

/// Loss and metrics of an epoch so far.
struct Score {
    loss: f64,
    reviews: usize,
    metrics: Vec<Box<dyn Metric>>,
}

impl<'a> Books<'a> {
    pub(super) fn new(
        plan: &'a TrainPlan<'a>,
        head: &Head,
        observer: &'a mut dyn Observer,
    ) -> Books<'a> {
        let n = head.values.len();
        let state = plan.options.optimizer.state();
        Books {
            plan,
            observer,
            history: History::default(),
            ending: Ending::Completed,
            best: None,
            lowest: f64::INFINITY,
            stopping_best: f64::INFINITY,
            epochs_without: 0,
            train: Score::new(plan),
            validation: Score::new(plan),
            d_head: vec![0.0; n],
            head_state: state.iter().flat_map(|&initial| std::iter::repeat_n(initial, n)).collect(),
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
            self.diverge(batch + 1);
            return ControlFlow::Break(());
        }
        for block in blocks {
            let block = read(block);
            self.train.add(&block.probabilities, &block.labels, block.loss);
        }
        self.observer.batch_ended(batch);
        ControlFlow::Continue(())
    }

    /// Adds the blocks' gradients in their order and updates the head by them.
    pub(super) fn update_head(&mut self, blocks: &[RwLock<Block>], head: &mut Head, step: Step) {
        self.d_head.fill(0.0);
        for block in blocks {
            for (sum, d) in self.d_head.iter_mut().zip(&read(block).d_head) {
                *sum += d;
            }
        }
        let optimizer = &self.plan.options.optimizer;
        optimizer.update(step, &mut head.values, &self.d_head, &mut self.head_state);
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
                self.diverge(0);
                return (true, false);
            }
            values.extend(self.validation.values("val_"));
        }
        self.history.push(&values);
        let mut has_ended = false;
        let mut is_best = false;
        if let Some(loss) = self.history.get("val_loss").and_then(|losses| losses.last().copied()) {
            is_best = self.plan.options.keep_best && loss < self.lowest;
            has_ended = self.is_early_end(loss);
            self.lowest = self.lowest.min(loss);
        }
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
        (has_ended, is_best)
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

    fn diverge(&mut self, batch: usize) {
        let epoch = self.history.epochs() + 1;
        self.ending = Ending::diverged(self.plan, epoch, batch);
    }
}

impl Score {
    fn new(plan: &TrainPlan<'_>) -> Score {
        let metrics = plan.options.metrics.iter().map(|metric| metric.fresh()).collect();
        Score { loss: 0.0, reviews: 0, metrics }
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
        let metrics = self.metrics.iter().map(|m| (m.name(), m.result()));
        std::iter::once(("loss", loss))
            .chain(metrics)
            .map(|(name, value)| (format!("{prefix}{name}"), value))
            .collect()
    }
}
