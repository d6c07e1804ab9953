//! Writes a dataset row by row: one spool file a tensor, joined behind the header at the end.
//!
//! The container wants all sizes first and a stream knows them last, hence the spools. They are unlinked temporary
//! files in the output's folder; nothing is left of them, however the program ends.

use std::fmt;
use std::path::Path;

use super::{Review, Split, format};
use crate::container::{self, Kind, Spool, vocabulary};
use crate::error::{Error, Result, expect_within};
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

impl Contents {
    /// Checks that what reads the file will take them.
    fn check(&self) -> Result<()> {
        expect_within("the feature count", self.features, 1..=format::MAX_FEATURES)?;
        let Some(rules) = &self.text else { return Ok(()) };
        let Some(vocabulary) = &self.vocabulary else { return rules.check() };
        match rules.checked_features(vocabulary)? {
            found if found == self.features => Ok(()),
            found => Err(Error::Unfit {
                option: "the feature count",
                value: self.features.to_string(),
                reason: format!("text rules and vocabulary lead to {found}"),
                remedy: "give what `Rules::features` says of them".to_owned(),
            }),
        }
    }
}

/// What a finished dataset file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The splits that have rows.
    pub splits: Vec<SplitSummary>,
    /// The feature count.
    pub features: usize,
    /// The size of the file in bytes.
    pub bytes: u64,
}

/// What a finished dataset file holds of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SplitSummary {
    /// Which one.
    pub split: Split,
    /// How many reviews.
    pub rows: usize,
    /// How many words in all, of each review its distinct ones.
    pub nnz: u64,
    /// How many of the reviews are positive, where they have labels.
    pub positive: Option<u64>,
}

/// A dataset file under construction. Dropped before [`Writer::finish`], nothing of it remains.
pub struct Writer {
    output: OutputFile,
    contents: Contents,
    splits: [Option<SplitSpool>; 3],
    distinct: Vec<u32>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Writer { output, contents, .. } = self;
        let mut writer = f.debug_struct("Writer");
        writer.field("output", output).field("contents", contents).finish_non_exhaustive()
    }
}

impl Writer {
    /// Opens the output at `path`, as [`OutputFile::create`] does.
    ///
    /// # Errors
    /// Those of [`Writer::new`], and [`Error::Io`].
    pub fn create(path: &Path, contents: Contents) -> Result<Writer> {
        Writer::new(OutputFile::create(path)?, contents)
    }

    /// Begins a dataset in an output that is open.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for a feature count of 0 or above [`format::MAX_FEATURES`], and for text rules that are none;
    /// [`Error::Unfit`] where these and the vocabulary do not lead to so many features.
    pub fn new(output: OutputFile, contents: Contents) -> Result<Writer> {
        contents.check()?;
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
        self.push_review(Review::new(split, words, label))
    }

    /// Appends a review, as [`Writer::push`] does. Where it has features of its own, they are its row.
    ///
    /// # Errors
    /// Those of [`Writer::push`].
    ///
    /// # Panics
    /// As [`Writer::push`], if the features do not ascend strictly, and if some reviews of a split have a rating or group
    /// and others do not.
    pub fn push_review(&mut self, review: Review<'_>) -> Result<()> {
        let Review { split, words, label, .. } = review;
        assert_eq!(label.is_some(), split.is_labelled(), "{} and label {label:?}", split.name());
        assert!(label.is_none_or(|l| l <= 1), "the label is {label:?}, neither 0 nor 1");
        let row = match review.features {
            Some(row) => row,
            None => {
                self.distinct.clear();
                self.distinct.extend_from_slice(words);
                self.distinct.sort_unstable();
                self.distinct.dedup();
                &self.distinct
            }
        };
        // Folded without an early way out, so that the compiler can use vectors.
        let ascends = row.windows(2).fold(true, |good, pair| good & (pair[0] < pair[1]));
        assert!(ascends, "features that do not ascend strictly");
        let features = self.contents.features;
        let greatest = words.iter().fold(0, |greatest, &word| greatest.max(word));
        let greatest = greatest.max(row.last().copied().unwrap_or(0)) as usize;
        let is_empty = words.is_empty() && row.is_empty();
        assert!(
            is_empty || greatest < features,
            "word {greatest} in a dataset of {features} features"
        );

        let path = self.output.path();
        let slot = &mut self.splits[split as usize];
        if slot.is_none() {
            let spool = SplitSpool::create(path, &review, features, self.contents.sequences)?;
            *slot = Some(spool);
        }
        let spool = slot.as_mut().expect("it has just been created");
        spool.push(row, &review).map_err(Error::io(path, "spool rows for"))
    }

    /// Joins the spools behind the header, syncs, and puts the file in its place.
    ///
    /// # Errors
    /// [`Error::Unfit`] where no review is of `train` or `test`, [`Error::Io`]; an older file of that name is then untouched.
    pub fn finish(self) -> Result<Summary> {
        let Writer { mut output, contents, splits, .. } = self;
        let path = output.path().to_path_buf();
        if !Split::ALL.into_iter().zip(&splits).any(|(split, s)| split.is_labelled() && s.is_some())
        {
            return Err(Error::Unfit {
                option: "the dataset",
                value: path.display().to_string(),
                reason: "none of its reviews is of the split `train` or `test`".to_owned(),
                remedy: "import reviews with labels as well: those without one are only learned from beside them"
                    .to_owned(),
            });
        }
        let mut summary = Summary { splits: Vec::new(), features: contents.features, bytes: 0 };
        let mut spools = Vec::new();
        for (split, spool) in Split::ALL.into_iter().zip(splits) {
            let Some(spool) = spool else { continue };
            summary.splits.push(SplitSummary {
                split,
                rows: spool.rows,
                nnz: spool.indices.elements(),
                positive: spool.labels.is_some().then_some(spool.positive),
            });
            spools.extend(spool.into_spools());
        }
        if let Some(words) = &contents.vocabulary {
            for tensor in vocabulary::tensors(words) {
                spools.push(Spool::of(&path, tensor)?);
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
    positive: u64,
    indptr: Spool,
    indices: Spool,
    labels: Option<Spool>,
    sequences: Option<(Spool, Spool)>,
    ratings: Option<Spool>,
    groups: Option<Spool>,
    /// Whether ids are 16 bits wide, and the buffer in which they are narrowed.
    narrow: Option<Vec<u16>>,
}

impl SplitSpool {
    /// The spools of the split of its first review, which tells what all of them have.
    fn create(
        path: &Path,
        first: &Review<'_>,
        features: usize,
        sequences: bool,
    ) -> Result<SplitSpool> {
        let split = first.split;
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
            positive: 0,
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
            ratings: match first.rating {
                Some(_) => Some(Spool::create::<u8>(path, name("ratings"))?),
                None => None,
            },
            groups: match first.group {
                Some(_) => Some(Spool::create::<u32>(path, name("groups"))?),
                None => None,
            },
            narrow: is_narrow.then(Vec::new),
        })
    }

    fn push(&mut self, distinct: &[u32], review: &Review<'_>) -> std::io::Result<()> {
        let &Review { words, label, rating, group, .. } = review;
        assert!(
            self.ratings.is_some() == rating.is_some() && self.groups.is_some() == group.is_some(),
            "some reviews of a split have a rating or group, and others do not"
        );
        self.rows += 1;
        write_ids(&mut self.indices, distinct, &mut self.narrow)?;
        self.indptr.write(&[self.indices.elements()])?;
        if let (Some(labels), Some(label)) = (&mut self.labels, label) {
            labels.write(&[label])?;
            self.positive += u64::from(label);
        }
        if let Some((pointers, sequences)) = &mut self.sequences {
            write_ids(sequences, words, &mut self.narrow)?;
            pointers.write(&[sequences.elements()])?;
        }
        if let (Some(ratings), Some(rating)) = (&mut self.ratings, rating) {
            ratings.write(&[rating])?;
        }
        if let (Some(groups), Some(group)) = (&mut self.groups, group) {
            groups.write(&[group])?;
        }
        Ok(())
    }

    fn into_spools(self) -> impl Iterator<Item = Spool> {
        let (pointers, sequences) = self.sequences.unzip();
        let always = [Some(self.indptr), Some(self.indices), self.labels];
        let others = [pointers, sequences, self.ratings, self.groups];
        always.into_iter().chain(others).flatten()
    }
}

fn write_ids(spool: &mut Spool, ids: &[u32], narrow: &mut Option<Vec<u16>>) -> std::io::Result<()> {
    let Some(buffer) = narrow else { return spool.write(ids) };
    buffer.clear();
    // No id is cut: `Writer::push` has checked that all are below the feature count, and that is below 2^16 here.
    buffer.extend(ids.iter().map(|&id| id as u16));
    spool.write(buffer)
}
