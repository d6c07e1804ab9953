//! `imdb-fast decode`: a review as words.

use std::path::PathBuf;

use imdb_fast::dataset::Split;
use imdb_fast::{Error, Result};

use super::{Global, shown, split, to_stdout};

/// Print a review's words in reading order, `?` for those that were cut and for the start mark
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast decode imdb --row 0
  imdb-fast decode mine.safetensors --split test --row 17")]
pub(crate) struct Args {
    /// The dataset, or the name of a fetched one
    dataset: PathBuf,
    /// The review, counted from 0
    #[arg(long, value_name = "N")]
    row: usize,
    /// Where it stands: train, test or unlabelled
    #[arg(long, default_value = "train", value_parser = split)]
    split: Split,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let dataset = global.open(&args.dataset)?;
    let lacks = |what: &str, remedy: &str| Error::Unfit {
        option: "the dataset",
        value: shown(&args.dataset),
        reason: format!("it keeps no {what}"),
        remedy: remedy.to_owned(),
    };
    let vocabulary = dataset
        .vocabulary()
        .ok_or_else(|| lacks("words", "import it again with --word-index imdb_word_index.json"))?;
    let sequence = dataset.sequence(args.split, args.row)?.ok_or_else(|| {
        lacks("reading order", "import a source that has one; libsvm text has not")
    })?;
    to_stdout(|out| {
        for (i, &id) in sequence.iter().enumerate() {
            let space = if i == 0 { "" } else { " " };
            write!(out, "{space}{}", vocabulary.word(id).unwrap_or("?"))?;
        }
        writeln!(out)
    })
}
