//! Reviews out of thin air: a dataset for every machine, with the statistics of the IMDB set and nobody's rights in it.

use serde_json::json;

use super::{Contents, Review, ReviewSource, Split, format};
use crate::error::{Result, expect_within};
use crate::random::{Random, Stream};
use crate::text::Vocabulary;

/// Stands before each review, as in Keras.
const START: u32 = 1;

/// Stands for words that are too rare to be features, as in Keras.
const RARE: u32 = 2;

/// The word of rank `r`, counted from 1, has the id `r + INDEX_FROM`, as in Keras.
const INDEX_FROM: usize = 3;

/// Words of the IMDB index. Those without a feature make up the rare ones: 5.2 % of all words, really 5.5 %.
const LANGUAGE: usize = 88_584;

/// The word of rank `r` has the weight `1 / ((r + SHIFT) (1 + r / KNEE))`: Mandelbrot's law with the exponent 1 for
/// common and 2 for rare words. Both constants are fitted to the word counts of the IMDB set, in logarithmic bins of
/// rank weighted by their share. It needs no power function, so the weights are the same on every platform.
const SHIFT: f64 = 1.24;

/// See [`SHIFT`].
const KNEE: f64 = 6255.0;

/// Lengths are `LENGTH_SHIFT + LENGTH_MEDIAN exp(LENGTH_SPREAD z)` ids with a normal `z`. Fitted to the percentiles of
/// distinct words a review together with [`REPETITION`].
const LENGTH_SHIFT: f64 = 30.0;

/// See [`LENGTH_SHIFT`].
const LENGTH_MEDIAN: f64 = 151.0;

/// See [`LENGTH_SHIFT`].
const LENGTH_SPREAD: f64 = 0.8;

/// No review is longer, in ids. The longest of the IMDB set has 2,494.
const LENGTH_MAX: usize = 2_500;

/// How many of a review's words repeat one of those before. Fitted to the mean number of distinct words a review.
const REPETITION: f32 = 0.15;

/// Words of lower rank are function words and lean to no side. Fitted to the epoch of the lowest validation loss: where
/// common words lean, the network learns them within two epochs.
const FIRST_LEANING: usize = 100;

/// Moods run from here, hardly clear, to 1. Fitted to the network's validation accuracy.
const LEAST_CLARITY: f32 = 0.14;

/// The most reviews: rows are numbered with 32 bits.
const MAX_REVIEWS: usize = u32::MAX as usize;

/// What [`Synthetic::new`] makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyntheticOptions {
    /// Reviews, 1 to 2^32 - 1: the first half train, the second half test.
    pub reviews: usize,
    /// Features, 5 to 2^26: the three reserved ids and the unused id 3 of Keras' encoding, then the commonest words.
    pub words: usize,
    /// Decides the reviews.
    pub seed: u64,
    /// Whether the words are kept in reading order too.
    pub sequences: bool,
}

impl Default for SyntheticOptions {
    fn default() -> SyntheticOptions {
        SyntheticOptions { reviews: 50_000, words: 10_000, seed: 0, sequences: true }
    }
}

/// A source of made-up reviews. Takes memory for the words' frequencies, none for the reviews.
///
/// | measure (10,000 features, 25,000 reviews) | IMDB train | IMDB test | synthetic, train |
/// | --- | --- | --- | --- |
/// | distinct words a review: mean | 131.7 | 128.7 | 131.1 |
/// | 5th and 95th percentile | 49, 281 | 48, 274 | 49, 287 |
/// | features that occur | 9,998 | 9,951 | 9,998 |
/// | nonzeros in the 100 commonest features | 33.7 % | 34.1 % | 33.4 % |
/// | nonzeros in the 1,000 commonest features | 71.9 % | 72.4 % | 71.8 % |
/// | best validation accuracy of the book's network | 0.89 | | 0.87 to 0.88 |
/// | its lowest validation loss | 0.27 to 0.28 | | 0.29 to 0.30 |
/// | the epoch of that | 4 to 6 | | 4 to 6 |
/// | its validation loss after epoch 20 | 0.55 to 0.57 | | 0.58 to 0.71 |
///
/// The synthetic column is of seed 0. The rows on the network are of three of its seeds, for the synthetic column each with
/// three seeds of the dataset.
///
/// **How a review comes about.** Its length is log-normal. It is a mixture of fresh words and of repetitions of its own
/// words, which makes words bursty as in real text (H. A. Simon, On a Class of Skew Distribution Functions, Biometrika
/// 42 (1955)). Fresh words follow a law of Zipf and Mandelbrot. Words of even and odd rank `2k` and `2k + 1` are
/// opposites, the even one positive: a fresh word that contradicts the review's mood gives way to its opposite with a
/// probability that grows with the word's strength and the mood's clarity. Many reviews are so unclear that
/// even a reader who knows all strengths misjudges one in ten.
///
/// **The language is the same for every seed**, only the reviews differ: frequencies, opposites, strengths and spelling
/// follow from a word's rank alone. A model made from one seed's reviews can be judged by another's. There are no
/// leaning words below rank 100, so a dataset of a hundred features holds nothing to learn.
///
/// **What is stable.** The same options give the same reviews in all versions and on all platforms. All is made of
/// operations that IEEE 754 rounds alike everywhere, but for one logarithm and one exponential function in each length.
/// Lengths are rounded to whole words, so that a difference in their last place would show in about one of 10^12.
#[derive(Debug)]
pub struct Synthetic {
    options: SyntheticOptions,
    /// By rank; in place of a word of rank 0 stand all rare words together.
    frequencies: AliasTable,
}

impl Synthetic {
    /// Prepares the language; the reviews are made as they are asked for.
    ///
    /// # Errors
    /// [`Error::InvalidOption`](crate::Error::InvalidOption) for numbers out of the bounds that [`SyntheticOptions`] states.
    pub fn new(options: SyntheticOptions) -> Result<Synthetic> {
        let SyntheticOptions { reviews, words, .. } = options;
        expect_within("--reviews", reviews, 1..=MAX_REVIEWS)?;
        expect_within("--words", words, INDEX_FROM + 2..=format::MAX_FEATURES)?;
        let ranks = words - INDEX_FROM - 1;
        let rare = (ranks + 1..=LANGUAGE).map(weight).sum();
        let weights = std::iter::once(rare).chain((1..=ranks).map(weight)).collect();
        Ok(Synthetic { options, frequencies: AliasTable::new(weights) })
    }

    /// The greatest rank that is a feature.
    fn ranks(&self) -> usize {
        self.options.words - INDEX_FROM - 1
    }

    /// Makes the review of a row, which depends on no other row.
    fn review(&self, row: u64, label: u8, words: &mut Vec<u32>) {
        let mut random = Random::numbered(self.options.seed, Stream::SyntheticReviews, row);
        let length = length(&mut random);
        let clarity = LEAST_CLARITY + (1.0 - LEAST_CLARITY) * random.uniform_f32();
        let mood = if label == 1 { clarity } else { -clarity };
        words.clear();
        words.push(START);
        while words.len() < length {
            let written = words.len() as u64 - 1;
            let word = if written > 0 && random.uniform_f32() < REPETITION {
                words[1 + random.below(written) as usize]
            } else {
                self.fresh_word(mood, &mut random)
            };
            words.push(word);
        }
    }

    /// Draws a word by its frequency, then lets the mood choose between it and its opposite.
    fn fresh_word(&self, mood: f32, random: &mut Random) -> u32 {
        let rank = self.frequencies.draw(random);
        let contradiction = -mood * self.lean(rank);
        let rank = if random.uniform_f32() < contradiction { rank ^ 1 } else { rank };
        if rank == 0 { RARE } else { (rank + INDEX_FROM) as u32 }
    }

    /// How far a word leans: to 1 where only positive reviews use it, to -1 where only negative ones do.
    ///
    /// The strength is the fourth power of a number that is spread evenly over \[0, 1) by the multiples of the golden
    /// ratio: at every frequency most words lean a little and a few lean far.
    fn lean(&self, rank: usize) -> f32 {
        // The opposite has to be a feature, too.
        if rank < FIRST_LEANING || rank | 1 > self.ranks() {
            return 0.0;
        }
        const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
        let spread = ((rank as u64 / 2).wrapping_mul(GOLDEN) >> 40) as f32 / (1u32 << 24) as f32;
        let strength = spread * spread * spread * spread;
        if rank.is_multiple_of(2) { strength } else { -strength }
    }
}

impl ReviewSource for Synthetic {
    fn contents(&self) -> Contents {
        let SyntheticOptions { reviews, words, seed, sequences } = self.options;
        let reserved = std::iter::repeat_n(String::new(), INDEX_FROM + 1);
        let vocabulary = Vocabulary::from_words(reserved.chain((1..=self.ranks()).map(spelling)));
        Contents {
            features: words,
            vocabulary: Some(vocabulary),
            text: None,
            sequences,
            options: json!({
                "source": "synthetic", "reviews": reviews, "words": words, "seed": seed
            }),
        }
    }

    fn for_each(&mut self, sink: &mut dyn FnMut(Review<'_>) -> Result<()>) -> Result<()> {
        let reviews = self.options.reviews as u64;
        let (train, test) = (reviews.div_ceil(2), reviews / 2);
        let mut labels = Random::new(self.options.seed, Stream::SyntheticLabels);
        let mut words = Vec::with_capacity(LENGTH_MAX);
        let mut row = 0;
        // Halves of odd numbers are rounded in opposite directions, so that the whole is balanced as well.
        for (split, rows, positive) in
            [(Split::Train, train, train / 2), (Split::Test, test, test.div_ceil(2))]
        {
            let mut positive = positive;
            // Selection sampling: every order of the labels is equally likely, and none has to be kept.
            // Source: D. E. Knuth, The Art of Computer Programming 2, section 3.4.2, algorithm S.
            for remaining in (1..=rows).rev() {
                let label = u8::from(labels.below(remaining) < positive);
                positive -= u64::from(label);
                self.review(row, label, &mut words);
                sink(Review::new(split, &words, Some(label)))?;
                row += 1;
            }
        }
        Ok(())
    }
}

/// The frequency of a rank before scaling, see [`SHIFT`].
fn weight(rank: usize) -> f64 {
    let rank = rank as f64;
    1.0 / ((rank + SHIFT) * (1.0 + rank / KNEE))
}

/// How many ids a review has, the start included; see [`LENGTH_SHIFT`].
fn length(random: &mut Random) -> usize {
    let length = LENGTH_SHIFT + LENGTH_MEDIAN * (LENGTH_SPREAD * random.normal()).exp();
    (length.round() as usize).min(LENGTH_MAX)
}

/// The word of a rank: its digits as syllables of a consonant and a vowel. Common words are short, and no two alike.
///
/// The digits are bijective, from 1 to 50 instead of 0 to 49: plain ones would spell a leading zero.
fn spelling(rank: usize) -> String {
    const CONSONANTS: &[u8; 10] = b"bdflmnrstv";
    const VOWELS: &[u8; 5] = b"aeiou";
    let mut word = String::new();
    let mut rest = rank;
    while rest > 0 {
        let digit = (rest - 1) % 50;
        word.push(CONSONANTS[digit % 10].into());
        word.push(VOWELS[digit / 10].into());
        rest = (rest - 1) / 50;
    }
    word
}

/// Draws indices by given weights, each in constant time.
///
/// Every slot is as likely as every other; it stands for itself and for at most one other index.
/// Source: A. J. Walker, An Efficient Method for Generating Discrete Random Variables, ACM TOMS 3 (1977).
#[derive(Debug)]
struct AliasTable {
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The share of the slot that stands for itself.
    own: f32,
    /// What the rest stands for.
    alias: u32,
}

impl AliasTable {
    /// Takes one weight an index, none negative, not all zero.
    fn new(mut weights: Vec<f64>) -> AliasTable {
        let scale = weights.len() as f64 / weights.iter().sum::<f64>();
        weights.iter_mut().for_each(|weight| *weight *= scale);
        let mut slots: Vec<Slot> =
            (0..weights.len() as u32).map(|alias| Slot { own: 1.0, alias }).collect();
        let (mut light, mut heavy): (Vec<u32>, Vec<u32>) =
            (0..weights.len() as u32).partition(|&index| weights[index as usize] < 1.0);
        while let (Some(&poor), Some(&rich)) = (light.last(), heavy.last()) {
            let own = weights[poor as usize];
            slots[poor as usize] = Slot { own: own as f32, alias: rich };
            light.pop();
            weights[rich as usize] -= 1.0 - own;
            if weights[rich as usize] < 1.0 {
                heavy.pop();
                light.push(rich);
            }
        }
        AliasTable { slots }
    }

    fn draw(&self, random: &mut Random) -> usize {
        let index = random.below(self.slots.len() as u64) as usize;
        let slot = self.slots[index];
        if random.uniform_f32() < slot.own { index } else { slot.alias as usize }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::dataset::write;

    fn synthetic(reviews: usize, words: usize, seed: u64) -> Synthetic {
        let options = SyntheticOptions { reviews, words, seed, ..SyntheticOptions::default() };
        Synthetic::new(options).expect("the options are valid")
    }

    fn reviews(mut source: Synthetic) -> Vec<(Split, Vec<u32>, u8)> {
        let mut reviews = Vec::new();
        source
            .for_each(&mut |review| {
                let label = review.label.expect("all reviews have labels");
                reviews.push((review.split, review.words.to_vec(), label));
                Ok(())
            })
            .expect("the sink has no errors");
        reviews
    }

    #[test]
    fn a_seed_decides_every_byte() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let bytes = |seed, name| {
            let path = folder.path().join(name);
            let summary = write(&mut synthetic(60, 500, seed), &path).expect("it is written");
            assert_eq!(summary.splits.len(), 2);
            std::fs::read(path).expect("it is read")
        };
        let first = bytes(7, "first");
        assert!(first == bytes(7, "second"));
        assert!(first != bytes(8, "third"));
    }

    /// The stability promise: these ids never change.
    #[test]
    fn the_first_words_are_pinned() {
        let (split, words, label) = &reviews(synthetic(100, 10_000, 0))[0];
        assert_eq!((*split, words.len(), *label), (Split::Train, 56, 1));
        assert_eq!(words[..12], [1, 135, 102, 2203, 4, 22, 1094, 119, 254, 58, 254, 2]);
    }

    #[test]
    fn the_statistics_follow_the_imdb_set() {
        let reviews = reviews(synthetic(2_000, 10_000, 1));
        let mut documents = vec![0u32; 10_000];
        let mut distinct = Vec::new();
        for (_, words, _) in &reviews {
            assert_eq!(words[0], START);
            assert!(words[1..].iter().all(|&word| word == RARE || word > INDEX_FROM as u32));
            let set: HashSet<u32> = words.iter().copied().collect();
            set.iter().for_each(|&word| documents[word as usize] += 1);
            distinct.push(set.len());
        }
        distinct.sort_unstable();
        let nonzeros = distinct.iter().sum::<usize>() as f64;
        let mean = nonzeros / 2_000.0;
        // The real values lie inside all bands; see the table above.
        assert!((125.0..136.0).contains(&mean), "mean {mean}");
        assert!((45..=53).contains(&distinct[100]), "5th percentile {}", distinct[100]);
        assert!((265..=305).contains(&distinct[1_900]), "95th percentile {}", distinct[1_900]);
        documents.sort_unstable_by(|a, b| b.cmp(a));
        let share = |top: usize| f64::from(documents[..top].iter().sum::<u32>()) / nonzeros;
        assert!((0.32..0.35).contains(&share(100)), "100 commonest {}", share(100));
        assert!((0.70..0.74).contains(&share(1_000)), "1,000 commonest {}", share(1_000));
    }

    #[test]
    fn words_that_lean_agree_with_the_labels() {
        let source = synthetic(400, 10_000, 2);
        let leans: Vec<f32> = (0..=source.ranks()).map(|rank| source.lean(rank)).collect();
        assert!(leans[..FIRST_LEANING].iter().all(|&lean| lean == 0.0));
        assert!(leans.iter().all(|lean| lean.abs() < 1.0));
        assert!((FIRST_LEANING..leans.len() - 1).all(|rank| leans[rank] == -leans[rank ^ 1]));
        let right = reviews(source).into_iter().filter(|(_, words, label)| {
            let ranks = words.iter().filter_map(|&id| (id as usize).checked_sub(INDEX_FROM));
            (ranks.map(|rank| leans[rank]).sum::<f32>() > 0.0) == (*label == 1)
        });
        // A reader who knows all leans is right in about nine of ten: not always, since some reviews are unclear.
        assert!((330..390).contains(&right.count()));
    }

    #[test]
    fn labels_are_balanced_within_one_whatever_the_number() {
        for number in [1, 2, 3, 4, 5, 6, 7, 100, 101] {
            let reviews = reviews(synthetic(number, 10, 3));
            assert_eq!(reviews.len(), number);
            let balance = |split: Option<Split>| {
                reviews
                    .iter()
                    .filter(|(of, ..)| split.is_none_or(|split| split == *of))
                    .map(|(.., label)| if *label == 1 { 1i32 } else { -1 })
                    .sum::<i32>()
                    .abs()
            };
            for part in [None, Some(Split::Train), Some(Split::Test)] {
                assert!(balance(part) <= 1, "{number} reviews, {part:?}");
            }
        }
        let labels: Vec<u8> = reviews(synthetic(100, 10, 3)).iter().map(|r| r.2).collect();
        assert!(labels[..25].contains(&0) && labels[..25].contains(&1), "the order is random");
    }

    #[test]
    fn a_review_does_not_depend_on_those_before() {
        let source = synthetic(50, 1_000, 4);
        let (mut alone, (_, words, label)) = (Vec::new(), &reviews(synthetic(50, 1_000, 4))[49]);
        source.review(49, *label, &mut alone);
        assert_eq!(&alone, words);
    }

    #[test]
    fn the_smallest_and_wide_datasets_are_whole() {
        for (number, words) in [(1, 5), (1, 10), (3, 99), (3, 100_000)] {
            let source = synthetic(number, words, 5);
            let contents = source.contents();
            let vocabulary = contents.vocabulary.expect("it has words");
            assert_eq!((contents.features, vocabulary.len()), (words, words));
            for (_, ids, _) in reviews(source) {
                assert!(ids.iter().all(|&id| (id as usize) < words));
                let spelled = |&id: &u32| vocabulary.word(id).is_some() == (id > INDEX_FROM as u32);
                assert!(ids.iter().all(spelled));
            }
        }
    }

    #[test]
    fn numbers_out_of_bounds_are_refused_by_name() {
        let refused = |reviews, words| {
            let error =
                Synthetic::new(SyntheticOptions { reviews, words, ..SyntheticOptions::default() })
                    .expect_err("out of bounds");
            assert!(error.is_usage());
            error.to_string()
        };
        assert!(refused(0, 10).starts_with("--reviews is \"0\", expected a number from 1 to"));
        assert!(
            refused(1, 4).starts_with("--words is \"4\", expected a number from 5 to 67108864")
        );
        assert!(refused(1, format::MAX_FEATURES + 1).starts_with("--words"));
    }

    #[test]
    fn every_word_has_its_own_spelling_and_common_ones_are_short() {
        let words: Vec<String> = (1..=130_000).map(spelling).collect();
        assert_eq!(words.iter().collect::<HashSet<_>>().len(), words.len());
        assert_eq!(
            [words[0].as_str(), words[49].as_str(), words[50].as_str()],
            ["ba", "vu", "baba"]
        );
        assert!(words.windows(2).all(|pair| pair[0].len() <= pair[1].len()));
    }

    #[test]
    fn an_alias_table_keeps_the_weights() {
        let weights = [0.0, 5.0, 1.0, 0.25, 3.75];
        let table = AliasTable::new(weights.to_vec());
        let mut shares = [0.0; 5];
        for (index, slot) in table.slots.iter().enumerate() {
            shares[index] += f64::from(slot.own) / 5.0;
            shares[slot.alias as usize] += f64::from(1.0 - slot.own) / 5.0;
        }
        for (share, weight) in shares.iter().zip(weights) {
            assert!((share - weight / 10.0).abs() < 1e-6, "{shares:?}");
        }
    }
}
