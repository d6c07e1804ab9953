//! The threads of a run: the only file here that names rayon.
//!
//! A batch is a few hundred microseconds of work in two phases, too short to hand each phase to a pool and to wait for it
//! asleep. So a run is handed over once: every thread of the pool runs the same loop and meets the others between phases.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{
    Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use std::thread::{self, ThreadId, yield_now};

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::{Error, Result};
use crate::kernel::{Level, has_room};
use crate::threads;

/// The most looks before a waiting thread sleeps, some hundred microseconds: phases end nearly together, and to be woken takes
/// as long as a phase.
const MOST_LOOKS: usize = 8192;
/// The fewest.
const LEAST_LOOKS: usize = 16;
/// What a wait that was not in vain adds to them.
const MORE_LOOKS: usize = 128;

/// Looks of a team with more threads than cores, before each gives its core to another of them.
const CROWDED_LOOKS: usize = 256;
/// Times it does so before it sleeps.
const YIELDS: usize = 1024;

/// A fixed number of threads, and the instructions that their kernels use. Of several callers, one after the other has them.
#[derive(Debug)]
pub struct Team {
    pool: ThreadPool,
    level: Level,
    cores: usize,
    /// Who runs something on all threads, one after the other: two at once would each have some, and wait for the rest.
    turn: Mutex<()>,
    /// The thread whose turn it is.
    leader: Mutex<Option<ThreadId>>,
}

/// One thread of a [`Team`] at work.
#[derive(Debug)]
pub(crate) struct Worker<'a> {
    /// From 0.
    pub(crate) index: usize,
    /// How many work together.
    pub(crate) size: usize,
    barrier: &'a Barrier,
}

impl Team {
    /// The most threads that one may have.
    pub const MAX_THREADS: usize = threads::MOST;

    /// Starts `threads` threads; 0 means one a core. Their kernels are the best that this CPU can run.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] above 4,096; [`Error::Io`] where the system gives no more threads.
    pub fn new(threads: usize) -> Result<Team> {
        // Of 0 rayon would make what its own variables of the environment say.
        let threads = Team::size_of(threads)?;
        let pool = ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("imdb-fast-{index}"))
            .build()
            .map_err(|error| Error::no_threads(threads, std::io::Error::other(error)))?;
        let (turn, leader) = (Mutex::default(), Mutex::default());
        Ok(Team { pool, level: Level::detect(), cores: threads::cores(), turn, leader })
    }

    /// How many threads [`Team::new`] starts, where it can.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] above 4,096.
    pub fn size_of(threads: usize) -> Result<usize> {
        threads::asked(threads)
    }

    /// The same threads with other kernels.
    pub fn with_level(self, level: Level) -> Team {
        Team { level, ..self }
    }

    /// Which kernels they use.
    pub fn level(&self) -> Level {
        self.level
    }

    /// How many threads.
    pub fn size(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Calls `work` with the index of each item and the item, in parallel.
    pub(crate) fn for_each<T: Send>(
        &self,
        items: &mut [T],
        work: impl Fn(usize, &mut T) + Sync + Send,
    ) {
        self.for_each_with(items, || (), |(), i, item| work(i, item));
    }

    /// Calls `work` with some scratch, the index of each item and the item, in parallel.
    pub(crate) fn for_each_with<S, T: Send>(
        &self,
        items: &mut [T],
        scratch: impl Fn() -> S + Sync + Send,
        work: impl Fn(&mut S, usize, &mut T) + Sync + Send,
    ) {
        let items = items.par_iter_mut().enumerate();
        self.pool.install(|| items.for_each_init(scratch, |s, (i, item)| work(s, i, item)));
    }

    /// How many pieces of work that take so many bytes each the system gives memory for at once: one a thread at most, and one
    /// in any case.
    pub(crate) fn most_at_once(&self, bytes: usize) -> usize {
        let have_room = |&many: &usize| bytes.checked_mul(many).is_some_and(has_room);
        (2..=self.size()).rev().find(have_room).unwrap_or(1)
    }

    /// Calls `work` with each number below `count`, so many `at_once`, each time with a team of one thread. What it returns comes
    /// back in the order of the numbers.
    ///
    /// # Errors
    /// One of those that `work` returned, after the first of which no more work is begun; those of [`Team::run`].
    pub(crate) fn each_alone<T: Send>(
        &self,
        count: usize,
        at_once: usize,
        work: impl Fn(&Team, usize) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        let next = AtomicUsize::new(0);
        let results = Mutex::new((Vec::with_capacity(count), None));
        self.run(at_once.min(count).max(1), |_| {
            let alone = Team::new(1).map(|alone| alone.with_level(self.level));
            let done = alone.and_then(|alone| {
                while let Some(number) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&number| number < count)
                {
                    let result = work(&alone, number)?;
                    lock(&results).0.push((number, result));
                }
                Ok(())
            });
            if let Err(error) = done {
                next.store(count, Ordering::Relaxed);
                lock(&results).1.get_or_insert(error);
            }
        })?;
        let (mut all, error) = results.into_inner().unwrap_or_else(PoisonError::into_inner);
        all.sort_by_key(|(number, _)| *number);
        let all = all.into_iter().map(|(_, result)| result).collect();
        error.map_or(Ok(all), Err)
    }

    /// Runs `work` on `size` threads at once and returns when all have returned. One of them is the caller's own, which has a
    /// core already: threads that are woken by one that then sleeps may find themselves on the same core.
    ///
    /// Only a caller that is a thread of another pool stays out: while it waits, it would take up more of that pool's work, which may
    /// want the same team, or one whose turn is over only when that work is done.
    ///
    /// # Errors
    /// [`Error::Io`] where the system gives no thread in the place of such a caller: nothing has then been run.
    ///
    /// # Panics
    /// If what runs on several threads of the team, such as the observer of a run, begins the same anew.
    pub(crate) fn run(&self, size: usize, work: impl Fn(Worker<'_>) + Sync) -> Result<()> {
        let is_of_other_pool =
            rayon::current_thread_index().is_some() && self.pool.current_thread_index().is_none();
        if size == 1 || !is_of_other_pool {
            self.run_here(size, work);
            return Ok(());
        }
        let ended = thread::scope(|scope| {
            let instead = thread::Builder::new().spawn_scoped(scope, || self.run_here(size, &work));
            instead.map(|thread| thread.join())
        });
        let ended = ended.map_err(|error| Error::no_threads(size, error))?;
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ok(())
    }

    /// The same, on the caller's thread as one of them.
    fn run_here(&self, size: usize, work: impl Fn(Worker<'_>) + Sync) {
        let _turn = (size > 1).then(|| self.take_turn());
        let barrier = Barrier::new(size, size > self.cores);
        let run = |index: usize| {
            let _breaks = BreakOnPanic(&barrier);
            work(Worker { index, size, barrier: &barrier });
        };
        let run = &run;
        self.pool.in_place_scope(|scope| {
            for index in 1..size {
                scope.spawn(move |_| run(index));
            }
            run(0);
        });
    }

    fn take_turn(&self) -> Turn<'_> {
        let caller = Some(thread::current().id());
        let is_member = self.pool.current_thread_index().is_some();
        let is_within = is_member || *lock(&self.leader) == caller;
        assert!(!is_within, "a team cannot begin what it is in the middle of");
        let turn = lock(&self.turn);
        *lock(&self.leader) = caller;
        Turn { leader: &self.leader, _turn: turn }
    }
}

/// The time in which a team's threads are one caller's.
struct Turn<'a> {
    leader: &'a Mutex<Option<ThreadId>>,
    _turn: MutexGuard<'a, ()>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(self.leader) = None;
    }
}

impl Worker<'_> {
    /// Whether this is the one that keeps the books.
    pub(crate) fn leads(&self) -> bool {
        self.index == 0
    }

    /// Waits until all have come here. What each wrote before, all can read after.
    ///
    /// # Panics
    /// If another thread has panicked.
    pub(crate) fn meet(&self) {
        self.barrier.wait();
    }
}

/// Where threads wait for each other: they look for a while, since the others come soon, and then sleep.
///
/// A thread that looks keeps a core from whoever needs it, and that may be the one it waits for: when other programs are busy
/// on all cores, the system hands a core on only every few milliseconds. So each wait in vain halves the looks of the next. To
/// yield would be worse there, since that gives away a whole turn of some milliseconds; only where the team itself has more
/// threads than cores, it is the team that gets them.
#[derive(Debug)]
struct Barrier {
    size: usize,
    is_crowded: bool,
    arrived: AtomicUsize,
    round: AtomicUsize,
    broken: AtomicBool,
    /// Looks of the next wait.
    looks: AtomicUsize,
    sleepers: Mutex<usize>,
    bell: Condvar,
}

impl Barrier {
    fn new(size: usize, is_crowded: bool) -> Barrier {
        Barrier {
            size,
            is_crowded,
            arrived: AtomicUsize::new(0),
            round: AtomicUsize::new(0),
            broken: AtomicBool::new(false),
            looks: AtomicUsize::new(MOST_LOOKS),
            sleepers: Mutex::new(0),
            bell: Condvar::new(),
        }
    }

    fn wait(&self) {
        if self.size == 1 {
            return;
        }
        let round = self.round.load(Ordering::Acquire);
        if self.arrived.fetch_add(1, Ordering::AcqRel) + 1 == self.size {
            // Reset before the round changes: nobody arrives for the next round until it does.
            self.arrived.store(0, Ordering::Relaxed);
            self.round.fetch_add(1, Ordering::SeqCst);
            self.ring();
            return;
        }
        let is_over = || {
            assert!(!self.broken.load(Ordering::Relaxed), "another thread of the team panicked");
            self.round.load(Ordering::SeqCst) != round
        };
        let came = match self.is_crowded {
            true => looks(CROWDED_LOOKS, spin_loop, is_over) || looks(YIELDS, yield_now, is_over),
            false => self.look_patiently(is_over),
        };
        if came {
            return;
        }
        let mut sleepers = lock(&self.sleepers);
        *sleepers += 1;
        while !is_over() {
            sleepers = self.bell.wait(sleepers).unwrap_or_else(PoisonError::into_inner);
        }
        *sleepers -= 1;
    }

    /// Looks as often as has been worth it of late.
    fn look_patiently(&self, is_over: impl Fn() -> bool) -> bool {
        let most = self.looks.load(Ordering::Relaxed);
        let came = looks(most, spin_loop, is_over);
        let next = if came { most + MORE_LOOKS } else { most / 2 };
        let next = next.clamp(LEAST_LOOKS, MOST_LOOKS);
        if next != most {
            self.looks.store(next, Ordering::Relaxed);
        }
        came
    }

    /// Wakes those who sleep. Under the lock: one that is about to sleep either sees the new round or hears the bell.
    fn ring(&self) {
        let sleepers = lock(&self.sleepers);
        if *sleepers > 0 {
            self.bell.notify_all();
        }
    }
}

/// Looks so many times at most whether it is over.
fn looks(most: usize, meanwhile: impl Fn(), is_over: impl Fn() -> bool) -> bool {
    (0..most).any(|_| {
        is_over() || {
            meanwhile();
            false
        }
    })
}

/// A panic must not leave the others waiting forever.
struct BreakOnPanic<'a>(&'a Barrier);

impl Drop for BreakOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.broken.store(true, Ordering::SeqCst);
            self.0.ring();
        }
    }
}

// The locks of a run are never contended: its meetings keep readers and writers apart, and the locks make the compiler see
// it. A lock is poisoned only by a panic, and that ends the whole team at its next meeting.

pub(super) fn lock<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

pub(super) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// What a lock guards, while no other thread is there.
pub(super) fn inside<T>(lock: &mut Mutex<T>) -> &mut T {
    lock.get_mut().unwrap_or_else(PoisonError::into_inner)
}

/// As [`inside`].
pub(super) fn inside_lock<T>(lock: &mut RwLock<T>) -> &mut T {
    lock.get_mut().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_meet_whatever_their_number() {
        for size in [1, 2, 3, 9] {
            let team = Team::new(size).unwrap();
            let count = AtomicUsize::new(0);
            team.run(size, |worker| {
                for round in 1..=200 {
                    count.fetch_add(1, Ordering::SeqCst);
                    worker.meet();
                    assert_eq!(count.load(Ordering::SeqCst), round * size);
                    worker.meet();
                }
            })
            .unwrap();
        }
    }

    /// Long after they have given up to look.
    #[test]
    fn one_that_comes_late_wakes_those_who_sleep() {
        for size in [2, 5] {
            let team = Team::new(size).unwrap();
            let late = AtomicUsize::new(0);
            team.run(size, |worker| {
                for round in 0..4 {
                    if round % size == worker.index {
                        thread::sleep(std::time::Duration::from_millis(20));
                        late.fetch_add(1, Ordering::SeqCst);
                    }
                    worker.meet();
                    assert_eq!(late.load(Ordering::SeqCst), round + 1);
                    worker.meet();
                }
            })
            .unwrap();
        }
    }

    #[test]
    fn two_callers_take_turns() {
        let team = Team::new(3).unwrap();
        let is_running = AtomicBool::new(false);
        let begins_or_ends = |worker: &Worker<'_>, begins: bool| {
            if worker.index == 0 {
                assert!(is_running.swap(begins, Ordering::AcqRel) != begins, "two runs at once");
            }
        };
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        team.run(3, |worker| {
                            begins_or_ends(&worker, true);
                            worker.meet();
                            begins_or_ends(&worker, false);
                        })
                        .unwrap();
                    }
                });
            }
        });
    }

    #[test]
    fn nobody_begins_anew_from_within() {
        for who in [0, 1] {
            let team = Team::new(2).unwrap();
            let begin = std::panic::AssertUnwindSafe(|| {
                team.run(2, |worker| {
                    if worker.index == who {
                        team.run(2, |_| ()).unwrap();
                    }
                })
                .unwrap();
            });
            let panic = std::panic::catch_unwind(begin).unwrap_err();
            let message = panic.downcast_ref::<&str>().unwrap();
            assert!(message.contains("in the middle of"), "{who}: {message}");
        }
    }

    #[test]
    fn a_panic_frees_the_others() {
        let team = Team::new(3).unwrap();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            team.run(3, |worker| {
                assert!(worker.index != 1, "on purpose");
                worker.meet();
            })
            .unwrap();
        }));
        assert!(result.is_err());
    }
}
