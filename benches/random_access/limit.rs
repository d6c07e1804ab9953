//! What it takes to go to the places of an epoch's words, in their order, and to do nothing else.
//!
//! **Counted.** Of a linear model whose weight, state and scale stand in one record of 16 bytes: for each nonzero, its record is
//! read and written back, once. The trainer goes to each twice, for the sum and for the update, but finds a review's few hundred
//! records in the nearest cache by then. Of a network with 16 units, a batch at a time: for each nonzero the line of its weights
//! is read, and the line of its gradient is read and written back; for each row that the batch touches, the lines of its weights and of
//! its state are read and written back. The gradient has as many lines as the batch touches rows.
//!
//! **Not counted**: the words themselves, which come in one stream here and are scattered by the shuffle in training; which
//! rows a batch touches, known here beforehand; all arithmetic; sums, deltas and the dense layers; clearing the gradient.
//!
//! Each loop is tried with registers of all widths, several places at a time, and places asked for from nothing to 128
//! words ahead. The best form counts.

use std::fmt::{Display, Formatter, Result};
use std::hint::black_box;
use std::time::{Duration, Instant};

use imdb_fast::kernel::Aligned;

use super::common::is_test;
use super::vector::{Form, Loop, Vector, forms, run};

/// Numbers in a cache line.
const LINE: usize = 16;

/// Numbers in a record of a linear model.
const RECORD: usize = 4;

/// How many words ahead a place is asked for; 0: not at all.
const DISTANCES: [usize; 6] = [0, 8, 16, 32, 64, 128];

/// How many places are gone to at a time.
const UNROLLS: [usize; 3] = [1, 4, 16];

/// How often each form is timed in a measurement.
const ROUNDS: usize = 2;

/// Where a word's weights and their state stand.
#[derive(Debug, Clone, Copy)]
pub enum Places {
    /// In one record.
    Records,
    /// In a line of weights and so many lines of state.
    Lines { arrays: usize },
}

impl Places {
    /// Bytes of all weights and their state.
    pub fn bytes(self, features: usize) -> usize {
        let numbers = match self {
            Places::Records => RECORD,
            Places::Lines { arrays } => (1 + arrays) * LINE,
        };
        features * numbers * size_of::<f32>()
    }
}

/// The words of an epoch.
#[derive(Debug, Default)]
pub struct Batches {
    /// All of them.
    words: Vec<u32>,
    /// For each word the number of its row among those that its batch touches.
    slots: Vec<u32>,
    /// The rows that each batch touches, each once, one batch after the other.
    touched: Vec<u32>,
    /// Where the words of each batch and its touched rows end.
    ends: Vec<[usize; 2]>,
    /// The most rows that a batch touches.
    most_touched: usize,
}

impl Batches {
    /// By the words of each batch.
    pub fn of(batches: impl Iterator<Item = Vec<u32>>) -> Batches {
        let (mut all, mut seen) = (Batches::default(), std::collections::HashMap::new());
        for words in batches {
            seen.clear();
            let before = all.touched.len();
            for &word in &words {
                let next = seen.len() as u32;
                let slot = *seen.entry(word).or_insert(next);
                if slot == next {
                    all.touched.push(word);
                }
                all.slots.push(slot);
            }
            all.words.extend(words);
            all.most_touched = all.most_touched.max(all.touched.len() - before);
            all.ends.push([all.words.len(), all.touched.len()]);
        }
        all
    }
}

/// The best times so far, in nanoseconds a nonzero.
#[derive(Debug)]
pub struct Limits {
    places: Places,
    features: usize,
    /// To read the first place of each word and to write it back.
    pub access: f64,
    /// To go to all places of an epoch.
    pub epoch: f64,
    best: Option<(Form, usize)>,
}

/// The form that was best.
struct Best(Option<(Form, usize)>);

impl Display for Best {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self.0 {
            Some((form, ahead)) => write!(f, "{form}, asked for {ahead} words ahead"),
            None => f.write_str("no form"),
        }
    }
}

impl Limits {
    /// Nothing measured yet.
    pub fn new(places: Places, features: usize) -> Limits {
        Limits { places, features, access: f64::INFINITY, epoch: f64::INFINITY, best: None }
    }

    /// In which form the places of an epoch were gone to fastest.
    pub fn form(&self) -> impl Display {
        Best(self.best)
    }

    /// Measures once more; the best counts.
    pub fn measure(&mut self, batches: &Batches) {
        match self.places {
            Places::Records => {
                let mut records = ones(self.features * RECORD);
                let mut access =
                    Access::<RECORD> { words: &batches.words, rows: &mut records, ahead: 0 };
                self.access_by(&mut access, batches);
                self.epoch = self.access;
            }
            Places::Lines { arrays } => {
                let mut weights = ones(self.features * LINE);
                let mut access =
                    Access::<LINE> { words: &batches.words, rows: &mut weights, ahead: 0 };
                let known = self.best;
                self.access_by(&mut access, batches);
                self.best = known;
                let mut state = ones(self.features * arrays * LINE);
                let mut gradient = ones(batches.most_touched * LINE);
                let mut epoch = Epoch {
                    batches,
                    weights: &mut weights,
                    state: &mut state,
                    gradient: &mut gradient,
                    arrays,
                    ahead: 0,
                };
                for (form, ahead) in ways() {
                    epoch.ahead = ahead;
                    let time = nanoseconds(form, &mut epoch, batches);
                    if time < self.epoch {
                        (self.epoch, self.best) = (time, Some((form, ahead)));
                    }
                }
            }
        }
    }

    fn access_by<const ROW: usize>(&mut self, access: &mut Access<'_, ROW>, batches: &Batches) {
        for (form, ahead) in ways().filter(|(form, _)| form.bits <= ROW * 32) {
            access.ahead = ahead;
            let time = nanoseconds(form, access, batches);
            if time < self.access {
                (self.access, self.best) = (time, Some((form, ahead)));
            }
        }
    }
}

/// Memory that the system has provided.
fn ones(length: usize) -> Aligned {
    let mut array = Aligned::zeros(length);
    array.fill(1.0);
    array
}

/// All forms with all distances; one of them in a test.
fn ways() -> impl Iterator<Item = (Form, usize)> {
    let chosen = forms().into_iter().filter(|form| UNROLLS.contains(&form.unroll));
    let all = chosen.flat_map(|form| DISTANCES.map(|ahead| (form, ahead)));
    all.take(if is_test() { 1 } else { usize::MAX })
}

fn nanoseconds(form: Form, body: &mut impl Loop, batches: &Batches) -> f64 {
    let time = |_| {
        let start = Instant::now();
        run(form, body);
        start.elapsed()
    };
    let best = (0..ROUNDS).map(time).min().unwrap_or(Duration::MAX);
    best.as_secs_f64() * 1e9 / batches.words.len() as f64
}

/// Updates the row of each word, of `ROW` numbers.
struct Access<'a, const ROW: usize> {
    words: &'a [u32],
    rows: &'a mut [f32],
    ahead: usize,
}

impl<const ROW: usize> Loop for Access<'_, ROW> {
    #[inline(always)]
    fn run<V: Vector<N>, const N: usize, const UNROLL: usize>(&mut self) {
        update::<V, N, UNROLL, ROW>(black_box(self.words), self.rows, self.ahead);
    }
}

/// Goes to the lines of a network's words.
struct Epoch<'a> {
    batches: &'a Batches,
    weights: &'a mut [f32],
    state: &'a mut [f32],
    gradient: &'a mut [f32],
    arrays: usize,
    ahead: usize,
}

impl Loop for Epoch<'_> {
    #[inline(always)]
    fn run<V: Vector<N>, const N: usize, const UNROLL: usize>(&mut self) {
        let Batches { words, slots, touched, ends, .. } = black_box(self.batches);
        let mut start = [0; 2];
        for &end in ends {
            let words = &words[start[0]..end[0]];
            let touched = &touched[start[1]..end[1]];
            read::<V, N, UNROLL>(words, self.weights, self.ahead);
            update::<V, N, UNROLL, LINE>(&slots[start[0]..end[0]], self.gradient, self.ahead);
            update::<V, N, UNROLL, LINE>(touched, self.weights, self.ahead);
            match self.arrays {
                1 => update::<V, N, UNROLL, LINE>(touched, self.state, self.ahead),
                _ => update::<V, N, UNROLL, { 2 * LINE }>(touched, self.state, self.ahead),
            }
            start = end;
        }
    }
}

/// Asks for a row `ahead` words later.
#[inline(always)]
fn ask<const ROW: usize>(words: &[u32], at: usize, rows: &[[f32; ROW]], ahead: usize) {
    if ahead > 0
        && let Some(&word) = words.get(at + ahead)
    {
        rows[word as usize].iter().step_by(LINE).for_each(prefetch);
    }
}

#[inline(always)]
fn prefetch(value: &f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every x86-64 has the instruction, and it reads nothing that the program could see.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = value;
}

#[inline(always)]
fn read<V: Vector<N>, const N: usize, const UNROLL: usize>(
    words: &[u32],
    rows: &[f32],
    ahead: usize,
) {
    let rows = rows.as_chunks::<LINE>().0;
    let mut bits = [V::zero(); UNROLL];
    for (group, words_of_group) in words.as_chunks::<UNROLL>().0.iter().enumerate() {
        for (i, (bits, &word)) in bits.iter_mut().zip(words_of_group).enumerate() {
            ask(words, group * UNROLL + i, rows, ahead);
            for values in rows[word as usize].as_chunks::<N>().0 {
                *bits = bits.or(V::load(values));
            }
        }
    }
    let mut all = [0.0; N];
    bits.into_iter().fold(V::zero(), V::or).store(&mut all);
    black_box(&all);
}

#[inline(always)]
fn update<V: Vector<N>, const N: usize, const UNROLL: usize, const ROW: usize>(
    words: &[u32],
    rows: &mut [f32],
    ahead: usize,
) {
    let delta = V::load(black_box(&[1e-3; N]));
    // Rows of one register are loaded together before any is stored, so that no load waits for a store to an address not yet known.
    let (groups, _) = words[..if ROW == N { words.len() } else { 0 }].as_chunks::<UNROLL>();
    for (group, words_of_group) in groups.iter().enumerate() {
        for i in 0..UNROLL {
            ask(words, group * UNROLL + i, rows.as_chunks::<ROW>().0, ahead);
        }
        let rows = rows.as_chunks_mut::<N>().0;
        let sums = words_of_group.map(|word| V::load(&rows[word as usize]).add(delta));
        for (&word, sum) in words_of_group.iter().zip(sums) {
            sum.store(&mut rows[word as usize]);
        }
    }
    for at in groups.len() * UNROLL..words.len() {
        let rows = rows.as_chunks_mut::<ROW>().0;
        ask(words, at, rows, ahead);
        for values in rows[words[at] as usize].as_chunks_mut::<N>().0 {
            V::load(values).add(delta).store(values);
        }
    }
}
