//! How fast are reviews judged? The 25,000 of the test split by a network that has learnt, on one thread and on all, by each
//! kind of kernels.

mod common;

use imdb_fast::dataset::{Holdout, Split};
use imdb_fast::kernel::Level;
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::train::{FitOptions, Silent, Team, TrainPlan, fit, predict};

use common::{Elements, Journal, Reviews, assert_close, best_time, is_test, thread_counts};

/// The book's network after its four epochs.
fn trained(reviews: &Reviews) -> Model {
    let layer = Dense { units: 16, activation: Activation::Relu };
    let architecture = Architecture::new(reviews.dataset.features(), &[layer, layer]);
    let mut model = Model::new(architecture.expect("the widths are valid"), 1);
    let options = FitOptions { epochs: 4, validation: Holdout::None, ..FitOptions::default() };
    let plan = TrainPlan::new(&reviews.dataset, &model, options).expect("the plan fits");
    let team = Team::new(0).expect("the threads start");
    fit(&plan, &mut model, &team, &mut Silent).expect("it fits");
    model
}

/// The probabilities of the test split, in order.
fn judge(reviews: &Reviews, model: &Model, team: &Team, probabilities: &mut Vec<f32>) {
    let range = 0..reviews.work(Split::Test).reviews;
    probabilities.clear();
    let sink = |first: usize, _: &[f32], stretch: &[f32]| {
        assert_eq!(first, probabilities.len(), "stretches come in order");
        probabilities.extend_from_slice(stretch);
        Ok(())
    };
    predict(model, &reviews.dataset, Split::Test, range, team, sink).expect("it predicts");
}

/// Asserts that the network answers most reviews right.
fn assert_right(reviews: &Reviews, probabilities: &[f32]) {
    let labels = reviews.dataset.labels(Split::Test).expect("it has labels");
    assert_eq!(probabilities.len(), labels.len());
    let pairs = probabilities.iter().zip(labels);
    let right = pairs.filter(|&(&probability, &label)| (probability > 0.5) == (label == 1));
    let accuracy = right.count() as f64 / labels.len() as f64;
    // A test has too few reviews to learn much from.
    let least = if is_test() { 0.5 } else { 0.8 };
    assert!(accuracy > least, "the accuracy is {accuracy}");
}

fn main() {
    let mut criterion = common::criterion();
    let reviews = Reviews::new();
    let model = trained(&reviews);
    let work = reviews.work(Split::Test);
    let title = format!("Judging {} reviews ({}), 16-16-1", work.reviews, reviews.origin);
    let mut journal = Journal::new(title);
    let (mut probabilities, mut reference) = (Vec::new(), Vec::new());
    let mut group =
        common::group(&mut criterion, "predict", reviews.origin, Elements::Reviews, work);
    for level in Level::supported() {
        let mut on_one = Vec::new();
        for threads in thread_counts() {
            let team = Team::new(threads).expect("the threads start").with_level(level);
            judge(&reviews, &model, &team, &mut probabilities);
            assert_right(&reviews, &probabilities);
            if on_one.is_empty() {
                on_one.clone_from(&probabilities);
            }
            assert_eq!(probabilities, on_one, "the same on any number of threads");
            if reference.is_empty() {
                reference.clone_from(&probabilities);
            }
            assert_close(&probabilities, &reference, 1e-5, "all kernels agree");
            let name = format!("{level}, threads: {threads}");
            let best = best_time(&mut group, &name, || {
                judge(&reviews, &model, &team, &mut probabilities);
            });
            journal.note(name, best, work);
        }
    }
    group.finish();
    criterion.final_summary();
    journal.print();
}
