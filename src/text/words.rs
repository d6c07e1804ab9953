//! Words, each once, numbered in the order in which they first came.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::error::{Error, Result};

/// The most words, and the most bytes of them: what numbers of 32 bits can tell apart, with room for those that stand for
/// no word.
const MOST: usize = u32::MAX as usize - 15;

/// Distinct words in one text. The table's hash is seeded at random, so that no input can slow it down on purpose; the
/// numbers do not depend on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    text: String,
    table: HashTable<Slot>,
    slots: Vec<Slot>,
    hasher: DefaultHashBuilder,
}

/// A word's place in the text, and its number.
#[derive(Debug, Clone, Copy)]
struct Slot {
    start: u32,
    end: u32,
    number: u32,
}

impl Slot {
    fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }

    /// Whether it is the word: bytes alone are compared, since a look at characters' bounds costs more than the rest.
    #[inline]
    fn is(self, text: &str, word: &str) -> bool {
        text.as_bytes()[self.start as usize..self.end as usize] == *word.as_bytes()
    }
}

impl Words {
    /// How many words.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The word of a number.
    pub(super) fn word(&self, number: u32) -> &str {
        self.slots[number as usize].of(&self.text)
    }

    /// The number of a word, if it is there.
    #[inline]
    pub(super) fn number(&self, word: &str) -> Option<u32> {
        let hash = self.hasher.hash_one(word);
        self.table.find(hash, |slot| slot.is(&self.text, word)).map(|slot| slot.number)
    }

    /// The number of a word, which is new where it was not there.
    ///
    /// # Errors
    /// [`Error::Unfit`] where there are 2^32 words, or bytes of them.
    #[inline]
    pub(super) fn insert(&mut self, word: &str) -> Result<u32> {
        let Words { text, table, slots, hasher } = self;
        let hash = hasher.hash_one(word);
        let is_word = |slot: &Slot| slot.is(text, word);
        let rehash = |slot: &Slot| hasher.hash_one(slot.of(text));
        match table.entry(hash, is_word, rehash) {
            Entry::Occupied(entry) => Ok(entry.get().number),
            Entry::Vacant(entry) => {
                if text.len() + word.len() > MOST {
                    return Err(too_many_words());
                }
                let start = text.len() as u32;
                let slot =
                    Slot { start, end: start + word.len() as u32, number: slots.len() as u32 };
                entry.insert(slot);
                slots.push(slot);
                text.push_str(word);
                Ok(slot.number)
            }
        }
    }
}

#[cold]
fn too_many_words() -> Error {
    Error::Unfit {
        option: "the text",
        value: "more than 4 GiB of distinct words".to_owned(),
        reason: "no vocabulary has room for them".to_owned(),
        remedy: "check that it is text; if it is, count a part of it".to_owned(),
    }
}
