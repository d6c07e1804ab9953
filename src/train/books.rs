//! The books of a run, kept by its leader: order, losses, metrics, history, the head's optimizer, the best epoch.

use std::ops::{ControlFlow, Deref};

use super::block::{BLOCK_ROWS, Block};
use super::{Ending, History, Metric, Observer, TrainPlan};
use crate::error::Error;
use crate::nn::Head;
use crate::random::{Random, Stream};

pub(super) struct Books<'a> {
    plan: &'a TrainPlan<'a>,
    observer: &'a mut dyn Observer,
    random: Random,
    pub(super) history: History,
    pub(super) ending: Ending,
    /// The epoch with the lowest validation loss and its head, where the plan keeps it.
    pub(super) best: Option<(usize, Head)>,
    lowest: f64,
    epochs_since_lowest: usize,
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
    labels: Vec<u8>,
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
            random: Random::new(plan.options.seed, Stream::Shuffle),
            history: History::default(),
            ending: Ending::Completed,
            best: None,
            lowest: f64::INFINITY,
            epochs_since_lowest: 0,
            train: Score::new(plan),
            validation: Score::new(plan),
            d_head: vec![0.0; n],
            head_state: state.iter().flat_map(|&initial| std::iter::repeat_n(initial, n)).collect(),
        }
    }

    /// Puts the reviews in the order of a new epoch.
    pub(super) fn begin_epoch(&mut self, epoch: usize, order: &mut [u32]) {
        if self.plan.options.shuffle {
            self.random.shuffle(order);
        }
        self.train.clear();
        self.validation.clear();
        self.observer.epoch_begins(epoch, self.plan.options.epochs, self.plan.batches());
    }

    /// Records a batch; `Break` where its loss is not finite.
    pub(super) fn end_batch(
        &mut self,
        batch: usize,
        blocks: &[impl Deref<Target = Block>],
        row_ids: &[u32],
        labels: &[u8],
    ) -> ControlFlow<()> {
        let loss: f64 = blocks.iter().map(|block| block.loss).sum();
        if !loss.is_finite() {
            self.diverge(batch + 1);
            return ControlFlow::Break(());
        }
        for (block, ids) in blocks.iter().zip(row_ids.chunks(BLOCK_ROWS)) {
            let labels = ids.iter().map(|&row| labels[row as usize]);
            self.train.add(block.probabilities(), labels, block.loss);
        }
        self.observer.batch_ended(batch);
        ControlFlow::Continue(())
    }

    /// Adds the blocks' gradients in their order and updates the head by them.
    pub(super) fn update_head(
        &mut self,
        blocks: &[impl Deref<Target = Block>],
        head: &mut Head,
        step: u32,
    ) {
        self.d_head.fill(0.0);
        for block in blocks {
            for (sum, d) in self.d_head.iter_mut().zip(&block.d_head) {
                *sum += d;
            }
        }
        let optimizer = &self.plan.options.optimizer;
        optimizer.update(u64::from(step), &mut head.values, &self.d_head, &mut self.head_state);
    }

    /// Records some validation reviews.
    pub(super) fn validated(&mut self, probabilities: &[f32], labels: &[u8], loss: f64) {
        self.validation.add(probabilities, labels.iter().copied(), loss);
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
            is_best = self.plan.options.keep_best && self.is_lowest(loss, 0.0);
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

    fn is_lowest(&self, loss: f64, min_delta: f64) -> bool {
        loss < self.lowest - min_delta
    }

    /// Counts the epochs without a new lowest value.
    fn is_early_end(&mut self, loss: f64) -> bool {
        let Some(stopping) = self.plan.options.early_stopping else { return false };
        if self.is_lowest(loss, stopping.min_delta) {
            self.epochs_since_lowest = 0;
            return false;
        }
        self.epochs_since_lowest += 1;
        self.epochs_since_lowest >= stopping.patience
    }

    fn diverge(&mut self, batch: usize) {
        self.ending = Ending::Diverged(Error::Diverged {
            epoch: self.history.epochs() + 1,
            batch,
            learning_rate: self.plan.options.optimizer.learning_rate(),
        });
    }
}

impl Score {
    fn new(plan: &TrainPlan<'_>) -> Score {
        let metrics = plan.options.metrics.iter().map(|metric| metric.fresh()).collect();
        Score { loss: 0.0, reviews: 0, metrics, labels: Vec::with_capacity(BLOCK_ROWS) }
    }

    fn clear(&mut self) {
        self.loss = 0.0;
        self.reviews = 0;
        self.metrics.iter_mut().for_each(|metric| *metric = metric.fresh());
    }

    fn add(&mut self, probabilities: &[f32], labels: impl Iterator<Item = u8>, loss: f64) {
        self.labels.clear();
        self.labels.extend(labels);
        self.loss += loss;
        self.reviews += self.labels.len();
        for metric in &mut self.metrics {
            metric.update(probabilities, &self.labels);
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
