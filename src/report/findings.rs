//! What a model does on the reviews of a split: the material of a report.

use super::scores::{Calibration, Distribution, Roc};
use crate::answer::{Explanation, Judge, Strongest};
use crate::dataset::{Dataset, Split};
use crate::error::Result;
use crate::model::Model;
use crate::nn::Loss;
use crate::train::{Evaluation, Evaluator, Team, labels_to_judge_by, predict};

/// What to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// The reviews to judge by.
    pub split: Split,
    /// How many words each way; default 15.
    pub words: usize,
    /// How many of the surest mistakes; default 10.
    pub mistakes: usize,
}

impl Default for Wanted {
    fn default() -> Wanted {
        Wanted { split: Split::Test, words: 15, mistakes: 10 }
    }
}

/// What was found on a split.
#[derive(Debug, Clone)]
pub struct Findings {
    /// Which reviews were judged: all of this split.
    pub split: Split,
    /// How many features the dataset has.
    pub features: usize,
    /// How the dataset was made, as JSON.
    pub dataset_options: String,
    /// Loss, accuracy and counts.
    pub evaluation: Evaluation,
    /// None where the split has one class only.
    pub roc: Option<Roc>,
    /// Whether the probabilities hold.
    pub calibration: Calibration,
    /// How often each probability occurs.
    pub distribution: Distribution,
    /// None where the model does not know what its inputs are called.
    pub strongest: Option<Strongest>,
    /// The mistakes that the model is surest of by their log-odds, the surest first; equal ones in the order of their rows.
    pub mistakes: Vec<Mistake>,
}

/// A review that the model gets wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// Its row in the split, counted from 0.
    pub row: usize,
    /// What it is.
    pub label: u8,
    /// That it is positive, as the model has it.
    pub probability: f32,
    /// The same as log-odds, which tell answers apart where the probability is 0 or 1 to all its digits.
    pub logit: f32,
    /// What is known of its text.
    pub text: Text,
}

/// The text of a review.
#[derive(Debug, Clone, PartialEq)]
pub enum Text {
    /// Its words, and what each does.
    Explained {
        /// The effects.
        explanation: Explanation,
        /// Whether the words come as they were written, or in the order of their ids.
        in_order: bool,
    },
    /// Only its words, in reading order or in that of their ids, `?` for those that are not known.
    Words(String),
    /// Nobody knows what the words are.
    Unknown,
}

impl Findings {
    /// Judges all reviews of a split, and explains the surest mistakes.
    ///
    /// # Errors
    /// [`Error::Unfit`](crate::Error::Unfit) where the dataset has no such split, it has no labels or no reviews, or it is one of other words
    /// than the model's; [`Error::Overflow`](crate::Error::Overflow) where the model's weights overflow on one.
    pub fn collect(
        model: &Model,
        dataset: &Dataset,
        loss: &dyn Loss,
        wanted: Wanted,
        team: &Team,
    ) -> Result<Findings> {
        let labels = labels_to_judge_by(dataset, wanted.split)?;
        model.expect_dataset(dataset)?;
        let mut evaluator = Evaluator::new(loss, team.level());
        let mut all = Vec::with_capacity(labels.len());
        let mut all_logits = Vec::with_capacity(labels.len());
        let rows = 0..labels.len();
        predict(model, dataset, wanted.split, rows, team, |first, logits, probabilities| {
            evaluator.add(logits, probabilities, &labels[first..first + logits.len()]);
            all.extend_from_slice(probabilities);
            all_logits.extend_from_slice(logits);
            Ok(())
        })?;
        // A model that names its inputs is a judge, or damaged.
        let judge = match (&model.vocabulary, &model.text) {
            (Some(_), Some(_)) => Some(Judge::new(model, team)?),
            _ => None,
        };
        let evaluation = evaluator.finish();
        let mut mistakes = Vec::new();
        for row in surest_mistakes(&all, &all_logits, labels, wanted.mistakes) {
            let text = text(model, dataset, judge.as_ref(), wanted.split, row)?;
            let (probability, logit) = (all[row], all_logits[row]);
            mistakes.push(Mistake { row, label: labels[row], probability, logit, text });
        }
        Ok(Findings {
            split: wanted.split,
            features: dataset.features(),
            dataset_options: dataset.options().to_owned(),
            roc: Roc::new(&all, labels),
            calibration: Calibration::new(&all, labels),
            distribution: Distribution::new(&all, labels),
            strongest: judge.as_ref().map(|judge| judge.strongest(wanted.words)).transpose()?,
            mistakes,
            evaluation,
        })
    }
}

/// The rows of the mistakes furthest from their labels.
fn surest_mistakes(
    probabilities: &[f32],
    logits: &[f32],
    labels: &[u8],
    count: usize,
) -> Vec<usize> {
    let is_wrong = |&row: &usize| (probabilities[row] > 0.5) != (labels[row] == 1);
    let mut rows: Vec<usize> = (0..labels.len()).filter(is_wrong).collect();
    rows.sort_by(|&a, &b| logits[b].abs().total_cmp(&logits[a].abs()));
    rows.truncate(count);
    rows
}

fn text(
    model: &Model,
    dataset: &Dataset,
    judge: Option<&Judge<'_>>,
    split: Split,
    row: usize,
) -> Result<Text> {
    let in_order = dataset.sequences(split)?.is_some();
    if let Some(judge) = judge
        && (in_order || !judge.needs_order())
    {
        let explanation = judge.explain_rows(dataset, split, row..row + 1)?.remove(0);
        return Ok(Text::Explained { explanation, in_order });
    }
    let Some(vocabulary) = model.vocabulary.as_ref().or_else(|| dataset.vocabulary()) else {
        return Ok(Text::Unknown);
    };
    let ids = match dataset.sequence(split, row)? {
        Some(sequence) => sequence,
        None => dataset.csr(split)?.row(row),
    };
    let words: Vec<&str> = ids.iter().map(|&id| vocabulary.word(id).unwrap_or("?")).collect();
    Ok(Text::Words(words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surest_mistakes_come_first_and_equal_ones_by_row() {
        let logits = [2.0, 0.5, -2.5, 2.0, 0.0, -1.0, 40.0, 30.0];
        let probabilities = logits.map(|logit: f32| 1.0 / (1.0 + (-logit).exp()));
        let labels = [0, 0, 1, 0, 1, 0, 0, 1];
        let of = |count| surest_mistakes(&probabilities, &logits, &labels, count);
        assert_eq!(of(10), [6, 2, 0, 3, 1, 4]);
        assert_eq!(of(1), [6]);
        assert_eq!(of(0), [0; 0]);
    }
}
