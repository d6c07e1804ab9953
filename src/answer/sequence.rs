//! What taking a word out of a sequence changes.

use super::Judge;
use super::explanation::{NONE, Part};
use crate::error::Result;
use crate::nn::{Embedding, Workspace};
use crate::train::SequenceBlock;

/// Changed reviews that go through the network together.
pub(super) const BLOCK: usize = 256;

/// A text as the sequence that a network averages.
pub(super) struct Sequence<'a> {
    embedding: Embedding,
    /// All words in reading order, with those that are cut off.
    words: &'a [u32],
    /// Which part each of them is, or [`NONE`].
    part_of: Vec<u32>,
    /// Where the words begin that are not cut off.
    start: usize,
}

/// What changes in the sum over the positions when a part is taken out.
struct Change {
    /// Words and how many more of them, or fewer, there are.
    words: Vec<(u32, f32)>,
    /// The factor of the new sum.
    scale: f32,
}

impl<'a> Sequence<'a> {
    /// `part_of` tells which part each word of the text is, [`NONE`] for those that do not come into the sequence. Marks, which
    /// no word of the text stands for, come first.
    pub(super) fn new(embedding: Embedding, words: &'a [u32], part_of: &[u32]) -> Sequence<'a> {
        let kept: Vec<u32> = part_of.iter().copied().filter(|&part| part != NONE).collect();
        let marks = words.len() - kept.len();
        Sequence {
            embedding,
            words,
            part_of: std::iter::repeat_n(NONE, marks).chain(kept).collect(),
            start: words.len() - embedding.cut(words).len(),
        }
    }

    /// How often each part stands where it is not cut off, and the id of its words.
    fn counts(&self, parts: usize) -> Vec<(usize, u32)> {
        let mut counts = vec![(0, 0); parts];
        for (&part, &word) in self.part_of.iter().zip(self.words).skip(self.start) {
            if let Some((count, id)) = counts.get_mut(part as usize) {
                (*count, *id) = (*count + 1, word);
            }
        }
        counts
    }

    /// Takes a part out, which stands `count` times where it is not cut off: as many words from before come in, then padding.
    /// `zeros` positions of the sequence have id 0.
    fn without(&self, part: u32, (count, id): (usize, u32), zeros: usize) -> Change {
        let before = self.part_of[..self.start].iter().zip(&self.words[..self.start]).rev();
        let others = before.filter(|&(&other, _)| other != part).map(|(_, &word)| word);
        let mut words: Vec<(u32, f32)> = others.take(count).map(|word| (word, 1.0)).collect();
        let padding = count - words.len();
        words.extend([(0, padding as f32), (id, -(count as f32))]);
        let more_zeros: f32 = words.iter().filter(|(word, _)| *word == 0).map(|(_, n)| n).sum();
        if self.embedding.mask {
            words.retain(|&(word, _)| word != 0);
        }
        // Both are whole numbers, and at most the length of a sequence.
        let zeros = (zeros as f32 + more_zeros) as usize;
        Change { words, scale: self.embedding.scale(self.embedding.positions(zeros)) }
    }
}

impl Judge<'_> {
    /// Fills in the effects of the parts; returns the probability of the whole text. Only the sums of the first layer are ever
    /// made anew: those of the text, less what goes and with what comes.
    pub(super) fn weigh_in_sequence(
        &self,
        workspace: &mut Workspace,
        sequence: &Sequence<'_>,
        parts: &mut [&mut Part],
        review: &dyn Fn() -> (usize, String),
    ) -> Result<f32> {
        let &Sequence { embedding, words, start, .. } = sequence;
        let level = self.level();
        let mut block = SequenceBlock::default();
        block.push(embedding, words);
        block.average(level, self.table(), workspace);
        self.forward(workspace, |_| review())?;
        let (probability, logit) = (workspace.probabilities()[0], workspace.logits()[0]);
        let mut sums = vec![0.0; self.table().width];
        block.sum(level, self.table(), &mut sums);

        let there = &words[start..];
        let zeros = embedding.max_len - there.iter().filter(|&&word| word != 0).count();
        let counts = sequence.counts(parts.len());
        let mut scales = Vec::with_capacity(BLOCK);
        for (index, block) in parts.chunks_mut(BLOCK).enumerate() {
            let first = index * BLOCK;
            scales.clear();
            let rows = workspace.first_z(block.len()).chunks_exact_mut(sums.len());
            for (part, z) in (first..).zip(rows) {
                z.copy_from_slice(&sums);
                let change = sequence.without(part as u32, counts[part], zeros);
                for (word, more) in change.words {
                    let row = self.row(word);
                    z.iter_mut().zip(row).for_each(|(z, weight)| *z += more * weight);
                }
                scales.push(change.scale);
            }
            workspace.scale(scales.iter().copied());
            self.forward(workspace, |_| review())?;
            let without = workspace.probabilities().iter().zip(workspace.logits());
            for ((part, (&without, &logit_without)), &(count, _)) in
                block.iter_mut().zip(without).zip(&counts[first..])
            {
                // What is cut off changes nothing, not even the last place of a float.
                if count > 0 {
                    part.compare((probability, logit), (without, logit_without));
                }
            }
        }
        Ok(probability)
    }
}
