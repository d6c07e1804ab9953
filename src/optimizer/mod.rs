//! Optimizers with Keras' parameters, defaults and formulas (`keras/src/optimizers/`).
//!
//! # Sparse gradients
//! A step touches few rows of the first kernel: those of the batch's words. Keras updates *all* rows each step, and so do
//! we, in effect: [`Optimizer::idle`] says what a step does to a weight whose gradient is zero, and the trainer skips
//! such rows only where it can make up for it exactly. Weight decay and momentum move all weights in every step, and a review's
//! sum needs them as they are by then: so every row is swept. To shrink a row by `k` skipped steps at once would have to come
//! before each sum, for the rows of the batch and of the validation, and the product of `k` roundings is not the rounded product.
//! No optimizer changes its meaning on sparse input, but where it is
//! asked to: [`MovedRows::Touched`].

mod adagrad;
mod adam;
mod parse;
mod rmsprop;
mod schedule;
mod sgd;

use std::fmt::Debug;

use crate::error::Result;
use crate::kernel::{self, Lanes, Level, Rows, Rule};
use crate::settings::{Bound, expect_numbers};

pub use adagrad::Adagrad;
pub use adam::{Adam, MovedRows};
pub use parse::{OPTIMIZERS, parse, parse_for_biases};
pub use rmsprop::RmsProp;
pub use schedule::{Decay, Schedule, Stretch};
pub use sgd::Sgd;

/// Parameters that several of them have.
const LEARNING_RATE: &str = "learning_rate";
const WEIGHT_DECAY: &str = "weight_decay";

/// What a step does where the gradient is exactly zero.
#[derive(Debug, Clone, PartialEq)]
pub enum Idle {
    /// Nothing: the row may be skipped.
    Unchanged,
    /// Weights stay; each state array is multiplied by its factor, one for each of [`Optimizer::state`]. `k` skipped steps are
    /// one multiplication by `factor^k` when the row is next touched.
    Decays(Vec<f32>),
    /// Nothing to a row of the first kernel that belongs to no word of the batch, whatever its state; one that does is updated,
    /// even where its gradient is zero. So all that steps skip is lost to it: this changes what the optimizer means.
    Rests,
    /// Weights move, by momentum or weight decay: every row is swept every step.
    Moves,
}

/// How weights follow their gradients.
///
/// `Debug` has to show every parameter, and the same text in every process: by it a checkpoint tells whether a run goes on with
/// the options that it began with.
///
/// A user's own, with a parameter of its own:
/// ```
/// use imdb_fast::kernel::Level;
/// use imdb_fast::optimizer::{Idle, Optimizer, Step};
///
/// /// Signs only (Bernstein et al. 2018, "signSGD").
/// #[derive(Debug)]
/// struct SignSgd {
///     learning_rate: f32,
///     dead_zone: f32,
/// }
///
/// impl Optimizer for SignSgd {
///     fn name(&self) -> &str {
///         "sign_sgd"
///     }
///     fn learning_rate(&self) -> f32 {
///         self.learning_rate
///     }
///     fn idle(&self) -> Idle {
///         Idle::Unchanged
///     }
///     fn update(&self, step: Step, weights: &mut [f32], gradient: &[f32], _state: &mut [f32]) {
///         for (w, g) in weights.iter_mut().zip(gradient) {
///             if g.abs() > self.dead_zone {
///                 *w -= step.rate * self.learning_rate * g.signum();
///             }
///         }
///     }
/// }
/// let mut weights = [1.0, 1.0];
/// let sign = SignSgd { learning_rate: 0.5, dead_zone: 0.1 };
/// let step = Step { number: 1, level: Level::detect(), rate: 1.0 };
/// sign.update(step, &mut weights, &[3.0, 0.05], &mut []);
/// assert_eq!(weights, [0.5, 1.0]);
/// ```
pub trait Optimizer: Debug + Send + Sync {
    /// Its name in Keras, for reports.
    fn name(&self) -> &str;

    /// The learning rate before any schedule, for reports.
    fn learning_rate(&self) -> f32;

    /// Checks its parameters. `option` is whose they are, for an error. The default looks at the learning rate alone.
    ///
    /// # Errors
    /// [`Error::InvalidOption`](crate::Error::InvalidOption) for values with which no run makes sense.
    fn check(&self, option: &str) -> Result<()> {
        expect_numbers(option, &[(LEARNING_RATE, self.learning_rate(), Bound::AboveZero)])
    }

    /// The initial value of each array of state that is kept beside the weights; none by default.
    fn state(&self) -> Vec<f32> {
        Vec::new()
    }

    /// What [`Optimizer::update`] does where the gradient is zero. [`Idle::Moves`] is always right, and slow.
    fn idle(&self) -> Idle {
        Idle::Moves
    }

    /// One step of some weights, each by itself: which of them come in one call is up to the run. Its size is the learning rate
    /// times [`Step::rate`]. Weights and gradient are `[n]`; `state` holds the arrays
    /// of [`Optimizer::state`] one after the other: `[arrays, n]`.
    ///
    /// # Panics
    /// If the lengths do not fit each other.
    fn update(&self, step: Step, weights: &mut [f32], gradient: &[f32], state: &mut [f32]);

    /// One step of the selected rows, whose gradients are zero afterwards. The default calls [`Optimizer::update`] for
    /// each of them, or for all that stand in one piece; our own run through all of them at once.
    ///
    /// # Panics
    /// If a row or slot is not there.
    fn sweep(&self, step: Step, rows: Rows<'_>) {
        let update = |weights: &mut [f32], gradient: &[f32], state: &mut [f32]| {
            self.update(step, weights, gradient, state);
        };
        let arrays = self.state().len();
        kernel::sweep_slices(step.level, step.number, arrays, update, rows);
    }
}

/// Which step of a run, and with which kernels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// From 1.
    pub number: u32,
    /// The kernels to use.
    pub level: Level,
    /// What the learning rate is multiplied by in this step: see [`Schedule`].
    pub rate: f32,
}

impl Step {
    fn on<'a>(
        self,
        weights: &'a mut [f32],
        gradient: &'a [f32],
        state: &'a mut [f32],
    ) -> OnArrays<'a> {
        OnArrays { level: self.level, weights, gradient, state }
    }

    fn on_rows(self, rows: Rows<'_>) -> OnRows<'_> {
        OnRows { step: self, rows }
    }
}

/// What a rule is applied to: the forms of an optimizer are chosen once for both.
trait Stepper: Sized {
    fn run<const ARRAYS: usize>(self, rule: impl Rule<ARRAYS>);

    /// The same with decoupled weight decay: `w -= learning_rate weight_decay w` before the step
    /// (`keras/src/optimizers/base_optimizer.py`, `_apply_weight_decay`).
    fn run_decayed<const ARRAYS: usize>(self, rule: impl Rule<ARRAYS>, decay: f32) {
        match decay > 0.0 {
            true => self.run(Decayed { rule, decay }),
            false => self.run(rule),
        }
    }
}

/// A rule with decoupled weight decay.
#[derive(Clone, Copy)]
struct Decayed<R> {
    rule: R,
    decay: f32,
}

impl<R: Rule<ARRAYS>, const ARRAYS: usize> Rule<ARRAYS> for Decayed<R> {
    #[inline(always)]
    fn step<V: Lanes>(&self, gradient: V, state: [V; ARRAYS]) -> (V, [V; ARRAYS]) {
        self.rule.step(gradient, state)
    }

    #[inline(always)]
    fn decay(&self) -> Option<f32> {
        Some(self.decay)
    }
}

struct OnArrays<'a> {
    level: Level,
    weights: &'a mut [f32],
    gradient: &'a [f32],
    state: &'a mut [f32],
}

impl Stepper for OnArrays<'_> {
    fn run<const ARRAYS: usize>(self, rule: impl Rule<ARRAYS>) {
        kernel::update(self.level, rule, self.weights, self.gradient, self.state);
    }
}

struct OnRows<'a> {
    step: Step,
    rows: Rows<'a>,
}

impl Stepper for OnRows<'_> {
    fn run<const ARRAYS: usize>(self, rule: impl Rule<ARRAYS>) {
        kernel::sweep(self.step.level, self.step.number, rule, self.rows);
    }
}
