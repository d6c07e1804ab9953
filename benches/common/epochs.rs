//! When epochs end, and what they have to have come to.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use imdb_fast::train::{History, Observer};

/// The loss of a network that knows nothing, to which one that learns has to be compared.
pub const IGNORANT: f64 = std::f64::consts::LN_2;

/// Notes when epochs end.
#[derive(Default)]
pub struct Clock {
    ends: Vec<Instant>,
}

impl Observer for Clock {
    fn epoch_ended(&mut self, _epoch: usize, _history: &History) -> ControlFlow<()> {
        self.ends.push(Instant::now());
        ControlFlow::Continue(())
    }
}

impl Clock {
    /// How long each epoch took, but for the first.
    pub fn epochs(&self) -> impl Iterator<Item = Duration> {
        self.ends.windows(2).map(|pair| pair[1] - pair[0])
    }
}
