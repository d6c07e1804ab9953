//! What looks after a sweep: it shows how it goes, and writes down each run that is done.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use imdb_fast::Result;
use imdb_fast::report::sweep::outcome;
use imdb_fast::report::table::{Align, aligned};
use imdb_fast::sweep::{Design, Finished, Observer, Run, Summary, order};
use imdb_fast::train::History;

use super::folder::Folder;
use crate::cli::progress::LiveTable;
use crate::cli::stop::Stop;

/// Configurations that the live table has room for: the best so far.
const MOST_LINES: usize = 16;
/// The live table is drawn no more often.
const DRAW_EVERY: Duration = Duration::from_millis(50);

pub(super) struct Watcher<'a> {
    design: &'a Design,
    runs: Vec<Run>,
    labels: Vec<String>,
    folder: &'a Folder,
    stop: &'a Stop,
    state: Mutex<State>,
}

struct State {
    shown: LiveTable,
    /// How many runs are trained at a time.
    at_once: usize,
    /// When each run on its way began.
    begun: Vec<Option<Instant>>,
    finished: Vec<Option<Finished>>,
    /// One a configuration, of its runs that are done.
    summaries: Vec<Summary>,
    drawn: Option<Instant>,
}

impl<'a> Watcher<'a> {
    /// `finished` are the runs that were done before.
    pub(super) fn new(
        design: &'a Design,
        folder: &'a Folder,
        stop: &'a Stop,
        finished: Vec<Option<Finished>>,
        is_quiet: bool,
    ) -> Watcher<'a> {
        let runs = design.runs();
        let epochs = |run: &Run| design.configurations()[run.configuration].epochs as u64;
        let all = runs.iter().map(epochs).sum();
        let done = runs.iter().zip(&finished).filter(|(_, done)| done.is_some());
        let shown = LiveTable::new(all, done.map(|(run, _)| epochs(run)).sum(), is_quiet);
        let summaries = (0..design.configurations().len())
            .map(|configuration| summary(design, configuration, &finished))
            .collect();
        let begun = vec![None; runs.len()];
        let state = State { shown, at_once: 0, begun, finished, summaries, drawn: None };
        let watcher = Watcher {
            design,
            runs,
            labels: design.labels(),
            folder,
            stop,
            state: Mutex::new(state),
        };
        watcher.draw(&mut watcher.state());
        watcher
    }

    /// Takes the live table away. Returns how many runs were trained at a time.
    pub(super) fn finish(&self) -> usize {
        let state = self.state();
        state.shown.finish();
        state.at_once
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, state: &mut State) {
        if state.shown.is_hidden() || state.drawn.is_some_and(|drawn| drawn.elapsed() < DRAW_EVERY)
        {
            return;
        }
        let mut ranking: Vec<&Summary> = state.summaries.iter().collect();
        ranking.sort_by(|a, b| order(a, b));
        let header = ["configuration", "runs", "epoch", "val_loss", "val_accuracy"];
        let mut rows = vec![header.map(str::to_owned).to_vec()];
        let each = self.design.runs_each();
        for summary in ranking.into_iter().take(MOST_LINES) {
            let mut row = vec![
                self.labels[summary.configuration].clone(),
                format!("{}/{each}", summary.runs),
            ];
            row.extend(match summary.runs {
                0 => [String::new(), String::new(), String::new()],
                _ => outcome(summary),
            });
            rows.push(row);
        }
        let right = Align::Right;
        state.shown.draw(aligned(&[Align::Left, right, right, right, right], &rows));
        state.drawn = Some(Instant::now());
    }
}

fn summary(design: &Design, configuration: usize, finished: &[Option<Finished>]) -> Summary {
    let each = design.runs_each();
    let own = &finished[configuration * each..(configuration + 1) * each];
    Summary::of(design, configuration, own.iter().flatten())
}

impl Observer for Watcher<'_> {
    fn sets_out(&self, at_once: usize) {
        self.state().at_once = at_once;
    }

    fn begins(&self, run: usize) {
        self.state().begun[run] = Some(Instant::now());
    }

    fn epoch_ended(&self, _run: usize, _history: &History) {
        self.state().shown.epochs(1);
    }

    fn ended(&self, place: usize, finished: &Finished) -> Result<()> {
        let run = self.runs[place];
        let begun = self.state().begun[place];
        let seconds = begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64());
        // Not under the lock: the disk may take its time.
        self.folder.save_run(self.design, (place, run), finished, seconds)?;
        let mut state = self.state();
        let epochs = self.design.configurations()[run.configuration].epochs;
        // Of one that has diverged, the rest will not come.
        state.shown.epochs((epochs - finished.history.epochs().min(epochs)) as u64);
        state.finished[place] = Some(finished.clone());
        let summary = summary(self.design, run.configuration, &state.finished);
        if summary.runs == self.design.runs_each() {
            let [epoch, loss, accuracy] = outcome(&summary);
            let label = &self.labels[run.configuration];
            state
                .shown
                .line(&format!("{label}: epoch {epoch}  val_loss {loss}  val_accuracy {accuracy}"));
        }
        state.summaries[run.configuration] = summary;
        self.draw(&mut state);
        Ok(())
    }

    fn stops(&self) -> bool {
        self.stop.is_asked()
    }
}
