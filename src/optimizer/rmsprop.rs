//! RMSprop (`keras/src/optimizers/rmsprop.py`, `RMSprop.update_step`).

use super::{Idle, Optimizer};

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
    pub rho: f32,
    /// How much of the last increment is kept.
    pub momentum: f32,
    /// Keeps the division finite; under the root.
    pub epsilon: f32,
    /// Whether the gradients' average is taken out of their variance.
    pub centered: bool,
}

impl Default for RmsProp {
    fn default() -> RmsProp {
        RmsProp { learning_rate: 0.001, rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }
    }
}

impl Optimizer for RmsProp {
    fn name(&self) -> &str {
        "rmsprop"
    }

    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    /// Velocity, then the average where centered, then the momentum where there is one.
    fn state(&self) -> Vec<f32> {
        vec![0.0; 1 + usize::from(self.centered) + usize::from(self.momentum > 0.0)]
    }

    fn idle(&self) -> Idle {
        match self.momentum > 0.0 {
            true => Idle::Moves,
            false => Idle::Decays(vec![self.rho; self.state().len()]),
        }
    }

    fn update(&self, _step: u64, weights: &mut [f32], gradient: &[f32], state: &mut [f32]) {
        let n = weights.len();
        let (velocity, state) = state.split_at_mut(n);
        let (average, momentum) = state.split_at_mut(if self.centered { n } else { 0 });
        for i in 0..n {
            let g = gradient[i];
            velocity[i] = self.rho * velocity[i] + (1.0 - self.rho) * g * g;
            let mut variance = velocity[i];
            if self.centered {
                average[i] = self.rho * average[i] + (1.0 - self.rho) * g;
                variance -= average[i] * average[i];
            }
            let increment = self.learning_rate * g / (variance + self.epsilon).sqrt();
            if self.momentum > 0.0 {
                momentum[i] = self.momentum * momentum[i] + increment;
                weights[i] -= momentum[i];
            } else {
                weights[i] -= increment;
            }
        }
    }
}
