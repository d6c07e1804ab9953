//! Adagrad (`keras/src/optimizers/adagrad.py`, `Adagrad.update_step`).

use super::{Idle, LEARNING_RATE, Optimizer, Step, Stepper, WEIGHT_DECAY};
use crate::error::Result;
use crate::kernel::{Lanes, Rows, Rule};
use crate::settings::{Bound, expect_numbers, of_parameter};

/// `accumulator += g^2`, `w -= learning_rate g / sqrt(accumulator + epsilon)` (Duchi et al. 2011).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adagrad {
    /// Step size.
    pub learning_rate: f32,
    /// Where the accumulators start.
    pub initial_accumulator_value: f32,
    /// Keeps the division finite; under the root.
    pub epsilon: f32,
    /// Decoupled decay: by this times the learning rate all weights shrink in every step; 0 for none.
    pub weight_decay: f32,
}

impl Default for Adagrad {
    fn default() -> Adagrad {
        Adagrad {
            learning_rate: 0.001,
            initial_accumulator_value: 0.1,
            epsilon: 1e-7,
            weight_decay: 0.0,
        }
    }
}

impl Optimizer for Adagrad {
    fn name(&self) -> &str {
        "adagrad"
    }

    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    fn check(&self, option: &str) -> Result<()> {
        let numbers = [
            (LEARNING_RATE, self.learning_rate, Bound::AboveZero),
            ("initial_accumulator_value", self.initial_accumulator_value, Bound::AtLeastZero),
            ("epsilon", self.epsilon, Bound::AtLeastZero),
            (WEIGHT_DECAY, self.weight_decay, Bound::AtLeastZero),
        ];
        expect_numbers(option, &numbers)?;
        // Where both are zero, the first step of a weight without a gradient divides zero by zero.
        if self.initial_accumulator_value + self.epsilon < f32::MIN_POSITIVE {
            let expected = "initial_accumulator_value or epsilon of at least 1.2e-38";
            return Err(of_parameter(option, "epsilon", self.epsilon, expected));
        }
        Ok(())
    }

    /// The accumulator.
    fn state(&self) -> Vec<f32> {
        vec![self.initial_accumulator_value]
    }

    fn idle(&self) -> Idle {
        if self.weight_decay > 0.0 { Idle::Moves } else { Idle::Unchanged }
    }

    fn update(&self, step: Step, weights: &mut [f32], gradient: &[f32], state: &mut [f32]) {
        step.on(weights, gradient, state).run_decayed(self.at(step), self.decay(step));
    }

    fn sweep(&self, step: Step, rows: Rows<'_>) {
        step.on_rows(rows).run_decayed(self.at(step), self.decay(step));
    }
}

impl Adagrad {
    fn decay(&self, step: Step) -> f32 {
        step.rate * self.learning_rate * self.weight_decay
    }

    fn at(&self, step: Step) -> Adagrad {
        Adagrad { learning_rate: step.rate * self.learning_rate, ..*self }
    }
}

impl Rule<1> for Adagrad {
    #[inline(always)]
    fn step<V: Lanes>(&self, gradient: V, [accumulator]: [V; 1]) -> (V, [V; 1]) {
        let accumulator = gradient.mul_add(gradient, accumulator);
        let root = (accumulator + V::splat(self.epsilon)).rsqrt();
        (V::splat(self.learning_rate) * gradient * root, [accumulator])
    }
}
