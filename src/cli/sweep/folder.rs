//! The folder of a sweep: what it began with, the runs that are done, the results.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use imdb_fast::dataset::Dataset;
use imdb_fast::report::csv::sweep_csv;
use imdb_fast::report::json::{read_json, written};
use imdb_fast::report::sweep::SweepResults;
use imdb_fast::sweep::{Design, Finished, Run};
use imdb_fast::train::Team;
use imdb_fast::{Error, Result, output};
use serde::{Deserialize, Serialize};

use crate::cli::folders::{self, Made, SWEEP, has_sweep, remove};
use crate::cli::lock::Lock;
use crate::cli::train::Word;
use crate::cli::{quoted, shown, train};

pub(super) const RESULTS: &str = "results.json";
/// The run of the best configuration.
pub(super) const BEST: &str = "best";
const TABLE: &str = "results.csv";
const RUNS: &str = "runs";
/// The files of a sweep, but for its runs.
const FILES: [&str; 3] = [SWEEP, RESULTS, TABLE];

/// The most bytes of a file that is read.
const MOST: u64 = 64 << 20;

/// Of the number in a run's name.
const DIGITS: usize = 6;

/// Whether a file is named as one of a run.
fn is_run(name: &OsStr) -> bool {
    let number = name.to_str().and_then(|name| name.strip_suffix(".json"));
    number.is_some_and(|n| n.len() == DIGITS && n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Those of the runs that are done.
fn run_files(sweep: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(sweep.join(RUNS)).into_iter().flatten().flatten();
    entries.filter(|entry| is_run(&entry.file_name())).map(|entry| entry.path())
}

/// All that a sweep leaves behind.
pub(crate) fn files(sweep: &Path) -> Vec<PathBuf> {
    let own = FILES.map(|name| sweep.join(name));
    let best = train::NAMES.map(|name| sweep.join(BEST).join(name));
    own.into_iter().chain(best).chain(run_files(sweep)).collect()
}

/// What it takes to go on with a sweep.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Begun {
    pub(super) version: String,
    /// The kernels that the last bits depend on.
    pub(super) kernels: String,
    /// The file, by its whole path; none where the reviews were generated.
    pub(super) dataset: Option<Word>,
    /// Of all that its runs read.
    pub(super) fingerprint: String,
    /// Whether the best configuration is to be trained again.
    pub(super) refit: bool,
    pub(super) design: Design,
}

impl Begun {
    pub(super) fn new(
        design: Design,
        dataset: &Dataset,
        path: Option<&Path>,
        team: &Team,
        refit: bool,
    ) -> Begun {
        Begun {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            kernels: team.level().to_string(),
            dataset: path.map(Word::of),
            fingerprint: design.fingerprint(dataset),
            refit,
            design,
        }
    }
}

/// A run that is done, as its file has it.
#[derive(Debug, Serialize, Deserialize)]
struct RunFile {
    /// Which configuration, in words: a file of another sweep is noticed.
    configuration: String,
    seed: u64,
    fold: Option<usize>,
    /// The time that it took, in seconds.
    seconds: f64,
    finished: Finished,
}

/// The folder, with its lock.
pub(super) struct Folder {
    path: PathBuf,
    _lock: Lock,
    /// None of a sweep that goes on.
    _made: Vec<Made>,
}

impl Folder {
    /// Makes the folder and writes down what begins; refuses one that has a run, and one that has a sweep, unless that may be
    /// discarded.
    pub(super) fn begin(path: &Path, begun: &Begun, may_discard: bool) -> Result<Folder> {
        if train::is_in(path) {
            return Err(Error::Unfit {
                option: "--out",
                value: shown(path),
                reason: "there is a run in it".to_owned(),
                remedy: "name another folder".to_owned(),
            });
        }
        let mut made = vec![Made::create(path)?];
        let lock = Lock::take(path, "--out")?;
        made.push(Made::create(&path.join(RUNS))?);
        let folder = Folder { path: path.to_path_buf(), _lock: lock, _made: made };
        if has_sweep(path) {
            if !may_discard {
                return Err(Error::Unfit {
                    option: "--out",
                    value: shown(path),
                    reason: "there is a sweep in it".to_owned(),
                    remedy: format!(
                        "go on with it by `imdb-fast sweep --resume {}`, discard it by --fresh, or name another folder",
                        quoted(path)
                    ),
                });
            }
            folder.discard()?;
        }
        folder.prepare()?;
        output::write(&folder.file(SWEEP), written(begun).as_bytes())?;
        Ok(folder)
    }

    /// Opens the folder of a sweep that has begun.
    pub(super) fn open(path: &Path) -> Result<(Folder, Begun)> {
        let file = path.join(SWEEP);
        if !file.exists() {
            return Err(Error::Unfit {
                option: "--resume",
                value: shown(path),
                reason: "there is no sweep in it".to_owned(),
                remedy: "name the folder that was its --out".to_owned(),
            });
        }
        let lock = Lock::take(path, "--resume")?;
        let folder = Folder { path: path.to_path_buf(), _lock: lock, _made: Vec::new() };
        let remedy = "start the sweep anew by --fresh";
        let begun = read_json(&file, MOST, remedy)?;
        folder.prepare()?;
        Ok((folder, begun))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Clears away what a sweep that was killed has left half done, and tries whether all can be written.
    fn prepare(&self) -> Result<()> {
        for name in FILES {
            let path = self.file(name);
            output::remove_leftovers(&path);
            output::OutputFile::create(&path)?;
        }
        let runs = self.file(RUNS);
        output::remove_all_leftovers(&runs);
        folders::create(&runs)
    }

    /// Removes a sweep. What it began with goes last: until then it is a sweep with fewer runs.
    fn discard(&self) -> Result<()> {
        run_files(&self.path).try_for_each(|path| remove(&path))?;
        train::discard(&self.file(BEST))?;
        [RESULTS, TABLE, SWEEP].iter().try_for_each(|name| remove(&self.file(name)))
    }

    fn run_file(&self, place: usize) -> PathBuf {
        self.file(RUNS).join(format!("{place:0DIGITS$}.json"))
    }

    /// Writes down a run of the design, by its place.
    pub(super) fn save_run(
        &self,
        design: &Design,
        (place, run): (usize, Run),
        finished: &Finished,
        seconds: f64,
    ) -> Result<()> {
        let file = RunFile {
            configuration: design.configurations()[run.configuration].to_string(),
            seed: run.seed,
            fold: run.fold,
            seconds,
            finished: finished.clone(),
        };
        output::write(&self.run_file(place), written(&file).as_bytes())
    }

    /// The runs of a design that are done.
    pub(super) fn finished(&self, design: &Design) -> Result<Vec<Option<Finished>>> {
        let runs = design.runs();
        let mut finished = Vec::with_capacity(runs.len());
        for (place, run) in runs.into_iter().enumerate() {
            let path = self.run_file(place);
            finished.push(if path.exists() { Some(self.read(&path, design, run)?) } else { None });
        }
        Ok(finished)
    }

    fn read(&self, path: &Path, design: &Design, run: Run) -> Result<Finished> {
        let remedy = "remove the file: its run is then trained again";
        let file: RunFile = read_json(path, MOST, remedy)?;
        let configuration = &design.configurations()[run.configuration];
        let is_same = file.configuration == configuration.to_string()
            && (file.seed, file.fold) == (run.seed, run.fold);
        if !is_same {
            let problem =
                format!("it is of another run: {}, seed {}", file.configuration, file.seed);
            return Err(Error::malformed(path, "the file", problem, remedy));
        }
        let history = &file.finished.history;
        let is_whole = file.finished.diverged.is_some() || history.epochs() == configuration.epochs;
        if !is_whole || !file.finished.has_its_series() {
            let problem = format!(
                "its history is not {} epochs of {}",
                configuration.epochs,
                Finished::SERIES.join(", ")
            );
            return Err(Error::malformed(path, "`history`", problem, remedy));
        }
        Ok(file.finished)
    }

    /// Writes the results.
    pub(super) fn save(&self, results: &SweepResults) -> Result<()> {
        let staged = [
            output::stage(&self.file(RESULTS), results.to_json().as_bytes())?,
            output::stage(&self.file(TABLE), sweep_csv(results).as_bytes())?,
        ];
        staged.into_iter().try_for_each(output::StagedFile::commit)
    }
}
