//! Texts on their way from a reader to those who judge them, in batches.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;

use imdb_fast::Error;
use imdb_fast::import::InvalidUtf8;

/// A batch is full at so many bytes, or at so many texts.
pub(super) const BATCH_BYTES: usize = 256 << 10;
const BATCH_TEXTS: usize = 4096;
/// The longest text, 16 MiB: no review comes near it, but a file without line breaks does.
pub(super) const MAX_TEXT: usize = 16 << 20;

/// How texts lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Layout {
    /// One text a line
    Lines,
    /// Comma-separated, with a header
    Csv,
    /// Tab-separated, with a header
    Tsv,
    /// A JSON object a line
    Jsonl,
    /// `__label__x text`
    Fasttext,
}

/// How to read.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) layout: Layout,
    pub(super) invalid_utf8: InvalidUtf8,
    pub(super) text_column: Option<String>,
    pub(super) label_column: Option<String>,
}

/// Some texts.
#[derive(Debug, Default)]
pub(super) struct Batch {
    texts: String,
    records: Vec<Record>,
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
    pub(super) options: Options,
    pub(super) batch: Batch,
    /// Whether a JSON object was read: only the first must have the label that was asked for.
    pub(super) begun: bool,
}

impl Batcher {
    /// The text of some bytes; `None` where it is to be left out.
    pub(super) fn decoded<'a>(
        &mut self,
        line: u64,
        bytes: &'a [u8],
    ) -> Result<Option<Cow<'a, str>>, Stop> {
        let error = match std::str::from_utf8(bytes) {
            Ok(text) => return Ok(Some(text.into())),
            Err(error) => error,
        };
        match self.options.invalid_utf8 {
            InvalidUtf8::Replace => Ok(Some(String::from_utf8_lossy(bytes))),
            InvalidUtf8::Skip => {
                self.batch.skipped += 1;
                Ok(None)
            }
            InvalidUtf8::Stop => {
                let at = error.valid_up_to();
                let problem = format!("byte {at} of the text, 0x{:02x}, is not UTF-8", bytes[at]);
                let remedy = "convert the file to UTF-8, or give --invalid-utf8 replace or skip";
                Err(Error::malformed(&self.path, format!("line {line}"), problem, remedy).into())
            }
        }
    }

    /// Appends a text.
    pub(super) fn push(
        &mut self,
        line: u64,
        bytes: &[u8],
        label: Option<String>,
    ) -> Result<(), Stop> {
        let Some(text) = self.decoded(line, bytes)? else { return Ok(()) };
        let batch = &mut self.batch;
        batch.texts.push_str(&text);
        batch.records.push(Record { line, end: batch.texts.len(), label });
        if batch.texts.len() >= BATCH_BYTES || batch.records.len() >= BATCH_TEXTS {
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

    pub(super) fn too_long(&self, line: u64) -> Stop {
        let problem = format!("it is longer than {MAX_TEXT} bytes");
        let remedy = "check that it is text, and that --input names how it is laid out";
        Error::malformed(&self.path, format!("line {line}"), problem, remedy).into()
    }
}
