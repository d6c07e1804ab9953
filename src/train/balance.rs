//! Which thread owns which shard of the first layer.
//!
//! Cores are seldom alike: some are slower by design, some are shared with other programs, and that changes within seconds.
//! So each shard's time is taken, and now and then a shard moves from a slow thread to a fast one. The clock decides only
//! who does the work: the result has the same bits, whoever does it. A move costs the time in which the shard's rows travel
//! from one core's cache to the other's, so it has to promise more than a little.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::cut::MOST_SHARDS;
use super::parallel::lock;

/// Steps between two looks, at first, and behind each move. Those before the next move are twice as many after each move that made
/// things worse.
const FIRST_PERIOD: u32 = 32;
const LAST_PERIOD: u32 = 1024;

/// What a move has to promise: this part of the time that a step takes now.
const WORTHWHILE: f64 = 0.92;

/// An owner for each shard.
type Owners = [usize; MOST_SHARDS];

#[derive(Debug)]
pub(super) struct Balance {
    /// The work of each shard, in any unit.
    costs: Vec<f64>,
    threads: usize,
    owners: Vec<AtomicUsize>,
    /// Nanoseconds since the last look.
    spent: Vec<AtomicU64>,
    looks: Mutex<Looks>,
}

/// What the leader remembers from look to look.
#[derive(Debug)]
struct Looks {
    period: u32,
    /// Steps since the last look.
    steps: u32,
    /// What a step took before the last move, and who owned what, until the move has been judged.
    before_move: Option<(f64, Owners)>,
}

impl Balance {
    /// Each thread gets shards that are next to each other; threads beyond them get none, ever.
    pub(super) fn new(costs: Vec<f64>, threads: usize) -> Balance {
        let shards = costs.len();
        let threads = threads.clamp(1, shards.max(1));
        let owner = |shard: usize| {
            let mut ends = (0..threads).map(|thread| shards * (thread + 1) / threads);
            ends.position(|end| shard < end).unwrap_or(0)
        };
        Balance {
            threads,
            owners: (0..shards).map(|shard| AtomicUsize::new(owner(shard))).collect(),
            spent: (0..shards).map(|_| AtomicU64::new(0)).collect(),
            looks: Mutex::new(Looks { period: FIRST_PERIOD, steps: 0, before_move: None }),
            costs,
        }
    }

    /// The shards of a thread, ascending.
    pub(super) fn own(&self, thread: usize) -> impl Iterator<Item = usize> {
        (0..self.owners.len()).filter(move |&shard| self.owner(shard) == thread)
    }

    /// The thread of a shard.
    pub(super) fn owner(&self, shard: usize) -> usize {
        self.owners[shard].load(Ordering::Acquire)
    }

    /// Does its owner's work on a shard, and notes how long that took, if another thread could do it: of a batch of one review, a
    /// look at the clock would be a good part.
    pub(super) fn timed(&self, shard: usize, work: impl FnOnce()) {
        if self.threads == 1 {
            return work();
        }
        let start = Instant::now();
        work();
        self.note(shard, start.elapsed());
    }

    fn note(&self, shard: usize, time: Duration) {
        self.spent[shard].fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// For the leader, once a step, while no other thread asks who owns what.
    pub(super) fn look(&self) {
        let mut looks = lock(&self.looks);
        looks.steps += 1;
        let period = if looks.before_move.is_some() { FIRST_PERIOD } else { looks.period };
        if self.threads == 1 || looks.steps < period {
            return;
        }
        let mut times = [0.0; MOST_SHARDS];
        for (time, spent) in times.iter_mut().zip(&self.spent) {
            *time = spent.swap(0, Ordering::Relaxed) as f64 / f64::from(looks.steps);
        }
        looks.steps = 0;
        let now = self.owners();
        let step = self.longest(&now, |shard, _| times[shard]);
        match looks.before_move.take() {
            Some((before, owners)) if step > before => {
                looks.period = LAST_PERIOD.min(2 * looks.period);
                self.give(&owners);
            }
            _ => {
                let (best, promised) = self.best(&now, &times);
                if promised < WORTHWHILE * step {
                    looks.before_move = Some((step, now));
                    self.give(&best);
                }
            }
        }
    }

    fn owners(&self) -> Owners {
        std::array::from_fn(|shard| if shard < self.owners.len() { self.owner(shard) } else { 0 })
    }

    fn give(&self, owners: &Owners) {
        for (owner, &new) in self.owners.iter().zip(owners) {
            owner.store(new, Ordering::Release);
        }
    }

    /// The time of the thread that takes longest.
    fn longest(&self, owners: &Owners, time: impl Fn(usize, usize) -> f64) -> f64 {
        let shards = 0..self.owners.len();
        let threads = owners[shards.clone()].iter().map(|&thread| {
            let own = shards.clone().filter(|&shard| owners[shard] == thread);
            own.map(|shard| time(shard, thread)).sum()
        });
        threads.fold(0.0, f64::max)
    }

    /// The owners with whom a step would take the least time, and that time.
    fn best(&self, now: &Owners, times: &[f64; MOST_SHARDS]) -> (Owners, f64) {
        let (shards, threads) = (self.owners.len(), self.threads);
        let all_costs: f64 = self.costs.iter().sum();
        let usual = all_costs / times[..shards].iter().sum::<f64>();
        // Nobody knows how fast a thread is that has no shard, or none with any work: as fast as the others, it may be by now.
        let speeds: [f64; MOST_SHARDS] = std::array::from_fn(|thread| {
            let own = || (0..shards).filter(|&shard| now[shard] == thread);
            let cost: f64 = own().map(|shard| self.costs[shard]).sum();
            let speed = cost / own().map(|shard| times[shard]).sum::<f64>();
            if speed.is_finite() && speed > 0.0 { speed } else { usual }
        });
        let time = |shard: usize, thread: usize| match now[shard] == thread {
            true => times[shard],
            false => self.costs[shard] / speeds[thread],
        };
        let mut best = (*now, self.longest(now, time));
        for choice in 0..threads.pow(shards as u32) {
            let owners: Owners = std::array::from_fn(|shard| {
                if shard < shards { choice / threads.pow(shard as u32) % threads } else { 0 }
            });
            let promised = self.longest(&owners, time);
            if promised < best.1 {
                best = (owners, promised);
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets threads of given speeds work for some looks.
    fn work(balance: &Balance, speeds: &[f64], looks: u32) {
        for _ in 0..looks * LAST_PERIOD {
            for (shard, cost) in balance.costs.iter().enumerate() {
                let time = cost / speeds[balance.owner(shard)];
                balance.note(shard, Duration::from_nanos((1e6 * time) as u64));
            }
            balance.look();
        }
    }

    fn own(balance: &Balance) -> Vec<Vec<usize>> {
        (0..balance.threads).map(|thread| balance.own(thread).collect()).collect()
    }

    #[test]
    fn each_shard_has_one_owner_whatever_the_number_of_threads() {
        for shards in 3..=MOST_SHARDS {
            for threads in [1, 2, 3, 4, 9] {
                let balance = Balance::new(vec![1.0; shards], threads);
                let mut all = own(&balance).concat();
                all.sort_unstable();
                assert!(all.into_iter().eq(0..shards), "{shards} shards, {threads} threads");
            }
        }
        assert_eq!(own(&Balance::new(vec![1.0; 3], 2)), [vec![0], vec![1, 2]]);
        assert_eq!(own(&Balance::new(vec![1.0; 4], 2)), [vec![0, 1], vec![2, 3]]);
    }

    /// What a step takes on average, in costs over speeds.
    fn mean_step(balance: &Balance, speeds: &[f64], steps: u32) -> f64 {
        let mut sum = 0.0;
        for _ in 0..steps {
            sum += balance
                .longest(&balance.owners(), |shard, thread| balance.costs[shard] / speeds[thread]);
            for (shard, cost) in balance.costs.iter().enumerate() {
                let time = cost / speeds[balance.owner(shard)];
                balance.note(shard, Duration::from_nanos((1e6 * time) as u64));
            }
            balance.look();
        }
        sum / f64::from(steps)
    }

    /// Nor do those whose shards have words that never come.
    #[test]
    fn threads_beyond_the_shards_change_nothing() {
        let idle = vec![10.0, 10.0, 0.0, 0.0];
        for (costs, threads) in
            [(vec![0.5, 0.3, 0.2], 4), (vec![0.25; 4], 8), (vec![1.0], 2), (idle, 4)]
        {
            let most = costs.iter().copied().fold(0.0, f64::max);
            let balance = Balance::new(costs, threads);
            let mean = mean_step(&balance, &[1.0; 8], 10_000);
            assert!((mean - most).abs() < 1e-9, "{mean} on {threads} threads");
        }
    }

    /// A thread that loses its last shard to others gets one now and then, and keeps it once it is fast.
    #[test]
    fn a_thread_without_a_shard_is_tried_again() {
        for (costs, speeds, best, then) in [
            (vec![0.25; 4], vec![1.0, 0.2], 1.0, 0.5),
            (vec![0.25; 4], vec![1.0, 1.0, 1.0, 0.4], 0.5, 0.25),
            (vec![0.5, 0.3, 0.2], vec![1.0, 1.0, 0.3], 0.5, 0.5),
        ] {
            let balance = Balance::new(costs, speeds.len());
            let mean = mean_step(&balance, &speeds, 20_000);
            assert!(mean < 1.1 * best, "{mean}, where {best} can be reached: {speeds:?}");
            let fast = vec![1.0; speeds.len()];
            mean_step(&balance, &fast, 2 * LAST_PERIOD);
            let mean = mean_step(&balance, &fast, 20_000);
            assert!(mean < 1.1 * then, "{mean}, where {then} can be reached: {speeds:?}");
        }
    }

    #[test]
    fn equal_threads_keep_what_they_have() {
        let balance = Balance::new(vec![0.5, 0.35, 0.15], 2);
        work(&balance, &[1.0, 1.02], 3);
        assert_eq!(own(&balance), [vec![0], vec![1, 2]]);
    }

    #[test]
    fn a_slow_thread_hands_on_work_and_gets_it_back() {
        let balance = Balance::new(vec![0.5, 0.35, 0.15], 2);
        work(&balance, &[1.5, 1.0], 3);
        assert_eq!(own(&balance), [vec![0, 2], vec![1]]);
        work(&balance, &[1.0, 1.5], 3);
        assert_eq!(own(&balance), [vec![1], vec![0, 2]]);
    }

    /// A move that the costs promise and the times belie is taken back, and tried less and less often.
    #[test]
    fn a_move_that_makes_it_worse_is_taken_back() {
        let balance = Balance::new(vec![0.5, 0.35, 0.15], 2);
        let mut moved = 0;
        for _ in 0..100 * FIRST_PERIOD {
            let is_home = balance.owner(2) == 1;
            moved += u32::from(!is_home);
            for (shard, time) in [0.5, 0.5, if is_home { 0.2 } else { 0.9 }].into_iter().enumerate()
            {
                balance.note(shard, Duration::from_nanos((1e6 * time) as u64));
            }
            balance.look();
        }
        assert!(moved < 12 * FIRST_PERIOD, "{moved} steps");
    }
}
