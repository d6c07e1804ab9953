//! Texts from a file or from stdin, read ahead by a thread of their own.
//!
//! A thread, so that reading and judging overlap, and so that a person who types a line need not wait for more: what has
//! been read is judged before anybody waits for the rest.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};

use imdb_fast::import::{Format, LABEL_NAMES, TEXT_NAMES};
use imdb_fast::{Error, Result, import};
use serde_json::{Map, Value};

use super::batch::{BATCH_BYTES, Batch, Batcher, Layout, MAX_TEXT, Options, Stop};
use super::table::Table;

/// Batches that wait to be judged; more would only take memory.
const WAITING: usize = 16;
/// The texts on their way.
pub(super) struct Texts(Receiver<Batch>);

impl Texts {
    /// Starts to read.
    pub(super) fn read(
        source: Box<dyn Read + Send>,
        path: PathBuf,
        options: Options,
    ) -> Result<Texts> {
        let (sender, receiver) = sync_channel(WAITING);
        let name = path.clone();
        let batcher = Batcher { sender, path, options, batch: Batch::default(), begun: false };
        // Nobody joins it: it may wait for input forever when the reader of our output has gone.
        let thread = std::thread::Builder::new().name("imdb-fast-read".to_owned());
        thread
            .spawn(move || batcher.run(source))
            .map_err(Error::io(&name, "start a thread to read"))?;
        Ok(Texts(receiver))
    }

    /// Waits for texts, and takes what has come meanwhile. Empty at the end.
    pub(super) fn next(&self) -> Vec<Batch> {
        let Ok(first) = self.0.recv() else { return Vec::new() };
        let mut batches = vec![first];
        while batches.len() < WAITING {
            match self.0.try_recv() {
                Ok(batch) => batches.push(batch),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        batches
    }
}

impl Batcher {
    fn run(mut self, source: Box<dyn Read + Send>) {
        let result = match self.options.layout {
            Layout::Csv => Table::open(source, b',', &self).and_then(|mut t| t.read(&mut self)),
            Layout::Tsv => Table::open(source, b'\t', &self).and_then(|mut t| t.read(&mut self)),
            _ => self.lines(source),
        };
        match result {
            Err(Stop::Unwanted) => return,
            Err(Stop::Fault(error)) => self.batch.fault = Some(error),
            Ok(()) => {}
        }
        // The end: whether somebody listens makes no difference any more.
        let _ = self.send();
    }

    fn lines(&mut self, source: Box<dyn Read + Send>) -> Result<(), Stop> {
        let mut reader = BufReader::with_capacity(BATCH_BYTES, source);
        let mut bytes = Vec::new();
        for line in 1.. {
            bytes.clear();
            let mut bounded = reader.by_ref().take(MAX_TEXT as u64 + 1);
            let read = bounded.read_until(b'\n', &mut bytes);
            if read.map_err(Error::io(&self.path, "read"))? == 0 {
                break;
            }
            let text = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
            if text.len() > MAX_TEXT {
                return Err(self.too_long(line));
            }
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            // A byte-order mark is no part of the first text.
            let mark = if line == 1 { "\u{FEFF}".as_bytes() } else { b"" };
            self.line(line, text.strip_prefix(mark).unwrap_or(text))?;
            if !reader.buffer().contains(&b'\n') {
                self.send()?;
            }
        }
        Ok(())
    }

    /// Takes a line apart.
    fn line(&mut self, line: u64, bytes: &[u8]) -> Result<(), Stop> {
        match self.options.layout {
            Layout::Jsonl => {
                let Some(json) = self.decoded(line, bytes)? else { return Ok(()) };
                if json.trim().is_empty() {
                    return Ok(());
                }
                let (text, label) = self.json(line, &json)?;
                self.push(line, text.as_bytes(), label)
            }
            Layout::Fasttext => {
                let (label, text) = fasttext(bytes);
                self.push(line, text, label)
            }
            _ => self.push(line, bytes, None),
        }
    }

    fn json(&mut self, line: u64, json: &str) -> Result<(String, Option<String>), Stop> {
        const REMEDY: &str = "expected an object a line, such as {\"text\": \"...\"}; --text-column names \
                              another field";
        let malformed =
            |problem: String| Error::malformed(&self.path, format!("line {line}"), problem, REMEDY);
        let object: Map<String, Value> =
            serde_json::from_str(json).map_err(|error| malformed(error.to_string()))?;
        let fields = object.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
        let (names, texts): (Vec<&String>, Vec<&str>) = fields.unzip();
        let asked = ("--text-column", self.options.text_column.as_deref());
        let Ok(Some(text)) = import::column(&self.path, &names, asked, &TEXT_NAMES, false) else {
            return Err(malformed("it has no field with the text".to_owned()).into());
        };
        let (names, values): (Vec<&String>, Vec<&Value>) = object.iter().unzip();
        let asked = ("--label-column", self.options.label_column.as_deref());
        let label = match import::column(&self.path, &names, asked, &LABEL_NAMES, true) {
            Err(error) if !self.begun => return Err(error.into()),
            // Others than the first may be without a label.
            found => found.ok().flatten(),
        };
        self.begun = true;
        let label = label.map(|label| match values[label] {
            Value::String(label) => label.clone(),
            other => other.to_string(),
        });
        Ok((texts[text].to_owned(), label))
    }
}

/// The first label of a line, and the text behind all of them.
fn fasttext(bytes: &[u8]) -> (Option<String>, &[u8]) {
    const PREFIX: &[u8] = b"__label__";
    let mut label = None;
    let mut rest = bytes.trim_ascii_start();
    while let Some(behind) = rest.strip_prefix(PREFIX) {
        let end = behind.iter().position(u8::is_ascii_whitespace).unwrap_or(behind.len());
        label.get_or_insert_with(|| String::from_utf8_lossy(&behind[..end]).into_owned());
        rest = behind[end..].trim_ascii_start();
    }
    (label, rest)
}

/// What a file is.
pub(super) enum Source {
    /// A dataset, or nothing that we know: opening it as a dataset tells what is wrong with it.
    Dataset,
    /// Texts.
    Text(Box<dyn Read + Send>, Layout),
}

/// Opens a file and looks how it begins. Its texts lie there as was `asked` for, or as it looks.
///
/// # Errors
/// [`Error::Io`], and [`Error::WrongKind`] for files whose lines are no texts.
pub(super) fn look_at(
    path: &Path,
    asked: Option<Layout>,
    text_column: Option<&str>,
) -> Result<Source> {
    const HEAD: usize = 4 << 10;
    // Pipes and devices are not opened: that could wait forever.
    if !std::fs::metadata(path).map_err(Error::io(path, "open"))?.is_file() {
        return Ok(Source::Dataset);
    }
    let mut file = import::stream(path)?;
    let mut head = Vec::with_capacity(HEAD);
    file.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(Error::io(path, "read"))?;
    // Datasets, archives and other binary files have zeros where they begin; text has none. A gzip file here was in another.
    let is_text = !head.is_empty() && !head.contains(&0) && !head.starts_with(b"\x1f\x8b");
    if !is_text {
        return Ok(Source::Dataset);
    }
    let layout = match asked {
        Some(layout) => layout,
        None => layout(path, &head, text_column)?,
    };
    Ok(Source::Text(Box::new(io::Cursor::new(head).chain(file)), layout))
}

/// How texts lie in a file that begins with `head`: in a table where a column has the name that was asked for or a usual one. A
/// review may be a list of words, among them `content`, but with blanks behind its commas; or it begins with a number, or a
/// remark in brackets.
fn layout(path: &Path, head: &[u8], text_column: Option<&str>) -> Result<Layout> {
    let head = head.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(head);
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or(head);
    let has_text_column = |delimiter: u8| {
        let mut names = line.split(|&byte| byte == delimiter);
        line.contains(&delimiter)
            && names.any(|name| {
                let name = name.trim_ascii_end();
                let name = name.strip_prefix(b"\"").unwrap_or(name);
                let name = name.strip_suffix(b"\"").unwrap_or(name);
                let is_it = |wanted: &str| wanted.as_bytes().eq_ignore_ascii_case(name);
                text_column.map_or_else(|| TEXT_NAMES.into_iter().any(is_it), is_it)
            })
    };
    let no_texts = |found: &str, remedy: &str| {
        Err(Error::WrongKind {
            path: path.to_path_buf(),
            expected: "texts",
            found: found.to_owned(),
            remedy: format!("{remedy}; or say --input lines if each line is a review"),
        })
    };
    match import::format_of(head) {
        Some(Format::JsonLines) => Ok(Layout::Jsonl),
        Some(Format::Fasttext) => Ok(Layout::Fasttext),
        Some(Format::Libsvm) => no_texts("libsvm text", "import it and judge the dataset"),
        _ if import::is_array_of_objects(head) => {
            no_texts("a JSON array", import::INSTEAD_OF_AN_ARRAY)
        }
        _ if has_text_column(b'\t') => Ok(Layout::Tsv),
        _ if has_text_column(b',') => Ok(Layout::Csv),
        _ => Ok(Layout::Lines),
    }
}
