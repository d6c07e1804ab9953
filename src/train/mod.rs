//! Training.

mod history;

pub use history::History;
