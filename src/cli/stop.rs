//! Signals that end a command in good order.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use imdb_fast::{Error, Result, container, output};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;

/// The signals, their names, and what a shell calls the exit of a program that one of them has ended.
const SIGNALS: [(i32, &str, u8); 3] =
    [(SIGHUP, "SIGHUP", 129), (SIGINT, "SIGINT", 130), (SIGTERM, "SIGTERM", 143)];

/// Whether a signal is listened to: `nohup` wants a program to outlive its terminal.
fn is_heard(signal: i32) -> bool {
    signal != SIGHUP || !container::is_ignored(SIGHUP)
}

/// From now on a signal removes what has been written of the outputs so far, and ends the program. For commands that have
/// nothing to save.
pub(super) fn clear_on_signal() -> Result<()> {
    let heard = SIGNALS.map(|(signal, _, _)| signal).into_iter().filter(|&signal| is_heard(signal));
    let mut signals = Signals::new(heard).map_err(Error::io(Path::new("signals"), "listen to"))?;
    thread::spawn(move || {
        let asked = signals.forever().next();
        output::abandon_all();
        let of_signal = SIGNALS.iter().find(|(signal, _, _)| Some(*signal) == asked);
        std::process::exit(of_signal.map_or(1, |(_, _, code)| (*code).into()));
    });
    Ok(())
}

/// Whether somebody wants the run to stop.
#[derive(Debug, Default)]
pub(super) struct Stop {
    is_asked: Arc<AtomicBool>,
    /// The signal, as its place in [`SIGNALS`].
    which: Arc<AtomicUsize>,
}

impl Stop {
    /// From now on the first signal is noted, and a second one ends the program at once.
    pub(super) fn listen() -> Result<Stop> {
        let stop = Stop::default();
        let heard = SIGNALS.into_iter().enumerate().filter(|(_, (signal, _, _))| is_heard(*signal));
        for (place, (signal, name, code)) in heard {
            // In this order: at the first signal, nothing has been asked for yet.
            flag::register_conditional_shutdown(signal, code.into(), stop.is_asked.clone())
                .and_then(|_| flag::register_usize(signal, stop.which.clone(), place))
                .and_then(|_| flag::register(signal, stop.is_asked.clone()))
                .map_err(Error::io(Path::new(name), "listen to"))?;
        }
        Ok(stop)
    }

    pub(super) fn is_asked(&self) -> bool {
        self.is_asked.load(Ordering::Relaxed)
    }

    /// The name of the signal, and the exit code that it stands for.
    pub(super) fn signal(&self) -> (&'static str, u8) {
        let (_, name, code) = SIGNALS[self.which.load(Ordering::SeqCst)];
        (name, code)
    }
}
