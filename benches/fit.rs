//! How fast is a training epoch? The book's network and batch on one thread and on all; vocabularies from ten thousand words
//! to ten million, with equally many words a review; batches small and large.
//!
//! An epoch is timed from the end of the one before, so that what a run does once, such as providing memory, counts for
//! nothing, as it does in a run of twenty.

mod common;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use imdb_fast::dataset::{Dataset, Holdout, Split};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::train::{Ending, FitOptions, Team, TrainPlan, fit};

use common::epochs::{Clock, IGNORANT};
use common::power_law::{PowerLaw, fits_memory, generated_reviews};
use common::{Elements, Journal, Reviews, all_threads, is_test, thread_counts};

/// A run to be timed.
struct Run<'a> {
    reviews: &'a Reviews,
    fresh: &'a Model,
    batch_size: usize,
}

/// The book's network for a dataset.
fn network(dataset: &Dataset) -> Model {
    let layer = Dense { units: 16, activation: Activation::Relu };
    let architecture = Architecture::new(dataset.features(), &[layer, layer]);
    Model::new(architecture.expect("the widths are valid"), 1)
}

impl Run<'_> {
    /// Trains for one epoch more than it times. Returns the loss of the first, and how long each of the others took.
    fn train(&self, team: &Team, epochs: usize) -> (f64, Vec<Duration>) {
        let options = FitOptions {
            epochs: epochs + 1,
            batch_size: self.batch_size,
            validation: Holdout::None,
            ..FitOptions::default()
        };
        let plan =
            TrainPlan::new(&self.reviews.dataset, self.fresh, options).expect("the plan fits");
        let (mut model, mut clock) = (self.fresh.clone(), Clock::default());
        let outcome = fit(&plan, &mut model, team, &mut clock).expect("it fits");
        assert!(matches!(outcome.ending, Ending::Completed));
        let losses = outcome.history.get("loss").expect("it has a loss");
        let (first, last) = (losses[0], losses[epochs]);
        // What is timed is right: it learns.
        assert!(first < 1.01 * IGNORANT && last < first, "the losses are {losses:?}");
        black_box(model);
        (first, clock.epochs().collect())
    }

    /// Times epochs on some threads. Returns the loss of the first epoch, unless a filter has left it out.
    fn time(
        &self,
        criterion: &mut Criterion,
        journal: &mut Journal,
        group: &str,
        name: &str,
        threads: usize,
    ) -> Option<f64> {
        let work = self.reviews.work(Split::Train);
        let team = Team::new(threads).expect("the threads start");
        let (mut loss, mut best) = (None, None::<Duration>);
        let mut group =
            common::group(criterion, group, self.reviews.origin, Elements::Reviews, work);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let (first, times) = self.train(&team, iterations as usize);
                assert_eq!(*loss.get_or_insert(first), first, "each run is the same");
                best = best.into_iter().chain(times.iter().copied()).min();
                times.iter().sum()
            });
        });
        group.finish();
        journal.note(name, best, work);
        loss
    }
}

fn threads(criterion: &mut Criterion, journal: &mut Journal) {
    let reviews = Reviews::new();
    let fresh = network(&reviews.dataset);
    let run = Run { reviews: &reviews, fresh: &fresh, batch_size: 512 };
    let mut reference = None;
    for threads in thread_counts() {
        let name = format!("{}, threads: {threads}", reviews.origin);
        if let Some(loss) = run.time(criterion, journal, "fit, threads", &name, threads) {
            assert!(is_test() || loss < 0.65, "the loss of the first epoch is {loss}");
            assert_eq!(*reference.get_or_insert(loss), loss, "the same on any number of threads");
        }
    }
}

fn vocabularies(criterion: &mut Criterion, journal: &mut Journal) {
    let largest = if is_test() { 5 } else { 7 };
    for exponent in 4..=largest {
        let features = 10usize.pow(exponent);
        let name = format!("vocabulary: 10^{exponent}");
        if !fits_memory(features) {
            eprintln!("{name}: skipped, there is too little memory");
            continue;
        }
        let mut source = PowerLaw { reviews: generated_reviews(), features };
        let reviews = Reviews::of(&mut source, "power law");
        let work = reviews.work(Split::Train);
        let mean = work.nonzeros as f64 / work.reviews as f64;
        assert!((126.0..136.0).contains(&mean), "{mean} words a review");
        let fresh = network(&reviews.dataset);
        let run = Run { reviews: &reviews, fresh: &fresh, batch_size: 512 };
        let mut reference = None;
        for threads in BTreeSet::from([1, all_threads()]) {
            let name = format!("{name}, threads: {threads}");
            if let Some(loss) = run.time(criterion, journal, "fit, vocabularies", &name, threads) {
                assert_eq!(*reference.get_or_insert(loss), loss, "the same on any threads");
            }
        }
    }
}

fn batch_sizes(criterion: &mut Criterion, journal: &mut Journal) {
    let reviews = Reviews::new();
    let fresh = network(&reviews.dataset);
    for batch_size in [32, 128, 512, 4096] {
        let run = Run { reviews: &reviews, fresh: &fresh, batch_size };
        let threads = all_threads();
        let name = format!("batch size: {batch_size}, threads: {threads}");
        run.time(criterion, journal, "fit, batch sizes", &name, threads);
    }
}

fn main() {
    let mut criterion = common::criterion();
    let mut journal = Journal::new("A training epoch, 16-16-1, RMSprop");
    threads(&mut criterion, &mut journal);
    batch_sizes(&mut criterion, &mut journal);
    vocabularies(&mut criterion, &mut journal);
    criterion.final_summary();
    journal.print();
}
