//! Importers from end to end: the committed sample, hostile files, and the real reviews where they are at hand.

mod common;

use std::path::{Path, PathBuf};

use common::{repository, skipped};
use imdb_fast::dataset::{self, ReviewSource, Split, SplitSummary};
use imdb_fast::import::{self, Format, ImportOptions, IndexBase, LibsvmOptions, TextOptions};
use safetensors::SafeTensors;

fn sample(name: &str) -> PathBuf {
    repository("data").join(name)
}

fn libsvm(libsvm: LibsvmOptions, test: Option<PathBuf>) -> ImportOptions {
    let text = TextOptions { test, ..TextOptions::default() };
    ImportOptions { format: Some(Format::Libsvm), libsvm, text, ..ImportOptions::default() }
}

/// Imports `path` and returns the dataset file's bytes.
fn imported(path: &Path, options: &ImportOptions) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let dataset = folder.path().join("reviews.safetensors");
    dataset::write(&mut *import::open(path, options).unwrap(), &dataset).unwrap();
    std::fs::read(dataset).unwrap()
}

/// All that a source yields.
fn reviews(source: &mut dyn ReviewSource) -> Vec<(Split, Vec<u32>, Option<u8>)> {
    let mut reviews = Vec::new();
    let collected = source.for_each(&mut |review| {
        reviews.push((review.split, review.words.to_vec(), review.label));
        Ok(())
    });
    collected.unwrap();
    reviews
}

fn refusal(path: &Path, options: &ImportOptions) -> String {
    import::open(path, options).err().expect("an error").to_string()
}

#[test]
fn the_sample_is_the_same_from_npz_and_from_libsvm() {
    let word_index = Some(sample("sample_word_index.json"));
    let keras = ImportOptions { word_index, ..ImportOptions::default() };
    let keras = imported(&sample("sample.npz"), &keras);
    let test = Some(sample("sample.test.svm"));
    let options = LibsvmOptions { features: Some(10_000), ..LibsvmOptions::default() };
    let libsvm = imported(&sample("sample.svm"), &libsvm(options, test));

    let keras = SafeTensors::deserialize(&keras).unwrap();
    let libsvm = SafeTensors::deserialize(&libsvm).unwrap();
    for split in ["train", "test"] {
        for tensor in ["indptr", "indices", "labels"] {
            let name = format!("{split}.{tensor}");
            let (a, b) = (keras.tensor(&name).unwrap(), libsvm.tensor(&name).unwrap());
            assert_eq!(
                (a.dtype(), a.shape(), a.data()),
                (b.dtype(), b.shape(), b.data()),
                "{name}"
            );
        }
    }
    assert_eq!(keras.tensor("train.labels").unwrap().shape(), [400]);
    assert_eq!(keras.tensor("test.labels").unwrap().shape(), [200]);
    assert_eq!(keras.tensor("vocabulary.offsets").unwrap().shape(), [10_001]);
    assert!(keras.tensor("vocabulary.text").unwrap().data().starts_with(b"theait"));
    assert!(keras.tensor("train.sequences").is_ok() && libsvm.tensor("train.sequences").is_err());
}

#[test]
fn formats_are_found_by_content() {
    assert_eq!(import::detect(&sample("sample.npz")).unwrap(), Format::Keras);
    assert_eq!(import::detect(&sample("sample.svm")).unwrap(), Format::Libsvm);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let dataset = imported(&sample("sample.npz"), &ImportOptions::default());
    for (content, expected) in [
        (b"".as_slice(), "an empty file"),
        (&dataset, "a safetensors file; it is a dataset or a model already"),
        (b"review sentiment\n", "an unknown format; if you know its format, name it with --format"),
        (b"\x1f\x8b\x08\x00", "the gzip file is damaged or cut short"),
        (b"# only a comment\n\n", "an unknown format"),
    ] {
        std::fs::write(&path, content).unwrap();
        let error = import::detect(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let error = import::detect(folder.path()).unwrap_err().to_string();
    assert!(error.contains("found a folder without reviews"), "{error}");
    let word_index = Some(sample("sample_word_index.json"));
    let error = refusal(&sample("sample.svm"), &ImportOptions { word_index, ..Default::default() });
    assert!(error.starts_with("--word-index is"), "{error}");
    assert!("lisbvm".parse::<Format>().unwrap_err().to_string().contains("keras, libsvm"));
}

#[test]
fn a_truncated_or_flipped_archive_is_an_error_or_the_same_reviews() {
    let whole = std::fs::read(sample("sample.npz")).unwrap();
    let options = ImportOptions { format: Some(Format::Keras), ..ImportOptions::default() };
    let expected = reviews(&mut *import::open(&sample("sample.npz"), &options).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sample.npz");
    for length in (0..whole.len()).step_by(199).chain(whole.len() - 64..whole.len()) {
        std::fs::write(&path, &whole[..length]).unwrap();
        refusal(&path, &options);
    }
    // Every bit near both ends, where the structure is; some in between, which the checksum must notice.
    let places =
        (0..400).chain((400..whole.len() - 400).step_by(997)).chain(whole.len() - 400..whole.len());
    for place in places {
        let mut flipped = whole.clone();
        flipped[place] ^= 1 << (place % 8);
        std::fs::write(&path, &flipped).unwrap();
        if let Ok(mut source) = import::open(&path, &options) {
            assert!(reviews(&mut *source) == expected, "byte {place}");
        }
    }
}

/// Feature count, rows and labels of a training file.
type Content = (usize, Vec<Vec<u32>>, Vec<u8>);

/// Reads `text` as a training file.
fn svm(text: &str, options: LibsvmOptions) -> Result<Content, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.svm");
    std::fs::write(&path, text).unwrap();
    let mut source = import::open(&path, &libsvm(options, None))
        .map_err(|error| error.to_string().replace(path.to_str().unwrap(), "a.svm"))?;
    let reviews = reviews(&mut *source);
    assert!(reviews.iter().all(|(split, ..)| *split == Split::Train));
    let (rows, labels) =
        reviews.into_iter().map(|(_, words, label)| (words, label.unwrap())).unzip();
    Ok((source.contents().features, rows, labels))
}

#[test]
fn libsvm_files_of_all_dialects_are_read() {
    let expected = (3, vec![vec![0, 2], vec![], vec![1]], vec![1, 0, 1]);
    for text in [
        "1 1:1 3:1\n0\n1 2:1\n",
        "# head\n\n+1 1:1\t3:1.0  # comment 9:9\r\n-1\r\n  1.0 2:1e0",
        "1 0:1 2:1\n0\n1 1:1\n",
    ] {
        assert_eq!(svm(text, LibsvmOptions::default()).unwrap(), expected, "{text}");
    }
    let zero = LibsvmOptions { index_base: Some(IndexBase::Zero), ..Default::default() };
    assert_eq!(svm("1 1:1 3:1", zero).unwrap(), (4, vec![vec![1, 3]], vec![1]));
    // What is 0 is not there, but counts for base and features.
    let sparse = (4, vec![vec![1], vec![]], vec![1, 0]);
    assert_eq!(svm("1 0:0 1:1 3:0.0\n0 2:-0\n", LibsvmOptions::default()).unwrap(), sparse);
    let binarize = LibsvmOptions { binarize: true, features: Some(9), ..Default::default() };
    assert_eq!(svm("0 1:0.5 2:0 3:-7", binarize).unwrap(), (9, vec![vec![0, 2]], vec![0]));
}

#[test]
fn libsvm_errors_name_line_and_column() {
    let one = LibsvmOptions { index_base: Some(IndexBase::One), ..Default::default() };
    let two = LibsvmOptions { features: Some(2), ..Default::default() };
    let plain = LibsvmOptions::default;
    for (text, options, expected) in [
        ("1 1:1\n# c\n\n0 2:1 2:1\n", plain(), "a.svm: line 4, column 7: index 2 follows 2"),
        ("1 5:1 3:1", plain(), "line 1, column 7: index 3 follows 5"),
        ("1 1:1\n2 1:1", plain(), "line 2, column 1: the label \"2\""),
        ("nan 1:1", plain(), "line 1, column 1: the label \"nan\""),
        ("1,0 1:1", plain(), "line 1, column 1: the label \"1,0\""),
        (
            "0 1:1\n1 1:1\n-1 1:1",
            plain(),
            "line 3, column 1: the label \"-1\", where labels were 0/1",
        ),
        ("1 qid:3 1:1", plain(), "line 1, column 3: query ids"),
        (
            "1  1:2",
            plain(),
            "line 1, column 4: the value of \"1:2\" is neither 0 nor 1; --binarize",
        ),
        ("1 1:inf", plain(), "line 1, column 3: \"1:inf\" is no INDEX:VALUE"),
        ("1 1:", plain(), "\"1:\" is no INDEX:VALUE"),
        ("1 :1", plain(), "\":1\" is no INDEX:VALUE"),
        ("1 +1:1", plain(), "\"+1:1\" is no INDEX:VALUE"),
        ("1 word", plain(), "\"word\" is no INDEX:VALUE"),
        ("1 99999999999:1", plain(), "line 1, column 3: index \"99999999999\" is above 67108864"),
        ("1 0:1", one, "line 1, column 3: index 0, where indices start at 1"),
        ("1 3:1", two, "--features is 2, but the files have 3 features"),
        ("1\n0\n", plain(), "no review has a feature"),
        ("# nothing\n", plain(), "it holds no review"),
        ("1 1:1", LibsvmOptions { features: Some(0), ..plain() }, "--features is \"0\""),
    ] {
        let error = svm(text, options).unwrap_err();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let error = svm(&format!("1 1:1\n1{}", " ".repeat(16 << 20)), plain()).unwrap_err();
    assert!(error.contains("line 2: it is longer than 16777216 bytes"), "{error}");
}

#[test]
fn libsvm_bases_and_labels_hold_for_both_files() {
    let folder = tempfile::tempdir().unwrap();
    let [train, test] = ["a.svm", "b.svm"].map(|name| folder.path().join(name));
    let options = libsvm(LibsvmOptions::default(), Some(test.clone()));
    std::fs::write(&train, "-1 1:1 4:1\n").unwrap();
    std::fs::write(&test, "1 0:1\n").unwrap();
    let source = import::open(&train, &options).unwrap();
    assert_eq!(source.contents().features, 5);
    let notes = source.notes();
    assert_eq!(notes[..2], ["labels are -1/+1", "indices start at 0: index 0 occurs"]);
    // Of the test split nothing is held out, so its order does not matter.
    let sorted =
        |notes: &[String]| notes.iter().filter(|note| note.contains("is sorted by")).count();
    std::fs::write(&test, "-1 1:1\n-1 1:1\n1 1:1\n").unwrap();
    assert_eq!(sorted(&import::open(&train, &options).unwrap().notes()), 0);
    std::fs::copy(&test, &train).unwrap();
    assert_eq!(sorted(&import::open(&train, &options).unwrap().notes()), 1);
    std::fs::write(&train, "-1 1:1 4:1\n").unwrap();
    std::fs::write(&test, "1 1:1\n0 2:1\n").unwrap();
    let error = refusal(&train, &options);
    assert!(
        error.contains("b.svm: line 2, column 1: the label \"0\", where labels were -1/+1"),
        "{error}"
    );
}

/// The counts that NumPy and Keras reach on the real file with `num_words=10000`.
#[test]
fn the_real_reviews_are_those_that_keras_sees() {
    let Some(folder) = std::env::var_os("IMDB_FAST_DATA").map(PathBuf::from) else {
        skipped("IMDB_FAST_DATA names no folder with imdb.npz");
        return;
    };
    let output = tempfile::tempdir().unwrap();
    let word_index = Some(folder.join("imdb_word_index.json"));
    let options = ImportOptions { word_index, ..ImportOptions::default() };
    let mut source = import::open(&folder.join("imdb.npz"), &options).unwrap();
    let summary = dataset::write(&mut *source, &output.path().join("reviews.safetensors")).unwrap();
    let expected = [(Split::Train, 3_292_468), (Split::Test, 3_218_578)]
        .map(|(split, nnz)| SplitSummary { split, rows: 25_000, nnz, positive: Some(12_500) });
    assert_eq!(summary.splits, expected);
    let reviews = reviews(&mut *source);
    assert_eq!(reviews.iter().map(|(_, words, _)| words.len()).max(), Some(2_494));
    assert_eq!(reviews.iter().filter(|(_, _, label)| *label == Some(1)).count(), 25_000);
    assert_eq!(source.contents().vocabulary.unwrap().word(4), Some("the"));
}
