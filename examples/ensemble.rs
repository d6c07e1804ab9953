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

/// Trains one network, then five, and judges both.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("reviews.safetensors");
    let options = SyntheticOptions { reviews: 12_000, words: 5_000, ..Default::default() };
    dataset::write(&mut Synthetic::new(options)?, &path)?;
    let dataset = Dataset::open(&path, Access::Map)?;

    let hidden = [Dense { units: 16, activation: Activation::Relu }; 2];
    let network = Network { architecture: Architecture::new(dataset.features(), &hidden)? };
    let team = Team::new(0)?;
    let reached = |members: usize| -> Result<f64, Box<dyn std::error::Error>> {
        let ensemble = Ensemble { members, seed: 0, self_training: None };
        let trained = ensemble.train(&network, &dataset, &team, folder.path())?;
        let model = trained.ok_or("nobody has stopped it")?.model;
        let reached = evaluate(&team, &model, &dataset, Split::Test, &BinaryCrossentropy)?;
        println!(
            "{members} networks: one of {:?} hidden units, test loss {:.4}, test accuracy {:.4}",
            model.architecture().hidden().iter().map(|layer| layer.units).collect::<Vec<_>>(),
            reached.loss,
            reached.accuracy
        );
        Ok(reached.loss)
    };
    let (alone, together) = (reached(1)?, reached(5)?);
    assert!(together < alone, "five make smaller mistakes than one");
    Ok(())
}
