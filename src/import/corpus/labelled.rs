//! Files with a labelled review a row: what CSV, JSON lines, fastText and parquet have in common.

use std::path::{Path, PathBuf};

use super::labels::Labels;
use crate::dataset::Split;
use crate::error::{Error, Result, shortened};
use crate::import::document::{Batcher, Emit, Findings, Header, Numbered, Reader};
use crate::import::row::{LabelUse, Row, Rows};
use crate::import::{Format, TextOptions, parquet_file, readers, unpack};

/// One or several files of such rows.
pub(in crate::import) struct Labelled {
    format: Format,
    files: Vec<(PathBuf, Split)>,
    options: TextOptions,
    labels: Labels,
    /// Rows without a label in files of labelled reviews.
    without_label: u64,
    /// Rows whose label is not UTF-8.
    skipped: u64,
}

impl Labelled {
    /// The file at `path`, and those of the options.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for labels that are both positive and negative.
    pub fn new(path: &Path, format: Format, options: &TextOptions) -> Result<Labelled> {
        let mut files = vec![(path.to_path_buf(), Split::Train)];
        files.extend(options.test.clone().map(|path| (path, Split::Test)));
        if options.with_unlabelled {
            files.extend(options.unlabelled.clone().map(|path| (path, Split::Unlabelled)));
        }
        let labels = Labels::new(&options.negative, &options.positive)?;
        Ok(Labelled {
            format,
            files,
            options: options.clone(),
            labels,
            without_label: 0,
            skipped: 0,
        })
    }

    fn open(&self, path: &Path, split: Split) -> Result<Box<dyn Rows + Send>> {
        let labels = if split.is_labelled() { LabelUse::Needed } else { LabelUse::Unused };
        if self.format == Format::Parquet {
            return parquet_file::open(path, &self.options, labels);
        }
        let input = unpack::open_text(path, self.options.max_unpacked)?;
        readers::open(input, self.format, &self.options, labels)
    }

    fn origin(&self, path: &Path) -> Numbered {
        let unit = if self.format == Format::Parquet { "row" } else { "line" };
        Numbered { path: path.to_path_buf(), unit }
    }

    /// Split and class of a row; nothing where it is to be left out.
    fn sort(
        &mut self,
        row: &Row<'_>,
        split: Split,
        origin: &Numbered,
    ) -> Result<Option<(Split, Option<u8>)>> {
        let place = || (origin.path.clone(), format!("{} {}", origin.unit, row.number));
        let malformed = |(problem, remedy): (String, String)| {
            let (path, place) = place();
            Error::malformed(&path, place, problem, remedy)
        };
        let split = match row.split {
            Some(name) => split_of(name).ok_or_else(|| {
                let name = String::from_utf8_lossy(name);
                malformed((format!("{:?} is no split", shortened(&name, 40)), SPLITS.to_owned()))
            })?,
            // In another format its field would be empty, and that is no split either. A file of unlabelled reviews needs none.
            None if self.options.split_column.is_some() && split != Split::Unlabelled => {
                return Err(malformed(("it names no split".to_owned(), SPLITS.to_owned())));
            }
            None => split,
        };
        if split == Split::Unlabelled {
            return Ok(Some((split, None)));
        }
        let label = row.label.unwrap_or_default();
        let Some(label) = self.options.invalid_utf8.read(label, "label", place)? else {
            self.skipped += 1;
            return Ok(None);
        };
        match self.labels.class(&label).map_err(malformed)? {
            Some(class) => Ok(Some((split, Some(class)))),
            None => {
                self.without_label += 1;
                Ok(Some((Split::Unlabelled, None)))
            }
        }
    }
}

const SPLITS: &str = "expected train, test or unlabelled (unsupervised, unsup); call rows for validation train, of which \
                      `train --validation` holds some out";

fn split_of(name: &[u8]) -> Option<Split> {
    Some(match name.trim_ascii().to_ascii_lowercase().as_slice() {
        b"train" | b"training" => Split::Train,
        b"test" => Split::Test,
        b"unlabelled" | b"unlabeled" | b"unsupervised" | b"unsup" => Split::Unlabelled,
        _ => return None,
    })
}

impl Reader for Labelled {
    fn read(&mut self, emit: Emit<'_>) -> Result<()> {
        for (path, of_file) in self.files.clone() {
            let mut rows = self.open(&path, of_file)?;
            let mut has_labels = false;
            let origin = self.origin(&path);
            let mut batcher = Batcher::new(self.origin(&path), emit);
            while let Some(row) = rows.next_row()? {
                let number = u32::try_from(row.number).unwrap_or(u32::MAX);
                let Some((split, class)) = self.sort(&row, of_file, &origin)? else { continue };
                has_labels |= class.is_some();
                let header = Header { split, class, rating: 0, number };
                if header.split != Split::Unlabelled || self.options.with_unlabelled {
                    batcher.text().extend_from_slice(row.text);
                    batcher.end(header)?;
                }
            }
            batcher.finish()?;
            if of_file == Split::Test && !has_labels {
                return Err(Error::Unfit {
                    option: "--test",
                    value: path.display().to_string(),
                    reason: "no review of it has a label".into(),
                    remedy: "name a file with labels, or give it as --unlabelled".into(),
                });
            }
        }
        Ok(())
    }

    fn findings(&mut self) -> Result<Findings> {
        let mut notes = Vec::from_iter(self.labels.note());
        if self.without_label > 0 {
            notes.push(match (self.without_label, self.options.with_unlabelled) {
                (1, true) => "1 review has no label and becomes unlabelled".to_owned(),
                (1, false) => "1 review has no label and is left out".to_owned(),
                (many, true) => format!("{many} reviews have no label and become unlabelled"),
                (many, false) => format!("{many} reviews have no label and are left out"),
            });
        }
        if self.skipped > 0 {
            notes.push(match self.skipped {
                1 => "1 review has a label that is not UTF-8 and is left out".to_owned(),
                many => format!("{many} reviews have labels that are not UTF-8 and are left out"),
            });
        }
        let positive = self.labels.positive()?;
        Ok(Findings { positive, groups: None, has_ids: false, notes })
    }
}
