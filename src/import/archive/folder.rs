//! The folder that the archive unpacks to. Its files are listed by one thread and read by all.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::{FOLDERS, Member, Movies, REMEDY, findings, member, name, place_of, relative};
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

/// The folder at `path`, or `aclImdb` in it, if it has reviews.
pub(in crate::import) fn find(path: &Path) -> Option<PathBuf> {
    let inner = path.join("aclImdb");
    [path.to_path_buf(), inner]
        .into_iter()
        .find(|path| (0..FOLDERS.len()).any(|place| folder(path, place).is_dir()))
}

/// The path of one of [`FOLDERS`] below `path`.
fn folder(path: &Path, place: usize) -> PathBuf {
    let (split, class, ..) = FOLDERS[place];
    path.join(split).join(class)
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
                return Err(Error::malformed(&file, "the file", problem, REMEDY));
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
            let malformed =
                |problem: String| Error::malformed(&file(), "the file", problem, REMEDY);
            let Member::Review(header) = member(&format!("{top}/{name}")).map_err(malformed)?
            else {
                continue;
            };
            // Asked before it is opened: a pipe without a writer would block. Links are followed.
            let mut kind = entry.file_type().map_err(failed())?;
            if kind.is_symlink() {
                kind = fs::metadata(file()).map_err(Error::io(&file(), "open"))?.file_type();
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
        if !path.exists() {
            return Ok(());
        }
        let list = BufReader::new(input::open(path)?);
        let read = self.movies.read(place, list).map_err(Error::io(path, "read"))?;
        read.map_err(|problem| Error::malformed(path, "the file", problem, REMEDY))
    }
}

impl Reader for Folder {
    fn read(&mut self, emit: Emit<'_>) -> Result<()> {
        let mut batcher =
            Batcher::new(Files { path: self.path.clone(), max_text: self.max_text }, emit);
        for (place, (split, class, part, _)) in FOLDERS.into_iter().enumerate() {
            let folder = folder(&self.path, place);
            if !folder.is_dir() || (part == Split::Unlabelled && !self.with_unlabelled) {
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
