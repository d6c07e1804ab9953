//! How often words occur.

use super::words::Words;
use super::{Scratch, Tokenizer};
use crate::error::Result;

/// The words of some texts in the order in which they first came, with their counts.
///
/// Texts may be counted in parts, side by side: [`WordCounts::merge`] of the parts in the order of the texts equals the
/// count of all of them one by one.
#[derive(Debug, Clone, Default)]
pub struct WordCounts {
    words: Words,
    counts: Vec<Count>,
    texts: u32,
}

/// Of one word.
#[derive(Debug, Clone, Copy, Default)]
struct Count {
    total: u64,
    texts: u32,
    /// The text in which it was seen last, from 1.
    last: u32,
}

impl WordCounts {
    /// Counts the words of one text, and appends to `numbers` the number of each, in reading order.
    ///
    /// # Errors
    /// [`Error::Unfit`](crate::Error::Unfit) where 2^32 bytes of distinct words have come together.
    pub fn add(
        &mut self,
        tokenizer: Tokenizer,
        text: &str,
        scratch: &mut Scratch,
        numbers: &mut Vec<u32>,
    ) -> Result<()> {
        let WordCounts { words, counts, texts } = self;
        *texts = texts.wrapping_add(1);
        let first = numbers.len();
        words.add(tokenizer, text, scratch, numbers)?;
        counts.resize_with(words.len(), Count::default);
        for &number in &numbers[first..] {
            let count = &mut counts[number as usize];
            count.total += 1;
            count.texts += u32::from(count.last != *texts);
            count.last = *texts;
        }
        Ok(())
    }

    /// Adds the counts of the texts that come next. Returns the number that each of their words has here.
    ///
    /// # Errors
    /// Those of [`WordCounts::add`].
    pub fn merge(&mut self, later: &WordCounts) -> Result<Vec<u32>> {
        let mut numbers = Vec::with_capacity(later.len());
        for number in 0..later.len() as u32 {
            let here = self.words.insert(later.word(number))?;
            if here as usize == self.counts.len() {
                self.counts.push(Count::default());
            }
            let (count, more) = (&mut self.counts[here as usize], later.counts[number as usize]);
            count.total += more.total;
            count.texts = count.texts.saturating_add(more.texts);
            numbers.push(here);
        }
        Ok(numbers)
    }

    /// The words by their numbers.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// How many distinct words.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether no word was counted.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The word of a number.
    ///
    /// # Panics
    /// If there are not so many words.
    pub fn word(&self, number: u32) -> &str {
        self.words.word(number)
    }

    /// How often a word occurs.
    ///
    /// # Panics
    /// If there are not so many words.
    pub fn total(&self, number: u32) -> u64 {
        self.counts[number as usize].total
    }

    /// In how many texts a word occurs.
    ///
    /// # Panics
    /// If there are not so many words.
    pub fn texts(&self, number: u32) -> u32 {
        self.counts[number as usize].texts
    }

    /// The words with their ranks from 1, by falling count; of equal counts the word that came first comes first.
    ///
    /// Source: `Tokenizer.fit_on_texts` in `keras/src/legacy/preprocessing/text.py`, which sorts an ordered dictionary
    /// by a stable sort.
    pub fn ranked(&self) -> impl Iterator<Item = (u64, &str)> {
        let mut numbers: Vec<u32> = (0..self.len() as u32).collect();
        numbers.sort_by_key(|&number| std::cmp::Reverse(self.total(number)));
        (1..).zip(numbers).map(|(rank, number)| (rank, self.word(number)))
    }
}
