//! Dataset files: what is written is read, and what is broken is refused by name.

mod common;

use std::collections::HashMap;
use std::path::Path;

use common::{InMemory, generated, names, written};
use imdb_fast::Error;
use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Contents, Csr, Dataset, Holdout, Split, Writer};
use imdb_fast::random::{Random, Stream};
use imdb_fast::text::{Rules, Vocabulary};
use safetensors::tensor::{Dtype, TensorView};

/// Empty rows, repeats, all three splits, a vocabulary with gaps.
fn varied(features: usize) -> InMemory {
    let last = features as u32 - 1;
    let words = ["", "the", "", "film"].map(str::to_owned);
    let contents = Contents {
        features,
        vocabulary: Some(Vocabulary::from_words(words)),
        text: None,
        sequences: true,
        options: serde_json::json!({ "source": "test" }),
    };
    let reviews = vec![
        (Split::Train, vec![3, 1, last, 1], Some(1)),
        (Split::Train, vec![], Some(0)),
        (Split::Test, vec![last, 0], Some(0)),
        (Split::Train, (0..200).rev().collect(), Some(1)),
        (Split::Unlabelled, vec![2, 2, 2], None),
    ];
    InMemory { contents, reviews }
}

#[test]
fn what_is_held_out_is_somebody() {
    let folder = tempfile::tempdir().unwrap();
    let mut few = varied(300);
    few.reviews.retain(|(split, ..)| *split != Split::Test);
    let few = written(few, &folder.path().join("few.safetensors"));
    let all = written(varied(300), &folder.path().join("all.safetensors"));
    let (train, test) = (Split::Train, Split::Test);
    for (holdout, rows) in [
        (Holdout::None, (0..3, None)),
        (Holdout::First(1), (1..3, Some((train, 0..1)))),
        (Holdout::Fraction(0.0), (0..3, None)),
        (Holdout::Fraction(0.7), (2..3, Some((train, 0..2)))),
        (Holdout::Split(test), (0..3, Some((test, 0..1)))),
    ] {
        assert_eq!(holdout.rows(&all).unwrap(), rows);
    }
    for (holdout, dataset) in [
        (Holdout::Fraction(0.3), &all),
        (Holdout::First(3), &all),
        (Holdout::Split(train), &all),
        (Holdout::Split(test), &few),
    ] {
        assert!(holdout.rows(dataset).is_err(), "{holdout}");
    }
    let hundreds = written(generated(533, 300, 1), &folder.path().join("hundreds.safetensors"));
    let (_, held_out) = Holdout::Fraction(0.29).rows(&hundreds).unwrap();
    assert_eq!(held_out, Some((train, 0..116)), "0.29 of 400");

    let mut nobody = Parts::valid();
    let pointers = bytes(&[0u64], u64::to_le_bytes);
    nobody.tensors = vec![
        ("train.indptr", Dtype::U64, pointers),
        ("test.indptr", Dtype::U64, bytes(&[0u64, 0], u64::to_le_bytes)),
        ("train.indices", Dtype::U16, vec![]),
        ("test.indices", Dtype::U16, vec![]),
        ("train.labels", Dtype::U8, vec![]),
        ("test.labels", Dtype::U8, vec![1]),
    ];
    let nobody = nobody.open(folder.path()).unwrap();
    for holdout in [Holdout::None, Holdout::First(1), Holdout::Split(test)] {
        let error = holdout.rows(&nobody).unwrap_err().to_string();
        assert!(error.contains("d.safetensors") && error.contains("to train on"), "{error}");
    }
}

#[test]
fn reviews_without_labels_alone_are_no_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.safetensors");
    drop(written(varied(300), &path));
    let older = std::fs::read(&path).unwrap();
    for is_kept in [|split| split == Split::Unlabelled, |_| false] {
        let mut source = varied(300);
        source.reviews.retain(|&(split, ..)| is_kept(split));
        let error = dataset::write(&mut source, &path).unwrap_err().to_string();
        let parts = ["d.safetensors", "split `train` or `test`", "import reviews with labels"];
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        assert!(std::fs::read(&path).unwrap() == older);
        assert_eq!(names(folder.path()), ["d.safetensors"]);
    }
}

#[test]
fn what_is_written_is_read() {
    // The last narrow count and the first wide one.
    for features in [300, 65_535, 65_536, 1 << 26] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.safetensors");
        let source = varied(features);
        let mapped = written(source.clone(), &path);
        assert_eq!(names(folder.path()), ["d.safetensors"]);
        for dataset in [mapped, Dataset::open(&path, Access::Read).unwrap()] {
            assert_eq!(dataset.features(), features);
            for split in Split::ALL {
                let rows: Vec<_> = source.reviews.iter().filter(|r| r.0 == split).collect();
                let csr = dataset.csr(split).unwrap();
                assert_eq!(csr.rows(), rows.len());
                assert_eq!(matches!(csr, Csr::Narrow(_)), features < 65_536);
                for (row, (_, words, label)) in rows.into_iter().enumerate() {
                    let mut set = words.clone();
                    set.sort_unstable();
                    set.dedup();
                    assert_eq!(csr.row(row), set);
                    assert_eq!(dataset.sequence(split, row).unwrap().as_ref(), Some(words));
                    if let Some(label) = label {
                        assert_eq!(dataset.labels(split).unwrap()[row], *label);
                    }
                }
            }
            assert!(dataset.labels(Split::Unlabelled).is_err());
            assert_eq!(dataset.vocabulary().unwrap().word(3), Some("film"));
            assert_eq!(dataset.vocabulary().unwrap().word(2), None);
            assert!(dataset.container().verify().unwrap() >= 12);
        }
    }
}

#[test]
fn sprs_sees_the_rows_without_stored_ones() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(varied(300), &folder.path().join("d"));
    let Csr::Narrow(matrix) = dataset.csr(Split::Train).unwrap() else { panic!("300 is narrow") };
    assert_eq!((matrix.rows(), matrix.cols(), matrix.nnz()), (3, 300, 203));
    assert_eq!(size_of_val(matrix.data()), 0);
    assert!(matrix.check_compressed_structure().is_ok());
    assert_eq!(matrix.outer_view(0).unwrap().indices(), [1, 3, 299]);
}

#[test]
fn what_no_reader_takes_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.safetensors");
    let rules = |num_words| Rules { num_words, ..Rules::default() };
    for (features, rules, part) in [
        (100, rules(50), "the feature count is 100, but text rules and vocabulary lead to 50"),
        (4, rules(0), "--num-words"),
        (50, rules(50), ""),
    ] {
        let contents = Contents { text: Some(rules), ..varied(features).contents };
        let written = Writer::create(&path, contents).map(|_| String::new());
        let error = written.unwrap_or_else(|error| error.to_string());
        assert!(error.contains(part) && error.is_empty() == part.is_empty(), "{part}: {error}");
    }
}

#[test]
fn an_abandoned_writer_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let contents = varied(300).contents;
    let mut writer = Writer::create(&folder.path().join("d"), contents).unwrap();
    writer.push(Split::Train, &[1, 2], Some(1)).unwrap();
    drop(writer);
    assert!(names(folder.path()).is_empty());
}

/// Tensors by name, to be broken.
struct Parts {
    tensors: Vec<(&'static str, Dtype, Vec<u8>)>,
    metadata: HashMap<String, String>,
}

fn bytes<T: Copy, const N: usize>(values: &[T], to_bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| to_bytes(value)).collect()
}

impl Parts {
    /// Two rows of ten features.
    fn valid() -> Parts {
        let metadata = [("format", "imdb-fast dataset"), ("version", "1"), ("features", "10")];
        let pointers = bytes(&[0u64, 2, 3], u64::to_le_bytes);
        let ids = bytes(&[1u16, 4, 9], u16::to_le_bytes);
        Parts {
            tensors: vec![
                ("train.indptr", Dtype::U64, pointers.clone()),
                ("train.sequence_ptr", Dtype::U64, pointers),
                ("vocabulary.offsets", Dtype::U64, bytes(&[0u64, 1, 3], u64::to_le_bytes)),
                ("train.indices", Dtype::U16, ids.clone()),
                ("train.sequences", Dtype::U16, ids),
                ("train.labels", Dtype::U8, vec![0, 1]),
                ("train.ratings", Dtype::U8, vec![2, 9]),
                ("train.groups", Dtype::U32, bytes(&[5u32, 5], u32::to_le_bytes)),
                ("vocabulary.text", Dtype::U8, b"abc".to_vec()),
                ("another.tensor", Dtype::U8, vec![7]),
            ],
            metadata: metadata.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        }
    }

    fn set(mut self, name: &str, dtype: Dtype, bytes: Vec<u8>) -> Parts {
        let tensor = self.tensors.iter_mut().find(|(n, ..)| *n == name).unwrap();
        (tensor.1, tensor.2) = (dtype, bytes);
        self
    }

    fn without(mut self, name: &str) -> Parts {
        self.tensors.retain(|(n, ..)| *n != name);
        self
    }

    fn renamed(mut self, name: &str, to: &'static str) -> Parts {
        self.tensors.iter_mut().find(|(n, ..)| *n == name).unwrap().0 = to;
        self
    }

    fn metadata(mut self, key: &str, value: &str) -> Parts {
        self.metadata.insert(key.to_owned(), value.to_owned());
        self
    }

    fn open(&self, folder: &Path) -> Result<Dataset, Error> {
        let path = folder.join("d.safetensors");
        let views = self.tensors.iter().map(|(name, dtype, bytes)| {
            let shape = vec![bytes.len() * 8 / dtype.bitsize()];
            (*name, TensorView::new(*dtype, shape, bytes).unwrap())
        });
        let file = safetensors::serialize(views, Some(self.metadata.clone())).unwrap();
        std::fs::write(&path, file).unwrap();
        Dataset::open(&path, Access::Map)
    }
}

#[test]
fn every_rule_of_the_format_is_checked() {
    let folder = tempfile::tempdir().unwrap();
    let valid = Parts::valid().open(folder.path()).unwrap();
    assert_eq!(valid.csr(Split::Train).unwrap().row(0), [1, 4]);

    let u64s = |values: &[u64]| bytes(values, u64::to_le_bytes);
    let u16s = |values: &[u16]| bytes(values, u16::to_le_bytes);
    let parts = Parts::valid;
    let (wide, word, id, byte) = (Dtype::U64, Dtype::U32, Dtype::U16, Dtype::U8);
    let broken = [
        (parts().metadata("format", "imdb-fast model"), "a model of imdb-fast"),
        (parts().metadata("format", "other"), "another program"),
        (parts().metadata("version", "2"), "version \"2\""),
        (parts().metadata("version", &"2".repeat(900_000)), "222...\", this program knows"),
        (parts().metadata("text", &format!("{{\"{}\":1}}", "x".repeat(900_000))), "unknown field"),
        (parts().renamed("another.tensor", "header"), "a tensor is called `header`"),
        (parts().metadata("features", "0"), "`features` is \"0\""),
        (parts().metadata("features", "99999999999"), "`features`"),
        (parts().metadata("features", "ten"), "`features` is \"ten\""),
        (parts().metadata("features", &"9".repeat(900_000)), "999...\", expected 1 to 67108864"),
        (parts().metadata("features", "70000"), "U16, expected U32"),
        (parts().metadata("features", "9"), "`train.indices`, row 1: word id 9"),
        (parts().without("train.indptr"), "no `train.indptr`"),
        (parts().without("train.indices"), "no tensor `train.indices`"),
        (parts().without("train.labels"), "no tensor `train.labels`"),
        (parts().without("train.sequences"), "no tensor `train.sequences`"),
        (parts().without("vocabulary.text"), "no tensor `vocabulary.text`"),
        (parts().set("train.indptr", wide, u64s(&[])), "do not run from 0 to 3"),
        (parts().set("train.indptr", wide, u64s(&[1, 2, 3])), "do not run from 0 to 3"),
        (parts().set("train.indptr", wide, u64s(&[0, 2, 2])), "do not run from 0 to 3"),
        (parts().set("train.indptr", wide, u64s(&[0, 3, 2, 3])), "row 1: the pointer goes from 3"),
        (parts().set("train.indptr", wide, u64s(&[0, u64::MAX, 3])), "row 0: the pointer"),
        (parts().set("train.indices", id, u16s(&[4, 1, 9])), "row 0: the word ids do not ascend"),
        (parts().set("train.indices", id, u16s(&[4, 4, 9])), "row 0: the word ids do not ascend"),
        (parts().set("train.indices", byte, vec![1, 4, 9]), "the type is U8"),
        (parts().set("train.labels", byte, vec![0, 2]), "row 1: the label is 2"),
        (parts().set("train.labels", byte, vec![0]), "`train.labels`: 1 values for 2 rows"),
        (parts().set("train.ratings", byte, vec![2]), "`train.ratings`: 1 values for 2 rows"),
        (parts().set("train.groups", word, vec![0; 12]), "`train.groups`: 3 values for 2 rows"),
        (parts().set("train.groups", byte, vec![5, 5]), "U8, expected U32"),
        (parts().set("train.sequences", id, u16s(&[1, 4, 10])), "`train.sequences`, row 1"),
        (parts().set("train.sequence_ptr", wide, u64s(&[0, 3])), "`train.indptr` has 2"),
        (parts().set("vocabulary.offsets", wide, u64s(&[0, 9, 3])), "the word of id 0"),
        (parts().set("vocabulary.offsets", wide, u64s(&[1, 3])), "do not run from 0 to 3"),
        (parts().set("vocabulary.text", byte, vec![b'a', 0xff, b'b']), "utf-8"),
    ];
    for (number, (parts, expected)) in broken.into_iter().enumerate() {
        let error = parts.open(folder.path()).expect_err(expected).to_string();
        assert!(error.contains(expected), "case {number}: no {expected:?} in {error}");
        assert!(error.contains("d.safetensors"), "case {number}: {error}");
        assert!(error.len() < 2_000, "case {number}: {} bytes", error.len());
    }
}

#[test]
fn hostile_headers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d");
    for (head, expected) in [
        (vec![0; 5], "ends after 5 bytes"),
        (u64::MAX.to_le_bytes().to_vec(), "header says it is 18446744073709551615"),
        (
            [(2u64 << 20).to_le_bytes().to_vec(), vec![b' '; 3 << 20]].concat(),
            "1048576 are allowed",
        ),
        ([4u64.to_le_bytes().to_vec(), b"nope".to_vec()].concat(), "header"),
        ([20u64.to_le_bytes().to_vec(), b"[".repeat(20)].concat(), "header"),
    ] {
        std::fs::write(&path, head).unwrap();
        let error = Dataset::open(&path, Access::Map).expect_err(expected).to_string();
        assert!(error.contains(expected), "no {expected:?} in {error}");
    }
}

#[test]
fn cuts_are_errors_and_flips_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d");
    drop(written(generated(60, 300, 1), &path));
    let good = std::fs::read(&path).unwrap();
    for length in (0..good.len()).step_by(7) {
        std::fs::write(&path, &good[..length]).unwrap();
        assert!(Dataset::open(&path, Access::Map).is_err(), "cut to {length} bytes");
    }
    let mut random = Random::new(5, Stream::Shuffle);
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    for _ in 0..1000 {
        let mut bad = good.clone();
        let at = random.below(bad.len() as u64) as usize;
        bad[at] ^= 1 << random.below(8);
        std::fs::write(&path, &bad).unwrap();
        let Ok(dataset) = Dataset::open(&path, Access::Map) else { continue };
        for split in dataset.splits() {
            let csr = dataset.csr(split).unwrap();
            for row in 0..csr.rows() {
                assert!(csr.row(row).iter().all(|&word| (word as usize) < dataset.features()));
            }
        }
        if at >= header {
            assert!(dataset.container().verify().is_err(), "byte {at} went unnoticed");
        }
    }
}
