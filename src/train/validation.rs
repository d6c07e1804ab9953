//! Validation within a run: every thread goes forward through blocks of its own.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::TrainPlan;
use super::block::add_shards;
use super::parallel::Worker;
use super::rows::Rows;
use super::shard::{Cuts, SHARDS, Shard};
use crate::dataset::WordId;
use crate::error::Result;
use crate::kernel::Span;
use crate::nn::{Architecture, Head, Loss, Workspace};

/// Rows that a thread takes at a time.
const BLOCK_ROWS: usize = 256;
/// Blocks between two meetings of the threads.
const BLOCKS: usize = 64;

/// The reviews that a run validates on.
pub(super) struct Validation<'a, I> {
    rows: Rows<'a, I>,
    range: Range<usize>,
    labels: &'a [u8],
    cuts: Cuts,
    results: Vec<Mutex<BlockResult>>,
}

/// What a thread has found out about a block.
#[derive(Default)]
struct BlockResult {
    probabilities: Vec<f32>,
    loss: f64,
}

/// The buffers of one thread.
pub(super) struct Scratch {
    workspace: Workspace,
    spans: Vec<Span>,
    partials: [Vec<f32>; SHARDS],
    labels: Vec<f32>,
}

impl Scratch {
    pub(super) fn new(architecture: &Architecture) -> Scratch {
        Scratch {
            workspace: Workspace::new(architecture, BLOCK_ROWS),
            spans: Vec::with_capacity(BLOCK_ROWS),
            partials: std::array::from_fn(|_| vec![0.0; BLOCK_ROWS * architecture.width()]),
            labels: Vec::with_capacity(BLOCK_ROWS),
        }
    }
}

impl<'a, I: WordId> Validation<'a, I> {
    /// What the plan validates on, if anything.
    pub(super) fn new(
        plan: &TrainPlan<'a>,
        features: &[Range<usize>; SHARDS],
    ) -> Result<Option<Validation<'a, I>>> {
        let Some((split, range)) = plan.validation.clone() else { return Ok(None) };
        let rows = Rows::of(plan.dataset.csr(split)?);
        let labels = plan.dataset.labels(split)?;
        let cuts = Cuts::new(rows, range.clone(), features);
        let results = (0..BLOCKS).map(|_| Mutex::default()).collect();
        Ok(Some(Validation { rows, range, labels, cuts, results }))
    }

    /// Goes through all reviews; the leader hands the results to `consume` in their order.
    pub(super) fn run(
        &self,
        worker: &Worker<'_>,
        shards: [&Shard<'_>; SHARDS],
        head: &Head,
        loss: &dyn Loss,
        scratch: &mut Scratch,
        mut consume: impl FnMut(&[f32], &[u8], f64),
    ) {
        for start in self.range.clone().step_by(BLOCKS * BLOCK_ROWS) {
            let round = start..self.range.end.min(start + BLOCKS * BLOCK_ROWS);
            let blocks = || round.clone().step_by(BLOCK_ROWS).zip(&self.results).enumerate();
            for (index, (first, result)) in blocks() {
                if index % worker.size == worker.index {
                    let rows = first..round.end.min(first + BLOCK_ROWS);
                    let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
                    self.block(rows, shards, head, loss, scratch, &mut result);
                }
            }
            worker.meet();
            if worker.leads() {
                for (_, (first, result)) in blocks() {
                    let labels = &self.labels[first..round.end.min(first + BLOCK_ROWS)];
                    let result = result.lock().unwrap_or_else(PoisonError::into_inner);
                    consume(&result.probabilities, labels, result.loss);
                }
            }
            worker.meet();
        }
    }

    fn block(
        &self,
        range: Range<usize>,
        shards: [&Shard<'_>; SHARDS],
        head: &Head,
        loss: &dyn Loss,
        scratch: &mut Scratch,
        result: &mut BlockResult,
    ) {
        let Scratch { workspace, spans, partials, labels } = scratch;
        let first_z = workspace.first_z(range.len());
        for ((index, shard), partial) in shards.iter().enumerate().zip(partials.iter_mut()) {
            self.cuts.spans(self.rows, index, range.clone(), spans);
            shard.gather(self.rows, spans, &mut partial[..first_z.len()]);
        }
        add_shards(std::array::from_fn(|shard| &partials[shard][..]), first_z);
        workspace.forward(head);
        labels.clear();
        labels.extend(self.labels[range].iter().map(|&label| f32::from(label)));
        result.loss = loss.sum(workspace.logits(), workspace.probabilities(), labels);
        result.probabilities.clear();
        result.probabilities.extend_from_slice(workspace.probabilities());
    }
}
