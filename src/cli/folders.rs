//! The folders of runs and sweeps: what tells one from the other, and how their files go.

use std::io::ErrorKind;
use std::path::Path;

use imdb_fast::{Error, Result};

/// What a sweep began with: it is there from the first run to the last, and behind it.
pub(super) const SWEEP: &str = "sweep.json";

/// Whether a folder has a sweep, finished or not.
pub(super) fn has_sweep(folder: &Path) -> bool {
    folder.join(SWEEP).exists()
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(path, "remove")(error)),
        _ => Ok(()),
    }
}
