//! The curves, seen from outside: an XML reader takes the SVG apart, a PNG reader the PNG.

use imdb_fast::report::plot::{curves_png, curves_svg};
use imdb_fast::train::History;
use roxmltree::{Document, Node};

const TRAINING: &str = "#0072B2";
const VALIDATION: &str = "#D55E00";

fn history(series: &[(&str, &[f64])]) -> History {
    let owned = |&(name, values): &(&str, &[f64])| (name.to_owned(), values.to_vec());
    History::from_series(series.iter().map(owned).collect()).unwrap()
}

/// A run as the book shows it: training improves, validation turns.
fn run(epochs: usize) -> History {
    let share = |epoch: usize| epoch as f64 / epochs as f64;
    let of = |f: fn(f64) -> f64| (0..epochs).map(|epoch| f(share(epoch))).collect::<Vec<_>>();
    history(&[
        ("loss", &of(|x| 0.5 - 0.45 * x)),
        ("accuracy", &of(|x| 0.8 + 0.2 * x)),
        ("precision", &of(|x| 7000.0 + x)),
        ("val_loss", &of(|x| 0.3 + (x - 0.25) * (x - 0.25))),
        ("val_accuracy", &of(|x| 0.88 - 0.1 * (x - 0.25) * (x - 0.25))),
    ])
}

fn elements<'a>(svg: &'a Document, tag: &str, attribute: &str, value: &str) -> Vec<Node<'a, 'a>> {
    svg.descendants()
        .filter(|n| n.has_tag_name(("http://www.w3.org/2000/svg", tag)))
        .filter(|n| n.attribute(attribute) == Some(value))
        .collect()
}

fn texts(svg: &Document) -> Vec<String> {
    let nodes = svg.descendants().filter(|n| n.tag_name().name() == "text");
    nodes.map(|n| n.text().unwrap().trim().to_owned()).collect()
}

#[test]
fn each_epoch_is_a_dot_and_validation_is_a_line() {
    for epochs in [2, 4, 20, 200] {
        let text = curves_svg(&run(epochs));
        let svg = Document::parse(&text).unwrap();
        let root = svg.root_element();
        assert_eq!(root.attribute("viewBox"), Some("0 0 3200 1280"));
        assert_eq!((root.attribute("width"), root.attribute("height")), (Some("800"), Some("320")));
        // Two panels, each with one dot and one stroke in its legend.
        assert_eq!(elements(&svg, "circle", "fill", TRAINING).len(), 2 * (epochs + 1));
        let lines = elements(&svg, "polyline", "stroke", VALIDATION);
        let points =
            lines.iter().map(|n| n.attribute("points").unwrap().split_whitespace().count());
        assert_eq!(points.collect::<Vec<_>>(), [2, epochs, 2, epochs]);
    }
}

#[test]
fn more_epochs_than_there_is_room_for_are_thinned_out() {
    let text = curves_svg(&run(25_000));
    let svg = Document::parse(&text).unwrap();
    assert_eq!(elements(&svg, "circle", "fill", TRAINING).len(), 2 * (25_000 / 3 + 1 + 1));
    assert!(texts(&svg).contains(&"lowest, epoch 6251".to_owned()));
}

#[test]
fn words_say_what_is_drawn() {
    let text = curves_svg(&run(20));
    let words = texts(&Document::parse(&text).unwrap());
    for expected in [
        "Training and validation loss",
        "Training and validation accuracy",
        "Epochs",
        "Loss",
        "Accuracy",
        "lowest, epoch 6",
        "1",
        "20",
    ] {
        assert!(words.iter().any(|word| word == expected), "{expected} in {words:?}");
    }

    let text = curves_svg(&history(&[("loss", &[0.5, 0.4]), ("accuracy", &[0.7, 0.8])]));
    let words = texts(&Document::parse(&text).unwrap());
    assert!(words.contains(&"Training loss".to_owned()), "{words:?}");
    assert!(!words.iter().any(|word| word.contains("alidation") || word.contains("lowest")));
}

#[test]
fn without_accuracy_there_is_one_panel() {
    let history = history(&[("loss", &[0.5, 0.4]), ("val_loss", &[0.5, 0.6])]);
    let text = curves_svg(&history);
    let svg = Document::parse(&text).unwrap();
    assert_eq!(svg.root_element().attribute("width"), Some("400"));
    assert!(!texts(&svg).iter().any(|word| word.contains("ccuracy")));
    assert_eq!(decode(&curves_png(&history)).0, (800, 640));
}

#[test]
fn without_accuracy_the_first_other_metric_is_drawn_by_its_name() {
    let texts = |series: &[(&str, &[f64])]| {
        let text = curves_svg(&history(series));
        texts(&Document::parse(&text).unwrap())
    };
    let keras: [(&str, &[f64]); 6] = [
        ("auc", &[0.5, 0.75]),
        ("binary_accuracy", &[0.5, 0.75]),
        ("loss", &[0.5, 0.4]),
        ("val_auc", &[0.5, 0.75]),
        ("val_binary_accuracy", &[0.5, 0.75]),
        ("val_loss", &[0.5, 0.4]),
    ];
    let words = texts(&keras);
    // Above its panel and at its axis.
    assert_eq!(words.iter().filter(|&word| word == "auc").count(), 2, "{words:?}");
    assert_eq!(words.iter().filter(|&word| word == "Validation").count(), 2, "{words:?}");
    assert!(!words.iter().any(|word| word.contains("accuracy")), "{words:?}");
    // A validation alone has the name of what it validates, and the accuracy goes first wherever it stands.
    let acc = texts(&[("loss", &[0.5]), ("val_loss", &[0.5]), ("val_acc", &[0.5])]);
    assert!(acc.contains(&"acc".to_owned()), "{acc:?}");
    let words = texts(&[("auc", &[0.5]), ("loss", &[0.5]), ("accuracy", &[0.5])]);
    assert!(words.contains(&"Training accuracy".to_owned()), "{words:?}");
    // Names are from files.
    let hostile = "<script>\u{0}\u{FFFF}&".to_owned() + &"m".repeat(100);
    let words = texts(&[("loss", &[0.5]), (&hostile, &[0.5])]);
    let expected = format!("<script>\u{FFFD}\u{FFFD}&{}", "m".repeat(12));
    let is_it = |word: &&String| word.starts_with(&expected) && word.ends_with("m…");
    assert_eq!(words.iter().filter(is_it).count(), 2, "{words:?}");
    // Letters of other fonts are as wide as high, and there are none in a PNG.
    let words = texts(&[("loss", &[0.5]), (&"損".repeat(36), &[0.5])]);
    assert!(words.iter().any(|word| word.starts_with("損損") && word.ends_with('…')), "{words:?}");
    let png = |name: &str| curves_png(&history(&[(name, &[0.5])]));
    assert!(png("損失\0") == png("???"));
}

#[test]
fn values_that_are_not_finite_leave_gaps() {
    let nan = f64::NAN;
    let history = history(&[
        ("loss", &[0.5, nan, f64::INFINITY, 0.4, 0.3]),
        ("val_loss", &[0.5, nan, 0.4, 0.4, f64::NEG_INFINITY]),
    ]);
    let text = curves_svg(&history);
    let svg = Document::parse(&text).unwrap();
    assert_eq!(elements(&svg, "circle", "fill", TRAINING).len(), 1 + 3);
    // The legend, the lone first value as a dash, and the run of two.
    assert_eq!(elements(&svg, "polyline", "stroke", VALIDATION).len(), 3);
}

#[test]
fn everything_lies_within_the_picture() {
    for (name, history) in degenerate() {
        let text = curves_svg(&history);
        let svg = Document::parse(&text).unwrap();
        let right = 4 * svg.root_element().attribute("width").unwrap().parse::<i64>().unwrap();
        let within = |coordinate: &str, limit: i64| {
            let value: i64 = coordinate.parse().unwrap();
            assert!((0..=limit).contains(&value), "{name}: {value} is beyond {limit}");
        };
        for node in svg.descendants().filter(|n| n.is_element()) {
            for attribute in ["x", "cx"] {
                node.attribute(attribute).into_iter().for_each(|x| within(x, right));
            }
            for attribute in ["y", "cy"] {
                node.attribute(attribute).into_iter().for_each(|y| within(y, 1280));
            }
            for point in node.attribute("points").unwrap_or_default().split_whitespace() {
                let (x, y) = point.split_once(',').unwrap();
                within(x, right);
                within(y, 1280);
            }
        }
    }
}

#[test]
fn the_png_shows_both_colours() {
    let ((width, height), pixels) = decode(&curves_png(&run(20)));
    assert_eq!((width, height), (1600, 640));
    let count = |rgb: [u8; 3]| pixels.chunks_exact(3).filter(|pixel| *pixel == rgb).count();
    assert!(count([255, 255, 255]) > 800_000);
    assert!(count([0x00, 0x72, 0xB2]) > 2_000, "dots");
    assert!(count([0xD5, 0x5E, 0x00]) > 2_000, "lines");
    assert!(count([0x22, 0x22, 0x22]) > 2_000, "words");
}

/// Points closer than the line is wide have corners that a picture must not follow to where they meet.
#[test]
fn a_line_does_not_leave_its_values() {
    let losses: Vec<f64> = (0..1_000).map(|epoch| 0.25 + 0.5 * f64::from(epoch % 2)).collect();
    let history = history(&[("loss", &[0.0; 1_000]), ("val_loss", &losses)]);
    let text = curves_svg(&history);
    let svg = Document::parse(&text).unwrap();
    let lines = elements(&svg, "polyline", "stroke", VALIDATION);
    let points = lines[1].attribute("points").unwrap().split_whitespace();
    let rows = points.map(|point| point.split_once(',').unwrap().1.parse::<usize>().unwrap());
    let (top, bottom): (usize, usize) =
        rows.fold((usize::MAX, 0), |(top, bottom), row| (row.min(top), row.max(bottom)));
    let ((width, _), pixels) = decode(&curves_png(&history));
    let is_coloured = |row: &[u8]| row.chunks_exact(3).any(|pixel| pixel == [0xD5, 0x5E, 0x00]);
    let rows = pixels.chunks_exact(3 * width as usize).enumerate();
    // The line has half of its width, 1.75 pixels, on each side; the legend stands above.
    let coloured: Vec<usize> =
        rows.skip(100).filter(|(_, row)| is_coloured(row)).map(|(row, _)| row).collect();
    let (first, last) = (coloured[0], coloured[coloured.len() - 1]);
    assert!(top / 2 - 2 <= first && first <= top / 2 + 2, "{first} {top}");
    assert!(bottom / 2 - 2 <= last && last <= bottom / 2 + 2, "{last} {bottom}");
}

#[test]
fn no_history_is_too_odd_for_a_png() {
    for (name, history) in degenerate() {
        let ((width, _), pixels) = decode(&curves_png(&history));
        assert!(pixels.chunks_exact(3).any(|pixel| pixel != [255; 3]), "{name} is blank");
        let is_cut = |row: &[u8]| row[row.len() - 3..] != [255; 3];
        assert!(!pixels.chunks_exact(3 * width as usize).any(is_cut), "{name} is cut");
    }
}

#[test]
fn the_same_history_gives_the_same_bytes() {
    assert_eq!(curves_svg(&run(20)), curves_svg(&run(20)));
    assert_eq!(curves_png(&run(20)), curves_png(&run(20)));
}

fn degenerate() -> Vec<(&'static str, History)> {
    let nan = f64::NAN;
    let both = |loss: &[f64], val: &[f64]| {
        history(&[("loss", loss), ("accuracy", loss), ("val_loss", val), ("val_accuracy", val)])
    };
    vec![
        ("no epoch", History::default()),
        ("one epoch", run(1)),
        ("many epochs", run(3000)),
        ("equal values", both(&[0.5; 10], &[0.5; 10])),
        ("zeros", both(&[0.0; 3], &[0.0; 3])),
        ("huge", both(&[1e6, 2e6], &[1e30, 3.0])),
        ("tiny", both(&[1e-30, 2e-30], &[5e-324, 0.0])),
        ("beyond f32", both(&[f64::MAX, f64::MIN], &[f64::from(f32::MAX), f64::from(f32::MIN)])),
        ("negative", both(&[-1.0, -2.0], &[-3.0, 4.0])),
        ("no numbers", both(&[nan, f64::INFINITY], &[f64::NEG_INFINITY, nan])),
        ("only validation", history(&[("val_loss", &[0.5, 0.4])])),
        ("neither loss nor accuracy", history(&[("mae", &[0.5, 0.4])])),
        ("a name that the font has no letters for", history(&[("損失\0", &[0.5, 0.4])])),
        ("a wide name", history(&[(&"W".repeat(36), &[0.5, 0.4])])),
    ]
}

/// Width and height, and the RGB bytes.
fn decode(file: &[u8]) -> ((u32, u32), Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
    assert_eq!(reader.info().color_type, png::ColorType::Rgb);
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    (reader.info().size(), pixels)
}
