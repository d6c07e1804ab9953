//! The training loop.
//!
//! A step has three phases, and the threads meet between them:
//! 1. each shard of the first layer sums its weight rows for all reviews of the batch;
//! 2. each block of reviews adds the shards' sums, goes forward through the head, and back;
//! 3. each shard adds the deltas to its gradient and updates its rows; the leader updates the head and keeps the books.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::block::{BLOCK_ROWS, Block};
use super::books::Books;
use super::parallel::{Team, Worker};
use super::rows::Rows;
use super::shard::{Cuts, SHARDS, Shard, cut_features};
use super::validation::{Scratch, Validation};
use super::{History, Observer, TrainPlan};
use crate::dataset::{Csr, Split, WordId};
use crate::error::{Error, Result};
use crate::kernel::Span;
use crate::model::Model;
use crate::nn::{Architecture, Head};

/// How a run went.
#[derive(Debug)]
pub struct Outcome {
    /// One value a quantity and epoch.
    pub history: History,
    /// Why it ended.
    pub ending: Ending,
    /// The epoch (from 0) whose weights the model has.
    pub epoch: usize,
}

/// Why a run ended.
#[derive(Debug)]
pub enum Ending {
    /// All epochs are done.
    Completed,
    /// The validation loss did not fall any more.
    StoppedEarly,
    /// The observer said so.
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
/// [`Outcome`] has the history up to the last good epoch.
///
/// # Panics
/// If a loss, metric or observer of the caller panics.
pub fn fit(
    plan: &TrainPlan<'_>,
    model: &mut Model,
    team: &Team,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    match plan.dataset.csr(Split::Train)? {
        Csr::Narrow(_) => fit_rows::<u16>(plan, model, team, observer),
        Csr::Wide(_) => fit_rows::<u32>(plan, model, team, observer),
    }
}

fn fit_rows<I: WordId>(
    plan: &TrainPlan<'_>,
    model: &mut Model,
    team: &Team,
    observer: &mut dyn Observer,
) -> Result<Outcome> {
    let rows = Rows::<I>::of(plan.dataset.csr(Split::Train)?);
    let architecture = model.architecture().clone();
    let parameters = model.parameters_mut();
    let options = &plan.options;
    let features =
        cut_features(rows, plan.train_rows.clone(), architecture.inputs(), options.batch_size);
    let batch_rows = options.batch_size.min(plan.train_rows.len());
    let head = &parameters.head;
    let blocks = (0..batch_rows.div_ceil(BLOCK_ROWS)).map(|_| Block::new(&architecture, head));
    let run = Run {
        plan,
        rows,
        labels: plan.dataset.labels(Split::Train)?,
        cuts: Cuts::new(rows, plan.train_rows.clone(), &features),
        validation: Validation::new(plan, &features)?,
        partials: (0..SHARDS)
            .map(|_| RwLock::new(vec![0.0; batch_rows * architecture.width()]))
            .collect(),
        blocks: blocks.map(RwLock::new).collect(),
        order: RwLock::new(plan.train_rows.clone().map(|row| row as u32).collect()),
        books: Mutex::new(Books::new(plan, head, observer)),
        head: RwLock::new(head.clone()),
        shards: Shard::split(
            &mut parameters.first_kernel,
            &architecture,
            &features,
            &*options.optimizer,
        )
        .into_iter()
        .map(RwLock::new)
        .collect(),
        architecture: &architecture,
        ended: AtomicBool::new(false),
        is_best: AtomicBool::new(false),
    };
    team.run(team.size(), |worker| run.work(&worker));

    let Run { books, head, shards, .. } = run;
    let books = books.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut head = head.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mut epoch = books.history.epochs().saturating_sub(1);
    if let Some((best_epoch, best_head)) = books.best {
        for shard in shards {
            shard.into_inner().unwrap_or_else(PoisonError::into_inner).restore();
        }
        (epoch, head) = (best_epoch, best_head);
    }
    let (history, mut ending) = (books.history, books.ending);
    parameters.head = head;
    // The last update may have spoilt weights that no loss has seen.
    if !matches!(ending, Ending::Diverged(_)) && !parameters.are_finite() {
        ending = Ending::diverged(plan, history.epochs(), plan.batches());
    }
    Ok(Outcome { history, ending, epoch })
}

/// What the threads of a run share. The locks are never contended: the meetings keep readers and writers apart, and the
/// locks make the compiler see it.
struct Run<'a, I> {
    plan: &'a TrainPlan<'a>,
    architecture: &'a Architecture,
    rows: Rows<'a, I>,
    labels: &'a [u8],
    cuts: Cuts,
    validation: Option<Validation<'a, I>>,
    shards: Vec<RwLock<Shard<'a>>>,
    /// The shards' sums for the batch, `[batch, width]` each.
    partials: Vec<RwLock<Vec<f32>>>,
    blocks: Vec<RwLock<Block>>,
    head: RwLock<Head>,
    /// The rows in the order of this epoch.
    order: RwLock<Vec<u32>>,
    books: Mutex<Books<'a>>,
    ended: AtomicBool,
    is_best: AtomicBool,
}

impl<'a, I: WordId> Run<'a, I> {
    /// What every thread does. `ended` and `is_best` are set by the leader before a meeting and read by all after it.
    fn work(&self, worker: &Worker<'_>) {
        let mut spans = Vec::with_capacity(BLOCK_ROWS);
        let mut scratch = Scratch::new(self.architecture);
        let (epochs, batches) = (self.plan.options.epochs, self.plan.batches());
        for epoch in 0..epochs {
            if worker.leads() {
                self.books().begin_epoch(epoch, &mut write(&self.order));
            }
            worker.meet();
            for batch in 0..batches {
                let step = (epoch * batches + batch + 1) as u32;
                if self.step(worker, batch, step, &mut spans).is_break() {
                    return;
                }
            }
            worker.meet();
            if self.has_ended() {
                return;
            }
            if let Some(validation) = &self.validation {
                let shards: Vec<_> = self.shards.iter().map(read).collect();
                let shards = std::array::from_fn(|shard| &*shards[shard]);
                let consume = |probabilities: &[f32], labels: &[u8], loss| {
                    self.books().validated(probabilities, labels, loss);
                };
                let (head, loss) = (read(&self.head), &*self.plan.options.loss);
                validation.run(worker, shards, &head, loss, &mut scratch, consume);
            }
            if worker.leads() {
                let (has_ended, is_best) = self.books().end_epoch(epoch, &read(&self.head));
                self.is_best.store(is_best, Ordering::Release);
                self.ended.store(has_ended, Ordering::Release);
            }
            worker.meet();
            if self.is_best.load(Ordering::Acquire) {
                mine(worker, SHARDS).for_each(|shard| write(&self.shards[shard]).keep());
            }
            if self.has_ended() {
                return;
            }
        }
    }

    /// One batch; `Break` where the one before has ended the run.
    fn step(
        &self,
        worker: &Worker<'_>,
        batch: usize,
        step: u32,
        spans: &mut Vec<Span>,
    ) -> ControlFlow<()> {
        let options = &self.plan.options;
        let order = read(&self.order);
        let start = batch * options.batch_size;
        let row_ids = &order[start..order.len().min(start + options.batch_size)];

        for shard in mine(worker, SHARDS) {
            self.gather(shard, row_ids, spans);
        }
        worker.meet();
        if self.has_ended() {
            return ControlFlow::Break(());
        }
        self.forward_and_backward(worker, row_ids);
        worker.meet();
        for shard in mine(worker, SHARDS) {
            self.scatter_and_update(shard, row_ids, step, spans);
        }
        if worker.leads() {
            let blocks: Vec<_> =
                self.blocks[..row_ids.len().div_ceil(BLOCK_ROWS)].iter().map(read).collect();
            let mut books = self.books();
            if books.end_batch(batch, &blocks, row_ids, self.labels).is_continue() {
                books.update_head(&blocks, &mut write(&self.head), step);
            } else {
                self.ended.store(true, Ordering::Release);
            }
        }
        ControlFlow::Continue(())
    }

    /// Phase 1: a shard's sums for the batch.
    fn gather(&self, shard: usize, row_ids: &[u32], spans: &mut Vec<Span>) {
        let width = self.architecture.width();
        let owner = read(&self.shards[shard]);
        let mut partial = write(&self.partials[shard]);
        for (ids, out) in row_ids.chunks(BLOCK_ROWS).zip(partial.chunks_mut(BLOCK_ROWS * width)) {
            self.cuts.spans(self.rows, shard, ids.iter().map(|&row| row as usize), spans);
            owner.gather(self.rows, spans, &mut out[..ids.len() * width]);
        }
    }

    /// Phase 2: this thread's blocks.
    fn forward_and_backward(&self, worker: &Worker<'_>, row_ids: &[u32]) {
        let width = self.architecture.width();
        let partials: Vec<_> = self.partials.iter().map(read).collect();
        let head = read(&self.head);
        let scale = 1.0 / row_ids.len() as f32;
        for index in mine(worker, row_ids.len().div_ceil(BLOCK_ROWS)) {
            let from = index * BLOCK_ROWS;
            let ids = &row_ids[from..row_ids.len().min(from + BLOCK_ROWS)];
            let sums = std::array::from_fn(|shard| &partials[shard][from * width..]);
            let labels = ids.iter().map(|&row| self.labels[row as usize]);
            write(&self.blocks[index]).run(sums, labels, &head, &*self.plan.options.loss, scale);
        }
    }

    /// Phase 3: a shard's gradient and update.
    fn scatter_and_update(&self, shard: usize, row_ids: &[u32], step: u32, spans: &mut Vec<Span>) {
        let mut owner = write(&self.shards[shard]);
        for (ids, block) in row_ids.chunks(BLOCK_ROWS).zip(&self.blocks) {
            self.cuts.spans(self.rows, shard, ids.iter().map(|&row| row as usize), spans);
            owner.scatter(self.rows, spans, read(block).deltas(), step);
        }
        owner.update(&*self.plan.options.optimizer, step);
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn books(&self) -> MutexGuard<'_, Books<'a>> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The consecutive items of `0..count` that are this thread's.
fn mine(worker: &Worker<'_>, count: usize) -> Range<usize> {
    count * worker.index / worker.size..count * (worker.index + 1) / worker.size
}

// A lock is poisoned only by a panic, and that ends the whole team at its next meeting.

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
