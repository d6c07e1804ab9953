//! Keras' `imdb_word_index.json`: each word with its rank by frequency, from 1.

use std::collections::HashMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::input;

/// The largest word index that is read, 64 MiB: the official one has 1.6.
const MAX_BYTES: u64 = 64 << 20;

const REMEDY: &str = "expected Keras' {\"word\": rank, ...}";

/// Reads the words of a word index with their ranks, by rank. Where a word occurs twice the last rank counts, as in
/// Python.
///
/// # Errors
/// [`Error::Malformed`] where the file is larger than 64 MiB or no JSON object of positive integers, or where two words
/// share a rank; [`Error::Io`].
pub(in crate::import) fn read(path: &Path) -> Result<Vec<(u64, String)>> {
    let bytes = input::read_json(path, MAX_BYTES, REMEDY)?;
    let ranks: HashMap<String, u64> =
        serde_json::from_slice(&bytes).map_err(|error| input::not_json(path, &error, REMEDY))?;
    let malformed = |word: &str, problem: String| {
        Error::malformed(path, format!("word {word:?}"), problem, REMEDY)
    };
    let mut words: Vec<(u64, String)> =
        ranks.into_iter().map(|(word, rank)| (rank, word)).collect();
    words.sort_unstable();
    if let Some((0, word)) = words.first() {
        return Err(malformed(word, "its rank is 0, ranks start at 1".into()));
    }
    if let Some(pair) = words.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        let problem = format!("its rank {} is also that of {:?}", pair[1].0, pair[0].1);
        return Err(malformed(&pair[1].1, problem));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<(u64, String)>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index.json");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    #[test]
    fn words_come_by_rank() {
        let words = read_text(r#"{"of": 3, "the": 1, "caf\u00e9": 7}"#).unwrap();
        assert_eq!(words, [(1, "the".into()), (3, "of".into()), (7, "café".into())]);
        assert_eq!(read_text("\u{FEFF}{}").unwrap(), []);
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (text, expected) in [
            (r#"{"the": 0}"#, "word \"the\": its rank is 0"),
            (r#"{"b": 4, "a": 4}"#, "word \"b\": its rank 4 is also that of \"a\""),
            ("{\"a\": 1,\n\"b\": -2}", "line 2, column 7"),
            ("{\"a\": 1.5}", "line 1, column 9"),
            ("[1]", "line 1, column"),
            ("{\"a\": 1", "line 1, column 7"),
            ("", "line 1, column 0"),
        ] {
            let error = read_text(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
