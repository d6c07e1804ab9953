//! A run, or a sweep, as one page for a browser: it needs no other file and no network, follows the browser's light or dark colours, and
//! can be read without its script, which only moves what the browser shows anyway to the pointer.
//!
//! Whatever comes from files is escaped, and a content security policy lets nothing else act or load. Same inputs, same
//! bytes.

mod chart;
mod curves;
mod facts;
mod multiples;
mod policy;
mod reasons;
mod scores;
mod strip;
mod sweep;
mod words;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::findings::Findings;
use super::json::HistoryFile;
use crate::model::Model;
pub use sweep::sweep_page;
use words::{number, percent, seconds, shown, thousands};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The page of a run: what it was, how it went, and what its model does.
///
/// `name` is what to call it, such as the name of its folder.
pub fn run_page(name: &str, file: &HistoryFile, model: &Model, findings: &Findings) -> String {
    let name = shown(name);
    let body = html! {
        header {
            p.eyebrow { "imdb-fast, report of a run" }
            h1 { bdi { (name) } }
            p.lead { (sentence(file, model, findings)) }
            (headline(file, findings))
        }
        main {
            (curves::section(file))
            (scores::section(file, findings))
            (reasons::words(findings))
            (reasons::mistakes(findings))
            (facts::section(file, model, findings))
        }
    };
    document(&format!("{name} – imdb-fast"), &body)
}

/// A whole page around `body`.
fn document(title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy::policy(STYLE, SCRIPT));
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="generator" content="imdb-fast";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (body)
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string() + "\n"
}

/// What the run was.
fn sentence(file: &HistoryFile, model: &Model, findings: &Findings) -> String {
    let architecture = model.architecture();
    let units = architecture.layers().iter().map(|layer| layer.units.to_string());
    let sizes: Vec<String> =
        std::iter::once(architecture.inputs().to_string()).chain(units).collect();
    let merged = match file.networks {
        0 | 1 => String::new(),
        count => format!(", merged from {}", thousands(count as u64)),
    };
    // The epochs of a student on the reviews that its teacher labelled are not in its history.
    let trained = match file.is_self_trained() {
        true => "self-trained".to_owned(),
        false => {
            let last = file.history.epochs() as u64;
            let epochs = words::count(last, "epoch", "epochs");
            match model.training["epoch"].as_u64().filter(|&epoch| epoch != last) {
                Some(epoch) => {
                    format!("trained for {epochs}, with the weights of epoch {}", thousands(epoch))
                }
                None => format!("trained for {epochs}"),
            }
        }
    };
    format!(
        "A {} network of {} parameters{merged}, {trained}, judged on the {} of the {} split.",
        sizes.join("–"),
        thousands(architecture.parameters() as u64),
        words::count(findings.evaluation.reviews as u64, "review", "reviews"),
        findings.split.name()
    )
}

/// The figures that people ask for first.
fn headline(file: &HistoryFile, findings: &Findings) -> Markup {
    let split = findings.split.name();
    let mut figures = vec![
        (format!("{split} accuracy"), percent(findings.evaluation.accuracy)),
        (format!("{split} loss"), number(findings.evaluation.loss)),
    ];
    if let Some(roc) = &findings.roc {
        figures.push(("ROC area".to_owned(), number(roc.area)));
    }
    if let Some(merged) = file.merged {
        figures.push(("the model’s validation accuracy".to_owned(), percent(merged.val_accuracy)));
        figures.push(("the model’s validation loss".to_owned(), number(merged.val_loss)));
    }
    let history = &file.history;
    if let (Some(epoch), Some(losses)) = (history.lowest("val_loss"), history.get("val_loss")) {
        let of = if file.networks > 1 { ", mean of the networks" } else { "" };
        let name = format!("lowest validation loss{of}, epoch {}", epoch + 1);
        figures.push((name, number(losses[epoch])));
    }
    if let Some(rate) = file.reviews_a_second() {
        figures.push(("trained in".to_owned(), seconds(file.fit_seconds)));
        figures.push(("reviews a second".to_owned(), thousands(rate)));
    }
    html! {
        dl.headline {
            @for (name, value) in figures { div { dt { (name) } dd { (value) } } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How much light each of a colour's values reflects, light and then dark (WCAG 2, relative luminance).
    fn luminances(name: &str) -> Vec<f64> {
        let of = |rest: &str| {
            let channel = |at: usize, weight: f64| {
                let value = u8::from_str_radix(&rest[at..at + 2], 16).unwrap();
                weight * ((f64::from(value) / 255.0 + 0.055) / 1.055).powf(2.4)
            };
            channel(0, 0.2126) + channel(2, 0.7152) + channel(4, 0.0722)
        };
        STYLE.split(&format!(" {name}: #")).skip(1).map(of).collect()
    }

    #[test]
    fn paper_is_white_and_shows_all() {
        assert!(!STYLE.contains("@media (prefers-color-scheme"));
        let (_, print) = STYLE.split_once("@media print {").unwrap();
        for rule in ["details > .scroll { max-height: none", ".scroll { overflow: visible"] {
            assert!(print.contains(rule), "no {rule}");
        }
    }

    /// WCAG 2.2, 1.4.11: 3 to 1.
    #[test]
    fn what_is_drawn_stands_out_from_the_page() {
        let pages = luminances("--page");
        for name in ["--axis", "--training", "--validation", "--score", "--positive", "--negative"]
        {
            let drawn = luminances(name);
            assert_eq!((drawn.len(), pages.len()), (2, 2));
            for (drawn, page) in drawn.iter().zip(&pages) {
                let contrast = (drawn.max(*page) + 0.05) / (drawn.min(*page) + 0.05);
                assert!(contrast >= 3.0, "{name}: {contrast}");
            }
        }
    }
}
