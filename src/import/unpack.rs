//! Input files as streams of plain bytes, unpacked where they are gzip files: the only file here that names flate2.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use flate2::bufread::GzDecoder;

use crate::error::{Error, Result};
use crate::input::{self, BYTE_ORDER_MARK};

/// How much a gzip file may unpack to where the user does not say, 4 GiB: against files that are small and unpack to
/// terabytes. The reviews of IMDB unpack to 0.2 GiB.
pub(super) const MAX_UNPACKED: u64 = 4 << 30;

/// How much is unpacked at a time. The decoder is fastest where it has room.
const BUFFER: usize = 1 << 19;

/// An open input file. After an error of the reader, [`Faults::explain`] tells what it was.
pub(super) struct Input {
    pub reader: Box<dyn BufRead + Send>,
    pub faults: Faults,
}

/// The bytes of a file, or what they unpack to.
struct Unpack {
    source: Source,
    unpacked: u64,
    limit: u64,
    faults: Faults,
}

enum Source {
    Plain(Ahead<BufReader<Stream>>),
    Gzip(Box<Members>),
}

/// What the members of a gzip file unpack to, one after the other; none is left at the end. Zeros may follow each: tapes have
/// them, and gzip itself takes them.
struct Members(Option<GzDecoder<Ahead<BufReader<Stream>>>>);

type Stream = Box<dyn Read + Send>;

/// The reason of the last error of a reader: readers of other crates in between might hide it.
#[derive(Clone)]
pub(super) struct Faults {
    path: PathBuf,
    last: Arc<Mutex<Option<Error>>>,
}

impl Faults {
    /// The name of what is read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is behind an error that a reader passed on.
    pub fn explain(&self, error: io::Error) -> Error {
        let known = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        known.unwrap_or_else(|| Error::io(&self.path, "read")(error))
    }

    fn set(&self, error: Error) -> io::Error {
        // Who wraps the reader's error names the file.
        let text = match &error {
            Error::Malformed { place, problem, remedy, .. } => {
                format!("{place}: {problem}; {remedy}")
            }
            error => error.to_string(),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        io::Error::other(text)
    }
}

/// Opens `path`. A gzip file, of one member or of many, may unpack to `limit` bytes ([`MAX_UNPACKED`] where it is not
/// given); what it would unpack to beyond what is read does not matter.
///
/// # Errors
/// [`Error::Io`], [`Error::WrongKind`] for folders, pipes and devices. Later, of the reader: [`Error::Malformed`] for
/// damaged gzip files, [`Error::Unfit`] at the limit.
pub(super) fn open(path: &Path, limit: Option<u64>) -> Result<Input> {
    open_stream(Box::new(input::open(path)?), path, limit)
}

/// As [`open`], of a stream that `path` is the name of.
fn open_stream(stream: Stream, path: &Path, limit: Option<u64>) -> Result<Input> {
    let faults = Faults { path: path.to_path_buf(), last: Arc::default() };
    let stream = BufReader::with_capacity(BUFFER / 2, stream);
    let stream = look_ahead(stream, |start| tells(start, GZIP)).map_err(Error::io(path, "read"))?;
    let source = match seen(&stream).starts_with(GZIP) {
        true => Source::Gzip(Box::new(Members(Some(GzDecoder::new(stream))))),
        false => Source::Plain(stream),
    };
    let limit = limit.unwrap_or(MAX_UNPACKED);
    let unpack = Unpack { source, unpacked: 0, limit, faults: faults.clone() };
    Ok(Input { reader: Box::new(BufReader::with_capacity(BUFFER, unpack)), faults })
}

/// Opens `path` to read it once from end to end: what a gzip file unpacks to, any other file as it is. There is no limit,
/// because nothing has to be kept of what is read.
///
/// # Errors
/// [`Error::Io`], [`Error::WrongKind`] for folders, pipes and devices. The reader's errors say what is wrong with a gzip
/// file.
pub fn stream(path: &Path) -> Result<impl Read + Send + use<>> {
    Ok(open(path, Some(u64::MAX))?.reader)
}

/// Opens a text file: as [`open`], without the byte-order mark of UTF-8.
///
/// # Errors
/// Those of [`open`] and of its reader.
pub(super) fn open_text(path: &Path, limit: Option<u64>) -> Result<Input> {
    without_mark(open(path, limit)?)
}

/// As [`open_text`], of a stream that `path` is the name of, and without a limit, as nothing has to be kept of what is read.
///
/// # Errors
/// Those of its reader.
pub(super) fn text_of(stream: Stream, path: &Path) -> Result<Input> {
    without_mark(open_stream(stream, path, Some(u64::MAX))?)
}

fn without_mark(Input { reader, faults }: Input) -> Result<Input> {
    let ahead = look_ahead(reader, |start| tells(start, BYTE_ORDER_MARK));
    let mut ahead = ahead.map_err(|error| faults.explain(error))?;
    if seen(&ahead).starts_with(BYTE_ORDER_MARK) {
        ahead.consume(BYTE_ORDER_MARK.len());
    }
    Ok(Input { reader: Box::new(ahead), faults })
}

/// A reader whose beginning has been looked at.
pub(super) type Ahead<R> = Chain<Cursor<Vec<u8>>, R>;

/// Looks at the beginning of what is read, until it is `enough` or there is no more: a pipe brings as little at a time as was
/// written into it, and what it means must not depend on that.
///
/// # Errors
/// Those of the reader.
pub(super) fn look_ahead<R: BufRead>(
    mut reader: R,
    mut enough: impl FnMut(&[u8]) -> bool,
) -> io::Result<Ahead<R>> {
    let mut start = Vec::new();
    while !enough(&start) {
        let count = match reader.fill_buf() {
            Ok([]) => break,
            Ok(more) => {
                start.extend_from_slice(more);
                more.len()
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        reader.consume(count);
    }
    Ok(Cursor::new(start).chain(reader))
}

/// What has been looked at.
fn seen<R>(ahead: &Ahead<R>) -> &[u8] {
    ahead.get_ref().0.get_ref()
}

/// Whether a beginning tells if it is that of `magic`: nobody is to wait for more of a file that is not.
fn tells(start: &[u8], magic: &[u8]) -> bool {
    start.len() >= magic.len() || !magic.starts_with(start)
}

/// How gzip files begin.
pub(super) const GZIP: &[u8] = b"\x1f\x8b";

impl Read for Members {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let read = member.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let rest = member.get_mut();
            let found = rest.fill_buf()?;
            match found.iter().take_while(|&&byte| byte == 0).count() {
                _ if found.is_empty() => self.0 = None,
                0 => self.0 = self.0.take().map(|member| GzDecoder::new(member.into_inner())),
                zeros => rest.consume(zeros),
            }
        }
        Ok(0)
    }
}

impl Read for Unpack {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let members = match &mut self.source {
            Source::Plain(stream) => return stream.read(buffer),
            Source::Gzip(members) => members,
        };
        let path = &self.faults.path;
        match members.read(buffer) {
            Ok(read) => {
                self.unpacked += read as u64;
                if self.unpacked > self.limit {
                    return Err(self.faults.set(Error::Unfit {
                        option: "--max-unpacked",
                        value: self.limit.to_string(),
                        reason: format!("{} unpacks to more bytes", path.display()),
                        remedy: "raise it if the file is no bomb".into(),
                    }));
                }
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => Err(self.faults.set(Error::malformed(
                path,
                format!("byte {} of what it unpacks to", self.unpacked),
                format!("the gzip file is damaged or cut short ({error})"),
                "get the file again",
            ))),
        }
    }
}
