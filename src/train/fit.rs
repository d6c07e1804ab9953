//! The training loop.
//!
//! A step has three phases, and the threads meet between them:
//! 1. each shard of the first layer sums its weight rows for all reviews of the batch;
//! 2. each block of reviews adds the shards' sums, goes forward through the head, and back;
//! 3. each shard adds the deltas to its gradient and updates its rows; the leader updates the head and keeps the books.

mod clip;
mod draws;
mod pauses;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};

use self::draws::drawn;
use super::block::{BLOCK_ROWS, Block, Through};
use super::books::Books;
use super::checkpoint::{Checkpoint, Place};
use super::cut::cut_features;
use super::first_layer::FirstLayer;
use super::parallel::{Team, Worker, lock, read, write};
use super::rows::{Counted, Rows, Word};
use super::scales::{input_scale, row_scales};
use super::sequences::{CountedRows, sequences};
use super::shard::{Moving, Shard};
use super::validation::Validation;
use super::window::{Order, Window};
use super::{History, Observer, TrainPlan};
use crate::dataset::{Csr, Sequences, Split};
use crate::error::{Error, Result};
use crate::kernel::{Aligned, Level};
use crate::model::Model;
use crate::nn::{Architecture, Embedding, Head, InputScale, Workspace};
use crate::random::{Draws, Stream};

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    /// One value a quantity and epoch.
    pub history: History,
    /// Why it ended.
    pub ending: Ending,
    /// The epoch (from 0) whose weights the model has, or up to whose end they are averaged; `None` where they are those of a run that was interrupted within an
    /// epoch, or of one that diverged and remembered no good epoch, when they are of no use.
    pub epoch: Option<usize>,
}

/// Why a run ended.
#[derive(Debug)]
pub enum Ending {
    /// All epochs are done.
    Completed,
    /// The validation loss did not fall any more.
    StoppedEarly,
    /// The observer said so, at the end of an epoch or where it had paused the run.
    Interrupted,
    /// The loss or a weight is not a number any more; an [`Error::Diverged`].
    Diverged(Error),
}

impl Ending {
    pub(super) fn diverged(plan: &TrainPlan<'_>, epoch: usize, batch: usize) -> Ending {
        let learning_rate = plan.options.optimizer.learning_rate();
        Ending::Diverged(Error::Diverged { epoch, batch, learning_rate })
    }
}

/// Trains `model` by `plan` on the threads of `team`.
///
/// The result depends on the plan and the data alone: the same bits on any number of threads.
///
/// # Errors
/// [`Error::Unfit`] where the dataset lacks a split that the plan names. A run that diverges is no error here: its
/// [`Outcome`] has the history up to the last good epoch, and the model the weights of the best one, if they were remembered.
///
/// # Panics
/// If a loss, metric or observer of the caller panics.
pub fn fit(
    plan: &TrainPlan<'_>,
    model: &mut Model,
    team: &Team,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    fit_from(plan, model, team, observer, None)
}

/// Goes on from a checkpoint, whose weights take the place of the model's. The history and the model at the end are, to the
/// bit, those of a run that never stopped, on any number of threads; with other kernels they are as good, but not the same.
///
/// The plan has to be that of the run, except for the number of epochs: it may be any that is not done yet.
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
/// [`Error::Unfit`] where plan, dataset or network are not those of the run; [`Error::Malformed`] where the checkpoint is
/// damaged. The model's weights may then have been replaced.
///
/// # Panics
/// If a loss, metric or observer of the caller panics.
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
    fit_from(plan, model, team, observer, Some(checkpoint))
}

/// Trains from the beginning or from a checkpoint, by what the model takes of a review.
fn fit_from(
    plan: &TrainPlan<'_>,
    model: &mut Model,
    team: &Team,
    observer: &mut dyn Observer,
    from: Option<Checkpoint>,
) -> Result<Outcome> {
    if let Some(embedding) = model.architecture().embedding() {
        let run = match sequences(plan.dataset, Split::Train)? {
            Sequences::Narrow(..) => fit_sequences::<u16>,
            Sequences::Wide(..) => fit_sequences::<u32>,
        };
        return run(plan, model, team, observer, embedding, from);
    }
    match plan.dataset.csr(Split::Train)? {
        Csr::Narrow(_) => fit_sets::<u16>(plan, model, team, observer, from),
        Csr::Wide(_) => fit_sets::<u32>(plan, model, team, observer, from),
    }
}

/// Trains on the sets of words as the dataset has them.
fn fit_sets<I: Counted>(
    plan: &TrainPlan<'_>,
    model: &mut Model,
    team: &Team,
    observer: &mut dyn Observer,
    from: Option<Checkpoint>,
) -> Result<Outcome> {
    let rows = |split: Split| Ok(Rows::<I>::of(plan.dataset.csr(split)?));
    let train = rows(Split::Train)?;
    if model.input_scale().is_none() {
        let asked = (plan.options.feature_scale, plan.options.row_norm);
        let labels = plan.dataset.labels(Split::Train)?;
        let features = plan.dataset.features();
        model.scale_input(input_scale(team, asked, features, train, (&plan.train_rows, labels)));
    }
    let scale = model.input_scale();
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
    fit_rows(plan, model, team, observer, (train, held_out), from)
}

/// Trains on sequences of words.
fn fit_sequences<I: Counted>(
    plan: &TrainPlan<'_>,
    model: &mut Model,
    team: &Team,
    observer: &mut dyn Observer,
    embedding: Embedding,
    from: Option<Checkpoint>,
) -> Result<Outcome> {
    let counted =
        |split: Split| Ok(CountedRows::<I>::of(team, embedding, sequences(plan.dataset, split)?));
    let train = counted(Split::Train)?;
    let other = match &plan.validation {
        Some((split, _)) if *split != Split::Train => Some(counted(*split)?),
        _ => None,
    };
    let held_out = plan.validation.is_some().then(|| other.as_ref().unwrap_or(&train).rows());
    fit_rows(plan, model, team, observer, (train.rows(), held_out), from)
}

/// Trains on the rows of the train split, and validates on those of the split that the plan says.
fn fit_rows<I: Word>(
    plan: &TrainPlan<'_>,
    model: &mut Model,
    team: &Team,
    observer: &mut dyn Observer,
    (rows, held_out): (Rows<'_, I>, Option<Rows<'_, I>>),
    from: Option<Checkpoint>,
) -> Result<Outcome> {
    let level = team.level();
    let architecture = model.architecture().clone();
    let (parameters, scale) = model.trained();
    let options = &plan.options;
    let batch_rows = options.batch_size.min(plan.train_rows.len());
    let cuts = cut_features(rows, &plan.train_rows, architecture.inputs(), batch_rows);
    let head = &parameters.head;
    let blocks = (0..batch_rows.div_ceil(BLOCK_ROWS)).map(|_| Block::new(&architecture, head));
    let validation = match (&plan.validation, held_out) {
        (Some((split, set)), Some(rows)) => Some(Validation::new(plan, (*split, set), rows)?),
        _ => None,
    };
    let rows_at_once = batch_rows.max(validation.as_ref().map_or(0, Validation::rows_at_once));
    let first_kernel = &mut parameters.first_kernel;
    let remembers = plan.remembers_best(first_kernel.len());
    let scales = scale.and_then(InputScale::features);
    let is_shared = batch_rows == 1 && !I::REPEATS;
    let first_layer = (&mut first_kernel[..], scales);
    let moving = Moving { optimizer: &*options.optimizer, idle: plan.idle() };
    let mut shards = Shard::split(first_layer, &architecture, &cuts, is_shared, moving, level);
    if let Some(average) = options.average_weights {
        shards.iter_mut().for_each(|shard| shard.average(average));
    }
    // What has one owner keeps one thread busy; others would only be waited for.
    let threads = if shards.len() == 1 { 1 } else { team.size() };
    let mut run = Run {
        plan,
        level,
        rows,
        labels: plan.dataset.labels(Split::Train)?,
        validation,
        blocks: blocks.map(RwLock::new).collect(),
        next_block: AtomicUsize::new(0),
        order: Mutex::new(plan.order()),
        window: RwLock::default(),
        books: Mutex::new(Books::new(plan, head, observer, remembers)),
        head: RwLock::new(head.clone()),
        head_squares: AtomicU64::new(0),
        first_layer: FirstLayer::new(shards, rows_at_once, architecture.width(), threads),
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
    let stopped = run.go_on(team);
    let (outcome, head) = run.finish(stopped);
    parameters.head = head;
    Ok(outcome)
}

/// What the threads of a run share.
struct Run<'a, I> {
    plan: &'a TrainPlan<'a>,
    level: Level,
    architecture: &'a Architecture,
    /// How much the words count, where it is not 1.
    scale: Option<&'a InputScale>,
    rows: Rows<'a, I>,
    labels: &'a [u8],
    validation: Option<Validation<'a, I>>,
    first_layer: FirstLayer<'a>,
    blocks: Vec<RwLock<Block>>,
    /// The first block that no thread has taken yet.
    next_block: AtomicUsize,
    head: RwLock<Head>,
    /// The sum of the squares of the head's gradient, as its bits, where gradients are clipped.
    head_squares: AtomicU64,
    order: Mutex<Order>,
    window: RwLock<Window>,
    books: Mutex<Books<'a>>,
    /// Where the threads set out.
    from: Place,
    /// How many they are.
    threads: usize,
    /// Whether the run has ended or stands still.
    ended: AtomicBool,
    is_best: AtomicBool,
}

/// What is a thread's own.
struct Own {
    workspace: Workspace,
    targets: Vec<f32>,
    /// Random numbers for the words of each review of the batch, where some are left out.
    reviews: Vec<Draws>,
    /// The deltas of the whole batch, `[batch, width]`.
    deltas: Aligned,
    /// Whether the thread has been through a window since it set out.
    has_window: bool,
}

impl Own {
    fn new(architecture: &Architecture) -> Own {
        Own {
            workspace: Workspace::new(architecture, BLOCK_ROWS),
            targets: Vec::with_capacity(BLOCK_ROWS),
            reviews: Vec::new(),
            deltas: Aligned::zeros(0),
            has_window: false,
        }
    }
}

impl<'a, I: Word> Run<'a, I> {
    /// What every thread does. `ended` and `is_best` are set by the leader before a meeting and read by all after it.
    fn work(&self, worker: &Worker<'_>) {
        let mut own = Own::new(self.architecture);
        for epoch in self.from.epoch..self.plan.options.epochs {
            let done = if epoch == self.from.epoch { self.from.batch } else { 0 };
            if self.train(worker, Place { epoch, batch: done }, &mut own).is_break() {
                return;
            }
            // All have looked whether the run has ended before the leader says anew whether it has.
            worker.meet();
            // By the last thread: it has the fewest other duties, and while it is at it, the others go ahead with the validation.
            if worker.index + 1 == worker.size {
                self.prepare_epoch(epoch + 1);
            }
            if let Some(validation) = &self.validation {
                let through = Through {
                    level: self.level,
                    head: &read(&self.head),
                    loss: &*self.plan.options.loss,
                    workspace: &mut own.workspace,
                    targets: &mut own.targets,
                };
                validation.run(
                    worker,
                    &self.first_layer,
                    through,
                    |probabilities, labels, loss| {
                        lock(&self.books).validated(probabilities, labels, loss);
                    },
                );
            }
            if worker.leads() {
                let (has_ended, is_best) = lock(&self.books).end_epoch(epoch, &read(&self.head));
                self.is_best.store(is_best, Ordering::Release);
                self.ended.store(has_ended, Ordering::Release);
            }
            worker.meet();
            if self.is_best.load(Ordering::Acquire) {
                self.first_layer.for_own(worker, Shard::keep);
            }
            if self.has_ended() {
                return;
            }
        }
    }

    /// All batches of an epoch from a place on; `Break` where one of them has ended the run.
    fn train(&self, worker: &Worker<'_>, mut place: Place, own: &mut Own) -> ControlFlow<()> {
        let batch_size = self.plan.options.batch_size;
        while place.batch < self.plan.batches() {
            let done = self.turn_to_window(worker, place);
            let window = read(&self.window);
            if !own.has_window || !lock(&self.order).is_single() {
                self.first_layer
                    .for_own(worker, |shard| shard.begin_window(self.rows, &window.rows));
                own.has_window = true;
            }
            let mut orders = window.order.chunks(batch_size).skip(done);
            let mut take = || orders.next().unwrap_or_default();
            let mut coming = [take(), take(), take()];
            while !coming[0].is_empty() {
                self.step(worker, place, &window, coming, own)?;
                coming = [coming[1], coming[2], take()];
                place.batch += 1;
            }
            drop(window);
            worker.meet();
            if self.has_ended() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    /// Draws the order of an epoch, if there is one more, and its first window.
    fn prepare_epoch(&self, epoch: usize) {
        if epoch < self.plan.options.epochs {
            lock(&self.order).begin_epoch();
            self.fill_window(0);
        }
    }

    fn fill_window(&self, index: usize) {
        let mut order = lock(&self.order);
        order.fill(index, self.labels, &mut write(&self.window));
        for stretch in order.stretches(index + 1) {
            self.plan.dataset.will_need(Split::Train, stretch);
        }
    }

    /// Lets the leader prepare the window that a place lies in, and returns how many of its batches are done.
    fn turn_to_window(&self, worker: &Worker<'_>, place: Place) -> usize {
        worker.meet();
        let window_batches = lock(&self.order).window_batches();
        let index = place.batch / window_batches;
        if worker.leads() {
            if place.batch == 0 {
                lock(&self.books).begin_epoch(place.epoch);
            }
            // The first one is there, and so is the one that a run stopped in.
            if read(&self.window).index != index {
                self.fill_window(index);
            }
        }
        worker.meet();
        place.batch - index * window_batches
    }

    /// One batch, by the orders of it and of the two behind it; `Break` where the one before has ended the run.
    fn step(
        &self,
        worker: &Worker<'_>,
        place: Place,
        window: &Window,
        [order, next, after_next]: [&[u32]; 3],
        own: &mut Own,
    ) -> ControlFlow<()> {
        let step = self.plan.step(place, self.level);
        let (words, options) = (self.plan.word_dropout, &self.plan.options);
        if words.is_on() {
            own.reviews.clear();
            let row = |&at: &u32| window.rows[at as usize];
            let reviews =
                drawn(options.seed, Stream::WordDropout, place.epoch, order.iter().map(row));
            own.reviews.extend(reviews);
        }
        self.first_layer.gather(worker, self.rows, |shard| {
            shard.begin_batch(order);
            if words.is_on() {
                shard.thin(self.rows, words, &own.reviews);
            }
        });
        worker.meet();
        if self.has_ended() {
            return ControlFlow::Break(());
        }
        if worker.leads() {
            self.first_layer.balance();
        }
        self.forward_and_backward(window, order, place.epoch, own);
        worker.meet();
        let blocks = &self.blocks[..order.len().div_ceil(BLOCK_ROWS)];
        self.collect_deltas(blocks, &mut own.deltas);
        let l2 = self.plan.options.l2;
        let scatter = |shard: &mut Shard<'a>| {
            shard.prepare_batch(next);
            shard.ask_for_words(self.rows, after_next);
            shard.scatter(self.rows, &own.deltas, step);
            if l2 > 0.0 {
                shard.pull(l2);
            }
        };
        let update = |shard: &mut Shard<'a>| shard.update(&*self.plan.options.optimizer, step);
        let factor = match self.plan.options.global_clipnorm {
            None => {
                self.first_layer.for_own(worker, |shard| {
                    scatter(shard);
                    update(shard);
                });
                None
            }
            Some(most) => {
                let factor = self.clip(worker, blocks, most, scatter);
                self.first_layer.for_own(worker, |shard| {
                    factor.inspect(|&factor| shard.shrink(factor));
                    update(shard);
                });
                factor
            }
        };
        if worker.leads() {
            self.next_block.store(0, Ordering::Relaxed);
            let mut books = lock(&self.books);
            let is_over = match books.end_batch(place.batch, blocks) {
                ControlFlow::Continue(()) => {
                    let mut head = write(&self.head);
                    if self.plan.options.global_clipnorm.is_none() {
                        books.head.collect(blocks, &head);
                    }
                    factor.inspect(|&factor| books.head.shrink(factor));
                    books.head.update(&mut head, step);
                    books.pauses(Place { batch: place.batch + 1, ..place })
                }
                ControlFlow::Break(()) => true,
            };
            if is_over {
                self.ended.store(true, Ordering::Release);
            }
        }
        ControlFlow::Continue(())
    }

    /// Phase 2: blocks, until there are no more.
    fn forward_and_backward(&self, window: &Window, order: &[u32], epoch: usize, own: &mut Own) {
        let sums = self.first_layer.sums();
        let mut through = Through {
            level: self.level,
            head: &read(&self.head),
            loss: &*self.plan.options.loss,
            workspace: &mut own.workspace,
            targets: &mut own.targets,
        };
        let scale = 1.0 / order.len() as f32;
        let (units, words) = (self.plan.dropout, self.plan.word_dropout);
        let (seed, all_scales) = (self.plan.options.seed, self.rows.all_scales());
        loop {
            let block = self.next_block.fetch_add(1, Ordering::Relaxed);
            let first = block * BLOCK_ROWS;
            if first >= order.len() {
                return;
            }
            let order = &order[first..order.len().min(first + BLOCK_ROWS)];
            let labels = order.iter().map(|&at| window.labels[at as usize]);
            let rows = order.iter().map(|&at| window.rows[at as usize]);
            let row_scale = |row: u32| all_scales.map_or(1.0, |scales| scales[row as usize]);
            let scales = (all_scales.is_some() || words.is_on())
                .then(|| rows.clone().map(|row| row_scale(row) * words.scale()));
            let drops = units.is_on().then(|| (units, drawn(seed, Stream::Dropout, epoch, rows)));
            let mut block = write(&self.blocks[block]);
            block.run(&mut through, &sums, first, labels, (scales, scale), drops);
        }
    }

    /// Brings the deltas of all blocks near: each is read many times, in any order.
    fn collect_deltas(&self, blocks: &[RwLock<Block>], deltas: &mut Aligned) {
        let stride = BLOCK_ROWS * self.architecture.width();
        if deltas.is_empty() {
            *deltas = Aligned::zeros(self.blocks.len() * stride);
        }
        for (block, place) in blocks.iter().zip(deltas.chunks_mut(stride)) {
            place.copy_from_slice(&read(block).deltas);
        }
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}
