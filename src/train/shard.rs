//! The first layer, cut by features.
//!
//! A shard owns a range of the features: their weight rows, their gradient, their optimizer state. Only its owner touches
//! them, so weight rows stay in the cache of one core, and only `width` sums a review travel. The number of shards is
//! fixed, whatever the number of threads, and so is the order in which their sums are added: the result has the same
//! bits on any number of threads.

use std::ops::Range;

use super::rows::Rows;
use crate::dataset::WordId;
use crate::kernel::{Span, Table, gather_sum, scatter_add};
use crate::nn::Architecture;
use crate::optimizer::{Idle, Optimizer};

/// How many shards there are.
pub(super) const SHARDS: usize = 4;

/// Reviews looked at to balance the shards; more of them would not move the cuts by much.
const SAMPLE: usize = 8192;

/// What a touched row costs in a step, in nonzeros: its sweep goes through the optimizer's state.
const ROW_COST: f64 = 8.0;

/// The features of each shard, cut so that each has about as much work: nonzeros, and rows to sweep.
///
/// Estimated from a sample of the rows, evenly spaced, so that it depends on the data alone.
pub(super) fn cut_features<I: WordId>(
    rows: Rows<'_, I>,
    range: Range<usize>,
    features: usize,
    batch_size: usize,
) -> [Range<usize>; SHARDS] {
    let stride = range.len().div_ceil(SAMPLE).max(1);
    let mut counts = vec![0u32; features];
    let mut sampled = 0;
    for row in range.step_by(stride) {
        let span = rows.span(row);
        for &id in &rows.indices[span.start..span.end] {
            counts[id.index()] += 1;
        }
        sampled += 1;
    }
    let cost = |count: u32| {
        let share = f64::from(count) / f64::from(sampled.max(1));
        let nonzeros = share * batch_size as f64;
        let touched = 1.0 - (1.0 - share).powf(batch_size as f64);
        nonzeros + ROW_COST * touched
    };
    let total: f64 = counts.iter().map(|&count| cost(count)).sum();
    let mut ends = [features; SHARDS];
    let (mut sum, mut shard) = (0.0, 0);
    for (feature, &count) in counts.iter().enumerate() {
        sum += cost(count);
        while shard < SHARDS - 1 && sum >= total * (shard + 1) as f64 / SHARDS as f64 {
            ends[shard] = feature + 1;
            shard += 1;
        }
    }
    std::array::from_fn(|shard| if shard == 0 { 0 } else { ends[shard - 1] }..ends[shard])
}

/// Where each row's words go over from one shard to the next.
#[derive(Debug)]
pub(super) struct Cuts {
    first_row: usize,
    /// For each row the start of shards 1.. within the row.
    starts: Vec<[u32; SHARDS - 1]>,
}

impl Cuts {
    pub(super) fn new<I: WordId>(
        rows: Rows<'_, I>,
        range: Range<usize>,
        features: &[Range<usize>; SHARDS],
    ) -> Cuts {
        let starts = range
            .clone()
            .map(|row| {
                let span = rows.span(row);
                let words = &rows.indices[span.start..span.end];
                let at = |shard: usize| {
                    words.partition_point(|&word| word.index() < features[shard].start) as u32
                };
                std::array::from_fn(|shard| at(shard + 1))
            })
            .collect();
        Cuts { first_row: range.start, starts }
    }

    /// The words of some rows that belong to a shard.
    pub(super) fn spans<I: WordId>(
        &self,
        rows: Rows<'_, I>,
        shard: usize,
        row_ids: impl Iterator<Item = usize>,
        spans: &mut Vec<Span>,
    ) {
        spans.clear();
        spans.extend(row_ids.map(|row| self.span(rows, row, shard)));
    }

    fn span<I: WordId>(&self, rows: Rows<'_, I>, row: usize, shard: usize) -> Span {
        let whole = rows.span(row);
        let starts = &self.starts[row - self.first_row];
        let start = if shard == 0 { 0 } else { starts[shard - 1] as usize };
        let end = starts.get(shard).map_or(whole.end, |&end| whole.start + end as usize);
        Span { start: whole.start + start, end }
    }
}

/// A range of the first kernel's rows with all that belongs to them.
#[derive(Debug)]
pub(super) struct Shard<'m> {
    features: Range<usize>,
    width: usize,
    /// `[features, width]`
    kernel: &'m mut [f32],
    /// `[features, width]`, zero between steps.
    gradient: Vec<f32>,
    /// `[features, arrays, width]`
    state: Vec<f32>,
    arrays: usize,
    idle: Idle,
    /// The last step whose update each row has seen.
    updated: Vec<u32>,
    /// Rows of this step, with the last step before it that they have seen.
    touched: Vec<(u32, u32)>,
    /// The weights at the best epoch so far.
    best: Option<Vec<f32>>,
}

impl<'m> Shard<'m> {
    /// Cuts a kernel into shards.
    pub(super) fn split(
        mut kernel: &'m mut [f32],
        architecture: &Architecture,
        features: &[Range<usize>; SHARDS],
        optimizer: &dyn Optimizer,
    ) -> Vec<Shard<'m>> {
        let width = architecture.width();
        let initial = optimizer.state();
        let mut shards = Vec::with_capacity(SHARDS);
        for features in features {
            let (mine, rest) = kernel.split_at_mut(features.len() * width);
            kernel = rest;
            let row: Vec<f32> =
                initial.iter().flat_map(|&x| std::iter::repeat_n(x, width)).collect();
            shards.push(Shard {
                features: features.clone(),
                width,
                gradient: vec![0.0; mine.len()],
                state: row.repeat(features.len()),
                arrays: initial.len(),
                idle: optimizer.idle(),
                updated: vec![0; features.len()],
                touched: Vec::with_capacity(features.len()),
                kernel: mine,
                best: None,
            });
        }
        shards
    }

    /// The sums of this shard's weight rows, one a span: `out` is `[spans, width]`.
    pub(super) fn gather<I: WordId>(&self, rows: Rows<'_, I>, spans: &[Span], out: &mut [f32]) {
        let table = Table { values: self.kernel, first: self.features.start, width: self.width };
        gather_sum(table, rows.indices, spans, out);
    }

    /// Adds the deltas of some reviews, `[spans, width]`, to the gradient. Blocks of a batch come in order.
    pub(super) fn scatter<I: WordId>(
        &mut self,
        rows: Rows<'_, I>,
        spans: &[Span],
        deltas: &[f32],
        step: u32,
    ) {
        let first = self.features.start;
        scatter_add(&mut self.gradient, first, self.width, rows.indices, spans, deltas);
        for span in spans {
            for &id in &rows.indices[span.start..span.end] {
                let row = id.index() - first;
                if self.updated[row] != step {
                    self.touched.push((row as u32, self.updated[row]));
                    self.updated[row] = step;
                }
            }
        }
    }

    /// Applies the gradient of the step and clears it.
    pub(super) fn update(&mut self, optimizer: &dyn Optimizer, step: u32) {
        let idle = std::mem::replace(&mut self.idle, Idle::Moves);
        match &idle {
            Idle::Moves => {
                for row in 0..self.features.len() {
                    self.update_row(optimizer, step, row);
                }
            }
            Idle::Unchanged => {
                for at in 0..self.touched.len() {
                    self.update_row(optimizer, step, self.touched[at].0 as usize);
                }
            }
            Idle::Decays(factors) => {
                for at in 0..self.touched.len() {
                    let (row, before) = self.touched[at];
                    self.decay(factors, row as usize, step - 1 - before);
                    self.update_row(optimizer, step, row as usize);
                }
            }
        }
        self.idle = idle;
        self.touched.clear();
    }

    fn update_row(&mut self, optimizer: &dyn Optimizer, step: u32, row: usize) {
        let weights = row * self.width..(row + 1) * self.width;
        let state = weights.start * self.arrays..weights.end * self.arrays;
        let gradient = &mut self.gradient[weights.clone()];
        let kernel = &mut self.kernel[weights];
        optimizer.update(u64::from(step), kernel, gradient, &mut self.state[state]);
        gradient.fill(0.0);
    }

    /// Makes up for `skipped` steps in which the row's gradient was zero.
    fn decay(&mut self, factors: &[f32], row: usize, skipped: u32) {
        if skipped == 0 {
            return;
        }
        let state = &mut self.state[row * self.arrays * self.width..][..self.arrays * self.width];
        for (array, &factor) in state.chunks_exact_mut(self.width).zip(factors) {
            // In f64, so that factor^k is rounded once.
            let power = f64::from(factor).powf(f64::from(skipped)) as f32;
            array.iter_mut().for_each(|value| *value *= power);
        }
    }

    /// Remembers the weights as the best so far.
    pub(super) fn keep(&mut self) {
        let best = self.best.get_or_insert_default();
        best.clear();
        best.extend_from_slice(self.kernel);
    }

    /// Goes back to the best weights, if any were kept.
    pub(super) fn restore(&mut self) {
        if let Some(best) = &self.best {
            self.kernel.copy_from_slice(best);
        }
    }
}
