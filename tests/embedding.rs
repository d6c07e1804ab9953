//! Sequences of words, averaged: the same as a plain reference in f64, whatever the shape, and refused where there are none.

mod common;

use common::averages::{Averages, Review, Rule};
use common::{InMemory, generated, sequences, team, written};
use imdb_fast::Error;
use imdb_fast::dataset::{Dataset, Holdout, Split};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense, Embedding};
use imdb_fast::optimizer;
use imdb_fast::text::Rules;
use imdb_fast::train::{
    FitOptions, Shuffle, Silent, TrainPlan, evaluate, fit, predict, predict_rows,
};

fn model(features: usize, embedding: Embedding) -> Model {
    let layer = Dense { units: 7, activation: Activation::Tanh };
    let architecture = Architecture::new(features, &[layer]).unwrap();
    Model::new(architecture.with_embedding(embedding).unwrap(), 1)
}

/// The reviews of a split.
fn reviews(source: &InMemory, of: Split) -> Vec<Review> {
    let reviews = source.reviews.iter().filter(|(split, ..)| *split == of);
    reviews.map(|(_, words, label)| (words.clone(), label.unwrap())).collect()
}

fn options(optimizer: &str, batch_size: usize) -> FitOptions {
    FitOptions {
        epochs: 3,
        batch_size,
        validation: Holdout::Split(Split::Test),
        shuffle: Some(Shuffle::None),
        optimizer: optimizer::parse(optimizer, Some(0.02)).unwrap(),
        ..FitOptions::default()
    }
}

/// Trains on a dataset and by the reference, and compares all that is to be seen.
fn check(
    embedding: Embedding,
    (rows, features): (usize, usize),
    (name, rule): (&str, Rule),
    batch_size: usize,
) {
    let what =
        format!("{embedding:?}, {rows} rows, {features} features, {name}, batches of {batch_size}");
    let folder = tempfile::tempdir().unwrap();
    let source = sequences(rows, features, 2);
    let dataset = written(source.clone(), &folder.path().join("d.safetensors"));
    let (train, test) = (reviews(&source, Split::Train), reviews(&source, Split::Test));
    let mut model = model(features, embedding);
    let mut reference = Averages::of(&model, rule, 0.02);
    let plan = TrainPlan::new(&dataset, &model, options(name, batch_size)).unwrap();
    let history = fit(&plan, &mut model, &team(2), &mut Silent).unwrap().history;
    for epoch in 0..3 {
        let expected = [reference.epoch(&train, batch_size), reference.loss(&test)];
        for (name, expected) in ["loss", "val_loss"].into_iter().zip(expected) {
            let loss = history.get(name).unwrap()[epoch];
            let is_close = (loss / expected - 1.0).abs() < 1e-5;
            assert!(is_close, "{what}: {name} {loss} in epoch {epoch}, expected {expected}");
        }
    }
    let worst = reference.worst(&model);
    assert!(worst < 2e-5, "{what}: a parameter is off by {worst}");
    let loss = imdb_fast::nn::BinaryCrossentropy;
    let judged = evaluate(&model, &dataset, Split::Test, &loss, &team(2)).unwrap().loss;
    assert!((judged / reference.loss(&test) - 1.0).abs() < 1e-5, "{what}: {judged}");
}

#[test]
fn trained_as_a_plain_reference_is() {
    let rules = [("sgd", Rule::Sgd), ("rmsprop", Rule::RmsProp), ("adagrad", Rule::Adagrad)];
    // The longest review has 64 words; widths for each kind of kernel.
    for (at, (dim, max_len)) in
        [(16, 20), (1, 64), (5, 100), (32, 1), (20, 7), (64, 64)].into_iter().enumerate()
    {
        for mask in [false, true] {
            let embedding = Embedding { dim, max_len, mask };
            check(embedding, (400, 300), rules[(at + usize::from(mask)) % 3], 64);
        }
    }
}

/// Rows are counted by the thousand.
#[test]
fn trained_as_a_plain_reference_is_on_many_reviews() {
    let embedding = Embedding { dim: 5, max_len: 20, mask: true };
    check(embedding, (3000, 300), ("sgd", Rule::Sgd), 64);
}

/// Few reviews a batch touch few of many words: rows are skipped, and their gradients stand in slots.
#[test]
fn trained_as_a_plain_reference_is_where_most_rows_are_idle() {
    for mask in [false, true] {
        let embedding = Embedding { dim: 16, max_len: 30, mask };
        check(embedding, (400, 5000), ("rmsprop", Rule::RmsProp), 8);
        check(Embedding { dim: 3, ..embedding }, (400, 70_000), ("rmsprop", Rule::RmsProp), 100);
        check(Embedding { dim: 16, ..embedding }, (400, 70_000), ("adagrad", Rule::Adagrad), 30);
    }
}

#[test]
fn the_order_of_words_does_not_matter_but_the_last_ones_do() {
    let folder = tempfile::tempdir().unwrap();
    let InMemory { contents, .. } = sequences(1, 20, 1);
    let words: [&[u32]; 6] = [&[], &[0], &[7, 8, 9, 9], &[9, 7, 9, 8], &[5, 7, 8, 9, 9], &[9, 9]];
    let reviews = words.iter().map(|words| (Split::Test, words.to_vec(), Some(1))).collect();
    let dataset = written(InMemory { contents, reviews }, &folder.path().join("d.safetensors"));
    let probabilities = |mask| {
        let model = model(20, Embedding { dim: 16, max_len: 4, mask });
        let mut all = Vec::new();
        predict(&model, &dataset, Split::Test, 0..words.len(), &team(1), |_, _, some| {
            all.extend_from_slice(some);
            Ok(())
        })
        .unwrap();
        let mut in_memory = Vec::new();
        let ends = words.iter().scan(0, |end, words| {
            *end += words.len() as u64;
            Some(*end)
        });
        let pointers: Vec<u64> = std::iter::once(0).chain(ends).collect();
        predict_rows(&model, (&pointers, &words.concat()), &team(1), |_, _, some| {
            in_memory.extend_from_slice(some);
            Ok(())
        })
        .unwrap();
        assert_eq!(in_memory, all);
        all
    };
    let [without, with] = [false, true].map(probabilities);
    for all in [&without, &with] {
        assert_eq!(all[0], all[1], "padding, whoever put it there");
        assert_eq!(all[2], all[3], "another order");
        assert_eq!(all[3], all[4], "the first word is cut off");
        assert!(all[5] != all[4] && all[5] != all[0]);
    }
    // Nothing is left of an empty review: what remains are the biases, which are zero at the start.
    assert_eq!(with[0], 0.5);
    assert_ne!(without[0], 0.5);
}

/// Row pointers and ids.
type Lists = (&'static [u64], &'static [u32]);

#[test]
fn rows_in_memory_are_checked() {
    let averaging = model(20, Embedding::default());
    let of_sets = Model::new(Architecture::new(20, &[]).unwrap(), 1);
    let cases: [(Lists, [Option<&str>; 2]); 6] = [
        ((&[0, 2, 2], &[7, 19]), [None, None]),
        ((&[0, 2], &[7, 7]), [None, Some("wrong in row 0, but the word ids do not ascend")]),
        ((&[], &[]), [Some("do not run from 0 to 0"); 2]),
        ((&[0, 1], &[1, 2]), [Some("do not run from 0 to 2"); 2]),
        ((&[0, 2, 1, 2], &[1, 2]), [Some("wrong in row 1, but the pointer goes from 2 to 1"); 2]),
        ((&[0, 0, 1], &[20]), [Some("wrong in row 1, but word id 20"); 2]),
    ];
    for (lists, expected) in cases {
        for (model, expected) in [&averaging, &of_sets].into_iter().zip(expected) {
            let judged = predict_rows(model, lists, &team(1), |_, _, _| Ok(()));
            let error = judged.err().map(|error| error.to_string());
            assert_eq!(error.is_some(), expected.is_some(), "{error:?}");
            assert!(error.unwrap_or_default().contains(expected.unwrap_or_default()));
        }
    }
}

#[test]
fn datasets_without_sequences_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = model(50, Embedding::default());
    let refused = |dataset: &Dataset, expected: &str| {
        let planned = TrainPlan::new(dataset, &model, options("sgd", 8)).map(drop);
        let judged = predict(&model, dataset, Split::Test, 0..1, &team(1), |_, _, _| Ok(()));
        for result in [planned, judged] {
            let error = result.expect_err(expected);
            let text = error.to_string();
            assert!(matches!(error, Error::Unfit { .. }) && text.contains(expected), "{text}");
            assert!(text.contains("import it again") || text.contains("--encoding multi-hot"));
        }
    };
    let sets = written(generated(40, 50, 1), &folder.path().join("sets.safetensors"));
    refused(&sets, "keeps the set of each review's words");
    let mut source = sequences(40, 50, 1);
    let rules = Rules { num_words: 40, ngrams: 2, ..Rules::default() };
    source.contents.text = Some(rules);
    let ngrams = written(source, &folder.path().join("ngrams.safetensors"));
    refused(&ngrams, "has n-grams among its features");
}
