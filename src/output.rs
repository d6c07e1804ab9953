//! Output files that are whole or absent: written to a temporary sibling, synced, renamed.
//!
//! A reader (or a memory map) of the old file never sees it change, and a crash leaves the old file as it was.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::TempPath;

use crate::error::{Error, Result};

/// The temporary siblings of this process.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all files that this process has under construction, and nobody else's: for a program that ends at once, at a signal,
/// say. Whoever begins or ends a file from now on waits for that end; what cannot be removed stays.
pub fn abandon_all() {
    let unfinished = unfinished();
    for path in unfinished.iter() {
        let _ = std::fs::remove_file(path);
    }
    std::mem::forget(unfinished);
}

/// A temporary sibling's place in [`UNFINISHED`].
#[derive(Debug)]
struct Noted(PathBuf);

impl Drop for Noted {
    fn drop(&mut self) {
        unfinished().remove(&self.0);
    }
}

/// A file under construction. Dropped before [`OutputFile::commit`], it vanishes.
#[derive(Debug)]
pub struct OutputFile {
    writer: BufWriter<File>,
    temporary: TempPath,
    path: PathBuf,
    /// Goes after the file does.
    noted: Noted,
}

impl OutputFile {
    /// Opens a temporary sibling of `path`, so that an unwritable folder is found out at once.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder is missing or cannot be written, or `path` is a folder, pipe or device.
    pub fn create(path: &Path) -> Result<OutputFile> {
        // A rename would put a file in the place of /dev/null, if it may.
        if std::fs::metadata(path).is_ok_and(|kind| !kind.is_file()) {
            let source = std::io::Error::other("it is a folder, pipe or device; name a file");
            return Err(Error::Io { path: path.to_path_buf(), action: "write", source });
        }
        let prefix = temporary_prefix(path);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(TEMPORARY_SUFFIX);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            // As any other program would create it: the umask takes its share.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        // Locked before, so that there is none that is not noted.
        let mut unfinished = unfinished();
        let file = builder.tempfile_in(folder_of(path)).map_err(Error::io(path, "create"))?;
        // Taken apart, since errors of the whole name its path, of which nobody has heard.
        let (file, temporary) = file.into_parts();
        let noted = Noted(temporary.to_path_buf());
        unfinished.insert(noted.0.clone());
        let writer = BufWriter::with_capacity(1 << 18, file);
        Ok(OutputFile { writer, temporary, path: path.to_path_buf(), noted })
    }

    /// The final path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends all of a file from where it stands, by the system alone where it can. Returns how many bytes it had.
    ///
    /// # Errors
    /// Those of reading and writing.
    pub fn append(&mut self, file: &mut File) -> std::io::Result<u64> {
        self.writer.flush()?;
        let out = self.writer.get_mut();
        let first = file.stream_position()?;
        // A signal may stop a copy that the system makes by itself, and the standard library does not take it up again.
        // Both files stand behind what has been copied.
        loop {
            match std::io::copy(file, out) {
                Ok(_) => return Ok(file.stream_position()? - first),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Flushes, syncs and renames into place, replacing an older file at once.
    ///
    /// # Errors
    /// [`Error::Io`]; the older file is then untouched.
    pub fn commit(self) -> Result<()> {
        self.stage()?.commit()
    }

    /// Flushes and syncs: all that takes space on the disk. Of several files, none is replaced before all are staged.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn stage(self) -> Result<StagedFile> {
        let OutputFile { writer, temporary, path, noted } = self;
        let file = writer.into_inner().map_err(|e| e.into_error());
        let file = file.map_err(Error::io(&path, "write"))?;
        file.sync_all().map_err(Error::io(&path, "sync"))?;
        Ok(StagedFile { temporary, path, _noted: noted })
    }
}

/// A file that is whole, beside its place. Dropped before [`StagedFile::commit`], it vanishes.
#[derive(Debug)]
pub struct StagedFile {
    temporary: TempPath,
    path: PathBuf,
    /// Goes after the file does.
    _noted: Noted,
}

impl StagedFile {
    /// Renames it into place, replacing an older file at once.
    ///
    /// # Errors
    /// [`Error::Io`]; the older file is then untouched.
    pub fn commit(self) -> Result<()> {
        let StagedFile { temporary, path, _noted } = self;
        temporary.persist(&path).map_err(|e| Error::io(&path, "replace")(e.error))?;
        sync_folder_of(&path);
        Ok(())
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

impl Seek for OutputFile {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.writer.seek(to)
    }
}

const TEMPORARY_PREFIX: &str = ".imdb-fast-";
const TEMPORARY_SUFFIX: &str = ".tmp";

/// How the names of temporary siblings begin: they tell whose they are, where that leaves room for the rest of the name.
fn temporary_prefix(path: &Path) -> OsString {
    const LONGEST: usize = 128;
    let mut prefix = OsString::from(TEMPORARY_PREFIX);
    if let Some(name) = path.file_name().filter(|name| name.len() <= LONGEST) {
        prefix.push(name);
        prefix.push("-");
    }
    prefix
}

/// Removes what a program that was killed has left of an output at `path`. For callers who know that nobody is writing it;
/// what cannot be removed stays.
pub fn remove_leftovers(path: &Path) {
    let prefix = temporary_prefix(path);
    let Ok(entries) = std::fs::read_dir(folder_of(path)) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let middle = name.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes());
        let middle = middle.and_then(|rest| rest.strip_suffix(TEMPORARY_SUFFIX.as_bytes()));
        // What makes the name unique has no dashes: `a-b` is another output than `a`.
        if middle.is_some_and(|unique| unique.iter().all(u8::is_ascii_alphanumeric)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Removes what a program that was killed has left of any output in a folder. For callers who know that nobody is writing there;
/// what cannot be removed stays.
pub fn remove_all_leftovers(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(TEMPORARY_PREFIX.as_bytes())
            && name.ends_with(TEMPORARY_SUFFIX.as_bytes())
        {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Writes `bytes` to `path`, whole or not at all.
///
/// # Errors
/// [`Error::Io`]
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    stage(path, bytes)?.commit()
}

/// Writes `bytes` beside `path`.
///
/// # Errors
/// [`Error::Io`]
pub fn stage(path: &Path, bytes: &[u8]) -> Result<StagedFile> {
    let mut file = OutputFile::create(path)?;
    file.write_all(bytes).map_err(Error::io(path, "write"))?;
    file.stage()
}

/// Makes a rename within the folder of `path` durable; where folders cannot be synced nothing is lost but that.
pub(crate) fn sync_folder_of(path: &Path) {
    if let Ok(folder) = File::open(folder_of(path)) {
        let _ = folder.sync_all();
    }
}

/// The folder that holds `path`; `.` for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a program that is killed leaves of an output.
    fn leftover(path: &Path) -> PathBuf {
        let file = OutputFile::create(path).unwrap();
        let leftover = file.temporary.to_path_buf();
        std::mem::forget(file);
        leftover
    }

    #[test]
    fn what_is_under_construction_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        let own = || unfinished().iter().filter(|path| path.starts_with(folder.path())).count();
        let [a, b] = ["a", "b"].map(|name| OutputFile::create(&folder.path().join(name)).unwrap());
        assert!(OutputFile::create(&folder.path().join("none/c")).is_err());
        assert_eq!(own(), 2);
        drop(b);
        assert_eq!(own(), 1);
        let staged = a.stage().unwrap();
        assert_eq!(own(), 1);
        staged.commit().unwrap();
        assert_eq!(own(), 0);
    }

    #[test]
    fn leftovers_of_other_outputs_and_other_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        let long = "long".repeat(60);
        let outputs = ["a", "a-b", "a.b", "b", &long].map(|name| folder.path().join(name));
        let leftovers = outputs.each_ref().map(|path| leftover(path));
        let others = ["a", "a.tmp", ".imdb-fast-a", ".imdb-fast-a-x.json"]
            .map(|name| folder.path().join(name));
        others.iter().for_each(|other| std::fs::write(other, "").unwrap());

        let are_there = || leftovers.each_ref().map(|leftover| leftover.exists());
        remove_leftovers(&outputs[0]);
        assert_eq!(are_there(), [false, true, true, true, true]);
        remove_leftovers(&outputs[4]);
        assert_eq!(are_there(), [false, true, true, true, false]);
        remove_leftovers(&outputs[1]);
        assert_eq!(are_there(), [false, false, true, true, false]);
        remove_all_leftovers(folder.path());
        assert_eq!(are_there(), [false; 5]);
        assert!(others.iter().all(|other| other.exists()));
    }
}
