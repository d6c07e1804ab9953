//! `imdb-fast train`: the main job.

mod options;
mod outputs;
mod retrain;

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use imdb_fast::dataset::{self, Dataset, Split, Synthetic, SyntheticOptions};
use imdb_fast::model::Model;
use imdb_fast::nn::Architecture;
use imdb_fast::train::{Ending, History, Observer, TrainPlan, fit};
use imdb_fast::{Error, Result};

use super::progress::Progress;
use super::{Global, thousands, to_stdout, warn};
pub(crate) use options::Args;
use outputs::Outputs;

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let fit_options = args.fit_options()?;
    let hidden = args.hidden_layers()?;
    let team = global.team()?;
    let dataset = open(global, &args)?;
    let architecture = Architecture::new(dataset.features(), &hidden)?;
    let mut model = match &args.init {
        Some(path) => Model::from_tensors(architecture, path)?,
        None => Model::new(architecture, args.seed),
    };
    model.vocabulary = dataset.vocabulary().cloned();
    model.text = dataset.text_rules().cloned();
    let plan = TrainPlan::new(&dataset, &model, fit_options)?;
    warn_of_one_class(&dataset, &plan)?;
    let outputs = Outputs::create(&args, &team, &dataset, &plan)?;

    let reviews = plan.train_reviews() + plan.validation_reviews();
    let mut watcher = Watcher {
        progress: Progress::new(global.quiet),
        outputs: &outputs,
        reviews,
        epochs: plan.options().epochs,
        start: Instant::now(),
        epoch_start: Instant::now(),
        last_saved: Instant::now(),
        saving: Duration::ZERO,
        failure: None,
    };
    let outcome = fit(&plan, &mut model, &team, &mut watcher)?;
    let fit_time = watcher.start.elapsed() - watcher.saving;
    watcher.progress.finish();
    if let Some(error) = watcher.failure {
        return Err(error);
    }
    let history = &outcome.history;
    if let Ending::Diverged(error) = outcome.ending {
        if history.epochs() > 0 {
            outputs.save_history(history, fit_time)?;
            outputs.save_curves(history)?;
            let kept = thousands(history.epochs() as u64);
            warn("note", format_args!("the history of {kept} epochs is in {}", outputs.shown()));
        }
        return Err(error);
    }
    model.training = outputs.training(history, outcome.epoch);
    outputs.save_history(history, fit_time)?;
    outputs.save_curves(history)?;
    outputs.save_model(&model)?;
    if global.quiet {
        return Ok(());
    }
    to_stdout(|out| {
        let reviews = (history.epochs() * reviews) as f64 / fit_time.as_secs_f64();
        writeln!(
            out,
            "{} epochs in {:.3} s on {} threads, {} reviews/s",
            history.epochs(),
            fit_time.as_secs_f64(),
            team.size(),
            thousands(reviews as u64),
        )?;
        if matches!(outcome.ending, Ending::StoppedEarly) {
            writeln!(out, "stopped early: the validation loss did not fall any more")?;
        }
        write!(out, "{}", advice(&args, history, outcome.epoch))?;
        writeln!(out, "wrote model, history and curves to {}", outputs.shown())
    })
}

/// Says so where the reviews to train on, or those held out, are all of one class: then the figures mean little.
fn warn_of_one_class(dataset: &Dataset, plan: &TrainPlan) -> Result<()> {
    let (train, held_out) = plan.options().validation.rows(dataset)?;
    let parts = [("trained on", Some((Split::Train, train))), ("held out", held_out)];
    for (role, part) in parts {
        let Some((split, rows)) = part else { continue };
        let labels = &dataset.labels(split)?[rows];
        if let Some(first) =
            labels.first().filter(|first| labels.iter().all(|label| label == *first))
        {
            let class = if *first == 1 { "positive" } else { "negative" };
            let count = thousands(labels.len() as u64);
            warn(
                "warning",
                format_args!(
                    "all {count} reviews that are {role} are {class}: mix the classes (import permutes sorted sources \
                     unless --keep-order is given) or hold out others (--validation)"
                ),
            );
        }
    }
    Ok(())
}

/// What the validation loss says about the number of epochs.
fn advice(args: &Args, history: &History, epoch: usize) -> String {
    let (Some(lowest), Some(losses)) = (history.lowest("val_loss"), history.get("val_loss")) else {
        return String::new();
    };
    let mut text =
        format!("the validation loss was lowest at epoch {}: {:.4}", lowest + 1, losses[lowest]);
    if let Some(accuracies) = history.get("val_accuracy") {
        text.push_str(&format!(", accuracy {:.4}", accuracies[lowest]));
    }
    text.push('\n');
    if args.keep_best {
        text.push_str(&format!("the model has the weights of epoch {}\n", epoch + 1));
    }
    if lowest + 1 < history.epochs() {
        text.push_str("training beyond it overfits; to train on all reviews up to there:\n  ");
        let arguments = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
        text.push_str(&retrain::command(arguments, lowest + 1));
        text.push('\n');
    }
    text
}

/// The dataset that was named, or generated reviews.
fn open(global: &Global, args: &Args) -> Result<Dataset> {
    if let Some(path) = &args.dataset {
        return global.open(path);
    }
    global.note(format_args!(
        "no dataset named: training on {} generated reviews; the real ones: \
         `imdb-fast fetch`, then `imdb-fast train imdb`",
        thousands(SyntheticOptions::default().reviews as u64)
    ));
    generated(global)
}

/// Generated reviews, always the same.
pub(super) fn generated(global: &Global) -> Result<Dataset> {
    let options = SyntheticOptions::default();
    let temporary = std::env::temp_dir();
    let folder = tempfile::tempdir_in(&temporary).map_err(Error::io(&temporary, "write to"))?;
    let path = folder.path().join("synthetic.safetensors");
    dataset::write(&mut Synthetic::new(options)?, &path)?;
    // On systems that cannot delete a mapped file the folder stays; the system clears it in time.
    global.open(&path)
}

/// Shows the run and saves its history now and then.
struct Watcher<'a> {
    progress: Progress,
    outputs: &'a Outputs<'a>,
    reviews: usize,
    epochs: usize,
    start: Instant,
    epoch_start: Instant,
    last_saved: Instant,
    /// Time spent on writing, which is not training.
    saving: Duration,
    failure: Option<Error>,
}

/// Epochs that take longer are saved one by one; of shorter ones no more than this much time is lost.
const SAVE_EVERY: Duration = Duration::from_secs(1);

impl Observer for Watcher<'_> {
    fn epoch_begins(&mut self, epoch: usize, epochs: usize, batches: usize) {
        self.epoch_start = Instant::now();
        self.progress.begin(epoch, epochs, batches);
    }

    fn batch_ended(&mut self, _batch: usize) {
        self.progress.batch();
    }

    fn epoch_ended(&mut self, _epoch: usize, history: &History) -> ControlFlow<()> {
        let now = Instant::now();
        self.progress.epoch(self.epochs, history, self.reviews, now - self.epoch_start);
        if now - self.last_saved >= SAVE_EVERY {
            let saved = self.outputs.save_history(history, now - self.start - self.saving);
            self.last_saved = Instant::now();
            self.saving += self.last_saved - now;
            if let Err(error) = saved {
                self.failure = Some(error);
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }
}
