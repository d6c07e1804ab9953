//! From the words of the training reviews to the vocabulary and the features.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use super::cut::Cut;
use crate::error::{Error, Result};
use crate::import::keras::word_index;
use crate::import::parallel::Workers;
use crate::import::{KerasOptions, KnownWords};
use crate::text::{
    CUT, DROPPED, Encoder, Hash, MAX_FEATURES, NgramCounts, Ngrams, Rules, Tokenizer, Unknown,
    Vocabulary, Words,
};

/// Which words and runs of words become features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordOptions {
    /// How texts are cut into words.
    pub tokenizer: Tokenizer,
    /// The most words that make a feature together. Default 1: no n-grams.
    pub ngrams: usize,
    /// In how many of the reviews that are counted a word, or a run of words, has to occur to become a feature. Where it is not
    /// given, words are taken by their rank alone, and runs of words that occur in [`WordOptions::MIN_COUNT`] reviews. Where a
    /// word index is given, it is for runs of words alone.
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
    origin: Origin,
}

/// Where words have their ids from.
enum Origin {
    /// Counts give them their ranks.
    Counts,
    /// Their ranks are given.
    Index(Index),
    /// All is given.
    Known(KnownWords),
}

/// A file of words and their ranks.
struct Index {
    path: PathBuf,
    /// By rank.
    words: Vec<(u64, String)>,
}

impl Index {
    /// Refuses ranks far beyond the number of words: each rank takes an id, and ids take memory.
    fn check_ranks(&self) -> Result<()> {
        /// Ranks up to here take little of it, however few words have them.
        const FEW: u64 = 1 << 20;
        /// Nearly all ranks may lack their words.
        const RANKS_A_WORD: u64 = 16;
        let words = self.words.len();
        let most = FEW.max(words as u64 * RANKS_A_WORD).min(MAX_FEATURES as u64 / 2);
        match self.words.last() {
            Some((rank, word)) if *rank > most => Err(Error::malformed(
                &self.path,
                format!("word {word:?}"),
                format!("its rank is {rank}, and there are {words} words"),
                "expected Keras' {\"word\": rank, ...}; --num-words leaves out words of high rank",
            )),
            _ => Ok(()),
        }
    }
}

/// Words and their ids, known for good.
pub(super) struct Lexicon {
    pub encoder: Encoder,
    pub vocabulary: Vocabulary,
    /// For each shard the token of each of its words.
    pub tokens: Vec<Vec<u32>>,
}

impl Plan {
    /// Checks the options and reads the word index, or takes the words that are known, which leave no say to the options.
    ///
    /// # Errors
    /// [`Error::InvalidOption`], and those of the word index.
    pub fn new(
        words: &WordOptions,
        keras: &KerasOptions,
        index: Option<&Path>,
        known: Option<KnownWords>,
    ) -> Result<Plan> {
        keras.check_maxlen()?;
        if let Some(known) = known {
            return Ok(Plan {
                rules: known.rules.clone(),
                min_count: None,
                count_unlabelled: false,
                all_words: false,
                origin: Origin::Known(known),
            });
        }
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
            // How many words there will be is not known yet: whether they have room is checked in the end.
            (Some(hash), None) => {
                Rules { hash: None, ..rules.clone() }.check()?;
                hash.check(rules.ngrams)?;
            }
            _ => rules.check()?,
        }
        if words.min_count == Some(0) {
            return Err(Error::invalid("--min-count", 0, "at least 1"));
        }
        if words.hash_seed != 0 && words.hash_bits.is_none() {
            let expected = "left out, or used together with --hash-bits";
            return Err(Error::invalid("--hash-seed", words.hash_seed, expected));
        }
        let counts_runs = words.ngrams > 1 && words.hash_bits.is_none();
        if index.is_some() && !counts_runs {
            let expected = "left out: --word-index says which words count; or used with --ngrams 2 or more, and without \
                            --hash-bits";
            if let Some(min_count) = words.min_count {
                return Err(Error::invalid("--min-count", min_count, expected));
            }
            if words.count_unlabelled {
                return Err(Error::invalid("--count-unlabelled", "given", expected));
            }
        }
        let origin = match index {
            Some(path) => {
                Origin::Index(Index { path: path.to_path_buf(), words: word_index::read(path)? })
            }
            None => Origin::Counts,
        };
        let all_words = keras.num_words.is_none();
        let (min_count, count_unlabelled) = (words.min_count, words.count_unlabelled);
        Ok(Plan { rules, min_count, count_unlabelled, all_words, origin })
    }

    /// How texts are cut into words.
    pub fn tokenizer(&self) -> Tokenizer {
        self.rules.tokenizer
    }

    /// Makes vocabulary and features of the reviews that are counted, in this order. `tables` are the words of each shard.
    ///
    /// # Errors
    /// [`Error::Unfit`] where they have no word, or too many; [`Error::Io`].
    pub fn finish(
        mut self,
        path: &Path,
        cut: &Cut,
        reviews: &[u32],
        tables: Vec<Words>,
        workers: Workers,
    ) -> Result<Lexicon> {
        let mut lexicon = match std::mem::replace(&mut self.origin, Origin::Counts) {
            Origin::Counts => self.count(path, Counted::count(cut, reviews, tables, workers)?)?,
            Origin::Index(index) => self.impose(path, &index, &tables, workers)?,
            Origin::Known(known) => return known.lexicon(path, &tables, workers),
        };
        self.check_kept(path, &lexicon.tokens)?;
        if self.rules.ngrams > 1 {
            if self.rules.hash.is_none() {
                let ngrams = self.ngrams(cut, reviews, &lexicon, workers)?;
                lexicon.vocabulary = ngrams.vocabulary(&lexicon.vocabulary);
            }
            lexicon.encoder = encoder(path, Encoder::new(&self.rules, &lexicon.vocabulary))?;
        }
        Ok(lexicon)
    }

    /// Words by their given ranks.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the index has none of them; those of its ranks.
    fn impose(
        &mut self,
        path: &Path,
        index: &Index,
        tables: &[Words],
        workers: Workers,
    ) -> Result<Lexicon> {
        if self.all_words {
            index.check_ranks()?;
        }
        self.make_room(index.words.last().map_or(0, |(rank, _)| *rank))?;
        let rules = self.unigrams();
        let vocabulary =
            rules.vocabulary(index.words.iter().map(|(rank, word)| (*rank, &**word)))?;
        let encoder = encoder(path, Encoder::new(&rules, &vocabulary))?;
        let tokens = tokens(&encoder, tables, workers)?;
        // What is cut for its rank is in the index all the same.
        let has_words = tables.iter().any(|words| !words.is_empty());
        if has_words && tokens.iter().flatten().all(|&token| token == DROPPED) {
            return Err(Error::Unfit {
                option: "--word-index",
                value: index.path.display().to_string(),
                reason: format!("no word of {} is in it", path.display()),
                remedy: "words are compared in lower case; name the index that belongs to them"
                    .into(),
            });
        }
        Ok(Lexicon { encoder, vocabulary, tokens })
    }

    /// Words by the ranks that their counts give them.
    fn count(&mut self, path: &Path, counted: Counted) -> Result<Lexicon> {
        if counted.is_empty() {
            return Err(Error::Unfit {
                option: "--word-index",
                value: "not given".into(),
                reason: format!("no training review of {} has a word", path.display()),
                remedy: "name an index of words, or a file with training reviews".into(),
            });
        }
        let ranked = counted.ranked(self.min_count.unwrap_or(1));
        if let Some(min_count) = self.min_count.filter(|_| ranked.is_empty()) {
            return Err(Error::Unfit {
                option: "--min-count",
                value: min_count.to_string(),
                reason: format!("no word stands in so many reviews of {}", path.display()),
                remedy: "lower it".into(),
            });
        }
        self.make_room(ranked.len() as u64)?;
        let rules = self.unigrams();
        let Counted { words, numbers, .. } = counted;
        let vocabulary =
            rules.vocabulary((1..).zip(ranked.iter().map(|&number| words.word(number))))?;
        let mut tokens = vec![DROPPED; words.len()];
        for (rank, number) in (1..).zip(ranked) {
            tokens[number as usize] = rules.token(rank);
        }
        let token = |&number: &u32| tokens[number as usize];
        let of_shards = numbers.iter().map(|numbers| numbers.iter().map(token).collect()).collect();
        let encoder = encoder(path, Encoder::of_words(&rules, &vocabulary, words, tokens))?;
        Ok(Lexicon { encoder, vocabulary, tokens: of_shards })
    }

    /// Refuses reviews of which no word is left: what learns from them learns nothing.
    fn check_kept(&self, path: &Path, tokens: &[Vec<u32>]) -> Result<()> {
        if are_kept(tokens) {
            return Ok(());
        }
        let Rules { skip_top, num_words, index_from, .. } = self.rules;
        Err(Error::Unfit {
            option: "--num-words",
            value: num_words.to_string(),
            reason: format!(
                "with it and --skip-top {skip_top} every word of {} is cut",
                path.display()
            ),
            remedy: format!("raise the one or lower the other: ids begin at {}", index_from + 1),
        })
    }

    /// Where no word is cut for its rank, makes ids of all ranks.
    ///
    /// # Errors
    /// [`Error::Unfit`] for options that leave no room to so many ids, or want more: what else the rules say has been checked.
    fn make_room(&mut self, greatest: u64) -> Result<()> {
        if !self.all_words {
            return Ok(());
        }
        let ids = self.rules.ids_of(greatest.min(MAX_FEATURES as u64) as usize);
        self.rules.num_words = ids;
        let unfit = |option, value: String, remedy: &str| {
            let (reason, remedy) = (format!("there are {ids} word ids"), remedy.to_owned());
            Err(Error::Unfit { option, value, reason, remedy })
        };
        let skip_top = self.rules.skip_top;
        match self.rules.hash {
            _ if ids > MAX_FEATURES => {
                unfit("--num-words", "all".into(), "give a number, to cut the rarest words")
            }
            _ if skip_top >= ids => unfit("--skip-top", skip_top.to_string(), "lower it"),
            Some(Hash { bits, .. }) if 1 << bits <= ids => {
                let remedy = "give more bits, which are for them and for n-grams, or --num-words";
                unfit("--hash-bits", bits.to_string(), remedy)
            }
            _ => Ok(()),
        }
    }

    /// The rules without runs of words.
    fn unigrams(&self) -> Rules {
        Rules { ngrams: 1, hash: None, ..self.rules.clone() }
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

impl KnownWords {
    /// Their own ids, and the features that they make.
    fn lexicon(self, path: &Path, tables: &[Words], workers: Workers) -> Result<Lexicon> {
        let KnownWords { path: origin, rules, vocabulary } = self;
        let encoder = encoder(&origin, Encoder::new(&rules, &vocabulary))?;
        let tokens = tokens(&encoder, tables, workers)?;
        if !are_kept(&tokens) {
            return Err(Error::Unfit {
                option: "--vocabulary",
                value: origin.display().to_string(),
                reason: format!("no word of {} is a feature of it", path.display()),
                remedy: "name the file whose reviews are of the same kind".to_owned(),
            });
        }
        Ok(Lexicon { encoder, vocabulary, tokens })
    }
}

/// Whether any word is a feature, where there are words.
fn are_kept(tokens: &[Vec<u32>]) -> bool {
    let mut all = tokens.iter().flatten().peekable();
    all.peek().is_none() || all.any(|&token| token < CUT)
}

/// For each table the token of each of its words.
fn tokens(encoder: &Encoder, tables: &[Words], workers: Workers) -> Result<Vec<Vec<u32>>> {
    let mut tokens = Vec::with_capacity(tables.len());
    workers.pipeline(
        &mut workers.states(|| ()),
        |emit| tables.iter().try_for_each(emit),
        |(), words| Ok(encoder.tokens(words)),
        |of_table| {
            tokens.push(of_table);
            Ok(())
        },
    )?;
    Ok(tokens)
}

/// An encoder of rules and words that belong together.
fn encoder(path: &Path, encoder: Result<Encoder>) -> Result<Encoder> {
    encoder.map_err(|error| {
        Error::malformed(path, "the vocabulary", error.reason(), "try other options for words")
    })
}

/// How often each word occurs in the reviews that are counted.
struct Counted {
    /// Those of all shards, each once.
    words: Words,
    occurrences: Vec<Occurrences>,
    /// For each shard the number in `words` of each of its words.
    numbers: Vec<Vec<u32>>,
}

/// How often a word occurs.
#[derive(Clone, Copy)]
struct Occurrences {
    total: u64,
    /// The place of the first.
    first: u64,
    /// In so many reviews.
    reviews: u32,
    /// The row in which it was seen last, from 1.
    last: u32,
}

impl Occurrences {
    const NONE: Occurrences = Occurrences { total: 0, first: u64::MAX, reviews: 0, last: 0 };

    /// Those of the words of one shard, by their numbers, in those reviews that the shard has cut.
    fn count(cut: &Cut, reviews: &[u32], shard: usize, words: &Words) -> Result<Vec<Occurrences>> {
        let mut occurrences = vec![Occurrences::NONE; words.len()];
        let mut buffer = Vec::new();
        for (row, &review) in (1u32..).zip(reviews) {
            if cut.shard(review) != shard {
                continue;
            }
            let (_, numbers) = cut.numbers(review, &mut buffer)?;
            // No review has 2^32 words.
            for (place, &number) in (u64::from(row) << 32..).zip(numbers) {
                let word = &mut occurrences[number as usize];
                word.first = word.first.min(place);
                word.total += 1;
                word.reviews += u32::from(word.last != row);
                word.last = row;
            }
        }
        Ok(occurrences)
    }

    /// Adds those of the same word in other reviews.
    fn add(&mut self, more: Occurrences) {
        self.first = self.first.min(more.first);
        self.total += more.total;
        self.reviews += more.reviews;
    }
}

impl Counted {
    /// Counts the words of some reviews: each shard's by a thread of its own, and the table of the first takes in the words
    /// of the others.
    fn count(cut: &Cut, reviews: &[u32], tables: Vec<Words>, workers: Workers) -> Result<Counted> {
        let mut parts = Vec::with_capacity(tables.len());
        workers.pipeline(
            &mut workers.states(|| ()),
            |emit| tables.iter().enumerate().try_for_each(emit),
            |(), (shard, words)| Occurrences::count(cut, reviews, shard, words),
            |part| {
                parts.push(part);
                Ok(())
            },
        )?;
        let mut shards = tables.into_iter().zip(parts);
        let (mut words, mut occurrences) = shards.next().expect("there is a thread");
        let mut numbers = vec![(0..words.len() as u32).collect()];
        for (table, part) in shards {
            let mut of_shard = Vec::with_capacity(table.len());
            for (number, more) in (0..).zip(part) {
                let place = words.insert(table.word(number))?;
                of_shard.push(place);
                match occurrences.get_mut(place as usize) {
                    // A review is in one shard, so none is counted twice.
                    Some(occurrences) => occurrences.add(more),
                    None => occurrences.push(more),
                }
            }
            numbers.push(of_shard);
        }
        Ok(Counted { words, occurrences, numbers })
    }

    /// Whether no word occurs.
    fn is_empty(&self) -> bool {
        self.occurrences.iter().all(|word| word.total == 0)
    }

    /// The numbers of the words that occur in at least `min_count` reviews, by falling count, those of equal counts in the order
    /// in which they first occur.
    fn ranked(&self, min_count: u32) -> Vec<u32> {
        let frequent = (0..).zip(&self.occurrences).filter(|(_, word)| word.reviews >= min_count);
        let mut ranked: Vec<_> =
            frequent.map(|(number, word)| (Reverse(word.total), word.first, number)).collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(.., number)| number).collect()
    }
}
