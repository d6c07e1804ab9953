//! Texts from a file or from stdin, read ahead by a thread of their own.
//!
//! A thread, so that reading and judging overlap, and so that a person who types a line need not wait for more: what has
//! been read is judged before anybody waits for the rest.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use imdb_fast::import::{Format, TextOptions, is_header};
use imdb_fast::{Error, Result, import};

use super::super::warn;
use super::Layout;
use super::batch::{BATCH_BYTES, Batch, Batcher, Stop};

/// Batches that wait to be judged; more would only take memory.
const WAITING: usize = 16;

/// The texts on their way.
pub(super) struct Texts(Receiver<Batch>);

impl Texts {
    /// Starts to read. Beside the layout stands whether it was asked for.
    pub(super) fn read(
        stream: Box<dyn Read + Send>,
        path: PathBuf,
        layout: (Layout, bool),
        options: TextOptions,
    ) -> Result<Texts> {
        let (sender, receiver) = sync_channel(WAITING);
        let (name, invalid_utf8) = (path.clone(), options.invalid_utf8);
        let batcher = Batcher { sender, path, invalid_utf8, batch: Batch::default() };
        // Nobody joins it: it may wait for input forever when the reader of our output has gone.
        let thread = std::thread::Builder::new().name("imdb-fast-read".to_owned());
        thread.spawn(move || run(stream, layout, &options, batcher)).map_err(|error| {
            let text = format!(
                "{error}; raise the limit of processes (ulimit -u), or ask for fewer by --threads 1"
            );
            Error::io(&name, "start a thread to read")(io::Error::new(error.kind(), text))
        })?;
        Ok(Texts(receiver))
    }

    /// Waits for texts, and takes what has come meanwhile, of long ones fewer batches. Empty at the end.
    pub(super) fn next(&self) -> Vec<Batch> {
        let Ok(first) = self.0.recv() else { return Vec::new() };
        let mut bytes = first.bytes();
        let mut batches = vec![first];
        while batches.len() < WAITING && bytes < WAITING * BATCH_BYTES {
            match self.0.try_recv() {
                Ok(batch) => {
                    bytes += batch.bytes();
                    batches.push(batch);
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        batches
    }
}

fn run(
    stream: Box<dyn Read + Send>,
    (layout, is_asked_for): (Layout, bool),
    options: &TextOptions,
    batcher: Batcher,
) {
    let path = batcher.path.clone();
    let batcher = Arc::new(Mutex::new(batcher));
    let stream = Box::new(Eager { stream, batcher: batcher.clone() });
    let read = || {
        let mut rows = import::rows_of(stream, &path, layout.format(), options)?;
        let mut is_doubtful = layout == Layout::Lines && !is_asked_for;
        while let Some(row) = rows.next_row()? {
            if std::mem::take(&mut is_doubtful) {
                doubt(&path, row.text, options);
            }
            locked(&batcher).push(row)?;
        }
        Ok(())
    };
    let result = read();
    let mut batcher = locked(&batcher);
    match result {
        Err(Stop::Unwanted) => return,
        Err(Stop::Fault(error)) => batcher.batch.fault = Some(error),
        Ok(()) => {}
    }
    // The end: whether somebody listens makes no difference any more.
    let _ = batcher.send();
}

/// Says so where the first line of what is read as lines looks like something else. It is read as lines all the same: what a stream
/// means does not depend on its first line.
fn doubt(path: &Path, line: &[u8], options: &TextOptions) {
    let name = path.display();
    if let Some((found, remedy)) = packed(line) {
        warn(format_args!(
            "{name}: its first line looks like {found}, and each line is read as a review; {remedy}"
        ));
        return;
    }
    match layout(path, line, options) {
        Ok(Layout::Lines) => {}
        Ok(other) => {
            let other = other.name();
            warn(format_args!(
                "{name}: its first line looks like {other}, and each line is read as a review; say --input {other}, or \
                 --input lines if that is meant"
            ));
        }
        Err(_) if line.contains(&0) => warn(format_args!(
            "{name}: its first line has bytes that are 0, and each line is read as a review; say --input lines if that is meant"
        )),
        Err(error) => warn(error),
    }
}

/// A stream that hands over all texts that have come before it waits for more.
struct Eager {
    stream: Box<dyn Read + Send>,
    batcher: Arc<Mutex<Batcher>>,
}

impl Read for Eager {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match locked(&self.batcher).send() {
            Ok(()) => self.stream.read(buffer),
            Err(_) => Err(io::Error::other("nobody wants more")),
        }
    }
}

fn locked(batcher: &Mutex<Batcher>) -> MutexGuard<'_, Batcher> {
    batcher.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a file is.
pub(super) enum Source {
    /// A dataset, or what is neither that nor text: opening it as a dataset tells what is wrong with it.
    Dataset,
    /// Texts.
    Text(Box<dyn Read + Send>, Layout),
}

/// Opens a file and looks how it begins. Its texts lie there as was `asked` for, or as it looks by the options.
///
/// # Errors
/// [`Error::Io`], and [`Error::WrongKind`] for files whose lines are no texts.
pub(super) fn look_at(path: &Path, asked: Option<Layout>, options: &TextOptions) -> Result<Source> {
    // As much as an import looks at: tables may have a thousand columns.
    const HEAD: usize = 64 << 10;
    // Pipes and devices are not opened: that could wait forever.
    let kind = std::fs::metadata(path).map_err(Error::io(path, "open"))?;
    if kind.is_dir() {
        return Ok(Source::Dataset);
    }
    if !kind.is_file() {
        return Err(Error::WrongKind {
            path: path.to_path_buf(),
            expected: "a file",
            found: "a pipe or device".to_owned(),
            remedy: "name `-` and hand its texts over as stdin, or name a file".to_owned(),
        });
    }
    let mut file = import::stream(path)?;
    let mut head = Vec::with_capacity(HEAD);
    file.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(Error::io(path, "read"))?;
    if import::is_safetensors(&head) {
        return Ok(Source::Dataset);
    }
    if let Some((found, remedy)) = packed(&head) {
        return Err(Error::WrongKind {
            path: path.to_path_buf(),
            expected: "a dataset or texts",
            found: found.to_owned(),
            remedy: remedy.to_owned(),
        });
    }
    let layout = match asked {
        Some(layout) => layout,
        // The length of a header, as datasets begin, however damaged they are.
        None if head.get(4..8) == Some(&[0; 4]) => return Ok(Source::Dataset),
        None => layout(path, &head, options)?,
    };
    Ok(Source::Text(Box::new(io::Cursor::new(head).chain(file)), layout))
}

/// What a file that begins with `head` is, and what to do with it, if its texts cannot be read as they lie there, whatever was
/// asked for.
fn packed(head: &[u8]) -> Option<(&'static str, &'static str)> {
    let found = match import::format_of(head) {
        Some(Format::Archive) => "a tar archive",
        Some(Format::Keras) => "a zip or npz archive",
        Some(Format::Parquet) => "a parquet file",
        _ => return import::foreign(head),
    };
    Some((found, "`imdb-fast import` makes a dataset of it, if it is in a known format"))
}

/// How texts lie in a file that begins with `head`: in a table where its first line [`is_header`], or where tables alone have what
/// was asked for. A review may begin with a number, or a remark in brackets.
fn layout(path: &Path, head: &[u8], options: &TextOptions) -> Result<Layout> {
    let head = head.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(head);
    // Blank lines before a header are none of a table.
    let start = head.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(head.len());
    let head = &head[start..];
    let has_header = |delimiter| is_header(&names(head, delimiter), options);
    let no_texts = |found: String, remedy: &str| {
        Err(Error::WrongKind {
            path: path.to_path_buf(),
            expected: "texts",
            found,
            remedy: format!("{remedy}; or say --input lines if each line is a review"),
        })
    };
    let format = import::format_of(head);
    match format {
        Some(Format::JsonLines) => Ok(Layout::Jsonl),
        Some(Format::Fasttext) => Ok(Layout::Fasttext),
        Some(Format::Libsvm) => no_texts("libsvm text".into(), "import it and judge the dataset"),
        _ if import::is_array_of_objects(head) => {
            no_texts("a JSON array".into(), import::INSTEAD_OF_AN_ARRAY)
        }
        // A line without any delimiter is the name of the only column.
        _ if has_header(b',') || has_header(b';') => Ok(Layout::Csv),
        _ if has_header(b'\t') => Ok(Layout::Tsv),
        Some(Format::Csv) if !options.header => Ok(Layout::Csv),
        Some(Format::Tsv) if !options.header => Ok(Layout::Tsv),
        _ => match header(head) {
            Some(names) => no_texts(
                format!("a table with the columns {}", names.join(", ")),
                "name the one with the texts by --text-column, with --no-header by its number",
            ),
            None if head.iter().take(4 << 10).any(|&byte| byte == 0) => {
                no_texts("bytes that are 0".into(), "name a dataset or a file with texts")
            }
            None => Ok(Layout::Lines),
        },
    }
}

/// The fields of the first line, without quotes around them.
fn names(head: &[u8], delimiter: u8) -> Vec<String> {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or(head);
    let names = line.split(|&byte| byte == delimiter).map(|name| {
        let name = name.trim_ascii_end();
        let name = name.strip_prefix(b"\"").unwrap_or(name);
        String::from_utf8_lossy(name.strip_suffix(b"\"").unwrap_or(name)).into_owned()
    });
    names.collect()
}

/// The columns that have a name, where the first line can hardly be a review: words between delimiters, without blanks around them
/// and with no other marks, and the second line has as many fields. The first may have no name, as in tables that pandas and R write
/// with the numbers of their rows. A line of reviews has no such two lines, unless they are lists of words.
fn header(head: &[u8]) -> Option<Vec<String>> {
    let mut lines = head.split(|&byte| byte == b'\n');
    let (first, second) = (lines.next()?, lines.next()?);
    let delimiter = *b"\t,;".iter().find(|delimiter| first.contains(delimiter))?;
    let mut names = names(head, delimiter);
    let columns = names.len();
    if names[0].is_empty() {
        names.remove(0);
    }
    let words = |name: &String| {
        let is_name = |c: char| c.is_alphanumeric() || "_-.".contains(c);
        let is_word = |word: &str| !word.is_empty() && word.chars().all(is_name);
        let words: Vec<&str> = name.split(' ').collect();
        if words.iter().all(|word| is_word(word)) { words.len() } else { usize::MAX }
    };
    let longest = names.iter().map(words).max()?;
    let fields = 1 + second.iter().filter(|&&byte| byte == delimiter).count();
    let is_row = fields >= columns || second.contains(&b'"');
    (is_row && (longest == 1 || (longest <= 3 && columns > 2))).then_some(names)
}
