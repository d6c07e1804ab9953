//! A guide, of documentation alone.
//!
//! - [`book`]: the IMDB example of Chollet's *Deep Learning with Python*, block by block: our command and our call for each.
//! - [`recipes`]: the options of a training beyond the book's, the presets, and what each piece is worth.
//! - [`inside`]: how it works, and what that means for large files and vocabularies.
//! - [`extending`]: how to add a layer, an activation, an optimizer, a loss, a metric, an importer, a kernel.
//!
//! The folder `examples` of the package has whole programs: `cargo run --release --example NAME`.
//!
//! | example | what it shows |
//! | --- | --- |
//! | `train_and_predict` | generated reviews, a network, evaluation, saving, loading, probabilities |
//! | `raw_text` | a CSV file, its import, sentences judged and explained word by word |
//! | `own_parts` | a loss, a metric and an optimizer of one's own |
//! | `ensemble` | five networks merged into one |

pub mod book;
pub mod extending;
pub mod inside;
pub mod recipes;
