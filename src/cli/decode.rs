//! `imdb-fast decode`: a review as words.

use std::path::PathBuf;

use imdb_fast::dataset::Split;
use imdb_fast::{Error, Result};

use super::{Global, shown, split, to_stdout};

/// Print a review's words in reading order, `?` for those that were cut and for the start mark; before them its label
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast decode imdb --row 0
  imdb-fast decode imdb --row 0 --ids
  imdb-fast decode mine.safetensors --split test --row 17")]
pub(crate) struct Args {
    /// The dataset, or the name of a fetched one
    dataset: PathBuf,
    /// The review, counted from 0
    #[arg(long, value_name = "N")]
    row: usize,
    /// Where it stands: train, test or unlabelled
    #[arg(long, default_value = "train", value_parser = split(), hide_possible_values = true)]
    split: Split,
    /// Print the ids in place of the words
    #[arg(long)]
    ids: bool,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let dataset = global.open(&args.dataset)?;
    let lacks = |what: &str, remedy: &str| Error::Unfit {
        option: "the dataset",
        value: shown(&args.dataset),
        reason: format!("it keeps no {what}"),
        remedy: remedy.to_owned(),
    };
    let sequence = dataset.sequence(args.split, args.row)?.ok_or_else(|| {
        let remedy = "import a source that has one, which libsvm text has not, or make it without --no-sequences";
        lacks("reading order", remedy)
    })?;
    let vocabulary = dataset.vocabulary();
    if vocabulary.is_none() && !args.ids {
        let remedy = "import it again with --word-index imdb_word_index.json, or see its --ids";
        return Err(lacks("words", remedy));
    }
    let label = match args.split.is_labelled() {
        true => Some(dataset.labels(args.split)?[args.row]),
        false => None,
    };
    to_stdout(|out| {
        if let Some(label) = label {
            let meaning = if label == 1 { "positive" } else { "negative" };
            writeln!(out, "label {label}, {meaning}")?;
        }
        for (i, &id) in sequence.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            match vocabulary.filter(|_| !args.ids) {
                Some(vocabulary) => write!(out, "{space}{}", vocabulary.word(id).unwrap_or("?"))?,
                None => write!(out, "{space}{id}")?,
            }
        }
        writeln!(out)
    })
}
