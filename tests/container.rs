//! Files that are cut, altered or made to deceive: each is an error with its place, and none is a panic.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::{InMemory, generated, growth, names, written};
use imdb_fast::container::{Access, Container, Kind, kind_of};
use imdb_fast::dataset::{self, Contents, Dataset, Review, ReviewSource, Split};
use imdb_fast::model::Model;
use imdb_fast::random::{Random, Stream};
use imdb_fast::train::Checkpoint;
use imdb_fast::{Error, Result};
use serde_json::Value;

/// A small dataset file with every kind of tensor.
fn good(path: &Path) -> Vec<u8> {
    let mut source = generated(12, 300, 1);
    source.contents.sequences = true;
    source.contents.vocabulary = Some(imdb_fast::text::Vocabulary::from_words(["", "the", "a"]));
    source.reviews.push((Split::Unlabelled, vec![5, 2, 5], None));
    drop(written(source, path));
    std::fs::read(path).unwrap()
}

/// Where the tensors start.
fn tensors_start(file: &[u8]) -> usize {
    8 + u64::from_le_bytes(file[..8].try_into().unwrap()) as usize
}

/// Opens a dataset with these bytes both ways, which have to agree. Reads every row of a sound one.
fn open(path: &Path, bytes: &[u8]) -> Result<Dataset> {
    std::fs::write(path, bytes).unwrap();
    open_both(path)
}

fn open_both(path: &Path) -> Result<Dataset> {
    let mapped = Dataset::open(path, Access::Map);
    let read = Dataset::open(path, Access::Read);
    assert_eq!(mapped.as_ref().err().map(Error::to_string), read.err().map(|e| e.to_string()));
    let dataset = mapped?;
    for split in dataset.splits() {
        let csr = dataset.csr(split).unwrap();
        for row in 0..csr.rows() {
            let words = csr.row(row);
            assert!(words.iter().all(|&word| (word as usize) < dataset.features()));
            assert!(words.is_sorted());
            dataset.sequence(split, row).unwrap();
        }
    }
    Ok(dataset)
}

#[test]
fn a_cut_anywhere_is_an_error_with_the_file_and_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.safetensors");
    let good = good(&path);
    let start = tensors_start(&good);
    for length in (0..=start).chain((start..good.len()).step_by(3)) {
        let error = open(&path, &good[..length]).expect_err("a cut file").to_string();
        assert!(error.contains("d.safetensors") && error.contains("make it again"), "{error}");
    }
    let longer = [&good[..], b"\0"].concat();
    assert!(open(&path, &longer).is_err(), "a byte behind the last tensor");
}

#[test]
fn flips_anywhere_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.safetensors");
    let good = good(&path);
    let mut random = Random::new(5, Stream::Shuffle);
    let mut opened = 0;
    for round in 0..4000 {
        let mut bad = good.clone();
        // One bit, or a few at once.
        for _ in 0..1 + round % 3 {
            bad[random.below(good.len() as u64) as usize] ^= 1 << random.below(8);
        }
        opened += usize::from(open(&path, &bad).is_ok());
    }
    assert!(opened > 100, "only {opened} files were opened: the flips reach nothing");
}

#[test]
fn verify_finds_every_flipped_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.safetensors");
    let mut file = good(&path);
    let checked = Container::open(&path, Access::Read).unwrap().verify().unwrap();
    assert_eq!(checked, 5 + 5 + 4 + 2, "tensors of train, test, unlabelled, and the vocabulary");
    let start = tensors_start(&file);
    for bit in 0..8 * file.len() {
        file[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &file).unwrap();
        let opened = Container::open(&path, Access::Read);
        let error = match opened {
            Ok(container) => container.verify().expect_err(&format!("bit {bit}")).to_string(),
            Err(error) => error.to_string(),
        };
        let is_of_tensor = error.contains("tensor `") && error.contains("checksum");
        assert!(bit < 8 * start || is_of_tensor, "bit {bit}: {error}");
        file[bit / 8] ^= 1 << (bit % 8);
    }
}

/// How much the process may grow, in KiB: the tests beside one take some of it.
#[cfg(target_os = "linux")]
const MOST: u64 = 128 << 10;

/// Of a file that claims more than it has, no more than a header is read: this one would have 64 GiB.
#[test]
#[cfg(target_os = "linux")]
fn a_file_of_holes_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.safetensors");
    for start in [&[0; 16][..], b"\x10\0\0\0\0\0\0\0{\"a\":\"b\"}       "] {
        std::fs::write(&path, start).unwrap();
        std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(64 << 30).unwrap();
        let growth = growth(|| {
            let error = open_both(&path).expect_err("holes").to_string();
            assert!(error.contains("header: "), "{error}");
        });
        assert!(growth < MOST, "{growth} KiB");
    }
}

/// Of a file of another kind no more than a header is read either, however sound it is: this one would have 64 GiB.
#[test]
#[cfg(target_os = "linux")]
fn a_file_of_another_kind_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.safetensors");
    const LENGTH: u64 = 64 << 30;
    let tensor = format!(r#""x":{{"dtype":"U8","shape":[{LENGTH}],"data_offsets":[0,{LENGTH}]}}"#);
    let start = file(&padded(header(&tensor)), &[]);
    std::fs::write(&path, &start).unwrap();
    let holes = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    holes.set_len(start.len() as u64 + LENGTH).unwrap();
    let growth = growth(|| {
        let model = Model::load(&path).unwrap_err().to_string();
        assert!(model.contains("expected a model of imdb-fast, found a dataset"), "{model}");
        let checkpoint = Checkpoint::load(&path).unwrap_err().to_string();
        assert!(checkpoint.contains("expected a checkpoint of imdb-fast, found a"), "{checkpoint}");
        assert_eq!(kind_of(&path).unwrap(), Kind::Dataset);
    });
    assert!(growth < MOST, "{growth} KiB");
}

/// As the specification has it, by other means than the program's own.
#[test]
fn a_header_has_the_checksum_that_the_specification_tells() {
    let folder = tempfile::tempdir().unwrap();
    let file = good(&folder.path().join("d.safetensors"));
    let mut header: BTreeMap<String, Value> =
        serde_json::from_slice(&file[8..tensors_start(&file)]).unwrap();
    let metadata = header.get_mut("__metadata__").unwrap().as_object_mut().unwrap();
    let told = metadata.remove("xxh3:header").unwrap();
    let sorted = header.into_iter().map(|(name, value)| {
        let object: BTreeMap<String, Value> = serde_json::from_value(value).unwrap();
        (name, object)
    });
    let json = serde_json::to_string(&sorted.collect::<BTreeMap<_, _>>()).unwrap();
    let checksum = xxhash_rust::xxh3::xxh3_64(json.as_bytes());
    assert_eq!(told, format!("{checksum:016x}"), "{json}");
}

/// A file with this header and these tensor bytes, whatever they mean.
fn file(header: &str, tensors: &[u8]) -> Vec<u8> {
    let length = (header.len() as u64).to_le_bytes();
    [&length[..], header.as_bytes(), tensors].concat()
}

/// A header of these tensors (JSON members) that calls itself a dataset of ten features.
fn header(tensors: &str) -> String {
    format!(
        r#"{{"__metadata__":{{"format":"imdb-fast dataset","version":"1","features":"10"}},{tensors}}}"#
    )
}

/// With spaces at its end, so that the tensors are aligned.
fn padded(header: String) -> String {
    format!("{header:<width$}", width = header.len().next_multiple_of(8))
}

#[test]
fn headers_that_deceive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.safetensors");
    // One empty review, in the right order and with a header of the right length.
    let tensors = |indptr: &str, labels: &str, indices: &str| {
        padded(header(&format!(
            r#""train.indptr":{{"dtype":"U64",{indptr}}},"train.labels":{{"dtype":"U8",{labels}}},"train.indices":{{"dtype":"U16",{indices}}}"#
        )))
    };
    let indptr = r#""shape":[2],"data_offsets":[0,16]"#;
    let labels = r#""shape":[1],"data_offsets":[16,17]"#;
    let indices = r#""shape":[0],"data_offsets":[16,16]"#;
    let sound = tensors(indptr, labels, indices);
    assert_eq!(open(&path, &file(&sound, &[0; 17])).unwrap().labels(Split::Train).unwrap(), [0]);

    let huge = r#""shape":[4294967296,4294967296,4294967296],"data_offsets":[0,16]"#;
    let claims = r#""shape":[2305843009213693951],"data_offsets":[0,18446744073709551608]"#;
    let gap = r#""shape":[1],"data_offsets":[17,18]"#;
    let backwards = r#""shape":[1],"data_offsets":[16,15]"#;
    let matrix = r#""shape":[2,1],"data_offsets":[0,16]"#;
    let deep = format!(r#"{{"__metadata__":{}1{}}}"#, "[".repeat(9000), "]".repeat(9000));
    let invalid_utf_8 = [&[2, 0, 0, 0, 0, 0, 0, 0][..], b"{\xff"].concat();
    let beyond = [&1000u64.to_le_bytes()[..], b"{}"].concat();
    for (bytes, expected) in [
        (file(&format!("{sound} "), &[0; 17]), "unaligned to its type"),
        (file(&tensors(matrix, labels, indices), &[0; 17]), "the shape is [2, 1]"),
        (file(&tensors(huge, labels, indices), &[0; 17]), "header: "),
        (file(&tensors(claims, labels, indices), &[0; 17]), "header: "),
        (file(&tensors(indptr, gap, indices), &[0; 18]), "header: "),
        (file(&tensors(indptr, backwards, indices), &[0; 17]), "header: "),
        (file(&sound.replace("U16", "Q16"), &[0; 17]), "header: "),
        (file(&sound.replace("[0,16]", "[0,-1]"), &[0; 17]), "header: "),
        (file(&sound, &[0; 40]), "header: "),
        (file("{}", b""), "a safetensors file of another program"),
        (file("[]", b""), "header: "),
        (file(&deep, b""), "header: "),
        (invalid_utf_8, "header: "),
        (beyond, "the header says it is 1000 bytes long; 2 follow"),
    ] {
        let error = open(&path, &bytes).expect_err(expected).to_string();
        assert!(error.contains(expected), "no {expected:?} in {error}");
        assert!(error.contains("d.safetensors"), "{error}");
    }
}

#[test]
fn a_split_without_reviews_is_sound_and_lone_sequences_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.safetensors");
    let empty = r#""test.indptr":{"dtype":"U64","shape":[1],"data_offsets":[0,8]},"test.indices":{"dtype":"U16","shape":[0],"data_offsets":[8,8]},"test.labels":{"dtype":"U8","shape":[0],"data_offsets":[8,8]}"#;
    let dataset = open(&path, &file(&padded(header(empty)), &[0; 8])).unwrap();
    assert_eq!(dataset.splits().collect::<Vec<_>>(), [Split::Test]);
    let csr = dataset.csr(Split::Test).unwrap();
    assert_eq!((csr.rows(), csr.nnz(), csr.indptr()), (0, 0, &[0][..]));
    assert!(dataset.csr(Split::Train).unwrap_err().to_string().contains("it has: test"));

    let lone = r#""test.sequences":{"dtype":"U16","shape":[0],"data_offsets":[8,8]}"#;
    let lone = padded(header(&format!("{empty},{lone}")));
    let error = open(&path, &file(&lone, &[0; 8])).unwrap_err().to_string();
    assert!(error.contains("no tensor `test.sequence_ptr`"), "{error}");
}

/// Yields some reviews, then fails.
struct Failing(InMemory);

impl ReviewSource for Failing {
    fn contents(&self) -> Contents {
        self.0.contents()
    }

    fn for_each(&mut self, sink: &mut dyn FnMut(Review<'_>) -> Result<()>) -> Result<()> {
        self.0.for_each(sink)?;
        Err(Error::malformed(Path::new("source"), "line 9", "it is bad", "mend it"))
    }
}

#[test]
fn a_source_that_fails_leaves_the_older_file_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.safetensors");
    let older = good(&path);
    let mut source = Failing(generated(50, 300, 2));
    let error = dataset::write(&mut source, &path).unwrap_err().to_string();
    assert_eq!(error, "source: line 9: it is bad; mend it");
    assert_eq!(names(folder.path()), ["d.safetensors"]);
    assert_eq!(std::fs::read(&path).unwrap(), older);
    // Nor does it start a new one.
    assert!(dataset::write(&mut source, &folder.path().join("new")).is_err());
    assert_eq!(names(folder.path()), ["d.safetensors"]);
}
