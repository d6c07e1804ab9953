//! The training loop.
//!
//! A step has two phases, and the threads meet between them:
//! 1. each block of reviews adds the sums that the shards of the first layer have for it, goes forward through the head, and
//!    back;
//! 2. each shard adds the deltas to its gradient, updates its weight rows, and at once, while they are near, sums them for all
//!    reviews of the batch that comes next; the leader updates the head and keeps the books.

mod clip;
mod draws;
mod pauses;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, RwLock};

use self::draws::drawn;
use super::TrainPlan;
use super::block::{BLOCK_ROWS, Block, Through};
use super::books::Books;
use super::first_layer::{FirstLayer, Reviews};
use super::parallel::{Worker, lock, read, write};
use super::place::Place;
use super::rows::{Rows, Word};
use super::shard::Shard;
use super::validation::Validation;
use super::window::{Order, Window};
use crate::dataset::Split;
use crate::kernel::{Aligned, Level, prefetch};
use crate::nn::{Architecture, Head, InputScale, Workspace};
use crate::optimizer::Step;
use crate::random::{Draws, Stream};

/// How many batches ahead the places are looked up where a batch of one review has its words, its row and its label.
const FAR: usize = 16;

/// What the threads of a run share.
pub(super) struct Run<'a, I> {
    pub(super) plan: &'a TrainPlan<'a>,
    pub(super) level: Level,
    pub(super) architecture: &'a Architecture,
    /// How much the words count, where it is not 1.
    pub(super) scale: Option<&'a InputScale>,
    pub(super) rows: Rows<'a, I>,
    pub(super) labels: &'a [u8],
    pub(super) validation: Option<Validation<'a, I>>,
    pub(super) first_layer: FirstLayer<'a>,
    pub(super) blocks: Vec<RwLock<Block>>,
    /// The first block that no thread has taken yet.
    pub(super) next_block: AtomicUsize,
    pub(super) head: RwLock<Head>,
    /// The sum of the squares of the head's gradient, as its bits, where gradients are clipped.
    pub(super) head_squares: AtomicU64,
    pub(super) order: Mutex<Order>,
    /// How many batches a window has, all but the last.
    pub(super) window_batches: usize,
    /// Whether one window holds all rows, and so need be prepared only once.
    pub(super) has_one_window: bool,
    pub(super) window: RwLock<Window>,
    pub(super) books: Mutex<Books<'a>>,
    /// Where the threads set out.
    pub(super) from: Place,
    /// How many they are.
    pub(super) threads: usize,
    /// Whether the run has ended or stands still.
    pub(super) ended: AtomicBool,
    pub(super) is_best: AtomicBool,
}

/// The reviews of a step.
#[derive(Clone, Copy)]
struct Batch<'w> {
    epoch: usize,
    window: &'w Window,
    /// Rows of the window.
    order: &'w [u32],
}

impl<'w> Batch<'w> {
    /// Their rows in the split.
    fn rows(self) -> impl ExactSizeIterator<Item = u32> + Clone + use<'w> {
        self.order.iter().map(|&at| self.window.rows[at as usize])
    }
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
        let batch_size = self.plan.batch_rows();
        while place.batch < self.plan.batches() {
            let done = self.turn_to_window(worker, place);
            let window = read(&self.window);
            if !own.has_window || !self.has_one_window {
                self.first_layer
                    .for_own(worker, |shard| shard.words.begin_window(self.rows, &window.rows));
                own.has_window = true;
            }
            let batch = |number: usize| {
                let order = window.order.get(number * batch_size..).unwrap_or_default();
                let order = &order[..order.len().min(batch_size)];
                Batch { epoch: place.epoch, window: &window, order }
            };
            self.gather(worker, batch(done), &mut own.reviews, |_| ());
            for number in done..window.order.len().div_ceil(batch_size) {
                let coming = [number, number + 1, number + 2, number + FAR].map(batch);
                self.step(worker, place, coming, own)?;
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
    pub(super) fn prepare_epoch(&self, epoch: usize) {
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
        let index = place.batch / self.window_batches;
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
        place.batch - index * self.window_batches
    }

    /// The sums of a thread's shards for a batch, after `before` has been done with each of them.
    fn gather(
        &self,
        worker: &Worker<'_>,
        batch: Batch<'_>,
        reviews: &mut Vec<Draws>,
        mut before: impl FnMut(&mut Shard<'a>),
    ) {
        let (words, seed) = (self.plan.word_dropout, self.plan.options.seed);
        if words.is_on() {
            reviews.clear();
            reviews.extend(drawn(seed, Stream::WordDropout, batch.epoch, batch.rows()));
        }
        self.first_layer.gather(worker, self.rows, Reviews::Batch, |shard| {
            before(shard);
            shard.words.begin_batch(batch.order);
            if words.is_on() {
                shard.thin(self.rows, words, reviews);
            }
        });
    }

    /// One batch, whose sums are there or about to be, with the two behind it and one that comes later; `Break` where the one
    /// before has ended the run.
    fn step(
        &self,
        worker: &Worker<'_>,
        place: Place,
        [batch, next, after_next, far]: [Batch<'_>; 4],
        own: &mut Own,
    ) -> ControlFlow<()> {
        let step = self.plan.step(place, self.level);
        worker.meet();
        if self.has_ended() {
            return ControlFlow::Break(());
        }
        if worker.leads() {
            self.first_layer.balance();
        }
        self.look_ahead(after_next, far);
        self.forward_and_backward(batch, own);
        worker.meet();
        let blocks = &self.blocks[..batch.order.len().div_ceil(BLOCK_ROWS)];
        self.collect_deltas(blocks, &mut own.deltas);
        let factor = self.update(worker, blocks, [next, after_next, far], own, step);
        if worker.leads() && self.end_batch(place, blocks, factor, step).is_break() {
            self.ended.store(true, Ordering::Release);
        }
        ControlFlow::Continue(())
    }

    /// Asks for what is known of the reviews of later batches. Of larger ones, the CPU asks by itself for many reviews at a time.
    fn look_ahead(&self, after_next: Batch<'_>, far: Batch<'_>) {
        if self.plan.options.batch_size > 1 {
            return;
        }
        if let Some(&at) = far.order.first() {
            prefetch(&far.window.rows[at as usize]);
            prefetch(&far.window.labels[at as usize]);
        }
        if let (Some(scales), Some(row)) = (self.rows.all_scales(), after_next.rows().next()) {
            prefetch(&scales[row as usize]);
        }
    }

    /// Phase 1: blocks, until there are no more.
    fn forward_and_backward(&self, batch: Batch<'_>, own: &mut Own) {
        let sums = self.first_layer.sums(Reviews::Batch);
        let mut through = Through {
            level: self.level,
            head: &read(&self.head),
            loss: &*self.plan.options.loss,
            workspace: &mut own.workspace,
            targets: &mut own.targets,
        };
        let scale = 1.0 / batch.order.len() as f32;
        let (units, words) = (self.plan.dropout, self.plan.word_dropout);
        let (seed, all_scales) = (self.plan.options.seed, self.rows.all_scales());
        loop {
            let block = self.next_block.fetch_add(1, Ordering::Relaxed);
            let first = block * BLOCK_ROWS;
            let Some(order) = batch.order.get(first..).filter(|order| !order.is_empty()) else {
                return;
            };
            let part = Batch { order: &order[..order.len().min(BLOCK_ROWS)], ..batch };
            let labels = part.order.iter().map(|&at| part.window.labels[at as usize]);
            let rows = part.rows();
            let row_scale = |row: u32| all_scales.map_or(1.0, |scales| scales[row as usize]);
            let scales = (all_scales.is_some() || words.is_on())
                .then(|| rows.clone().map(|row| row_scale(row) * words.scale()));
            let drops =
                units.is_on().then(|| (units, drawn(seed, Stream::Dropout, batch.epoch, rows)));
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

    /// Phase 2 of the shards. Returns what the gradients have been multiplied by, if not by 1.
    fn update(
        &self,
        worker: &Worker<'_>,
        blocks: &[RwLock<Block>],
        [next, after_next, far]: [Batch<'_>; 3],
        own: &mut Own,
        step: Step,
    ) -> Option<f32> {
        let options = &self.plan.options;
        let Own { deltas, reviews, .. } = own;
        let scatter = |shard: &mut Shard<'a>| {
            shard.words.prepare_batch(next.order);
            shard.look_ahead(self.rows, after_next.order, far.order);
            shard.scatter(self.rows, deltas, step);
            if options.l2 > 0.0 {
                shard.pull(options.l2);
            }
        };
        let update = |shard: &mut Shard<'a>| shard.update(&*options.optimizer, step);
        let Some(most) = options.global_clipnorm else {
            self.gather(worker, next, reviews, |shard| {
                scatter(shard);
                update(shard);
            });
            return None;
        };
        let factor = self.clip(worker, blocks, most, scatter);
        self.gather(worker, next, reviews, |shard| {
            factor.inspect(|&factor| shard.shrink(factor));
            update(shard);
        });
        factor
    }

    /// What the leader does then: the head, the books, and whether the run is to end or to stand still here.
    fn end_batch(
        &self,
        place: Place,
        blocks: &[RwLock<Block>],
        factor: Option<f32>,
        step: Step,
    ) -> ControlFlow<()> {
        self.next_block.store(0, Ordering::Relaxed);
        let mut books = lock(&self.books);
        books.end_batch(place.batch, blocks)?;
        let mut head = write(&self.head);
        if self.plan.options.global_clipnorm.is_none() {
            books.head.collect(blocks, &head);
        }
        factor.inspect(|&factor| books.head.shrink(factor));
        books.head.update(&mut head, step);
        match books.pauses(Place { batch: place.batch + 1, ..place }) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }
}
