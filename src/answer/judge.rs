//! Probabilities of texts.

use crate::error::{Error, Result};
use crate::kernel::{Level, Span, Sum, Table, gather_sum};
use crate::model::Model;
use crate::nn::{Embedding, Workspace};
use crate::text::{Encoder, Encoding};
use crate::train::{SequenceBlock, Team};

/// Texts that a thread takes at a time.
const BLOCK: usize = 64;

/// A model that judges texts. The answer to a text does not depend on the others, nor on the threads.
#[derive(Debug)]
pub struct Judge<'a> {
    pub(super) model: &'a Model,
    pub(super) encoder: Encoder,
    pub(super) team: &'a Team,
}

/// A text of a call, and what errors call it.
pub(super) fn text_place(at: usize) -> (usize, String) {
    (at, format!("text {}", at + 1))
}

/// The buffers of a thread.
struct Scratch {
    encoding: Encoding,
    workspace: Workspace,
    features: Vec<u32>,
    spans: Vec<Span>,
    sequences: SequenceBlock<u32>,
}

/// Some texts and their answers.
struct Block<'a> {
    texts: &'a [&'a str],
    answers: &'a mut [f32],
    outcome: Result<()>,
}

impl<'a> Judge<'a> {
    /// Prepares a model to read texts.
    ///
    /// # Errors
    /// [`Error::Unfit`] where it has no vocabulary or no text rules, or these contradict each other or its inputs; those of
    /// [`Rules::check`](crate::text::Rules::check).
    pub fn new(model: &'a Model, team: &'a Team) -> Result<Judge<'a>> {
        const REMEDY: &str = "train on a dataset that `imdb-fast import` made of text, or of imdb.npz \
                              with --word-index imdb_word_index.json; `evaluate` needs none, nor `predict` of a dataset \
                              without --explain";
        let unfit = |value: &str, reason: &str| Error::Unfit {
            option: "the model",
            value: value.to_owned(),
            reason: reason.to_owned(),
            remedy: REMEDY.to_owned(),
        };
        if model.vocabulary.is_none() {
            return Err(unfit("without a vocabulary", "text, and words that explain, need one"));
        }
        let Some(encoder) = model.encoder()? else {
            return Err(unfit("without text rules", "nothing tells how text becomes its inputs"));
        };
        Ok(Judge { model, encoder, team })
    }

    /// How text becomes features.
    pub fn encoder(&self) -> &Encoder {
        &self.encoder
    }

    /// Appends to `probabilities` that of each text, in their order.
    ///
    /// # Errors
    /// [`Error::Overflow`] where the model's weights overflow on a text; nothing is appended then.
    pub fn probabilities<T: AsRef<str> + Sync>(
        &self,
        texts: &[T],
        probabilities: &mut Vec<f32>,
    ) -> Result<()> {
        let texts: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
        self.judge(&texts, probabilities)
    }

    /// The same of one type of text, for which the kernels are compiled here, and not in each crate that asks.
    fn judge(&self, texts: &[&str], probabilities: &mut Vec<f32>) -> Result<()> {
        let first = probabilities.len();
        probabilities.resize(first + texts.len(), 0.0);
        let answers = probabilities[first..].chunks_mut(BLOCK);
        let mut blocks: Vec<Block<'_>> = (texts.chunks(BLOCK).zip(answers))
            .map(|(texts, answers)| Block { texts, answers, outcome: Ok(()) })
            .collect();
        let rows = texts.len().min(BLOCK);
        let scratch = || Scratch {
            encoding: Encoding::default(),
            workspace: Workspace::new(self.model.architecture(), rows),
            features: Vec::new(),
            spans: Vec::with_capacity(rows),
            sequences: SequenceBlock::default(),
        };
        let work = |scratch: &mut Scratch, index: usize, block: &mut Block<'_>| {
            block.outcome = self.answer(scratch, index * BLOCK, block);
        };
        match blocks.as_mut_slice() {
            // A line typed by hand wakes no thread.
            [block] => work(&mut scratch(), 0, block),
            blocks => self.team.for_each_with(blocks, scratch, work),
        }
        let outcome = blocks.into_iter().try_for_each(|block| block.outcome);
        if outcome.is_err() {
            probabilities.truncate(first);
        }
        outcome
    }

    /// Answers a block whose first text has this number.
    fn answer(&self, scratch: &mut Scratch, first: usize, block: &mut Block<'_>) -> Result<()> {
        let Scratch { encoding, workspace, features, spans, sequences } = scratch;
        let Block { texts, answers, .. } = block;
        features.clear();
        spans.clear();
        sequences.clear();
        for (row, text) in (0..).zip(*texts) {
            self.encoder.encode(text, encoding);
            if let Some(embedding) = self.embedding() {
                sequences.push(embedding, encoding.words());
                continue;
            }
            let (start, length) = (features.len(), encoding.features().len() as u32);
            spans.push(Span { start, length, row });
            features.extend_from_slice(encoding.features());
        }
        match self.embedding() {
            Some(_) => sequences.average(self.level(), self.table(), workspace),
            None => {
                self.sum(features, spans, workspace.first_z(texts.len()));
                self.scale(features, spans, workspace);
            }
        }
        self.forward(workspace, |row| text_place(first + row))?;
        answers.copy_from_slice(workspace.probabilities());
        Ok(())
    }

    /// From the first layer's sums to the probabilities of a block of rows, whose places and names are those of
    /// `review`.
    pub(super) fn forward(
        &self,
        workspace: &mut Workspace,
        review: impl Fn(usize) -> (usize, String),
    ) -> Result<()> {
        workspace.forward(self.level(), &self.model.parameters().head);
        self.model.expect_finite(workspace.logits(), review)
    }

    /// How the network averages sequences, where it does.
    pub(super) fn embedding(&self) -> Option<Embedding> {
        self.model.architecture().embedding()
    }

    /// The first layer's sums of some rows, without the bias.
    pub(super) fn sum(&self, features: &[u32], spans: &[Span], z: &mut [f32]) {
        gather_sum(self.level(), self.table(), features, spans, Sum::Store, z);
    }

    /// Gives reviews of the block their scales, where they have some.
    fn scale(&self, features: &[u32], spans: &[Span], workspace: &mut Workspace) {
        let Some(scale) = self.model.row_scale() else { return };
        let words = |span: &Span| &features[span.start..][..span.length as usize];
        workspace
            .scale(spans.iter().map(|span| scale.row(words(span).iter().map(|&id| id as usize))));
    }

    /// The weight rows of all features.
    pub(super) fn table(&self) -> Table<'_> {
        let values = &self.model.parameters().first_kernel;
        Table::new(values, 0, self.model.architecture().width())
    }

    /// The first layer's sum of one row.
    pub(super) fn sum_of(&self, features: &[u32]) -> Vec<f32> {
        let mut z = vec![0.0; self.model.architecture().width()];
        let length = features.len() as u32;
        self.sum(features, &[Span { start: 0, length, row: 0 }], &mut z);
        z
    }

    /// The weight row of a feature.
    pub(super) fn row(&self, feature: u32) -> &[f32] {
        let Table { values, width, .. } = self.table();
        &values[feature as usize * width..][..width]
    }

    pub(super) fn level(&self) -> Level {
        self.team.level()
    }
}
