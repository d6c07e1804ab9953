//! Training runs that are stopped, killed, or run out of disk: what is left is whole, and goes on to the same bytes.
#![cfg(unix)]

mod common;

use std::io::{BufRead, BufReader, Read};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::desk::{Desk, neutral};
use common::{heard, names, repository, skipped, team};
use imdb_fast::container::Access;
use imdb_fast::dataset::{Dataset, Holdout};
use imdb_fast::model::Model;
use imdb_fast::nn::Architecture;
use imdb_fast::random::{Random, Stream};
use imdb_fast::train::{FitOptions, Observer, Snapshot, TrainPlan, fit};
use serde_json::{Value, json};

const FINISHED: [&str; 5] =
    ["curves.png", "curves.svg", "history.csv", "history.json", "model.safetensors"];

fn desk() -> Desk {
    Desk::with_sample("600")
}

/// What a run has left that does not depend on the clock or on its threads.
fn results(desk: &Desk, folder: &str) -> Results {
    assert_eq!(names(&desk.path(folder)), FINISHED, "{folder}");
    let file = |name: &str| desk.read(&format!("{folder}/{name}"));
    let mut history: Value = serde_json::from_slice(&file("history.json")).unwrap();
    for changing in ["fit_seconds", "threads"] {
        history.as_object_mut().unwrap().remove(changing).unwrap();
    }
    history["options"]["out"] = Value::Null;
    let mut model = file("model.safetensors");
    // The model notes the folder that it was made for, and its header's checksum; all these names are of one length.
    let mut hide = |before: &str, length: usize| {
        let at = model.windows(before.len()).position(|window| window == before.as_bytes());
        let at = at.expect("the model tells it") + before.len();
        model[at..at + length].fill(b'_');
    };
    hide("\\\"out\\\":\\\"", folder.len());
    hide("\"xxh3:header\":\"", 16);
    Results { files: ["history.csv", "curves.svg", "curves.png"].map(file), model, history }
}

#[derive(PartialEq)]
struct Results {
    files: [Vec<u8>; 3],
    model: Vec<u8>,
    history: Value,
}

/// Ends a child whatever happens.
struct Running(Child);

impl Running {
    fn start(desk: &Desk, arguments: &[&str]) -> Running {
        let mut command = desk.command(arguments);
        Running(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// Waits until an epoch is done. Of a run of 3,000 epochs the rest is yet to come: it has more to say than a pipe holds, and
    /// nobody reads on.
    fn wait_for_an_epoch(&mut self) {
        let stderr = self.0.stderr.as_mut().unwrap();
        let mut lines = BufReader::with_capacity(1, stderr).lines();
        assert!(lines.any(|line| line.unwrap().starts_with("epoch ")), "the run ended too soon");
    }

    fn signal(&self, signal: &str) {
        let pid = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
    }

    fn end(mut self) -> (Option<i32>, String) {
        let mut errors = String::new();
        self.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
        (self.0.wait().unwrap().code(), errors)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

const TRAIN: [&str; 6] = ["train", "d.safetensors", "--validation", "100", "--batch-size", "16"];

fn train<'a>(out: &'a str, epochs: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&TRAIN[..], &["--out", out, "--epochs", epochs], more].concat()
}

#[test]
fn a_signal_saves_the_run_and_says_how_it_goes_on() {
    let desk = desk();
    let options = ["--metrics", "accuracy,auc", "--optimizer", "rmsprop:centered=true"];
    desk.ok(&train("aaaaa", "3000", &options));
    let whole = results(&desk, "aaaaa");
    for (out, name) in [("b b b", "INT"), ("ccccc", "TERM"), ("ddddd", "HUP")] {
        let (name, code) = heard(name);
        let arguments = train(out, "3000", &options);
        let mut running = Running::start(&desk, &arguments);
        running.wait_for_an_epoch();
        running.signal(name);
        let (ended, errors) = running.end();
        assert_eq!(ended, Some(code), "{errors}");
        assert!(errors.contains(&format!("stopped: SIG{name} in epoch ")), "{errors}");
        let word = if out.contains(' ') { format!("'{out}'") } else { out.to_owned() };
        let hint = format!("imdb-fast train --resume {word}\n");
        assert!(errors.ends_with(&hint), "{errors}");
        let left = names(&desk.path(out));
        let ours = ["checkpoint.safetensors", "history.partial.json"];
        assert!(left.iter().all(|name| ours.contains(&name.as_str())), "{left:?}");
        let checkpoint = format!("{out}/checkpoint.safetensors");
        assert!(desk.runs(&["verify", &checkpoint]).1.is_empty());
        let facts = String::from_utf8(desk.run(&["inspect", &checkpoint]).stdout).unwrap();
        assert!(facts.contains("epochs done") && facts.contains("of 3,000"), "{facts}");
        desk.ok(&["train", "--resume", out, "--threads", "1"]);
        assert!(results(&desk, out) == whole, "{name}");
        // And again: there is nothing left to do.
        // The name may have quotes about it.
        let parts = ["--resume", out, "is finished", "by --init ", "/model.safetensors"];
        desk.fails(1, &["train", "--resume", out], &parts);
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    let desk = desk();
    // A step takes its time: the second signal comes long before it is done.
    let heavy = ["--hidden", "4096,4096,4096", "--batch-size", "400"];
    let arguments =
        [&["train", "d.safetensors", "--validation", "100", "--out", "run"], &heavy[..]].concat();
    let running = Running::start(&desk, &arguments);
    let start = Instant::now();
    // It notes signals before it makes its folder. There is a bar from the first step on, but not without a terminal.
    while !desk.path("run").exists() {
        assert!(start.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(1));
    }
    let (second, code) = heard("INT");
    running.signal("TERM");
    running.signal(second);
    let (ended, errors) = running.end();
    // Where both have come before the program looks, either is the second.
    assert!([code, 143].map(Some).contains(&ended), "{ended:?}: {errors}");
    assert_eq!(errors, "", "no step and no checkpoint was waited for");
    assert!(!desk.path("run").exists());
}

/// Generates reviews for a long time.
const SYNTH: [&str; 6] =
    ["synth", "-o", "large.safetensors", "--reviews", "50000000", "--no-sequences"];

/// Waits until a folder has so many files.
fn wait_for_files(desk: &Desk, count: usize) {
    let until = Instant::now() + Duration::from_secs(60);
    while names(&desk.path("")).len() < count {
        assert!(Instant::now() < until, "nothing is written");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Commands that have nothing to save leave nothing of their own, and what another one writes stays.
#[test]
fn a_signal_clears_a_dataset_that_is_not_whole() {
    let desk = Desk::new();
    let other = Running::start(&desk, &SYNTH);
    wait_for_files(&desk, 1);
    let others = names(&desk.path(""));
    for name in ["INT", "TERM", "HUP"] {
        let (name, code) = heard(name);
        let running = Running::start(&desk, &SYNTH);
        wait_for_files(&desk, 2);
        running.signal(name);
        let (ended, errors) = running.end();
        assert_eq!(ended, Some(code), "{errors}");
        assert_eq!(names(&desk.path("")), others, "{name}");
    }
    other.signal("TERM");
    assert_eq!(other.end().0, Some(143));
    assert_eq!(names(&desk.path("")), [""; 0]);
}

/// Before there is something to save, a run or a sweep has nothing but generated reviews, in a temporary folder.
#[test]
fn a_signal_clears_generated_reviews() {
    let desk = Desk::new();
    let temporary = desk.path("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let is_generating = || {
        let folders = names(&temporary).into_iter().map(|name| temporary.join(name));
        folders.flat_map(std::fs::read_dir).any(|mut files| files.next().is_some())
    };
    for (arguments, name) in [
        (&["train", "--out", "out"][..], "INT"),
        (&["train", "--out", "out", "--ensemble", "2"], "TERM"),
        (&["sweep", "--book", "--out", "out"], "HUP"),
    ] {
        let (name, code) = heard(name);
        let mut command = desk.command(arguments);
        command.env("TMPDIR", &temporary).stdout(Stdio::null()).stderr(Stdio::piped());
        let running = Running(command.spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(60);
        while !is_generating() {
            assert!(Instant::now() < until, "nothing is generated");
            std::thread::sleep(Duration::from_millis(1));
        }
        running.signal(name);
        let (ended, errors) = running.end();
        assert_eq!(ended, Some(code), "{arguments:?}: {errors}");
        assert_eq!(names(&temporary), [""; 0], "{arguments:?}");
        assert_eq!(names(&desk.path("")), ["tmp"], "{arguments:?}");
    }
}

/// What `nohup` has started outlives its terminal, and what a script has started in the background its Ctrl-C.
#[test]
fn a_signal_that_is_ignored_is_not_listened_to() {
    for signal in ["HUP", "INT"] {
        let desk = Desk::new();
        let mut command = neutral("sh");
        let trap = format!("trap '' {signal}; exec \"$@\"");
        let line = ["-c", &trap, "sh", env!("CARGO_BIN_EXE_imdb-fast")];
        command.args(line).args(SYNTH).current_dir(desk.folder()).stderr(Stdio::piped());
        let running = Running(command.spawn().unwrap());
        wait_for_files(&desk, 1);
        running.signal(signal);
        running.signal("TERM");
        let (code, errors) = running.end();
        assert_eq!(code, Some(143), "{signal}: {errors}");
    }
}

/// What listens to signals takes a thread.
#[test]
#[cfg(target_os = "linux")]
fn a_system_without_threads_is_an_error() {
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::CommandExt;
    let desk = desk();
    desk.ok(&train("run", "1", &[]));
    // By another process: who is started meanwhile would inherit the open file, and what is open for writing cannot be run.
    let copy = ["-c", "cp \"$0\" program && chmod -R a+rwX .", env!("CARGO_BIN_EXE_imdb-fast")];
    let copied = Command::new("sh").args(copy).current_dir(desk.folder()).status().unwrap();
    assert!(copied.success());
    let before = names(desk.folder());
    let words = |threads: &str| format!("words run/model.safetensors --threads {threads}");
    for (arguments, code, expected) in [
        ("synth -o e.safetensors", 1, "error: cannot start a thread that listens to signals: "),
        ("evaluate m d", 1, "error: cannot open m: "),
        (&words("2"), 1, "error: cannot start the threads of --threads: "),
        (&words("2"), 1, "; ask for fewer by --threads 1\n"),
        (&words("1"), 1, "; raise the limit of processes (ulimit -u)\n"),
        ("info", 0, ""),
    ] {
        // Shells have two names for it.
        let line = format!("ulimit -u 1 2>/dev/null || ulimit -p 1; exec ./program {arguments}");
        let mut command = neutral("sh");
        command.args(["-c", &line]).current_dir(desk.folder());
        if std::fs::metadata(desk.folder()).unwrap().uid() == 0 {
            // Of root there may be more.
            command.uid(65_534);
        }
        let output = command.output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments}: {errors}");
        assert!(errors.contains(expected), "{arguments}: {errors}");
    }
    assert_eq!(names(desk.folder()), before);
}

/// Only the loss of a mapped page is an error of a file.
#[test]
fn a_fault_that_a_process_sends_is_not_swallowed() {
    use std::os::unix::process::ExitStatusExt;
    const SIGBUS: i32 = 7;
    let desk = Desk::new();
    let mut running = Running::start(&desk, &SYNTH);
    wait_for_files(&desk, 1);
    running.signal("BUS");
    let status = running.0.wait().unwrap();
    assert!(status.signal() == Some(SIGBUS) || cfg!(not(target_os = "linux")), "{status}");
}

/// Kills runs at random moments. `IMDB_FAST_KILLS` says how many of them have to go on; another number has other moments.
#[test]
fn a_killed_run_goes_on_from_its_last_checkpoint() {
    let kills = std::env::var("IMDB_FAST_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(6);
    let desk = desk();
    let options = ["--checkpoint-every", "3steps", "--keep-best", "--metrics", "accuracy,f1"];
    let start = Instant::now();
    desk.ok(&train("aaaaa", "12", &options));
    let mut time = start.elapsed();
    let whole = results(&desk, "aaaaa");
    let mut random = Random::new(kills, Stream::Shuffle);
    let (mut resumed, mut anew, mut finished) = (0, 0, 0);
    for round in 0..20 * kills {
        if resumed == kills {
            break;
        }
        let out = &format!("b{:04}", round);
        let mut arguments = train(out, "12", &options);
        // Killed until it has been killed enough: a run that goes on is killed, too.
        for _ in 0..1 + random.below(3) {
            let running = Running::start(&desk, &arguments);
            std::thread::sleep(time.mul_f64(random.uniform_f64()));
            running.signal("KILL");
            let (code, errors) = running.end();
            if code.is_some() {
                assert_eq!(code, Some(0), "{errors}");
                // Runs may be faster than the first one was.
                time = time.mul_f64(0.9);
                break;
            }
            match desk.path(out).join("checkpoint.safetensors").exists() {
                true => arguments = vec!["train", "--resume", out],
                false => break,
            }
            time = time.mul_f64(1.05);
        }
        match desk.path(out).join("checkpoint.safetensors").exists() {
            true => {
                desk.ok(&["train", "--resume", out]);
                resumed += 1;
            }
            // Before the first checkpoint, or after the end.
            false if desk.path(out).join("model.safetensors").exists() => finished += 1,
            false => {
                desk.ok(&train(out, "12", &options));
                anew += 1;
            }
        }
        assert!(results(&desk, out) == whole, "round {round}");
        std::fs::remove_dir_all(desk.path(out)).unwrap();
    }
    println!("{resumed} killed runs went on, {anew} began anew, {finished} were finished");
    assert_eq!(resumed, kills);
}

#[test]
fn a_history_that_cannot_be_saved_on_the_way_stops_no_run() {
    let desk = desk();
    let (run, away) = (desk.path("run"), desk.path("away"));
    let mut running = Running::start(&desk, &train("run", "100000000", &["-q"]));
    let history = run.join("history.partial.json");
    let wait_for_history = || {
        let until = Instant::now() + Duration::from_secs(60);
        while !history.exists() {
            assert!(Instant::now() < until, "no history is saved");
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    wait_for_history();
    std::fs::rename(&run, &away).unwrap();
    let mut warning = String::new();
    let mut errors = BufReader::with_capacity(1, running.0.stderr.as_mut().unwrap());
    errors.read_line(&mut warning).unwrap();
    // Cannot create, or replace, by when it is noticed.
    let is_said = warning.starts_with("warning: cannot ")
        && warning.contains(" run/history.partial.json: ")
        && warning.ends_with("goes on without it\n");
    assert!(is_said, "{warning}");
    // It is tried every second, and said once.
    std::thread::sleep(Duration::from_millis(2500));
    std::fs::rename(&away, &run).unwrap();
    std::fs::remove_file(&history).unwrap();
    wait_for_history();
    running.signal("TERM");
    let (code, errors) = running.end();
    assert_eq!(code, Some(143), "{errors}");
    assert!(!errors.contains("warning") && run.join("checkpoint.safetensors").exists(), "{errors}");
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let desk = desk();
    let mut first = Running::start(&desk, &train("run", "100000", &[]));
    first.wait_for_an_epoch();
    let parts = ["run", "another run is writing into this folder"];
    desk.fails(1, &train("run", "1", &[]), &parts);
    desk.fails(1, &train("./run", "1", &["--fresh"]), &parts);
    desk.fails(1, &["train", "--resume", "run"], &parts);
    first.signal("KILL");
    drop(first);
    // No lock outlives its run.
    desk.ok(&train("run", "1", &[]));
    assert_eq!(names(&desk.path("run")), FINISHED);
}

/// A run that has been stopped in its first epochs.
fn stopped(desk: &Desk, out: &str, epochs: &str, more: &[&str]) {
    let arguments = train(out, epochs, more);
    let mut running = Running::start(desk, &arguments);
    running.wait_for_an_epoch();
    running.signal("TERM");
    let (code, errors) = running.end();
    assert_eq!(code, Some(143), "{errors}");
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let desk = desk();
    stopped(&desk, "run", "3000", &[]);
    let checkpoint = desk.read("run/checkpoint.safetensors");
    let refused = |code: i32, arguments: &[&str], parts: &[&str]| {
        desk.fails(code, arguments, parts);
        let bytes = desk.read("run/checkpoint.safetensors");
        assert!(bytes == checkpoint, "{arguments:?} changed the checkpoint");
    };
    let resume = ["train", "--resume", "run"];
    let with = |more: &[&'static str]| [&resume[..], more].concat();
    refused(1, &train("run", "1", &[]), &["not finished", "--resume run", "--fresh"]);
    refused(2, &with(&["--seed", "0"]), &["--resume", "no --seed beside it"]);
    refused(2, &with(&["--hidden=16,16"]), &["no --hidden beside it"]);
    refused(2, &with(&["--no-shuffle"]), &["no --no-shuffle beside it"]);
    refused(2, &with(&["--checkpoint-every", "0"]), &["--checkpoint-every", "50steps"]);
    refused(1, &with(&["--epochs", "1"]), &["--epochs is 1", "ask for more"]);
    let errors = desk.run(&with(&["--epochs", "1"])).stderr;
    assert!(errors.starts_with(b"error: "), "{}", String::from_utf8_lossy(&errors));
    let nowhere = ["--resume is nowhere", "no run that was saved", "that was its --out"];
    refused(1, &["train", "--resume", "nowhere"], &nowhere);
    std::fs::create_dir(desk.path("empty")).unwrap();
    refused(1, &["train", "--resume", "empty"], &["no run that was saved"]);
    // Other reviews, of the same shape or of another.
    desk.import_sample("500", "e.safetensors");
    refused(1, &with(&["e.safetensors"]), &["600"]);
    let moved = desk.path("moved.safetensors");
    std::fs::rename(desk.path("d.safetensors"), &moved).unwrap();
    refused(1, &resume, &["d.safetensors any more", "imdb-fast train --resume run DATASET"]);
    let small = ["synth", "--reviews", "400", "--words", "600", "-o", "f.safetensors"];
    desk.ok(&small);
    let parts = ["f.safetensors", "d.safetensors", "which had other contents (fingerprint "];
    refused(1, &with(&["f.safetensors"]), &parts);
    // Where it is now, and fewer epochs than it was to have.
    desk.ok(&with(&["moved.safetensors", "--epochs", "2000", "--quiet"]));
    assert_eq!(names(&desk.path("run")), FINISHED);
}

#[test]
fn a_run_may_be_made_longer_or_shorter_and_begun_anew() {
    let desk = desk();
    stopped(&desk, "bbbbb", "2000", &["--early-stopping", "5000"]);
    desk.ok(&train("aaaaa", "2500", &["--early-stopping", "5000"]));
    desk.ok(&["train", "--resume", "bbbbb", "--epochs", "2500", "--checkpoint-every", "1000"]);
    assert!(results(&desk, "aaaaa") == results(&desk, "bbbbb"));
    stopped(&desk, "ccccc", "2000", &[]);
    desk.ok(&train("ccccc", "3", &["--fresh"]));
    desk.ok(&train("ddddd", "3", &[]));
    assert!(results(&desk, "ccccc") == results(&desk, "ddddd"));
    // Another run may start from the weights of one that is not finished.
    stopped(&desk, "eeeee", "2000", &[]);
    let init = ["--init", "eeeee/checkpoint.safetensors"];
    desk.ok(&train("fffff", "1", &init));
    // In its own folder too, where nobody is told to do so again: by its end that is another model, or none.
    for (out, from) in [("eeeee", "eeeee/checkpoint"), ("fffff", "fffff/model")] {
        let init = format!("{from}.safetensors");
        let output = desk.run(&train(out, "40", &["--fresh", "--init", &init]));
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("was lowest at epoch ") && !said.contains("fallen"), "{said}");
        assert!(!said.contains("imdb-fast"), "{said}");
    }
}

/// Words and paths need not be UTF-8, nor stand where they are looked for.
#[test]
fn a_run_goes_on_from_anywhere() {
    use std::os::unix::ffi::OsStrExt;
    let desk = desk();
    let name = std::ffi::OsStr::from_bytes(b"\xff.safetensors");
    if std::fs::copy(desk.path("d.safetensors"), desk.folder().join(name)).is_err() {
        skipped("the file system wants UTF-8");
        return;
    }
    let options = ["--validation", "100", "--out", "run", "--epochs", "3000"];
    let mut command = desk.command(&["train"]);
    command.arg(name).args(options).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = Running(command.spawn().unwrap());
    running.wait_for_an_epoch();
    running.signal("TERM");
    assert_eq!(running.end().0, Some(143));
    std::fs::create_dir(desk.path("elsewhere")).unwrap();
    let mut command = desk.command(&["train", "--resume", "../run", "--epochs", "2500"]);
    let output = command.current_dir(desk.path("elsewhere")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The command line that it began with would train on what is not here, into another folder.
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("was lowest at epoch ") && !said.contains("imdb-fast"), "{said}");
    assert_eq!(names(&desk.path("run")), FINISHED);
}

#[test]
fn damaged_checkpoints_are_refused() {
    let desk = desk();
    stopped(&desk, "run", "3000", &[]);
    let sound = desk.read("run/checkpoint.safetensors");
    let path = desk.path("run/checkpoint.safetensors");
    let resume = ["train", "--resume", "run"];
    for length in [0, 7, 100, 1000, sound.len() / 2, sound.len() - 1] {
        std::fs::write(&path, &sound[..length]).unwrap();
        desk.fails(1, &resume, &["run/checkpoint.safetensors"]);
    }
    let mut flipped = sound.clone();
    *flipped.last_mut().unwrap() ^= 1;
    std::fs::write(&path, flipped).unwrap();
    desk.fails(1, &resume, &["checksum", "altered or damaged"]);
    std::fs::write(&path, desk.read("d.safetensors")).unwrap();
    desk.fails(1, &resume, &["expected a checkpoint of imdb-fast, found a dataset"]);
    // Well-formed, and another run's.
    let word = b"train 0..100";
    let at = sound.windows(word.len()).position(|window| window == word).unwrap();
    let mut bytes = sound.clone();
    bytes[at + word.len() - 1] = b'1';
    std::fs::write(&path, bytes).unwrap();
    desk.fails(1, &resume, &["header", "checksum"]);
    std::fs::write(&path, sound).unwrap();
    desk.ok(&["-q", "train", "--resume", "run", "--epochs", "2000"]);
}

/// Saves a run after its first step, with other notes than its own.
struct Noter<'a>(&'a Path, Value);

impl Observer for Noter<'_> {
    fn pauses(&mut self, _epoch: usize, _batch: usize) -> bool {
        true
    }

    fn paused(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        snapshot.save(self.0, &self.1).unwrap();
        ControlFlow::Break(())
    }
}

#[test]
fn options_of_a_checkpoint_are_no_ones_arguments() {
    let desk = desk();
    std::fs::create_dir(desk.path("run")).unwrap();
    let path = desk.path("d.safetensors");
    let dataset = Dataset::open(&path, Access::Read).unwrap();
    let network = Architecture::new(dataset.features(), &[]).unwrap();
    let options = || FitOptions { validation: Holdout::None, ..FitOptions::default() };
    let most = (1u64 << 53).to_string();
    for (validation, epochs, part) in [("", 20, "--validation is \"\""), ("0", 1u64 << 53, &*most)]
    {
        let arguments = ["train", "d.safetensors", "--hidden", "none", "--validation", validation];
        let notes = json!({
            "arguments": arguments, "epochs": epochs, "checkpoint_every": null, "dataset": path, "seconds": 0.0,
        });
        let mut model = Model::new(network.clone(), 0);
        let plan = TrainPlan::new(&dataset, &model, options()).unwrap();
        let checkpoint = desk.path("run/checkpoint.safetensors");
        fit(&plan, &mut model, &team(1), &mut Noter(&checkpoint, notes)).unwrap();
        let parts = ["run/checkpoint.safetensors: metadata `notes`: ", part, "start the run anew"];
        desk.fails(1, &["train", "--resume", "run"], &parts);
    }
    let epochs = ["train", "--resume", "run", "--epochs", &most];
    desk.fails(2, &epochs, &["error: --epochs is "]);
}

/// A file system of its own, which only root can make.
struct Disk<'a>(&'a Path);

impl Disk<'_> {
    fn mount<'a>(path: &'a Path, options: &str) -> Option<Disk<'a>> {
        std::fs::create_dir_all(path).unwrap();
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", options, "none"]).arg(path).output();
        match mount {
            Ok(output) if output.status.success() => Some(Disk(path)),
            _ => {
                skipped("to make a small disk takes root");
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

/// All files of a folder with their bytes.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let read = |name: String| (name.clone(), std::fs::read(folder.join(name)).unwrap());
    names(folder).into_iter().map(read).collect()
}

#[test]
fn a_full_disk_leaves_earlier_files_and_no_halves() {
    let desk = desk();
    let path = desk.path("disk");
    let Some(disk) = Disk::mount(&path, "size=1m") else { return };
    // A dataset that does not fit.
    let import = ["synth", "--reviews", "20000", "--words", "5000", "-o", "disk/d.safetensors"];
    desk.fails(1, &import, &["disk/d.safetensors", "No space left"]);
    let text = repository("data/sample_acl.tar.gz");
    std::fs::write(path.join("fill"), vec![0; 1000 << 10]).unwrap();
    desk.fails(
        1,
        &["import", text.to_str().unwrap(), "-o", "disk/d.safetensors"],
        &["disk/d.safetensors", "No space left"],
    );
    assert_eq!(names(&path), ["fill"]);
    std::fs::remove_file(path.join("fill")).unwrap();

    // An earlier run's files, and one that has no room to end.
    desk.ok(&train("disk", "1", &[]));
    let earlier = contents(&path);
    assert_eq!(names(&path), FINISHED);
    let wide = train("disk", "3", &["--hidden", "450"]);
    desk.fails(1, &wide, &["nothing of the run is kept", "--checkpoint-every"]);
    let errors = String::from_utf8(desk.run(&wide).stderr).unwrap();
    let expected =
        "error: cannot write disk/model.safetensors: No space left on device (os error 28)\n";
    assert!(errors.ends_with(expected), "{errors}");
    assert!(contents(&path) == earlier, "at the end");
    // A history that an earlier run has left is none of this one's.
    std::fs::write(path.join("history.partial.json"), "{}").unwrap();
    desk.fails(1, &wide, &["nothing of the run is kept"]);
    std::fs::remove_file(path.join("history.partial.json")).unwrap();
    let saving = train("disk", "3", &["--hidden", "256", "--checkpoint-every", "1"]);
    let lost = "note: nothing of the run is kept; make room, then train again\n";
    desk.fails(1, &saving, &["disk/checkpoint.safetensors", "No space left", lost]);
    assert!(contents(&path) == earlier, "at a checkpoint");

    // A run that was saved, and whose next checkpoint finds no room.
    stopped(&desk, "disk", "3000", &[]);
    let stopped_there = contents(&path);
    let used: usize =
        stopped_there.iter().map(|(_, bytes)| bytes.len().next_multiple_of(4096)).sum();
    std::fs::write(path.join("fill"), vec![0; (1 << 20) - used - (40 << 10)]).unwrap();
    let before = contents(&path);
    let go_on = ["train", "--resume", "disk", "--checkpoint-every", "1"];
    let saved = "its last checkpoint is kept; make room, then: imdb-fast train --resume disk\n";
    desk.fails(1, &go_on, &["disk/checkpoint.safetensors", "No space left", saved]);
    let kept = |files: Vec<(String, Vec<u8>)>| -> Vec<(String, Vec<u8>)> {
        files.into_iter().filter(|(name, _)| name != "history.partial.json").collect()
    };
    assert!(kept(contents(&path)) == kept(before), "the last checkpoint");
    std::fs::remove_file(path.join("fill")).unwrap();

    // A folder that cannot be written any more.
    disk.remount("ro");
    let before = contents(&path);
    desk.fails(1, &["train", "--resume", "disk"], &["disk/", "Read-only file system"]);
    desk.fails(1, &train("disk", "1", &["--fresh"]), &["disk/", "Read-only file system"]);
    assert!(contents(&path) == before);
    disk.remount("rw,size=16m");
    desk.ok(&["train", "--resume", "disk"]);
    assert_eq!(names(&path), FINISHED);
}

/// The system would end the program by a signal where a file grows beyond the limit.
#[test]
fn a_limit_of_file_size_leaves_no_halves() {
    let desk = desk();
    let synth = "synth --reviews 2000 -o s.safetensors";
    let program = env!("CARGO_BIN_EXE_imdb-fast");
    let line = format!("ulimit -f 64; exec '{program}' {synth}");
    let output = neutral("sh").args(["-c", &line]).current_dir(desk.path("")).output();
    let output = output.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{:?} {errors}", output.status);
    assert!(errors.contains("s.safetensors: File too large"), "{errors}");
    assert_eq!(names(&desk.path("")), ["d.safetensors"]);

    // Nor is it told instead of a divergence whose history cannot be written.
    let wild = "--hidden=64 --activation=linear --optimizer=sgd --learning-rate=3";
    let line =
        format!("ulimit -f 1; exec '{program}' {} {wild}", train("run", "50", &[]).join(" "));
    let output = neutral("sh").args(["-c", &line]).current_dir(desk.path("")).output();
    let errors = String::from_utf8(output.unwrap().stderr).unwrap();
    let (warned, error) = errors.rsplit_once("\nerror: ").expect(&errors);
    assert!(warned.contains("warning: cannot write run/history.json: File too large"), "{errors}");
    assert!(error.contains("not finite any more"), "{errors}");
}

#[test]
fn a_full_disk_leaves_no_half_of_an_export_a_page_or_an_ensemble() {
    let desk = desk();
    desk.ok(&train("run", "1", &[]));
    let text = repository("data/sample_acl.tar.gz");
    desk.ok(&["import", text.to_str().unwrap(), "--preset", "semi", "-o", "acl.safetensors"]);
    let path = desk.path("disk");
    let Some(_disk) = Disk::mount(&path, "size=1m") else { return };
    std::fs::write(path.join("fill"), vec![0; 1000 << 10]).unwrap();
    for name in ["m.npz", "m.onnx", "m.safetensors"] {
        let output = format!("disk/{name}");
        let export = ["export", "run/model.safetensors", "-o", &output];
        desk.fails(1, &export, &[&output, "No space left"]);
    }
    let output = desk.command(&["train", "--out", "out"]).env("TMPDIR", &path).output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    let expected = "(os error 28); name another place by the variable TMPDIR\n";
    let place = format!("error: cannot write to {}: No space left", path.display());
    assert!(errors.contains(&place) && errors.ends_with(expected), "{errors}");
    let report = ["report", "run", "-o", "disk/page.html"];
    desk.fails(1, &report, &["disk/page.html", "No space left"]);
    let train =
        ["train", "acl.safetensors", "--preset", "semi", "--validation", "0", "--out", "disk"];
    desk.fails(1, &train, &["disk/.pseudo-labels-", "No space left"]);
    assert_eq!(names(&path), ["fill"]);
}

#[test]
fn places_that_cannot_be_written_are_found_out_before_training() {
    let desk = desk();
    for name in ["history.json", "curves.png", "checkpoint.safetensors", "history.partial.json"] {
        let out = format!("with-{name}");
        std::fs::create_dir_all(desk.path(&out).join(name)).unwrap();
        let place = format!("{out}/{name}");
        desk.fails(1, &train(&out, "100000000", &[]), &[&place, "name a file"]);
        assert_eq!(names(&desk.path(&out)), [name]);
    }
}

#[test]
fn a_run_that_diverges_leaves_its_best_epoch_or_the_run_before() {
    let desk = desk();
    // Without an activation to bound them, the layers' weights multiply each other's gradients.
    let wild = ["--activation", "linear", "--optimizer", "sgd", "--learning-rate", "1"];
    let output = desk.run(&train("aaaaa", "50", &wild));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    let note = "the model there has the weights of epoch ";
    let best: usize =
        errors.split_once(note).expect(&errors).1.split(',').next().unwrap().parse().unwrap();
    assert!(errors.contains("not finite any more in epoch"), "{errors}");
    assert_eq!(names(&desk.path("aaaaa")), FINISHED);
    // It is the model of a run that ends there.
    let short = best.to_string();
    desk.ok(&train("bbbbb", &short, &wild));
    let weights = |folder: &str| {
        let model = imdb_fast::model::Model::load(&desk.path(folder).join("model.safetensors"));
        model.unwrap().parameters().clone()
    };
    assert!(weights("aaaaa") == weights("bbbbb"));

    // No good epoch: the files of the run before stay together, and of one that is the first there is no folder,
    // nor what was made above it.
    let before = contents(&desk.path("bbbbb"));
    let far = ["--learning-rate", "3e38", "--optimizer", "sgd"];
    for out in ["bbbbb", "ccccc/c/c"] {
        desk.fails(1, &train(out, "3", &far), &["not finite any more in epoch 1"]);
    }
    assert!(contents(&desk.path("bbbbb")) == before && !desk.path("ccccc").exists());
}

/// It is no run to go on with, since it would diverge again, and stands in the way of no other one.
#[test]
fn a_run_that_diverges_without_a_best_epoch_leaves_its_last_checkpoint() {
    const LEFT: &str = "diverged.safetensors";
    let desk = desk();
    // More weights than are copied after each epoch.
    let with = |rate: &'static str, every: &'static str| {
        ["--hidden=64", "--activation=linear", "--optimizer=sgd", "--learning-rate", rate, every]
    };
    let calm = with("0.1", "--checkpoint-every=1");
    let late = with("3", "--checkpoint-every=1");
    let soon = with("1000", "--checkpoint-every=1step");
    desk.ok(&train("earlier", "1", &calm));
    for (out, wild, expected) in [
        ("earlier", late, &[&FINISHED[..], &[LEFT, "history.partial.json"]].concat()),
        ("late", late, &[&FINISHED[..4], &[LEFT]].concat()),
        ("soon", soon, &[&[LEFT][..]].concat()),
    ] {
        let left = format!("{out}/{LEFT}");
        let note = format!(" of 19, is in {left}\n");
        let parts = ["not finite any more in epoch", "its last checkpoint, of epoch ", &note];
        desk.fails(1, &train(out, "50", &wild), &parts);
        let facts = String::from_utf8(desk.run(&["inspect", &left]).stdout).unwrap();
        assert!(facts.contains("checkpoint of a run\n"), "{facts}");
        let mut expected = expected.clone();
        expected.sort();
        assert_eq!(names(&desk.path(out)), expected, "{out}");
        desk.ok(&["verify", &left]);
        desk.fails(1, &["train", "--resume", out], &["the run there diverged", "start another"]);
        let sweep = ["sweep", "d.safetensors", "--validation", "100", "-o", out];
        desk.fails(1, &sweep, &["there is a run in it"]);
        // One that diverges and leaves none has its history beside the other's files.
        let (before, history) = (desk.read(&left), format!("{out}/history.json"));
        let earlier = desk.path(&history).exists().then(|| desk.read(&history));
        desk.fails(
            1,
            &train(out, "50", &late[..5]),
            &[&format!("is in {out}/history.partial.json")],
        );
        assert!(desk.read(&left) == before);
        assert!(desk.path(&history).exists().then(|| desk.read(&history)) == earlier, "{out}");
        // A step before the end the weights are finite still, but no loss is.
        let init = format!("--init={left}");
        let init = (out != "soon").then_some(&*init);
        desk.ok(&train(out, "1", &[&calm[..], init.as_slice()].concat()));
        assert_eq!(names(&desk.path(out)), FINISHED, "{out}");
    }
}
