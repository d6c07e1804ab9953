//! The page of a run, from the program that writes it: what is in it, that it is whole, and that nothing gets out of it.

mod common;

use std::collections::BTreeMap;
use std::path::Path;

use common::desk::Desk;
use common::{InMemory, generated, is_self_contained, repository};
use imdb_fast::dataset::{self, Split};
use imdb_fast::model::Model;
use imdb_fast::text::{Rules, Vocabulary};

/// A folder with the sample dataset, `d.safetensors`, and a run on it, `run`.
fn desk() -> Desk {
    let desk = Desk::with_sample("300");
    desk.ok(&["train", "d.safetensors", "--validation", "100", "--epochs", "4", "-q"]);
    desk
}

/// Writes a report and returns it.
fn report(desk: &Desk, arguments: &[&str]) -> String {
    desk.ok(&[&["report", "run", "-o", "r.html"], arguments].concat());
    desk.text("r.html")
}

/// Expects an error with all of `parts`, and no page.
fn fails(desk: &Desk, arguments: &[&str], parts: &[&str]) {
    desk.fails(1, &[&["report"], arguments, &["-o", "no.html"]].concat(), parts);
    assert!(!desk.path("no.html").exists());
}

/// The text of a page: no tags, no style, no script, entities as they are.
fn text(page: &str) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        for raw in ["style", "script"] {
            if rest[1..].starts_with(raw) {
                let end = format!("</{raw}>");
                rest = &rest[rest.find(&end).expect("it is closed")..];
            }
        }
        rest = &rest[rest.find('>').expect("a tag ends") + 1..];
    }
    text + rest
}

#[test]
fn a_page_has_all_that_was_found() {
    let desk = desk();
    let page = report(&desk, &[]);
    is_self_contained(&page);
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">") && page.ends_with("</html>\n"));
    let words = text(&page);

    // The same figures as those of `evaluate`.
    let found: serde_json::Value = serde_json::from_str(&desk.ok(&[
        "evaluate",
        "run/model.safetensors",
        "d.safetensors",
        "--json",
    ]))
    .unwrap();
    let accuracy = format!("{:.2}\u{a0}%", 100.0 * found["accuracy"].as_f64().unwrap());
    let loss = format!("{:.4}", found["loss"].as_f64().unwrap());
    assert!(words.contains(&accuracy) && words.contains(&loss), "{accuracy} {loss}");
    for cell in
        found["confusion_matrix"].as_array().unwrap().iter().flat_map(|row| row.as_array().unwrap())
    {
        assert!(page.contains(&format!("<strong>{cell}</strong>")), "{cell}");
    }
    for part in [
        "Judged on 200 reviews, rows 0 to 199 of the test split",
        "The validation loss was lowest after epoch",
        "Loss",
        "Accuracy",
        "ROC area",
        "Calibration",
        "Reviews by probability",
        "Towards positive",
        "Towards negative",
        "The surest mistakes",
        "batch size",
        "512",
        "throughput",
        "reviews/s",
        "CPU features",
    ] {
        assert!(words.contains(part), "no {part:?}");
    }
    // A dot an epoch, the line, the mark of the lowest; what stands at the pointer can be read without the script.
    for part in
        ["<title>Epoch 1\ntraining ", "line validation", "class=\"ring\"", "<title>Threshold 0.5\n"]
    {
        assert!(page.contains(part), "no {part:?}");
    }
    // Each chart is named and described.
    let charts = page.matches("role=\"img\"").count();
    assert_eq!(
        (charts, page.matches("<desc id=").count(), page.matches("<figcaption id=").count()),
        (5, 5, 5)
    );

    // The strongest words are those that `words` lists.
    let strongest = desk.ok(&["words", "run/model.safetensors", "--top", "15", "--csv"]);
    for line in strongest.lines().skip(1) {
        let word = line.split(',').next().unwrap();
        assert!(page.contains(&format!("<bdi>{word}</bdi>")), "{word}");
    }
}

#[test]
fn what_it_takes_to_repeat_a_run_is_whole() {
    let desk = Desk::new();
    let name = format!("{}-last.safetensors", "d".repeat(100));
    desk.import_sample("300", &name);
    let optimizer = "rmsprop:rho=0.9,epsilon=0.0000001,centered=true,momentum=0.0625";
    let train =
        ["train", &name, "--epochs", "1", "--validation", "100", "--optimizer", optimizer, "-q"];
    desk.ok(&train);
    let page = report(&desk, &[]);
    assert!(page.contains(&format!("<td>{name}</td>")) && page.contains(optimizer));
}

/// By what has had a say in the training nobody can tell how good its result is.
#[test]
fn a_page_judged_by_what_was_validated_on_says_so() {
    let desk = Desk::with_sample("300");
    let train = ["train", "d.safetensors", "--epochs", "2", "-q", "--validation"];
    for (options, part) in [
        (&["100"][..], None),
        (&["test"], Some("The run was validated on these very reviews")),
        (&["test", "--keep-best"], Some("The epoch was chosen by these very reviews")),
        (&["test", "--early-stopping", "1"], Some("The epoch was chosen by these very reviews")),
    ] {
        desk.ok(&[&train[..], options].concat());
        let page = report(&desk, &[]);
        assert_eq!(page.contains("these very reviews"), part.is_some(), "{options:?}");
        assert!(part.is_none_or(|part| page.contains(part)), "{options:?}: no {part:?}");
    }
}

#[test]
fn a_page_says_of_which_epoch_the_weights_are() {
    let desk = Desk::with_sample("300");
    let train = ["train", "d.safetensors", "--validation", "100", "--epochs", "30", "-q"];
    let overfit = [&train[..], &["--hidden", "64", "--learning-rate", "0.1"]].concat();
    desk.ok(&overfit);
    assert!(text(&report(&desk, &[])).contains(", trained for 30 epochs, judged on"));
    desk.ok(&[&overfit[..], &["--keep-best"]].concat());
    let model = imdb_fast::model::Model::load(&desk.path("run/model.safetensors")).unwrap();
    let epoch = model.training["epoch"].as_u64().unwrap();
    assert!(epoch < 30, "it does overfit");
    let lead = format!(", trained for 30 epochs, with the weights of epoch {epoch}, judged on");
    assert!(text(&report(&desk, &[])).contains(&lead));
}

/// Of a student's epochs, its history has those of the fine-tuning alone.
#[test]
fn a_student_is_not_taken_for_its_teacher() {
    let desk = Desk::new();
    let mut source = generated(800, 100, 5);
    for (split, _, label) in source.reviews.iter_mut().skip(400) {
        if *split == Split::Train {
            (*split, *label) = (Split::Unlabelled, None);
        }
    }
    dataset::write(&mut source, &desk.path("d.safetensors")).unwrap();
    for epochs in ["0", "2"] {
        let training = format!("pseudo-labels:fine_tuning_epochs={epochs}");
        let train = ["train", "d.safetensors", "--validation", "100", "--epochs", "3", "-q"];
        desk.ok(&[&train[..], &["--hidden", "none", "--self-training", &training]].concat());
        let page = report(&desk, &[]);
        for part in [
            "self-trained, judged on",
            "those of the student’s fine-tuning, if it has any",
            " without a label</td>",
        ] {
            assert!(page.contains(part), "no {part:?}");
        }
        // Students without fine-tuning are of no epoch that the history has.
        assert_eq!(page.contains("teachers’ epochs, then the students’"), epochs == "2");
        for part in ["overfits", "may still help", "trained for"] {
            assert!(!page.contains(part), "{part:?}");
        }
    }
}

/// The curves are of the weights on the way, which the model has not: they say nothing of it, nor of its number of epochs.
#[test]
fn averages_of_weights_are_judged_by_themselves() {
    let desk = desk();
    let train = ["train", "d.safetensors", "--validation", "100", "--average-weights", "ema"];
    let told = desk.ok(&[&train[..], &["--epochs", "30", "--learning-rate", "0.01"]].concat());
    assert!(told.contains("the average of the weights over all steps: validation loss"), "{told}");
    assert!(!told.contains("overfits") && !told.contains("lowest"), "{told}");
    let run: serde_json::Value = serde_json::from_str(&desk.text("run/history.json")).unwrap();
    assert_ne!(run["merged"]["val_loss"], run["history"]["val_loss"][29]);
    let model = Model::load(&desk.path("run/model.safetensors")).unwrap();
    assert_eq!(model.training["merged"], run["merged"]);
    assert!(model.training.get("epoch").is_none() && model.training.get("reached").is_none());
    let page = report(&desk, &[]);
    assert!(page.contains("the model has their average over all steps"));
    assert!(!page.contains("overfits") && !page.contains("weights of epoch"));
    // With all of a split held out, `evaluate` says the same.
    desk.ok(&[&train[..3], &["test", "--average-weights", "ema", "-q"]].concat());
    let run: serde_json::Value = serde_json::from_str(&desk.text("run/history.json")).unwrap();
    let judged: serde_json::Value = serde_json::from_str(&desk.ok(&[
        "evaluate",
        "run/model.safetensors",
        "d.safetensors",
        "--json",
    ]))
    .unwrap();
    assert_eq!(run["merged"]["val_loss"], judged["loss"]);
    assert_eq!(run["merged"]["val_accuracy"], judged["accuracy"]);
}

#[test]
fn mistakes_are_the_surest_ones_with_their_text() {
    let desk = desk();
    let page = report(&desk, &["--mistakes", "3"]);
    let csv = desk.ok(&["predict", "run/model.safetensors", "d.safetensors", "--csv"]);
    // Row and distance from the label of each mistake.
    let wrong: BTreeMap<usize, f32> = csv
        .lines()
        .skip(1)
        .filter_map(|line| {
            let mut fields = line.split(',');
            let row = fields.next()?.parse().ok()?;
            let probability: f32 = fields.next()?.parse().ok()?;
            let label: f32 = fields.next()?.parse().ok()?;
            let is_wrong = (probability > 0.5) != (label == 1.0);
            is_wrong.then_some((row, (probability - label).abs()))
        })
        .collect();
    assert!(wrong.len() > 3, "the sample leaves mistakes to show");
    let cards: Vec<&str> = page.split("<article>").skip(1).collect();
    assert_eq!(cards.len(), 3);
    let mut distances: Vec<f32> = wrong.values().copied().collect();
    distances.sort_by(|a, b| b.total_cmp(a));
    for (card, expected) in cards.iter().zip(distances) {
        let row = card.strip_prefix("<h3>Row ").and_then(|rest| rest.split(' ').next()).unwrap();
        assert_eq!(wrong[&row.parse().unwrap()], expected, "row {row}");
        let decoded = desk.ok(&["decode", "d.safetensors", "--split", "test", "--row", row]);
        // Without the mark of the start, which is no word.
        let (_, words) = decoded.trim().split_once('\n').unwrap();
        let expected = words.strip_prefix("? ").unwrap();
        let shown = card.split("<div class=\"text\"").nth(1).unwrap().split_once('>').unwrap().1;
        let shown = text(shown).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(shown.starts_with(expected), "{shown}\n{expected}");
        assert!(card.contains("misled by") && card.contains("<span class=\"part\">"));
    }
    assert!(!report(&desk, &["--mistakes", "0"]).contains("<article>"));
}

/// Networks of sequences are explained as others are.
#[test]
fn mistakes_of_an_embedding_have_reasons() {
    let desk = desk();
    let embedding = ["--encoding", "embedding", "--hidden", "8", "--learning-rate", "0.01"];
    let train = ["train", "d.safetensors", "--validation", "100", "--epochs", "4", "-q"];
    desk.ok(&[&train[..], &embedding].concat());
    let page = report(&desk, &["--mistakes", "3"]);
    let cards: Vec<&str> = page.split("<article>").skip(1).collect();
    assert_eq!(cards.len(), 3);
    for card in cards {
        assert!(card.contains("<span class=\"part\">"), "{card}");
    }
}

#[test]
fn same_inputs_same_bytes() {
    let desk = desk();
    let page = report(&desk, &["--threads", "1"]);
    assert!(page == report(&desk, &["--threads", "3"]));
    assert!(page == report(&desk, &["--data", "d.safetensors", "--no-mmap"]));
    assert!(page != report(&desk, &["--split", "train"]));
    assert!(desk.text("r.html").contains("The network may have learned from these very reviews"));
}

const HOSTILE: [&str; 6] = [
    "<script>alert(1)</script>",
    "\"onload=alert(1)//",
    "</style><img/src=x>",
    "&lt;b&gt;",
    "a\u{202E}b\0c",
    "two\u{A0}words",
];

/// A dataset whose words attack the page, written to `d.safetensors`.
fn hostile(desk: &Desk) {
    let InMemory { mut contents, reviews } = generated(800, 100, 5);
    let rules = Rules { num_words: 100, index_from: 3, ..Rules::default() };
    let words = (0..100).map(|id| match id {
        0..4 => String::new(),
        id => format!("{}{id}", HOSTILE[id % HOSTILE.len()]),
    });
    contents.vocabulary = Some(Vocabulary::from_words(words));
    contents.text = Some(rules);
    contents.sequences = true;
    let mut source = InMemory { contents, reviews };
    dataset::write(&mut source, &desk.path("d.safetensors")).unwrap();
}

#[test]
fn words_from_files_stay_words() {
    let desk = Desk::new();
    hostile(&desk);
    let out = ["train", "d.safetensors", "--epochs", "2", "--validation", "100", "-q"];
    desk.ok(&out);
    // The folder's name and the history are from files as well.
    let history = desk.text("run/history.json");
    let history = history
        .replace("\"loss\": [", "\"<script>l\": [")
        .replace("\"kernels\": \"", "\"kernels\": \"</table><script>");
    let history = history.replace("\"<script>l\": [", "\"loss\": [");
    std::fs::write(desk.path("run/history.json"), history).unwrap();
    let name = "run<script>&";
    std::fs::rename(desk.path("run"), desk.path(name)).unwrap();
    desk.ok(&["report", name, "-o", "r.html", "--words", "90"]);
    let page = desk.text("r.html");
    // Quoted words may hold what looks like an attribute: it has to stand between tags.
    let shown = page.replace("&quot;onload=alert(1)//", "").replace("img/src=x", "");
    is_self_contained(&shown);
    for part in [
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&lt;/style&gt;&lt;img/src=x&gt;",
        "&amp;lt;b&amp;gt;",
        "a\u{FFFD}b\u{FFFD}c",
        "<h1><bdi>run&lt;script&gt;&amp;</bdi></h1>",
        "&lt;/table&gt;&lt;script&gt;",
    ] {
        assert!(page.contains(part), "no {part:?}");
    }
    assert!(!page.contains("<img") && !page.contains('\0') && !page.contains('\u{202E}'));
}

#[test]
fn what_is_not_known_is_said() {
    // Without words.
    let desk = Desk::new();
    let svm = repository("data/sample.svm");
    let test = repository("data/sample.test.svm");
    desk.ok(&[
        "import",
        svm.to_str().unwrap(),
        "--test",
        test.to_str().unwrap(),
        "-o",
        "d.safetensors",
    ]);
    desk.ok(&["train", "d.safetensors", "--epochs", "2", "--validation", "0", "-q"]);
    let page = report(&desk, &[]);
    is_self_contained(&page);
    assert!(page.contains("does not know how text becomes its inputs"));
    assert!(page.contains("Nothing was held out to validate"));
    assert!(page.contains("Neither model nor dataset has words for it."));
}

#[test]
fn errors_name_what_helps() {
    let desk = desk();
    fails(&desk, &["nowhere"], &["the run is nowhere", "no such folder", "imdb-fast train"]);
    fails(&desk, &["run/model.safetensors"], &["it is a file", "name the folder"]);
    fails(&desk, &["run", "--data", "other"], &["other"]);
    let onto_itself = ["report", "run", "-o", "d.safetensors"];
    desk.fails(2, &onto_itself, &["another file than the dataset, which would be lost"]);
    desk.write("run/checkpoint.safetensors", "of a newer run");
    let onto_run = ["report", "run", "-o", "run/checkpoint.safetensors"];
    desk.fails(2, &onto_run, &["those of the run, which would be lost"]);
    desk.remove("run/checkpoint.safetensors");
    let move_away = |name: &str| std::fs::rename(desk.path(name), desk.path("away")).unwrap();
    let back = |name: &str| std::fs::rename(desk.path("away"), desk.path(name)).unwrap();
    for name in ["run/model.safetensors", "run/history.json"] {
        move_away(name);
        let file = Path::new(name).file_name().unwrap().to_str().unwrap();
        fails(&desk, &["run"], &[&format!("it has no {file}"), "train again"]);
        desk.write("run/checkpoint.safetensors", "of a run that was stopped");
        fails(&desk, &["run"], &[&format!("it has no {file}"), "train --resume run` ends"]);
        desk.remove("run/checkpoint.safetensors");
        back(name);
    }
    move_away("d.safetensors");
    fails(&desk, &["run"], &["d.safetensors", "not there any more", "--data"]);
    desk.ok(&["report", "run", "--data", "away", "-o", "r.html"]);

    // Other words under the same ids, and another number of features.
    hostile(&desk);
    let other = ["d.safetensors, but it had other contents", "trained on", "--data"];
    fails(&desk, &["run"], &other);
    let named = ["run", "--data", "d.safetensors"];
    fails(&desk, &named, &["100 features", "300 inputs"]);
    let [sample, index] = ["data/sample.npz", "data/sample_word_index.json"].map(repository);
    let sample = sample.to_str().unwrap();
    let words = std::fs::read_to_string(index).unwrap().replace("\"the\"", "\"qwertz\"");
    std::fs::write(desk.path("index.json"), words).unwrap();
    let import = [
        "import",
        sample,
        "--word-index",
        "index.json",
        "--num-words",
        "300",
        "-o",
        "d.safetensors",
    ];
    desk.ok(&import);
    fails(&desk, &named, &["its id ", "\"qwertz\"", "\"the\" to the model", "trained on"]);

    // The same reviews in another order: those to judge by may be among those that were trained on, unless a user knows better.
    desk.ok(&["import", sample, "--num-words", "300", "--seed", "7", "-o", "d.safetensors"]);
    fails(&desk, &["run"], &other);
    back("d.safetensors");
    desk.ok(&["report", "run", "-o", "r.html"]);

    // Earlier runs did not note what is in their dataset.
    let history = desk.text("run/history.json");
    let earlier = history.lines().filter(|line| !line.contains("\"fingerprint\""));
    let earlier: String = earlier.map(|line| format!("{line}\n")).collect();
    assert_ne!(earlier, history);
    desk.write("run/history.json", earlier);
    desk.ok(&["report", "run", "-o", "r.html"]);

    // A history of another run.
    let history = desk.text("run/history.json").replace("\"epochs\": 4", "\"epochs\": 5");
    std::fs::write(desk.path("run/history.json"), history).unwrap();
    fails(&desk, &["run"], &["two runs", "`epochs` differs", "train again"]);
}

/// As a user of the library may have it.
#[test]
fn a_loss_that_only_the_model_knows_is_no_option() {
    let desk = desk();
    let path = desk.path("run/model.safetensors");
    let mut model = Model::load(&path).unwrap();
    model.training["loss"] = "focal".into();
    model.save(&path).unwrap();
    let history = desk.text("run/history.json");
    desk.write("run/history.json", history.replace("\"binary-crossentropy\"", "\"focal\""));
    let parts = ["run/model.safetensors: metadata `training`: ", "\"focal\"", "evaluate --loss"];
    fails(&desk, &["run"], &parts);
    let evaluate = ["evaluate", "run/model.safetensors", "d.safetensors"];
    desk.fails(1, &evaluate, &parts);
    desk.ok(&[&evaluate[..], &["--loss", "hinge"]].concat());
    desk.fails(2, &[&evaluate[..], &["--loss", "focal"]].concat(), &["error: --loss is "]);
}

#[test]
fn a_run_on_generated_reviews_needs_no_file() {
    let desk = Desk::new();
    desk.ok(&["train", "--epochs", "1", "--hidden", "none", "-q"]);
    let page = report(&desk, &[]);
    is_self_contained(&page);
    assert!(page.contains("Judged on 25,000 reviews"));
    // Their words are known, though no text can be read by them.
    assert!(page.contains("<div class=\"text\""));
    // Another version may generate others.
    let history = desk.text("run/history.json");
    let (before, rest) = history.split_once("\"fingerprint\": \"").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    desk.write("run/history.json", format!("{before}\"fingerprint\": \"0000000000000000\"{after}"));
    fails(&desk, &["run"], &["the dataset is generated reviews", "other contents", "--data"]);
}
