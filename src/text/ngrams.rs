//! Runs of words that are frequent enough to be features.
//!
//! They are found length by length: a run of three words occurs in no more texts than its first two and its last two do,
//! so only runs whose parts are frequent are counted at all. That is exact, and keeps memory to what may be frequent.
//!
//! A run is a pair: the node of the run without its last word, and that word's id. Nodes below `num_words` are the words
//! themselves. So no run is ever stored as a list of words, and no two runs can be taken for one another.

use hashbrown::HashMap;

use super::{MAX_FEATURES, MAX_NGRAM, Vocabulary};
use crate::error::{Error, Result};

/// Stands for a run that is not frequent.
const NONE: u32 = u32::MAX;

/// The frequent runs of two words and more, grown length by length.
///
/// For each length from 2 on: count all texts by an [`NgramCounts`] of that length, then [`Ngrams::grow`].
#[derive(Debug, Clone)]
pub struct Ngrams {
    num_words: usize,
    /// How long the longest runs are.
    longest: usize,
    nodes: Vec<Node>,
    table: HashMap<u64, u32>,
}

/// A frequent run.
#[derive(Debug, Clone, Copy)]
struct Node {
    key: u64,
    texts: u32,
}

/// In how many texts each run of one length occurs.
///
/// Texts may be counted in parts, side by side, in any order: see [`NgramCounts::merge`].
#[derive(Debug, Clone, Default)]
pub struct NgramCounts {
    counts: HashMap<u64, Count>,
    texts: u32,
    runs: Vec<u32>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Count {
    texts: u32,
    /// The text in which it was seen last, from 1.
    last: u32,
}

/// The name of a run in tables: its node without the last word, and that word.
#[inline]
pub(super) fn key(node: u32, word: u32) -> u64 {
    u64::from(node) << 32 | u64::from(word)
}

impl Ngrams {
    /// No runs yet, of words whose ids are below `num_words`.
    pub fn new(num_words: usize) -> Ngrams {
        Ngrams { num_words, longest: 1, nodes: Vec::new(), table: HashMap::new() }
    }

    /// How many runs there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is no run.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many words the next runs have.
    pub fn next_length(&self) -> usize {
        self.longest + 1
    }

    /// Takes in the runs of the next length that occur in at least `min_texts` texts. Returns how many they are.
    ///
    /// # Errors
    /// [`Error::Unfit`] where words and runs are more than 2^26 together.
    ///
    /// # Panics
    /// If the runs are longest already.
    pub fn grow(&mut self, counts: NgramCounts, min_texts: u32) -> Result<usize> {
        assert!(self.longest < MAX_NGRAM, "runs of {MAX_NGRAM} words are there already");
        let frequent = counts.counts.into_iter().filter(|(_, count)| count.texts >= min_texts);
        let mut frequent: Vec<Node> =
            frequent.map(|(key, count)| Node { key, texts: count.texts }).collect();
        let room = MAX_FEATURES.saturating_sub(self.num_words).saturating_sub(self.nodes.len());
        if frequent.len() > room {
            return Err(too_many());
        }
        // The table's order is random; by key it is that of the words' ids.
        frequent.sort_unstable_by_key(|node| node.key);
        let first = (self.num_words + self.nodes.len()) as u32;
        self.table.extend((first..).zip(&frequent).map(|(id, node)| (node.key, id)));
        self.nodes.extend(&frequent);
        self.longest += 1;
        Ok(frequent.len())
    }

    /// Names all runs behind the words of `vocabulary`: their words with spaces between. The features come by falling
    /// number of texts, so that those which training meets most lie together in memory; of equal numbers the shorter run
    /// comes first, then the one whose words have the lower ids.
    ///
    /// # Panics
    /// If the vocabulary has other than `num_words` ids.
    pub fn vocabulary(&self, vocabulary: &Vocabulary) -> Vocabulary {
        assert_eq!(vocabulary.len(), self.num_words, "ids of the vocabulary");
        let mut order: Vec<u32> = (0..self.len() as u32).collect();
        // A stable sort: nodes come by length, then by words.
        order.sort_by_key(|&node| std::cmp::Reverse(self.nodes[node as usize].texts));
        let mut words = [0; MAX_NGRAM];
        let mut named = vocabulary.clone();
        for node in order {
            let words = self.words_of(node, &mut words);
            let words = words.iter().map(|&word| vocabulary.word(word).unwrap_or(""));
            named.push_run(words);
        }
        named
    }

    /// The words of a run.
    fn words_of<'a>(&self, node: u32, words: &'a mut [u32; MAX_NGRAM]) -> &'a [u32] {
        let mut start = MAX_NGRAM;
        let mut node = self.num_words as u32 + node;
        loop {
            start -= 1;
            let Some(index) = (node as usize).checked_sub(self.num_words) else {
                words[start] = node;
                return &words[start..];
            };
            let key = self.nodes[index].key;
            words[start] = key as u32;
            node = (key >> 32) as u32;
        }
    }
}

impl NgramCounts {
    /// Counts the runs of `ngrams`' next length in one text, given as the ids of its tokens
    /// ([`Encoder::tokens`](super::Encoder::tokens)): each run once, however often it stands there.
    ///
    /// # Errors
    /// [`Error::Unfit`] where there are too many distinct runs to count.
    pub fn add(&mut self, ngrams: &Ngrams, tokens: &[u32]) -> Result<()> {
        let NgramCounts { counts, texts, runs } = self;
        *texts = texts.wrapping_add(1);
        runs.clear();
        let is_word = |token: u32| (token as usize) < ngrams.num_words;
        runs.extend(tokens.iter().map(|&token| if is_word(token) { token } else { NONE }));
        // Runs of each length, at the place where they start, up to those that are one word shorter than asked for.
        for length in 2..=ngrams.longest {
            for (at, run) in runs.iter_mut().enumerate() {
                *run = match tokens.get(at + length - 1) {
                    Some(&word) if *run != NONE && is_word(word) => {
                        ngrams.table.get(&key(*run, word)).copied().unwrap_or(NONE)
                    }
                    _ => NONE,
                };
            }
        }
        for (pair, &word) in runs.windows(2).zip(tokens.get(ngrams.longest..).unwrap_or(&[])) {
            if pair[0] == NONE || pair[1] == NONE {
                continue;
            }
            let count = counts.entry(key(pair[0], word)).or_default();
            count.texts += u32::from(count.last != *texts);
            count.last = *texts;
        }
        // Twice as many as can be features: most runs are rare and go when they are sifted.
        match counts.len() > 2 * MAX_FEATURES {
            true => Err(too_many()),
            false => Ok(()),
        }
    }

    /// Adds the counts of other texts.
    ///
    /// # Errors
    /// Those of [`NgramCounts::add`].
    pub fn merge(&mut self, other: NgramCounts) -> Result<()> {
        for (key, more) in other.counts {
            let count = self.counts.entry(key).or_default();
            count.texts = count.texts.saturating_add(more.texts);
        }
        match self.counts.len() > 2 * MAX_FEATURES {
            true => Err(too_many()),
            false => Ok(()),
        }
    }
}

#[cold]
fn too_many() -> Error {
    Error::Unfit {
        option: "the text",
        value: format!("more than {MAX_FEATURES} runs of words"),
        reason: "there are no more features".to_owned(),
        remedy: "raise --min-count, lower --num-words, or use --hash-bits".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The runs of two of a text of three words, behind so many words.
    fn two_runs(num_words: usize) -> (Ngrams, Result<usize>) {
        let mut ngrams = Ngrams::new(num_words);
        let mut counts = NgramCounts::default();
        counts.add(&ngrams, &[5, 6, 7]).unwrap();
        let grown = ngrams.grow(counts, 1);
        (ngrams, grown)
    }

    #[test]
    fn runs_that_find_no_room_are_refused() {
        let (ngrams, grown) = two_runs(MAX_FEATURES - 2);
        assert_eq!((ngrams.len(), grown.unwrap()), (2, 2));
        for num_words in [MAX_FEATURES - 1, MAX_FEATURES + 1, usize::MAX] {
            let (ngrams, grown) = two_runs(num_words);
            let error = grown.unwrap_err().to_string();
            for part in ["67108864 runs", "raise --min-count"] {
                assert!(error.contains(part), "{part} in {error}");
            }
            assert!(ngrams.is_empty() && ngrams.next_length() == 2, "nothing was taken in");
        }
    }
}
