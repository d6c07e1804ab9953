//! RMSprop (`keras/src/optimizers/rmsprop.py`, `RMSprop.update_step`).

use super::{Idle, LEARNING_RATE, Optimizer, Step, Stepper, WEIGHT_DECAY};
use crate::error::Result;
use crate::kernel::{Lanes, Rows, Rule};
use crate::settings::{Bound, expect_numbers};

/// ```text
/// velocity = rho velocity + (1 - rho) g^2
/// average  = rho average + (1 - rho) g                      where centered
/// d        = velocity (- average^2) + epsilon
/// increment = learning_rate g / sqrt(d)
/// momentum_ = momentum momentum_ + increment;  w -= momentum_    where momentum > 0, else  w -= increment
/// ```
/// Source: Tieleman and Hinton 2012, lecture 6.5, in Keras' form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RmsProp {
    /// Step size.
    pub learning_rate: f32,
    /// How much of the squared gradients' average is kept each step.
    pub rho: f64,
    /// How much of the last increment is kept.
    pub momentum: f32,
    /// Keeps the division finite; under the root.
    pub epsilon: f32,
    /// Whether the gradients' average is taken out of their variance.
    pub centered: bool,
    /// Decoupled decay: by this times the learning rate all weights shrink in every step; 0 for none.
    pub weight_decay: f32,
}

impl Default for RmsProp {
    fn default() -> RmsProp {
        RmsProp {
            learning_rate: 0.001,
            rho: 0.9,
            momentum: 0.0,
            epsilon: 1e-7,
            centered: false,
            weight_decay: 0.0,
        }
    }
}

impl Optimizer for RmsProp {
    fn name(&self) -> &str {
        "rmsprop"
    }

    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    fn check(&self, option: &str) -> Result<()> {
        let numbers = [
            (LEARNING_RATE, self.learning_rate, Bound::AboveZero),
            ("momentum", self.momentum, Bound::Share),
            // Less, and the first step of a weight without a gradient divides zero by zero.
            ("epsilon", self.epsilon, Bound::Normal),
            (WEIGHT_DECAY, self.weight_decay, Bound::AtLeastZero),
        ];
        expect_numbers(option, &numbers)?;
        expect_numbers(option, &[("rho", self.rho, Bound::Share)])
    }

    /// Velocity, then the average where centered, then the momentum where there is one.
    fn state(&self) -> Vec<f32> {
        vec![0.0; 1 + usize::from(self.centered) + usize::from(self.momentum > 0.0)]
    }

    fn idle(&self) -> Idle {
        match self.momentum > 0.0 || self.weight_decay > 0.0 {
            true => Idle::Moves,
            false => Idle::Decays(vec![self.rho as f32; self.state().len()]),
        }
    }

    fn update(&self, step: Step, weights: &mut [f32], gradient: &[f32], state: &mut [f32]) {
        self.apply(step, step.on(weights, gradient, state));
    }

    fn sweep(&self, step: Step, rows: Rows<'_>) {
        self.apply(step, step.on_rows(rows));
    }
}

impl RmsProp {
    fn apply(&self, step: Step, stepper: impl Stepper) {
        let learning_rate = step.rate * self.learning_rate;
        let plain = Plain {
            learning_rate,
            kept: self.rho as f32,
            new: (1.0 - self.rho) as f32,
            momentum: self.momentum,
            epsilon: self.epsilon,
        };
        let decay = learning_rate * self.weight_decay;
        match (self.centered, self.momentum > 0.0) {
            (false, false) => stepper.run_decayed(plain, decay),
            (true, false) => stepper.run_decayed(Centered(plain), decay),
            (false, true) => stepper.run_decayed(Momentum(plain), decay),
            (true, true) => stepper.run_decayed(CenteredMomentum(plain), decay),
        }
    }
}

/// RMSprop in one step, with its numbers as the rows take them.
#[derive(Clone, Copy)]
struct Plain {
    learning_rate: f32,
    /// `rho`
    kept: f32,
    /// `1 - rho`, rounded once, as in Keras: that of an `f32` near 1 has few digits.
    new: f32,
    momentum: f32,
    epsilon: f32,
}

impl Plain {
    /// `rho value + (1 - rho) new`
    #[inline(always)]
    fn average<V: Lanes>(&self, value: V, new: V) -> V {
        V::splat(self.new).mul_add(new, V::splat(self.kept) * value)
    }

    #[inline(always)]
    fn increment<V: Lanes>(&self, gradient: V, variance: V) -> V {
        V::splat(self.learning_rate) * gradient * (variance + V::splat(self.epsilon)).rsqrt()
    }
}

impl Rule<1> for Plain {
    #[inline(always)]
    fn step<V: Lanes>(&self, gradient: V, [velocity]: [V; 1]) -> (V, [V; 1]) {
        let velocity = self.average(velocity, gradient * gradient);
        (self.increment(gradient, velocity), [velocity])
    }
}

#[derive(Clone, Copy)]
struct Centered(Plain);

impl Rule<2> for Centered {
    #[inline(always)]
    fn step<V: Lanes>(&self, gradient: V, [velocity, average]: [V; 2]) -> (V, [V; 2]) {
        let velocity = self.0.average(velocity, gradient * gradient);
        let average = self.0.average(average, gradient);
        let increment = self.0.increment(gradient, velocity - average * average);
        (increment, [velocity, average])
    }
}

#[derive(Clone, Copy)]
struct Momentum(Plain);

impl Rule<2> for Momentum {
    #[inline(always)]
    fn step<V: Lanes>(&self, gradient: V, [velocity, momentum]: [V; 2]) -> (V, [V; 2]) {
        let velocity = self.0.average(velocity, gradient * gradient);
        let increment = self.0.increment(gradient, velocity);
        let momentum = V::splat(self.0.momentum).mul_add(momentum, increment);
        (momentum, [velocity, momentum])
    }
}

#[derive(Clone, Copy)]
struct CenteredMomentum(Plain);

impl Rule<3> for CenteredMomentum {
    #[inline(always)]
    fn step<V: Lanes>(&self, gradient: V, state: [V; 3]) -> (V, [V; 3]) {
        let [velocity, average, momentum] = state;
        let velocity = self.0.average(velocity, gradient * gradient);
        let average = self.0.average(average, gradient);
        let increment = self.0.increment(gradient, velocity - average * average);
        let momentum = V::splat(self.0.momentum).mul_add(momentum, increment);
        (momentum, [velocity, average, momentum])
    }
}
