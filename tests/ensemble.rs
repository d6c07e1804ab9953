//! Ensembles: merged networks answer as all of them together; students learn from reviews without a label.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use common::{generated, names, team, written};
use imdb_fast::dataset::{Dataset, Holdout, Split};
use imdb_fast::ensemble::{Ensemble, Member, SelfTraining};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense, Embedding, RowNorm};
use imdb_fast::train::{FeatureScale, FitOptions, Silent, TrainPlan, evaluate, fit, predict};
use imdb_fast::{Error, Result, nn, optimizer};

/// The logits of all reviews of a split.
fn logits(model: &Model, dataset: &Dataset, split: Split) -> Vec<f32> {
    let (mut all, rows) = (Vec::new(), dataset.csr(split).unwrap().rows());
    predict(model, dataset, split, 0..rows, &team(1), |_, logits, _| {
        all.extend_from_slice(logits);
        Ok(())
    })
    .unwrap();
    all
}

#[test]
fn a_merged_network_adds_up_logits() {
    let folder = tempfile::tempdir().unwrap();
    let dataset =
        written(common::sequences(200, 300, 1), &folder.path().join("reviews.safetensors"));
    let embedding = Embedding { dim: 3, ..Embedding::default() };
    let factors = [0.5, -1.25, 2.0];
    for (hidden, embedding) in [
        (&[][..], None),
        (&[4], None),
        (&[5, 3], None),
        (&[], Some(embedding)),
        (&[4, 2], Some(embedding)),
    ] {
        let layer = |&units: &usize| Dense { units, activation: Activation::Prelu };
        let hidden: Vec<Dense> = hidden.iter().map(layer).collect();
        let architecture = Architecture::new(dataset.features(), &hidden).unwrap();
        let architecture = match embedding {
            Some(embedding) => architecture.with_embedding(embedding).unwrap(),
            None => architecture,
        };
        let options = || FitOptions {
            epochs: 1,
            validation: Holdout::None,
            optimizer: optimizer::parse("adam", Some(0.05)).unwrap(),
            ..FitOptions::default()
        };
        let models: Vec<Model> = (0..3)
            .map(|seed| {
                // Trained, so that biases and alphas are not 0.
                let mut model = Model::new(architecture.clone(), seed);
                let plan = TrainPlan::new(&dataset, &model, options()).unwrap();
                fit(&plan, &mut model, &team(1), &mut Silent).unwrap();
                model
            })
            .collect();
        let merged = logits(&Model::merged(&models, &factors).unwrap(), &dataset, Split::Test);
        let parts: Vec<Vec<f32>> =
            models.iter().map(|model| logits(model, &dataset, Split::Test)).collect();
        for (row, merged) in merged.into_iter().enumerate() {
            let sum: f32 = parts.iter().zip(factors).map(|(part, factor)| factor * part[row]).sum();
            let what = format!("{hidden:?}, {embedding:?}, review {row}: {merged}, not {sum}");
            assert!((merged - sum).abs() <= 1e-5 * (1.0 + sum.abs()), "{what}");
        }
        let other = Model::new(Architecture::new(dataset.features() + 1, &hidden).unwrap(), 0);
        for factor in [f32::NAN, f32::INFINITY] {
            let factors = vec![factor; models.len()];
            let error = Model::merged(&models, &factors).unwrap_err().to_string();
            assert!(error.contains("are not finite"), "{factor}: {error}");
        }
        let error = Model::merged(&[models[0].clone(), other], &[1.0, 1.0]).unwrap_err();
        assert!(error.to_string().contains("number 2"), "{error}");
    }
}

/// Linear models as naive Bayes scales them.
struct Linear<'a> {
    dataset: &'a Dataset,
    schedule: &'a str,
    /// After how many questions they stop.
    patience: AtomicUsize,
    keep_best: bool,
    /// Epochs that were announced, and that are done.
    epochs: [AtomicUsize; 2],
}

impl Linear<'_> {
    fn of(dataset: &Dataset) -> Linear<'_> {
        Linear {
            dataset,
            schedule: "linear",
            patience: AtomicUsize::new(usize::MAX),
            keep_best: false,
            epochs: Default::default(),
        }
    }
}

impl Member for Linear<'_> {
    fn model(&self, seed: u64) -> Result<Model> {
        Ok(Model::new(Architecture::new(self.dataset.features(), &[])?, seed))
    }

    fn options(&self, seed: u64) -> Result<FitOptions> {
        Ok(FitOptions {
            epochs: 2,
            batch_size: 1,
            seed,
            validation: Holdout::First(30),
            optimizer: optimizer::parse("adagrad", Some(0.3))?,
            schedule: self.schedule.parse()?,
            feature_scale: Some(FeatureScale::NaiveBayes { smoothing: 1.0 }),
            row_norm: RowNorm::L2,
            keep_best: self.keep_best,
            ..FitOptions::default()
        })
    }

    fn begins(&self, _stage: &str, epochs: usize) {
        self.epochs[0].fetch_add(epochs, Ordering::Relaxed);
    }

    fn epoch_ended(&self) {
        self.epochs[1].fetch_add(1, Ordering::Relaxed);
    }

    fn stops(&self) -> bool {
        let patience = |left: usize| Some(left.saturating_sub(1));
        self.patience.fetch_update(Ordering::Relaxed, Ordering::Relaxed, patience) == Ok(0)
    }
}

#[test]
fn students_learn_from_reviews_without_a_label_and_all_threads_agree() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reviews.safetensors");
    let mut reviews = generated(2_000, 400, 5);
    let labelled = written(reviews, &path);
    let training = Some(SelfTraining::default());
    let alone = Ensemble { members: 1, seed: 7, self_training: training };
    let refused = alone.train(&Linear::of(&labelled), &labelled, &team(1), folder.path());
    assert!(refused.unwrap_err().to_string().contains("--unlabelled"));

    reviews = generated(2_000, 400, 5);
    // Of six training reviews, one has a label.
    for (at, (split, _, label)) in reviews.reviews.iter_mut().enumerate() {
        if *split == Split::Train && at % 8 > 0 {
            (*split, *label) = (Split::Unlabelled, None);
        }
    }
    let path = folder.path().join("few.safetensors");
    let dataset = written(reviews, &path);
    let loss = nn::loss("binary-crossentropy").unwrap();
    let accuracy =
        |model: &Model| evaluate(model, &dataset, Split::Test, &*loss, &team(1)).unwrap().accuracy;
    let trained = |members: usize, self_training: Option<SelfTraining>| {
        let ensemble = Ensemble { members, seed: 7, self_training };
        let trained =
            ensemble.train(&Linear::of(&dataset), &dataset, &team(2), folder.path()).unwrap();
        trained.expect("nobody stops it").model
    };
    // Trained so, a student that saw labelled reviews alone would be its teacher.
    let anew = SelfTraining { smoothing: 1.0, fine_tuning_epochs: 0, ..SelfTraining::default() };
    for members in [1, 3] {
        let [teacher, student] = [None, Some(anew)].map(|training| trained(members, training));
        assert!(student.parameters() != teacher.parameters(), "{members}");
    }
    for (members, self_training, epochs) in
        [(1, None, 2), (3, None, 2), (1, training, 3), (3, training, 3)]
    {
        let ensemble = Ensemble { members, seed: 7, self_training };
        let member = Linear::of(&dataset);
        let trained = |threads: usize| {
            let trained = ensemble.train(&member, &dataset, &team(threads), folder.path());
            trained.unwrap().expect("nobody stops it")
        };
        let one = trained(1);
        assert_eq!(one.history.epochs(), epochs);
        // Of students two more epochs are not in the history: those over all reviews.
        let all = members * (epochs + if self_training.is_some() { 2 } else { 0 });
        let told = member.epochs.each_ref().map(|count| count.load(Ordering::Relaxed));
        assert_eq!(told, [all, all], "{members}, {self_training:?}");
        assert!(one.history.get("val_accuracy").is_some());
        assert_eq!(one.model.architecture().width(), 1);
        assert!(
            accuracy(&one.model) > 0.55,
            "{members}, {self_training:?}: {}",
            accuracy(&one.model)
        );
        for threads in [2, 4] {
            let other = trained(threads);
            assert!(other.model.parameters() == one.model.parameters(), "{members} on {threads}");
            assert_eq!(other.history, one.history);
        }
        for patience in [0, 150] {
            let patience = AtomicUsize::new(patience);
            let impatient = Linear { patience, ..Linear::of(&dataset) };
            let ended = ensemble.train(&impatient, &dataset, &team(2), folder.path()).unwrap();
            assert!(ended.is_none());
        }
    }
    assert_eq!(names(folder.path()), ["few.safetensors", "reviews.safetensors"]);
    let none = Ensemble { members: 0, seed: 0, self_training: None };
    let refused = none.train(&Linear::of(&dataset), &dataset, &team(1), folder.path());
    assert!(refused.unwrap_err().is_usage());
}

#[test]
fn members_have_the_same_say_and_the_network_their_mean_spread() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(400, 300, 5), &folder.path().join("reviews.safetensors"));
    let member = Linear::of(&dataset);
    let alone = [7, 8, 9].map(|seed| {
        let mut model = member.model(seed).unwrap();
        let plan = TrainPlan::new(&dataset, &model, member.options(seed).unwrap()).unwrap();
        let outcome = fit(&plan, &mut model, &team(1), &mut Silent).unwrap();
        // Not over the 30 that are held out.
        let scores = &logits(&model, &dataset, Split::Train)[30..];
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let scores: Vec<f64> = scores.iter().map(|&score| score.into()).collect();
        let middle = mean(&scores);
        let squares: Vec<f64> = scores.iter().map(|score| (score - middle).powi(2)).collect();
        (logits(&model, &dataset, Split::Test), mean(&squares).sqrt(), outcome.history)
    });
    let ensemble = Ensemble { members: 3, seed: 7, self_training: None };
    let all = ensemble.train(&member, &dataset, &team(2), folder.path()).unwrap().unwrap();
    let mean = |of: &dyn Fn(usize) -> f64| (0..3).map(of).sum::<f64>() / 3.0;
    let spread = mean(&|at| alone[at].1);
    for (row, &logit) in logits(&all.model, &dataset, Split::Test).iter().enumerate() {
        let expected = spread * mean(&|at| f64::from(alone[at].0[row]) / alone[at].1);
        let what = format!("review {row}: {logit}, not {expected}");
        assert!((f64::from(logit) - expected).abs() < 1e-5 * (1.0 + expected.abs()), "{what}");
    }
    for (name, values) in all.history.series() {
        for (epoch, value) in values.iter().enumerate() {
            let expected = mean(&|at| alone[at].2.get(name).unwrap()[epoch]);
            assert!((value - expected).abs() < 1e-12, "{name}: {value}, not {expected}");
        }
    }
}

/// Linear models the second of which takes steps that lead nowhere.
struct Wild<'a>(Linear<'a>);

impl Member for Wild<'_> {
    fn model(&self, seed: u64) -> Result<Model> {
        self.0.model(seed)
    }

    fn options(&self, seed: u64) -> Result<FitOptions> {
        let rate = if seed == 8 { 3e38 } else { 1e-6 };
        let optimizer = optimizer::parse("sgd", Some(rate))?;
        Ok(FitOptions { epochs: 100_000, optimizer, ..self.0.options(seed)? })
    }

    fn epoch_ended(&self) {
        self.0.epoch_ended();
    }
}

#[test]
fn a_network_that_diverges_ends_the_others_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(200, 400, 5), &folder.path().join("reviews.safetensors"));
    let wild = Wild(Linear::of(&dataset));
    let ensemble = Ensemble { members: 2, seed: 7, self_training: None };
    let error = ensemble.train(&wild, &dataset, &team(2), folder.path()).unwrap_err();
    assert!(matches!(error, Error::Diverged { seed: 8, .. }), "{error}");
    let done = wild.0.epochs[1].load(Ordering::Relaxed);
    assert!(done < 100_000, "the other network went on to its end");
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_trained() {
    let folder = tempfile::tempdir().unwrap();
    let mut reviews = generated(200, 400, 5);
    for (at, (split, _, label)) in reviews.reviews.iter_mut().enumerate() {
        if *split == Split::Train && at % 2 > 0 {
            (*split, *label) = (Split::Unlabelled, None);
        }
    }
    let dataset = written(reviews, &folder.path().join("reviews.safetensors"));
    let labelled = dataset.csr(Split::Train).unwrap().rows() - 30;
    // Two epochs of the teachers have more steps, and the one of fine-tuning has no more.
    let schedule = format!("linear:warm_up={labelled}");
    // Who is asked whether to stop does.
    let member = Linear { schedule: &schedule, patience: 0.into(), ..Linear::of(&dataset) };
    let ensemble = Ensemble { members: 1, seed: 7, self_training: None };
    assert!(ensemble.train(&member, &dataset, &team(1), folder.path()).unwrap().is_none());
    let ensemble = Ensemble { self_training: Some(SelfTraining::default()), ..ensemble };
    let error = ensemble.train(&member, &dataset, &team(1), folder.path()).unwrap_err().to_string();
    assert!(error.contains("--schedule") && error.contains("warm-up"), "{error}");
    assert!(error.contains("in the fine-tuning at the end"), "{error}");
    // The teachers have no more either.
    let schedule = format!("linear:warm_up={}", 2 * labelled);
    let member = Linear { schedule: &schedule, ..member };
    let error = ensemble.train(&member, &dataset, &team(1), folder.path()).unwrap_err().to_string();
    assert!(error.contains("warm-up") && !error.contains("fine-tuning"), "{error}");
    let member = Linear { keep_best: true, patience: 0.into(), ..Linear::of(&dataset) };
    let error = ensemble.train(&member, &dataset, &team(1), folder.path()).unwrap_err().to_string();
    assert!(error.contains("--self-training") && error.contains("best epoch"), "{error}");
}

/// Linear models the second of which is told something else.
struct Unlike<'a>(Linear<'a>, Change);

type Change = fn(&mut FitOptions);

impl Member for Unlike<'_> {
    fn model(&self, seed: u64) -> Result<Model> {
        self.0.model(seed)
    }

    fn options(&self, seed: u64) -> Result<FitOptions> {
        let mut options = self.0.options(seed)?;
        if seed == 8 {
            (self.1)(&mut options);
        }
        Ok(options)
    }
}

#[test]
fn histories_of_other_quantities_have_no_mean() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(200, 400, 5), &folder.path().join("reviews.safetensors"));
    let changes: [(&str, Change); 2] = [
        ("--metrics is none for seed 8, but accuracy", |options| options.metrics.clear()),
        ("--validation is 0 for seed 8, but 30", |options| options.validation = Holdout::None),
    ];
    for (part, change) in changes {
        let member = Unlike(Linear::of(&dataset), change);
        let ensemble = Ensemble { members: 2, seed: 7, self_training: None };
        let error = ensemble.train(&member, &dataset, &team(1), folder.path()).unwrap_err();
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

#[test]
fn networks_that_say_the_same_of_all_reviews_are_merged_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut reviews = generated(80, 400, 5);
    for (at, (_, words, label)) in reviews.reviews.iter_mut().enumerate() {
        words.clear();
        *label = Some(u8::from(at % 4 > 0));
    }
    let dataset = written(reviews, &folder.path().join("reviews.safetensors"));
    let ensemble = Ensemble { members: 2, seed: 7, self_training: None };
    let trained = ensemble.train(&Linear::of(&dataset), &dataset, &team(1), folder.path());
    let all = logits(&trained.unwrap().unwrap().model, &dataset, Split::Test);
    assert!(all.iter().all(|&logit| logit > 0.1 && logit == all[0]), "{all:?}");
}
