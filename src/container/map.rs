//! The bytes of a file, mapped or read.
//!
//! # What a map can and cannot promise
//! The program's own writers never change a file in place: they write a temporary sibling and rename it (`output`), and a
//! map keeps the old file alive. So only *another* program can take the ground from under a map:
//!
//! * If it cuts the file short, the system sends SIGBUS at the next touch of a lost page, which ends the process. The program
//!   turns that into an error that names the file ([`exit_on_lost_pages`](super::exit_on_lost_pages)); a library must not
//!   take a signal for itself.
//! * If it overwrites the file, rows change under the reader. What `open` has checked need not hold any more: word ids may be
//!   out of range or out of order, row pointers may lead anywhere. The kernels and the loops of training check every place
//!   they go to, so that the outcome is a panic (which the program turns into an error of the file) or wrong numbers, and
//!   never memory that is not theirs. Wrong numbers are noticed before anything is written, by the file's length and time of
//!   modification ([`Container::check_unchanged`](super::Container::check_unchanged)); a writer that sets the time back stays
//!   unseen. What sprs does with the matrices of [`Csr`](crate::dataset::Csr) is its own: some of its functions trust them.
//!   And for the language itself, bytes that change behind a `&[u8]` are undefined behaviour, however careful the loops.
//!
//! [`Access::Read`] is the remedy for both: the file is read once, before any of it is checked.

#![allow(unsafe_code)]

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use super::MAX_HEAD;
#[cfg(unix)]
use super::fault;
use super::watch::Watched;
use crate::error::{Error, Result};
use crate::input;

/// How a file is brought into memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Access {
    /// Mapped: pages come when they are touched and may be dropped again.
    ///
    /// For files that nobody changes in place, which this library never does: it replaces them. Where another program cuts the
    /// file short, the system ends the process with SIGBUS at the next touch of a lost page, unless the process has asked
    /// [`exit_on_lost_pages`](super::exit_on_lost_pages) to say so. Where it writes into the file, what has been checked need
    /// not hold any more: answers are wrong or a panic, and for the language itself it is undefined behaviour.
    /// [`Access::Read`] is the remedy for both.
    #[default]
    Map,
    /// Read whole, once, before any of it is checked: safe where another program may change the file meanwhile.
    Read,
}

/// The bytes of a file, aligned to at least eight.
#[derive(Debug)]
pub(super) enum Bytes {
    Mapped(Mapped),
    /// As `u64`s for the alignment; the length in bytes beside them.
    Read(Vec<u64>, usize),
}

/// A map, and what is known of its file.
#[derive(Debug)]
pub(super) struct Mapped {
    /// Goes before the map does.
    #[cfg(unix)]
    _place: Option<fault::Place>,
    map: Mmap,
    file: Arc<Watched>,
}

impl Bytes {
    /// Opens a file whose first bytes, as many as a header may have, and whose length please `check`. Of other files no more
    /// than that is read.
    pub(super) fn open<T>(
        path: &Path,
        access: Access,
        check: impl FnOnce(&[u8], usize) -> Result<T>,
    ) -> Result<(Bytes, T)> {
        let (mut file, length) = measured(path)?;
        if access == Access::Map && length > 0 {
            // SAFETY: the map is read-only and the file is a regular one (`input::open`). The bytes stay as they
            // are as long as no other program writes into the file, which the module docs make the user's part.
            let map = unsafe { Mmap::map(&file) }.map_err(Error::io(path, "map"))?;
            let mapped = Mapped {
                #[cfg(unix)]
                _place: fault::Place::of(path, &map),
                file: Watched::new(path, file)?,
                map,
            };
            let checked = check(&mapped.map[..mapped.map.len().min(MAX_HEAD)], mapped.map.len())?;
            return Ok((Bytes::Mapped(mapped), checked));
        }
        let (mut words, checked) = read_head(path, &mut file, length, check)?;
        read(path, &mut file, &mut words, length.min(MAX_HEAD)..length)?;
        Ok((Bytes::Read(words, length), checked))
    }

    /// Asks for the pages of some bytes. Only a hint, so a refusal changes nothing but the time.
    pub(super) fn will_need(&self, bytes: Range<usize>) {
        #[cfg(unix)]
        if let Bytes::Mapped(mapped) = self {
            let _ = mapped.map.advise_range(memmap2::Advice::WillNeed, bytes.start, bytes.len());
        }
        #[cfg(not(unix))]
        let _ = bytes;
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Bytes::Mapped(mapped) => &mapped.map,
            Bytes::Read(words, length) => &bytemuck::cast_slice(words)[..*length],
        }
    }

    /// Whether another program has written into the file or cut it.
    pub(super) fn is_changed(&self) -> bool {
        matches!(self, Bytes::Mapped(mapped) if mapped.file.is_changed())
    }
}

/// What comes of a file's first bytes, as many as a header may have, and of its length by `check`. No more of it is read.
pub(super) fn look_at<T>(path: &Path, check: impl FnOnce(&[u8], usize) -> Result<T>) -> Result<T> {
    let (mut file, length) = measured(path)?;
    Ok(read_head(path, &mut file, length, check)?.1)
}

/// Opens a file. Returns its length, too.
fn measured(path: &Path) -> Result<(File, usize)> {
    let file = input::open(path)?;
    let length = file.metadata().map_err(Error::io(path, "read"))?.len();
    let length = usize::try_from(length).map_err(std::io::Error::other);
    Ok((file, length.map_err(Error::io(path, "read"))?))
}

/// Reads the first bytes of a file, as many as a header may have. Returns what `check` makes of them and of the length, too.
fn read_head<T>(
    path: &Path,
    file: &mut File,
    length: usize,
    check: impl FnOnce(&[u8], usize) -> Result<T>,
) -> Result<(Vec<u64>, T)> {
    let (mut words, head) = (Vec::new(), length.min(MAX_HEAD));
    read(path, file, &mut words, 0..head)?;
    let checked = check(&bytemuck::cast_slice(&words)[..head], length)?;
    Ok((words, checked))
}

/// Reads the next bytes of a file, those of `range`, to the same place in `words`.
fn read(path: &Path, file: &mut File, words: &mut Vec<u64>, range: Range<usize>) -> Result<()> {
    let needed = range.end.div_ceil(8);
    let room = words.try_reserve_exact(needed - words.len()).map_err(std::io::Error::other);
    room.map_err(Error::io(path, "read"))?;
    words.resize(needed, 0u64);
    let bytes = &mut bytemuck::cast_slice_mut(words)[range];
    file.read_exact(bytes).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => {
            let problem = "another program has cut it short while it was read";
            Error::malformed(path, "the file", problem, "read it again once it is whole")
        }
        _ => Error::io(path, "read")(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_shrinks_while_it_is_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.safetensors");
        std::fs::write(&path, [0; 20]).unwrap();
        // Its length was asked for when it had more.
        let open = || File::open(&path).unwrap();
        let read = |length| read(&path, &mut open(), &mut Vec::new(), 0..length);
        // Whoever wants to know what it is looks at its head alone.
        let head = |length| {
            let read = read_head(&path, &mut open(), length, |head, _| Ok(head.len()));
            read.map(|(_, head)| assert_eq!(head, length))
        };
        for read in [&read as &dyn Fn(usize) -> Result<()>, &head] {
            read(20).unwrap();
            let error = read(24).unwrap_err().to_string();
            let parts = ["d.safetensors", "another program has cut it short", "read it again"];
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
    }
}
