//! Gradient descent (`keras/src/optimizers/sgd.py`, `SGD.update_step`).

use super::{Idle, Optimizer};

/// `w -= learning_rate g`; with momentum `m = momentum m - learning_rate g` and `w += m`, or, by Nesterov,
/// `w += momentum m - learning_rate g` with the new `m`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// Step size.
    pub learning_rate: f32,
    /// How much of the last step is kept.
    pub momentum: f32,
    /// Whether to look one step of momentum ahead.
    pub nesterov: bool,
}

impl Default for Sgd {
    fn default() -> Sgd {
        Sgd { learning_rate: 0.01, momentum: 0.0, nesterov: false }
    }
}

impl Optimizer for Sgd {
    fn name(&self) -> &str {
        "sgd"
    }

    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    /// The momentum, where there is one.
    fn state(&self) -> Vec<f32> {
        vec![0.0; usize::from(self.momentum > 0.0)]
    }

    fn idle(&self) -> Idle {
        if self.momentum > 0.0 { Idle::Moves } else { Idle::Unchanged }
    }

    fn update(&self, _step: u64, weights: &mut [f32], gradient: &[f32], state: &mut [f32]) {
        let lr = self.learning_rate;
        if self.momentum == 0.0 {
            for (w, g) in weights.iter_mut().zip(gradient) {
                *w -= lr * g;
            }
            return;
        }
        for ((w, g), m) in weights.iter_mut().zip(gradient).zip(state) {
            *m = self.momentum * *m - lr * g;
            *w += if self.nesterov { self.momentum * *m - lr * g } else { *m };
        }
    }
}
