//! What the checks have in common: files for untrusted bytes, imports of them, and draws from an input.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use arbitrary::{Result, Unstructured};
use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Dataset, ReviewSource, Split};
use imdb_fast::import::{self, ImportOptions};
use tempfile::TempDir;

use super::walk::walk;

thread_local! {
    static FOLDER: OnceCell<TempDir> = const { OnceCell::new() };
}

/// A path of this thread's own.
pub fn path(name: &str) -> PathBuf {
    FOLDER.with(|folder| {
        folder.get_or_init(|| tempfile::tempdir().expect("a temporary folder")).path().join(name)
    })
}

/// A file with these bytes.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = path(name);
    std::fs::write(&path, bytes).expect("the file is written");
    path
}

/// One of some values.
pub fn choice<T: Clone>(u: &mut Unstructured, values: &[T]) -> Result<T> {
    u.choose(values).cloned()
}

/// So many times out of sixteen, true.
pub fn seldom(u: &mut Unstructured, times: u8) -> Result<bool> {
    Ok(u.int_in_range(0..=15u8)? < times)
}

/// A text of words, marks and letters of any kind, of at most so many characters.
pub fn text(u: &mut Unstructured, most: usize) -> Result<String> {
    const PIECES: [&str; 16] = [
        "a", "good", " ", "'", "<br />", "\n", "\t", "\"", ",", "É", "ß", "日", "\u{301}", "0",
        "\u{a0}", "Σ",
    ];
    let mut text = String::new();
    for _ in 0..u.int_in_range(0..=most)? {
        match u.int_in_range(0..=3u8)? {
            0 => text.push(u.arbitrary()?),
            1 => text.push(u.int_in_range(b' '..=b'~')?.into()),
            _ => text.push_str(u.choose(&PIECES)?),
        }
    }
    Ok(text)
}

/// A review as a source yields it: split, words, label.
pub type Review = (Split, Vec<u32>, Option<u8>);

/// All that a source yields.
pub fn reviews(source: &mut dyn ReviewSource) -> imdb_fast::Result<Vec<Review>> {
    let mut reviews = Vec::new();
    source.for_each(&mut |review| {
        reviews.push((review.split, review.words.to_vec(), review.label));
        Ok(())
    })?;
    Ok(reviews)
}

/// Imports a file, writes the dataset, opens and walks it. An error has to name the file.
pub fn imported(path: &Path, options: &ImportOptions) -> imdb_fast::Result<Dataset> {
    imported_or(path, options, path)
}

/// The same of several files, some of them in the options: an error has to name one of them.
pub fn imported_with_others(path: &Path, options: &ImportOptions) -> imdb_fast::Result<Dataset> {
    imported_or(path, options, &self::path(""))
}

fn imported_or(path: &Path, options: &ImportOptions, named: &Path) -> imdb_fast::Result<Dataset> {
    let output = self::path("imported");
    let import = || {
        dataset::write(&mut *import::open(path, options)?, &output)?;
        Dataset::open(&output, Access::Map)
    };
    match import() {
        Ok(dataset) => {
            walk(&dataset);
            dataset.container().verify().expect("a file of our own has its checksums");
            Ok(dataset)
        }
        Err(error) => {
            assert_explains(&error, named);
            Err(error)
        }
    }
}

/// An error names the file, or the option that is at fault, and is one line of a reasonable length.
pub fn assert_explains(error: &imdb_fast::Error, path: &Path) {
    let text = error.to_string();
    let is_named =
        text.contains(path.to_str().expect("our own paths are text")) || text.contains("--");
    assert!(is_named, "the error names neither file nor option: {text}");
    assert!(text.len() < 8000, "the error has {} bytes: {text:.200}", text.len());
}
