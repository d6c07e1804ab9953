//! Comma- and tab-separated files with a header.
//!
//! CSV is that of [RFC 4180](https://www.rfc-editor.org/rfc/rfc4180): a field in double quotes may hold commas, line breaks
//! and doubled quotes; semicolons may stand for the commas, as programs write it where a comma is the decimal mark. TSV is [IANA's](https://www.iana.org/assignments/media-types/text/tab-separated-values), where quotes
//! mean nothing. Either can be told otherwise.

use std::io::{self, BufRead, Read};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

use super::TextOptions;
use super::lines::{max_text, with_returns_alone};
use super::row::{LabelUse, Row, Rows, wanted};
use super::unpack::{Ahead, Faults, Input, look_ahead};
use crate::error::{Error, Result};

/// Comes behind the end of each file. A quote that is still open there swallows it, which the csv crate would not tell.
const END: &[u8] = b"\n\x1aimdb-fast: the end of the file\x1a\n";

/// The rows of a file.
pub(super) struct Delimited {
    reader: Reader<Bounded>,
    faults: Faults,
    delimiter: u8,
    /// How many fields each row has.
    width: usize,
    /// The most bytes of a review; a row may have as much of other columns.
    longest: usize,
    /// Where text, label and split stand.
    places: [Option<usize>; 3],
    record: ByteRecord,
    /// The row that was read last, and the line in which it begins, from 1.
    row: u64,
    line: u64,
    /// A first row that is no header.
    pending: bool,
}

/// A reader that stops where a row is too long; how far it reads ahead of the rows does not matter.
struct Bounded {
    reader: io::Chain<Ahead<Box<dyn BufRead + Send>>, &'static [u8]>,
    /// What has been read in all.
    read: u64,
    /// Where this row begins, behind the blank lines that the csv crate skips.
    start: u64,
    /// The most bytes of a row.
    longest: u64,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.read > self.start + self.longest {
            return Err(io::Error::other(TOO_LONG));
        }
        // Blank lines come by themselves: where nothing of a row has come yet, they are those before it.
        let next = self.reader.fill_buf()?;
        let blank = next.iter().take_while(|&&byte| byte == b'\n').count();
        let length = match blank {
            0 => next.windows(2).position(|two| two == b"\n\n").map_or(next.len(), |at| at + 1),
            _ => blank,
        };
        let length = length.min(buffer.len());
        buffer[..length].copy_from_slice(&next[..length]);
        self.reader.consume(length);
        if blank > 0 && self.start == self.read {
            self.start += length as u64;
        }
        self.read += length as u64;
        Ok(length)
    }
}

/// How much of a file is looked at, at most, to find out how it is written.
const MAX_START: usize = 1 << 19;

/// The most columns: each has a name.
const MAX_WIDTH: usize = 1 << 16;

const TOO_LONG: &str = "the row is too long";

/// Whether a file that begins with `head` has several fields in its first line, and the character between them.
pub(super) fn looks_like_it(head: &[u8]) -> Option<u8> {
    let line = head.split(|&byte| byte == b'\n').next()?;
    let is_text = !line.iter().any(|byte| byte.is_ascii_control() && !b"\t\r".contains(byte));
    [b'\t', b',', b';'].into_iter().find(|delimiter| is_text && line.contains(delimiter))
}

/// Opens a text and reads its header.
///
/// # Errors
/// Those of the input, [`Error::Malformed`], and [`Error::Unfit`] where the columns are not there.
pub(super) fn open(
    input: Input,
    mut delimiter: u8,
    options: &TextOptions,
    labels: LabelUse,
) -> Result<Delimited> {
    let quoting = options.quoting.unwrap_or(delimiter != b'\t');
    let mut first = FirstLines::new(delimiter, quoting);
    let ahead = look_ahead(input.reader, |start| {
        first.take(start);
        start.len() >= MAX_START || first.are_enough()
    });
    let ahead = ahead.map_err(|error| input.faults.explain(error))?;
    if first.has_return && !first.has_feed {
        return Err(with_returns_alone(input.faults.path(), "row 1, line 1"));
    }
    if delimiter == b',' && first.have_semicolons() {
        delimiter = b';';
    }
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(delimiter).buffer_capacity(1 << 16);
    builder.quoting(quoting);
    // The crate's own way with `\r\n` counts lines wrongly: it ends a row before the line feed.
    builder.terminator(Terminator::Any(b'\n'));
    let longest = max_text(options.max_text);
    let reader =
        Bounded { reader: ahead.chain(END), read: 0, start: 0, longest: 2 * longest as u64 };
    let mut file = Delimited {
        reader: builder.from_reader(reader),
        faults: input.faults,
        delimiter,
        width: 0,
        longest,
        places: [None; 3],
        record: ByteRecord::new(),
        row: 0,
        line: 0,
        pending: !options.header,
    };
    if !file.read()? {
        let path = file.faults.path();
        return Err(Error::malformed(path, "the file", "it has no row", "get the file again"));
    }
    file.width = file.record.len();
    if file.width > MAX_WIDTH {
        let problem = format!("{} fields, of {MAX_WIDTH} at most", file.width);
        return Err(file.malformed(problem, "leave out columns that do not count"));
    }
    let first = (0..file.width).map(|at| String::from_utf8_lossy(file.field(at)).into_owned());
    let mut names: Vec<String> = first.collect();
    if !options.header {
        names = (1..=file.width).map(|column| column.to_string()).collect();
    }
    for (place, wanted) in file.places.iter_mut().zip(wanted(options, labels)) {
        *place = wanted.find(file.faults.path(), &names).map_err(|error| match error {
            Error::Unfit { option, value, reason, remedy } if options.header => {
                let is_quoted =
                    |name: &String| name.len() > 1 && name.starts_with('"') && name.ends_with('"');
                let remedy = match !quoting && names.iter().any(is_quoted) {
                    true => format!("{remedy}, or say --quoting on if its fields are quoted"),
                    false => format!("{remedy}, or say --no-header if that row is a review"),
                };
                Error::Unfit { option, value, reason, remedy }
            }
            error => error,
        })?;
    }
    Ok(file)
}

/// What the first two lines of a table tell of it, blank ones aside. Each byte is looked at once, however few come at a time.
struct FirstLines {
    delimiter: u8,
    quoting: bool,
    seen: usize,
    state: State,
    /// Semicolons and commas of each line, outside quotes.
    marks: [[usize; 2]; 2],
    /// How many lines have come to their end.
    whole: usize,
    is_blank: bool,
    /// Whether the last byte is a carriage return, one has another byte behind it, and there is a line feed.
    is_return: bool,
    has_return: bool,
    has_feed: bool,
}

/// Where a byte stands. As for the csv crate, a quote means something only at the beginning of a field.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Beginning,
    Within,
    Quoted,
    /// Behind a quote that ends a field, or is the first of two that stand for one.
    Unquoted,
}

impl FirstLines {
    fn new(delimiter: u8, quoting: bool) -> FirstLines {
        FirstLines {
            delimiter,
            quoting,
            seen: 0,
            state: State::Beginning,
            marks: [[0; 2]; 2],
            whole: 0,
            is_blank: true,
            is_return: false,
            has_return: false,
            has_feed: false,
        }
    }

    /// Looks at what is new of a beginning.
    fn take(&mut self, start: &[u8]) {
        for &byte in &start[self.seen..] {
            self.state = match (self.state, byte) {
                (State::Quoted, b'"') => State::Unquoted,
                (State::Quoted, _) | (State::Unquoted, b'"') => State::Quoted,
                (State::Beginning, b'"') if self.quoting => State::Quoted,
                // Lines that end with the first alone are refused, but not for a break within quotes.
                (_, b'\r' | b'\n') => State::Beginning,
                // Commas may prove to be none.
                (_, b',' | b';') if self.delimiter == b',' => State::Beginning,
                (_, byte) if byte == self.delimiter => State::Beginning,
                _ => State::Within,
            };
            self.has_return |= self.is_return;
            self.is_return = byte == b'\r' && self.state != State::Quoted;
            if self.state == State::Quoted {
                self.is_blank = false;
                continue;
            }
            match (byte, self.marks.get_mut(self.whole)) {
                (b'\n', _) => {
                    self.has_feed = true;
                    self.whole += usize::from(!self.is_blank);
                    self.is_blank = true;
                }
                (b';', Some([semicolons, _])) => *semicolons += 1,
                (b',', Some([_, commas])) => *commas += 1,
                _ => {}
            }
            self.is_blank &= byte == b'\n' || byte == b'\r';
        }
        self.seen = start.len();
    }

    /// Whether they tell all. Who waits for the answer to a row before it writes the next is not waited for, but where the row's
    /// commas may prove to be none.
    fn are_enough(&self) -> bool {
        let may_be_other = self.delimiter == b',' && self.marks[0][0] > 0;
        self.whole >= if may_be_other { 2 } else { 1 }
    }

    /// Whether semicolons stand for commas: both lines have more of them, or the first one where that tells nothing. One line alone
    /// may be that of a text with many of either, which then need no quotes.
    fn have_semicolons(&self) -> bool {
        let has_second = self.whole > 1 || (self.whole == 1 && !self.is_blank);
        let lines = &self.marks[..if has_second { 2 } else { 1 }];
        let counts = |mark: usize| (lines.iter().map(|line| line[mark]).min(), lines[0][mark]);
        counts(0) > counts(1)
    }
}

impl Delimited {
    /// Reads the next record; false at the end.
    fn read(&mut self) -> Result<bool> {
        self.row += 1;
        loop {
            self.reader.get_mut().start = self.reader.position().byte();
            match self.reader.read_byte_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => return Err(self.explain(error)),
            }
            let is_line = |line: &[u8]| self.record.len() == 1 && self.record[0] == *line;
            if is_line(&END[1..END.len() - 1]) {
                return Ok(false);
            }
            // A blank line that ends with two characters. A text that is empty has two quotes as well.
            let length = self.reader.position().byte() - self.reader.get_ref().start;
            if !is_line(b"\r") || length >= 4 {
                break;
            }
        }
        let last = self.record.iter().next_back();
        let is_open = last.is_some_and(|field| field.ends_with(END));
        // The crate counts from the blank lines before a row.
        let breaks = self.record.as_slice().iter().filter(|&&byte| byte == b'\n').count() as u64;
        self.line = self.reader.position().line() - breaks - u64::from(!is_open);
        if is_open {
            return Err(self.malformed(
                "a field's opening quote is never closed".into(),
                "close it, double the quotes within fields, or say --quoting off",
            ));
        }
        Ok(true)
    }

    /// A field of the record, without carriage returns at its end: behind the last one they may be the line's, and what a field is
    /// does not depend on the order of columns.
    fn field(&self, at: usize) -> &[u8] {
        let field = &self.record[at];
        let end = field.iter().rposition(|&byte| byte != b'\r').map_or(0, |last| last + 1);
        &field[..end]
    }

    fn explain(&mut self, error: csv::Error) -> Error {
        // Each of the blank lines before the row has one byte.
        let start = self.reader.get_ref().start;
        self.line =
            self.record.position().map_or(1, |before| before.line() + start - before.byte());
        match error.into_kind() {
            csv::ErrorKind::Io(error) if error.to_string() == TOO_LONG => self.malformed(
                format!("the row has more than {} bytes", 2 * self.longest),
                "look for a quote that is never closed, or raise --max-text",
            ),
            csv::ErrorKind::Io(error) => self.faults.explain(error),
            kind => self.malformed(format!("{kind:?}"), "mend the file"),
        }
    }

    fn malformed(&self, problem: String, remedy: &str) -> Error {
        let place = format!("row {}, line {}", self.row, self.line);
        Error::malformed(self.faults.path(), place, problem, remedy)
    }
}

impl Rows for Delimited {
    fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        if !std::mem::take(&mut self.pending) && !self.read()? {
            return Ok(None);
        }
        let found = self.record.len();
        if found != self.width {
            let fields = if found == 1 { "field" } else { "fields" };
            let problem = format!("{found} {fields}, where the first row has {}", self.width);
            let remedy = match self.delimiter {
                b'\t' => {
                    "take tabs and line breaks out of the texts, or say --quoting on if they are quoted"
                }
                b';' => "put texts with semicolons, quotes or line breaks in double quotes",
                _ => "put texts with commas, quotes or line breaks in double quotes",
            };
            return Err(self.malformed(problem, remedy));
        }
        let [text, label, split] = self.places.map(|place| place.map(|at| self.field(at)));
        let text = text.expect("a missing text is an error");
        if text.len() > self.longest {
            let problem = format!("a review of {} bytes, of {} at most", text.len(), self.longest);
            return Err(self.malformed(problem, "leave it out, or raise --max-text"));
        }
        Ok(Some(Row { number: self.line, text, label, split }))
    }
}
