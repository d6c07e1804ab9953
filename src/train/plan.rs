//! What a run does: hyper-parameters that are checked and fit the dataset.

use super::block::BLOCK_ROWS;
use super::cut::Cut;
use super::place::Place;
use super::row_set::RowSet;
use super::sequences::sequences;
use super::shard::MOST_WORDS;
use super::validation::ROUND_ROWS;
use super::window::{FULL_SHUFFLE_BYTES, Order, Shuffle};
use super::{FeatureScale, Metric, WeightAverage, metric};
use crate::dataset::{Csr, Dataset, Holdout, Split};
use crate::error::{Error, Result};
use crate::kernel::{Level, has_room};
use crate::model::Model;
use crate::nn::{Architecture, BinaryCrossentropy, Dropout, Loss, RowNorm};
use crate::optimizer::{Idle, Optimizer, RmsProp, Schedule, Step};

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
    /// [`Shuffle::Blocked`] where the words of the training rows take more than [`FULL_SHUFFLE_BYTES`].
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
    /// By how much a value has to be lower to count.
    pub min_delta: f64,
}

/// Checked options together with the rows they mean.
#[derive(Debug)]
pub struct TrainPlan<'d> {
    pub(super) dataset: &'d Dataset,
    architecture: Architecture,
    pub(super) options: FitOptions,
    pub(super) train_rows: RowSet,
    pub(super) validation: Option<(Split, RowSet)>,
    pub(super) dropout: Dropout,
    pub(super) word_dropout: Dropout,
}

impl<'d> TrainPlan<'d> {
    /// Checks the options by themselves, then against the dataset and the model.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for values that are never right, [`Error::Unfit`] for those that do not fit the data.
    pub fn new(dataset: &'d Dataset, model: &Model, options: FitOptions) -> Result<TrainPlan<'d>> {
        options.check()?;
        let (train_rows, held_out) = options.validation.rows(dataset)?;
        let validation = held_out.map(|(split, rows)| (split, RowSet::Range(rows)));
        TrainPlan::checked(dataset, model, options, RowSet::Range(train_rows), validation)
    }

    /// A plan that trains on the rows `train_rows` of the train split and validates on its rows `held_out`, if there are any, as
    /// cross-validation does: `options.validation` has no say. Both lists ascend.
    ///
    /// # Errors
    /// Those of [`TrainPlan::new`]; [`Error::Unfit`] for a list that does not ascend strictly or leaves the split.
    pub fn of_rows(
        dataset: &'d Dataset,
        model: &Model,
        options: FitOptions,
        train_rows: &[u32],
        held_out: &[u32],
    ) -> Result<TrainPlan<'d>> {
        options.check()?;
        let rows = dataset.csr(Split::Train)?.rows();
        let train_rows = RowSet::of_list(train_rows, rows, "train on")?;
        let held_out = RowSet::of_list(held_out, rows, "validate on")?;
        let validation = (held_out.len() > 0).then_some((Split::Train, held_out));
        TrainPlan::checked(dataset, model, options, train_rows, validation)
    }

    /// Checked options with rows that are within their splits.
    fn checked(
        dataset: &'d Dataset,
        model: &Model,
        options: FitOptions,
        train_rows: RowSet,
        validation: Option<(Split, RowSet)>,
    ) -> Result<TrainPlan<'d>> {
        model.expect_dataset(dataset)?;
        let has_sequences = model.architecture().embedding().is_some();
        if let (true, Some((split, _))) = (has_sequences, &validation) {
            sequences(dataset, *split)?;
        }
        expect_size(dataset, has_sequences, &train_rows)?;
        expect_steps(&options, train_rows.len())?;
        expect_network(model.architecture(), &options)?;
        let architecture = model.architecture().clone();
        if validation.is_none() && (options.keep_best || options.early_stopping.is_some()) {
            let expected = "something to validate on where the best epoch is asked for";
            return Err(Error::invalid("--validation", "0", expected));
        }
        let [dropout, word_dropout] = options.dropouts()?;
        Ok(TrainPlan {
            dataset,
            architecture,
            options,
            train_rows,
            validation,
            dropout,
            word_dropout,
        })
    }

    /// Checks that a model is of the architecture that the plan was made for.
    ///
    /// # Errors
    /// [`Error::Unfit`]
    pub(super) fn expect_model(&self, model: &Model) -> Result<()> {
        if *model.architecture() == self.architecture {
            return Ok(());
        }
        Err(Error::Unfit {
            option: "the model",
            value: model.architecture().to_json().to_string(),
            reason: format!("the plan was made for {}", self.architecture.to_json()),
            remedy: "make a plan for this model".to_owned(),
        })
    }

    /// Checks that there is memory for what a run with these shards keeps beside a model: to be refused it later ends the program.
    ///
    /// # Errors
    /// [`Error::Unfit`]
    pub(super) fn expect_memory(&self, cuts: &[Cut], threads: usize) -> Result<()> {
        let bytes = self.values(cuts, threads) * size_of::<f32>() as u128;
        if usize::try_from(bytes).is_ok_and(has_room) {
            return Ok(());
        }
        Err(Error::Unfit {
            option: "the network",
            value: format!("one of {} weights", self.architecture.parameters()),
            reason: format!(
                "to train them takes {:.1} GB more, which the system does not give",
                bytes as f64 / 1e9
            ),
            remedy: "take fewer --hidden units, fewer words, or smaller batches".to_owned(),
        })
    }

    /// How many values it keeps on so many threads, or nearly: what is small beside a model does not count.
    fn values(&self, cuts: &[Cut], threads: usize) -> u128 {
        let (options, width) = (&self.options, self.architecture.width());
        let first = self.architecture.inputs() * width;
        let head = self.architecture.parameters() - first;
        let arrays = options.optimizer.state().len();
        let state = match width {
            // Each weight may have a record with its state and its scale.
            1 => (1 + arrays + usize::from(options.feature_scale.is_some())).next_power_of_two(),
            _ => arrays,
        };
        let copies = usize::from(options.average_weights.is_some())
            + usize::from(self.remembers_best(first));
        // The first layer's gradient; one that is not dense has few rows.
        let idle = self.idle();
        let dense = cuts.iter().filter(|cut| cut.is_dense(&idle));
        let rows: usize = dense.map(|cut| cut.features.len()).sum();
        let (blocks, threads) = (self.blocks(), threads.min(self.most_threads(cuts.len())));
        // The sums of each shard, the deltas of each block, and for each thread those of all blocks.
        let sums = cuts.len() * self.batch_rows().max(self.validation_reviews().min(ROUND_ROWS));
        let deltas = (1 + threads) * blocks * BLOCK_ROWS;
        let product = |a: usize, b: usize| a as u128 * b as u128;
        product(state + copies, first + head)
            // The head's gradient, whole and of each block.
            + product(1 + blocks, head)
            + product(rows + sums + deltas, width)
    }

    /// The options.
    pub fn options(&self) -> &FitOptions {
        &self.options
    }

    /// How many reviews are trained on.
    pub fn train_reviews(&self) -> usize {
        self.train_rows.len()
    }

    /// How many reviews are validated on.
    pub fn validation_reviews(&self) -> usize {
        self.validation.as_ref().map_or(0, |(_, rows)| rows.len())
    }

    /// Reviews of a batch; the last one may be short.
    pub(super) fn batch_rows(&self) -> usize {
        self.options.batch_size.min(self.train_rows.len())
    }

    /// Blocks of a batch.
    pub(super) fn blocks(&self) -> usize {
        self.batch_rows().div_ceil(BLOCK_ROWS)
    }

    /// How many threads have work, where there are so many shards: what has one owner keeps one busy, and one beyond the shards and the
    /// blocks would only be waited for.
    pub(super) fn most_threads(&self, shards: usize) -> usize {
        match shards {
            1 => 1,
            _ => shards.max(self.blocks()),
        }
    }

    /// Steps an epoch; the last batch may be short.
    pub fn batches(&self) -> usize {
        self.train_rows.len().div_ceil(self.options.batch_size)
    }

    /// Steps of the whole run.
    pub fn steps(&self) -> u32 {
        // `TrainPlan::new` has seen to it that they fit.
        (self.batches() * self.options.epochs) as u32
    }
}

impl TrainPlan<'_> {
    /// The step that is taken at a place.
    pub(super) fn step(&self, place: Place, level: Level) -> Step {
        let done = place.steps(self.batches()) as u32;
        Step { number: done + 1, level, rate: self.options.schedule.factor(done, self.steps()) }
    }

    /// What a step does to rows of the first kernel that the batch's words have no gradient for.
    pub(super) fn idle(&self) -> Idle {
        match self.options.l2 > 0.0 {
            true => Idle::Moves,
            false => self.options.optimizer.idle(),
        }
    }

    /// How the reviews are shuffled.
    pub fn shuffle(&self) -> Shuffle {
        self.options.shuffle.unwrap_or_else(|| match self.words_bytes() > FULL_SHUFFLE_BYTES {
            true => Shuffle::Blocked,
            false => Shuffle::Full,
        })
    }

    /// The bytes of the training rows' words.
    fn words_bytes(&self) -> usize {
        let id_bytes = match self.dataset.csr(Split::Train) {
            Ok(Csr::Wide(_)) => size_of::<u32>(),
            _ => size_of::<u16>(),
        };
        self.words() * id_bytes
    }

    /// The training rows' words.
    fn words(&self) -> usize {
        let Ok(csr) = self.dataset.csr(Split::Train) else { return 0 };
        self.train_rows.words(csr.indptr())
    }

    /// Whether a run keeps the weights of its best epoch: where it is asked to end with them, and where so many weights are
    /// copied in some microseconds or about a hundredth of the time that an epoch takes, to fall back to if the run diverges.
    pub(super) fn remembers_best(&self, weights: usize) -> bool {
        const FEW: usize = 1 << 15;
        self.options.keep_best || weights <= FEW.max(self.words() / 8)
    }

    pub(super) fn order(&self) -> Order {
        let options = &self.options;
        Order::new(self.train_rows.clone(), self.shuffle(), options.seed, options.batch_size)
    }
}

impl FitOptions {
    /// Whether a review's input is other than 1 for each of its words.
    pub(super) fn scales_input(&self) -> bool {
        self.feature_scale.is_some() || self.row_norm != RowNorm::None
    }

    /// Of units and of words.
    fn dropouts(&self) -> Result<[Dropout; 2]> {
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
        for (at, metric) in self.metrics.iter().enumerate() {
            let name = metric.name();
            // The history has one list for each name, and one more where there is a validation.
            let is_taken = name == "loss" || name.starts_with("val_");
            if is_taken || self.metrics[..at].iter().any(|other| other.name() == name) {
                let expected = "each metric once, and none by the name of loss, which is always \
                                there, or with a val_ in front, which those of the validation have";
                return Err(Error::invalid("--metrics", name, expected));
            }
        }
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
            return Err(Error::invalid("--min-delta", stopping.min_delta, "at least 0"));
        }
        Ok(())
    }
}

/// Checks that the training split is no larger than a run can count.
fn expect_size(dataset: &Dataset, has_sequences: bool, train_rows: &RowSet) -> Result<()> {
    let unfit = |reason: String, remedy: String| Error::Unfit {
        option: "the dataset",
        value: dataset.container().path().display().to_string(),
        reason,
        remedy,
    };
    if train_rows.len() == 0 {
        let reason = "its train split has no reviews".to_owned();
        return Err(unfit(reason, "import reviews to train on".to_owned()));
    }
    let rows = train_rows.stretch(0..train_rows.len()).end;
    if rows > u32::MAX as usize {
        let reason = format!("its train split has {rows} reviews");
        return Err(unfit(reason, format!("train on at most {}", u32::MAX)));
    }
    let words = match has_sequences {
        false => dataset.csr(Split::Train)?.nnz(),
        true => {
            // Padding is one more word of a review.
            let sequences = sequences(dataset, Split::Train)?;
            sequences.words() + sequences.rows()
        }
    };
    if words as u64 > MOST_WORDS {
        let reason = format!("its train split has {words} words");
        return Err(unfit(reason, format!("train on at most {MOST_WORDS}")));
    }
    Ok(())
}

/// Checks that there are not too many steps, and more than those of the warm-up.
fn expect_steps(options: &FitOptions, train_rows: usize) -> Result<()> {
    // Half of what 32 bits count: the trainer marks rows in the other half.
    const MOST_STEPS: usize = i32::MAX as usize;
    let steps = train_rows.div_ceil(options.batch_size).checked_mul(options.epochs);
    let Some(steps) = steps.filter(|&steps| steps <= MOST_STEPS) else {
        let expected = format!("no more than {MOST_STEPS} steps in all");
        return Err(Error::invalid("--epochs", options.epochs, expected));
    };
    let (schedule, steps) = (&options.schedule, steps as u32);
    if schedule.warm_up.of(steps) >= steps {
        return Err(Error::Unfit {
            option: "--schedule",
            value: schedule.to_string(),
            reason: format!("the run has {steps} steps and so ends before its warm-up"),
            remedy: "warm up for fewer steps, or for a part of all such as warm_up=0.1".to_owned(),
        });
    }
    Ok(())
}

/// Checks that the network has what the options are about.
fn expect_network(architecture: &Architecture, options: &FitOptions) -> Result<()> {
    if architecture.embedding().is_some() && options.scales_input() {
        let (option, value) = match &options.feature_scale {
            Some(scale) => ("--feature-scale", scale.to_string()),
            None => ("--row-norm", options.row_norm.to_string()),
        };
        let expected = "left out: an embedding averages word vectors, which have no scale";
        return Err(Error::invalid(option, value, expected));
    }
    if options.dropout > 0.0 && architecture.hidden().is_empty() {
        let expected = "0 where there is no hidden layer; --word-dropout leaves out words";
        return Err(Error::invalid("--dropout", options.dropout, expected));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::Access;
    use crate::dataset::{self, Synthetic, SyntheticOptions};
    use crate::nn::{Activation, Dense};
    use crate::optimizer;

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
            (of_optimizer(nothing), "initial_accumulator_value or epsilon above 0"),
            (
                FitOptions { bias_optimizer: Some(own), ..FitOptions::default() },
                "learning_rate of --bias-optimizer",
            ),
        ] {
            let error = options.check().unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(part), "{part}: {error}");
        }
    }

    /// What is as large as the weights, or larger, is asked for before a run begins.
    #[test]
    fn all_that_is_large_counts_and_threads_without_work_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reviews.safetensors");
        let options = SyntheticOptions { reviews: 1_000, words: 2_000, ..Default::default() };
        dataset::write(&mut Synthetic::new(options).unwrap(), &path).unwrap();
        let dataset = Dataset::open(&path, Access::Map).unwrap();
        let [first, head] = [2_000 * 256, 256 + 256 + 1];
        let layer = Dense { units: 256, activation: Activation::Relu };
        let model = Model::new(Architecture::new(2_000, &[layer]).unwrap(), 1);
        let plan = |name: &str, change: &dyn Fn(&mut FitOptions)| {
            let optimizer = optimizer::parse(name, None).unwrap();
            let validation = Holdout::First(100);
            let mut options =
                FitOptions { batch_size: 64, optimizer, validation, ..FitOptions::default() };
            change(&mut options);
            TrainPlan::new(&dataset, &model, options).unwrap()
        };
        let cut = |features, nonzeros| Cut {
            features,
            nonzeros,
            touched: nonzeros,
            cost: 0.0,
            has_bits: false,
        };
        // The gradient of the second is a list of rows, if not all of them move.
        let cuts = [cut(0..500, 500.0), cut(500..2_000, 10.0)];
        let values = |name, change| plan(name, change).values(&cuts, 1);
        let plain = values("sgd", &|_| ());
        assert_eq!(plain, 2 * head + (500 + 2 * 100 + 2 * 64) * 256);
        let rest = 1_500 * 256;
        for (name, expected) in [
            ("rmsprop", first + head),
            ("sgd:momentum=0.9", first + head + rest),
            ("adam", 2 * (first + head) + rest),
        ] {
            assert_eq!(values(name, &|_| ()) - plain, expected, "{name}");
        }
        assert_eq!(values("sgd", &|options| options.l2 = 0.1) - plain, rest);
        assert_eq!(values("sgd", &|options| options.keep_best = true) - plain, first + head);
        let averaged = |options: &mut FitOptions| {
            options.average_weights = Some(WeightAverage::default());
        };
        assert_eq!(values("sgd", &averaged) - plain, first + head);

        let plan = plan("sgd", &|options| options.batch_size = 400);
        assert_eq!(plan.values(&cuts, 2) - plan.values(&cuts, 1), 7 * 64 * 256);
        assert_eq!([1, 2, 4].map(|shards| plan.most_threads(shards)), [1, 7, 7]);
        assert_eq!(plan.values(&cuts, 64), plan.values(&cuts, 7));
    }
}
