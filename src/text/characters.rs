//! Characters as Python sees them: lower case, and what its regular expressions call a word and a space.

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

/// Writes a text in lower case, as Python's `str.lower` does.
///
/// Both follow Unicode's full mapping of single characters, and its one rule with context, the final sigma; Python by its
/// release's version of Unicode, this program by its compiler's, so they differ in letters that are younger than either.
pub(super) fn lower(text: &str, lowered: &mut String) {
    lowered.clear();
    // The sigma's context may be any distance away, on both sides: the standard library looks there.
    if !text.is_ascii() && text.contains('Σ') {
        lowered.push_str(&text.to_lowercase());
        return;
    }
    lowered.reserve(text.len());
    let mut rest = text;
    loop {
        let ascii = match rest.is_ascii() {
            true => rest.len(),
            false => rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len()),
        };
        let start = lowered.len();
        lowered.push_str(&rest[..ascii]);
        lowered[start..].make_ascii_lowercase();
        rest = &rest[ascii..];
        let mut others = rest.chars();
        loop {
            rest = others.as_str();
            match others.next() {
                None => return,
                Some(other) if other.is_ascii() => break,
                Some(other) => lowered.extend(other.to_lowercase()),
            }
        }
    }
}

/// Whether Python's `\w` matches: `str.isalnum`, or the underscore.
///
/// `isalnum` takes letters (category L) and all that has a numeric value. Unicode gives one to every number (category N)
/// and else to letters only.
pub(super) fn is_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    let group = character.general_category_group();
    matches!(group, GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
}

/// Whether Python's `\s` matches: `str.isspace`, which is Unicode's white space and the four separators of ASCII.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}
