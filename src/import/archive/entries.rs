//! The archive itself, packed or not: the only file here that names the tar crate.
//!
//! Nothing is unpacked to disk, so that no path and no link can do harm; they are refused all the same, since the official
//! archive has none.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use tar::{Archive, Entry, EntryType};

use super::{Member, Movies, findings, member, relative};
use crate::dataset::Split;
use crate::error::{Error, Result, shortened};
use crate::import::document::{Batcher, Emit, Findings, Header, Origin, Reader};
use crate::import::unpack::{self, Faults};

/// What helps against archives that are laid out otherwise.
const REMEDY: &str = "expected the layout of aclImdb_v1.tar.gz; get the archive again";

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
        Error::malformed(&self.path, entry_place(index, path), problem, REMEDY)
    }

    /// What is behind an error of the stream at a place of the archive. Those of the tar crate name neither file nor remedy, and
    /// have no code, as those of the system have.
    fn failed(&self, place: impl Into<String>, error: io::Error, faults: &Faults) -> Error {
        match faults.explain(error) {
            Error::Io { source, .. } if source.raw_os_error().is_none() => {
                let problem = format!("the archive is damaged or cut short ({source})");
                Error::malformed(&self.path, place, problem, "get the archive again")
            }
            error => error,
        }
    }

    /// Takes what an extended header says. Whether it was one.
    fn extend(
        &self,
        extended: &mut Extended,
        (index, path): (u64, &str),
        entry: &mut Entry<'_, impl Read>,
        faults: &Faults,
    ) -> Result<bool> {
        let kind = entry.header().entry_type();
        if !matches!(kind, EntryType::GNULongName | EntryType::XHeader | EntryType::XGlobalHeader) {
            return Ok(false);
        }
        if entry.size() > MAX_PATH {
            let problem = format!("an extended header of {} bytes", entry.size());
            return Err(self.malformed(index, path, problem));
        }
        let mut bytes = Vec::new();
        let read = entry.read_to_end(&mut bytes);
        read.map_err(|error| self.failed(entry_place(index, path), error, faults))?;
        let taken = match kind {
            EntryType::GNULongName => extended.take_name(bytes),
            EntryType::XHeader => extended.take_records(&bytes),
            _ => Extended::check_global(&bytes),
        };
        taken.map_err(|problem| self.malformed(index, path, problem))?;
        Ok(true)
    }

    /// Takes an entry that is no extended header.
    fn entry(
        &mut self,
        (index, path): (u64, &str),
        size: Option<u64>,
        entry: &mut Entry<'_, impl Read>,
        batcher: &mut Batcher<'_>,
        faults: &Faults,
    ) -> Result<()> {
        let own = entry.size();
        let problem = match (entry.header().entry_type(), size) {
            _ if is_unsafe(path) => "its path leaves the archive".into(),
            // Who believes one of two sizes finds other entries than who believes the other.
            (_, Some(size)) if size != own => {
                format!("its extended header says {size} bytes, and its own {own}")
            }
            (EntryType::Directory, _) if own > 0 => format!("a folder of {own} bytes"),
            (EntryType::Directory, _) => return Ok(()),
            (EntryType::Regular | EntryType::Continuous, _) => {
                return self.file((index, path), entry, batcher, faults);
            }
            (kind, _) => unwanted(kind),
        };
        Err(self.malformed(index, path, problem))
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
                let read = entry.read_exact(&mut text[start..]);
                read.map_err(|error| self.failed(entry_place(index, path), error, faults))?;
                batcher.end(header)
            }
            Member::Movies(place) => {
                let read = self.movies.read(place, BufReader::new(entry));
                let read =
                    read.map_err(|error| self.failed(entry_place(index, path), error, faults))?;
                read.map_err(|problem| self.malformed(index, path, problem))
            }
            Member::Review(_) | Member::Other => Ok(()),
        }
    }
}

/// What extended headers say of the entry behind them. An error is what is wrong with them.
#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    size: Option<u64>,
}

impl Extended {
    /// Takes the header of GNU for a long name.
    fn take_name(&mut self, mut name: Vec<u8>) -> Result<(), String> {
        name.truncate(name.iter().position(|&byte| byte == 0).unwrap_or(name.len()));
        told_once(&mut self.path, name)
    }

    /// Takes the records of a header of pax.
    fn take_records(&mut self, bytes: &[u8]) -> Result<(), String> {
        let bad = || "a bad extended header".to_owned();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (key, value);
            (key, value, rest) = record(rest).ok_or_else(bad)?;
            match key {
                b"path" if value.is_empty() => return Err(bad()),
                b"path" => told_once(&mut self.path, value.to_vec())?,
                b"size" => {
                    let size = std::str::from_utf8(value).ok().and_then(|size| size.parse().ok());
                    told_once(&mut self.size, size.ok_or_else(bad)?)?;
                }
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(unwanted(EntryType::GNUSparse));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Looks through a header of pax that is for all entries behind it.
    fn check_global(bytes: &[u8]) -> Result<(), String> {
        let mut of_all = Extended::default();
        of_all.take_records(bytes)?;
        match of_all {
            Extended { path: None, size: None } => Ok(()),
            _ => Err("it tells one path or size of all entries".into()),
        }
    }
}

/// Sets what nothing has been said of yet. Of two values, programs take one or the other.
fn told_once<T>(place: &mut Option<T>, value: T) -> Result<(), String> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err("the path or the size of the entry behind it is told twice".into()),
    }
}

/// Key and value of the first record of a header of pax, `LENGTH KEY=VALUE` and a line's end, and what follows. The length
/// counts, not the line's end, which may stand in a value as well.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = bytes.iter().position(|&byte| byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..space]).ok()?.parse().ok()?;
    let record = bytes.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|&byte| byte == b'=')?;
    Some((&record[..equals], &record[equals + 1..], &bytes[length..]))
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
        let mut extended = Extended::default();
        for (index, entry) in (1u64..).zip(entries) {
            let mut entry =
                entry.map_err(|error| self.failed(format!("entry {index}"), error, &faults))?;
            let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            if self.extend(&mut extended, (index, &path), &mut entry, &faults)? {
                continue;
            }
            let Extended { path: long, size } = std::mem::take(&mut extended);
            let path = long.map_or(path, |long| String::from_utf8_lossy(&long).into_owned());
            self.entry((index, &path), size, &mut entry, &mut batcher, &faults)?;
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
        // What follows is padding, and behind it comes the checksum of a gzip file. Were it another archive, its reviews would be
        // passed over.
        if let Some(place) = rest.pass_zeros().map_err(|error| faults.explain(error))? {
            return Err(Error::malformed(
                &self.path,
                format!("byte {place}"),
                "something follows the archive's end",
                "of several archives, unpack each, and import the folder or make one archive of it",
            ));
        }
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

impl<R: BufRead> Forward<R> {
    /// Reads zeros up to the end of the stream, or up to a byte that is none: the place of that.
    fn pass_zeros(&mut self) -> io::Result<Option<u64>> {
        loop {
            let found = self.reader.fill_buf()?;
            let length = found.len();
            if length == 0 {
                return Ok(None);
            }
            if let Some(zeros) = found.iter().position(|&byte| byte != 0) {
                return Ok(Some(self.position + zeros as u64));
            }
            self.reader.consume(length);
            self.position += length as u64;
        }
    }
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

/// Where an entry is.
fn entry_place(index: u64, path: &str) -> String {
    format!("entry {index}, {:?}", shortened(path, 100))
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
