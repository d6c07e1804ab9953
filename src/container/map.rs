//! The bytes of a file, mapped or read.
//!
//! # What a map can and cannot promise
//! The program's own writers never change a file in place: they replace it, and a map keeps the old one alive. If
//! *another* program cuts a mapped file short, the system ends this process with SIGBUS at the next touch of a lost page;
//! if it overwrites the file, rows change under the reader. [`Access::Read`] is the remedy where that can happen, as on
//! some network file systems.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

use crate::error::{Error, Result};
use crate::input;

/// How a file is brought into memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Access {
    /// Mapped: pages come when they are touched and may be dropped again.
    #[default]
    Map,
    /// Read whole, once: safe where another program may change the file meanwhile.
    Read,
}

/// The bytes of a file, aligned to at least eight.
#[derive(Debug)]
pub(super) enum Bytes {
    Mapped(Mmap),
    /// As `u64`s for the alignment; the length in bytes beside them.
    Read(Vec<u64>, usize),
}

impl Bytes {
    pub(super) fn open(path: &Path, access: Access) -> Result<Bytes> {
        let mut file = input::open(path)?;
        let length = file.metadata().map_err(Error::io(path, "read"))?.len();
        match access {
            Access::Map if length > 0 => {
                // SAFETY: the map is read-only and the file is a regular one (`input::open`). The bytes stay as they
                // are as long as no other program writes into the file, which the module docs make the user's part.
                let map = unsafe { Mmap::map(&file) }.map_err(Error::io(path, "map"))?;
                Ok(Bytes::Mapped(map))
            }
            _ => read(&mut file, length).map_err(Error::io(path, "read")),
        }
    }

    /// Asks for the pages of some bytes. Only a hint, so a refusal changes nothing but the time.
    pub(super) fn will_need(&self, bytes: Range<usize>) {
        #[cfg(unix)]
        if let Bytes::Mapped(map) = self {
            let _ = map.advise_range(memmap2::Advice::WillNeed, bytes.start, bytes.len());
        }
        #[cfg(not(unix))]
        let _ = bytes;
    }

    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Bytes::Mapped(map) => map,
            Bytes::Read(words, length) => &bytemuck::cast_slice(words)[..*length],
        }
    }
}

fn read(file: &mut File, length: u64) -> std::io::Result<Bytes> {
    let length = usize::try_from(length).map_err(std::io::Error::other)?;
    let mut words = Vec::new();
    words.try_reserve_exact(length.div_ceil(8)).map_err(std::io::Error::other)?;
    words.resize(length.div_ceil(8), 0u64);
    file.read_exact(&mut bytemuck::cast_slice_mut(&mut words)[..length])?;
    Ok(Bytes::Read(words, length))
}
