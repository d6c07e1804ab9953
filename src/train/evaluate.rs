//! Using a trained network: probabilities for reviews, and how good they are.

use std::ops::Range;

use super::parallel::Team;
use super::rows::{Rows, Word};
use super::sequences::{SequenceBlock, sequences};
use super::spans::ByLength;
use super::{Auc, ConfusionMatrix, Metric};
use crate::dataset::{Csr, Dataset, Fault, Sequences, Split, WordId, sound_rows};
use crate::error::{Error, Result};
use crate::kernel::{Level, Single, Span, Sum, Table, gather_sum};
use crate::model::Model;
use crate::nn::{Embedding, Loss, Workspace};

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
    /// The area under the ROC curve, as `keras.metrics.AUC` computes it; none where all reviews are of one class.
    pub auc: Option<f64>,
    /// Counts of labels against answers, from which precision, recall and F1 come.
    pub confusion: ConfusionMatrix,
}

/// Judges a model on a labelled split.
///
/// # Errors
/// [`Error::Unfit`] where the dataset has no such split, it has no labels or no reviews, or its features or words are not the
/// model's; [`Error::Overflow`] where the model's weights overflow on a row.
pub fn evaluate(
    model: &Model,
    dataset: &Dataset,
    split: Split,
    loss: &dyn Loss,
    team: &Team,
) -> Result<Evaluation> {
    let rows = 0..labels_to_judge_by(dataset, split)?.len();
    evaluate_rows(model, dataset, split, rows, loss, team)
}

/// Judges a model on some rows of a labelled split.
///
/// # Errors
/// Those of [`evaluate`], and where the split has not so many rows.
pub fn evaluate_rows(
    model: &Model,
    dataset: &Dataset,
    split: Split,
    rows: Range<usize>,
    loss: &dyn Loss,
    team: &Team,
) -> Result<Evaluation> {
    let labels = labels_to_judge_by(dataset, split)?;
    let mut evaluator = Evaluator::new(loss, team.level());
    predict(model, dataset, split, rows, team, |first, logits, probabilities| {
        evaluator.add(logits, probabilities, &labels[first..first + logits.len()]);
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

    /// Takes in the predictions for some reviews, one value a review in each slice. Every label but 1 counts as 0.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn add(&mut self, logits: &[f32], probabilities: &[f32], labels: &[u8]) {
        assert_eq!(logits.len(), labels.len(), "a label for each review");
        assert_eq!(probabilities.len(), labels.len(), "a probability for each review");
        self.confusion.update(probabilities, labels);
        self.auc.update(probabilities, labels);
        self.targets.clear();
        self.targets.extend(labels.iter().map(|&label| f32::from(label == 1)));
        self.sum += self.loss.sum(self.level, logits, probabilities, &self.targets);
        self.reviews += labels.len();
    }

    /// What they come to. The means are not numbers where there was no review.
    pub fn finish(&self) -> Evaluation {
        let right = self.reviews as u64 - self.confusion.mistakes();
        let has_both = self.confusion.counts.iter().all(|row| row.iter().sum::<u64>() > 0);
        Evaluation {
            reviews: self.reviews,
            loss: self.sum / self.reviews as f64,
            accuracy: right as f64 / self.reviews as f64,
            auc: has_both.then(|| self.auc.result()),
            confusion: self.confusion,
        }
    }
}

/// Calls `sink` with the first row, the logits and the probabilities of one stretch of rows after the other, in order.
///
/// # Errors
/// [`Error::Unfit`] where the dataset has no such split or rows, or its features or words are not the model's;
/// [`Error::Overflow`] where the model's weights overflow on a row; those of the sink.
pub fn predict(
    model: &Model,
    dataset: &Dataset,
    split: Split,
    range: Range<usize>,
    team: &Team,
    mut sink: impl FnMut(usize, &[f32], &[f32]) -> Result<()>,
) -> Result<()> {
    predict_to(model, dataset, split, range, team, &mut sink)
}

/// Calls `sink` as [`predict`] does, for rows that are in memory: those of a sparse matrix of compressed rows by its row pointers,
/// \[rows + 1\], and the ids of each row's words. They ascend strictly within a row; those of a network with an
/// [`Embedding`] come in reading order instead.
///
/// ```
/// use imdb_fast::model::Model;
/// use imdb_fast::nn::{Architecture, Parameters};
/// use imdb_fast::train::{Team, predict_rows};
///
/// # fn main() -> imdb_fast::Result<()> {
/// let architecture = Architecture::new(4, &[])?;
/// let mut parameters = Parameters::zeros(&architecture);
/// parameters.kernel_mut(0).copy_from_slice(&[0.5, -1.0, 2.0, 4.0]);
/// let mut model = Model::new(architecture, 1);
/// model.set_parameters(parameters)?;
/// // Three rows: the words 0 and 2, none, the word 1.
/// let (indptr, ids) = ([0, 2, 2, 3], [0, 2, 1]);
/// let mut all = Vec::new();
/// predict_rows(&model, (&indptr, &ids), &Team::new(1)?, |_first, logits, _probabilities| {
///     all.extend_from_slice(logits);
///     Ok(())
/// })?;
/// assert_eq!(all, [2.5, 0.0, -1.0]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Error::Unfit`] where these are no such rows, or an id is none of the model's inputs; [`Error::Overflow`] where the model's
/// weights overflow on a row; those of the sink.
pub fn predict_rows(
    model: &Model,
    rows: (&[u64], &[u32]),
    team: &Team,
    mut sink: impl FnMut(usize, &[f32], &[f32]) -> Result<()>,
) -> Result<()> {
    predict_rows_to(model, rows, team, &mut sink)
}

/// What takes the first row, the logits and the probabilities of a stretch of rows. No type of its own: the kernels would be
/// compiled again for each, in the crate that it is from.
type Sink<'a> = &'a mut dyn FnMut(usize, &[f32], &[f32]) -> Result<()>;

fn predict_to(
    model: &Model,
    dataset: &Dataset,
    split: Split,
    range: Range<usize>,
    team: &Team,
    sink: Sink<'_>,
) -> Result<()> {
    model.expect_dataset(dataset)?;
    let csr = dataset.csr(split)?;
    dataset.expect_rows(split, &range)?;
    let place = |row| dataset.row_place(split, row);
    let to = Predicting { team, model, place: &place, range };
    if let Some(embedding) = model.architecture().embedding() {
        return match sequences(dataset, split)? {
            Sequences::Narrow(pointers, ids) => to.of_sequences(embedding, (pointers, ids), sink),
            Sequences::Wide(pointers, ids) => to.of_sequences(embedding, (pointers, ids), sink),
        };
    }
    match csr {
        Csr::Narrow(_) => to.of_sets::<u16>(Rows::of(csr), sink),
        Csr::Wide(_) => to.of_sets::<u32>(Rows::of(csr), sink),
    }
}

fn predict_rows_to(
    model: &Model,
    (indptr, ids): (&[u64], &[u32]),
    team: &Team,
    sink: Sink<'_>,
) -> Result<()> {
    let embedding = model.architecture().embedding();
    let found = sound_rows(model.architecture().inputs(), indptr, ids, embedding.is_none());
    found.map_err(|(fault, reason)| Error::Unfit {
        option: "the list of rows",
        value: match fault {
            Fault::Pointers => "one whose pointers lead elsewhere".to_owned(),
            Fault::Pointer(row) | Fault::Words(row) => format!("wrong in row {row}"),
        },
        reason,
        remedy:
            "give each row the ids of its words, all of them inputs of the network, and ascending \
                 where it takes no sequences"
                .to_owned(),
    })?;
    let place = |row| (row, format!("row {row}"));
    let to = Predicting { team, model, place: &place, range: 0..indptr.len() - 1 };
    match embedding {
        Some(embedding) => to.of_sequences(embedding, (indptr, ids), sink),
        None => to.of_sets(Rows::from_parts(indptr, ids), sink),
    }
}

/// The results of a block.
#[derive(Debug, Clone, Default)]
struct Block {
    probabilities: Vec<f32>,
    logits: Vec<f32>,
}

/// A model that judges a range of rows.
struct Predicting<'a> {
    team: &'a Team,
    model: &'a Model,
    /// Each row's place and what errors call it.
    place: &'a dyn Fn(usize) -> (usize, String),
    range: Range<usize>,
}

impl Predicting<'_> {
    /// By the sets of their words.
    fn of_sets<I: Word + WordId>(self, rows: Rows<'_, I>, sink: Sink<'_>) -> Result<()> {
        let (level, table) = (self.team.level(), table(self.model));
        let scale = self.model.row_scale();
        let scratch = || (Vec::with_capacity(BLOCK_ROWS), ByLength::default());
        self.run(sink, scratch, |(spans, by_length), block_rows, workspace| {
            let sums = workspace.first_z(block_rows.len());
            let span = |(row, at)| Span { row: row as u32, ..rows.span(at) };
            by_length.sort(block_rows.clone().enumerate().map(span), spans);
            gather_sum(level, table, rows.indices, spans, Sum::Store, sums);
            if let Some(scale) = scale {
                let of_row = |row| scale.row(rows.words(row).iter().map(|word| word.place()));
                workspace.scale(block_rows.map(of_row));
            }
        })
    }

    /// By their sequences.
    fn of_sequences<I: Single>(
        self,
        embedding: Embedding,
        (pointers, ids): (&[u64], &[I]),
        sink: Sink<'_>,
    ) -> Result<()> {
        let (level, table) = (self.team.level(), table(self.model));
        self.run(sink, SequenceBlock::default, |block, block_rows, workspace| {
            block.clear();
            for row in block_rows {
                block.push(embedding, &ids[pointers[row] as usize..pointers[row + 1] as usize]);
            }
            block.average(level, table, workspace);
        })
    }

    /// Goes through the rows by blocks: `sum` fills in the first layer's sums of some of them.
    fn run<S>(
        self,
        sink: Sink<'_>,
        scratch: impl Fn() -> S + Sync + Send,
        sum: impl Fn(&mut S, Range<usize>, &mut Workspace) + Sync + Send,
    ) -> Result<()> {
        let Predicting { team, model, place, range } = self;
        let level = team.level();
        let scratch = || (Workspace::new(model.architecture(), BLOCK_ROWS), scratch());
        let mut blocks = vec![Block::default(); range.len().div_ceil(BLOCK_ROWS).min(BLOCKS)];
        for start in range.clone().step_by(BLOCKS * BLOCK_ROWS) {
            let round = start..range.end.min(start + BLOCKS * BLOCK_ROWS);
            let used = &mut blocks[..round.len().div_ceil(BLOCK_ROWS)];
            team.for_each_with(used, scratch, |(workspace, scratch), index, block| {
                let first = round.start + index * BLOCK_ROWS;
                sum(scratch, first..round.end.min(first + BLOCK_ROWS), workspace);
                workspace.forward(level, &model.parameters().head);
                workspace.probabilities().clone_into(&mut block.probabilities);
                workspace.logits().clone_into(&mut block.logits);
            });
            for (index, block) in used.iter().enumerate() {
                let first = start + index * BLOCK_ROWS;
                model.expect_finite(&block.logits, |at| place(first + at))?;
                sink(first, &block.logits, &block.probabilities)?;
            }
        }
        Ok(())
    }
}

/// The first kernel of a model.
fn table(model: &Model) -> Table<'_> {
    let values = &model.parameters().first_kernel;
    Table::new(values, 0, model.architecture().width())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::BinaryCrossentropy;

    /// Loss, accuracy and counts alike.
    #[test]
    fn every_label_but_1_is_0() {
        let [other, zero] = [7, 0].map(|label| {
            let mut evaluator = Evaluator::new(&BinaryCrossentropy, Level::detect());
            evaluator.add(&[1.0, -1.0], &[0.7, 0.3], &[label, 1]);
            evaluator.finish()
        });
        assert_eq!(other, zero);
    }

    #[test]
    fn slices_of_other_lengths_are_refused() {
        for [logits, probabilities, labels] in [[2, 1, 1], [1, 2, 1], [1, 1, 2]] {
            let add = || {
                let mut evaluator = Evaluator::new(&BinaryCrossentropy, Level::detect());
                evaluator.add(&vec![0.0; logits], &vec![0.5; probabilities], &vec![1; labels]);
            };
            assert!(std::panic::catch_unwind(add).is_err());
        }
    }
}
