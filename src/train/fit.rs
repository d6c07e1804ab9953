//! Training from the first step or from a checkpoint: what a run needs is made of plan, data and model.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Mutex, RwLock};

use super::block::Block;
use super::books::Books;
use super::checkpoint::Checkpoint;
use super::cut::Cut;
use super::first_layer::FirstLayer;
use super::outcome::Outcome;
use super::parallel::Team;
use super::place::Place;
use super::rows::{Counted, Rows, Word};
use super::run::Run;
use super::scales::{input_scale, row_scales};
use super::sequences::{CountedRows, sequences};
use super::shard::{Moving, Shard};
use super::validation::Validation;
use super::{Observer, TrainPlan};
use crate::dataset::{Csr, Sequences, Split};
use crate::error::Result;
use crate::model::Model;
use crate::nn::{Embedding, InputScale};

/// Trains `model` by `plan` on the threads of `team`.
///
/// The result depends on the plan and the data alone: the same bits on any number of threads.
///
/// # Errors
/// [`Error::Unfit`](crate::Error::Unfit) where the dataset lacks a split that the plan names, the model is of another
/// architecture than the plan's, or memory is short: the model is then as it was. [`Error::Io`](crate::Error::Io) where the caller
/// is a thread of another pool, and the system gives none to run in its place: the model may then be trained in part. A run that
/// diverges is no error here: its [`Outcome`] has the history up to the last good epoch, and the model the weights of the best one,
/// if they were remembered.
///
/// # Panics
/// If a loss, metric, optimizer or observer of the caller panics, or the observer begins another run on the same team of several threads.
/// The model is then of no use: half of it may be of one step, half of another.
pub fn fit(
    plan: &TrainPlan<'_>,
    model: &mut Model,
    team: &Team,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    Fit { plan, model, team, observer, from: None }.run()
}

/// Goes on from a checkpoint, whose weights take the place of the model's. The history and the model at the end are, to the
/// bit, those of a run that never stopped, on any number of threads; with other kernels they are as good, but not the same.
///
/// The plan has to be that of the run, except for the number of epochs: it may be any that is not done yet. Losses and optimizers
/// are compared by what `Debug` says of them, metrics by their names.
///
/// ```
/// use std::ops::ControlFlow;
/// use std::path::Path;
///
/// use imdb_fast::container::Access;
/// use imdb_fast::dataset::{self, Dataset, Holdout, Synthetic, SyntheticOptions};
/// use imdb_fast::model::Model;
/// use imdb_fast::nn::Architecture;
/// use imdb_fast::train::{
///     Checkpoint, FitOptions, Observer, Silent, Snapshot, Team, TrainPlan, fit, resume,
/// };
///
/// /// Saves a run at the fifth batch of its second epoch, and ends it there.
/// struct Saver<'a>(&'a Path);
///
/// impl Observer for Saver<'_> {
///     fn pauses(&mut self, epoch: usize, batch: usize) -> bool {
///         (epoch, batch) == (1, 5)
///     }
///     fn paused(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
///         snapshot.save(self.0, &serde_json::json!("by hand")).expect("the disk has room");
///         ControlFlow::Break(())
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("reviews.safetensors");
/// # let options = SyntheticOptions { reviews: 2_000, words: 1_000, ..Default::default() };
/// # dataset::write(&mut Synthetic::new(options)?, &path)?;
/// # let dataset = Dataset::open(&path, Access::Map)?;
/// # let fresh = || Architecture::new(dataset.features(), &[]).map(|network| Model::new(network, 1));
/// # let options = || FitOptions {
/// #     epochs: 3,
/// #     batch_size: 64,
/// #     validation: Holdout::Fraction(0.2),
/// #     ..FitOptions::default()
/// # };
/// let file = folder.path().join("checkpoint.safetensors");
/// let mut model = fresh()?;
/// let plan = TrainPlan::new(&dataset, &model, options())?;
/// fit(&plan, &mut model, &Team::new(2)?, &mut Saver(&file))?;
///
/// let checkpoint = Checkpoint::load(&file)?;
/// assert_eq!((checkpoint.epoch(), checkpoint.batch()), (1, 5));
/// let outcome = resume(&plan, &mut model, &Team::new(1)?, &mut Silent, checkpoint)?;
/// # let mut whole = fresh()?;
/// # assert_eq!(outcome.history, fit(&plan, &mut whole, &Team::new(2)?, &mut Silent)?.history);
/// # assert!(whole.parameters() == model.parameters());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Unfit`](crate::Error::Unfit) where plan, dataset or network are not those of the run, or memory is short;
/// [`Error::Malformed`](crate::Error::Malformed) where the checkpoint is damaged; [`Error::Io`](crate::Error::Io) as for [`fit`]. The
/// model's weights may then have been replaced.
///
/// # Panics
/// If a loss, metric, optimizer or observer of the caller panics, or the observer begins another run on the same team of several threads.
/// The model is then of no use: half of it may be of one step, half of another.
pub fn resume(
    plan: &TrainPlan<'_>,
    model: &mut Model,
    team: &Team,
    observer: &mut dyn Observer,
    checkpoint: Checkpoint,
) -> Result<Outcome> {
    checkpoint.expect(plan, model.architecture())?;
    let saved = checkpoint.model()?;
    if plan.options.scales_input() && saved.input_scale().is_none() {
        return Err(checkpoint.without_scale());
    }
    model.take_weights(saved);
    Fit { plan, model, team, observer, from: Some(checkpoint) }.run()
}

/// A plan with what carries it out.
struct Fit<'a> {
    plan: &'a TrainPlan<'a>,
    model: &'a mut Model,
    team: &'a Team,
    observer: &'a mut dyn Observer,
    /// Where not from the beginning.
    from: Option<Checkpoint>,
}

impl Fit<'_> {
    /// Trains from the beginning or from a checkpoint, by what the model takes of a review.
    fn run(self) -> Result<Outcome> {
        self.plan.expect_model(self.model)?;
        let dataset = self.plan.dataset;
        match self.model.architecture().embedding() {
            Some(embedding) => match sequences(dataset, Split::Train)? {
                Sequences::Narrow(..) => self.on_sequences::<u16>(embedding),
                Sequences::Wide(..) => self.on_sequences::<u32>(embedding),
            },
            None => match dataset.csr(Split::Train)? {
                Csr::Narrow(_) => self.on_sets::<u16>(),
                Csr::Wide(_) => self.on_sets::<u32>(),
            },
        }
    }

    /// Trains on the sets of words as the dataset has them.
    fn on_sets<I: Counted>(self) -> Result<Outcome> {
        let Fit { plan, team, .. } = self;
        let rows = |split: Split| Ok(Rows::<I>::of(plan.dataset.csr(split)?));
        let train = rows(Split::Train)?;
        let cuts = self.affordable_cuts(train)?;
        if self.model.input_scale().is_none() {
            let asked = (plan.options.feature_scale, plan.options.row_norm);
            let labels = plan.dataset.labels(Split::Train)?;
            let features = plan.dataset.features();
            let scale = input_scale(team, asked, features, train, (&plan.train_rows, labels));
            self.model.scale_input(scale);
        }
        let scale = self.model.input_scale();
        let train_scales = row_scales(team, scale, train);
        let (other, other_scales) = match &plan.validation {
            Some((split, _)) if *split != Split::Train => {
                let other = rows(*split)?;
                (Some(other), row_scales(team, scale, other))
            }
            _ => (None, None),
        };
        let train = train.with_scales(train_scales.as_deref());
        let other = other.map(|rows| rows.with_scales(other_scales.as_deref()));
        let held_out = plan.validation.is_some().then(|| other.unwrap_or(train));
        self.on_rows(train, held_out, cuts)
    }

    /// Trains on sequences of words.
    fn on_sequences<I: Counted>(self, embedding: Embedding) -> Result<Outcome> {
        let Fit { plan, team, .. } = self;
        let counted = |split: Split| {
            let sequences = sequences(plan.dataset, split)?;
            CountedRows::<I>::expect_memory(embedding, sequences)?;
            Ok(CountedRows::<I>::of(team, embedding, sequences))
        };
        let train = counted(Split::Train)?;
        let other = match &plan.validation {
            Some((split, _)) if *split != Split::Train => Some(counted(*split)?),
            _ => None,
        };
        let held_out = plan.validation.is_some().then(|| other.as_ref().unwrap_or(&train).rows());
        let cuts = self.affordable_cuts(train.rows())?;
        self.on_rows(train.rows(), held_out, cuts)
    }

    /// How the features are shared out, where the system has memory for a run on them: to be known before the model is changed.
    ///
    /// # Errors
    /// [`Error::Unfit`](crate::Error::Unfit) where memory is short.
    fn affordable_cuts<I: Word>(&self, rows: Rows<'_, I>) -> Result<Vec<Cut>> {
        let cuts = self.plan.cuts(rows);
        self.plan.expect_memory(&cuts, self.team.size())?;
        Ok(cuts)
    }

    /// Trains on the rows of the train split by these cuts, and validates on those of the split that the plan says.
    fn on_rows<I: Word>(
        self,
        rows: Rows<'_, I>,
        held_out: Option<Rows<'_, I>>,
        cuts: Vec<Cut>,
    ) -> Result<Outcome> {
        let Fit { plan, model, team, observer, from } = self;
        let level = team.level();
        let architecture = model.architecture().clone();
        let (parameters, scale) = model.trained();
        let options = &plan.options;
        let head = &parameters.head;
        let blocks = (0..plan.blocks()).map(|_| Block::new(&architecture, head));
        let validation = match (&plan.validation, held_out) {
            (Some((split, set)), Some(rows)) => Some(Validation::new(plan, (*split, set), rows)?),
            _ => None,
        };
        let first_kernel = &mut parameters.first_kernel;
        let remembers = plan.remembers_best(first_kernel.len());
        let scales = scale.and_then(InputScale::features);
        let first_layer = (&mut first_kernel[..], scales);
        let moving = Moving { optimizer: &*options.optimizer, idle: plan.idle() };
        let mut shards =
            Shard::split(first_layer, &architecture, &cuts, plan.shares_gradient(), moving, level);
        if let Some(average) = options.average_weights {
            shards.iter_mut().for_each(|shard| shard.average(average));
        }
        let threads = team.size().min(plan.most_threads(shards.len()));
        let order = plan.order();
        let mut run = Run {
            plan,
            level,
            rows,
            labels: plan.dataset.labels(Split::Train)?,
            validation,
            blocks: blocks.map(RwLock::new).collect(),
            next_block: AtomicUsize::new(0),
            window_batches: order.window_batches(),
            has_one_window: order.is_single(),
            order: Mutex::new(order),
            window: RwLock::default(),
            books: Mutex::new(Books::new(plan, head, observer, remembers)),
            head: RwLock::new(head.clone()),
            head_squares: AtomicU64::new(0),
            first_layer: FirstLayer::new(shards, plan.summed_rows(), architecture.width(), threads),
            architecture: &architecture,
            scale,
            from: Place { epoch: 0, batch: 0 },
            threads,
            ended: AtomicBool::new(false),
            is_best: AtomicBool::new(false),
        };
        match from {
            Some(checkpoint) => run.take_up(&checkpoint)?,
            None => run.prepare_epoch(0),
        }
        let stopped = run.go_on(team)?;
        let (outcome, head) = run.finish(stopped);
        parameters.head = head;
        Ok(outcome)
    }
}
