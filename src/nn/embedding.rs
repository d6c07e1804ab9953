//! The first layer of the book's other encoding: word vectors, averaged over the positions of a sequence.

use serde_json::{Value, json};

use crate::error::{Result, expect_within};
use crate::kernel::Single;

/// A row of weights for each word, averaged over the positions of a review's padded and cut sequence of word ids, without
/// bias and activation.
///
/// Sources: `keras/src/utils/sequence_utils.py`, `pad_sequences` with its defaults: of a longer sequence the last `max_len` ids
/// stay, and id 0 fills a shorter one up; `keras/src/layers/core/embedding.py`; `keras/src/layers/pooling/
/// global_average_pooling1d.py`: the sum over the positions, divided by their number. Without [`Embedding::mask`] id 0 is a
/// word like all others. With it (`mask_zero` in Keras) its positions are left out of the sum and of the number; a sequence
/// that has no others has the average 0, where Keras divides zero by zero.
///
/// Keras on TensorFlow squares the gradient of a repeated word piece by piece (`tf.IndexedSlices`), so that all optimizers but
/// plain SGD, and `global_clipnorm`, come out otherwise there than by their formulas; on PyTorch they come out as here.
///
/// The order within the sequence does not matter to an average. So a review is its distinct words, how often each occurs,
/// and one over the number of positions ([`Embedding::row`]): the average is that factor times the sum of the words'
/// weight rows, each times its count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Embedding {
    /// Values of a word's vector (`output_dim` in Keras). Default 16.
    pub dim: usize,
    /// Positions of a sequence (`maxlen` in Keras). Default 256.
    pub max_len: usize,
    /// Whether positions with id 0 do not count. Default no.
    pub mask: bool,
}

impl Default for Embedding {
    fn default() -> Embedding {
        Embedding { dim: 16, max_len: 256, mask: false }
    }
}

/// No vector may be longer.
const MAX_DIM: usize = 1 << 16;

/// The longest sequence: how often a word occurs in one fits sixteen bits.
pub const MAX_LEN: usize = u16::MAX as usize;

/// At which end `pad_sequences` pads and cuts by default: the only one there is here.
const END: &str = "pre";

impl Embedding {
    /// Checks the values.
    ///
    /// # Errors
    /// [`Error::InvalidOption`](crate::Error::InvalidOption), by the names that the command line has for them.
    pub fn check(self) -> Result<()> {
        expect_within("--embedding-dim", self.dim, 1..=MAX_DIM)?;
        expect_within("--max-len", self.max_len, 1..=MAX_LEN)
    }

    /// How many positions count, of a sequence that has so many with id 0, padding included.
    ///
    /// # Panics
    /// With a mask, if these are more than [`Embedding::max_len`].
    pub fn positions(self, zeros: usize) -> usize {
        match self.mask {
            true => self.max_len.checked_sub(zeros).expect("no more positions than a sequence has"),
            false => self.max_len,
        }
    }

    /// What the sum over the positions is multiplied by, where so many count: one over their number.
    pub fn scale(self, positions: usize) -> f32 {
        if positions == 0 { 0.0 } else { 1.0 / positions as f32 }
    }

    /// The words of a sequence that are neither cut nor beyond it.
    pub fn cut<I>(self, words: &[I]) -> &[I] {
        &words[words.len().saturating_sub(self.max_len)..]
    }

    /// Appends to `row` the distinct words of a review, ascending, with their counts; returns the factor of their sum.
    /// `words` are the review's in reading order, uncut; `sorted` is room to work in.
    ///
    /// # Panics
    /// If [`Embedding::max_len`] is more than [`MAX_LEN`].
    pub fn row<I: Single>(
        self,
        words: &[I],
        sorted: &mut Vec<I>,
        row: &mut Vec<I::Repeated>,
    ) -> f32 {
        assert!(self.max_len <= MAX_LEN, "a count of sixteen bits");
        let words = self.cut(words);
        sorted.clear();
        sorted.extend_from_slice(words);
        sorted.sort_unstable();
        let zeros_there = sorted.iter().take_while(|&&word| word == I::default()).count();
        let zeros = self.max_len - words.len() + zeros_there;
        // A count is at most `max_len`, and so fits.
        if zeros > 0 && !self.mask {
            row.push(I::default().repeated(zeros as u16));
        }
        let runs = sorted[zeros_there..].chunk_by(|a, b| a == b);
        row.extend(runs.map(|run| run[0].repeated(run.len() as u16)));
        self.scale(self.positions(zeros))
    }

    /// As it stands in a model file.
    pub(super) fn to_json(self) -> Value {
        let Embedding { dim, max_len, mask } = self;
        json!({ "dim": dim, "max_len": max_len, "mask": mask, "padding": END, "truncating": END })
    }

    /// Reads [`Embedding::to_json`] back, or says what is wrong with it.
    pub(super) fn from_json(value: &Value) -> Result<Embedding, String> {
        let number = |name: &str| {
            let number = value[name].as_u64().and_then(|number| usize::try_from(number).ok());
            number.ok_or(format!("an embedding without a number `{name}`"))
        };
        let mask = value["mask"].as_bool().ok_or("an embedding without `mask`")?;
        for name in ["padding", "truncating"] {
            if value[name] != END {
                return Err(format!("`{name}` of the embedding is {}, not {END:?}", value[name]));
            }
        }
        let embedding = Embedding { dim: number("dim")?, max_len: number("max_len")?, mask };
        embedding.check().map_err(|error| error.to_string())?;
        Ok(embedding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Id;

    /// Place and count of each word, and the factor.
    fn row(embedding: Embedding, words: &[u16]) -> (Vec<(usize, f32)>, f32) {
        let mut row = Vec::new();
        let scale = embedding.row(words, &mut Vec::new(), &mut row);
        (row.into_iter().map(|word| (word.place(), word.times())).collect(), scale)
    }

    #[test]
    fn sequences_are_padded_and_cut_as_keras_does() {
        let plain = Embedding { dim: 1, max_len: 4, mask: false };
        let masked = Embedding { mask: true, ..plain };
        // keras.utils.pad_sequences([[1], [2, 3, 3], [4, 5, 6, 5, 5], [], [0, 7]], maxlen=4) is
        // [[0, 0, 0, 1], [0, 2, 3, 3], [5, 6, 5, 5], [0, 0, 0, 0], [0, 0, 0, 7]].
        for (words, without, with, positions) in [
            (&[1][..], &[(0, 3.0), (1, 1.0)][..], &[(1, 1.0)][..], 1.0),
            (&[2, 3, 3], &[(0, 1.0), (2, 1.0), (3, 2.0)], &[(2, 1.0), (3, 2.0)], 3.0),
            (&[4, 5, 6, 5, 5], &[(5, 3.0), (6, 1.0)], &[(5, 3.0), (6, 1.0)], 4.0),
            (&[], &[(0, 4.0)], &[], f32::INFINITY),
            (&[0, 7], &[(0, 3.0), (7, 1.0)], &[(7, 1.0)], 1.0),
        ] {
            assert_eq!(row(plain, words), (without.to_vec(), 0.25), "{words:?}");
            assert_eq!(row(masked, words), (with.to_vec(), 1.0 / positions), "{words:?}, masked");
        }
    }

    #[test]
    #[should_panic = "no more positions than a sequence has"]
    fn no_more_positions_are_left_out_than_there_are() {
        Embedding { mask: true, ..Embedding::default() }.positions(257);
    }

    #[test]
    #[should_panic = "a count of sixteen bits"]
    fn no_more_positions_are_counted_than_a_count_holds() {
        row(Embedding { max_len: 100_000, ..Embedding::default() }, &[]);
    }

    #[test]
    fn the_longest_sequence_of_one_word_is_counted_whole() {
        let longest = Embedding { max_len: MAX_LEN, ..Embedding::default() };
        longest.check().unwrap();
        let one_over = 1.0 / 65_535.0;
        assert_eq!(row(longest, &[]), (vec![(0, 65_535.0)], one_over));
        assert_eq!(row(longest, &[u16::MAX; 70_000]), (vec![(65_535, 65_535.0)], one_over));
        let (mut wide, mut sorted) = (Vec::new(), Vec::new());
        longest.row(&[u32::MAX; 70_000], &mut sorted, &mut wide);
        assert_eq!((wide[0].place(), wide[0].times()), (u32::MAX as usize, 65_535.0));
        for (dim, max_len) in [(0, 9), (1 << 17, 9), (9, 0), (9, MAX_LEN + 1)] {
            Embedding { dim, max_len, mask: false }.check().unwrap_err();
        }
    }
}
