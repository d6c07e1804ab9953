//! Validation within a run: forward through the same shards, some rounds of reviews.
//!
//! A round has two phases, as a step has: each shard sums its weight rows for all reviews of the round; each block of reviews
//! goes on through the head. So weight rows stay with their owners here too. Weights rest meanwhile, so the second phase of a round
//! shares a meeting with the first one of the next: who is early with the sums of its own shards takes more of the blocks.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::TrainPlan;
use super::block::{BLOCK_ROWS, Through};
use super::first_layer::{FirstLayer, Reviews, SIDES};
use super::parallel::{Worker, lock};
use super::row_set::RowSet;
use super::rows::{Rows, Word};
use crate::dataset::Split;
use crate::error::Result;

/// Rows of a round: the sums of two fit a core's own cache beside the weights.
pub(super) const ROUND_ROWS: usize = 512;
/// Rows whose spans are kept from epoch to epoch; with more, they are found anew each time.
const KEPT_ROWS: usize = 1 << 18;

/// The reviews that a run validates on.
pub(super) struct Validation<'a, I> {
    rows: Rows<'a, I>,
    /// Which of the rows; their places are gone through in rounds.
    set: &'a RowSet,
    /// One a place.
    labels: Cow<'a, [u8]>,
    /// Two rounds are under way at once.
    judged: [Judged; SIDES],
}

/// What has been found out about a round.
#[derive(Default)]
struct Judged {
    blocks: [Mutex<BlockResult>; ROUND_ROWS / BLOCK_ROWS],
    /// The first block that no thread has taken yet.
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
            judged: Default::default(),
        })
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
        let rounds = self.set.len().div_ceil(ROUND_ROWS);
        for round in 0..=rounds {
            if round < rounds {
                first_layer.gather(worker, self.rows, Reviews::Round(round), |shard| {
                    let rows = self.set.rows(self.places(round));
                    shard.words.begin_round(self.rows, round, rows, is_kept);
                });
            }
            let before = round.checked_sub(1);
            if let Some(before) = before {
                self.judge(before, first_layer, &mut through);
            }
            worker.meet();
            if let Some(before) = before.filter(|_| worker.leads()) {
                self.hand_on(before, &mut consume);
            }
        }
    }

    /// The places of a round.
    fn places(&self, round: usize) -> Range<usize> {
        round * ROUND_ROWS..self.set.len().min((round + 1) * ROUND_ROWS)
    }

    /// Takes blocks of a round through the head until there are no more.
    fn judge(&self, round: usize, first_layer: &FirstLayer<'_>, through: &mut Through<'_>) {
        let (places, judged) = (self.places(round), &self.judged[Reviews::Round(round).side()]);
        let sums = first_layer.sums(Reviews::Round(round));
        loop {
            let Through { level, head, loss, workspace, targets } = &mut *through;
            let block = judged.next.fetch_add(1, Ordering::Relaxed);
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
            let loss = loss.sum(*level, logits, probabilities, targets);
            let mut result = lock(&judged.blocks[block]);
            probabilities.clone_into(&mut result.probabilities);
            result.loss = through.unless_overflown(loss);
        }
    }

    /// Hands on the results of a round in the order of its blocks, and makes room for another.
    fn hand_on(&self, round: usize, consume: &mut impl FnMut(&[f32], &[u8], f64)) {
        let (places, judged) = (self.places(round), &self.judged[Reviews::Round(round).side()]);
        judged.next.store(0, Ordering::Relaxed);
        for (first, block) in places.clone().step_by(BLOCK_ROWS).zip(&judged.blocks) {
            let block = lock(block);
            let labels = &self.labels[first..places.end.min(first + BLOCK_ROWS)];
            consume(&block.probabilities, labels, block.loss);
        }
    }
}
