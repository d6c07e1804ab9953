//! What a model says about text: probabilities of reviews, why it says so, and which words move it most.
//!
//! A [`Judge`] is a model ready to read: its vocabulary and its text rules as an [`Encoder`](crate::text::Encoder). What a
//! word does is exact: the probability with it, less the probability without it.

mod explain;
mod explanation;
mod judge;
mod sequence;
mod strongest;

pub use explanation::{Explanation, Kind, Part};
pub use judge::Judge;
pub use strongest::{Strongest, WordEffect};
