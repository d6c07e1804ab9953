//! Files from the network: whole, checked, and resumed where a connection broke.
//!
//! [`download`] streams a file into `NAME.part` beside its place, hashing as it goes, syncs it and renames it. After a
//! cut, also one of an earlier process, it asks for the rest only. That rest is believed to belong to the beginning where
//! the server vouches for it (`If-Range` with the ETag or date that came with the beginning, kept in `NAME.part.json`), or
//! where the hash of the whole is known; otherwise the file is fetched from its start. A server that sends the whole
//! file anyway is taken at its word. What has the wrong hash or size never gets the file's name.
//!
//! Proxies are those that the environment names (`HTTPS_PROXY`, `NO_PROXY`): the one thing that this crate asks it for
//! besides the level of the kernels.
//!
//! The server is not trusted: sizes are exact or capped before a byte is stored, answers that end early or late are
//! noticed, silence ends after a time, an address that is `https` leads to no other, and the number of tries is bounded.

use std::fmt;
use std::time::Duration;

use crate::error::Result;

mod attempt;
mod digest;
mod download;
mod http;
mod lock;
mod official;
mod part;
mod pin;

pub use digest::Digest;
pub use download::download;
pub use lock::FolderLock;
pub use official::{KERAS_REVIEWS, KERAS_WORD_INDEX, OfficialFile, STANFORD, UNKNOWN_SIZE};
pub use pin::{pin, pin_of, pinned};

/// How large a file may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// So many bytes and no other number.
    Exactly(u64),
    /// No more than so many bytes.
    AtMost(u64),
}

impl Size {
    /// Whether a file of so many bytes has it.
    pub fn allows(self, bytes: u64) -> bool {
        match self {
            Size::Exactly(size) => bytes == size,
            Size::AtMost(most) => bytes <= most,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Size::Exactly(size) => write!(f, "{size}"),
            Size::AtMost(most) => write!(f, "at most {most}"),
        }
    }
}

/// A file to download.
#[derive(Debug, Clone)]
pub struct RemoteFile {
    /// Its address, `http` or `https`.
    pub url: String,
    /// The hash that it must have, where one is known.
    pub sha256: Option<Digest>,
    /// Its size.
    pub size: Size,
    /// What helps where its hash or size is another, for the error.
    pub remedy: String,
    /// The option that takes a copy of it, for errors: see [`OfficialFile::option`].
    pub option: &'static str,
}

impl RemoteFile {
    /// Its address as it may be shown and kept: without a name and password.
    pub fn address(&self) -> String {
        let Some((scheme, rest)) = self.url.split_once("://") else { return self.url.clone() };
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = host.rsplit('@').next().unwrap_or(host);
        format!("{scheme}://{host}{path}")
    }

    /// What helps where no server does.
    fn by_hand(&self) -> String {
        format!("download it by other means and name the file with {}", self.option)
    }
}

/// How patient a download is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownloadOptions {
    /// How often it is tried again without a MiB of progress in between. Default 5.
    pub retries: u32,
    /// The wait before the first retry; it doubles with each, up to 30 s. Default 1 s.
    pub retry_delay: Duration,
    /// How long a connection, TLS included, may take. Default 15 s.
    pub connect_timeout: Duration,
    /// How long the server may stay silent. Default 30 s.
    pub stall_timeout: Duration,
}

impl Default for DownloadOptions {
    fn default() -> DownloadOptions {
        DownloadOptions {
            retries: 5,
            retry_delay: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(15),
            stall_timeout: Duration::from_secs(30),
        }
    }
}

/// Is told how a download goes on.
pub trait Observer {
    /// Bytes begin to come: after the first `from`, of `total` where the server says how many there are.
    fn begins(&mut self, from: u64, total: Option<u64>);
    /// So many bytes are stored.
    fn reaches(&mut self, bytes: u64);
    /// A try failed, and another one follows after `wait`.
    fn retries(&mut self, problem: &str, wait: Duration);
}

/// Why a try failed.
enum Failure {
    /// It may be gone at the next try, which the server may want no sooner than after a time.
    Passing { problem: String, wait: Option<Duration> },
    /// The next try would end like this one.
    Lasting { problem: String, remedy: String },
    /// The file system is at fault.
    Local(crate::Error),
}

impl Failure {
    fn passing(problem: impl Into<String>) -> Failure {
        Failure::Passing { problem: problem.into(), wait: None }
    }

    fn lasting(problem: impl Into<String>, remedy: impl Into<String>) -> Failure {
        Failure::Lasting { problem: problem.into(), remedy: remedy.into() }
    }
}

impl From<crate::Error> for Failure {
    fn from(error: crate::Error) -> Failure {
        Failure::Local(error)
    }
}

type Attempt<T> = Result<T, Failure>;
