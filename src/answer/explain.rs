//! Why a model says what it says about a text.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::Judge;
use super::explanation::{Explanation, Kind, NONE, Part};
use super::judge::text_place;
use super::sequence::{BLOCK, Sequence};
use crate::dataset::{Dataset, Split};
use crate::error::{Error, Result};
use crate::nn::Workspace;
use crate::text::{CUT, DROPPED, Encoding, Scratch};

/// Reviews are explained side by side up to so many bytes of text, or ids of rows, and a larger one alone: of a long text, words,
/// ids and features take many times its own bytes.
const SIDE_BY_SIDE: usize = 4 << 20;

/// Where the others have less than this part of a text's squares, a difference is mostly the rounding of what it is taken from,
/// which their scale would make large.
const MOSTLY_ROUNDING: f64 = 1e-4;

/// A text cut into words, and the features that they make.
#[derive(Default)]
struct Reading {
    words: String,
    /// Where each word ends in `words`.
    ends: Vec<usize>,
    encoding: Encoding,
    /// What goes into the network, ascending.
    features: Vec<u32>,
}

/// A part and what goes when it is taken out.
struct Candidate {
    part: Part,
    features: Vec<u32>,
}

impl Judge<'_> {
    /// Explains each text, in their order.
    ///
    /// # Errors
    /// [`Error::Overflow`] where the model's weights overflow on a text, or on what is left of it without a part.
    pub fn explanations<T: AsRef<str> + Sync>(&self, texts: &[T]) -> Result<Vec<Explanation>> {
        self.explain_texts(&mut texts.iter().map(AsRef::as_ref))
    }

    /// The same of one type of text, so that the library compiles it, and not each crate that asks.
    fn explain_texts(&self, texts: &mut dyn Iterator<Item = &str>) -> Result<Vec<Explanation>> {
        let size = |text: &&str| text.len();
        self.explain_each(texts.enumerate(), size, text_place, |text| self.read(text))
    }

    /// Explains a text.
    ///
    /// # Errors
    /// As [`Judge::explanations`].
    pub fn explain(&self, text: &str) -> Result<Explanation> {
        let mut workspace = Workspace::new(self.model.architecture(), BLOCK);
        self.explain_reading(&mut workspace, self.read(text), &|| text_place(0))
    }

    /// Explains a review of a dataset: its word ids in reading order, with the marks of its start and of cut words among
    /// them, and its set of features, ascending. A word without a name is `?`; blanks within a name become no-break spaces.
    ///
    /// Nothing tells where words were dropped: there, words that stood apart count as neighbours where the review has
    /// their n-gram.
    ///
    /// # Errors
    /// As [`Judge::explanations`].
    ///
    /// # Panics
    /// If an id is not below the features of the model.
    pub fn explain_ids(&self, ids: &[u32], features: &[u32]) -> Result<Explanation> {
        let mut workspace = Workspace::new(self.model.architecture(), BLOCK);
        self.explain_reading(&mut workspace, self.read_ids(ids, features), &|| text_place(0))
    }

    /// Whether it matters to the model which words stand beside each other, or which come first.
    pub fn needs_order(&self) -> bool {
        self.encoder.rules().ngrams > 1 || self.embedding().is_some()
    }

    /// Explains some reviews of a dataset, in their order.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the dataset has no such split or rows, its features or words are not the model's, or it does not
    /// keep the order of words where the model goes by it; and as [`Judge::explanations`].
    pub fn explain_rows(
        &self,
        dataset: &Dataset,
        split: Split,
        rows: Range<usize>,
    ) -> Result<Vec<Explanation>> {
        self.model.expect_dataset(dataset)?;
        let csr = dataset.csr(split)?;
        dataset.expect_rows(split, &rows)?;
        let sequences = dataset.sequences(split)?;
        if sequences.is_none() && self.needs_order() {
            return Err(Error::Unfit {
                option: "--explain",
                value: dataset.container().path().display().to_string(),
                reason: "the model goes by the order of words, which it does not keep".to_owned(),
                remedy: "give the text itself, by --text or in a file".to_owned(),
            });
        }
        let rows = rows.map(|row| {
            let ids = sequences.as_ref().map(|sequences| sequences.row(row));
            (row, (csr.row(row), ids))
        });
        let size = |(features, ids): &(Vec<u32>, Option<Vec<u32>>)| {
            features.len() + ids.as_ref().map_or(0, Vec::len)
        };
        let name = |row| dataset.row_place(split, row);
        self.explain_each(rows, size, name, |(features, ids)| {
            self.read_ids(ids.as_ref().unwrap_or(features), features)
        })
    }

    /// Explains each of some reviews, of a size by `size`, which are read by `read`, in their order. Each comes with its place, of
    /// which `name` makes what errors call it.
    fn explain_each<T: Send>(
        &self,
        reviews: impl Iterator<Item = (usize, T)>,
        size: impl Fn(&T) -> usize,
        name: impl Fn(usize) -> (usize, String) + Sync,
        read: impl Fn(&T) -> Reading + Sync,
    ) -> Result<Vec<Explanation>> {
        let workspace = || Workspace::new(self.model.architecture(), BLOCK);
        let mut explanations = Vec::new();
        let mut reviews = reviews.peekable();
        while let Some((at, review)) = reviews.next() {
            let mut room = SIDE_BY_SIDE.saturating_sub(size(&review));
            let mut explained = vec![(at, review, None)];
            while let Some((at, review)) = reviews.next_if(|(_, review)| size(review) <= room) {
                room -= size(&review);
                explained.push((at, review, None));
            }
            self.team.for_each_with(
                &mut explained,
                workspace,
                |workspace, _, (at, review, explanation)| {
                    *explanation =
                        Some(self.explain_reading(workspace, read(review), &|| name(*at)));
                },
            );
            for explanation in explained.into_iter().filter_map(|(.., explanation)| explanation) {
                explanations.push(explanation?);
            }
        }
        Ok(explanations)
    }

    /// Explains a review, whose place and name are those of `review`.
    fn explain_reading(
        &self,
        workspace: &mut Workspace,
        reading: Reading,
        review: &dyn Fn() -> (usize, String),
    ) -> Result<Explanation> {
        let (mut candidates, candidate_of) = reading.candidates(self);
        let probability = match self.embedding() {
            None => self.weigh(workspace, &reading, &mut candidates, review)?,
            Some(embedding) => {
                let sequence = Sequence::new(embedding, reading.encoding.words(), &candidate_of);
                let parts = candidates.iter_mut().map(|candidate| &mut candidate.part);
                let parts = &mut parts.collect::<Vec<_>>();
                self.weigh_in_sequence(workspace, &sequence, parts, review)?
            }
        };

        let mut order: Vec<usize> = (0..candidates.len()).collect();
        let size = |at: usize| candidates[at].part.effect.abs();
        order.sort_by(|&a, &b| size(b).total_cmp(&size(a)));
        let mut place = vec![NONE; candidates.len()];
        (0..).zip(&order).for_each(|(to, &from)| place[from] = to);
        let part_of = candidate_of.iter().map(|&at| place.get(at as usize).map_or(NONE, |&p| p));
        let part_of = part_of.collect();
        let mut parts: Vec<Option<Part>> = candidates.into_iter().map(|c| Some(c.part)).collect();
        let parts = order.into_iter().filter_map(|at| parts[at].take()).collect();
        Ok(Explanation { probability, parts, words: reading.words, part_of })
    }

    fn read(&self, text: &str) -> Reading {
        let mut reading = Reading::default();
        let mut tokens = Vec::new();
        let tokenizer = self.encoder.rules().tokenizer;
        tokenizer.for_each(text, &mut Scratch::default(), |word| {
            reading.push(word);
            tokens.push(self.encoder.token(word));
        });
        self.encoder.encode_tokens(tokens, &mut reading.encoding);
        reading.features = reading.encoding.features().to_vec();
        reading
    }

    fn read_ids(&self, ids: &[u32], features: &[u32]) -> Reading {
        let rules = self.encoder.rules();
        // The encoder puts the mark of the start before the words again.
        let start = match rules.start_char {
            Some(start) if (start as usize) < rules.skip_top => rules.oov_char,
            start => start,
        };
        let words = match ids {
            [first, words @ ..] if Some(*first) == start => words,
            words => words,
        };
        let vocabulary = self.model.vocabulary.as_ref();
        let mut reading = Reading::default();
        for &id in words {
            let name = vocabulary.and_then(|vocabulary| vocabulary.word(id)).unwrap_or("?");
            reading.push(&name.replace(' ', "\u{A0}"));
        }
        let token = |&id: &u32| if Some(id) == rules.oov_char { CUT } else { id };
        self.encoder.encode_tokens(words.iter().map(token), &mut reading.encoding);
        reading.features = features.to_vec();
        reading
    }

    /// Fills in the effects; returns the probability of the whole text. Only the sums of the first layer are ever made
    /// anew: those of the text, less the weight rows of what is taken out, or of the others where they hardly count.
    fn weigh(
        &self,
        workspace: &mut Workspace,
        reading: &Reading,
        candidates: &mut [Candidate],
        review: &dyn Fn() -> (usize, String),
    ) -> Result<f32> {
        let sums = self.sum_of(&reading.features);
        let scale = self.model.row_scale();
        let squares = |features: &[u32]| {
            let words = features.iter().map(|&feature| feature as usize);
            scale.map_or(0.0, |scale| scale.squares(words))
        };
        let all_squares = squares(&reading.features);
        workspace.first_z(1).copy_from_slice(&sums);
        if let Some(scale) = scale {
            workspace.scale([scale.of_squares(all_squares)]);
        }
        self.forward(workspace, |_| review())?;
        let (probability, logit) = (workspace.probabilities()[0], workspace.logits()[0]);
        for block in candidates.chunks_mut(BLOCK) {
            let mut rests = Vec::with_capacity(block.len());
            let rows = workspace.first_z(block.len()).chunks_exact_mut(sums.len());
            for (z, candidate) in rows.zip(block.iter()) {
                let rest = all_squares - squares(&candidate.features);
                rests.push(if rest < MOSTLY_ROUNDING * all_squares {
                    let others = reading.features_without(&candidate.features);
                    z.copy_from_slice(&self.sum_of(&others));
                    squares(&others)
                } else {
                    z.copy_from_slice(&sums);
                    for &feature in &candidate.features {
                        z.iter_mut().zip(self.row(feature)).for_each(|(z, weight)| *z -= weight);
                    }
                    rest
                });
            }
            if let Some(scale) = scale {
                workspace.scale(rests.into_iter().map(|rest| scale.of_squares(rest)));
            }
            self.forward(workspace, |_| review())?;
            let without = workspace.probabilities().iter().zip(workspace.logits());
            for (candidate, (&without, &logit_without)) in block.iter_mut().zip(without) {
                candidate.part.compare((probability, logit), (without, logit_without));
            }
        }
        Ok(probability)
    }
}

impl Reading {
    fn push(&mut self, word: &str) {
        if !self.ends.is_empty() {
            self.words.push(' ');
        }
        self.words.push_str(word);
        self.ends.push(self.words.len());
    }

    /// A run of words. There are spaces between them already.
    fn run(&self, at: usize, length: usize) -> &str {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before] + 1);
        &self.words[start..self.ends[at + length - 1]]
    }

    /// What can be taken out, words before n-grams, each as it comes first; and which of them each word of the text is.
    fn candidates(&self, judge: &Judge<'_>) -> (Vec<Candidate>, Vec<u32>) {
        let oov = judge.encoder.rules().oov_char;
        let mut candidates: Vec<Candidate> = Vec::new();
        let mut by_token = HashMap::new();
        let mut candidate_of = Vec::with_capacity(self.ends.len());
        for (at, &token) in self.encoding.tokens().iter().enumerate() {
            let (name, kind) = match token {
                CUT => ("", Kind::Cut),
                _ => (self.run(at, 1), Kind::Word),
            };
            if token == DROPPED || (token == CUT && oov.is_none()) {
                candidate_of.push(NONE);
                continue;
            }
            let candidate = *by_token.entry(token).or_insert(candidates.len());
            if candidate == candidates.len() {
                candidates.push(Candidate::new(name, kind));
            }
            candidates[candidate].part.count += 1;
            candidate_of.push(candidate as u32);
        }
        for (candidate, feature) in self.taken_by(&candidate_of, judge) {
            if self.has(feature) {
                candidates[candidate as usize].features.push(feature);
            }
        }
        self.add_ngrams(&mut candidates, judge);
        (candidates, candidate_of)
    }

    /// Only what is there can be taken out: words and features may come from different parts of a file.
    fn has(&self, feature: u32) -> bool {
        self.features.binary_search(&feature).is_ok()
    }

    /// Its features without some of them.
    fn features_without(&self, taken: &[u32]) -> Vec<u32> {
        let taken: HashSet<u32> = taken.iter().copied().collect();
        self.features.iter().copied().filter(|feature| !taken.contains(feature)).collect()
    }

    /// Which features go with each word that is taken out, in the order of both: those that nothing else makes. (With
    /// hashing, runs that have no word in common may make the same one.)
    fn taken_by(&self, candidate_of: &[u32], judge: &Judge<'_>) -> Vec<(u32, u32)> {
        let mut makers: HashMap<u32, usize> = HashMap::new();
        for &feature in self.encoding.words() {
            *makers.entry(feature).or_default() += 1;
        }
        let oov = judge.encoder.rules().oov_char;
        let mut taken: HashMap<(u32, u32), usize> = HashMap::new();
        for (&token, &candidate) in self.encoding.tokens().iter().zip(candidate_of) {
            if candidate != NONE {
                let feature = if token == CUT { oov.unwrap_or(token) } else { token };
                *taken.entry((candidate, feature)).or_default() += 1;
            }
        }
        // Runs are found anew each time: kept, they would take more than all else.
        judge.encoder.for_each_run(self.encoding.tokens(), |at, length, feature| {
            *makers.entry(feature).or_default() += 1;
            let run = &candidate_of[at..at + length];
            for (place, &candidate) in run.iter().enumerate() {
                if !run[..place].contains(&candidate) {
                    *taken.entry((candidate, feature)).or_default() += 1;
                }
            }
        });
        taken.retain(|(_, feature), count| makers.get(feature) == Some(count));
        // A table's order is random, and sums depend on theirs.
        let mut taken: Vec<(u32, u32)> = taken.into_keys().collect();
        taken.sort_unstable();
        taken
    }

    fn add_ngrams(&self, candidates: &mut Vec<Candidate>, judge: &Judge<'_>) {
        let mut by_feature: HashMap<u32, usize> = HashMap::new();
        let mut named: HashSet<(u32, &str)> = HashSet::new();
        judge.encoder.for_each_run(self.encoding.tokens(), |at, length, feature| {
            if !self.has(feature) {
                return;
            }
            let name = self.run(at, length);
            let candidate = *by_feature.entry(feature).or_insert(candidates.len());
            if candidate == candidates.len() {
                let mut new = Candidate::new("", Kind::Ngram);
                new.features.push(feature);
                candidates.push(new);
            }
            let part = &mut candidates[candidate].part;
            part.count += 1;
            if named.insert((feature, name)) {
                if !part.name.is_empty() {
                    part.name.push_str(SHARED);
                }
                part.name.push_str(name);
            }
        });
    }
}

/// Stands between runs that share a feature.
const SHARED: &str = " | ";

impl Candidate {
    fn new(name: &str, kind: Kind) -> Candidate {
        let part = Part { name: name.to_owned(), kind, count: 0, effect: 0.0, evidence: 0.0 };
        Candidate { part, features: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::nn::{Architecture, InputScale, RowNorm};
    use crate::text::{Rules, Vocabulary};
    use crate::train::Team;

    fn probability(judge: &Judge<'_>, text: &str) -> f32 {
        let mut probabilities = Vec::new();
        judge.probabilities(&[text], &mut probabilities).unwrap();
        probabilities[0]
    }

    #[test]
    fn what_hardly_counts_is_judged_as_if_alone() {
        let team = Team::new(1).unwrap();
        let words = ["excellent", "the", "of", "nothing"];
        for ratio in [1e-2, 1e-4, 3e-6, 1e-9] {
            let mut model = Model::new(Architecture::new(4, &[]).unwrap(), 1);
            let scales = vec![3.1, ratio, -0.3 * ratio, 0.0];
            model.scale_input(Some(InputScale::new(scales, RowNorm::L2)));
            let (parameters, scale) = model.trained();
            parameters.first_kernel.copy_from_slice(&[0.7, -0.4, 0.9, 0.0]);
            scale.unwrap().multiply(&mut parameters.first_kernel);
            let rules = Rules {
                num_words: 4,
                start_char: None,
                oov_char: None,
                index_from: 0,
                ..Rules::default()
            };
            model.vocabulary = Some(Vocabulary::from_words(words));
            model.text = Some(rules);
            let judge = Judge::new(&model, &team).unwrap();
            for text in ["excellent", "the excellent", "the excellent of", "excellent nothing"] {
                let whole = probability(&judge, text);
                let explanation = judge.explain(text).unwrap();
                assert_eq!(explanation.parts.len(), text.split(' ').count());
                for part in &explanation.parts {
                    let others = text.split(' ').filter(|word| *word != part.name);
                    let others = others.collect::<Vec<_>>().join(" ");
                    let effect = whole - probability(&judge, &others);
                    let what = format!("{text:?} without {:?}, ratio {ratio}", part.name);
                    assert!(
                        (part.effect - effect).abs() < 1e-4,
                        "{what}: {} {effect}",
                        part.effect
                    );
                }
            }
        }
    }
}
