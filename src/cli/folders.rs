//! The folders of runs and sweeps: what tells one from the other, and how they and their files go.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Makes a folder, with those above it.
pub(super) fn create(folder: &Path) -> Result<()> {
    let made = std::fs::create_dir_all(folder).map_err(|error| match error.kind() {
        // The system says that a file exists, or that something is no folder, and not what.
        ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
            let text = "a file, or a link that leads nowhere, is in its way; name another folder";
            io::Error::new(error.kind(), text)
        }
        _ => error,
    });
    made.map_err(Error::io(folder, "create the folder"))
}

/// What [`Made`] has made, inner folders first.
static MADE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn made() -> MutexGuard<'static, Vec<PathBuf>> {
    MADE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder that was made for a run or a sweep, with those above it: dropped, they go where that leaves nothing in them. Who
/// makes another one makes it within; the first that is dropped takes all with it.
pub(super) struct Made(());

impl Made {
    pub(super) fn create(folder: &Path) -> Result<Made> {
        let this = Made(());
        // Locked before, so that there is none that is not noted.
        let mut made = made();
        // Above a bare name there is an empty one; and what stands before `..` has to stay for the path to lead anywhere.
        let missing =
            folder.ancestors().take_while(|above| above.file_name().is_some() && !above.exists());
        made.splice(0..0, missing.map(Path::to_path_buf));
        create(folder)?;
        Ok(this)
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        remove_empty(&mut made());
    }
}

fn remove_empty(folders: &mut Vec<PathBuf>) {
    for folder in folders.drain(..) {
        let _ = std::fs::remove_dir(folder);
    }
}

/// Removes what was made for a run and has nothing in it: for a program that ends at once. No other is made from now on.
#[cfg(unix)]
pub(super) fn abandon() {
    let mut made = made();
    remove_empty(&mut made);
    std::mem::forget(made);
}
