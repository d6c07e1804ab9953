//! Input files, opened so that nothing blocks: pipes and devices could wait forever, and folders cannot be read.

use std::fs::File;
use std::path::Path;

use crate::error::{Error, Result};

/// Opens a regular file.
///
/// # Errors
/// [`Error::Io`] where it is missing or may not be read; [`Error::WrongKind`] for folders, pipes and devices.
pub(crate) fn open(path: &Path) -> Result<File> {
    // Asked before it is opened: a pipe without a writer would block in `open`.
    let kind = std::fs::metadata(path).map_err(Error::io(path, "open"))?;
    if !kind.is_file() {
        let (found, remedy) = match kind.is_dir() {
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
