//! How fast is a training epoch? The book's network and batch on one thread and on all; vocabularies from ten thousand words
//! to ten million, with equally many words a review; batches small and large.
//!
//! An epoch is timed from the end of the one before, so that what a run does once, such as providing memory, counts for
//! nothing, as it does in a run of twenty.

mod common;

use std::collections::{BTreeSet, HashSet};
use std::hint::black_box;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use criterion::Criterion;
use imdb_fast::Result;
use imdb_fast::dataset::{Contents, Dataset, Holdout, Review, ReviewSource, Split};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::random::{Random, Stream};
use imdb_fast::train::{Ending, FitOptions, History, Observer, Team, TrainPlan, fit};

use common::{Elements, Journal, Reviews, Work, all_threads, is_test, thread_counts};

/// Reviews in a generated set, as many as the book trains on; fewer in a test.
fn generated_reviews() -> usize {
    if is_test() { 1_000 } else { 15_000 }
}

/// The loss of a network that knows nothing, to which one that learns has to be compared.
const IGNORANT: f64 = std::f64::consts::LN_2;

/// Reviews whose words follow a power law over any vocabulary: a word of rank `r` comes with a probability of about `1 / r`,
/// so each tenfold of the vocabulary has as large a share of the words, its rare end included.
struct PowerLaw {
    reviews: usize,
    features: usize,
}

impl PowerLaw {
    /// Distinct words of a review: 131 on average, as in the IMDB set, and as widely spread.
    fn length(random: &mut Random) -> usize {
        (20.0 + 90.0 * (0.65 * random.normal()).exp()).round().min(1_000.0) as usize
    }

    fn review(&self, row: u64, label: u8, words: &mut HashSet<u32>) {
        let mut random = Random::numbered(3, Stream::SyntheticReviews, row);
        let length = PowerLaw::length(&mut random);
        words.clear();
        while words.len() < length {
            let word = (self.features as f64).powf(random.uniform_f64()) as u32 - 1;
            // Of two neighbours, the odd one is a little more frequent in positive reviews.
            let leans = random.below(8) == 0;
            words.insert(if leans { (word & !1) | u32::from(label) } else { word });
        }
    }
}

impl ReviewSource for PowerLaw {
    fn contents(&self) -> Contents {
        Contents {
            features: self.features,
            vocabulary: None,
            text: None,
            sequences: false,
            options: serde_json::json!({ "source": "power law" }),
        }
    }

    fn for_each(&mut self, sink: &mut dyn FnMut(Review<'_>) -> Result<()>) -> Result<()> {
        let (mut set, mut words) = (HashSet::new(), Vec::new());
        for row in 0..self.reviews as u64 {
            let label = (row % 2) as u8;
            self.review(row, label, &mut set);
            words.clear();
            words.extend(set.iter().copied());
            sink(Review::new(Split::Train, &words, Some(label)))?;
        }
        Ok(())
    }
}

/// Notes when epochs end.
#[derive(Default)]
struct Clock {
    ends: Vec<Instant>,
}

impl Observer for Clock {
    fn epoch_ended(&mut self, _epoch: usize, _history: &History) -> ControlFlow<()> {
        self.ends.push(Instant::now());
        ControlFlow::Continue(())
    }
}

impl Clock {
    /// How long each epoch took, but for the first.
    fn epochs(&self) -> impl Iterator<Item = Duration> {
        self.ends.windows(2).map(|pair| pair[1] - pair[0])
    }
}

/// A run to be timed.
struct Run<'a> {
    dataset: &'a Dataset,
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
        let plan = TrainPlan::new(self.dataset, self.fresh, options).expect("the plan fits");
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
        let csr = self.dataset.csr(Split::Train).expect("it has a train split");
        let work = Work { reviews: csr.rows(), nonzeros: csr.nnz() };
        let team = Team::new(threads).expect("the threads start");
        let (mut loss, mut best) = (None, None::<Duration>);
        let mut group = common::group(criterion, group, Elements::Reviews, work);
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
    let run = Run { dataset: &reviews.dataset, fresh: &fresh, batch_size: 512 };
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
        let run = Run { dataset: &reviews.dataset, fresh: &fresh, batch_size: 512 };
        let mut reference = None;
        for threads in BTreeSet::from([1, all_threads()]) {
            let name = format!("{name}, threads: {threads}");
            if let Some(loss) = run.time(criterion, journal, "fit, vocabularies", &name, threads) {
                assert_eq!(*reference.get_or_insert(loss), loss, "the same on any threads");
            }
        }
    }
}

/// Whether there is memory for the weights, the copy that is trained, and the optimizer's state, twice over. Where the system
/// does not tell, there is.
fn fits_memory(features: usize) -> bool {
    let needed = 2 * 3 * features * 16 * size_of::<f32>();
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = available.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
    kilobytes.is_none_or(|kilobytes: usize| kilobytes * 1024 > needed)
}

fn batch_sizes(criterion: &mut Criterion, journal: &mut Journal) {
    let reviews = Reviews::new();
    let fresh = network(&reviews.dataset);
    for batch_size in [32, 128, 512, 4096] {
        let run = Run { dataset: &reviews.dataset, fresh: &fresh, batch_size };
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
