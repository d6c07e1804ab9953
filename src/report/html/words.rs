//! How numbers and words from files are written.

use super::super::names;
use super::super::table::minus;
pub(super) use super::super::table::{count, number, thousands};
use crate::sweep::Measure;

/// A label, a path or the value of an option. What tells two of them apart often stands last, so only what nobody would read is
/// cut.
pub(super) fn shown(text: &str) -> String {
    names::shown(text, 1_000)
}

/// A word of a review. Longer ones are cut: no word of a language is.
pub(super) fn shown_word(word: &str) -> String {
    names::shown(word, 60)
}

/// A share as "86.71 %", which no line breaks; a dash for what is none.
pub(super) fn percent(share: f64) -> String {
    match (0.0..=1.0).contains(&share) {
        true => format!("{:.2}\u{a0}%", 100.0 * share),
        false => "–".to_owned(),
    }
}

/// A time to the millisecond, where that is not more than anyone would read.
pub(super) fn seconds(time: f64) -> String {
    if time.abs() < 1e6 { format!("{time:.3} s") } else { format!("{} s", number(time)) }
}

/// With its sign, and so many digits behind the point.
pub(super) fn signed(value: f64, decimals: usize) -> String {
    minus(format!("{value:+.decimals$}"))
}

/// A measure in words.
pub(super) fn words_of(measure: Measure) -> &'static str {
    match measure {
        Measure::ValLoss => "validation loss",
        Measure::ValAccuracy => "validation accuracy",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_to_be_read() {
        assert_eq!(percent(0.86714), "86.71\u{a0}%");
        assert_eq!([f64::NAN, 1e300, -0.5].map(percent), ["–"; 3]);
        assert_eq!([0.157, 1e300].map(seconds), ["0.157 s", "1.000e300 s"]);
        assert_eq!(signed(-1.234, 2), "−1.23");
    }

    #[test]
    fn words_are_cut_and_names_are_whole() {
        let long = "é".repeat(1_000);
        assert_eq!(shown(&long), long);
        assert_eq!(shown_word(&long), format!("{}…", "é".repeat(60)));
    }
}
