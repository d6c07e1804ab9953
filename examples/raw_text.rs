//! From a table of texts to answers with reasons: import a CSV file, train, judge sentences.
//!
//! ```sh
//! cargo run --release --example raw_text
//! ```

use std::path::Path;

use imdb_fast::answer::Judge;
use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Dataset, Holdout, Split};
use imdb_fast::import::{self, ImportOptions, TextOptions};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, BinaryCrossentropy, Dense};
use imdb_fast::train::{FitOptions, Silent, Team, TrainPlan, evaluate, fit};

/// Imports, trains and judges.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/sample.csv");

    // The format is found out by content, and so are the columns. Every third review becomes the test split.
    let text = TextOptions {
        test_fraction: Some(1.0 / 3.0),
        spool: Some(folder.path().to_path_buf()),
        ..TextOptions::default()
    };
    let options = ImportOptions { text, ..ImportOptions::default() };
    let mut reviews = import::open(&source, &options)?;
    for note in reviews.notes() {
        println!("note: {note}");
    }
    let path = folder.path().join("reviews.safetensors");
    dataset::write(&mut *reviews, &path)?;
    let dataset = Dataset::open(&path, Access::Map)?;

    let hidden = [Dense { units: 16, activation: Activation::Relu }];
    let mut model = Model::new(Architecture::new(dataset.features(), &hidden)?, 0);
    // With the words and the rules by which text became them, the model alone judges text.
    model.take_words(&dataset);

    let options = FitOptions {
        epochs: 10,
        batch_size: 16,
        validation: Holdout::None,
        ..FitOptions::default()
    };
    let plan = TrainPlan::new(&dataset, &model, options)?;
    let team = Team::new(0)?;
    fit(&plan, &mut model, &team, &mut Silent)?;
    let reached = evaluate(&model, &dataset, Split::Test, &BinaryCrossentropy, &team)?;
    println!("{} features, test accuracy {:.3}", dataset.features(), reached.accuracy);

    let judge = Judge::new(&model, &team)?;
    for sentence in ["I loved the script!", "Avoid it, a sloppy mess."] {
        let explanation = judge.explain(sentence)?;
        println!("\n{:.3}  {sentence}", explanation.probability);
        // What each word does is exact: the probability with it, less that without it.
        for part in explanation.parts.iter().take(3) {
            println!("  {:+.3}  {}", part.effect, part.name);
        }
    }

    let mut probabilities = Vec::new();
    judge
        .probabilities(&["I loved the script!", "Avoid it, a sloppy mess."], &mut probabilities)?;
    assert!(probabilities[0] > 0.5 && probabilities[1] < 0.5, "it tells praise from blame");
    Ok(())
}
