//! Five networks that differ by their seed, trained side by side and merged into one.
//!
//! ```sh
//! cargo run --release --example ensemble
//! ```

use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Dataset, Holdout, Split, Synthetic, SyntheticOptions};
use imdb_fast::ensemble::{Ensemble, Member};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, BinaryCrossentropy, Dense};
use imdb_fast::train::{FitOptions, Team, evaluate};

/// How each network begins and what it is trained by.
struct Network {
    architecture: Architecture,
}

impl Member for Network {
    fn model(&self, seed: u64) -> imdb_fast::Result<Model> {
        Ok(Model::new(self.architecture.clone(), seed))
    }

    fn options(&self, seed: u64) -> imdb_fast::Result<FitOptions> {
        Ok(FitOptions {
            epochs: 4,
            batch_size: 128,
            validation: Holdout::None,
            seed,
            ..FitOptions::default()
        })
    }
}

/// Trains five networks alone, then together, and judges each.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("reviews.safetensors");
    let options = SyntheticOptions { reviews: 12_000, words: 5_000, ..Default::default() };
    dataset::write(&mut Synthetic::new(options)?, &path)?;
    let dataset = Dataset::open(&path, Access::Map)?;

    let hidden = [Dense { units: 16, activation: Activation::Relu }; 2];
    let network = Network { architecture: Architecture::new(dataset.features(), &hidden)? };
    let team = Team::new(0)?;
    let test_loss = |members: usize, seed: u64| -> Result<f64, Box<dyn std::error::Error>> {
        let ensemble = Ensemble { members, seed, self_training: None };
        let trained = ensemble.train(&network, &dataset, &team, folder.path())?;
        let model = trained.ok_or("nobody has stopped it")?.model;
        let reached = evaluate(&model, &dataset, Split::Test, &BinaryCrossentropy, &team)?;
        // The merged network has the units of all its members.
        let units = model.architecture().hidden()[0].units;
        let (loss, accuracy) = (reached.loss, reached.accuracy);
        println!("{units:>2} units a layer: test loss {loss:.4}, test accuracy {accuracy:.4}");
        Ok(loss)
    };
    let mut alone = 0.0;
    for seed in 0..5 {
        alone += test_loss(1, seed)? / 5.0;
    }
    let together = test_loss(5, 0)?;
    println!("five alone {alone:.4} on average, together {together:.4}");
    assert!(together < alone, "five as one make smaller mistakes than each alone on average");
    Ok(())
}
