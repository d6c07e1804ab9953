//! Input files, opened so that nothing blocks: pipes and devices could wait forever, and folders cannot be read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::error::{Error, Result};

/// U+FEFF in UTF-8: what some programs begin a text with, and no part of it.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Opens a regular file.
///
/// # Errors
/// [`Error::Io`] where it is missing or may not be read; [`Error::WrongKind`] for folders, pipes and devices.
pub(crate) fn open(path: &Path) -> Result<File> {
    // Asked before it is opened: a pipe without a writer would block in `open`.
    let kind = std::fs::metadata(path).map_err(Error::io(path, "open"))?;
    if !kind.is_file() {
        let (found, remedy) = match kind.is_dir() {
            true if path.join("history.json").exists() => {
                ("the folder of a run", "name a file in it: its model.safetensors or history.json")
            }
            true => {
                ("a folder", "name the file itself, or let `imdb-fast import` make a dataset of it")
            }
            false => ("a pipe or device", "write what it brings to a file, and name that"),
        };
        return Err(Error::WrongKind {
            path: path.to_path_buf(),
            expected: "a file",
            found: found.to_owned(),
            remedy: remedy.to_owned(),
        });
    }
    File::open(path).map_err(Error::io(path, "open"))
}

/// Reads a regular file of at most so many bytes.
///
/// # Errors
/// Those of [`open`]; [`Error::Malformed`] with `remedy` where the file is longer.
pub(crate) fn read(path: &Path, most: u64, remedy: &str) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(most + 1).read_to_end(&mut bytes).map_err(Error::io(path, "read"))?;
    if bytes.len() as u64 > most {
        let problem = format!("the file goes on beyond {} MiB", most >> 20);
        return Err(Error::malformed(path, format!("byte {most}"), problem, remedy));
    }
    Ok(bytes)
}

/// As [`read`], of JSON, whose readers know no byte-order mark.
///
/// # Errors
/// Those of [`read`].
pub(crate) fn read_json(path: &Path, most: u64, remedy: &str) -> Result<Vec<u8>> {
    let mut bytes = read(path, most, remedy)?;
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let remedy = "unpack it first, as `gunzip` does";
        return Err(Error::malformed(path, "the file", "it is packed by gzip", remedy));
    }
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(bytes)
}

/// What is wrong with a file that is no JSON of some shape, with line and column.
pub(crate) fn not_json(path: &Path, error: &serde_json::Error, remedy: &str) -> Error {
    let (line, column) = (error.line(), error.column());
    let sentence = error.to_string();
    let problem = sentence.strip_suffix(&format!(" at line {line} column {column}"));
    let place = format!("line {line}, column {column}");
    Error::malformed(path, place, problem.unwrap_or(&sentence), remedy)
}
