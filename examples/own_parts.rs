//! A loss, a metric and an optimizer that the library does not have. All three are traits.
//!
//! ```sh
//! cargo run --release --example own_parts
//! ```

use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Dataset, Holdout, Synthetic, SyntheticOptions};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense, Loss};
use imdb_fast::optimizer::{Idle, Optimizer, Step};
use imdb_fast::train::{Accuracy, FitOptions, Metric, Silent, Team, TrainPlan, fit};

/// `-(1 - q)^2 ln q` with the probability `q` of the true class: reviews that are clear already count for less (Lin et al. 2017,
/// "Focal Loss for Dense Object Detection", with gamma = 2).
#[derive(Debug)]
struct Focal;

impl Focal {
    /// The probability of the true class, at least one that has a logarithm, and the sign of its slope by the logit.
    fn of_true_class(probability: f32, label: f32) -> (f32, f32) {
        let (q, sign) = if label == 1.0 { (probability, 1.0) } else { (1.0 - probability, -1.0) };
        (q.max(1e-7), sign)
    }
}

impl Loss for Focal {
    fn name(&self) -> &str {
        "focal"
    }

    fn value(&self, _logit: f32, probability: f32, label: f32) -> f32 {
        let (q, _) = Focal::of_true_class(probability, label);
        -(1.0 - q).powi(2) * q.ln()
    }

    fn d_logit(&self, _logit: f32, probability: f32, label: f32) -> f32 {
        let (q, sign) = Focal::of_true_class(probability, label);
        sign * (1.0 - q).powi(2) * (2.0 * q * q.ln() + q - 1.0)
    }
}

/// The mean squared distance of probability and label (Brier 1950).
#[derive(Debug, Default)]
struct Brier {
    sum: f64,
    seen: u64,
}

impl Metric for Brier {
    fn name(&self) -> &str {
        "brier"
    }

    fn update(&mut self, probabilities: &[f32], labels: &[u8]) {
        for (&probability, &label) in probabilities.iter().zip(labels) {
            self.sum += f64::from(probability - f32::from(label)).powi(2);
        }
        self.seen += labels.len() as u64;
    }

    fn result(&self) -> f64 {
        self.sum / self.seen as f64
    }

    fn fresh(&self) -> Box<dyn Metric> {
        Box::new(Brier::default())
    }
}

/// `w -= learning_rate sign(0.9 m + 0.1 g)`, then `m = 0.99 m + 0.01 g` (Chen et al. 2023, "Symbolic Discovery of Optimization
/// Algorithms", Lion without its weight decay).
#[derive(Debug)]
struct Lion {
    learning_rate: f32,
}

impl Optimizer for Lion {
    fn name(&self) -> &str {
        "lion"
    }

    fn learning_rate(&self) -> f32 {
        self.learning_rate
    }

    /// One array beside the weights, the momentum `m`, from 0.
    fn state(&self) -> Vec<f32> {
        vec![0.0]
    }

    /// Momentum moves weights that have no gradient, so no row may be skipped.
    fn idle(&self) -> Idle {
        Idle::Moves
    }

    fn update(&self, step: Step, weights: &mut [f32], gradient: &[f32], state: &mut [f32]) {
        for ((w, &g), m) in weights.iter_mut().zip(gradient).zip(state) {
            let direction = 0.9 * *m + 0.1 * g;
            // Unlike `signum`, this is 0 of 0.
            let sign = f32::from(u8::from(direction > 0.0)) - f32::from(u8::from(direction < 0.0));
            *w -= step.rate * self.learning_rate * sign;
            *m = 0.99 * *m + 0.01 * g;
        }
    }
}

/// Trains with all three.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("reviews.safetensors");
    let options = SyntheticOptions { reviews: 8_000, words: 3_000, ..Default::default() };
    dataset::write(&mut Synthetic::new(options)?, &path)?;
    let dataset = Dataset::open(&path, Access::Map)?;

    let hidden = [Dense { units: 16, activation: Activation::Relu }];
    let mut model = Model::new(Architecture::new(dataset.features(), &hidden)?, 0);
    let options = FitOptions {
        epochs: 8,
        batch_size: 128,
        validation: Holdout::Fraction(0.25),
        loss: Box::new(Focal),
        optimizer: Box::new(Lion { learning_rate: 0.001 }),
        metrics: vec![Box::new(Accuracy::default()), Box::new(Brier::default())],
        ..FitOptions::default()
    };
    let plan = TrainPlan::new(&dataset, &model, options)?;
    let history = fit(&plan, &mut model, &Team::new(0)?, &mut Silent)?.history;

    println!("epoch  val_loss  val_accuracy  val_brier");
    let column = |name: &str| history.get(name).expect("all three are recorded");
    let columns = [column("val_loss"), column("val_accuracy"), column("val_brier")];
    for epoch in 0..history.epochs() {
        let [loss, accuracy, brier] = columns.map(|values| values[epoch]);
        println!("{:>5}  {loss:8.4}  {accuracy:12.4}  {brier:9.4}", epoch + 1);
    }
    let brier = columns[2];
    assert!(brier.iter().any(|&value| value < 0.2), "better than always saying 0.5, which is 0.25");
    Ok(())
}
