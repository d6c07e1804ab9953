//! The curves of each configuration, small, side by side, on one scale.

use maud::{Markup, html};

use super::super::axis::{Axis, drawable};
use super::super::sweep::{SweepResults, plus_minus};
use super::chart::{Chart, Hit, key};
use super::words::{thousands, words_of};
use crate::sweep::{Measure, Spread, Summary};

/// More pictures would not be compared by eye.
const MOST_CHARTS: usize = 24;
/// More lines would be one blot.
const MOST_LINES: usize = 25;
/// A small picture has no room for more points, nor a pointer for more stretches.
const MOST_POINTS: usize = 200;
const MOST_HITS: usize = 60;
/// Curves that go so many times as high as those of the better half of the configurations leave the picture.
const FAR: f64 = 10.0;

/// The part of the page for one measure.
pub(super) fn section(
    results: &SweepResults,
    ranking: &[Summary],
    labels: &[String],
    measure: Measure,
) -> Markup {
    let title = words_of(measure);
    let shown = &ranking[..ranking.len().min(MOST_CHARTS)];
    let id = measure.name().replace('_', "-");
    let is_cut = shown.iter().any(|summary| {
        let axis = axis(results, shown, summary.configuration, measure);
        highest(&values(results, summary, measure)) > axis.range.end
    });
    html! {
        section aria-labelledby=(id) {
            h2 id=(id) { (title[..1].to_uppercase()) (title[1..]) }
            p.lead {
                "From the best configuration to the worst"
                @if ranking.len() > shown.len() { ", the best " (shown.len()) " of " (ranking.len()) }
                ". Pictures "
                @if measure == Measure::ValLoss { "of one kind of loss " }
                "have one scale"
                @if is_cut { ", that of the better half: what is far above it leaves the picture" }
                "."
            }
            div.legend {
                (key(html! { circle.training cx="11" cy="6" r="3.6" {} }, "training, mean"))
                (key(html! { line.line.validation x1="1" x2="21" y1="6" y2="6" {} }, "validation, mean"))
                (key(html! { line.line.run x1="1" x2="21" y1="6" y2="6" {} }, "validation, each run"))
                (key(html! { circle.ring cx="11" cy="6" r="5" {} }, "compared at this epoch"))
            }
            div.multiples {
                @for summary in shown {
                    (chart(results, shown, summary, &labels[summary.configuration], measure))
                }
            }
        }
    }
}

/// The name of a measure's training curve.
fn training_of(measure: Measure) -> &'static str {
    match measure {
        Measure::ValLoss => "loss",
        Measure::ValAccuracy => "accuracy",
    }
}

fn chart(
    results: &SweepResults,
    shown: &[Summary],
    summary: &Summary,
    label: &str,
    measure: Measure,
) -> Markup {
    let caption = format!("{}-{}", measure.name().replace('_', "-"), summary.configuration);
    let Some(curve) = summary.curve(measure.name()) else {
        return html! {
            figure {
                figcaption id=(caption) { bdi { (label) } }
                p.note { "No curve: " (super::super::sweep::outcome(summary)[1]) "." }
            }
        };
    };
    let training = summary.curve(training_of(measure)).unwrap_or(&[]);
    let chart = Chart {
        x: Axis::of_epochs(curve.len()),
        y: axis(results, shown, summary.configuration, measure),
        x_title: "Epoch",
        mirrored: false,
    };
    let stride = curve.len().div_ceil(MOST_POINTS).max(1);
    let points = |curve: &[Spread]| thinned(curve.iter().map(|spread| spread.mean), stride);
    let ring = summary.epoch.and_then(|epoch| {
        let mean = curve.get(epoch)?.mean;
        drawable(mean).then_some(((epoch + 1) as f64, mean))
    });
    let radius = (60.0 / curve.len() as f64).clamp(1.0, 2.6);
    let marks = html! {
        @for values in single(results, summary, measure) {
            (chart.line("run", &thinned(values.iter().copied(), stride)))
        }
        (chart.line("validation", &points(curve)))
        (chart.dots("training", radius, &points(training)))
        @if let Some(point) = ring { (chart.dots("ring", 6.5, &[point])) }
        (chart.hits(&hits(curve, training)))
    };
    let reached = summary.epoch.and_then(|epoch| curve.get(epoch)).copied();
    let reached = reached.map_or("–".to_owned(), plus_minus);
    let name = words_of(measure);
    let title = chart.y.title(name);
    let described = format!("{title} over the epochs; {reached} where it is compared.");
    html! {
        figure {
            figcaption id=(caption) { bdi { (label) } small { (reached) } }
            // The heading of the part has the name, but no power of ten.
            @if title != name { div.legend { (title) } }
            (chart.svg(&caption, &described, marks))
        }
    }
}

/// The single runs of a configuration, if there are several.
fn single<'r>(results: &'r SweepResults, summary: &Summary, measure: Measure) -> Vec<&'r [f64]> {
    let each = results.design.runs_each();
    let runs = results.runs.iter().skip(summary.configuration * each).take(each).flatten();
    let runs = runs.filter_map(|run| run.history.get(measure.name()));
    if each > 1 { runs.take(MOST_LINES).collect() } else { Vec::new() }
}

/// One axis for all configurations that can be compared by the measure: those with the same loss, or all.
fn axis(results: &SweepResults, shown: &[Summary], configuration: usize, measure: Measure) -> Axis {
    let loss = |configuration: usize| &results.design.configurations()[configuration].loss;
    let alike: Vec<&Summary> = shown
        .iter()
        .filter(|other| {
            measure == Measure::ValAccuracy || loss(other.configuration) == loss(configuration)
        })
        .collect();
    let values = |of: &[&Summary]| -> Vec<f64> {
        of.iter().flat_map(|summary| values(results, summary, measure)).collect()
    };
    // Configurations that diverge would leave the others no height.
    let (all, better) = (values(&alike), values(&alike[..alike.len().div_ceil(2)]));
    let seen = if highest(&all) > FAR * highest(&better) { better } else { all };
    let ceiling = if measure == Measure::ValAccuracy { 1.0 } else { f64::INFINITY };
    Axis::of_values(seen.into_iter(), ceiling)
}

/// All that the picture of a configuration shows.
fn values(results: &SweepResults, summary: &Summary, measure: Measure) -> Vec<f64> {
    let single = single(results, summary, measure).into_iter().flatten().copied();
    let curves = [measure.name(), training_of(measure)];
    let means = curves.into_iter().filter_map(|name| summary.curve(name)).flatten();
    single.chain(means.map(|spread| spread.mean)).collect()
}

fn highest(values: &[f64]) -> f64 {
    values.iter().copied().filter(|&value| drawable(value)).fold(0.0, f64::max)
}

fn thinned(values: impl Iterator<Item = f64>, stride: usize) -> Vec<(f64, f64)> {
    values.enumerate().step_by(stride).map(|(epoch, value)| ((epoch + 1) as f64, value)).collect()
}

fn hits(curve: &[Spread], training: &[Spread]) -> Vec<Hit> {
    let stride = curve.len().div_ceil(MOST_HITS).max(1);
    let half = stride as f64 / 2.0;
    let hit = |epoch: usize| {
        let middle = (epoch + 1) as f64;
        let mut text = format!("Epoch {}", thousands(epoch as u64 + 1));
        text.push_str(&format!("\nvalidation {}", plus_minus(curve[epoch])));
        let mut marks = vec![(middle, curve[epoch].mean)];
        if let Some(&spread) = training.get(epoch) {
            text.push_str(&format!("\ntraining {}", plus_minus(spread)));
            marks.push((middle, spread.mean));
        }
        Hit { from: middle - half, to: middle + half, text, marks }
    };
    (0..curve.len()).step_by(stride).map(hit).collect()
}
