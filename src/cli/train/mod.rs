//! `imdb-fast train`: the main job.

mod ensemble;
mod network;
mod options;
mod outputs;
mod refit;
mod retrain;
mod unfinished;
mod watcher;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use imdb_fast::dataset::{self, Dataset, Holdout, Split, Synthetic, SyntheticOptions};
use imdb_fast::model::Model;
use imdb_fast::nn::RowNorm;
use imdb_fast::report::json::Merged;
use imdb_fast::train::{
    Checkpoint, Ending, FitOptions, History, Outcome, Team, TrainPlan, evaluate_rows, fit, resume,
};
use imdb_fast::{Error, Result};

use super::lock::Lock;
use super::progress::Progress;
use super::stop::{self, Stop};
use super::{
    Global, Kind, count, is_same_file, of_file, quoted, say, shown, thousands, to_stdout, warn,
};
use ensemble::Members;
pub(crate) use options::Args;
pub(super) use outputs::{CHECKPOINT, HISTORY, MODEL, NAMES, discard, is_in};
use outputs::{Outputs, PARTIAL_HISTORY, facts};
pub(super) use refit::refit;
pub(super) use unfinished::Word;
use unfinished::{NOTES, Notes, REMEDY, Unfinished, nothing_to_resume};
use watcher::{Size, Watcher};

pub(crate) fn run(global: &Global, args: Args) -> Result<ExitCode> {
    match &args.resume {
        Some(folder) => go_on(global, folder, &args),
        None => start(global, args),
    }
}

/// A run from its beginning.
fn start(global: &Global, args: Args) -> Result<ExitCode> {
    if args.show_preset {
        args.preset.show()?;
        return Ok(ExitCode::SUCCESS);
    }
    let fit_options = args.fit_options()?;
    let network = args.network()?;
    let ensemble = args.ensemble()?;
    let team = global.team()?;
    let path = args.dataset.as_deref().map(|path| global.find(path)).transpose()?;
    let dataset = open(global, "train", path.as_deref())?;
    let mut model = network.model(&dataset, args.seed)?;
    model.take_words(&dataset);
    let plan = TrainPlan::new(&dataset, &model, fit_options)?;
    warn_of_one_class(&dataset, plan.options().validation)?;
    let FitOptions { feature_scale, row_norm, .. } = plan.options();
    if model.input_scale().is_some() && (feature_scale.is_some() || *row_norm != RowNorm::None) {
        let note = "the model of --init has scales of its words and reviews already: --feature-scale and --row-norm have no say";
        warn(note);
    }
    outputs::spare(&args.out, dataset.container().path())?;
    if let Some(ensemble) = ensemble {
        let members = Members { global, args: &args, network: &network, plan: &plan, team: &team };
        return members.train(&ensemble, &dataset);
    }
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let notes = Notes::new(&args, &words, path.as_deref());
    let stop = Stop::listen();
    let outputs = Outputs::create(&args, facts(&args, &team, &dataset, &plan))?;
    let (words, dataset) = (Some(&words[..]), &dataset);
    let run = Run { global, args: &args, words, dataset, plan: &plan, team: &team, outputs, stop };
    run.train(model, notes, None)
}

/// A run from where it was stopped.
fn go_on(global: &Global, folder: &Path, new: &Args) -> Result<ExitCode> {
    let team = global.team()?;
    if !folder.is_dir() {
        return Err(nothing_to_resume(folder));
    }
    let lock = Lock::take(folder, "--resume")?;
    let run = Unfinished::read(folder, new)?;
    let Unfinished {
        checkpoint,
        args,
        words,
        dataset: path,
        is_dataset_noted,
        are_epochs_noted,
        seconds,
    } = run;
    let path = path.as_deref().map(|path| global.find(path)).transpose()?;
    let dataset = open(global, "train", path.as_deref()).map_err(|error| match error {
        Error::Io { source, .. } if is_dataset_noted && source.kind() == ErrorKind::NotFound => {
            let folder_word = quoted(folder);
            Error::Unfit {
                option: "--resume",
                value: shown(folder),
                reason: format!("its dataset is not at {} any more", checkpoint.dataset()),
                remedy: format!("name it: `imdb-fast train --resume {folder_word} DATASET`"),
            }
        }
        other => other,
    })?;
    let mut model = checkpoint.model()?;
    model.take_words(&dataset);
    let plan = args.fit_options().and_then(|options| TrainPlan::new(&dataset, &model, options));
    let plan = match are_epochs_noted {
        true => plan.map_err(of_file(&folder.join(CHECKPOINT), NOTES, REMEDY)),
        false => plan,
    }?;
    checkpoint.expect(&plan, model.architecture())?;
    warn_of_kernels("run", checkpoint.kernels(), &team);
    global.note(format_args!(
        "going on in epoch {} of {}, after batch {} of {}",
        checkpoint.epoch() + 1,
        plan.options().epochs,
        checkpoint.batch(),
        checkpoint.batches()
    ));
    let mut notes = Notes::new(&args, &words, path.as_deref());
    notes.seconds = seconds;
    let stop = Stop::listen();
    let outputs = Outputs::open(&args, folder, facts(&args, &team, &dataset, &plan), lock)?;
    let (words, dataset) = (None, &dataset);
    let run = Run { global, args: &args, words, dataset, plan: &plan, team: &team, outputs, stop };
    run.train(model, notes, Some(checkpoint))
}

/// A run that is ready.
struct Run<'a> {
    global: &'a Global,
    args: &'a Args,
    /// The command line; none of a run that goes on, since the one that it began with may lead to other files from here.
    words: Option<&'a [OsString]>,
    dataset: &'a Dataset,
    plan: &'a TrainPlan<'a>,
    team: &'a Team,
    outputs: Outputs<'a>,
    stop: &'a Stop,
}

impl Run<'_> {
    fn train(
        mut self,
        mut model: Model,
        notes: Notes,
        checkpoint: Option<Checkpoint>,
    ) -> Result<ExitCode> {
        let Run { plan, team, outputs, stop, .. } = &self;
        let size = Size {
            trained: plan.train_reviews(),
            held_out: plan.validation_reviews(),
            batch_size: plan.options().batch_size,
            epochs: plan.options().epochs,
            batches: plan.batches(),
        };
        let progress = Progress::new(self.global.quiet);
        let every = self.args.checkpoint_every;
        let mut watcher = Watcher::new(progress, outputs, stop, every, notes, size);
        let outcome = match checkpoint {
            None => fit(plan, &mut model, team, &mut watcher)?,
            Some(checkpoint) => resume(plan, &mut model, team, &mut watcher, checkpoint)?,
        };
        self.dataset.container().check_unchanged()?;
        let fit_time = watcher.fit_time();
        watcher.progress.finish();
        if let Some(error) = watcher.failure {
            self.say_what_is_kept(&error, watcher.has_history);
            return Err(error);
        }
        if let Some((epoch, batch)) = watcher.stopped {
            return Ok(self.say_how_to_go_on(epoch, batch));
        }
        if let Ending::Diverged(_) = outcome.ending {
            return Err(self.save_what_is_good(model, outcome, fit_time, watcher.saved));
        }
        let history = &outcome.history;
        // It has ended between epochs.
        let epoch = outcome.epoch.unwrap_or(0);
        let has_history = watcher.has_history;
        let is_average = plan.options().average_weights.is_some();
        if is_average {
            let reached = judged(&model, self.dataset, plan, team)?;
            self.outputs.note_merged(reached);
        }
        model.training = self.outputs.training(history, (!is_average).then_some(epoch));
        self.outputs
            .save(history, fit_time, Some(&model))
            .inspect_err(|error| self.say_what_is_kept(error, has_history))?;
        if !self.global.quiet {
            self.report(&outcome, epoch, fit_time, size.reviews())?;
        }
        Ok(ExitCode::SUCCESS)
    }

    fn report(
        &self,
        outcome: &Outcome,
        epoch: usize,
        fit_time: Duration,
        reviews: usize,
    ) -> Result<()> {
        let history = &outcome.history;
        to_stdout(|out| {
            let reviews = (history.epochs() * reviews) as f64 / fit_time.as_secs_f64();
            writeln!(
                out,
                "{} in {:.3} s on {}, {} reviews/s",
                count(history.epochs() as u64, "epoch", "epochs"),
                fit_time.as_secs_f64(),
                count(outcome.threads as u64, "thread", "threads"),
                thousands(reviews as u64),
            )?;
            if matches!(outcome.ending, Ending::StoppedEarly) {
                let least = self.plan.options().early_stopping.map_or(0.0, |it| it.min_delta);
                let by = if least > 0.0 { format!(" by {least}") } else { String::new() };
                writeln!(out, "stopped early: the validation loss did not fall{by} any more")?;
            }
            match self.plan.options().average_weights {
                None => write!(out, "{}", self.advice(history, epoch))?,
                Some(_) => writeln!(
                    out,
                    "the model has the average of the weights over all steps{}",
                    self.outputs.merged().map_or(String::new(), |reached| format!(": {reached}"))
                )?,
            }
            writeln!(out, "wrote model, history and curves to {}", self.outputs.shown())
        })
    }

    /// What a run that a signal has stopped leaves with. Not for a person alone, so silence does not hide it.
    fn say_how_to_go_on(&self, epoch: usize, batch: usize) -> ExitCode {
        let (signal, code) = self.stop.signal();
        let Run { plan, outputs, .. } = self;
        let (epochs, batches) = (plan.options().epochs, plan.batches());
        say(
            Kind::Stopped,
            format_args!(
                "{signal} in epoch {} of {epochs}, after batch {batch} of {batches}; to go on:\n  \
                 imdb-fast train --resume {}",
                epoch + 1,
                quoted(outputs.folder())
            ),
        );
        ExitCode::from(code)
    }

    /// What to do where a run cannot be written: on a full disk, mostly. A history on the way may be an earlier run's.
    fn say_what_is_kept(&self, error: &Error, has_history: bool) {
        let first = remedy_first(error);
        if self.outputs.path(CHECKPOINT).exists() {
            let resume = format!("imdb-fast train --resume {}", quoted(self.outputs.folder()));
            say(Kind::Note, format_args!("its last checkpoint is kept; {first}: {resume}"));
        } else {
            let kept = match has_history {
                true => {
                    let history = shown(&self.outputs.path(PARTIAL_HISTORY));
                    format!("its history up to a late epoch is kept in {history}")
                }
                false => "nothing of the run is kept".to_owned(),
            };
            let again = match self.args.checkpoint_every {
                None => "train again, with --checkpoint-every if it takes long",
                Some(_) => "train again",
            };
            say(Kind::Note, format_args!("{kept}; {first} {again}"));
        }
    }

    /// Writes what a run that has diverged leaves of use. Returns the error that it ends with, whatever comes of that.
    fn save_what_is_good(
        &self,
        mut model: Model,
        outcome: Outcome,
        fit_time: Duration,
        saved: Option<(usize, usize)>,
    ) -> Error {
        let Outcome { history, ending, epoch, .. } = outcome;
        let Ending::Diverged(error) = ending else { unreachable!("the caller has matched on it") };
        let kept = match epoch {
            Some(epoch) => {
                model.training = self.outputs.training(&history, Some(epoch));
                self.keep_best_epoch(&model, &history, fit_time, epoch)
            }
            None => self.keep_checkpoint(&history, fit_time, saved),
        };
        if let Err(error) = kept {
            warn(error);
        }
        error
    }

    fn keep_best_epoch(
        &self,
        model: &Model,
        history: &History,
        fit_time: Duration,
        epoch: usize,
    ) -> Result<()> {
        self.outputs.save(history, fit_time, Some(model))?;
        let epochs = count(history.epochs() as u64, "epoch", "epochs");
        let folder = self.outputs.shown();
        say(Kind::Note, format_args!("the history of {epochs} is in {folder}"));
        let best = epoch + 1;
        say(Kind::Note, format_args!("the model there has the weights of epoch {best}, the best"));
        Ok(())
    }

    /// `saved` is the place in the run of its last checkpoint.
    fn keep_checkpoint(
        &self,
        history: &History,
        fit_time: Duration,
        saved: Option<(usize, usize)>,
    ) -> Result<()> {
        let outputs = &self.outputs;
        // Before the rest is saved, which removes checkpoints that nobody needs.
        let diverged = outputs.keep_diverged()?;
        if let (Some(path), Some((epoch, batch))) = (&diverged, saved) {
            say(
                Kind::Note,
                format_args!(
                    "its last checkpoint, of epoch {}, after batch {batch} of {}, is in {}",
                    epoch + 1,
                    self.plan.batches(),
                    shown(path)
                ),
            );
        }
        if history.epochs() == 0 {
            return Ok(());
        }
        let place = match outputs.has_only_own(diverged.is_some()) {
            true => {
                outputs.save(history, fit_time, None)?;
                outputs.shown()
            }
            false => shown(&outputs.save_partial_history(history, fit_time)?),
        };
        let epochs = count(history.epochs() as u64, "epoch", "epochs");
        say(Kind::Note, format_args!("the history of {epochs} is in {place}"));
        Ok(())
    }

    /// What the validation loss says about the number of epochs.
    fn advice(&self, history: &History, epoch: usize) -> String {
        let (Some(lowest), Some(losses)) = (history.lowest("val_loss"), history.get("val_loss"))
        else {
            return String::new();
        };
        let mut text = format!(
            "the validation loss was lowest at epoch {}: {:.4}",
            lowest + 1,
            losses[lowest]
        );
        if let Some(accuracies) = history.get("val_accuracy") {
            text.push_str(&format!(", accuracy {:.4}", accuracies[lowest]));
        }
        let has_risen = losses.last().is_some_and(|&last| last > losses[lowest]);
        if !has_risen && lowest + 1 < losses.len() {
            text.push_str("; it has not fallen since");
        }
        text.push('\n');
        if self.args.keep_best {
            text.push_str(&format!("the model has the weights of epoch {}\n", epoch + 1));
        }
        // By now the folder has another model, and its checkpoints are removed.
        let is_gone = |init: &Path| !init.exists() || is_same_file(init, &self.outputs.path(MODEL));
        let is_gone = self.args.init.as_deref().is_some_and(is_gone);
        // Where rates follow the run's length, or its warm-up is longer, fewer epochs are no part of this run.
        let schedule = &self.plan.options().schedule;
        let is_part =
            !schedule.follows_length() && schedule.fewest_epochs(self.plan.batches()) <= lowest + 1;
        if let Some(words) = self.words
            && has_risen
            && is_part
            && !is_gone
        {
            text.push_str("training beyond it overfits; to train on all reviews up to there:\n  ");
            text.push_str(&retrain::command(words.iter().cloned(), lowest + 1));
            text.push('\n');
        }
        text
    }
}

/// What a model that is of no epoch reaches on the reviews that were held out.
fn judged(
    model: &Model,
    dataset: &Dataset,
    plan: &TrainPlan<'_>,
    team: &Team,
) -> Result<Option<Merged>> {
    let options = plan.options();
    let (_, Some((split, rows))) = options.validation.rows(dataset)? else { return Ok(None) };
    let scores = evaluate_rows(model, dataset, split, rows, &*options.loss, team)?;
    Ok(Some(Merged { val_loss: scores.loss, val_accuracy: scores.accuracy }))
}

/// Warns where a run or a sweep goes on with other kernels.
pub(super) fn warn_of_kernels(what: &str, before: &str, team: &Team) {
    let level = team.level();
    if before != level.name() {
        warn(format_args!(
            "the {what} began with {before} kernels and goes on with {level}: the last digits will differ from a {what} \
             that was not stopped"
        ));
    }
}

/// What comes before going on where a run's files cannot be written.
pub(super) fn remedy_first(error: &Error) -> &'static str {
    let is_full =
        matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::StorageFull);
    if is_full { "make room, then" } else { "see to its folder, then" }
}

/// Says so where the reviews to train on, or those held out, are all of one class: then the figures mean little.
pub(super) fn warn_of_one_class(dataset: &Dataset, validation: Holdout) -> Result<()> {
    let (train, held_out) = validation.rows(dataset)?;
    let parts = [
        ("trained on", "a network learns to say that always", Some((Split::Train, train))),
        ("held out", "what is reached there says little", held_out),
    ];
    for (role, means, part) in parts {
        let Some((split, rows)) = part else { continue };
        let whole = dataset.labels(split)?;
        let labels = &whole[rows];
        if let Some(first) =
            labels.first().filter(|first| labels.iter().all(|label| label == *first))
        {
            let class = if *first == 1 { "positive" } else { "negative" };
            let all = match labels.len() {
                1 => "the one review that is".to_owned(),
                count => format!("all {} reviews that are", thousands(count as u64)),
            };
            let are = if labels.len() == 1 { "is" } else { "are" };
            let remedy = match whole.iter().all(|label| label == first) {
                true => format!("the {} split has no others, and {means}", split.name()),
                false => {
                    "mix the classes (import permutes sorted texts unless --keep-order is given) or hold out \
                     others (--validation)"
                        .to_owned()
                }
            };
            warn(format_args!("{all} {role} {are} {class}: {remedy}"));
        }
    }
    Ok(())
}

/// Says so where a model has one answer for reviews of both classes: then its accuracy is the share of one. `counts` are those
/// of its confusion matrix.
pub(super) fn warn_of_one_answer(counts: [[u64; 2]; 2]) {
    let all: u64 = counts.iter().flatten().sum();
    for (class, name) in ["negative", "positive"].into_iter().enumerate() {
        let (called, right) = (counts[0][class] + counts[1][class], counts[class][class]);
        if called == all && (1..all).contains(&right) {
            let (all, are) = (thousands(all), if right == 1 { "is" } else { "are" });
            warn(format_args!(
                "all {all} reviews are called {name}, and {} {are}: accuracy says little here, the AUC more",
                thousands(right)
            ));
        }
    }
}

/// The dataset that was named to a command, or generated reviews.
pub(super) fn open(global: &Global, command: &str, path: Option<&Path>) -> Result<Dataset> {
    if let Some(path) = path {
        return global.open(path);
    }
    global.note(format_args!(
        "no dataset named: training on {} generated reviews; the real ones: \
         `imdb-fast fetch`, then `imdb-fast {command} imdb`",
        thousands(SyntheticOptions::default().reviews as u64)
    ));
    generated(global)
}

/// Generated reviews, always the same.
pub(super) fn generated(global: &Global) -> Result<Dataset> {
    let mut reviews = Synthetic::new(SyntheticOptions::default())?;
    stop::in_temporary_folder(|folder| {
        let path = folder.join("synthetic.safetensors");
        dataset::write(&mut reviews, &path)?;
        global.open(&path)
    })
}
