//! Cuts texts into words.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::characters::{is_space, is_word, lower};
use super::key::Key;
use crate::error::{Error, Result};

/// A way to cut a text into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Tokenizer {
    /// Lower case; the characters ``!"#$%&()*+,-./:;<=>?@[\]^_`{|}~``, tabs and line feeds become spaces; what stands
    /// between spaces is a word. Other white space stays in its word, as do apostrophes, and `<br />` leaves a word `br`.
    ///
    /// Source: `text_to_word_sequence` in `keras/src/legacy/preprocessing/text.py`, with its defaults.
    #[default]
    Keras,
    /// Lower case; `<br />` becomes a space; then every match of Python's `\w+(?:'\w+)?|[^\w\s]`: words, with an
    /// apostrophe inside, and each mark by itself.
    WordsAndMarks,
}

/// Buffers that a thread keeps from text to text.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    pub(super) lowered: String,
    /// The keys of words, and where each starts.
    pub(super) keys: Vec<(Key, usize)>,
    /// The words that are no early ones, by their places among `keys`, with their hashes; the first of them count.
    pub(super) missed: Vec<(u32, u64)>,
    /// For each of those the number that it probably has.
    pub(super) guesses: Vec<u32>,
}

impl Tokenizer {
    /// All tokenizers, in the order in which help texts list them.
    pub const ALL: [Tokenizer; 2] = [Tokenizer::Keras, Tokenizer::WordsAndMarks];

    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Tokenizer::Keras => "keras",
            Tokenizer::WordsAndMarks => "words-and-marks",
        }
    }

    /// Calls `visit` with each word of a text, in reading order, in lower case. No word is empty or has a space in it.
    pub fn for_each(self, text: &str, scratch: &mut Scratch, mut visit: impl FnMut(&str)) {
        self.for_each_place(text, &mut scratch.lowered, |lowered, word| visit(lowered.word(&word)));
    }

    /// Calls `visit` with the text in lower case and the place of each word in it. Returns the text.
    #[inline]
    pub(super) fn for_each_place<'a>(
        self,
        text: &str,
        padded: &'a mut String,
        mut visit: impl FnMut(Lowered<'a>, Range<usize>),
    ) -> Lowered<'a> {
        lower(text, padded);
        let length = padded.len();
        padded.push_str(PADDING);
        let (padded, text) = (Lowered(padded), &padded[..length]);
        match self {
            Tokenizer::Keras => split(text, |word| visit(padded, word)),
            Tokenizer::WordsAndMarks => words_and_marks(text, |word| visit(padded, word)),
        }
        padded
    }
}

impl fmt::Display for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Tokenizer {
    type Err = Error;

    fn from_str(name: &str) -> Result<Tokenizer> {
        let tokenizer = Tokenizer::ALL.into_iter().find(|tokenizer| tokenizer.name() == name);
        let names = || Tokenizer::ALL.map(Tokenizer::name);
        tokenizer.ok_or_else(|| Error::unknown("--tokenizer", name, &names()))
    }
}

/// A text in lower case, with some bytes behind it: whoever looks at a word can read on without asking where it ends.
#[derive(Clone, Copy)]
pub(super) struct Lowered<'a>(&'a str);

/// Sixteen bytes that belong to no word.
const PADDING: &str = "                ";

impl<'a> Lowered<'a> {
    /// The text and at least 16 bytes more.
    #[inline]
    pub(super) fn padded(self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// The word at a place.
    #[inline]
    pub(super) fn word(self, place: &Range<usize>) -> &'a str {
        &self.0[place.clone()]
    }
}

/// Bytes looked at together: as many as a mask has bits.
const BLOCK: usize = 64;

/// Keras' words of a text in lower case. Separators are ASCII, so that bytes tell all.
#[inline]
fn split(text: &str, mut visit: impl FnMut(Range<usize>)) {
    let mut start = 0;
    let mut cut = |mut separators: u64, base: usize| {
        while separators != 0 {
            let at = base + separators.trailing_zeros() as usize;
            separators &= separators - 1;
            if at > start {
                visit(start..at);
            }
            start = at + 1;
        }
    };
    let (blocks, rest) = text.as_bytes().as_chunks::<BLOCK>();
    for (index, block) in blocks.iter().enumerate() {
        cut(separators(block), index * BLOCK);
    }
    // Filled up by letters, and a space behind the last one ends the last word.
    let mut last = [b'a'; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    cut(separators(&last) | 1 << rest.len(), blocks.len() * BLOCK);
}

/// A bit for each byte that Keras splits at.
#[inline]
fn separators(block: &[u8; BLOCK]) -> u64 {
    // Plain comparisons of all bytes, which the compiler turns to those of vectors.
    let flags = block.map(|byte| {
        let within = |first: u8, last: u8| byte.wrapping_sub(first) <= last - first;
        let mark = within(b' ', b'/') & (byte != b'\'');
        let mark = mark | within(b':', b'@') | within(b'[', b'`') | within(b'{', b'~');
        u8::from(mark | within(b'\t', b'\n'))
    });
    mask(flags)
}

/// Bit `k` is flag `k`.
#[inline]
fn mask(flags: [u8; BLOCK]) -> u64 {
    // The product moves bit 0 of byte k to bit 56 + k.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let groups = flags.as_chunks::<8>().0.iter().enumerate();
    groups.fold(0, |mask, (index, group)| {
        mask | (u64::from_le_bytes(*group).wrapping_mul(GATHER) >> 56) << (8 * index)
    })
}

/// The line break that the reviews' web page left in them.
const BREAK: &[u8] = b"<br />";

/// The words and marks of a text in lower case.
fn words_and_marks(text: &str, mut visit: impl FnMut(Range<usize>)) {
    let bytes = text.as_bytes();
    let mut runs = Runs::new(text);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at = runs.word_end(at);
        if at > start {
            visit(start..at);
            continue;
        }
        if byte.is_ascii() {
            if byte == b'<' && bytes[at..].starts_with(BREAK) {
                at += BREAK.len();
                continue;
            }
            at += 1;
            if !is_space(byte.into()) {
                visit(start..at);
            }
            continue;
        }
        let character = character_at(text, at);
        at += character.len_utf8();
        if !is_space(character) {
            visit(start..at);
        }
    }
}

/// Finds the ends of words, block by block.
struct Runs<'a> {
    text: &'a str,
    /// Which block `words` belongs to.
    block: usize,
    /// A bit for each byte of the block that is an ASCII word character.
    words: u64,
}

impl<'a> Runs<'a> {
    fn new(text: &'a str) -> Runs<'a> {
        let mut runs = Runs { text, block: 0, words: 0 };
        runs.look_at(0);
        runs
    }

    fn look_at(&mut self, block: usize) {
        let bytes = &self.text.as_bytes()[(block * BLOCK).min(self.text.len())..];
        self.block = block;
        self.words = match bytes.first_chunk() {
            Some(bytes) => word_bytes(bytes),
            None => {
                let mut last = [b' '; BLOCK];
                last[..bytes.len()].copy_from_slice(bytes);
                word_bytes(&last)
            }
        };
    }

    /// Where the word that starts at `start` ends, by `\w+(?:'\w+)?`; `start` itself where there is none.
    #[inline]
    fn word_end(&mut self, start: usize) -> usize {
        let end = self.run_end(start);
        if end == start || self.text.as_bytes().get(end) != Some(&b'\'') {
            return end;
        }
        match self.run_end(end + 1) {
            rest if rest > end + 1 => rest,
            _ => end,
        }
    }

    /// Where the run of word characters that starts at `at` ends; `at` itself where there is none.
    #[inline]
    fn run_end(&mut self, mut at: usize) -> usize {
        loop {
            if at / BLOCK != self.block {
                self.look_at(at / BLOCK);
            }
            // The bits shifted in are zeros: a run that reaches the end of its block goes on in the next.
            let run = (self.words >> (at % BLOCK)).trailing_ones() as usize;
            at += run;
            if run > 0 && at.is_multiple_of(BLOCK) {
                continue;
            }
            match self.text.as_bytes().get(at) {
                Some(byte) if !byte.is_ascii() => match character_at(self.text, at) {
                    character if is_word(character) => at += character.len_utf8(),
                    _ => return at,
                },
                _ => return at,
            }
        }
    }
}

/// A bit for each byte that is an ASCII word character.
#[inline]
fn word_bytes(block: &[u8; BLOCK]) -> u64 {
    mask(block.map(|byte| {
        let within = |first: u8, last: u8| byte.wrapping_sub(first) <= last - first;
        let letter = within(b'a', b'z') | within(b'A', b'Z');
        u8::from(letter | within(b'0', b'9') | (byte == b'_'))
    }))
}

fn character_at(text: &str, at: usize) -> char {
    text[at..].chars().next().expect("a character starts here")
}
