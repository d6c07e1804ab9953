//! Texts on their way from a reader to those who judge them, in batches.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;

use imdb_fast::Error;
use imdb_fast::import::{InvalidUtf8, Row};

/// A batch is full at so many bytes of texts and labels, or at so many texts.
pub(super) const BATCH_BYTES: usize = 256 << 10;
const BATCH_TEXTS: usize = 4096;

/// Some texts.
#[derive(Debug, Default)]
pub(super) struct Batch {
    texts: String,
    records: Vec<Record>,
    /// Bytes of all labels.
    labels: usize,
    /// What came behind the last text, if it was no text.
    pub(super) fault: Option<Error>,
    /// Texts that were left out.
    pub(super) skipped: u64,
}

#[derive(Debug)]
struct Record {
    line: u64,
    end: usize,
    label: Option<String>,
}

impl Batch {
    /// How long its texts and labels are together.
    pub(super) fn bytes(&self) -> usize {
        self.texts.len() + self.labels
    }

    /// Line, text and label of each.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &str, Option<&str>)> {
        let mut start = 0;
        self.records.iter().map(move |record| {
            let text = &self.texts[start..record.end];
            start = record.end;
            (record.line, text, record.label.as_deref())
        })
    }
}

/// Why reading ends early.
pub(super) enum Stop {
    /// Nobody wants more.
    Unwanted,
    /// The input is at fault.
    Fault(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Fault(error)
    }
}

/// Puts texts together to batches.
pub(super) struct Batcher {
    pub(super) sender: SyncSender<Batch>,
    pub(super) path: PathBuf,
    pub(super) invalid_utf8: InvalidUtf8,
    pub(super) batch: Batch,
}

impl Batcher {
    /// Appends a text, unless it is to be left out.
    pub(super) fn push(&mut self, row: Row<'_>) -> Result<(), Stop> {
        let Row { number: line, text, label, .. } = row;
        let batch = &mut self.batch;
        let read = |bytes, what| {
            let place = || (self.path.clone(), format!("line {line}"));
            self.invalid_utf8.read(bytes, what, place)
        };
        let text = read(text, "text")?;
        let label = label.map(|label| read(label, "label")).transpose()?;
        // A label that is to be left out takes its text along.
        let Some(text) = text.filter(|_| label != Some(None)) else {
            batch.skipped += 1;
            return Ok(());
        };
        batch.texts += &text;
        let label = label.flatten().map(Cow::into_owned);
        batch.labels += label.as_ref().map_or(0, String::len);
        batch.records.push(Record { line, end: batch.texts.len(), label });
        if batch.bytes() >= BATCH_BYTES || batch.records.len() >= BATCH_TEXTS {
            return self.send();
        }
        Ok(())
    }

    /// Hands over what there is.
    pub(super) fn send(&mut self) -> Result<(), Stop> {
        let batch = std::mem::take(&mut self.batch);
        if batch.records.is_empty() && batch.fault.is_none() && batch.skipped == 0 {
            return Ok(());
        }
        self.sender.send(batch).map_err(|_| Stop::Unwanted)
    }
}
