//! Whether a file that is mapped is still what it was when it was opened.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::SystemTime;

use crate::error::{Error, Result};

/// A mapped file, as it was when it was opened.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    /// The very file, whatever its path leads to meanwhile.
    file: File,
    length: u64,
    modified: Option<SystemTime>,
}

/// All files that are mapped.
static ALL: Mutex<Vec<Weak<Watched>>> = Mutex::new(Vec::new());

impl Watched {
    /// Notes what a file is like now.
    pub(super) fn new(path: &Path, file: File) -> Result<Arc<Watched>> {
        let is = file.metadata().map_err(Error::io(path, "read"))?;
        let (path, length, modified) = (path.to_path_buf(), is.len(), is.modified().ok());
        let watched = Arc::new(Watched { path, file, length, modified });
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&watched));
        Ok(watched)
    }

    /// Whether it was written into or cut since. A file that was replaced or deleted was not.
    pub(super) fn is_changed(&self) -> bool {
        match self.file.metadata() {
            Ok(is) => is.len() != self.length || is.modified().ok() != self.modified,
            Err(_) => false,
        }
    }
}

/// The error for a file that has changed while it was mapped.
pub(super) fn changed(path: &Path) -> Error {
    Error::malformed(
        path,
        "the file",
        "another program has written into it or cut it short while it was in use",
        "start again with --no-mmap, which reads the file once, or replace files instead of writing into them",
    )
}

/// The error of the first file that is mapped now and was written into or cut since: what a program that has come to grief
/// asks before it blames itself.
pub fn changed_map() -> Option<Error> {
    let all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    let all: Vec<_> = all.iter().filter_map(Weak::upgrade).collect();
    all.iter().find(|watched| watched.is_changed()).map(|watched| changed(&watched.path))
}
