//! Keras' own copy of the IMDB reviews, `imdb.npz`, read as `keras.datasets.imdb.load_data` reads it.
//!
//! The archive holds `x_train`, `y_train`, `x_test` and `y_test`; each `x` is an object array of lists of word ranks.
//! The meaning of every option is that of `keras/src/datasets/imdb.py` in Keras 3, its oddities included.

use std::path::{Path, PathBuf};

use serde_json::json;

use self::npz::Npz;
use self::order::RandomState;
use super::ragged::Ragged;
use crate::dataset::{Contents, Review, ReviewSource, Split, format};
use crate::error::{Error, Result, expect_within};
use crate::text::{Rules, Vocabulary};

mod entry;
mod npz;
mod opcode;
pub(in crate::import) mod order;
mod pickle;
#[cfg(test)]
mod pickle_tests;
#[cfg(test)]
mod tests;
pub(in crate::import) mod word_index;

/// The arguments of `keras.datasets.imdb.load_data`, by the same names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KerasOptions {
    /// Ids from here on are cut; also the feature count. `None` takes the greatest id that occurs, and cuts just that
    /// one, as Keras does. Default 10,000.
    pub num_words: Option<usize>,
    /// Ids below this one are cut, the start marker included. Default 0.
    pub skip_top: usize,
    /// Only reviews with fewer ids than this are kept, the start marker counted. Default: all.
    pub maxlen: Option<usize>,
    /// Seeds the order of the reviews. Default 113.
    pub seed: u32,
    /// Marks the start of each review. Default 1.
    pub start_char: Option<u32>,
    /// Stands for each word that is cut; without it they are dropped. Default 2.
    pub oov_char: Option<u32>,
    /// Added to each rank. Default 3, so that the most frequent word has the id 4.
    pub index_from: u32,
    /// The most bytes that one array may unpack to, against archives that are small and unpack to terabytes. Not one of
    /// Keras' options. Default 1 GiB.
    pub max_array_bytes: u64,
}

impl Default for KerasOptions {
    fn default() -> KerasOptions {
        KerasOptions {
            num_words: Some(10_000),
            skip_top: 0,
            maxlen: None,
            seed: 113,
            start_char: Some(1),
            oov_char: Some(2),
            index_from: 3,
            max_array_bytes: 1 << 30,
        }
    }
}

impl KerasOptions {
    /// Refuses a length that no review is below.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub(super) fn check_maxlen(&self) -> Result<()> {
        if self.maxlen == Some(0) {
            return Err(Error::invalid("--maxlen", 0, "at least 1, or nothing for all reviews"));
        }
        Ok(())
    }

    /// Checks what can be checked before the data is there.
    fn check(&self) -> Result<()> {
        self.check_maxlen()?;
        let Some(num_words) = self.num_words else { return Ok(()) };
        expect_within("--num-words", num_words, 1..=format::MAX_FEATURES)?;
        match self.rules(num_words).out_of_range() {
            Some((option, value)) => {
                Err(Error::invalid(option, value, format!("less than --num-words {num_words}")))
            }
            None => Ok(()),
        }
    }

    /// How Keras made such ids of text, by these options.
    fn rules(&self, features: usize) -> Rules {
        Rules {
            num_words: features,
            skip_top: self.skip_top,
            start_char: self.start_char,
            oov_char: self.oov_char,
            index_from: self.index_from,
            ..Rules::default()
        }
    }

    /// The same where text can be given these ids: not where an `index_from` of less than the marks gives a word the id
    /// of a mark, which Keras allows.
    fn text_rules(&self, features: usize) -> Option<Rules> {
        Some(self.rules(features)).filter(|rules| rules.check().is_ok())
    }

    /// How many ids a review of so many ranks has before any are cut.
    fn length(&self, ranks: usize) -> usize {
        ranks + usize::from(self.start_char.is_some())
    }

    /// Turns ranks to ids.
    fn encode(&self, ranks: &[u32], features: usize, ids: &mut Vec<u32>) {
        ids.clear();
        let kept = self.skip_top as u64..features as u64;
        let start = self.start_char.map(u64::from);
        for id in start.into_iter().chain(ranks.iter().map(|&rank| self.id(rank))) {
            if kept.contains(&id) {
                ids.push(id as u32);
            } else {
                ids.extend(self.oov_char);
            }
        }
    }

    fn id(&self, rank: u32) -> u64 {
        u64::from(rank) + u64::from(self.index_from)
    }
}

/// Refuses a zip file of other things than arrays, such as tables. What else is wrong with a file its import says.
///
/// # Errors
/// [`Error::WrongKind`]
pub(super) fn expect_arrays(path: &Path) -> Result<()> {
    match Npz::open(path, 0) {
        Err(error @ Error::WrongKind { .. }) => Err(error),
        _ => Ok(()),
    }
}

/// `imdb.npz`, decoded.
#[derive(Debug)]
pub struct KerasImdb {
    options: KerasOptions,
    file: PathBuf,
    features: usize,
    vocabulary: Option<Vocabulary>,
    parts: [Part; 2],
}

/// One split of the archive.
#[derive(Debug)]
struct Part {
    split: Split,
    rows: Ragged,
    labels: Vec<u8>,
    /// The rows that are kept, in Keras' order.
    order: Vec<u32>,
}

impl KerasImdb {
    /// Reads the archive at `path`, and the words from `word_index` (Keras' `imdb_word_index.json`) where it is given.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] where options contradict each other, [`Error::Unfit`] where they do not suit the data,
    /// [`Error::Malformed`] with the place in either file, [`Error::Io`].
    pub fn open(
        path: &Path,
        word_index: Option<&Path>,
        options: KerasOptions,
    ) -> Result<KerasImdb> {
        options.check()?;
        let mut npz = Npz::open(path, options.max_array_bytes)?;
        let mut random = RandomState::new(options.seed);
        let train = Part::read(&mut npz, path, Split::Train, &options, &mut random)?;
        let test = Part::read(&mut npz, path, Split::Test, &options, &mut random)?;
        let parts = [train, test];
        let features = match options.num_words {
            Some(num_words) => num_words,
            None => greatest_id(path, &parts, &options)?,
        };
        let vocabulary = match word_index {
            Some(index) => {
                let words = word_index::read(index)?;
                let ranked = words.iter().map(|(rank, word)| (*rank, word.as_str()));
                let vocabulary = options.rules(features).vocabulary(ranked)?;
                if words.is_empty() {
                    return Err(Error::Unfit {
                        option: "--word-index",
                        value: index.display().to_string(),
                        reason: "it has no words".into(),
                        remedy: "name the index that belongs to the ids".into(),
                    });
                }
                Some(vocabulary)
            }
            None => None,
        };
        Ok(KerasImdb { options, file: path.to_path_buf(), features, vocabulary, parts })
    }
}

impl Part {
    fn read(
        npz: &mut Npz,
        path: &Path,
        split: Split,
        options: &KerasOptions,
        random: &mut RandomState,
    ) -> Result<Part> {
        let [x, y] = ["x", "y"].map(|array| format!("{array}_{}", split.name()));
        let rows = npz.lists(&x)?;
        let labels = npz.labels(&y)?;
        if rows.len() != labels.len() {
            let problem = format!("{x} has {} rows, {y} has {}", rows.len(), labels.len());
            return Err(Error::malformed(path, y, problem, entry::REMEDY));
        }
        let mut order = random.shuffled(rows.len() as u32);
        if let Some(maxlen) = options.maxlen {
            order.retain(|&row| options.length(rows.row(row as usize).len()) < maxlen);
            if order.is_empty() {
                return Err(Error::Unfit {
                    option: "--maxlen",
                    value: maxlen.to_string(),
                    reason: format!("no {} review is shorter", split.name()),
                    remedy: "raise it".into(),
                });
            }
        }
        Ok(Part { split, rows, labels, order })
    }

    /// The ranks of the rows that are kept, in Keras' order.
    fn kept(&self) -> impl Iterator<Item = &[u32]> {
        self.order.iter().map(|&row| self.rows.row(row as usize))
    }
}

/// The feature count where the user gives none: Keras takes the greatest id, start marker included.
fn greatest_id(path: &Path, parts: &[Part], options: &KerasOptions) -> Result<usize> {
    let ids = parts.iter().flat_map(Part::kept).flatten().map(|&rank| options.id(rank));
    let Some(greatest) = ids.max() else {
        return Err(Error::malformed(
            path,
            "x_train and x_test",
            "no review has a word",
            entry::REMEDY,
        ));
    };
    let greatest = greatest.max(options.start_char.unwrap_or(0).into());
    if greatest > format::MAX_FEATURES as u64 {
        return Err(Error::Unfit {
            option: "--num-words",
            value: "not given".into(),
            reason: format!("the greatest id is {greatest}, above {}", format::MAX_FEATURES),
            remedy: "give --num-words to cut the rarest words".into(),
        });
    }
    let features = greatest as usize;
    match options.rules(features).out_of_range() {
        Some((option, value)) => Err(Error::Unfit {
            option,
            value: value.to_string(),
            reason: format!("only ids below the greatest one, {features}, are kept"),
            remedy: "give --num-words or a smaller value".into(),
        }),
        None => Ok(features),
    }
}

impl ReviewSource for KerasImdb {
    fn contents(&self) -> Contents {
        let options = &self.options;
        Contents {
            features: self.features,
            vocabulary: self.vocabulary.clone(),
            text: self.vocabulary.is_some().then(|| options.text_rules(self.features)).flatten(),
            sequences: true,
            options: json!({
                "format": super::Format::Keras.name(),
                "file": super::file_name(&self.file),
                "num_words": options.num_words,
                "skip_top": options.skip_top,
                "maxlen": options.maxlen,
                "seed": options.seed,
                "start_char": options.start_char,
                "oov_char": options.oov_char,
                "index_from": options.index_from,
            }),
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.options.num_words.is_none() {
            notes.push(format!(
                "the greatest word id is {0}; as in Keras the ids below it are kept, {0} features",
                self.features
            ));
        }
        for part in &self.parts {
            let dropped = part.rows.len() - part.order.len();
            if dropped > 0 {
                let (split, of) = (part.split.name(), part.rows.len());
                notes.push(format!("{dropped} of {of} {split} reviews are too long for --maxlen"));
            }
        }
        if self.vocabulary.is_none() {
            notes.push("no word index is given, so the dataset knows no words, only ids".into());
        } else if self.options.text_rules(self.features).is_none() {
            notes.push(
                "with such an --index-from a word has the id of a mark: no text rules".into(),
            );
        }
        notes
    }

    fn for_each(&mut self, sink: &mut dyn FnMut(Review<'_>) -> Result<()>) -> Result<()> {
        let mut words = Vec::new();
        for part in &self.parts {
            for (ranks, &row) in part.kept().zip(&part.order) {
                self.options.encode(ranks, self.features, &mut words);
                let label = Some(part.labels[row as usize]);
                sink(Review::new(part.split, &words, label))?;
            }
        }
        Ok(())
    }
}
