//! The first layer of a run: its shards, the threads that own them, and the sums that they hand on.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{RwLock, RwLockReadGuard};

use super::balance::Balance;
use super::cut::MOST_SHARDS;
use super::parallel::{Worker, inside_lock, read, write};
use super::rows::{Rows, Word};
use super::shard::Shard;
use crate::kernel::{Aligned, Sum};

/// Reviews may be summed while the sums of those before are read.
pub(super) const SIDES: usize = 2;

/// Whose sums they are.
#[derive(Clone, Copy)]
pub(super) enum Reviews {
    Batch,
    /// A round of the validation: each has the other side than the one before.
    Round(usize),
}

impl Reviews {
    pub(super) fn side(self) -> usize {
        match self {
            Reviews::Batch => 0,
            Reviews::Round(round) => round % SIDES,
        }
    }
}

/// The shards and their sums. The last two make a pair, and so do the first two of four; where one thread owns both of a pair,
/// it adds the second's sums to the first's at once. Either way a review's sum is 0 + (1 + 2), or (0 + 1) + (2 + 3), to the
/// bit. One shard alone has the sums themselves.
#[derive(Debug)]
pub(super) struct FirstLayer<'m> {
    shards: Vec<RwLock<Shard<'m>>>,
    /// On each side the shards' sums for some reviews, `[rows, width]` each.
    partials: [Vec<RwLock<Aligned>>; SIDES],
    /// Whether a shard's sums have been added to those of the shard before.
    is_added: Vec<AtomicBool>,
    /// The sums of the squares of the shards' gradients, as their bits.
    squares: Vec<AtomicU64>,
    balance: Balance,
    width: usize,
}

impl<'m> FirstLayer<'m> {
    /// Shared out among `threads`, for up to so many reviews on each side at a time.
    pub(super) fn new(
        shards: Vec<Shard<'m>>,
        rows: [usize; SIDES],
        width: usize,
        threads: usize,
    ) -> FirstLayer<'m> {
        let partial = |rows| RwLock::new(Aligned::zeros(rows * width));
        FirstLayer {
            partials: rows.map(|rows| shards.iter().map(|_| partial(rows)).collect()),
            is_added: shards.iter().map(|_| AtomicBool::new(false)).collect(),
            squares: shards.iter().map(|_| AtomicU64::new(0)).collect(),
            balance: Balance::new(shards.iter().map(Shard::cost).collect(), threads),
            shards: shards.into_iter().map(RwLock::new).collect(),
            width,
        }
    }

    /// Calls `work` with each shard of a thread.
    pub(super) fn for_own(&self, worker: &Worker<'_>, mut work: impl FnMut(&mut Shard<'m>)) {
        for index in self.balance.own(worker.index) {
            work(&mut write(&self.shards[index]));
        }
    }

    /// Calls `work` with each shard of a thread, and takes the sum of the squares of its gradient behind it.
    pub(super) fn measure(&self, worker: &Worker<'_>, mut work: impl FnMut(&mut Shard<'m>)) {
        for index in self.balance.own(worker.index) {
            self.balance.timed(index, || {
                let mut shard = write(&self.shards[index]);
                work(&mut shard);
                self.squares[index].store(shard.squares().to_bits(), Ordering::Relaxed);
            });
        }
    }

    /// The sum of the squares of all shards' gradients, added in their order.
    pub(super) fn squares(&self) -> f64 {
        let squares = self.squares.iter();
        squares.map(|squares| f64::from_bits(squares.load(Ordering::Relaxed))).sum()
    }

    /// The sums of a thread's shards, after `before` has been done with each of them and has made it take up some spans. The time
    /// counts for the balance where it is part of a step.
    pub(super) fn gather<I: Word>(
        &self,
        worker: &Worker<'_>,
        rows: Rows<'_, I>,
        reviews: Reviews,
        mut before: impl FnMut(&mut Shard<'m>),
    ) {
        for index in self.balance.own(worker.index) {
            let is_second = index > 0 && (self.shards.len() - index) % 2 == 1;
            let is_added = is_second && self.balance.owner(index - 1) == worker.index;
            self.is_added[index].store(is_added, Ordering::Relaxed);
            let (place, sum) = match is_added {
                true => (index - 1, Sum::Add),
                false => (index, Sum::Store),
            };
            let mut work = || {
                let mut out = write(&self.partials[reviews.side()][place]);
                let mut shard = write(&self.shards[index]);
                before(&mut shard);
                shard.gather(rows, sum, &mut out);
            };
            match reviews {
                Reviews::Batch => self.balance.timed(index, work),
                Reviews::Round(_) => work(),
            }
        }
    }

    /// What all threads have gathered.
    pub(super) fn sums(&self, reviews: Reviews) -> Sums<'_> {
        let partials = &self.partials[reviews.side()];
        let is_alone = |&shard: &usize| !self.is_added[shard].load(Ordering::Relaxed);
        Sums {
            partials: std::array::from_fn(|place| {
                // Of three shards, the first has no other before it.
                let shard = (place + self.shards.len()).checked_sub(MOST_SHARDS)?;
                Some(shard).filter(is_alone).map(|shard| read(&partials[shard]))
            }),
            width: self.width,
        }
    }

    /// For the leader, once a step, between the sums and the update: shards may change their owners.
    pub(super) fn balance(&self) {
        self.balance.look();
    }

    /// The shards, while no thread is at work.
    pub(super) fn shards_mut(&mut self) -> impl Iterator<Item = &mut Shard<'m>> {
        self.shards.iter_mut().map(inside_lock)
    }
}

/// The sums of all shards, ready to be added.
pub(super) struct Sums<'a> {
    /// Two pairs; what is missing is not there or has been added.
    partials: [Option<RwLockReadGuard<'a, Aligned>>; MOST_SHARDS],
    width: usize,
}

impl Sums<'_> {
    /// `out = (a + b) + (c + d)`, as far as they are there, for the reviews from `first` on, as many as `out` holds: `[rows, width]`.
    pub(super) fn add_into(&self, first: usize, out: &mut [f32]) {
        let n = out.len();
        let partials = self.partials.each_ref();
        match partials.map(|sums| Some(&sums.as_ref()?[first * self.width..][..n])) {
            [None, None, None, Some(all)] => out.copy_from_slice(all),
            [Some(a), None, Some(c), None] | [None, Some(a), Some(c), None] => {
                each(out, |i| a[i] + c[i]);
            }
            [Some(a), Some(b), Some(c), None] => each(out, |i| (a[i] + b[i]) + c[i]),
            [Some(a), None, Some(c), Some(d)] | [None, Some(a), Some(c), Some(d)] => {
                each(out, |i| a[i] + (c[i] + d[i]));
            }
            [Some(a), Some(b), Some(c), Some(d)] => each(out, |i| (a[i] + b[i]) + (c[i] + d[i])),
            _ => unreachable!("the first of a pair is never added to another"),
        }
    }
}

fn each(out: &mut [f32], value: impl Fn(usize) -> f32) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = value(i);
    }
}
