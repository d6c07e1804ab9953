//! One run at a time in a folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use imdb_fast::{Error, Result};

use super::{shown, warn};

/// The lock of a folder, held as long as this lives. The system lets go of it however the program ends.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of a folder that is there, for a run that was told the folder by `option`. Where the file system has no
    /// locks, a warning takes its place.
    pub(super) fn take(folder: &Path, option: &'static str) -> Result<Lock> {
        let file = open(folder).map_err(Error::io(folder, "open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Unfit {
                    option,
                    value: shown(folder),
                    reason: "another run is writing into this folder".to_owned(),
                    remedy: "wait until it has ended, or name another folder".to_owned(),
                });
            }
            Err(TryLockError::Error(error)) => {
                let folder = folder.display();
                warn(format_args!("cannot lock {folder} ({error}): start no second run there"));
            }
        }
        Ok(Lock { _file: file })
    }
}

/// The folder itself, so that no file is left behind.
#[cfg(unix)]
fn open(folder: &Path) -> std::io::Result<File> {
    File::open(folder)
}

/// A file in the folder, where folders cannot be locked. It stays: somebody may be waiting on it.
#[cfg(not(unix))]
fn open(folder: &Path) -> std::io::Result<File> {
    File::options().write(true).create(true).truncate(false).open(folder.join(".lock"))
}
