//! Where a run stands.

/// Between two steps: so many batches of an epoch (from 0) are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) epoch: usize,
    pub(super) batch: usize,
}

impl Place {
    /// The steps before it.
    pub(super) fn steps(self, batches: usize) -> usize {
        self.epoch * batches + self.batch
    }
}
