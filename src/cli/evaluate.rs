//! `imdb-fast evaluate`: how good a model is.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use imdb_fast::dataset::Split;
use imdb_fast::import::{self, Format};
use imdb_fast::nn::{LOSSES, loss};
use imdb_fast::report::table::{Align, aligned, confusion_matrix};
use imdb_fast::train::{Evaluator, labels_to_judge_by, predict};
use imdb_fast::{Error, Result};
use serde_json::json;

use super::known::Known;
use super::train::warn_of_one_answer;
use super::{
    Global, labelled_split, loss_of, open_model, or_by_train, quoted, thousands, to_stdout,
};

/// Judge a model on a labelled split: loss, accuracy, precision, recall, F1, AUC, confusion matrix
///
/// The AUC is that of Keras' metric, an area under 200 points of the ROC curve: where many probabilities lie together it is below
/// the exact area, which `imdb-fast report` tells. Where all reviews are of one class there is none.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast evaluate run/model.safetensors imdb
  imdb-fast evaluate run/model.safetensors mine.safetensors --split train
  imdb-fast evaluate run/model.safetensors imdb --json")]
pub(crate) struct Args {
    /// A model.safetensors
    model: PathBuf,
    /// The dataset, or the name of a fetched one
    dataset: PathBuf,
    /// The reviews to judge by: train or test
    #[arg(long, default_value = "test", value_parser = labelled_split(), hide_possible_values = true)]
    split: Split,
    /// The loss; the one it was trained with by default
    #[arg(long)]
    #[arg(value_parser = Known::of(LOSSES), hide_possible_values = true)]
    loss: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Where texts were named, how they become a dataset of the model's features.
fn of_texts(error: Error, model: &Path) -> Error {
    let has_texts = |path: &Path| {
        let format = import::detect(path);
        format.is_ok_and(|format| !matches!(format, Format::Keras | Format::Libsvm))
    };
    match error {
        Error::WrongKind { path, expected, found, .. } if has_texts(&path) => {
            let remedy = format!(
                "`imdb-fast import {} --vocabulary {} -o FILE` makes a dataset of it",
                quoted(&path),
                quoted(model)
            );
            Error::WrongKind { path, expected, found, remedy }
        }
        other => other,
    }
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let model = open_model(&args.model)?;
    let loss = match &args.loss {
        Some(name) => loss(name)?,
        None => loss_of(&model, &args.model)?,
    };
    let dataset = global.open(&args.dataset).map_err(|error| of_texts(error, &args.model))?;
    let team = global.team()?;
    let labels = labels_to_judge_by(&dataset, args.split).map_err(or_by_train)?;
    let mut evaluator = Evaluator::new(&*loss, team.level());
    // Predicting alone is timed, not the sums over what was predicted.
    let start = Instant::now();
    let mut judging = Duration::ZERO;
    predict(
        &model,
        &dataset,
        args.split,
        0..labels.len(),
        &team,
        |first, logits, probabilities| {
            let begun = Instant::now();
            evaluator.add(logits, probabilities, &labels[first..first + logits.len()]);
            judging += begun.elapsed();
            Ok(())
        },
    )?;
    dataset.container().check_unchanged()?;
    let predict_seconds = (start.elapsed() - judging).as_secs_f64();
    let result = evaluator.finish();
    let confusion = result.confusion;
    warn_of_one_answer(confusion.counts);
    let values = [
        ("loss", Some(result.loss)),
        ("accuracy", Some(result.accuracy)),
        ("precision", Some(confusion.precision())),
        ("recall", Some(confusion.recall())),
        ("f1", Some(confusion.f1())),
        ("auc", result.auc),
    ];
    to_stdout(|out| {
        if args.json {
            let mut object = json!({ "split": args.split.name(), "reviews": result.reviews });
            for (name, value) in values {
                object[name] = value.into();
            }
            object["confusion_matrix"] = json!(confusion.counts);
            object["predict_seconds"] = predict_seconds.into();
            return writeln!(out, "{object:#}");
        }
        let mut rows = vec![vec!["reviews".to_owned(), thousands(result.reviews as u64)]];
        let shown = |value: f64| format!("{value:.4}");
        rows.extend(values.map(|(name, value)| {
            vec![name.to_owned(), value.map_or_else(|| "–".to_owned(), shown)]
        }));
        write!(out, "{}", aligned(&[Align::Left, Align::Right], &rows))?;
        write!(out, "\n{}", confusion_matrix(confusion.counts))
    })
}
