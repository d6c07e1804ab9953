//! Who wants to know how a run goes on.

use std::ops::ControlFlow;

use super::History;

/// Hears of a run while it goes on; the library itself prints nothing and reads no clock.
pub trait Observer: Send {
    /// An epoch starts; counted from 0, of `epochs`, with `batches` steps.
    fn epoch_begins(&mut self, epoch: usize, epochs: usize, batches: usize) {
        let _ = (epoch, epochs, batches);
    }

    /// A batch is done. Called from within the run: whatever takes time here makes training slower.
    fn batch_ended(&mut self, batch: usize) {
        let _ = batch;
    }

    /// An epoch and its validation are done and stand at the end of `history`. `Break` ends the run.
    fn epoch_ended(&mut self, epoch: usize, history: &History) -> ControlFlow<()> {
        let _ = (epoch, history);
        ControlFlow::Continue(())
    }
}

/// Hears nothing.
#[derive(Debug, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {}
