//! How fast this machine can move bytes and multiply: loops that do nothing else, measured in the same run as the kernels.
//!
//! A kernel's roofline is the time that its bytes need at the rate of the best such loop, over an array as large as the
//! kernel's own, so that both are served by the same caches. The loops go from one end to the other, as the prefetchers of
//! the CPU like it best, with registers of every width, up to sixteen at a time; the best form counts.
//!
//! What that does not say: a kernel that goes through the words of reviews finds the commonest rows in the nearest cache,
//! which is faster than any loop over the whole table, so it may come out above 100 %. On the other hand it cannot know the
//! next address before it has read the next word. The loops "in the order of the words" tell these effects apart: they move
//! the lines of the real words and do nothing else, no sums a review and no loop that ends with it.

mod vector;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use imdb_fast::kernel::Aligned;

use self::vector::{Form, Loop, Vector, forms, run};

/// What a loop does with its arrays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pattern {
    /// Reads one array.
    Read,
    /// `a[i] += d`: reads an array and writes it back.
    Update,
    /// `b[i] = a[i]`
    Copy,
    /// Reads three arrays and writes them back, the third as zeros.
    UpdateThree,
    /// Reads the lines of the words of an epoch.
    ReadWords,
    /// Updates them.
    UpdateWords,
    /// Multiplies and adds in registers, over no array: its rate is in operations, a fused multiply-add being two.
    Multiply,
}

impl Pattern {
    fn name(self) -> &'static str {
        match self {
            Pattern::Read => "read",
            Pattern::Update => "update",
            Pattern::Copy => "copy",
            Pattern::UpdateThree => "update of three arrays",
            Pattern::ReadWords => "read, in the order of the words",
            Pattern::UpdateWords => "update, in the order of the words",
            Pattern::Multiply => "multiply-add (operations)",
        }
    }

    /// Bytes moved for each byte of the arrays.
    fn traffic(self) -> usize {
        match self {
            Pattern::Read | Pattern::Copy | Pattern::ReadWords | Pattern::Multiply => 1,
            Pattern::Update | Pattern::UpdateThree | Pattern::UpdateWords => 2,
        }
    }
}

/// Moved bytes that a loop is timed for: some milliseconds, as the kernels are.
const TIMED_BYTES: usize = 64 << 20;

/// How often each form is timed in a measurement.
const ROUNDS: usize = 3;

/// A measured rate, and the form of the loop that has it.
#[derive(Debug, Clone, Copy)]
struct Rate {
    /// A second: bytes, or operations.
    rate: f64,
    form: Form,
    /// The best rate of the worst measurement: far below the other, where the machine had other work.
    worst: f64,
}

/// The rates of this machine. Each is measured many times, and the best measurement counts: one that other work has disturbed
/// would make kernels look better than they are.
#[derive(Debug)]
pub struct Rooflines {
    /// The words of an epoch.
    words: Vec<u16>,
    rates: BTreeMap<(Pattern, usize), Rate>,
}

impl Rooflines {
    /// Nothing measured yet.
    pub fn new(words: Vec<u16>) -> Rooflines {
        Rooflines { words, rates: BTreeMap::new() }
    }

    /// Measures the rate of a pattern over arrays of so many bytes together. Small ones count as larger: in a few lines a loop
    /// has hardly begun when it ends.
    pub fn measure(&mut self, pattern: Pattern, bytes: usize) {
        let bytes = bytes.max(LEAST).next_multiple_of(MULTIPLE);
        let new = match pattern {
            Pattern::ReadWords | Pattern::UpdateWords => measure_words(pattern, &self.words),
            Pattern::Multiply => measure_multiply(),
            _ => measure_arrays(pattern, bytes),
        };
        let known = self.rates.entry((pattern, bytes)).or_insert(new);
        let better = if new.rate > known.rate { new } else { *known };
        *known = Rate { worst: known.worst.min(new.rate), ..better };
    }

    /// The best of the measured rates.
    ///
    /// # Panics
    /// If there is none.
    pub fn rate(&self, pattern: Pattern, bytes: usize) -> f64 {
        self.rates[&(pattern, bytes.max(LEAST).next_multiple_of(MULTIPLE))].rate
    }

    /// Measures how fast the lines of the words are moved, and how fast the whole table is.
    pub fn measure_words(&mut self) {
        let table = self.table();
        for pattern in [Pattern::Read, Pattern::Update, Pattern::ReadWords, Pattern::UpdateWords] {
            self.measure(pattern, table);
        }
    }

    /// What it takes to move the lines of the words in their order and nothing else, and how much longer that is than it takes
    /// to move as many bytes from one end of the table to the other.
    pub fn words_alone(&self, in_order: Pattern, streamed: Pattern) -> (f64, f64) {
        let moved = (self.words.len() * bytes_a_word(in_order)) as f64;
        let rate = self.rate(in_order, self.table());
        (moved / rate, self.rate(streamed, self.table()) / rate)
    }

    /// Bytes of a table with a line for each word.
    fn table(&self) -> usize {
        let lines = self.words.iter().max().map_or(0, |&id| usize::from(id) + 1);
        lines * LINE * size_of::<f32>()
    }

    /// Prints all rates that were measured.
    pub fn print(&self) {
        println!(
            "Rates of loops that do nothing else, the best of all forms and measurements, 10^9 bytes/s (of multiply-add: operations/s)"
        );
        println!();
        println!("| loop | KiB | best | registers | worst measurement |");
        println!("| --- | ---: | ---: | --- | ---: |");
        for ((pattern, bytes), Rate { rate, form, worst }) in &self.rates {
            let (name, kib) = (pattern.name(), bytes / 1024);
            println!("| {name} | {kib} | {:.1} | {form} | {:.1} |", rate / 1e9, worst / 1e9);
        }
        println!();
    }
}

/// Numbers in a cache line.
const LINE: usize = 16;

/// The fewest bytes that a loop goes through: half of the nearest cache.
const LEAST: usize = 16 << 10;

/// Arrays are a multiple of so many bytes: three arrays of sixteen registers of 512 bits each.
const MULTIPLE: usize = 3 * 16 * 64;

fn measure_arrays(pattern: Pattern, bytes: usize) -> Rate {
    let mut array = Aligned::zeros(bytes / size_of::<f32>());
    array.fill(1.0);
    let passes = (TIMED_BYTES / (bytes * pattern.traffic())).max(1);
    let moved = (passes * bytes * pattern.traffic()) as f64;
    best_rate(|form| moved / best_time_of(form, &mut Move { pattern, passes, array: &mut array }))
}

fn bytes_a_word(pattern: Pattern) -> usize {
    pattern.traffic() * LINE * size_of::<f32>() + size_of::<u16>()
}

/// How fast the lines of some words are moved, the words themselves included.
fn measure_words(pattern: Pattern, ids: &[u16]) -> Rate {
    let mut lines = Aligned::zeros((1 << 16) * LINE);
    let moved = (ids.len() * bytes_a_word(pattern)) as f64;
    best_rate(|form| match pattern {
        Pattern::ReadWords => moved / best_time_of(form, &mut ReadLines { ids, lines: &lines }),
        _ => moved / best_time_of(form, &mut UpdateLines { ids, lines: &mut lines }),
    })
}

fn measure_multiply() -> Rate {
    const STEPS: usize = 1 << 18;
    best_rate(|form| {
        let operations = STEPS * form.unroll * form.bits / 32 * 2;
        operations as f64 / best_time_of(form, &mut Multiply { steps: STEPS })
    })
}

/// The best of the rates of all forms.
fn best_rate(rate_of: impl FnMut(Form) -> f64) -> Rate {
    let forms = forms();
    let rates = forms.iter().copied().map(rate_of);
    let rates = forms.iter().zip(rates).map(|(&form, rate)| Rate { rate, form, worst: rate });
    rates.max_by(|a, b| a.rate.total_cmp(&b.rate)).expect("every CPU has a form")
}

/// The best of some times of a loop, in seconds, after one to warm up.
fn best_time_of(form: Form, body: &mut impl Loop) -> f64 {
    run(form, body);
    let time = |_| {
        let start = Instant::now();
        run(form, body);
        start.elapsed()
    };
    (0..ROUNDS).map(time).min().unwrap_or(Duration::MAX).as_secs_f64()
}

/// Goes through the arrays of a [`Pattern`], some times.
struct Move<'a> {
    pattern: Pattern,
    passes: usize,
    array: &'a mut [f32],
}

impl Loop for Move<'_> {
    #[inline(always)]
    fn run<V: Vector<N>, const N: usize, const UNROLL: usize>(&mut self) {
        for _ in 0..self.passes {
            let array = black_box(&mut *self.array);
            match self.pattern {
                Pattern::Read => read::<V, N, UNROLL>(array),
                Pattern::Update => update::<V, N, UNROLL>(array),
                Pattern::Copy => copy::<V, N, UNROLL>(array),
                Pattern::UpdateThree => update_three::<V, N, UNROLL>(array),
                // These are not about arrays: see `ReadLines`, `UpdateLines` and `Multiply`.
                Pattern::ReadWords | Pattern::UpdateWords | Pattern::Multiply => {}
            }
        }
    }
}

/// An array as groups of registers.
#[inline(always)]
fn groups<const N: usize, const UNROLL: usize>(array: &[f32]) -> &[[[f32; N]; UNROLL]] {
    array.as_chunks::<N>().0.as_chunks::<UNROLL>().0
}

#[inline(always)]
fn groups_mut<const N: usize, const UNROLL: usize>(array: &mut [f32]) -> &mut [[[f32; N]; UNROLL]] {
    array.as_chunks_mut::<N>().0.as_chunks_mut::<UNROLL>().0
}

/// Makes the compiler believe that registers are looked at.
#[inline(always)]
fn look_at<V: Vector<N>, const N: usize, const UNROLL: usize>(registers: [V; UNROLL]) {
    let mut all = [0.0; N];
    registers.into_iter().fold(V::zero(), V::or).store(&mut all);
    black_box(&all);
}

#[inline(always)]
fn read<V: Vector<N>, const N: usize, const UNROLL: usize>(array: &[f32]) {
    let mut bits = [V::zero(); UNROLL];
    for group in groups::<N, UNROLL>(array) {
        for (bits, values) in bits.iter_mut().zip(group) {
            *bits = bits.or(V::load(values));
        }
    }
    look_at(bits);
}

#[inline(always)]
fn update<V: Vector<N>, const N: usize, const UNROLL: usize>(array: &mut [f32]) {
    let delta = V::load(black_box(&[1e-3; N]));
    for group in groups_mut::<N, UNROLL>(array) {
        let sums = group.each_ref().map(|values| V::load(values).add(delta));
        for (values, sum) in group.iter_mut().zip(sums) {
            sum.store(values);
        }
    }
}

#[inline(always)]
fn copy<V: Vector<N>, const N: usize, const UNROLL: usize>(array: &mut [f32]) {
    let (from, to) = array.split_at_mut(array.len() / 2);
    for (from, to) in groups::<N, UNROLL>(from).iter().zip(groups_mut::<N, UNROLL>(to)) {
        let registers = from.each_ref().map(V::load);
        for (to, register) in to.iter_mut().zip(registers) {
            register.store(to);
        }
    }
}

#[inline(always)]
fn update_three<V: Vector<N>, const N: usize, const UNROLL: usize>(array: &mut [f32]) {
    let third = array.len() / 3;
    let (a, rest) = array.split_at_mut(third);
    let (b, c) = rest.split_at_mut(third);
    let (a, b) = (groups_mut::<N, UNROLL>(a), groups_mut::<N, UNROLL>(b));
    for ((a, b), c) in a.iter_mut().zip(b).zip(groups_mut::<N, UNROLL>(c)) {
        for ((a, b), c) in a.iter_mut().zip(b).zip(c) {
            let gradient = V::load(c);
            V::load(a).add(gradient).store(a);
            V::load(b).add(gradient).store(b);
            V::zero().store(c);
        }
    }
}

/// Reads the lines of some words: `lines` has one for each number of sixteen bits, so that none need be checked.
struct ReadLines<'a> {
    ids: &'a [u16],
    lines: &'a [f32],
}

impl Loop for ReadLines<'_> {
    #[inline(always)]
    fn run<V: Vector<N>, const N: usize, const UNROLL: usize>(&mut self) {
        let (lines, _) = self.lines.as_chunks::<LINE>();
        let lines = lines.first_chunk::<{ 1 << 16 }>().expect("a line for each word");
        let mut bits = [V::zero(); UNROLL];
        for ids in black_box(self.ids).as_chunks::<UNROLL>().0 {
            for (bits, &id) in bits.iter_mut().zip(ids) {
                for values in lines[usize::from(id)].as_chunks::<N>().0 {
                    *bits = bits.or(V::load(values));
                }
            }
        }
        look_at(bits);
    }
}

/// Updates the lines of some words.
struct UpdateLines<'a> {
    ids: &'a [u16],
    lines: &'a mut [f32],
}

impl Loop for UpdateLines<'_> {
    #[inline(always)]
    fn run<V: Vector<N>, const N: usize, const UNROLL: usize>(&mut self) {
        let (lines, _) = self.lines.as_chunks_mut::<LINE>();
        let lines = lines.first_chunk_mut::<{ 1 << 16 }>().expect("a line for each word");
        let delta = V::load(black_box(&[1e-3; N]));
        for ids in black_box(self.ids).as_chunks::<UNROLL>().0 {
            for &id in ids {
                for values in lines[usize::from(id)].as_chunks_mut::<N>().0 {
                    V::load(values).add(delta).store(values);
                }
            }
        }
    }
}

/// Multiplies and adds in registers alone: as many chains as are unrolled.
struct Multiply {
    steps: usize,
}

impl Loop for Multiply {
    #[inline(always)]
    fn run<V: Vector<N>, const N: usize, const UNROLL: usize>(&mut self) {
        let factor = V::load(black_box(&[0.999; N]));
        let term = V::load(black_box(&[1e-3; N]));
        let mut values = [V::zero(); UNROLL];
        for _ in 0..self.steps {
            for value in &mut values {
                *value = value.mul_add(factor, term);
            }
        }
        look_at(values);
    }
}
