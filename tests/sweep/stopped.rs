//! Sweeps that are stopped or killed go on to the same bytes; those that the system has no room for begin with less, or not.

use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::desk::{Desk, neutral};
use crate::common::{heard, names};
use crate::{SMALL, best_weights, desk, results};

/// Many runs, which take some half a second together on a fast machine.
const MANY: [&str; 13] = [
    "sweep",
    "d.safetensors",
    "--hidden",
    "none/4/8/16/32",
    "--epochs",
    "400",
    "--seeds",
    "8",
    "--validation",
    "100",
    "--threads",
    "2",
    "-q",
];

/// Begins a sweep and waits until some runs are done.
fn begun(desk: &Desk, folder: &str, runs: usize) -> Child {
    let child = desk.command(&[&MANY[..], &["-o", folder]].concat()).stderr(Stdio::piped()).spawn();
    let child = child.unwrap();
    let start = Instant::now();
    let done = || {
        let files = std::fs::read_dir(desk.path(folder).join("runs")).into_iter().flatten();
        files.flatten().filter(|file| file.file_name().to_string_lossy().ends_with(".json")).count()
    };
    while done() < runs {
        assert!(start.elapsed() < Duration::from_secs(60), "no run is done");
        std::thread::sleep(Duration::from_millis(1));
    }
    child
}

fn signal(child: &Child, name: &str) {
    let id = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
}

/// By whatever it was stopped: here by a file in the place of a folder.
#[test]
fn a_best_model_that_cannot_be_written_is_made_up_for_with_the_same_bytes() {
    let desk = desk();
    let model = || desk.read("s/best/model.safetensors");
    let options = || {
        let history: Value = serde_json::from_slice(&desk.read("s/best/history.json")).unwrap();
        history["options"].clone()
    };
    desk.ok(&SMALL);
    let whole = (model(), options());
    std::fs::remove_dir_all(desk.path("s")).unwrap();
    std::fs::create_dir(desk.path("s")).unwrap();
    desk.write("s/best", "");
    let kept = "note: the runs that are done are kept; see to its folder, then: imdb-fast sweep --resume s\n";
    desk.fails(1, &SMALL, &[kept, "error: cannot create the folder s/best: "]);
    desk.remove("s/best");
    desk.ok(&["sweep", "--resume", "s"]);
    assert!((model(), options()) == whole);
}

#[test]
fn stopped_and_killed_sweeps_end_the_same() {
    let desk = desk();
    desk.ok(&[&MANY[..], &["-o", "whole"]].concat());
    let expected = (results(&desk, "whole"), best_weights(&desk, "whole"));
    for name in ["INT", "TERM", "KILL"] {
        let (sent, code) = match name {
            "KILL" => (name, None),
            name => (heard(name).0, Some(heard(name).1)),
        };
        let child = begun(&desk, name, 3);
        // One writes there at a time.
        desk.fails(1, &["sweep", "--resume", name], &["another run is writing"]);
        signal(&child, sent);
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), code, "{errors}");
        let done = names(&desk.path(name).join("runs")).len();
        assert!((3..40).contains(&done), "{done} runs were done: too late to stop it");
        assert!(!desk.path(name).join("results.json").exists());
        if code.is_some() {
            assert!(errors.contains(&format!("imdb-fast sweep --resume {name}")), "{errors}");
        }
        desk.fails(1, &["report", name, "-o", "r.html"], &["not finished"]);
        desk.ok(&["sweep", "--resume", name, "-q", "--threads", "1"]);
        assert!((results(&desk, name), best_weights(&desk, name)) == expected, "{name}");
    }
}

/// Runs the program under a limit of the shell's.
fn limited(desk: &Desk, limit: &str, arguments: &[&str]) -> Output {
    let line = format!("ulimit {limit}; exec \"$0\" \"$@\"");
    let mut command = neutral("sh");
    command.args(["-c", &line, env!("CARGO_BIN_EXE_imdb-fast")]).args(arguments);
    command.current_dir(desk.folder()).output().unwrap()
}

#[test]
fn a_sweep_that_cannot_begin_leaves_no_folder() {
    let desk = desk();
    let sweep = ["sweep", "d.safetensors", "--validation", "100", "-o", "deep/s"];
    let output = limited(&desk, "-f 0", &sweep);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("deep/s/") && !desk.path("deep").exists(), "{errors}");
}

/// The limit is on addresses: of what the others would need nothing is taken.
#[cfg(target_os = "linux")]
#[test]
fn as_many_runs_are_trained_at_a_time_as_memory_has_room_for() {
    let desk = Desk::new();
    desk.ok(&["synth", "--reviews", "400", "--words", "10000", "-o", "wide.safetensors"]);
    let sweep = |hidden: &'static str, folder: &'static str| {
        let words = ["sweep", "wide.safetensors", "--validation", "100", "--epochs", "1"];
        let more = ["--seeds", "2", "--threads", "2", "--no-refit", "--hidden", hidden, "-o"];
        [&words[..], &more, &[folder]].concat()
    };
    // A run takes its weights, the optimizer's state and the gradient: 120 MB each.
    let output = limited(&desk, "-v 750000", &sweep("3000", "short"));
    let notes = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{notes}");
    let expected = "2 runs in ";
    let short = " s on 1 thread: memory has room for no more runs at a time\n";
    assert!(notes.contains(expected) && notes.contains(short), "{notes}");
    let (_, notes) = desk.runs(&sweep("3000", "long"));
    assert!(notes.contains(" s on 2 threads\n"), "{notes}");
    let results = |folder: &str| desk.read(&format!("{folder}/results.csv"));
    assert!(results("short") == results("long"));

    let output = limited(&desk, "-v 750000", &sweep("16000", "none"));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let expected = "GB, which the system does not give; take fewer --hidden units";
    assert!(errors.contains(expected) && !desk.path("none").exists(), "{errors}");
}
