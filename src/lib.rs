//! Trains and runs small neural networks on sparse text features.
//!
//! A dataset is a mapped file of sparse rows ([`dataset`]), made by an importer ([`import`]) of files that [`fetch`] can
//! download, or generated ([`dataset::Synthetic`]). A network ([`nn`]) and its vocabulary are a [`model`]; [`train`] makes it
//! fit by an [`optimizer`], and says how good it is. [`text`] turns raw text to features, and [`answer`] says what a model
//! makes of it. An [`ensemble`] is several of them, merged into one; a [`sweep`] trains many and compares them. [`export`]
//! writes a model as Keras, ONNX and PyTorch take it. [`report`] draws and tabulates the history. The [`guide`] goes through the
//! book's example, lists the options beyond it, tells how it works inside, and how to add to all this.
//!
//! Below all of these are the sums and products for each set of instructions ([`kernel`]), the files of datasets, models and
//! checkpoints ([`container`]), outputs that are written whole or not at all ([`output`]), and the generators of all chance
//! ([`random`]).
//!
//! Data problems are an [`Error`] that names the file, the place and the remedy. Functions panic only where the caller
//! breaks a contract that their documentation states under "Panics": slices of other lengths than documented, rows out
//! of range, words beyond a writer's feature count.
//!
//! ```
//! use imdb_fast::container::Access;
//! use imdb_fast::dataset::{self, Dataset, Holdout, Synthetic, SyntheticOptions};
//! use imdb_fast::model::Model;
//! use imdb_fast::nn::{Activation, Architecture, Dense};
//! use imdb_fast::train::{FitOptions, Silent, Team, TrainPlan, fit};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("reviews.safetensors");
//! let options = SyntheticOptions { reviews: 2_000, words: 1_000, ..Default::default() };
//! dataset::write(&mut Synthetic::new(options)?, &path)?;
//!
//! let dataset = Dataset::open(&path, Access::Map)?;
//! let layer = Dense { units: 16, activation: Activation::Relu };
//! let mut model = Model::new(Architecture::new(dataset.features(), &[layer, layer])?, 1);
//! let options = FitOptions {
//!     epochs: 3,
//!     batch_size: 64,
//!     validation: Holdout::Fraction(0.2),
//!     ..FitOptions::default()
//! };
//! let plan = TrainPlan::new(&dataset, &model, options)?;
//! let outcome = fit(&plan, &mut model, &Team::new(0)?, &mut Silent)?;
//! assert_eq!(outcome.history.get("val_loss").unwrap().len(), 3);
//! # Ok(())
//! # }
//! ```

#![deny(unsafe_code, unsafe_op_in_unsafe_fn, missing_docs)]

pub mod answer;
pub mod container;
pub mod dataset;
pub mod ensemble;
pub mod error;
pub mod export;
pub mod fetch;
pub mod guide;
pub mod import;
mod input;
pub mod kernel;
pub mod model;
pub mod nn;
pub mod optimizer;
pub mod output;
pub mod random;
pub mod report;
mod settings;
pub mod sweep;
pub mod text;
mod threads;
pub mod train;

pub use error::{Error, Result};
/// Of the values in [`model::Model::training`] and [`dataset::Contents::options`].
pub use serde_json;

/// The README's Rust is compiled with the examples.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
