//! `imdb-fast evaluate`: how good a model is.

use std::path::PathBuf;

use imdb_fast::Result;
use imdb_fast::dataset::Split;
use imdb_fast::model::Model;
use imdb_fast::nn::loss;
use imdb_fast::report::table::{Align, aligned, confusion_matrix};
use imdb_fast::train::evaluate;
use serde_json::json;

use super::{Global, split, to_stdout};

/// Judge a model on a labelled split: loss, accuracy, precision, recall, F1, AUC, confusion matrix
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A model.safetensors
    model: PathBuf,
    /// The dataset
    dataset: PathBuf,
    /// The reviews to judge by: train or test
    #[arg(long, default_value = "test", value_parser = split)]
    split: Split,
    /// The loss; the one it was trained with by default
    #[arg(long)]
    loss: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let model = Model::load(&args.model)?;
    let trained_with = model.training["loss"].as_str().unwrap_or("binary_crossentropy");
    let loss = loss(args.loss.as_deref().unwrap_or(trained_with))?;
    let dataset = global.open(&args.dataset)?;
    let result = evaluate(&global.team()?, &model, &dataset, args.split, &*loss)?;
    let confusion = result.confusion;
    let values = [
        ("loss", result.loss),
        ("accuracy", result.accuracy),
        ("precision", confusion.precision()),
        ("recall", confusion.recall()),
        ("f1", confusion.f1()),
        ("auc", result.auc),
    ];
    to_stdout(|out| {
        if args.json {
            let mut object = json!({ "split": args.split.name(), "reviews": result.reviews });
            for (name, value) in values {
                object[name] = value.into();
            }
            object["confusion_matrix"] = json!(confusion.counts);
            return writeln!(out, "{object:#}");
        }
        let mut rows = vec![vec!["reviews".to_owned(), result.reviews.to_string()]];
        rows.extend(values.map(|(name, value)| vec![name.to_owned(), format!("{value:.4}")]));
        write!(out, "{}", aligned(&[Align::Left, Align::Right], &rows))?;
        write!(out, "\n{}", confusion_matrix(confusion.counts))
    })
}
