//! The options of a training, each against the plain formulas in f64 over all weights.

mod common;

use common::dense::{Dense, Factor, Recipe, Rule, reviews};
use common::{generated, team, written};
use imdb_fast::dataset::{Dataset, Holdout, Split};
use imdb_fast::model::Model;
use imdb_fast::nn::{self, Activation, Architecture};
use imdb_fast::optimizer;
use imdb_fast::train::{
    EarlyStopping, Ending, FeatureScale, FitOptions, Metric, Shuffle, Silent, TrainPlan,
    WeightAverage, evaluate, fit, metric,
};

/// Words enough that most rest in a step, and few enough that each is seen.
const FEATURES: usize = 300;

fn dataset(folder: &tempfile::TempDir) -> Dataset {
    written(generated(240, FEATURES, 6), &folder.path().join("d.safetensors"))
}

fn model(hidden: &[usize]) -> Model {
    let layer = |&units: &usize| nn::Dense { units, activation: Activation::Tanh };
    let hidden: Vec<nn::Dense> = hidden.iter().map(layer).collect();
    Model::new(Architecture::new(FEATURES, &hidden).unwrap(), 5)
}

/// In the order of the dataset, on all of it.
fn options(recipe: &Recipe, optimizer: &str) -> FitOptions {
    FitOptions {
        epochs: recipe.epochs,
        batch_size: recipe.batch_size,
        validation: Holdout::None,
        shuffle: Some(Shuffle::None),
        optimizer: optimizer::parse(optimizer, Some(recipe.rate as f32)).unwrap(),
        ..FitOptions::default()
    }
}

/// Trains on one, two and three threads, whose bits have to be the same, and compares the last with the formulas.
fn compare(
    dataset: &Dataset,
    start: &Model,
    recipe: &Recipe,
    options: &dyn Fn() -> FitOptions,
    bound: f64,
) {
    let mut before: Option<Model> = None;
    for threads in [1, 2, 3] {
        let mut model = start.clone();
        let plan = TrainPlan::new(dataset, &model, options()).unwrap();
        fit(&plan, &mut model, &team(threads), &mut Silent).unwrap();
        if let Some(before) = before {
            assert!(before.parameters() == model.parameters(), "{threads} threads");
        }
        before = Some(model);
    }
    let mut reference = Dense::of(start);
    reference.train(&reviews(dataset), recipe);
    let worst = reference.worst(&before.unwrap());
    assert!(worst < bound, "{:?}: off by {worst}", options());
    let moved = reference.worst(start);
    assert!(moved > 500.0 * bound, "moved by {moved} only");
}

#[test]
fn schedules_are_those_of_the_formulas() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    let linear = |step: f64, steps: f64| 1.0 - step / steps;
    let warm = |step: f64, steps: f64| match step < 5.0 {
        true => step / 5.0,
        false => {
            0.9 * (0.5 + 0.5 * (std::f64::consts::PI * (step - 5.0) / (steps - 5.0)).cos()) + 0.1
        }
    };
    let stairs = |step: f64, _: f64| 0.5f64.powf((step / 4.0).floor());
    let schedules: [(&str, Factor<'_>); 3] = [
        ("linear", &linear),
        ("cosine:end=0.1,warm_up=5", &warm),
        ("exponential:decay_rate=0.5,decay_steps=4,staircase=true", &stairs),
    ];
    let rules = [
        ("sgd", Rule::Sgd, 0.3),
        ("sgd:momentum=0.9", Rule::Momentum(0.9), 0.1),
        ("adagrad", Rule::Adagrad { initial: 0.1, epsilon: 1e-7 }, 0.1),
        ("rmsprop", Rule::RmsProp { momentum: 0.0 }, 0.01),
        ("rmsprop:momentum=0.8", Rule::RmsProp { momentum: 0.8 }, 0.003),
        ("adam", Rule::Adam { rows_touched: false }, 0.01),
        ("adam:amsgrad=true", Rule::Amsgrad, 0.01),
    ];
    for (optimizer, rule, rate) in rules {
        for (text, schedule) in schedules {
            for hidden in [&[][..], &[5]] {
                let recipe = Recipe { rule, rate, schedule, ..Recipe::PLAIN };
                let options = || FitOptions {
                    schedule: text.parse().unwrap(),
                    ..options(&recipe, optimizer)
                };
                compare(&dataset, &model(hidden), &recipe, &options, 1e-5);
            }
        }
    }
}

#[test]
fn rows_that_a_batch_does_not_touch_rest() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    let rule = Rule::Adam { rows_touched: true };
    // Of many steps, beta_2 as an f32 is what shows.
    for (hidden, batch_size, bound) in
        [(&[][..], 20, 1e-5), (&[5], 20, 1e-5), (&[16, 3], 1, 1e-4), (&[5], 200, 1e-5)]
    {
        let recipe = Recipe { rule, rate: 0.01, batch_size, ..Recipe::PLAIN };
        let options = || options(&recipe, "adam:rows=touched");
        compare(&dataset, &model(hidden), &recipe, &options, bound);
    }
}

#[test]
fn biases_may_have_an_optimizer_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    let linear = |step: f64, steps: f64| 1.0 - step / steps;
    let adagrad = Rule::Adagrad { initial: 1e-8, epsilon: 0.0 };
    let cases = [
        ("sgd:learning_rate=0.03", Rule::Sgd, 0.03),
        ("adam:learning_rate=0.02", Rule::Adam { rows_touched: false }, 0.02),
    ];
    for (text, rule, rate) in cases {
        for (hidden, batch_size) in [(&[][..], 1), (&[5], 20), (&[16, 3], 20)] {
            let recipe = Recipe {
                rule: adagrad,
                rate: 0.3,
                biases: Some((rule, rate)),
                batch_size,
                epochs: 2,
                schedule: &linear,
                ..Recipe::PLAIN
            };
            let options = || FitOptions {
                bias_optimizer: Some(optimizer::parse_for_biases(text).unwrap()),
                schedule: "linear".parse().unwrap(),
                ..options(&recipe, "adagrad:initial_accumulator=1e-8,epsilon=0")
            };
            // Steps of 0.3 that do not depend on the gradient's size blow roundings up.
            compare(&dataset, &model(hidden), &recipe, &options, 1e-3);
        }
    }
}

#[test]
fn gradients_are_clipped_by_one_norm() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    // By batches of one, of some, and of all: gradients of one row, in a list and of all rows.
    for (hidden, batch_size, rate) in
        [(&[][..], 1, 0.1), (&[5], 1, 0.1), (&[], 20, 0.3), (&[16, 3], 20, 0.3), (&[5], 200, 1.0)]
    {
        for (optimizer, rule) in [("sgd", Rule::Sgd), ("sgd:momentum=0.5", Rule::Momentum(0.5))] {
            for clip in [0.1, 0.5] {
                let recipe = Recipe { rule, rate, batch_size, clip, ..Recipe::PLAIN };
                let options = || FitOptions {
                    global_clipnorm: Some(clip as f32),
                    ..options(&recipe, optimizer)
                };
                compare(&dataset, &model(hidden), &recipe, &options, 2e-5);
            }
        }
    }
}

/// With scales the norm is that of the weights that the optimizer moves: no longer than the step allows.
#[test]
fn clipped_steps_are_no_longer_than_the_norm() {
    let folder = tempfile::tempdir().unwrap();
    let many = written(generated(240, 100_000, 6), &folder.path().join("many.safetensors"));
    for (dataset, batch_size) in [(&dataset(&folder), 20), (&many, 20), (&many, 1)] {
        let hidden = [nn::Dense { units: 3, activation: Activation::Tanh }];
        let architecture = Architecture::new(dataset.features(), &hidden).unwrap();
        let mut model = Model::new(architecture, 5);
        let recipe = Recipe { rate: 1.0, batch_size, epochs: 1, ..Recipe::PLAIN };
        let clip = 0.01;
        let options = FitOptions {
            global_clipnorm: Some(clip as f32),
            feature_scale: Some(FeatureScale::NaiveBayes { smoothing: 0.5 }),
            validation: Holdout::First(180 - batch_size),
            ..options(&recipe, "sgd")
        };
        let start = model.parameters().clone();
        let plan = TrainPlan::new(dataset, &model, options).unwrap();
        fit(&plan, &mut model, &team(2), &mut Silent).unwrap();
        let scales = model.input_scale().unwrap().features().unwrap();
        let first = model.parameters().first_kernel.iter().zip(start.first_kernel.iter());
        let first = first.enumerate().filter(|(i, _)| scales[i / 3] != 0.0).map(|(i, (v, w))| {
            let scale = f64::from(scales[i / 3]);
            f64::from(*v) / scale - f64::from(*w)
        });
        let head = model.parameters().head.values.iter().zip(&start.head.values);
        let moved = first.chain(head.map(|(new, old)| f64::from(*new) - f64::from(*old)));
        let length = moved.map(|d| d * d).sum::<f64>().sqrt();
        // Of weights that do not move, the quotient rounds.
        assert!((length - clip).abs() < 0.01 * clip, "{length}");
    }
}

#[test]
fn decay_and_penalty_shrink_all_weights_in_every_step() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    let linear = |step: f64, steps: f64| 1.0 - step / steps;
    let adagrad = Rule::Adagrad { initial: 0.1, epsilon: 1e-7 };
    let rules = [
        ("sgd", Rule::Sgd, 0.3),
        ("sgd:momentum=0.9", Rule::Momentum(0.9), 0.1),
        ("adagrad", adagrad, 0.1),
        ("rmsprop", Rule::RmsProp { momentum: 0.0 }, 0.01),
        ("adamw", Rule::Adam { rows_touched: false }, 0.01),
    ];
    let shapes = [(&[][..], 1), (&[5][..], 20), (&[16, 3], 20)];
    for (name, rule, rate) in rules {
        for (hidden, batch_size) in shapes {
            for (decay, l2, clip) in
                [(0.3, 0.0, f64::INFINITY), (0.0, 0.01, f64::INFINITY), (0.2, 0.02, 0.4)]
            {
                // The sign of a step of RMSprop and Adam is that of a gradient which may be next to nothing.
                if l2 > 0.0
                    && matches!(rule, Rule::RmsProp { .. } | Rule::Adam { .. })
                    && batch_size == 1
                {
                    continue;
                }
                let recipe = Recipe {
                    rule,
                    rate,
                    batch_size,
                    decay,
                    l2,
                    clip,
                    schedule: &linear,
                    ..Recipe::PLAIN
                };
                let separator = if name.contains(':') { ',' } else { ':' };
                let text = format!("{name}{separator}weight_decay={decay}");
                let options = || FitOptions {
                    l2: l2 as f32,
                    global_clipnorm: clip.is_finite().then_some(clip as f32),
                    schedule: "linear".parse().unwrap(),
                    ..options(&recipe, &text)
                };
                compare(&dataset, &model(hidden), &recipe, &options, 3e-5);
            }
        }
    }
}

/// With scales the penalty is on the weights that the optimizer moves: those of the inputs' values.
#[test]
fn a_penalty_is_on_the_weights_of_scaled_words() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    let mut model = model(&[]);
    // A rate and a penalty that halve a weight, 1 - 2 * 0.25 * 1, in a step without any gradient of a review.
    let recipe = Recipe { rate: 1.0, batch_size: 180, epochs: 1, ..Recipe::PLAIN };
    let options = FitOptions {
        l2: 0.25,
        feature_scale: Some(FeatureScale::NaiveBayes { smoothing: 1.0 }),
        loss: Box::new(Flat),
        ..options(&recipe, "sgd")
    };
    let start = model.parameters().first_kernel.to_vec();
    let plan = TrainPlan::new(&dataset, &model, options).unwrap();
    fit(&plan, &mut model, &team(2), &mut Silent).unwrap();
    let scales = model.input_scale().unwrap().features().unwrap();
    for ((weight, start), scale) in model.parameters().first_kernel.iter().zip(start).zip(scales) {
        assert!((weight - 0.5 * scale * start).abs() < 1e-7, "{weight} {start} {scale}");
    }
    let touched = optimizer::parse("adam:rows=touched", None).unwrap();
    let options = FitOptions { l2: 0.1, optimizer: touched, ..FitOptions::default() };
    let error = options.check().unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("rows=touched"), "{error}");
}

#[test]
fn an_optimizer_of_rows_is_none_for_biases() {
    let touched = optimizer::parse("adam:rows=touched", None).unwrap();
    let options = FitOptions { bias_optimizer: Some(touched), ..FitOptions::default() };
    let error = options.check().unwrap_err();
    let message = error.to_string();
    assert!(error.is_usage() && message.contains("without rows"), "{message}");
}

/// A loss without a slope.
#[derive(Debug)]
struct Flat;

impl nn::Loss for Flat {
    fn name(&self) -> &str {
        "flat"
    }
    fn value(&self, _: f32, _: f32, _: f32) -> f32 {
        0.0
    }
    fn d_logit(&self, _: f32, _: f32, _: f32) -> f32 {
        0.0
    }
}

#[test]
fn units_and_words_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    // 200 in a batch are several blocks; of one review all words share a gradient.
    for (hidden, batch_size) in [(&[][..], 1), (&[], 20), (&[5], 1), (&[16, 3], 20), (&[5], 200)] {
        for [units, words] in [[0.5, 0.0], [0.0, 0.3], [0.2, 0.6]] {
            if units > 0.0 && hidden.is_empty() {
                continue;
            }
            let dropout = [units, words];
            let rate = if batch_size == 1 { 0.01 } else { 0.1 };
            let recipe = Recipe { rate, batch_size, dropout, seed: 9, ..Recipe::PLAIN };
            let options = || FitOptions {
                dropout: units,
                word_dropout: words,
                seed: 9,
                ..options(&recipe, "sgd:momentum=0.5")
            };
            let recipe = Recipe { rule: Rule::Momentum(0.5), ..recipe };
            compare(&dataset, &model(hidden), &recipe, &options, 1e-5);
        }
    }
}

/// The commonest words of long reviews are kept as bits, unless some are left out.
#[test]
fn common_words_count_in_long_reviews() {
    let folder = tempfile::tempdir().unwrap();
    let mut source = generated(240, FEATURES, 6);
    for (row, (_, words, _)) in source.reviews.iter_mut().enumerate() {
        words.extend((0..40).map(|word| (5 * word + row as u32) % 64));
    }
    let dataset = written(source, &folder.path().join("d.safetensors"));
    for batch_size in [64, 200] {
        for words in [0.0, 0.3] {
            let dropout = [0.0, words];
            let recipe = Recipe { batch_size, dropout, seed: 9, ..Recipe::PLAIN };
            let options = || FitOptions { word_dropout: words, seed: 9, ..options(&recipe, "sgd") };
            compare(&dataset, &model(&[16]), &recipe, &options, 1e-5);
        }
    }
}

/// Words in lists of slots and with counts, rows with scales: whichever shard a word is in, it stays or it goes.
#[test]
fn words_are_left_out_of_any_kind_of_row() {
    let folder = tempfile::tempdir().unwrap();
    let many = written(generated(600, 80_000, 6), &folder.path().join("many.safetensors"));
    let sequences = written(common::sequences(600, 900, 6), &folder.path().join("s.safetensors"));
    let dense = |dataset: &Dataset| {
        let hidden = [nn::Dense { units: 16, activation: Activation::Relu }];
        Architecture::new(dataset.features(), &hidden).unwrap()
    };
    let embedding = nn::Embedding { dim: 8, max_len: 50, mask: true };
    for (dataset, architecture, feature_scale, row_norm) in [
        (&many, dense(&many), Some(FeatureScale::NaiveBayes { smoothing: 1.0 }), nn::RowNorm::L2),
        (&many, dense(&many), None, nn::RowNorm::None),
        (&sequences, dense(&sequences).with_embedding(embedding).unwrap(), None, nn::RowNorm::None),
    ] {
        for batch_size in [7, 200] {
            let trained = |threads: usize, word_dropout: f32, seed: u64| {
                let mut model = Model::new(architecture.clone(), 1);
                let options = FitOptions {
                    epochs: 2,
                    batch_size,
                    validation: Holdout::First(100),
                    seed,
                    dropout: 0.3,
                    word_dropout,
                    feature_scale,
                    row_norm,
                    ..FitOptions::default()
                };
                let plan = TrainPlan::new(dataset, &model, options).unwrap();
                let outcome = fit(&plan, &mut model, &team(threads), &mut Silent).unwrap();
                (model.parameters().clone(), outcome.history)
            };
            let alone = trained(1, 0.3, 2);
            assert!(trained(2, 0.3, 2) == alone && trained(3, 0.3, 2) == alone);
            assert!(trained(2, 0.0, 2).0 != alone.0 && trained(2, 0.3, 3).0 != alone.0);
        }
    }
}

#[test]
fn wrong_dropouts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    let refused = |options: FitOptions, hidden: &[usize]| {
        TrainPlan::new(&dataset, &model(hidden), options).err().unwrap().to_string()
    };
    let plain = || options(&Recipe::PLAIN, "sgd");
    let error = refused(FitOptions { dropout: 0.5, ..plain() }, &[]);
    assert!(error.contains("--dropout") && error.contains("no hidden layer"), "{error}");
    let error = refused(FitOptions { word_dropout: 1.0, ..plain() }, &[]);
    assert!(error.contains("--word-dropout") && error.contains("below 1"), "{error}");
}

#[test]
fn weights_are_averaged_over_all_steps() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    let linear = |step: f64, steps: f64| 1.0 - step / steps;
    let rules = [
        ("sgd", Rule::Sgd, 0.3),
        ("rmsprop", Rule::RmsProp { momentum: 0.0 }, 0.01),
        ("adam:rows=touched", Rule::Adam { rows_touched: true }, 0.01),
        ("adam", Rule::Adam { rows_touched: false }, 0.01),
    ];
    for (optimizer, rule, rate) in rules {
        // Gradients of one row, in lists, of rows that are looked for, and of all.
        for (batch_size, bound) in [(1, 1e-4), (2, 1e-4), (3, 1e-4), (20, 1e-5), (200, 1e-5)] {
            for (hidden, momentum) in [(&[][..], 0.9), (&[5], 0.99)] {
                let average = Some(momentum);
                let recipe =
                    Recipe { rule, rate, batch_size, average, schedule: &linear, ..Recipe::PLAIN };
                let options = || FitOptions {
                    average_weights: Some(WeightAverage { momentum }),
                    schedule: "linear".parse().unwrap(),
                    ..options(&recipe, optimizer)
                };
                compare(&dataset, &model(hidden), &recipe, &options, bound);
            }
        }
    }
    let average_weights = Some(WeightAverage::default());
    let options = FitOptions { average_weights, keep_best: true, ..FitOptions::default() };
    let error = options.check().unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("--keep-best"), "{error}");
}

#[test]
fn metrics_have_names_of_their_own() {
    let metrics = |names: [&str; 2]| -> Vec<Box<dyn Metric>> {
        names.map(|name| metric(name).unwrap()).into()
    };
    let options = FitOptions { metrics: metrics(["auc", "accuracy"]), ..FitOptions::default() };
    options.check().unwrap();
    let options = FitOptions { metrics: metrics(["auc", "auc"]), ..options };
    let error = options.check().unwrap_err();
    assert!(error.is_usage() && error.to_string().contains("--metrics"), "{error}");
    for (name, is_free) in
        [("mean", true), ("loss", false), ("val_loss", false), ("epoch", false), ("", false)]
    {
        // A run asks a fresh one.
        for called in [name, "other"] {
            let metrics: Vec<Box<dyn Metric>> = vec![Box::new(Named { called, fresh: name })];
            let options = FitOptions { metrics, ..FitOptions::default() };
            assert_eq!(options.check().is_ok(), is_free, "{name}");
        }
    }
}

/// A metric that has only a name, and another one afresh.
#[derive(Debug)]
struct Named {
    called: &'static str,
    fresh: &'static str,
}

impl Metric for Named {
    fn name(&self) -> &str {
        self.called
    }

    fn update(&mut self, _probabilities: &[f32], _labels: &[u8]) {}

    fn result(&self) -> f64 {
        0.0
    }

    fn fresh(&self) -> Box<dyn Metric> {
        Box::new(Named { called: self.fresh, fresh: self.fresh })
    }
}

#[test]
fn a_plan_is_of_one_architecture() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    let plan = TrainPlan::new(&dataset, &model(&[]), options(&Recipe::PLAIN, "sgd")).unwrap();
    let error = fit(&plan, &mut model(&[5]), &team(1), &mut Silent).unwrap_err().to_string();
    assert!(error.contains("the plan was made for"), "{error}");
}

#[test]
fn a_run_that_ends_before_its_warm_up_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(&folder);
    // Nine steps an epoch.
    let plan = |schedule: &str| {
        let schedule = schedule.parse().unwrap();
        let options = FitOptions { schedule, ..options(&Recipe::PLAIN, "sgd") };
        TrainPlan::new(&dataset, &model(&[]), options).map(|_| ())
    };
    plan("linear:warm_up=26").unwrap();
    let error = plan("linear:warm_up=27").unwrap_err().to_string();
    assert!(error.contains("--schedule") && error.contains("27 steps"), "{error}");
}

/// Of a network whose weights stand in the model, and of one that keeps each beside its state.
#[test]
fn the_weights_of_the_best_epoch_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let layer = nn::Dense { units: 16, activation: Activation::Relu };
    for (hidden, features, batch_size, optimizer, rate) in
        [(&[layer][..], 500, 32, "adam", 0.003), (&[], 80_000, 1, "adagrad", 1.0)]
    {
        let dataset = written(generated(800, features, 4), &folder.path().join("d.safetensors"));
        let mut model = Model::new(Architecture::new(features, hidden).unwrap(), 1);
        let options = FitOptions {
            batch_size,
            validation: Holdout::Split(Split::Test),
            optimizer: optimizer::parse(optimizer, Some(rate)).unwrap(),
            keep_best: true,
            ..FitOptions::default()
        };
        let plan = TrainPlan::new(&dataset, &model, options).unwrap();
        let outcome = fit(&plan, &mut model, &team(2), &mut Silent).unwrap();
        let losses = outcome.history.get("val_loss").unwrap();
        let best = outcome.epoch.unwrap();
        assert!(best + 1 < losses.len(), "{optimizer}: the last epoch is the best: {losses:?}");
        let loss = nn::BinaryCrossentropy;
        let kept = evaluate(&model, &dataset, Split::Test, &loss, &team(2)).unwrap().loss;
        assert!((kept / losses[best] - 1.0).abs() < 1e-6, "{optimizer}: {kept}, not of {losses:?}");
    }
}

#[test]
fn early_stopping_and_the_best_epoch() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(800, 500, 4), &folder.path().join("d.safetensors"));
    let layer = nn::Dense { units: 16, activation: Activation::Relu };
    let trained = |early_stopping| {
        let mut model = Model::new(Architecture::new(500, &[layer]).unwrap(), 1);
        let options = FitOptions {
            epochs: 20,
            batch_size: 32,
            validation: Holdout::Fraction(0.3),
            optimizer: optimizer::parse("adam", Some(0.003)).unwrap(),
            early_stopping,
            keep_best: true,
            ..FitOptions::default()
        };
        let plan = TrainPlan::new(&dataset, &model, options).unwrap();
        fit(&plan, &mut model, &team(2), &mut Silent).unwrap()
    };
    let all = trained(None).history;
    let losses = all.get("val_loss").unwrap();
    let ends = [(1, 0.0), (3, 0.0), (3, 0.05), (3, 0.06)].map(|(patience, min_delta)| {
        // `keras/src/callbacks/early_stopping.py`
        let (mut best, mut wait) = (f64::INFINITY, 0);
        let end = losses.iter().position(|loss| {
            wait += 1;
            if loss + min_delta < best {
                (best, wait) = (*loss, 0);
            }
            wait >= patience
        });
        let epochs = end.expect("the loss grows in the end") + 1;
        let outcome = trained(Some(EarlyStopping { patience, min_delta }));
        assert!(matches!(outcome.ending, Ending::StoppedEarly), "{patience}, {min_delta}");
        assert_eq!(outcome.history.get("val_loss").unwrap(), &losses[..epochs]);
        // However little lower it is.
        assert_eq!(outcome.epoch, outcome.history.lowest("val_loss"));
        epochs
    });
    assert!(ends[1] > ends[2] && ends[2] > ends[3], "the cases tell something: {ends:?}");
}
