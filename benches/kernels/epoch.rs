//! An epoch as the kernels see it: where the words of each batch's reviews stand.

use std::collections::HashSet;
use std::ops::Range;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion};
use imdb_fast::dataset::Split;
use imdb_fast::kernel::{BITS, Span};

use super::BATCH;
use super::common::{self, Elements, Reviews, Work, shuffled};

/// An epoch of the train split: batches of reviews in random order.
pub struct Epoch<'a> {
    pub origin: &'static str,
    pub features: usize,
    pub indices: &'a [u16],
    pub work: Work,
    /// Where the words of each batch's reviews stand, in their random order.
    pub unsorted: Vec<Vec<Span>>,
    /// The same, the shortest review first, as the trainer sorts them.
    pub sorted: Vec<Vec<Span>>,
    /// The features of four shards with equal work, as the trainer cuts them, in the order in which one thread goes through
    /// them.
    pub shards: Vec<Range<usize>>,
    /// For each batch and shard the parts of the reviews that are the shard's, the shortest first.
    pub sharded: Vec<Vec<Vec<Span>>>,
    /// For each batch the words among the first 64 that its reviews have, as bits.
    pub bits: Vec<Vec<u64>>,
    /// For each batch the parts of the reviews behind those words, the shortest first.
    pub rest: Vec<Vec<Span>>,
}

impl<'a> Epoch<'a> {
    pub fn new(reviews: &'a Reviews) -> Epoch<'a> {
        let (indptr, indices) = reviews.narrow(Split::Train);
        let span = |(place, &row): (usize, &u32)| {
            let (start, end) = (indptr[row as usize] as usize, indptr[row as usize + 1] as usize);
            Span { start, length: (end - start) as u32, row: place as u32 }
        };
        let order = shuffled(indptr.len() - 1);
        let batch = |rows: &[u32]| rows.iter().enumerate().map(span).collect::<Vec<Span>>();
        let unsorted: Vec<Vec<Span>> = order.chunks(BATCH).map(batch).collect();
        let features = reviews.dataset.features();
        let work = reviews.work(Split::Train);
        let shards = cut(indices, features, work);
        let sharded = unsorted.iter().map(|spans| {
            let of = |shard: &Range<usize>| {
                by_length(spans.iter().map(|span| part(indices, span, shard)).collect())
            };
            shards.iter().map(of).collect()
        });
        let sharded = sharded.collect();
        let common = |span: &Span| {
            let words = indices[span.start..][..span.length as usize].iter();
            words.take_while(|&&id| usize::from(id) < BITS).fold(0, |bits, id| bits | 1 << id)
        };
        let bits = unsorted.iter().map(|spans| spans.iter().map(common).collect()).collect();
        let behind = |span| part(indices, span, &(BITS..features));
        let rest = unsorted.iter().map(|spans| by_length(spans.iter().map(behind).collect()));
        let rest = rest.collect();
        let sorted = unsorted.iter().cloned().map(by_length).collect();
        let origin = reviews.origin;
        Epoch { origin, features, indices, work, unsorted, sorted, shards, sharded, bits, rest }
    }

    /// Starts a kernel's group.
    pub fn group<'c>(
        &self,
        criterion: &'c mut Criterion,
        name: &str,
    ) -> BenchmarkGroup<'c, WallTime> {
        common::group(criterion, name, self.origin, Elements::Nonzeros, self.work)
    }

    pub fn words(&self, span: &Span) -> &'a [u16] {
        &self.indices[span.start..][..span.length as usize]
    }

    /// The whole table as one shard.
    pub fn whole(&self) -> Vec<Range<usize>> {
        std::iter::once(0..self.features).collect()
    }

    /// How many different words each batch has.
    pub fn distinct(&self) -> usize {
        let words = |batch: &Vec<Span>| {
            batch.iter().flat_map(|span| self.words(span)).collect::<HashSet<_>>().len()
        };
        self.unsorted.iter().map(words).sum()
    }

    /// All words, in the order in which the kernels come to them: of sorted batches.
    pub fn words_in_order(&self) -> Vec<u16> {
        self.sorted.iter().flatten().flat_map(|span| self.words(span)).copied().collect()
    }
}

fn by_length(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| span.length);
    spans
}

/// The words of a span that are a shard's.
fn part(indices: &[u16], span: &Span, shard: &Range<usize>) -> Span {
    let words = &indices[span.start..][..span.length as usize];
    let below = |bound: usize| words.partition_point(|&id| usize::from(id) < bound);
    let (before, end) = (below(shard.start), below(shard.end));
    Span { start: span.start + before, length: (end - before) as u32, row: span.row }
}

/// Four ranges of features with equal work, in the order 0, 3, 1, 2, as the trainer cuts for batches of many words: a nonzero
/// counts as one, a row as six more where it is touched and as 4.5 where it is not.
fn cut(indices: &[u16], features: usize, work: Work) -> Vec<Range<usize>> {
    let mut counts = vec![0u32; features];
    indices.iter().for_each(|&id| counts[usize::from(id)] += 1);
    let cost = |&count: &u32| {
        let expected = f64::from(count) * BATCH as f64 / work.reviews as f64;
        let touched = -(-expected).exp_m1();
        expected + 6.0 * touched + 4.5 * (1.0 - touched)
    };
    let total: f64 = counts.iter().map(cost).sum();
    let (mut sum, mut ends) = (0.0, vec![0]);
    for (feature, count) in counts.iter().enumerate() {
        sum += cost(count);
        while ends.len() < 4 && sum >= total * ends.len() as f64 / 4.0 {
            ends.push(feature + 1);
        }
    }
    ends.resize(4, features);
    ends.push(features);
    [0, 3, 1, 2].map(|shard: usize| ends[shard]..ends[shard + 1]).to_vec()
}
