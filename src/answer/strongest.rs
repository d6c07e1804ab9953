//! The words that move a model most.

use super::Judge;
use crate::error::Result;
use crate::nn::{Embedding, Workspace};
use crate::text::Encoding;
use crate::train::SequenceBlock;

/// Features that a thread takes at a time.
const BLOCK: usize = 256;

/// A review without words, and what errors call it.
fn nothing(_row: usize) -> (usize, String) {
    (0, "an empty review".to_owned())
}

/// What each feature does to an empty review.
#[derive(Debug, Clone, PartialEq)]
pub struct Strongest {
    /// The probability of the empty review.
    pub empty: f32,
    /// Features with a name that make it smaller, the most negative first.
    pub negative: Vec<WordEffect>,
    /// Those that make it larger, the most positive first.
    pub positive: Vec<WordEffect>,
}

/// What a feature does to an empty review.
#[derive(Debug, Clone, PartialEq)]
pub struct WordEffect {
    /// The word, or the words with spaces between.
    pub name: String,
    /// The probability with it, less that of the empty review.
    pub effect: f32,
    /// The probability with it: what the empty review's and the effect add up to, but for rounding.
    pub probability: f32,
}

impl Judge<'_> {
    /// The `top` words, and n-grams that have a name, with the strongest effect on an empty review, to each side.
    /// Features of equal effect come in the order of their ids.
    ///
    /// An n-gram stands for itself here, without its words.
    ///
    /// # Errors
    /// [`Error::Overflow`](crate::Error::Overflow) where the model's weights overflow on a word.
    pub fn strongest(&self, top: usize) -> Result<Strongest> {
        let mut empty = Encoding::default();
        self.encoder.encode("", &mut empty);
        let name = |id: u32| self.model.vocabulary.as_ref().and_then(|words| words.word(id));
        let named: Vec<u32> = {
            // Words below are cut: they have a name, and no text leads to them.
            let first = self.encoder.rules().skip_top as u32;
            let names = self.model.vocabulary.as_ref().map_or(0, |words| words.len() as u32);
            (first..names).filter(|&id| name(id).is_some()).collect()
        };
        let (base, probabilities) = match self.embedding() {
            Some(embedding) => self.probabilities_in_sequences(embedding, &empty, &named)?,
            None => self.probabilities_in_sets(&empty, &named)?,
        };
        let effects: Vec<f32> =
            probabilities.iter().map(|probability| probability - base).collect();
        let mut order: Vec<usize> = (0..named.len()).collect();
        // Stable: equal effects stay in the order of the ids. No effect is NaN, since no logit is.
        order.sort_by(|&a, &b| effects[a].total_cmp(&effects[b]));
        let negative = order.iter().copied().take_while(|&at| effects[at] < 0.0).take(top);
        let negative = negative.collect::<Vec<_>>();
        order.sort_by(|&a, &b| effects[b].total_cmp(&effects[a]));
        let positive = order.into_iter().take_while(|&at| effects[at] > 0.0).take(top);
        let word = |at: usize| WordEffect {
            name: name(named[at]).unwrap_or("").to_owned(),
            effect: effects[at],
            probability: probabilities[at],
        };
        Ok(Strongest {
            empty: base,
            negative: negative.into_iter().map(word).collect(),
            positive: positive.map(word).collect(),
        })
    }

    /// The probability of a review without words, and that with each feature when it comes to it.
    fn probabilities_in_sets(&self, empty: &Encoding, ids: &[u32]) -> Result<(f32, Vec<f32>)> {
        let scale = self.model.row_scale();
        let squares = |features: &[u32]| {
            scale.map_or(0.0, |scale| scale.squares(features.iter().map(|&id| id as usize)))
        };
        let empty_squares = squares(empty.features());
        let empty = self.sum_of(empty.features());
        let width = empty.len();
        let workspace = || Workspace::new(self.model.architecture(), BLOCK);
        let base = {
            let mut workspace = workspace();
            workspace.first_z(1).copy_from_slice(&empty);
            if let Some(scale) = scale {
                workspace.scale([scale.of_squares(empty_squares)]);
            }
            self.forward(&mut workspace, nothing)?;
            workspace.probabilities()[0]
        };
        let probabilities = self.of_features(ids, workspace, |workspace, ids| {
            let rows = workspace.first_z(ids.len()).chunks_exact_mut(width);
            for (z, &id) in rows.zip(ids.iter()) {
                let sums = empty.iter().zip(self.row(id));
                z.iter_mut().zip(sums).for_each(|(z, (base, weight))| *z = base + weight);
            }
            if let Some(scale) = scale {
                let of_word = |&id| scale.of_squares(empty_squares + squares(&[id]));
                workspace.scale(ids.iter().map(of_word));
            }
        })?;
        Ok((base, probabilities))
    }

    /// The probability of a review without words, and that with each word as its only one.
    fn probabilities_in_sequences(
        &self,
        embedding: Embedding,
        empty: &Encoding,
        ids: &[u32],
    ) -> Result<(f32, Vec<f32>)> {
        let workspace = || Workspace::new(self.model.architecture(), BLOCK);
        let mut words = empty.words().to_vec();
        let base = {
            let (mut workspace, mut block) = (workspace(), SequenceBlock::default());
            block.push(embedding, &words);
            block.average(self.level(), self.table(), &mut workspace);
            self.forward(&mut workspace, nothing)?;
            workspace.probabilities()[0]
        };
        words.push(0);
        let probabilities = self.of_features(ids, workspace, |workspace, ids| {
            let (mut block, mut words) = (SequenceBlock::default(), words.clone());
            for &id in ids {
                *words.last_mut().expect("it has just got a word") = id;
                block.push(embedding, &words);
            }
            block.average(self.level(), self.table(), workspace);
        })?;
        Ok((base, probabilities))
    }

    /// The probabilities of a row for each of some features; `fill` makes the rows' first-layer sums.
    fn of_features(
        &self,
        ids: &[u32],
        workspace: impl Fn() -> Workspace + Sync + Send,
        fill: impl Fn(&mut Workspace, &[u32]) + Sync + Send,
    ) -> Result<Vec<f32>> {
        let mut probabilities = vec![0.0; ids.len()];
        let blocks = ids.chunks(BLOCK).zip(probabilities.chunks_mut(BLOCK));
        let mut blocks: Vec<_> = blocks.map(|(ids, answers)| (ids, answers, Ok(()))).collect();
        self.team.for_each_with(&mut blocks, workspace, |workspace, _, (ids, answers, outcome)| {
            fill(workspace, ids);
            let word = |at: usize| (ids[at] as usize, format!("the word of id {}", ids[at]));
            *outcome = self.forward(workspace, word);
            answers.copy_from_slice(workspace.probabilities());
        });
        blocks.into_iter().try_for_each(|(.., outcome)| outcome)?;
        Ok(probabilities)
    }
}
