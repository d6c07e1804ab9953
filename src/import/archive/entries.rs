//! The archive itself, packed or not: the only file here that names the tar crate.
//!
//! Nothing is unpacked to disk, so that no path and no link can do harm; they are refused all the same, since the official
//! archive has none.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use tar::{Archive, Entry, EntryType, PaxExtensions};

use super::{Member, Movies, REMEDY, findings, member, relative};
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::import::document::{Batcher, Emit, Findings, Header, Origin, Reader};
use crate::import::unpack::{self, Faults};

/// The longest path, and the longest extended header, that is read.
const MAX_PATH: u64 = 64 << 10;

/// A tar archive, packed or not.
pub(in crate::import) struct Tar {
    path: PathBuf,
    max_unpacked: Option<u64>,
    max_text: usize,
    with_unlabelled: bool,
    movies: Movies,
}

/// Whether a file that begins with `head` is a tar archive: POSIX, GNU and old ones alike have a checksum in the first
/// header.
pub(in crate::import) fn looks_like_it(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<512>() else { return false };
    let header = tar::Header::from_byte_slice(block);
    // The checksum counts itself as spaces.
    let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
    let expected = sum(&block[..148]) + 8 * u32::from(b' ') + sum(&block[156..]);
    header.cksum().is_ok_and(|found| found == expected)
}

impl Tar {
    /// The archive at `path`, with or without its unlabelled reviews; how much it may unpack to, and how long a review may be.
    pub fn new(
        path: &Path,
        (max_unpacked, max_text): (Option<u64>, usize),
        with_unlabelled: bool,
    ) -> Tar {
        let movies = Movies::default();
        Tar { path: path.to_path_buf(), max_unpacked, max_text, with_unlabelled, movies }
    }

    fn malformed(&self, index: u64, path: &str, problem: impl Into<String>) -> Error {
        let shown: String = path.chars().take(100).collect();
        Error::malformed(&self.path, format!("entry {index}, {shown:?}"), problem, REMEDY)
    }

    /// The path in an extended header, which is that of the entry behind it.
    fn long_path(
        &self,
        kind: EntryType,
        (index, path): (u64, &str),
        entry: &mut Entry<'_, impl Read>,
        faults: &Faults,
    ) -> Result<Option<Vec<u8>>> {
        if entry.size() > MAX_PATH {
            let problem = format!("an extended header of {} bytes", entry.size());
            return Err(self.malformed(index, path, problem));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|error| faults.explain(error))?;
        if kind == EntryType::GNULongName {
            let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
            bytes.truncate(end);
            return Ok(Some(bytes));
        }
        for extension in PaxExtensions::new(&bytes) {
            let extension = extension
                .map_err(|error| self.malformed(index, path, format!("a bad header: {error}")))?;
            if extension.key_bytes() == b"path" {
                return Ok(Some(extension.value_bytes().to_vec()));
            }
        }
        Ok(None)
    }

    /// Takes what a file of the archive holds.
    fn file(
        &mut self,
        (index, path): (u64, &str),
        entry: &mut Entry<'_, impl Read>,
        batcher: &mut Batcher<'_>,
        faults: &Faults,
    ) -> Result<()> {
        match member(path).map_err(|problem| self.malformed(index, path, problem))? {
            Member::Review(header) if self.with_unlabelled || header.split != Split::Unlabelled => {
                let size = entry.size();
                let most = self.max_text;
                if size > most as u64 {
                    let problem =
                        format!("a review of {size} bytes, of {most} at most (--max-text)");
                    return Err(self.malformed(index, path, problem));
                }
                let text = batcher.text();
                let start = text.len();
                text.resize(start + size as usize, 0);
                match entry.read_exact(&mut text[start..]) {
                    Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                        Err(self.malformed(index, path, "the archive ends within it"))
                    }
                    read => read.map_err(|error| faults.explain(error)),
                }?;
                batcher.end(header)
            }
            Member::Movies(place) => {
                let read = self.movies.read(place, BufReader::new(entry));
                let read = read.map_err(|error| faults.explain(error))?;
                read.map_err(|problem| self.malformed(index, path, problem))
            }
            Member::Review(_) | Member::Other => Ok(()),
        }
    }
}

/// The entries of an archive.
#[derive(Debug)]
struct Entries(PathBuf);

impl Origin for Entries {
    fn path(&self) -> &Path {
        &self.0
    }

    fn place(&self, header: &Header) -> (PathBuf, String) {
        (self.0.clone(), format!("entry {}", relative(header)))
    }
}

impl Reader for Tar {
    fn read(&mut self, emit: Emit<'_>) -> Result<()> {
        let input = unpack::open(&self.path, self.max_unpacked)?;
        let faults = input.faults;
        let mut archive =
            Archive::new(Forward { reader: input.reader, position: 0, has_ended: false });
        let mut batcher = Batcher::new(Entries(self.path.clone()), emit);
        // Raw, because the crate would read the long path of an extended header whatever its length.
        let entries = archive.entries_with_seek().map_err(|error| faults.explain(error))?.raw(true);
        let mut long_path: Option<Vec<u8>> = None;
        for (index, entry) in (1u64..).zip(entries) {
            let mut entry = entry.map_err(|error| faults.explain(error))?;
            let kind = entry.header().entry_type();
            let path = long_path.take().unwrap_or_else(|| entry.path_bytes().into_owned());
            let path = String::from_utf8_lossy(&path).into_owned();
            match kind {
                EntryType::GNULongName | EntryType::XHeader => {
                    long_path = self.long_path(kind, (index, &path), &mut entry, &faults)?;
                }
                EntryType::XGlobalHeader => {}
                _ if is_unsafe(&path) => {
                    let problem = "its path leaves the archive";
                    return Err(self.malformed(index, &path, problem));
                }
                EntryType::Regular | EntryType::Continuous => {
                    self.file((index, &path), &mut entry, &mut batcher, &faults)?;
                }
                EntryType::Directory => {}
                kind => return Err(self.malformed(index, &path, unwanted(kind))),
            }
        }
        let mut rest = archive.into_inner();
        if !rest.has_ended {
            return Err(Error::malformed(
                &self.path,
                format!("byte {}", rest.position),
                "the archive ends without its mark of the end (blocks of zeros): it is cut short",
                "get the archive again, or unpack it and import the folder",
            ));
        }
        // What follows is padding, but behind it comes the checksum of a gzip file.
        let rest = std::io::copy(&mut rest, &mut std::io::sink());
        rest.map_err(|error| faults.explain(error))?;
        batcher.finish()
    }

    fn findings(&mut self) -> Result<Findings> {
        Ok(findings(std::mem::take(&mut self.movies)))
    }
}

/// A stream that seeks, but forward only: whatever else the crate skips by, it clears 32 KiB for each entry first.
struct Forward<R> {
    reader: R,
    position: u64,
    /// Whether what was read last is zeros, as the mark of an archive's end is. The crate reads no further than that, but takes
    /// the end of the stream, where nothing is read, for an end as good.
    has_ended: bool,
}

impl<R: Read> Read for Forward<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.position += read as u64;
        self.has_ended = read > 0 && buffer[..read].iter().all(|&byte| byte == 0);
        Ok(read)
    }
}

impl<R: BufRead> Seek for Forward<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let left = match to {
            SeekFrom::Current(distance) => u64::try_from(distance).ok(),
            SeekFrom::Start(place) => place.checked_sub(self.position),
            SeekFrom::End(_) => None,
        };
        let mut left = left.ok_or_else(|| io::Error::from(ErrorKind::Unsupported))?;
        while left > 0 {
            let found = self.reader.fill_buf()?.len();
            if found == 0 {
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "the archive ends within an entry",
                ));
            }
            let skipped = left.min(found as u64);
            self.reader.consume(skipped as usize);
            self.position += skipped;
            left -= skipped;
        }
        Ok(self.position)
    }
}

/// Whether a path is absolute or leads out of the archive by `..`.
fn is_unsafe(path: &str) -> bool {
    let is_drive = path.as_bytes().get(1) == Some(&b':');
    path.starts_with(['/', '\\']) || is_drive || path.split(['/', '\\']).any(|part| part == "..")
}

/// What an entry is that the official archive does not have.
fn unwanted(kind: EntryType) -> String {
    let name = match kind {
        EntryType::Link => "a hard link",
        EntryType::Symlink => "a symbolic link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        EntryType::GNUSparse => "a sparse file",
        _ => "an entry of a kind that archives of reviews have no use for",
    };
    format!("it is {name}")
}
