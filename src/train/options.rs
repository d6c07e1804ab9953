//! What a user chooses of a run: its hyper-parameters, and what is never right of them.

use super::window::Shuffle;
use super::{FeatureScale, Metric, WeightAverage, metric};
use crate::dataset::Holdout;
use crate::error::{Error, Result};
use crate::nn::{BinaryCrossentropy, Dropout, Loss, RowNorm};
use crate::optimizer::{Idle, Optimizer, RmsProp, Schedule};

/// What a user chooses, as `compile` and `fit` take it in Keras. The default is the book's.
#[derive(Debug)]
pub struct FitOptions {
    /// How often all reviews are seen.
    pub epochs: usize,
    /// Reviews a step.
    pub batch_size: usize,
    /// What is held out to validate.
    pub validation: Holdout,
    /// How the reviews are put in another order each epoch; `None` chooses by size: [`Shuffle::Full`], or
    /// [`Shuffle::Blocked`] where the words of the training rows take more than [`FULL_SHUFFLE_BYTES`](super::FULL_SHUFFLE_BYTES).
    pub shuffle: Option<Shuffle>,
    /// Decides every random number of the run.
    pub seed: u64,
    /// What is made small.
    pub loss: Box<dyn Loss>,
    /// How the weights follow.
    pub optimizer: Box<dyn Optimizer>,
    /// How the biases follow, where not as the other weights.
    pub bias_optimizer: Option<Box<dyn Optimizer>>,
    /// What becomes of the learning rates on the way.
    pub schedule: Schedule,
    /// The chance that a hidden unit is left out of a review's step: `keras.layers.Dropout` behind each hidden layer.
    pub dropout: f32,
    /// The chance that a word is left out of a review's step, the others then counting for more: `keras.layers.Dropout` before the
    /// first layer. Of a sequence it leaves out a word at all its positions (Gal and Ghahramani 2016).
    pub word_dropout: f32,
    /// A penalty on the squares of the weights of all kernels, an embedding's among them, but not of biases: the regularizer `L2` of
    /// Keras. All weights have a gradient then, and every row is swept in every step. The losses that are reported are
    /// without it, where Keras adds it to them.
    pub l2: f32,
    /// What the norm of the gradients of all weights, taken as one vector, is cut down to: `global_clipnorm` in Keras.
    pub global_clipnorm: Option<f32>,
    /// What is recorded besides the loss.
    pub metrics: Vec<Box<dyn Metric>>,
    /// When to stop before the last epoch.
    pub early_stopping: Option<EarlyStopping>,
    /// Whether the model ends with the weights of the epoch with the lowest validation loss. Where the run diverges, it also
    /// does without: then it needs the copy, which is made only where it costs next to nothing (few weights for the words of
    /// an epoch), and where nothing is validated on, the training loss decides.
    pub keep_best: bool,
    /// How the weights are averaged that a run ends with; the last ones where they are not. An interrupted run ends with those
    /// of its last step.
    pub average_weights: Option<WeightAverage>,
    /// By what the words of the reviews are scaled, counted on the rows that are trained on. A model that has a scale already
    /// keeps its own.
    pub feature_scale: Option<FeatureScale>,
    /// What the length of each review becomes, after the words' scale.
    pub row_norm: RowNorm,
}

impl Default for FitOptions {
    fn default() -> FitOptions {
        FitOptions {
            epochs: 20,
            batch_size: 512,
            validation: Holdout::First(10_000),
            shuffle: None,
            seed: 0,
            loss: Box::new(BinaryCrossentropy),
            optimizer: Box::new(RmsProp::default()),
            bias_optimizer: None,
            schedule: Schedule::default(),
            dropout: 0.0,
            word_dropout: 0.0,
            l2: 0.0,
            global_clipnorm: None,
            metrics: vec![metric("accuracy").expect("accuracy is a metric")],
            early_stopping: None,
            keep_best: false,
            average_weights: None,
            feature_scale: None,
            row_norm: RowNorm::None,
        }
    }
}

/// `keras.callbacks.EarlyStopping`, watching the validation loss, which has no penalty of [`FitOptions::l2`] in it as Keras' has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EarlyStopping {
    /// How many epochs in a row may pass without a new lowest value; the run stops at the last of them.
    pub patience: usize,
    /// By how much a value has to be lower to count. [`FitOptions::keep_best`] goes by the lowest whatever the delta, where Keras'
    /// `restore_best_weights` goes by the delta too.
    pub min_delta: f64,
}

impl FitOptions {
    /// Whether a review's input is other than 1 for each of its words.
    pub(super) fn scales_input(&self) -> bool {
        self.feature_scale.is_some() || self.row_norm != RowNorm::None
    }

    /// Of units and of words.
    pub(super) fn dropouts(&self) -> Result<[Dropout; 2]> {
        Ok([
            Dropout::new("--dropout", self.dropout)?,
            Dropout::new("--word-dropout", self.word_dropout)?,
        ])
    }

    /// Checks what needs no data.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub fn check(&self) -> Result<()> {
        if self.epochs == 0 {
            return Err(Error::invalid("--epochs", 0, "at least 1"));
        }
        if self.batch_size == 0 {
            return Err(Error::invalid("--batch-size", 0, "at least 1"));
        }
        self.optimizer.check("--optimizer")?;
        if let Idle::Decays(factors) = self.optimizer.idle()
            && (factors.len() != self.optimizer.state().len()
                || factors.iter().any(|factor| !factor.is_finite()))
        {
            let expected = "one that decays by a finite factor for each array of its state";
            return Err(Error::invalid("--optimizer", self.optimizer.name(), expected));
        }
        if let Some(own) = &self.bias_optimizer {
            own.check("--bias-optimizer")?;
            if own.idle() == Idle::Rests {
                let expected = "an optimizer without rows, which are those of the first kernel";
                return Err(Error::invalid("--bias-optimizer", "rows=touched", expected));
            }
        }
        self.schedule.check()?;
        self.dropouts()?;
        self.feature_scale.map_or(Ok(()), FeatureScale::check)?;
        self.check_metrics()?;
        if let Some(average) = self.average_weights {
            average.check()?;
            if self.keep_best {
                let expected =
                    "left out with --keep-best: epochs are judged by weights that are not averaged";
                return Err(Error::invalid("--average-weights", average, expected));
            }
        }
        if !(self.l2.is_finite() && self.l2 >= 0.0) {
            return Err(Error::invalid("--l2", self.l2, "a number of at least 0"));
        }
        if self.l2 > 0.0 && self.optimizer.idle() == Idle::Rests {
            let expected = "0 with rows=touched: the penalty pulls at all rows, and those that no word touches rest";
            return Err(Error::invalid("--l2", self.l2, expected));
        }
        if let Some(most) = self.global_clipnorm
            && !(most.is_finite() && most > 0.0)
        {
            return Err(Error::invalid("--global-clipnorm", most, "a number above 0"));
        }
        if let Some(stopping) = self.early_stopping
            && !(stopping.min_delta.is_finite() && stopping.min_delta >= 0.0)
        {
            let expected = "a finite number of at least 0";
            return Err(Error::invalid("--min-delta", stopping.min_delta, expected));
        }
        Ok(())
    }

    /// The history has one list for each name, and one more where there is a validation; tables number them by epoch.
    fn check_metrics(&self) -> Result<()> {
        // A run counts with fresh ones.
        let metrics: Vec<_> = self.metrics.iter().map(|metric| metric.fresh()).collect();
        for (at, metric) in metrics.iter().enumerate() {
            let name = metric.name();
            let is_taken = matches!(name, "" | "epoch" | "loss") || name.starts_with("val_");
            if is_taken || metrics[..at].iter().any(|other| other.name() == name) {
                let expected = "each metric once and by a name: not loss or epoch, which histories have already, \
                                nor one with a val_ in front, which those of the validation have";
                return Err(Error::invalid("--metrics", name, expected));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the command line refuses as it reads it may be in a field all the same.
    #[test]
    fn values_that_no_text_leads_to_are_refused() {
        use crate::optimizer::{Adagrad, Adam, Decay, MovedRows, Sgd, Stretch};
        let schedule = Schedule::default();
        let of_decay = |decay| FitOptions {
            schedule: Schedule { decay, ..schedule },
            ..FitOptions::default()
        };
        let of_warm_up = |warm_up| FitOptions {
            schedule: Schedule { warm_up, ..schedule },
            ..FitOptions::default()
        };
        let of_peak =
            |peak| FitOptions { schedule: Schedule { peak, ..schedule }, ..FitOptions::default() };
        let of_scale = |smoothing| FitOptions {
            feature_scale: Some(FeatureScale::NaiveBayes { smoothing }),
            ..FitOptions::default()
        };
        fn of_optimizer(optimizer: impl Optimizer + 'static) -> FitOptions {
            FitOptions { optimizer: Box::new(optimizer), ..FitOptions::default() }
        }
        let exponential = |decay_rate, decay_steps| Decay::Exponential {
            decay_rate,
            decay_steps,
            staircase: false,
        };
        let (rmsprop, adam) = (RmsProp::default(), Adam::default());
        let touched = Adam { rows: MovedRows::Touched, ..Adam::with_weight_decay() };
        let nothing =
            Adagrad { initial_accumulator_value: 0.0, epsilon: 0.0, ..Adagrad::default() };
        let own: Box<dyn Optimizer> = Box::new(Sgd { learning_rate: -1.0, ..Sgd::default() });
        for (options, part) in [
            (of_peak(f32::NAN), "peak of --schedule is \"NaN\""),
            (of_peak(-1.0), "peak of --schedule is \"-1\", expected a number above 0"),
            (of_decay(Decay::Linear { end: f32::NAN }), "end of --schedule"),
            (of_decay(exponential(-1.0, Stretch::Steps(1))), "decay_rate of --schedule"),
            (of_decay(exponential(0.5, Stretch::Steps(0))), "decay_steps of --schedule"),
            (of_warm_up(Stretch::Share(f64::NAN)), "warm_up of --schedule"),
            (of_scale(0.0), "smoothing of --feature-scale"),
            (of_scale(f32::NAN), "smoothing of --feature-scale"),
            (of_optimizer(RmsProp { epsilon: 0.0, ..rmsprop }), "epsilon of --optimizer"),
            (of_optimizer(RmsProp { rho: 2.0, ..rmsprop }), "rho of --optimizer"),
            (of_optimizer(RmsProp { weight_decay: -1.0, ..rmsprop }), "weight_decay of --opt"),
            (of_optimizer(Adam { beta_1: 1.0, ..adam }), "beta_1 of --optimizer"),
            (of_optimizer(touched), "left out with rows=touched"),
            (of_optimizer(nothing), "initial_accumulator_value or epsilon of at least 1.2e-38"),
            (
                FitOptions { bias_optimizer: Some(own), ..FitOptions::default() },
                "learning_rate of --bias-optimizer",
            ),
        ] {
            let error = options.check().unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(part), "{part}: {error}");
        }
    }
}
