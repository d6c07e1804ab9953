//! Many runs over one dataset: which configuration of a network trains best.
//!
//! A [`Design`] has configurations (a [`Grid`] of all combinations, a list, or a [`SweepFile`]), seeds, and what its runs are
//! judged by: reviews held out of the train split, or each of several folds in turn. [`run`] trains each on one thread, as many
//! at a time as there are threads and memory has room for, all over the one mapped dataset. What comes out depends on the design
//! and the data alone: not on the threads, nor on the order in which runs end, nor on whether some were done before. [`rank`]
//! compares the configurations by the mean over their runs.
//!
//! ```
//! use imdb_fast::container::Access;
//! use imdb_fast::dataset::{self, Dataset, Synthetic, SyntheticOptions};
//! use imdb_fast::sweep::{self, Design, Grid, Judging, Unwatched};
//! use imdb_fast::train::Team;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("reviews.safetensors");
//! # let options = SyntheticOptions { reviews: 2_000, words: 1_000, ..Default::default() };
//! # dataset::write(&mut Synthetic::new(options)?, &path)?;
//! let dataset = Dataset::open(&path, Access::Map)?;
//! let grid = Grid {
//!     hidden: vec![vec![], vec![16], vec![16, 16]],
//!     epochs: vec![3],
//!     batch_size: vec![64],
//!     ..Grid::default()
//! };
//! let design = Design::new(grid.configurations()?.0, vec![1, 2], Judging::Folds(3), None)?;
//! let runs = sweep::run(&design, &dataset, &Team::new(0)?, Vec::new(), &Unwatched)?;
//! assert_eq!(runs.len(), 3 * 2 * 3);
//! let best = &sweep::rank(&design, &runs)[0];
//! println!("{}: {:?}", design.labels()[best.configuration], best.best());
//! # Ok(())
//! # }
//! ```

mod configuration;
mod design;
mod file;
mod grid;
mod run;
mod summary;

pub use configuration::{Configuration, OPTIONS};
pub use design::{Design, Judging, MOST_RUNS, Measure, Run};
pub use file::SweepFile;
pub use grid::{Grid, MOST_CONFIGURATIONS, hidden_layers, named_values};
pub use run::{Finished, Observer, Unwatched, run};
pub use summary::{Spread, Summary, order, rank};
