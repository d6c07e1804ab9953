//! Writes a dataset row by row: one spool file a tensor, joined behind the header at the end.
//!
//! The container wants all sizes first and a stream knows them last, hence the spools. They are unlinked temporary
//! files in the output's folder; nothing is left of them, however the program ends.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use xxhash_rust::xxh3::Xxh3;

use super::{Split, format};
use crate::error::{Error, Result};
use crate::output::{self, OutputFile};
use crate::text::Vocabulary;

/// What holds for the whole dataset, known before its first row.
#[derive(Debug, Clone)]
pub struct Contents {
    /// How many features: every word id is below it.
    pub features: usize,
    /// The word of each id, where the source knows them.
    pub vocabulary: Option<Vocabulary>,
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
        assert_eq!(label.is_some(), split.is_labelled(), "{} and label {label:?}", split.name());
        assert!(label.is_none_or(|l| l <= 1), "the label is {label:?}, neither 0 nor 1");
        let features = self.contents.features;
        self.distinct.clear();
        self.distinct.extend_from_slice(words);
        self.distinct.sort_unstable();
        self.distinct.dedup();
        let greatest = self.distinct.last().map_or(0, |&w| w as usize);
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
            summary.splits.push((split, spool.rows as usize, spool.indices.elements));
            spools.extend(spool.into_spools());
        }
        if let Some(vocabulary) = &contents.vocabulary {
            let offsets: Vec<u8> =
                vocabulary.offsets().iter().flat_map(|o| o.to_le_bytes()).collect();
            let folder = output::folder_of(&path);
            for (name, dtype, bytes) in [
                ("vocabulary.offsets", Dtype::U64, offsets.as_slice()),
                ("vocabulary.text", Dtype::U8, vocabulary.text().as_bytes()),
            ] {
                let mut spool = Spool::create(folder, name.into(), dtype)
                    .map_err(Error::io(&path, "spool the vocabulary for"))?;
                spool.write(bytes).map_err(Error::io(&path, "spool the vocabulary for"))?;
                spools.push(spool);
            }
        }
        // Widest first: every tensor is then aligned to its type, since all lengths are multiples of their widths.
        spools.sort_by(|a, b| {
            b.dtype.bitsize().cmp(&a.dtype.bitsize()).then_with(|| a.name.cmp(&b.name))
        });
        summary.bytes = join(&mut output, &contents, spools).map_err(Error::io(&path, "write"))?;
        output.commit()?;
        Ok(summary)
    }
}

/// Writes the header and behind it the spools. Returns the bytes written.
fn join(output: &mut impl Write, contents: &Contents, spools: Vec<Spool>) -> std::io::Result<u64> {
    let mut metadata = HashMap::from([
        ("format".to_owned(), format::NAME.to_owned()),
        ("version".to_owned(), format::VERSION.to_owned()),
        ("features".to_owned(), contents.features.to_string()),
        ("options".to_owned(), contents.options.to_string()),
    ]);
    let mut tensors = Vec::with_capacity(spools.len());
    let mut end = 0;
    for spool in &spools {
        let bytes = spool.elements as usize * spool.dtype.bitsize() / 8;
        let info = TensorInfo {
            dtype: spool.dtype,
            shape: vec![spool.elements as usize],
            data_offsets: (end, end + bytes),
        };
        end += bytes;
        let checksum = format::checksum_text(spool.hash.digest());
        metadata.insert(format::checksum_key(&spool.name), checksum);
        tensors.push((spool.name.clone(), info));
    }
    let header = Metadata::new(Some(metadata), tensors).map_err(std::io::Error::other)?;
    let mut header = serde_json::to_vec(&header)?;
    // The container pads with spaces, so that the tensors start on a multiple of eight.
    header.resize(header.len().next_multiple_of(8), b' ');
    output.write_all(&(header.len() as u64).to_le_bytes())?;
    output.write_all(&header)?;
    for spool in spools {
        let mut file = spool.file.into_inner().map_err(|e| e.into_error())?;
        file.rewind()?;
        std::io::copy(&mut file, output)?;
    }
    Ok((8 + header.len() + end) as u64)
}

/// The tensors of one split as they grow.
struct SplitSpool {
    rows: u64,
    indptr: Spool,
    indices: Spool,
    labels: Option<Spool>,
    sequences: Option<(Spool, Spool)>,
}

impl SplitSpool {
    fn create(path: &Path, split: Split, features: usize, sequences: bool) -> Result<SplitSpool> {
        let index = if features < format::WIDE_FROM { Dtype::U16 } else { Dtype::U32 };
        let create = |tensor: &str, dtype| {
            Spool::create(output::folder_of(path), format!("{}.{tensor}", split.name()), dtype)
                .map_err(Error::io(path, "spool rows for"))
        };
        let mut spool = SplitSpool {
            rows: 0,
            indptr: create("indptr", Dtype::U64)?,
            indices: create("indices", index)?,
            labels: if split.is_labelled() { Some(create("labels", Dtype::U8)?) } else { None },
            sequences: match sequences {
                true => Some((create("sequence_ptr", Dtype::U64)?, create("sequences", index)?)),
                false => None,
            },
        };
        let start = |spool: &mut Spool| {
            spool.write(&0u64.to_le_bytes()).map_err(Error::io(path, "spool rows for"))
        };
        start(&mut spool.indptr)?;
        if let Some((pointers, _)) = &mut spool.sequences {
            start(pointers)?;
        }
        Ok(spool)
    }

    fn push(&mut self, distinct: &[u32], words: &[u32], label: Option<u8>) -> std::io::Result<()> {
        self.rows += 1;
        self.indices.write_ids(distinct)?;
        self.indptr.write(&self.indices.elements.to_le_bytes())?;
        if let (Some(labels), Some(label)) = (&mut self.labels, label) {
            labels.write(&[label])?;
        }
        if let Some((pointers, sequences)) = &mut self.sequences {
            sequences.write_ids(words)?;
            pointers.write(&sequences.elements.to_le_bytes())?;
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

/// One tensor on its way: an unlinked temporary file, its length and its checksum so far.
struct Spool {
    name: String,
    dtype: Dtype,
    file: BufWriter<File>,
    elements: u64,
    hash: Box<Xxh3>,
    bytes: Vec<u8>,
}

impl Spool {
    fn create(folder: &Path, name: String, dtype: Dtype) -> std::io::Result<Spool> {
        let file = BufWriter::with_capacity(1 << 16, tempfile::tempfile_in(folder)?);
        Ok(Spool { name, dtype, file, elements: 0, hash: Box::default(), bytes: Vec::new() })
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.elements += (bytes.len() * 8 / self.dtype.bitsize()) as u64;
        self.hash.update(bytes);
        self.file.write_all(bytes)
    }

    fn write_ids(&mut self, ids: &[u32]) -> std::io::Result<()> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.clear();
        if self.dtype == Dtype::U16 {
            bytes.extend(ids.iter().flat_map(|&id| (id as u16).to_le_bytes()));
        } else {
            bytes.extend(ids.iter().flat_map(|&id| id.to_le_bytes()));
        }
        let result = self.write(&bytes);
        self.bytes = bytes;
        result
    }
}
