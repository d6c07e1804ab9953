//! Signals that end a command in good order.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use imdb_fast::{Error, Result};

/// The names of the signals, and what a shell calls the exit of a program that one of them has ended.
const SIGNALS: [(&str, u8); 3] = [("SIGHUP", 129), ("SIGINT", 130), ("SIGTERM", 143)];

/// Whether a signal ends the program at once: as long as there is nothing to save.
static ENDS: AtomicBool = AtomicBool::new(true);

/// Who listens, where there is.
static STOP: Stop = Stop { first: AtomicUsize::new(SIGNALS.len()) };

/// A folder that goes with the program.
static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

fn folder() -> MutexGuard<'static, Option<PathBuf>> {
    FOLDER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on a signal removes what has been written of the outputs so far, and ends the program. Behind [`Stop::listen`], where
/// there is something to save, only a second one does. Systems without these signals end a program as they always do.
pub(super) fn clear_on_signal() -> Result<()> {
    #[cfg(unix)]
    unix::clear_on_signal()?;
    Ok(())
}

/// Calls `work` with a temporary folder, which goes afterwards, or with the program.
pub(super) fn in_temporary_folder<T>(work: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
    let place = std::env::temp_dir();
    // Locked before, so that there is none that is not noted.
    let mut noted = folder();
    let elsewhere = |error: io::Error| {
        let text = format!("{error}; name another place by the variable TMPDIR");
        Error::io(&place, "write to")(io::Error::new(error.kind(), text))
    };
    // In its own words the error would name a folder of which nobody has heard.
    let temporary = tempfile::tempdir_in(&place).map_err(|error| elsewhere(error.kind().into()))?;
    *noted = Some(temporary.path().to_path_buf());
    drop(noted);
    let result = work(temporary.path()).map_err(|error| match error {
        Error::Io { path, source, .. } if path.starts_with(temporary.path()) => elsewhere(source),
        other => other,
    });
    // On systems that cannot delete a mapped file the folder stays; the system clears it in time.
    drop(temporary);
    *folder() = None;
    result
}

/// Whether somebody wants the run to stop.
#[derive(Debug)]
pub(super) struct Stop {
    /// The first signal, as its place in [`SIGNALS`]; beyond them where there was none.
    first: AtomicUsize,
}

impl Stop {
    /// From now on the first signal is noted, and a second one ends the program at once. Called before there is something to save.
    pub(super) fn listen() -> &'static Stop {
        ENDS.store(false, Ordering::SeqCst);
        &STOP
    }

    /// Whether this signal is the first.
    #[cfg(unix)]
    fn note(&self, place: usize) -> bool {
        let none = SIGNALS.len();
        self.first.compare_exchange(none, place, Ordering::SeqCst, Ordering::SeqCst).is_ok()
    }

    pub(super) fn is_asked(&self) -> bool {
        self.first.load(Ordering::Relaxed) < SIGNALS.len()
    }

    /// The name of the signal, and the exit code that it stands for.
    pub(super) fn signal(&self) -> (&'static str, u8) {
        SIGNALS[self.first.load(Ordering::SeqCst)]
    }
}

/// From now on a file beyond the limit of its size (`ulimit -f`) is an error of who writes it, which clears away what it has begun:
/// the signal would end the program at once.
pub(super) fn outlive_file_limit() -> Result<()> {
    #[cfg(unix)]
    unix::outlive_file_limit()?;
    Ok(())
}

#[cfg(unix)]
mod unix {
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::thread;

    use imdb_fast::{Error, Result, container, output};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
    use signal_hook::flag;
    use signal_hook::iterator::Signals;

    use super::super::folders;
    use super::{ENDS, SIGNALS, STOP, folder};

    /// In the order of [`SIGNALS`].
    const NUMBERS: [i32; SIGNALS.len()] = [SIGHUP, SIGINT, SIGTERM];

    pub(super) fn clear_on_signal() -> Result<()> {
        // What is ignored stays so: `nohup` wants a program to outlive its terminal, and a script's Ctrl-C is not for what it has
        // started in the background.
        let heard = NUMBERS.into_iter().filter(|&signal| !container::is_ignored(signal));
        let mut signals =
            Signals::new(heard).map_err(Error::io(Path::new("signals"), "listen to"))?;
        let listener = thread::Builder::new().spawn(move || {
            for asked in signals.forever() {
                let place = NUMBERS.iter().position(|&signal| signal == asked);
                let place = place.expect("no other signal is listened to");
                if !ENDS.load(Ordering::SeqCst) && STOP.note(place) {
                    continue;
                }
                output::abandon_all();
                folders::abandon();
                // Locked until the end, so that no other comes.
                let noted = folder();
                if let Some(folder) = &*noted {
                    let _ = std::fs::remove_dir_all(folder);
                }
                std::process::exit(SIGNALS[place].1.into());
            }
        });
        listener.map_err(Error::io(Path::new("signals"), "start a thread that listens to"))?;
        Ok(())
    }

    pub(super) fn outlive_file_limit() -> Result<()> {
        // Who hears the signal need not do anything: then the system tells the writer.
        flag::register(SIGXFSZ, Arc::default())
            .map_err(Error::io(Path::new("SIGXFSZ"), "listen to"))?;
        Ok(())
    }
}
