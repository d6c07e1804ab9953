//! The curves of a run: loss and accuracy over the epochs, side by side, as in the IMDB chapter of François Chollet's
//! *Deep Learning with Python*. Training is drawn as dots, validation as a line.
//!
//! A picture depends on the history alone: same history, same bytes.

use std::ops::Range;
use std::sync::Once;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, register_font};

use super::axis::{Axis, drawable};
use super::names::shown;
use crate::train::History;

/// Width and height of a panel, in the pixels (CSS `px`) that an SVG is shown at.
const PANEL: (u32, u32) = (400, 320);
/// plotters places everything on whole pixels: both pictures are drawn at this multiple of their size in `px`.
const SCALE: u32 = 4;
/// The PNG keeps this many pixels a `px`; drawing at twice as many and averaging makes its edges smooth.
const PNG_SCALE: u32 = SCALE / 2;

/// Blue and vermilion of Okabe and Ito, which colour-blind eyes tell apart.
const TRAINING: RGBColor = RGBColor(0x00, 0x72, 0xB2);
const VALIDATION: RGBColor = RGBColor(0xD5, 0x5E, 0x00);
const INK: RGBColor = RGBColor(0x22, 0x22, 0x22);
const AXIS: RGBColor = RGBColor(0x88, 0x88, 0x88);
const GRID: RGBColor = RGBColor(0xE8, 0xE8, 0xE8);

/// More epochs than this are thinned out: a picture has no room for them, and an SVG would take a line for each.
const MOST_POINTS: usize = 10_000;

/// More characters of a metric's name would not stand above its panel, nor would fewer that are wide.
const MOST_CHARACTERS: usize = 36;

const MARGIN: f64 = 8.0;
const TITLE_SIZE: f64 = 14.0;
const LABEL_SIZE: f64 = 11.0;
const LINE_WIDTH: f64 = 1.75;
const DASH_LENGTH: f64 = 18.0;
const DOT_RADIUS: f64 = 3.0;
const RING_RADIUS: f64 = 5.0;

/// What is made: the two backends of plotters differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Picture {
    Svg,
    Png,
}

impl Picture {
    /// The backends disagree on where the middle of a text is, both to the high side: by so many pixels of the canvas labels
    /// are lowered to stand level with their tick.
    fn label_drop(self) -> i32 {
        px(match self {
            Picture::Svg => 0.5,
            Picture::Png => 2.0,
        })
    }
}

/// The curves as an SVG document. It has a `viewBox`, so it scales; its words are text in a sans-serif font.
pub fn curves_svg(history: &History) -> String {
    let panels = panels(history, Picture::Svg);
    let (width, height) = size(&panels, 1);
    let canvas = size(&panels, SCALE);
    let mut svg = String::new();
    draw(SVGBackend::with_string(&mut svg, canvas), &panels);
    let drawn = format!("width=\"{}\" height=\"{}\"", canvas.0, canvas.1);
    svg.replacen(&drawn, &format!("width=\"{width}\" height=\"{height}\""), 1)
}

/// The curves as a PNG file, 1600 x 640 pixels, or 800 x 640 where the history has nothing beside the loss.
pub fn curves_png(history: &History) -> Vec<u8> {
    let panels = panels(history, Picture::Png);
    let canvas = size(&panels, SCALE);
    let mut pixels = vec![0; 3 * canvas.0 as usize * canvas.1 as usize];
    draw(BitMapBackend::with_buffer(&mut pixels, canvas), &panels);
    let (width, height) = size(&panels, PNG_SCALE);
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&halve(&pixels, canvas.0 as usize)));
    written.expect("the pixels are as many as the header says, and memory takes the bytes");
    file
}

fn size(panels: &[Panel], scale: u32) -> (u32, u32) {
    (panels.len() as u32 * PANEL.0 * scale, PANEL.1 * scale)
}

/// Averages squares of 2 x 2 RGB pixels.
fn halve(pixels: &[u8], width: usize) -> Vec<u8> {
    let mean = |a: u8, b: u8, c: u8, d: u8| {
        ((u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d) + 2) / 4) as u8
    };
    let mut halved = Vec::with_capacity(pixels.len() / 4);
    for two_rows in pixels.chunks_exact(6 * width) {
        let (above, below) = two_rows.split_at(3 * width);
        for (a, b) in above.chunks_exact(6).zip(below.chunks_exact(6)) {
            halved.extend(
                [0, 1, 2]
                    .map(|channel| mean(a[channel], a[channel + 3], b[channel], b[channel + 3])),
            );
        }
    }
    halved
}

fn draw<B: DrawingBackend>(backend: B, panels: &[Panel]) {
    let root = backend.into_drawing_area();
    let drawn = root.fill(&WHITE).and_then(|()| {
        let areas = root.split_evenly((1, panels.len()));
        areas.iter().zip(panels).try_for_each(|(area, panel)| panel.draw(area))
    });
    drawn.and_then(|()| root.present()).expect("memory takes the picture, and the font is at hand");
}

/// One quantity of the history.
struct Panel<'h> {
    /// As the history calls it.
    quantity: &'h str,
    epochs: usize,
    training: Option<&'h [f64]>,
    validation: Option<&'h [f64]>,
    /// The epoch (from 0) that is marked.
    lowest: Option<usize>,
    picture: Picture,
}

/// The loss, and what was measured beside it.
fn panels(history: &History, picture: Picture) -> Vec<Panel<'_>> {
    let epochs = history.epochs();
    // A lowest of one value, or one that has no place in the picture, says nothing.
    let lowest = history.lowest("val_loss").filter(|&epoch| {
        epochs > 1 && history.get("val_loss").is_some_and(|values| drawable(values[epoch]))
    });
    let panel = |quantity| Panel {
        quantity,
        epochs,
        training: history.get(quantity),
        validation: history.get(&format!("val_{quantity}")),
        lowest: lowest.filter(|_| quantity == "loss"),
        picture,
    };
    std::iter::once("loss").chain(metric(history)).map(panel).collect()
}

/// The accuracy, or the first metric of a program that has another name for it.
fn metric(history: &History) -> Option<&str> {
    let names = || history.series().map(|(name, _)| name.strip_prefix("val_").unwrap_or(name));
    names().find(|&name| name == "accuracy").or_else(|| names().find(|&name| name != "loss"))
}

type Area<B> = DrawingArea<B, Shift>;
type Drawn<B, T = ()> = Result<T, DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

impl Panel<'_> {
    /// Title and legend stand above the curves, in line with their left edge, so that they never hide a point.
    fn draw<B: DrawingBackend>(&self, area: &Area<B>) -> Drawn<B> {
        let values = self.training.into_iter().chain(self.validation).flatten().copied();
        let axis = Axis::of_values(values, self.ceiling());
        let mut widest = 0;
        for &tick in &axis.ticks {
            widest = area.estimate_text_size(&axis.label(tick), &text(LABEL_SIZE))?.0.max(widest);
        }
        let left = widest as i32 + px(36.0);
        let (head, body) = area.split_vertically(px(54.0));
        let from_left = Pos::new(HPos::Left, VPos::Center);
        let name = self.name(area, left, &axis)?;
        let title = self.title(&name);
        head.draw_text(&title, &text(TITLE_SIZE).pos(from_left), (left, px(18.0)))?;
        self.draw_legend(&head, left)?;
        self.draw_curves(&body, left, &axis, &name)
    }

    fn title(&self, name: &str) -> String {
        let part = match (self.training, self.validation) {
            (Some(_), Some(_)) => "Training and validation",
            (None, Some(_)) => "Validation",
            _ => "Training",
        };
        match self.quantity {
            quantity @ ("loss" | "accuracy") => format!("{part} {quantity}"),
            // There is no room for more; the legend tells the parts.
            _ => name.to_owned(),
        }
    }

    /// What stands at the axis, and of a metric above the panel: as much of its name as there is room for.
    fn name<B: DrawingBackend>(&self, area: &Area<B>, left: i32, axis: &Axis) -> Drawn<B, String> {
        let metric = match self.quantity {
            "loss" => return Ok("Loss".to_owned()),
            "accuracy" => return Ok("Accuracy".to_owned()),
            metric => metric,
        };
        let room = px(f64::from(PANEL.0) - MARGIN) - left;
        for most in (1..=MOST_CHARACTERS).rev() {
            let name = match self.picture {
                // Who looks at it has other fonts. Their letters are hardly wider than they are high, as this dash is.
                Picture::Svg => shown(metric, most),
                Picture::Png => shown(metric, most).replace(is_lacking, "?"),
            };
            let measured = axis.title(&name.replace(is_lacking, "—"));
            if area.estimate_text_size(&measured, &text(TITLE_SIZE))?.0 as i32 <= room {
                return Ok(name);
            }
        }
        Ok("…".to_owned())
    }

    /// What the quantity cannot exceed.
    fn ceiling(&self) -> f64 {
        if self.quantity == "accuracy" { 1.0 } else { f64::INFINITY }
    }

    fn draw_legend<B: DrawingBackend>(&self, area: &Area<B>, left: i32) -> Drawn<B> {
        let middle = px(40.0);
        let style = text(LABEL_SIZE).pos(Pos::new(HPos::Left, VPos::Center));
        let mut x = left;
        // Room for a mark, then its words, then the next entry.
        let mut entry = |mark: i32, words: &str| {
            let at = x + mark / 2;
            area.draw_text(
                words,
                &style,
                (x + mark + px(6.0), middle + self.picture.label_drop()),
            )?;
            x += mark + px(22.0) + area.estimate_text_size(words, &style)?.0 as i32;
            Ok((at, middle))
        };
        if self.training.is_some() {
            let at = entry(px(2.0 * DOT_RADIUS), "Training")?;
            area.draw(&Circle::new(at, px(DOT_RADIUS), TRAINING.filled()))?;
        }
        if self.validation.is_some() {
            let at = entry(px(DASH_LENGTH), "Validation")?;
            area.draw(&(EmptyElement::at(at) + dash()))?;
        }
        if let Some(epoch) = self.lowest {
            let at = entry(px(2.0 * RING_RADIUS), &format!("lowest, epoch {}", epoch + 1))?;
            area.draw(&Circle::new(at, px(RING_RADIUS), ring()))?;
        }
        Ok(())
    }

    fn draw_curves<B: DrawingBackend>(
        &self,
        area: &Area<B>,
        left: i32,
        axis: &Axis,
        name: &str,
    ) -> Drawn<B> {
        let epochs = Axis::of_epochs(self.epochs);
        let mut chart = ChartBuilder::on(area)
            .margin_left(px(MARGIN))
            .margin_right(px(16.0))
            .margin_bottom(px(MARGIN))
            .x_label_area_size(px(38.0))
            .y_label_area_size(left - px(MARGIN))
            .build_cartesian_2d(&epochs, axis)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .bold_line_style(GRID.stroke_width(SCALE))
            .light_line_style(TRANSPARENT)
            .axis_style(AXIS.stroke_width(SCALE))
            .set_all_tick_mark_size(px(3.0))
            .label_style(text(LABEL_SIZE))
            .y_label_offset(self.picture.label_drop())
            .axis_desc_style(text(12.0))
            .x_desc("Epochs")
            .y_desc(axis.title(name))
            .draw()?;

        // Many epochs get small dots: they may touch, but not pile up.
        let room = f64::from(PANEL.0) / (2.5 * self.epochs as f64);
        let radius = px(room.clamp(1.25, DOT_RADIUS));
        let plot = chart.plotting_area();
        for point in points(self.training).filter(|&(_, value)| drawable(value)) {
            plot.draw(&Circle::new(point, radius, TRAINING.filled()))?;
        }
        // A line has no point where a value is not finite; one value between two such is a dash.
        let line: Vec<_> = points(self.validation).collect();
        for run in line.split(|&(_, value)| !drawable(value)) {
            match run {
                [] => {}
                &[point] => plot.draw(&(EmptyElement::at(point) + dash()))?,
                run if self.picture == Picture::Svg => {
                    plot.draw(&PathElement::new(run, line_style()))?;
                }
                // As one polygon, which plotters makes of a path, corners between points that are closer than the line is wide
                // would lie far outside of it.
                run => {
                    for pair in run.windows(2) {
                        plot.draw(&PathElement::new(pair, line_style()))?;
                    }
                    for &joint in &run[1..run.len() - 1] {
                        plot.draw(&Circle::new(joint, px(LINE_WIDTH) / 2, VALIDATION.filled()))?;
                    }
                }
            }
        }
        if let (Some(values), Some(epoch)) = (self.validation, self.lowest) {
            plot.draw(&Circle::new(point(values, epoch), px(RING_RADIUS), ring()))?;
        }
        Ok(())
    }
}

impl Ranged for &Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for &Axis {
    fn format_ext(&self, value: &f64) -> String {
        self.label(*value)
    }
}

/// The values over their epochs, [`MOST_POINTS`] at most.
fn points(values: Option<&[f64]>) -> impl Iterator<Item = (f64, f64)> {
    let values = values.unwrap_or_default();
    let stride = values.len().div_ceil(MOST_POINTS).max(1);
    (0..values.len()).step_by(stride).map(|epoch| point(values, epoch))
}

/// The place of a value in its chart: epochs, which we count from 0, are shown from 1.
fn point(values: &[f64], epoch: usize) -> (f64, f64) {
    ((epoch + 1) as f64, values[epoch])
}

/// A stroke of the validation line, to be centred on a place.
fn dash() -> PathElement<(i32, i32)> {
    let reach = px(DASH_LENGTH / 2.0);
    PathElement::new([(-reach, 0), (reach, 0)], line_style())
}

fn line_style() -> ShapeStyle {
    VALIDATION.stroke_width(px(LINE_WIDTH) as u32)
}

fn ring() -> ShapeStyle {
    INK.stroke_width(SCALE)
}

/// Whole pixels of the canvas.
fn px(shown: f64) -> i32 {
    (shown * f64::from(SCALE)).round() as i32
}

/// Whether the font in this program has nothing for a character; `font/README.md` says what it has.
fn is_lacking(character: char) -> bool {
    !matches!(
        character,
        ' '..='~'
            | '\u{A0}'..='\u{FF}'
            | '–' | '—' | '‘' | '’' | '“' | '”' | '…'
            | '⁰' | '⁴'..='⁹' | '⁻'
            | '←'..='↓' | '−'
    )
}

/// Text of this many `px`.
fn text(size: f64) -> TextStyle<'static> {
    // plotters finds a font by the name under which it was registered and writes the same name into an SVG, so the name
    // is the list of fonts from which a viewer of the SVG chooses: first ours, then its nearest kin.
    const FONTS: &str = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif";
    static REGISTER: Once = Once::new();
    REGISTER.call_once(|| {
        let bytes = include_bytes!("font/DejaVuSans-Latin.ttf");
        let registered = register_font(FONTS, FontStyle::Normal, bytes);
        assert!(registered.is_ok(), "the font within the program is sound");
    });
    // plotters' sizes are those of a line; plotters-svg divides by 1.24 to get the font's.
    let line = size * 1.24 * f64::from(SCALE);
    TextStyle::from(FontDesc::new(FontFamily::Name(FONTS), line, FontStyle::Normal)).color(&INK)
}
