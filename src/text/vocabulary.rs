//! The names of features.

use crate::error::{Error, Result};

/// The words of a dataset, by id, and behind them its n-grams, each as its words with spaces between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    text: String,
    /// `text[offsets[id]..offsets[id + 1]]` is the word of `id`; empty where an id has none.
    offsets: Vec<u64>,
    /// The words that were cut, with spaces between.
    cut: String,
}

/// No word.
impl Default for Vocabulary {
    fn default() -> Vocabulary {
        Vocabulary { text: String::new(), offsets: vec![0], cut: String::new() }
    }
}

impl Vocabulary {
    /// Takes one word an id, from id 0; the empty string where an id has no word.
    pub fn from_words<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Vocabulary {
        let mut vocabulary = Vocabulary::default();
        for word in words {
            vocabulary.text.push_str(word.as_ref());
            vocabulary.offsets.push(vocabulary.text.len() as u64);
        }
        vocabulary
    }

    /// Puts a vocabulary together from its two arrays.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the offsets do not cut the text into words.
    pub fn from_parts(text: String, offsets: Vec<u64>) -> Result<Vocabulary> {
        let unfit = |reason: String| Error::Unfit {
            option: "the vocabulary",
            value: format!("one of {} offsets", offsets.len()),
            reason,
            remedy: "give for each word where it starts, and the end of the last one".to_owned(),
        };
        if offsets.first() != Some(&0) || offsets.last() != Some(&(text.len() as u64)) {
            return Err(unfit(format!("the offsets do not run from 0 to {}", text.len())));
        }
        for (id, pair) in offsets.windows(2).enumerate() {
            let inside = pair[0] <= pair[1] && pair[1] <= text.len() as u64;
            if !inside || !text.is_char_boundary(pair[1] as usize) {
                return Err(unfit(format!("the word of id {id} ends at {}", pair[1])));
            }
        }
        Ok(Vocabulary { text, offsets, cut: String::new() })
    }

    /// The same with words that are known, but cut: they have no id. Words that no tokenizer yields, since they are empty
    /// or have a space in them, are left out.
    pub fn with_cut<S: AsRef<str>>(self, words: impl IntoIterator<Item = S>) -> Vocabulary {
        let mut cut = String::new();
        for word in words {
            let word = word.as_ref();
            if word.is_empty() || word.contains(' ') {
                continue;
            }
            if !cut.is_empty() {
                cut.push(' ');
            }
            cut.push_str(word);
        }
        Vocabulary { cut, ..self }
    }

    /// Names the next id by a run of words.
    pub(super) fn push_run<'a>(&mut self, words: impl Iterator<Item = &'a str>) {
        for (place, word) in words.enumerate() {
            if place > 0 {
                self.text.push(' ');
            }
            self.text.push_str(word);
        }
        self.offsets.push(self.text.len() as u64);
    }

    /// The words that are known, but cut, from the most frequent one on.
    pub fn cut_words(&self) -> impl Iterator<Item = &str> {
        self.cut.split(' ').filter(|word| !word.is_empty())
    }

    /// The words that are known, but cut, with spaces between.
    pub fn cut(&self) -> &str {
        &self.cut
    }

    /// How many ids it covers, those without a word included.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether it covers no id at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The word of an id; `None` for reserved ids and ids out of range.
    pub fn word(&self, id: u32) -> Option<&str> {
        let id = id as usize;
        if id >= self.len() {
            return None;
        }
        let word = &self.text[self.offsets[id] as usize..self.offsets[id + 1] as usize];
        if word.is_empty() { None } else { Some(word) }
    }

    /// All words, one after the other.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where each word starts and ends in [`Vocabulary::text`], `len() + 1` values.
    pub fn offsets(&self) -> &[u64] {
        &self.offsets
    }
}
