//! The results of a sweep: as JSON to be read back, and as a table.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::json::{Environment, read_json, written};
use super::table::{Align, aligned, is_plain, number, thousands};
use crate::error::{Error, Result};
use crate::sweep::{Design, Finished, Measure, Run, Spread, Summary, rank};

/// The longest file that [`SweepResults::read`] reads: that of the largest sweep with runs of twenty epochs.
const MAX_BYTES: u64 = 1 << 30;

const REMEDY: &str =
    "expected is the results.json that `imdb-fast sweep` leaves behind; `--resume` writes it anew";

/// What a sweep leaves behind. It has nothing of the clock and of the threads: the same sweep leaves the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepResults {
    /// The version of the program that ran.
    pub version: String,
    /// Where the dataset lies, as messages show it; none for generated reviews.
    pub dataset: Option<String>,
    /// How many features it has.
    pub features: usize,
    /// How many reviews its train split has.
    pub train_reviews: usize,
    /// The machine and what was used of it.
    pub environment: Environment,
    /// What was done.
    pub design: Design,
    /// The best configuration, trained again on all reviews.
    pub best: Option<Best>,
    /// How each of the design's runs ended; none for those that are missing.
    pub runs: Vec<Option<Finished>>,
}

/// The best configuration, trained again on the whole train split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Its place among the configurations.
    pub configuration: usize,
    /// For so many epochs.
    pub epochs: usize,
    /// With this seed.
    pub seed: u64,
    /// What it reaches on the test split, which had no say before; none where the dataset has none.
    pub test: Option<TestScores>,
}

/// What a model reaches on the test split.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TestScores {
    /// How many reviews were judged.
    pub reviews: usize,
    /// The mean of the loss.
    pub loss: f64,
    /// The share of right answers.
    pub accuracy: f64,
    /// The area under the ROC curve, as Keras computes it; none where all reviews are of one class.
    pub auc: Option<f64>,
}

/// A line of the ranking, for those who read the file with other programs.
#[derive(Serialize)]
struct Ranked<'a> {
    configuration: usize,
    label: &'a str,
    parameters: usize,
    runs: usize,
    diverged: usize,
    /// From 1.
    best_epoch: Option<usize>,
    at_epoch: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
struct Written<'a> {
    version: &'a str,
    dataset: &'a Option<String>,
    features: usize,
    train_reviews: usize,
    environment: &'a Environment,
    design: &'a Design,
    ranking: Vec<Ranked<'a>>,
    best: &'a Option<Best>,
    runs: Vec<RunLine>,
}

/// As it is read: the ranking follows from the rest.
#[derive(Deserialize)]
struct Raw {
    version: String,
    dataset: Option<String>,
    features: usize,
    train_reviews: usize,
    environment: Environment,
    design: Design,
    best: Option<Best>,
    runs: Vec<RunLine>,
}

#[derive(Serialize, Deserialize)]
struct RunLine {
    configuration: usize,
    seed: u64,
    fold: Option<usize>,
    finished: Option<Finished>,
}

impl SweepResults {
    /// Reads what [`SweepResults::to_json`] wrote.
    ///
    /// # Errors
    /// [`Error::Io`], and [`Error::Malformed`] with its place where the file is not such a one or longer than a gibibyte.
    pub fn read(path: &Path) -> Result<SweepResults> {
        let raw: Raw = read_json(path, MAX_BYTES, REMEDY)?;
        let malformed =
            |place: &str, problem: String| Error::malformed(path, place, problem, REMEDY);
        let runs = raw.design.runs();
        if runs.len() != raw.runs.len() {
            let problem =
                format!("there are {}, and the design has {}", raw.runs.len(), runs.len());
            return Err(malformed("`runs`", problem));
        }
        let is_other = |(run, line): (&Run, &RunLine)| {
            *run != Run { configuration: line.configuration, seed: line.seed, fold: line.fold }
        };
        if let Some(place) = runs.iter().zip(&raw.runs).position(is_other) {
            let problem = "it is another one than the design has there".to_owned();
            return Err(malformed(&format!("run {place}"), problem));
        }
        // What is compared are these four: a file that is read may have names by the thousands.
        let is_odd =
            |line: &RunLine| line.finished.as_ref().is_some_and(|run| !run.has_its_series());
        if let Some(place) = raw.runs.iter().position(is_odd) {
            let problem = format!("its history is not of {}", Finished::SERIES.join(", "));
            return Err(malformed(&format!("run {place}"), problem));
        }
        let configurations = raw.design.configurations().len();
        match &raw.best {
            Some(best) if best.configuration >= configurations => {
                let problem =
                    format!("it is configuration {} of {configurations}", best.configuration);
                return Err(malformed("`best`", problem));
            }
            _ => {}
        }
        if u32::try_from(raw.features).is_err() {
            return Err(malformed("`features`", "no dataset has so many".to_owned()));
        }
        Ok(SweepResults {
            version: raw.version,
            dataset: raw.dataset,
            features: raw.features,
            train_reviews: raw.train_reviews,
            environment: raw.environment,
            design: raw.design,
            best: raw.best,
            runs: raw.runs.into_iter().map(|line| line.finished).collect(),
        })
    }

    /// The file's text: a line a fact, and a line a list. With the ranking, for other programs.
    ///
    /// # Panics
    /// If there is not one run for each that [`Design::runs`] plans.
    pub fn to_json(&self) -> String {
        let labels = self.design.labels();
        let ranking = self.ranking();
        let ranked = |summary: &Summary| Ranked {
            configuration: summary.configuration,
            label: &labels[summary.configuration],
            parameters: self.parameters(summary.configuration),
            runs: summary.runs,
            diverged: summary.diverged,
            best_epoch: summary.epoch.map(|epoch| epoch + 1),
            at_epoch: summary
                .curves
                .iter()
                .filter_map(|(name, curve)| {
                    let spread = serde_json::to_value(curve.get(summary.epoch?)?);
                    Some((name.clone(), spread.expect("a spread is plain")))
                })
                .collect(),
        };
        let line = |(run, finished): (Run, &Option<Finished>)| RunLine {
            configuration: run.configuration,
            seed: run.seed,
            fold: run.fold,
            finished: finished.clone(),
        };
        written(&Written {
            version: &self.version,
            dataset: &self.dataset,
            features: self.features,
            train_reviews: self.train_reviews,
            environment: &self.environment,
            design: &self.design,
            ranking: ranking.iter().map(ranked).collect(),
            best: &self.best,
            runs: self.design.runs().into_iter().zip(&self.runs).map(line).collect(),
        })
    }

    /// The configurations from the best to the worst.
    ///
    /// # Panics
    /// If there is not one run for each that [`Design::runs`] plans.
    pub fn ranking(&self) -> Vec<Summary> {
        rank(&self.design, &self.runs)
    }

    /// How many parameters the network of a configuration has.
    ///
    /// # Panics
    /// If the design has not so many configurations.
    pub fn parameters(&self, configuration: usize) -> usize {
        let configuration = &self.design.configurations()[configuration];
        configuration.architecture(self.features).map_or(0, |network| network.parameters())
    }
}

/// The ranking as a table for the terminal.
///
/// # Panics
/// As [`SweepResults::ranking`].
pub fn table(results: &SweepResults) -> String {
    let labels = results.design.labels();
    let header = ["", "configuration", "parameters", "runs", "epoch", "val_loss", "val_accuracy"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    for (rank, summary) in (1..).zip(results.ranking()) {
        let rank = summary.best().map_or(String::new(), |_| format!("{rank}."));
        let mut row = vec![
            rank,
            labels[summary.configuration].clone(),
            thousands(results.parameters(summary.configuration) as u64),
            summary.runs.to_string(),
        ];
        row.extend(outcome(&summary));
        rows.push(row);
    }
    let (left, right) = (Align::Left, Align::Right);
    aligned(&[right, left, right, right, right, right, right], &rows)
}

/// The best epoch of a configuration, and what was reached there; or why it is not compared.
pub fn outcome(summary: &Summary) -> [String; 3] {
    let Some(epoch) = summary.epoch else {
        let reason = match summary.diverged {
            0 => "not finished".to_owned(),
            diverged => format!("{diverged} diverged"),
        };
        return ["–".to_owned(), reason, "–".to_owned()];
    };
    let at = |measure: Measure| {
        let spread = summary.at(measure.name(), epoch);
        spread.map_or("–".to_owned(), plus_minus)
    };
    [(epoch + 1).to_string(), at(Measure::ValLoss), at(Measure::ValAccuracy)]
}

/// A mean and its deviation, if there is one.
pub fn plus_minus(spread: Spread) -> String {
    let mean = number(spread.mean);
    match spread.deviation {
        // As many digits as the mean has: what is less than its last one says nothing.
        Some(deviation) if is_plain(spread.mean) && deviation < 1e-3 => {
            format!("{mean} ± {deviation:.4}")
        }
        Some(deviation) => format!("{mean} ± {}", number(deviation)),
        None => mean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_of_any_size_can_be_told_apart() {
        for (mean, deviation, expected) in [
            (0.27484, Some(0.00372), "0.2748 ± 0.0037"),
            (0.88852, Some(0.00062), "0.8885 ± 0.0006"),
            (0.5, Some(0.0), "0.5000 ± 0.0000"),
            (0.5, None, "0.5000"),
            (5.629e-4, Some(1.2e-5), "5.629e−4 ± 1.200e−5"),
            (823_999_360.0, Some(925_456_105.7), "8.240e8 ± 9.255e8"),
            (99_999.0, Some(141_421.0), "99999.0000 ± 1.414e5"),
        ] {
            assert_eq!(plus_minus(Spread { mean, deviation }), expected);
        }
    }
}
