//! The program in a folder of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::repository;

/// A command that says the same, and looks for files in the same places, whoever runs the tests.
pub fn neutral(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for variable in
        ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "KERAS_HOME", "IMDB_FAST_CACHE"]
    {
        command.env_remove(variable);
    }
    command
}

pub struct Desk(TempDir);

impl Desk {
    /// With nothing in it.
    pub fn new() -> Desk {
        Desk(tempfile::tempdir().unwrap())
    }

    /// With the sample dataset of so many words, `d.safetensors`.
    pub fn with_sample(words: &str) -> Desk {
        let desk = Desk::new();
        desk.import_sample(words, "d.safetensors");
        desk
    }

    pub fn import_sample(&self, words: &str, name: &str) {
        let [sample, index] = ["data/sample.npz", "data/sample_word_index.json"].map(repository);
        let (sample, index) = (sample.to_str().unwrap(), index.to_str().unwrap());
        let import = ["import", sample, "--word-index", index, "--num-words", words, "-o", name];
        self.ok(&import);
    }

    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Reads a file of text.
    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = neutral(env!("CARGO_BIN_EXE_imdb-fast"));
        command.args(arguments).current_dir(self.folder());
        command.env("IMDB_FAST_CACHE", self.path("cache"));
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Expects success; returns what it says on stdout and on stderr.
    pub fn runs(&self, arguments: &[&str]) -> (String, String) {
        let Output { status, stdout, stderr } = self.run(arguments);
        let errors = String::from_utf8(stderr).unwrap();
        assert!(status.success(), "{arguments:?}: {errors}");
        (String::from_utf8(stdout).unwrap(), errors)
    }

    /// Expects success; returns what it says on stdout.
    pub fn ok(&self, arguments: &[&str]) -> String {
        self.runs(arguments).0
    }

    /// Expects an exit code and an error that says all of `parts`.
    pub fn fails(&self, code: i32, arguments: &[&str], parts: &[&str]) {
        let output = self.run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        for part in parts {
            assert!(errors.contains(part), "{arguments:?}: no {part:?} in {errors}");
        }
    }
}
