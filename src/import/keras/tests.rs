//! The options of `load_data` and the archive around the arrays.

use std::fmt::Display;
use std::fs::File;
use std::io::Write;

use tempfile::TempDir;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;

fn npy(descr: &str, rows: impl Display, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows},), }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), data].concat()
}

/// An object array of lists, as protocol 2 has it.
fn lists(rows: &[&[u32]]) -> Vec<u8> {
    let mut pickle = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01J".to_vec();
    pickle.extend((rows.len() as u32).to_le_bytes());
    pickle.extend(b"\x85cnumpy\ndtype\nU\x02O8\x89\x88\x87R\x89](");
    for row in rows {
        pickle.extend(b"](");
        pickle.extend(row.iter().flat_map(|rank| [b"J".as_slice(), &rank.to_le_bytes()].concat()));
        pickle.push(b'e');
    }
    pickle.extend(b"etb.");
    npy("|O", rows.len(), &pickle)
}

struct Archive {
    folder: TempDir,
    arrays: Vec<(&'static str, Vec<u8>)>,
}

impl Archive {
    fn new() -> Archive {
        let arrays = vec![
            ("x_train", lists(&[&[1, 2, 3], &[4], &[2, 2, 9], &[7, 1], &[5, 6]])),
            ("y_train", npy("|u1", 5, &[0, 1, 1, 0, 1])),
            ("x_test", lists(&[&[3], &[1, 5, 8, 2], &[6]])),
            ("y_test", npy("|b1", 3, &[1, 0, 0])),
        ];
        Archive { folder: tempfile::tempdir().unwrap(), arrays }
    }

    fn with(mut self, name: &str, array: Vec<u8>) -> Archive {
        self.arrays.iter_mut().find(|(n, _)| *n == name).unwrap().1 = array;
        self
    }

    fn open(&self, options: KerasOptions) -> Result<KerasImdb> {
        let path = self.folder.path().join("a.npz");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for (name, array) in &self.arrays {
            zip.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
            zip.write_all(array).unwrap();
        }
        zip.finish().unwrap();
        KerasImdb::open(&path, None, options)
    }

    fn refusal(&self, options: KerasOptions) -> String {
        self.open(options).unwrap_err().to_string()
    }
}

fn reviews(source: &mut dyn ReviewSource) -> (Vec<Vec<u32>>, Vec<u8>) {
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    source
        .for_each(&mut |review| {
            rows.push(review.words.to_vec());
            labels.extend(review.label);
            Ok(())
        })
        .unwrap();
    (rows, labels)
}

fn ten() -> KerasOptions {
    KerasOptions { num_words: Some(10), ..KerasOptions::default() }
}

/// Options, feature count, rows, labels.
type Case = (KerasOptions, usize, Vec<Vec<u32>>, Vec<u8>);

/// What `load_data` of Keras 3 returns for the arrays of [`Archive::new`], printed by Python.
#[rustfmt::skip]
fn cases() -> Vec<Case> {
    let all = vec![1, 0, 0, 1, 1, 0, 1, 0];
    vec![
        (ten(), 10,
         vec![vec![1, 7], vec![1, 4, 5, 6], vec![1, 2, 4], vec![1, 5, 5, 2], vec![1, 8, 9],
              vec![1, 4, 8, 2, 5], vec![1, 6], vec![1, 9]], all.clone()),
        (KerasOptions { num_words: None, ..ten() }, 12,
         vec![vec![1, 7], vec![1, 4, 5, 6], vec![1, 10, 4], vec![1, 5, 5, 2], vec![1, 8, 9],
              vec![1, 4, 8, 11, 5], vec![1, 6], vec![1, 9]], all.clone()),
        (KerasOptions { oov_char: None, ..ten() }, 10,
         vec![vec![1, 7], vec![1, 4, 5, 6], vec![1, 4], vec![1, 5, 5], vec![1, 8, 9],
              vec![1, 4, 8, 5], vec![1, 6], vec![1, 9]], all.clone()),
        (KerasOptions { skip_top: 6, ..ten() }, 10,
         vec![vec![2, 7], vec![2, 2, 2, 6], vec![2, 2, 2], vec![2, 2, 2, 2], vec![2, 8, 9],
              vec![2, 2, 8, 2, 2], vec![2, 6], vec![2, 9]], all.clone()),
        (KerasOptions { maxlen: Some(4), ..ten() }, 10,
         vec![vec![1, 7], vec![1, 2, 4], vec![1, 8, 9], vec![1, 6], vec![1, 9]], vec![1, 0, 1, 1, 0]),
        (KerasOptions { start_char: None, ..ten() }, 10,
         vec![vec![7], vec![4, 5, 6], vec![2, 4], vec![5, 5, 2], vec![8, 9],
              vec![4, 8, 2, 5], vec![6], vec![9]], all.clone()),
        (KerasOptions { start_char: None, index_from: 0, ..ten() }, 10,
         vec![vec![4], vec![1, 2, 3], vec![7, 1], vec![2, 2, 9], vec![5, 6],
              vec![1, 5, 8, 2], vec![3], vec![6]], all),
        (KerasOptions { seed: 7, ..ten() }, 10,
         vec![vec![1, 4, 5, 6], vec![1, 2, 4], vec![1, 5, 5, 2], vec![1, 7], vec![1, 8, 9],
              vec![1, 9], vec![1, 4, 8, 2, 5], vec![1, 6]], vec![0, 0, 1, 1, 1, 0, 0, 1]),
        (KerasOptions { num_words: None, start_char: None, oov_char: None, maxlen: Some(3), ..ten() }, 10,
         vec![vec![7], vec![4], vec![8, 9], vec![6], vec![9]], vec![1, 0, 1, 1, 0]),
    ]
}

#[test]
fn options_mean_what_they_mean_in_keras() {
    let archive = Archive::new();
    for (options, features, rows, labels) in cases() {
        let mut source = archive.open(options.clone()).unwrap();
        assert_eq!(source.contents().features, features, "{options:?}");
        assert_eq!(reviews(&mut source), (rows, labels), "{options:?}");
    }
}

#[test]
fn options_that_contradict_each_other_are_usage_errors() {
    let archive = Archive::new();
    for (options, expected) in [
        (KerasOptions { num_words: Some(0), ..ten() }, "--num-words"),
        (KerasOptions { num_words: Some(usize::MAX), ..ten() }, "--num-words"),
        (KerasOptions { maxlen: Some(0), ..ten() }, "--maxlen"),
        (KerasOptions { oov_char: Some(10), ..ten() }, "--oov-char"),
        (KerasOptions { start_char: Some(10), ..ten() }, "--start-char"),
        (KerasOptions { skip_top: 10, ..ten() }, "--skip-top"),
        (KerasOptions { index_from: 10, ..ten() }, "--index-from"),
    ] {
        let error = archive.open(options).unwrap_err();
        assert!(error.is_usage() && error.to_string().starts_with(expected), "{error}");
    }
}

#[test]
fn options_that_the_data_contradicts_say_so() {
    let archive = Archive::new();
    let error = archive.refusal(KerasOptions { maxlen: Some(2), ..ten() });
    assert!(error.contains("--maxlen is 2, but no train review is shorter"), "{error}");
    let error = archive.refusal(KerasOptions { num_words: None, oov_char: Some(12), ..ten() });
    assert!(
        error.contains("--oov-char is 12, but only ids below the greatest one, 12,"),
        "{error}"
    );
    let error = archive.refusal(KerasOptions { max_array_bytes: 64, ..ten() });
    assert!(error.contains("--max-array-bytes is 64, but x_train.npy unpacks to more"), "{error}");
    let archive = archive.with("x_test", lists(&[&[3], &[i32::MAX as u32], &[6]]));
    let error = archive.refusal(KerasOptions { num_words: None, ..ten() });
    assert!(error.contains("the greatest id is 2147483650"), "{error}");
}

#[test]
fn labels_of_all_types_are_read() {
    let floats = [1f32, 0.0, 0.0].map(f32::to_le_bytes).concat();
    let ints = [1i64, 0, 0].map(i64::to_le_bytes).concat();
    let shorts = [1u32, 0, 0].map(u32::to_le_bytes).concat();
    for (descr, data) in [("<f4", floats), ("<i8", ints), ("<u4", shorts.clone()), ("<i4", shorts)]
    {
        let archive = Archive::new().with("y_test", npy(descr, 3, &data));
        assert_eq!(reviews(&mut archive.open(ten()).unwrap()).1[5..], [0, 1, 0], "{descr}");
    }
}

#[test]
fn damaged_arrays_are_named_with_their_place() {
    let stale = npy("|O", 4, b"");
    for (name, array, expected) in [
        (
            "y_train",
            npy("|u1", 5, &[0, 1, 2, 0, 1]),
            "y_train.npy, row 2: its label is neither 0 nor 1; of labels -1 and 1 save (y > 0).astype",
        ),
        ("y_train", npy("|u1", 4, &[0, 1, 1, 0]), "y_train: x_train has 5 rows, y_train has 4"),
        ("y_train", npy("|u1", 5, &[0, 1]), "the array is cut short"),
        ("y_train", npy("|u1", 1, &[0, 1]), "bytes follow the array's end"),
        (
            "y_test",
            npy(">i8", 3, &[0; 24]),
            "its elements are \">i8\", expected little-endian integers, booleans or floats; save it as",
        ),
        ("y_test", npy("|u1", usize::MAX, &[0; 24]), "the array is cut short"),
        (
            "x_test",
            npy("<i8", 3, &[0; 24]),
            "expected |O, an object array of lists; make each row a list of integers (row.tolist())",
        ),
        // What NumPy makes of rows of one length.
        (
            "x_test",
            npy("<i8", "3, 2", &[0; 48]),
            "with one dimension; make each row a list of integers",
        ),
        ("x_test", [&stale[..], &lists(&[&[1]])[60..]].concat(), "x_test.npy, byte"),
        ("x_test", b"GIF89a...".to_vec(), "x_test.npy, byte 0: it does not start as a NumPy array"),
    ] {
        let error = Archive::new().with(name, array).refusal(ten());
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let mut archive = Archive::new();
    archive.arrays.remove(2);
    let error = archive.refusal(ten());
    assert!(
        error.contains("x_test.npy: it is missing; the archive has x_train.npy, y_train.npy"),
        "{error}"
    );
}

#[test]
fn the_vocabulary_follows_index_from() {
    let folder = tempfile::tempdir().unwrap();
    let index = folder.path().join("index.json");
    std::fs::write(&index, r#"{"the": 1, "of": 3, "rare": 7, "never": 18446744073709551615}"#)
        .unwrap();
    let archive = Archive::new();
    drop(archive.open(ten()).unwrap());
    let path = archive.folder.path().join("a.npz");
    let vocabulary = KerasImdb::open(&path, Some(&index), ten()).unwrap().vocabulary.unwrap();
    assert_eq!(vocabulary.len(), 10);
    let words: Vec<_> = (0..10).map(|id| vocabulary.word(id).unwrap_or("-")).collect();
    assert_eq!(words, ["-", "-", "-", "-", "the", "-", "of", "-", "-", "-"]);
    let plain = KerasOptions { index_from: 0, ..ten() };
    let vocabulary = KerasImdb::open(&path, Some(&index), plain).unwrap().vocabulary.unwrap();
    assert_eq!((vocabulary.word(1), vocabulary.word(3)), (None, Some("of")), "1 is the marker");
}
