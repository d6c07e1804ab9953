//! How long does it take until the reviews are there? A dataset mapped or read, both with all of its rows checked, against the
//! files of other programs with the same reviews: Keras' npz and libsvm text.
//!
//! All files have just been written or read, so the system has them in memory: what is timed is our work, not the disk's.

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};

use imdb_fast::container::Access;
use imdb_fast::dataset::{Dataset, Split};
use imdb_fast::import::{self, ImportOptions, LibsvmOptions, TextOptions};

use common::{Elements, Journal, Reviews, Work, best_time, import_real, real_data};

/// The labelled splits, which are all that the files have.
const SPLITS: [Split; 2] = [Split::Train, Split::Test];

/// Where `imdb.npz` is, or the small sample that comes with the program.
fn npz() -> (PathBuf, &'static str) {
    match real_data() {
        Some(folder) => (folder.join("imdb.npz"), "the IMDB set"),
        None => {
            let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample.npz");
            (sample, "the sample of 600 reviews")
        }
    }
}

/// Writes a split as SVMlight and LIBSVM have it, features counted from 1.
fn write_libsvm(dataset: &Dataset, split: Split, path: &Path) {
    let csr = dataset.csr(split).expect("the dataset has the split");
    let labels = dataset.labels(split).expect("the split has labels");
    let file = std::fs::File::create(path).expect("the text is written");
    let mut text = std::io::BufWriter::new(file);
    let mut write = || -> std::io::Result<()> {
        for (row, label) in labels.iter().enumerate() {
            write!(text, "{label}")?;
            for id in csr.row(row) {
                write!(text, " {}:1", id + 1)?;
            }
            writeln!(text)?;
        }
        text.flush()
    };
    write().expect("the text is written");
}

/// Imports a file and counts what it holds; a word that a review repeats counts each time.
fn import_all(path: &Path, options: &ImportOptions) -> Work {
    let mut source = import::open(path, options).expect("the file is sound");
    let mut work = Work { reviews: 0, nonzeros: 0 };
    let sink = &mut |review: imdb_fast::dataset::Review<'_>| {
        work.reviews += 1;
        work.nonzeros += review.words.len();
        Ok(())
    };
    source.for_each(sink).expect("the file is sound");
    work
}

/// Both splits together.
fn all(reviews: &Reviews) -> Work {
    let [train, test] = SPLITS.map(|split| reviews.work(split));
    Work { reviews: train.reviews + test.reviews, nonzeros: train.nonzeros + test.nonzeros }
}

/// Asserts that two datasets have the same rows and labels.
fn assert_same(ours: &Dataset, theirs: &Dataset) {
    for split in SPLITS {
        let (a, b) = (ours.csr(split).expect("a split"), theirs.csr(split).expect("a split"));
        assert!(a.indptr() == b.indptr(), "the rows of {split:?}");
        assert!((0..a.rows()).all(|row| a.row(row) == b.row(row)), "the words of {split:?}");
        assert_eq!(ours.labels(split).ok(), theirs.labels(split).ok(), "the labels of {split:?}");
    }
}

fn main() {
    let mut criterion = common::criterion();
    let (npz, origin) = npz();
    let reviews = match real_data() {
        Some(folder) => Reviews::of(&mut *import_real(&folder), origin),
        None => {
            let mut source = import::open(&npz, &ImportOptions::default()).expect("it is sound");
            Reviews::of(&mut *source, origin)
        }
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [train, test] = SPLITS.map(|split| {
        let path = folder.path().join(format!("{}.svm", split.name()));
        write_libsvm(&reviews.dataset, split, &path);
        path
    });
    let features = Some(reviews.dataset.features());
    let libsvm = LibsvmOptions { features, ..LibsvmOptions::default() };
    let text = TextOptions { test: Some(test), ..TextOptions::default() };
    let libsvm = ImportOptions { libsvm, text, ..ImportOptions::default() };
    let mut source = import::open(&train, &libsvm).expect("the text is sound");
    assert_same(&Reviews::of(&mut *source, "libsvm").dataset, &reviews.dataset);
    drop(source);

    let work = all(&reviews);
    let mut journal = Journal::new(format!("Loading {} reviews ({origin})", work.reviews));
    let mut group = common::group(&mut criterion, "load", origin, Elements::Reviews, work);
    for (name, access) in [("dataset, mapped", Access::Map), ("dataset, read", Access::Read)] {
        let best = best_time(&mut group, name, || {
            let dataset = Dataset::open(&reviews.path, access).expect("the dataset is sound");
            let rows = dataset.csr(Split::Train).expect("a split").rows();
            assert_eq!(rows, reviews.work(Split::Train).reviews);
        });
        journal.note(name, best, work);
    }
    for (name, path, options) in
        [("npz", &npz, &ImportOptions::default()), ("libsvm text", &train, &libsvm)]
    {
        // The npz has sequences, in which words come again.
        let whole = import_all(path, options);
        assert_eq!(whole.reviews, work.reviews);
        assert!(whole.nonzeros >= work.nonzeros);
        let best = best_time(&mut group, name, || {
            assert_eq!(import_all(path, options), whole);
        });
        journal.note(name, best, whole);
    }
    group.finish();
    criterion.final_summary();
    journal.print();
}
