//! The bytes of one array in the archive, counted, so that every error names its place.

use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// What helps against every damage of the file.
pub(super) const REMEDY: &str = "get the file again, or write it again with numpy.savez";

/// What helps where reviews are sound, but no lists of integers.
pub(super) const AS_LISTS: &str =
    "make each row a list of integers (row.tolist()) in an object array before numpy.savez";

/// How much is unpacked at a time.
const BUFFER: usize = 1 << 16;

/// A reader of one array's bytes, unpacked, that stops at a limit.
pub(super) struct Entry<'a> {
    reader: Box<dyn Read + 'a>,
    buffer: Box<[u8]>,
    /// `buffer[next..filled]` is still to be handed out.
    next: usize,
    filled: usize,
    /// How many bytes came before the buffer.
    passed: u64,
    limit: u64,
    path: &'a Path,
    name: &'a str,
}

impl<'a> Entry<'a> {
    /// Reads the array `name` of the file `path` from `reader`, at most `limit` bytes.
    pub fn new(reader: impl Read + 'a, path: &'a Path, name: &'a str, limit: u64) -> Entry<'a> {
        let buffer = vec![0; BUFFER].into_boxed_slice();
        let reader = Box::new(reader);
        Entry { reader, buffer, next: 0, filled: 0, passed: 0, limit, path, name }
    }

    /// How many bytes have been handed out.
    pub fn offset(&self) -> u64 {
        self.passed + self.next as u64
    }

    /// An [`Error::Malformed`] at a byte of this array.
    pub fn malformed(&self, offset: u64, problem: impl Into<String>) -> Error {
        self.unfit(offset, problem, REMEDY)
    }

    /// The same of an array that may be sound, but is another one than it should be.
    pub fn unfit(&self, offset: u64, problem: impl Into<String>, remedy: &str) -> Error {
        Error::malformed(self.path, format!("{}, byte {offset}", self.name), problem, remedy)
    }

    /// The same at a row of this array, counted from 0 as Python does.
    pub fn unfit_row(&self, row: usize, problem: impl Into<String>, remedy: &str) -> Error {
        Error::malformed(self.path, format!("{}, row {row}", self.name), problem, remedy)
    }

    /// Whether all bytes have been handed out. The archive's checksum is then known to fit.
    pub fn at_end(&mut self) -> Result<bool> {
        if self.next == self.filled {
            self.refill()?;
        }
        Ok(self.next == self.filled)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8> {
        if self.next == self.filled && self.at_end()? {
            return Err(self.malformed(self.offset(), "the array is cut short"));
        }
        self.next += 1;
        Ok(self.buffer[self.next - 1])
    }

    /// Fills `bytes` with what comes next.
    pub fn fill(&mut self, bytes: &mut [u8]) -> Result<()> {
        for byte in bytes {
            *byte = self.byte()?;
        }
        Ok(())
    }

    /// The next `N` bytes.
    pub fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn refill(&mut self) -> Result<()> {
        self.passed += self.filled as u64;
        (self.next, self.filled) = (0, 0);
        self.filled = loop {
            match self.reader.read(&mut self.buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // The system's errors have a code; those of the archive's format have none.
                Err(error) if error.raw_os_error().is_some() => {
                    return Err(Error::io(self.path, "read")(error));
                }
                Err(error) => return Err(self.malformed(self.passed, error.to_string())),
                Ok(count) => break count,
            }
        };
        if self.passed + self.filled as u64 > self.limit {
            return Err(above_limit(self.name, self.limit));
        }
        Ok(())
    }
}

/// The error for an array that unpacks to more than the limit.
pub(super) fn above_limit(name: &str, limit: u64) -> Error {
    Error::Unfit {
        option: "--max-array-bytes",
        value: limit.to_string(),
        reason: format!("{name} unpacks to more"),
        remedy: "raise it if you trust the file".into(),
    }
}
