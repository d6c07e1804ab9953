//! How words and names from files are shown.

/// The text without characters that steer, and cut where it is longer than so many characters.
pub(super) fn shown(text: &str, most: usize) -> String {
    let mut shown: String = text.chars().take(most).map(harmless).collect();
    if text.chars().nth(most).is_some() {
        shown.push('…');
    }
    shown
}

/// What neither is seen nor leaves the text around it as it is: control characters, the marks that turn its direction, and what
/// XML has no place for; and what is never seen, of which a name may consist. The joiners, which words have, are kept.
fn harmless(character: char) -> char {
    let is_harmful = character.is_control()
        || matches!(
            character,
            '\u{00AD}'
                | '\u{061C}'
                | '\u{180E}'
                | '\u{200B}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{202A}'..='\u{202E}'
                | '\u{2060}'
                | '\u{2066}'..='\u{2069}'
                | '\u{FEFF}'
                | '\u{FFFE}'..='\u{FFFF}'
        );
    if is_harmful { '\u{FFFD}' } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_steer_and_have_an_end() {
        assert_eq!(shown("a\u{202E}b\0", 4), "a\u{FFFD}b\u{FFFD}");
        assert_eq!(shown("\u{061C}a\u{FFFF}", 4), "\u{FFFD}a\u{FFFD}");
        assert_eq!(shown("\u{FEFF}\u{200B}\u{2060}\u{AD}\u{180E}", 5), "\u{FFFD}".repeat(5));
        assert_eq!(shown("\u{200C}\u{200D}", 4), "\u{200C}\u{200D}");
        assert_eq!(shown("éééé", 4), "éééé");
        assert_eq!(shown("ééééé", 4), "éééé…");
    }
}
