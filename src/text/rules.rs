//! How text becomes ids.

use serde::{Deserialize, Serialize};

use super::{CUT, MAX_FEATURES, MAX_NGRAM, Tokenizer, Vocabulary};
use crate::error::{Error, Result, expect_within, shortened};

/// How text becomes word ids, and these become features. Kept as JSON in datasets and models.
///
/// Words have the ids below `num_words`: `rank + index_from`, as in `keras.datasets.imdb`. Their n-grams come behind them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// How a text is cut into words. Default [`Tokenizer::Keras`].
    pub tokenizer: Tokenizer,
    /// Words whose id is not below this are cut. Default 10,000.
    pub num_words: usize,
    /// Words whose id is below this are cut, and so is the mark of the start. Default 0.
    pub skip_top: usize,
    /// Marks the start of each text. Default 1.
    pub start_char: Option<u32>,
    /// Stands for each word that is cut; without it they are dropped. Default 2.
    pub oov_char: Option<u32>,
    /// Added to each rank. Default 3, so that the most frequent word has the id 4.
    pub index_from: u32,
    /// What becomes of words that the vocabulary does not have. Default [`Unknown::Drop`].
    pub unknown: Unknown,
    /// The most words that make a feature together. Default 1: no n-grams.
    pub ngrams: usize,
    /// How n-grams find their features; without it each has its own, named in the vocabulary.
    pub hash: Option<Hash>,
}

/// What becomes of a word that the vocabulary does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unknown {
    /// It is dropped, as Keras' word index and tokenizer do. To tell it from a word that is cut, the vocabulary keeps those.
    Drop,
    /// It is a word that is cut. The vocabulary keeps none of those: smaller files.
    Cut,
}

/// Features without names: n-grams of two words and more share, by a seeded hash of their words' ids, all ids from
/// `num_words` to before 2^`bits`.
///
/// The hash of a run of ids `w` is `h(k) = mix(h(k - 1) + g + w(k))` in wrapping 64 bits, from `h(0) = mix(seed)`, where
/// `mix` is the output function of SplitMix64 and `g` its odd constant 0x9e3779b97f4a7c15. The feature is
/// `num_words + floor(h * (2^bits - num_words) / 2^64)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hash {
    /// There are 2^`bits` features, words included; at most 26.
    pub bits: u32,
    /// Another seed makes other n-grams share.
    pub seed: u64,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            tokenizer: Tokenizer::Keras,
            num_words: 10_000,
            skip_top: 0,
            start_char: Some(1),
            oov_char: Some(2),
            index_from: 3,
            unknown: Unknown::Drop,
            ngrams: 1,
            hash: None,
        }
    }
}

impl Rules {
    /// Checks that the values make sense together.
    ///
    /// # Errors
    /// [`Error::InvalidOption`], by the names that the command line has for them.
    pub fn check(&self) -> Result<()> {
        self.check_words()?;
        expect_within("--ngrams", self.ngrams, 1..=MAX_NGRAM)?;
        if let Some((option, id)) = self.out_of_range() {
            let below = format!("less than --num-words {}", self.num_words);
            return Err(Error::invalid(option, id, below));
        }
        if let Some(mark) = self.marks().find(|&mark| mark > self.index_from) {
            let expected = format!("{mark} or more: below, a word has the id of a mark");
            return Err(Error::invalid("--index-from", self.index_from, expected));
        }
        let Some(hash) = self.hash else { return Ok(()) };
        hash.check(self.ngrams)?;
        if 1 << hash.bits <= self.num_words {
            let expected = format!("more bits, since --num-words {} come first", self.num_words);
            return Err(Error::invalid("--hash-bits", hash.bits, expected));
        }
        Ok(())
    }

    /// The first option that is not below `num_words`, and its value.
    pub(crate) fn out_of_range(&self) -> Option<(&'static str, usize)> {
        [
            ("--start-char", self.start_char.map(|id| id as usize)),
            ("--oov-char", self.oov_char.map(|id| id as usize)),
            ("--skip-top", Some(self.skip_top)),
            ("--index-from", Some(self.index_from as usize)),
        ]
        .into_iter()
        .find_map(|(option, id)| Some((option, id.filter(|&id| id >= self.num_words)?)))
    }

    fn check_words(&self) -> Result<()> {
        expect_within("--num-words", self.num_words, 1..=MAX_FEATURES)
    }

    /// The ids that a vocabulary of so many words takes up, the reserved ones counted: `num_words` where none is to be cut.
    pub fn ids_of(&self, words: usize) -> usize {
        words + self.index_from as usize + 1
    }

    /// The token of the word of a rank, from 1: its id, or [`CUT`].
    pub fn token(&self, rank: u64) -> u32 {
        let id = rank.saturating_add(self.index_from.into());
        let ids = self.skip_top as u64..self.num_words as u64;
        if ids.contains(&id) { id as u32 } else { CUT }
    }

    /// The vocabulary of ranked words: those below `num_words` by id, and behind them those that are cut, in the order of
    /// their ranks, where unknown words have to be told from them. To take all words, let `num_words` be
    /// [`ids_of`](Rules::ids_of) their number.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] where `num_words` is 0 or above [`MAX_FEATURES`].
    pub fn vocabulary<'a>(
        &self,
        ranked: impl IntoIterator<Item = (u64, &'a str)>,
    ) -> Result<Vocabulary> {
        // No more than this: Keras' options may be such that a word has the id of a mark, which text rules may not.
        self.check_words()?;
        let mut by_id: Vec<&str> = Vec::new();
        let mut cut = Vec::new();
        for (rank, word) in ranked {
            let id = rank.saturating_add(self.index_from.into());
            if id < self.num_words as u64 {
                let id = id as usize;
                by_id.resize(by_id.len().max(id + 1), "");
                by_id[id] = word;
            } else if self.unknown == Unknown::Drop {
                cut.push((rank, word));
            }
        }
        for mark in self.marks() {
            if let Some(word) = by_id.get_mut(mark as usize) {
                *word = "";
            }
        }
        cut.sort_by_key(|&(rank, _)| rank);
        // Of the ids behind the last word there may be millions.
        let by_id = by_id.into_iter().chain(std::iter::repeat("")).take(self.num_words);
        Ok(Vocabulary::from_words(by_id).with_cut(cut.into_iter().map(|(_, word)| word)))
    }

    /// The ids that stand for no word.
    fn marks(&self) -> impl Iterator<Item = u32> {
        [self.start_char, self.oov_char].into_iter().flatten()
    }

    /// How many features a text has, where `vocabulary` names them.
    ///
    /// # Panics
    /// If the rules are none that [`Rules::check`] lets pass.
    pub fn features(&self, vocabulary: &Vocabulary) -> usize {
        match self.hash {
            Some(Hash { bits, .. }) => 1 << bits,
            None if self.ngrams > 1 => self.num_words.max(vocabulary.len()),
            None => self.num_words,
        }
    }

    /// The same of rules that are checked. The vocabulary's n-grams are not looked at: an [`Encoder`](super::Encoder) does that.
    ///
    /// # Errors
    /// Those of [`Rules::check`]; [`Error::Unfit`] where the vocabulary is none of these rules.
    pub(crate) fn checked_features(&self, vocabulary: &Vocabulary) -> Result<usize> {
        self.check()?;
        let features = self.features(vocabulary);
        if self.ngrams < 2 || self.hash.is_some() {
            if vocabulary.len() > self.num_words {
                let (found, words) = (vocabulary.len(), self.num_words);
                let reason =
                    format!("the vocabulary names {found} ids, the rules have {words} words");
                return Err(unfit(vocabulary, reason));
            }
        } else if features > MAX_FEATURES {
            let reason = format!("the vocabulary names {features} features, above {MAX_FEATURES}");
            return Err(unfit(vocabulary, reason));
        }
        Ok(features)
    }

    /// As JSON, for files.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("rules are plain values")
    }

    /// Reads what [`Rules::to_json`] writes, and checks it.
    ///
    /// # Errors
    /// [`Error::Unfit`] where it is something else; those of [`Rules::check`].
    pub fn from_json(json: &str) -> Result<Rules> {
        let rules: Rules = serde_json::from_str(json).map_err(|error| Error::Unfit {
            option: "the text rules",
            value: shortened(json, 60).into_owned(),
            reason: error.to_string(),
            remedy: "give what `Rules::to_json` has written".to_owned(),
        })?;
        rules.check()?;
        Ok(rules)
    }
}

/// That a vocabulary is none of some rules.
pub(super) fn unfit(vocabulary: &Vocabulary, reason: String) -> Error {
    Error::Unfit {
        option: "the vocabulary",
        value: format!("one of {} ids", vocabulary.len()),
        reason,
        remedy: "take vocabulary and text rules of the same dataset".to_owned(),
    }
}

impl Hash {
    /// Checks what makes sense whatever the number of words.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub(crate) fn check(self, ngrams: usize) -> Result<()> {
        expect_within("--hash-bits", self.bits as usize, 1..=MAX_FEATURES.ilog2() as usize)?;
        if ngrams < 2 {
            let expected = "left out, or used together with --ngrams 2 or more";
            return Err(Error::invalid("--hash-bits", self.bits, expected));
        }
        Ok(())
    }

    /// The hash of no word, from which that of any run is made word by word.
    pub(super) fn start(self) -> u64 {
        mix(self.seed)
    }

    /// The hash of a run that is one word longer.
    #[inline]
    pub(super) fn and(self, run: u64, word: u32) -> u64 {
        const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
        mix(run.wrapping_add(GOLDEN).wrapping_add(u64::from(word)))
    }

    /// The feature of a run's hash.
    #[inline]
    pub(super) fn feature(self, run: u64, num_words: usize) -> u32 {
        let shared = (1u64 << self.bits) - num_words as u64;
        (num_words as u64 + ((u128::from(run) * u128::from(shared)) >> u64::BITS) as u64) as u32
    }
}

/// Source: S. Vigna, `splitmix64.c` (2015), whose constants are D. Stafford's variant 13.
#[inline]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
