//! The Large Movie Review Dataset, `aclImdb_v1.tar.gz`, and the folder that it unpacks to.
//!
//! `SPLIT/CLASS/ID_RATING.txt` is a review; `SPLIT` is `train` or `test`, `CLASS` is `pos` or `neg`, or `unsup` below
//! `train` for reviews without a label. `SPLIT/urls_CLASS.txt` has the movie page of the review with id k in line k,
//! counted from 0. The files may stand in any order. Everything else is passed over.

mod entries;
mod folder;
mod movies;

use crate::dataset::Split;

pub(super) use entries::{Tar, looks_like_it};
pub(super) use folder::{Folder, find};
use movies::Movies;

use super::document::{Findings, Header};

/// The folders with reviews, and the class of each: the order is that of the tables of [`Movies`].
const FOLDERS: [(&str, &str, Split, Option<u8>); 5] = [
    ("train", "pos", Split::Train, Some(1)),
    ("train", "neg", Split::Train, Some(0)),
    ("test", "pos", Split::Test, Some(1)),
    ("test", "neg", Split::Test, Some(0)),
    ("train", "unsup", Split::Unlabelled, None),
];

/// What a file of the archive is, by its path.
#[derive(Debug, PartialEq, Eq)]
enum Member {
    Review(Header),
    /// The movies of the reviews of a folder, by its place in [`FOLDERS`].
    Movies(usize),
    Other,
}

/// What is known of the archive or its folder at the end.
fn findings(movies: Movies) -> Findings {
    let groups = (!movies.is_empty()).then_some(Box::new(movies) as _);
    Findings { positive: 1, groups, has_ids: true, notes: Vec::new() }
}

/// Which of [`FOLDERS`] holds reviews like this one.
fn place_of(split: Split, class: Option<u8>) -> Option<usize> {
    FOLDERS.iter().position(|(_, _, s, c)| (*s, *c) == (split, class))
}

/// What the file at `path`, with slashes, is. The error says what is wrong with its name.
fn member(path: &str) -> Result<Member, String> {
    let mut parts = path.rsplit('/');
    let (Some(name), Some(folder)) = (parts.next(), parts.next()) else { return Ok(Member::Other) };
    // Programs on some systems leave hidden files beside every file.
    if name.is_empty() || name.starts_with('.') {
        return Ok(Member::Other);
    }
    let movies = |(split, class, ..): &(&str, &str, Split, Option<u8>)| {
        *split == folder && name.strip_prefix("urls_") == Some(&format!("{class}.txt"))
    };
    if let Some(place) = FOLDERS.iter().position(movies) {
        return Ok(Member::Movies(place));
    }
    let Some(parent) = parts.next() else { return Ok(Member::Other) };
    match FOLDERS.iter().find(|(split, class, ..)| (*split, *class) == (parent, folder)) {
        Some((_, _, split, class)) => review(name, *split, *class).map(Member::Review),
        None => Ok(Member::Other),
    }
}

/// Where a review lies in the folder, and in the archive below its top.
fn relative(header: &Header) -> String {
    let (split, class, ..) = FOLDERS[place_of(header.split, header.class).unwrap_or(0)];
    format!("{split}/{class}/{}", name(header))
}

fn name(header: &Header) -> String {
    format!("{}_{}.txt", header.number, header.rating)
}

/// Reads `ID_RATING.txt`.
fn review(name: &str, split: Split, class: Option<u8>) -> Result<Header, String> {
    let numbers = name.strip_suffix(".txt").and_then(|name| name.split_once('_'));
    let numbers = numbers.and_then(|(id, rating)| Some((number(id)?, number(rating)?)));
    match numbers {
        Some((id, rating)) if rating <= 10 => {
            Ok(Header { split, class, rating: rating as u8, number: id })
        }
        Some((_, rating)) => Err(format!("a rating of {rating} stars, of 10 at most")),
        None => Err("the name of a review is no ID_RATING.txt".into()),
    }
}

/// Reads a number that is written in the one usual way.
fn number(digits: &str) -> Option<u32> {
    let usual = digits == "0" || !digits.starts_with(['0', '+']);
    digits.parse().ok().filter(|_| usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_what_a_file_is() {
        let header = |split, class, number, rating| {
            Ok(Member::Review(Header { split, class, rating, number }))
        };
        for (path, expected) in [
            ("aclImdb/train/pos/12499_10.txt", header(Split::Train, Some(1), 12_499, 10)),
            ("./aclImdb/test/neg/0_2.txt", header(Split::Test, Some(0), 0, 2)),
            ("train/unsup/7_0.txt", header(Split::Unlabelled, None, 7, 0)),
            ("aclImdb/train/urls_pos.txt", Ok(Member::Movies(0))),
            ("aclImdb/train/urls_unsup.txt", Ok(Member::Movies(4))),
            ("test/urls_neg.txt", Ok(Member::Movies(3))),
            ("aclImdb/test/urls_unsup.txt", Ok(Member::Other)),
            ("aclImdb/train/pos/", Ok(Member::Other)),
            ("aclImdb/train/pos/._1_7.txt", Ok(Member::Other)),
            ("aclImdb/README", Ok(Member::Other)),
            ("README", Ok(Member::Other)),
            ("aclImdb/valid/pos/1_7.txt", Ok(Member::Other)),
            ("train/pos/1_11.txt", Err("a rating of 11 stars, of 10 at most".into())),
        ] {
            assert_eq!(member(path), expected, "{path}");
        }
        for name in
            ["1.txt", "01_7.txt", "+1_7.txt", "1_7", "a_7.txt", "1_.txt", "99999999999_7.txt"]
        {
            assert!(member(&format!("train/pos/{name}")).is_err(), "{name}");
        }
    }
}
