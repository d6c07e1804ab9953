//! The inner loops: plain slices in, plain slices out, nothing of the rest of the house.
//!
//! The first layer never sees a one-hot row. With a binary input, `x W` is the sum of the rows of `W` whose words are in
//! the review ([`gather_sum`]), and `x^T d` adds the review's delta to those same rows ([`scatter_add`]).

mod dense;
#[forbid(unsafe_code)]
mod portable;

pub use dense::{Matrix, matmul};
pub use portable::{gather_sum, scatter_add};

/// Where a review's words (or a range of them) stand in the index array.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Span {
    /// The first position.
    pub start: usize,
    /// One past the last position.
    pub end: usize,
}

/// A range of weight rows: `[rows, width]`, row-major, the first of them belonging to feature `first`.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// `rows * width` values.
    pub values: &'a [f32],
    /// The feature of row 0.
    pub first: usize,
    /// Units of the first layer.
    pub width: usize,
}
