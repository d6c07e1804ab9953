//! How numbers and words from files are written.

use crate::sweep::Measure;

pub(super) use super::super::table::thousands;

/// Longer words are cut: no word of a language is.
const MOST_CHARACTERS: usize = 60;

/// A word or name from a file, as it can be shown: one of a sane length, without characters that steer.
pub(super) fn shown(word: &str) -> String {
    let mut shown: String = word.chars().take(MOST_CHARACTERS).map(harmless).collect();
    if word.chars().nth(MOST_CHARACTERS).is_some() {
        shown.push('…');
    }
    shown
}

/// What neither is seen nor leaves the text around it as it is: control characters and the marks that turn its direction.
fn harmless(character: char) -> char {
    let steers = character.is_control()
        || matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    if steers { '\u{FFFD}' } else { character }
}

/// A number of things.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// A share as "86.71 %"; a dash where there is none.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{:.2} %", 100.0 * share) } else { "–".to_owned() }
}

/// Four digits behind the point, or four in all where it is small or large; what is no number says so.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return if value.is_nan() { "not a number".to_owned() } else { minus(value.to_string()) };
    }
    if size != 0.0 && !(1e-3..1e5).contains(&size) {
        return minus(format!("{value:.3e}"));
    }
    minus(format!("{value:.4}"))
}

/// With its sign, and so many digits behind the point.
pub(super) fn signed(value: f64, decimals: usize) -> String {
    minus(format!("{value:+.decimals$}"))
}

/// With the sign that is as wide as a plus.
fn minus(text: String) -> String {
    text.replace('-', "−")
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
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(count(1, "review", "reviews"), "1 review");
        assert_eq!(percent(0.86714), "86.71 %");
        assert_eq!(percent(f64::NAN), "–");
        assert_eq!(number(0.28113), "0.2811");
        assert_eq!(number(-0.000123456), "−1.235e−4");
        assert_eq!(number(0.0), "0.0000");
        assert_eq!(number(f64::NAN), "not a number");
        assert_eq!(signed(-1.234, 2), "−1.23");
    }

    #[test]
    fn words_cannot_steer_and_have_an_end() {
        assert_eq!(shown("a\u{202E}b\0"), "a\u{FFFD}b\u{FFFD}");
        let long = shown(&"é".repeat(1_000));
        assert_eq!(long.chars().count(), MOST_CHARACTERS + 1);
        assert!(long.ends_with('…'));
    }
}
