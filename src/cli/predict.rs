//! `imdb-fast predict`: probabilities for reviews.

use std::ops::Range;
use std::path::{Path, PathBuf};

use imdb_fast::dataset::Split;
use imdb_fast::model::Model;
use imdb_fast::train::predict;
use imdb_fast::{Error, Result};

use super::{Global, split};

/// Print the probability that each review is positive, one a line, in row order
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A model.safetensors
    model: PathBuf,
    /// The dataset, or the name of a fetched one
    dataset: PathBuf,
    /// The reviews: train, test or unlabelled
    #[arg(long, default_value = "test", value_parser = split)]
    split: Split,
    /// Only the rows from A to before B, counted from 0; either may be left out
    #[arg(long, value_name = "A..B", value_parser = rows)]
    rows: Option<Rows>,
    /// Print row, probability and label, with a header
    #[arg(long)]
    csv: bool,
}

/// `A..B` with either end open.
#[derive(Debug, Clone, Copy)]
struct Rows {
    start: Option<usize>,
    end: Option<usize>,
}

fn rows(text: &str) -> Result<Rows, String> {
    const EXPECTED: &str = "expected A..B, such as 0..10, 100.. or ..50";
    let (start, end) = text.split_once("..").ok_or(EXPECTED)?;
    let number = |text: &str| match text {
        "" => Ok(None),
        _ => text.parse().map(Some).map_err(|_| EXPECTED.to_owned()),
    };
    let rows = Rows { start: number(start)?, end: number(end)? };
    match (rows.start, rows.end) {
        (Some(start), Some(end)) if start > end => Err(EXPECTED.to_owned()),
        _ => Ok(rows),
    }
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let model = Model::load(&args.model)?;
    let dataset = global.open(&args.dataset)?;
    let count = dataset.csr(args.split)?.rows();
    let range = args.rows.map_or(0..count, |rows| Range {
        start: rows.start.unwrap_or(0),
        end: rows.end.unwrap_or(count),
    });
    let labels = match args.split.is_labelled() {
        true => Some(dataset.labels(args.split)?),
        false => None,
    };
    let team = global.team()?;
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::Any(b'\n'))
        .from_writer(std::io::stdout().lock());
    let stdout = || Error::io(Path::new("stdout"), "write to");
    let failed = |error: csv::Error| stdout()(error.into());
    if args.csv {
        out.write_record(["row", "probability", "label"]).map_err(failed)?;
    }
    predict(&team, &model, &dataset, args.split, range, |first, probabilities, _| {
        for (row, probability) in (first..).zip(probabilities) {
            let probability = probability.to_string();
            if args.csv {
                let label = labels.map_or(String::new(), |labels| labels[row].to_string());
                out.write_record([row.to_string(), probability, label]).map_err(failed)?;
            } else {
                out.write_record([probability]).map_err(failed)?;
            }
        }
        Ok(())
    })?;
    out.flush().map_err(stdout())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_may_be_open() {
        let parsed = |text| rows(text).map(|rows| (rows.start, rows.end));
        assert_eq!(parsed("3..10"), Ok((Some(3), Some(10))));
        assert_eq!(parsed("..10"), Ok((None, Some(10))));
        assert_eq!(parsed(".."), Ok((None, None)));
        for wrong in ["", "3", "10..3", "a..b", "1..-2"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
