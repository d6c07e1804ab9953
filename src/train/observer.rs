//! Who wants to know how a run goes on.

use std::ops::ControlFlow;

use super::{History, Snapshot};

/// Hears of a run while it goes on; the library itself prints nothing, and no result depends on a clock.
pub trait Observer: Send {
    /// An epoch starts; counted from 0, of `epochs`, with `batches` steps.
    fn epoch_begins(&mut self, epoch: usize, epochs: usize, batches: usize) {
        let _ = (epoch, epochs, batches);
    }

    /// Batch `batch` of the epoch, from 0, is done. Called from within the run: whatever takes time here makes training slower.
    fn batch_ended(&mut self, batch: usize) {
        let _ = batch;
    }

    /// A run goes on from a checkpoint: `history` is what it had then, and `batch` batches of the epoch were done. Where
    /// there are some, the epoch's `epoch_begins` comes before; else it comes after.
    fn resumes(&mut self, history: &History, batch: usize) {
        let _ = (history, batch);
    }

    /// Whether to pause here, where `batch` batches of an epoch (from 0) are done, for [`Observer::paused`] to save the run, to look
    /// at its network, or to end it. Asked after each batch, and with no batch done after each epoch but the last. Called from
    /// within the run, as `batch_ended`.
    fn pauses(&mut self, epoch: usize, batch: usize) -> bool {
        let _ = (epoch, batch);
        false
    }

    /// The run stands still, since [`Observer::pauses`] wanted it: [`Snapshot::save`] writes it to a file, and [`Snapshot::model`] is
    /// the network as it stands. `Break` ends it, which is all that the default does.
    fn paused(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        let _ = snapshot;
        ControlFlow::Break(())
    }

    /// Epoch `epoch`, from 0, and its validation are done and stand at the end of `history`. `Break` ends the run.
    fn epoch_ended(&mut self, epoch: usize, history: &History) -> ControlFlow<()> {
        let _ = (epoch, history);
        ControlFlow::Continue(())
    }
}

/// Hears nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {}
