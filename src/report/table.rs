//! Tables of plain text, for the terminal, and the numbers in them.

/// On which side of its column a cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// The widest that a column gets. A longer cell moves what follows in its own row: a word may be as long as its file, and all
/// other rows would be padded to it.
const WIDEST: usize = 80;

/// Sets `rows` in columns two spaces apart; each row ends with a newline and has no space before it.
///
/// `alignment` has one entry a column. Cells are made [`harmless`]. A character counts as one place wide.
///
/// # Panics
/// If a row has not as many cells as `alignment` has entries.
pub fn aligned(alignment: &[Align], rows: &[Vec<String>]) -> String {
    let mut widths = vec![0; alignment.len()];
    for row in rows {
        assert_eq!(row.len(), alignment.len(), "a row has one cell a column");
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().min(WIDEST).max(*width);
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(alignment).zip(&widths).map(|((cell, align), &width)| {
            let shown = harmless(cell);
            match align {
                Align::Left => format!("{shown:<width$}"),
                Align::Right => format!("{shown:>width$}"),
            }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Text that cannot move the cursor or colour the terminal: its control characters are shown as `\u{FFFD}`.
pub fn harmless(text: &str) -> String {
    text.replace(char::is_control, "\u{FFFD}")
}

/// The confusion matrix, `counts[actual][predicted]` with negative before positive.
pub fn confusion_matrix(counts: [[u64; 2]; 2]) -> String {
    let row = |name: &str, cells: [String; 2]| {
        let [negative, positive] = cells;
        vec![name.to_owned(), negative, positive]
    };
    let rows = [
        row("", ["predicted negative", "predicted positive"].map(str::to_owned)),
        row("actual negative", counts[0].map(thousands)),
        row("actual positive", counts[1].map(thousands)),
    ];
    aligned(&[Align::Left, Align::Right, Align::Right], &rows)
}

/// A number of things, as "1 review" or "1,234 reviews".
pub fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// 1234567 as "1,234,567".
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Four digits behind the point, or four in all where it is small or large; what is no number says so.
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "not a number".to_owned();
    }
    minus(match is_plain(value) || value.is_infinite() {
        true => format!("{value:.4}"),
        false => format!("{value:.3e}"),
    })
}

/// Whether four digits behind the point say what a number is.
pub(super) fn is_plain(value: f64) -> bool {
    value == 0.0 || (1e-3..1e5).contains(&value.abs())
}

/// With the sign that is as wide as a plus.
pub(super) fn minus(text: String) -> String {
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: [&str; 2]) -> Vec<String> {
        cells.map(str::to_owned).to_vec()
    }

    #[test]
    fn words_stand_left_and_numbers_right() {
        let rows = [row(["word", "count"]), row(["naïveté", "7"]), row(["a", "1200"])];
        let text = aligned(&[Align::Left, Align::Right], &rows);
        assert_eq!(text, "word     count\nnaïveté      7\na         1200\n");
    }

    #[test]
    fn one_long_word_does_not_widen_the_other_rows() {
        let long = "a".repeat(70_000);
        let mut rows = vec![row([&long, "1"])];
        rows.resize(1_000, row(["b", "2"]));
        let text = aligned(&[Align::Left, Align::Right], &rows);
        assert!(text.starts_with(&format!("{long}  1\nb ")) && text.len() < 200_000);
    }

    #[test]
    fn a_cell_cannot_steer_the_terminal() {
        let text = aligned(&[Align::Right, Align::Left], &[row(["\x1b[2J\n", "x"])]);
        assert_eq!(text, "\u{FFFD}[2J\u{FFFD}  x\n");
    }

    #[test]
    fn numbers_are_written_to_be_read() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(count(1, "review", "reviews"), "1 review");
        assert_eq!(number(0.28113), "0.2811");
        assert_eq!(number(-0.000123456), "−1.235e−4");
        assert_eq!(number(823_999_360.0), "8.240e8");
        assert_eq!(number(0.0), "0.0000");
        assert_eq!(number(f64::NAN), "not a number");
        assert_eq!(number(f64::NEG_INFINITY), "−inf");
    }

    #[test]
    fn the_confusion_matrix_names_its_sides() {
        let expected = [
            "                 predicted negative  predicted positive",
            "actual negative              11,080               1,420",
            "actual positive                   7              11,098",
        ];
        let text = confusion_matrix([[11080, 1420], [7, 11098]]);
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }
}
