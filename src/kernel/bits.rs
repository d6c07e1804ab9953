//! The first layer for words that many reviews have: which of them a review has stands in the bits of a number.
//!
//! The sixteen sums of any four rows are tabulated; four bits look one of them up, where an index list would have it added up
//! row by row (the method of the Four Russians: Arlazarov, Dinic, Kronrod, Faradzhev, "On economical construction of the
//! transitive closure of a directed graph", 1970). So a review, or a word, costs sixteen additions, however many bits are set,
//! and a word's gradient is written once for sixty-four reviews instead of once for each that has the word.

use super::lanes::{Kernel, LANES, Lanes, Sum};
use super::{Aligned, Id, Level};

/// Words whose bits are in a number, and reviews whose deltas are added together.
pub const BITS: usize = u64::BITS as usize;

/// Rows whose sums are tabulated together.
const TABULATED: usize = 4;

/// Sums of the subsets of so many rows.
const SUBSETS: usize = 1 << TABULATED;

/// The sums of the subsets of four rows.
type Group = [[f32; LANES]; SUBSETS];

/// Groups that are begun at once, so that additions need not wait for each other.
const CHAINS: usize = 4;

/// Groups of sixty-four rows, by chains.
type Groups = [[Group; CHAINS]; BITS / TABULATED / CHAINS];

/// Room for the sums of the subsets of sixty-four rows, sixteen columns of them at a time.
#[derive(Debug)]
pub struct Subsets(Aligned);

impl Default for Subsets {
    fn default() -> Subsets {
        Subsets(Aligned::zeros(size_of::<Groups>() / size_of::<f32>()))
    }
}

impl Subsets {
    /// Tabulates some columns of up to sixty-four rows, `[rows, width]`; those that are not there are zeros.
    #[inline(always)]
    fn tabulate<V: Lanes>(&mut self, values: &[f32], width: usize, column: usize) -> &Groups {
        let groups: &mut [Groups] = bytemuck::cast_slice_mut(&mut self.0);
        let groups = &mut groups[0];
        for (at, group) in groups.as_flattened_mut().iter_mut().enumerate() {
            let mut sums = [V::zero(); SUBSETS];
            for row in 0..TABULATED {
                let start = (at * TABULATED + row) * width;
                let values = match values.get(start..start + width) {
                    Some(row) => V::load_line(columns(row, column)),
                    None => V::zero(),
                };
                let (without, with) = sums.split_at_mut(1 << row);
                for (sum, without) in with.iter_mut().zip(without) {
                    *sum = *without + values;
                }
            }
            for (sum, place) in sums.into_iter().zip(group) {
                sum.store(place);
            }
        }
        groups
    }
}

/// Up to sixteen columns of a row.
#[inline(always)]
fn columns(row: &[f32], column: usize) -> &[f32] {
    &row[column..row.len().min(column + LANES)]
}

/// The sum of the rows whose bits are set: group `g` goes to chain `g mod 4`, and the chains are added as (0 + 1) + (2 + 3).
#[inline(always)]
fn sum_rows<V: Lanes>(groups: &Groups, mut bits: u64) -> V {
    let mut chains = [V::zero(); CHAINS];
    for (at, quad) in groups.iter().enumerate() {
        for (chain, group) in chains.iter_mut().zip(quad) {
            let sum = V::load(&group[bits as usize % SUBSETS]);
            bits >>= TABULATED;
            *chain = if at == 0 { sum } else { *chain + sum };
        }
    }
    (chains[0] + chains[1]) + (chains[2] + chains[3])
}

/// For each review the sum of the rows whose bits it has: `out[review, :] = sum(rows[bit, :])`, for all widths and levels in the
/// same order.
///
/// # Panics
/// If `rows` is not `[64, width]`, or `out` has not `width` values for each review.
pub fn gather_bits(
    level: Level,
    rows: &[f32],
    width: usize,
    reviews: &[u64],
    subsets: &mut Subsets,
    sum: Sum,
    out: &mut [f32],
) {
    assert_eq!(rows.len(), BITS * width, "a row for each bit");
    level.run(GatherBits {
        rows,
        width,
        reviews,
        subsets,
        sum,
        out: &mut out[..reviews.len() * width],
    });
}

/// Adds each review's delta to the gradient rows whose bits it has: `gradient[bit, :] += deltas[review, :]`, sixty-four reviews at
/// a time.
///
/// # Panics
/// If `width` is 0, `gradient` is not `[64, width]`, or `deltas` has not `width` values for each review.
pub fn scatter_bits(
    level: Level,
    gradient: &mut [f32],
    width: usize,
    reviews: &[u64],
    subsets: &mut Subsets,
    deltas: &[f32],
) {
    assert_eq!(gradient.len(), BITS * width, "a row for each bit");
    level.run(ScatterBits {
        gradient,
        width,
        reviews,
        subsets,
        deltas: &deltas[..reviews.len() * width],
    });
}

/// The bits of some features below 64.
pub(crate) fn bits_of<I: Id>(level: Level, features: &[I]) -> u64 {
    level.run(BitsOf(features))
}

struct GatherBits<'a> {
    rows: &'a [f32],
    width: usize,
    reviews: &'a [u64],
    subsets: &'a mut Subsets,
    sum: Sum,
    out: &'a mut [f32],
}

impl Kernel for GatherBits<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let GatherBits { rows, width, reviews, subsets, sum, out } = self;
        for column in (0..width).step_by(LANES) {
            let groups = subsets.tabulate::<V>(rows, width, column);
            for (&bits, out) in reviews.iter().zip(out.chunks_exact_mut(width)) {
                let total: V = sum_rows(groups, bits);
                let last = width.min(column + LANES);
                let place = &mut out[column..last];
                match sum {
                    Sum::Store => total.store_line(place),
                    Sum::Add => (V::load_line(place) + total).store_line(place),
                }
            }
        }
    }
}

struct ScatterBits<'a> {
    gradient: &'a mut [f32],
    width: usize,
    reviews: &'a [u64],
    subsets: &'a mut Subsets,
    deltas: &'a [f32],
}

impl Kernel for ScatterBits<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let ScatterBits { gradient, width, reviews, subsets, deltas } = self;
        for (reviews, deltas) in reviews.chunks(BITS).zip(deltas.chunks(BITS * width)) {
            let mut words = [0; BITS];
            words[..reviews.len()].copy_from_slice(reviews);
            transpose(&mut words);
            for column in (0..width).step_by(LANES) {
                let groups = subsets.tabulate::<V>(deltas, width, column);
                for (&bits, row) in words.iter().zip(gradient.chunks_exact_mut(width)) {
                    let last = width.min(column + LANES);
                    let place = &mut row[column..last];
                    let total: V = sum_rows(groups, bits);
                    (V::load_line(place) + total).store_line(place);
                }
            }
        }
    }
}

/// Makes bit `i` of number `j` bit `j` of number `i`, by quarters, quarters of quarters and so on (Warren, "Hacker's Delight",
/// 7-3).
#[inline(always)]
fn transpose(bits: &mut [u64; BITS]) {
    swap_quarters::<32>(bits, 0x0000_0000_ffff_ffff);
    swap_quarters::<16>(bits, 0x0000_ffff_0000_ffff);
    swap_quarters::<8>(bits, 0x00ff_00ff_00ff_00ff);
    swap_quarters::<4>(bits, 0x0f0f_0f0f_0f0f_0f0f);
    swap_quarters::<2>(bits, 0x3333_3333_3333_3333);
    swap_quarters::<1>(bits, 0x5555_5555_5555_5555);
}

/// Of each square of `2 HALF` numbers and bits, swaps the quarter of the upper bits of the first numbers with that of the lower bits
/// of the others; `lower` has the lower half of each square's bits.
#[inline(always)]
fn swap_quarters<const HALF: usize>(bits: &mut [u64; BITS], lower: u64) {
    for square in bits.chunks_exact_mut(2 * HALF) {
        let (first, second) = square.split_at_mut(HALF);
        for (a, b) in first.iter_mut().zip(second) {
            let other = ((*a >> HALF) ^ *b) & lower;
            *b ^= other;
            *a ^= other << HALF;
        }
    }
}

struct BitsOf<'a, I>(&'a [I]);

impl<I: Id> Kernel for BitsOf<'_, I> {
    type Output = u64;

    #[inline(always)]
    fn run<V: Lanes>(self) -> u64 {
        self.0.iter().fold(0, |bits, feature| bits | 1 << feature.place())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, Stream};

    fn drawn(n: usize) -> (Vec<f32>, Random) {
        let mut random = Random::new(4, Stream::SyntheticReviews);
        ((0..n).map(|_| random.normal() as f32).collect(), random)
    }

    #[test]
    fn bits_say_which_rows_are_added() {
        for width in [1, 5, 16, 20, 32, 64] {
            for reviews in [0, 1, 63, 64, 65, 200] {
                let (rows, mut random) = drawn(BITS * width);
                let bits: Vec<u64> = (0..reviews).map(|_| random.next_u64()).collect();
                let has = |review: usize, bit: usize| bits[review] >> bit & 1 == 1;
                let deltas = drawn(reviews * width).0;
                let sums: Vec<f32> = (0..reviews * width)
                    .map(|at| {
                        let set = (0..BITS).filter(|&bit| has(at / width, bit));
                        set.map(|bit| f64::from(rows[bit * width + at % width])).sum::<f64>() as f32
                    })
                    .collect();
                let gradient: Vec<f32> = (0..BITS * width)
                    .map(|at| {
                        let with = (0..reviews).filter(|&review| has(review, at / width));
                        let sum: f64 =
                            with.map(|r| f64::from(deltas[r * width + at % width])).sum();
                        sum as f32
                    })
                    .collect();
                let mut all = Vec::new();
                for level in Level::supported() {
                    let what = format!("{level}, width {width}, {reviews} reviews");
                    let subsets = &mut Subsets::default();
                    let mut out = vec![f32::NAN; reviews * width];
                    gather_bits(level, &rows, width, &bits, subsets, Sum::Store, &mut out);
                    assert_near(&out, &sums, &what);
                    let once = out.clone();
                    gather_bits(level, &rows, width, &bits, subsets, Sum::Add, &mut out);
                    assert!(
                        out.iter().zip(&once).all(|(twice, once)| *twice == 2.0 * once),
                        "{what}"
                    );
                    let mut added = vec![0.0; BITS * width];
                    scatter_bits(level, &mut added, width, &bits, subsets, &deltas);
                    assert_near(&added, &gradient, &what);
                    all.push((out, added));
                }
                assert!(all.iter().all(|one| *one == all[0]), "width {width}, {reviews} reviews");
            }
        }
    }

    fn assert_near(got: &[f32], expected: &[f32], what: &str) {
        for (at, (a, b)) in got.iter().zip(expected).enumerate() {
            assert!((a - b).abs() <= 2e-5, "{what}, value {at}: {a} and {b}");
        }
    }

    #[test]
    fn transposed_twice_is_what_it_was() {
        let mut random = Random::new(5, Stream::SyntheticReviews);
        let bits: [u64; BITS] = std::array::from_fn(|_| random.next_u64());
        let mut other = bits;
        transpose(&mut other);
        for (i, other) in other.iter().enumerate() {
            for (j, bits) in bits.iter().enumerate() {
                assert_eq!(other >> j & 1, bits >> i & 1, "number {i}, bit {j}");
            }
        }
        transpose(&mut other);
        assert_eq!(other, bits);
    }

    #[test]
    fn features_become_bits() {
        for level in Level::supported() {
            for features in [&[][..], &[0], &[63], &[0, 5, 9, 17, 33, 34, 35, 36, 62, 63]] {
                let expected = features.iter().fold(0u64, |bits, &feature| bits | 1 << feature);
                assert_eq!(bits_of::<u16>(level, features), expected, "{level}: {features:?}");
            }
        }
    }
}
