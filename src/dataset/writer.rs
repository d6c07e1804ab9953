//! Writes a dataset row by row: one spool file a tensor, joined behind the header at the end.
//!
//! The container wants all sizes first and a stream knows them last, hence the spools. They are unlinked temporary
//! files in the output's folder; nothing is left of them, however the program ends.

use std::path::Path;

use super::{Review, Split, format};
use crate::container::{self, Kind, Spool, vocabulary};
use crate::error::{Error, Result};
use crate::output::OutputFile;
use crate::text::{Rules, Vocabulary};

/// What holds for the whole dataset, known before its first row.
#[derive(Debug, Clone)]
pub struct Contents {
    /// How many features: every word id is below it.
    pub features: usize,
    /// The word of each id, where the source knows them.
    pub vocabulary: Option<Vocabulary>,
    /// How text became these ids, where it is known: a model of the dataset can then judge text.
    pub text: Option<Rules>,
    /// Whether the reading order is kept beside the sets of words, for decoding.
    pub sequences: bool,
    /// How the data came about, for `inspect`: the source and its options.
    pub options: serde_json::Value,
}

/// What a finished dataset file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Rows and nonzeros of each split that has rows.
    pub splits: Vec<(Split, usize, u64)>,
    /// The feature count.
    pub features: usize,
    /// The size of the file in bytes.
    pub bytes: u64,
}

/// A dataset file under construction. Dropped before [`Writer::finish`], nothing of it remains.
pub struct Writer {
    output: OutputFile,
    contents: Contents,
    splits: [Option<SplitSpool>; 3],
    distinct: Vec<u32>,
}

impl Writer {
    /// Opens the output, so that a folder that cannot be written is found out before any work is done.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for a feature count of 0 or above [`format::MAX_FEATURES`]; [`Error::Io`].
    pub fn create(path: &Path, contents: Contents) -> Result<Writer> {
        if contents.features == 0 || contents.features > format::MAX_FEATURES {
            let expected = format!("a number from 1 to {}", format::MAX_FEATURES);
            return Err(Error::invalid("the feature count", contents.features, expected));
        }
        let output = OutputFile::create(path)?;
        Ok(Writer { output, contents, splits: [None, None, None], distinct: Vec::new() })
    }

    /// Appends a review: its word ids in reading order, repeated as they stand. The set of them becomes the row.
    ///
    /// # Errors
    /// [`Error::Io`] where the spool cannot be written.
    ///
    /// # Panics
    /// If a word id is not below the feature count, if the label is neither 0 nor 1, or if a labelled split gets no
    /// label or the unlabelled one gets one: the source has to have checked that.
    pub fn push(&mut self, split: Split, words: &[u32], label: Option<u8>) -> Result<()> {
        self.push_review(Review { split, words, features: None, label })
    }

    /// Appends a review, as [`Writer::push`] does. Where it has features of its own, they are its row.
    ///
    /// # Errors
    /// Those of [`Writer::push`].
    ///
    /// # Panics
    /// As [`Writer::push`], and if the features do not ascend strictly.
    pub fn push_review(&mut self, review: Review<'_>) -> Result<()> {
        let Review { split, words, label, .. } = review;
        self.distinct.clear();
        self.distinct.extend_from_slice(review.features.unwrap_or(words));
        if review.features.is_none() {
            self.distinct.sort_unstable();
            self.distinct.dedup();
        }
        assert!(self.distinct.is_sorted_by(|a, b| a < b), "features that do not ascend strictly");
        assert_eq!(label.is_some(), split.is_labelled(), "{} and label {label:?}", split.name());
        assert!(label.is_none_or(|l| l <= 1), "the label is {label:?}, neither 0 nor 1");
        let features = self.contents.features;
        let greatest = words.iter().chain(&self.distinct).max().map_or(0, |&id| id as usize);
        assert!(greatest < features, "word {greatest} in a dataset of {features} features");

        let path = self.output.path();
        let slot = &mut self.splits[split as usize];
        if slot.is_none() {
            let spool = SplitSpool::create(path, split, features, self.contents.sequences)?;
            *slot = Some(spool);
        }
        let spool = slot.as_mut().expect("it has just been created");
        spool.push(&self.distinct, words, label).map_err(Error::io(path, "spool rows for"))
    }

    /// Joins the spools behind the header, syncs, and puts the file in its place.
    ///
    /// # Errors
    /// [`Error::Io`]; an older file of that name is then untouched.
    pub fn finish(self) -> Result<Summary> {
        let Writer { mut output, contents, splits, .. } = self;
        let path = output.path().to_path_buf();
        let mut summary = Summary { splits: Vec::new(), features: contents.features, bytes: 0 };
        let mut spools = Vec::new();
        for (split, spool) in Split::ALL.into_iter().zip(splits) {
            let Some(spool) = spool else { continue };
            summary.splits.push((split, spool.rows, spool.indices.elements()));
            spools.extend(spool.into_spools());
        }
        if let Some(words) = &contents.vocabulary {
            let mut offsets = Spool::create::<u64>(&path, vocabulary::OFFSETS.into())?;
            let mut text = Spool::create::<u8>(&path, vocabulary::TEXT.into())?;
            offsets
                .write(words.offsets())
                .and_then(|()| text.write(words.text().as_bytes()))
                .map_err(Error::io(&path, "spool the vocabulary for"))?;
            spools.extend([offsets, text]);
            if !words.cut().is_empty() {
                let mut cut = Spool::create::<u8>(&path, vocabulary::CUT.into())?;
                cut.write(words.cut().as_bytes())
                    .map_err(Error::io(&path, "spool the vocabulary for"))?;
                spools.push(cut);
            }
        }
        let mut strings = vec![
            ("features", contents.features.to_string()),
            ("options", contents.options.to_string()),
        ];
        strings.extend(contents.text.iter().map(|rules| (container::TEXT_RULES, rules.to_json())));
        summary.bytes =
            container::join(&mut output, Kind::Dataset, format::VERSION, strings, spools)
                .map_err(Error::io(&path, "write"))?;
        output.commit()?;
        Ok(summary)
    }
}

/// The tensors of one split as they grow.
struct SplitSpool {
    rows: usize,
    indptr: Spool,
    indices: Spool,
    labels: Option<Spool>,
    sequences: Option<(Spool, Spool)>,
    /// Whether ids are 16 bits wide, and the buffer in which they are narrowed.
    narrow: Option<Vec<u16>>,
}

impl SplitSpool {
    fn create(path: &Path, split: Split, features: usize, sequences: bool) -> Result<SplitSpool> {
        let name = |tensor: &str| format!("{}.{tensor}", split.name());
        let is_narrow = features < format::WIDE_FROM;
        let ids = |tensor: &str| match is_narrow {
            true => Spool::create::<u16>(path, name(tensor)),
            false => Spool::create::<u32>(path, name(tensor)),
        };
        let pointers = |tensor: &str| {
            let mut spool = Spool::create::<u64>(path, name(tensor))?;
            spool.write(&[0u64]).map_err(Error::io(path, "spool rows for"))?;
            Ok(spool)
        };
        Ok(SplitSpool {
            rows: 0,
            indptr: pointers("indptr")?,
            indices: ids("indices")?,
            labels: match split.is_labelled() {
                true => Some(Spool::create::<u8>(path, name("labels"))?),
                false => None,
            },
            sequences: match sequences {
                true => Some((pointers("sequence_ptr")?, ids("sequences")?)),
                false => None,
            },
            narrow: is_narrow.then(Vec::new),
        })
    }

    fn push(&mut self, distinct: &[u32], words: &[u32], label: Option<u8>) -> std::io::Result<()> {
        self.rows += 1;
        write_ids(&mut self.indices, distinct, &mut self.narrow)?;
        self.indptr.write(&[self.indices.elements()])?;
        if let (Some(labels), Some(label)) = (&mut self.labels, label) {
            labels.write(&[label])?;
        }
        if let Some((pointers, sequences)) = &mut self.sequences {
            write_ids(sequences, words, &mut self.narrow)?;
            pointers.write(&[sequences.elements()])?;
        }
        Ok(())
    }

    fn into_spools(self) -> impl Iterator<Item = Spool> {
        let (pointers, sequences) = self.sequences.unzip();
        [Some(self.indptr), Some(self.indices), self.labels, pointers, sequences]
            .into_iter()
            .flatten()
    }
}

fn write_ids(spool: &mut Spool, ids: &[u32], narrow: &mut Option<Vec<u16>>) -> std::io::Result<()> {
    let Some(buffer) = narrow else { return spool.write(ids) };
    buffer.clear();
    // No id is cut: `Writer::push` has checked that all are below the feature count, and that is below 2^16 here.
    buffer.extend(ids.iter().map(|&id| id as u16));
    spool.write(buffer)
}
