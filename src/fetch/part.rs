//! The beginning of a file: `NAME.part`, and where it came from, `NAME.part.json`.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::digest::Hasher;
use super::http::Resume;
use crate::error::{Error, Result};
use crate::input;
use crate::output::{self, Noted};

/// The most that is read of a `.part.json`, which is a few hundred bytes.
const MAX_ORIGIN: u64 = 64 << 10;

/// Where the beginning came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    pub(super) url: String,
    /// By what the server knows this version of the file.
    pub(super) validator: Option<String>,
    /// How long the whole file is.
    pub(super) total: Option<u64>,
}

/// A file that is not whole yet. Dropped, it stays for the next try.
pub(super) struct Part {
    target: PathBuf,
    path: PathBuf,
    file: File,
    length: u64,
    origin: Option<Origin>,
    /// As long as there is nothing to go on from.
    empty: Option<[Noted; 2]>,
}

impl Part {
    /// Opens the beginning of the file `target`, empty where there is none.
    pub(super) fn open(target: &Path) -> Result<Part> {
        let path = beside(target, ".part");
        // Where others may write into the folder, the name may stand for another file of ours.
        if fs::symlink_metadata(&path).is_ok_and(|kind| !kind.is_file() && !kind.is_dir()) {
            fs::remove_file(&path).map_err(Error::io(&path, "replace"))?;
        }
        let file = output::open_in_place(&path)?;
        let length = file.metadata().map_err(Error::io(&path, "read"))?.len();
        let origin = read_origin(&beside(target, ".part.json"));
        let mut part =
            Part { target: target.to_path_buf(), path, file, length, origin, empty: None };
        part.note_if_empty();
        Ok(part)
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Where the file came from so far, if that was `url`.
    pub(super) fn origin(&self, url: &str) -> Option<&Origin> {
        self.origin.as_ref().filter(|origin| origin.url == url)
    }

    /// What to ask the server for. Without anything that vouches for the sameness of the file, all of it.
    pub(super) fn resume(&self, url: &str, has_known_hash: bool) -> Option<Resume> {
        let origin = self.origin(url).filter(|_| self.length > 0)?;
        let is_vouched_for = has_known_hash || origin.validator.is_some();
        is_vouched_for.then(|| Resume { from: self.length, validator: origin.validator.clone() })
    }

    /// Empties the file, which comes from `origin` from now on.
    pub(super) fn restart(&mut self, origin: Origin) -> Result<()> {
        self.discard()?;
        let json = serde_json::to_vec(&origin).expect("an origin is plain values");
        output::write(&beside(&self.target, ".part.json"), &json)?;
        self.origin = Some(origin);
        Ok(())
    }

    /// Empties the file and forgets where it came from.
    pub(super) fn discard(&mut self) -> Result<()> {
        self.file.set_len(0).map_err(Error::io(&self.path, "empty"))?;
        self.file.rewind().map_err(Error::io(&self.path, "empty"))?;
        self.length = 0;
        self.origin = None;
        self.note_if_empty();
        Ok(())
    }

    /// The hash of what is there, to be continued; the next bytes go behind it.
    pub(super) fn hashed(&mut self) -> Result<Hasher> {
        let mut hasher = Hasher::default();
        let read = |file: &mut File, hasher: &mut Hasher| -> io::Result<()> {
            file.rewind()?;
            hasher.read(file.take(self.length))?;
            file.seek(SeekFrom::Start(self.length)).map(drop)
        };
        read(&mut self.file, &mut hasher).map_err(Error::io(&self.path, "read"))?;
        Ok(hasher)
    }

    /// Appends bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            // A part of them may have been stored: what is counted and what is there stay the same.
            let _ = self.file.set_len(self.length);
            return Err(Error::io(&self.path, "write")(error));
        }
        self.length += bytes.len() as u64;
        self.empty = None;
        Ok(())
    }

    /// A signal that ends the program leaves no beginnings without a byte.
    fn note_if_empty(&mut self) {
        if self.length == 0 && self.empty.is_none() {
            let origin = beside(&self.target, ".part.json");
            self.empty = Some([self.path.clone(), origin].map(Noted::new));
        }
    }

    /// Syncs the file and gives it its name.
    pub(super) fn commit(self) -> Result<()> {
        let Part { target, path, file, .. } = self;
        file.sync_all().map_err(Error::io(&path, "sync"))?;
        drop(file);
        fs::rename(&path, &target).map_err(Error::io(&target, "replace"))?;
        output::sync_folder_of(&target);
        // Left behind, it speaks of a part that is not there, and the next one replaces it.
        let _ = fs::remove_file(beside(&target, ".part.json"));
        Ok(())
    }

    /// Deletes what is there.
    pub(super) fn remove(self) {
        drop(self.file);
        // What cannot be deleted is emptied or continued by the next download; the error at hand matters more.
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_file(beside(&self.target, ".part.json"));
    }
}

fn beside(target: &Path, suffix: &str) -> PathBuf {
    let mut path = target.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// An origin that cannot be read is none: the file is then fetched from its start.
fn read_origin(path: &Path) -> Option<Origin> {
    let bytes = input::read(path, MAX_ORIGIN, "").ok()?;
    let origin: Origin = serde_json::from_slice(&bytes).ok()?;
    // It goes into the head of a request.
    let is_sendable =
        |validator: &String| validator.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    origin.validator.as_ref().is_none_or(is_sendable).then_some(origin)
}
