//! How many threads an option asks for.

use std::num::NonZeroUsize;

use crate::error::{Error, Result};

/// No machine has more.
pub(crate) const MOST: usize = 4096;

/// The threads that a number stands for: 0 is one a core.
///
/// # Errors
/// [`Error::InvalidOption`] for more than any machine has.
pub(crate) fn asked(threads: usize) -> Result<usize> {
    match threads {
        0 => Ok(cores()),
        1..=MOST => Ok(threads),
        _ => {
            let expected = format!("a number from 1 to {MOST}, or 0 for one a core");
            Err(Error::invalid("--threads", threads, expected))
        }
    }
}

/// How many this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
