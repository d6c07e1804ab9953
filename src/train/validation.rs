//! Validation within a run: forward through the same shards, some rounds of reviews.
//!
//! A round has two phases, as a step has: each shard sums its weight rows for all reviews of the round; each block of reviews
//! goes on through the head. So weight rows stay with their owners here too.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::TrainPlan;
use super::block::{BLOCK_ROWS, Through};
use super::first_layer::FirstLayer;
use super::parallel::{Worker, lock};
use super::row_set::RowSet;
use super::rows::{Rows, Word};
use crate::dataset::Split;
use crate::error::Result;

/// Rows of a round: their sums fit a core's own cache beside the weights.
pub(super) const ROUND_ROWS: usize = 1024;
/// Rows whose spans are kept from epoch to epoch; with more, they are found anew each time.
const KEPT_ROWS: usize = 1 << 18;

/// The reviews that a run validates on.
pub(super) struct Validation<'a, I> {
    rows: Rows<'a, I>,
    /// Which of the rows; their places are gone through in rounds.
    set: &'a RowSet,
    /// One a place.
    labels: Cow<'a, [u8]>,
    /// What has been found out about each block of a round.
    results: Vec<Mutex<BlockResult>>,
    /// The first block of the round that no thread has taken yet.
    next: AtomicUsize,
}

#[derive(Default)]
struct BlockResult {
    probabilities: Vec<f32>,
    loss: f64,
}

impl<'a, I: Word> Validation<'a, I> {
    /// What the plan validates on: some rows of a split.
    pub(super) fn new(
        plan: &'a TrainPlan<'a>,
        (split, set): (Split, &'a RowSet),
        rows: Rows<'a, I>,
    ) -> Result<Validation<'a, I>> {
        let labels = plan.dataset.labels(split)?;
        Ok(Validation {
            rows,
            set,
            labels: match set {
                RowSet::Range(range) => Cow::Borrowed(&labels[range.clone()]),
                RowSet::List(list) => list.iter().map(|&row| labels[row as usize]).collect(),
            },
            results: (0..ROUND_ROWS / BLOCK_ROWS).map(|_| Mutex::default()).collect(),
            next: AtomicUsize::new(0),
        })
    }

    /// How many rows it goes through at a time.
    pub(super) fn rows_at_once(&self) -> usize {
        ROUND_ROWS.min(self.set.len())
    }

    /// Goes through all reviews; the leader hands the results to `consume` in their order.
    pub(super) fn run(
        &self,
        worker: &Worker<'_>,
        first_layer: &FirstLayer<'_>,
        mut through: Through<'_>,
        mut consume: impl FnMut(&[f32], &[u8], f64),
    ) {
        let is_kept = self.set.len() <= KEPT_ROWS;
        for (round, start) in (0..self.set.len()).step_by(ROUND_ROWS).enumerate() {
            let places = start..self.set.len().min(start + ROUND_ROWS);
            first_layer.gather(worker, self.rows, false, |shard| {
                shard.words.begin_round(self.rows, round, self.set.rows(places.clone()), is_kept);
            });
            worker.meet();
            self.judge(&places, first_layer, &mut through);
            worker.meet();
            if worker.leads() {
                self.next.store(0, Ordering::Relaxed);
                for (first, result) in places.clone().step_by(BLOCK_ROWS).zip(&self.results) {
                    let result = lock(result);
                    let labels = &self.labels[first..places.end.min(first + BLOCK_ROWS)];
                    consume(&result.probabilities, labels, result.loss);
                }
            }
        }
    }

    /// Takes blocks of a round through the head until there are no more.
    fn judge(
        &self,
        places: &Range<usize>,
        first_layer: &FirstLayer<'_>,
        through: &mut Through<'_>,
    ) {
        let sums = first_layer.sums();
        let Through { level, head, loss, workspace, targets } = through;
        loop {
            let block = self.next.fetch_add(1, Ordering::Relaxed);
            let first = places.start + block * BLOCK_ROWS;
            if first >= places.end {
                return;
            }
            let block_places = first..places.end.min(first + BLOCK_ROWS);
            sums.add_into(block * BLOCK_ROWS, workspace.first_z(block_places.len()));
            if let Some(scales) = self.rows.all_scales() {
                workspace.scale(self.set.rows(block_places.clone()).map(|row| scales[row]));
            }
            workspace.forward(*level, head);
            targets.clear();
            targets.extend(self.labels[block_places].iter().map(|&label| f32::from(label)));
            let (logits, probabilities) = (workspace.logits(), workspace.probabilities());
            let mut result = lock(&self.results[block]);
            result.loss = loss.sum(*level, logits, probabilities, targets);
            probabilities.clone_into(&mut result.probabilities);
        }
    }
}
