//! Lines of a text file, counted and bounded: a gigabyte without a line break is an error, not a gigabyte of memory.

use std::io::{BufRead, Read};
use std::path::Path;

use super::row::{Row, Rows};
use super::unpack::Input;
use crate::error::{Error, Result, expect_within};

/// The longest text, and the longest line, that is read where the user does not say, 16 MiB.
const MAX_TEXT: usize = 16 << 20;

/// The most that the user can say, 1 GiB.
const MOST: usize = 1 << 30;

/// The longest text that is read.
pub(super) fn max_text(asked: Option<usize>) -> usize {
    asked.unwrap_or(MAX_TEXT)
}

/// Refuses limits that mean nothing.
///
/// # Errors
/// [`Error::InvalidOption`] for 0 and above 1 GiB.
pub(super) fn check_max_text(asked: Option<usize>) -> Result<()> {
    asked.map_or(Ok(()), |bytes| expect_within("--max-text", bytes, 1..=MOST))
}

/// The error of a file that ends its lines so that they are one.
pub(super) fn with_returns_alone(path: &Path, place: impl Into<String>) -> Error {
    let problem = "its lines end with carriage returns alone";
    Error::malformed(path, place, problem, "convert them to line feeds, as by `tr '\\r' '\\n'`")
}

/// The lines of one file, from line 1 on.
pub(super) struct Lines {
    input: Input,
    line: Vec<u8>,
    longest: usize,
    number: u64,
}

impl Lines {
    /// The lines of a text, which have at most [`max_text`] bytes.
    pub fn new(input: Input, longest: Option<usize>) -> Lines {
        Lines { input, line: Vec::new(), longest: max_text(longest), number: 0 }
    }

    /// Goes on to the next line; false at the end.
    ///
    /// # Errors
    /// Those of the input, and [`Error::Malformed`] for a line that is too long.
    pub fn advance(&mut self) -> Result<bool> {
        self.line.clear();
        // Its line break has two bytes at most.
        let mut bounded = self.input.reader.by_ref().take(self.longest as u64 + 2);
        let read = bounded.read_until(b'\n', &mut self.line);
        if read.map_err(|error| self.input.faults.explain(error))? == 0 {
            return Ok(false);
        }
        self.number += 1;
        if self.line().len() > self.longest {
            let problem = format!("it is longer than {} bytes", self.longest);
            let remedy =
                "check that this is a text file with one review a line, or raise --max-text";
            return Err(self.malformed(problem, remedy));
        }
        Ok(true)
    }

    /// Goes on to the next line that is not blank; false at the end.
    ///
    /// # Errors
    /// Those of [`Lines::advance`].
    pub fn advance_past_blank(&mut self) -> Result<bool> {
        while self.advance()? {
            if !self.line.trim_ascii().is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The name of the file.
    pub fn path(&self) -> &Path {
        self.input.faults.path()
    }

    /// An error in the line that was read last.
    pub fn malformed(&self, problem: impl Into<String>, remedy: &str) -> Error {
        self.malformed_at(format!("line {}", self.number), problem, remedy)
    }

    /// An error at a place in the line that was read last. Where that is all of the file, its line breaks are at fault, if it has
    /// any of the old kind.
    pub fn malformed_at(&self, place: String, problem: impl Into<String>, remedy: &str) -> Error {
        match self.has_returns_alone() {
            true => with_returns_alone(self.path(), place),
            false => Error::malformed(self.path(), place, problem, remedy),
        }
    }

    /// Refuses a file that is all in the line that was read last, and has line breaks of the old kind: it would be one review.
    ///
    /// # Errors
    /// [`Error::Malformed`]
    pub fn expect_line_feeds(&self) -> Result<()> {
        match self.has_returns_alone() {
            true => Err(with_returns_alone(self.path(), format!("line {}", self.number))),
            false => Ok(()),
        }
    }

    fn has_returns_alone(&self) -> bool {
        let is_cut = self.line().len() > self.longest;
        let is_whole = self.number == 1 && !is_cut && !self.line.ends_with(b"\n");
        is_whole && self.line().contains(&b'\r')
    }

    /// The line that was read last, without its line break (`\n` or `\r\n`).
    pub fn line(&self) -> &[u8] {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// Its number, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// Each line is a text.
impl Rows for Lines {
    fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        let is_there = self.advance()?;
        self.expect_line_feeds()?;
        let row = || Row { number: self.number, text: self.line(), label: None, split: None };
        Ok(is_there.then(row))
    }
}
