//! The words of all reviews, by number, between the two passes: in memory up to a limit, then in an unnamed file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// What is kept in memory, in bytes. The 100,000 reviews of IMDB take 90 MiB.
pub(super) const IN_MEMORY: usize = 256 << 20;

/// The word numbers of reviews, chunk by chunk.
pub(super) struct Store {
    chunks: Vec<Chunk>,
    /// How many bytes may still be kept in memory.
    room: usize,
    folder: PathBuf,
    file: Option<Mutex<File>>,
    written: u64,
}

enum Chunk {
    Memory(Vec<u32>),
    /// Where it starts in the file, in bytes.
    File(u64),
}

/// Where the words of a review are.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub chunk: u32,
    pub numbers: Range<u32>,
}

impl Store {
    /// A store that keeps `room` bytes in memory and the others in a file in `folder`.
    pub fn new(room: usize, folder: &Path) -> Store {
        let folder = folder.to_path_buf();
        Store { chunks: Vec::new(), room, folder, file: None, written: 0 }
    }

    /// Appends a chunk. Returns its number.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn push(&mut self, numbers: Vec<u32>) -> Result<u32> {
        let bytes = size_of_val(&numbers[..]);
        if bytes <= self.room {
            self.room -= bytes;
            self.chunks.push(Chunk::Memory(numbers));
        } else {
            self.room = 0;
            self.chunks.push(Chunk::File(self.written));
            let written = self.write(&numbers);
            written.map_err(Error::io(&self.folder, "write a temporary file in"))?;
        }
        Ok(self.chunks.len() as u32 - 1)
    }

    fn write(&mut self, numbers: &[u32]) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(Mutex::new(tempfile::tempfile_in(&self.folder)?));
        }
        let file = self.file.as_mut().expect("it has just been opened");
        let file = file.get_mut().unwrap_or_else(PoisonError::into_inner);
        file.write_all(bytemuck::cast_slice(numbers))?;
        self.written += size_of_val(numbers) as u64;
        Ok(())
    }

    /// The word numbers of a review; `buffer` is for those that are not in memory.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn get<'a>(&'a self, place: &Place, buffer: &'a mut Vec<u32>) -> Result<&'a [u32]> {
        let Range { start, end } = place.numbers.clone();
        match (&self.chunks[place.chunk as usize], &self.file) {
            (Chunk::Memory(numbers), _) => Ok(&numbers[start as usize..end as usize]),
            (Chunk::File(offset), Some(file)) => {
                let offset = offset + u64::from(start) * size_of::<u32>() as u64;
                buffer.resize((end - start) as usize, 0);
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                let read = file.seek(SeekFrom::Start(offset));
                let read = read.and_then(|_| file.read_exact(bytemuck::cast_slice_mut(buffer)));
                read.map_err(Error::io(&self.folder, "read a temporary file in"))?;
                Ok(buffer)
            }
            (Chunk::File(_), None) => {
                unreachable!("a chunk lies in the file only once there is one")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_from_memory_and_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::new(100, folder.path());
        let chunks: Vec<Vec<u32>> =
            (0..9u32).map(|chunk| (chunk..3 * chunk + 4).collect()).collect();
        for (index, chunk) in chunks.iter().enumerate() {
            assert_eq!(store.push(chunk.clone()).unwrap(), index as u32);
        }
        assert!(matches!(store.chunks[2], Chunk::Memory(_)));
        assert!(matches!(store.chunks[8], Chunk::File(_)));
        let mut buffer = Vec::new();
        for (index, chunk) in chunks.iter().enumerate().rev() {
            for numbers in [0..0, 0..chunk.len() as u32, 1..3] {
                let place = Place { chunk: index as u32, numbers: numbers.clone() };
                let expected = &chunk[numbers.start as usize..numbers.end as usize];
                assert_eq!(store.get(&place, &mut buffer).unwrap(), expected);
            }
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the file has no name");
    }
}
