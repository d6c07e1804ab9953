//! Training on a list of rows is training on a dataset that has no others.

use std::ops::ControlFlow;

use imdb_fast::dataset::{Dataset, Holdout, Split};
use imdb_fast::error::Result;
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense, RowNorm};
use imdb_fast::train::{
    Checkpoint, FeatureScale, FitOptions, Observer, Shuffle, Silent, Snapshot, TrainPlan, fit,
    resume,
};

use crate::common::{InMemory, generated, team, written};

fn options(shuffle: Option<Shuffle>, is_scaled: bool) -> FitOptions {
    FitOptions {
        epochs: 3,
        batch_size: 64,
        shuffle,
        seed: 5,
        feature_scale: is_scaled.then_some(FeatureScale::NaiveBayes { smoothing: 1.0 }),
        row_norm: if is_scaled { RowNorm::L2 } else { RowNorm::None },
        ..FitOptions::default()
    }
}

fn model(dataset: &Dataset) -> Model {
    let layer = Dense { units: 16, activation: Activation::Relu };
    Model::new(Architecture::new(dataset.features(), &[layer]).unwrap(), 5)
}

/// The rows of a source's train split, by their numbers there.
fn picked(source: &InMemory, rows: impl Iterator<Item = u32>) -> InMemory {
    let train: Vec<_> =
        source.reviews.iter().filter(|(split, ..)| *split == Split::Train).cloned().collect();
    let reviews = rows.map(|row| train[row as usize].clone()).collect();
    InMemory { reviews, ..source.clone() }
}

#[test]
fn a_list_is_a_dataset_without_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let source = generated(3_000, 500, 3);
    let all = written(source.clone(), &folder.path().join("all"));
    let rows = all.csr(Split::Train).unwrap().rows() as u32;
    let held_out: Vec<u32> = (0..rows).filter(|row| row % 7 == 2).collect();
    let train: Vec<u32> = (0..rows).filter(|row| row % 7 != 2 && row % 5 != 0).collect();
    // Held out first, as a number of first reviews is.
    let order = held_out.iter().chain(&train).copied();
    let part = written(picked(&source, order), &folder.path().join("part"));
    for (shuffle, is_scaled) in
        [(None, false), (Some(Shuffle::Blocked), false), (Some(Shuffle::None), true), (None, true)]
    {
        let mut whole = model(&part);
        let holdout = Holdout::First(held_out.len());
        let chosen = FitOptions { validation: holdout, ..options(shuffle, is_scaled) };
        let plan = TrainPlan::new(&part, &whole, chosen).unwrap();
        let expected = fit(&plan, &mut whole, &team(2), &mut Silent).unwrap().history;
        for threads in [1, 3] {
            let mut listed = model(&all);
            let chosen = options(shuffle, is_scaled);
            let plan = TrainPlan::of_rows(&all, &listed, chosen, &train, &held_out).unwrap();
            assert_eq!(plan.train_reviews(), train.len());
            assert_eq!(plan.validation_reviews(), held_out.len());
            let history = fit(&plan, &mut listed, &team(threads), &mut Silent).unwrap().history;
            assert_eq!(history, expected, "{shuffle:?} {is_scaled}");
            assert!(listed.parameters() == whole.parameters(), "{shuffle:?} {is_scaled}");
        }
    }
}

/// Saves a run in its second epoch, and ends it there.
struct Saver<'a>(&'a std::path::Path);

impl Observer for Saver<'_> {
    fn pauses(&mut self, epoch: usize, batch: usize) -> bool {
        (epoch, batch) == (1, 2)
    }

    fn paused(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        snapshot.save(self.0, &serde_json::json!({})).unwrap();
        ControlFlow::Break(())
    }
}

#[test]
fn a_run_on_a_list_goes_on_and_not_on_another_list() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(800, 200, 4), &folder.path().join("d"));
    let file = folder.path().join("checkpoint");
    let train: Vec<u32> = (0..600).filter(|row| row % 3 > 0).collect();
    let held_out: Vec<u32> = (0..600).step_by(3).collect();
    let plan = |train: &[u32], held_out: &[u32]| {
        TrainPlan::of_rows(&dataset, &model(&dataset), options(None, false), train, held_out)
            .unwrap()
    };
    let mut whole = model(&dataset);
    let expected = fit(&plan(&train, &held_out), &mut whole, &team(1), &mut Silent).unwrap();
    let mut stopped = model(&dataset);
    fit(&plan(&train, &held_out), &mut stopped, &team(2), &mut Saver(&file)).unwrap();
    let go_on = |plan: &TrainPlan<'_>| -> Result<_> {
        let mut again = model(&dataset);
        let outcome = resume(plan, &mut again, &team(2), &mut Silent, Checkpoint::load(&file)?)?;
        Ok((outcome.history, again))
    };
    let (history, again) = go_on(&plan(&train, &held_out)).unwrap();
    assert_eq!(history, expected.history);
    assert!(again.parameters() == whole.parameters());
    // As many, but one of them another.
    let other: Vec<u32> = std::iter::once(0).chain(train[1..].iter().copied()).collect();
    for (train, held_out) in [(&other, &held_out), (&train, &held_out[1..].to_vec())] {
        let error =
            go_on(&plan(train, held_out)).map(|(history, _)| history).unwrap_err().to_string();
        assert!(error.contains("--validation"), "{error}");
    }
}

#[test]
fn lists_that_are_wrong_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = written(generated(80, 50, 4), &folder.path().join("d"));
    let rows = dataset.csr(Split::Train).unwrap().rows() as u32;
    let cases: [(&[u32], &[u32], &str); 5] = [
        (&[0, 2, 2], &[1], "row 2 stands before it"),
        (&[0], &[5, 4], "validate on in ascending order"),
        (&[0, rows], &[1], "reviews"),
        (&[0], &[u32::MAX], "reviews"),
        (&[], &[1], "is empty, but a run needs some"),
    ];
    for (train, held_out, part) in cases {
        let plan =
            TrainPlan::of_rows(&dataset, &model(&dataset), options(None, false), train, held_out);
        let error = plan.unwrap_err();
        assert!(!error.is_usage() && error.to_string().contains(part), "{error}");
    }
}
