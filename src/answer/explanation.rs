//! What each part of a text does to its probability.

/// The probability of a text, and what each part of the text does to it.
///
/// The effect of a part is exact: the probability of the text, less that of the text without it. A word is taken out
/// everywhere, and with it all n-grams that hold it; no new n-grams arise where it stood. An n-gram is taken out as a
/// feature of its own, and its words stay. Effects do not add up to the probability: the network is no sum.
///
/// To a network that averages sequences, the text without a word is a shorter sequence, cut and padded anew: where the text
/// is longer than the sequence, words from before its beginning come in. A word that stands only there has no effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// That the text is positive.
    pub probability: f32,
    /// By falling size of the effect; equal ones as they come in the text, words before n-grams.
    pub parts: Vec<Part>,
    /// The words as the tokenizer yields them, with spaces between.
    pub(super) words: String,
    /// For each word its place in `parts`, or [`NONE`].
    pub(super) part_of: Vec<u32>,
}

/// Stands for the part of a word that the model does not know.
pub(super) const NONE: u32 = u32::MAX;

/// A part of a text that does something.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The word, or the words with spaces between; of runs that share a feature by their hash all, with ` | ` between.
    /// Empty for [`Kind::Cut`].
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// How often it stands there.
    pub count: usize,
    /// The probability with it, less that without it: above 0 where it makes the text more positive.
    pub effect: f32,
    /// The same in log-odds, which still tell parts apart where the probability is nearly 0 or 1.
    pub evidence: f32,
}

impl Part {
    /// Sets effect and evidence by probability and logit with it, and those without it.
    pub(super) fn compare(&mut self, with: (f32, f32), without: (f32, f32)) {
        self.effect = with.0 - without.0;
        // Finite logits may be further apart than any number.
        self.evidence = (with.1 - without.1).clamp(-f32::MAX, f32::MAX);
    }
}

/// What a part of a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A word.
    Word,
    /// A run of words that is a feature.
    Ngram,
    /// All words that are cut: the network cannot tell one from the other.
    Cut,
}

impl Kind {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Word => "word",
            Kind::Ngram => "ngram",
            Kind::Cut => "cut",
        }
    }
}

impl Explanation {
    /// The words in reading order, in lower case, each with its part; none where the model does not know the word.
    pub fn words(&self) -> impl Iterator<Item = (&str, Option<&Part>)> {
        let parts = self.part_of.iter().map(|&part| self.parts.get(part as usize));
        self.words.split(' ').zip(parts)
    }
}
