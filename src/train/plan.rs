//! What a run does: checked options together with the rows that they mean.

use super::block::BLOCK_ROWS;
use super::cut::{Cut, Pace, cut_features};
use super::first_layer::{Reviews, SIDES};
use super::options::FitOptions;
use super::place::Place;
use super::row_set::RowSet;
use super::rows::{Rows, Word};
use super::sequences::sequences;
use super::shard::{MOST_STEPS, MOST_WORDS};
use super::validation::ROUND_ROWS;
use super::weights::most_beside;
use super::window::{FULL_SHUFFLE_BYTES, Order, Shuffle};
use crate::dataset::{Csr, Dataset, Split};
use crate::error::{Error, Result};
use crate::kernel::{Level, has_room};
use crate::model::Model;
use crate::nn::{Architecture, Dropout};
use crate::optimizer::{Idle, Step};

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
        model.expect_dataset(dataset)?;
        TrainPlan::before(dataset, model.architecture(), options)
    }

    /// The same before there is a model, which may be large: for a network of the dataset's features, and options that are
    /// checked by themselves.
    ///
    /// # Errors
    /// Those of [`TrainPlan::new`].
    pub(crate) fn before(
        dataset: &'d Dataset,
        network: &Architecture,
        options: FitOptions,
    ) -> Result<TrainPlan<'d>> {
        let (train_rows, held_out) = options.validation.rows(dataset)?;
        let validation = held_out.map(|(split, rows)| (split, RowSet::Range(rows)));
        TrainPlan::checked(dataset, network, options, RowSet::Range(train_rows), validation)
    }

    /// A plan that trains on the rows `train_rows` of the train split and validates on its rows `held_out`, if there are any, as
    /// cross-validation does: `options.validation` has no say. Both lists ascend.
    ///
    /// # Errors
    /// Those of [`TrainPlan::new`]; [`Error::Unfit`] for a list that does not ascend strictly or leaves the split, and for one of no
    /// rows to train on.
    pub fn of_rows(
        dataset: &'d Dataset,
        model: &Model,
        options: FitOptions,
        train_rows: &[u32],
        held_out: &[u32],
    ) -> Result<TrainPlan<'d>> {
        options.check()?;
        model.expect_dataset(dataset)?;
        TrainPlan::of_rows_before(dataset, model.architecture(), options, train_rows, held_out)
    }

    /// The same before there is a model, as [`TrainPlan::before`].
    ///
    /// # Errors
    /// Those of [`TrainPlan::of_rows`].
    pub(crate) fn of_rows_before(
        dataset: &'d Dataset,
        network: &Architecture,
        options: FitOptions,
        train_rows: &[u32],
        held_out: &[u32],
    ) -> Result<TrainPlan<'d>> {
        let rows = dataset.csr(Split::Train)?.rows();
        if train_rows.is_empty() && rows > 0 {
            return Err(Error::Unfit {
                option: "the list of rows",
                value: "empty".to_owned(),
                reason: "a run needs some to train on".to_owned(),
                remedy: "list at least one row of the train split".to_owned(),
            });
        }
        let train_rows = RowSet::of_list(train_rows, rows, "train on")?;
        let held_out = RowSet::of_list(held_out, rows, "validate on")?;
        let validation = (held_out.len() > 0).then_some((Split::Train, held_out));
        TrainPlan::checked(dataset, network, options, train_rows, validation)
    }

    /// Checked options with rows that are within their splits.
    fn checked(
        dataset: &'d Dataset,
        network: &Architecture,
        options: FitOptions,
        train_rows: RowSet,
        validation: Option<(Split, RowSet)>,
    ) -> Result<TrainPlan<'d>> {
        let has_sequences = network.embedding().is_some();
        if let (true, Some((split, _))) = (has_sequences, &validation) {
            sequences(dataset, *split)?;
        }
        expect_size(dataset, has_sequences, &train_rows)?;
        expect_steps(&options, train_rows.len())?;
        expect_network(network, &options)?;
        if validation.is_none() && (options.keep_best || options.early_stopping.is_some()) {
            let expected = "something to validate on where the best epoch is asked for";
            return Err(Error::invalid("--validation", "0", expected));
        }
        let [dropout, word_dropout] = options.dropouts()?;
        Ok(TrainPlan {
            dataset,
            architecture: network.clone(),
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

    /// How the features are shared out.
    pub(super) fn cuts<I: Word>(&self, rows: Rows<'_, I>) -> Vec<Cut> {
        // Bits say nothing of words that occur several times, or of those that are left out of a batch.
        let can_have_bits = !I::REPEATS && !self.word_dropout.is_on();
        let how = (self.architecture.width(), &self.idle(), can_have_bits);
        cut_features(rows, &self.train_rows, self.architecture.inputs(), self.batch_rows(), how)
    }

    /// Checks that there is memory for what a run with these shards keeps beside a model: to be refused it later ends the program.
    ///
    /// # Errors
    /// [`Error::Unfit`]
    pub(super) fn expect_memory(&self, cuts: &[Cut], threads: usize) -> Result<()> {
        let bytes = self.values(cuts, threads) * size_of::<f32>() as u128;
        let remedy = "take fewer --hidden units, fewer words, smaller batches, or fewer --threads";
        self.expect_room(bytes, " more", remedy).map(drop)
    }

    /// How many bytes a run on one thread takes, its model and its thread included. No network with an embedding is asked for them.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the system does not give them; those of [`Dataset::csr`].
    pub(crate) fn bytes_alone(&self) -> Result<usize> {
        /// What a thread's stack and heap take of addresses, or as much as the run itself: glibc gives each thread 64 MiB.
        const THREAD: u128 = 80 << 20;
        let cuts = match self.dataset.csr(Split::Train)? {
            csr @ Csr::Narrow(_) => self.cuts(Rows::<u16>::of(csr)),
            csr @ Csr::Wide(_) => self.cuts(Rows::<u32>::of(csr)),
        };
        let values = self.architecture.parameters() as u128 + self.values(&cuts, 1);
        let bytes = values * size_of::<f32>() as u128;
        let remedy = "take fewer --hidden units, fewer words, or smaller batches";
        self.expect_room(bytes + bytes.min(THREAD), "", remedy)
    }

    /// Checks that the system gives so many bytes, `more` than there are or in all. Returns them.
    ///
    /// # Errors
    /// [`Error::Unfit`]
    fn expect_room(&self, bytes: u128, more: &str, remedy: &str) -> Result<usize> {
        let given = usize::try_from(bytes).ok().filter(|&bytes| has_room(bytes));
        given.ok_or_else(|| Error::Unfit {
            option: "the network",
            value: format!("one of {} weights", self.architecture.parameters()),
            reason: format!(
                "to train them takes {:.1} GB{more}, which the system does not give",
                bytes as f64 / 1e9
            ),
            remedy: remedy.to_owned(),
        })
    }

    /// How many values it keeps on so many threads, or nearly: what is small beside a model does not count.
    fn values(&self, cuts: &[Cut], threads: usize) -> u128 {
        let (options, width) = (&self.options, self.architecture.width());
        let first = self.architecture.inputs() * width;
        let head = self.architecture.parameters() - first;
        let arrays = options.optimizer.state().len();
        let state = most_beside(width, arrays, options.feature_scale.is_some());
        let copies = usize::from(options.average_weights.is_some())
            + usize::from(self.remembers_best(first));
        // The first layer's gradient; one that is not dense has few rows.
        let idle = self.idle();
        let is_shared = self.shares_gradient();
        let dense = cuts.iter().filter(|cut| cut.pace(&idle, is_shared) != Pace::Few);
        let rows: usize = dense.map(|cut| cut.features.len()).sum();
        // For each feature its scale, and the last step that its weights and their average have seen.
        let counts = |cut: &&Cut| cut.counts_steps(&idle, is_shared);
        let counted: usize = cuts.iter().filter(counts).map(|cut| cut.features.len()).sum();
        let of_each = usize::from(options.feature_scale.is_some())
            + usize::from(options.average_weights.is_some());
        let (blocks, threads) = (self.blocks(), threads.min(self.most_threads(cuts.len())));
        // The sums of each shard, the deltas of each block, and for each thread those of all blocks.
        let sums = cuts.len() * self.summed_rows().iter().sum::<usize>();
        let deltas = (1 + threads) * blocks * BLOCK_ROWS;
        let product = |a: usize, b: usize| a as u128 * b as u128;
        product(state + copies, first + head)
            // The head's gradient, whole and of each block.
            + product(1 + blocks, head)
            + product(rows + sums + deltas, width)
            + product(of_each, self.architecture.inputs())
            + counted as u128
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

    /// Whether all words of a batch have the same gradient: those of one review, if none stands there several times.
    pub(super) fn shares_gradient(&self) -> bool {
        self.batch_rows() == 1 && self.architecture.embedding().is_none()
    }

    /// Reviews whose sums are kept on each side.
    pub(super) fn summed_rows(&self) -> [usize; SIDES] {
        let mut rows = [0; SIDES];
        for round in 0..SIDES {
            let left = self.validation_reviews().saturating_sub(round * ROUND_ROWS);
            rows[Reviews::Round(round).side()] = left.min(ROUND_ROWS);
        }
        let of_batch = &mut rows[Reviews::Batch.side()];
        *of_batch = self.batch_rows().max(*of_batch);
        rows
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

    /// The step that is taken at a place.
    pub(super) fn step(&self, place: Place, level: Level) -> Step {
        let done = place.steps(self.batches()) as u32;
        Step { number: done + 1, level, rate: self.rate(done) }
    }

    /// What the learning rates of a step, from 0, are multiplied by.
    pub(super) fn rate(&self, step: u32) -> f32 {
        self.options.schedule.factor(step, self.steps())
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
    let steps = train_rows.div_ceil(options.batch_size).checked_mul(options.epochs);
    let steps = steps.and_then(|steps| u32::try_from(steps).ok());
    let Some(steps) = steps.filter(|&steps| steps <= MOST_STEPS) else {
        let expected = format!("no more than {MOST_STEPS} steps in all");
        return Err(Error::invalid("--epochs", options.epochs, expected));
    };
    let schedule = &options.schedule;
    if schedule.warm_up.of(steps) >= steps {
        return Err(Error::Unfit {
            option: "--schedule",
            value: schedule.to_string(),
            reason: format!(
                "the run has {steps} step{} and so ends before its warm-up",
                if steps == 1 { "" } else { "s" }
            ),
            remedy: "warm up for fewer steps, or for a part of all such as warm_up=0.1".to_owned(),
        });
    }
    Ok(())
}

/// Checks that the network has what the options are about.
///
/// # Errors
/// [`Error::InvalidOption`]
pub(crate) fn expect_network(architecture: &Architecture, options: &FitOptions) -> Result<()> {
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
    use super::super::WeightAverage;
    use super::*;
    use crate::container::Access;
    use crate::dataset::{self, Holdout, Synthetic, SyntheticOptions};
    use crate::nn::{Activation, Dense};
    use crate::optimizer;

    /// What is as large as the weights, or larger, is asked for before a run begins.
    #[test]
    fn all_that_is_large_counts_and_threads_without_work_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reviews.safetensors");
        let options = SyntheticOptions { reviews: 2_000, words: 2_000, ..Default::default() };
        dataset::write(&mut Synthetic::new(options).unwrap(), &path).unwrap();
        let dataset = Dataset::open(&path, Access::Map).unwrap();
        let [first, head] = [2_000 * 256, 256 + 256 + 1];
        let layer = Dense { units: 256, activation: Activation::Relu };
        let model = Model::new(Architecture::new(2_000, &[layer]).unwrap(), 1);
        let plan_of = |model: &Model, name: &str, change: &dyn Fn(&mut FitOptions)| {
            let optimizer = optimizer::parse(name, None).unwrap();
            let validation = Holdout::First(100);
            let mut options =
                FitOptions { batch_size: 64, optimizer, validation, ..FitOptions::default() };
            change(&mut options);
            TrainPlan::new(&dataset, model, options).unwrap()
        };
        let plan = |name: &str, change: &dyn Fn(&mut FitOptions)| plan_of(&model, name, change);
        let cut = |features, nonzeros| Cut {
            features,
            nonzeros,
            touched: nonzeros,
            cost: 0.0,
            has_bits: false,
        };
        // The gradient of the second is a list of rows, if not all of them move; where they decay, the last step of each is kept.
        let cuts = [cut(0..500, 500.0), cut(500..2_000, 10.0)];
        let values = |name, change| plan(name, change).values(&cuts, 1);
        let plain = values("sgd", &|_| ());
        assert_eq!(plain, 2 * head + (500 + 2 * 100 + 2 * 64) * 256);
        let rest = 1_500 * 256;
        for (name, expected) in [
            ("rmsprop", first + head + 1_500),
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
        assert_eq!(values("sgd", &averaged) - plain, first + head + 2_000);

        // What each feature has one of is as large as a linear model.
        let linear = Model::new(Architecture::new(2_000, &[]).unwrap(), 1);
        let values = |name, batch_size, change: &dyn Fn(&mut FitOptions)| {
            let of_batch = |options: &mut FitOptions| {
                options.batch_size = batch_size;
                change(options);
            };
            plan_of(&linear, name, &of_batch).values(&cuts, 1)
        };
        let plain = values("sgd", 64, &|_| ());
        // Its best weights are remembered in any case.
        assert_eq!(plain, 2 * 2_001 + 2 + (500 + 2 * 100 + 2 * 64));
        // No step has to be made up for, unless the state decays.
        assert_eq!(values("sgd", 1, &|_| ()), plain);
        assert_eq!(values("rmsprop", 1, &|_| ()), plain + 2_001 + 1_500);
        let scaled = |options: &mut FitOptions| {
            options.feature_scale = Some("naive-bayes".parse().unwrap());
        };
        assert_eq!(values("sgd", 64, &scaled) - plain, 2_001 + 2_000);
        assert_eq!(values("sgd", 64, &averaged) - plain, 2_001 + 2_000);

        let held_out = |reviews| {
            plan("sgd", &|options| options.validation = Holdout::First(reviews)).summed_rows()
        };
        assert_eq!([10, 512, 513, 600].map(held_out), [[64, 0], [512, 0], [512, 1], [512, 88]]);

        let plan = plan("sgd", &|options| options.batch_size = 400);
        assert_eq!(plan.values(&cuts, 2) - plan.values(&cuts, 1), 7 * 64 * 256);
        assert_eq!([1, 2, 4].map(|shards| plan.most_threads(shards)), [1, 7, 7]);
        assert_eq!(plan.values(&cuts, 64), plan.values(&cuts, 7));
    }
}
