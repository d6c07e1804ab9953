//! Words, each once, numbered in the order in which they first came.
//!
//! Nearly all words of a text are short, so short ones are numbers: up to 15 bytes and their count fit one of 128 bits, which
//! is hashed and compared in a few instructions, without a look at any other memory than the table.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

use crate::error::{Error, Result};

/// The most bytes of all words: what numbers of 32 bits can tell apart, with room for those that stand for no word.
const MOST: usize = u32::MAX as usize - 15;

/// Distinct words in one text. The tables' hashes are seeded at random, so that no input can slow them down on purpose; the
/// numbers do not depend on it.
#[derive(Debug, Clone)]
pub(super) struct Words {
    text: String,
    /// Where each word ends in the text.
    ends: Vec<u32>,
    short: HashTable<Short>,
    /// The numbers of the words that are longer.
    long: HashTable<u32>,
    hasher: DefaultHashBuilder,
    seeds: [u64; 2],
}

#[derive(Debug, Clone, Copy)]
struct Short {
    key: [u64; 2],
    number: u32,
}

impl Default for Words {
    fn default() -> Words {
        let hasher = DefaultHashBuilder::default();
        let seeds = [hasher.hash_one(1u64), hasher.hash_one(2u64)];
        let (short, long) = (HashTable::new(), HashTable::new());
        Words { text: String::new(), ends: Vec::new(), short, long, hasher, seeds }
    }
}

impl Words {
    /// How many words.
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The word of a number.
    pub(super) fn word(&self, number: u32) -> &str {
        word(&self.text, &self.ends, number)
    }

    /// The number of a word, if it is there.
    #[inline]
    pub(super) fn number(&self, word: &str) -> Option<u32> {
        match key(word.as_bytes()) {
            Some(key) => {
                let found = self.short.find(hash(key, self.seeds), |short| short.key == key);
                found.map(|short| short.number)
            }
            None => {
                let is_it = |&number: &u32| self.word(number) == word;
                self.long.find(self.hasher.hash_one(word), is_it).copied()
            }
        }
    }

    /// The number of a word, which is new where it was not there.
    ///
    /// # Errors
    /// [`Error::Unfit`] where there are 2^32 bytes of words.
    #[inline]
    pub(super) fn insert(&mut self, word: &str) -> Result<u32> {
        let Some(key) = key(word.as_bytes()) else { return self.insert_long(word) };
        let Words { text, ends, short, seeds, .. } = self;
        let rehash = |short: &Short| hash(short.key, *seeds);
        match short.entry(hash(key, *seeds), |short| short.key == key, rehash) {
            Entry::Occupied(entry) => Ok(entry.get().number),
            Entry::Vacant(entry) => {
                let number = push(text, ends, word)?;
                entry.insert(Short { key, number });
                Ok(number)
            }
        }
    }

    fn insert_long(&mut self, new: &str) -> Result<u32> {
        let Words { text, ends, long, hasher, .. } = self;
        let is_it = |&number: &u32| word(text, ends, number) == new;
        let rehash = |&number: &u32| hasher.hash_one(word(text, ends, number));
        match long.entry(hasher.hash_one(new), is_it, rehash) {
            Entry::Occupied(entry) => Ok(*entry.get()),
            Entry::Vacant(entry) => {
                let number = push(text, ends, new)?;
                entry.insert(number);
                Ok(number)
            }
        }
    }
}

fn word<'a>(text: &'a str, ends: &[u32], number: u32) -> &'a str {
    let number = number as usize;
    let start = number.checked_sub(1).map_or(0, |before| ends[before]);
    &text[start as usize..ends[number] as usize]
}

/// Appends a word and returns its number.
#[cold]
fn push(text: &mut String, ends: &mut Vec<u32>, word: &str) -> Result<u32> {
    // The empty word takes no bytes, and comes once.
    if text.len() + word.len() > MOST {
        return Err(Error::Unfit {
            option: "the text",
            value: "more than 4 GiB of distinct words".to_owned(),
            reason: "no vocabulary has room for them".to_owned(),
            remedy: "check that it is text; if it is, count a part of it".to_owned(),
        });
    }
    text.push_str(word);
    ends.push(text.len() as u32);
    Ok(ends.len() as u32 - 1)
}

/// A word of up to 15 bytes as numbers: its bytes, zeros, and the count of its bytes in the last one.
#[inline]
fn key(word: &[u8]) -> Option<[u64; 2]> {
    let length = word.len();
    // Two looks that may overlap reach every byte, whatever their number.
    let [low, high] = match length {
        0 => [0, 0],
        1..=3 => {
            let byte = |at: usize| u64::from(word[at]) << (8 * at);
            [byte(0) | byte(length / 2) | byte(length - 1), 0]
        }
        4..=7 => {
            let (first, last) = (word.first_chunk()?, word.last_chunk()?);
            let number = |bytes: &[u8; 4]| u64::from(u32::from_le_bytes(*bytes));
            [number(first) | number(last) << (8 * (length - 4)), 0]
        }
        8..=15 => {
            let (first, last) = (word.first_chunk()?, word.last_chunk()?);
            let high = u64::from_le_bytes(*last) >> (8 * (15 - length)) >> 8;
            [u64::from_le_bytes(*first), high]
        }
        _ => return None,
    };
    Some([low, high | (length as u64) << 56])
}

/// The product of both halves, folded: what wyhash and foldhash do with sixteen bytes.
#[inline]
fn hash(key: [u64; 2], seeds: [u64; 2]) -> u64 {
    let product = u128::from(key[0] ^ seeds[0]) * u128::from(key[1] ^ seeds[1]);
    product as u64 ^ (product >> u64::BITS) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_the_bytes_and_their_count() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        for length in 0..=15 {
            let mut expected = [0; 16];
            expected[..length].copy_from_slice(&text[..length]);
            expected[15] = length as u8;
            let halves = expected.as_chunks::<8>().0;
            let expected = [u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1])];
            assert_eq!(key(&text[..length]), Some(expected), "{length} bytes");
        }
        assert_eq!(key(&text[..16]), None);
    }

    #[test]
    fn words_keep_their_numbers_whatever_their_length() {
        let mut words = Words::default();
        // Words that differ in length only, and zeros that are no filling.
        let all: Vec<String> = (0..40).map(|n| "\0".repeat(n)).collect();
        let more = (0..5_000).map(|n| format!("{}{n}", "x".repeat(n % 30)));
        let all: Vec<String> = all.into_iter().chain(more).collect();
        for _ in 0..2 {
            for (number, word) in (0..).zip(&all) {
                assert_eq!(words.insert(word).unwrap(), number);
                assert_eq!(words.number(word), Some(number));
                assert_eq!(words.word(number), word);
            }
        }
        assert_eq!(words.len(), all.len());
        assert_eq!(words.number("y"), None);
        assert_eq!(words.number("a word of many letters"), None);
    }
}
