//! Gradients that are cut down to a norm.

use std::sync::RwLock;
use std::sync::atomic::Ordering;

use super::super::block::Block;
use super::super::parallel::{Worker, lock, read};
use super::super::rows::Word;
use super::super::shard::Shard;
use super::Run;

impl<'a, I: Word> Run<'a, I> {
    /// The gradients of all weights as one vector, of at most some norm: returns what they are to be multiplied by, if not by 1.
    ///
    /// Source: `keras/src/optimizers/base_optimizer.py`, `clip_by_global_norm`.
    pub(super) fn clip(
        &self,
        worker: &Worker<'_>,
        blocks: &[RwLock<Block>],
        most: f32,
        scatter: impl FnMut(&mut Shard<'a>),
    ) -> Option<f32> {
        self.first_layer.measure(worker, scatter);
        if worker.leads() {
            let mut books = lock(&self.books);
            books.head.collect(blocks, &read(&self.head));
            self.head_squares.store(books.head.squares().to_bits(), Ordering::Relaxed);
        }
        worker.meet();
        let head = f64::from_bits(self.head_squares.load(Ordering::Relaxed));
        let norm = (self.first_layer.squares() + head).sqrt();
        let most = f64::from(most);
        // A norm that is not a number makes all weights so, in Keras and here, and the run ends.
        (norm.is_nan() || norm > most)
            .then(|| if norm.is_finite() { most / norm } else { f64::NAN } as f32)
    }
}
