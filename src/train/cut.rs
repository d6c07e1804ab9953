//! How the features are cut into shards.

use std::ops::Range;

use super::row_set::RowSet;
use super::rows::{Rows, Word};
use crate::kernel::{BITS, LANES};
use crate::optimizer::Idle;

/// The most shards there are.
pub(super) const MOST_SHARDS: usize = 4;

/// Words of a batch from which on there are four shards, so that four threads can share its work. For fewer there are three:
/// each shard more costs a look at each review, and a third thread would have little to do.
const MANY_WORDS: f64 = (1 << 17) as f64;

/// Words of a batch up to which there is one shard, for one thread: it is through with them before two have met.
const FEW_WORDS: f64 = (1 << 10) as f64;

/// Reviews looked at to balance the shards; more of them would not move the cuts by much.
const SAMPLE: usize = 512;

/// What a touched row costs in a step, in nonzeros: its weights, state and gradient are not in the nearest cache.
const ROW_COST: f64 = 6.0;

/// What another row costs where a step goes through all of them.
const IDLE_ROW_COST: f64 = 4.5;

/// What a review costs each shard, in nonzeros of a layer whose rows are one line or less: its words are looked up, and two loops
/// begin and end.
const REVIEW_COST: f64 = 12.0;

/// What the first of three shards may have of the words' and the rows' cost.
const MOST_OF_ALL: f64 = 0.6;

/// Up to so many rows for each one that is touched, a step goes through all of them, which does the same: to tell which they
/// are costs more.
const MANY_ROWS: f64 = 2.5;

/// Up to so many rows for each word of a batch, the gradient has a place for each of them: more would lie too far apart.
const MANY_PLACES: f64 = 4.0;

/// How a run goes through the rows of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    /// Through all of them, in every step.
    All,
    /// Through many, from one end to the other.
    Many,
    /// From one to another that is far from it.
    Few,
}

/// The features of each shard, and what a batch has of them on average.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cut {
    pub(super) features: Range<usize>,
    /// Words.
    pub(super) nonzeros: f64,
    /// Rows that are touched.
    pub(super) touched: f64,
    /// What a step costs, in nonzeros.
    pub(super) cost: f64,
    /// Whether the words of its first 64 features are kept as bits.
    pub(super) has_bits: bool,
}

/// What a feature costs that is kept as bits, in nonzeros: so much of each review, whether or not it has the word.
const BIT_COST: f64 = 0.2;

/// Words that a review has to have, on average, of the first 64 features for them to be kept as bits: a sum of their rows is one of
/// sixteen others.
const MANY_BITS: f64 = 20.0;

/// The least width of such a layer: those sums are whole lines, of which a narrower one would use less than a half.
const LEAST_BIT_WIDTH: usize = 8;

impl Cut {
    /// How a run goes through its rows, by what a step does to those without a gradient, and whether all words of a batch share one.
    /// All and many of them have a row of the gradient each.
    pub(super) fn pace(&self, idle: &Idle, is_shared: bool) -> Pace {
        let rows = self.features.len() as f64;
        let (are_touched, are_near) =
            (rows <= MANY_ROWS * self.touched, rows <= MANY_PLACES * self.nonzeros);
        match idle {
            Idle::Moves => Pace::All,
            Idle::Unchanged | Idle::Decays(_) if are_touched => Pace::All,
            Idle::Unchanged | Idle::Decays(_) if are_near && !is_shared => Pace::Many,
            // Of rows that rest, only a list tells one that was touched and has a gradient of zero.
            Idle::Unchanged | Idle::Decays(_) | Idle::Rests => Pace::Few,
        }
    }

    /// Whether the last step of each row is kept: where a step may leave it out, and it decays then.
    pub(super) fn counts_steps(&self, idle: &Idle, is_shared: bool) -> bool {
        let decays = matches!(idle, Idle::Decays(factors) if !factors.is_empty());
        decays && self.pace(idle, is_shared) != Pace::All
    }
}

/// What a review costs each shard, in nonzeros of a layer so wide. In a linear model, whose sums are one number each, it is next
/// to nothing.
fn review_cost(width: usize) -> f64 {
    match width {
        1 => 0.0,
        _ => REVIEW_COST / (width.max(LANES) as f64 / LANES as f64),
    }
}

/// Cuts the features into shards, by a sample of the rows, evenly spaced, the size of a batch, the layer's width, what a step does
/// to rows without a gradient, and whether words may be kept as bits; nothing else has a say in it.
///
/// Features come by frequency as a rule: the first ones are nearly always needed, the last ones hardly ever. The order of the
/// shards lets each of two threads have both kinds, and use as much of its core's cache.
pub(super) fn cut_features<I: Word>(
    rows: Rows<'_, I>,
    set: &RowSet,
    features: usize,
    batch_size: usize,
    (width, idle, can_have_bits): (usize, &Idle, bool),
) -> Vec<Cut> {
    let stride = set.len().div_ceil(SAMPLE).max(1);
    let mut counts = vec![0u32; features];
    let mut sampled = 0;
    for place in (0..set.len()).step_by(stride) {
        for &id in rows.words(set.row(place)) {
            counts[id.place()] += 1;
        }
        sampled += 1;
    }
    let mut work = Work::new(&counts, batch_size as f64 / f64::from(sampled.max(1)));
    work.shard_cost = review_cost(width) * batch_size as f64;
    let common: u32 = counts.iter().take(BITS).sum();
    let is_common = f64::from(common) >= MANY_BITS * f64::from(sampled);
    let is_worth_it = width >= LEAST_BIT_WIDTH && batch_size >= BITS && features >= BITS;
    if can_have_bits && is_common && is_worth_it {
        work.bits_cost = Some(BIT_COST * batch_size as f64);
    }
    let whole = work.cut(0..features);
    // It makes no difference here: a batch of one review has no bits, and where all rows are swept none share.
    let is_shared = false;
    if whole.pace(idle, is_shared) == Pace::All {
        work.idle_cost = IDLE_ROW_COST;
    }
    let mut cuts = work.cuts(whole.nonzeros);
    for cut in &mut cuts {
        cut.has_bits &= cut.pace(idle, is_shared) != Pace::Few;
    }
    // What bits cost has decided where the cuts are.
    if work.bits_cost.is_some() && !cuts.iter().any(|cut| cut.has_bits) {
        work.bits_cost = None;
        cuts = work.cuts(whole.nonzeros);
    }
    cuts
}

/// What the features cost in a step.
struct Work<'a> {
    /// How often each feature came in the sample.
    counts: &'a [u32],
    /// Words of a batch for each one of the sample.
    scale: f64,
    /// By the count of a feature, since most have one of a few: how probable it is that a batch touches it.
    touched: Vec<f64>,
    /// What a row costs that is not touched.
    idle_cost: f64,
    /// What the words of a feature cost that is kept as bits, if some are.
    bits_cost: Option<f64>,
    /// What a shard costs, whatever its features.
    shard_cost: f64,
}

impl<'a> Work<'a> {
    fn new(counts: &'a [u32], scale: f64) -> Work<'a> {
        let most = counts.iter().copied().max().unwrap_or(0);
        // Of a word that is expected n times, 1 - e^-n is the chance to be there at all.
        let touched = (0..=most).map(|count| -(-f64::from(count) * scale).exp_m1()).collect();
        Work { counts, scale, touched, idle_cost: 0.0, bits_cost: None, shard_cost: 0.0 }
    }

    /// All shards, for so many words of a batch.
    fn cuts(&self, words: f64) -> Vec<Cut> {
        let ranges = match words {
            words if words <= FEW_WORDS => self.one(),
            words if words < MANY_WORDS => self.three(),
            _ => self.four(),
        };
        ranges.into_iter().map(|features| self.cut(features)).collect()
    }

    /// Whether a shard may begin at a feature: those that are kept as bits stay together.
    fn may_begin(&self, feature: usize) -> bool {
        self.bits_cost.is_none() || feature == 0 || feature >= BITS
    }

    fn cut(&self, features: Range<usize>) -> Cut {
        let has_bits = self.bits_cost.is_some() && features.start == 0 && features.end >= BITS;
        let cost = self.shard_cost;
        let mut cut = Cut { features, nonzeros: 0.0, touched: 0.0, cost, has_bits };
        for feature in cut.features.clone() {
            let (nonzeros, touched) = self.of(feature);
            cut.nonzeros += nonzeros;
            cut.touched += touched;
            cut.cost += self.cost(feature);
        }
        cut
    }

    /// How often a batch has a feature, and how probable it is that it has it at all.
    fn of(&self, feature: usize) -> (f64, f64) {
        let count = self.counts[feature];
        (f64::from(count) * self.scale, self.touched[count as usize])
    }

    fn cost(&self, feature: usize) -> f64 {
        let (nonzeros, touched) = self.of(feature);
        let nonzeros = self.bits_cost.filter(|_| feature < BITS).unwrap_or(nonzeros);
        nonzeros + ROW_COST * touched + self.idle_cost * (1.0 - touched)
    }

    fn one(&self) -> Vec<Range<usize>> {
        std::iter::once(0..self.counts.len()).collect()
    }

    /// First a half of the features, next to each other, that are half the work; then those before and those behind them.
    fn three(&self) -> Vec<Range<usize>> {
        let half = self.counts.len().div_ceil(2);
        let total: f64 = (0..self.counts.len()).map(|feature| self.cost(feature)).sum();
        // Of two threads, one has a shard more than the other. Of short reviews, that would leave it hardly a word.
        let share = ((total + self.shard_cost) / 2.0).min(MOST_OF_ALL * total);
        let mut window: f64 = (0..half).map(|feature| self.cost(feature)).sum();
        let mut start = 0;
        let is_over = |start: usize, window: f64| window <= share && self.may_begin(start);
        while !is_over(start, window) && start + half < self.counts.len() {
            window += self.cost(start + half) - self.cost(start);
            start += 1;
        }
        vec![start..start + half, 0..start, start + half..self.counts.len()]
    }

    /// Quarters of the work: of two threads, one gets the first and the last.
    fn four(&self) -> Vec<Range<usize>> {
        let features = self.counts.len();
        let total: f64 = (0..features).map(|feature| self.cost(feature)).sum();
        let mut bounds = [0, features, features, features, features];
        let (mut sum, mut shard) = (0.0, 1);
        for feature in 0..features {
            sum += self.cost(feature);
            while shard < 4 && self.may_begin(feature + 1) && sum >= total * f64::from(shard) / 4.0
            {
                bounds[shard as usize] = feature + 1;
                shard += 1;
            }
        }
        [0, 3, 1, 2].map(|shard: usize| bounds[shard]..bounds[shard + 1]).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::drawn_rows;
    use super::*;
    use crate::random::{Random, Stream};

    #[test]
    fn cuts_cover_the_features_whatever_the_words() {
        let random = &mut Random::new(2, Stream::SyntheticReviews);
        let (indptr, indices) = drawn_rows(random);
        let all: Vec<u16> = (0..1000).collect();
        let cases: [(&str, &[u64], &[u16], usize); 5] = [
            ("words by frequency", &indptr, &indices, 1000),
            ("no words at all", &[0, 0, 0], &[], 1000),
            ("fewer features than shards", &[0, 2, 3], &[0, 1, 1], 2),
            ("one word in all rows", &[0, 1, 2, 3], &[999; 3], 1000),
            ("all words in one row", &[0, 1000], &all, 1000),
        ];
        for (what, indptr, indices, features) in cases {
            for batch_size in [1, 5_000, 1_000_000] {
                let rows = Rows::from_parts(indptr, indices);
                let set = RowSet::Range(0..indptr.len() - 1);
                let mut cuts =
                    cut_features(rows, &set, features, batch_size, (16, &Idle::Moves, true));
                let expected = indices.len() as f64 / (indptr.len() - 1) as f64 * batch_size as f64;
                let what = format!("{what}, batches of {batch_size}");
                let shards = match expected {
                    words if words <= FEW_WORDS => 1,
                    words if words < MANY_WORDS => 3,
                    _ => 4,
                };
                assert_eq!(cuts.len(), shards, "{what}");
                cuts.sort_by_key(|cut| (cut.features.start, cut.features.end));
                let mut end = 0;
                for cut in &cuts {
                    assert_eq!(cut.features.start, end, "{what}");
                    end = cut.features.end;
                }
                assert_eq!(end, features, "{what}");
                let nonzeros: f64 = cuts.iter().map(|cut| cut.nonzeros).sum();
                assert!(
                    (nonzeros - expected).abs() < 1e-6 * (1.0 + expected),
                    "{what}: {nonzeros}"
                );
            }
        }
    }

    #[test]
    fn work_is_shared_out_evenly() {
        let random = &mut Random::new(3, Stream::SyntheticReviews);
        let (indptr, indices) = drawn_rows(random);
        for (batch_size, width) in [(1_000, 1), (1_000, 16), (1_000, 64), (10_000, 16)] {
            let rows = Rows::from_parts(&indptr, &indices);
            let set = RowSet::Range(0..500);
            let how = (width, &Idle::Unchanged, true);
            let cuts = cut_features(rows, &set, 1000, batch_size, how);
            // Of the words and rows alone, a thread with fewer shards has somewhat more.
            let cost = |cut: &Cut| cut.nonzeros + ROW_COST * cut.touched;
            let costs: Vec<f64> = cuts.iter().map(cost).collect();
            let total: f64 = costs.iter().sum();
            let first_thread: f64 = costs[..costs.len() / 2].iter().sum();
            let what = format!("{costs:?}, width {width}, batches of {batch_size}");
            assert!((0.45..0.65).contains(&(first_thread / total)), "{what}");
        }
    }

    #[test]
    fn words_become_bits_where_reviews_have_many() {
        let mut random = Random::new(4, Stream::SyntheticReviews);
        // So many words below each number.
        let mut drawn = |kinds: &[(usize, u64)]| {
            let (mut indptr, mut indices) = (vec![0u64], Vec::new());
            for _ in 0..300 {
                let draw = |&(count, most)| std::iter::repeat_n(most, count);
                let words = kinds.iter().flat_map(draw).map(|most| random.below(most) as u16);
                let mut words: Vec<u16> = words.collect();
                words.sort_unstable();
                words.dedup();
                indices.extend(words);
                indptr.push(indices.len() as u64);
            }
            (indptr, indices)
        };
        let (frequent, even) = (drawn(&[(60, 100)]), drawn(&[(60, 1000)]));
        let short = drawn(&[(40, 64), (10, 1000)]);
        let cases = [
            (&frequent, 256, true, Idle::Unchanged, true),
            (&frequent, 256, false, Idle::Unchanged, false),
            (&frequent, 256, true, Idle::Rests, false),
            (&frequent, 32, true, Idle::Unchanged, false),
            (&even, 256, true, Idle::Unchanged, false),
            // The first of several shards would have fewer than those words, if they did not stay together.
            (&short, 512, true, Idle::Unchanged, true),
            (&short, 4096, true, Idle::Unchanged, true),
            (&short, 4096, true, Idle::Rests, false),
        ];
        for ((indptr, indices), batch_size, can, idle, expected) in cases {
            let rows = Rows::from_parts(indptr, indices);
            let set = RowSet::Range(0..300);
            let cut = |can| cut_features(rows, &set, 1000, batch_size, (16, &idle, can));
            let cuts = cut(can);
            for cut in &cuts {
                let is_first = cut.features.start == 0 && cut.features.end >= BITS;
                assert_eq!(cut.has_bits, expected && is_first, "{cut:?}");
            }
            assert_eq!(cuts.iter().any(|cut| cut.has_bits), expected, "{cuts:?}");
            // Where there are no bits, nothing is cut as if there were.
            assert!(expected || cuts == cut(false), "{cuts:?}");
        }
    }
}
