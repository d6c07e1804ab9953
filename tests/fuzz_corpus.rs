//! What each fuzz target checks, over its corpus, on stable: `fuzz/README.md` says what the targets are.

mod common;
// The very code of the targets.
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use common::{InMemory, generated, names, repository, team, written};
use imdb_fast::dataset::{Contents, Holdout, Split};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense, Embedding, RowNorm};
use imdb_fast::random::{Random, Stream};
use imdb_fast::text::{Rules, Vocabulary};
use imdb_fast::train::{FeatureScale, FitOptions, Silent, TrainPlan, fit};

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target)
}

/// As long as an input may take in `fuzz/run.sh`.
const LONGEST: Duration = Duration::from_secs(10);

/// Every file of the corpus passes, in time. Those whose name starts with `valid` are accepted, and those with `bad` refused.
#[test]
fn targets_pass_their_corpora() {
    for (target, check) in fuzz::TARGETS {
        let files = std::fs::read_dir(corpus(target)).expect("every target has a corpus");
        let mut files: Vec<PathBuf> = files.map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        let mut accepted = 0;
        for file in &files {
            let data = std::fs::read(file).expect("the file can be read");
            let begun = Instant::now();
            let is_accepted = check(&data);
            assert!(begun.elapsed() < LONGEST, "{} takes too long", file.display());
            accepted += usize::from(is_accepted);
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            assert!(is_accepted || !name.starts_with("valid"), "{} is refused", file.display());
            assert!(!is_accepted || !name.starts_with("bad"), "{} is accepted", file.display());
        }
        println!("{target}: {} inputs, {accepted} accepted", files.len());
        assert!(accepted > 0, "{target}: no input is accepted, so the check checks nothing");
    }
}

fn check_of(target: &str) -> fuzz::Check {
    fuzz::TARGETS.into_iter().find(|(name, _)| *name == target).expect("a target").1
}

fn any_bytes(seed: u64, number: u64, count: usize) -> Vec<u8> {
    let mut random = Random::numbered(seed, Stream::SyntheticReviews, number);
    (0..count).map(|_| random.below(256) as u8).collect()
}

/// What is drawn for a target has to be sound at times, or nothing is checked but the first thing that is wrong.
#[test]
fn files_that_are_drawn_are_accepted_at_times() {
    for target in ["dataset_open", "model_load", "judge", "checkpoint_load", "import_options"] {
        let check = check_of(target);
        let accepted = (0..300).filter(|&number| check(&any_bytes(7, number, 400))).count();
        println!("{target}: {accepted} accepted");
        assert!(accepted >= 5, "{target}: {accepted}");
    }
}

/// What is checked here is what libFuzzer runs, and has a corpus.
#[test]
fn no_target_is_left_out() {
    let mut targets = fuzz::TARGETS.map(|(target, _)| target.to_owned());
    targets.sort();
    let entries = targets.each_ref().map(|target| format!("{target}.rs"));
    assert_eq!(names(&repository("fuzz/fuzz_targets")), entries);
    assert_eq!(names(&repository("fuzz/corpus")), targets);
    let manifest = std::fs::read_to_string(repository("fuzz/Cargo.toml")).unwrap();
    let manifest: serde_json::Value = toml::from_str(&manifest).unwrap();
    let mut binaries = manifest["bin"].as_array().unwrap().clone();
    binaries.sort_by_key(|binary| binary["name"].as_str().unwrap().to_owned());
    assert_eq!(binaries.len(), targets.len());
    for (target, binary) in targets.iter().zip(&binaries) {
        assert_eq!(binary["name"], **target);
        assert_eq!(binary["path"], format!("fuzz_targets/{target}.rs"));
        let entry = repository("fuzz/fuzz_targets").join(format!("{target}.rs"));
        let entry = std::fs::read_to_string(entry).unwrap();
        assert!(entry.contains(&format!("::{target}::check(data)")), "{entry}");
    }
}

/// What is fuzzed is built of what the program is built of.
#[test]
fn the_versions_that_are_fuzzed_are_those_of_the_program() {
    let packages = |lock: &str| -> Vec<serde_json::Value> {
        let lock = std::fs::read_to_string(repository(lock)).unwrap();
        let lock: serde_json::Value = toml::from_str(&lock).unwrap();
        lock["package"].as_array().unwrap().clone()
    };
    let of_the_program = packages("Cargo.lock");
    for package in packages("fuzz/Cargo.lock") {
        let same = of_the_program.iter().filter(|other| other["name"] == package["name"]);
        let versions: Vec<_> = same.map(|other| &other["version"]).collect();
        let is_known = versions.is_empty() || versions.contains(&&package["version"]);
        assert!(is_known, "{} {} for {versions:?}", package["name"], package["version"]);
    }
}

/// Rows of every split and with every tensor, some of them empty.
fn rows(features: usize, text: Option<Rules>) -> InMemory {
    let last = features as u32 - 1;
    let words = ["", "", "", "", "the", "film", "good"].map(str::to_owned);
    let contents = Contents {
        features,
        vocabulary: Some(Vocabulary::from_words(words).with_cut(["awful"])),
        text,
        sequences: true,
        options: serde_json::json!({ "source": "corpus" }),
    };
    let reviews = vec![
        (Split::Train, vec![3, 1, last, 1], Some(1)),
        (Split::Train, vec![], Some(0)),
        (Split::Test, vec![last, 0], Some(0)),
        (Split::Unlabelled, vec![2, 2, 2], None),
    ];
    InMemory { contents, reviews }
}

fn tar() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text) in [
        ("aclImdb/train/urls_pos.txt", "http://www.imdb.com/title/tt0453418/usercomments\n"),
        ("aclImdb/train/pos/0_9.txt", "A good film, a <br />great one"),
        ("aclImdb/train/neg/0_2.txt", "Not good at all"),
        ("aclImdb/test/pos/0_10.txt", "good"),
        ("aclImdb/train/unsup/0_0.txt", "nobody knows"),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        archive.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    archive.into_inner().unwrap()
}

/// The files that fuzzing starts from, and some that were chosen to be refused: small, and written by our own writers where
/// there are some. Run after a format has changed: `cargo test --test fuzz_corpus -- --ignored`.
#[test]
#[ignore = "writes into fuzz/corpus"]
fn the_first_files_of_the_corpora_are_written() {
    use fuzz::pickle::{npy, npz, sample};
    use zip::CompressionMethod::{Deflated, Stored};

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    let put = |target: &str, name: &str, bytes: &[u8]| {
        std::fs::create_dir_all(corpus(target)).unwrap();
        std::fs::write(corpus(target).join(name), bytes).unwrap();
    };
    for (name, features) in [("valid-narrow", 7), ("valid-wide", 65_536)] {
        drop(written(rows(features, None), &file));
        put("dataset_open", name, &std::fs::read(&file).unwrap());
    }
    // What `tests/small_run.rs` begins with under Miri.
    drop(written(generated(24, 40, 2), &file));
    put("dataset_open", "valid-small-run", &std::fs::read(&file).unwrap());
    let rules = Rules { num_words: 7, ..Rules::default() };
    drop(written(rows(7, Some(rules.clone())), &file));
    put("dataset_open", "valid-text", &std::fs::read(&file).unwrap());

    let put_model = |name: &str, mut model: Model| {
        model.vocabulary = rows(7, None).contents.vocabulary;
        model.text = Some(rules.clone());
        model.save(&file).unwrap();
        put("model_load", name, &std::fs::read(&file).unwrap());
    };
    let network = |activation: Activation| {
        Architecture::new(7, &[Dense { units: 3, activation }; 2]).unwrap()
    };
    put_model("valid-relu", Model::new(network(Activation::Relu), 1));
    put_model("valid-prelu", Model::new(network(Activation::Prelu), 1));
    let embedding = Embedding { dim: 2, max_len: 5, mask: true };
    let network = network(Activation::Relu);
    put_model("valid-embedding", Model::new(network.clone().with_embedding(embedding).unwrap(), 1));
    let dataset = written(rows(7, None), &folder.path().join("scaled"));
    let mut model = Model::new(network, 1);
    let options = FitOptions {
        epochs: 1,
        validation: Holdout::None,
        feature_scale: Some(FeatureScale::NaiveBayes { smoothing: 1.0 }),
        row_norm: RowNorm::L2,
        ..FitOptions::default()
    };
    let plan = TrainPlan::new(&dataset, &model, options).unwrap();
    fit(&plan, &mut model, &team(1), &mut Silent).unwrap();
    put_model("valid-scaled", model);
    for protocol in 2..=5 {
        let pickle = sample(protocol);
        put("pickle", &format!("valid-protocol-{protocol}"), &pickle);
        let arrays = |y: &[u8]| {
            let (x, y) = (npy("|O", 3, &pickle), npy("|b1", 3, y));
            let test = [("x_test", x.clone()), ("y_test", y.clone())];
            [("x_train", x), ("y_train", y)].into_iter().chain(test).collect::<Vec<_>>()
        };
        let method = if protocol % 2 == 0 { Stored } else { Deflated };
        put(
            "keras_npz",
            &format!("valid-protocol-{protocol}.npz"),
            &npz(&arrays(&[1, 0, 1]), method),
        );
        put("keras_npz", "bad-label.npz", &npz(&arrays(&[1, 0, 2]), method));
    }
    put("pickle", "bad-calls-a-shell", b"\x80\x02cos\nsystem\nX\x0b\0\0\0touch pwned\x85R.");
    let texts: [(&str, &str, &str); 12] = [
        ("keras_npz", "valid-words.json", "{\"the\": 1, \"of\": 2, \"caf\\u00e9\": 300}\n"),
        ("keras_npz", "bad-rank.json", "{\"the\": 1, \"of\": 1}\n"),
        ("libsvm", "valid-zero-one.svm", "1 1:1 3:1\n0 2:1 # comment\n\n1\n"),
        ("libsvm", "valid-minus-one.svm", "-1 0:1 5:1\r\n+1 1:1.0\n"),
        ("libsvm", "bad-order.svm", "1 3:1 2:1\n"),
        ("libsvm", "bad-value.svm", "1 3:2\n"),
        ("delimited", "valid.csv", "text,label\n\"a \"\"good\"\", film\",1\n\"bad\nfilm\",0\n"),
        (
            "delimited",
            "valid.tsv",
            "review\tsentiment\na good film\tpositive\na bad one\tnegative\n",
        ),
        (
            "delimited",
            "valid.jsonl",
            "{\"text\":\"good \\u00e9\",\"label\":1}\n{\"text\":\"bad\",\"label\":0}\n",
        ),
        ("delimited", "valid.txt", "__label__1 a good film\n__label__0 a bad one\n"),
        ("delimited", "bad-quote.csv", "text,label\n\"never closed,1\n"),
        (
            "tokenizer",
            "valid-text",
            "Don't say it's GOOD<br />it isn't: naïve ΣΑΣ, 日本 100%, a_b '' ' x",
        ),
    ];
    texts.iter().for_each(|(target, name, text)| put(target, name, text.as_bytes()));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(&tar()).unwrap();
    put("acl_tar", "valid.tar", &tar());
    put("acl_tar", "valid.tar.gz", &gzip.finish().unwrap());
    put("acl_tar", "bad-cut-between-entries.tar", &tar()[..4096]);
    put("checkpoint_load", "valid-whole", &fuzz::checkpoint_load::whole());
    put("checkpoint_load", "valid-unchanged", &[0; 2]);
    put("checkpoint_load", "bad-window", &[1, 4, 15, 5, 0]);
    // Sources of structured inputs: any bytes will do.
    for (seed, target) in
        ["dataset_roundtrip", "kernels_agree", "lazy_equals_dense"].into_iter().enumerate()
    {
        for number in 0..4 {
            let bytes = any_bytes(seed as u64, number, 200);
            put(target, &format!("valid-any-{number}"), &bytes);
        }
    }
    // Of these not all that is drawn is accepted.
    for (seed, target) in (10..).zip(["judge", "import_options"]) {
        let check = check_of(target);
        let mut named = [("valid", 0), ("bad", 0)];
        for number in 0..200 {
            let bytes = any_bytes(seed, number, 800);
            let (name, count) = &mut named[usize::from(!check(&bytes))];
            if *count < 4 {
                put(target, &format!("{name}-any-{count}"), &bytes);
            }
            *count += 1;
        }
    }
}
