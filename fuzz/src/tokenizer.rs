//! The tokenizers, which look at blocks of bytes, against themselves character by character; and the numbers of their words.

use std::collections::HashMap;

use imdb_fast::text::{Scratch, Tokenizer, WordCounts, Words};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

pub fn check(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    for tokenizer in Tokenizer::ALL {
        let expected = slowly(tokenizer, &text);
        let mut scratch = Scratch::default();
        let mut found = Vec::new();
        tokenizer.for_each(&text, &mut scratch, |word| found.push(word.to_owned()));
        assert_eq!(found, expected, "{tokenizer}");

        let (mut words, mut numbers) = (Words::default(), Vec::new());
        let half = (0..=text.len() / 2).rfind(|&at| text.is_char_boundary(at)).unwrap_or(0);
        for part in [&text[..], &text[..half], &text] {
            numbers.clear();
            words.add(tokenizer, part, &mut scratch, &mut numbers).expect("a small text");
        }
        assert!(
            numbers.iter().map(|&number| words.word(number)).eq(expected.iter()),
            "{tokenizer}"
        );
        assert!(numbers.iter().zip(&expected).all(|(&n, word)| words.number(word) == Some(n)));

        let mut counts = WordCounts::default();
        counts.add(tokenizer, &text, &mut scratch, &mut numbers).expect("a small text");
        let mut totals: HashMap<&str, u64> = HashMap::new();
        expected.iter().for_each(|word| *totals.entry(word).or_default() += 1);
        assert_eq!(counts.len(), totals.len());
        for number in 0..counts.len() as u32 {
            assert_eq!(Some(&counts.total(number)), totals.get(counts.word(number)));
        }
    }
    true
}

/// What Python's `\w` matches.
fn is_word(character: char) -> bool {
    let group = character.general_category_group();
    character == '_' || matches!(group, GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
}

/// What Python's `\s` matches.
fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\x1c'..='\x1f').contains(&character)
}

/// The words of a text, one character after the other.
pub fn slowly(tokenizer: Tokenizer, text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    if tokenizer == Tokenizer::Keras {
        let filters = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n ";
        let words = lower.split(|c| filters.contains(c)).filter(|word| !word.is_empty());
        return words.map(str::to_owned).collect();
    }
    let chars: Vec<char> = lower.replace("<br />", " ").chars().collect();
    let run = |from: usize| chars[from..].iter().take_while(|&&c| is_word(c)).count();
    let mut words = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let mut length = run(at);
        if length > 0 && chars.get(at + length) == Some(&'\'') {
            let more = run(at + length + 1);
            length += if more > 0 { 1 + more } else { 0 };
        }
        if length > 0 || !is_space(chars[at]) {
            length = length.max(1);
            words.push(chars[at..at + length].iter().collect());
        }
        at += length.max(1);
    }
    words
}
