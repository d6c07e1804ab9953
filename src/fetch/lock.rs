//! One fetch at a time in a folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::{Error, Result};
use crate::output;

/// The lock of a folder, held as long as this lives. The system lets go of it however the program ends; the empty file
/// `.lock` stays, because another program may be waiting on it.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
}

impl FolderLock {
    /// Takes the lock of `folder`. Where another program has it, calls `waits` once and waits until it is free.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be written or its file system has no locks.
    pub fn take(folder: &Path, waits: impl FnOnce()) -> Result<FolderLock> {
        let path = folder.join(".lock");
        let file = output::open_in_place(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waits();
                file.lock().map_err(Error::io(&path, "lock"))?;
            }
            Err(TryLockError::Error(source)) => return Err(Error::io(&path, "lock")(source)),
        }
        Ok(FolderLock { file })
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Closing it lets go as well; said here because some systems do that a while after.
        let _ = self.file.unlock();
    }
}
