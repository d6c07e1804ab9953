//! What moves the network: the strongest words, and the surest mistakes with what each word does to them.

use maud::{Markup, html};

use super::super::findings::{Findings, Mistake, Text};
use super::words::{count, number, shown_word, signed, thousands};
use crate::answer::{Explanation, Kind, Part, Strongest};

/// Longer reviews are cut: the longest of IMDB has 2,494 words.
const MOST_WORDS: usize = 3_000;
/// How many parts are listed on each side.
const MOST_PARTS: usize = 6;
/// Parts with less than this share of a review's largest evidence are not marked in its text.
const LEAST_MARKED: f32 = 0.25;

/// The part of the page about single words.
pub(super) fn words(findings: &Findings) -> Markup {
    html! {
        section aria-labelledby="words" {
            h2 id="words" { "The strongest words" }
            @match &findings.strongest {
                None => p.lead {
                    "The model does not know how text becomes its inputs, so its words cannot be weighed. Reviews that "
                    "were imported as text, or with a word index, have them."
                },
                Some(strongest) => {
                    p.lead {
                        "What a word alone does to an empty review, whose probability is "
                        (number(f64::from(strongest.empty))) ": the probability with the word, less that without."
                    }
                    (both_sides(strongest))
                }
            }
        }
    }
}

fn both_sides(strongest: &Strongest) -> Markup {
    let all = strongest.positive.iter().chain(&strongest.negative);
    let largest = all.map(|word| word.effect.abs()).fold(f32::MIN_POSITIVE, f32::max);
    html! {
        div.pair {
            @for (name, words) in [("positive", &strongest.positive), ("negative", &strongest.negative)] {
                div.scroll tabindex="0" role="group" aria-label={ "Towards " (name) } {
                    table.bars {
                        caption { "Towards " (name) }
                        thead.unseen { tr {
                            th scope="col" { "word" } td {} th scope="col" { "effect" }
                        } }
                        tbody { @for word in words { tr {
                            th scope="row" { bdi { (shown_word(&word.name)) } }
                            td { svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                                rect.(name) height="8" width=(format!("{:.1}", 100.0 * word.effect.abs() / largest)) {}
                            } }
                            td { (signed(f64::from(word.effect), 4)) }
                        } } }
                    }
                }
            }
        }
    }
}

/// The part of the page about single reviews.
pub(super) fn mistakes(findings: &Findings) -> Markup {
    let all = findings.evaluation.confusion.mistakes();
    let is_explained =
        findings.mistakes.iter().any(|mistake| matches!(mistake.text, Text::Explained { .. }));
    html! {
        section aria-labelledby="mistakes" {
            h2 id="mistakes" { "The surest mistakes" }
            @if all == 0 {
                p.lead { "There is none: every answer is right." }
            } @else {
                p.lead {
                    "Of " (count(all, "wrong answer", "wrong answers")) ", the "
                    (findings.mistakes.len()) " furthest from the truth. Words that the vocabulary does not have are “?”."
                }
            }
            @if is_explained {
                p.note {
                    "The number at a word is its evidence: the log-odds of “positive” with the word, less those without "
                    "it, all its places together. +0.7 doubles the odds, −0.7 halves them. In the text, what speaks for "
                    span.for { "positive" } " has a solid line below it, what speaks for " span.against { "negative" }
                    " a dotted one; the stronger, the thicker."
                }
            }
            @for mistake in &findings.mistakes { (card(mistake)) }
        }
    }
}

fn card(mistake: &Mistake) -> Markup {
    let name = |label: bool| if label { "positive" } else { "negative" };
    let is_positive = mistake.label == 1;
    let probability = format!("{:.4}", mistake.probability);
    let log_odds = signed(f64::from(mistake.logit), 1);
    html! {
        article {
            h3 {
                "Row " (thousands(mistake.row as u64)) " "
                span {
                    "is " (name(is_positive)) ", called " (name(!is_positive))
                    ": probability " (probability) ", log-odds " (log_odds)
                }
            }
            @match &mistake.text {
                Text::Unknown => p.note { "Neither model nor dataset has words for it." },
                Text::Words(words) => (text_box(mistake.row, html! { (cut_text(words)) })),
                Text::Explained { explanation, in_order } => {
                    (parts(explanation, !is_positive))
                    @if !in_order { p.note { "The dataset keeps no reading order: the words by their ids." } }
                    (text_box(mistake.row, marked(explanation)))
                }
            }
        }
    }
}

fn text_box(row: usize, text: Markup) -> Markup {
    html! {
        div.text tabindex="0" role="group" aria-label={ "The review of row " (thousands(row as u64)) } {
            (text)
        }
    }
}

fn cut_text(words: &str) -> String {
    let all = words.split(' ').count();
    let text: Vec<String> = words.split(' ').take(MOST_WORDS).map(shown_word).collect();
    text.join(" ") + &rest(all)
}

fn rest(all: usize) -> String {
    match all.saturating_sub(MOST_WORDS) {
        0 => String::new(),
        more => format!(" … and {} more words", thousands(more as u64)),
    }
}

/// The parts with the most evidence, those for the mistake before those against it.
fn parts(explanation: &Explanation, called_positive: bool) -> Markup {
    let mut parts: Vec<&Part> = explanation.parts.iter().collect();
    // Stable: equal ones stay in the order of their effects.
    parts.sort_by(|a, b| b.evidence.abs().total_cmp(&a.evidence.abs()));
    let towards = |positive: bool| -> Vec<&Part> {
        let is_so = |part: &&Part| if positive { part.evidence > 0.0 } else { part.evidence < 0.0 };
        parts.iter().copied().filter(is_so).take(MOST_PARTS).collect()
    };
    html! {
        dl.parts {
            @for (title, positive) in [("misled by", called_positive), ("against it", !called_positive)] {
                dt { (title) }
                dd {
                    @let parts = towards(positive);
                    @if parts.is_empty() { "nothing" }
                    @for part in parts {
                        span.part {
                            span.(if positive { "for" } else { "against" }) { bdi { (part_name(part)) } }
                            @if part.count > 1 { " ×" (part.count) }
                            " " b { (evidence(part)) }
                        } " "
                    }
                }
            }
        }
    }
}

fn part_name(part: &Part) -> String {
    match part.kind {
        Kind::Cut => "? (all unknown words)".to_owned(),
        Kind::Word => shown_word(&part.name),
        Kind::Ngram => format!("“{}”", shown_word(&part.name)),
    }
}

fn evidence(part: &Part) -> String {
    signed(f64::from(part.evidence), 2)
}

/// The text; its strong words are marked, in three degrees.
fn marked(explanation: &Explanation) -> Markup {
    let largest = explanation.parts.iter().map(|part| part.evidence.abs());
    let largest = largest.fold(f32::MIN_POSITIVE, f32::max);
    html! {
        @for (word, part) in explanation.words().take(MOST_WORDS) {
            @let is_cut = part.is_some_and(|part| part.kind == Kind::Cut);
            @let word = if is_cut { "?".to_owned() } else { shown_word(word) };
            @match part.filter(|part| part.evidence.abs() >= LEAST_MARKED * largest) {
                Some(part) => {
                    @let degree = (3.0 * part.evidence.abs() / largest).ceil().clamp(1.0, 3.0) as u8;
                    @let side = if part.evidence > 0.0 { "for" } else { "against" };
                    span class={ (side) " d" (degree) } title=(evidence(part)) { (word) } " "
                },
                None => { (word) " " }
            }
        }
        (rest(explanation.words().count()))
    }
}
