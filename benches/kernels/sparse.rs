//! The first layer: sums of rows, and deltas added to rows.

use std::hint::black_box;
use std::ops::Range;

use criterion::Criterion;
use imdb_fast::kernel::{
    Aligned, BITS, Level, Span, Subsets, Sum, Table, gather_bits, gather_sum, scatter_add,
    scatter_bits,
};

use super::BATCH;
use super::common::{assert_close, uniform};
use super::epoch::Epoch;
use super::report::{Bound, Case, Report, timed};
use super::roofline::Pattern;

/// How the first layer's kernels are called: over which ranges of features, with which spans for each batch and range.
pub struct Calls<'a> {
    name: String,
    pub width: usize,
    pub epoch: &'a Epoch<'a>,
    shards: Vec<Range<usize>>,
    /// For each batch and shard.
    spans: Vec<Vec<&'a [Span]>>,
    /// For each batch the words among the first 64 as bits, where they are not in the spans.
    bits: Option<&'a [Vec<u64>]>,
}

/// How many of [`Calls::all`] are of all words by themselves, sorted: one a width.
pub const WIDTHS: usize = 4;

impl<'a> Calls<'a> {
    /// Sorted at sixteen columns, at more, and at a number that makes no whole lines; then with bits, unsorted and sharded.
    pub fn all(epoch: &'a Epoch<'a>) -> Vec<Calls<'a>> {
        let whole = |name: &str, width: usize, batches: &'a [Vec<Span>]| Calls {
            name: format!("{width} columns, {name}"),
            width,
            epoch,
            shards: epoch.whole(),
            spans: batches.iter().map(|spans| vec![&spans[..]]).collect(),
            bits: None,
        };
        let with_bits = |width: usize| Calls {
            bits: Some(&epoch.bits),
            ..whole("by length, 64 words as bits, counted as rows", width, &epoch.rest)
        };
        let sharded = epoch.sharded.iter();
        let sharded = Calls {
            name: "16 columns, in four shards".to_owned(),
            width: 16,
            epoch,
            shards: epoch.shards.clone(),
            spans: sharded.map(|shards| shards.iter().map(|spans| &spans[..]).collect()).collect(),
            bits: None,
        };
        vec![
            whole("by length", 16, &epoch.sorted),
            whole("by length", 32, &epoch.sorted),
            whole("by length", 64, &epoch.sorted),
            whole("by length", 20, &epoch.sorted),
            with_bits(16),
            with_bits(20),
            whole("unsorted", 16, &epoch.unsorted),
            sharded,
        ]
    }

    /// The part of an array `[features, width]` that belongs to a shard.
    fn values(&self, shard: &Range<usize>) -> Range<usize> {
        shard.start * self.width..shard.end * self.width
    }

    /// What an epoch moves: in each shard the rows of its words, `passages` times, the ids, and a row a review. A word that is a bit
    /// counts as any other.
    fn bounds(&self, pattern: Pattern, passages: usize) -> Vec<Bound> {
        let row = self.width * size_of::<f32>();
        let bound = |(at, shard): (usize, &Range<usize>)| {
            let spans = self.spans.iter().flat_map(|batch| batch[at]);
            let common = self.bits.iter().copied().flatten().flatten();
            let common: usize = common.map(|bits| bits.count_ones() as usize).sum();
            let (reviews, nonzeros) = spans.fold((0, common), |(reviews, nonzeros), span| {
                (reviews + 1, nonzeros + span.length as usize)
            });
            let moved = nonzeros * (passages * row + size_of::<u16>()) + reviews * row;
            Bound::Bytes { moved, pattern, arrays: shard.len() * row }
        };
        self.shards.iter().enumerate().map(bound).collect()
    }

    /// Gathers a batch into one output a shard.
    fn gather(
        &self,
        level: Level,
        weights: &[f32],
        batch: usize,
        (outs, subsets): (&mut [Aligned], &mut Subsets),
    ) {
        let mut sum = Sum::Store;
        if let Some(bits) = self.bits {
            let common = &weights[..BITS * self.width];
            gather_bits(level, common, self.width, &bits[batch], subsets, sum, &mut outs[0]);
            sum = Sum::Add;
        }
        for ((shard, spans), out) in self.shards.iter().zip(&self.spans[batch]).zip(outs) {
            let values = &weights[self.values(shard)];
            let table = Table::new(values, shard.start, self.width);
            gather_sum(level, table, self.epoch.indices, spans, sum, out);
        }
    }

    pub fn scatter(
        &self,
        level: Level,
        gradient: &mut [f32],
        batch: usize,
        (deltas, subsets): (&[f32], &mut Subsets),
    ) {
        if let Some(bits) = self.bits {
            let common = &mut gradient[..BITS * self.width];
            scatter_bits(level, common, self.width, &bits[batch], subsets, deltas);
        }
        for (shard, spans) in self.shards.iter().zip(&self.spans[batch]) {
            let (values, width) = (&mut gradient[self.values(shard)], self.width);
            scatter_add(level, values, shard.start, width, self.epoch.indices, spans, deltas);
        }
    }
}

/// Additions in another order than the expected values have them.
const TOLERANCE: f32 = 1e-5;

/// The sums of a batch by the definition, in double precision.
fn expected_sums(calls: &Calls<'_>, weights: &[f32], batch: usize) -> Vec<f32> {
    let width = calls.width;
    let mut sums = vec![0.0f64; BATCH * width];
    for span in &calls.epoch.unsorted[batch] {
        let sums = &mut sums[span.row as usize * width..][..width];
        for &id in calls.epoch.words(span) {
            let row = &weights[usize::from(id) * width..][..width];
            sums.iter_mut().zip(row).for_each(|(sum, &weight)| *sum += f64::from(weight));
        }
    }
    sums.into_iter().map(|sum| sum as f32).collect()
}

/// The gradient of a batch by the definition, in double precision.
fn expected_gradient(calls: &Calls<'_>, deltas: &[f32], batch: usize) -> Vec<f32> {
    let width = calls.width;
    let mut gradient = vec![0.0f64; calls.epoch.features * width];
    for span in &calls.epoch.unsorted[batch] {
        let delta = &deltas[span.row as usize * width..][..width];
        for &id in calls.epoch.words(span) {
            let row = &mut gradient[usize::from(id) * width..][..width];
            row.iter_mut().zip(delta).for_each(|(sum, &delta)| *sum += f64::from(delta));
        }
    }
    gradient.into_iter().map(|sum| sum as f32).collect()
}

pub fn gather<'a>(criterion: &mut Criterion, calls: &'a Calls<'_>, report: &mut Report<'a>) {
    let mut group = calls.epoch.group(criterion, "gather_sum");
    for level in Level::supported() {
        let weights = Aligned::from(&uniform(calls.epoch.features * calls.width, 0.05, 1)[..]);
        let mut outs: Vec<Aligned> =
            calls.shards.iter().map(|_| Aligned::zeros(BATCH * calls.width)).collect();
        let mut subsets = Subsets::default();
        calls.gather(level, &weights, 0, (&mut outs, &mut subsets));
        let sums = (0..outs[0].len()).map(|i| outs.iter().map(|out| out[i]).sum());
        let sums: Vec<f32> = sums.collect();
        assert_close(&sums, &expected_sums(calls, &weights, 0), TOLERANCE, &calls.name);
        let case = Case {
            kernel: format!("gather_sum, {}", calls.name),
            by: level.name(),
            bounds: calls.bounds(Pattern::Read, 1),
            run: timed(move || {
                for batch in 0..calls.spans.len() {
                    calls.gather(level, black_box(&weights), batch, (&mut outs, &mut subsets));
                }
            }),
        };
        report.time(&mut group, &format!("{}, {level}", calls.name), case);
    }
    group.finish();
}

pub fn scatter<'a>(criterion: &mut Criterion, calls: &'a Calls<'_>, report: &mut Report<'a>) {
    let mut group = calls.epoch.group(criterion, "scatter_add");
    for level in Level::supported() {
        let deltas = Aligned::from(&uniform(BATCH * calls.width, 1e-3, 2)[..]);
        let mut gradient = Aligned::zeros(calls.epoch.features * calls.width);
        let mut subsets = Subsets::default();
        calls.scatter(level, &mut gradient, 0, (&deltas, &mut subsets));
        assert_close(&gradient, &expected_gradient(calls, &deltas, 0), TOLERANCE, &calls.name);
        let case = Case {
            kernel: format!("scatter_add, {}", calls.name),
            by: level.name(),
            bounds: calls.bounds(Pattern::Update, 2),
            run: timed(move || {
                for batch in 0..calls.spans.len() {
                    calls.scatter(level, &mut gradient, batch, (black_box(&deltas), &mut subsets));
                }
            }),
        };
        report.time(&mut group, &format!("{}, {level}", calls.name), case);
    }
    group.finish();
}
