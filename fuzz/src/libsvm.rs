//! libsvm text: an error with its place, or rows that are the same when they are written and read once more.

use std::fmt::Write;

use imdb_fast::import::{Format, ImportOptions, IndexBase, LibsvmOptions, TextOptions};

use super::desk;
use super::walk::walk;

pub fn check(data: &[u8]) -> bool {
    let is_accepted = [false, true].map(|binarize| {
        let path = desk::file("a.svm", data);
        let libsvm = LibsvmOptions { binarize, ..LibsvmOptions::default() };
        let Ok(dataset) = desk::imported(&path, &options(libsvm)) else { return false };
        let rows = walk(&dataset);
        let mut text = String::new();
        for (_, words, label) in &rows {
            write!(text, "{}", label.expect("all are labelled")).expect("memory takes it");
            words.iter().for_each(|word| write!(text, " {word}:1").expect("memory takes it"));
            text.push('\n');
        }
        let again = desk::file("again.svm", text.as_bytes());
        let libsvm = LibsvmOptions {
            features: Some(dataset.features()),
            index_base: Some(IndexBase::Zero),
            ..LibsvmOptions::default()
        };
        let again = desk::imported(&again, &options(libsvm)).expect("text of our own");
        assert_eq!(walk(&again), rows);
        true
    });
    assert!(is_accepted[1] || !is_accepted[0], "ones are not zeros");
    is_accepted[0]
}

fn options(libsvm: LibsvmOptions) -> ImportOptions {
    let text = TextOptions { max_unpacked: Some(1 << 20), ..TextOptions::default() };
    ImportOptions { format: Some(Format::Libsvm), libsvm, text, ..ImportOptions::default() }
}
