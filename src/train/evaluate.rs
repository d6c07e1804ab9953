//! Using a trained network: probabilities for reviews, and how good they are.

use std::ops::Range;

use super::parallel::Team;
use super::rows::{Rows, Word};
use super::spans::ByLength;
use super::{Auc, ConfusionMatrix, Metric};
use crate::dataset::{Csr, Dataset, Split};
use crate::error::{Error, Result};
use crate::kernel::{Level, Span, Sum, Table, gather_sum};
use crate::model::Model;
use crate::nn::{Loss, Workspace};

/// Rows that a thread takes at a time.
const BLOCK_ROWS: usize = 256;
/// Blocks whose results are kept at a time, so that memory does not grow with the dataset.
const BLOCKS: usize = 256;

/// What a network reaches on a split.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// How many reviews were judged.
    pub reviews: usize,
    /// The mean of the loss.
    pub loss: f64,
    /// The share of right answers at a probability of 0.5.
    pub accuracy: f64,
    /// The area under the ROC curve, as `keras.metrics.AUC` computes it.
    pub auc: f64,
    /// Counts of labels against answers, from which precision, recall and F1 come.
    pub confusion: ConfusionMatrix,
}

/// Judges a model on a labelled split.
///
/// # Errors
/// [`Error::Unfit`] where the dataset has no such split, it has no labels or no reviews, or its features are not the
/// model's inputs.
pub fn evaluate(
    team: &Team,
    model: &Model,
    dataset: &Dataset,
    split: Split,
    loss: &dyn Loss,
) -> Result<Evaluation> {
    let labels = labels_to_judge_by(dataset, split)?;
    let mut evaluator = Evaluator::new(loss, team.level());
    predict(team, model, dataset, split, 0..labels.len(), |first, probabilities, logits| {
        evaluator.add(probabilities, logits, &labels[first..first + probabilities.len()]);
        Ok(())
    })?;
    Ok(evaluator.finish())
}

/// The labels of a split that has some.
///
/// # Errors
/// [`Error::Unfit`] where the dataset has no such split, it has no labels or no reviews.
pub fn labels_to_judge_by(dataset: &Dataset, split: Split) -> Result<&[u8]> {
    let labels = dataset.labels(split)?;
    if labels.is_empty() {
        return Err(Error::Unfit {
            option: "--split",
            value: split.name().to_owned(),
            reason: "it has no reviews".to_owned(),
            remedy: "choose another split".to_owned(),
        });
    }
    Ok(labels)
}

/// Judges predictions as they come, for those who make them themselves.
#[derive(Debug)]
pub struct Evaluator<'a> {
    loss: &'a dyn Loss,
    level: Level,
    confusion: ConfusionMatrix,
    auc: Auc,
    sum: f64,
    reviews: usize,
    targets: Vec<f32>,
}

impl<'a> Evaluator<'a> {
    /// Nothing judged yet.
    pub fn new(loss: &'a dyn Loss, level: Level) -> Evaluator<'a> {
        Evaluator {
            loss,
            level,
            confusion: ConfusionMatrix::default(),
            auc: Auc::default(),
            sum: 0.0,
            reviews: 0,
            targets: Vec::new(),
        }
    }

    /// Takes in the predictions for some reviews, one value a review in each slice.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add(&mut self, probabilities: &[f32], logits: &[f32], labels: &[u8]) {
        assert_eq!(probabilities.len(), labels.len(), "a label for each review");
        self.confusion.update(probabilities, labels);
        self.auc.update(probabilities, labels);
        self.targets.clear();
        self.targets.extend(labels.iter().map(|&label| f32::from(label)));
        self.sum += self.loss.sum(self.level, logits, probabilities, &self.targets);
        self.reviews += labels.len();
    }

    /// What they come to. The means are not numbers where there was no review.
    pub fn finish(&self) -> Evaluation {
        let right = self.confusion.counts[0][0] + self.confusion.counts[1][1];
        Evaluation {
            reviews: self.reviews,
            loss: self.sum / self.reviews as f64,
            accuracy: right as f64 / self.reviews as f64,
            auc: self.auc.result(),
            confusion: self.confusion,
        }
    }
}

/// Calls `sink` with the first row, the probabilities and the logits of one stretch of rows after the other, in order.
///
/// # Errors
/// [`Error::Unfit`] where the dataset has no such split or rows, or its features are not the model's inputs; those of
/// the sink.
pub fn predict(
    team: &Team,
    model: &Model,
    dataset: &Dataset,
    split: Split,
    range: Range<usize>,
    sink: impl FnMut(usize, &[f32], &[f32]) -> Result<()>,
) -> Result<()> {
    model.expect_inputs(dataset.features())?;
    let csr = dataset.csr(split)?;
    if range.start > range.end || range.end > csr.rows() {
        return Err(Error::Unfit {
            option: "--rows",
            value: format!("{}..{}", range.start, range.end),
            reason: format!("the {} split has {} rows", split.name(), csr.rows()),
            remedy: "count from 0; the end is not included".to_owned(),
        });
    }
    match csr {
        Csr::Narrow(_) => predict_rows::<u16>(team, model, Rows::of(csr), range, sink),
        Csr::Wide(_) => predict_rows::<u32>(team, model, Rows::of(csr), range, sink),
    }
}

/// The buffers of a thread.
struct Scratch {
    workspace: Workspace,
    spans: Vec<Span>,
    by_length: ByLength,
}

/// The results of a block.
#[derive(Debug, Clone, Default)]
struct Block {
    probabilities: Vec<f32>,
    logits: Vec<f32>,
}

fn predict_rows<I: Word>(
    team: &Team,
    model: &Model,
    rows: Rows<'_, I>,
    range: Range<usize>,
    mut sink: impl FnMut(usize, &[f32], &[f32]) -> Result<()>,
) -> Result<()> {
    let level = team.level();
    let architecture = model.architecture();
    let parameters = model.parameters();
    let table = Table { values: &parameters.first_kernel, first: 0, width: architecture.width() };
    let scratch = || Scratch {
        workspace: Workspace::new(architecture, BLOCK_ROWS),
        spans: Vec::with_capacity(BLOCK_ROWS),
        by_length: ByLength::default(),
    };
    let mut blocks = vec![Block::default(); range.len().div_ceil(BLOCK_ROWS).min(BLOCKS)];
    for start in range.clone().step_by(BLOCKS * BLOCK_ROWS) {
        let round = start..range.end.min(start + BLOCKS * BLOCK_ROWS);
        let used = &mut blocks[..round.len().div_ceil(BLOCK_ROWS)];
        team.for_each_with(
            used,
            scratch,
            |Scratch { workspace, spans, by_length }, index, block| {
                let first = round.start + index * BLOCK_ROWS;
                let block_rows = first..round.end.min(first + BLOCK_ROWS);
                let first_z = workspace.first_z(block_rows.len());
                let span = |(row, at)| Span { row: row as u32, ..rows.span(at) };
                by_length.sort(block_rows.enumerate().map(span), spans);
                gather_sum(level, table, rows.indices, spans, Sum::Store, first_z);
                workspace.forward(level, &parameters.head);
                workspace.probabilities().clone_into(&mut block.probabilities);
                workspace.logits().clone_into(&mut block.logits);
            },
        );
        for (index, block) in used.iter().enumerate() {
            sink(start + index * BLOCK_ROWS, &block.probabilities, &block.logits)?;
        }
    }
    Ok(())
}
