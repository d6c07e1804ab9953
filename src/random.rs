//! The one source of random numbers: xoshiro256++ by Blackman and Vigna, one stream a purpose; for what is drawn of each review
//! by itself, SplitMix64 ([`Draws`]).
//!
//! **What is stable.** The same seed, stream and number yield the same values in all versions of this library and on
//! all platforms; tests pin some of them. [`Random::normal`] alone takes a logarithm from the platform's mathematics
//! library, which may differ in the last place; it consumes the same values everywhere. A new purpose gets a new
//! [`Stream`] at the end, so it changes no other.

use rand_xoshiro::rand_core::{Rng, SeedableRng};
use rand_xoshiro::{SplitMix64, Xoshiro256PlusPlus};

/// What random numbers are for. Streams of one seed are independent of each other, so that a purpose that draws more
/// or fewer numbers leaves the others as they were. The discriminants are part of the stability promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Stream {
    /// The weights before the first step.
    Initialisation = 0,
    /// The order of the reviews in each epoch.
    Shuffle = 1,
    /// The order of labels in a synthetic dataset.
    SyntheticLabels = 2,
    /// The words of a synthetic dataset, one generator a review.
    SyntheticReviews = 3,
    /// The hidden units that are dropped, by epoch and row.
    Dropout = 4,
    /// The words that are dropped, by epoch and row.
    WordDropout = 5,
    /// Which reviews are in which fold of a cross-validation.
    Folds = 6,
}

/// A seeded generator.
#[derive(Debug, Clone)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The generator of a purpose.
    pub fn new(seed: u64, stream: Stream) -> Random {
        Random::numbered(seed, stream, 0)
    }

    /// One of many generators of a purpose: one a row, say, so that a row does not depend on those before it.
    ///
    /// Each part of the key goes through SplitMix64, a bijection: two numbers of one seed and stream never share a key.
    pub fn numbered(seed: u64, stream: Stream, number: u64) -> Random {
        Random(Xoshiro256PlusPlus::seed_from_u64(key(seed, stream, number)))
    }

    /// Where it stands: [`Random::from_state`] goes on from there.
    pub fn state(&self) -> [u8; 32] {
        self.0.state()
    }

    /// The generator that stood at `state`. All zeros are no state of any generator; they give a seeded one.
    pub fn from_state(state: [u8; 32]) -> Random {
        Random(Xoshiro256PlusPlus::from_seed(state))
    }

    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Uniform in \[0, 1), a multiple of 2^-24: all that an f32 resolves below 1.
    pub fn uniform_f32(&mut self) -> f32 {
        const UNIT: f32 = 1.0 / (1u32 << f32::MANTISSA_DIGITS) as f32;
        (self.next_u64() >> (u64::BITS - f32::MANTISSA_DIGITS)) as f32 * UNIT
    }

    /// Uniform in \[0, 1), a multiple of 2^-53: all that an f64 resolves below 1.
    pub fn uniform_f64(&mut self) -> f64 {
        const UNIT: f64 = 1.0 / (1u64 << f64::MANTISSA_DIGITS) as f64;
        (self.next_u64() >> (u64::BITS - f64::MANTISSA_DIGITS)) as f64 * UNIT
    }

    /// Uniform among the whole numbers below `n`, without bias.
    ///
    /// Source: D. Lemire, Fast Random Integer Generation in an Interval, ACM TOMACS 29 (2019), algorithm 5.
    ///
    /// # Panics
    /// If `n` is 0: no number lies below it.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "no whole number lies below 0");
        let mut product = u128::from(self.next_u64()) * u128::from(n);
        if (product as u64) < n {
            let rejected = n.wrapping_neg() % n;
            while (product as u64) < rejected {
                product = u128::from(self.next_u64()) * u128::from(n);
            }
        }
        (product >> u64::BITS) as u64
    }

    /// Normal with mean 0 and variance 1.
    ///
    /// Source: G. Marsaglia, T. A. Bray, A Convenient Method for Generating Normal Variables, SIAM Review 6 (1964): the
    /// polar method. Its second value is dropped, so that the generator has no state besides its 256 bits.
    pub fn normal(&mut self) -> f64 {
        loop {
            let x = 2.0 * self.uniform_f64() - 1.0;
            let y = 2.0 * self.uniform_f64() - 1.0;
            let square = x * x + y * y;
            if 0.0 < square && square < 1.0 {
                return x * (-2.0 * square.ln() / square).sqrt();
            }
        }
    }

    /// Puts `values` in random order; all orders are equally likely (Fisher and Yates, from the last place down).
    pub fn shuffle(&mut self, values: &mut [u32]) {
        for last in (1..values.len()).rev() {
            let chosen = self.below(last as u64 + 1) as usize;
            values.swap(last, chosen);
        }
    }
}

/// The key of one of many generators.
fn key(seed: u64, stream: Stream, number: u64) -> u64 {
    let mix = |key| SplitMix64::seed_from_u64(key).next_u64();
    mix(mix(mix(seed) ^ stream as u64) ^ number)
}

/// Random numbers by their places, in whatever order and by whomever they are asked for: the sequence of SplitMix64 (Steele, Lea
/// and Flood 2014, "Fast splittable pseudorandom number generators"), whose state only counts.
#[derive(Debug, Clone, Copy)]
pub struct Draws(u64);

impl Draws {
    /// One of many sequences of a purpose, as [`Random::numbered`].
    pub fn numbered(seed: u64, stream: Stream, number: u64) -> Draws {
        Draws(key(seed, stream, number))
    }

    /// The 64 random bits at a place.
    #[inline]
    pub fn at(self, place: u64) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        SplitMix64::seed_from_u64(self.0.wrapping_add(place.wrapping_mul(STEP))).next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stability promise: these values never change. A second implementation, in Python, agrees.
    #[test]
    fn values_are_pinned() {
        let mut random = Random::new(0, Stream::Initialisation);
        assert_eq!(
            [random.next_u64(), random.next_u64()],
            [13_455_478_169_099_370_058, 3_106_000_864_563_739_563]
        );
        assert_eq!(random.uniform_f32(), 0.158_391_65);
        assert_eq!(random.uniform_f64(), 0.122_550_724_502_473_62);
        assert_eq!(
            [random.below(10), random.below(10), random.below(1 << 40)],
            [8, 7, 917_544_335_155]
        );
        assert!((random.normal() - 0.730_919_173_517_126).abs() < 1e-14);
        let mut order = [0, 1, 2, 3, 4, 5, 6, 7];
        random.shuffle(&mut order);
        assert_eq!(order, [4, 2, 7, 6, 0, 1, 5, 3]);
        let numbered = Random::numbered(1, Stream::SyntheticReviews, 2).next_u64();
        assert_eq!(numbered, 17_201_361_220_436_013_011);
    }

    /// The key derivation, spelled out against the published SplitMix64: the first output of seed 0 is well known.
    #[test]
    fn the_key_derivation_is_splitmix64() {
        assert_eq!(SplitMix64::seed_from_u64(0).next_u64(), 0xE220_A839_7B1D_CDAF);
    }

    #[test]
    fn places_are_those_of_a_sequence() {
        let mut sequence = SplitMix64::seed_from_u64(key(3, Stream::Dropout, 9));
        let counted = Draws::numbered(3, Stream::Dropout, 9);
        let expected: Vec<u64> = (0..100).map(|_| sequence.next_u64()).collect();
        assert!((0..100).rev().all(|place| counted.at(place) == expected[place as usize]));
        assert_ne!(Draws::numbered(3, Stream::WordDropout, 9).at(0), expected[0]);
    }

    #[test]
    fn a_state_goes_on_where_it_was_taken() {
        let mut random = Random::new(5, Stream::Shuffle);
        random.next_u64();
        let mut again = Random::from_state(random.state());
        assert!((0..9).all(|_| again.next_u64() == random.next_u64()));
        // A generator of nothing but zeros would draw nothing else.
        assert_ne!(Random::from_state([0; 32]).next_u64(), 0);
    }

    #[test]
    fn seeds_streams_and_numbers_differ() {
        let mut firsts = Vec::new();
        for seed in 0..4 {
            for stream in [
                Stream::Initialisation,
                Stream::Shuffle,
                Stream::SyntheticLabels,
                Stream::SyntheticReviews,
                Stream::Folds,
            ] {
                firsts.extend((0..4).map(|n| Random::numbered(seed, stream, n).next_u64()));
            }
        }
        let all = firsts.len();
        firsts.sort_unstable();
        firsts.dedup();
        assert_eq!(firsts.len(), all);
    }

    #[test]
    fn uniform_numbers_fill_the_unit_interval() {
        let mut random = Random::new(1, Stream::Shuffle);
        let n = 100_000;
        let mut counts = [0u32; 10];
        for _ in 0..n {
            let (narrow, wide) = (random.uniform_f32(), random.uniform_f64());
            assert!((0.0..1.0).contains(&narrow) && (0.0..1.0).contains(&wide));
            counts[(narrow * 10.0) as usize] += 1;
            counts[(wide * 10.0) as usize] += 1;
        }
        // 20,000 a tenth, standard deviation 134: five of them.
        assert!(counts.iter().all(|&count| count.abs_diff(20_000) < 670), "{counts:?}");
    }

    #[test]
    fn below_is_unbiased_where_a_product_alone_would_not_be() {
        let mut random = Random::new(2, Stream::Shuffle);
        // Of 3 * 2^62 values, a plain product would reach each third one twice as often.
        let n = 3u64 << 62;
        let mut thirds = [0u32; 3];
        for _ in 0..30_000 {
            let value = random.below(n);
            assert!(value < n);
            thirds[(value % 3) as usize] += 1;
        }
        // 10,000 each, standard deviation 82: five of them.
        assert!(thirds.iter().all(|&count| count.abs_diff(10_000) < 410), "{thirds:?}");
        assert_eq!(random.below(1), 0);
    }

    #[test]
    #[should_panic(expected = "no whole number lies below 0")]
    fn nothing_lies_below_zero() {
        Random::new(0, Stream::Shuffle).below(0);
    }

    #[test]
    fn normal_numbers_have_their_moments() {
        let mut random = Random::new(3, Stream::Shuffle);
        let n = 100_000;
        let values: Vec<f64> = (0..n).map(|_| random.normal()).collect();
        let moment = |power| values.iter().map(|v| v.powi(power)).sum::<f64>() / f64::from(n);
        // Standard errors: sqrt(1/n), sqrt(2/n), sqrt(15/n), sqrt(96/n); five of each.
        assert!(moment(1).abs() < 0.016, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.023, "{}", moment(2));
        assert!(moment(3).abs() < 0.062, "{}", moment(3));
        assert!((moment(4) - 3.0).abs() < 0.16, "{}", moment(4));
    }

    #[test]
    fn a_shuffle_is_a_permutation_and_all_are_equally_likely() {
        let mut random = Random::new(4, Stream::Shuffle);
        let mut counts = std::collections::HashMap::new();
        for _ in 0..24_000 {
            let mut order = [0, 1, 2, 3];
            random.shuffle(&mut order);
            *counts.entry(order).or_insert(0u32) += 1;
        }
        // 24 orders, 1,000 each, standard deviation 31: five of them.
        assert_eq!(counts.len(), 24);
        assert!(counts.values().all(|&count| count.abs_diff(1_000) < 155), "{counts:?}");
        random.shuffle(&mut []);
    }
}
