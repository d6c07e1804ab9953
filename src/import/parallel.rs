//! Work in parallel between a reader and a writer: the only file here that starts threads.

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::error::{Error, Result};
use crate::threads;

/// How many items may be on their way at once, for each thread: enough that nobody waits, and no more memory than that.
const IN_FLIGHT: usize = 4;

/// A number of threads, the calling one among them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Workers {
    threads: usize,
}

impl Workers {
    /// So many threads; 0 means one a core.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] above 4,096.
    pub fn new(threads: usize) -> Result<Workers> {
        Ok(Workers { threads: threads::asked(threads)? })
    }

    /// One state for each thread.
    pub fn states<S>(self, state: impl FnMut() -> S) -> Vec<S> {
        std::iter::repeat_with(state).take(self.threads).collect()
    }

    /// Hands each item that `produce` emits to `work` on some thread, and what that makes of it to `consume`, in the
    /// order of the items. `produce` and `consume` run on the calling thread, which works as well while both have to
    /// wait. `work` gets the state of its thread, one of `states`.
    ///
    /// # Errors
    /// The first error in the order of the items, whoever had it; after an error nothing more is consumed, and `produce`
    /// gets an error that it has to pass on. [`Error::Io`] where the system gives no threads.
    ///
    /// # Panics
    /// If there are not as many states as threads, and where `work` panics.
    pub fn pipeline<S: Send, T: Send, U: Send>(
        self,
        states: &mut [S],
        produce: impl FnOnce(&mut dyn FnMut(T) -> Result<()>) -> Result<()>,
        work: impl Fn(&mut S, T) -> Result<U> + Sync,
        consume: impl FnMut(U) -> Result<()>,
    ) -> Result<()> {
        assert_eq!(states.len(), self.threads, "one state for each thread");
        let (own, others) = states.split_first_mut().expect("there is a thread");
        let desk = Desk::new();
        let (desk, work) = (&desk, &work);
        thread::scope(|scope| {
            // Dropped on every way out, or the others would wait for work for ever.
            let _closes = Closes(desk);
            for (index, state) in others.iter_mut().enumerate() {
                let builder = thread::Builder::new().name(format!("imdb-fast-import-{index}"));
                let serve = move || while desk.serve_next(state, work) {};
                let spawned = builder.spawn_scoped(scope, serve);
                spawned.map_err(|error| Error::no_threads(self.threads, error))?;
            }
            let mut queue = Queue { desk, state: own, work, consume, emitted: 0, consumed: 0 };
            let mut failed = false;
            let read = produce(&mut |item| {
                queue.emit(item);
                let drained = queue.drain(self.threads * IN_FLIGHT - 1);
                failed |= drained.is_err();
                drained
            });
            // An error of the reader comes after all that it has emitted.
            if failed { read } else { queue.drain(0).and(read) }
        })
    }
}

/// Where items wait for a thread, and results for their turn.
struct Desk<T, U> {
    inner: Mutex<Papers<T, U>>,
    item_came: Condvar,
    result_came: Condvar,
}

struct Papers<T, U> {
    items: VecDeque<(usize, T)>,
    results: BTreeMap<usize, Worked<U>>,
    closed: bool,
}

/// What a thread made of an item, or its panic: nobody may wait for a result that never comes.
type Worked<U> = thread::Result<Result<U>>;

impl<T, U> Desk<T, U> {
    fn new() -> Desk<T, U> {
        let papers = Papers { items: VecDeque::new(), results: BTreeMap::new(), closed: false };
        Desk { inner: Mutex::new(papers), item_came: Condvar::new(), result_came: Condvar::new() }
    }

    /// No panic happens under this lock.
    fn lock(&self) -> MutexGuard<'_, Papers<T, U>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for an item and works on it; false once the desk is closed.
    fn serve_next<S>(&self, state: &mut S, work: &impl Fn(&mut S, T) -> Result<U>) -> bool {
        let mut papers = self.lock();
        let (index, item) = loop {
            if papers.closed {
                return false;
            }
            match papers.items.pop_front() {
                Some(item) => break item,
                None => {
                    papers = self.item_came.wait(papers).unwrap_or_else(PoisonError::into_inner)
                }
            }
        };
        drop(papers);
        self.serve(state, work, index, item);
        true
    }

    fn serve<S>(
        &self,
        state: &mut S,
        work: &impl Fn(&mut S, T) -> Result<U>,
        index: usize,
        item: T,
    ) {
        let result = catch_unwind(AssertUnwindSafe(|| work(state, item)));
        self.lock().results.insert(index, result);
        self.result_came.notify_one();
    }
}

/// Sends the threads home.
struct Closes<'a, T, U>(&'a Desk<T, U>);

impl<T, U> Drop for Closes<'_, T, U> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.item_came.notify_all();
    }
}

/// The calling thread's side of the desk.
struct Queue<'a, S, T, U, W, C> {
    desk: &'a Desk<T, U>,
    state: &'a mut S,
    work: &'a W,
    consume: C,
    emitted: usize,
    consumed: usize,
}

impl<S, T, U, W, C> Queue<'_, S, T, U, W, C>
where
    W: Fn(&mut S, T) -> Result<U>,
    C: FnMut(U) -> Result<()>,
{
    fn emit(&mut self, item: T) {
        self.desk.lock().items.push_back((self.emitted, item));
        self.desk.item_came.notify_one();
        self.emitted += 1;
    }

    /// Consumes what has come, and works and waits until no more than `most` items are on their way.
    fn drain(&mut self, most: usize) -> Result<()> {
        loop {
            let mut papers = self.desk.lock();
            if let Some(result) = papers.results.remove(&self.consumed) {
                drop(papers);
                (self.consume)(result.unwrap_or_else(|panic| resume_unwind(panic))?)?;
                self.consumed += 1;
            } else if self.emitted - self.consumed <= most {
                return Ok(());
            } else if let Some((index, item)) = papers.items.pop_front() {
                drop(papers);
                self.desk.serve(self.state, self.work, index, item);
            } else {
                // All that is under way is on other threads, and each of them rings.
                let waited = self.desk.result_came.wait(papers);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(number: usize) -> Error {
        Error::invalid("number", number, "another")
    }

    #[test]
    fn results_come_in_order_and_every_thread_keeps_its_state() {
        for threads in [1, 2, 5] {
            let workers = Workers::new(threads).unwrap();
            let mut states = workers.states(|| 0);
            let mut seen = Vec::new();
            workers
                .pipeline(
                    &mut states,
                    |emit| (0..1000).try_for_each(emit),
                    |sum, item| {
                        *sum += item;
                        Ok(item * 2)
                    },
                    |item| {
                        seen.push(item);
                        Ok(())
                    },
                )
                .unwrap();
            assert_eq!(seen, (0..1000).map(|item| item * 2).collect::<Vec<_>>());
            assert_eq!(states.into_iter().sum::<usize>(), 1000 * 999 / 2);
        }
    }

    #[test]
    fn the_first_error_in_order_counts() {
        for threads in [1, 3] {
            let workers = Workers::new(threads).unwrap();
            for (bad, fatal, refused) in
                [(10, 13, 99), (500, 501, 502), (700, 300, 999), (30, 30, 20), (80, 81, 80)]
            {
                let mut consumed = 0;
                let produce = |emit: &mut dyn FnMut(usize) -> Result<()>| {
                    (0..1000).try_for_each(|item| match item {
                        item if item == fatal => Err(failure(item)),
                        item => emit(item),
                    })
                };
                let work =
                    |(): &mut (), item| if item >= bad { Err(failure(item)) } else { Ok(item) };
                let consume = |item| {
                    assert_eq!(item, consumed);
                    consumed += 1;
                    if item == refused { Err(failure(item)) } else { Ok(()) }
                };
                let result = workers.pipeline(&mut workers.states(|| ()), produce, work, consume);
                let first = bad.min(fatal).min(refused);
                let error = result.unwrap_err().to_string();
                assert!(error.contains(&format!("\"{first}\"")), "{error}");
                assert_eq!(consumed, first + usize::from(refused == first && bad > first));
            }
        }
    }

    #[test]
    fn a_panic_of_a_worker_is_passed_on() {
        for threads in [1, 2, 4] {
            let workers = Workers::new(threads).unwrap();
            let result = catch_unwind(|| {
                workers.pipeline(
                    &mut workers.states(|| ()),
                    |emit| (0..100).try_for_each(emit),
                    |(), item| {
                        assert!(item != 50, "on purpose");
                        Ok(item)
                    },
                    |_| Ok(()),
                )
            });
            assert!(result.is_err());
        }
    }
}
