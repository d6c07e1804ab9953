//! Output files that are whole or absent: written to a temporary sibling, synced, renamed.
//!
//! A reader (or a memory map) of the old file never sees it change, and a crash leaves the old file as it was.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{BufWriter, ErrorKind, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tempfile::{TempDir, TempPath};

use crate::error::{Error, Result};

/// The temporary siblings of this process, and what else is nothing without it.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all files and temporary folders that this process has under construction, and nobody else's: for a program that ends at
/// once, at a signal, say. Whoever begins or ends a file from now on waits for that end; what cannot be removed stays.
pub fn abandon_all() {
    let unfinished = unfinished();
    for path in unfinished.iter() {
        let _ = match path.is_dir() {
            true => std::fs::remove_dir_all(path),
            false => std::fs::remove_file(path),
        };
    }
    std::mem::forget(unfinished);
}

/// The place in [`UNFINISHED`] of a temporary sibling or folder, or of another file that is to go with a program that ends at once.
#[derive(Debug)]
pub(crate) struct Noted(PathBuf);

impl Noted {
    pub(crate) fn new(path: PathBuf) -> Noted {
        unfinished().insert(path.clone());
        Noted(path)
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        unfinished().remove(&self.0);
    }
}

/// Opens a file to read it and to write into it, and makes it where it is not there. One to which the name is but a link is not
/// opened, and a pipe waits for nobody.
///
/// # Errors
/// [`Error::Io`]; [`Error::WrongKind`] for pipes and devices.
pub(crate) fn open_in_place(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
    }
    let file = options.open(path).map_err(|error| match path.is_symlink() {
        true => Error::io(path, "open")(std::io::Error::other("it is a link; remove it")),
        false => Error::io(path, "create")(error),
    })?;
    match file.metadata().map_err(Error::io(path, "open"))?.is_file() {
        true => Ok(file),
        false => Err(Error::WrongKind {
            path: path.to_path_buf(),
            expected: "a file",
            found: "a pipe or device".to_owned(),
            remedy: "remove it".to_owned(),
        }),
    }
}

/// A temporary folder, which vanishes when it is dropped.
#[derive(Debug)]
pub(crate) struct TemporaryFolder {
    folder: TempDir,
    /// Goes after the folder does.
    _noted: Noted,
}

impl TemporaryFolder {
    /// Makes one in `folder`, whose name begins with `prefix`.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub(crate) fn create(folder: &Path, prefix: &str) -> Result<TemporaryFolder> {
        // Locked before, so that there is none that is not noted.
        let mut unfinished = unfinished();
        let made = tempfile::Builder::new().prefix(prefix).tempdir_in(folder);
        let folder = made.map_err(Error::io(folder, "write to"))?;
        let noted = Noted(folder.path().to_path_buf());
        unfinished.insert(noted.0.clone());
        Ok(TemporaryFolder { folder, _noted: noted })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A temporary sibling, which vanishes when it is dropped.
#[derive(Debug)]
struct Sibling {
    file: TempPath,
    /// Goes after the file does.
    _noted: Noted,
}

/// A file under construction. Dropped before [`OutputFile::commit`], it vanishes.
#[derive(Debug)]
pub struct OutputFile {
    writer: BufWriter<File>,
    sibling: Sibling,
    path: PathBuf,
}

impl OutputFile {
    /// Opens a temporary sibling of `path`, so that an unwritable folder is found out at once. Where `path` is a link, of what it
    /// leads to, which is what will be replaced. An older file's permissions become the new one's.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder is missing or cannot be written, or `path` is that of a folder, pipe or device.
    pub fn create(path: &Path) -> Result<OutputFile> {
        let not_a_file = || {
            let source = std::io::Error::other("it is a folder, pipe or device; name a file");
            Error::Io { path: path.to_path_buf(), action: "write", source }
        };
        // `folder/` and `folder/.` have the name of a folder in them, whether it is there or not.
        let name = path.file_name().map_or(&[][..], OsStr::as_encoded_bytes);
        if name.is_empty() || !path.as_os_str().as_encoded_bytes().ends_with(name) {
            return Err(not_a_file());
        }
        let older = match std::fs::metadata(path) {
            Ok(older) => Some(older),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io(path, "create")(error)),
        };
        // A rename would put a file in the place of /dev/null, if it may.
        if older.as_ref().is_some_and(|older| !older.is_file()) {
            return Err(not_a_file());
        }
        let path = target_of(path).ok_or_else(not_a_file)?;
        let prefix = temporary_prefix(&path);
        let mut builder = tempfile::Builder::new();
        builder.prefix(&prefix).suffix(TEMPORARY_SUFFIX);
        // Locked before, so that there is none that is not noted.
        let mut unfinished = unfinished();
        let made = builder.make_in(folder_of(&path), |sibling| create_new(sibling, older.as_ref()));
        let file = made.map_err(|error| cannot_create(&path, error))?;
        // Taken apart, since errors of the whole name its path, of which nobody has heard.
        let (file, sibling) = file.into_parts();
        let noted = Noted(sibling.to_path_buf());
        unfinished.insert(noted.0.clone());
        let writer = BufWriter::with_capacity(1 << 18, file);
        Ok(OutputFile { writer, sibling: Sibling { file: sibling, _noted: noted }, path })
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
        let OutputFile { writer, sibling, path } = self;
        let file = writer.into_inner().map_err(|e| e.into_error());
        let file = file.map_err(Error::io(&path, "write"))?;
        file.sync_all().map_err(Error::io(&path, "sync"))?;
        Ok(StagedFile { sibling, path })
    }
}

/// A file that is whole, beside its place. Dropped before [`StagedFile::commit`], it vanishes.
#[derive(Debug)]
pub struct StagedFile {
    sibling: Sibling,
    path: PathBuf,
}

impl StagedFile {
    /// Renames it into place, replacing an older file at once.
    ///
    /// # Errors
    /// [`Error::Io`]; the older file is then untouched.
    pub fn commit(self) -> Result<()> {
        let StagedFile { sibling: Sibling { file, _noted }, path } = self;
        file.persist(&path).map_err(|e| Error::io(&path, "replace")(e.error))?;
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

/// Creates a temporary sibling, which nobody may read who may not read the older file.
fn create_new(sibling: &Path, older: Option<&Metadata>) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::fs::Permissions;
        use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
        // Without an older file as any other program would create it: the umask takes its share.
        let mode = older.map_or(0o666, |older| older.mode() & 0o777);
        let file = options.mode(mode).open(sibling)?;
        if older.is_some() {
            // Gives back what the umask has taken. A file system without permissions refuses, and loses nothing.
            let _ = file.set_permissions(Permissions::from_mode(mode));
        }
        Ok(file)
    }
    #[cfg(not(unix))]
    {
        let _ = older;
        options.open(sibling)
    }
}

/// Why there is no sibling of `path`.
fn cannot_create(path: &Path, error: std::io::Error) -> Error {
    let folder = folder_of(path);
    let source = match error.kind() {
        ErrorKind::NotFound => {
            let text = format!("there is no folder {}; make it first", folder.display());
            std::io::Error::new(ErrorKind::NotFound, text)
        }
        _ => error,
    };
    Error::Io { path: path.to_path_buf(), action: "create", source }
}

/// What a path leads to: another one where it is a link, whether there is a file or not. Nothing where it goes by way of /proc,
/// as /dev/stdout does: that is a file which a process has open, and would go on to write where nobody finds it any more.
fn target_of(path: &Path) -> Option<PathBuf> {
    let mut target = path.to_path_buf();
    // As many links in a row as Linux follows.
    for _ in 0..40 {
        let Ok(link) = std::fs::read_link(&target) else { break };
        let folder = folder_of(&target);
        if folder.canonicalize().is_ok_and(|folder| folder.starts_with("/proc")) {
            return None;
        }
        target = folder.join(link);
    }
    Some(target)
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
    let Some(path) = target_of(path) else { return };
    let prefix = temporary_prefix(&path);
    let Ok(entries) = std::fs::read_dir(folder_of(&path)) else { return };
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
        let mut file = OutputFile::create(path).unwrap();
        file.sibling.file.disable_cleanup(true);
        file.sibling.file.to_path_buf()
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
        let temporary = TemporaryFolder::create(folder.path(), ".t-").unwrap();
        assert!(temporary.path().is_dir() && own() == 2);
        drop(temporary);
        assert!(TemporaryFolder::create(&folder.path().join("none"), ".t-").is_err());
        assert_eq!(own(), 1);
        let staged = a.stage().unwrap();
        assert_eq!(own(), 1);
        staged.commit().unwrap();
        assert_eq!(own(), 0);
    }

    #[test]
    fn names_that_no_file_can_have_are_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let long = "n".repeat(300);
        for name in ["folder/", "folder/.", "..", "", "file/", "file/below", &long] {
            let path = PathBuf::from(format!("{}/{name}", folder.path().display()));
            assert!(OutputFile::create(&path).is_err(), "{name}");
        }
        let error = OutputFile::create(&folder.path().join("none/d.safetensors")).unwrap_err();
        let error = error.to_string();
        assert!(error.contains("there is no folder") && error.contains("make it first"), "{error}");
        assert!(!error.contains(TEMPORARY_PREFIX), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn what_a_link_leads_to_is_replaced_and_keeps_its_permissions() {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let [real, link, second] =
            ["real/d", "link", "second"].map(|name| folder.path().join(name));
        std::fs::create_dir(folder.path().join("real")).unwrap();
        symlink("real/d", &link).unwrap();
        symlink("link", &second).unwrap();
        // The first time the links lead nowhere yet.
        for mode in [None, Some(0o600), Some(0o664), Some(0o444)] {
            if let Some(mode) = mode {
                std::fs::set_permissions(&real, PermissionsExt::from_mode(mode)).unwrap();
            }
            let left = leftover(&second);
            assert_eq!(left.parent(), real.parent(), "a rename stays within a folder");
            remove_leftovers(&second);
            assert!(!left.exists());
            write(&second, format!("{mode:?}").as_bytes()).unwrap();
            assert!(link.is_symlink() && second.is_symlink());
            assert_eq!(std::fs::read_to_string(&real).unwrap(), format!("{mode:?}"));
            let found = real.metadata().unwrap().mode() & 0o777;
            assert!(mode.is_none_or(|mode| mode == found), "{mode:?} became {found:o}");
        }
        symlink("circle", folder.path().join("circle")).unwrap();
        assert!(OutputFile::create(&folder.path().join("circle")).is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_open_file_is_not_replaced_by_its_number() {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let [path, link] = ["log", "link"].map(|name| folder.path().join(name));
        let mut log = File::create(&path).unwrap();
        let number = log.as_raw_fd();
        std::os::unix::fs::symlink(format!("/proc/self/fd/{number}"), &link).unwrap();
        for path in
            [link, format!("/proc/self/fd/{number}").into(), format!("/dev/fd/{number}").into()]
        {
            let error = OutputFile::create(&path).unwrap_err().to_string();
            assert!(error.contains("name a file"), "{error}");
        }
        log.write_all(b"all of it").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"all of it");
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
