//! Words and their ids.
//!
//! Ids follow Keras' `keras.datasets.imdb`: a word of frequency rank `r` (from 1) has the id `r + index_from`, and the
//! ids below are reserved: 0 pads, 1 starts a review, 2 stands for every word that was cut.

/// The words of a dataset, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vocabulary {
    text: String,
    /// `text[offsets[id]..offsets[id + 1]]` is the word of `id`; empty where an id has none.
    offsets: Vec<u64>,
}

impl Vocabulary {
    /// Takes one word an id, from id 0; the empty string where an id has no word.
    pub fn from_words<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> Vocabulary {
        let mut vocabulary = Vocabulary { text: String::new(), offsets: vec![0] };
        for word in words {
            vocabulary.text.push_str(word.as_ref());
            vocabulary.offsets.push(vocabulary.text.len() as u64);
        }
        vocabulary
    }

    /// Puts a vocabulary together from its two arrays, or says what is wrong with them.
    pub fn from_parts(text: String, offsets: Vec<u64>) -> Result<Vocabulary, String> {
        if offsets.first() != Some(&0) || offsets.last() != Some(&(text.len() as u64)) {
            return Err(format!("the offsets do not run from 0 to {}", text.len()));
        }
        for (id, pair) in offsets.windows(2).enumerate() {
            let inside = pair[0] <= pair[1] && pair[1] <= text.len() as u64;
            if !inside || !text.is_char_boundary(pair[1] as usize) {
                return Err(format!("the word of id {id} ends at {}", pair[1]));
            }
        }
        Ok(Vocabulary { text, offsets })
    }

    /// How many ids it covers, those without a word included.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
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
