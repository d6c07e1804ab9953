//! The command: what it prints and leaves, and what it refuses.

use std::process::Stdio;

use imdb_fast::report::sweep::SweepResults;

use crate::common::names;
use crate::{SMALL, best_weights, desk, results, weights};

#[test]
fn a_sweep_leaves_its_results_and_the_best_run() {
    let desk = desk();
    let table = desk.ok(&SMALL);
    for part in ["configuration", "1.  ", "2.  ", "no hidden layer", " ± ", "best by val_loss: "] {
        assert!(table.contains(part), "no {part:?} in {table}");
    }
    assert!(!table.contains('\u{1b}'), "{table:?}");
    let expected = ["best", "results.csv", "results.json", "runs", "sweep.json"];
    assert_eq!(names(&desk.path("s")), expected);
    assert_eq!(names(&desk.path("s/runs")).len(), 4);
    let finished = ["curves.png", "curves.svg", "history.csv", "history.json", "model.safetensors"];
    assert_eq!(names(&desk.path("s/best")), finished);

    let csv = desk.text("s/results.csv");
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].starts_with("rank,configuration,hidden,") && lines[1].starts_with("1,"));
    let cells = |line: &str| line.split(',').count();
    assert_eq!(cells(lines[0]), cells(lines[1]));

    // The best run is what `train` makes of the same options, and its test scores are those of `evaluate`.
    let results = SweepResults::read(&desk.path("s/results.json")).unwrap();
    let best = results.best.clone().unwrap();
    let configuration = &results.design.configurations()[best.configuration];
    assert_eq!(results.ranking()[0].configuration, best.configuration);
    let mut train: Vec<String> =
        ["train", "d.safetensors", "-q", "--validation=0", "--out=t"].map(str::to_owned).to_vec();
    train.extend(configuration.arguments());
    train.push(format!("--epochs={}", best.epochs));
    desk.ok(&train.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(best_weights(&desk, "s") == weights(&desk.path("t/model.safetensors")));
    let judged = desk.ok(&["evaluate", "s/best/model.safetensors", "d.safetensors", "--json"]);
    let judged: serde_json::Value = serde_json::from_str(&judged).unwrap();
    let test = best.test.unwrap();
    assert_eq!(judged["auc"], test.auc.unwrap());
    assert_eq!(judged["accuracy"], test.accuracy);
    assert_eq!(judged["loss"], test.loss);
    assert_eq!(judged["reviews"], test.reviews);
    desk.ok(&["report", "s/best", "-o", "best.html"]);
    // It is there still where nothing is left to do.
    desk.ok(&["sweep", "--resume", "s", "--no-refit", "-q"]);
    let again = SweepResults::read(&desk.path("s/results.json")).unwrap();
    assert_eq!(again.best, results.best);
    let whole = desk.read("s/results.json");
    desk.write("s/results.json", "{");
    let go_on = ["sweep", "--resume", "s", "--no-refit"];
    let errors = String::from_utf8(desk.run(&go_on).stderr).unwrap();
    assert!(errors.contains("warning: s/results.json: "), "{errors}");
    std::fs::write(desk.path("s/results.json"), whole).unwrap();
    for own in ["best/model.safetensors", "best/curves.png", "runs/000000.json"] {
        let onto_own = ["report", "s", "-o", &format!("s/{own}")];
        desk.fails(2, &onto_own, &["those of the sweep, which would be lost"]);
    }
    desk.remove("s/best/model.safetensors");
    desk.ok(&go_on);
    let again = SweepResults::read(&desk.path("s/results.json")).unwrap();
    assert_eq!(again.best, None);
}

/// Every option of a configuration reaches the runs and the best one, which `train` makes of the same options.
#[test]
fn all_options_are_swept() {
    let desk = desk();
    let options = [
        "--schedule=constant,linear:end=0.1,warm_up=2",
        "--dropout=0,0.25",
        "--word-dropout=0,0.1",
        "--l2=0,0.001",
        "--feature-scale=none,naive-bayes:smoothing=0.5",
        "--row-norm=none,l2",
        "--bias-optimizer=none,sgd:learning_rate=0.5",
        "--first-kernel-initializer=none,random_uniform:minval=-0.5,maxval=0.5",
        "--optimizer=rmsprop,sgd:momentum=0.9,nesterov=true",
        "--learning-rate=0.01",
        "--batch-size=64",
        "--hidden=4",
        "--epochs=2",
    ];
    let words = ["sweep", "d.safetensors", "--seeds", "1", "--validation", "100", "-q"];
    desk.ok(&[&words[..], &options].concat());
    let results = SweepResults::read(&desk.path("sweep/results.json")).unwrap();
    assert_eq!(results.design.configurations().len(), 512);
    let histories: std::collections::BTreeSet<String> =
        results.runs.iter().map(|run| format!("{:?}", run.as_ref().unwrap().history)).collect();
    assert_eq!(histories.len(), 512, "each option makes a difference");
    let last = results.design.configurations().last().unwrap();
    let mut train: Vec<String> = ["train", "d.safetensors", "-q", "--validation=100", "--epochs=2"]
        .map(str::to_owned)
        .to_vec();
    train.extend(last.arguments());
    desk.ok(&train.iter().map(String::as_str).collect::<Vec<_>>());
    let history = imdb_fast::report::json::HistoryFile::read(&desk.path("run/history.json"));
    assert_eq!(history.unwrap().history, results.runs.last().unwrap().as_ref().unwrap().history);
}

#[test]
fn threads_do_not_show_in_the_results() {
    let desk = desk();
    for folds in [false, true] {
        let mut found = Vec::new();
        for threads in ["1", "2", "3"] {
            let mut words = SMALL.to_vec();
            if folds {
                words.splice(8..10, ["--folds", "3"]);
            }
            words.extend(["--threads", threads, "--fresh", "-q"]);
            desk.ok(&words);
            found.push((results(&desk, "s"), best_weights(&desk, "s")));
        }
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "folds: {folds}");
    }
}

#[test]
fn the_book_and_files_name_their_configurations() {
    let desk = desk();
    let book = ["sweep", "d.safetensors", "--book", "--seeds", "1", "--validation", "100"];
    let table = desk.ok(&[&book[..], &["--no-refit", "-q"]].concat());
    for name in
        ["the book's model", "1 hidden layer", "3 hidden layers", "32 units", "64 units", "tanh"]
    {
        assert!(table.contains(name), "no {name:?} in {table}");
    }
    assert!(!table.contains('±') && !table.contains("best by"), "{table}");
    assert!(!desk.path("sweep/best").exists());

    let toml = "seeds = 1\nby = \"val_accuracy\"\nvalidation = 0.2\n[grid]\nepochs = [1, 2]\n\
                [[configuration]]\nname = \"mine\"\nhidden = []\nepochs = 2\n";
    desk.write("s.toml", toml);
    let table = desk.ok(&["sweep", "d.safetensors", "--config", "s.toml", "-o", "t"]);
    for part in ["16,16 1 epoch ", "16,16 2 epochs", "mine", "best by val_accuracy"] {
        assert!(table.contains(part), "no {part:?} in {table}");
    }
    // An option goes before the file.
    let words = ["sweep", "d.safetensors", "--config", "s.toml", "-o", "u", "--folds", "2"];
    desk.ok(&[&words[..], &["--by", "val_loss", "--seeds", "2"]].concat());
    let design = SweepResults::read(&desk.path("u/results.json")).unwrap().design;
    assert_eq!((design.runs_each(), design.by().name()), (4, "val_loss"));
}

#[test]
fn wrong_arguments_are_usage_errors() {
    let desk = desk();
    let cases: [(&[&str], &[&str]); 26] = [
        (&["--hidden", "16|16"], &["--hidden is \"16|16\"", "`/` between networks"]),
        (&["--hidden", "16/16"], &["each configuration once"]),
        (&["--optimizer", "rmsprop,rmsprop:rho=0.9"], &["each configuration once"]),
        (&["--hidden", "none", "--activation", "relu,relu"], &["each configuration once"]),
        (&["--first-kernel-initializer", "zeros"], &["glorot_uniform", "never learn"]),
        (&["--activation", "relo"], &["--activation", "relo"]),
        (&["--hidden", "none", "--activation", "relu,relo"], &["--activation", "relo"]),
        (&["--optimizer", "sgd", "--bias-optimizer", "none,sgd"], &["each configuration once"]),
        (&["--loss", "x"], &["--loss"]),
        (&["--loss", "mean-squared-error,mean_squared_error"], &["each configuration once"]),
        (&["--optimizer", "sgd:moment=1"], &["moment"]),
        (&["--learning-rate", "-1"], &["learning_rate"]),
        (&["--epochs", "0"], &["--epochs is \"0\""]),
        (&["--batch-size", "x"], &["--batch-size"]),
        (&["--schedule", "later"], &["later"]),
        (
            &["--hidden", "none/4", "--dropout", "0,0.5"],
            &["--dropout is \"0.5\"", "no hidden layer; --word-dropout leaves out words"],
        ),
        (&["--l2", "-1"], &["--l2"]),
        (&["--seeds", "0"], &["--seeds is \"0\""]),
        (&["--folds", "1"], &["--folds is \"1\"", "at least 2"]),
        (&["--folds", "3", "--validation", "10"], &["cannot be used with"]),
        (&["--validation", "test"], &["never by the test split"]),
        (&["--validation", "0"], &["what is held out"]),
        (&["--by", "loss"], &["--by is \"loss\"", "val_accuracy"]),
        (&["--book", "--by", "val_loss"], &["no common scale"]),
        (&["--book", "--hidden", "16"], &["cannot be used with"]),
        (&["--resume", "--fresh"], &["cannot be used with"]),
    ];
    for (options, parts) in cases {
        desk.fails(2, &[&["sweep", "d.safetensors"], options].concat(), parts);
    }
    let nothing = desk.run(&["sweep", "--epochs", "1", "--validation", "100000"]);
    let notes = String::from_utf8(nothing.stderr).unwrap();
    assert!(notes.contains("`imdb-fast fetch`, then `imdb-fast sweep imdb`"), "{notes}");
    let most = (1..=101).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let options = ["sweep", "d.safetensors", "--epochs", &most, "--batch-size", &most];
    desk.fails(2, &options, &["10201 configurations", "at most 10000"]);
    assert!(!desk.path("sweep").exists(), "nothing is begun");
}

#[test]
fn networks_without_a_hidden_layer_are_trained_once() {
    let desk = desk();
    let words = ["sweep", "d.safetensors", "--seeds", "1", "--validation", "100", "--epochs", "1"];
    let grid = ["--hidden", "none/4", "--activation", "relu,tanh", "--no-refit"];
    let (table, notes) = desk.runs(&[&words[..], &grid].concat());
    assert!(notes.contains("left out: 1 combination"), "{notes}");
    assert!(notes.contains("3 runs in ") && notes.contains("no hidden layer: epoch"), "{notes}");
    assert_eq!(table.matches("no hidden layer").count(), 1, "{table}");
}

#[test]
fn the_folders_of_runs_and_sweeps_are_not_mixed() {
    let desk = desk();
    desk.ok(&["sweep", "d.safetensors", "--seeds", "1", "--validation", "100", "--epochs", "1"]);
    let train = ["train", "d.safetensors", "--validation", "100", "--epochs", "1", "--out"];
    desk.fails(1, &[&train[..], &["sweep", "--fresh"]].concat(), &["there is a sweep in it"]);
    desk.ok(&[&train[..], &["run"]].concat());
    let sweep = ["sweep", "d.safetensors", "--validation", "100", "-o", "run", "--fresh"];
    desk.fails(1, &sweep, &["--out is run", "there is a run in it", "another folder"]);
    assert!(!desk.path("run/sweep.json").exists());
}

#[test]
fn what_does_not_fit_the_data_is_refused_before_anything_is_begun() {
    let desk = desk();
    desk.fails(1, &["sweep", "d.safetensors"], &["--validation is 10000", "none is left"]);
    desk.fails(
        1,
        &["sweep", "d.safetensors", "--folds", "9999"],
        &["--folds is 9999", "fewer folds"],
    );
    for judged in [["--validation", "100"], ["--folds", "3"]] {
        let options = ["sweep", "d.safetensors", "--epochs=2", "--schedule=constant:warm_up=1000"];
        let parts = ["--schedule is constant:warm_up=1000", "so ends before its warm-up"];
        desk.fails(1, &[&options[..], &judged].concat(), &parts);
    }
    let file = ["sweep", "d.safetensors", "--validation", "100", "-o", "d.safetensors"];
    desk.fails(
        1,
        &file,
        &["folder d.safetensors: a file, or a link that leads nowhere, is in its way; name"],
    );
    desk.fails(1, &["sweep", "nowhere", "--book"], &["nowhere"]);
    desk.fails(1, &["sweep", "--resume", "d.safetensors"], &["no sweep in it"]);
    desk.fails(1, &["sweep", "--resume"], &["--resume is sweep", "no sweep in it"]);
    assert!(!desk.path("sweep").exists());
}

#[test]
fn a_sweep_in_which_all_diverge_says_so() {
    let desk = desk();
    let options = ["--optimizer", "sgd", "--activation", "linear", "--learning-rate", "1e38"];
    let words = [&["sweep", "d.safetensors", "--validation", "100", "-q"], &options[..]].concat();
    desk.fails(1, &words, &["diverged", "smaller learning rates"]);
    let csv = desk.text("sweep/results.csv");
    assert!(csv.lines().nth(1).unwrap().starts_with(','), "it has no rank: {csv}");
}

/// Whoever reads only the first lines of the table has the best network all the same.
#[test]
fn a_reader_that_leaves_does_not_end_a_sweep() {
    let desk = desk();
    let mut sweep = desk.command(&SMALL).stdout(Stdio::piped()).spawn().unwrap();
    drop(sweep.stdout.take());
    assert!(sweep.wait().unwrap().success());
    let results = SweepResults::read(&desk.path("s/results.json")).unwrap();
    assert!(results.best.is_some());
    assert!(!best_weights(&desk, "s").is_empty());
}

/// The weights get worse with each epoch, and the first one, before any step has moved them, is the best: but a run as short
/// as that would end within its warm-up.
#[test]
fn the_best_run_outlasts_its_warm_up() {
    let desk = desk();
    let options = [
        "--schedule=constant:warm_up=2",
        "--optimizer=sgd",
        "--learning-rate=100",
        "--batch-size=100000",
        "--hidden=none",
        "--epochs=4",
        "--validation=100",
        "--out=-s",
    ];
    let (_, notes) = desk.runs(&[&["sweep", "d.safetensors"][..], &options].concat());
    assert!(notes.contains("the best epoch, 1, is within the warm-up: training for 3"), "{notes}");
    let results = SweepResults::read(&desk.path("-s/results.json")).unwrap();
    assert_eq!(results.ranking()[0].epoch, Some(0));
    assert_eq!(results.best.unwrap().epochs, 3);
}

#[test]
fn of_one_class_there_is_no_auc() {
    let desk = desk();
    desk.write("train.svm", "1 1:1 3:1\n-1 2:1\n1 3:1\n-1 1:1\n");
    desk.write("test.svm", "1 1:1 3:1\n1 3:1\n");
    desk.ok(&["import", "train.svm", "--test", "test.svm", "-o", "one.safetensors"]);
    let options = ["--epochs", "1", "--seeds", "1", "--validation", "1", "-q"];
    let (_, warnings) = desk.runs(&[&["sweep", "one.safetensors"], &options[..]].concat());
    assert!(warnings.contains("the one review that is held out is positive"), "{warnings}");
    let results = SweepResults::read(&desk.path("sweep/results.json")).unwrap();
    let test = results.best.unwrap().test.unwrap();
    assert_eq!((test.reviews, test.auc), (2, None));
    desk.ok(&["report", "sweep", "-o", "r.html"]);
    let page = desk.text("r.html");
    assert!(page.contains("2 of test") && !page.contains("AUC"), "{page}");
    desk.ok(&["import", "test.svm", "-o", "alike.safetensors"]);
    let folds = ["sweep", "alike.safetensors", "--folds", "2", "--epochs", "1", "-o", "folds"];
    let (_, warnings) = desk.runs(&folds);
    assert!(warnings.contains("all 2 reviews that are trained on are positive"), "{warnings}");
}
