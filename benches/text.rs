//! How fast does text become words, counts, features and answers? The reviews of the test split as texts: their words with
//! marks, capitals and line breaks put between them as reviews have them, cut words included.

mod common;

use std::collections::HashSet;

use imdb_fast::answer::Judge;
use imdb_fast::dataset::Split;
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::random::{Random, Stream};
use imdb_fast::text::{
    CUT, DROPPED, Encoder, Encoding, Rules, Scratch, Tokenizer, Vocabulary, WordCounts,
};
use imdb_fast::train::Team;

use common::{Elements, Journal, Reviews, Work, best_time, thread_counts};

/// The texts, and how many words of Keras' kind they have.
struct Texts {
    texts: Vec<String>,
    words: usize,
    bytes: usize,
}

impl Texts {
    fn of(reviews: &Reviews, vocabulary: &Vocabulary) -> Texts {
        let mut random = Random::new(1, Stream::SyntheticReviews);
        let mut texts = Texts { texts: Vec::new(), words: 0, bytes: 0 };
        for row in 0..reviews.work(Split::Test).reviews {
            let sequence = reviews.dataset.sequence(Split::Test, row).expect("the row is there");
            let csr = reviews.dataset.csr(Split::Test).expect("the split is there");
            // Generated reviews have no reading order: their words once, then.
            let ids = sequence.unwrap_or_else(|| csr.row(row));
            let mut text = String::new();
            for word in ids.iter().map(|&id| vocabulary.word(id).unwrap_or("uncommonness")) {
                match random.below(25) {
                    0 => text.push_str("<br /><br />"),
                    1 | 2 => text.push_str(". "),
                    3 => text.push_str(", \""),
                    _ => text.push(' '),
                }
                texts.words += 1 + 2 * usize::from(text.ends_with("/>"));
                match random.below(12) {
                    0 => text.push_str(&word.to_uppercase()),
                    _ => text.push_str(word),
                }
            }
            texts.bytes += text.len();
            texts.texts.push(text);
        }
        texts
    }

    /// How many features they have, each text's in a set.
    fn features(&self, encoder: &Encoder) -> usize {
        let rules = encoder.rules();
        let features = |text: &String| {
            let mut set: HashSet<u32> = rules.start_char.into_iter().collect();
            Tokenizer::Keras.for_each(text, &mut Scratch::default(), |word| {
                match encoder.token(word) {
                    DROPPED => {}
                    CUT => set.extend(rules.oov_char),
                    id => _ = set.insert(id),
                }
            });
            set.len()
        };
        self.texts.iter().map(features).sum()
    }
}

fn main() {
    let mut criterion = common::criterion();
    let reviews = Reviews::new();
    let features = reviews.dataset.features();
    let vocabulary = reviews.dataset.vocabulary().expect("both kinds of reviews have words");
    let texts = Texts::of(&reviews, vocabulary);
    let work = Work { reviews: texts.texts.len(), nonzeros: texts.words };
    let title = format!(
        "Text of {} reviews ({}), {:.1} MB; nonzeros are words",
        work.reviews,
        reviews.origin,
        texts.bytes as f64 / 1e6
    );
    let mut journal = Journal::new(title);
    let mut group = common::group(&mut criterion, "text", reviews.origin, Elements::Nonzeros, work);
    let mut scratch = Scratch::default();
    for tokenizer in Tokenizer::ALL {
        let mut words = 0;
        let best = best_time(&mut group, tokenizer.name(), || {
            words = 0;
            for text in &texts.texts {
                tokenizer.for_each(text, &mut scratch, |_| words += 1);
            }
        });
        journal.note(format!("{tokenizer}: words"), best, work);
        if best.is_some() {
            assert_eq!(words == texts.words, tokenizer == Tokenizer::Keras, "{words} words");
        }
    }

    let mut numbers = Vec::new();
    let mut total = 0;
    let best = best_time(&mut group, "count", || {
        let mut counts = WordCounts::default();
        for text in &texts.texts {
            numbers.clear();
            let counted = counts.add(Tokenizer::Keras, text, &mut scratch, &mut numbers);
            counted.expect("the words are few");
        }
        total = (0..counts.len() as u32).map(|number| counts.total(number) as usize).sum();
    });
    journal.note("keras: counts", best, work);
    assert!(best.is_none() || total == texts.words, "{total} words are counted");

    let rules = Rules { num_words: features, ..Rules::default() };
    let encoder = Encoder::new(&rules, vocabulary).expect("the vocabulary is sound");
    let mut encoding = Encoding::default();
    let best = best_time(&mut group, "encode", || {
        total = 0;
        for text in &texts.texts {
            encoder.encode(text, &mut encoding);
            total += encoding.features().len();
        }
    });
    journal.note("keras: features", best, work);
    assert!(best.is_none() || total == texts.features(&encoder), "{total} features");

    let layer = Dense { units: 16, activation: Activation::Relu };
    let architecture = Architecture::new(features, &[layer, layer]).expect("the widths are valid");
    let mut model = Model::new(architecture, 1);
    (model.vocabulary, model.text) = (Some(vocabulary.clone()), Some(rules));
    let (mut first, mut probabilities) = (Vec::new(), Vec::new());
    for threads in thread_counts() {
        let team = Team::new(threads).expect("the threads start");
        let judge = Judge::new(&model, &team).expect("the model can read");
        let best = best_time(&mut group, &format!("judge, {threads} threads"), || {
            probabilities.clear();
            judge.probabilities(&texts.texts, &mut probabilities).expect("the weights are small");
        });
        journal.note(format!("probabilities, {threads} threads"), best, work);
        if best.is_none() {
            continue;
        }
        if first.is_empty() {
            first.clone_from(&probabilities);
        }
        assert!(first == probabilities, "the same on any number of threads");
        assert_eq!(probabilities.len(), work.reviews);
        // Texts by themselves, a few from everywhere.
        let step = work.reviews.div_ceil(10);
        for (text, &found) in texts.texts.iter().zip(&probabilities).step_by(step) {
            let alone = judge.explain(text).expect("the weights are small").probability;
            assert!((found - alone).abs() < 1e-6, "{found}, and {alone} alone");
        }
    }
    group.finish();
    criterion.final_summary();
    journal.print();
}
