//! The runs of a configuration as dots on a line, in a cell of a table.

use maud::{Markup, html};

use super::super::axis::drawable;
use super::super::sweep::{SweepResults, plus_minus};
use super::words::number;
use crate::sweep::{Run, Summary};

const WIDTH: f64 = 180.0;
const HEIGHT: f64 = 20.0;
/// Room for half a dot at each end.
const MARGIN: f64 = 6.0;
/// More dots would be one blot.
const MOST_DOTS: usize = 50;

/// One scale for all configurations.
pub(super) struct Strip<'a> {
    results: &'a SweepResults,
    /// Those of the design, made once for all configurations.
    runs: Vec<Run>,
    low: f64,
    high: f64,
}

impl<'a> Strip<'a> {
    pub(super) fn new(results: &'a SweepResults, ranking: &[Summary]) -> Strip<'a> {
        let runs = results.design.runs();
        let values = ranking.iter().flat_map(|summary| single_runs(results, &runs, summary));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, v)| {
            (low.min(v), high.max(v))
        });
        Strip { results, runs, low, high }
    }

    /// What stands above the column.
    pub(super) fn title(&self, measure: &str) -> String {
        match self.low <= self.high {
            true => format!("{measure} of each run, {} to {}", number(self.low), number(self.high)),
            false => format!("{measure} of each run"),
        }
    }

    /// The dots of a configuration, and a stroke at their mean.
    pub(super) fn of(&self, summary: &Summary) -> Markup {
        let Some(mean) = summary.best().filter(|spread| drawable(spread.mean)) else {
            return html! {};
        };
        let runs = single_runs(self.results, &self.runs, summary);
        let x = |value: f64| {
            let share = (value - self.low) / (self.high - self.low);
            let share = if share.is_finite() { share } else { 0.5 };
            format!("{:.1}", MARGIN + share * (WIDTH - 2.0 * MARGIN))
        };
        html! {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } aria-hidden="true" {
                line.grid x1=(MARGIN) x2=(WIDTH - MARGIN) y1=(HEIGHT / 2.0) y2=(HEIGHT / 2.0) {}
                @for (name, value) in runs.iter().take(MOST_DOTS) {
                    g.hit {
                        title { (name) "\n" (number(*value)) }
                        circle.run cx=(x(*value)) cy=(HEIGHT / 2.0) r="4" {}
                    }
                }
                g.hit {
                    title { "mean\n" (plus_minus(mean)) }
                    line.mean x1=(x(mean.mean)) x2=(x(mean.mean)) y1="2" y2=(HEIGHT - 2.0) {}
                }
            }
        }
    }
}

/// A run's name among those of its configuration, and the measure at the epoch where the configuration is compared.
fn single_runs(results: &SweepResults, runs: &[Run], summary: &Summary) -> Vec<(String, f64)> {
    let design = &results.design;
    let each = design.runs_each();
    let first = summary.configuration * each;
    let Some(epoch) = summary.epoch else { return Vec::new() };
    let run = |place: usize| {
        let history = &results.runs[place].as_ref()?.history;
        let value = *history.get(design.by().name())?.get(epoch)?;
        let name = match runs[place].fold {
            Some(fold) => format!("seed {}, fold {}", runs[place].seed, fold + 1),
            None => format!("seed {}", runs[place].seed),
        };
        drawable(value).then_some((name, value))
    };
    (first..first + each).filter_map(run).collect()
}
