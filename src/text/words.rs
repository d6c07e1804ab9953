//! Words, each once, numbered in the order in which they first came.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::key::Key;
use super::tokenizer::{Lowered, Scratch, Tokenizer};
use crate::error::{Error, Result};

/// The most words, and the most bytes of them: what numbers of 32 bits can tell apart, with room for those that stand for
/// no word.
const MOST: usize = u32::MAX as usize - 15;

/// Distinct words, numbered in the order in which they first came.
///
/// The table's hash is seeded at random, so that no input can slow it down on purpose; the numbers do not depend on it.
///
/// Looking up words is what an import spends most of its time on, and it waits for memory. So the table is one of its own
/// and not a crate's: slots of eight bytes, so that it spreads over few pages; keys in the order of the numbers, so that
/// those of frequent words, which come first, lie together; and many words of a text are looked up in one go, so that the
/// processor fetches many slots at once. Five words of six are among the few thousand that come first: a table of those
/// alone, keys and numbers side by side, stays near the processor and is looked at before the others.
#[derive(Debug, Clone)]
pub struct Words {
    text: String,
    /// Where each word ends in the text.
    ends: Vec<u32>,
    /// The key of each word.
    keys: Vec<Key>,
    /// As many as a power of two, and at least twice as many as words; a word stands at its hash or behind.
    slots: Vec<Slot>,
    /// For each value of the topmost bits of a hash the first short word that has it; empty before the first text.
    early: Vec<Early>,
    hasher: DefaultHashBuilder,
    seeds: [u64; 2],
}

/// A word's number, and the upper half of its hash.
#[derive(Debug, Clone, Copy)]
struct Slot {
    tag: u32,
    number: u32,
}

/// A word that came early.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
struct Early {
    key: Key,
    number: u32,
}

/// How many bits of a hash choose among the early words: a quarter of a megabyte, which the second cache holds.
const EARLY_BITS: u32 = 13;

/// How many words of a text are looked up in one go, at most: enough that more would not be faster, and few beside the text.
const AT_ONCE: usize = 1 << 16;

/// The number in slots without a word.
const NOBODY: u32 = u32::MAX;

const EMPTY: Slot = Slot { tag: 0, number: NOBODY };

impl Default for Words {
    fn default() -> Words {
        Words::with_room(0)
    }
}

impl Words {
    /// No words yet, and room for so many: where it is known, the table need not grow.
    ///
    /// More room than memory has ends the program.
    pub fn with_room(words: usize) -> Words {
        let hasher = DefaultHashBuilder::default();
        let seeds = [hasher.hash_one(0u64), hasher.hash_one(1u64)];
        let (ends, keys) = (Vec::with_capacity(words), Vec::with_capacity(words));
        let slots = vec![EMPTY; (2 * words).max(2).next_power_of_two()];
        Words { text: String::new(), ends, keys, slots, early: Vec::new(), hasher, seeds }
    }

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
        let Scratch { lowered, keys, missed, guesses } = scratch;
        if self.early.is_empty() {
            // No word of a text is empty, so this is the key of none.
            let nobody = Early { key: Key::of(""), number: NOBODY };
            self.early.resize(1 << EARLY_BITS, nobody);
        }
        keys.clear();
        let mut failed = None;
        let lowered = tokenizer.for_each_place(text, lowered, |lowered, word| {
            if keys.len() == AT_ONCE {
                let looked_up = self.look_up(lowered, keys, missed, guesses, numbers);
                failed = failed.take().or(looked_up.err());
                keys.clear();
            }
            keys.push((Key::within(lowered.padded(), &word), word.start));
        });
        match failed {
            Some(error) => Err(error),
            None => self.look_up(lowered, keys, missed, guesses, numbers),
        }
    }

    /// Appends the number of each of some words of a text, whose keys and places are known; the rest are buffers.
    #[inline(never)]
    fn look_up(
        &mut self,
        lowered: Lowered<'_>,
        keys: &[(Key, usize)],
        missed: &mut Vec<(u32, u64)>,
        guesses: &mut Vec<u32>,
        numbers: &mut Vec<u32>,
    ) -> Result<()> {
        let word = |key: Key, start: usize| lowered.word(&(start..start + key.length as usize));
        // Without a branch on whether a word is early, which nobody can foresee.
        let first = numbers.len();
        let mut count = 0;
        missed.resize(keys.len().max(missed.len()), (0, 0));
        numbers.extend((0..).zip(keys).map(|(index, &(key, start))| {
            let hash = self.hash(key, || word(key, start));
            let early = &self.early[early_place(hash)];
            missed[count] = (index, hash);
            count += usize::from(early.key != key);
            early.number
        }));
        // Nothing here waits for what is fetched.
        let mask = self.slots.len() - 1;
        guesses.clear();
        guesses.extend(missed[..count].iter().map(|&(_, h)| self.slots[h as usize & mask].number));
        for (&(index, hash), &guess) in missed[..count].iter().zip(&*guesses) {
            let (key, start) = keys[index as usize];
            // Mostly the word stands right at its hash.
            let is_right = key.is_short() && self.keys.get(guess as usize) == Some(&key);
            numbers[first + index as usize] = match is_right {
                true => guess,
                false => self.insert_hashed(hash, key, || word(key, start))?,
            };
        }
        Ok(())
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
        let number = number as usize;
        let start = if number == 0 { 0 } else { self.ends[number - 1] as usize };
        &self.text[start..self.ends[number] as usize]
    }

    /// The number of a word, if it is there.
    #[inline]
    pub fn number(&self, word: &str) -> Option<u32> {
        let key = Key::of(word);
        self.find(self.hash(key, || word), key, || word).ok()
    }

    /// The number of a word, which is new where it was not there.
    ///
    /// # Errors
    /// Those of [`Words::add`].
    pub fn insert(&mut self, word: &str) -> Result<u32> {
        self.insert_key(Key::of(word), || word)
    }

    #[inline]
    fn insert_key<'a>(&mut self, key: Key, word: impl Fn() -> &'a str) -> Result<u32> {
        self.insert_hashed(self.hash(key, &word), key, word)
    }

    #[inline]
    fn insert_hashed<'a>(
        &mut self,
        hash: u64,
        key: Key,
        word: impl Fn() -> &'a str,
    ) -> Result<u32> {
        match self.find(hash, key, &word) {
            Ok(number) => Ok(number),
            Err(slot) => self.insert_new(slot, hash, key, word()),
        }
    }

    /// The number of a word, or the slot where it belongs.
    #[inline]
    fn find<'a>(&self, hash: u64, key: Key, word: impl Fn() -> &'a str) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let Slot { tag, number } = self.slots[at];
            if number == NOBODY {
                return Err(at);
            }
            let is_it = tag == (hash >> 32) as u32 && self.keys[number as usize] == key;
            if is_it && (key.is_short() || self.is_word(number, word())) {
                return Ok(number);
            }
            at = (at + 1) & mask;
        }
    }

    #[cold]
    fn is_word(&self, number: u32, word: &str) -> bool {
        self.word(number) == word
    }

    #[cold]
    #[inline(never)]
    fn insert_new(&mut self, slot: usize, hash: u64, key: Key, word: &str) -> Result<u32> {
        if self.text.len() + word.len() > MOST {
            return Err(too_many_words());
        }
        let number = self.ends.len() as u32;
        self.text.push_str(word);
        self.ends.push(self.text.len() as u32);
        self.keys.push(key);
        self.slots[slot] = Slot { tag: (hash >> 32) as u32, number };
        if let Some(early) = self.early.get_mut(early_place(hash))
            && early.number == NOBODY
            && key.is_short()
        {
            *early = Early { key, number };
        }
        if self.ends.len() * 2 > self.slots.len() {
            self.grow();
        }
        Ok(number)
    }

    /// Doubles the table.
    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        let old = std::mem::replace(&mut self.slots, vec![EMPTY; size]);
        for slot in old.into_iter().filter(|slot| slot.number != NOBODY) {
            let hash = self.hash(self.keys[slot.number as usize], || self.word(slot.number));
            let mut at = hash as usize & (size - 1);
            while self.slots[at].number != NOBODY {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = slot;
        }
    }

    /// Two products of 64 by 64 bits, folded. hashbrown's own hash is one, and would take the bytes one length at a time;
    /// after one alone, words that differ in a few digits crowd together at one seed of fifty.
    #[inline]
    fn hash<'a>(&self, key: Key, word: impl Fn() -> &'a str) -> u64 {
        if !key.is_short() {
            return self.hasher.hash_one(word());
        }
        let [low, high] = key.bytes;
        let high = high ^ self.seeds[1] ^ u64::from(key.length);
        folded_product(folded_product(low ^ self.seeds[0], high), GOLDEN_RATIO)
    }
}

/// The odd number next to 2^64 over the golden ratio: Knuth's multiplier (The Art of Computer Programming 3, 6.4).
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

/// The lower half of a product and its upper one, the one's bits turned by the other's.
#[inline]
fn folded_product(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Which of the early words has this hash, if any has.
#[inline]
fn early_place(hash: u64) -> usize {
    (hash >> (u64::BITS - EARLY_BITS)) as usize
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

#[cfg(test)]
mod tests {
    use super::*;

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
        // Texts are cut to the same numbers, new and known words mixed.
        let (mut scratch, mut numbers) = (Scratch::default(), Vec::new());
        let text = format!("xx2 new {} new xx2", all[4_000]);
        words.add(Tokenizer::Keras, &text, &mut scratch, &mut numbers).unwrap();
        let new = all.len() as u32;
        assert_eq!(numbers, [words.number("xx2").unwrap(), new, 4_000, new, numbers[0]]);
    }

    #[test]
    fn texts_find_early_words_late_ones_and_those_between() {
        let all: Vec<String> = (0..30_000u32).map(|n| format!("w{}", n * n % 30_011)).collect();
        let (mut words, mut scratch) = (Words::default(), Scratch::default());
        // More than are looked up at once.
        let many = all.join(" ").repeat(3);
        for text in [all.join(" "), many, all.iter().rev().fold(String::new(), |t, w| t + w + ",")]
        {
            let mut numbers = vec![7];
            words.add(Tokenizer::Keras, &text, &mut scratch, &mut numbers).unwrap();
            let cut = text.split([' ', ',']).filter(|word| !word.is_empty());
            let mut count = 1;
            for (word, &number) in cut.zip(&numbers[1..]) {
                assert_eq!((words.word(number), words.number(word)), (word, Some(number)));
                count += 1;
            }
            assert_eq!(numbers.len(), count);
        }
    }

    #[test]
    fn words_that_differ_in_digits_spread_whatever_the_seed() {
        let keys: Vec<Key> = (0..16_384).map(|n| Key::of(&format!("w{n}"))).collect();
        for _ in 0..200 {
            let words = Words::default();
            let (mut early, mut slots) = ([0; 1 << EARLY_BITS], [0; 1 << EARLY_BITS]);
            for &key in &keys {
                let hash = words.hash(key, || unreachable!("a short word"));
                early[early_place(hash)] = 1;
                slots[hash as usize % slots.len()] = 1;
            }
            // Of two chances each, 1 - e^-2 of the places are taken.
            let (early, slots): (u32, u32) = (early.iter().sum(), slots.iter().sum());
            assert!(early > 6_900 && slots > 6_900, "{early} and {slots} of about 7,083");
        }
    }
}
