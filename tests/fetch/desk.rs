//! A user who fetches.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::path::PathBuf;
use std::process::{Command, Output};

use imdb_fast::fetch::Digest;
use tempfile::TempDir;

use crate::common::desk::neutral;
use crate::common::{names, repository};
use crate::reviews;
use crate::server::{Reply, Server};

/// A user with a home, a cache and a working folder, no proxy and little time.
pub(crate) struct Desk(TempDir);

impl Desk {
    pub(crate) fn new() -> Desk {
        let desk = Desk(tempfile::tempdir().unwrap());
        for folder in ["home", "work"] {
            std::fs::create_dir(desk.path(folder)).unwrap();
        }
        desk
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn command(&self, program: &str, arguments: &[impl AsRef<OsStr>]) -> Command {
        let mut command = neutral(program);
        command.args(arguments).current_dir(self.path("work"));
        for name in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
            command.env_remove(name).env_remove(name.to_lowercase());
        }
        command.env("HOME", self.path("home"));
        command.env("USERPROFILE", self.path("home"));
        command.env("IMDB_FAST_CACHE", self.path("cache"));
        command
    }

    pub(crate) fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Output {
        self.command(env!("CARGO_BIN_EXE_imdb-fast"), arguments).output().unwrap()
    }

    /// Runs and returns stdout and stderr.
    pub(crate) fn ok(&self, arguments: &[impl AsRef<OsStr> + Debug]) -> (String, String) {
        let output = self.run(arguments);
        let (out, errors) = texts(&output);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        (out, errors)
    }

    /// Expects an exit code, a last line of error with all `parts`, and nothing on stdout. Returns stderr.
    pub(crate) fn fails(
        &self,
        code: i32,
        arguments: &[impl AsRef<OsStr> + Debug],
        parts: &[&str],
    ) -> String {
        let output = self.run(arguments);
        let (out, errors) = texts(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert_eq!(out, "", "{arguments:?}");
        for part in parts {
            assert!(errors.contains(part), "{arguments:?}: no {part:?} in {errors}");
        }
        // Shown by `cargo test -- --nocapture`: what a user sees of each failure.
        println!("{errors}");
        errors
    }

    /// The arguments of a fetch of the sample from a server, with more of them.
    pub(crate) fn fetch<'a>(&self, mirror: &'a str, more: &[&'a str]) -> Vec<String> {
        let index = repository("data/sample_word_index.json");
        let sample = sha256(&reviews().bytes);
        let start = ["fetch", "--mirror", mirror, "--retry-delay", "0.001", "--sha256", &sample];
        let index = ["--word-index", index.to_str().unwrap()];
        start.iter().chain(&index).chain(more).map(|&word| word.to_owned()).collect()
    }

    /// Fetches the sample by a script that leads to success in as many requests. Returns them and stderr.
    pub(crate) fn fetched(&self, script: &[Reply], more: &[&str]) -> (Vec<String>, String) {
        let server = Server::new(script);
        let mirror = server.mirror();
        let arguments = self.fetch(&mirror, more);
        let (_, errors) = self.ok(&arguments);
        println!("{errors}");
        assert_eq!(std::fs::read(self.path("cache/imdb.npz")).unwrap(), reviews().bytes);
        assert_eq!(self.cached(), [".lock", "imdb.npz", "imdb.safetensors"]);
        let requests = server.requests();
        assert_eq!(requests.len(), script.len(), "{requests:?}");
        (requests, errors)
    }

    /// Expects that a fetch of the sample fails after the whole script, with all `parts` in the error.
    pub(crate) fn refused(&self, script: &[Reply], more: &[&str], parts: &[&str]) {
        let server = Server::new(script);
        let mirror = server.mirror();
        let arguments = self.fetch(&mirror, more);
        let url = format!("error: http://{}/files/imdb.npz: ", server.address);
        self.fails(1, &arguments, &[&[url.as_str()], parts].concat());
        server.wait_for_requests(script.len());
        assert!(
            !self.path("cache/imdb.npz").exists() && !self.path("cache/imdb.safetensors").exists()
        );
    }

    pub(crate) fn cached(&self) -> Vec<String> {
        names(&self.path("cache"))
    }
}

pub(crate) fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr))
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    Digest::of_file(file.path()).unwrap().to_string()
}
