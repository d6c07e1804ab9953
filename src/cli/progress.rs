//! How a run or a download shows itself: a bar where stderr is a terminal, and lines for what is worth keeping.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use imdb_fast::fetch;
use imdb_fast::train::History;

use super::terminal::Tame;
use super::{thousands, warn};

/// The bar of a run; invisible where stderr is no terminal or silence was asked for.
pub(super) struct Progress {
    bar: ProgressBar,
    /// After how many batches the bar moves.
    stride: usize,
    is_quiet: bool,
}

/// How often the bar moves in an epoch, at most: each time it looks at the clock, which takes as long as a part of a batch of one
/// review.
const MOVES: usize = 1000;

impl Progress {
    pub(super) fn new(is_quiet: bool) -> Progress {
        let bar = bar("{msg} [{bar:30}] {pos}/{len} batches", is_quiet);
        Progress { bar, stride: 1, is_quiet }
    }

    pub(super) fn begin(&mut self, epoch: usize, epochs: usize, batches: usize) {
        self.stride = (batches / MOVES).max(1);
        // The length comes first: without one the bar would be drawn full.
        self.bar.set_length(batches as u64);
        self.bar.reset();
        self.bar.set_message(format!("epoch {}/{epochs}", epoch + 1));
    }

    /// Goes on in the midst of an epoch.
    pub(super) fn skip_to(&self, batch: usize) {
        self.bar.set_position(batch as u64);
        self.bar.reset_eta();
    }

    /// So many batches of the epoch are done.
    pub(super) fn reach(&self, batches: usize) {
        if batches.is_multiple_of(self.stride) {
            self.bar.set_position(batches as u64);
        }
    }

    /// The epoch's line: its number, every quantity of the history, and the speed.
    pub(super) fn epoch(&self, epochs: usize, history: &History, reviews: usize, time: Duration) {
        if self.is_quiet {
            return;
        }
        let mut line = epoch_line(history, history.epochs() - 1, epochs);
        let speed = reviews as f64 / time.as_secs_f64().max(1e-9);
        line.push_str(&format!("  {} reviews/s", thousands(speed as u64)));
        print_above(&self.bar, &line);
    }

    /// A warning above the bar.
    pub(super) fn warn(&self, message: impl Display) {
        self.bar.suspend(|| warn(message));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// An epoch of so many, counted from 0: its number, and every quantity of the history.
pub(super) fn epoch_line(history: &History, epoch: usize, epochs: usize) -> String {
    let width = epochs.to_string().len();
    let mut line = format!("epoch {:>width$}/{epochs}", epoch + 1);
    for (name, values) in history.series() {
        line.push_str(&format!("  {name} {:.4}", values[epoch]));
    }
    line
}

/// The bar of networks that are trained stage by stage, with a line for each stage.
pub(super) struct Stages {
    bar: ProgressBar,
    is_quiet: bool,
}

impl Stages {
    pub(super) fn new(is_quiet: bool) -> Stages {
        Stages { bar: bar("[{bar:30}] {pos}/{len} epochs, {eta} left", is_quiet), is_quiet }
    }

    /// A stage of so many epochs begins.
    pub(super) fn begin(&self, stage: &str, epochs: usize) {
        self.bar.set_length(epochs as u64);
        self.bar.reset();
        if !self.is_quiet {
            print_above(&self.bar, &format!("training {stage}"));
        }
    }

    /// One more epoch is done.
    pub(super) fn epoch_ended(&self) {
        self.bar.inc(1);
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// The table of a sweep that is on its way, above a bar; lines where stderr is no terminal.
pub(super) struct LiveTable {
    bar: ProgressBar,
    is_quiet: bool,
}

impl LiveTable {
    /// For so many epochs in all, of which some are done.
    pub(super) fn new(epochs: u64, done: u64, is_quiet: bool) -> LiveTable {
        let bar = bar("{msg}[{bar:30}] {pos}/{len} epochs, {eta} left", is_quiet);
        bar.set_length(epochs);
        bar.set_position(done);
        bar.reset_eta();
        LiveTable { bar, is_quiet }
    }

    /// Whether nobody sees the table.
    pub(super) fn is_hidden(&self) -> bool {
        self.bar.is_hidden()
    }

    /// More epochs are done.
    pub(super) fn epochs(&self, more: u64) {
        self.bar.inc(more);
    }

    /// Shows a table, each line with its end, in place of the one before.
    pub(super) fn draw(&self, table: String) {
        self.bar.set_message(table);
    }

    /// Writes a line where there is no table to see.
    pub(super) fn line(&self, line: &str) {
        if !self.is_quiet && self.is_hidden() {
            // Nobody listens on a closed stderr, and that is no reason to stop.
            let _ = writeln!(Tame::new(io::stderr()), "{line}");
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// The bar of a download, with lines for its begin and its retries.
pub(super) struct Transfer {
    bar: ProgressBar,
    is_quiet: bool,
    url: String,
}

impl Transfer {
    pub(super) fn new(is_quiet: bool, url: &str) -> Transfer {
        let template = "[{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}, {eta} left";
        Transfer { bar: bar(template, is_quiet), is_quiet, url: url.to_owned() }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn line(&self, line: &str) {
        if !self.is_quiet {
            print_above(&self.bar, line);
        }
    }
}

impl fetch::Observer for Transfer {
    fn begins(&mut self, from: u64, total: Option<u64>) {
        let total_text =
            total.map_or("size unknown".to_owned(), |total| format!("{} bytes", thousands(total)));
        let url = &self.url;
        self.line(&match from {
            0 => format!("downloading {url}, {total_text}"),
            _ => format!("resuming {url} after {} bytes, {total_text}", thousands(from)),
        });
        match total {
            Some(total) => self.bar.set_length(total),
            None => self.bar.unset_length(),
        }
        // What was there before says nothing about the speed.
        self.bar.set_position(from);
        self.bar.reset_eta();
    }

    fn reaches(&mut self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    fn retries(&mut self, problem: &str, wait: Duration) {
        self.line(&format!("{problem}; trying again in {wait:?}"));
    }
}

/// A bar; invisible where stderr is no terminal or silence was asked for.
fn bar(template: &str, is_quiet: bool) -> ProgressBar {
    let target = match is_quiet {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr(),
    };
    let bar = ProgressBar::with_draw_target(Some(0), target);
    let style = ProgressStyle::with_template(template).expect("the template is valid");
    bar.set_style(style.progress_chars("=> "));
    bar
}

fn print_above(bar: &ProgressBar, line: &str) {
    // Nobody listens on a closed stderr, and that is no reason to stop.
    bar.suspend(|| drop(writeln!(io::stderr(), "{line}")));
}
