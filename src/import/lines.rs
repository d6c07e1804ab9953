//! Lines of a text file, counted and bounded: a gigabyte without a line break is an error, not a gigabyte of memory.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::input;

/// The longest line that is read, 16 MiB.
pub(super) const MAX_LINE: usize = 16 << 20;

/// The lines of one file, from line 1 on.
pub(super) struct Lines {
    reader: BufReader<File>,
    path: PathBuf,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    /// Opens `path`.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn open(path: &Path) -> Result<Lines> {
        let file = input::open(path)?;
        let reader = BufReader::with_capacity(1 << 16, file);
        Ok(Lines { reader, path: path.to_path_buf(), line: Vec::new(), number: 0 })
    }

    /// The next line with its number, without its line break (`\n` or `\r\n`); `None` at the end.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Malformed`] for a line above [`MAX_LINE`].
    pub fn next_line(&mut self) -> Result<Option<(u64, &[u8])>> {
        self.line.clear();
        let mut bounded = self.reader.by_ref().take(MAX_LINE as u64 + 1);
        let read = bounded.read_until(b'\n', &mut self.line);
        if read.map_err(Error::io(&self.path, "read"))? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        if line.len() > MAX_LINE {
            return Err(Error::malformed(
                &self.path,
                format!("line {}", self.number),
                format!("it is longer than {MAX_LINE} bytes"),
                "check that this is a text file with one review a line",
            ));
        }
        Ok(Some((self.number, line.strip_suffix(b"\r").unwrap_or(line))))
    }
}
