//! Adam and AdamW (`keras/src/optimizers/adam.py`, `Adam.update_step`, and `adamw.py`).

use super::Optimizer;

/// ```text
/// w -= learning_rate weight_decay w                          AdamW, before the step
/// m += (g - m) (1 - beta_1);  v += (g^2 - v) (1 - beta_2)
/// v^ = max(v^, v)                                            where amsgrad, and stands for v below
/// w -= learning_rate sqrt(1 - beta_2^t) / (1 - beta_1^t)  m / (sqrt(v) + epsilon)
/// ```
/// Source: Kingma and Ba 2015; Loshchilov and Hutter 2019 for the decay; in Keras' form.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// Step size.
    pub learning_rate: f32,
    /// How much of the gradients' average is kept each step.
    pub beta_1: f32,
    /// How much of the squared gradients' average is kept each step.
    pub beta_2: f32,
    /// Keeps the division finite; beside the root.
    pub epsilon: f32,
    /// Whether the largest squared average so far is used.
    pub amsgrad: bool,
    /// Decoupled decay: `None` is Adam, a value AdamW.
    pub weight_decay: Option<f32>,
}

impl Default for Adam {
    fn default() -> Adam {
        Adam {
            learning_rate: 0.001,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-7,
            amsgrad: false,
            weight_decay: None,
        }
    }
}

impl Adam {
    /// AdamW with Keras' defaults: a weight decay of 0.004.
    pub fn with_weight_decay() -> Adam {
        Adam { weight_decay: Some(0.004), ..Adam::default() }
    }
}

impl Optimizer for Adam {
    fn name(&self) -> &str {
        if self.weight_decay.is_some() { "adamw" } else { "adam" }
    }

    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    /// The two averages, and the largest second one where amsgrad.
    fn state(&self) -> Vec<f32> {
        vec![0.0; if self.amsgrad { 3 } else { 2 }]
    }

    fn update(&self, step: u64, weights: &mut [f32], gradient: &[f32], state: &mut [f32]) {
        let n = weights.len();
        let (m, state) = state.split_at_mut(n);
        let (v, v_max) = state.split_at_mut(n);
        // Powers in f64: beta_2^t loses its leading digits in f32 when 1 is taken away.
        let power = |beta: f32| 1.0 - f64::from(beta).powf(step as f64);
        let correction = power(self.beta_2).sqrt() / power(self.beta_1);
        let alpha = self.learning_rate * correction as f32;
        let kept = 1.0 - self.learning_rate * self.weight_decay.unwrap_or(0.0);
        for i in 0..n {
            let g = gradient[i];
            m[i] += (g - m[i]) * (1.0 - self.beta_1);
            v[i] += (g * g - v[i]) * (1.0 - self.beta_2);
            let second = if self.amsgrad {
                v_max[i] = v_max[i].max(v[i]);
                v_max[i]
            } else {
                v[i]
            };
            weights[i] = kept * weights[i] - alpha * m[i] / (second.sqrt() + self.epsilon);
        }
    }
}
