//! The whole way on generated reviews: make a dataset, train the book's network, evaluate it, predict.
//!
//! ```sh
//! cargo run --release --example train_and_predict
//! ```

use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Dataset, Holdout, Split, Synthetic, SyntheticOptions};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, BinaryCrossentropy, Dense};
use imdb_fast::train::{FitOptions, Silent, Team, TrainPlan, evaluate, fit, predict};

/// Trains, evaluates and predicts.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;

    // A dataset is a file. Half of the reviews are to train on, half to test.
    let path = folder.path().join("reviews.safetensors");
    let options = SyntheticOptions { reviews: 12_000, words: 5_000, ..Default::default() };
    dataset::write(&mut Synthetic::new(options)?, &path)?;
    let dataset = Dataset::open(&path, Access::Map)?;

    // Two hidden layers of 16 units; the output, one sigmoid unit, is always there.
    let hidden = [Dense { units: 16, activation: Activation::Relu }; 2];
    let mut model = Model::new(Architecture::new(dataset.features(), &hidden)?, 1);

    // A plan is options that were checked and fit the dataset.
    let options = FitOptions {
        epochs: 10,
        batch_size: 128,
        validation: Holdout::First(2_000),
        keep_best: true,
        ..FitOptions::default()
    };
    let plan = TrainPlan::new(&dataset, &model, options)?;
    let team = Team::new(0)?;
    let outcome = fit(&plan, &mut model, &team, &mut Silent)?;

    for (name, values) in outcome.history.series() {
        let values: Vec<String> = values.iter().map(|value| format!("{value:.3}")).collect();
        println!("{name:>12}  {}", values.join("  "));
    }
    let best = outcome.history.lowest("val_loss").ok_or("no epoch has a loss")?;
    println!("the validation loss was lowest at epoch {}", best + 1);

    let reached = evaluate(&model, &dataset, Split::Test, &BinaryCrossentropy, &team)?;
    println!("test loss {:.4}, test accuracy {:.4}", reached.loss, reached.accuracy);
    assert!(reached.accuracy > 0.7, "it learned something");

    // A model is a file, too, and loaded it says the same.
    let path = folder.path().join("model.safetensors");
    model.save(&path)?;
    let model = Model::load(&path)?;
    let labels = dataset.labels(Split::Test)?;
    predict(&model, &dataset, Split::Test, 0..5, &team, |first, _logits, probabilities| {
        for (row, probability) in (first..).zip(probabilities) {
            println!("review {row}: {probability:.4}, labelled {}", labels[row]);
        }
        Ok(())
    })?;
    Ok(())
}
