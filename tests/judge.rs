//! Answers by the library: as exact as they claim to be, by any rules, in any company, from any file.

mod common;

use std::collections::HashSet;

use common::{generated, team, written};
use imdb_fast::answer::{Explanation, Judge, Kind, Part, WordEffect};
use imdb_fast::container::Access;
use imdb_fast::dataset::{Contents, Dataset, Review, Split, Writer};
use imdb_fast::kernel::Level;
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense, Embedding, sigmoid};
use imdb_fast::random::{Random, Stream};
use imdb_fast::text::{Encoder, Encoding, Hash, NgramCounts, Ngrams, Rules, Unknown};
use imdb_fast::train::{Team, predict};

/// A model with random weights of words `w0` to `w{words - 1}`, by these rules.
fn model(rules: Rules, words: usize, hidden: &[Dense]) -> Model {
    let names: Vec<String> = (0..words).map(|word| format!("w{word}")).collect();
    let ranked = (1..).zip(names.iter().map(String::as_str));
    let vocabulary = rules.vocabulary(ranked).unwrap();
    let mut ngrams = Ngrams::new(rules.num_words);
    let mut random = Random::new(5, Stream::SyntheticReviews);
    let is_named = rules.ngrams > 1 && rules.hash.is_none();
    let texts: Vec<Vec<u32>> = (0..40)
        .map(|_| (0..30).map(|_| 4 + random.below(rules.num_words as u64 - 4) as u32).collect())
        .collect();
    while is_named && ngrams.next_length() <= rules.ngrams {
        let mut counts = NgramCounts::default();
        texts.iter().for_each(|tokens| counts.add(&ngrams, tokens).unwrap());
        ngrams.grow(counts, 1).unwrap();
    }
    let vocabulary = ngrams.vocabulary(&vocabulary);
    let architecture = Architecture::new(rules.features(&vocabulary), hidden).unwrap();
    let mut model = Model::new(architecture, 3);
    model.vocabulary = Some(vocabulary);
    model.text = Some(rules);
    model
}

/// Texts of these words, some of them cut and some unknown.
fn texts(words: u64, count: usize) -> Vec<String> {
    let mut random = Random::new(6, Stream::SyntheticReviews);
    let texts = (0..count).map(|_| {
        let words = (0..random.below(25)).map(|_| format!("w{}", random.below(words)));
        words.collect::<Vec<_>>().join(" ")
    });
    texts.collect()
}

fn probabilities(judge: &Judge<'_>, texts: &[String]) -> Vec<f32> {
    let mut probabilities = Vec::new();
    judge.probabilities(texts, &mut probabilities).unwrap();
    probabilities
}

fn all_rules() -> Vec<Rules> {
    let rules = Rules { num_words: 14, ..Rules::default() };
    vec![
        rules.clone(),
        Rules { skip_top: 6, unknown: Unknown::Cut, ..rules.clone() },
        Rules { oov_char: None, ngrams: 2, ..rules.clone() },
        Rules { ngrams: 3, ..rules.clone() },
        Rules { ngrams: 3, hash: Some(Hash { bits: 5, seed: 1 }), ..rules.clone() },
        Rules { ngrams: 5, hash: Some(Hash { bits: 12, seed: 2 }), ..rules },
    ]
}

/// The same words, but their sequences are averaged.
fn averaging(rules: Rules, words: usize, hidden: &[Dense], embedding: Embedding) -> Model {
    let sets = model(rules, words, hidden);
    let inputs = sets.architecture().inputs();
    let architecture = Architecture::new(inputs, hidden).unwrap();
    let mut model = Model::new(architecture.with_embedding(embedding).unwrap(), 3);
    (model.vocabulary, model.text) = (sets.vocabulary, sets.text);
    model
}

/// Sequences that are never cut, that are mostly cut, and of one word.
fn embeddings() -> impl Iterator<Item = Embedding> {
    let masks = [false, true].into_iter();
    masks.flat_map(|mask| [40, 9, 1].map(|max_len| Embedding { dim: 16, max_len, mask }))
}

#[test]
fn an_effect_is_what_taking_the_part_out_changes() {
    let layer = Dense { units: 16, activation: Activation::Tanh };
    for rules in all_rules() {
        let drops = Rules { unknown: Unknown::Drop, ..rules.clone() };
        check_effects(&model(drops.clone(), 14, &[layer, layer]), &rules);
        for embedding in embeddings().filter(|_| rules.ngrams == 1) {
            check_effects(&averaging(drops.clone(), 14, &[layer], embedding), &rules);
        }
    }
    let rules = Rules { oov_char: None, ..all_rules()[1].clone() };
    let drops = Rules { unknown: Unknown::Drop, ..rules.clone() };
    for embedding in embeddings() {
        check_effects(&averaging(drops.clone(), 14, &[layer], embedding), &rules);
    }
}

/// Takes each part of some texts out, and compares.
fn check_effects(model: &Model, rules: &Rules) {
    let team = team(2);
    let judge = Judge::new(model, &team).unwrap();
    let texts = texts(16, 60);
    let mut checked = [0; 3];
    for (text, explanation) in texts.iter().zip(judge.explanations(&texts).unwrap()) {
        assert_eq!(explanation, judge.explain(text).unwrap());
        let whole = probabilities(&judge, std::slice::from_ref(text))[0];
        assert_eq!(explanation.probability, whole);
        assert!(explanation.words().map(|(word, _)| word).eq(text.split_whitespace()));
        for part in &explanation.parts {
            let goes = |word: &str| match part.kind {
                Kind::Word => word == part.name,
                Kind::Cut => is_cut(&explanation, word),
                Kind::Ngram => false,
                other => panic!("{other:?} is no part of this test"),
            };
            checked[part.kind as usize] += 1;
            if part.kind == Kind::Ngram {
                continue; // see below
            }
            let without: Vec<&str> = text
                .split_whitespace()
                .map(|word| if goes(word) { "unknown" } else { word })
                .collect();
            let expected = whole - probabilities(&judge, &[without.join(" ")])[0];
            assert!((part.effect - expected).abs() < 1e-6, "{part:?} of {text:?}: {expected}");
            let count = text.split_whitespace().filter(|word| goes(word)).count();
            assert_eq!(part.count, count, "{part:?} of {text:?}");
            is_evidence_of_effect(part, whole);
        }
    }
    assert!(checked[Kind::Word as usize] > 200, "{rules:?}: {checked:?}");
    assert_eq!(checked[Kind::Ngram as usize] > 20, rules.ngrams > 1, "{rules:?}: {checked:?}");
    assert_eq!(checked[Kind::Cut as usize] > 20, rules.oov_char.is_some(), "{checked:?}");
}

/// More text than is explained side by side: texts that share a turn, one that is too long for that, and those behind it.
#[test]
fn long_texts_are_explained_as_each_by_itself() {
    let team = team(2);
    let layer = Dense { units: 16, activation: Activation::Tanh };
    let model = model(all_rules()[3].clone(), 14, &[layer]);
    let judge = Judge::new(&model, &team).unwrap();
    let text = |(word, words)| format!("w{word} w7 w8 ").repeat(words);
    let texts = [(1, 3), (2, 200_000), (3, 200_000), (4, 500_000), (5, 1), (6, 0)].map(text);
    let together = judge.explanations(&texts).unwrap();
    let alone: Vec<_> = texts.iter().map(|text| judge.explain(text).unwrap()).collect();
    assert!(together == alone, "texts of {:?} bytes", texts.each_ref().map(String::len));
}

/// The evidence is the same change as the effect, in log-odds.
fn is_evidence_of_effect(part: &Part, whole: f32) {
    let log_odds = |p: f32| (f64::from(p) / (1.0 - f64::from(p))).ln();
    let expected = log_odds(whole) - log_odds(whole - part.effect);
    assert!((f64::from(part.evidence) - expected).abs() < 1e-4, "{part:?}: {expected}");
}

/// A word that is cut off has no effect; one that is there has one, in each of these networks.
#[test]
fn words_beyond_the_sequence_have_no_effect() {
    let team = team(1);
    let layer = Dense { units: 16, activation: Activation::Tanh };
    for embedding in embeddings().filter(|embedding| embedding.max_len == 9) {
        let model = averaging(all_rules()[0].clone(), 14, &[layer], embedding);
        let judge = Judge::new(&model, &team).unwrap();
        let explanation = judge.explain("w1 w2 w1 w3 w4 w3 w4 w3 w4 w3 w5 w5").unwrap();
        let effect = |name: &str| {
            let part = explanation.parts.iter().find(|part| part.name == name).unwrap();
            (part.count, part.effect)
        };
        assert_eq!([effect("w1"), effect("w2")], [(2, 0.0), (1, 0.0)]);
        for name in ["w3", "w4", "w5"] {
            assert!(effect(name).1.abs() > 1e-5, "{name}: {:?}", effect(name));
        }
    }
}

/// The strongest words of an empty review are those whose own reviews differ most from it; of words that are cut none does.
#[test]
fn the_strongest_words_of_sequences_are_those_of_reviews_of_one_word() {
    let team = team(2);
    let layer = Dense { units: 16, activation: Activation::Tanh };
    let rules = &all_rules()[..2];
    for (embedding, rules) in embeddings().flat_map(|it| rules.iter().map(move |rules| (it, rules)))
    {
        let model = averaging(rules.clone(), 14, &[layer], embedding);
        let judge = Judge::new(&model, &team).unwrap();
        let strongest = judge.strongest(usize::MAX).unwrap();
        assert_eq!(strongest.empty, probabilities(&judge, &[String::new()])[0]);
        let all = strongest.negative.iter().chain(&strongest.positive);
        let all: Vec<&WordEffect> = all.collect();
        assert!(all.len() >= 8, "{all:?}");
        for word in all {
            let alone = probabilities(&judge, std::slice::from_ref(&word.name))[0];
            assert_eq!(
                (word.probability, word.effect),
                (alone, alone - strongest.empty),
                "{word:?}"
            );
        }
    }
}

fn is_cut(explanation: &Explanation, word: &str) -> bool {
    let mut words = explanation.words();
    words.any(|(other, part)| other == word && part.is_some_and(|part| part.kind == Kind::Cut))
}

#[test]
fn a_review_of_a_dataset_is_explained_as_its_text_is() {
    let layer = Dense { units: 16, activation: Activation::Tanh };
    let team = team(1);
    for rules in all_rules() {
        let has_oov = rules.oov_char.is_some();
        let model = model(rules, 14, &[layer]);
        let judge = Judge::new(&model, &team).unwrap();
        let mut encoding = Encoding::default();
        for text in texts(14, 60) {
            judge.encoder().encode(&text, &mut encoding);
            let by_ids = judge.explain_ids(encoding.words(), encoding.features()).unwrap();
            let by_text = judge.explain(&text).unwrap();
            assert_eq!(by_ids.probability, by_text.probability);
            if !has_oov {
                continue; // words that are dropped leave no place
            }
            assert_eq!(by_ids.parts, by_text.parts, "{text:?}");
            for ((word, part), (expected, expected_part)) in by_ids.words().zip(by_text.words()) {
                assert_eq!(part, expected_part);
                let is_cut = part.is_some_and(|part| part.kind == Kind::Cut);
                assert_eq!(word, if is_cut { "?" } else { expected });
            }
            by_ids.parts.iter().for_each(|part| is_evidence_of_effect(part, by_ids.probability));
        }
    }
}

/// With no hidden layer the network is a sum, so that a feature's share is known without the program's help.
#[test]
fn an_n_gram_is_taken_out_by_itself() {
    let team = team(1);
    for rules in all_rules().into_iter().filter(|rules| rules.ngrams > 1) {
        let model = model(rules, 14, &[]);
        let judge = Judge::new(&model, &team).unwrap();
        let weights = &model.parameters().first_kernel;
        let vocabulary = model.vocabulary.as_ref().unwrap();
        let id =
            |name: &str| (0..weights.len()).find(|&id| vocabulary.word(id as u32) == Some(name));
        let mut checked = 0;
        for text in texts(13, 30) {
            let explanation = judge.explain(&text).unwrap();
            let whole = explanation.probability;
            let z = f64::from(whole / (1.0 - whole)).ln() as f32;
            let effect = |weight: f32| sigmoid(z) - sigmoid(z - weight);
            for part in explanation.parts.iter().filter(|part| part.kind == Kind::Ngram) {
                let mut named = HashSet::new();
                let is_new = |run: &str| text.contains(run) && named.insert(run.to_owned());
                assert!(part.name.split(" | ").all(is_new), "{part:?}, {text:?}");
                // One that is hashed has no name in the vocabulary, but a weight it has.
                let is_it = |weight: f32| (part.effect - effect(weight)).abs() < 1e-5;
                let is_right = match (judge.encoder().rules().hash, id(&part.name)) {
                    (None, id) => is_it(weights[id.expect("it has a name")]),
                    (Some(_), None) => weights.iter().any(|&weight| is_it(weight)),
                    (Some(_), Some(_)) => false,
                };
                assert!(is_right, "{part:?} of {text:?}");
                checked += 1;
            }
        }
        assert!(checked > 10, "{checked}");
    }
}

#[test]
fn an_answer_depends_on_neither_company_nor_threads() {
    let layer = |units, activation| Dense { units, activation };
    for hidden in [
        vec![layer(16, Activation::Relu), layer(16, Activation::Gelu)],
        vec![layer(100, Activation::Elu), layer(7, Activation::Silu)],
        vec![],
    ] {
        let model = model(all_rules()[3].clone(), 14, &hidden);
        let texts = texts(16, 333);
        for level in Level::supported() {
            let team = Team::new(3).unwrap().with_level(level);
            let judge = Judge::new(&model, &team).unwrap();
            let together = probabilities(&judge, &texts);
            let alone: Vec<f32> = texts
                .iter()
                .map(|text| probabilities(&judge, std::slice::from_ref(text))[0])
                .collect();
            assert_eq!(together, alone, "{level}, {hidden:?}");
            let one = Team::new(1).unwrap().with_level(level);
            let judge = Judge::new(&model, &one).unwrap();
            assert_eq!(probabilities(&judge, &texts), together, "{level}, {hidden:?}");
        }
    }
}

#[test]
fn there_are_no_answers_where_one_overflows() {
    let rules = Rules { num_words: 14, ..Rules::default() };
    let mut model = model(rules, 12, &[]);
    let mut parameters = model.parameters().clone();
    parameters.first_kernel.fill(f32::MAX);
    model.set_parameters(parameters).unwrap();
    let team = team(1);
    let judge = Judge::new(&model, &team).unwrap();
    let mut probabilities = vec![0.5];
    judge.probabilities(&["w1 w2 w3"], &mut probabilities).unwrap_err();
    assert_eq!(probabilities, [0.5]);
}

#[test]
fn rules_and_words_survive_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    for rules in all_rules() {
        let model = model(rules, 30, &[]);
        model.save(&path).unwrap();
        let read = Model::load(&path).unwrap();
        assert_eq!((&read.text, &read.vocabulary), (&model.text, &model.vocabulary));
    }
    // A dataset keeps them as well, and refuses rules that lead elsewhere.
    let mut source = generated(40, 50, 1);
    let rules = Rules { num_words: 50, ..Rules::default() };
    source.contents.text = Some(rules.clone());
    source.contents.vocabulary = Some(rules.vocabulary([(1, "a"), (70, "z"), (60, "y")]).unwrap());
    let dataset = written(source, &folder.path().join("d.safetensors"));
    assert_eq!(dataset.text_rules(), Some(&rules));
    assert_eq!(dataset.vocabulary().unwrap().cut(), "y z");
    let mut wrong = std::fs::read(folder.path().join("d.safetensors")).unwrap();
    let number = br#"num_words\":50"#;
    let at = wrong.windows(number.len()).position(|bytes| bytes == number).unwrap();
    wrong[at + number.len() - 1] = b'1';
    let path = folder.path().join("w.safetensors");
    std::fs::write(&path, wrong).unwrap();
    let error = Dataset::open(&path, Access::Read).unwrap_err().to_string();
    assert!(error.contains("51 features, the dataset has 50"), "{error}");
}

/// By n-grams, too: reviews go to a file as their features, and text leads to the same answers.
#[test]
fn features_of_a_dataset_are_those_of_its_texts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.safetensors");
    let layer = Dense { units: 16, activation: Activation::Relu };
    let (texts, team) = (texts(16, 300), team(2));
    for rules in all_rules() {
        let mut model = model(rules, 30, &[layer]);
        let vocabulary = model.vocabulary.clone();
        let encoder = Encoder::new(model.text.as_ref().unwrap(), vocabulary.as_ref().unwrap());
        let (encoder, mut encoding) = (encoder.unwrap(), Encoding::default());
        let contents = Contents {
            features: encoder.features(),
            vocabulary,
            text: model.text.clone(),
            sequences: true,
            options: serde_json::json!({}),
        };
        let mut writer = Writer::create(&path, contents).unwrap();
        for text in &texts {
            encoder.encode(text, &mut encoding);
            let (words, features) = (encoding.words(), Some(encoding.features()));
            let review = Review { features, ..Review::new(Split::Test, words, Some(1)) };
            writer.push_review(review).unwrap();
        }
        writer.finish().unwrap();

        let dataset = Dataset::open(&path, Access::Map).unwrap();
        let (last, row) = (texts.last().unwrap(), texts.len() - 1);
        encoder.encode(last, &mut encoding);
        assert_eq!(dataset.sequence(Split::Test, row).unwrap().unwrap(), encoding.words());
        assert_eq!(dataset.csr(Split::Test).unwrap().row(row), encoding.features());
        // As training leaves it: what the dataset knows.
        model.vocabulary = dataset.vocabulary().cloned();
        model.text = dataset.text_rules().cloned();
        let mut expected = Vec::new();
        let sink = |_: usize, _: &[f32], probabilities: &[f32]| {
            expected.extend_from_slice(probabilities);
            Ok(())
        };
        predict(&model, &dataset, Split::Test, 0..texts.len(), &team, sink).unwrap();
        let judge = Judge::new(&model, &team).unwrap();
        assert_eq!(probabilities(&judge, &texts), expected);

        let rules = model.text.clone().unwrap();
        for embedding in embeddings().filter(|_| rules.ngrams == 1) {
            let model = averaging(rules.clone(), 30, &[layer], embedding);
            let mut expected = Vec::new();
            predict(&model, &dataset, Split::Test, 0..texts.len(), &team, |_, _, probabilities| {
                expected.extend_from_slice(probabilities);
                Ok(())
            })
            .unwrap();
            let judge = Judge::new(&model, &team).unwrap();
            assert_eq!(probabilities(&judge, &texts), expected, "{embedding:?}");
        }
    }
}
