//! Using a trained network: probabilities for reviews, and how good they are.

use std::ops::Range;

use super::parallel::Team;
use super::rows::{Rows, Word};
use super::spans::ByLength;
use super::{Auc, ConfusionMatrix, Metric};
use crate::dataset::{Csr, Dataset, Split};
use crate::error::{Error, Result};
use crate::kernel::{Span, Sum, Table, gather_sum};
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
    let labels = dataset.labels(split)?;
    if labels.is_empty() {
        return Err(Error::Unfit {
            option: "--split",
            value: split.name().to_owned(),
            reason: "it has no reviews".to_owned(),
            remedy: "choose another split".to_owned(),
        });
    }
    let mut confusion = ConfusionMatrix::default();
    let mut auc = Auc::default();
    let mut sum = 0.0;
    predict(team, model, dataset, split, 0..labels.len(), |first, probabilities, logits| {
        let labels = &labels[first..first + probabilities.len()];
        confusion.update(probabilities, labels);
        auc.update(probabilities, labels);
        let labels: Vec<f32> = labels.iter().map(|&label| f32::from(label)).collect();
        sum += loss.sum(team.level(), logits, probabilities, &labels);
        Ok(())
    })?;
    let right = confusion.counts[0][0] + confusion.counts[1][1];
    Ok(Evaluation {
        reviews: labels.len(),
        loss: sum / labels.len() as f64,
        accuracy: right as f64 / labels.len() as f64,
        auc: auc.result(),
        confusion,
    })
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

/// The buffers and results of a block.
struct Block {
    workspace: Workspace,
    spans: Vec<Span>,
    by_length: ByLength,
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
    let count = range.len().div_ceil(BLOCK_ROWS).min(BLOCKS);
    let mut blocks: Vec<Block> = (0..count)
        .map(|_| Block {
            workspace: Workspace::new(architecture, BLOCK_ROWS),
            spans: Vec::with_capacity(BLOCK_ROWS),
            by_length: ByLength::default(),
        })
        .collect();
    for start in range.clone().step_by(BLOCKS * BLOCK_ROWS) {
        let round = start..range.end.min(start + BLOCKS * BLOCK_ROWS);
        let used = &mut blocks[..round.len().div_ceil(BLOCK_ROWS)];
        team.for_each(used, |index, Block { workspace, spans, by_length }| {
            let first = round.start + index * BLOCK_ROWS;
            let block_rows = first..round.end.min(first + BLOCK_ROWS);
            let first_z = workspace.first_z(block_rows.len());
            let span = |(row, at)| Span { row: row as u32, ..rows.span(at) };
            by_length.sort(block_rows.enumerate().map(span), spans);
            gather_sum(level, table, rows.indices, spans, Sum::Store, first_z);
            workspace.forward(level, &parameters.head);
        });
        for (index, Block { workspace, .. }) in used.iter().enumerate() {
            sink(start + index * BLOCK_ROWS, workspace.probabilities(), workspace.logits())?;
        }
    }
    Ok(())
}
