//! From raw text to word ids and features.
//!
//! A [`Tokenizer`] cuts a text into words. [`Words`] numbers them, [`WordCounts`] counts them, and the [`Rules`] number the frequent ones as
//! Keras' `keras.datasets.imdb` does: a word of frequency rank `r` (from 1) has the id `r + index_from`, and the ids below
//! are reserved: 0 pads, 1 starts a review, 2 stands for every word that was cut. [`Ngrams`] finds the runs of words that
//! are frequent. The [`Vocabulary`] names every feature, and an [`Encoder`], which rules and a vocabulary make, turns a
//! text to its word ids in reading order and to its set of features.
//!
//! ```
//! use imdb_fast::text::{Encoder, Encoding, Rules, Scratch, WordCounts};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let rules = Rules::default();
//! let (mut counts, mut scratch, mut numbers) = (WordCounts::default(), Scratch::default(), Vec::new());
//! for text in ["A great, great film", "Great acting; a bore"] {
//!     counts.add(rules.tokenizer, text, &mut scratch, &mut numbers)?;
//! }
//! let rules = Rules { num_words: 6, ..rules };
//! let vocabulary = rules.vocabulary(counts.ranked())?;
//!
//! let encoder = Encoder::new(&rules, &vocabulary)?;
//! let mut encoding = Encoding::default();
//! encoder.encode("What a great, great film!", &mut encoding);
//! assert_eq!(encoding.words(), [1, 5, 4, 4, 2]); // `what` is unknown and dropped, `film` is cut
//! assert_eq!(encoding.features(), [1, 2, 4, 5]);
//! # Ok(())
//! # }
//! ```

mod characters;
mod counts;
mod encoder;
mod key;
mod ngrams;
mod rules;
mod tokenizer;
mod vocabulary;
mod words;

pub use counts::WordCounts;
pub use encoder::{Encoder, Encoding};
pub use ngrams::{NgramCounts, Ngrams};
pub use rules::{Hash, Rules, Unknown};
pub use tokenizer::{Scratch, Tokenizer};
pub use vocabulary::Vocabulary;
pub use words::Words;

/// The most ids that words and n-grams may have together: 2^26.
pub const MAX_FEATURES: usize = 1 << 26;

/// The longest n-gram.
pub const MAX_NGRAM: usize = 5;

/// Stands, among the ids of a text's tokens, for a word that is cut: the mark of cut words takes its place.
pub const CUT: u32 = u32::MAX - 1;

/// Stands, among the ids of a text's tokens, for a word that nobody knows: nothing takes its place.
pub const DROPPED: u32 = u32::MAX;
