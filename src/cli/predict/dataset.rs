//! Probabilities of the reviews of a dataset.

use std::ops::Range;
use std::path::Path;

use imdb_fast::Result;
use imdb_fast::dataset::Split;
use imdb_fast::model::Model;
use imdb_fast::train::predict;
use serde::Serialize;

use super::super::Global;
use super::super::answers::{Answers, Format};

/// `A..B` with either end open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    start: Option<usize>,
    end: Option<usize>,
}

pub(super) fn rows(text: &str) -> Result<Rows, String> {
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

/// A line of JSON.
#[derive(Serialize)]
struct Answer {
    row: usize,
    probability: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<u8>,
}

pub(super) fn run(
    global: &Global,
    model: &Model,
    path: &Path,
    (split, rows): (Split, Option<Rows>),
    format: Format,
) -> Result<()> {
    let dataset = global.open(path)?;
    let count = dataset.csr(split)?.rows();
    let range = rows.map_or(0..count, |rows| Range {
        start: rows.start.unwrap_or(0),
        end: rows.end.unwrap_or(count),
    });
    let labels = match split.is_labelled() {
        true => Some(dataset.labels(split)?),
        false => None,
    };
    let team = global.team()?;
    let mut answers = Answers::new(format);
    if format == Format::Csv {
        answers.record(["row", "probability", "label"])?;
    }
    predict(&team, model, &dataset, split, range, |first, probabilities, _| {
        for (row, &probability) in (first..).zip(probabilities) {
            let label = labels.map(|labels| labels[row]);
            match format {
                Format::Plain => answers.line(format_args!("{probability}"))?,
                Format::Jsonl => answers.json(&Answer { row, probability, label })?,
                Format::Csv => answers.record([
                    row.to_string(),
                    probability.to_string(),
                    label.map_or(String::new(), |label| label.to_string()),
                ])?,
            }
        }
        Ok(())
    })?;
    dataset.container().check_unchanged()?;
    answers.flush()
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
