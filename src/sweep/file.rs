//! A sweep as a TOML file.

use std::path::Path;

use serde::Deserialize;

use super::{Configuration, Grid, Measure};
use crate::dataset::Holdout;
use crate::error::{Error, Result};
use crate::input;

/// The longest file that is read.
const MAX_BYTES: u64 = 1 << 20;

const REMEDY: &str = "`imdb-fast sweep --help` shows such a file";

/// What a file asks for. What it does not say stays open.
///
/// ```toml
/// seeds = 5                # how many; the first one is `seed`
/// folds = 5                # or validation = 10000, as --validation takes it
/// by = "val_loss"          # or "val_accuracy"
///
/// [grid]                   # all combinations
/// hidden = [[16], [16, 16]] # lists of widths; [] is no hidden layer
/// activation = ["relu", "tanh"]
///
/// [[configuration]]        # and single ones besides
/// name = "slow"
/// hidden = [64, 64]
/// optimizer = "adam"
/// learning_rate = 1e-4
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SweepFile {
    /// Those of the grid, then the single ones.
    pub configurations: Vec<Configuration>,
    /// Combinations of the grid that [`Grid::configurations`] leaves out.
    pub left_out: usize,
    /// The first seed.
    pub seed: Option<u64>,
    /// How many seeds.
    pub seeds: Option<usize>,
    /// How many folds.
    pub folds: Option<usize>,
    /// What is held out.
    pub validation: Option<Holdout>,
    /// What is best.
    pub by: Option<Measure>,
}

/// As it stands in the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    seed: Option<u64>,
    seeds: Option<usize>,
    folds: Option<usize>,
    validation: Option<RawHoldout>,
    by: Option<Measure>,
    grid: Option<Grid>,
    #[serde(default)]
    configuration: Vec<Configuration>,
}

/// `10000`, `0.4` or `"0.4"`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a number of reviews, or a part such as 0.4")]
enum RawHoldout {
    Count(usize),
    Part(f64),
    Text(String),
}

impl RawHoldout {
    fn holdout(self) -> Result<Holdout> {
        match self {
            RawHoldout::Count(count) => count.to_string().parse(),
            RawHoldout::Part(part) => format!("{part:?}").parse(),
            RawHoldout::Text(text) => text.parse(),
        }
    }
}

impl SweepFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Malformed`] with line and column where it is no TOML of this kind or longer than a mebibyte,
    /// and with the configuration where that can never be right.
    pub fn read(path: &Path) -> Result<SweepFile> {
        let text = String::from_utf8(input::read(path, MAX_BYTES, REMEDY)?);
        let text = text.map_err(|error| {
            let place = format!("byte {}", error.utf8_error().valid_up_to());
            Error::malformed(path, place, "it is not UTF-8", REMEDY)
        })?;
        SweepFile::parse(&text, path)
    }

    /// Takes the text of a file; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Malformed`]
    pub fn parse(text: &str, path: &Path) -> Result<SweepFile> {
        let raw: Raw = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            let problem = error.message().replace('\n', ", ");
            Error::malformed(path, place(text, at), problem, REMEDY)
        })?;
        let wrong = |place: &str, error: Error| {
            Error::malformed(path, place.to_owned(), error.to_string(), REMEDY)
        };
        let (mut configurations, mut left_out) = (Vec::new(), 0);
        if let Some(grid) = &raw.grid {
            (configurations, left_out) =
                grid.configurations().map_err(|error| wrong("[grid]", error))?;
            let checked = configurations.iter().try_for_each(Configuration::check);
            checked.map_err(|error| wrong("[grid]", error))?;
        }
        for (number, one) in (1..).zip(raw.configuration) {
            one.check().map_err(|error| wrong(&format!("[[configuration]] {number}"), error))?;
            configurations.push(one);
        }
        if configurations.is_empty() {
            let problem = "it has neither a [grid] nor a [[configuration]]";
            return Err(Error::malformed(path, "the file", problem, REMEDY));
        }
        if raw.folds.is_some() && raw.validation.is_some() {
            let problem =
                "it has both `folds` and `validation`: a run validates on one or the other";
            return Err(Error::malformed(path, "the file", problem, REMEDY));
        }
        let validation = raw.validation.map(RawHoldout::holdout).transpose();
        Ok(SweepFile {
            configurations,
            left_out,
            seed: raw.seed,
            seeds: raw.seeds,
            folds: raw.folds,
            validation: validation.map_err(|error| wrong("`validation`", error))?,
            by: raw.by,
        })
    }
}

/// Line and column, from 1, of a byte.
fn place(text: &str, at: usize) -> String {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    format!("line {line}, column {}", before[start..].chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<SweepFile> {
        SweepFile::parse(text, Path::new("s.toml"))
    }

    #[test]
    fn grid_and_single_ones_are_put_together() {
        let file = parse(
            "seeds = 3\nseed = 7\nvalidation = 0.25\nby = \"val_accuracy\"\n[grid]\nhidden = [[], [16]]\n\
             [[configuration]]\nname = \"slow\"\nhidden = [64, 64]\nlearning_rate = 1e-4\n",
        )
        .unwrap();
        assert_eq!((file.seed, file.seeds, file.folds), (Some(7), Some(3), None));
        assert_eq!(file.validation, Some(Holdout::Fraction(0.25)));
        assert_eq!(file.by, Some(Measure::ValAccuracy));
        let layers: Vec<String> = file.configurations.iter().map(Configuration::layers).collect();
        assert_eq!(layers, ["none", "16", "64,64"]);
        assert_eq!(file.configurations[2].learning_rate, Some(1e-4));
        assert_eq!(parse("validation = 5\n[grid]").unwrap().validation, Some(Holdout::First(5)));
    }

    #[test]
    fn an_error_names_line_and_column_or_the_configuration() {
        let cases = [
            ("", "neither a [grid] nor"),
            ("seeds = 3", "neither a [grid] nor"),
            ("[grid", "line 1, column"),
            ("[grid]\nhiden = [[16]]", "line 2, column 1: unknown field `hiden`"),
            ("[grid]\nhidden = [16]", "line 2, column 11"),
            ("[grid]\nhidden = [[-1]]", "line 2, column 12"),
            ("[grid]\nhidden = [[0]]", "[grid]: --hidden is \"0\""),
            ("[grid]\nhidden = []", "line 2, column 10: the list is empty; leave it out"),
            ("[grid]\nl2 = []", "line 2, column 6: the list is empty; leave it out"),
            (
                "[[configuration]]\n[[configuration]]\nloss = \"x\"",
                "[[configuration]] 2: --loss is \"x\"",
            ),
            ("by = \"loss\"\n[grid]", "line 1, column 6"),
            ("folds = 3\nvalidation = 3\n[grid]", "both `folds` and `validation`"),
            ("validation = [1]\n[grid]", "line 1, column 14: expected a number"),
            ("validation = \"x\"\n[grid]", "`validation`: --validation is \"x\""),
            ("[grid]\nlearning_rate = [nan]", "[grid]: learning_rate of --optimizer is \"NaN\""),
            ("[grid]\nhidden = [[99999999999999999999]]", "line 2, column 12"),
            ("é = 1\u{0}", "line 1, column"),
        ];
        for (text, part) in cases {
            let error = parse(text).unwrap_err();
            let sentence = error.to_string();
            assert!(matches!(error, Error::Malformed { .. }), "{text}");
            assert!(
                sentence.starts_with("s.toml: ") && sentence.contains(part),
                "{text}: {sentence}"
            );
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"[grid]\n# \xff").unwrap();
        let error = SweepFile::read(file.path()).unwrap_err().to_string();
        assert!(
            error.contains(": byte 9: it is not UTF-8; ") && error.ends_with(REMEDY),
            "{error}"
        );
    }

    #[test]
    fn depth_is_bounded() {
        let text = format!("[grid]\nhidden = {}", "[".repeat(100_000));
        assert!(parse(&text).unwrap_err().to_string().contains("line 2"));
    }
}
