//! What a word is looked up by.

use std::ops::Range;

/// How many bytes of a word its key holds. One word of two hundred has more.
const SHORT: usize = 16;

/// What tells words apart: all of a short word, so that no look at the text is needed, and the beginning of a long one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) bytes: [u64; 2],
    /// Of the whole word.
    pub(super) length: u32,
}

impl Key {
    /// The key of `text[word]`, where the text goes on for [`SHORT`] bytes at least: no loop, no branch on the length.
    #[inline]
    pub(super) fn within(text: &[u8], word: &Range<usize>) -> Key {
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

    /// The key of a word that stands alone. Two looks that may overlap reach every byte, whatever their number.
    #[inline]
    pub(super) fn of(word: &str) -> Key {
        let (word, length) = (word.as_bytes(), word.len());
        let four = |from: usize| {
            word[from..].first_chunk().map_or(0, |&bytes| u64::from(u32::from_le_bytes(bytes)))
        };
        let eight =
            |from: usize| word[from..].first_chunk().map_or(0, |&bytes| u64::from_le_bytes(bytes));
        let bytes = match length {
            0 => [0, 0],
            1..=3 => {
                let byte = |at: usize| u64::from(word[at]) << (8 * at);
                [byte(0) | byte(length / 2) | byte(length - 1), 0]
            }
            4..=7 => [four(0) | four(length - 4) << (8 * (length - 4)), 0],
            8 => [eight(0), 0],
            9..=15 => [eight(0), eight(length - 8) >> (8 * (16 - length))],
            _ => [eight(0), eight(8)],
        };
        Key { bytes, length: length as u32 }
    }

    #[inline]
    pub(super) fn is_short(self) -> bool {
        self.length as usize <= SHORT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_keys_are_the_bytes_and_their_count() {
        let text = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
        for length in 1..=30 {
            let mut expected = [0; SHORT];
            let short = length.min(SHORT);
            expected[..short].copy_from_slice(&text.as_bytes()[3..3 + short]);
            let halves = expected.as_chunks::<8>().0;
            let bytes = [u64::from_le_bytes(halves[0]), u64::from_le_bytes(halves[1])];
            let expected = Key { bytes, length: length as u32 };
            assert_eq!(Key::of(&text[3..3 + length]), expected, "{length} bytes");
            assert_eq!(Key::within(text.as_bytes(), &(3..3 + length)), expected, "{length} bytes");
        }
    }
}
