//! Presets, ensembles and self-training on the command line.

mod common;

use common::desk::Desk;
use common::{names, repository};
use imdb_fast::model::Model;
use serde_json::Value;

/// With the dataset of a preset, `d.safetensors`, of the sample archive.
fn desk(preset: &str) -> Desk {
    let desk = Desk::new();
    let archive = repository("data/sample_acl.tar.gz");
    let import = ["import", archive.to_str().unwrap(), "--preset", preset, "-o", "d.safetensors"];
    desk.ok(&import);
    desk
}

fn accuracy(desk: &Desk, model: &str) -> f64 {
    let out = desk.ok(&["evaluate", model, "d.safetensors", "--json"]);
    serde_json::from_str::<Value>(&out).unwrap()["accuracy"].as_f64().unwrap()
}

#[test]
fn each_preset_leaves_a_model_that_is_used_as_any_and_all_threads_agree() {
    // The book's batches are larger than the sample: it takes one step an epoch.
    for (preset, epochs, least) in
        [("book", 20, 0.6), ("best", 2, 0.8), ("best-ensemble", 2, 0.8), ("semi", 5, 0.8)]
    {
        let desk = desk(preset);
        // The sample has no 10,000 reviews to hold out.
        let train = |threads| {
            let line = ["train", "d.safetensors", "--preset", preset, "--validation", "100"];
            desk.runs(&[&line[..], &["--threads", threads]].concat())
        };
        let (out, progress) = train("1");
        assert!(out.contains("wrote model, history and curves to run"), "{out}");
        assert!(progress.contains(&format!("epoch {epochs}/{epochs}  loss ")), "{progress}");
        let files =
            ["curves.png", "curves.svg", "history.csv", "history.json", "model.safetensors"];
        assert_eq!(names(&desk.path("run")), files);
        let one =
            ["model.safetensors", "history.csv"].map(|name| desk.read(&format!("run/{name}")));
        train("2");
        let two =
            ["model.safetensors", "history.csv"].map(|name| desk.read(&format!("run/{name}")));
        assert!(one == two, "{preset}");

        let model = "run/model.safetensors";
        desk.ok(&["verify", model]);
        assert!(accuracy(&desk, model) > least, "{preset}: {}", accuracy(&desk, model));
        let text = ["--text", "a great film , not bad at all", "--explain"];
        let out = desk.ok(&[&["predict", model][..], &text].concat());
        assert!(out.contains("great"), "{preset}: {out}");
        desk.ok(&["report", "run", "-o", "report.html"]);
        // As it was given, and not as it rounds.
        let rate = if preset == "book" { "null" } else { "0.3" };
        let history = desk.text("run/history.json");
        assert!(history.contains(&format!("\"learning_rate\": {rate},")), "{history}");
        let page = desk.text("report.html");
        let (is_ensemble, learns_alone) = (!["book", "best"].contains(&preset), preset == "semi");
        assert_eq!(page.contains("All values are means over 5 networks"), is_ensemble, "{preset}");
        assert_eq!(page.contains("reviews a second"), !learns_alone, "{preset}");
    }
}

#[test]
fn a_preset_is_the_options_that_it_shows() {
    let desk = desk("best");
    let shown = desk.ok(&["train", "--preset", "best-ensemble", "--show-preset"]);
    desk.fails(2, &["train", "best", "--show-preset"], &["cannot be used with"]);
    assert_eq!(names(desk.folder()), ["d.safetensors"]);
    let line = shown.replace(" \\\n", " ");
    let (import, train) = line.trim_end().split_once('\n').unwrap();
    let archive = repository("data/sample_acl.tar.gz");
    let words = |line: &str, dataset: &str| -> Vec<String> {
        let line = line.replace("DATASET", dataset);
        let words = line.split_whitespace().skip(1);
        words.map(|word| word.replace("SOURCE", archive.to_str().unwrap())).collect()
    };
    fn borrowed(words: &[String]) -> Vec<&str> {
        words.iter().map(String::as_str).collect()
    }
    desk.ok(&borrowed(&words(import, "e.safetensors")));
    assert!(desk.read("d.safetensors") == desk.read("e.safetensors"));
    desk.ok(&borrowed(&words(train, "d.safetensors")));
    let spelt = desk.read("run/model.safetensors");
    desk.ok(&["train", "--preset", "best-ensemble", "d.safetensors"]);
    assert!(desk.read("run/model.safetensors") == spelt);
    // More than one network has been trained, and what is given by itself counts.
    desk.ok(&["train", "d.safetensors", "--ensemble", "1", "--preset", "best-ensemble"]);
    let one = desk.read("run/model.safetensors");
    assert!(one != spelt);
    desk.ok(&["train", "d.safetensors", "--preset", "best"]);
    let best = desk.read("run/history.csv");
    desk.ok(&["train", "d.safetensors", "--ensemble", "1", "--preset", "best-ensemble"]);
    assert_eq!(desk.read("run/history.csv"), best);
}

#[test]
fn what_does_not_go_together_is_refused() {
    let desk = desk("best");
    let train =
        |more: &[&'static str]| [&["train", "d.safetensors", "--validation", "100"], more].concat();
    desk.fails(2, &train(&["--preset", "better"]), &["better", "best-ensemble", "semi"]);
    for count in ["0", "1001", "18446744073709551615"] {
        desk.fails(2, &train(&["--ensemble", count]), &["--ensemble", "from 1 to 1000"]);
    }
    desk.fails(
        2,
        &train(&["--ensemble", "2", "--checkpoint-every", "1"]),
        &["--checkpoint-every", "start anew"],
    );
    desk.fails(2, &train(&["--self-training", "labels"]), &["--self-training", "pseudo-labels"]);
    // Nor is what a preset says of it left out without a word.
    let remedy = "does not go with --preset semi, whose students have nothing to validate on; --preset best-ensemble";
    for (semi, part) in
        [(["--self-training", "pseudo-labels"], "'--self-training"), (["--preset", "semi"], remedy)]
    {
        for best in [&["--keep-best"][..], &["--early-stopping", "1"]] {
            desk.fails(2, &train(&[&semi, best].concat()), &[best[0], part]);
        }
    }
    desk.fails(2, &["train", "--resume", ".", "--preset", "best"], &["--preset"]);
    // Made by `--preset best`, it has none of the reviews that this one wants.
    desk.fails(1, &train(&["--preset", "semi"]), &["--no-unlabelled"]);
    assert!(!desk.path("run/model.safetensors").exists());
}

#[cfg(unix)]
#[test]
fn an_ensemble_that_is_stopped_leaves_nothing_and_the_next_clears_up_what_was_killed() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};

    use common::heard;

    let desk = desk("semi");
    let line = ["train", "d.safetensors", "--preset", "semi", "--epochs", "1000000"];
    for name in ["INT", "TERM"] {
        let (name, code) = heard(name);
        let mut command = desk.command(&line);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut errors = String::new();
        while !errors.contains("training") {
            assert!(stderr.read_line(&mut errors).unwrap() > 0, "{errors}");
        }
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
        stderr.read_to_string(&mut errors).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{errors}");
        assert!(errors.contains(&format!("stopped: SIG{name}")), "{errors}");
        assert!(!desk.path("run").exists());
    }
    // Any run clears up, whatever it trains.
    let left = desk.path("run/.pseudo-labels-abc");
    for options in [&["--preset", "semi"][..], &["--validation", "0", "--epochs", "1"]] {
        std::fs::create_dir_all(&left).unwrap();
        std::fs::write(left.join("reviews.safetensors"), "half").unwrap();
        desk.ok(&[&["train", "d.safetensors"], options].concat());
        assert!(!left.exists());
    }
}

#[cfg(unix)]
#[test]
fn a_second_signal_clears_the_reviews_with_new_labels() {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    let desk = Desk::new();
    let archive = repository("data/sample_acl.tar.gz");
    let words = ["--num-words", "300", "-o", "d.safetensors"];
    desk.ok(&[&["import", archive.to_str().unwrap()], &words[..]].concat());
    // A step takes its time: the second signal comes long before it is done.
    let heavy = ["--hidden", "2048,2048,2048", "--batch-size", "400", "--epochs", "1"];
    let train = ["train", "d.safetensors", "--validation", "0", "--self-training", "pseudo-labels"];
    let mut command = desk.command(&[&train[..], &heavy].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let left = || {
        let files = std::fs::read_dir(desk.path("run")).into_iter().flatten().flatten();
        files.filter(|file| file.file_name().as_encoded_bytes().starts_with(b".pseudo")).count()
    };
    let start = Instant::now();
    while left() == 0 {
        assert!(start.elapsed() < Duration::from_secs(60), "nothing is labelled");
        std::thread::sleep(Duration::from_millis(1));
    }
    let pid = child.id().to_string();
    for _ in 0..2 {
        assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    }
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(!desk.path("run").exists());
}

/// What is given beside a preset wins, and may not go with the rest of it.
#[test]
fn hidden_layers_that_would_never_learn_are_refused() {
    let desk = desk("best");
    let train = ["train", "d.safetensors", "--preset", "best", "--hidden", "16"];
    desk.fails(2, &train, &["is \"zeros\"", "--first-kernel-initializer glorot_uniform"]);
    desk.ok(&[&train[..], &["--first-kernel-initializer", "glorot_uniform", "-q"]].concat());
    desk.ok(&[&train[..], &["--activation", "tanh", "-q"]].concat());
}

/// The history has the means of the networks, which are worse than the one that they are merged into.
#[test]
fn what_networks_reach_together_is_kept() {
    let desk = desk("best-ensemble");
    let train = ["train", "d.safetensors", "--preset", "best-ensemble", "--validation", "test"];
    let (said, _) = desk.runs(&train);
    let reached = accuracy(&desk, "run/model.safetensors");
    assert!(said.contains("together: validation loss "), "{said}");
    let history: Value = serde_json::from_slice(&desk.read("run/history.json")).unwrap();
    assert_eq!(history["merged"]["val_accuracy"], reached);
    let model = Model::load(&desk.path("run/model.safetensors")).unwrap();
    assert_eq!(model.training["merged"], history["merged"]);
    desk.ok(&["report", "run", "-o", "report.html"]);
    let page = desk.text("report.html");
    for part in ["the model’s validation accuracy", "lowest validation loss, mean of the networks"]
    {
        assert!(page.contains(part), "no {part:?}");
    }
}

/// Networks of an ensemble that go back to where each was best are of no one epoch, and students of none of their teachers'.
#[test]
fn a_model_of_several_epochs_tells_none() {
    let desk = desk("best-ensemble");
    let train =
        ["train", "d.safetensors", "--preset", "best-ensemble", "--validation", "100", "-q"];
    let epoch = |more: &[&str]| {
        desk.ok(&[&train[..], more].concat());
        let model = Model::load(&desk.path("run/model.safetensors")).unwrap();
        model.training["epoch"].as_u64()
    };
    assert_eq!(epoch(&[]), Some(2));
    assert_eq!(epoch(&["--keep-best"]), None);
    desk.ok(&["inspect", "run/model.safetensors"]);
    desk.ok(&["report", "run", "-o", "report.html"]);
    let desk = self::desk("semi");
    for (options, expected) in [("", Some(3)), (":fine_tuning_epochs=0", None)] {
        let students = format!("pseudo-labels{options}");
        let train = ["train", "d.safetensors", "--preset", "semi", "--validation", "100", "-q"];
        desk.ok(&[&train[..], &["--self-training", &students]].concat());
        let model = Model::load(&desk.path("run/model.safetensors")).unwrap();
        assert_eq!(model.training["epoch"].as_u64(), expected, "{students}");
    }
}
