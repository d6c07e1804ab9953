//! Comma- and tab-separated files with a header.
//!
//! CSV is that of [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180): a field in double quotes may hold commas, line breaks
//! and doubled quotes. TSV is [IANA's](https://www.iana.org/assignments/media-types/text/tab-separated-values), where quotes
//! mean nothing. Either can be told otherwise.

use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

use super::TextOptions;
use super::lines::max_text;
use super::row::{LABEL_NAMES, Row, Rows, TEXT_NAMES, column};
use super::unpack::{self, Faults, Unpack};
use crate::error::{Error, Result};

/// Comes behind the end of each file. A quote that is still open there swallows it, which the csv crate would not tell.
const END: &[u8] = b"\n\x1aimdb-fast: the end of the file\x1a\n";

/// The rows of a file.
pub(super) struct Delimited {
    reader: Reader<Bounded>,
    faults: Faults,
    path: PathBuf,
    delimiter: u8,
    /// How many fields each row has.
    width: usize,
    /// The most bytes of one row: the review, and as much of other columns.
    longest: usize,
    columns: Columns,
    record: ByteRecord,
    /// A first row that is no header.
    pending: bool,
}

/// Where the fields that count stand.
#[derive(Clone, Copy)]
struct Columns {
    text: usize,
    label: Option<usize>,
    split: Option<usize>,
}

/// A reader that stops where a row is too long; how far it reads ahead of the rows does not matter.
struct Bounded {
    reader: io::Chain<BufReader<Unpack>, &'static [u8]>,
    /// What has been read in all.
    read: u64,
    /// What may be read before this row has ended.
    end: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read > self.end {
            return Err(io::Error::other(TOO_LONG));
        }
        let read = self.reader.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

const TOO_LONG: &str = "the row is too long";

/// Whether a file that begins with `head` has several fields in its first line, and the character between them.
pub(super) fn looks_like_it(head: &[u8]) -> Option<u8> {
    let line = head.split(|&byte| byte == b'\n').next()?;
    let is_text = !line.iter().any(|byte| byte.is_ascii_control() && !b"\t\r".contains(byte));
    [b'\t', b','].into_iter().find(|delimiter| is_text && line.contains(delimiter))
}

/// Opens the file at `path` and reads its header; `labelled` where a file without labels is at fault.
///
/// # Errors
/// Those of [`unpack::open_text`], [`Error::Malformed`], and [`Error::Unfit`] where the columns are not there.
pub(super) fn open(
    path: &Path,
    delimiter: u8,
    options: &TextOptions,
    labelled: bool,
) -> Result<Delimited> {
    let input = unpack::open_text(path, options.max_unpacked)?;
    let is_csv = delimiter == b',';
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(delimiter).buffer_capacity(1 << 16);
    builder.quoting(options.quoting.unwrap_or(is_csv));
    if !is_csv {
        builder.terminator(Terminator::Any(b'\n'));
    }
    let longest = 2 * max_text(options.max_text);
    let reader = Bounded { reader: input.reader.chain(END), read: 0, end: 0 };
    let reader = builder.from_reader(reader);
    let mut file = Delimited {
        reader,
        faults: input.faults,
        path: path.to_path_buf(),
        delimiter,
        width: 0,
        longest,
        columns: Columns { text: 0, label: None, split: None },
        record: ByteRecord::new(),
        pending: !options.header,
    };
    if !file.read()? {
        return Err(Error::malformed(path, "the file", "it has no row", "get the file again"));
    }
    file.width = file.record.len();
    let names: Vec<String> = match options.header {
        true => file.record.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect(),
        false => (1..=file.width).map(|column| column.to_string()).collect(),
    };
    let find = |asked, usual: &[&str], missing| column(path, &names, asked, usual, missing);
    let label = ("--label-column", options.label_column.as_deref());
    file.columns = Columns {
        text: find(("--text-column", options.text_column.as_deref()), &TEXT_NAMES, false)?
            .expect("a missing text is an error"),
        label: if labelled { find(label, &LABEL_NAMES, false)? } else { None },
        split: find(("--split-column", options.split_column.as_deref()), &[], true)?,
    };
    Ok(file)
}

impl Delimited {
    /// Reads the next record; false at the end.
    fn read(&mut self) -> Result<bool> {
        let start = self.reader.position().clone();
        self.reader.get_mut().end = start.byte() + self.longest as u64;
        match self.reader.read_byte_record(&mut self.record) {
            Ok(true) => {}
            Ok(false) => return Ok(false),
            Err(error) => return Err(self.explain(&start, error)),
        }
        if self.record.len() == 1 && self.record[0] == END[1..END.len() - 1] {
            return Ok(false);
        }
        if self.record.iter().next_back().is_some_and(|field| field.ends_with(END)) {
            return Err(self.malformed(
                "a field's opening quote is never closed".into(),
                "close it, double the quotes within fields, or say --quoting off",
            ));
        }
        if self.delimiter == b'\t' {
            self.trim_return();
        }
        Ok(true)
    }

    /// Takes the carriage return off the last field: the line may have ended by two characters.
    fn trim_return(&mut self) {
        let Some(last) = self.record.iter().next_back() else { return };
        if let Some(trimmed) = last.strip_suffix(b"\r") {
            let trimmed = trimmed.to_vec();
            let position = self.record.position().cloned();
            self.record.truncate(self.record.len() - 1);
            self.record.push_field(&trimmed);
            self.record.set_position(position);
        }
    }

    fn explain(&self, start: &csv::Position, error: csv::Error) -> Error {
        let place = format!("row {}, line {}", start.record() + 1, start.line());
        match error.into_kind() {
            csv::ErrorKind::Io(error) if error.to_string() == TOO_LONG => Error::malformed(
                &self.path,
                place,
                format!("the row has more than {} bytes", self.longest),
                "look for a quote that is never closed, or raise --max-text",
            ),
            csv::ErrorKind::Io(error) => self.faults.explain(error),
            kind => Error::malformed(&self.path, place, format!("{kind:?}"), "mend the file"),
        }
    }

    fn malformed(&self, problem: String, remedy: &str) -> Error {
        let (row, line) = self.record.position().map_or((0, 0), |p| (p.record() + 1, p.line()));
        Error::malformed(&self.path, format!("row {row}, line {line}"), problem, remedy)
    }
}

impl Rows for Delimited {
    fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        if !std::mem::take(&mut self.pending) && !self.read()? {
            return Ok(None);
        }
        let found = self.record.len();
        if found != self.width {
            let problem = format!("{found} fields, where the first row has {}", self.width);
            let remedy = match self.delimiter {
                b',' => "put texts with commas, quotes or line breaks in double quotes",
                _ => {
                    "take tabs and line breaks out of the texts, or say --quoting on if they are quoted"
                }
            };
            return Err(self.malformed(problem, remedy));
        }
        let Columns { text, label, split } = self.columns;
        Ok(Some(Row {
            number: self.record.position().map_or(0, csv::Position::line),
            text: &self.record[text],
            label: label.map(|column| &self.record[column]),
            split: split.map(|column| &self.record[column]),
        }))
    }
}
