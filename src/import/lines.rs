//! Lines of a text file, counted and bounded: a gigabyte without a line break is an error, not a gigabyte of memory.

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use super::unpack::{self, Input};
use crate::error::{Error, Result};

/// The longest line that is read, 16 MiB.
pub(super) const MAX_LINE: usize = 16 << 20;

/// The lines of one file, from line 1 on.
pub(super) struct Lines {
    input: Input,
    path: PathBuf,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    /// Opens `path`, a text file or a gzip file of one that unpacks to at most `limit` bytes. A byte-order mark is no
    /// part of line 1.
    ///
    /// # Errors
    /// Those of [`unpack::open_text`].
    pub fn open(path: &Path, limit: Option<u64>) -> Result<Lines> {
        let input = unpack::open_text(path, limit)?;
        Ok(Lines { input, path: path.to_path_buf(), line: Vec::new(), number: 0 })
    }

    /// The next line with its number, without its line break (`\n` or `\r\n`); `None` at the end.
    ///
    /// # Errors
    /// Those of the input, and [`Error::Malformed`] for a line above [`MAX_LINE`].
    pub fn next_line(&mut self) -> Result<Option<(u64, &[u8])>> {
        Ok(match self.advance()? {
            true => Some((self.number, self.line())),
            false => None,
        })
    }

    /// Goes on to the next line; false at the end.
    ///
    /// # Errors
    /// Those of [`Lines::next_line`].
    pub fn advance(&mut self) -> Result<bool> {
        self.line.clear();
        let mut bounded = self.input.reader.by_ref().take(MAX_LINE as u64 + 1);
        let read = bounded.read_until(b'\n', &mut self.line);
        if read.map_err(|error| self.input.faults.explain(error))? == 0 {
            return Ok(false);
        }
        self.number += 1;
        if self.line.strip_suffix(b"\n").unwrap_or(&self.line).len() > MAX_LINE {
            return Err(Error::malformed(
                &self.path,
                format!("line {}", self.number),
                format!("it is longer than {MAX_LINE} bytes"),
                "check that this is a text file with one review a line",
            ));
        }
        Ok(true)
    }

    /// The line that was read last.
    pub fn line(&self) -> &[u8] {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// Its number, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }
}
