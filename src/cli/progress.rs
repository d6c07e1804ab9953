//! How a run shows itself: a bar within the epoch where stderr is a terminal, and a line an epoch.

use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use imdb_fast::train::History;

use super::thousands;

/// The bar of a run; invisible where stderr is no terminal or silence was asked for.
pub(super) struct Progress {
    bar: ProgressBar,
    is_quiet: bool,
}

impl Progress {
    pub(super) fn new(is_quiet: bool) -> Progress {
        let target = match is_quiet {
            true => ProgressDrawTarget::hidden(),
            false => ProgressDrawTarget::stderr(),
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        let style = ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} batches")
            .expect("the template is valid")
            .progress_chars("=> ");
        bar.set_style(style);
        Progress { bar, is_quiet }
    }

    pub(super) fn begin(&self, epoch: usize, epochs: usize, batches: usize) {
        self.bar.set_message(format!("epoch {}/{epochs}", epoch + 1));
        self.bar.set_length(batches as u64);
        self.bar.reset();
    }

    pub(super) fn batch(&self) {
        self.bar.inc(1);
    }

    /// The epoch's line: its number, every quantity of the history, and the speed.
    pub(super) fn epoch(&self, epochs: usize, history: &History, reviews: usize, time: Duration) {
        if self.is_quiet {
            return;
        }
        let width = epochs.to_string().len();
        let mut line = format!("epoch {:>width$}/{epochs}", history.epochs());
        for (name, values) in history.series() {
            let value = values.last().copied().unwrap_or(f64::NAN);
            line.push_str(&format!("  {name} {value:.4}"));
        }
        let speed = reviews as f64 / time.as_secs_f64().max(1e-9);
        line.push_str(&format!("  {} reviews/s", thousands(speed as u64)));
        // Nobody listens on a closed stderr, and that is no reason to stop.
        self.bar.suspend(|| drop(writeln!(io::stderr(), "{line}")));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}
