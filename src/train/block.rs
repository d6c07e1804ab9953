//! A block of a batch's rows, from the first layer's sums through the head and back.

use super::shard::SHARDS;
use crate::nn::{Architecture, Head, Loss, Workspace};

/// Rows of a block. Fixed: blocks, not threads, decide in which order gradients are added.
pub(super) const BLOCK_ROWS: usize = 64;

/// One block of a batch.
#[derive(Debug)]
pub(super) struct Block {
    workspace: Workspace,
    labels: Vec<f32>,
    /// The block's part of the head's gradient.
    pub(super) d_head: Vec<f32>,
    /// The sum of its losses.
    pub(super) loss: f64,
}

impl Block {
    pub(super) fn new(architecture: &Architecture, head: &Head) -> Block {
        Block {
            workspace: Workspace::new(architecture, BLOCK_ROWS),
            labels: Vec::with_capacity(BLOCK_ROWS),
            d_head: vec![0.0; head.values.len()],
            loss: 0.0,
        }
    }

    /// Forward and backward; `partials` are the shards' sums for these rows, `scale` is one over the batch's size.
    pub(super) fn run(
        &mut self,
        partials: [&[f32]; SHARDS],
        labels: impl Iterator<Item = u8>,
        head: &Head,
        loss: &dyn Loss,
        scale: f32,
    ) {
        self.labels.clear();
        self.labels.extend(labels.map(f32::from));
        add_shards(partials, self.workspace.first_z(self.labels.len()));
        self.workspace.forward(head);
        self.d_head.fill(0.0);
        self.loss = self.workspace.backward(head, loss, &self.labels, scale, &mut self.d_head);
    }

    /// One a row.
    pub(super) fn probabilities(&self) -> &[f32] {
        self.workspace.probabilities()
    }

    /// The gradient of the first layer's sums, `[rows, width]`.
    pub(super) fn deltas(&self) -> &[f32] {
        self.workspace.first_d()
    }
}

/// `out = (a + b) + (c + d)`, the one order in which shards are added.
pub(super) fn add_shards([a, b, c, d]: [&[f32]; SHARDS], out: &mut [f32]) {
    let n = out.len();
    let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
    for i in 0..n {
        out[i] = (a[i] + b[i]) + (c[i] + d[i]);
    }
}
