//! The movie of each review, from the lists of movie pages.

use std::io::{BufRead, Read};

use super::{FOLDERS, place_of};
use crate::dataset::format::UNKNOWN_GROUP;
use crate::import::document::{Groups, Header};

/// The longest list, in bytes: the greatest of the official ones has 2.5 million.
const MAX_LIST: u64 = 256 << 20;

/// The most lines of a list, each of which takes four bytes of memory: the official ones have 50,000 at most.
const MAX_LINES: usize = 1 << 22;

/// The longest line, in bytes without its line feed: a longer one is refused.
const MAX_LINE: u64 = 4096;

/// The movies of the reviews of each folder, by their ids.
#[derive(Debug, Default)]
pub(super) struct Movies {
    lists: [Option<Vec<u32>>; FOLDERS.len()],
}

impl Movies {
    /// Takes the list of one folder. The error is what is wrong with it, or that of the reader.
    pub fn read(
        &mut self,
        place: usize,
        list: impl BufRead,
    ) -> std::io::Result<Result<(), String>> {
        let mut list = list.take(MAX_LIST);
        let mut movies = Vec::new();
        let mut line = Vec::new();
        while list.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line)? > 0 {
            if line.len() as u64 > MAX_LINE && line.last() != Some(&b'\n') {
                return Ok(Err(format!(
                    "line {} is longer than {MAX_LINE} bytes",
                    movies.len() + 1
                )));
            }
            if movies.len() == MAX_LINES {
                return Ok(Err(format!("it has more than {MAX_LINES} lines")));
            }
            movies.push(title(&line).unwrap_or(UNKNOWN_GROUP));
            line.clear();
        }
        if list.limit() == 0 {
            return Ok(Err(format!("it is longer than {MAX_LIST} bytes")));
        }
        self.lists[place] = Some(movies);
        Ok(Ok(()))
    }

    /// Whether there is no list at all.
    pub fn is_empty(&self) -> bool {
        self.lists.iter().all(Option::is_none)
    }
}

impl Groups for Movies {
    /// The number of the movie's title.
    fn of(&self, header: &Header) -> u32 {
        let list =
            place_of(header.split, header.class).and_then(|place| self.lists[place].as_ref());
        let movie = list.and_then(|list| list.get(header.number as usize));
        movie.copied().unwrap_or(UNKNOWN_GROUP)
    }
}

/// The number in `.../tt0453418/...`.
fn title(line: &[u8]) -> Option<u32> {
    let mut parts = line.trim_ascii().split(|&byte| byte == b'/');
    parts.find_map(|part| {
        let digits = part.strip_prefix(b"tt")?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::Split;

    #[test]
    fn line_k_is_the_movie_of_id_k() {
        let mut movies = Movies::default();
        let list = b"http://www.imdb.com/title/tt0453418/usercomments\r\nnothing\n\nx/tt7/y";
        movies.read(0, &list[..]).unwrap().unwrap();
        let of = |class, number| {
            movies.of(&Header { split: Split::Train, class: Some(class), rating: 7, number })
        };
        let expected = [453_418, UNKNOWN_GROUP, UNKNOWN_GROUP, 7, UNKNOWN_GROUP];
        assert_eq!([0, 1, 2, 3, 4].map(|number| of(1, number)), expected);
        assert_eq!(of(0, 0), UNKNOWN_GROUP);
        movies.read(1, &[b'x'; 4096][..]).unwrap().unwrap();
        let error = movies.read(1, &[b'x'; 4097][..]).unwrap().unwrap_err();
        assert_eq!(error, "line 1 is longer than 4096 bytes");
        let list = vec![b'\n'; MAX_LINES + 1];
        movies.read(2, &list[1..]).unwrap().unwrap();
        let error = movies.read(3, &list[..]).unwrap().unwrap_err();
        assert_eq!(error, "it has more than 4194304 lines");
    }
}
