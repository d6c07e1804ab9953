//! A run that was saved by the command line: what its checkpoint notes, and how it goes on.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use imdb_fast::train::Checkpoint;
use imdb_fast::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Args;
use super::options::Every;
use super::outputs::{CHECKPOINT, DIVERGED, MODEL};
use crate::cli::{given_to_train, quoted, shown, train_arguments};

/// Options that may be given beside `--resume`.
const CHANGEABLE: [&str; 4] = ["dataset", "resume", "epochs", "checkpoint_every"];

/// Where a checkpoint has them, and what helps where they are wrong.
pub(super) const NOTES: &str = "metadata `notes`";
pub(super) const REMEDY: &str = "start the run anew, or go on with it by the library";

/// What the command line keeps in a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Notes {
    /// The words behind the program's name.
    arguments: Vec<Word>,
    /// What may differ from them by now.
    epochs: usize,
    checkpoint_every: Option<String>,
    /// The file, by its whole path; none where the reviews were generated.
    dataset: Option<Word>,
    /// The training time so far.
    pub(super) seconds: f64,
}

/// A word that need not be UTF-8.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(in crate::cli) enum Word {
    Text(String),
    Raw(OsString),
}

impl Word {
    /// A file by its whole path: who goes on may be in another folder.
    pub(in crate::cli) fn of(path: &Path) -> Word {
        std::path::absolute(path).unwrap_or(path.to_path_buf()).into_os_string().into()
    }
}

impl From<OsString> for Word {
    fn from(word: OsString) -> Word {
        word.into_string().map_or_else(Word::Raw, Word::Text)
    }
}

impl From<Word> for OsString {
    fn from(word: Word) -> OsString {
        match word {
            Word::Text(text) => text.into(),
            Word::Raw(raw) => raw,
        }
    }
}

impl Notes {
    pub(super) fn new(args: &Args, words: &[OsString], dataset: Option<&Path>) -> Notes {
        Notes {
            arguments: words.iter().cloned().map(Word::from).collect(),
            epochs: args.epochs,
            checkpoint_every: args.checkpoint_every.map(|every| every.to_string()),
            dataset: dataset.map(Word::of),
            seconds: 0.0,
        }
    }

    pub(super) fn to_json(&self) -> Value {
        serde_json::to_value(self).expect("notes are plain values")
    }
}

/// A run that goes on.
pub(super) struct Unfinished {
    pub(super) checkpoint: Checkpoint,
    /// The arguments that it began with, but for those given anew.
    pub(super) args: Args,
    /// The words that they were.
    pub(super) words: Vec<OsString>,
    /// Where its dataset is now.
    pub(super) dataset: Option<PathBuf>,
    /// Whether that is where it was.
    pub(super) is_dataset_noted: bool,
    /// Whether the number of epochs is that of the checkpoint, as all other options are.
    pub(super) are_epochs_noted: bool,
    pub(super) seconds: f64,
}

impl Unfinished {
    /// Reads the checkpoint of a folder and takes up what `new` arguments may change.
    pub(super) fn read(folder: &Path, new: &Args) -> Result<Unfinished> {
        let given = given_to_train(std::env::args_os());
        if let Some(other) = given.iter().find(|name| !CHANGEABLE.contains(&name.as_str())) {
            let other = other.replace('_', "-");
            let expected = format!("no --{other} beside it: a run goes on with what it began with");
            return Err(Error::invalid("--resume", folder.display(), expected));
        }
        let path = folder.join(CHECKPOINT);
        if !path.exists() {
            return Err(nothing_to_resume(folder));
        }
        let checkpoint = Checkpoint::load(&path)?;
        let malformed = |problem: String| Error::malformed(&path, NOTES, problem, REMEDY);
        let notes: Notes = serde_json::from_value(checkpoint.notes().clone())
            .map_err(|error| malformed(error.to_string()))?;
        let words: Vec<OsString> = notes.arguments.into_iter().map(OsString::from).collect();
        let mut args = train_arguments(&words).map_err(malformed)?;
        let is_given = |name: &str| given.iter().any(|given| given == name);
        let are_epochs_noted = !is_given("epochs");
        args.epochs = if are_epochs_noted { notes.epochs } else { new.epochs };
        let noted = notes.checkpoint_every.map(|text| text.parse::<Every>()).transpose();
        let noted = noted.map_err(|problem| malformed(problem.to_owned()))?;
        args.checkpoint_every = new.checkpoint_every.or(noted);
        let noted = notes.dataset.map(|word| PathBuf::from(OsString::from(word)));
        let is_dataset_noted = new.dataset.is_none();
        let dataset = new.dataset.clone().or(noted);
        Ok(Unfinished {
            checkpoint,
            args,
            words,
            dataset,
            is_dataset_noted,
            are_epochs_noted,
            seconds: notes.seconds,
        })
    }
}

/// What is wrong with a folder that has no checkpoint.
pub(super) fn nothing_to_resume(folder: &Path) -> Error {
    let has = |name: &str| folder.join(name).exists();
    let (reason, remedy) = match (has(DIVERGED), has(MODEL)) {
        (true, _) => {
            let smaller = "start another one, with a smaller --learning-rate";
            ("the run there diverged", smaller.to_owned())
        }
        (_, true) => {
            let model = quoted(folder.join(MODEL));
            let another = format!("start another one from its weights by --init {model}");
            ("the run there is finished: it has its model", another)
        }
        _ => ("there is no run that was saved", "name the folder that was its --out".to_owned()),
    };
    Error::Unfit { option: "--resume", value: shown(folder), reason: reason.to_owned(), remedy }
}
