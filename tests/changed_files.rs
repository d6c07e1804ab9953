//! A dataset that another program cuts or writes into while it is mapped: an error that names it, and nothing written.

#![cfg(unix)]

mod common;

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use common::desk::neutral;
use common::{generated, written};
use imdb_fast::model::Model;

/// Enough that most of them come after the change: they have more to say than a pipe holds, and it is read only then.
const MANY: [&str; 2] = ["--epochs", "2000"];

/// Trains on a dataset, and lets `change` do something to its file after the first epoch. Returns exit code and errors.
fn train_meanwhile(
    folder: &Path,
    arguments: &[&str],
    change: impl Fn(&std::fs::File),
) -> (Option<i32>, String) {
    let path = folder.join("d.safetensors");
    drop(written(generated(3000, 2000, 1), &path));
    // Clocks of files tick, some once a second: what changes it later is to have another time for certain.
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    let mut child = neutral(env!("CARGO_BIN_EXE_imdb-fast"))
        .args(["train", "d.safetensors", "--validation", "0.2", "--batch-size", "64"])
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    errors.read_line(&mut said).unwrap();
    change(&file);
    errors.read_to_string(&mut said).unwrap();
    (child.wait().unwrap().code(), said)
}

fn assert_blamed(folder: &Path, (code, errors): (Option<i32>, String), what: &str) {
    let last = errors.lines().last().unwrap_or_default();
    assert_eq!(code, Some(1), "{errors}");
    let is_said = last.starts_with("error: d.safetensors: ") && last.contains("--no-mmap");
    assert!(is_said && last.contains(what), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
    assert!(!folder.join("run/model.safetensors").exists(), "no model of such a run");
}

#[test]
fn a_file_that_is_cut_short_ends_the_run_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let forever = ["--epochs", "1000000"];
    let ended = train_meanwhile(folder.path(), &forever, |file| file.set_len(4096).unwrap());
    assert_blamed(folder.path(), ended, "another program has cut it short");
}

#[test]
fn a_file_that_is_written_into_ends_the_run_with_a_sentence() {
    // Labels and word ids: numbers that cannot be, where the kernels are about to go.
    let folder = tempfile::tempdir().unwrap();
    let ended = train_meanwhile(folder.path(), &MANY, |file| {
        let length = file.metadata().unwrap().len();
        file.write_all_at(&vec![0xff; length as usize / 2], length / 2).unwrap();
    });
    assert_blamed(folder.path(), ended, "another program has written into it");
    // The same bytes once more, so that nothing but the time of the change tells.
    let folder = tempfile::tempdir().unwrap();
    let ended = train_meanwhile(folder.path(), &MANY, |file| {
        let mut byte = [0];
        let path = folder.path().join("d.safetensors");
        std::fs::File::open(path).unwrap().read_exact_at(&mut byte, 8).unwrap();
        file.write_all_at(&byte, 8).unwrap();
    });
    assert_blamed(folder.path(), ended, "another program has written into it");
}

#[test]
fn a_file_that_is_read_may_change() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = [&MANY[..], &["--no-mmap"]].concat();
    let (code, errors) =
        train_meanwhile(folder.path(), &arguments, |file| file.set_len(4096).unwrap());
    assert_eq!(code, Some(0), "{errors}");
    assert!(folder.path().join("run/model.safetensors").exists());
}

/// Our own writers replace a file: the reader of the old one sees nothing of it.
#[test]
fn a_file_that_is_replaced_stays_what_it_was() {
    let [folder, undisturbed] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let path = folder.path().join("d.safetensors");
    let replaced = train_meanwhile(folder.path(), &MANY, |_| {
        drop(written(generated(10, 2000, 2), &path));
    });
    let models =
        [(&folder, replaced), (&undisturbed, train_meanwhile(undisturbed.path(), &MANY, |_| ()))];
    let [replaced, undisturbed] = models.map(|(folder, (code, errors))| {
        assert_eq!(code, Some(0), "{errors}");
        Model::load(&folder.path().join("run/model.safetensors")).unwrap()
    });
    assert!(replaced.parameters() == undisturbed.parameters());
}
