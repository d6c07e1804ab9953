//! The epochs: loss and accuracy as curves and as a table.

use maud::{Markup, html};

use super::super::axis::{Axis, drawable};
use super::super::json::HistoryFile;
use super::chart::{Chart, Hit, figure, key};
use super::words::{number, percent, thousands};
use crate::train::History;

/// More epochs than this are thinned out in a picture: its width has no room for more.
const MOST_POINTS: usize = 1_000;
/// More would be narrower than a pointer.
const MOST_HITS: usize = 150;
/// A longer table is thinned out; the history has all.
const MOST_LINES: usize = 200;
/// So is one that is wider: a history that is read may have quantities by the thousands.
const MOST_COLUMNS: usize = 40;

/// The part of the page.
pub(super) fn section(file: &HistoryFile) -> Markup {
    let history = &file.history;
    let lowest = history.lowest("val_loss");
    html! {
        section aria-labelledby="training" {
            h2 id="training" { "Training" }
            p.lead { (summary(file, lowest)) (means(file)) }
            @if history.epochs() > 0 {
                div.pair {
                    (curve(history, "loss", "Loss", f64::INFINITY, lowest))
                    @if history.get("accuracy").or(history.get("val_accuracy")).is_some() {
                        (curve(history, "accuracy", "Accuracy", 1.0, None))
                    }
                }
                (table(history, lowest))
            }
        }
    }
}

/// What the curves say, in a sentence.
fn summary(file: &HistoryFile, lowest: Option<usize>) -> String {
    let history = &file.history;
    let losses = history.get("val_loss").unwrap_or_default();
    let (Some(&last), Some(lowest)) = (losses.last(), lowest) else {
        return match losses.is_empty() {
            true => "Nothing was held out to validate, so the curves cannot tell where fitting ends and overfitting begins.",
            false => "The validation loss was never a number.",
        }
        .to_owned();
    };
    let mut text = format!(
        "The validation loss was lowest after epoch {} of {}: {}",
        lowest + 1,
        history.epochs(),
        number(losses[lowest])
    );
    if let Some(accuracies) = history.get("val_accuracy") {
        text.push_str(&format!(", with an accuracy of {}", percent(accuracies[lowest])));
    }
    let is_last = lowest + 1 == losses.len();
    if !is_last {
        text.push_str(&format!(". It ended at {}", number(last)));
    }
    if file.is_averaged() {
        return text
            + ". These are the losses of the weights as they were; the model has their average over all steps.";
    }
    // A student follows its teacher and does not go on with it: the curve of both tells of neither whether it overfits.
    text.push_str(match (file.is_self_trained(), is_last) {
        (true, _) => ".",
        (false, true) => ", at the end of the run: more epochs may still help.",
        (false, false) if last > losses[lowest] => ": beyond that epoch, the run overfits.",
        (false, false) => "; it has not fallen since.",
    });
    text
}

/// What the values are means of, if they are.
fn means(file: &HistoryFile) -> String {
    let (taught, networks) = (file.is_self_trained(), thousands(file.networks as u64));
    match (file.networks, taught) {
        (0 | 1, false) => String::new(),
        (0 | 1, true) => " The epochs are the teacher’s, then those of the student’s fine-tuning, if it has any; the \
                          student’s epochs on the reviews that the teacher labelled are not among them."
            .to_owned(),
        (_, false) => format!(
            " All values are means over {networks} networks; the network that they were merged into is judged below."
        ),
        (_, true) => format!(
            " All values are means over {networks} networks. The epochs are the teachers’, then those of the students’ \
             fine-tuning, if they have any; the students’ epochs on the reviews that the teachers labelled are not among them."
        ),
    }
}

fn curve(
    history: &History,
    name: &str,
    title: &str,
    ceiling: f64,
    lowest: Option<usize>,
) -> Markup {
    let (training, validation) = (history.get(name), history.get(&format!("val_{name}")));
    let epochs = history.epochs();
    let values = training.into_iter().chain(validation).flatten().copied();
    let y = Axis::of_values(values, ceiling);
    let chart = Chart { x: Axis::of_epochs(epochs), y, x_title: "Epoch", mirrored: false };
    let stride = epochs.div_ceil(MOST_POINTS).max(1);
    let points = |values: Option<&[f64]>| -> Vec<(f64, f64)> {
        let at = |epoch: usize| Some(((epoch + 1) as f64, values?[epoch]));
        (0..epochs).step_by(stride).filter_map(at).collect()
    };
    let marked = lowest.zip(validation).map(|(epoch, values)| ((epoch + 1) as f64, values[epoch]));
    let marked = marked.filter(|&(_, value)| drawable(value));
    let radius = (150.0 / epochs as f64).clamp(1.0, 3.2);
    let marks = html! {
        (chart.line("validation", &points(validation)))
        (chart.dots("training", radius, &points(training)))
        @if let Some(point) = marked { (chart.dots("ring", 6.5, &[point])) }
        (chart.hits(&hits(epochs, training, validation)))
    };
    let legend = html! {
        @if training.is_some() {
            (key(html! { circle.training cx="11" cy="6" r="3.6" {} }, "training"))
        }
        @if validation.is_some() {
            (key(html! { line.line.validation x1="1" x2="21" y1="6" y2="6" {} }, "validation"))
        }
        @if let Some((epoch, value)) = marked {
            (key(
                html! { circle.ring cx="11" cy="6" r="5" {} },
                &format!("lowest: {} at epoch {epoch}", number(value)),
            ))
        }
    };
    let described = format!(
        "{} over {}; the table below has the values.",
        chart.y.title(title),
        super::words::count(epochs as u64, "epoch", "epochs")
    );
    figure(name, &chart.y.title(title), legend, chart.svg(name, &described, marks))
}

fn hits(epochs: usize, training: Option<&[f64]>, validation: Option<&[f64]>) -> Vec<Hit> {
    let stride = epochs.div_ceil(MOST_HITS).max(1);
    let half = stride as f64 / 2.0;
    let hit = |epoch: usize| {
        let middle = (epoch + 1) as f64;
        let mut text = format!("Epoch {}", thousands(epoch as u64 + 1));
        let mut marks = Vec::new();
        for (role, values) in [("training", training), ("validation", validation)] {
            let Some(values) = values else { continue };
            text.push_str(&format!("\n{role} {}", number(values[epoch])));
            marks.push((middle, values[epoch]));
        }
        Hit { from: middle - half, to: middle + half, text, marks }
    };
    (0..epochs).step_by(stride).map(hit).collect()
}

/// All that was measured.
fn table(history: &History, lowest: Option<usize>) -> Markup {
    let epochs = history.epochs();
    let stride = epochs.div_ceil(MOST_LINES).max(1);
    let is_shown = |epoch: &usize| {
        epoch.is_multiple_of(stride) || Some(*epoch) == lowest || epoch + 1 == epochs
    };
    let quantities = history.series().count();
    let columns = || history.series().take(MOST_COLUMNS);
    html! {
        details {
            summary {
                @if stride == 1 { "Every epoch as a table" }
                @else { "One epoch in " (stride) " as a table" }
                @if quantities > MOST_COLUMNS {
                    ", of the first " (MOST_COLUMNS) " of " (thousands(quantities as u64)) " quantities"
                }
                @if stride > 1 || quantities > MOST_COLUMNS { "; history.csv has all" }
            }
            div.scroll tabindex="0" role="group" aria-label="Epochs" {
                table.numbers {
                    thead { tr {
                        th scope="col" { "epoch" }
                        @for (name, _) in columns() {
                            th scope="col" { (super::words::shown(name).replace('_', " ")) }
                        }
                    } }
                    tbody {
                        @for epoch in (0..epochs).filter(is_shown) {
                            tr class=[(Some(epoch) == lowest).then_some("chosen")] {
                                th scope="row" {
                                    (epoch + 1)
                                    @if Some(epoch) == lowest { " (lowest)" }
                                }
                                @for (_, values) in columns() { td { (number(values[epoch])) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(losses: &[f64], self_training: Option<&str>) -> HistoryFile {
        let series = vec![("val_loss".to_owned(), losses.to_vec())];
        HistoryFile {
            options: serde_json::json!({ "self_training": self_training }),
            history: History::from_series(series).unwrap(),
            ..HistoryFile::default()
        }
    }

    #[test]
    fn a_run_overfits_and_a_student_behind_its_teacher_does_not() {
        let turns = [0.5, 0.25, 0.375];
        let page = section(&file(&turns, None)).into_string();
        assert!(
            page.contains("It ended at 0.3750: beyond that epoch, the run overfits.<"),
            "{page}"
        );
        let page = section(&file(&turns[..2], None)).into_string();
        assert!(page.contains("0.2500, at the end of the run: more epochs may still help.<"));
        for (losses, ending) in [
            (
                &[0.5; 4][..],
                "after epoch 1 of 4: 0.5000. It ended at 0.5000; it has not fallen since.<",
            ),
            (&[0.5, f64::NAN], "It ended at not a number; it has not fallen since.<"),
            (&[f64::NAN; 2], ">The validation loss was never a number.<"),
        ] {
            let page = section(&file(losses, None)).into_string();
            assert!(page.contains(ending), "{page}");
        }
        for networks in [1, 3] {
            for (losses, ending) in
                [(&turns[..], "0.2500. It ended at 0.3750. "), (&turns[..2], "0.2500. ")]
            {
                let file = HistoryFile { networks, ..file(losses, Some("pseudo-labels")) };
                let page = section(&file).into_string();
                assert!(page.contains(ending), "{page}");
                assert!(!page.contains("overfits") && !page.contains("more epochs"), "{page}");
                assert!(page.contains("fine-tuning, if "), "{page}");
            }
        }
    }

    #[test]
    fn a_long_table_says_what_it_leaves_out() {
        for (epochs, expected) in [
            (200, "Every epoch as a table<"),
            (201, "One epoch in 2 as a table; history.csv has all<"),
            (601, "One epoch in 4 as a table"),
        ] {
            let page = section(&file(&vec![0.5; epochs], None)).into_string();
            assert!(page.contains(expected), "{epochs}");
        }
        let series = (0..1_000).map(|name| (name.to_string(), vec![0.5])).collect();
        let history = History::from_series(series).unwrap();
        let page = section(&HistoryFile { history, ..HistoryFile::default() }).into_string();
        let expected =
            "Every epoch as a table, of the first 40 of 1,000 quantities; history.csv has all<";
        assert!(page.contains(expected), "{page}");
        assert_eq!(page.matches("<td>").count(), 40);
    }
}
