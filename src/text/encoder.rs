//! Turns texts to ids and features.

use hashbrown::HashMap;

use super::ngrams::key;
use super::words::Words;
use super::{CUT, DROPPED, Rules, Scratch, Unknown, Vocabulary, WordCounts};

/// Turns texts to their word ids in reading order, and to their sets of features. It can be shared by threads, each with
/// its own [`Encoding`].
#[derive(Debug, Clone)]
pub struct Encoder {
    rules: Rules,
    features: usize,
    words: Words,
    /// The id of each of `words`, or [`CUT`].
    tokens: Vec<u32>,
    /// The features of runs of words that have a name.
    runs: HashMap<u64, u32>,
}

/// One text as ids, and the buffers for the next one.
#[derive(Debug, Clone, Default)]
pub struct Encoding {
    scratch: Scratch,
    tokens: Vec<u32>,
    words: Vec<u32>,
    features: Vec<u32>,
    /// A bit a feature, all zero between texts.
    bits: Vec<u64>,
}

impl Encoding {
    /// For each word of the text its id, [`CUT`](super::CUT) or [`DROPPED`](super::DROPPED).
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The word ids in reading order, the marks of start and of cut words included.
    pub fn words(&self) -> &[u32] {
        &self.words
    }

    /// The distinct features, ascending.
    pub fn features(&self) -> &[u32] {
        &self.features
    }

    /// Puts `features`, which are below `count`, in order, each once.
    fn sort(&mut self, count: usize) {
        let Encoding { features, bits, .. } = self;
        let needed = count.div_ceil(64);
        // Looking through all bits is faster than sorting unless there are many of them.
        if needed > 8 * features.len() {
            features.sort_unstable();
            return features.dedup();
        }
        bits.resize(needed.max(bits.len()), 0);
        for &feature in features.iter() {
            bits[feature as usize / 64] |= 1 << (feature % 64);
        }
        features.clear();
        for (place, set) in (0..).zip(&mut bits[..needed]) {
            while *set != 0 {
                features.push(64 * place + set.trailing_zeros());
                *set &= *set - 1;
            }
        }
    }
}

impl Encoder {
    /// Prepares rules and vocabulary for use, or says why they do not fit together.
    pub fn new(rules: &Rules, vocabulary: &Vocabulary) -> Result<Encoder, String> {
        rules.check().map_err(|error| error.to_string())?;
        let features = rules.features(vocabulary);
        let names = rules.num_words.min(vocabulary.len()) as u32;
        if rules.ngrams < 2 || rules.hash.is_some() {
            if vocabulary.len() > rules.num_words {
                let (found, words) = (vocabulary.len(), rules.num_words);
                return Err(format!("it names {found} ids, and the rules have {words} words"));
            }
        } else if features > super::MAX_FEATURES {
            return Err(format!("it names {features} features, above {}", super::MAX_FEATURES));
        }
        let mut encoder = Encoder {
            rules: rules.clone(),
            features,
            words: Words::default(),
            tokens: Vec::new(),
            runs: HashMap::new(),
        };
        for id in 0..names {
            if let Some(word) = vocabulary.word(id) {
                let is_cut = (id as usize) < rules.skip_top;
                encoder.insert(word, if is_cut { CUT } else { id })?;
            }
        }
        vocabulary.cut_words().try_for_each(|word| encoder.insert(word, CUT))?;
        for id in names..vocabulary.len() as u32 {
            encoder.insert_run(vocabulary.word(id).unwrap_or(""), id)?;
        }
        Ok(encoder)
    }

    /// Of a word that occurs twice the first id counts.
    fn insert(&mut self, word: &str, token: u32) -> Result<(), String> {
        let number = self.words.insert(word).map_err(|error| error.to_string())?;
        if number as usize == self.tokens.len() {
            self.tokens.push(token);
        }
        Ok(())
    }

    /// The beginning of a run occurs in as many texts as the run or in more, and so comes before it.
    fn insert_run(&mut self, run: &str, id: u32) -> Result<(), String> {
        let mut words = run.split(' ').map(|word| self.token(word));
        let length = run.split(' ').count();
        let mut node = words.next().unwrap_or(DROPPED);
        let problem = |what: &str| Err(format!("the n-gram {run:?} of id {id} {what}"));
        if !(2..=self.rules.ngrams).contains(&length) {
            return problem(&format!("has {length} words, the rules 2 to {}", self.rules.ngrams));
        }
        for place in 2..=length {
            let word = words.next().unwrap_or(DROPPED);
            if node >= CUT || word >= CUT {
                return problem("holds a word that is no feature");
            }
            if place == length {
                return match self.runs.insert(key(node, word), id) {
                    None => Ok(()),
                    Some(other) => problem(&format!("is also that of id {other}")),
                };
            }
            node = match self.runs.get(&key(node, word)) {
                Some(&next) => next,
                None => return problem("comes before its own beginning"),
            };
        }
        Ok(())
    }

    /// Its rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// How many features there are: all ids are below.
    pub fn features(&self) -> usize {
        self.features
    }

    /// The id of a word as a tokenizer yields it; [`CUT`] where it is cut, [`DROPPED`] where it is to be dropped.
    #[inline]
    pub fn token(&self, word: &str) -> u32 {
        match self.words.number(word) {
            Some(number) => self.tokens[number as usize],
            None => match self.rules.unknown {
                Unknown::Drop => DROPPED,
                Unknown::Cut => CUT,
            },
        }
    }

    /// [`Encoder::token`] of each word that was counted: by their numbers, texts that were counted need not be cut into
    /// words again.
    pub fn tokens(&self, counts: &WordCounts) -> Vec<u32> {
        (0..counts.len() as u32).map(|number| self.token(counts.word(number))).collect()
    }

    /// Encodes a text.
    pub fn encode(&self, text: &str, encoding: &mut Encoding) {
        let Encoding { scratch, tokens, .. } = encoding;
        tokens.clear();
        self.rules.tokenizer.for_each(text, scratch, |word| tokens.push(self.token(word)));
        self.finish(encoding);
    }

    /// Encodes a text that has been cut into words already: for each its [`Encoder::token`].
    pub fn encode_tokens(&self, tokens: impl IntoIterator<Item = u32>, encoding: &mut Encoding) {
        encoding.tokens.clear();
        encoding.tokens.extend(tokens);
        self.finish(encoding);
    }

    /// From tokens to words and features.
    fn finish(&self, encoding: &mut Encoding) {
        let Encoding { tokens, words, features, .. } = encoding;
        words.clear();
        let start =
            self.rules.start_char.map(|start| match (start as usize) < self.rules.skip_top {
                true => CUT,
                false => start,
            });
        for token in start.into_iter().chain(tokens.iter().copied()) {
            match token {
                CUT => words.extend(self.rules.oov_char),
                DROPPED => {}
                id => words.push(id),
            }
        }
        features.clear();
        features.extend_from_slice(words);
        self.for_each_run(tokens, |_, _, feature| features.push(feature));
        encoding.sort(self.features);
    }

    /// Calls `visit` with the place, the number of words and the feature of each run of two words and more that is one.
    pub fn for_each_run(&self, tokens: &[u32], mut visit: impl FnMut(usize, usize, u32)) {
        let longest = self.rules.ngrams;
        if longest < 2 {
            return;
        }
        for (at, &first) in tokens.iter().enumerate() {
            if first >= CUT {
                continue;
            }
            let followers = tokens[at + 1..].iter().take(longest - 1);
            let followers = followers.take_while(|&&word| word < CUT);
            match self.rules.hash {
                Some(hash) => {
                    let mut run = hash.and(hash.start(), first);
                    for (length, &word) in (2..).zip(followers) {
                        run = hash.and(run, word);
                        visit(at, length, hash.feature(run, self.rules.num_words));
                    }
                }
                None => {
                    let mut node = first;
                    for (length, &word) in (2..).zip(followers) {
                        let Some(&next) = self.runs.get(&key(node, word)) else { break };
                        node = next;
                        visit(at, length, node);
                    }
                }
            }
        }
    }
}
