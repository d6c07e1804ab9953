//! Answers to texts: probabilities, or explanations.

use imdb_fast::Result;
use imdb_fast::answer::{Explanation, Judge, Kind, Part};
use serde::Serialize;

use super::super::answers::{Answers, Format, harmless};
use super::super::{thousands, warn};
use super::input::{Batch, Texts};

/// One text to be answered: its number from 1, and its label where the file has one.
type Text<'a> = (u64, &'a str, Option<&'a str>);

/// How answers are given.
pub(super) struct Style {
    pub(super) format: Format,
    pub(super) explain: bool,
    pub(super) colour: bool,
    /// The most parts of a text that are shown.
    pub(super) top: usize,
    /// What the number of a text is called.
    pub(super) number: &'static str,
}

/// Answers texts as they come.
pub(super) struct Answerer<'a> {
    judge: Judge<'a>,
    style: Style,
    answers: Answers,
    probabilities: Vec<f32>,
}

/// A line of JSON.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<u64>,
    probability: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parts: Option<Vec<PartLine<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<Vec<&'a str>>,
}

#[derive(Serialize)]
struct PartLine<'a> {
    part: &'a str,
    kind: &'static str,
    count: usize,
    effect: f32,
}

/// What a model that gives a chance of more than half calls a review.
fn verdict(probability: f32) -> &'static str {
    if probability > 0.5 { "positive" } else { "negative" }
}

impl<'a> Answerer<'a> {
    pub(super) fn new(judge: Judge<'a>, style: Style) -> Result<Answerer<'a>> {
        let mut answers = Answers::new(style.format);
        if style.format == Format::Csv {
            match style.explain {
                true => answers.record([
                    style.number,
                    "probability",
                    "label",
                    "kind",
                    "part",
                    "count",
                    "effect",
                ])?,
                false => answers.record([style.number, "probability", "label"])?,
            }
            answers.flush()?;
        }
        Ok(Answerer { judge, style, answers, probabilities: Vec::new() })
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
            let skipped = thousands(skipped);
            warn("warning", format_args!("{skipped} texts are not UTF-8 and were left out"));
        }
        Ok(())
    }

    /// Answers some texts, and hands the answers over.
    pub(super) fn answer(&mut self, texts: &[Text<'_>]) -> Result<()> {
        let only: Vec<&str> = texts.iter().map(|(_, text, _)| *text).collect();
        if self.style.explain {
            for (text, explanation) in texts.iter().zip(self.judge.explanations(&only)) {
                self.explanation(text, &explanation)?;
            }
        } else {
            self.probabilities.clear();
            self.judge.probabilities(&only, &mut self.probabilities);
            let probabilities = std::mem::take(&mut self.probabilities);
            for (text, &probability) in texts.iter().zip(&probabilities) {
                self.probability(text, probability)?;
            }
            self.probabilities = probabilities;
        }
        self.answers.flush()
    }

    fn probability(&mut self, &(number, _, label): &Text<'_>, probability: f32) -> Result<()> {
        match self.style.format {
            Format::Plain => self.answers.line(format_args!("{probability}")),
            Format::Jsonl => self.answers.json(&self.style.json(number, probability, label)),
            Format::Csv => self.answers.record([
                number.to_string(),
                probability.to_string(),
                label.unwrap_or("").to_owned(),
            ]),
        }
    }

    fn explanation(
        &mut self,
        &(number, _, label): &Text<'_>,
        explanation: &Explanation,
    ) -> Result<()> {
        let probability = explanation.probability;
        let parts = explanation.parts.iter().take(self.style.top);
        match self.style.format {
            Format::Plain => self.plain(number, explanation),
            Format::Jsonl => {
                let parts = parts.map(|part| PartLine {
                    part: &part.name,
                    kind: part.kind.name(),
                    count: part.count,
                    effect: part.effect,
                });
                let mut answer = self.style.json(number, probability, label);
                answer.parts = Some(parts.collect());
                answer.unknown = Some(unknown(explanation));
                self.answers.json(&answer)
            }
            Format::Csv => {
                let common =
                    [number.to_string(), probability.to_string(), label.unwrap_or("").to_owned()];
                if explanation.parts.is_empty() {
                    return self
                        .answers
                        .record(common.into_iter().chain([const { String::new() }; 4]));
                }
                for part in parts {
                    let own = [
                        part.kind.name().to_owned(),
                        part.name.clone(),
                        part.count.to_string(),
                        part.effect.to_string(),
                    ];
                    self.answers.record(common.iter().cloned().chain(own))?;
                }
                Ok(())
            }
        }
    }

    /// For people: the verdict, the text as the model reads it where there are colours, and the strongest parts.
    fn plain(&mut self, number: u64, explanation: &Explanation) -> Result<()> {
        let Style { number: name, top, .. } = self.style;
        let probability = explanation.probability;
        let paint = Paint { is_on: self.style.colour };
        let verdict = paint.bold(&format!("{probability:.4} {}", verdict(probability)));
        self.answers.line(format_args!("{name} {number}: {verdict}"))?;
        if explanation.words().next().is_none() {
            self.answers.line(format_args!("  no words"))?;
        } else if paint.is_on {
            let largest = explanation.parts.first().map_or(0.0, |part| part.effect.abs());
            let words = explanation.words().map(|(word, part)| match part {
                Some(part) => paint.effect(&harmless(word), part.effect, largest),
                None => paint.faint(&harmless(word)),
            });
            let words: Vec<String> = words.collect();
            self.answers.line(format_args!("  {}", words.join(" ")))?;
        }
        let largest = explanation.parts.first().map_or(0.0, |part| part.effect.abs());
        for part in explanation.parts.iter().take(top) {
            let effect = paint.effect(&format!("{:+.4}", part.effect), part.effect, largest);
            self.answers.line(format_args!("  {effect}  {}", named(part)))?;
        }
        let rest = explanation.parts.len().saturating_sub(top);
        if rest > 0 {
            self.answers
                .line(format_args!("  and {} more; --top shows them", thousands(rest as u64)))?;
        }
        let unknown = unknown(explanation);
        if !unknown.is_empty() {
            let shown: Vec<String> = unknown.iter().take(20).map(|word| harmless(word)).collect();
            let dots = if unknown.len() > 20 { ", ..." } else { "" };
            self.answers.line(format_args!("  not known: {}{dots}", shown.join(", ")))?;
        }
        Ok(())
    }
}

impl Style {
    fn json<'t>(&self, number: u64, probability: f32, label: Option<&'t str>) -> Answer<'t> {
        let is_line = self.number == LINE;
        Answer {
            line: is_line.then_some(number),
            review: (!is_line).then_some(number),
            probability,
            label,
            parts: None,
            unknown: None,
        }
    }
}

/// What numbers of texts are called: in files, and among arguments.
pub(super) const LINE: &str = "line";
pub(super) const REVIEW: &str = "review";

/// The distinct words that the model does not know, as they come.
fn unknown(explanation: &Explanation) -> Vec<&str> {
    let mut seen = std::collections::HashSet::new();
    let unknown = explanation.words().filter(|(_, part)| part.is_none()).map(|(word, _)| word);
    unknown.filter(|word| seen.insert(*word)).collect()
}

/// A part as people read it.
fn named(part: &Part) -> String {
    let times = if part.count > 1 { format!(" ({} times)", part.count) } else { String::new() };
    match part.kind {
        Kind::Cut => format!("[rare words]{times}"),
        _ => format!("{}{times}", harmless(&part.name)),
    }
}

/// Colours by ANSI's codes, where they are on.
#[derive(Clone, Copy)]
struct Paint {
    is_on: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.is_on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    /// Green for what makes a review positive, red for what makes it negative; bold where it is strong.
    fn effect(self, text: &str, effect: f32, largest: f32) -> String {
        let colour = if effect > 0.0 { "32" } else { "31" };
        match effect.abs() / largest {
            share if share > 0.5 => self.with(&format!("1;{colour}"), text),
            share if share > 0.05 => self.with(colour, text),
            _ => text.to_owned(),
        }
    }
}
