//! The folder that the archive unpacks to. Its files are listed by one thread and read by all.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use super::{FOLDERS, Member, Movies, REMEDY, member, place_of};
use crate::dataset::Split;
use crate::error::{Error, Result};
use crate::import::corpus::{Batcher, Emit, Findings, Header, Origin, Reader};
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
        .find(|path| FOLDERS.iter().any(|(split, class, ..)| path.join(split).join(class).is_dir()))
}

/// Where a review lies in the folder, and in the archive below its top.
pub(in crate::import) fn relative(header: &Header) -> String {
    let (split, class, ..) = FOLDERS[place(header)];
    format!("{split}/{class}/{}", name(header))
}

fn place(header: &Header) -> usize {
    place_of(header.split, header.class).unwrap_or(0)
}

fn name(header: &Header) -> String {
    format!("{}_{}.txt", header.number, header.rating)
}

/// Reads the text of each review in the folder at `path`, one after the other, and sets where it ends.
///
/// # Errors
/// [`Error::Io`]; [`Error::Malformed`] for texts of more than `max_text` bytes.
pub(in crate::import) fn read_texts(
    path: &Path,
    max_text: usize,
    reviews: &mut [(Header, usize)],
    text: &mut Vec<u8>,
) -> Result<()> {
    // Room for reviews of the usual length: growing would copy them.
    text.reserve(reviews.len() * 1500);
    let mut open: Option<(usize, Directory)> = None;
    for (header, end) in reviews {
        let place = place(header);
        let directory = match &open {
            Some((its_place, directory)) if *its_place == place => directory,
            _ => {
                let (split, class, ..) = FOLDERS[place];
                let directory = Directory::open(path.join(split).join(class))?;
                &open.insert((place, directory)).1
            }
        };
        let name = name(header);
        let file = directory.path.join(&name);
        let opened = directory.open_file(&name).map_err(Error::io(&file, "open"))?;
        // Room for one of nearly any length: the system is asked once for it, and once more for its end.
        text.reserve(8 << 10);
        let read = opened.take(max_text as u64 + 1).read_to_end(text);
        if read.map_err(Error::io(&file, "read"))? > max_text {
            let problem = format!("it is longer than {max_text} bytes (--max-text)");
            return Err(Error::malformed(&file, "the file", problem, REMEDY));
        }
        *end = text.len();
    }
    Ok(())
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
        let mut batcher = Batcher::new(Origin::Folder(self.path.clone(), self.max_text), emit);
        for (place, (split, class, part, _)) in FOLDERS.into_iter().enumerate() {
            let folder = self.path.join(split).join(class);
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
        Ok(Findings::archive(std::mem::take(&mut self.movies)))
    }
}
