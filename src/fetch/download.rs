//! A download: tries, until one succeeds or there have been enough.

use std::path::Path;
use std::time::Duration;

use super::attempt::attempt;
use super::http::Client;
use super::part::Part;
use super::{Digest, DownloadOptions, Failure, Observer, RemoteFile};
use crate::error::{Error, Result};

/// The longest wait between two tries, whatever the server asks for.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// So many new bytes, and the failures before them are forgotten.
const PROGRESS: u64 = 1 << 20;

/// Downloads a file to the path `target`, replacing an older one at once when the new one is whole and has the right hash.
/// Returns its hash.
///
/// What was received before a failure stays beside the target as `.part` and `.part.json`, and the next download goes on
/// from there. Memory is bounded by a few buffers. Two downloads to one target at once spoil each other: hold a
/// [`FolderLock`](super::FolderLock).
///
/// # Errors
/// [`Error::Network`] where the server, or what it sends, is at fault; [`Error::Io`] where the folder cannot be written, a
/// full disk included.
pub fn download(
    file: &RemoteFile,
    target: &Path,
    options: &DownloadOptions,
    observer: &mut dyn Observer,
) -> Result<Digest> {
    let client = Client::new(file, options);
    let mut part = Part::open(target)?;
    let mut patience = Patience { options, best: part.length(), failures: 0 };
    let error = loop {
        let failure = match attempt(&client, file, &mut part, options.stall_timeout, observer) {
            Ok(digest) => {
                part.commit()?;
                return Ok(digest);
            }
            Err(failure) => failure,
        };
        match failure {
            Failure::Local(error) => break error,
            Failure::Lasting { problem, remedy } => {
                break Error::Network { url: file.address(), problem, remedy };
            }
            Failure::Passing { problem, wait } => match patience.next(part.length(), wait) {
                Some(wait) => {
                    observer.retries(&problem, wait);
                    std::thread::sleep(wait);
                }
                None => break exhausted(file, &part, &problem, options.retries),
            },
        }
    };
    if part.length() == 0 {
        part.remove();
    }
    Err(error)
}

fn exhausted(file: &RemoteFile, part: &Part, problem: &str, retries: u32) -> Error {
    let tries = match retries {
        0 => String::new(),
        _ => format!(" (tried {} times)", u64::from(retries) + 1),
    };
    let again = match part.resume(&file.address(), file.sha256.is_some()) {
        Some(_) => "run the command again, and it goes on from there",
        None => "try again later",
    };
    Error::Network {
        url: file.address(),
        problem: format!("{problem}{tries}"),
        remedy: format!("{again}, or {}", file.by_hand()),
    }
}

/// Counts the failures since the last progress.
struct Patience<'a> {
    options: &'a DownloadOptions,
    /// The most bytes that any try reached.
    best: u64,
    failures: u32,
}

impl Patience<'_> {
    /// How long to wait after a failure, the part now being `length` long; `None` where it is enough.
    fn next(&mut self, length: u64, asked: Option<Duration>) -> Option<Duration> {
        if length >= self.best.saturating_add(PROGRESS) {
            self.best = length;
            self.failures = 0;
        }
        self.failures += 1;
        if self.failures > self.options.retries {
            return None;
        }
        let doubled = 1u32.checked_shl(self.failures - 1).unwrap_or(u32::MAX);
        let wait = self.options.retry_delay.saturating_mul(doubled);
        Some(wait.max(asked.unwrap_or_default()).min(MAX_WAIT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_bound_and_end() {
        let options = DownloadOptions { retries: 7, ..DownloadOptions::default() };
        let mut patience = Patience { options: &options, best: 0, failures: 0 };
        let waits: Vec<_> = std::iter::from_fn(|| patience.next(0, None)).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs));
        let none = DownloadOptions { retries: 0, ..options };
        assert_eq!(Patience { options: &none, best: 0, failures: 0 }.next(0, None), None);
    }

    #[test]
    fn a_server_may_ask_for_more_time_within_the_bound() {
        let options = DownloadOptions::default();
        let mut patience = Patience { options: &options, best: 0, failures: 0 };
        let asked = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(patience.next(0, asked(7)), asked(7));
        assert_eq!(patience.next(0, asked(7_000)), asked(30));
    }

    #[test]
    fn only_new_ground_renews_patience() {
        let options = DownloadOptions { retries: 2, ..DownloadOptions::default() };
        let mut patience = Patience { options: &options, best: 0, failures: 0 };
        for length in [PROGRESS, 2 * PROGRESS, 5 * PROGRESS] {
            assert_eq!(patience.next(length, None), Some(Duration::from_secs(1)));
        }
        // A file that is fetched over and over again makes none.
        assert_eq!(patience.next(4 * PROGRESS, None), Some(Duration::from_secs(2)));
        assert_eq!(patience.next(5 * PROGRESS, None), None);
    }
}
