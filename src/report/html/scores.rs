//! How good the answers are: the confusion matrix, the curves over all thresholds, and their numbers.

use maud::{Markup, html};

use super::super::axis::Axis;
use super::super::findings::Findings;
use super::super::json::HistoryFile;
use super::super::scores::{Calibration, Distribution, Roc};
use super::chart::{Chart, Hit, figure, key};
use super::words::{count, number, percent, thousands};

/// So many points draw the ROC curve as smoothly as a screen can.
const ROC_POINTS: usize = 400;
/// So many can be told apart by a pointer.
const ROC_SPOTS: usize = 36;

/// The part of the page.
pub(super) fn section(file: &HistoryFile, findings: &Findings) -> Markup {
    let evaluation = &findings.evaluation;
    let split = findings.split.name();
    let was_watched = file.options.get("validation").is_some_and(|held_out| *held_out == split);
    html! {
        section aria-labelledby="answers" {
            h2 id="answers" { "Answers on the " (split) " split" }
            p.lead {
                "Judged on " (count(evaluation.reviews as u64, "review", "reviews")) ", rows 0 to "
                (thousands(evaluation.reviews as u64 - 1)) " of the " (split) " split. "
                @if split == "train" {
                    strong { "The network may have learned from these very reviews: " }
                    "its answers here say little about others. "
                } @else if was_watched && file.is_of_chosen_epoch() {
                    strong { "The epoch was chosen by these very reviews: " }
                    "others will be answered a little worse. "
                } @else if was_watched {
                    strong { "The run was validated on these very reviews: " }
                    "what was chosen by them looks better here than on others. "
                }
                "An answer is “positive” where the probability is above 0.5."
            }
            div.pair {
                (matrix(findings.evaluation.confusion.counts))
                (figures(findings))
            }
            div.three {
                (roc(findings))
                (calibration(&findings.calibration))
                (distribution(&findings.distribution))
            }
            (tables(findings))
        }
    }
}

fn matrix(counts: [[u64; 2]; 2]) -> Markup {
    let names = ["negative", "positive"];
    html! {
        div.scroll tabindex="0" role="group" aria-label="Confusion matrix" {
            table.matrix {
                caption { "Confusion matrix" }
                thead { tr {
                    td {}
                    @for name in names { th scope="col" { "called " (name) } }
                } }
                tbody {
                    @for (label, row) in counts.iter().enumerate() {
                        tr {
                            th scope="row" { "is " (names[label]) }
                            @for (answer, &cell) in row.iter().enumerate() {
                                td class=(if label == answer { "right" } else { "wrong" }) {
                                    strong { (thousands(cell)) }
                                    small {
                                        (percent(cell as f64 / row.iter().sum::<u64>() as f64)) ", "
                                        @if label == answer { "right" } @else { "wrong" }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn figures(findings: &Findings) -> Markup {
    let evaluation = &findings.evaluation;
    let confusion = &evaluation.confusion;
    let calibration = &findings.calibration;
    let mut rows = vec![
        ("accuracy", percent(evaluation.accuracy), "of all answers, those that are right"),
        ("precision", percent(confusion.precision()), "of those called positive, those that are"),
        ("recall", percent(confusion.recall()), "of the positive ones, those called so"),
        ("F1", percent(confusion.f1()), "harmonic mean of precision and recall"),
        ("loss", number(evaluation.loss), "mean of what training makes small"),
    ];
    if let (Some(roc), Some(auc)) = (&findings.roc, evaluation.auc) {
        rows.push(("ROC area", number(roc.area), "a positive one scores above a negative one"));
        let meaning = "the same by Keras’ 200 thresholds, as `evaluate` has it";
        rows.push(("AUC", number(auc), meaning));
    }
    rows.push(("Brier score", number(calibration.brier), "mean square of probability less label"));
    rows.push((
        "calibration error",
        number(calibration.error),
        "mean distance of what is said and what is so",
    ));
    html! {
        div.scroll tabindex="0" role="group" aria-label="Figures" {
            table.plain.figures {
                caption { "Figures" }
                tbody {
                    @for (name, value, meaning) in rows {
                        tr {
                            th scope="row" { (name) small { (meaning) } }
                            td { (value) }
                        }
                    }
                }
            }
        }
    }
}

fn roc(findings: &Findings) -> Markup {
    let chart = Chart {
        x: Axis::of_shares(),
        y: Axis::of_shares(),
        x_title: "Negatives called positive",
        mirrored: false,
    };
    let Some(roc) = &findings.roc else {
        return html! {
            figure {
                figcaption { "ROC curve" }
                p { "All reviews are of one class: there is no curve." }
            }
        };
    };
    let place =
        |point: &super::super::scores::RocPoint| (point.false_positives, point.true_positives);
    let [negatives, positives] =
        findings.evaluation.confusion.counts.map(|row| (row[1], row.iter().sum::<u64>()));
    let share = |(called, all): (u64, u64)| called as f64 / all as f64;
    let half = (share(negatives), share(positives));
    let curve: Vec<_> = roc.thinned(ROC_POINTS).iter().map(place).collect();
    let marks = html! {
        (chart.line("chance", &[(0.0, 0.0), (1.0, 1.0)]))
        (chart.line("score", &curve))
        (chart.dots("ring", 6.5, &[half]))
        (chart.spots(&roc_spots(roc, half)))
    };
    let legend = html! {
        (key(html! { line.line.score x1="1" x2="21" y1="6" y2="6" {} },
            &format!("area {}", number(roc.area))))
        (key(html! { circle.ring cx="11" cy="6" r="5" {} }, "at 0.5"))
        (key(html! { line.line.chance x1="1" x2="21" y1="6" y2="6" {} }, "chance"))
    };
    let described = format!(
        "The curve rises from none to all positives found; the area under it is {}. At a threshold of 0.5, {} of the \
         positives are found, and {} of the negatives are called positive.",
        number(roc.area),
        percent(half.1),
        percent(half.0)
    );
    figure("roc", "ROC: positives found", legend, chart.svg("roc", &described, marks))
}

/// Points to be pointed at; that of 0.5 last, so that it lies on top.
fn roc_spots(roc: &Roc, half: (f64, f64)) -> Vec<((f64, f64), String)> {
    let text = |threshold: String, (x, y): (f64, f64)| {
        let (found, wrong) = (percent(y), percent(x));
        format!(
            "Threshold {threshold}\n{found} of the positives found\n{wrong} of the negatives called positive"
        )
    };
    let thinned = roc.thinned(ROC_SPOTS);
    let inner = thinned.iter().filter(|point| point.threshold.is_finite());
    let mut spots: Vec<_> = inner
        .map(|point| {
            let place = (point.false_positives, point.true_positives);
            (place, text(number(f64::from(point.threshold)), place))
        })
        .collect();
    spots.push((half, text("0.5".to_owned(), half)));
    spots
}

fn calibration(calibration: &Calibration) -> Markup {
    let chart = Chart {
        x: Axis::of_shares(),
        y: Axis::of_shares(),
        x_title: "Mean probability",
        mirrored: false,
    };
    let bins = calibration.bins.iter().enumerate();
    let filled: Vec<_> = bins.filter(|(_, bin)| bin.reviews > 0).collect();
    let points: Vec<_> = filled.iter().map(|(_, bin)| (bin.predicted, bin.positive)).collect();
    let width = 1.0 / calibration.bins.len() as f64;
    let hits: Vec<Hit> = filled
        .iter()
        .map(|&(at, bin)| Hit {
            from: at as f64 * width,
            to: (at + 1) as f64 * width,
            text: format!(
                "Probability {}\n{}\nmean probability {}\npositive {}",
                range(at, calibration.bins.len()),
                count(bin.reviews, "review", "reviews"),
                percent(bin.predicted),
                percent(bin.positive)
            ),
            marks: vec![(bin.predicted, bin.positive)],
        })
        .collect();
    let marks = html! {
        (chart.line("chance", &[(0.0, 0.0), (1.0, 1.0)]))
        (chart.line("score", &points))
        (chart.dots("score-dot", 3.2, &points))
        (chart.hits(&hits))
    };
    let legend = html! {
        (key(html! {
            line.line.score x1="1" x2="21" y1="6" y2="6" {}
            circle.score-dot cx="11" cy="6" r="3.2" {}
        }, "the network"))
        (key(html! { line.line.chance x1="1" x2="21" y1="6" y2="6" {} }, "as it should be"))
    };
    let described = format!(
        "For ten ranges of probability, the share of the reviews that is positive; the mean distance from the diagonal \
         is {}.",
        number(calibration.error)
    );
    let title = "Calibration: share positive";
    figure("calibration", title, legend, chart.svg("calibration", &described, marks))
}

fn distribution(distribution: &Distribution) -> Markup {
    let [negative, positive] = &distribution.counts;
    let most = |counts: &[u64]| counts.iter().copied().max().unwrap_or(0) as f64;
    let values = [-most(negative), 0.0, most(positive)];
    let chart = Chart {
        x: Axis::of_shares(),
        y: Axis::of_counts(values.into_iter()),
        x_title: "Probability",
        mirrored: true,
    };
    let width = 1.0 / positive.len() as f64;
    let span = |at: usize| (at as f64 * width, (at + 1) as f64 * width);
    let hits: Vec<Hit> = (0..positive.len())
        .map(|at| Hit {
            from: span(at).0,
            to: span(at).1,
            text: format!(
                "Probability {}\n{} positive\n{} negative",
                range(at, positive.len()),
                thousands(positive[at]),
                thousands(negative[at])
            ),
            marks: Vec::new(),
        })
        .collect();
    let marks = html! {
        @for at in 0..positive.len() {
            (chart.bar("positive", span(at), positive[at] as f64))
            (chart.bar("negative", span(at), -(negative[at] as f64)))
        }
        (chart.line("zero", &[(0.0, 0.0), (1.0, 0.0)]))
        (chart.hits(&hits))
    };
    let square = |class: &str| html! { rect.(class) x="5" width="12" height="12" {} };
    let legend = html! {
        (key(square("positive"), "positive, upwards"))
        (key(square("negative"), "negative, downwards"))
    };
    let described = "How many reviews have each probability, in twenty ranges: positive reviews as bars upwards, \
                     negative ones downwards.";
    let title = chart.y.title("Reviews by probability");
    figure("distribution", &title, legend, chart.svg("distribution", described, marks))
}

/// "0.10 to 0.15"
fn range(at: usize, bins: usize) -> String {
    let end = |at: usize| at as f64 / bins as f64;
    format!("{:.2} to {:.2}", end(at), end(at + 1))
}

/// The charts as numbers.
fn tables(findings: &Findings) -> Markup {
    let bins = findings.calibration.bins.iter().enumerate();
    let [negative, positive] = &findings.distribution.counts;
    html! {
        details {
            summary { "Calibration and distribution as tables" }
            div.pair {
                div.scroll tabindex="0" role="group" aria-label="Calibration" {
                    table.numbers {
                        thead { tr {
                            @for name in ["probability", "reviews", "mean", "positive"] {
                                th scope="col" { (name) }
                            }
                        } }
                        tbody { @for (at, bin) in bins { tr {
                            th scope="row" { (range(at, findings.calibration.bins.len())) }
                            td { (thousands(bin.reviews)) }
                            td { (percent(bin.predicted)) }
                            td { (percent(bin.positive)) }
                        } } }
                    }
                }
                div.scroll tabindex="0" role="group" aria-label="Distribution" {
                    table.numbers {
                        thead { tr {
                            @for name in ["probability", "positive", "negative"] {
                                th scope="col" { (name) }
                            }
                        } }
                        tbody { @for at in 0..positive.len() { tr {
                            th scope="row" { (range(at, positive.len())) }
                            td { (thousands(positive[at])) }
                            td { (thousands(negative[at])) }
                        } } }
                    }
                }
            }
        }
    }
}
