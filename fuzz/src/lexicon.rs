//! Text rules and a vocabulary of some texts, as an import makes them.

use arbitrary::{Result, Unstructured};
use imdb_fast::text::{
    Encoder, Encoding, Hash, NgramCounts, Ngrams, Rules, Scratch, Tokenizer, Unknown, Vocabulary,
};

use super::desk::{choice, seldom};

/// The words of a text.
pub fn words(tokenizer: Tokenizer, text: &str) -> Vec<String> {
    let mut words = Vec::new();
    tokenizer.for_each(text, &mut Scratch::default(), |word| words.push(word.to_owned()));
    words
}

/// Rules that hold together, and the words and runs of words that some texts have by them. Where they are for sequences, there
/// are no runs.
pub fn lexicon(
    u: &mut Unstructured,
    texts: &[String],
    for_sequences: bool,
) -> Result<(Rules, Vocabulary)> {
    let tokenizer = choice(u, &Tokenizer::ALL)?;
    let mut ranked: Vec<String> = Vec::new();
    for word in texts.iter().flat_map(|text| words(tokenizer, text)) {
        if !ranked.contains(&word) {
            ranked.push(word);
        }
    }
    if u.arbitrary()? {
        let unknown = u.int_in_range(2..=6)?;
        let mut number = 0;
        ranked.retain(|_| {
            number += 1;
            number % unknown != 0
        });
    }
    let rules = rules(u, tokenizer, ranked.len(), for_sequences)?;
    rules.check().expect("they hold together");
    let vocabulary = rules.vocabulary((1..).zip(ranked.iter().map(String::as_str)));
    let vocabulary = vocabulary.expect("there are few words");
    if rules.ngrams == 1 || rules.hash.is_some() {
        return Ok((rules, vocabulary));
    }
    let of_words = Rules { ngrams: 1, ..rules.clone() };
    let encoder = Encoder::new(&of_words, &vocabulary).expect("the words are those of the rules");
    let mut encoding = Encoding::default();
    let mut ngrams = Ngrams::new(rules.num_words);
    while ngrams.next_length() <= rules.ngrams {
        let mut counts = NgramCounts::default();
        for text in texts {
            encoder.encode(text, &mut encoding);
            counts.add(&ngrams, encoding.tokens()).expect("there are few runs");
        }
        ngrams.grow(counts, 1).expect("there are few runs");
    }
    Ok((rules, ngrams.vocabulary(&vocabulary)))
}

fn rules(
    u: &mut Unstructured,
    tokenizer: Tokenizer,
    words: usize,
    for_sequences: bool,
) -> Result<Rules> {
    let index_from = u.int_in_range(0..=4u32)?;
    let mark = |u: &mut Unstructured| {
        let is_there = u.int_in_range(0..=3u8)? > 0;
        Ok::<_, arbitrary::Error>(is_there.then_some(u.int_in_range(0..=index_from)?))
    };
    let (start_char, oov_char) = (mark(u)?, mark(u)?);
    let least = index_from as usize + 1;
    let num_words =
        if u.arbitrary()? { least + words } else { u.int_in_range(least..=least + words)? };
    let skip_top = if seldom(u, 3)? { u.choose_index(num_words)? } else { 0 };
    let ngrams = if for_sequences { 1 } else { choice(u, &[1, 1, 2, 3, 5])? };
    let has_hash = ngrams > 1 && u.arbitrary()?;
    let bits = num_words.ilog2() + 1 + u.int_in_range(0..=3u32)?;
    let hash = Hash { bits, seed: u.arbitrary()? };
    Ok(Rules {
        tokenizer,
        num_words,
        skip_top,
        start_char,
        oov_char,
        index_from,
        unknown: if seldom(u, 4)? { Unknown::Cut } else { Unknown::Drop },
        ngrams,
        hash: has_hash.then_some(hash),
    })
}
