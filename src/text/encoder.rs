//! Turns texts to ids and features.

use hashbrown::HashMap;

use super::ngrams::key;
use super::rules::unfit;
use super::words::Words;
use super::{CUT, DROPPED, Rules, Scratch, Unknown, Vocabulary};
use crate::error::{Result, shortened};

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
    /// A bit for each feature, all clear between texts.
    seen: Vec<u64>,
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
}

impl Encoder {
    /// Prepares rules and vocabulary for use.
    ///
    /// # Errors
    /// Those of [`Rules::check`]; [`Error::Unfit`](crate::Error::Unfit) where the vocabulary is none of these rules.
    pub fn new(rules: &Rules, vocabulary: &Vocabulary) -> Result<Encoder> {
        let names = rules.num_words.min(vocabulary.len()) as u32;
        let (words, tokens) =
            (Words::with_room(names as usize), Vec::with_capacity(names as usize));
        let mut encoder = Encoder::of_words(rules, vocabulary, words, tokens)?;
        for id in 0..names {
            if let Some(word) = vocabulary.word(id) {
                let is_cut = (id as usize) < rules.skip_top;
                encoder.insert(word, if is_cut { CUT } else { id })?;
            }
        }
        vocabulary.cut_words().try_for_each(|word| encoder.insert(word, CUT))?;
        for id in names..vocabulary.len() as u32 {
            let run = encoder.insert_run(vocabulary.word(id).unwrap_or(""), id);
            run.map_err(|reason| unfit(vocabulary, reason))?;
        }
        Ok(encoder)
    }

    /// The same of words in a table, each with its [`Encoder::token`], where the vocabulary has no runs of them.
    pub(crate) fn of_words(
        rules: &Rules,
        vocabulary: &Vocabulary,
        words: Words,
        tokens: Vec<u32>,
    ) -> Result<Encoder> {
        let features = rules.checked_features(vocabulary)?;
        Ok(Encoder { rules: rules.clone(), features, words, tokens, runs: HashMap::new() })
    }

    /// Of a word that occurs twice the first id counts.
    fn insert(&mut self, word: &str, token: u32) -> Result<()> {
        let number = self.words.insert(word)?;
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
        let problem =
            |what: &str| Err(format!("the n-gram {:?} of id {id} {what}", shortened(run, 60)));
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

    /// [`Encoder::token`] of each of some words: by their numbers, texts need not be cut into words again.
    pub fn tokens(&self, words: &Words) -> Vec<u32> {
        (0..words.len() as u32).map(|number| self.token(words.word(number))).collect()
    }

    /// Encodes a text.
    pub fn encode(&self, text: &str, encoding: &mut Encoding) {
        let Encoding { scratch, tokens, .. } = encoding;
        tokens.clear();
        self.rules.tokenizer.for_each(text, scratch, |word| tokens.push(self.token(word)));
        self.finish(encoding);
    }

    /// Encodes a text that has been cut into words already: for each its [`Encoder::token`].
    ///
    /// # Panics
    /// If a token is neither an id below [`Encoder::features`] nor [`CUT`] nor [`DROPPED`].
    pub fn encode_tokens(&self, tokens: impl IntoIterator<Item = u32>, encoding: &mut Encoding) {
        encoding.tokens.clear();
        encoding.tokens.extend(tokens);
        let is_token = |&token: &u32| (token as usize) < self.features || token >= CUT;
        let wrong = encoding.tokens.iter().find(|token| !is_token(token));
        assert!(wrong.is_none(), "token {wrong:?} of {} features", self.features);
        self.finish(encoding);
    }

    /// From tokens to words and features.
    fn finish(&self, encoding: &mut Encoding) {
        let Encoding { tokens, words, features, seen, .. } = encoding;
        words.clear();
        let start =
            self.rules.start_char.map(|start| match (start as usize) < self.rules.skip_top {
                true => CUT,
                false => start,
            });
        // Without a branch on the token, which nobody can foresee: written in any case, and counted where it stays.
        let (cut, keeps_cut) = (self.rules.oov_char.unwrap_or(0), self.rules.oov_char.is_some());
        words.resize(tokens.len() + 1, 0);
        let mut length = 0;
        for token in start.into_iter().chain(tokens.iter().copied()) {
            words[length] = if token == CUT { cut } else { token };
            length += usize::from(token != DROPPED && (token != CUT || keeps_cut));
        }
        words.truncate(length);
        features.clear();
        features.extend_from_slice(words);
        self.for_each_run(tokens, |_, _, feature| features.push(feature));
        make_set(features, seen, self.features);
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

/// Makes ids below `bound` distinct and ascending. `seen` is all clear before and after.
fn make_set(ids: &mut Vec<u32>, seen: &mut Vec<u64>, bound: usize) {
    const BITS: usize = u64::BITS as usize;
    let size = bound.div_ceil(BITS);
    // To look through all bits takes less time than to sort, unless they are many more than ids.
    if size > 8 * ids.len() {
        ids.sort_unstable();
        ids.dedup();
        return;
    }
    if seen.len() < size {
        seen.resize(size, 0);
    }
    for &id in &*ids {
        seen[id as usize / BITS] |= 1 << (id as usize % BITS);
    }
    // Most words of bits have no more than two set: those are written without a branch on how many, which nobody can foresee.
    const FREE: usize = 2;
    ids.resize(ids.len() + FREE, 0);
    let mut count = 0;
    for (index, bits) in seen[..size].iter_mut().enumerate() {
        let (mut rest, base) = (std::mem::take(bits), (index * BITS) as u32);
        for _ in 0..FREE {
            ids[count] = base + rest.trailing_zeros();
            count += usize::from(rest != 0);
            rest &= rest.wrapping_sub(1);
        }
        while rest != 0 {
            ids[count] = base + rest.trailing_zeros();
            count += 1;
            rest &= rest - 1;
        }
    }
    ids.truncate(count);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_the_same_by_bits_and_by_sorting() {
        let mut seen = Vec::new();
        for (bound, count) in [(1, 3), (64, 9), (65, 9), (10_000, 5), (10_000, 300), (100_000, 400)]
        {
            let mut ids: Vec<u32> = (0..count).map(|i: u32| i * i * 7919 % bound).collect();
            let mut expected = ids.clone();
            expected.sort_unstable();
            expected.dedup();
            make_set(&mut ids, &mut seen, bound as usize);
            assert_eq!(ids, expected);
            assert!(seen.iter().all(|&bits| bits == 0));
        }
    }
}
