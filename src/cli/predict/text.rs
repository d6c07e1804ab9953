//! Answers to texts.

use std::path::PathBuf;

use imdb_fast::answer::Judge;
use imdb_fast::{Error, Result};

use super::super::{count, warn};
use super::batch::Batch;
use super::input::Texts;
use super::lines::{Known, Label, Lines};

/// One text to be answered: its number from 1, and its label where the file has one.
type Text<'a> = (u64, &'a str, Option<&'a str>);

/// Answers texts as they come.
pub(super) struct Answerer<'a> {
    judge: Judge<'a>,
    lines: Lines,
    /// Where the texts come from, if not from the arguments.
    file: Option<PathBuf>,
    probabilities: Vec<f32>,
}

impl<'a> Answerer<'a> {
    pub(super) fn new(judge: Judge<'a>, lines: Lines, file: Option<PathBuf>) -> Answerer<'a> {
        Answerer { judge, lines, file, probabilities: Vec::new() }
    }

    /// Answers all texts of a stream, as they come.
    pub(super) fn stream(&mut self, texts: &Texts) -> Result<()> {
        let mut skipped = 0;
        loop {
            let mut batches = texts.next();
            if batches.is_empty() {
                break;
            }
            let together: Vec<Text<'_>> = batches.iter().flat_map(Batch::iter).collect();
            self.answer(&together)?;
            skipped += batches.iter().map(|batch| batch.skipped).sum::<u64>();
            if let Some(fault) = batches.iter_mut().find_map(|batch| batch.fault.take()) {
                return Err(fault);
            }
        }
        if skipped > 0 {
            let (are, were) = if skipped == 1 { ("is", "was") } else { ("are", "were") };
            let reviews = count(skipped, "review", "reviews");
            warn(format_args!("{reviews} {are} not UTF-8 and {were} left out"));
        }
        Ok(())
    }

    /// Answers some texts, and hands the answers over.
    pub(super) fn answer(&mut self, texts: &[Text<'_>]) -> Result<()> {
        let only: Vec<&str> = texts.iter().map(|(_, text, _)| *text).collect();
        let known =
            texts.iter().map(|&(number, _, label)| Known { number, label: label.map(Label::Text) });
        if self.lines.explain() {
            let explanations = self.judge.explanations(&only);
            let explanations = explanations.map_err(|error| self.placed(error, texts))?;
            for (known, explanation) in known.zip(explanations) {
                self.lines.explanation(known, &explanation)?;
            }
        } else {
            self.probabilities.clear();
            let judged = self.judge.probabilities(&only, &mut self.probabilities);
            judged.map_err(|error| self.placed(error, texts))?;
            for (known, &probability) in known.zip(&self.probabilities) {
                self.lines.probability(known, probability)?;
            }
        }
        self.lines.flush()
    }

    /// An error of the judge, who knows a text only by its place among those of a call, with the place where it stands.
    fn placed(&self, error: Error, texts: &[Text<'_>]) -> Error {
        let Error::Overflow { at, logit, .. } = error else { return error };
        let place = self.lines.place(texts[at].0);
        let review = match &self.file {
            Some(file) => format!("{}, {place}", file.display()),
            None => place,
        };
        Error::Overflow { at, review, logit }
    }
}
