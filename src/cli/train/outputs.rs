//! What a run leaves behind.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use imdb_fast::dataset::Dataset;
use imdb_fast::model::Model;
use imdb_fast::report::csv::history_csv;
use imdb_fast::report::json::{HistoryFile, Merged};
use imdb_fast::report::plot::{curves_png, curves_svg};
use imdb_fast::train::{History, Snapshot, Team, TrainPlan};
use imdb_fast::{Error, Result, ensemble, output};
use serde_json::{Value, json};

use super::super::info;
use super::Args;
use crate::cli::folders::{Made, has_sweep, remove};
use crate::cli::lock::Lock;
use crate::cli::{is_same_file, quoted, shown};

pub(in crate::cli) const MODEL: &str = "model.safetensors";
pub(in crate::cli) const HISTORY: &str = "history.json";
pub(in crate::cli) const CHECKPOINT: &str = "checkpoint.safetensors";
/// The last checkpoint of a run that diverged: nobody goes on from it, since it would diverge again.
pub(super) const DIVERGED: &str = "diverged.safetensors";
/// The history of a run that is on its way. An earlier run's files stay together until this one has all of its own.
pub(super) const PARTIAL_HISTORY: &str = "history.partial.json";
const HISTORY_TABLE: &str = "history.csv";
const CURVES_SVG: &str = "curves.svg";
const CURVES_PNG: &str = "curves.png";
/// What a finished run leaves, what it needs on its way, and what is left of one that diverged.
pub(in crate::cli) const NAMES: [&str; 8] =
    [MODEL, CHECKPOINT, DIVERGED, PARTIAL_HISTORY, HISTORY, HISTORY_TABLE, CURVES_SVG, CURVES_PNG];

/// The folder of a run.
pub(super) struct Outputs<'a> {
    args: &'a Args,
    folder: &'a Path,
    /// The facts of the run; its history comes with time.
    facts: HistoryFile,
    _lock: Lock,
    /// None of a run that goes on.
    made: Option<Made>,
}

/// Refuses a folder where a run's file would replace the dataset.
pub(super) fn spare(folder: &Path, dataset: &Path) -> Result<()> {
    if NAMES.iter().any(|name| is_same_file(&folder.join(name), dataset)) {
        let expected = format!("another folder than that of {}: it would be lost", shown(dataset));
        return Err(Error::invalid("--out", shown(folder), expected));
    }
    Ok(())
}

impl<'a> Outputs<'a> {
    /// Makes the folder and takes its lock; refuses one with a sweep, and one with a run that is not finished, unless that may
    /// be discarded.
    pub(super) fn create(args: &'a Args, facts: HistoryFile) -> Result<Outputs<'a>> {
        let folder = &args.out;
        if has_sweep(folder) {
            return Err(Error::Unfit {
                option: "--out",
                value: shown(folder),
                reason: "there is a sweep in it".to_owned(),
                remedy: "name another folder".to_owned(),
            });
        }
        let made = Made::create(folder)?;
        let mut outputs = Outputs::open(args, folder, facts, Lock::take(folder, "--out")?)?;
        outputs.made = Some(made);
        let checkpoint = outputs.path(CHECKPOINT);
        if !checkpoint.exists() {
            return Ok(outputs);
        }
        if !args.fresh {
            return Err(Error::Unfit {
                option: "--out",
                value: shown(folder),
                reason: format!("{CHECKPOINT} in it is that of a run that is not finished"),
                remedy: format!(
                    "go on with it by `imdb-fast train --resume {}`, discard it by --fresh, or name another folder",
                    quoted(folder)
                ),
            });
        }
        remove(&checkpoint)?;
        Ok(outputs)
    }

    /// Clears away what a run that was killed has left, and tries whether all files can be written, before any training.
    pub(super) fn open(
        args: &'a Args,
        folder: &'a Path,
        facts: HistoryFile,
        lock: Lock,
    ) -> Result<Outputs<'a>> {
        let outputs = Outputs { args, folder, facts, _lock: lock, made: None };
        ensemble::remove_leftovers(folder);
        for name in NAMES {
            let path = outputs.path(name);
            output::remove_leftovers(&path);
            output::OutputFile::create(&path)?;
        }
        Ok(outputs)
    }

    /// Takes down what a model reaches that was merged of several, or is an average.
    pub(super) fn note_merged(&mut self, merged: Option<Merged>) {
        self.facts.merged = merged;
    }

    pub(super) fn merged(&self) -> Option<Merged> {
        self.facts.merged
    }

    /// Whether the folder has no model of an earlier run, nor what is left of one: the last checkpoint is this run's where it
    /// `has_left` one.
    pub(super) fn has_only_own(&self, has_left: bool) -> bool {
        !self.path(MODEL).exists() && (has_left || !self.path(DIVERGED).exists())
    }

    pub(super) fn shown(&self) -> String {
        shown(self.folder)
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn history_json(&self, history: &History, fit_time: Duration) -> String {
        let file = HistoryFile {
            fit_seconds: fit_time.as_secs_f64(),
            history: history.clone(),
            ..self.facts.clone()
        };
        file.to_json()
    }

    /// Returns where it is.
    pub(super) fn save_partial_history(
        &self,
        history: &History,
        time: Duration,
    ) -> Result<PathBuf> {
        let path = self.path(PARTIAL_HISTORY);
        output::write(&path, self.history_json(history, time).as_bytes())?;
        Ok(path)
    }

    pub(super) fn save_checkpoint(&self, snapshot: &Snapshot<'_>, notes: &Value) -> Result<()> {
        snapshot.save(&self.path(CHECKPOINT), notes)
    }

    /// Gives the checkpoint a name that stands in the way of no other run. Returns where it is, if there was one.
    pub(super) fn keep_diverged(&self) -> Result<Option<PathBuf>> {
        let (checkpoint, kept) = (self.path(CHECKPOINT), self.path(DIVERGED));
        match std::fs::rename(&checkpoint, &kept) {
            Ok(()) => Ok(Some(kept)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(&checkpoint, "rename")(error)),
        }
    }

    /// Writes history, curves and the model, if there is one, in place of an earlier run's: what takes space comes first, so
    /// that on a full disk all of those stay. Then removes what the run needed on its way; the checkpoint last, so that until
    /// then it can go on. What an earlier one that diverged has left stays until there is a model.
    pub(super) fn save(
        &self,
        history: &History,
        fit_time: Duration,
        model: Option<&Model>,
    ) -> Result<()> {
        let json = self.history_json(history, fit_time);
        let staged = [
            output::stage(&self.path(HISTORY), json.as_bytes())?,
            output::stage(&self.path(HISTORY_TABLE), history_csv(history).as_bytes())?,
            output::stage(&self.path(CURVES_SVG), curves_svg(history).as_bytes())?,
            output::stage(&self.path(CURVES_PNG), &curves_png(history))?,
        ];
        if let Some(model) = model {
            model.save(&self.path(MODEL))?;
        }
        for file in staged {
            file.commit()?;
        }
        if model.is_some() {
            remove(&self.path(DIVERGED))?;
        }
        remove(&self.path(PARTIAL_HISTORY))?;
        remove(&self.path(CHECKPOINT))
    }

    /// What a model file says about its making; of the epoch that its weights are of, where there is one.
    pub(super) fn training(&self, history: &History, epoch: Option<usize>) -> Value {
        let mut training = options(self.args);
        training["version"] = env!("CARGO_PKG_VERSION").into();
        if let Some(epoch) = epoch {
            let mut reached = json!({});
            for (name, values) in history.series() {
                reached[name] = json!(values[epoch]);
            }
            training["epoch"] = (epoch + 1).into();
            training["reached"] = reached;
        }
        if let Some(merged) = self.facts.merged {
            training["merged"] = serde_json::to_value(merged).expect("these are two numbers");
        }
        training
    }
}

/// Whether a folder has a run, finished or not.
pub(in crate::cli) fn is_in(folder: &Path) -> bool {
    [MODEL, CHECKPOINT, DIVERGED, PARTIAL_HISTORY, HISTORY]
        .iter()
        .any(|name| folder.join(name).exists())
}

/// Removes what a run has left in a folder, and the folder if it had nothing else.
pub(in crate::cli) fn discard(folder: &Path) -> Result<()> {
    NAMES.into_iter().try_for_each(|name| remove(&folder.join(name)))?;
    // Not empty, or not there.
    let _ = std::fs::remove_dir(folder);
    Ok(())
}

/// What is known of a run before it has a history.
pub(super) fn facts(
    args: &Args,
    team: &Team,
    dataset: &Dataset,
    plan: &TrainPlan<'_>,
) -> HistoryFile {
    // Of generated reviews nothing is left; a path that is not UTF-8 cannot be written down.
    let path = dataset.container().path().canonicalize().ok().filter(|_| args.dataset.is_some());
    HistoryFile {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        options: options(args),
        seed: args.seed,
        threads: team.size(),
        dataset: path.and_then(|path| path.into_os_string().into_string().ok()),
        fingerprint: Some(dataset.fingerprint()),
        train_reviews: plan.train_reviews(),
        validation_reviews: plan.validation_reviews(),
        networks: args.ensemble,
        environment: info::environment(team),
        ..HistoryFile::default()
    }
}

fn options(args: &Args) -> Value {
    // By way of text: straight to a value, 0.3 of 32 bits becomes 0.30000001192092896.
    let text = serde_json::to_string(args).expect("options are plain values");
    serde_json::from_str(&text).expect("it was written just now")
}
