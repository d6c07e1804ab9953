//! `imdb-fast sweep`: many configurations, compared.

mod folder;
mod options;
mod watcher;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use imdb_fast::dataset::{Dataset, Holdout, Split};
use imdb_fast::model::Model;
use imdb_fast::nn::loss;
use imdb_fast::optimizer::Schedule;
use imdb_fast::report::sweep::{Best, SweepResults, TestScores, table};
use imdb_fast::sweep::{self, Configuration, Design, Finished, Judging, Summary};
use imdb_fast::train::{Team, evaluate};
use imdb_fast::{Error, Result};

use super::folders::has_sweep;
use super::stop::Stop;
use super::train::Word;
use super::{
    Global, Kind, count, info, quoted, say, shown, thousands, to_stdout, train, train_arguments,
    warn,
};
pub(crate) use folder::files;
use folder::{BEST, Begun, Folder, RESULTS};
pub(crate) use options::Args;
use watcher::Watcher;

pub(crate) fn run(global: &Global, args: Args) -> Result<ExitCode> {
    let sweep = match args.resume {
        Some(_) => Sweep::go_on(global, &args)?,
        None => Sweep::start(global, &args)?,
    };
    let folder = sweep.folder.path().to_path_buf();
    sweep.run().inspect_err(|error| say_what_is_kept(&folder, error))
}

/// A sweep that is ready.
struct Sweep<'a> {
    global: &'a Global,
    team: Team,
    dataset: Dataset,
    /// Where the dataset lies; none where the reviews were generated.
    path: Option<PathBuf>,
    folder: Folder,
    design: Design,
    finished: Vec<Option<Finished>>,
    refit: bool,
    stop: &'a Stop,
}

impl<'a> Sweep<'a> {
    fn start(global: &'a Global, args: &Args) -> Result<Sweep<'a>> {
        let asked = args.asked()?;
        let left_out = asked.left_out;
        let design = asked.design()?;
        let team = global.team()?;
        let path = args.dataset.as_deref().map(|path| global.find(path)).transpose()?;
        let path = path.map(|path| path.into_owned());
        let dataset = train::open(global, "sweep", path.as_deref())?;
        design.check(&dataset)?;
        let held_out = match design.judging() {
            Judging::Holdout(holdout) => holdout,
            Judging::Folds(_) => Holdout::None,
        };
        train::warn_of_one_class(&dataset, held_out)?;
        if left_out > 0 {
            let combinations = count(left_out as u64, "combination", "combinations");
            global.note(format_args!(
                "left out: {combinations} without a hidden layer, which have no activation to differ in"
            ));
        }
        let refit = !args.no_refit;
        let begun = Begun::new(design, &dataset, path.as_deref(), &team, refit);
        let stop = Stop::listen();
        let folder = Folder::begin(&args.folder(), &begun, args.fresh)?;
        let design = begun.design;
        let finished = vec![None; design.runs().len()];
        Ok(Sweep { global, team, dataset, path, folder, design, finished, refit, stop })
    }

    fn go_on(global: &'a Global, args: &Args) -> Result<Sweep<'a>> {
        let asked = args.asked()?;
        let team = global.team()?;
        let (folder, begun) = Folder::open(&args.folder())?;
        let Begun { version, kernels, dataset: noted, fingerprint: expected, refit, design } =
            begun;
        let unfit = |reason: String, remedy: &str| Error::Unfit {
            option: "--resume",
            value: shown(folder.path()),
            reason,
            remedy: remedy.to_owned(),
        };
        if let Some(option) = asked.differs_from(&design)? {
            let reason = format!("the sweep there began with other values of {option}");
            return Err(unfit(reason, "leave the option out, or start another sweep"));
        }
        let noted = noted.map(|word| PathBuf::from(OsString::from(word)));
        let path = match &args.dataset {
            Some(path) => Some(global.find(path)?.into_owned()),
            None => noted,
        };
        if let Some(path) = path.as_deref().filter(|path| !path.exists()) {
            let reason = format!("its dataset is not at {} any more", path.display());
            let folder = quoted(folder.path());
            let remedy = format!("name it: `imdb-fast sweep DATASET --resume {folder}`");
            return Err(unfit(reason, &remedy));
        }
        let dataset = train::open(global, "sweep", path.as_deref())?;
        if design.fingerprint(&dataset) != expected {
            let reason = "the sweep there began with another dataset".to_owned();
            return Err(unfit(reason, "name that one, or start another sweep"));
        }
        if version != env!("CARGO_PKG_VERSION") {
            warn(format_args!(
                "the sweep began with imdb-fast {version} and goes on with {}: its runs may not be those of one program",
                env!("CARGO_PKG_VERSION")
            ));
        }
        train::warn_of_kernels("sweep", &kernels, &team);
        let finished = folder.finished(&design)?;
        let done = finished.iter().flatten().count();
        global.note(format_args!("going on: {done} of {} runs are done", finished.len()));
        let refit = refit && !args.no_refit;
        let stop = Stop::listen();
        Ok(Sweep { global, team, dataset, path, folder, design, finished, refit, stop })
    }

    fn run(mut self) -> Result<ExitCode> {
        let finished = std::mem::take(&mut self.finished);
        let left = finished.iter().filter(|run| run.is_none()).count();
        let quiet = self.global.quiet;
        let watcher = Watcher::new(&self.design, &self.folder, self.stop, finished.clone(), quiet);
        let start = Instant::now();
        let done = sweep::run(&self.design, &self.dataset, &self.team, finished, &watcher);
        let seconds = start.elapsed().as_secs_f64();
        let at_once = watcher.finish();
        let runs = done?;
        self.dataset.container().check_unchanged()?;
        if runs.iter().any(Option::is_none) {
            return Ok(self.say_how_to_go_on(&runs));
        }
        let mut results = self.results(runs)?;
        let earlier = self.folder.file(RESULTS);
        if left == 0 && earlier.exists() && self.folder.file(BEST).join(train::MODEL).exists() {
            // The best run, which it has trained again before, is there still.
            match SweepResults::read(&earlier) {
                Ok(earlier) => results.best = earlier.best,
                Err(error) => warn(error),
            }
        }
        self.folder.save(&results)?;
        let ranking = results.ranking();
        // Who does not read the table may still want the best network.
        let told = to_stdout(|out| write!(out, "{}", table(&results)));
        if left > 0 {
            let short = match at_once < self.team.size().min(left) {
                true => ": memory has room for no more runs at a time",
                false => "",
            };
            self.global.note(format_args!(
                "{} in {seconds:.2} s on {}{short}",
                count(left as u64, "run", "runs"),
                count(at_once as u64, "thread", "threads")
            ));
        }
        let Some((best, epochs)) = best_of(&ranking) else {
            return Err(Error::Unfit {
                option: "the sweep",
                value: shown(self.folder.path()),
                reason: "each configuration has a run that diverged".to_owned(),
                remedy: "try smaller learning rates".to_owned(),
            });
        };
        if !self.refit {
            self.note_results();
            return told.map(|()| ExitCode::SUCCESS);
        }
        let one = &self.design.configurations()[best.configuration];
        let epochs = self.warmed_up(one, epochs)?;
        let Some(model) = self.refit(one, epochs)? else {
            return Ok(self.say_how_to_go_on(&results.runs));
        };
        let test = self.test(&model, one)?;
        let seed = self.design.seeds()[0];
        results.best = Some(Best { configuration: best.configuration, epochs, seed, test });
        self.folder.save(&results)?;
        told?;
        self.tell_of_best(&results)?;
        self.note_results();
        Ok(ExitCode::SUCCESS)
    }

    fn results(&self, runs: Vec<Option<Finished>>) -> Result<SweepResults> {
        let path = self.path.as_deref();
        Ok(SweepResults {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            dataset: path.map(|path| shown(&path.canonicalize().unwrap_or(path.to_path_buf()))),
            features: self.dataset.features(),
            train_reviews: self.dataset.csr(Split::Train)?.rows(),
            environment: info::environment(&self.team),
            design: self.design.clone(),
            best: None,
            runs,
        })
    }

    /// As many epochs, or more where a run on all training reviews would end within its warm-up.
    fn warmed_up(&self, configuration: &Configuration, epochs: usize) -> Result<usize> {
        let schedule: Schedule = configuration.schedule.parse()?;
        let reviews = self.dataset.csr(Split::Train)?.rows();
        let fewest = schedule.fewest_epochs(reviews.div_ceil(configuration.batch_size));
        if epochs < fewest {
            self.global.note(format_args!(
                "the best epoch, {epochs}, is within the warm-up: training for {}",
                count(fewest as u64, "epoch", "epochs")
            ));
        }
        Ok(epochs.max(fewest))
    }

    /// Trains a configuration again, on all training reviews, as `imdb-fast train` would.
    fn refit(&self, configuration: &Configuration, epochs: usize) -> Result<Option<Model>> {
        let words = self.refit_words(configuration, epochs);
        let args = train_arguments(&words).expect("they were checked when the sweep began");
        let model = configuration.model(self.dataset.features(), self.design.seeds()[0])?;
        train::refit(&args, model, &self.dataset, &self.team, self.stop)
    }

    fn refit_words(&self, configuration: &Configuration, epochs: usize) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["train".into()];
        words.extend(configuration.arguments().into_iter().map(OsString::from));
        words.push(format!("--epochs={epochs}").into());
        words.push("--validation=0".into());
        words.push(format!("--seed={}", self.design.seeds()[0]).into());
        // In one word: a folder's name may begin as an option does.
        let mut out = OsString::from("--out=");
        out.push(self.folder.file(BEST));
        words.push(out);
        if let Some(path) = &self.path {
            words.push("--".into());
            // By its whole path, as a sweep that goes on has it: the run's files are the same then.
            words.push(Word::of(path).into());
        }
        words
    }

    /// What a model reaches on the test split, if the dataset has one with reviews.
    fn test(&self, model: &Model, of: &Configuration) -> Result<Option<TestScores>> {
        let has_reviews = self.dataset.labels(Split::Test).is_ok_and(|labels| !labels.is_empty());
        if !has_reviews {
            return Ok(None);
        }
        let scores = evaluate(model, &self.dataset, Split::Test, &*loss(&of.loss)?, &self.team)?;
        Ok(Some(TestScores {
            reviews: scores.reviews,
            loss: scores.loss,
            accuracy: scores.accuracy,
            auc: scores.auc,
        }))
    }

    fn tell_of_best(&self, results: &SweepResults) -> Result<()> {
        let Some(best) = &results.best else { return Ok(()) };
        let label = &self.design.labels()[best.configuration];
        to_stdout(|out| {
            write!(
                out,
                "\nbest by {}: {label}; trained on all {} reviews for {} with seed {}",
                self.design.by(),
                thousands(results.train_reviews as u64),
                count(best.epochs as u64, "epoch", "epochs"),
                best.seed
            )?;
            match best.test {
                Some(TestScores { loss, accuracy, .. }) => {
                    writeln!(out, ": test loss {loss:.4}, accuracy {accuracy:.4}")
                }
                None => writeln!(out, "; there is no test split to judge it by"),
            }
        })
    }

    fn note_results(&self) {
        let folder = self.folder.path();
        self.global.note(format_args!(
            "wrote the results to {}; as one page: `imdb-fast report {} -o sweep.html`",
            shown(folder),
            quoted(folder)
        ));
    }

    /// What a sweep that a signal has stopped leaves with.
    fn say_how_to_go_on(&self, runs: &[Option<Finished>]) -> ExitCode {
        let (signal, code) = self.stop.signal();
        let done = runs.iter().flatten().count();
        say(
            Kind::Stopped,
            format_args!(
                "{signal} after {done} of {} runs; to go on:\n  imdb-fast sweep --resume {}",
                runs.len(),
                quoted(self.folder.path())
            ),
        );
        ExitCode::from(code)
    }
}

/// What to do where a file of a sweep cannot be written: on a full disk, mostly.
fn say_what_is_kept(folder: &Path, error: &Error) {
    if matches!(error, Error::Io { path, .. } if path.starts_with(folder)) {
        let (first, folder) = (train::remedy_first(error), quoted(folder));
        let resume = format!("imdb-fast sweep --resume {folder}");
        say(Kind::Note, format_args!("the runs that are done are kept; {first}: {resume}"));
    }
}

/// The best configuration and its number of epochs; none where none can be compared.
fn best_of(ranking: &[Summary]) -> Option<(&Summary, usize)> {
    let best = ranking.first()?;
    Some((best, best.epoch? + 1))
}

/// The results of a sweep, where a folder is that of one.
pub(crate) fn results_in(folder: &Path) -> Result<Option<SweepResults>> {
    let results = folder.join(RESULTS);
    match (has_sweep(folder), results.exists()) {
        (false, _) => Ok(None),
        (true, true) => SweepResults::read(&results).map(Some),
        (true, false) => Err(Error::Unfit {
            option: "the sweep",
            value: shown(folder),
            reason: "it is not finished".to_owned(),
            remedy: format!("go on with it: `imdb-fast sweep --resume {}`", quoted(folder)),
        }),
    }
}
