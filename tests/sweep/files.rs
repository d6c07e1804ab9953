//! Files of a sweep that are damaged, hostile, or of another sweep.

use imdb_fast::report::sweep::SweepResults;
use imdb_fast::sweep::Finished;
use imdb_fast::train::History;

use crate::common::{InMemory, generated};
use crate::{SMALL, best_weights, desk, results};

#[test]
fn a_sweep_goes_on_to_the_same_bytes() {
    let desk = desk();
    desk.ok(&SMALL);
    let (expected, weights) = (results(&desk, "s"), best_weights(&desk, "s"));
    for run in ["000001", "000002"] {
        desk.remove(&format!("s/runs/{run}.json"));
    }
    for name in ["results.json", "results.csv", "best/model.safetensors"] {
        desk.remove(&format!("s/{name}"));
    }
    // What a killed one leaves half written.
    desk.write("s/runs/.imdb-fast-000001.json-abc.tmp", "{");
    let output = desk.run(&["sweep", "--resume", "s", "--threads", "1"]);
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && notes.contains("2 of 4 runs are done"), "{notes}");
    assert!(results(&desk, "s") == expected && best_weights(&desk, "s") == weights);
    assert_eq!(crate::common::names(&desk.path("s/runs")).len(), 4);

    // A finished one trains nothing but the best one; the whole command is fine as well.
    desk.ok(&[&SMALL[..], &["--resume", "-q"]].concat());
    assert!(results(&desk, "s") == expected && best_weights(&desk, "s") == weights);
}

#[test]
fn other_options_or_data_are_refused() {
    let desk = desk();
    desk.ok(&SMALL);
    let resume = |options: &[&str], parts: &[&str]| {
        desk.fails(1, &[&["sweep", "--resume", "s"], options].concat(), parts);
    };
    resume(
        &["--hidden", "none/5"],
        &["other values of the configurations", "leave the option out"],
    );
    resume(&["--book"], &["other values of the configurations"]);
    resume(&["--seeds", "3"], &["other values of --seeds"]);
    resume(&["--seed", "1"], &["other values of --seeds"]);
    resume(&["--folds", "3"], &["other values of --folds or --validation"]);
    resume(&["--validation", "99"], &["other values of --folds or --validation"]);
    resume(&["--by", "val_accuracy"], &["other values of --by"]);
    // Names have two spellings, and all may be given again.
    let named = ["sweep", "d.safetensors", "--activation", "leaky_relu", "--hidden", "4"];
    let named = [&named[..], &["--epochs", "1", "--seeds", "1", "--validation", "100", "-q"]];
    let named = [&named.concat()[..], &["--no-refit", "--out", "named"]].concat();
    desk.ok(&named);
    desk.ok(&[&named[..], &["--resume"]].concat());
    desk.fails(1, &SMALL, &["there is a sweep in it", "--resume s", "--fresh"]);

    let InMemory { contents, reviews } = generated(400, 300, 5);
    let mut other = InMemory { contents, reviews };
    imdb_fast::dataset::write(&mut other, &desk.path("other")).unwrap();
    desk.fails(1, &["sweep", "other", "--resume", "s"], &["began with another dataset"]);
    std::fs::rename(desk.path("d.safetensors"), desk.path("moved")).unwrap();
    resume(&[], &["not at", "any more", "name it"]);
    desk.ok(&["sweep", "moved", "--resume", "s", "-q"]);
    // Anew, with another grid, and nothing of the old one; what is not the sweep's own stays.
    desk.write("s/runs/notes.txt", "mine");
    let fresh = ["sweep", "moved", "--validation", "100", "--epochs", "1", "--seeds", "1"];
    desk.ok(&[&fresh[..], &["-o", "s", "--fresh", "-q", "--no-refit"]].concat());
    assert!(!desk.path("s/best").exists());
    assert_eq!(crate::common::names(&desk.path("s/runs")), ["000000.json", "notes.txt"]);
}

#[test]
fn damaged_files_are_errors_with_their_name_and_remedy() {
    let desk = desk();
    desk.ok(&[&SMALL[..], &["--no-refit", "-q"]].concat());
    let deep = "[".repeat(200_000);
    let original = |name: &str| desk.text(&format!("s/{name}"));
    let begun = original("sweep.json");
    let run = original("runs/000000.json");
    let cases = [
        ("sweep.json", String::new(), "--fresh"),
        ("sweep.json", deep.clone(), "--fresh"),
        ("sweep.json", begun.replace("\"relu\"", "\"bayes\""), "--activation is"),
        ("sweep.json", begun.replace("\"seeds\": [0, 1]", "\"seeds\": []"), "--seeds"),
        (
            "sweep.json",
            begun.replace("\"holdout\": \"100\"", "\"folds\": 99999999"),
            "at most 100000 runs",
        ),
        ("runs/000000.json", String::new(), "remove the file"),
        ("runs/000000.json", deep, "remove the file"),
        ("runs/000000.json", original("runs/000003.json"), "of another run"),
        ("runs/000000.json", run.replace("\"seed\": 0", "\"seed\": 7"), "of another run"),
        (
            "runs/000000.json",
            run.replace("\"val_loss\"", "\"loss2\""),
            "its history is not 3 epochs",
        ),
        ("runs/000000.json", run.replace("\"seed\": 0", "\"seed\": -1"), "line 3"),
    ];
    for (name, text, part) in cases {
        let path = format!("s/{name}");
        let before = desk.text(&path);
        assert_ne!(text, before, "{name}: {part}");
        desk.write(&path, &text);
        desk.fails(1, &["sweep", "--resume", "s"], &[name, part]);
        desk.write(&path, &before);
    }
    desk.ok(&["sweep", "--resume", "s", "--no-refit", "-q"]);
}

#[test]
fn hostile_results_are_errors_or_harmless() {
    let desk = desk();
    desk.ok(&[&SMALL[..], &["-q"]].concat());
    let path = desk.path("s/results.json");
    let results = SweepResults::read(&path).unwrap();
    let text = desk.text("s/results.json");
    assert_eq!(results.to_json(), text, "what is read is what was written");
    let cases = [
        (String::new(), "line 1"),
        ("[".repeat(200_000), "line 1"),
        (
            text.replacen("\"val_loss\": [", "\"x\": [0, 0, 0], \"val_loss\": [", 1),
            "run 0: its history",
        ),
        (text.replace("\"features\": 300", "\"features\": 18446744073709551615"), "`features`"),
        (text.replacen("\"seed\": 1", "\"seed\": 9", 1), "run "),
        (text.replace("\"runs\": [{", "\"runs\": [], \"old\": [{"), "`runs`: there are 0"),
        (
            text.replace(
                "\"best\": {\n    \"configuration\": ",
                "\"best\": {\n    \"configuration\": 7",
            ),
            "`best`",
        ),
    ];
    for (text, part) in cases {
        desk.write("s/results.json", &text);
        let error = SweepResults::read(&path).unwrap_err().to_string();
        assert!(error.contains("results.json") && error.contains(part), "{part}: {error}");
        desk.fails(1, &["report", "s", "-o", "r.html"], &["results.json", part]);
    }
    // Values that are none, and histories of any length, are shown as they are.
    let mut odd = results.clone();
    let values = [1e300, f64::NAN, f64::NAN, f64::INFINITY];
    let long = Finished::SERIES.iter().zip(values);
    let long = long.map(|(name, value)| ((*name).to_owned(), vec![value; 5_000])).collect();
    odd.runs[0].as_mut().unwrap().history = History::from_series(long).unwrap();
    odd.runs[1].as_mut().unwrap().history = History::default();
    odd.runs[3] = None;
    desk.write("s/results.json", odd.to_json());
    desk.ok(&["report", "s", "-o", "r.html"]);
    assert!(desk.text("r.html").contains("not finished"));
}
