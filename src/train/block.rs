//! A block of a batch's rows, from the first layer's sums through the head and back.

use super::first_layer::Sums;
use crate::kernel::{Aligned, Level};
use crate::nn::{Architecture, Dropout, Head, Loss, Workspace};
use crate::random::Draws;

/// Rows of a block. Fixed: blocks, not threads, decide in which order gradients are added.
pub(super) const BLOCK_ROWS: usize = 64;

/// What a block of a batch has come to.
#[derive(Debug)]
pub(super) struct Block {
    /// One a row.
    pub(super) probabilities: Vec<f32>,
    /// One a row.
    pub(super) labels: Vec<u8>,
    /// The gradient of the first layer's sums, `[BLOCK_ROWS, width]`; in a short block, the last rows are not used.
    pub(super) deltas: Aligned,
    /// The block's part of the head's gradient.
    pub(super) d_head: Vec<f32>,
    /// The sum of its losses.
    pub(super) loss: f64,
}

impl Block {
    pub(super) fn new(architecture: &Architecture, head: &Head) -> Block {
        Block {
            probabilities: Vec::with_capacity(BLOCK_ROWS),
            labels: Vec::with_capacity(BLOCK_ROWS),
            deltas: Aligned::zeros(BLOCK_ROWS * architecture.width()),
            d_head: vec![0.0; head.values.len()],
            loss: 0.0,
        }
    }

    /// Forward and backward; `sums` are the batch's, of which the block begins at row `first`; `scales` are what the sums of
    /// each row are multiplied by, if by anything; `scale` is one over the batch's size; `drops` says by what random numbers which
    /// units are left out.
    pub(super) fn run(
        &mut self,
        through: &mut Through<'_>,
        sums: &Sums<'_>,
        first: usize,
        labels: impl Iterator<Item = u8>,
        (scales, scale): (Option<impl Iterator<Item = f32>>, f32),
        drops: Option<(Dropout, impl ExactSizeIterator<Item = Draws>)>,
    ) {
        let Through { level, head, loss, workspace, targets } = through;
        self.labels.clear();
        self.labels.extend(labels);
        targets.clear();
        targets.extend(self.labels.iter().map(|&label| f32::from(label)));
        sums.add_into(first, workspace.first_z(self.labels.len()));
        if let Some((dropout, rows)) = drops {
            workspace.drop_units(dropout, rows);
        }
        if let Some(scales) = scales {
            workspace.scale(scales);
        }
        workspace.forward(*level, head);
        self.d_head.fill(0.0);
        let loss = workspace.backward(*level, head, *loss, targets, scale, &mut self.d_head);
        workspace.probabilities().clone_into(&mut self.probabilities);
        let deltas = workspace.first_d();
        self.deltas[..deltas.len()].copy_from_slice(deltas);
        self.loss = through.unless_overflown(loss);
    }
}

/// What a thread takes its blocks through. The workspace is the thread's own: it stays in its cache from block to block.
#[derive(Debug)]
pub(super) struct Through<'a> {
    pub(super) level: Level,
    pub(super) head: &'a Head,
    pub(super) loss: &'a dyn Loss,
    pub(super) workspace: &'a mut Workspace,
    pub(super) targets: &'a mut Vec<f32>,
}

impl Through<'_> {
    /// The loss of what has gone through; NaN where a logit is not finite. Of a probability that is 0 or 1 for that reason a loss
    /// may be finite, but a model that says so is refused.
    pub(super) fn unless_overflown(&self, loss: f64) -> f64 {
        let logits = self.workspace.logits().iter();
        match logits.fold(false, |is_lost, logit| is_lost | !logit.is_finite()) {
            true => f64::NAN,
            false => loss,
        }
    }
}
