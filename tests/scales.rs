//! The scales of words and reviews: the same as training on the values themselves, and kept in the model.

mod common;

use std::path::Path;

use common::{InMemory, team, written};
use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Contents, Dataset, Holdout, Split, Synthetic, SyntheticOptions};
use imdb_fast::kernel::Level;
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense, RowNorm, loss};
use imdb_fast::optimizer::{self, Optimizer, Step};
use imdb_fast::train::{
    FeatureScale, FitOptions, Shuffle, Silent, Team, TrainPlan, evaluate, fit, predict,
    predict_rows,
};

const FEATURES: usize = 40;
const ROWS: usize = 96;

/// A few reviews, with their labels and as a dataset.
fn few(folder: &Path) -> (Vec<(Vec<u32>, u8)>, Dataset) {
    // Some arithmetic stands in for a generator: which words a review has, and that the label follows two of them.
    let review = |i: u32| {
        let mut words: Vec<u32> = (0..7).map(|k| (i * 13 + k * k * 5 + i * i * k) % 40).collect();
        words.sort_unstable();
        words.dedup();
        let label = u8::from(words.contains(&5) || (i.is_multiple_of(3) && !words.contains(&10)));
        (words, label)
    };
    let few: Vec<(Vec<u32>, u8)> = (0..ROWS as u32).map(review).collect();
    let contents = Contents {
        features: FEATURES,
        vocabulary: None,
        text: None,
        sequences: false,
        options: serde_json::Value::Null,
    };
    let reviews = few.iter().map(|(words, label)| (Split::Train, words.clone(), Some(*label)));
    let source = InMemory { contents, reviews: reviews.collect() };
    (few, written(source, &folder.join("few.safetensors")))
}

/// `x`, \[rows, features\], by the formulas, in f64.
fn inputs(
    reviews: &[(Vec<u32>, u8)],
    smoothing: Option<f64>,
    norm: RowNorm,
) -> (Vec<f64>, Vec<f64>) {
    let mut ratios = vec![1.0; FEATURES];
    if let Some(a) = smoothing {
        let counts = |class: u8| -> Vec<f64> {
            let holds = |j: u32| {
                reviews
                    .iter()
                    .filter(|(words, label)| *label == class && words.contains(&j))
                    .count()
            };
            (0..FEATURES as u32).map(|j| holds(j) as f64 + a).collect()
        };
        let (p, q) = (counts(1), counts(0));
        let (p_sum, q_sum): (f64, f64) = (p.iter().sum(), q.iter().sum());
        for j in 0..FEATURES {
            ratios[j] = (p[j] / p_sum).ln() - (q[j] / q_sum).ln();
        }
    }
    let mut x = vec![0.0; reviews.len() * FEATURES];
    for ((words, _), row) in reviews.iter().zip(x.chunks_exact_mut(FEATURES)) {
        words.iter().for_each(|&j| row[j as usize] = ratios[j as usize]);
        let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
        if norm == RowNorm::L2 && length > 0.0 {
            row.iter_mut().for_each(|x| *x /= length);
        }
    }
    (x, ratios)
}

/// Logistic regression on dense values, with the same optimizer over all weights.
fn dense(
    x: &[f64],
    reviews: &[(Vec<u32>, u8)],
    optimizer: &dyn Optimizer,
    (mut weights, epochs, batch): (Vec<f32>, usize, usize),
) -> (Vec<f32>, f32) {
    let fresh = |n: usize| -> Vec<f32> {
        optimizer.state().iter().flat_map(|&value| std::iter::repeat_n(value, n)).collect()
    };
    let (mut bias, mut state, mut bias_state) = ([0.0f32], fresh(FEATURES), fresh(1));
    let mut number = 0;
    for _ in 0..epochs {
        for (x, reviews) in x.chunks(batch * FEATURES).zip(reviews.chunks(batch)) {
            let mut gradient = vec![0.0f64; FEATURES];
            let mut d_bias = 0.0;
            for (row, (_, label)) in x.chunks_exact(FEATURES).zip(reviews) {
                let z: f64 = row.iter().zip(&weights).map(|(x, &w)| x * f64::from(w)).sum();
                let p = 1.0 / (1.0 + (-(z + f64::from(bias[0]))).exp());
                let d = (p - f64::from(*label)) / reviews.len() as f64;
                row.iter().zip(&mut gradient).for_each(|(x, g)| *g += x * d);
                d_bias += d;
            }
            number += 1;
            let step = Step { number, level: Level::portable(), rate: 1.0 };
            let gradient: Vec<f32> = gradient.iter().map(|&g| g as f32).collect();
            optimizer.update(step, &mut weights, &gradient, &mut state);
            optimizer.update(step, &mut bias, &[d_bias as f32], &mut bias_state);
        }
    }
    (weights, bias[0])
}

#[test]
fn training_is_that_on_the_values_themselves() {
    let folder = tempfile::tempdir().unwrap();
    let (reviews, dataset) = few(folder.path());
    let team = team(2);
    for text in [
        "rmsprop",
        "rmsprop:momentum=0.5,centered=true",
        "sgd:learning_rate=0.5",
        "sgd:momentum=0.8,nesterov=true",
        "adagrad:learning_rate=0.1",
        "adam",
        "adamw:weight_decay=0.1,amsgrad=true",
    ] {
        for (smoothing, norm) in
            [(None, RowNorm::L2), (Some(1.0), RowNorm::None), (Some(0.5), RowNorm::L2)]
        {
            let what = format!("{text}, smoothing {smoothing:?}, norm {norm}");
            let mut model = Model::new(Architecture::new(FEATURES, &[]).unwrap(), 3);
            let start = model.parameters().first_kernel.to_vec();
            let options = FitOptions {
                epochs: 3,
                batch_size: 20,
                validation: Holdout::None,
                shuffle: Some(Shuffle::None),
                optimizer: optimizer::parse(text, None).unwrap(),
                feature_scale: smoothing.map(|a| FeatureScale::NaiveBayes { smoothing: a as f32 }),
                row_norm: norm,
                ..FitOptions::default()
            };
            let plan = TrainPlan::new(&dataset, &model, options).unwrap();
            fit(&plan, &mut model, &team, &mut Silent).unwrap();
            let (x, ratios) = inputs(&reviews, smoothing, norm);
            let optimizer = &*plan.options().optimizer;
            let (weights, bias) = dense(&x, &reviews, optimizer, (start, 3, 20));
            for j in 0..FEATURES {
                let (ours, expected) = (
                    f64::from(model.parameters().first_kernel[j]),
                    ratios[j] * f64::from(weights[j]),
                );
                assert!((ours - expected).abs() < 2e-6, "{what}, word {j}: {ours}, not {expected}");
            }
            assert!((model.parameters().head.bias(0)[0] - bias).abs() < 2e-6, "{what}");
        }
    }
}

fn probabilities(team: &Team, model: &Model, dataset: &Dataset) -> Vec<f32> {
    let mut all = Vec::new();
    let rows = dataset.csr(Split::Train).unwrap().rows();
    predict(model, dataset, Split::Train, 0..rows, team, |_, _, probabilities| {
        all.extend_from_slice(probabilities);
        Ok(())
    })
    .unwrap();
    // The same rows in memory.
    let csr = dataset.csr(Split::Train).unwrap();
    let ids: Vec<u32> = (0..rows).flat_map(|row| csr.row(row)).collect();
    let mut in_memory = Vec::new();
    predict_rows(model, (csr.indptr(), &ids), team, |_, _, probabilities| {
        in_memory.extend_from_slice(probabilities);
        Ok(())
    })
    .unwrap();
    assert!(in_memory == all);
    all
}

#[test]
fn a_model_keeps_its_scale() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reviews.safetensors");
    let options = SyntheticOptions { reviews: 1_200, words: 900, ..Default::default() };
    dataset::write(&mut Synthetic::new(options).unwrap(), &path).unwrap();
    let dataset = Dataset::open(&path, Access::Map).unwrap();
    let hidden = [Dense { units: 16, activation: Activation::Relu }; 2];
    let mut trained: Option<Model> = None;
    for threads in [1, 2, 3] {
        let team = team(threads);
        let mut model = Model::new(Architecture::new(dataset.features(), &hidden).unwrap(), 1);
        let options = FitOptions {
            epochs: 3,
            batch_size: 32,
            validation: Holdout::Fraction(0.25),
            feature_scale: Some(FeatureScale::NaiveBayes { smoothing: 1.0 }),
            row_norm: RowNorm::L2,
            keep_best: true,
            ..FitOptions::default()
        };
        let plan = TrainPlan::new(&dataset, &model, options).unwrap();
        let outcome = fit(&plan, &mut model, &team, &mut Silent).unwrap();
        assert!(outcome.history.get("val_accuracy").unwrap()[2] > 0.6);
        if let Some(first) = &trained {
            assert!(first.parameters() == model.parameters(), "{threads} threads");
            assert_eq!(first.input_scale(), model.input_scale());
        }
        trained = Some(model);
    }
    let (team, model) = (team(2), trained.unwrap());
    let scale = model.input_scale().unwrap();
    assert!(scale.normalises() && scale.features().unwrap().len() == dataset.features());

    // It was counted on the rows that were trained on, and not on those that were held out.
    let csr = dataset.csr(Split::Train).unwrap();
    let labels = dataset.labels(Split::Train).unwrap();
    let (train, held_out) = Holdout::Fraction(0.25).rows(&dataset).unwrap();
    assert!(held_out.is_some_and(|(_, rows)| rows.len() == csr.rows() / 4));
    let mut counts = vec![[1.0f64; 2]; dataset.features()];
    for row in train {
        csr.row(row).iter().for_each(|&j| counts[j as usize][labels[row] as usize] += 1.0);
    }
    let sums = [0, 1].map(|class| counts.iter().map(|count| count[class]).sum::<f64>());
    for ([q, p], &ratio) in counts.iter().zip(scale.features().unwrap()) {
        assert_eq!(ratio, ((p.ln() - sums[1].ln()) - (q.ln() - sums[0].ln())) as f32);
    }

    let file = folder.path().join("model.safetensors");
    model.save(&file).unwrap();
    let loaded = Model::load(&file).unwrap();
    assert_eq!(loaded.input_scale(), model.input_scale());
    assert_eq!(probabilities(&team, &loaded, &dataset), probabilities(&team, &model, &dataset));
    let loss = loss("binary-crossentropy").unwrap();
    let judged = |model: &Model| evaluate(model, &dataset, Split::Train, &*loss, &team).unwrap();
    assert_eq!(judged(&loaded), judged(&model));
    assert!(judged(&model).accuracy > 0.6);
}
