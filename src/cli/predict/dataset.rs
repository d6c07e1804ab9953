//! Probabilities of the reviews of a dataset.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use imdb_fast::answer::Judge;
use imdb_fast::dataset::Split;
use imdb_fast::model::Model;
use imdb_fast::train::predict;
use imdb_fast::{Error, Result};

use super::super::Global;
use super::super::number::whole;
use super::lines::{Known, Label, Lines, Style};

/// `A..B` with either end open.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    start: Option<usize>,
    end: Option<usize>,
}

/// As it was asked for.
impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let end = |end: Option<usize>| end.map_or(String::new(), |end| end.to_string());
        write!(f, "{}..{}", end(self.start), end(self.end))
    }
}

pub(super) fn rows(text: &str) -> Result<Rows, String> {
    const EXPECTED: &str = "expected A..B, such as 0..10, 100.. or ..50";
    let (start, end) = text.split_once("..").ok_or(EXPECTED)?;
    let number = |text: &str| match text {
        "" => Ok(None),
        _ => whole(text, EXPECTED).map(Some),
    };
    let rows = Rows { start: number(start)?, end: number(end)? };
    match (rows.start, rows.end) {
        (Some(start), Some(end)) if start > end => Err(EXPECTED.to_owned()),
        _ => Ok(rows),
    }
}

/// Rows that are explained before they are written: what they take in memory is bounded.
const EXPLAINED: usize = 128;

pub(super) fn run(
    global: &Global,
    model: &Model,
    path: &Path,
    (split, rows): (Split, Option<Rows>),
    style: Style,
) -> Result<()> {
    let dataset = global.open(path)?;
    let count = dataset.csr(split)?.rows();
    let range = rows.map_or(0..count, |rows| Range {
        start: rows.start.unwrap_or(0),
        end: rows.end.unwrap_or(count),
    });
    // All that can be refused is, before the first line of the answer.
    model.expect_dataset(&dataset)?;
    dataset.expect_rows(split, &range).map_err(|error| match (error, rows) {
        (Error::Unfit { option, reason, remedy, .. }, Some(rows)) => {
            Error::Unfit { option, value: rows.to_string(), reason, remedy }
        }
        (other, _) => other,
    })?;
    let labels = match split.is_labelled() {
        true => Some(dataset.labels(split)?),
        false => None,
    };
    let known = |row: usize| {
        let label = labels.map(|labels| Label::Class(labels[row]));
        Known { number: row as u64, label }
    };
    let team = global.team()?;
    let judge = style.explain.then(|| Judge::new(model, &team)).transpose()?;
    let mut lines = Lines::new(style)?;
    if let Some(judge) = judge {
        for first in range.clone().step_by(EXPLAINED) {
            let rows = first..range.end.min(first + EXPLAINED);
            for (row, explanation) in rows.clone().zip(judge.explain_rows(&dataset, split, rows)?) {
                lines.explanation(known(row), &explanation)?;
            }
        }
    } else {
        predict(model, &dataset, split, range, &team, |first, _, probabilities| {
            for (row, &probability) in (first..).zip(probabilities) {
                lines.probability(known(row), probability)?;
            }
            Ok(())
        })?;
    }
    dataset.container().check_unchanged()?;
    lines.flush()
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
