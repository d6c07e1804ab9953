//! Sweeps: the library's runs, the command, and what it leaves behind.

#[path = "../common/mod.rs"]
mod common;

mod command;
mod files;
mod folds;
mod page;
mod rows;
mod runs;
#[cfg(unix)]
mod stopped;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::repository;
use tempfile::TempDir;

/// A folder with the sample dataset, `d.safetensors`.
struct Desk(TempDir);

/// A sweep of a moment: two configurations, two seeds.
const SMALL: [&str; 12] = [
    "sweep",
    "d.safetensors",
    "--hidden",
    "none/4",
    "--epochs",
    "3",
    "--seeds",
    "2",
    "--validation",
    "100",
    "-o",
    "s",
];

impl Desk {
    fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        let [sample, index] = ["data/sample.npz", "data/sample_word_index.json"].map(repository);
        let (sample, index) = (sample.to_str().unwrap(), index.to_str().unwrap());
        let import = ["import", sample, "--word-index", index, "-o", "d.safetensors"];
        desk.ok(&[&import[..], &["--num-words", "300"]].concat());
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_imdb-fast"));
        command.args(arguments).current_dir(self.0.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs and returns stdout.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Expects an exit code and an error that says all of `parts`.
    fn fails(&self, code: i32, arguments: &[&str], parts: &[&str]) {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        for part in parts {
            assert!(errors.contains(part), "{arguments:?}: no {part:?} in {errors}");
        }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    /// What a sweep leaves that does not depend on the clock or on its threads.
    fn results(&self, folder: &str) -> [Vec<u8>; 3] {
        ["results.json", "results.csv", "best/history.csv"]
            .map(|name| std::fs::read(self.path(folder).join(name)).unwrap())
    }

    /// The weights of the best model.
    fn best_weights(&self, folder: &str) -> Vec<u32> {
        weights(&self.path(folder).join("best/model.safetensors"))
    }
}

fn weights(path: &Path) -> Vec<u32> {
    let model = imdb_fast::model::Model::load(path).unwrap();
    let parameters = model.parameters();
    let all = parameters.first_kernel.iter().chain(parameters.head.values.iter());
    all.map(|weight| weight.to_bits()).collect()
}
