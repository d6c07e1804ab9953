//! How near is training to the machine's random access, where weights fit the nearest cache and where they fit none? Epochs on
//! one thread over vocabularies of ten thousand, a million and ten million words, with equally many words a review, against
//! loops over the same words that go to the same places and do nothing else: see [`limit`].
//!
//! An epoch is timed from the end of the one before, so what a run does once counts for nothing. Its limit is measured right
//! before and right after it, on memory of the same size in pages of the same kind; the best of each counts.

#[path = "../common/mod.rs"]
mod common;
mod limit;
#[allow(dead_code)] // nothing is multiplied here
#[path = "../kernels/roofline/vector.rs"]
mod vector;

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use imdb_fast::dataset::{Csr, Dataset, Holdout, Split};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense, Initializer, RowNorm};
use imdb_fast::optimizer::{self, Decay, Schedule};
use imdb_fast::train::{Ending, FeatureScale, FitOptions, Team, TrainPlan, fit};

use common::epochs::{Clock, IGNORANT};
use common::power_law::{PowerLaw, fits_memory, generated_reviews};
use common::{Elements, Reviews, is_test, shuffled};
use limit::{Batches, Limits, Places};

/// A model and how it is trained.
struct Recipe {
    name: &'static str,
    hidden: &'static [Dense],
    batch_size: usize,
    optimizer: &'static str,
    learning_rate: f32,
    places: Places,
}

const LAYER: Dense = Dense { units: 16, activation: Activation::Relu };

const RECIPES: [Recipe; 3] = [
    Recipe {
        name: "linear, Adagrad, batches of 1",
        hidden: &[],
        batch_size: 1,
        optimizer: "adagrad:initial_accumulator=1e-8,epsilon=0",
        learning_rate: 0.3,
        places: Places::Records,
    },
    Recipe {
        name: "16-16, RMSprop, batches of 512",
        hidden: &[LAYER, LAYER],
        batch_size: 512,
        optimizer: "rmsprop",
        learning_rate: 0.001,
        places: Places::Lines { arrays: 1 },
    },
    Recipe {
        name: "16-16, Adam on touched rows, batches of 32",
        hidden: &[LAYER, LAYER],
        batch_size: 32,
        optimizer: "adam:rows=touched,epsilon=1e-8",
        learning_rate: 0.001,
        places: Places::Lines { arrays: 2 },
    },
];

impl Recipe {
    fn model(&self, dataset: &Dataset) -> Model {
        let architecture = Architecture::new(dataset.features(), self.hidden);
        let start = match self.hidden {
            [] => Initializer::Zeros,
            _ => Initializer::RandomUniform { minval: -0.05, maxval: 0.05 },
        };
        let model = Model::initial(architecture.expect("the widths are valid"), Some(start), 1);
        model.expect("the range is one")
    }

    fn options(&self, epochs: usize) -> FitOptions {
        let optimizer = optimizer::parse(self.optimizer, Some(self.learning_rate));
        FitOptions {
            epochs,
            batch_size: self.batch_size,
            validation: Holdout::None,
            optimizer: optimizer.expect("it is an optimizer"),
            schedule: Schedule { decay: Decay::Linear { end: 0.0 }, ..Schedule::default() },
            feature_scale: Some(FeatureScale::NaiveBayes { smoothing: 1.0 }),
            row_norm: RowNorm::L2,
            ..FitOptions::default()
        }
    }

    /// Trains for one epoch more than it times, and returns how long each of the others took.
    fn train(&self, dataset: &Dataset, fresh: &Model, epochs: usize) -> Vec<Duration> {
        let team = Team::new(1).expect("the thread starts");
        let plan = TrainPlan::new(dataset, fresh, self.options(epochs + 1));
        let (mut model, mut clock) = (fresh.clone(), Clock::default());
        let outcome = fit(&plan.expect("the plan fits"), &mut model, &team, &mut clock);
        let outcome = outcome.expect("it fits");
        assert!(matches!(outcome.ending, Ending::Completed));
        let losses = outcome.history.get("loss").expect("it has a loss");
        // What is timed is right: it learns.
        assert!(losses[epochs] < losses[0].min(IGNORANT), "the losses are {losses:?}");
        black_box(model);
        clock.epochs().collect()
    }
}

/// What a recipe took over a vocabulary, in nanoseconds a nonzero.
struct Line {
    recipe: &'static str,
    features: usize,
    bytes: usize,
    limits: Limits,
    epoch: f64,
}

/// The words of an epoch in the order of its reviews, cut into batches.
fn batches(dataset: &Dataset, batch_size: usize) -> Batches {
    let Ok(csr) = dataset.csr(Split::Train) else { panic!("it has a train split") };
    let order = shuffled(csr.rows());
    let row = |row: &u32| -> Vec<u32> {
        let row = *row as usize;
        match &csr {
            Csr::Narrow(matrix) => {
                let words = matrix.outer_view(row).expect("the row is there");
                words.indices().iter().map(|&word| u32::from(word)).collect()
            }
            Csr::Wide(matrix) => {
                matrix.outer_view(row).expect("the row is there").indices().to_vec()
            }
        }
    };
    Batches::of(order.chunks(batch_size).map(|rows| rows.iter().flat_map(row).collect()))
}

fn measure(criterion: &mut Criterion, recipe: &Recipe, reviews: &Reviews) -> Option<Line> {
    let dataset = &reviews.dataset;
    let work = reviews.work(Split::Train);
    let features = dataset.features();
    let batches = batches(dataset, recipe.batch_size);
    let mut limits = Limits::new(recipe.places, features);
    let fresh = recipe.model(dataset);
    let mut best = None::<Duration>;
    let mut is_first = true;
    let mut group = common::group(criterion, recipe.name, reviews.origin, Elements::Nonzeros, work);
    group.bench_function(format!("features: {features}"), |bencher| {
        if std::mem::take(&mut is_first) {
            limits.measure(&batches);
        }
        bencher.iter_custom(|iterations| {
            let times = recipe.train(dataset, &fresh, iterations as usize);
            best = best.into_iter().chain(times.iter().copied()).min();
            times.iter().sum()
        });
    });
    group.finish();
    let epoch = best?.as_secs_f64() * 1e9 / work.nonzeros as f64;
    limits.measure(&batches);
    let bytes = recipe.places.bytes(features);
    eprintln!("{epoch:.2} ns a nonzero, the limit is {:.2}", limits.epoch);
    Some(Line { recipe: recipe.name, features, bytes, limits, epoch })
}

/// A test has no table: what runs once and cold tells nothing.
fn print(lines: &[Line]) {
    if is_test() || lines.is_empty() {
        return;
    }
    println!("Training on one thread against random access, best times in ns a nonzero");
    println!();
    println!(
        "| model | features | weights and state, MB | a random access | limit | an epoch | of the limit |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for Line { recipe, features, bytes, limits, epoch } in lines {
        println!(
            "| {recipe} | 10^{} | {:.1} | {:.2} | {:.2} | {epoch:.2} | {:.2} |",
            features.ilog10(),
            *bytes as f64 / 1e6,
            limits.access,
            limits.epoch,
            epoch / limits.epoch,
        );
    }
    println!();
    println!(
        "A random access reads a word's place and writes it back; the limit goes to all places of an epoch."
    );
    for Line { recipe, features, limits, .. } in lines {
        println!("{recipe}, {features} features: best limit with {}", limits.form());
    }
}

fn main() {
    let mut criterion = common::criterion();
    let mut lines = Vec::new();
    let exponents: &[u32] = if is_test() { &[4, 5] } else { &[4, 6, 7] };
    for features in exponents.iter().map(|&exponent| 10usize.pow(exponent)) {
        if !fits_memory(features) {
            eprintln!("{features} features: skipped, there is too little memory");
            continue;
        }
        let mut source = PowerLaw { reviews: generated_reviews(), features };
        let reviews = Reviews::of(&mut source, "power law");
        for recipe in &RECIPES {
            lines.extend(measure(&mut criterion, recipe, &reviews));
        }
    }
    criterion.final_summary();
    print(&lines);
}
