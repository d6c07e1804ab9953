//! The frame of a chart as inline SVG: axes, grid, numbers, and what is shown at the pointer. Colours are the page's.

use maud::{Markup, html};

use super::super::axis::{Axis, drawable};

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 42.0;
/// How far above the picture a value may be placed, in heights of it.
const MOST_SHARE: f64 = 100.0;

/// A chart without its marks.
pub(super) struct Chart {
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) x_title: &'static str,
    /// Whether values below zero are written without their sign: counts to the other side.
    pub(super) mirrored: bool,
}

/// What stands at the pointer.
pub(super) struct Hit {
    /// The stretch of the x axis that it stands for, in its values.
    pub(super) from: f64,
    pub(super) to: f64,
    /// Lines of text.
    pub(super) text: String,
    /// Where it is marked.
    pub(super) marks: Vec<(f64, f64)>,
}

impl Chart {
    /// The place of a value in the picture, or not far above it.
    pub(super) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        // Who draws calculates in f32, in which a place too far away is none.
        let share = |axis: &Axis, value: f64| {
            ((value - axis.range.start) / (axis.range.end - axis.range.start)).min(MOST_SHARE)
        };
        (
            LEFT + share(&self.x, x) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - share(&self.y, y) * (HEIGHT - TOP - BOTTOM),
        )
    }

    /// The whole picture. `caption` is the id of the element that names it; `description` says in words what is seen.
    pub(super) fn svg(&self, caption: &str, description: &str, marks: Markup) -> Markup {
        let (left, right) = (LEFT, WIDTH - RIGHT);
        let bottom = HEIGHT - BOTTOM;
        let description_id = format!("{caption}-description");
        html! {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img"
                aria-labelledby=(caption) aria-describedby=(description_id) {
                desc id=(description_id) { (description) }
                @for &tick in &self.y.ticks {
                    @let y = px(self.at(0.0, tick).1);
                    line.grid x1=(left) x2=(right) y1=(y) y2=(y) {}
                    text.tick.y x=(left - 7.0) y=(y) dy="0.35em" {
                        (self.y.label(if self.mirrored { tick.abs() } else { tick }))
                    }
                }
                line.axis x1=(left) x2=(right) y1=(bottom) y2=(bottom) {}
                @for &tick in &self.x.ticks {
                    @let x = px(self.at(tick, 0.0).0);
                    line.axis x1=(x) x2=(x) y1=(bottom) y2=(bottom + 4.0) {}
                    text.tick.x x=(x) y=(bottom + 17.0) { (self.x.label(tick)) }
                }
                text.tick.x x=(px((left + right) / 2.0)) y=(HEIGHT - 6.0) { (self.x_title) }
                (marks)
            }
        }
    }

    /// A line through values; more than one where some have no place.
    pub(super) fn line(&self, class: &str, points: &[(f64, f64)]) -> Markup {
        html! {
            @for run in points.split(|&(_, y)| !drawable(y)) {
                @if let &[(x, y)] = run {
                    // A lone value is a dash.
                    @let (x, y) = self.at(x, y);
                    line.line.(class) x1=(px(x - 5.0)) x2=(px(x + 5.0)) y1=(px(y)) y2=(px(y)) {}
                } @else if !run.is_empty() {
                    polyline.line.(class) points=(self.places(run)) {}
                }
            }
        }
    }

    /// A dot at each value that has a place.
    pub(super) fn dots(&self, class: &str, radius: f64, points: &[(f64, f64)]) -> Markup {
        html! {
            @for &(x, y) in points.iter().filter(|&&(_, y)| drawable(y)) {
                @let (x, y) = self.at(x, y);
                circle.(class) cx=(px(x)) cy=(px(y)) r=(radius) {}
            }
        }
    }

    /// A bar that stands on zero.
    pub(super) fn bar(&self, class: &str, (from, to): (f64, f64), height: f64) -> Markup {
        let ((left, zero), (right, end)) = (self.at(from, 0.0), self.at(to, height));
        let (top, size) = (zero.min(end), (zero - end).abs());
        html! {
            rect.(class) x=(px(left + 0.75)) y=(px(top)) width=(px((right - left - 1.5).max(0.5)))
                height=(px(size)) {}
        }
    }

    /// What the pointer shows, stretch by stretch of the x axis.
    pub(super) fn hits(&self, hits: &[Hit]) -> Markup {
        let (top, bottom) = (TOP, HEIGHT - BOTTOM);
        html! {
            @for hit in hits {
                @let (left, right) = (self.at(hit.from, 0.0).0, self.at(hit.to, 0.0).0);
                @let (left, right) = (left.max(LEFT), right.min(WIDTH - RIGHT));
                g.hit {
                    title { (hit.text) }
                    rect x=(px(left)) y=(top) width=(px((right - left).max(0.0))) height=(bottom - top) {}
                    @if let Some(&(x, _)) = hit.marks.first() {
                        @let x = px(self.at(x, 0.0).0);
                        line x1=(x) x2=(x) y1=(top) y2=(bottom) {}
                    }
                    (self.dots("mark", 4.5, &hit.marks))
                }
            }
        }
    }

    /// A circle around a place, with what the pointer shows there.
    pub(super) fn spots(&self, spots: &[((f64, f64), String)]) -> Markup {
        html! {
            @for ((x, y), text) in spots {
                @let (x, y) = self.at(*x, *y);
                g.hit {
                    title { (text) }
                    circle.reach cx=(px(x)) cy=(px(y)) r="9" {}
                    circle.mark cx=(px(x)) cy=(px(y)) r="4.5" {}
                }
            }
        }
    }

    fn places(&self, points: &[(f64, f64)]) -> String {
        let place = |&(x, y): &(f64, f64)| {
            let (x, y) = self.at(x, y);
            format!("{},{}", px(x), px(y))
        };
        points.iter().map(place).collect::<Vec<_>>().join(" ")
    }
}

/// A coordinate in tenths: finer than a screen.
fn px(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A chart with its name above it.
pub(super) fn figure(caption: &str, title: &str, legend: Markup, svg: Markup) -> Markup {
    html! {
        figure {
            figcaption id=(caption) { (title) }
            div.legend { (legend) }
            (svg)
        }
    }
}

/// An entry of a legend, with the mark it explains.
pub(super) fn key(mark: Markup, words: &str) -> Markup {
    html! {
        span.key {
            svg viewBox="0 0 22 12" aria-hidden="true" { (mark) }
            (words)
        }
    }
}
