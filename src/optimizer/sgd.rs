//! Gradient descent (`keras/src/optimizers/sgd.py`, `SGD.update_step`).

use super::{Idle, LEARNING_RATE, Optimizer, Step, Stepper, WEIGHT_DECAY};
use crate::error::Result;
use crate::kernel::{Lanes, Rows, Rule};
use crate::settings::{Bound, expect_numbers};

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
    /// Decoupled decay: by this times the learning rate all weights shrink in every step; 0 for none.
    pub weight_decay: f32,
}

impl Default for Sgd {
    fn default() -> Sgd {
        Sgd { learning_rate: 0.01, momentum: 0.0, nesterov: false, weight_decay: 0.0 }
    }
}

impl Optimizer for Sgd {
    fn name(&self) -> &str {
        "sgd"
    }

    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    fn check(&self, option: &str) -> Result<()> {
        let numbers = [
            (LEARNING_RATE, self.learning_rate, Bound::AboveZero),
            ("momentum", self.momentum, Bound::Share),
            (WEIGHT_DECAY, self.weight_decay, Bound::AtLeastZero),
        ];
        expect_numbers(option, &numbers)
    }

    /// The momentum, where there is one.
    fn state(&self) -> Vec<f32> {
        vec![0.0; usize::from(self.momentum > 0.0)]
    }

    fn idle(&self) -> Idle {
        if self.momentum > 0.0 || self.weight_decay > 0.0 { Idle::Moves } else { Idle::Unchanged }
    }

    fn update(&self, step: Step, weights: &mut [f32], gradient: &[f32], state: &mut [f32]) {
        self.at(step).apply(step.on(weights, gradient, state));
    }

    fn sweep(&self, step: Step, rows: Rows<'_>) {
        self.at(step).apply(step.on_rows(rows));
    }
}

impl Sgd {
    fn at(&self, step: Step) -> Sgd {
        Sgd { learning_rate: step.rate * self.learning_rate, ..*self }
    }

    fn apply(&self, stepper: impl Stepper) {
        let decay = self.learning_rate * self.weight_decay;
        match (self.momentum > 0.0, self.nesterov) {
            (false, _) => stepper.run_decayed(*self, decay),
            (true, false) => stepper.run_decayed(Momentum(*self), decay),
            (true, true) => stepper.run_decayed(Nesterov(*self), decay),
        }
    }

    /// `momentum m - learning_rate g`
    #[inline(always)]
    fn momentum<V: Lanes>(&self, momentum: V, gradient: V) -> V {
        V::splat(self.momentum) * momentum - V::splat(self.learning_rate) * gradient
    }
}

impl Rule<0> for Sgd {
    #[inline(always)]
    fn step<V: Lanes>(&self, gradient: V, _: [V; 0]) -> (V, [V; 0]) {
        (V::splat(self.learning_rate) * gradient, [])
    }
}

#[derive(Clone, Copy)]
struct Momentum(Sgd);

impl Rule<1> for Momentum {
    #[inline(always)]
    fn step<V: Lanes>(&self, gradient: V, [momentum]: [V; 1]) -> (V, [V; 1]) {
        let momentum = self.0.momentum(momentum, gradient);
        (V::zero() - momentum, [momentum])
    }
}

#[derive(Clone, Copy)]
struct Nesterov(Sgd);

impl Rule<1> for Nesterov {
    #[inline(always)]
    fn step<V: Lanes>(&self, gradient: V, [momentum]: [V; 1]) -> (V, [V; 1]) {
        let momentum = self.0.momentum(momentum, gradient);
        (V::zero() - self.0.momentum(momentum, gradient), [momentum])
    }
}
