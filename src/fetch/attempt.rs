//! One try of a download: a request, the checks of its answer's head, and the body.

use std::time::{Duration, Instant};

use super::digest::{Digest, Hasher};
use super::http::{Answer, Client, Resume};
use super::part::{Origin, Part};
use super::{Attempt, Failure, Observer, RemoteFile, Size};

/// Fewer bytes than this within the stall timeout are as good as none.
const TRICKLE: u64 = 1 << 10;

/// Goes on with `part` until it is whole and returns its hash, which is the right one.
pub(super) fn attempt(
    client: &Client,
    file: &RemoteFile,
    part: &mut Part,
    stall_timeout: Duration,
    observer: &mut dyn Observer,
) -> Attempt<Digest> {
    let (Size::Exactly(most) | Size::AtMost(most)) = file.size;
    if part.length() > most {
        part.discard()?;
    }
    let address = file.address();
    let resume = part.resume(&address, file.sha256.is_some());
    let total = part.origin(&address).and_then(|origin| origin.total);
    // An earlier process may have ended between the last byte and the new name.
    let is_whole =
        resume.is_some() && total == Some(part.length()) && file.size.allows(part.length());
    let hasher = match is_whole {
        true => part.hashed()?,
        false => {
            let answer = client.get(resume.as_ref())?;
            let total = place(&answer, file, part, resume.as_ref())?;
            observer.begins(part.length(), total);
            body(answer, file, part, total, stall_timeout, observer)?
        }
    };
    let digest = hasher.finish();
    match file.sha256 {
        Some(expected) if expected != digest => {
            part.discard()?;
            let problem = format!("the file's SHA-256 is {digest}, expected {expected}");
            // A beginning and a rest that do not belong together: a fetch in one piece may well succeed.
            Err(match resume {
                Some(_) => Failure::passing(problem),
                None => Failure::lasting(problem, &*file.remedy),
            })
        }
        _ => Ok(digest),
    }
}

/// Checks an answer's head and makes the part ready for its body. Returns the length of the whole file, if it is known.
fn place(
    answer: &Answer,
    file: &RemoteFile,
    part: &mut Part,
    resume: Option<&Resume>,
) -> Attempt<Option<u64>> {
    let total = match (answer.status, resume) {
        (200, _) => {
            let total = check_size(answer.length, file)?;
            if total.is_none() && file.sha256.is_none() && !answer.is_delimited {
                let problem = "the server does not say where the file ends, so a cut would pass";
                return Err(Failure::lasting(problem, file.by_hand()));
            }
            let (url, validator) = (file.address(), answer.validator.clone());
            part.restart(Origin { url, validator, total })?;
            total
        }
        (206, Some(resume)) => {
            let known = part.origin(&file.address()).and_then(|origin| origin.total);
            let range = answer.range.filter(|range| {
                range.first == resume.from
                    && range.last + 1 == range.total
                    && known.is_none_or(|known| known == range.total)
                    && answer.length.is_none_or(|length| length == range.total - range.first)
                    && !resume.is_contradicted_by(answer.validator.as_deref())
            });
            let Some(range) = range else {
                part.discard()?;
                return Err(Failure::passing("the server sent another part than was asked for"));
            };
            check_size(Some(range.total), file)?
        }
        (416, Some(_)) => {
            part.discard()?;
            return Err(Failure::passing("the server's file is shorter than what is here of it"));
        }
        (status, _) => return Err(refused(status, answer.retry_after, file)),
    };
    Ok(total)
}

/// What a status other than success means.
fn refused(status: u16, wait: Option<Duration>, file: &RemoteFile) -> Failure {
    let (problem, remedy) = match status {
        408 | 425 | 429 | 500..600 => {
            return Failure::Passing {
                problem: format!("the server answers with status {status}"),
                wait,
            };
        }
        404 | 410 => (
            format!("the server has no such file (status {status})"),
            "check the address of the --mirror, or name another".to_owned(),
        ),
        401 | 403 | 407 => (
            format!("the server or a proxy refuses the file (status {status})"),
            format!("check HTTPS_PROXY and the --mirror, or {}", file.by_hand()),
        ),
        _ => (
            format!("the server answers with status {status}"),
            format!("name another --mirror, or {}", file.by_hand()),
        ),
    };
    Failure::lasting(problem, remedy)
}

/// Refuses a length that the file cannot have.
fn check_size(length: Option<u64>, file: &RemoteFile) -> Attempt<Option<u64>> {
    match length {
        Some(length) if !file.size.allows(length) => {
            let problem = format!("the file there has {length} bytes, expected {}", file.size);
            Err(Failure::lasting(problem, &*file.remedy))
        }
        length => Ok(length),
    }
}

/// Stores the body behind what is there.
fn body(
    mut answer: Answer,
    file: &RemoteFile,
    part: &mut Part,
    total: Option<u64>,
    stall_timeout: Duration,
    observer: &mut dyn Observer,
) -> Attempt<Hasher> {
    let (Size::Exactly(bytes) | Size::AtMost(bytes)) = file.size;
    let limit = total.unwrap_or(bytes);
    let mut hasher = part.hashed()?;
    let mut window = (Instant::now(), part.length());
    loop {
        let block = answer.read().map_err(|failure| at(failure, part, total))?;
        if block.is_empty() {
            break;
        }
        if part.length() + block.len() as u64 > limit {
            part.discard()?;
            let problem = format!("the server sends more than {limit} bytes");
            return Err(Failure::lasting(problem, &*file.remedy));
        }
        part.write(&block)?;
        hasher.update(&block);
        observer.reaches(part.length());
        if window.0.elapsed() >= stall_timeout {
            if part.length() - window.1 < TRICKLE {
                let slow =
                    format!("the server sent less than {TRICKLE} bytes in {stall_timeout:?}");
                return Err(at(Failure::passing(slow), part, total));
            }
            window = (Instant::now(), part.length());
        }
    }
    let is_exact = matches!(file.size, Size::Exactly(_));
    match total.or(is_exact.then_some(bytes)) {
        Some(whole) if part.length() < whole => {
            Err(at(Failure::passing("the server ended too early"), part, Some(whole)))
        }
        _ => Ok(hasher),
    }
}

/// Adds to a failure how far it came.
fn at(failure: Failure, part: &Part, total: Option<u64>) -> Failure {
    match failure {
        Failure::Passing { problem, wait } => {
            let of = total.map_or(String::new(), |total| format!(" of {total}"));
            let problem = format!("{problem}, at {}{of} bytes", part.length());
            Failure::Passing { problem, wait }
        }
        other => other,
    }
}
