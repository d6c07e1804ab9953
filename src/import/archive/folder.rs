//! The folder that the archive unpacks to. Its files are listed by one thread and read by all.

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::{FOLDERS, Member, Movies, findings, member, name, place_of, relative};
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::import::document::{Batcher, Emit, Findings, Header, Origin, Reader};
use crate::input;

/// A folder with reviews.
pub(in crate::import) struct Folder {
    path: PathBuf,
    max_text: usize,
    with_unlabelled: bool,
    movies: Movies,
}

/// What helps where a folder is laid out otherwise.
const REMEDY: &str = "expected the layout of aclImdb_v1.tar.gz; remove it if it is no review";

/// The folder at `path`, or `aclImdb` in it, if it has reviews.
///
/// # Errors
/// [`Error::Io`] where a folder may not be searched.
pub(in crate::import) fn find(path: &Path) -> Result<Option<PathBuf>> {
    for path in [path.to_path_buf(), path.join("aclImdb")] {
        for place in 0..FOLDERS.len() {
            if is_folder(&folder(&path, place))? {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

/// Whether there is a folder at `path`. One that may not be looked at is no missing one: its reviews would be left out unnoticed.
fn is_folder(path: &Path) -> Result<bool> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.is_dir()),
        Err(error) if is_absence(&error) => Ok(false),
        Err(error) => Err(Error::io(path, "open")(error)),
    }
}

/// Whether an error says that there is nothing of that name.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The path of one of [`FOLDERS`] below `path`.
fn folder(path: &Path, place: usize) -> PathBuf {
    let (split, class, ..) = FOLDERS[place];
    path.join(split).join(class)
}

fn malformed(file: &Path, problem: impl Into<String>) -> Error {
    Error::malformed(file, "the file", problem, REMEDY)
}

/// The files of a folder, of at most so many bytes each.
#[derive(Debug)]
struct Files {
    path: PathBuf,
    max_text: usize,
}

impl Origin for Files {
    fn path(&self) -> &Path {
        &self.path
    }

    fn place(&self, header: &Header) -> (PathBuf, String) {
        (self.path.join(relative(header)), "the file".into())
    }

    fn load(&self, reviews: &mut [(Header, usize)], text: &mut Vec<u8>) -> Result<()> {
        // Room for reviews of the usual length: growing would copy them.
        text.reserve(reviews.len() * 1500);
        let mut open: Option<(usize, Directory)> = None;
        for (header, end) in reviews {
            let place = place_of(header.split, header.class).unwrap_or(0);
            let directory = match &open {
                Some((its_place, directory)) if *its_place == place => directory,
                _ => &open.insert((place, Directory::open(folder(&self.path, place))?)).1,
            };
            let name = name(header);
            let file = directory.path.join(&name);
            let opened = directory.open_file(&name).map_err(Error::io(&file, "open"))?;
            // Room for one of nearly any length: the system is asked once for it, and once more for its end.
            text.reserve(8 << 10);
            let read = opened.take(self.max_text as u64 + 1).read_to_end(text);
            if read.map_err(Error::io(&file, "read"))? > self.max_text {
                let problem = format!("it is longer than {} bytes (--max-text)", self.max_text);
                return Err(malformed(&file, problem));
            }
            *end = text.len();
        }
        Ok(())
    }
}

/// A folder whose files are opened by their names. The system finds its path once, and not again for each file: for files as
/// short as these that takes as long as to read them.
struct Directory {
    path: PathBuf,
    #[cfg(unix)]
    handle: File,
}

impl Directory {
    fn open(path: PathBuf) -> Result<Directory> {
        #[cfg(unix)]
        let handle = File::open(&path).map_err(Error::io(&path, "open"))?;
        Ok(Directory {
            path,
            #[cfg(unix)]
            handle,
        })
    }

    #[cfg(unix)]
    fn open_file(&self, name: &str) -> io::Result<File> {
        use rustix::fs::{Mode, OFlags, openat};
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        // As the standard library does: a signal is no reason to give up.
        let opened = rustix::io::retry_on_intr(|| openat(&self.handle, name, flags, Mode::empty()));
        Ok(File::from(opened?))
    }

    #[cfg(not(unix))]
    fn open_file(&self, name: &str) -> io::Result<File> {
        File::open(self.path.join(name))
    }
}

impl Folder {
    /// The folder at `path`, as [`find`] has found it.
    pub fn new(path: &Path, max_text: usize, with_unlabelled: bool) -> Folder {
        Folder { path: path.to_path_buf(), max_text, with_unlabelled, movies: Movies::default() }
    }

    /// The reviews in one of [`FOLDERS`], by id.
    fn list(&self, folder: &Path, top: &str) -> Result<Vec<Header>> {
        let failed = || Error::io(folder, "list");
        let mut headers = Vec::new();
        for entry in fs::read_dir(folder).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let file = || entry.path();
            let malformed = |problem: String| malformed(&file(), problem);
            let Member::Review(header) = member(&format!("{top}/{name}")).map_err(malformed)?
            else {
                continue;
            };
            // Asked before it is opened: a pipe without a writer would block. Links are followed.
            let mut kind = entry.file_type().map_err(failed())?;
            if kind.is_symlink() {
                kind = match fs::metadata(file()) {
                    Ok(target) => target.file_type(),
                    Err(error) if is_absence(&error) => {
                        return Err(malformed("it is a link to nothing".into()));
                    }
                    Err(error) => return Err(Error::io(&file(), "open")(error)),
                };
            }
            if !kind.is_file() {
                return Err(malformed("it is a folder, pipe or device".into()));
            }
            headers.push(header);
        }
        headers.sort_unstable_by_key(|header| header.number);
        Ok(headers)
    }

    fn read_movies(&mut self, place: usize, path: &Path) -> Result<()> {
        let list = match input::open(path) {
            Err(Error::Io { source, .. }) if is_absence(&source) => return Ok(()),
            opened => BufReader::new(opened?),
        };
        let read = self.movies.read(place, list).map_err(Error::io(path, "read"))?;
        read.map_err(|problem| malformed(path, problem))
    }
}

impl Reader for Folder {
    fn read(&mut self, emit: Emit<'_>) -> Result<()> {
        let mut batcher =
            Batcher::new(Files { path: self.path.clone(), max_text: self.max_text }, emit);
        for (place, (split, class, part, _)) in FOLDERS.into_iter().enumerate() {
            let folder = folder(&self.path, place);
            if (part == Split::Unlabelled && !self.with_unlabelled) || !is_folder(&folder)? {
                continue;
            }
            self.read_movies(place, &self.path.join(split).join(format!("urls_{class}.txt")))?;
            for header in self.list(&folder, &format!("{split}/{class}"))? {
                batcher.end(header)?;
            }
        }
        batcher.finish()
    }

    fn findings(&mut self) -> Result<Findings> {
        Ok(findings(std::mem::take(&mut self.movies)))
    }
}
