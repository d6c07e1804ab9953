//! How answers are written: a line or a record for each probability, more for the reasons of one.

use imdb_fast::Result;
use imdb_fast::answer::{Explanation, Kind, Part};
use serde::Serialize;

use super::super::answers::{Answers, Format, harmless};
use super::super::thousands;

/// How answers are given.
pub(super) struct Style {
    pub(super) format: Format,
    pub(super) explain: bool,
    pub(super) colour: bool,
    /// The most parts of a review that are shown.
    pub(super) top: usize,
    pub(super) place: Place,
}

/// What tells a review from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Its line in a file, from 1.
    Line,
    /// Its number among the arguments, from 1.
    Review,
    /// Its row in a dataset, from 0.
    Row,
}

impl Place {
    const fn name(self) -> &'static str {
        match self {
            Place::Line => "line",
            Place::Review => "review",
            Place::Row => "row",
        }
    }
}

/// What is known of a review beside what it says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// Its number, as [`Place`] says.
    pub(super) number: u64,
    pub(super) label: Option<Label<'a>>,
}

/// A label as it stands in its file.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum Label<'a> {
    Text(&'a str),
    Class(u8),
}

/// Stdout, a review after the other.
pub(super) struct Lines {
    style: Style,
    answers: Answers,
}

/// A line of JSON.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<u64>,
    probability: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<Label<'a>>,
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

impl<'a> Answer<'a> {
    fn new(place: Place, known: Known<'a>, probability: f32) -> Answer<'a> {
        let number = |of| (place == of).then_some(known.number);
        Answer {
            line: number(Place::Line),
            review: number(Place::Review),
            row: number(Place::Row),
            probability,
            label: known.label,
            parts: None,
            unknown: None,
        }
    }
}

impl Known<'_> {
    /// What each record of it begins with.
    fn record(self, probability: f32) -> [String; 3] {
        let label = match self.label {
            None => String::new(),
            Some(Label::Text(text)) => text.to_owned(),
            Some(Label::Class(class)) => class.to_string(),
        };
        [self.number.to_string(), probability.to_string(), label]
    }
}

impl Lines {
    /// Begins; as CSV with a header, at once, so that whoever waits for it need not wait for a review.
    pub(super) fn new(style: Style) -> Result<Lines> {
        let mut answers = match style.format {
            Format::Plain if style.colour => Answers::coloured(),
            format => Answers::new(format),
        };
        if style.format == Format::Csv {
            let common = [style.place.name(), "probability", "label"];
            let own: &[&str] = match style.explain {
                true => &["kind", "part", "count", "effect"],
                false => &[],
            };
            answers.record(common.iter().chain(own))?;
            answers.flush()?;
        }
        Ok(Lines { style, answers })
    }

    /// Whether there are to be reasons.
    pub(super) fn explain(&self) -> bool {
        self.style.explain
    }

    /// What a review is called.
    pub(super) fn place(&self, number: u64) -> String {
        format!("{} {number}", self.style.place.name())
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.answers.flush()
    }

    pub(super) fn probability(&mut self, known: Known<'_>, probability: f32) -> Result<()> {
        match self.style.format {
            Format::Plain => self.answers.line(format_args!("{probability}")),
            Format::Jsonl => self.answers.json(&Answer::new(self.style.place, known, probability)),
            Format::Csv => self.answers.record(known.record(probability)),
        }
    }

    pub(super) fn explanation(
        &mut self,
        known: Known<'_>,
        explanation: &Explanation,
    ) -> Result<()> {
        let probability = explanation.probability;
        let parts = explanation.parts.iter().take(self.style.top);
        match self.style.format {
            Format::Plain => self.plain(known.number, explanation),
            Format::Jsonl => {
                let parts = parts.map(|part| PartLine {
                    part: &part.name,
                    kind: part.kind.name(),
                    count: part.count,
                    effect: part.effect,
                });
                let mut answer = Answer::new(self.style.place, known, probability);
                answer.parts = Some(parts.collect());
                answer.unknown = Some(unknown(explanation));
                self.answers.json(&answer)
            }
            Format::Csv => {
                let common = known.record(probability);
                if explanation.parts.is_empty() {
                    let nothing = [const { String::new() }; 4];
                    return self.answers.record(common.into_iter().chain(nothing));
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
        let top = self.style.top;
        let probability = explanation.probability;
        let paint = Paint { is_on: self.style.colour };
        let verdict = paint.bold(&format!("{probability:.4} {}", verdict(probability)));
        let place = self.place(number);
        self.answers.line(format_args!("{place}: {verdict}"))?;
        let largest = explanation.parts.first().map_or(0.0, |part| part.effect.abs());
        if explanation.words().next().is_none() {
            self.answers.line(format_args!("  no words"))?;
        } else if paint.is_on {
            let words = explanation.words().map(|(word, part)| match part {
                Some(part) => paint.effect(&harmless(word), part.effect, largest),
                None => paint.faint(&harmless(word)),
            });
            let words: Vec<String> = words.collect();
            self.answers.line(format_args!("  {}", words.join(" ")))?;
        }
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

/// What a model that gives a chance of more than half calls a review.
fn verdict(probability: f32) -> &'static str {
    if probability > 0.5 { "positive" } else { "negative" }
}

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
