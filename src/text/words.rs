//! Words, each once, numbered in the order in which they first came.

use std::hash::BuildHasher;
use std::ops::Range;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::{Scratch, Tokenizer};
use crate::error::{Error, Result};

/// The most words, and the most bytes of them: what numbers of 32 bits can tell apart, with room for those that stand for
/// no word.
const MOST: usize = u32::MAX as usize - 15;

/// How many bytes of a word its key holds. One word of two hundred has more.
const SHORT: usize = 16;

/// Distinct words, numbered in the order in which they first came.
///
/// The table's hash is seeded at random, so that no input can slow it down on purpose; the numbers do not depend on it.
#[derive(Debug, Clone)]
pub struct Words {
    text: String,
    /// Where each word ends in the text.
    ends: Vec<u32>,
    table: HashTable<Slot>,
    hasher: DefaultHashBuilder,
    seeds: [u64; 2],
}

/// A word's key, and its number.
#[derive(Debug, Clone, Copy)]
struct Slot {
    key: Key,
    number: u32,
}

/// What tells words apart: all of a short word, so that no look at the text is needed, and the beginning of a long one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    bytes: [u64; 2],
    length: u32,
}

impl Key {
    /// The key of `text[word]`, where the text goes on for [`SHORT`] bytes at least: no loop, no branch on the length.
    #[inline]
    fn within(text: &[u8], word: &Range<usize>) -> Key {
        const MASKS: [u128; SHORT + 1] = {
            let mut masks = [0; SHORT + 1];
            let mut length = 1;
            while length <= SHORT {
                masks[length] = u128::MAX >> (8 * (SHORT - length));
                length += 1;
            }
            masks
        };
        let length = word.len();
        let bytes = text[word.start..].first_chunk().expect("the text goes on behind the word");
        let bytes = u128::from_le_bytes(*bytes) & MASKS[length.min(SHORT)];
        Key { bytes: [bytes as u64, (bytes >> 64) as u64], length: length as u32 }
    }

    fn of(word: &str) -> Key {
        let mut bytes = [0; SHORT];
        let length = word.len().min(SHORT);
        bytes[..length].copy_from_slice(&word.as_bytes()[..length]);
        Key { length: word.len() as u32, ..Key::within(&bytes, &(0..length)) }
    }

    fn is_short(self) -> bool {
        self.length as usize <= SHORT
    }
}

impl Default for Words {
    fn default() -> Words {
        let hasher = DefaultHashBuilder::default();
        let seeds = [hasher.hash_one(0u64), hasher.hash_one(1u64)];
        let (text, ends) = (String::new(), Vec::new());
        Words { text, ends, table: HashTable::new(), hasher, seeds }
    }
}

impl Words {
    /// Appends to `numbers` the number of each word of a text, in reading order. Words that were not there become new.
    ///
    /// # Errors
    /// [`Error::Unfit`] where 2^32 bytes of distinct words have come together.
    pub fn add(
        &mut self,
        tokenizer: Tokenizer,
        text: &str,
        scratch: &mut Scratch,
        numbers: &mut Vec<u32>,
    ) -> Result<()> {
        let mut result = Ok(());
        tokenizer.for_each_place(text, scratch, |lowered, word| {
            match self.insert_key(Key::within(lowered.padded(), &word), || lowered.word(&word)) {
                Ok(number) => numbers.push(number),
                Err(error) => result = Err(error),
            }
        });
        result
    }

    /// How many words.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The word of a number.
    ///
    /// # Panics
    /// If there are not so many words.
    pub fn word(&self, number: u32) -> &str {
        word_of(&self.text, &self.ends, number)
    }

    /// The number of a word, if it is there.
    pub fn number(&self, word: &str) -> Option<u32> {
        let key = Key::of(word);
        let is_word = |slot: &Slot| slot.key == key && (key.is_short() || self.word(slot.number) == word);
        self.table.find(self.hash(key, || word), is_word).map(|slot| slot.number)
    }

    /// The number of a word, which is new where it was not there.
    ///
    /// # Errors
    /// Those of [`Words::add`].
    pub(super) fn insert(&mut self, word: &str) -> Result<u32> {
        self.insert_key(Key::of(word), || word)
    }

    #[inline]
    fn insert_key<'a>(&mut self, key: Key, word: impl Fn() -> &'a str) -> Result<u32> {
        let hash = self.hash(key, &word);
        let Words { text, ends, .. } = self;
        let is_word = |slot: &Slot| {
            slot.key == key && (key.is_short() || word_of(text, ends, slot.number) == word())
        };
        match self.table.find(hash, is_word) {
            Some(slot) => Ok(slot.number),
            None => self.insert_new(hash, key, word()),
        }
    }

    #[cold]
    #[inline(never)]
    fn insert_new(&mut self, hash: u64, key: Key, word: &str) -> Result<u32> {
        if self.text.len() + word.len() > MOST {
            return Err(too_many_words());
        }
        let number = self.ends.len() as u32;
        self.text.push_str(word);
        self.ends.push(self.text.len() as u32);
        let Words { text, ends, table, hasher, seeds } = self;
        let rehash = |slot: &Slot| hash_of(hasher, *seeds, slot.key, || word_of(text, ends, slot.number));
        table.insert_unique(hash, Slot { key, number }, rehash);
        Ok(number)
    }

    #[inline]
    fn hash<'a>(&self, key: Key, word: impl Fn() -> &'a str) -> u64 {
        hash_of(&self.hasher, self.seeds, key, word)
    }
}

fn word_of<'a>(text: &'a str, ends: &[u32], number: u32) -> &'a str {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] as usize };
    &text[start..ends[number] as usize]
}

/// One product of 64 by 64 bits, folded, as the crate's own hash does; it would take the bytes one length at a time.
#[inline]
fn hash_of<'a>(
    hasher: &DefaultHashBuilder,
    seeds: [u64; 2],
    key: Key,
    word: impl Fn() -> &'a str,
) -> u64 {
    if !key.is_short() {
        return hasher.hash_one(word());
    }
    let [low, high] = key.bytes;
    let product = u128::from(low ^ seeds[0]) * u128::from(high ^ seeds[1] ^ u64::from(key.length));
    product as u64 ^ (product >> 64) as u64
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
