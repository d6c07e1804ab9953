//! The first layer of a run: its shards, the threads that own them, and the sums that they hand on.

use std::ops::Range;
use std::sync::{RwLock, RwLockReadGuard};

use super::parallel::{Worker, read, write};
use super::rows::{Rows, Word};
use super::shard::{SHARDS, Shard};
use crate::kernel::{Aligned, Sum};

/// The shards and their sums. Shards 0 and 1 make a pair, 2 and 3 another; where one thread owns both of a pair, it adds the
/// second's sums to the first's at once. Either way a review's sum is (0 + 1) + (2 + 3), to the bit.
#[derive(Debug)]
pub(super) struct FirstLayer<'m> {
    shards: Vec<RwLock<Shard<'m>>>,
    /// The shards' sums for some reviews, `[rows, width]` each.
    partials: [RwLock<Aligned>; SHARDS],
    width: usize,
    threads: usize,
}

impl<'m> FirstLayer<'m> {
    /// Shared out among `threads`, for up to `rows` reviews at a time.
    pub(super) fn new(
        shards: Vec<Shard<'m>>,
        rows: usize,
        width: usize,
        threads: usize,
    ) -> FirstLayer<'m> {
        FirstLayer {
            shards: shards.into_iter().map(RwLock::new).collect(),
            partials: std::array::from_fn(|_| RwLock::new(Aligned::zeros(rows * width))),
            width,
            threads,
        }
    }

    /// Calls `work` with each shard of a thread.
    pub(super) fn for_own(&self, worker: &Worker<'_>, mut work: impl FnMut(&mut Shard<'m>)) {
        self.own(worker.index).for_each(|shard| work(&mut write(&self.shards[shard])));
    }

    /// The sums of a thread's shards, after `choose` has made each of them take up some spans.
    pub(super) fn gather<I: Word>(
        &self,
        worker: &Worker<'_>,
        rows: Rows<'_, I>,
        choose: impl Fn(&mut Shard<'m>),
    ) {
        for index in self.own(worker.index) {
            let (place, sum) = match self.is_added(index) {
                true => (index - 1, Sum::Add),
                false => (index, Sum::Store),
            };
            let mut out = write(&self.partials[place]);
            let mut shard = write(&self.shards[index]);
            choose(&mut shard);
            shard.gather(rows, sum, &mut out);
        }
    }

    /// What all threads have gathered.
    pub(super) fn sums(&self) -> Sums<'_> {
        Sums {
            partials: std::array::from_fn(|shard| read(&self.partials[shard])),
            is_added: std::array::from_fn(|shard| self.is_added(shard)),
            width: self.width,
        }
    }

    /// The shards, after the run.
    pub(super) fn into_shards(self) -> impl Iterator<Item = Shard<'m>> {
        let shards = self.shards.into_iter();
        shards.map(|shard| shard.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn own(&self, thread: usize) -> Range<usize> {
        SHARDS * thread / self.threads..SHARDS * (thread + 1) / self.threads
    }

    /// Whether a shard is the second of a pair that one thread owns.
    fn is_added(&self, shard: usize) -> bool {
        let owner = |shard: usize| (0..self.threads).find(|&i| self.own(i).contains(&shard));
        shard % 2 == 1 && owner(shard) == owner(shard - 1)
    }
}

/// The sums of all shards, ready to be added.
pub(super) struct Sums<'a> {
    partials: [RwLockReadGuard<'a, Aligned>; SHARDS],
    is_added: [bool; SHARDS],
    width: usize,
}

impl Sums<'_> {
    /// `out = (a + b) + (c + d)` for the reviews from `first` on, as many as `out` holds: `[rows, width]`.
    pub(super) fn add_into(&self, first: usize, out: &mut [f32]) {
        let n = out.len();
        let [a, b, c, d] = self.partials.each_ref().map(|sums| &sums[first * self.width..][..n]);
        match (self.is_added[1], self.is_added[3]) {
            (true, true) => each(out, |i| a[i] + c[i]),
            (false, true) => each(out, |i| (a[i] + b[i]) + c[i]),
            (true, false) => each(out, |i| a[i] + (c[i] + d[i])),
            (false, false) => each(out, |i| (a[i] + b[i]) + (c[i] + d[i])),
        }
    }
}

fn each(out: &mut [f32], value: impl Fn(usize) -> f32) {
    for (i, out) in out.iter_mut().enumerate() {
        *out = value(i);
    }
}
