//! Imports of raw text from end to end: the committed sample in every format, hostile files, and the real reviews where
//! they are at hand.

mod common;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use common::{gzipped, repository, skipped};
use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Dataset, Split, format};
use imdb_fast::import::{
    self, Format, ImportOptions, InvalidUtf8, KerasOptions, KnownWords, TextOptions, WordOptions,
};
use imdb_fast::text::{Encoder, Encoding, Tokenizer};

fn sample(name: &str) -> PathBuf {
    repository("data").join(name)
}

fn text(options: TextOptions) -> ImportOptions {
    ImportOptions { text: options, ..ImportOptions::default() }
}

/// With the sample's word index imposed.
fn indexed(options: TextOptions) -> ImportOptions {
    let word_index = Some(sample("sample_word_index.json"));
    ImportOptions { word_index, ..text(options) }
}

fn imported(path: &Path, options: &ImportOptions) -> imdb_fast::Result<Dataset> {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("reviews.safetensors");
    dataset::write(&mut *import::open(path, options)?, &output)?;
    Dataset::open(&output, Access::Read)
}

fn refusal(path: &Path, options: &ImportOptions) -> String {
    import::open(path, options).err().expect("an error").to_string()
}

/// Reading order, row and label of each review of a split.
type Review = (Vec<u32>, Vec<u32>, Option<u8>);

fn reviews(dataset: &Dataset, split: Split) -> Vec<Review> {
    let csr = dataset.csr(split).unwrap();
    let labels = dataset.labels(split).ok();
    let review = |row| {
        let words = dataset.sequence(split, row).unwrap().expect("imports keep the order");
        (words, csr.row(row), labels.map(|labels| labels[row]))
    };
    (0..csr.rows()).map(review).collect()
}

fn sorted<T: Ord>(mut values: Vec<T>) -> Vec<T> {
    values.sort();
    values
}

/// A folder with one file in it.
fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

/// A zip archive of one file.
fn zipped(name: &str, content: &[u8]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap().into_inner()
}

/// The sample, cut into its two splits: `lines` of header, then 400 and 200 lines.
fn halves(name: &str, header: usize) -> [(tempfile::TempDir, PathBuf); 2] {
    let whole = std::fs::read_to_string(sample(name)).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let (head, body) = lines.split_at(header);
    assert_eq!(body.len(), 600, "no review of the sample has a line break");
    [&body[..400], &body[400..]].map(|body| file(name, [head, body].concat().concat().as_bytes()))
}

#[test]
fn the_sample_is_the_same_in_every_format() {
    let keras = ImportOptions {
        word_index: Some(sample("sample_word_index.json")),
        ..ImportOptions::default()
    };
    let keras = imported(&sample("sample.npz"), &keras).unwrap();
    let expected = [Split::Train, Split::Test].map(|split| sorted(reviews(&keras, split)));
    for (name, header) in
        [("sample.csv", 1), ("sample.tsv", 1), ("sample.jsonl", 0), ("sample.fasttext.txt", 0)]
    {
        let [(_train, train), (_test, test)] = halves(name, header);
        let options = indexed(TextOptions { test: Some(test.clone()), ..TextOptions::default() });
        let dataset = imported(&train, &options).unwrap();
        let found = [Split::Train, Split::Test].map(|split| reviews(&dataset, split));
        assert_eq!(found.clone().map(sorted), expected, "{name}");
        assert_eq!(dataset.vocabulary(), keras.vocabulary(), "{name}");

        // Packed, in two members, behind a byte-order mark.
        let whole = std::fs::read(&train).unwrap();
        let members =
            [gzipped(b"\xef\xbb\xbf"), gzipped(&whole[..9_999]), gzipped(&whole[9_999..])];
        let (_packed, packed) = file("packed", &members.concat());
        let dataset = imported(&packed, &options).unwrap();
        assert_eq!(reviews(&dataset, Split::Train), found[0], "{name}, packed");
    }
    let archive = imported(&sample("sample_acl.tar.gz"), &indexed(TextOptions::default())).unwrap();
    let found = [Split::Train, Split::Test].map(|split| sorted(reviews(&archive, split)));
    assert_eq!(found, expected, "the archive");
    assert_eq!(archive.csr(Split::Unlabelled).unwrap().rows(), 12);
}

#[test]
fn formats_are_found_by_content() {
    for (name, expected) in [
        ("sample.csv", Format::Csv),
        ("sample.tsv", Format::Tsv),
        ("sample.jsonl", Format::JsonLines),
        ("sample.fasttext.txt", Format::Fasttext),
        ("sample_acl.tar.gz", Format::Archive),
        ("sample.npz", Format::Keras),
        ("sample.svm", Format::Libsvm),
    ] {
        assert_eq!(import::detect(&sample(name)).unwrap(), expected, "{name}");
        let (_folder, packed) = file("packed", &gzipped(&std::fs::read(sample(name)).unwrap()));
        match expected {
            Format::Archive => {
                let error = import::detect(&packed).unwrap_err().to_string();
                assert!(
                    error.contains("a gzip file within a gzip file; unpack it once"),
                    "{error}"
                );
            }
            Format::Keras => {
                let error = import::detect(&packed).unwrap_err().to_string();
                let expected = "a gzip file; unpack it first: gunzip FILE";
                assert!(error.contains(expected), "{error}");
            }
            expected => assert_eq!(import::detect(&packed).unwrap(), expected, "{name}, packed"),
        }
    }
    let spoken_of = b"{\"text\":\"a __label__x\",\"label\":1}\n{\"text\":\"b\",\"label\":0}\n";
    for (content, expected) in [
        (&b"1\n0 3:1\n"[..], Format::Libsvm),
        (spoken_of, Format::JsonLines),
        (b"\r\n\ntext,label\na,1\nb,0\n", Format::Csv),
    ] {
        let (_folder, path) = file("in its first line", content);
        assert_eq!(import::detect(&path).unwrap(), expected);
    }
    let zipped = zipped("a.csv", b"text,label\na,1\n");
    for (content, expected) in [
        (&b"[{\"text\": 1}]"[..], "a JSON array; write one object a line"),
        (b"[{\"text\":\"a\",\"label\":1},{\"text\":\"b\",\"label\":0}]", "a JSON array; write one"),
        (b"\xff\xfer\0e\0", "text in UTF-16; convert it to UTF-8"),
        (b"\xff\xfe\0\0r\0\0\0", "text in UTF-32; convert it to UTF-8"),
        (b"\0\0\xfe\xff\0\0\0r", "text in UTF-32; convert it to UTF-8"),
        (
            &zipped,
            "expected a file with reviews, found a zip archive of a.csv; unpack it first: unzip",
        ),
        (b"BZh91AY&SY", "a bzip2 file; unpack it first"),
        (b"BZh9\x17\x72\x45\x38\x50\x90", "a bzip2 file; unpack it first"),
        (b"BZhanna made a film\n", "an unknown format"),
        (b"\x1f\x8b\x08\x00\x00", "the gzip file is damaged or cut short"),
        (
            b"some words\n",
            "an unknown format; if you know its format, name it with --format (archive",
        ),
        (b"2001\nA film\n", "an unknown format"),
    ] {
        let (_folder, path) = file("file", content);
        let error = import::detect(&path).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let (_folder, path) = file("reviews.zip", &zipped);
    let named = ImportOptions { format: Some(Format::Keras), ..ImportOptions::default() };
    assert!(refusal(&path, &named).contains("found a zip archive of a.csv; unpack it first"));
}

/// The sample's word index was made by Python's Counter: equal counts stand in the order of their first occurrence.
#[test]
fn the_vocabulary_is_that_of_the_training_reviews() {
    let [(_train, train), (_test, test)] = halves("sample.csv", 1);
    let options = text(TextOptions { test: Some(test), ..TextOptions::default() });
    let own = imported(&train, &options).unwrap();
    let index = std::fs::read(sample("sample_word_index.json")).unwrap();
    let index: BTreeMap<String, u32> = serde_json::from_slice(&index).unwrap();
    for (word, rank) in &index {
        assert_eq!(own.vocabulary().unwrap().word(rank + 3), Some(&**word));
    }
    // Every word of the training reviews is in the index, so imposing it changes nothing.
    let imposed = ImportOptions { word_index: Some(sample("sample_word_index.json")), ..options };
    let imposed = imported(&train, &imposed).unwrap();
    for split in [Split::Train, Split::Test] {
        assert_eq!(reviews(&own, split), reviews(&imposed, split));
    }
    let all = KerasOptions { num_words: None, ..KerasOptions::default() };
    let all = imported(&train, &ImportOptions { keras: all, ..ImportOptions::default() }).unwrap();
    assert_eq!(all.features(), index.len() + 4);
}

#[test]
fn options_and_indexes_that_leave_no_words_or_too_many_are_refused() {
    let rare = WordOptions { min_count: Some(100_000), ..WordOptions::default() };
    let options = ImportOptions { words: rare, ..ImportOptions::default() };
    let error = refusal(&sample("sample.csv"), &options);
    assert!(error.contains("--min-count is 100000, but no word stands in so many"), "{error}");
    let seeded = WordOptions { hash_seed: 5, ..WordOptions::default() };
    let options = ImportOptions { words: seeded, ..ImportOptions::default() };
    let error = import::open(&sample("sample.csv"), &options).err().unwrap();
    assert!(error.is_usage() && error.to_string().contains("with --hash-bits"), "{error}");
    // Of words with given ranks none is counted, and of runs that share features neither.
    for (ngrams, hash_bits, is_fine) in [(1, None, false), (2, Some(15), false), (2, None, true)] {
        for (min_count, count_unlabelled) in [(Some(2), false), (None, true)] {
            let words = WordOptions {
                ngrams,
                hash_bits,
                min_count,
                count_unlabelled,
                ..WordOptions::default()
            };
            let options = ImportOptions { words, ..indexed(TextOptions::default()) };
            let opened = import::open(&sample("sample.csv"), &options);
            assert_eq!(opened.is_ok(), is_fine, "{:?}", options.words);
            let Err(error) = opened else { continue };
            let expected = "expected left out: --word-index says which words count";
            assert!(error.is_usage() && error.to_string().contains(expected), "{error}");
        }
    }

    // What no review could make right is told before any is read, and the rest by how many ids there are.
    let nothing = sample("missing.csv");
    let (runs, all) =
        (WordOptions { ngrams: 2, ..WordOptions::default() }, KerasOptions::default());
    let all = KerasOptions { num_words: None, ..all };
    for (words, keras, expected) in [
        (
            WordOptions::default(),
            KerasOptions { maxlen: Some(0), ..all.clone() },
            "--maxlen is \"0\"",
        ),
        (WordOptions { hash_bits: Some(20), ..WordOptions::default() }, all.clone(), "--ngrams 2"),
        (WordOptions { hash_bits: Some(27), ..runs.clone() }, all.clone(), "a number from 1 to 26"),
    ] {
        let options =
            ImportOptions { format: Some(Format::Csv), words, keras, ..ImportOptions::default() };
        let error = import::open(&nothing, &options).err().unwrap();
        assert!(error.is_usage() && error.to_string().contains(expected), "{expected}: {error}");
    }
    for (words, keras, expected) in [
        (
            WordOptions { hash_bits: Some(3), ..runs.clone() },
            all.clone(),
            "--hash-bits is 3, but there are ",
        ),
        (runs, KerasOptions { skip_top: 1 << 20, ..all }, "--skip-top is 1048576, but there are "),
    ] {
        let options = ImportOptions { words, keras, ..ImportOptions::default() };
        let error = import::open(&sample("sample.csv"), &options).err().unwrap();
        assert!(!error.is_usage() && error.to_string().contains(expected), "{expected}: {error}");
    }

    // Of reviews whose words are all cut nothing could be learned.
    let keras = |num_words, skip_top| KerasOptions { num_words, skip_top, ..Default::default() };
    for (keras, expected) in [
        (keras(Some(4), 0), "--num-words is 4, but with it and --skip-top 0 every word of "),
        (keras(Some(9_000), 8_000), "raise the one or lower the other: ids begin at 4"),
        (keras(Some(5), 0), ""),
        (keras(Some(9_000), 4), ""),
    ] {
        let opened =
            import::open(&sample("sample.csv"), &ImportOptions { keras, ..Default::default() });
        assert_eq!(opened.is_ok(), expected.is_empty(), "{expected}");
        let Err(error) = opened else { continue };
        assert!(error.to_string().contains(expected) && !error.is_usage(), "{error}");
    }

    // Each rank takes an id.
    for (index, num_words, is_fine) in [
        (r#"{"the": 1, "a": 900}"#, None, true),
        (r#"{"the": 67108859}"#, None, false),
        (r#"{"the": 67108999}"#, None, false),
        (r#"{"the": 1, "a": 67108999}"#, Some(600), true),
    ] {
        let (_folder, path) = file("index.json", index.as_bytes());
        let keras = KerasOptions { num_words, ..KerasOptions::default() };
        let options = ImportOptions { word_index: Some(path), keras, ..ImportOptions::default() };
        let opened = import::open(&sample("sample.csv"), &options);
        assert_eq!(opened.is_ok(), is_fine, "{index}");
        let Err(error) = opened else { continue };
        let place = "index.json: word \"the\": its rank is 67108";
        assert!(error.to_string().contains(place) && !error.is_usage(), "{error}");
    }
}

#[test]
fn an_index_of_other_words_is_refused() {
    let all = KerasOptions { num_words: None, ..KerasOptions::default() };
    for keras in [KerasOptions::default(), all] {
        for (index, is_fine) in [
            ("{}", false),
            (r#"{"zzz": 5}"#, false),
            (r#"{"The": 1}"#, false),
            (r#"{"the": 1}"#, true),
        ] {
            let (_folder, path) = file("index.json", index.as_bytes());
            let keras = keras.clone();
            let options = ImportOptions { word_index: Some(path), keras, ..Default::default() };
            let opened = import::open(&sample("sample.csv"), &options);
            assert_eq!(opened.is_ok(), is_fine, "{index}");
            let Err(error) = opened else { continue };
            let expected = "sample.csv is in it; words are compared in lower case; name the index";
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
    // What --num-words cuts is no other word.
    let (_folder, path) = file("index.json", br#"{"a": 1, "the": 90000}"#);
    let options = ImportOptions { word_index: Some(path), ..Default::default() };
    let (_folder, marks) = file("marks.csv", b"text,label\n!!!,1\n...,0\n");
    for path in [sample("sample.csv"), sample("sample.npz"), marks] {
        assert!(import::open(&path, &options).is_ok(), "{}", path.display());
    }
    let (_folder, path) = file("index.json", b"{}");
    let options = ImportOptions { word_index: Some(path), ..Default::default() };
    let error = refusal(&sample("sample.npz"), &options);
    assert!(error.contains("index.json, but it has no words"), "{error}");
}

#[test]
fn a_broken_word_index_tells_the_place_once() {
    let (_folder, path) = file("index.json", b"{\"the\": 1,}");
    let options = ImportOptions { word_index: Some(path), ..ImportOptions::default() };
    let error = refusal(&sample("sample.csv"), &options);
    let expected = "index.json: line 1, column 11: trailing comma; expected Keras' ";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn threads_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let words = WordOptions { ngrams: 2, min_count: Some(3), ..WordOptions::default() };
    let files = [1, 2, 5].map(|threads| {
        let options = text(TextOptions { threads, ..TextOptions::default() });
        let options = ImportOptions { words: words.clone(), ..options };
        let output = folder.path().join("reviews.safetensors");
        let mut source = import::open(&sample("sample_acl.tar.gz"), &options).unwrap();
        dataset::write(&mut *source, &output).unwrap();
        std::fs::read(output).unwrap()
    });
    assert!(files[0] == files[1] && files[0] == files[2]);
}

/// `a` is most frequent, but in one review; `d` is in two, of those without a label.
#[test]
fn words_are_counted_by_reviews_and_over_those_without_a_label() {
    let rows =
        "text,label,split\na a a a b,1,train\nb c,0,train\nc d d,,unlabelled\nd,,unlabelled\n";
    let (_file, path) = file("reviews.csv", rows.as_bytes());
    for (count_unlabelled, min_count, expected) in [
        (false, None, &["a", "b", "c"][..]),
        (false, Some(2), &["b"]),
        (true, None, &["a", "d", "b", "c"]),
        (true, Some(2), &["d", "b", "c"]),
    ] {
        let words = WordOptions { min_count, count_unlabelled, ..WordOptions::default() };
        let keras = KerasOptions { num_words: None, ..KerasOptions::default() };
        let split_column = Some("split".to_owned());
        let options = text(TextOptions { split_column, ..TextOptions::default() });
        let dataset = imported(&path, &ImportOptions { words, keras, ..options }).unwrap();
        let vocabulary = dataset.vocabulary().unwrap();
        let found: Vec<&str> = (4..).map_while(|id| vocabulary.word(id)).collect();
        assert_eq!(found, expected, "{count_unlabelled}, {min_count:?}");
        assert_eq!(dataset.features(), 4 + expected.len());
    }
}

/// Unpacks the sample's archive.
fn unpacked() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let packed = std::fs::File::open(sample("sample_acl.tar.gz")).unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(packed)).unpack(folder.path()).unwrap();
    folder
}

#[test]
fn the_folder_is_what_the_archive_is() {
    let folder = unpacked();
    let packed = std::fs::read(sample("sample_acl.tar.gz")).unwrap();
    let mut plain = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(&packed[..]), &mut plain).unwrap();
    let (_plain, plain) = file("plain.tar", &plain);
    let options = text(TextOptions::default());
    let archive = imported(&sample("sample_acl.tar.gz"), &options).unwrap();
    for path in [folder.path(), &folder.path().join("aclImdb"), &plain] {
        let other = imported(path, &options).unwrap();
        assert_eq!(other.vocabulary(), archive.vocabulary());
        for split in Split::ALL {
            assert_eq!(reviews(&other, split), reviews(&archive, split));
            assert_eq!(other.ratings(split).unwrap(), archive.ratings(split).unwrap());
            assert_eq!(other.groups(split).unwrap(), archive.groups(split).unwrap());
        }
    }
}

/// `RandomState(113)` permutes 400 rows, then 200: reviews by class and id are found where NumPy puts them.
#[test]
fn the_archive_is_permuted_as_keras_permutes() {
    let kept = TextOptions { keep_order: true, ..TextOptions::default() };
    let kept = imported(&sample("sample_acl.tar.gz"), &text(kept)).unwrap();
    let permuted = imported(&sample("sample_acl.tar.gz"), &text(TextOptions::default())).unwrap();
    for (split, order) in [Split::Train, Split::Test].into_iter().zip(keras_order()) {
        let before = reviews(&kept, split);
        let after = reviews(&permuted, split);
        let expected: Vec<Review> = order.iter().map(|&row| before[row].clone()).collect();
        assert_eq!(after, expected);
        let ratings = kept.ratings(split).unwrap().unwrap();
        let expected: Vec<u8> = order.iter().map(|&row| ratings[row]).collect();
        assert_eq!(permuted.ratings(split).unwrap().unwrap(), expected);
        // Without a permutation: positive reviews first, their stars high; two ids in a row share a movie.
        let labels = kept.labels(split).unwrap();
        let positive = labels.iter().filter(|&&label| label == 1).count();
        assert!(labels.iter().enumerate().all(|(row, &label)| (row < positive) == (label == 1)));
        assert!(labels.iter().zip(ratings).all(|(&label, &stars)| (label == 1) == (stars > 5)));
        let movies = kept.groups(split).unwrap().unwrap();
        assert!(movies[..positive].iter().enumerate().all(|(id, &movie)| movie == id as u32 / 2));
    }
    assert_eq!(kept.ratings(Split::Unlabelled).unwrap(), None);
    let movies = kept.groups(Split::Unlabelled).unwrap().unwrap();
    assert_eq!(movies, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]);
}

/// Where Keras puts the rows 0..400 and 0..200: of a table whose reviews are their own numbers.
fn keras_order() -> [Vec<usize>; 2] {
    let table = |rows: usize| {
        let rows = (0..rows).map(|row| format!("w{row},{}\n", u8::from(row < rows / 2)));
        file("a.csv", format!("text,label\n{}", rows.collect::<String>()).as_bytes())
    };
    let [(_train, train), (_test, test)] = [table(400), table(200)];
    let options = text(TextOptions { test: Some(test), ..TextOptions::default() });
    let dataset = imported(&train, &options).unwrap();
    let word = |words: &[u32]| dataset.vocabulary().unwrap().word(words[1]).unwrap()[1..].parse();
    let order = [Split::Train, Split::Test].map(|split| {
        let reviews = reviews(&dataset, split);
        reviews.iter().map(|(words, ..)| word(words).unwrap()).collect::<Vec<usize>>()
    });
    // Printed by NumPy 2.4: the beginnings of a and b after `r = numpy.random.RandomState(113); r.shuffle(a);
    // r.shuffle(b)`, where `a = numpy.arange(400)` and `b = numpy.arange(200)`.
    assert_eq!(order[0][..6], FIRST_OF_400);
    assert_eq!(order[1][..6], FIRST_OF_200);
    order
}

#[test]
fn mixed_sources_keep_their_order_and_sorted_ones_need_not() {
    let mixed = "text,label\na,1\nb,0\nc,1\nd,1\n";
    let (_folder, path) = file("mixed.csv", mixed.as_bytes());
    let source = import::open(&path, &text(TextOptions::default())).unwrap();
    assert_eq!(source.notes(), ["labels: \"1\" is positive, \"0\" is negative"]);
    let dataset = imported(&path, &text(TextOptions::default())).unwrap();
    assert_eq!(dataset.labels(Split::Train).unwrap(), [1, 0, 1, 1]);
    let (_folder, path) =
        file("sorted.csv", b"text,label\na,neg\nb,neg\nc,neg\nd,neg\ne,pos\nf,pos\ng,pos\n");
    let dataset = imported(&path, &text(TextOptions::default())).unwrap();
    assert_ne!(dataset.labels(Split::Train).unwrap(), [0, 0, 0, 0, 1, 1, 1]);
    let kept = text(TextOptions { keep_order: true, ..TextOptions::default() });
    let dataset = imported(&path, &kept).unwrap();
    assert_eq!(dataset.labels(Split::Train).unwrap(), [0, 0, 0, 0, 1, 1, 1]);
}

#[test]
fn splits_come_from_fractions_columns_and_files() {
    let part = text(TextOptions { test_fraction: Some(0.25), ..TextOptions::default() });
    let dataset = imported(&sample("sample.csv"), &part).unwrap();
    let rows = |split| dataset.csr(split).map(|csr| csr.rows()).unwrap_or(0);
    assert_eq!(Split::ALL.map(rows), [450, 150, 0]);
    let (_folder, path) = file(
        "column.jsonl",
        b"{\"where\":\"train\",\"text\":\"a b\",\"label\":1}\n\n{\"text\":\"c\",\"label\":false,\"where\":\"test\"}\n\
          {\"where\":\"unsup\",\"text\":\"d\",\"label\":-1}\n{\"where\":\"train\",\"text\":\"e \\u00e9\",\"label\":null}",
    );
    let column = TextOptions { split_column: Some("where".into()), ..TextOptions::default() };
    let error = refusal(&path, &text(column.clone()));
    assert!(error.contains("nobody can tell which label means what: \"1\", \"false\""), "{error}");
    let column = TextOptions { positive: vec!["1".into()], ..column };
    let dataset = imported(&path, &text(column.clone())).unwrap();
    let rows = |split| dataset.csr(split).map(|csr| csr.rows()).unwrap_or(0);
    assert_eq!(Split::ALL.map(rows), [1, 1, 2]);
    // Of a file whose reviews are all unlabelled, no row needs to name one.
    let (_folder, other) = file("b.jsonl", b"{\"text\":\"c\",\"s\":null}\n{\"text\":\"d\"}\n");
    let (_folder, first) = file("a.jsonl", b"{\"text\":\"a\",\"label\":1,\"s\":\"train\"}\n");
    let named = Some("s".to_owned());
    let named =
        TextOptions { split_column: named, unlabelled: Some(other), ..TextOptions::default() };
    let dataset = imported(&first, &text(named)).unwrap();
    assert_eq!(dataset.csr(Split::Unlabelled).unwrap().rows(), 2);
    let none = TextOptions { with_unlabelled: false, ..column };
    assert!(imported(&path, &text(none)).unwrap().csr(Split::Unlabelled).is_err());
    // A row that names none is refused in each format.
    let named = |option: &str| Some(option.to_owned());
    let column = TextOptions { split_column: named("s"), ..TextOptions::default() };
    let [plain, twice] =
        [None, named("s")].map(|label| text(TextOptions { label_column: label, ..column.clone() }));
    for (rows, options, expected) in [
        (&b"text,label,s\na,1,train\nb,0,\n"[..], &plain, "line 3: \"\" is no split; expected train"),
        (
            b"{\"text\":\"a\",\"label\":1,\"s\":\"train\"}\n{\"text\":\"b\",\"label\":0,\"s\":null}\n",
            &plain,
            "line 2: it names no split; expected train, test or unlabelled",
        ),
        (
            b"{\"text\":\"a\",\"label\":1,\"s\":\"train\"}\n{\"text\":\"b\",\"label\":0}\n",
            &plain,
            "line 2: it names no split; expected train, test or unlabelled",
        ),
        (b"{\"text\":\"a\",\"label\":1}\n[]\n", &plain, "has: text, label; name one of them"),
        (
            b"{\"text\":\"a\",\"label\":1,\"s\":\"train\"}\n",
            &twice,
            "--split-column is \"s\", expected a column that no other option names",
        ),
    ] {
        let (_folder, path) = file("a", rows);
        let error = refusal(&path, options);
        assert!(error.contains(expected), "{expected}: {error}");
    }
    // Nor is a test split made of reviews without labels.
    for rows in ["text,label\na,\nb, \n", "text,label\n"] {
        let (_folder, path) = file("test.csv", rows.as_bytes());
        let options = text(TextOptions { test: Some(path), ..TextOptions::default() });
        let error = refusal(&sample("sample.csv"), &options);
        assert!(
            error.contains("test.csv, but no review of it has a label; name a file"),
            "{error}"
        );
    }
    let unlabelled = Some(sample("sample.fasttext.txt"));
    let both = text(TextOptions { unlabelled, ..TextOptions::default() });
    let dataset = imported(&sample("sample.fasttext.txt"), &both).unwrap();
    let of =
        |split| reviews(&dataset, split).into_iter().map(|(words, ..)| words).collect::<Vec<_>>();
    assert_eq!(of(Split::Unlabelled), of(Split::Train));
}

#[test]
fn a_second_file_in_another_format_is_refused() {
    let with = |test: Option<&str>, unlabelled: Option<&str>| {
        let [test, unlabelled] = [test, unlabelled].map(|name| name.map(sample));
        text(TextOptions { test, unlabelled, ..TextOptions::default() })
    };
    for (source, other, found) in [
        ("sample.csv", "sample.jsonl", "looks like jsonl"),
        ("sample.csv", "sample.tsv", "looks like tsv"),
        ("sample.jsonl", "sample.csv", "looks like csv"),
        ("sample.tsv", "sample.fasttext.txt", "looks like fasttext"),
    ] {
        let test = refusal(&sample(source), &with(Some(other), None));
        assert!(test.contains("--test is ") && test.contains(found), "{test}");
        assert!(test.contains("of one format; name it by --format"), "{test}");
        let unlabelled = refusal(&sample(source), &with(None, Some(other)));
        assert!(unlabelled.contains("--unlabelled is ") && unlabelled.contains(found));
    }
    // One that is not there is told of before the first is read.
    let (_folder, broken) = file("broken.csv", b"text,label\na\n");
    for options in [with(Some("missing.csv"), None), with(None, Some("missing.csv"))] {
        let error = refusal(&broken, &options);
        assert!(error.contains("missing.csv"), "{error}");
    }
    // Where the format was named, and where nothing shows one, the file is read so.
    let named = ImportOptions { format: Some(Format::Csv), ..with(Some("sample.jsonl"), None) };
    assert!(refusal(&sample("sample.csv"), &named).contains("--text-column"));
    let (_folder, one_column) = file("column.csv", b"text\nfine\nbad\n");
    let unlabelled = Some(one_column);
    let options = text(TextOptions { unlabelled, ..TextOptions::default() });
    assert!(imported(&sample("sample.csv"), &options).is_ok());
    let (_folder, plain) = file("plain.txt", b"a fine, fine film\n");
    let unlabelled = Some(plain);
    let options = text(TextOptions { unlabelled, ..TextOptions::default() });
    assert!(imported(&sample("sample.fasttext.txt"), &options).is_ok());
}

/// Rows are what the encoder, which judges text later, makes of the same texts.
#[test]
fn rows_are_those_of_the_encoder() {
    for words in [
        WordOptions { tokenizer: Tokenizer::WordsAndMarks, ..WordOptions::default() },
        WordOptions { ngrams: 3, min_count: Some(4), ..WordOptions::default() },
        WordOptions { ngrams: 2, hash_bits: Some(15), ..WordOptions::default() },
    ] {
        let options = ImportOptions { words: words.clone(), ..ImportOptions::default() };
        let dataset = imported(&sample("sample.jsonl"), &options).unwrap();
        let (rules, vocabulary) = (dataset.text_rules().unwrap(), dataset.vocabulary().unwrap());
        let encoder = Encoder::new(rules, vocabulary).unwrap();
        assert!(words.ngrams == 1 || dataset.features() > 10_000, "{words:?}");
        let mut encoding = Encoding::default();
        let lines = std::fs::read_to_string(sample("sample.jsonl")).unwrap();
        let found = reviews(&dataset, Split::Train);
        for (line, (words, features, _)) in lines.lines().zip(&found) {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            encoder.encode(object["text"].as_str().unwrap(), &mut encoding);
            assert_eq!(encoding.words(), words);
            assert_eq!(encoding.features(), features);
        }
        assert_eq!(found.len(), 600);
    }
}

/// What a model is judged by has its features, whatever words it has.
#[test]
fn known_words_are_taken_over() {
    for words in [
        WordOptions { tokenizer: Tokenizer::WordsAndMarks, ..WordOptions::default() },
        WordOptions { ngrams: 3, min_count: Some(4), ..WordOptions::default() },
        WordOptions { ngrams: 2, hash_bits: Some(15), ..WordOptions::default() },
    ] {
        let [(_first, first), (second_folder, second)] = halves("sample.csv", 1);
        let words_and_marks = words.tokenizer == Tokenizer::WordsAndMarks;
        let options = ImportOptions { words, ..ImportOptions::default() };
        let learned = imported(&first, &options).unwrap();
        let known = KnownWords {
            path: first.clone(),
            rules: learned.text_rules().unwrap().clone(),
            vocabulary: learned.vocabulary().unwrap().clone(),
        };
        let taken = ImportOptions { vocabulary: Some(known), ..ImportOptions::default() };
        let again = imported(&first, &taken).unwrap();
        assert_eq!(reviews(&again, Split::Train), reviews(&learned, Split::Train));

        let other = imported(&second, &taken).unwrap();
        assert_eq!(other.features(), learned.features());
        assert_eq!(other.vocabulary(), learned.vocabulary());
        assert_eq!(other.text_rules(), learned.text_rules());
        let own = imported(&second, &options).unwrap();
        assert_ne!(own.vocabulary(), learned.vocabulary());
        let beside = TextOptions { test: Some(second.clone()), ..TextOptions::default() };
        let both = imported(&first, &ImportOptions { text: beside, ..options }).unwrap();
        let expected = sorted(reviews(&both, Split::Test));
        assert_eq!(sorted(reviews(&other, Split::Train)), expected);

        for (more, expected) in [
            (WordOptions { ngrams: 2, ..WordOptions::default() }, "--ngrams is 2, but "),
            (
                WordOptions { min_count: Some(2), ..WordOptions::default() },
                "--min-count is 2, but ",
            ),
        ] {
            let error = refusal(&second, &ImportOptions { words: more, ..taken.clone() });
            assert!(error.contains(expected), "{error}");
        }
        let error = refusal(&sample("sample.svm"), &taken);
        assert!(error.contains("--vocabulary is "), "{error}");
        let strange = second_folder.path().join("strange.csv");
        std::fs::write(&strange, "text,label\nzzxx zzxxy,1\nzzzzx,0\n").unwrap();
        let (_marks, marks) = file("marks.csv", b"text,label\n!!!,1\n...,0\n");
        assert!(words_and_marks || imported(&marks, &taken).is_ok());
        let error = refusal(&strange, &taken);
        assert!(error.contains("strange.csv is a feature of it"), "{error}");
    }
}

const FIRST_OF_400: [usize; 6] = [0, 320, 151, 34, 336, 393];
const FIRST_OF_200: [usize; 6] = [193, 90, 55, 85, 195, 116];

/// An archive of entries: kind, path, content.
fn tar_of(entries: &[(tar::EntryType, &str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (kind, path, content) in entries {
        let mut header = tar::Header::new_ustar();
        // Past the crate's own check, which refuses what these tests are about.
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.set_entry_type(*kind);
        header.set_size(content.len() as u64);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

#[test]
fn hostile_archives_are_refused() {
    use tar::EntryType as Kind;
    let good = (Kind::Regular, "train/pos/0_9.txt", &b"good"[..]);
    let bad = (Kind::Regular, "train/neg/0_2.txt", &b"bad"[..]);
    for (entry, expected) in [
        (
            (Kind::Symlink, "train/pos/1_9.txt", &b""[..]),
            "entry 2, \"train/pos/1_9.txt\": it is a symbolic link",
        ),
        ((Kind::Link, "train/neg/1_2.txt", b""), "it is a hard link"),
        ((Kind::Char, "null", b""), "it is a device"),
        ((Kind::Block, "disk", b""), "it is a device"),
        ((Kind::Fifo, "pipe", b""), "it is a pipe"),
        ((Kind::GNUSparse, "sparse", b""), "it is a sparse file"),
        (
            (Kind::Regular, "/etc/passwd", b"x"),
            "entry 2, \"/etc/passwd\": its path leaves the archive",
        ),
        ((Kind::Regular, "train/pos/../../x", b"x"), "its path leaves the archive"),
        ((Kind::Regular, "C:\\x", b"x"), "its path leaves the archive"),
        ((Kind::Regular, "train/pos/x_9.txt", b"x"), "the name of a review is no ID_RATING.txt"),
        ((Kind::Regular, "train/pos/1_99.txt", b"x"), "a rating of 99 stars"),
        ((Kind::Regular, "train/pos/0_8.txt", b"x"), "it has the id of entry train/pos/0_9.txt"),
        (
            (Kind::Regular, "train/pos/7_8.txt", b"\xff"),
            "entry train/pos/7_8.txt: byte 0 of the text, 0xff, is not UTF-8",
        ),
        ((Kind::GNULongName, "name", &[b'x'; 70_000]), "an extended header of 70000 bytes"),
        (
            (Kind::Regular, "train/pos/8_8.txt", &vec![b'x'; (16 << 20) + 1]),
            "a review of 16777217 bytes",
        ),
    ] {
        let (_folder, path) = file("a.tar", &tar_of(&[good, entry, bad]));
        let error = refusal(&path, &text(TextOptions::default()));
        assert!(error.contains(expected), "{expected}: {error}");
    }
    // A size that is told twice: the second half is an entry to those who believe the header's own.
    let hidden = tar_of(&[(Kind::Regular, "train/pos/6_9.txt", b"hidden")]);
    let hidden = (Kind::Regular, "notes", &hidden[..1024]);
    let pax = |record: &'static [u8]| (Kind::XHeader, "pax", record);
    let all = |record: &'static [u8]| (Kind::XGlobalHeader, "pax", record);
    for (header, expected) in [
        (pax(b"10 size=0\n"), "\"notes\": its extended header says 0 bytes, and its own 1024"),
        (pax(b"25 comment=\n12 size=1024\n12 size=1\n"), "a bad extended header"),
        (pax(b"13 size=1024\n13 size=1024\n"), "is told twice"),
        (pax(b"11 path=no\n11 path=ye\n"), "entry 2, \"pax\": the path or the size"),
        (pax(b"22 GNU.sparse.major=1\n"), "it is a sparse file"),
        (pax(b"10 size=x\n"), "a bad extended header"),
        (pax(b"11 size=x\n"), "a bad extended header"),
        (pax(b"\n13 size=1024\n"), "a bad extended header"),
        (all(b"10 size=0\n"), "it tells one path or size of all entries"),
        (all(b"11 path=no\n"), "it tells one path or size of all entries"),
        ((Kind::Directory, "train/", b"x"), "a folder of 1 bytes"),
    ] {
        let (_folder, path) = file("a.tar", &tar_of(&[good, header, hidden, bad]));
        let error = refusal(&path, &text(TextOptions::default()));
        assert!(error.contains(expected), "{expected}: {error}");
    }
    // The same size, a line's end in a value, and what means nothing here.
    for header in [pax(b"13 size=1024\n"), pax(b"14 comment=a\n\n5 b=\n"), all(b"12 comment=\n")] {
        let (_folder, path) = file("a.tar", &tar_of(&[good, header, hidden, bad]));
        let dataset = imported(&path, &text(TextOptions::default())).unwrap();
        assert_eq!(dataset.labels(Split::Train).unwrap().len(), 2);
    }
    // A header that promises more than there is, one that is cut in two, and one that is damaged.
    let whole = tar_of(&[good, bad]);
    let mut damaged = whole.clone();
    damaged[1024 + 148] ^= 1;
    let other = tar_of(&[(Kind::Regular, "notes", b"nothing"), bad]);
    for (archive, place) in [
        (&whole[..512 + 2], "entry 1, \"train/pos/0_9.txt\": "),
        (&whole[..1024 + 100], "entry 2: "),
        (&damaged, "entry 2: "),
        (&other[..512 + 2], "entry 2: "),
    ] {
        let (_folder, path) = file("a.tar", archive);
        let error = refusal(&path, &text(TextOptions::default()));
        let expected = format!("a.tar: {place}the archive is damaged or cut short (");
        assert!(error.contains(&expected), "{expected}: {error}");
        assert!(error.ends_with("; get the archive again"), "{error}");
    }
    // Cut between two entries, before the mark of the end, and within the mark, of which a half will do.
    let zeros = tar_of(&[good, bad, (Kind::Regular, "zeros", &[0; 512])]);
    for (archive, length) in [(&whole, 1024), (&whole, 2048), (&zeros, 3072)] {
        for packed in [false, true] {
            let cut = &archive[..length];
            let (_folder, path) = file("a.tar", &if packed { gzipped(cut) } else { cut.to_vec() });
            let error = refusal(&path, &text(TextOptions::default()));
            assert!(
                error.contains(&format!("a.tar: byte {length}: the archive ends without")),
                "{error}"
            );
        }
    }
    let (_folder, path) = file("a.tar", &whole[..2048 + 512]);
    assert!(imported(&path, &text(TextOptions::default())).is_ok());
    // Padding of any length, but no other archive behind the first.
    let padded = [&whole, &[0; 1 << 20][..]].concat();
    let (_folder, path) = file("a.tar", &padded);
    assert!(imported(&path, &text(TextOptions::default())).is_ok());
    for (first, packed) in [(&whole, false), (&whole, true), (&padded, false)] {
        let two = [&first[..], &other].concat();
        let (_folder, path) = file("a.tar", &if packed { gzipped(&two) } else { two });
        let error = refusal(&path, &text(TextOptions::default()));
        let place = format!("a.tar: byte {}: something follows the archive's end", first.len());
        assert!(error.contains(&place), "{place}: {error}");
    }
    let (_folder, path) = file("a.tar", &tar_of(&[(Kind::Regular, "readme", b"nothing")]));
    let error = refusal(&path, &text(TextOptions::default()));
    assert!(error.contains("it holds no review"), "{error}");
    // A long path in either kind of header is read.
    let long = format!("{}/train/pos/5_9.txt", "deep/".repeat(40));
    let pax = format!("{} path={long}\n", long.len() + 10);
    assert_eq!(pax.len(), long.len() + 10);
    let name = (Kind::GNULongName, "name", long.as_bytes());
    let other = (Kind::XHeader, "name", &b"6 a=b\n"[..]);
    for headers in [vec![name], vec![(Kind::XHeader, "name", pax.as_bytes())], vec![name, other]] {
        let short = (Kind::Regular, "short", &b"excellent"[..]);
        let archive = tar_of(&[&[good], &headers[..], &[short, bad]].concat());
        let (_folder, path) = file("a.tar", &archive);
        let dataset = imported(&path, &text(TextOptions::default())).unwrap();
        assert_eq!(dataset.labels(Split::Train).unwrap().iter().filter(|&&l| l == 1).count(), 2);
    }
}

/// A folder with two reviews, one of each class.
fn folder_of_two() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (class, name, content) in [("pos", "0_9.txt", "good"), ("neg", "0_2.txt", "bad")] {
        let class = folder.path().join("train").join(class);
        std::fs::create_dir_all(&class).unwrap();
        std::fs::write(class.join(name), content).unwrap();
    }
    folder
}

#[test]
fn hostile_folders_are_refused() {
    let options = text(TextOptions { max_text: Some(99), ..TextOptions::default() });
    for (name, content, expected) in [
        ("x_9.txt", &b"x"[..], "x_9.txt: the file: the name of a review is no ID_RATING.txt"),
        ("Thumbs.db", b"x", "remove it if it is no review"),
        ("1_99.txt", b"x", "1_99.txt: the file: a rating of 99 stars"),
        // Two files of one id: nobody knows which is found first.
        ("0_8.txt", b"x", "the file: it has the id of "),
        ("7_8.txt", b"\xff", "7_8.txt: the file: byte 0 of the text, 0xff, is not UTF-8"),
        ("8_8.txt", &[b'x'; 100], "8_8.txt: the file: it is longer than 99 bytes (--max-text)"),
    ] {
        let folder = folder_of_two();
        std::fs::write(folder.path().join("train/pos").join(name), content).unwrap();
        let error = refusal(folder.path(), &options);
        assert!(error.contains(expected) && error.contains(name), "{expected}: {error}");
        assert!(name != "0_8.txt" || error.contains("0_9.txt"), "{error}");
    }
    let folder = folder_of_two();
    std::fs::create_dir(folder.path().join("train/pos/1_9.txt")).unwrap();
    let error = refusal(folder.path(), &options);
    assert!(error.contains("1_9.txt: the file: it is a folder, pipe or device"), "{error}");
}

#[cfg(unix)]
#[test]
fn pipes_and_links_in_a_folder_do_not_block() {
    use std::os::unix::fs::symlink;
    let folder = folder_of_two();
    let [pipe, review] = ["pipe", "train/pos/1_9.txt"].map(|name| folder.path().join(name));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let options = text(TextOptions::default());
    let is_pipe = "1_9.txt: the file: it is a folder, pipe or device";
    for (target, expected) in
        [("../../pipe", is_pipe), ("nowhere", "1_9.txt: the file: it is a link to nothing")]
    {
        symlink(target, &review).unwrap();
        let error = refusal(folder.path(), &options);
        assert!(error.contains(expected), "{expected}: {error}");
        std::fs::remove_file(&review).unwrap();
    }
    // What may not be looked at is not passed over, whether folder or list: here, links in a circle.
    for (name, expected) in [("test", "test/pos: "), ("train/urls_pos.txt", "urls_pos.txt: ")] {
        let place = folder.path().join(name);
        symlink(place.file_name().unwrap(), &place).unwrap();
        let error = refusal(folder.path(), &options);
        assert!(error.starts_with("cannot open ") && error.contains(expected), "{error}");
        std::fs::remove_file(&place).unwrap();
    }
    symlink("../neg/0_2.txt", &review).unwrap();
    let dataset = imported(folder.path(), &options).unwrap();
    assert_eq!(dataset.labels(Split::Train).unwrap().len(), 3);
    std::fs::rename(&pipe, &review).unwrap();
    let error = refusal(folder.path(), &options);
    assert!(error.contains(is_pipe), "{error}");
}

#[test]
fn texts_may_be_as_long_as_the_user_says() {
    let long = "good ".repeat(200);
    let json = format!("{{\"text\":\"{long}\",\"label\":1}}\n{{\"text\":\"bad\",\"label\":0}}\n");
    let archive = tar_of(&[
        (tar::EntryType::Regular, "train/pos/0_9.txt", long.as_bytes()),
        (tar::EntryType::Regular, "train/neg/0_2.txt", b"bad"),
    ]);
    for (content, needed) in [
        (json.as_bytes(), json.find('\n').unwrap()),
        (format!("text,label\n{long},1\nbad,0\n").as_bytes(), long.len()),
        (format!("__label__1 {long}\n__label__0 bad\n").as_bytes(), long.len() + 11),
        (b"1 2:1 \n0 1:1\n", 6),
        (b"1 2:1 \r\n0 1:1\r\n", 6),
        (&archive, long.len()),
    ] {
        let (_folder, path) = file("long", content);
        let limited = |bytes| text(TextOptions { max_text: Some(bytes), ..TextOptions::default() });
        imported(&path, &limited(needed)).unwrap();
        let error = refusal(&path, &limited(needed - 1));
        assert!(error.contains("--max-text"), "{error}");
        for wrong in [0, (1 << 30) + 1] {
            assert!(import::open(&path, &limited(wrong)).err().unwrap().is_usage());
        }
    }
}

#[test]
fn tables_may_be_longer_than_a_review() {
    let mut table = "text,label\n".to_owned();
    (0..5_000).for_each(|n| table += &format!("\"film {n}, of\nthree lines\n\",{}\n", n % 2));
    let (_folder, path) = file("table.csv", table.as_bytes());
    let options = text(TextOptions { max_text: Some(100), ..TextOptions::default() });
    let dataset = imported(&path, &options).unwrap();
    assert_eq!(dataset.csr(Split::Train).unwrap().rows(), 5_000);
    let endless = "\"".to_owned() + &"endless ".repeat(50_000);
    std::fs::write(&path, table + &endless).unwrap();
    let error = refusal(&path, &options);
    assert!(error.contains("row 5002, line 15002") && error.contains("200 bytes"), "{error}");

    // The lines between rows are none of them, wherever a reader's buffer ends.
    let row = format!("{},1\n", "good ".repeat(19));
    for blank in (65_300..65_700).step_by(7) {
        let table = format!("text,label\nbad,0\n{}{row}", "\n".repeat(blank));
        std::fs::write(&path, table + &"\n".repeat(300) + &row).unwrap();
        let dataset = imported(&path, &options).unwrap();
        assert_eq!(dataset.csr(Split::Train).unwrap().rows(), 3);
    }
    let table = format!("text,label\nbad,0\n{}{endless}", "\n".repeat(70_000));
    std::fs::write(&path, table).unwrap();
    let error = refusal(&path, &options);
    assert!(error.contains("row 3, line 70003") && error.contains("200 bytes"), "{error}");
}

#[test]
fn damaged_and_exploding_gzip_files_are_refused() {
    let packed = std::fs::read(sample("sample_acl.tar.gz")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut");
    let options = text(TextOptions::default());
    for length in (64..packed.len()).step_by(1013).chain(packed.len() - 9..packed.len()) {
        std::fs::write(&path, &packed[..length]).unwrap();
        let error = refusal(&path, &options);
        assert!(error.contains("damaged or cut short"), "{length}: {error}");
    }
    let mut flipped = packed.clone();
    let end = flipped.len();
    flipped[end - 6] ^= 1;
    std::fs::write(&path, &flipped).unwrap();
    assert!(refusal(&path, &options).contains("damaged or cut short"));

    // Zeros may follow a member, and other members; nothing else may.
    let rows =
        [gzipped(b"text,label\na,1\n"), vec![0; 700], gzipped(b"b,0\n"), vec![0; 3]].concat();
    std::fs::write(&path, &rows).unwrap();
    assert_eq!(imported(&path, &options).unwrap().labels(Split::Train).unwrap(), [1, 0]);
    std::fs::write(&path, [&rows[..], b"\0x"].concat()).unwrap();
    assert!(refusal(&path, &options).contains("damaged or cut short"));

    let mut bomb = format!("text,label\n{},1\nbad,0\n", "good ".repeat(30)).into_bytes();
    let rows = bomb.len();
    bomb.resize(64 << 20, b'x');
    std::fs::write(&path, gzipped(&bomb)).unwrap();
    let limit = |limit| text(TextOptions { max_unpacked: Some(limit), ..TextOptions::default() });
    let error = refusal(&path, &limit(1 << 20));
    assert!(error.contains("--max-unpacked is 1048576, but"), "{error}");
    assert!(error.contains("unpacks to more bytes; raise it"), "{error}");
    let error = refusal(&path, &options);
    assert!(error.contains("row 4, line 4: the row has more than 33554432 bytes"), "{error}");
    std::fs::write(&path, gzipped(&bomb[..rows])).unwrap();
    assert!(imported(&path, &limit(rows as u64)).is_ok());
    assert!(refusal(&path, &limit(rows as u64 - 1)).contains("--max-unpacked"));

    // Reviews of nearly no bytes take more memory than what they unpack to.
    std::fs::write(&path, gzipped(&[b"text,label\n", &b"a,1\n".repeat(1001)[..]].concat()))
        .unwrap();
    let error = refusal(&path, &limit(64_000));
    assert!(
        error.contains("--max-unpacked is 64000, but") && error.contains("1000 rev"),
        "{error}"
    );
    assert!(imported(&path, &limit(64 * 1001)).is_ok());
    // Nor do two files of half as many.
    let half = [b"text,label\n", &b"a,1\nb,0\n".repeat(300)[..]].concat();
    let [(_train, train), (_test, test)] = ["train.csv", "test.csv"].map(|name| file(name, &half));
    let options =
        TextOptions { test: Some(test), max_unpacked: Some(64_000), ..Default::default() };
    let error = refusal(&train, &text(options));
    assert!(
        error.contains("test.csv and the files before it have together more than 1000 reviews"),
        "{error}"
    );
    // Rows of libsvm are counted as reviews of texts are, those of both files.
    let svm = |rows: usize| ["1 1:1\n", &"1\n".repeat(rows - 1)].concat();
    let [(_all, all), (_half, half)] = [1001, 501].map(|n| file("a.svm", svm(n).as_bytes()));
    let error = refusal(&all, &limit(64_000));
    assert!(error.contains("a.svm has more than 1000 reviews, each of 64 bytes"), "{error}");
    assert!(imported(&all, &limit(64 * 1001)).is_ok());
    let options =
        TextOptions { test: Some(half.clone()), max_unpacked: Some(64_000), ..Default::default() };
    let error = refusal(&half, &text(options));
    assert!(error.contains("a.svm and the files before it have together more"), "{error}");
}

#[test]
fn tables_that_are_no_tables_are_refused() {
    let two =
        |text: &str| format!("review,sentiment\n\"fine, \"\"good\"\"\nfilm\",positive\n{text}");
    let plain = TextOptions::default;
    let named = |option: &str| Some(option.to_owned());
    for (content, options, expected) in [
        (
            two("bad,negative,x\n"),
            plain(),
            "row 3, line 4: 3 fields, where the first row has 2; put texts with",
        ),
        (two("bad\n"), plain(), "row 3, line 4: 1 field, where"),
        (
            two("bad,negative\n\"open,negative\nmore,positive\n"),
            plain(),
            "row 4, line 5: a field's opening quote is never closed",
        ),
        (
            two("bad,negative\n\"open,negative"),
            plain(),
            "row 4, line 5: a field's opening quote is never closed",
        ),
        (
            two("bad,negative\nso so,neutral\n"),
            plain(),
            "line 5: a third label, \"neutral\", beside \"positive\" and \"negative\"; name the labels with --negative",
        ),
        (
            "text,label\na,good\nb,bad\n".into(),
            plain(),
            "nobody can tell which label means what: \"good\", \"bad\"",
        ),
        (
            "text,label\na,4\nb,3\n".into(),
            TextOptions { negative: vec!["1".into()], positive: vec!["4".into()], ..plain() },
            "line 3: the label \"3\" is not among those named",
        ),
        ("words,label\na,1\nb,0\n".into(), plain(), "--text-column is not given, but"),
        (
            "words,label\na,1\nb,0\n".into(),
            TextOptions { text_column: named("text"), ..plain() },
            "has: words, label; name one of them",
        ),
        ("text,stars\na,1\nb,0\n".into(), plain(), "--label-column is not given, but"),
        (
            "text,label,part\na,1,train\nb,0,dev\n".into(),
            TextOptions { split_column: named("part"), ..plain() },
            "line 3: \"dev\" is no split; expected train, test or unlabelled (unsupervised, unsup); call rows for validation train",
        ),
        (
            "good film,1\nbad,0\n".into(),
            plain(),
            "has: good film, 1; name one of them, or say --no-header if that row is a review",
        ),
        (
            "text;label\na; b;1\n".into(),
            plain(),
            "row 2, line 2: 3 fields, where the first row has 2; put texts with semicolons",
        ),
        (
            "text,label\na,1\nb,0\n".into(),
            TextOptions { test_fraction: Some(0.1), ..plain() },
            "--test-fraction is 0.1, but of 2 labelled reviews it takes 0",
        ),
        (
            "text,label\na,1\n".into(),
            TextOptions { test_fraction: Some(0.5), ..plain() },
            "of 1 labelled review it takes 1; leave it out, ",
        ),
        (
            "text,label\na,1\nb,0\n".into(),
            TextOptions { test_fraction: Some(1.5), ..plain() },
            "--test-fraction is \"1.5\", expected a fraction between 0 and 1",
        ),
        ("text,label\n".into(), plain(), "it holds no review"),
        (
            format!("text,label{}\na,1\n", ",".repeat(1 << 16)),
            plain(),
            "row 1, line 1: 65538 fields, of 65536 at most; leave out columns",
        ),
        ("text,label\n,1\n\" \",0\n".into(), plain(), "no training review of"),
    ] {
        let (_folder, path) = file("a.csv", content.as_bytes());
        let error = refusal(&path, &text(options));
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let (_folder, path) = file("a.tsv", b"label\ttext\n1\ta\tb\n");
    let error = refusal(&path, &text(plain()));
    assert!(
        error.contains("row 2, line 2: 3 fields, where the first row has 2; take tabs"),
        "{error}"
    );
    let (_folder, path) = file("a.tsv", b"\"text\"\t\"label\"\n\"a\"\t1\n");
    let error = refusal(&path, &text(plain()));
    let expected = "has: \"text\", \"label\"; name one of them, or say --quoting on if its fields";
    assert!(error.contains(expected), "{error}");
    let named = TextOptions { text_column: Some("text".into()), ..plain() };
    let error = refusal(&sample("sample_acl.tar.gz"), &text(named));
    assert!(error.contains("--text-column is text, but"), "{error}");
}

#[test]
fn tables_of_all_dialects_are_read() {
    let expected = vec!["fine good film".to_owned(), String::new(), "bad".to_owned()];
    let no_header = |text: &str, label: &str| TextOptions {
        header: false,
        text_column: Some(text.into()),
        label_column: Some(label.into()),
        ..TextOptions::default()
    };
    for (name, content, options) in [
        (
            "crlf",
            "\u{feff}Review,Sentiment\r\n\"fine, \"\"good\"\"\nfilm\",Positive\r\n,negative\r\nbad,NEGATIVE",
            TextOptions::default(),
        ),
        (
            "more columns",
            "id,label,text,\"x\"\n1,1.0,\"fine\ngood\nfilm\",\n2,0.0,,a\n3,0,bad,\"b\"\n\n",
            TextOptions::default(),
        ),
        ("no header", "pos,fine good film\nneg,\nneg,bad\n", no_header("2", "1")),
        (
            "tabs",
            "text\tlabel\r\n\"fine\" good, film\tyes\r\n\tno\r\nbad\tno\r\n",
            TextOptions::default(),
        ),
        (
            "quoted tabs",
            "text\tlabel\n\"fine\tgood\nfilm\"\t1\n\"\"\t-1\nbad\t-1\n",
            TextOptions { quoting: Some(true), ..TextOptions::default() },
        ),
        (
            "fasttext",
            "__label__2 fine good film\n__label__1\n__label__1  bad\n",
            TextOptions::default(),
        ),
        (
            "the very names",
            "Label,Text,text,label\nx,none,fine good film,1\nx,none,,0\nx,none,bad,0\n",
            TextOptions::default(),
        ),
        (
            "semicolons",
            "id;text;label\r\n1;\"fine; good, film\";2\r\n2;;1\r\n3;bad;1\r\n\r\n",
            TextOptions::default(),
        ),
        (
            "blank lines",
            "text\tlabel\r\nfine good film\t1\r\n\r\n\t0\r\nbad\t0\r\n\r\n",
            TextOptions::default(),
        ),
        (
            "blank lines of both kinds",
            "text,label\nfine good film,1\n\n\n\r\n\n\n\r\n\"\",0\n\r\n\nbad,0\n\n\n\r\n",
            TextOptions::default(),
        ),
        ("quoted returns", "1,fine good film,\"a\rb\"\n-1,,\"\r\"\n-1,bad,\n", no_header("2", "1")),
        ("commas and semicolons", "\"fine; good, film\";2\n;1\n\"bad\";1\n", no_header("1", "2")),
        ("semicolons and commas", "fine; good; film,2\n,1\nbad,1\n", no_header("1", "2")),
        ("unquoted commas", "fine, good film;2\n;1\nbad;1\n", no_header("1", "2")),
        (
            "labels anywhere",
            "\n fine __label__yes good film\n__label__no\n \r\nbad\t__label__no\r\n",
            TextOptions::default(),
        ),
        (
            "cases",
            "{\"Text\":\"fine good film\",\"Label\":1}\n{\"text\":\"\",\"label\":0}\n{\"TEXT\":\"bad\",\"LABEL\":0}\n",
            TextOptions::default(),
        ),
        (
            "json",
            "{\"id\":[{}],\"text\":\"fine good \\u0066ilm\",\"label\":true}\n{\"label\":false,\"text\":\"\"}\n\n{\"text\":\"bad\",\"label\":false}",
            TextOptions::default(),
        ),
    ] {
        let (_folder, path) = file(name, content.as_bytes());
        let kept = TextOptions { keep_order: true, ..options };
        let dataset =
            imported(&path, &text(kept)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let vocabulary = dataset.vocabulary().unwrap();
        let spell = |words: &[u32]| {
            let words: Vec<&str> = words.iter().filter_map(|&id| vocabulary.word(id)).collect();
            words.join(" ")
        };
        let found = reviews(&dataset, Split::Train);
        let texts: Vec<String> = found.iter().map(|(words, ..)| spell(words)).collect();
        assert_eq!(texts, expected, "{name}");
        assert_eq!(dataset.labels(Split::Train).unwrap(), [1, 0, 0], "{name}");
    }
}

/// Whether a field is the last of its line, whose break may have two characters, makes it no other.
#[test]
fn fields_do_not_depend_on_the_order_of_columns() {
    for rows in ["text,label\n\"good\r\",\"1\r\"\n", "label,text\r\n\"1\r\",\"good\r\"\r\n"] {
        let (stream, name) = (Box::new(rows.as_bytes()), Path::new("rows"));
        let mut rows =
            import::rows_of(stream, name, Some(Format::Csv), &TextOptions::default()).unwrap();
        let row = rows.next_row().unwrap().unwrap();
        assert_eq!((row.text, row.label), (&b"good"[..], Some(&b"1"[..])));
    }
}

#[test]
fn json_errors_name_line_and_column() {
    for (line, expected) in [
        (
            "{\"text\":\"b\",\"label\":1,\"x\":NaN}",
            "line 2, column 27: expected value; JSON has no such number: write null",
        ),
        ("{\"text\":\"b\",\"label\":1,\"x\":-Infinity}", "no such number: write null"),
        (
            r#"{"text":"b \ud800 c","label":1}"#,
            "half of a surrogate pair is no character: write \\ufffd in its place",
        ),
        (r#"{"text":"b \udc00","label":1}"#, "half of a surrogate pair"),
        (r#"{"text":"b \ud800\u0061","label":1}"#, "half of a surrogate pair"),
        (r#"{"text":"b \u12","label":1}"#, "expected a JSON object with text"),
        ("{\"text\":\"b\",\"label\":1", "line 2, column 21: EOF while parsing an object"),
        ("{\"text\":[\"b\"],\"label\":1}", "line 2: \"text\" is a list or an object, not a text"),
        ("{\"text\":\"b\",\"label\":[1]}", "which label means what: \"0\", \"[1]\""),
        ("{\"label\":1}", "line 2: no field \"text\""),
        ("{\"text\":null,\"label\":1}", "\"text\" is null, not a text"),
        ("[]", "line 2, column 0: invalid type: sequence, expected an object"),
        ("{\"text\":\"b\",\"label\":1} x", "line 2, column 24: trailing characters"),
        (
            &format!("{{\"text\":\"b\",\"x\":{}", "[".repeat(100_000)),
            "line 2, column 100016: EOF while parsing a list",
        ),
    ] {
        let (_folder, path) =
            file("a.jsonl", format!("{{\"text\":\"a\",\"label\":0}}\n{line}\n").as_bytes());
        let error = refusal(&path, &text(TextOptions::default()));
        assert!(error.contains(expected), "{expected}: {error}");
    }
    for (content, expected) in [
        (&b"__label__1 a\n__label__0 __label__1 b\n"[..], "line 2: it has two labels"),
        (b"__label__1 a\n__label__0 b __label__1\n", "line 2: it has two labels"),
        (b"__label__1 a\r\n__label__0 b\r__label__0 c\r\n", "line 2: it has two labels"),
        (
            b"__label__1 a\r__label__0 b\r",
            "line 1: its lines end with carriage returns alone; convert",
        ),
        (&[&b"__label__1 a\r"[..], &[b'b'; 17 << 20], b"\n"].concat(), "it is longer than"),
        (b"1 1:1\r0 2:1\r", "line 1, column 7: its lines end with carriage returns alone"),
        (b"{\"text\":\"a\"}\r{\"text\":\"b\"}\r", "column 14: its lines end with carriage returns"),
    ] {
        let (_folder, path) = file("a.txt", content);
        let error = refusal(&path, &text(TextOptions::default()));
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

/// Objects need not have all fields, nor the first one: what is missing in all of them is told at the end. Nor need they write
/// their names alike.
#[test]
fn fields_of_json_may_come_late() {
    let late = "{\" Text \":\"a\",\"odd\":\"\\ud800\"}\n{\"text\":\"b\",\"label\":1}\n{\"text\":\"c\",\"label\":0}\n";
    let (_folder, path) = file("late.jsonl", late.as_bytes());
    let mut source = import::open(&path, &text(TextOptions::default())).unwrap();
    assert_eq!(source.notes()[1], "1 review has no label and becomes unlabelled");
    let mut found = Vec::new();
    let taken = source.for_each(&mut |review| {
        found.push((review.split, review.label));
        Ok(())
    });
    taken.unwrap();
    let expected = [(Split::Train, Some(1)), (Split::Train, Some(0)), (Split::Unlabelled, None)];
    assert_eq!(found, expected);
    let named = |name: &str| Some(name.to_owned());
    for (options, expected) in [
        (
            TextOptions { label_column: named("stars"), ..TextOptions::default() },
            "--label-column is stars, but",
        ),
        (
            TextOptions { split_column: named("part"), ..TextOptions::default() },
            "late.jsonl has:  Text , odd; name one of them",
        ),
    ] {
        let error = refusal(&path, &text(options));
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn errors_in_tables_name_the_line_that_is_at_fault() {
    let labels = |line_break: &str, blank: &str| {
        let rows = ["text,label", blank, "\"two", "lines\",1", blank, blank, "bad,0", "x,7"];
        let named = ["0", "1"].map(|label| vec![label.to_owned()]);
        let [negative, positive] = named;
        let options = TextOptions { negative, positive, ..TextOptions::default() };
        let (_folder, path) = file("a.csv", rows.join(line_break).as_bytes());
        refusal(&path, &text(options))
    };
    for line_break in ["\n", "\r\n"] {
        let error = labels(line_break, "");
        assert!(error.contains("a.csv: line 8: the label \"7\""), "{error}");
        let error = labels(line_break, "x");
        assert!(error.contains("row 2, line 2: 1 field, where"), "{error}");
        let error = labels(line_break, "\"\n\"");
        assert!(error.contains("row 2, line 2: 1 field, where"), "{error}");
    }
    for content in [&b"text,label\ra,1\rb,0\r"[..], b"text,label\r\"a\nb\",1\rb,0"] {
        let (_folder, path) = file("a.csv", content);
        let error = refusal(&path, &text(TextOptions::default()));
        let expected = "row 1, line 1: its lines end with carriage returns alone";
        assert!(error.contains(expected), "{error}");
    }
    // A review that is blank stands in quotes where a table has but one column.
    let column = b"text\n\n\n\r\n\"\r\"\n\n\n\"\"\r\nbad\n\n\r\n";
    let ((_train, train), (_more, more)) =
        (file("a.csv", b"text,label\na,1\nb,0\n"), file("b.csv", column));
    let options = text(TextOptions { unlabelled: Some(more), ..TextOptions::default() });
    assert_eq!(imported(&train, &options).unwrap().csr(Split::Unlabelled).unwrap().rows(), 3);
}

#[test]
fn reviews_that_are_not_utf8_stop_or_are_replaced_or_skipped() {
    let with = |invalid_utf8| {
        text(TextOptions { invalid_utf8, keep_order: true, ..TextOptions::default() })
    };
    for content in [
        &b"text,label\ngood,1\ncaf\xe9 x,0\nbad,0\n"[..],
        b"{\"text\":\"good\",\"label\":1}\n\n{\"text\":\"caf\xe9 x\",\"label\":0}\n{\"text\":\"bad\",\"label\":0}",
        b"__label__1 good\n\n__label__0 caf\xe9 x\n__label__0 bad",
    ] {
        let (_folder, path) = file("latin1", content);
        let error = refusal(&path, &with(InvalidUtf8::Stop));
        assert!(error.contains("latin1: line 3: byte "), "{error}");
        assert!(error.contains("is not UTF-8; convert the file to UTF-8, or give --invalid-utf8"), "{error}");
        let replaced = imported(&path, &with(InvalidUtf8::Replace)).unwrap();
        let words: Vec<_> = (4..8).filter_map(|id| replaced.vocabulary().unwrap().word(id)).collect();
        assert!(words.contains(&"caf\u{fffd}"), "{words:?}");
        let mut skipped = import::open(&path, &with(InvalidUtf8::Skip)).unwrap();
        let notes = skipped.notes().join("\n");
        assert!(notes.contains("1 review is not UTF-8 and is left out: ") && notes.contains("latin1: line 3"), "{notes}");
        let mut labels = Vec::new();
        let taken = skipped.for_each(&mut |review| {
            labels.extend(review.label);
            Ok(())
        });
        taken.unwrap();
        assert_eq!(labels, [1, 0]);
        assert!(!notes.contains("no label"), "{notes}");
        let labelled = text(TextOptions { with_unlabelled: false, ..TextOptions::default() });
        let error = refusal(&path, &labelled);
        assert!(error.contains("latin1: line 3: byte "), "{error}");
    }
    // A label is a part of its review.
    for content in [
        &b"text,label\ngood,1\nfine,p\xe9\nbad,0\n"[..],
        b"{\"text\":\"good\",\"label\":1}\n\n{\"text\":\"fine\",\"label\":\"p\xe9\"}\n{\"text\":\"bad\",\"label\":0}",
    ] {
        let (_folder, path) = file("latin1", content);
        let error = refusal(&path, &with(InvalidUtf8::Stop));
        assert!(error.contains("latin1: line 3: byte 1 of the label, 0xe9, is not"), "{error}");
        let error = refusal(&path, &with(InvalidUtf8::Replace));
        assert!(error.contains("beside \"1\" and \"p\u{fffd}\""), "{error}");
        let skipped = import::open(&path, &with(InvalidUtf8::Skip)).unwrap();
        let note = "1 review has a label that is not UTF-8 and is left out".to_owned();
        assert!(skipped.notes().contains(&note), "{:?}", skipped.notes());
    }
    // Where it does not count, it does not matter.
    for content in [
        &b"text,id,label\ngood,caf\xe9,1\nbad,2,0\n"[..],
        b"{\"text\":\"good\",\"id\":\"caf\xe9\",\"label\":1}\n{\"text\":\"bad\",\"label\":0}\n",
        // A number as a text.
        b"{\"text\":12,\"id\":\"caf\xe9\",\"label\":1}\n{\"text\":\"bad\",\"label\":0}\n",
        // The mark of what was replaced by whoever wrote the text.
        b"{\"caf\xe9\":[{}],\"text\":\"g\xef\xbf\xbdd\",\"id\":\"\xe9\",\"label\":1}\n{\"text\":\"bad\",\"label\":0}\n",
    ] {
        let (_folder, path) = file("latin1", content);
        let dataset = imported(&path, &with(InvalidUtf8::Stop)).unwrap();
        assert_eq!(dataset.labels(Split::Train).unwrap(), [1, 0]);
    }
    let unlabelled = b"text,split,label\ngood,train,1\nbad,train,0\nfine,unsup,p\xe9\n";
    let (_folder, path) = file("latin1", unlabelled);
    let split_column = Some("split".to_owned());
    imported(&path, &text(TextOptions { split_column, ..TextOptions::default() })).unwrap();
    // The byte is one of the text as it is without escapes, and of the last text that counts.
    let line = b"{\"\xe9\":0,\"text\":\"a\",\"label\":1,\"text\":\"\\u00e9 \\\"\xe9\\\"\"}\n";
    let (_folder, path) = file("latin1", line);
    let error = refusal(&path, &with(InvalidUtf8::Stop));
    assert!(error.contains("latin1: line 1: byte 4 of the text, 0xe9, is not UTF-8"), "{error}");
}

#[test]
fn movies_may_come_before_the_reviews_or_behind_them() {
    use tar::EntryType::Regular;
    let list = (Regular, "train/urls_pos.txt", &b"x/tt12/y\nx/tt34/y\n"[..]);
    let reviews = [
        (Regular, "train/pos/1_9.txt", &b"good"[..]),
        (Regular, "train/pos/5_8.txt", b"fine"),
        (Regular, "train/neg/0_2.txt", b"bad"),
    ];
    let [a, b, c] = reviews;
    for entries in [[list, a, b, c], [a, b, c, list]] {
        let (_folder, path) = file("a.tar", &tar_of(&entries));
        let kept = text(TextOptions { keep_order: true, ..TextOptions::default() });
        let dataset = imported(&path, &kept).unwrap();
        let unknown = format::UNKNOWN_GROUP;
        assert_eq!(dataset.groups(Split::Train).unwrap().unwrap(), [34, unknown, unknown]);
        assert_eq!(dataset.ratings(Split::Train).unwrap().unwrap(), [9, 8, 2]);
        assert_eq!(dataset.groups(Split::Train).unwrap().unwrap().len(), 3);
    }
}

#[test]
fn one_class_alone_is_told() {
    let (_folder, path) = file("a.csv", b"text,label\na,1\nb,1\n");
    let source = import::open(&path, &text(TextOptions::default())).unwrap();
    let notes = source.notes().join("\n");
    assert!(notes.contains("the train split has one class only: all is positive"), "{notes}");
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_is_read() {
    let path = sample("sample.parquet");
    assert_eq!(import::detect(&path).unwrap(), Format::Parquet);
    let lines = std::fs::read_to_string(sample("sample.jsonl")).unwrap();
    let lines: String = lines.split_inclusive('\n').take(20).collect();
    let (_folder, expected) = file("a.jsonl", lines.as_bytes());
    let options = text(TextOptions::default());
    let [found, expected] = [&path, &expected].map(|path| imported(path, &options).unwrap());
    assert_eq!(reviews(&found, Split::Train), reviews(&expected, Split::Train));
    let whole = std::fs::read(&path).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.parquet");
    for length in (4..whole.len()).step_by(37) {
        std::fs::write(&cut, &whole[..length]).unwrap();
        refusal(&cut, &options);
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_needs_a_feature() {
    let error = refusal(&sample("sample.parquet"), &text(TextOptions::default()));
    assert!(
        error.contains("found a parquet file; install it with `--features parquet`"),
        "{error}"
    );
}

/// With Keras' own word index, the archive holds the reviews of imdb.npz, in another order.
#[test]
fn the_real_archive_holds_the_reviews_of_keras() {
    let Some(folder) = std::env::var_os("IMDB_FAST_DATA").map(PathBuf::from) else {
        skipped("IMDB_FAST_DATA names no folder with aclImdb_v1.tar.gz and imdb.npz");
        return;
    };
    let word_index = Some(folder.join("imdb_word_index.json"));
    let keras = KerasOptions { num_words: None, ..KerasOptions::default() };
    let options = ImportOptions { word_index, keras, ..ImportOptions::default() };
    let keras = imported(&folder.join("imdb.npz"), &options).unwrap();
    let archive = imported(&folder.join("aclImdb_v1.tar.gz"), &options).unwrap();
    for split in [Split::Train, Split::Test] {
        // Keras cuts the very last word where no number is given, so its mark is the only difference there may be.
        let cut = keras.features() as u32;
        let rows = |dataset: &Dataset| {
            let rows = reviews(dataset, split).into_iter();
            let cut = |word| if word >= cut { 2 } else { word };
            sorted(
                rows.map(|(words, _, label)| {
                    (words.into_iter().map(cut).collect::<Vec<_>>(), label)
                })
                .collect(),
            )
        };
        assert!(rows(&archive) == rows(&keras), "{}", split.name());
    }
    assert_eq!(archive.csr(Split::Unlabelled).unwrap().rows(), 50_000);
    let ratings = archive.ratings(Split::Train).unwrap().unwrap();
    let labels = archive.labels(Split::Train).unwrap();
    assert!(
        labels
            .iter()
            .zip(ratings)
            .all(|(&label, &stars)| stars != 0 && (label == 1) == (stars > 5))
    );
    let movies = archive.groups(Split::Train).unwrap().unwrap();
    assert!(movies.iter().all(|&movie| movie != format::UNKNOWN_GROUP));
}
