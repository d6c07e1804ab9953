//! The program as a user meets it: the main path, and every wrong input.

mod common;

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::desk::neutral;
use common::{gzipped, names, repository, skipped};
use imdb_fast::container::Access;
use imdb_fast::dataset::{Dataset, Split};
use imdb_fast::kernel::{LEVEL_VARIABLE, Level};
use serde_json::{Value, json};
use zip::write::SimpleFileOptions;

/// A folder to work in, all of whose files stay as they were where the program fails.
struct Desk(common::desk::Desk);

impl Deref for Desk {
    type Target = common::desk::Desk;

    fn deref(&self) -> &common::desk::Desk {
        &self.0
    }
}

impl Desk {
    fn new() -> Desk {
        Desk(common::desk::Desk::new())
    }

    /// With the sample dataset, `d.safetensors`.
    fn with_dataset() -> Desk {
        Desk(common::desk::Desk::with_sample("600"))
    }

    /// Expects an exit code, one line of error that says all of `parts`, nothing on stdout and all files as they were.
    fn fails(&self, code: i32, arguments: &[&str], parts: &[&str]) {
        self.fails_with(code, arguments, parts, |command| command);
    }

    /// The same with another environment.
    fn fails_with(
        &self,
        code: i32,
        arguments: &[&str],
        parts: &[&str],
        change: impl Fn(&mut Command) -> &mut Command,
    ) {
        let before = contents(self.folder());
        let output = change(&mut self.command(arguments)).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        // Notes may stand before it; clap's own errors go on with the usage.
        let last = errors.lines().find(|line| line.starts_with("error: ")).expect(&errors);
        let is_clap = errors.contains("For more information, try '--help'");
        assert!(is_clap || errors.ends_with(&format!("{last}\n")), "{arguments:?}: {errors}");
        for part in parts {
            assert!(errors.contains(part), "{arguments:?}: no {part:?} in {errors}");
        }
        assert_eq!(output.stdout, b"", "{arguments:?}");
        assert!(contents(self.folder()) == before, "{arguments:?} left or changed files");
    }
}

/// All files in a folder and those below it, with their bytes; no bytes for pipes.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut contents = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            contents.extend(self::contents(&path));
        }
        let bytes = if path.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        contents.insert(path, bytes);
    }
    contents
}

const SMALL: [&str; 6] = ["train", "d.safetensors", "--validation", "100", "--epochs", "3"];

#[test]
fn from_import_to_predictions() {
    let desk = Desk::with_dataset();
    let facts = desk.ok(&["inspect", "d.safetensors"]);
    assert!(facts.contains("400 reviews") && facts.contains("200 reviews"), "{facts}");
    assert!(desk.ok(&["verify", "d.safetensors"]).contains("ok, a dataset"));
    let review = desk.ok(&["decode", "d.safetensors", "--row", "3", "--split", "test"]);
    let (label, review) = review.split_once('\n').unwrap();
    assert!(review.starts_with("? ") && review.split(' ').count() > 4, "{review}");
    let decode = ["decode", "d.safetensors", "--row", "3", "--split", "test", "--ids", "-q"];
    let ids = desk.ok(&decode);
    let (same_label, ids) = ids.split_once('\n').unwrap();
    let ids: Vec<u32> = ids.split_whitespace().map(|id| id.parse().unwrap()).collect();
    assert!(ids[0] == 1 && ids.len() == review.split(' ').count(), "{ids:?}: {review}");
    let dataset = Dataset::open(&desk.path("d.safetensors"), Access::Map).unwrap();
    let expected = match dataset.labels(Split::Test).unwrap()[3] {
        1 => "label 1, positive",
        _ => "label 0, negative",
    };
    assert_eq!([label, same_label], [expected; 2]);

    let output = desk.run(&SMALL);
    let (out, errors) = (String::from_utf8(output.stdout), String::from_utf8(output.stderr));
    let (out, errors) = (out.unwrap(), errors.unwrap());
    assert_eq!(errors.lines().filter(|line| line.contains("val_accuracy")).count(), 3, "{errors}");
    assert!(!errors.contains('\r'), "no animation where stderr is no terminal");
    assert!(out.contains("the validation loss was lowest at epoch"), "{out}");
    let expected = ["curves.png", "curves.svg", "history.csv", "history.json", "model.safetensors"];
    assert_eq!(names(&desk.path("run")), expected);
    let history: Value = serde_json::from_slice(&desk.read("run/history.json")).unwrap();
    for name in ["loss", "accuracy", "val_loss", "val_accuracy"] {
        assert_eq!(history["history"][name].as_array().unwrap().len(), 3, "{name}");
    }
    assert!(history["fit_seconds"].as_f64().unwrap() > 0.0 && history["threads"].is_u64());
    assert_eq!(history["options"]["batch_size"], 512);

    let model = "run/model.safetensors";
    assert!(desk.ok(&["verify", model]).contains("ok, a model"));
    assert!(desk.ok(&["inspect", model]).contains("16 relu, 16 relu, 1 sigmoid"));
    let table = desk.ok(&["evaluate", model, "d.safetensors"]);
    assert!(table.contains("accuracy") && table.contains("predicted positive"), "{table}");
    let json = desk.ok(&["evaluate", model, "d.safetensors", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["reviews"], 200);
    assert!(json["predict_seconds"].as_f64().unwrap() > 0.0, "{json}");

    let all = desk.ok(&["predict", model, "d.safetensors"]);
    let all: Vec<f32> = all.lines().map(|line| line.parse().unwrap()).collect();
    assert!(all.len() == 200 && all.iter().all(|p| (0.0..=1.0).contains(p)));
    let some = desk.ok(&["predict", model, "d.safetensors", "--rows", "5..8", "--csv"]);
    let lines: Vec<&str> = some.lines().collect();
    assert_eq!(lines[0], "row,probability,label");
    assert_eq!(lines.len(), 4);
    assert!(lines[1].starts_with(&format!("5,{},", all[5])), "{some}");

    let (_, note) = desk.runs(&["plot", "run/history.json", "-o", "curves.svg"]);
    assert!(note.starts_with("wrote curves.svg: "), "{note}");
    desk.ok(&["plot", "run/history.json", "-o", "curves.png"]);
    assert_eq!(desk.read("curves.svg"), desk.read("run/curves.svg"));
    assert_eq!(desk.read("curves.png"), desk.read("run/curves.png"));
}

#[test]
fn generated_reviews_and_silence() {
    let desk = Desk::new();
    let small = ["synth", "-o", "s.safetensors", "--reviews", "300", "--words", "500"];
    desk.ok(&small);
    let output =
        desk.run(&["-q", "train", "s.safetensors", "--validation", "0.4", "--epochs", "2"]);
    assert!(output.status.success());
    assert_eq!((output.stdout, output.stderr), (Vec::new(), Vec::new()));
    assert!(desk.ok(&["info"]).contains("threads"));
    #[cfg(unix)]
    {
        let nowhere = desk.path("nowhere");
        let place = format!("cannot write to {}: ", nowhere.display());
        let expected =
            format!("{place}entity not found; name another place by the variable TMPDIR\n");
        desk.fails_with(1, &["train"], &[&expected], |command| command.env("TMPDIR", &nowhere));
    }
}

/// What the crate that starts them looks for in the environment has no say.
#[test]
fn threads_are_one_a_core_where_no_number_is_given() {
    let desk = Desk::new();
    let output = desk.command(&["info"]).env("RAYON_NUM_THREADS", "5000").output().unwrap();
    let facts = String::from_utf8(output.stdout).unwrap();
    let cores = std::thread::available_parallelism().unwrap().get();
    assert!(facts.lines().any(|line| line == format!("threads       {cores}")), "{facts}");
}

#[test]
fn a_second_run_gives_the_same_bytes_and_can_start_from_the_first() {
    let desk = Desk::with_dataset();
    let run = |out: &str, threads: &str| {
        desk.ok(&[&SMALL[..], &["--out", out, "--threads", threads]].concat());
        let model = desk.read(&format!("{out}/model.safetensors"));
        (desk.read(&format!("{out}/history.csv")), tensors(&model).to_vec())
    };
    assert!(run("a", "1") == run("b", "3"));
    let init = ["--out", "c", "--init", "a/model.safetensors"];
    desk.ok(&[&SMALL[..], &init].concat());
    assert!(desk.read("c/history.csv") != desk.read("a/history.csv"));
}

#[test]
fn a_loss_that_falls_by_too_little_stops_the_run() {
    let desk = Desk::with_dataset();
    let said = desk.ok(&[&SMALL[..], &["--early-stopping", "1", "--min-delta", "0.9"]].concat());
    assert!(said.contains("the validation loss did not fall by 0.9 any more\n"), "{said}");
    // No loss is lower by so much than the first.
    assert_eq!(desk.text("run/history.csv").lines().count(), 1 + 2);
}

#[test]
fn the_environment_chooses_the_kernels() {
    let desk = Desk::with_dataset();
    let supported: Vec<&str> = Level::supported().into_iter().map(Level::name).collect();
    let with = |level: &str, arguments: &[&str]| {
        let output = desk.command(arguments).env(LEVEL_VARIABLE, level).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{level}, {arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    for level in &supported {
        let facts = with(level, &["info"]);
        let kernels = format!("{level} (of {}; {LEVEL_VARIABLE} chooses)", supported.join(", "));
        assert!(facts.contains(&kernels), "no {kernels:?} in {facts}");
        let sets = match *level {
            "avx512" => " lzcnt popcnt avx512f avx512bw avx512dq avx512vl\n",
            "avx2" => "  avx2 fma bmi1 bmi2 lzcnt popcnt",
            _ => "",
        };
        assert!(facts.contains(sets), "no {sets:?} in {facts}");
        with(level, &[&SMALL[..], &["--out", level]].concat());
        let model = format!("{level}/model.safetensors");
        with(level, &["evaluate", &model, "d.safetensors"]);
    }
    let best = format!("{} (of", Level::detect());
    for unset in [
        desk.command(&["info"]).env_remove(LEVEL_VARIABLE),
        desk.command(&["info"]).env(LEVEL_VARIABLE, ""),
    ] {
        let info = unset.output().unwrap();
        assert!(String::from_utf8(info.stdout).unwrap().contains(&best));
    }

    let unsupported = ["portable", "avx2", "avx512"].into_iter();
    let unsupported = unsupported.filter(|level| !supported.contains(level));
    for level in unsupported.chain(["avx1024", "AVX2", " avx2", "portable,avx2"]) {
        // Shown as it would stand in a program, since blanks and nothing at all would not be seen.
        let expected = format!("one that this CPU can run: {}", supported.join(", "));
        let parts = [LEVEL_VARIABLE, level, &expected];
        for arguments in [&["info"][..], &SMALL] {
            desk.fails_with(2, arguments, &parts, |command| command.env(LEVEL_VARIABLE, level));
        }
    }
}

#[test]
fn reviews_are_shuffled_as_asked_for() {
    let desk = Desk::with_dataset();
    let history = |out: &str, shuffle: &[&str]| {
        let small = ["--batch-size", "32", "--out", out];
        desk.ok(&[&SMALL[..], &small, shuffle].concat());
        let json: Value =
            serde_json::from_slice(&desk.read(&format!("{out}/history.json"))).unwrap();
        assert_eq!(json["history"]["loss"].as_array().unwrap().len(), 3);
        (desk.read(&format!("{out}/history.csv")), json["options"]["shuffle"].clone())
    };
    let (default, _) = history("a", &[]);
    let (full, told) = history("b", &["--shuffle", "full"]);
    assert!(full == default && told == "full");
    let (none, told) = history("c", &["--shuffle", "none"]);
    assert!(none != full && told == "none");
    assert!(none == history("d", &["--no-shuffle"]).0);
    let (blocked, told) = history("e", &["--shuffle", "blocked"]);
    assert!(blocked != none && told == "blocked");
    let both = ["--shuffle", "full", "--no-shuffle"];
    desk.fails(2, &[&SMALL[..], &both].concat(), &["--shuffle", "--no-shuffle", "cannot be used"]);
    let unknown = ["--shuffle", "some"];
    desk.fails(2, &[&SMALL[..], &unknown].concat(), &["--shuffle", "some", "none, full, blocked"]);
}

#[test]
fn wrong_arguments_are_usage_errors() {
    let desk = Desk::with_dataset();
    let train = |extra: &[&str], parts: &[&str]| {
        desk.fails(2, &[&["train", "d.safetensors"][..], extra].concat(), parts);
    };
    train(&["--batch-size", "0"], &["--batch-size", "at least 1"]);
    train(&["--epochs", "0"], &["--epochs", "at least 1"]);
    train(&["--hidden", "16,0"], &["--hidden", "none"]);
    train(&["--activation", "rleu"], &["relu, tanh, sigmoid"]);
    train(&["--hidden", "none", "--activation", "tanh"], &["--activation", "no hidden layer"]);
    train(&["--loss", "l2"], &["binary-crossentropy, mean-squared-error, hinge"]);
    train(&["--optimizer", "adamm"], &["rmsprop, sgd, adam, adamw, adagrad"]);
    train(&["--optimizer", "sgd:rho=0.9"], &["learning_rate, momentum, nesterov"]);
    train(&["--metrics", "auk"], &["accuracy, precision, recall, f1, auc"]);
    train(&["--metrics", "auc,accuracy,auc"], &["--metrics is \"auc\"", "once"]);
    train(&["--learning-rate", "-1"], &["learning_rate", "above 0"]);
    train(&["--epochs", "-1"], &["'-1' for '--epochs <N>': expected a whole number, 0 or more"]);
    train(&["--seed", "-1"], &["'-1' for '--seed <N>': expected a whole number, 0 or more"]);
    train(&["--seed", "99999999999999999999"], &["expected a smaller number"]);
    train(
        &["--learning-rate", "1e40"],
        &["'1e40' for '--learning-rate <RATE>': expected a number up"],
    );
    train(&["--learning-rate", "1e400"], &["'1e400' for '--learning-rate <RATE>': expected"]);
    train(&["--learning-rate", "1e-50"], &["'1e-50' for '--learning-rate <RATE>': expected"]);
    train(&["--learning-rate", "0e9"], &["learning_rate of --optimizer is \"0\""]);
    train(&["--dropout", "half"], &["'half' for '--dropout <CHANCE>': expected a number"]);
    train(&["--validation", "-3"], &["--validation is \"-3\"", "a part such as 0.4"]);
    train(&["--threads", "-1"], &["'-1' for '--threads"]);
    train(&["--out", "-1"], &["unexpected argument '-1'"]);
    desk.fails(2, &["decode", "d.safetensors", "--row", "-1"], &["'-1' for '--row"]);
    train(&["--learning-rate", "nan"], &["learning_rate", "above 0"]);
    train(&["--validation", "1.5"], &["--validation", "0.4"]);
    let large = "99999999999999999999";
    train(&["--validation", large], &["expected a smaller number"]);
    let rows = format!("0..{large}");
    let predict = ["predict", "m", "d.safetensors", "--rows", &rows];
    desk.fails(2, &predict, &["expected a smaller number"]);
    let words = ["import", "x", "-o", "y", "--num-words", "5000000000"];
    desk.fails(2, &words, &["expected a smaller number"]);
    desk.fails(2, &["import", "x", "-o", "y", "--num-words", "al"], &["a number or `all`"]);
    train(&["--validation", "0", "--keep-best"], &["--validation"]);
    train(&["--min-delta", "0.1"], &["--early-stopping"]);
    for delta in ["--min-delta=-1", "--min-delta=inf"] {
        train(&["--early-stopping", "1", delta], &["--min-delta", "a finite number of at least 0"]);
    }
    train(&["--threads", "100000"], &["--threads", "4096"]);
    train(&["--no-such-option"], &["--no-such-option"]);
    desk.fails(2, &["synth", "-o", "x", "--reviews", "0"], &["--reviews", "from 1"]);
    desk.fails(2, &["synth", "-o", "x", "--words", "1e4"], &["expected a whole number"]);
    desk.fails(2, &["import", "x", "-o", "y", "--quoting", "no"], &["expected on or off"]);
    desk.fails(2, &["import", "x", "-o", "y", "--index-base", "2"], &["expected 0 or 1"]);
    desk.fails(2, &["plot", "h.json", "-o", "h.gif"], &["--output", ".svg or .png"]);
    desk.fails(2, &["predict", "m", "d.safetensors", "--rows", "9..3"], &["A..B"]);
    desk.fails(2, &["decode", "d.safetensors", "--row", "1", "--split", "dev"], &["train, test"]);
    for judge in [&["evaluate", "m", "d.safetensors"][..], &["report", "run", "-o", "r.html"]] {
        let unlabelled = [judge, &["--split", "unlabelled"]].concat();
        desk.fails(2, &unlabelled, &["expected one of train, test"]);
    }
    desk.fails(2, &["import", "x", "-o", "y", "--format", "mat"], &["keras", "libsvm"]);
    desk.fails(2, &["import", "-", "-o", "y"], &["'-' for '<SOURCE>'", "name a file"]);
    for command in [&["synth"][..], &["import", "x"], &["export", "m"], &["report", "r"]] {
        let output = [command, &["-o", "-"]].concat();
        desk.fails(2, &output, &["--output", "name a file; ./- for one of that name"]);
    }
    desk.ok(&["synth", "--reviews", "10", "-o", "./-"]);
    assert!(desk.path("-").is_file());
}

#[test]
fn a_run_goes_on_from_weights_of_the_same_words_only() {
    let desk = Desk::with_dataset();
    for (name, words) in [("a", ["good", "bad"]), ("b", ["fine", "poor"])] {
        let [positive, negative] = words;
        let table = format!("{name}.csv");
        desk.write(&table, format!("text,label\n{positive} film,1\n{negative} film,0\n"));
        desk.ok(&["import", &table, "-o", &format!("{name}.safetensors"), "--num-words", "20"]);
    }
    let once = ["--validation", "0", "--epochs", "1", "--quiet"];
    let scaled = ["train", "a.safetensors", "--feature-scale", "naive-bayes"];
    desk.ok(&[&scaled[..], &once].concat());
    let init = ["--init", "run/model.safetensors", "--out", "other"];
    let parts = ["b.safetensors", "another vocabulary", "\"fine\"", "\"good\""];
    desk.fails(1, &[&["train", "b.safetensors"], &once[..], &init].concat(), &parts);
    desk.ok(&[&["train", "a.safetensors"], &once[..], &init].concat());
    desk.ok(&["report", "other", "--data", "a.safetensors", "--split", "train", "-o", "page.html"]);
    let page = String::from_utf8(desk.read("page.html")).unwrap();
    let scale = "input scale</th><td>one a word, row norm none";
    assert!(page.contains(scale), "{page}");
}

#[test]
fn of_one_class_there_is_no_auc_and_of_one_thing_no_plural() {
    let desk = Desk::with_dataset();
    desk.write("train.svm", "1 1:1 3:1\n-1 2:1\n1 3:1\n-1 1:1\n");
    desk.write("test.svm", "1 1:1 3:1\n1 3:1\n");
    desk.ok(&["import", "test.svm", "-o", "alike.safetensors"]);
    let alike = ["train", "alike.safetensors", "--validation", "0", "--epochs", "1"];
    let (_, warnings) = desk.runs(&alike);
    let says_always =
        "are positive: the train split has no others, and a network learns to say that always";
    assert!(warnings.contains(says_always), "{warnings}");
    desk.ok(&["import", "train.svm", "--test", "test.svm", "-o", "one.safetensors"]);
    let train = ["train", "one.safetensors", "--validation", "1", "--epochs", "1"];
    let (said, warnings) = desk.runs(&[&train[..], &["--threads", "1"]].concat());
    assert!(said.starts_with("1 epoch in ") && said.contains(" on 1 thread, "), "{said}");
    assert!(warnings.contains("the one review that is held out is positive"), "{warnings}");
    // The weights are 0, and a probability of a half is a no.
    let no = ["--validation", "test", "--epochs", "1", "--first-kernel-initializer", "zeros"];
    let still = ["--hidden", "none", "--optimizer", "sgd", "--learning-rate", "1e-30"];
    let (_, warnings) =
        desk.runs(&[&["train", "one.safetensors", "--out", "no"], &no[..], &still].concat());
    let little =
        "are positive: the test split has no others, and what is reached there says little";
    assert!(warnings.contains(little), "{warnings}");
    let evaluate = ["evaluate", "no/model.safetensors", "one.safetensors", "--split"];
    let one_answer = "warning: all 4 reviews are called negative, and 2 are: ";
    for (split, is_warned) in [("train", true), ("test", false)] {
        let (_, warnings) = desk.runs(&[&evaluate[..], &[split]].concat());
        assert_eq!(warnings.contains(one_answer), is_warned, "{split}: {warnings}");
    }
    let evaluate = ["evaluate", "run/model.safetensors", "one.safetensors"];
    let table = desk.ok(&evaluate);
    let auc = table.lines().find(|line| line.starts_with("auc ")).unwrap();
    assert!(auc.ends_with(" –"), "{table}");
    let json = desk.ok(&[&evaluate[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["auc"].is_null() && json["accuracy"].is_number(), "{json}");
    let parts = ["without a vocabulary", "words that explain", "`evaluate` needs none"];
    desk.fails(1, &["words", "run/model.safetensors"], &parts);
}

#[test]
fn the_other_encoding_from_training_to_words() {
    let desk = Desk::with_dataset();
    let embedding = ["--encoding", "embedding", "--max-len", "60", "--hidden", "8"];
    let common = ["train", "d.safetensors", "--validation", "100", "--learning-rate", "0.01"];
    desk.ok(&[&common[..], &embedding, &["--epochs", "5", "--mask", "--quiet"]].concat());
    const MODEL: &str = "run/model.safetensors";
    let facts = desk.ok(&["inspect", MODEL]);
    let expected = "embedding of 16 values, averaged over 60 positions, padding is left out";
    assert!(facts.contains(expected) && facts.contains("embedding.kernel"), "{facts}");
    let judged: Value =
        serde_json::from_str(&desk.ok(&["evaluate", MODEL, "d.safetensors", "--json"])).unwrap();
    let history: Value = serde_json::from_slice(&desk.read("run/history.json")).unwrap();
    assert_eq!(history["options"]["encoding"], "embedding");
    assert!(judged["loss"].as_f64().unwrap() < 0.7, "{judged}");
    let probability = |arguments: &[&str]| {
        let answer = desk.ok(&[&["predict", MODEL][..], arguments].concat());
        answer.lines().next().unwrap().to_owned()
    };
    let some = probability(&["d.safetensors", "--rows", "0..1"]).parse::<f32>().unwrap();
    assert!((0.0..=1.0).contains(&some));
    let text = ["--text", "the best film, and the worst film"];
    let explained: Value =
        serde_json::from_str(&probability(&[&text[..], &["--explain"]].concat())).unwrap();
    let plain: f64 = probability(&text).parse().unwrap();
    assert!((explained["probability"].as_f64().unwrap() - plain).abs() < 1e-6);
    let counts = explained["parts"].as_array().unwrap().iter();
    let film = counts.clone().find(|part| part["part"] == "the").expect("a part of the text");
    assert_eq!(film["count"], 2);
    assert!(desk.ok(&["words", MODEL, "--top", "3", "--csv"]).lines().count() == 7);

    // It can be trained further, but not as another network.
    let init = ["--init", MODEL, "--epochs", "1", "--mask", "--quiet", "--out", "again"];
    desk.ok(&[&common[..], &embedding, &init].concat());
    let other = ["--init", MODEL, "--hidden", "8", "--out", "again"];
    desk.fails(1, &[&common[..], &other].concat(), &["`embedding.kernel` is there"]);
}

#[test]
fn options_of_the_other_encoding_alone_are_usage_errors() {
    let desk = Desk::with_dataset();
    let train = |arguments: &[&'static str]| [&["train", "d.safetensors"][..], arguments].concat();
    const TOGETHER: &str = "used together with --encoding embedding";
    desk.fails(2, &train(&["--max-len", "9"]), &["--max-len is \"9\"", TOGETHER]);
    desk.fails(2, &train(&["--embedding-dim", "9"]), &["--embedding-dim is \"9\"", TOGETHER]);
    desk.fails(2, &train(&["--mask", "--encoding", "multi-hot"]), &["--mask is", TOGETHER]);
    for (option, value) in [
        ("--max-len", "0"),
        ("--max-len", "65536"),
        ("--embedding-dim", "0"),
        ("--embedding-dim", "65537"),
    ] {
        let arguments = train(&["--encoding", "embedding", option, value]);
        desk.fails(2, &arguments, &[option, "expected a number from 1 to"]);
    }
    desk.write("sets.svm", "1 1:1 3:1\n-1 2:1\n1 3:1\n-1 1:1\n");
    desk.ok(&["import", "sets.svm", "-o", "sets.safetensors"]);
    let sets = ["train", "sets.safetensors", "--validation", "1", "--encoding", "embedding"];
    desk.fails(1, &sets, &["sets.safetensors keeps the set", "--encoding multi-hot"]);
}

/// Reviews that came later have other words, and are judged by those that the model knows.
#[test]
fn later_reviews_take_over_the_words_of_a_model() {
    let desk = Desk::new();
    let rows = |rows: &[&str]| format!("text,label\n{}", rows.join("\n").repeat(9));
    desk.write("old.csv", rows(&["a good film,1", "a bad film,0", ""]));
    desk.write("later.csv", rows(&["another good one,1", "bad and dull,0", ""]));
    desk.write("strange.csv", "text,label\nnever,1\nseen,0\n");
    let import = |source: &'static str, output: &'static str| ["import", source, "-o", output];
    desk.ok(&import("old.csv", "old.safetensors"));
    desk.ok(&["train", "old.safetensors", "--validation", "0", "--epochs", "2"]);
    desk.ok(&import("later.csv", "own.safetensors"));
    let model = "run/model.safetensors";
    let evaluate = |dataset: &'static str| ["evaluate", model, dataset, "--split", "train"];
    let told = "`imdb-fast import later.csv --vocabulary run/model.safetensors -o FILE` makes a";
    desk.fails(1, &evaluate("later.csv"), &["found a text file", told]);
    desk.fails(
        1,
        &evaluate("own.safetensors"),
        &["another vocabulary", "import --vocabulary MODEL"],
    );
    let import = |source| [&import(source, "later.safetensors")[..], &["--vocabulary"]].concat();
    for words in [model, "old.safetensors"] {
        desk.ok(&[&import("later.csv")[..], &[words]].concat());
        desk.ok(&evaluate("later.safetensors"));
        let rows = ["predict", model, "later.safetensors", "--split", "train"];
        assert_eq!(desk.ok(&rows), desk.ok(&["predict", model, "later.csv"]));
    }
    desk.write("sets.svm", "1 1:1 3:1\n-1 2:1\n");
    desk.ok(&["import", "sets.svm", "-o", "sets.safetensors"]);
    for (source, words, code, parts) in [
        ("strange.csv", model, 1, ["no word of strange.csv", "of the same kind"]),
        ("later.csv", "later.csv", 1, ["a text file", "imdb-fast import"]),
        ("later.csv", "nowhere", 1, ["cannot open nowhere", "a model belongs here, or a dataset"]),
        ("later.csv", "sets.safetensors", 1, ["does not tell its words", "made of texts"]),
    ] {
        desk.fails(code, &[&import(source)[..], &[words]].concat(), &parts);
    }
    for option in [
        "--preset=best",
        "--tokenizer=keras",
        "--ngrams=2",
        "--min-count=2",
        "--count-unlabelled",
        "--hash-bits=20",
        "--hash-seed=1",
        "--word-index=x",
        "--num-words=9",
        "--skip-top=1",
        "--start-char=none",
        "--oov-char=none",
        "--index-from=0",
    ] {
        let arguments = [&import("later.csv")[..], &[model, option]].concat();
        desk.fails(2, &arguments, &["--vocabulary <FILE>", "cannot be used with"]);
    }
}

#[test]
fn files_of_the_wrong_kind() {
    let desk = Desk::with_dataset();
    desk.ok(&SMALL);
    desk.write("empty", "");
    desk.write("text", "some words that are no dataset");
    desk.write("marked", "\u{feff}text,label\ngood,1\n");
    desk.write("foreign", "žluťoučký kůň,1\n");
    desk.write("table", b"PAR1\x15\x04\x15\x10\x15\x14");
    desk.write("packed", gzipped(b"text,label\ngood,1\n"));
    std::fs::create_dir(desk.path("folder")).unwrap();
    let model = "run/model.safetensors";
    for (file, parts) in [
        ("missing", ["cannot open missing", "No such file"]),
        ("empty", ["an empty file", "make it again"]),
        ("folder", ["a folder", "imdb-fast import"]),
        ("run", ["the folder of a run", "its model.safetensors"]),
        ("text", ["a text file", "imdb-fast import"]),
        ("marked", ["a text file", "imdb-fast import"]),
        ("foreign", ["a text file", "imdb-fast import"]),
        ("table", ["a parquet file", "imdb-fast import"]),
        ("packed", ["a gzip file", "imdb-fast import"]),
        (model, ["a model of imdb-fast", "imdb-fast import"]),
    ] {
        desk.fails(1, &["train", file], &[parts[0], parts[1], file]);
        desk.fails(1, &["evaluate", model, file], &parts);
    }
    desk.fails(1, &["evaluate", "d.safetensors", "d.safetensors"], &["expected a model"]);
    let swapped = ["evaluate", "imdb", model];
    desk.fails(
        1,
        &swapped,
        &["cannot open imdb: ", "; a model belongs here, such as the run/model"],
    );
    let import = ["import", "marked", "-o", "x"];
    for (arguments, part) in [
        (&["plot", "none", "-o", "x.svg"][..], "the history.json of a run"),
        (&["import", "none", "-o", "x"], "a file of reviews"),
        (&[&import[..], &["--test", "none"]].concat(), "--test-fraction"),
        (&[&import[..], &["--word-index", "none"]].concat(), "imdb_word_index.json"),
        (&["train", "d.safetensors", "--init", "none"], "a model belongs here"),
        (&["sweep", "d.safetensors", "--config", "none"], "a TOML file"),
    ] {
        desk.fails(1, arguments, &["cannot open none: ", part]);
    }
    desk.fails(1, &["train", "imbd"], &["cannot open imbd: ", "; `imdb-fast import` makes"]);
    for text in ["a text", &"a long text ".repeat(30)] {
        desk.fails(1, &["predict", model, text], &["; a dataset", "itself is given by --text"]);
    }
    desk.fails(1, &["import", "d.safetensors", "-o", "x"], &["a dataset or a model already"]);
    desk.fails(1, &["import", "folder", "-o", "x"], &["folder"]);
    desk.fails(1, &["plot", "text", "-o", "x.svg"], &["text", "line 1"]);
    for nothing in ["{}", "{\"loss\": [], \"val_loss\": []}"] {
        desk.write("nothing.json", nothing);
        let plot = ["plot", "nothing.json", "-o", "x.png"];
        desk.fails(1, &plot, &["nothing.json", "no epoch in it"]);
    }
    desk.fails(1, &["train", "d.safetensors", "--init", "d.safetensors"], &["dense_0.kernel"]);
    desk.fails(1, &["decode", "d.safetensors", "--row", "400"], &["--row", "400 rows"]);
    desk.fails(1, &["predict", model, "d.safetensors", "--rows", "0..999"], &["200 rows"]);
}

/// Where a file is not mapped, it is in memory once: most of this one is a hole.
#[test]
#[cfg(target_os = "linux")]
fn a_dataset_that_is_read_is_in_memory_once() {
    const HOLE: usize = 1 << 30;
    let desk = Desk::with_dataset();
    let sound = desk.read("d.safetensors");
    let (length, rest) = sound.split_first_chunk().unwrap();
    let (header, tensors) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let mut header: Value = serde_json::from_slice(header).unwrap();
    let offsets = [tensors.len(), tensors.len() + HOLE];
    header["hole"] = json!({"dtype": "U8", "shape": [HOLE], "data_offsets": offsets});
    let header = header.to_string();
    let header = format!("{header:width$}", width = header.len().next_multiple_of(8));
    let start = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), tensors].concat();
    desk.write("hole.safetensors", &start);
    let file = std::fs::OpenOptions::new().write(true).open(desk.path("hole.safetensors"));
    file.unwrap().set_len((start.len() + HOLE) as u64).unwrap();
    let shell = "ulimit -v 1700000; exec \"$0\" \"$@\"";
    for (name, code, says) in [("inspect", 0, "hole"), ("verify", 1, "header: its checksum is")] {
        let mut command = neutral("sh");
        command.args(["-c", shell, env!("CARGO_BIN_EXE_imdb-fast"), name, "hole.safetensors"]);
        let output = command.arg("--no-mmap").current_dir(desk.folder()).output().unwrap();
        let told = [output.stdout, output.stderr].concat();
        let told = String::from_utf8(told).unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}: {told}");
        assert!(told.contains(says), "{name}: {told}");
    }
}

/// Where the system does not give the memory for the weights. The limit is on addresses: nothing is taken.
#[cfg(target_os = "linux")]
#[test]
fn a_network_that_is_too_large_is_refused_before_anything_is_trained() {
    let desk = Desk::with_dataset();
    desk.ok(&["synth", "--reviews", "400", "--words", "10000", "-o", "wide.safetensors"]);
    let (large, small) = (("8000000", "d.safetensors"), ("700000", "wide.safetensors"));
    for ((limit, dataset), hidden, networks, parts) in [
        (
            large,
            "65536,65536,65536",
            "1",
            ["600 inputs and layers of 65536, 65536, 65536", "bytes", "--hidden"],
        ),
        // Each would be small enough.
        (large, "1000", "70", ["--ensemble is 70", "--hidden is 70000", "widths from 1 to 65536"]),
        (large, "256,256", "200", ["--ensemble is 200", "merged into one network", "bytes"]),
        // So would what they make, but not beside them: 400 MB each.
        (
            small,
            "1000",
            "10",
            ["--ensemble is 10", "merged into", "bytes for its weights and theirs"],
        ),
    ] {
        let shell = format!("ulimit -v {limit}; exec \"$0\" \"$@\"");
        let mut command = neutral("sh");
        command.args(["-c", &shell, env!("CARGO_BIN_EXE_imdb-fast"), "train", dataset]);
        command.args(["--validation", "0", "--hidden", hidden, "--ensemble", networks]);
        command.args(["--epochs", "1", "--threads", "1"]);
        let output = command.current_dir(desk.folder()).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        for part in parts {
            assert!(errors.contains(part), "no {part:?} in {errors}");
        }
        assert!(!errors.contains("training networks"), "{errors}");
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_and_does_not_block() {
    let desk = Desk::with_dataset();
    desk.ok(&SMALL);
    let made = Command::new("mkfifo").arg(desk.path("pipe")).status().unwrap();
    assert!(made.success());
    desk.fails(1, &["train", "pipe"], &["a pipe or device", "write what it brings to a file"]);
    let predict = ["predict", "run/model.safetensors", "pipe"];
    desk.fails(1, &predict, &["a pipe or device", "name `-` and hand"]);
    desk.fails(1, &["report", "pipe", "-o", "x.html"], &["the run is pipe, but it is a file"]);
    desk.fails(1, &["import", "pipe", "-o", "x"], &["pipe"]);
    desk.fails(1, &["plot", "pipe", "-o", "x.svg"], &["pipe"]);
    let (sample, svm) = (repository("data/sample.npz"), repository("data/sample.svm"));
    let (sample, svm) = (sample.to_str().unwrap(), svm.to_str().unwrap());
    desk.fails(1, &["import", sample, "--word-index", "pipe", "-o", "x"], &["pipe"]);
    desk.fails(1, &["import", svm, "--test", "pipe", "-o", "x"], &["pipe"]);
    // Nor is one replaced by an output file.
    desk.fails(1, &["import", svm, "-o", "pipe"], &["cannot write pipe", "name a file"]);
    assert!(!desk.path("pipe").is_file());
}

#[cfg(unix)]
#[test]
fn names_need_not_be_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let desk = Desk::with_dataset();
    let [name, out] = [b"\xff.safetensors", &b"run\xff"[..]].map(std::ffi::OsStr::from_bytes);
    // Some file systems take no such names.
    if std::fs::rename(desk.path("d.safetensors"), desk.folder().join(name)).is_err() {
        skipped("the file system wants UTF-8");
        return;
    }
    let mut command = desk.command(&["train", "--validation", "100", "--learning-rate", "0.1"]);
    let output = command.arg(name).arg("--out").arg(out).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        said.contains(r"--learning-rate 0.1 $'\377.safetensors' --out $'run\377' --epochs"),
        "{said}"
    );
    let model = desk.command(&["verify"]).arg(Path::new(out).join("model.safetensors")).output();
    assert!(model.unwrap().status.success());
}

/// A shorter run is not the beginning of this one where rates follow its length, nor where it would not outlast its warm-up.
#[test]
fn training_again_for_fewer_epochs_is_advised_where_that_is_the_same() {
    let desk = Desk::with_dataset();
    let advised = |schedule: &str| {
        let options = ["--validation=100", "--learning-rate=0.1", "--batch-size=100", schedule];
        let out = desk.ok(&[&["train", "d.safetensors"], &options[..]].concat());
        let (_, lowest) = out.split_once("the validation loss was lowest at epoch ").unwrap();
        let lowest: usize = lowest.split(':').next().unwrap().parse().unwrap();
        assert!(lowest < 18, "{out}");
        out.contains("to train on all reviews")
    };
    assert!(advised("--schedule=constant"));
    assert!(advised("--schedule=constant:warm_up=1"));
    assert!(!advised("--schedule=constant:warm_up=55"));
    assert!(!advised("--schedule=linear"));
    // A loss that stays as it is does not rise.
    let options = ["--validation=100", "--learning-rate=1e-30", "--epochs=3"];
    let out = desk.ok(&[&["train", "d.safetensors"], &options[..]].concat());
    assert!(out.contains("lowest at epoch 1: ") && out.contains("; it has not fallen since\n"));
    assert!(!out.contains("overfits"), "{out}");
}

#[test]
fn the_options_of_a_recipe() {
    let desk = Desk::with_dataset();
    let recipe = [
        "--hidden=8",
        "--batch-size=32",
        "--optimizer=adagrad:initial_accumulator=1e-8,epsilon=0,weight_decay=0.001",
        "--learning-rate=0.1",
        "--bias-optimizer=sgd:learning_rate=0.03",
        "--schedule=linear:warm_up=0.1",
        "--first-kernel-initializer=random_uniform:minval=-0.01,maxval=0.01",
        "--global-clipnorm=1",
        "--l2=0.0001",
        "--dropout=0.2",
        "--word-dropout=0.1",
        "--average-weights=ema:momentum=0.9",
        "--feature-scale=naive-bayes",
        "--row-norm=l2",
    ];
    desk.ok(&[&SMALL[..], &recipe].concat());
    let model = desk.read("run/model.safetensors");
    desk.ok(&[&SMALL[..], &recipe, &["--threads", "3"]].concat());
    assert!(tensors(&desk.read("run/model.safetensors")) == tensors(&model));
    let history = String::from_utf8(desk.read("run/history.json")).unwrap();
    assert!(history.contains("ema:momentum=0.9") && history.contains("linear:warm_up=0.1"));
    for (wrong, parts) in [
        ("--schedule=linaer", ["--schedule", "linear"]),
        ("--bias-optimizer=sgd:rate=1", ["--bias-optimizer", "learning_rate"]),
        ("--first-kernel-initializer=ones", ["--first-kernel-initializer", "zeros"]),
        ("--global-clipnorm=0", ["--global-clipnorm", "above 0"]),
        ("--l2=-1", ["--l2", "at least 0"]),
        ("--dropout=1", ["--dropout", "below 1"]),
        ("--word-dropout=-0.1", ["--word-dropout", "below 1"]),
        ("--average-weights=swa", ["--average-weights", "ema"]),
    ] {
        desk.fails(2, &[&SMALL[..], &[wrong]].concat(), &parts);
    }
    let long = [&SMALL[..], &["--schedule=linear:warm_up=1000"]].concat();
    desk.fails(1, &long, &["--schedule", "before its warm-up", "warm_up=0.1"]);
    let none = [&SMALL[..], &["--hidden=none", "--dropout=0.5"]].concat();
    desk.fails(2, &none, &["--dropout", "no hidden layer", "--word-dropout"]);
}

/// What stands behind the header, which says in which folder and on how many threads.
fn tensors(model: &[u8]) -> &[u8] {
    let header = u64::from_le_bytes(model[..8].try_into().unwrap()) as usize;
    &model[8 + header..]
}

#[test]
fn damaged_files() {
    let desk = Desk::with_dataset();
    desk.ok(&SMALL);
    let dataset = desk.read("d.safetensors");
    let model = desk.read("run/model.safetensors");
    desk.write("cut.safetensors", &dataset[..dataset.len() / 2]);
    desk.fails(1, &["train", "cut.safetensors"], &["cut.safetensors", "header", "make it again"]);
    let mut altered = dataset.clone();
    *altered.last_mut().unwrap() ^= 1;
    desk.write("altered.safetensors", altered);
    desk.fails(1, &["verify", "altered.safetensors"], &["checksum", "altered or damaged"]);
    desk.write("cut.model", &model[..model.len() - 1]);
    desk.fails(1, &["evaluate", "cut.model", "d.safetensors"], &["cut.model", "header"]);
    let sample = std::fs::read(repository("data/sample.npz")).unwrap();
    desk.write("cut.npz", &sample[..sample.len() - 1000]);
    desk.fails(1, &["import", "cut.npz", "-o", "x"], &["cut.npz"]);
}

/// An archive of arrays as NumPy writes it.
fn npz(arrays: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, array) in arrays {
        archive.start_file(format!("{name}.npy"), SimpleFileOptions::default()).unwrap();
        archive.write_all(array).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn archives_that_lack_arrays_or_ask_for_more() {
    let desk = Desk::new();
    let object = |pickle: &[u8]| {
        let header = "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }";
        let start = [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..]].concat();
        [&start, header.as_bytes(), pickle].concat()
    };
    let shell = object(b"\x80\x02cos\nsystem\nX\x0b\x00\x00\x00touch pwned\x85R.");
    let cut = object(b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n");
    for (archive, parts) in [
        (npz(&[]), ["x_train.npy", "missing", "numpy.savez"]),
        (npz(&[("y_train", b"")]), ["x_train.npy", "the archive has y_train.npy", "numpy.savez"]),
        (npz(&[("x_train", b"GIF89a..")]), ["x_train.npy, byte 0", "NumPy", "numpy.savez"]),
        (npz(&[("x_train", &shell)]), ["x_train.npy, byte", "os", "numpy.savez"]),
        (npz(&[("x_train", &cut)]), ["x_train.npy, byte", "cut short", "numpy.savez"]),
    ] {
        desk.write("bad.npz", archive);
        let parts = [&parts[..], &["bad.npz"]].concat();
        desk.fails(1, &["import", "bad.npz", "-o", "x"], &parts);
    }
}

#[test]
fn damaged_libsvm_lines() {
    let desk = Desk::new();
    for (text, parts) in [
        ("1 1:1 2:x\n", ["line 1", "x"]),
        ("1 1:1\n0 5:1 3:1\n", ["line 2", "ascend"]),
        ("1 1:1\n0 3:1 3:1\n", ["line 2", "3"]),
        ("2 1:1\n", ["line 1", "label"]),
        ("1 1:0.5\n", ["line 1", "--binarize"]),
    ] {
        desk.write("bad.svm", text);
        desk.fails(1, &["import", "bad.svm", "--format", "libsvm", "-o", "x"], &parts);
    }
}

#[test]
fn options_that_do_not_fit_the_data() {
    let desk = Desk::with_dataset();
    let too_many = ["train", "d.safetensors", "--validation", "400"];
    desk.fails(1, &too_many, &["--validation", "400 reviews", "hold out fewer"]);
    desk.fails(1, &["train", "d.safetensors"], &["--validation is 10000", "--validation 0.4"]);
    desk.ok(&SMALL);
    let csv = repository("data/sample.csv");
    let words = ["--num-words", "300", "-o", "one.safetensors"];
    desk.ok(&[&["import", csv.to_str().unwrap()], &words[..]].concat());
    let lacks = ["one.safetensors has no such split; it has: train; ", "--test-fraction"];
    let judged_by = |option, command: &[&str]| {
        desk.fails(1, command, &[&[option], &lacks[..]].concat());
    };
    judged_by("--validation is test", &["train", "one.safetensors", "--validation", "test"]);
    judged_by("--split is test", &["evaluate", "run/model.safetensors", "one.safetensors"]);
    let report = ["report", "run", "--data", "one.safetensors", "-o", "page.html"];
    judged_by("--split train judges by", &report);
    let unlabelled =
        |dataset| ["predict", "run/model.safetensors", dataset, "--split", "unlabelled"];
    desk.fails(1, &unlabelled("d.safetensors"), &["--split is unlabelled", "no such split"]);
    let [archive, index] =
        ["data/sample_acl.tar.gz", "data/sample_word_index.json"].map(repository);
    let (archive, index) = (archive.to_str().unwrap(), index.to_str().unwrap());
    let words = ["--word-index", index, "--num-words", "600", "-o", "all.safetensors"];
    desk.ok(&[&["import", archive], &words[..]].concat());
    // A folder that cannot be made, found out before training starts.
    desk.write("file", "");
    #[cfg(unix)]
    std::os::unix::fs::symlink("nowhere", desk.path("link")).unwrap();
    for folder in [
        "file",
        "file/run",
        #[cfg(unix)]
        "link",
        #[cfg(unix)]
        "link/run",
    ] {
        let parts = [&format!("create the folder {folder}: "), "in its way; name another folder"];
        desk.fails(1, &[&SMALL[..], &["--out", folder]].concat(), &parts);
    }
    desk.fails(1, &[&SMALL[..], &["--out", "/proc/run"]].concat(), &["/proc/run"]);
    desk.fails(1, &["synth", "-o", "nowhere/s.safetensors", "--reviews", "10"], &["nowhere"]);
    // And before the reviews are read, of which the last one is no review.
    desk.write("bad.csv", "text,label\ngood,1\nbad,0\nboth\n");
    for (output, part) in
        [("nowhere/x", "nowhere/x"), ("/dev/null", "name a file"), ("run", "name a file")]
    {
        desk.fails(1, &["import", "bad.csv", "-o", output], &["error: cannot ", part]);
    }
    desk.fails(1, &["import", "bad.csv", "-o", "x"], &["bad.csv: "]);
    assert!(!desk.path("x").exists());
}

#[test]
fn what_there_is_one_of_is_told_as_one() {
    let desk = Desk::new();
    desk.write("a.csv", "text,label\nfilm,1\n");
    let (_, errors) = desk.runs(&["import", "a.csv", "--test", "./a.csv", "-o", "one.safetensors"]);
    let note =
        "warning: --test ./a.csv and a.csv are the same file: both splits have its reviews\n";
    assert!(errors.contains(note), "{errors}");
    let facts = desk.ok(&["inspect", "one.safetensors"]);
    assert!(facts.contains(" 1 review, 2 nonzeros, 1 positive\n"), "{facts}");
    assert!(facts.contains(" 1 word\n"), "{facts}");
    assert!(errors.contains("train: 1 review, 2 nonzeros, 1 positive\n"), "{errors}");
    let train = ["train", "one.safetensors", "--epochs", "1", "--validation"];
    for held_out in ["10000", "1", "0.4"] {
        let parts = ["the train split has one review, ", "--validation 0"];
        desk.fails(1, &[&train[..], &[held_out]].concat(), &parts);
    }
    desk.ok(&[&train[..], &["0"]].concat());
    let (_, note) = desk.runs(&["report", "run", "-o", "page.html"]);
    let judged = "judged on the 1 review of the test split";
    assert!(note.contains(judged) && desk.text("page.html").contains(judged), "{note}");
    desk.write("b.csv", "text,label\nfilm fine,1\nfilm,0\n");
    desk.ok(&["import", "b.csv", "--skip-top", "5", "-o", "cut.safetensors"]);
    let facts = desk.ok(&["inspect", "cut.safetensors"]);
    assert!(facts.contains(" 1 word, 1 more that are cut\n"), "{facts}");
    let second = ["decode", "one.safetensors", "--row", "1"];
    desk.fails(1, &second, &["--row is 1, but the train split has 1 row; count from 0"]);
    desk.ok(&["synth", "-o", "s.safetensors", "--reviews", "9", "--no-sequences"]);
    let decode = ["decode", "s.safetensors", "--row", "0"];
    desk.fails(1, &decode, &["it keeps no reading order; ", "or make it without --no-sequences"]);
}

#[test]
fn outputs_are_no_inputs() {
    let desk = Desk::with_dataset();
    std::fs::create_dir(desk.path("run")).unwrap();
    std::fs::copy(desk.path("d.safetensors"), desk.path("run/model.safetensors")).unwrap();
    for name in ["sample.csv", "sample_word_index.json"] {
        std::fs::copy(repository(&format!("data/{name}")), desk.path(name)).unwrap();
    }
    let lost = ["would be lost"];
    desk.fails(2, &["import", "sample.csv", "-o", "./sample.csv"], &lost);
    desk.fails(
        2,
        &["import", "sample.csv", "--test", "d.safetensors", "-o", "d.safetensors"],
        &lost,
    );
    let index = "sample_word_index.json";
    desk.fails(2, &["import", "sample.csv", "--word-index", index, "-o", index], &lost);
    desk.fails(
        2,
        &["train", "run/model.safetensors", "--validation", "0.2"],
        &["--out is", lost[0]],
    );
}

#[test]
fn options_that_a_format_has_no_use_for() {
    let desk = Desk::new();
    for name in ["sample.svm", "sample.npz", "sample.csv", "sample_acl.tar.gz"] {
        std::fs::copy(repository(&format!("data/{name}")), desk.path(name)).unwrap();
    }
    for (name, options) in [
        ("sample.svm", &["--test-fraction 0.2", "--maxlen 9", "--negative 1", "--ngrams 2"][..]),
        ("sample.svm", &["--num-words 90", "--keep-order", "--seed 1", "--preset best"]),
        ("sample.npz", &["--test sample.npz", "--tokenizer words-and-marks", "--max-text 9"]),
        ("sample.npz", &["--no-unlabelled", "--min-count 2", "--features 9", "--preset semi"]),
        ("sample.csv", &["--features 900", "--binarize", "--index-base 0", "--max-array-bytes 9"]),
        ("sample_acl.tar.gz", &["--text-column a", "--positive 1", "--quoting on"]),
    ] {
        for option in options {
            let words: Vec<&str> = option.split(' ').collect();
            let part = if words[0] == "--preset" { "the preset" } else { words[0] };
            let arguments = [&["import", name, "-o", "out"][..], &words].concat();
            desk.fails(1, &arguments, &[part, "no use for it"]);
        }
    }
}

#[test]
fn a_diverging_run_keeps_its_good_epochs() {
    let desk = Desk::with_dataset();
    // Without an activation to bound them, the layers' weights multiply each other's gradients.
    let wild = ["--activation", "linear", "--optimizer", "sgd", "--learning-rate", "10"];
    let long = ["train", "d.safetensors", "--validation", "100", "--epochs", "50"];
    let output = desk.run(&[&long, &wild[..]].concat());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let kept = errors.lines().filter(|line| line.starts_with("epoch ")).count();
    assert!(kept > 0, "{errors}");
    assert!(errors.contains(&format!("note: the history of {kept} epochs is in run")), "{errors}");
    let error = errors.lines().last().unwrap();
    assert!(
        error.contains(&format!("are not finite any more in epoch {}, ", kept + 1)),
        "{errors}"
    );
    assert!(error.ends_with("try a smaller --learning-rate"), "{errors}");
    let history: Value = serde_json::from_slice(&desk.read("run/history.json")).unwrap();
    for (name, values) in history["history"].as_object().unwrap() {
        let values = values.as_array().unwrap();
        assert!(values.len() == kept && values.iter().all(Value::is_number), "{name}");
    }
    let expected = ["curves.png", "curves.svg", "history.csv", "history.json", "model.safetensors"];
    assert_eq!(names(&desk.path("run")), expected, "and the model of the best epoch");
}

/// What stands before `..` has to be there for the name to lead anywhere.
#[test]
fn a_run_is_where_its_folder_was_named() {
    let desk = Desk::with_dataset();
    desk.ok(&[&SMALL[..2], &["--epochs", "1", "--validation", "0", "--out", "new/../r"]].concat());
    assert!(desk.path("new/../r/model.safetensors").exists());
    let sweep = ["sweep", "d.safetensors", "--validation", "100", "--epochs", "1", "--seeds", "1"];
    desk.ok(&[&sweep[..], &["--hidden", "4", "--out", "newer/../s"]].concat());
    assert!(desk.path("newer/../s/results.json").exists());
}

/// The loss of the only epoch is good, and there is no validation to tell that its last step went too far.
#[test]
fn a_model_that_cannot_be_used_is_not_saved() {
    let desk = Desk::with_dataset();
    let far = ["--epochs", "1", "--validation", "0", "--learning-rate", "3e38"];
    let half = ["--schedule", "constant:peak=0.5"];
    let output = desk.run(&[&SMALL[..2], &far, &half].concat());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let expected =
        "weights are not finite any more in epoch 1, batch 1 (seed 0, learning rate 1.5e38)";
    assert!(errors.contains(expected), "{errors}");
    assert!(!desk.path("run/model.safetensors").exists());
    // Before the first step there is no other rate than the optimizer's own, whatever the schedule begins with.
    let huge = "random_uniform:minval=1e38,maxval=2e38";
    let spoilt = ["--batch-size", "16", "--validation", "0", "--first-kernel-initializer", huge];
    let warming = [&SMALL[..2], &spoilt, &["--schedule", "constant:warm_up=10"]].concat();
    desk.fails(1, &warming, &["in epoch 1, batch 1 (seed 0, learning rate 0.001)"]);
    // A loss by probabilities is finite where logits are not, in a step as in the validation behind the only one.
    for loss in ["mean-squared-error", "hinge"] {
        let linear = [&SMALL[..2], &["--hidden", "none", "--epochs", "1", "--loss", loss]].concat();
        let of_step = [&linear[..], &spoilt].concat();
        desk.fails(1, &of_step, &["not finite any more in epoch 1, batch 1"]);
        let validated = ["--validation", "0.2", "--batch-size", "99999", "--learning-rate", "1e38"];
        let of_epoch = [&linear[..], &validated].concat();
        desk.fails(1, &of_epoch, &["not finite any more in epoch 1, validation"]);
    }
    // Of several networks, the first that did so is told.
    let several = ["--seed", "41", "--ensemble", "2", "--threads", "1"];
    let arguments = [&SMALL[..2], &far, &several].concat();
    desk.fails(1, &arguments, &["not finite any more in epoch 1, batch 1 (seed 41, "]);
}

#[test]
fn networks_that_no_seed_tells_apart_are_warned_of() {
    let desk = Desk::with_dataset();
    desk.ok(&[&SMALL[..], &["--out=one"]].concat());
    let init = "--init=one/model.safetensors";
    let (ordered, zeros) = ("--shuffle=none", "--first-kernel-initializer=zeros");
    for (networks, is_alike, options) in [
        ("2", true, &[ordered, "--hidden=none", zeros][..]),
        ("2", true, &[ordered, init]),
        ("1", false, &[ordered, init]),
        ("2", false, &[init]),
        ("2", false, &[ordered, "--hidden=none"]),
        ("2", false, &[ordered, "--activation=tanh", zeros]),
        ("2", false, &[ordered, init, "--word-dropout=0.1"]),
    ] {
        let (_, errors) = desk.runs(&[&SMALL[..], options, &["--ensemble", networks]].concat());
        let is_warned = errors.contains("warning: the networks of --ensemble are all the same");
        assert_eq!(is_warned, is_alike, "{options:?} of {networks}: {errors}");
    }
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let desk = Desk::with_dataset();
    desk.ok(&SMALL);
    let predict = ["predict", "run/model.safetensors", "d.safetensors"];
    for arguments in [&predict[..], &SMALL, &["inspect", "d.safetensors"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = desk.command(arguments).stdout(writer).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && !errors.contains("error"), "{arguments:?}: {errors}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let desk = Desk::with_dataset();
    for arguments in [&["inspect", "d.safetensors"][..], &["train", "--help"], &["--version"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = desk.command(arguments).stdout(full).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {errors}");
        assert!(errors.starts_with("error: cannot write to stdout: No space left"), "{errors}");
    }
}

#[test]
fn text_is_imported_trained_on_and_warned_about() {
    let desk = Desk::new();
    let archive = repository("data/sample_acl.tar.gz");
    let archive = archive.to_str().unwrap();
    let output = desk.run(&["import", archive, "-o", "acl.safetensors"]);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{notes}");
    for part in [
        "the train split is sorted by class: its rows are permuted with seed 113",
        "train: 400 reviews",
        "test: 200 reviews",
        "unlabelled: 12 reviews",
        "10,000 features",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    assert!(desk.ok(&["verify", "acl.safetensors"]).contains("ok, a dataset"));
    let train = ["--validation", "100", "--epochs", "1"];
    let warned = |dataset: &str| {
        let output = desk.run(&[&["train", dataset][..], &train].concat());
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(!warned("acl.safetensors").contains("warning"));
    desk.ok(&[
        "import",
        archive,
        "--keep-order",
        "--no-unlabelled",
        "-q",
        "-o",
        "sorted.safetensors",
    ]);
    let warning = warned("sorted.safetensors");
    assert!(
        warning.contains("warning: all 100 reviews that are held out are positive"),
        "{warning}"
    );

    desk.write("bad.csv", "text,label\nfine,1\n\"open,0\n");
    desk.fails(1, &["import", "bad.csv", "-o", "x"], &["bad.csv", "row 3, line 3", "never closed"]);
    desk.fails(
        2,
        &["import", archive, "-o", "x", "--invalid-utf8", "guess"],
        &["stop, replace, skip"],
    );
    desk.fails(2, &["import", archive, "-o", "x", "--tokenizer", "bpe"], &["words-and-marks"]);
    desk.fails(
        1,
        &["import", archive, "-o", "x", "--text-column", "a"],
        &["archive", "leave it out"],
    );
    desk.fails(2, &["import", "bad.csv", "-o", "x", "--test-fraction", "2"], &["between 0 and 1"]);
}
