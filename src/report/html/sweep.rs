//! A sweep as one page: what was compared, the table, and the curves of each configuration.

use maud::{Markup, html};

use super::super::sweep::{SweepResults, outcome};
use super::document;
use super::facts::of_machine;
use super::multiples;
use super::strip::Strip;
use super::words::{count, number, percent, shown, thousands, words_of};
use crate::dataset::Holdout;
use crate::sweep::{Configuration, Design, Judging, Measure, Summary};

/// A longer table is cut; results.csv has all.
const MOST_LINES: usize = 500;

/// The page of a sweep. `name` is what to call it, such as the name of its folder.
pub fn sweep_page(name: &str, results: &SweepResults) -> String {
    let name = shown(name);
    let ranking = results.ranking();
    let labels: Vec<String> = results.design.labels().iter().map(|label| shown(label)).collect();
    let body = html! {
        header {
            p.eyebrow { "imdb-fast, report of a sweep" }
            h1 { bdi { (name) } }
            p.lead { (sentence(&results.design)) }
            (headline(results, &ranking, &labels))
        }
        main {
            (comparison(results, &ranking, &labels))
            (multiples::section(results, &ranking, &labels, Measure::ValLoss))
            (multiples::section(results, &ranking, &labels, Measure::ValAccuracy))
            (facts(results))
        }
    };
    document(&format!("{name} – imdb-fast"), &body)
}

fn sentence(design: &Design) -> String {
    let best = match design.by() {
        Measure::ValLoss => "lowest",
        Measure::ValAccuracy => "highest",
    };
    format!(
        "{}, each trained with {}, judged on {}, held out. They are compared by the mean {} over the runs, at the epoch where \
         that mean is {best}{}.",
        count(design.configurations().len() as u64, "configuration", "configurations"),
        count(design.seeds().len() as u64, "seed", "seeds"),
        held_out(design),
        words_of(design.by()),
        match design.configurations().iter().any(Configuration::is_scheduled) {
            true =>
                ", or at the last one where the learning rate follows a schedule over the whole run",
            false => "",
        }
    )
}

/// What the runs did not learn from and were judged on.
fn held_out(design: &Design) -> String {
    match design.judging() {
        Judging::Folds(folds) => {
            format!("each of {folds} folds of the training reviews in turn")
        }
        Judging::Holdout(Holdout::First(reviews)) => {
            format!("the first {}", count(reviews as u64, "training review", "training reviews"))
        }
        Judging::Holdout(part) => {
            format!("the first part of the training reviews, {part} of them")
        }
    }
}

/// A label of more characters stands in a line of its own: beside the figures it would be a column of single words.
const LONG: usize = 24;

/// The figures that people ask for first.
fn headline(results: &SweepResults, ranking: &[Summary], labels: &[String]) -> Markup {
    let by = results.design.by();
    let mut figures = Vec::new();
    if let Some((best, spread)) = ranking.first().and_then(|best| Some((best, best.best()?))) {
        figures.push(("best".to_owned(), labels[best.configuration].clone()));
        figures.push((format!("its {}", words_of(by)), number(spread.mean)));
        figures.push(("at epoch".to_owned(), outcome(best)[0].clone()));
    }
    if let Some(test) = results.best.as_ref().and_then(|best| best.test) {
        figures.push(("test accuracy, trained again on all".to_owned(), percent(test.accuracy)));
        figures.push(("its test loss".to_owned(), number(test.loss)));
    }
    let done = results.runs.iter().flatten().count();
    figures.push(("runs".to_owned(), thousands(done as u64)));
    html! {
        dl.headline {
            @for (name, value) in figures {
                div.long[value.chars().count() > LONG] { dt { (name) } dd { bdi { (value) } } }
            }
        }
    }
}

/// The table, with a picture of the single runs in each line.
fn comparison(results: &SweepResults, ranking: &[Summary], labels: &[String]) -> Markup {
    let design = &results.design;
    let strip = Strip::new(results, ranking);
    let deviation = if design.runs_each() > 1 { ", mean ± standard deviation" } else { "" };
    html! {
        section aria-labelledby="comparison" {
            h2 id="comparison" { "The configurations" }
            p.lead {
                "Loss and accuracy are those of the reviews held out" (deviation) " over "
                (count(design.runs_each() as u64, "run", "runs")) " each."
                @if !design.has_one_loss() { " Losses of different kinds have no common scale." }
            }
            div.scroll tabindex="0" role="group" aria-label="Configurations" {
                table.numbers.ranking {
                    thead { tr {
                        @for name in ["configuration", "parameters", "epoch", "loss", "accuracy"] {
                            th scope="col" { (name) }
                        }
                        th scope="col" { (strip.title(words_of(design.by()))) }
                    } }
                    tbody {
                        @for (rank, summary) in (1..).zip(ranking).take(MOST_LINES) {
                            tr class=[(rank == 1 && summary.epoch.is_some()).then_some("chosen")] {
                                th scope="row" { bdi { (labels[summary.configuration]) } }
                                td { (thousands(results.parameters(summary.configuration) as u64)) }
                                @for cell in outcome(summary) { td { (cell) } }
                                td.strip { (strip.of(summary)) }
                            }
                        }
                    }
                }
            }
            @if ranking.len() > MOST_LINES {
                p.note { "The best " (MOST_LINES) " of " (ranking.len()) "; results.csv has all." }
            }
        }
    }
}

/// What it takes to repeat the sweep.
fn facts(results: &SweepResults) -> Markup {
    let design = &results.design;
    let row = |name: &str, value: String| (name.to_owned(), value);
    let seeds: Vec<String> = design.seeds().iter().map(u64::to_string).collect();
    let seeds = match &seeds[..] {
        [first, .., last] if seeds.len() > 8 => {
            format!("{first} to {last}, {} of them", seeds.len())
        }
        seeds => seeds.join(", "),
    };
    let mut sweep = vec![
        row("configurations", design.configurations().len().to_string()),
        row("seeds", seeds),
        row("held out", held_out(design)),
        row("compared by", words_of(design.by()).to_owned()),
        row("dataset", results.dataset.as_deref().map_or("generated reviews".to_owned(), shown)),
        row("training reviews", thousands(results.train_reviews as u64)),
        row("features", thousands(results.features as u64)),
    ];
    if let Some(best) = &results.best {
        let configuration = &design.configurations()[best.configuration];
        sweep.push(row("the best", shown(&configuration.to_string())));
        sweep.push(row("trained again for", count(best.epochs as u64, "epoch", "epochs")));
        sweep.push(row("with seed", best.seed.to_string()));
        if let Some(test) = best.test {
            sweep.push(row("judged on", format!("{} of test", thousands(test.reviews as u64))));
            sweep.extend(test.auc.map(|auc| row("its test AUC", number(auc))));
        }
    }
    let mut machine = vec![row("version", shown(&results.version))];
    machine.extend(of_machine(&results.environment));
    html! {
        section aria-labelledby="facts" {
            h2 id="facts" { "The sweep" }
            div.pair {
                (super::facts::table("Design and data", &sweep))
                (super::facts::table("Environment", &machine))
            }
        }
    }
}
