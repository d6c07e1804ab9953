//! Validation within a run: every thread goes forward through blocks of its own.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::TrainPlan;
use super::block::Sums;
use super::parallel::{Team, Worker};
use super::rows::{Rows, Word};
use super::shard::{Cut, SHARDS, Shard, span_of};
use super::spans::ByLength;
use crate::error::Result;
use crate::kernel::{Level, Span, Sum};
use crate::nn::{Architecture, Head, Loss, Workspace};

/// Rows that a thread takes at a time.
const BLOCK_ROWS: usize = 256;
/// Blocks between two meetings of the threads.
const BLOCKS: usize = 64;
/// Rows whose spans are kept from epoch to epoch; with more, they are found anew each time.
const KEPT_ROWS: usize = 1 << 18;

/// The reviews that a run validates on.
pub(super) struct Validation<'a, I> {
    rows: Rows<'a, I>,
    range: Range<usize>,
    labels: &'a [u8],
    cuts: [Cut; SHARDS],
    /// The spans of each block, or nothing.
    kept: Vec<BlockSpans>,
    results: Vec<Mutex<BlockResult>>,
    next: AtomicUsize,
}

/// A block's spans in each shard.
type BlockSpans = [Vec<Span>; SHARDS];

/// What a thread has found out about a block.
#[derive(Default)]
struct BlockResult {
    probabilities: Vec<f32>,
    loss: f64,
}

/// The buffers of one thread.
pub(super) struct Scratch {
    workspace: Workspace,
    spans: BlockSpans,
    by_length: ByLength,
    sums: [Vec<f32>; SHARDS / 2],
    labels: Vec<f32>,
}

impl Scratch {
    pub(super) fn new(architecture: &Architecture) -> Scratch {
        Scratch {
            workspace: Workspace::new(architecture, BLOCK_ROWS),
            spans: BlockSpans::default(),
            by_length: ByLength::default(),
            sums: std::array::from_fn(|_| vec![0.0; BLOCK_ROWS * architecture.width()]),
            labels: Vec::with_capacity(BLOCK_ROWS),
        }
    }
}

impl<'a, I: Word> Validation<'a, I> {
    /// What the plan validates on, if anything.
    pub(super) fn new(
        plan: &TrainPlan<'a>,
        cuts: &[Cut; SHARDS],
        team: &Team,
    ) -> Result<Option<Validation<'a, I>>> {
        let Some((split, range)) = plan.validation.clone() else { return Ok(None) };
        let mut validation = Validation {
            rows: Rows::of(plan.dataset.csr(split)?),
            labels: plan.dataset.labels(split)?,
            cuts: cuts.clone(),
            kept: Vec::new(),
            results: (0..BLOCKS).map(|_| Mutex::default()).collect(),
            next: AtomicUsize::new(0),
            range,
        };
        if validation.range.len() <= KEPT_ROWS {
            let mut kept = vec![BlockSpans::default(); validation.range.len().div_ceil(BLOCK_ROWS)];
            team.for_each_with(&mut kept, ByLength::default, |by_length, block, spans| {
                validation.find_spans(team.level(), block, by_length, spans);
            });
            validation.kept = kept;
        }
        Ok(Some(validation))
    }

    /// Goes through all reviews; the leader hands the results to `consume` in their order.
    pub(super) fn run(
        &self,
        worker: &Worker<'_>,
        level: Level,
        shards: [&Shard<'_>; SHARDS],
        head: &Head,
        loss: &dyn Loss,
        scratch: &mut Scratch,
        mut consume: impl FnMut(&[f32], &[u8], f64),
    ) {
        let blocks = self.range.len().div_ceil(BLOCK_ROWS);
        for round in (0..blocks).step_by(BLOCKS) {
            let end = blocks.min(round + BLOCKS);
            loop {
                let block = round + self.next.fetch_add(1, Ordering::Relaxed);
                if block >= end {
                    break;
                }
                let result = &self.results[block - round];
                let mut result = result.lock().unwrap_or_else(PoisonError::into_inner);
                self.block(block, level, shards, head, loss, scratch, &mut result);
            }
            worker.meet();
            if worker.leads() {
                for block in round..end {
                    let result = &self.results[block - round];
                    let result = result.lock().unwrap_or_else(PoisonError::into_inner);
                    consume(&result.probabilities, &self.labels[self.rows_of(block)], result.loss);
                }
                self.next.store(0, Ordering::Relaxed);
            }
            worker.meet();
        }
    }

    fn rows_of(&self, block: usize) -> Range<usize> {
        let start = self.range.start + block * BLOCK_ROWS;
        start..self.range.end.min(start + BLOCK_ROWS)
    }

    fn find_spans(
        &self,
        level: Level,
        block: usize,
        by_length: &mut ByLength,
        spans: &mut BlockSpans,
    ) {
        for (cut, spans) in self.cuts.iter().zip(spans) {
            let span = |(row, at): (usize, usize)| Span {
                row: row as u32,
                ..span_of(level, self.rows, at, &cut.features)
            };
            by_length.sort(self.rows_of(block).enumerate().map(span), spans);
        }
    }

    fn block(
        &self,
        block: usize,
        level: Level,
        shards: [&Shard<'_>; SHARDS],
        head: &Head,
        loss: &dyn Loss,
        scratch: &mut Scratch,
        result: &mut BlockResult,
    ) {
        let Scratch { workspace, spans, by_length, sums, labels } = scratch;
        if self.kept.is_empty() {
            self.find_spans(level, block, by_length, spans);
        }
        let spans = self.kept.get(block).unwrap_or(spans);
        let rows = self.rows_of(block);
        let first_z = workspace.first_z(rows.len());
        for (index, (shard, spans)) in shards.iter().zip(spans).enumerate() {
            let sum = if index % 2 == 0 { Sum::Store } else { Sum::Add };
            shard.gather_spans(self.rows, spans, sum, &mut sums[index / 2][..first_z.len()]);
        }
        let sums = Sums { firsts: [&sums[0], &sums[1]], seconds: [None, None] };
        sums.add_into(first_z);
        workspace.forward(level, head);
        labels.clear();
        labels.extend(self.labels[rows].iter().map(|&label| f32::from(label)));
        result.loss = loss.sum(level, workspace.logits(), workspace.probabilities(), labels);
        result.probabilities.clear();
        result.probabilities.extend_from_slice(workspace.probabilities());
    }
}
