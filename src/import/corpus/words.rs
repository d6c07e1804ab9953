//! From the words of the training reviews to the vocabulary and the features.

use std::path::Path;

use super::cut::{Cut, Shard};
use crate::error::{Error, Result};
use crate::import::KerasOptions;
use crate::import::keras::word_index;
use crate::import::parallel::Workers;
use crate::text::{
    Encoder, Hash, MAX_FEATURES, NgramCounts, Ngrams, Rules, Tokenizer, Unknown, Vocabulary, Words,
};

/// Which words and runs of words become features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordOptions {
    /// How texts are cut into words.
    pub tokenizer: Tokenizer,
    /// The most words that make a feature together. Default 1: no n-grams.
    pub ngrams: usize,
    /// In how many of the reviews that are counted a word, or a run of words, has to occur to become a feature. Where it is not
    /// given, words are taken by their rank alone, and runs of words that occur in [`WordOptions::MIN_COUNT`] reviews.
    pub min_count: Option<u32>,
    /// Whether the reviews without a label are counted too; else those to train on alone.
    pub count_unlabelled: bool,
    /// Runs of words share features by a hash, 2^bits features in all; else each frequent run has its own.
    pub hash_bits: Option<u32>,
    /// Seeds the hash.
    pub hash_seed: u64,
}

impl WordOptions {
    /// In how many reviews a run of words has to occur where nothing else is said.
    pub const MIN_COUNT: u32 = 5;
}

impl Default for WordOptions {
    fn default() -> WordOptions {
        WordOptions {
            tokenizer: Tokenizer::Keras,
            ngrams: 1,
            min_count: None,
            count_unlabelled: false,
            hash_bits: None,
            hash_seed: 0,
        }
    }
}

/// The rules as far as they are known before the first text is read.
pub(super) struct Plan {
    rules: Rules,
    min_count: Option<u32>,
    /// Whether reviews without a label are counted.
    pub count_unlabelled: bool,
    /// Whether no word is cut for its rank.
    all_words: bool,
    /// Ranks that are given.
    index: Option<Vec<(u64, String)>>,
}

/// Words and their ids, known for good.
pub(super) struct Lexicon {
    pub encoder: Encoder,
    pub vocabulary: Vocabulary,
    /// For each shard the token of each of its words.
    pub tokens: Vec<Vec<u32>>,
}

impl Plan {
    /// Checks the options and reads the word index.
    ///
    /// # Errors
    /// [`Error::InvalidOption`], and those of the word index.
    pub fn new(words: &WordOptions, keras: &KerasOptions, index: Option<&Path>) -> Result<Plan> {
        let rules = Rules {
            tokenizer: words.tokenizer,
            num_words: keras.num_words.unwrap_or(MAX_FEATURES / 2),
            skip_top: keras.skip_top,
            start_char: keras.start_char,
            oov_char: keras.oov_char,
            index_from: keras.index_from,
            unknown: Unknown::Drop,
            ngrams: words.ngrams,
            hash: words.hash_bits.map(|bits| Hash { bits, seed: words.hash_seed }),
        };
        match (rules.hash, keras.num_words) {
            // How many words there will be is not known yet: checked in the end.
            (Some(_), None) => Rules { hash: None, ..rules.clone() }.check()?,
            _ => rules.check()?,
        }
        if words.min_count == Some(0) {
            return Err(Error::invalid("--min-count", 0, "at least 1"));
        }
        let index = index.map(word_index::read).transpose()?;
        let all_words = keras.num_words.is_none();
        let (min_count, count_unlabelled) = (words.min_count, words.count_unlabelled);
        Ok(Plan { rules, min_count, count_unlabelled, all_words, index })
    }

    /// How texts are cut into words.
    pub fn tokenizer(&self) -> Tokenizer {
        self.rules.tokenizer
    }

    /// Makes vocabulary and features of the reviews that are counted, in this order.
    ///
    /// # Errors
    /// [`Error::Unfit`] where they have no word, or too many; [`Error::Io`].
    pub fn finish(
        mut self,
        path: &Path,
        cut: &Cut,
        reviews: &[u32],
        shards: &[Shard],
        workers: Workers,
    ) -> Result<Lexicon> {
        let counted = match &self.index {
            None => Some(Counted::count(cut, reviews, shards, workers)?),
            Some(_) => None,
        };
        if counted.as_ref().is_some_and(|counted| counted.words.is_empty()) {
            return Err(Error::Unfit {
                option: "--word-index",
                value: "not given".into(),
                reason: format!("no training review of {} has a word", path.display()),
                remedy: "name an index of words, or a file with training reviews".into(),
            });
        }
        let ranked: Vec<(u64, &str)> = match (&self.index, &counted) {
            (Some(index), _) => index.iter().map(|(rank, word)| (*rank, &**word)).collect(),
            (None, Some(counted)) => counted.ranked(self.min_count.unwrap_or(1)),
            (None, None) => Vec::new(),
        };
        if self.all_words {
            let greatest = ranked.iter().map(|(rank, _)| *rank).max().unwrap_or(0);
            self.rules.num_words = self.rules.ids_of(greatest.min(MAX_FEATURES as u64) as usize);
            self.rules.check()?;
        }
        let vocabulary = self.rules.vocabulary(ranked);
        let unigrams = Rules { ngrams: 1, hash: None, ..self.rules.clone() };
        let encoder = encoder(path, &unigrams, &vocabulary)?;
        let tokens = tokens(&encoder, shards, workers)?;
        let mut lexicon = Lexicon { encoder, vocabulary, tokens };
        if self.rules.ngrams > 1 {
            if self.rules.hash.is_none() {
                let ngrams = self.ngrams(cut, reviews, &lexicon, workers)?;
                lexicon.vocabulary = ngrams.vocabulary(&lexicon.vocabulary);
            }
            lexicon.encoder = self::encoder(path, &self.rules, &lexicon.vocabulary)?;
        }
        Ok(lexicon)
    }

    /// The frequent runs of words in the reviews that are counted.
    fn ngrams(
        &self,
        cut: &Cut,
        reviews: &[u32],
        lexicon: &Lexicon,
        workers: Workers,
    ) -> Result<Ngrams> {
        let mut ngrams = Ngrams::new(self.rules.num_words);
        while ngrams.next_length() <= self.rules.ngrams {
            let mut states = workers.states(|| (NgramCounts::default(), Vec::new(), Vec::new()));
            workers.pipeline(
                &mut states,
                |emit| reviews.chunks(super::ROWS).try_for_each(emit),
                |(counts, buffer, tokens), reviews: &[u32]| {
                    reviews.iter().try_for_each(|&review| {
                        let (shard, numbers) = cut.numbers(review, buffer)?;
                        let of_shard = &lexicon.tokens[shard];
                        tokens.clear();
                        tokens.extend(numbers.iter().map(|&number| of_shard[number as usize]));
                        counts.add(&ngrams, tokens)
                    })
                },
                |()| Ok(()),
            )?;
            let mut all = NgramCounts::default();
            states.into_iter().try_for_each(|(counts, ..)| all.merge(counts))?;
            ngrams.grow(all, self.min_count.unwrap_or(WordOptions::MIN_COUNT))?;
        }
        Ok(ngrams)
    }
}

/// For each shard the token of each of its words.
fn tokens(encoder: &Encoder, shards: &[Shard], workers: Workers) -> Result<Vec<Vec<u32>>> {
    let mut all = Vec::new();
    workers.pipeline(
        &mut workers.states(|| ()),
        |emit| shards.iter().try_for_each(emit),
        |(), shard| Ok(encoder.tokens(&shard.words)),
        |tokens| {
            all.push(tokens);
            Ok(())
        },
    )?;
    Ok(all)
}

/// Rules and vocabulary that belong together.
fn encoder(path: &Path, rules: &Rules, vocabulary: &Vocabulary) -> Result<Encoder> {
    Encoder::new(rules, vocabulary).map_err(|problem| {
        Error::malformed(path, "the vocabulary", problem, "try other options for words")
    })
}

/// The words of the reviews that are counted, each once.
struct Counted<'a> {
    /// In the order in which they first occur.
    words: Vec<(&'a str, Occurrences)>,
}

/// How often a word occurs.
#[derive(Clone, Copy, Default)]
struct Occurrences {
    total: u64,
    /// In so many reviews.
    reviews: u32,
    /// The row in which it was seen last, from 1.
    last: u32,
}

/// The words of one shard in the reviews that are counted.
struct ShardCounts {
    /// How often each word of the shard occurs.
    occurrences: Vec<Occurrences>,
    /// Those that do, with the place of the first occurrence, in the order of these.
    seen: Vec<(u64, u32)>,
}

impl ShardCounts {
    /// Counts the words of those reviews that are in the numbers of this shard.
    fn count(cut: &Cut, reviews: &[u32], index: usize, shard: &Shard) -> Result<ShardCounts> {
        let occurrences = vec![Occurrences::default(); shard.words.len()];
        let mut counts = ShardCounts { occurrences, seen: Vec::new() };
        let mut buffer = Vec::new();
        for (row, &review) in (1u32..).zip(reviews) {
            if cut.shard(review) != index {
                continue;
            }
            let (_, numbers) = cut.numbers(review, &mut buffer)?;
            // No review has 2^32 words.
            for (place, &number) in (u64::from(row) << 32..).zip(numbers) {
                let word = &mut counts.occurrences[number as usize];
                if word.total == 0 {
                    counts.seen.push((place, number));
                }
                word.total += 1;
                word.reviews += u32::from(word.last != row);
                word.last = row;
            }
        }
        Ok(counts)
    }
}

impl<'a> Counted<'a> {
    /// Counts the words of some reviews, in the order of these: each shard's by a thread of its own, for the places of first
    /// occurrences put them in order again.
    fn count(
        cut: &Cut,
        reviews: &[u32],
        shards: &'a [Shard],
        workers: Workers,
    ) -> Result<Counted<'a>> {
        let mut parts = Vec::with_capacity(shards.len());
        workers.pipeline(
            &mut workers.states(|| ()),
            |emit| shards.iter().enumerate().try_for_each(emit),
            |(), (index, shard)| ShardCounts::count(cut, reviews, index, shard),
            |part| {
                parts.push(part);
                Ok(())
            },
        )?;
        // A word may have a number in several shards.
        let of_shard = |(shard, part): (usize, &ShardCounts)| {
            let seen = part.seen.iter().map(move |&(place, number)| (place, shard, number));
            seen.collect::<Vec<_>>()
        };
        let mut seen: Vec<_> = parts.iter().enumerate().flat_map(of_shard).collect();
        // The stable sort finds the runs that are in order already, and merges them.
        seen.sort_by_key(|&(place, ..)| place);
        let mut words: Vec<(&str, Occurrences)> = Vec::with_capacity(seen.len());
        let mut distinct = Words::with_room(seen.len());
        for (_, shard, number) in seen {
            let word = shards[shard].words.word(number);
            let place = distinct.insert(word)? as usize;
            if place == words.len() {
                words.push((word, Occurrences::default()));
            }
            // A review is in one shard, so none is counted twice.
            let (sum, more) = (&mut words[place].1, parts[shard].occurrences[number as usize]);
            sum.total += more.total;
            sum.reviews += more.reviews;
        }
        Ok(Counted { words })
    }

    /// The words that occur in at least `min_count` reviews, by falling count, those of equal counts in the order in which they
    /// first occur, with ranks from 1.
    fn ranked(&self, min_count: u32) -> Vec<(u64, &'a str)> {
        let is_frequent = |&place: &u32| self.words[place as usize].1.reviews >= min_count;
        let mut order: Vec<u32> = (0..self.words.len() as u32).filter(is_frequent).collect();
        order.sort_by_key(|&place| std::cmp::Reverse(self.words[place as usize].1.total));
        (1..).zip(order.into_iter().map(|place| self.words[place as usize].0)).collect()
    }
}
