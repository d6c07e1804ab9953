//! Random numbers for the reviews of a batch.

use crate::random::{Draws, Stream};

/// A sequence of random numbers for each row: others in each epoch, the same whoever asks and when.
pub(super) fn drawn(
    seed: u64,
    stream: Stream,
    epoch: usize,
    rows: impl ExactSizeIterator<Item = u32>,
) -> impl ExactSizeIterator<Item = Draws> {
    // Rows and epochs are numbers of 32 bits: `TrainPlan::new` has seen to it.
    rows.map(move |row| Draws::numbered(seed, stream, (epoch as u64) << 32 | u64::from(row)))
}
