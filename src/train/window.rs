//! Which reviews come when: the rows of an epoch, a window at a time, in a seeded order.
//!
//! A training split of up to [`WINDOW_ROWS`] reviews is one window, shuffled whole. A longer one comes in several, so that
//! what is kept for each row (where its words are, its place in the order) stays small. [`Shuffle::Full`] draws them from one
//! permutation of all rows; [`Shuffle::Blocked`] keeps the file's pages together: the rows are cut into chunks of about
//! [`CHUNK_ROWS`], each epoch draws an order of the chunks, takes 64 of them for a window, and shuffles the window's rows.

use std::ops::Range;

use super::row_set::RowSet;
use crate::random::{Random, Stream};

/// The order of the reviews in an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shuffle {
    /// That of the dataset.
    None,
    /// Any order is as likely as any other.
    Full,
    /// Chunks of about 4,096 neighbouring reviews in any order, and the reviews of 64 such chunks, a window, mixed: pages of the file
    /// that lie together are read together, for files larger than memory.
    ///
    /// Each row still comes once an epoch, and batches differ from epoch to epoch. But two rows of one chunk always come within
    /// the same window, and a window's mixture of the file's regions varies as that of 64 draws does, where a full shuffle would
    /// vary as that of 262,144. Where neighbours are alike, as in a file that is sorted by class, the share of a class in a window
    /// thus has a standard deviation of up to 1 / (2 sqrt(64)) = 6 %; where the file's own order is random, as importers leave
    /// it, nothing changes.
    Blocked,
}

/// Up to here the words of a training split are taken to fit memory.
pub const FULL_SHUFFLE_BYTES: usize = 1 << 30;

/// Reviews that are prepared at a time.
pub(super) const WINDOW_ROWS: usize = 1 << 18;
/// Reviews that stay together when chunks are shuffled: about a megabyte of words.
const CHUNK_ROWS: usize = 1 << 12;

/// The rows of an epoch.
#[derive(Debug)]
pub(super) struct Order {
    rows: RowSet,
    shuffle: Shuffle,
    random: Random,
    batch_size: usize,
    /// Rows of a window and of a chunk: multiples of the batch, so that only the last batch is short.
    window_rows: usize,
    chunk_rows: usize,
    /// The order of all rows, or of all whole chunks, or nothing, by the kind of shuffle.
    permutation: Vec<u32>,
}

/// The reviews that are trained on until the next window.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Their rows in the split.
    pub(super) rows: Vec<u32>,
    /// Their labels.
    pub(super) labels: Vec<u8>,
    /// In which order they come: positions in `rows`.
    pub(super) order: Vec<u32>,
    /// Which one of the epoch it is.
    pub(super) index: usize,
}

impl Order {
    pub(super) fn new(rows: RowSet, shuffle: Shuffle, seed: u64, batch_size: usize) -> Order {
        let batch_size = batch_size.min(rows.len());
        let chunk_rows = CHUNK_ROWS.next_multiple_of(batch_size);
        // Whole chunks, and no more rows than 31 bits count, or one chunk.
        let chunks = (WINDOW_ROWS / CHUNK_ROWS).min((1 << 31) / chunk_rows).max(1);
        let window_rows = chunks * chunk_rows;
        let mut order = Order {
            rows,
            shuffle,
            random: Random::new(seed, Stream::Shuffle),
            batch_size,
            window_rows,
            chunk_rows,
            permutation: Vec::new(),
        };
        if !order.is_single() {
            let count = match shuffle {
                Shuffle::Full => order.rows.len(),
                Shuffle::Blocked => order.rows.len() / chunk_rows,
                Shuffle::None => 0,
            };
            order.permutation = (0..count as u32).collect();
        }
        order
    }

    /// Whether one window holds all rows, and so need be prepared only once.
    pub(super) fn is_single(&self) -> bool {
        self.rows.len() <= self.window_rows
    }

    /// The windows of an epoch.
    pub(super) fn windows(&self) -> usize {
        self.rows.len().div_ceil(self.window_rows)
    }

    /// How many batches a window has, all but the last.
    pub(super) fn window_batches(&self) -> usize {
        self.window_rows / self.batch_size
    }

    /// Draws the order of a new epoch.
    pub(super) fn begin_epoch(&mut self) {
        if self.shuffle != Shuffle::None {
            self.random.shuffle(&mut self.permutation);
        }
    }

    /// Fills in the rows of a window of this epoch, and their order.
    pub(super) fn fill(&mut self, index: usize, labels: &[u8], window: &mut Window) {
        if !self.is_single() || window.rows.is_empty() {
            self.fill_rows(index, labels, window);
            window.order.clear();
            window.order.extend(0..window.rows.len() as u32);
        }
        // The rows of a full permutation come in a random order already.
        let is_drawn = self.shuffle == Shuffle::Full && !self.is_single();
        if self.shuffle != Shuffle::None && !is_drawn {
            self.random.shuffle(&mut window.order);
        }
    }

    fn fill_rows(&self, index: usize, labels: &[u8], window: &mut Window) {
        self.rows_of(self.places(index), &mut window.rows);
        window.labels.clear();
        window.labels.extend(window.rows.iter().map(|&row| labels[row as usize]));
        window.index = index;
    }

    /// The places of an epoch that a window has.
    fn places(&self, index: usize) -> Range<usize> {
        index * self.window_rows..self.rows.len().min((index + 1) * self.window_rows)
    }

    /// The order of all rows or chunks: with the [`Order::generator`] and the window's index and order all that it takes to go on
    /// from here.
    pub(super) fn permutation(&self) -> &[u32] {
        &self.permutation
    }

    /// The state of the generator.
    pub(super) fn generator(&self) -> [u8; 32] {
        self.random.state()
    }

    /// Goes back to where permutation and generator were taken, and the window with it. Returns false, and may have changed
    /// anything, for parts that do not fit this run.
    pub(super) fn restore(
        &mut self,
        (permutation, random): (&[u32], [u8; 32]),
        (index, order): (usize, &[u32]),
        labels: &[u8],
        window: &mut Window,
    ) -> bool {
        if index >= self.windows()
            || !is_permutation(permutation, self.permutation.len())
            || !is_permutation(order, self.places(index).len())
        {
            return false;
        }
        self.permutation.copy_from_slice(permutation);
        self.random = Random::from_state(random);
        self.fill_rows(index, labels, window);
        order.clone_into(&mut window.order);
        true
    }

    /// The stretches of rows that a window reads from one end to the other, for reading ahead; none where its rows lie
    /// anywhere.
    pub(super) fn stretches(&self, index: usize) -> Vec<Range<usize>> {
        if index >= self.windows() || (self.shuffle == Shuffle::Full && !self.is_single()) {
            return Vec::new();
        }
        let chunks = self.places(index).step_by(self.chunk_rows);
        chunks.map(|place| self.rows.stretch(self.chunk(place))).collect()
    }

    fn rows_of(&self, places: Range<usize>, rows: &mut Vec<u32>) {
        rows.clear();
        if self.shuffle == Shuffle::Full && !self.is_single() {
            let row = |&place: &u32| self.rows.row(place as usize) as u32;
            rows.extend(self.permutation[places].iter().map(row));
            return;
        }
        for place in places.step_by(self.chunk_rows) {
            rows.extend(self.rows.rows(self.chunk(place)).map(|row| row as u32));
        }
    }

    /// The places in the row set of the chunk that comes at a place of the epoch. The rows that fill no whole chunk stay at the
    /// end.
    fn chunk(&self, place: usize) -> Range<usize> {
        let chunk = place / self.chunk_rows;
        let chunk = self.permutation.get(chunk).map_or(chunk, |&drawn| drawn as usize);
        let start = chunk * self.chunk_rows;
        start..self.rows.len().min(start + self.chunk_rows)
    }
}

/// Whether each number below `length` is there once.
fn is_permutation(values: &[u32], length: usize) -> bool {
    let mut is_there = vec![false; length];
    let mut is_new = |&value: &u32| {
        let place = is_there.get_mut(value as usize);
        place.is_some_and(|is_there| !std::mem::replace(is_there, true))
    };
    values.len() == length && values.iter().all(&mut is_new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(order: &mut Order, labels: &[u8]) -> Vec<Vec<u32>> {
        let mut window = Window::default();
        order.begin_epoch();
        (0..order.windows())
            .map(|index| {
                order.fill(index, labels, &mut window);
                window.order.iter().map(|&at| window.rows[at as usize]).collect()
            })
            .collect()
    }

    #[test]
    fn each_row_comes_once_an_epoch_whatever_the_shuffle() {
        let labels: Vec<u8> = (0..700_003).map(|row| (row % 3 == 0) as u8).collect();
        for (rows, batch_size) in [(7..700_003, 512), (0..300_000, 1000), (5..99, 10)] {
            for shuffle in [Shuffle::None, Shuffle::Full, Shuffle::Blocked] {
                let mut order = Order::new(RowSet::Range(rows.clone()), shuffle, 1, batch_size);
                let first = epoch(&mut order, &labels);
                let second = epoch(&mut order, &labels);
                assert_eq!(first == second, shuffle == Shuffle::None, "{rows:?} {shuffle:?}");
                for windows in [first, second] {
                    let (_, whole) = windows.split_last().unwrap();
                    assert!(whole.iter().all(|window| window.len() % batch_size == 0));
                    let mut seen = windows.concat();
                    seen.sort_unstable();
                    assert!(seen.into_iter().map(|row| row as usize).eq(rows.clone()));
                }
            }
        }
    }

    #[test]
    fn windows_are_whole_chunks_and_these_whole_batches() {
        const MOST: usize = u32::MAX as usize;
        for batch_size in [1, 512, 5_000, (1 << 25) + 1, 3 << 29, (1 << 31) + 1, MOST] {
            let order = Order::new(RowSet::Range(0..MOST), Shuffle::Blocked, 1, batch_size);
            let Order { chunk_rows, window_rows, .. } = order;
            let are_whole = chunk_rows % batch_size == 0 && window_rows % chunk_rows == 0;
            assert!(are_whole && window_rows > 0, "{batch_size}, {chunk_rows}, {window_rows}");
        }
    }

    #[test]
    fn an_order_goes_on_from_where_it_stood() {
        let labels: Vec<u8> = (0..700_003).map(|row| (row % 3 == 0) as u8).collect();
        for rows in [7..700_003, 5..99] {
            for shuffle in [Shuffle::None, Shuffle::Full, Shuffle::Blocked] {
                let new = || Order::new(RowSet::Range(rows.clone()), shuffle, 1, 10);
                let (mut order, mut window) = (new(), Window::default());
                order.begin_epoch();
                order.fill(0, &labels, &mut window);
                order.begin_epoch();
                let last = order.windows() - 1;
                (0..=last).for_each(|index| order.fill(index, &labels, &mut window));
                let (mut again, mut again_window) = (new(), Window::default());
                let at = (window.index, &window.order[..]);
                let standing = (order.permutation(), order.generator());
                let is_sound = again.restore(standing, at, &labels, &mut again_window);
                assert!(is_sound, "{rows:?} {shuffle:?}");
                let parts = |window: &Window| {
                    (window.rows.clone(), window.labels.clone(), window.order.clone())
                };
                assert!(parts(&window) == parts(&again_window), "{rows:?} {shuffle:?}");
                assert!(epoch(&mut order, &labels) == epoch(&mut again, &labels));

                let mut twice = window.order.clone();
                twice[0] = twice[1];
                for (index, order_of) in [(last, &twice), (last + 1, &window.order)] {
                    let at = (index, &order_of[..]);
                    let standing = (order.permutation(), order.generator());
                    assert!(!again.restore(standing, at, &labels, &mut again_window));
                }
            }
        }
    }

    #[test]
    fn blocks_keep_chunks_together_and_are_told_ahead() {
        let labels = vec![0; 700_003];
        let mut order = Order::new(RowSet::Range(0..700_003), Shuffle::Blocked, 1, 512);
        order.begin_epoch();
        let mut window = Window::default();
        for index in 0..order.windows() {
            let mut ahead: Vec<usize> = order.stretches(index).into_iter().flatten().collect();
            order.fill(index, &labels, &mut window);
            assert!(window.rows.iter().map(|&row| row as usize).eq(ahead.iter().copied()));
            assert!(!window.order.is_sorted());
            ahead.sort_unstable();
            ahead.dedup();
            assert_eq!(ahead.len(), window.rows.len());
        }
        assert!(order.stretches(order.windows()).is_empty());
    }
}
