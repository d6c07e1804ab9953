//! Texts in the columns of a table.

use std::io::Read;

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use imdb_fast::import::{LABEL_NAMES, TEXT_NAMES};
use imdb_fast::{Error, import};

use super::batch::{Batcher, MAX_TEXT, Stop};

/// A file of comma- or tab-separated values. Fields of the former may be quoted, those of the latter are not.
pub(super) struct Table {
    reader: Reader<Bounded>,
    text: usize,
    label: Option<usize>,
}

/// A reader that stops where a row is too long: an unclosed quote would swallow the rest of the file.
struct Bounded {
    source: Box<dyn Read + Send>,
    /// What has been read in all.
    read: u64,
    /// What may be read before the next row.
    end: u64,
}

/// The most bytes of one row: the text, and as much of other columns.
const MAX_ROW: u64 = 2 * MAX_TEXT as u64;

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.read > self.end {
            return Err(std::io::Error::other("a row is too long; is a quote not closed?"));
        }
        let read = self.source.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

impl Table {
    /// Reads the header.
    pub(super) fn open(
        source: Box<dyn Read + Send>,
        delimiter: u8,
        batcher: &Batcher,
    ) -> Result<Table, Stop> {
        let mut reader = ReaderBuilder::new()
            .delimiter(delimiter)
            .quoting(delimiter == b',')
            // The crate's own way with `\r\n` counts lines wrongly: it ends a row before the line feed.
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(256 << 10)
            .from_reader(Bounded { source, read: 0, end: MAX_ROW });
        let names = reader.byte_headers().map_err(|error| fault(batcher, error))?;
        let names: Vec<String> = names
            .iter()
            .map(|name| {
                String::from_utf8_lossy(name).trim_start_matches('\u{FEFF}').trim().to_owned()
            })
            .collect();
        if names.iter().any(|name| name.contains('\r')) {
            let problem = "its lines end with carriage returns alone";
            let remedy = "convert them to line feeds, as by `tr '\\r' '\\n'`";
            return Err(Error::malformed(&batcher.path, "line 1", problem, remedy).into());
        }
        let options = &batcher.options;
        let find = |asked, usual: &[&str], missing| {
            import::column(&batcher.path, &names, asked, usual, missing)
        };
        let text = find(("--text-column", options.text_column.as_deref()), &TEXT_NAMES, false)?
            .expect("a missing text is an error");
        let label = find(("--label-column", options.label_column.as_deref()), &LABEL_NAMES, true)?;
        Ok(Table { reader, text, label })
    }

    /// Reads all rows.
    pub(super) fn read(&mut self, batcher: &mut Batcher) -> Result<(), Stop> {
        let mut record = ByteRecord::new();
        loop {
            let place = self.reader.position().byte();
            let input = self.reader.get_mut();
            input.end = place + MAX_ROW;
            if place == input.read {
                // All that was read has been taken apart: the next row may be long in coming.
                batcher.send()?;
            }
            let more = self.reader.read_byte_record(&mut record);
            if !more.map_err(|error| fault(batcher, error))? {
                return Ok(());
            }
            let line = record.position().map_or(0, |position| position.line());
            let field = |at: usize| match record[at].strip_suffix(b"\r") {
                Some(field) if at + 1 == record.len() => field,
                _ => &record[at],
            };
            let text = field(self.text);
            if text.len() > MAX_TEXT {
                return Err(batcher.too_long(line));
            }
            let label = self.label.map(|label| String::from_utf8_lossy(field(label)).into_owned());
            batcher.push(line, text, label)?;
        }
    }
}

fn fault(batcher: &Batcher, error: csv::Error) -> Stop {
    let line = error.position().map_or(1, |position| position.line());
    let problem = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} fields, the header has {expected_len}")
        }
        _ => error.to_string(),
    };
    let remedy = "check the row; a field with a comma or a line break must stand in double quotes";
    Error::malformed(&batcher.path, format!("line {line}"), problem, remedy).into()
}
