//! From texts to reviews.
//!
//! In a first pass one thread reads the source and all cut its texts into words, each with word numbers of its own. Then
//! the training reviews tell the vocabulary, and a second pass, over the numbers, makes rows. What is found does not
//! depend on threads: words are counted again in the order of the reviews.

mod arrange;
mod cut;
mod labelled;
mod labels;
mod store;
mod words;

use std::path::{Path, PathBuf};

use serde_json::json;

use self::cut::{Cut, Shard};
use self::words::Lexicon;
use super::archive::{self, Folder, Tar};
use super::document::{Groups, Reader};
use super::lines::max_text;
use super::parallel::Workers;
use super::{Format, ImportOptions, KerasOptions, TextOptions};
use crate::dataset::{Contents, Review, ReviewSource, Split};
use crate::error::{Error, Result};
use crate::text::{DROPPED, Encoding};

use labelled::Labelled;
pub use words::WordOptions;

/// Rows that a thread makes at a time.
const ROWS: usize = 128;

/// Texts of any of the formats, read and counted: the reviews of a dataset.
pub struct Corpus {
    file: PathBuf,
    format: Format,
    options: TextOptions,
    keras: KerasOptions,
    /// The file that the words are of, where they were known.
    vocabulary: Option<PathBuf>,
    lexicon: Lexicon,
    cut: Cut,
    groups: Option<Box<dyn Groups>>,
    positive: u8,
    has_ids: bool,
    rows: [Vec<u32>; 3],
    notes: Vec<String>,
    workers: Workers,
}

impl Corpus {
    /// Reads all texts of the source at `path`, which is in `format`.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] where options contradict each other, [`Error::Unfit`] where they do not suit the data,
    /// [`Error::Malformed`] with the place, [`Error::Io`].
    pub fn open(path: &Path, format: Format, all: &ImportOptions) -> Result<Corpus> {
        let ImportOptions { text: options, words, keras, word_index, vocabulary, .. } = all;
        options.check()?;
        let plan = words::Plan::new(words, keras, word_index.as_deref(), vocabulary.clone())?;
        let workers = Workers::new(options.threads)?;
        let mut reader: Box<dyn Reader> = match format {
            Format::Archive => {
                let limits = (options.max_unpacked, max_text(options.max_text));
                Box::new(Tar::new(path, limits, options.with_unlabelled))
            }
            Format::Folder => {
                let found = archive::find(path)?.unwrap_or_else(|| path.to_path_buf());
                Box::new(Folder::new(&found, max_text(options.max_text), options.with_unlabelled))
            }
            format => Box::new(Labelled::new(path, format, options)?),
        };
        let mut shards = Shard::all(workers, plan.tokenizer());
        let mut cut = cut::cut(&mut *reader, workers, &mut shards, options)?;
        let findings = reader.findings()?;
        if cut.headers.is_empty() {
            let remedy = "check that it is the right file, and its format with --format";
            return Err(Error::malformed(path, "the source", "it holds no review", remedy));
        }
        let arranged = arrange::arrange(&mut cut, &findings, options, keras.seed)?;
        let mut counted = arranged.train;
        if plan.count_unlabelled {
            counted.extend_from_slice(&arranged.rows[Split::Unlabelled as usize]);
        }
        let tables = shards.into_iter().map(|shard| shard.words).collect();
        let lexicon = plan.finish(path, &cut, &counted, tables, workers)?;
        let mut corpus = Corpus {
            file: path.to_path_buf(),
            format,
            options: options.clone(),
            keras: keras.clone(),
            vocabulary: vocabulary.as_ref().map(|known| known.path.clone()),
            lexicon,
            positive: findings.positive,
            has_ids: findings.has_ids,
            groups: findings.groups,
            notes: [findings.notes, cut.notes(), arranged.notes].concat(),
            rows: arranged.rows,
            cut,
            workers,
        };
        if let Some(maxlen) = keras.maxlen {
            corpus.leave_out_long(maxlen)?;
        }
        Ok(corpus)
    }

    /// Leaves out reviews of `maxlen` ids and more, after the rows have their order, as Keras does.
    fn leave_out_long(&mut self, maxlen: usize) -> Result<()> {
        let has_start = self.lexicon.encoder.rules().start_char.is_some();
        let mut rows = std::mem::take(&mut self.rows);
        let mut buffer = Vec::new();
        for (split, rows) in Split::ALL.into_iter().zip(&mut rows) {
            let before = rows.len();
            let mut kept = Vec::with_capacity(before);
            for &review in &*rows {
                let (shard, numbers) = self.cut.numbers(review, &mut buffer)?;
                let tokens = &self.lexicon.tokens[shard];
                let known = numbers.iter().filter(|&&number| tokens[number as usize] != DROPPED);
                if known.count() + usize::from(has_start) < maxlen {
                    kept.push(review);
                }
            }
            let (of, name) = (rows.len(), split.name());
            if kept.is_empty() && of > 0 {
                return Err(Error::Unfit {
                    option: "--maxlen",
                    value: maxlen.to_string(),
                    reason: format!("no {name} review is shorter"),
                    remedy: "raise it".into(),
                });
            }
            if kept.len() < of {
                let dropped = of - kept.len();
                self.notes
                    .push(format!("{dropped} of {of} {name} reviews are too long for --maxlen"));
            }
            *rows = kept;
        }
        self.rows = rows;
        Ok(())
    }

    /// Makes the rows of some reviews.
    fn encode(&self, encoder: &mut RowMaker, reviews: &[u32]) -> Result<Encoded> {
        // Room for a mark of the start as well.
        let most = self.cut.words(reviews) + reviews.len();
        let mut encoded = Encoded {
            words: Vec::with_capacity(most),
            features: Vec::with_capacity(most),
            rows: Vec::with_capacity(reviews.len()),
        };
        for &review in reviews {
            let (shard, numbers) = self.cut.numbers(review, &mut encoder.buffer)?;
            let tokens = &self.lexicon.tokens[shard];
            let tokens = numbers.iter().map(|&number| tokens[number as usize]);
            self.lexicon.encoder.encode_tokens(tokens, &mut encoder.encoding);
            encoded.words.extend_from_slice(encoder.encoding.words());
            encoded.features.extend_from_slice(encoder.encoding.features());
            encoded.rows.push((review, encoded.words.len(), encoded.features.len()));
        }
        Ok(encoded)
    }

    /// A review without its words.
    fn review(&self, number: u32) -> Review<'static> {
        let header = &self.cut.headers[number as usize];
        let label = header.class.map(|class| u8::from(class == self.positive));
        let group = self.groups.as_ref().map(|groups| groups.of(header));
        // Unlabelled reviews of the archive have no stars: that is why they are unlabelled.
        let is_rated = self.has_ids && header.split.is_labelled();
        let rating = is_rated.then_some(header.rating);
        Review { rating, group, ..Review::new(header.split, &[], label) }
    }
}

/// What a thread needs to make rows.
#[derive(Default)]
struct RowMaker {
    buffer: Vec<u32>,
    encoding: Encoding,
}

/// Some reviews as rows.
struct Encoded {
    words: Vec<u32>,
    features: Vec<u32>,
    /// Each review, and where its words and features end.
    rows: Vec<(u32, usize, usize)>,
}

impl ReviewSource for Corpus {
    fn contents(&self) -> Contents {
        let TextOptions { test, unlabelled, test_fraction, keep_order, .. } = &self.options;
        let name = |path: &Option<PathBuf>| path.as_deref().map(super::file_name);
        Contents {
            features: self.lexicon.encoder.features(),
            vocabulary: Some(self.lexicon.vocabulary.clone()),
            text: Some(self.lexicon.encoder.rules().clone()),
            sequences: true,
            options: json!({
                "format": self.format.name(),
                "file": super::file_name(&self.file),
                "test": name(test),
                "unlabelled": name(unlabelled),
                "test_fraction": test_fraction,
                "keep_order": keep_order,
                "vocabulary": name(&self.vocabulary),
                "maxlen": self.keras.maxlen,
                "seed": self.keras.seed,
            }),
        }
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    fn for_each(&mut self, sink: &mut dyn FnMut(Review<'_>) -> Result<()>) -> Result<()> {
        let corpus = &*self;
        let mut makers = self.workers.states(RowMaker::default);
        self.workers.pipeline(
            &mut makers,
            |emit| corpus.rows.iter().flat_map(|rows| rows.chunks(ROWS)).try_for_each(emit),
            |maker, reviews| corpus.encode(maker, reviews),
            |encoded| {
                let (mut word, mut feature) = (0, 0);
                encoded.rows.iter().try_for_each(|&(review, words, features)| {
                    let review = Review {
                        words: &encoded.words[word..words],
                        features: Some(&encoded.features[feature..features]),
                        ..corpus.review(review)
                    };
                    (word, feature) = (words, features);
                    sink(review)
                })
            },
        )
    }
}
