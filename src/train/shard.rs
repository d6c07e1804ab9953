//! The first layer, cut by features.
//!
//! A shard has a range of the features: their weight rows, their gradient, their optimizer state. Only the thread that owns it
//! touches them, so weight rows stay in the cache of one core, and only `width` sums a review travel. The shards are cut by
//! data, network and options, whatever the number of threads, and the order in which their sums are added is fixed: the result
//! has the same bits on any number of threads, and whoever owns what.

mod averaged;
mod gradient;
mod slots;
mod thinned;
mod words;

use std::ops::Range;

use super::average::Averages;
use super::cut::{Cut, Pace};
use super::rows::{Rows, Word};
use super::weights::{State, Weights};
use crate::kernel::{
    Aligned, BITS, Level, Powers, Rows as WeightRows, Subsets, Sum, gather_bits, gather_sum,
};
use crate::nn::Architecture;
use crate::optimizer::{Idle, Optimizer, Step};
use gradient::Gradient;
pub(super) use gradient::{pull, squares};
pub(super) use slots::MOST_STEPS;
use thinned::Thinned;
pub(super) use words::MOST_WORDS;
use words::Words;

/// A range of the first kernel's rows with all that belongs to them.
#[derive(Debug)]
pub(super) struct Shard<'m> {
    level: Level,
    features: Range<usize>,
    cost: f64,
    width: usize,
    weights: Weights<'m>,
    gradient: Gradient,
    /// Whether every row is updated in every step.
    is_swept_whole: bool,
    decays: Vec<Powers>,
    /// The last step whose update each row has seen, or within a step the mark of [`slots`]; empty where none has to be made up for.
    updated: Aligned<u32>,
    /// Which words the reviews have that it has taken up.
    pub(super) words: Words,
    /// Room for sums of the commonest words' rows or gradients, where their words are kept as bits.
    subsets: Option<Subsets>,
    /// The batch with some words left out, where a run does that.
    thinned: Option<Thinned>,
    /// The weights at the best epoch so far.
    best: Option<Vec<f32>>,
    /// The averages of the weights, where the run ends with them.
    averages: Option<Averages>,
}

/// What a checkpoint keeps of a shard.
#[derive(Debug)]
pub(super) struct Standing<'s> {
    pub(super) features: Range<usize>,
    /// `[features, width]`
    pub(super) kernel: &'s [f32],
    pub(super) state: State<'s>,
    /// The last step that each row has seen; empty where none has to be made up for.
    pub(super) updated: &'s [u32],
    /// `[features, width]`, the weights at the best epoch so far.
    pub(super) best: Option<&'s [f32]>,
    /// The averages of the weights, where the run ends with them.
    pub(super) averages: Option<&'s Averages>,
}

/// How rows move: by an optimizer, and what a step does to those without a gradient.
#[derive(Debug)]
pub(super) struct Moving<'o> {
    pub(super) optimizer: &'o dyn Optimizer,
    pub(super) idle: Idle,
}

impl<'m> Shard<'m> {
    /// Cuts a kernel into shards, in the order of the cuts. `is_shared` says that all words of a batch have the same gradient.
    pub(super) fn split(
        (kernel, scales): (&'m mut [f32], Option<&'m [f32]>),
        architecture: &Architecture,
        cuts: &[Cut],
        is_shared: bool,
        moving: Moving<'_>,
        level: Level,
    ) -> Vec<Shard<'m>> {
        let width = architecture.width();
        let mut by_feature: Vec<&Cut> = cuts.iter().collect();
        by_feature.sort_by_key(|cut| (cut.features.start, cut.features.end));
        let mut rest = kernel;
        let mut parts: Vec<(&Cut, &mut [f32])> = Vec::with_capacity(cuts.len());
        for cut in by_feature {
            let (part, others) = rest.split_at_mut(cut.features.len() * width);
            parts.push((cut, part));
            rest = others;
        }
        parts.sort_by_key(|(part, _)| cuts.iter().position(|cut| std::ptr::eq(cut, *part)));
        parts
            .into_iter()
            .map(|(cut, part)| {
                let scales = scales.map(|scales| &scales[cut.features.clone()]);
                Shard::new(cut, width, (part, scales), is_shared, &moving, level)
            })
            .collect()
    }

    fn new(
        cut: &Cut,
        width: usize,
        (kernel, scales): (&'m mut [f32], Option<&'m [f32]>),
        is_shared: bool,
        moving: &Moving<'_>,
        level: Level,
    ) -> Shard<'m> {
        let rows = cut.features.len();
        let Moving { optimizer, idle } = moving;
        let pace = cut.pace(idle, is_shared);
        let gradient = match pace {
            Pace::All | Pace::Many => Gradient::dense(rows, width),
            Pace::Few if is_shared => Gradient::shared(width),
            Pace::Few => Gradient::compact(),
        };
        Shard {
            level,
            features: cut.features.clone(),
            cost: cut.cost,
            width,
            weights: Weights::new(kernel, width, scales, &optimizer.state(), pace),
            gradient,
            is_swept_whole: pace == Pace::All,
            decays: match idle {
                Idle::Decays(factors) => factors.iter().copied().map(Powers::of).collect(),
                Idle::Unchanged | Idle::Rests | Idle::Moves => Vec::new(),
            },
            updated: Aligned::zeros(if cut.counts_steps(idle, is_shared) { rows } else { 0 }),
            words: Words::new(level, cut.features.clone(), cut.has_bits),
            subsets: cut.has_bits.then(Subsets::default),
            thinned: None,
            best: None,
            averages: None,
        }
    }

    /// What a step with it costs, in nonzeros.
    pub(super) fn cost(&self) -> f64 {
        self.cost
    }

    /// Asks for the words of the batch after the next, and for the place of those of a later one, where a batch is one review: a
    /// larger one asks for its own on the way.
    pub(super) fn look_ahead<I: Word>(&self, rows: Rows<'_, I>, after_next: &[u32], far: &[u32]) {
        if self.gradient.is_shared() {
            self.words.look_ahead(rows, after_next.first(), far.first());
        }
    }

    /// The sums of this shard's weight rows for what it has taken up: `out` is `[rows, width]`.
    pub(super) fn gather<I: Word>(&mut self, rows: Rows<'_, I>, mut sum: Sum, out: &mut [f32]) {
        let table = self.weights.table(self.features.start);
        if let (true, Some(Thinned { words, spans })) = (self.words.is_batch(), &self.thinned) {
            return gather_sum(self.level, table, I::slots(words), spans, sum, out);
        }
        let taken = self.words.taken();
        if let Some(subsets) = &mut self.subsets {
            let common = &table.values[..BITS * self.width];
            gather_bits(self.level, common, self.width, &taken.bits, subsets, sum, out);
            sum = Sum::Add;
        }
        gather_sum(self.level, table, rows.indices, &taken.spans, sum, out);
    }

    /// Applies the gradient of the step and clears it.
    pub(super) fn update(&mut self, optimizer: &dyn Optimizer, step: Step) {
        self.take_in_moving(step.number);
        let (gradient, selection) = self.gradient.selected(self.is_swept_whole);
        let rows = WeightRows {
            width: self.width,
            values: self.weights.values(),
            gradient,
            selection,
            updated: &mut self.updated,
            decays: &self.decays,
        };
        optimizer.sweep(step, rows);
    }

    /// What a checkpoint keeps of it, between two steps.
    pub(super) fn standing(&mut self) -> Standing<'_> {
        let (kernel, state) = self.weights.kernel_and_state();
        Standing {
            features: self.features.clone(),
            kernel,
            state,
            updated: &self.updated,
            best: self.best.as_deref(),
            averages: self.averages.as_ref(),
        }
    }

    /// Goes on from where a run stood after so many steps; its weights are there already. `state`, `updated` and `best` are
    /// those of all features, or empty where the optimizer needs none. Returns false where they cannot be of this run.
    pub(super) fn take_up(
        &mut self,
        steps: u32,
        state: &[f32],
        updated: &[u32],
        best: Option<&[f32]>,
    ) -> bool {
        let Range { start, end } = self.features;
        self.weights.set_state(state, start);
        self.best = best.map(|best| best[start * self.width..end * self.width].to_vec());
        let updated = updated.get(start..end).unwrap_or_default();
        if !self.updated.is_empty() {
            self.updated.copy_from_slice(updated);
        }
        updated.iter().all(|&step| step <= steps)
    }

    /// Whether no weight is NaN or infinite.
    pub(super) fn is_finite(&mut self) -> bool {
        self.weights.kernel().iter().all(|weight| weight.is_finite())
    }

    /// Remembers the weights as the best so far.
    pub(super) fn keep(&mut self) {
        let best = self.best.get_or_insert_default();
        best.clear();
        best.extend_from_slice(self.weights.kernel());
    }

    /// Goes back to the best weights, if any were kept.
    pub(super) fn restore(&mut self) {
        if let Some(best) = &self.best {
            self.weights.set_kernel(best);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::drawn_rows;
    use super::super::weights::tests::values;
    use super::*;
    use crate::optimizer;
    use crate::random::{Random, Stream};

    const FEATURES: Range<usize> = 100..1000;

    /// How a shard keeps its gradient and goes through it.
    #[derive(Clone, Copy, PartialEq)]
    enum Form {
        Whole,
        Dense,
        Compact,
        Shared,
    }

    /// Trains a shard and returns its weights and its state. Batches are taken up as they come, or prepared while the one
    /// before is at work.
    fn trained(
        optimizer: &dyn Optimizer,
        level: Level,
        width: usize,
        (form, is_prepared): (Form, bool),
        batch: usize,
        has_zeros: bool,
    ) -> [Vec<f32>; 2] {
        let random = &mut Random::new(1, Stream::SyntheticReviews);
        let (indptr, indices) = drawn_rows(random);
        let rows = Rows::from_parts(&indptr, &indices);
        let mut kernel: Vec<f32> =
            (0..FEATURES.len() * width).map(|_| random.uniform_f32() - 0.5).collect();
        let (nonzeros, touched) = match form {
            Form::Whole => (1e9, 1e9),
            Form::Dense => (1e9, 0.0),
            Form::Compact | Form::Shared => (0.0, 0.0),
        };
        let cut = Cut { features: FEATURES, nonzeros, touched, cost: 0.0, has_bits: false };
        let (first_layer, is_shared) = ((&mut kernel[..], None), form == Form::Shared);
        let moving = Moving { optimizer, idle: optimizer.idle() };
        let mut shard = Shard::new(&cut, width, first_layer, is_shared, &moving, level);
        let got = match shard.gradient {
            Gradient::Dense(_) if shard.is_swept_whole => Form::Whole,
            Gradient::Dense(_) => Form::Dense,
            Gradient::Compact { .. } => Form::Compact,
            Gradient::Shared { .. } => Form::Shared,
        };
        assert!(got == form);
        let decays = matches!(optimizer.idle(), Idle::Decays(_));
        let is_counted = form != Form::Whole && decays;
        assert_eq!(shard.updated.len(), if is_counted { FEATURES.len() } else { 0 });
        shard.words.begin_window(rows, &(0..500).collect::<Vec<u32>>());
        let order = |_| (0..batch).map(|_| random.below(500) as u32).collect();
        let orders: Vec<Vec<u32>> = (0..60).map(order).collect();
        for (number, order) in (1..).zip(&orders) {
            let mut deltas: Vec<f32> =
                (0..batch * width).map(|_| random.normal() as f32 + 1e-6).collect();
            if has_zeros {
                deltas.chunks_exact_mut(width).step_by(2).for_each(|delta| delta.fill(0.0));
            }
            let step = Step { number, level, rate: 1.0 };
            shard.words.begin_batch(order);
            if let Some(next) = orders.get(number as usize).filter(|_| is_prepared) {
                shard.words.prepare_batch(next);
            }
            shard.scatter(rows, &deltas, step);
            shard.update(optimizer, step);
            if number % 3 == 0 {
                // A round of validation comes before the next batch.
                shard.words.begin_round(rows, 0, 0..100, true);
                shard.gather(rows, Sum::Store, &mut vec![0.0; 100 * width]);
            }
        }
        let (kernel, state) = shard.weights.kernel_and_state();
        [kernel.to_vec(), values(&state)]
    }

    /// The additions to a row come in the same order, wherever its gradient stands.
    #[test]
    fn all_forms_of_a_gradient_give_the_same() {
        for name in ["rmsprop", "rmsprop:centered=true", "sgd", "adagrad"] {
            let optimizer = optimizer::parse(name, Some(0.01)).unwrap();
            for level in Level::supported() {
                for width in [1, 16, 20, 64] {
                    let all = |has_zeros| {
                        [(Form::Dense, true), (Form::Compact, false), (Form::Whole, true)]
                            .map(|form| trained(&*optimizer, level, width, form, 40, has_zeros))
                    };
                    let [dense, compact, whole] = all(false);
                    assert!(dense == compact, "{name} at {level}, width {width}");
                    // A row whose gradient is zero is swept by one form and skipped by another. That is the same but for
                    // the rounding of its state.
                    let [zeros_dense, zeros_compact, _] = all(true);
                    for (one, other) in [(&dense, &whole), (&zeros_dense, &zeros_compact)] {
                        for (a, b) in one[0].iter().zip(&other[0]) {
                            let what = format!("{name} at {level}, width {width}: {a} {b}");
                            assert!((a - b).abs() <= 1e-6, "{what}");
                        }
                        assert!(optimizer.idle() != Idle::Unchanged || one == other, "{name}");
                    }
                }
            }
        }
    }

    #[test]
    fn one_review_at_a_time_is_any_batch() {
        for name in ["rmsprop", "rmsprop:centered=true", "sgd", "adagrad"] {
            let optimizer = optimizer::parse(name, Some(0.01)).unwrap();
            for level in Level::supported() {
                for width in [1, 5, 16, 20, 64] {
                    let [dense, compact, shared] =
                        [(Form::Dense, true), (Form::Compact, true), (Form::Shared, true)]
                            .map(|form| trained(&*optimizer, level, width, form, 1, false));
                    let what = format!("{name} at {level}, width {width}");
                    assert!(dense == compact && compact == shared, "{what}");
                }
            }
        }
    }

    /// Sums and gradients of the commonest words by their bits are those by their lists, but for the order of additions.
    #[test]
    fn common_words_may_be_bits() {
        let random = &mut Random::new(1, Stream::SyntheticReviews);
        let (indptr, indices) = drawn_rows(random);
        let rows = Rows::from_parts(&indptr, &indices);
        let optimizer = optimizer::parse("sgd", Some(0.1)).unwrap();
        for level in Level::supported() {
            for width in [8, 16, 20, 64] {
                let mut both = [false, true].map(|has_bits| {
                    let random = &mut Random::new(2, Stream::SyntheticReviews);
                    let mut number = || random.uniform_f32() - 0.5;
                    let mut kernel: Vec<f32> = (0..1000 * width).map(|_| number()).collect();
                    let cut =
                        Cut { features: 0..1000, nonzeros: 1e9, touched: 0.0, cost: 0.0, has_bits };
                    let moving = Moving { optimizer: &*optimizer, idle: optimizer.idle() };
                    let mut shard =
                        Shard::new(&cut, width, (&mut kernel, None), false, &moving, level);
                    assert_eq!(shard.subsets.is_some(), has_bits);
                    shard.words.begin_window(rows, &(0..500).collect::<Vec<u32>>());
                    let mut results = Vec::new();
                    for number in 1..=5 {
                        let order: Vec<u32> = (0..150).map(|at| (at * 7 + number) % 500).collect();
                        let deltas: Vec<f32> = (0..150 * width)
                            .map(|at| (at as f32 * 0.37 + number as f32).sin())
                            .collect();
                        let step = Step { number, level, rate: 1.0 };
                        shard.words.begin_batch(&order);
                        shard.scatter(rows, &deltas, step);
                        shard.update(&*optimizer, step);
                        let mut sums = vec![0.0; 150 * width];
                        shard.gather(rows, Sum::Store, &mut sums);
                        shard.gather(rows, Sum::Add, &mut sums);
                        results.extend(sums);
                        shard.words.begin_round(rows, 0, 100..200, number % 2 == 0);
                        let mut sums = vec![0.0; 100 * width];
                        shard.gather(rows, Sum::Store, &mut sums);
                        results.extend(sums);
                    }
                    results.extend_from_slice(shard.weights.kernel());
                    results
                });
                let [lists, bits] = &mut both;
                assert!(lists != bits, "{level}, width {width}: bits were not used");
                for (at, (a, b)) in lists.iter().zip(bits).enumerate() {
                    let what = format!("{level}, width {width}, value {at}: {a} and {b}");
                    assert!((*a - *b).abs() <= 1e-3, "{what}");
                }
            }
        }
    }
}
