//! Adam and AdamW (`keras/src/optimizers/adam.py`, `Adam.update_step`, and `adamw.py`).

use std::fmt;
use std::str::FromStr;

use super::{Idle, LEARNING_RATE, Optimizer, Step, Stepper, WEIGHT_DECAY};
use crate::error::{Error, Result};
use crate::kernel::{Lanes, Rows, Rule};
use crate::settings::{Bound, expect_numbers, of_parameter};

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
    pub beta_1: f64,
    /// How much of the squared gradients' average is kept each step.
    pub beta_2: f64,
    /// Keeps the division finite; beside the root.
    pub epsilon: f32,
    /// Whether the largest squared average so far is used.
    pub amsgrad: bool,
    /// Decoupled decay: `None` is Adam, a value AdamW.
    pub weight_decay: Option<f32>,
    /// Which rows of the first kernel move.
    pub rows: MovedRows,
}

/// Which rows of the first kernel a step of [`Adam`] moves. The weights behind it always move all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MovedRows {
    /// All, as in Keras: averages fade in every step, and weights follow them.
    #[default]
    All,
    /// Those of the batch's words, as in PyTorch's `SparseAdam` (`torch/optim/_functional.py`, `sparse_adam`): averages and weights
    /// of all others stay. Bias is corrected by the number of the step, whichever rows it has moved. It is another optimizer than
    /// Adam, since averages of a rare word last for as many steps that touch it.
    Touched,
}

impl FromStr for MovedRows {
    type Err = Error;

    fn from_str(name: &str) -> Result<MovedRows> {
        let all = [MovedRows::All, MovedRows::Touched];
        all.into_iter()
            .find(|rows| rows.name() == name)
            .ok_or_else(|| Error::unknown("rows", name, &all.map(MovedRows::name)))
    }
}

impl MovedRows {
    fn name(self) -> &'static str {
        match self {
            MovedRows::All => "all",
            MovedRows::Touched => "touched",
        }
    }
}

impl fmt::Display for MovedRows {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
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
            rows: MovedRows::All,
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

    fn check(&self, option: &str) -> Result<()> {
        let numbers = [
            (LEARNING_RATE, self.learning_rate, Bound::AboveZero),
            // Less, and the first step of a weight without a gradient divides zero by zero.
            ("epsilon", self.epsilon, Bound::Normal),
            (WEIGHT_DECAY, self.weight_decay.unwrap_or(0.0), Bound::AtLeastZero),
        ];
        expect_numbers(option, &numbers)?;
        let betas = [("beta_1", self.beta_1), ("beta_2", self.beta_2)];
        expect_numbers(option, &betas.map(|(key, beta)| (key, beta, Bound::Share)))?;
        match (self.rows, self.weight_decay) {
            (MovedRows::Touched, Some(decay)) => {
                let expected = "left out with rows=touched: the rows that no word touches rest";
                Err(of_parameter(option, WEIGHT_DECAY, decay, expected))
            }
            _ => Ok(()),
        }
    }

    /// The two averages, and the largest second one where amsgrad.
    fn state(&self) -> Vec<f32> {
        vec![0.0; if self.amsgrad { 3 } else { 2 }]
    }

    fn idle(&self) -> Idle {
        match self.rows {
            MovedRows::All => Idle::Moves,
            MovedRows::Touched => Idle::Rests,
        }
    }

    fn update(&self, step: Step, weights: &mut [f32], gradient: &[f32], state: &mut [f32]) {
        self.apply(step, step.on(weights, gradient, state));
    }

    fn sweep(&self, step: Step, rows: Rows<'_>) {
        self.apply(step, step.on_rows(rows));
    }
}

impl Adam {
    fn apply(&self, step: Step, stepper: impl Stepper) {
        let power = |beta: f64| 1.0 - beta.powf(f64::from(step.number));
        let correction = power(self.beta_2).sqrt() / power(self.beta_1);
        let learning_rate = step.rate * self.learning_rate;
        let corrected = Corrected {
            alpha: learning_rate * correction as f32,
            new: [self.beta_1, self.beta_2].map(|beta| (1.0 - beta) as f32),
            epsilon: self.epsilon,
        };
        let decay = learning_rate * self.weight_decay.unwrap_or(0.0);
        match self.amsgrad {
            false => stepper.run_decayed(corrected, decay),
            true => stepper.run_decayed(Largest(corrected), decay),
        }
    }
}

/// Adam in one step, with what depends on the step's number alone.
#[derive(Clone, Copy)]
struct Corrected {
    /// The learning rate times the corrections of both averages' bias.
    alpha: f32,
    /// `1 - beta_1` and `1 - beta_2`, rounded once, as in Keras: those of an `f32` near 1 have few digits.
    new: [f32; 2],
    epsilon: f32,
}

impl Corrected {
    #[inline(always)]
    fn averages<V: Lanes>(&self, gradient: V, m: V, v: V) -> (V, V) {
        let towards =
            |average: V, new: V, part: f32| (new - average).mul_add(V::splat(part), average);
        (towards(m, gradient, self.new[0]), towards(v, gradient * gradient, self.new[1]))
    }

    #[inline(always)]
    fn taken<V: Lanes>(&self, m: V, v: V) -> V {
        V::splat(self.alpha) * m / (v.sqrt() + V::splat(self.epsilon))
    }
}

impl Rule<2> for Corrected {
    #[inline(always)]
    fn step<V: Lanes>(&self, gradient: V, [m, v]: [V; 2]) -> (V, [V; 2]) {
        let (m, v) = self.averages(gradient, m, v);
        (self.taken(m, v), [m, v])
    }
}

/// With the largest second average so far: amsgrad.
#[derive(Clone, Copy)]
struct Largest(Corrected);

impl Rule<3> for Largest {
    #[inline(always)]
    fn step<V: Lanes>(&self, gradient: V, [m, v, largest]: [V; 3]) -> (V, [V; 3]) {
        let (m, v) = self.0.averages(gradient, m, v);
        let largest = largest.max(v);
        (self.0.taken(m, largest), [m, v, largest])
    }
}
