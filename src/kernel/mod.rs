//! The inner loops: plain slices in, plain slices out, nothing of the rest of the house.
//!
//! The first layer never sees a one-hot row. With a binary input, `x W` is the sum of the rows of `W` whose words are in
//! the review ([`gather_sum`]), and `x^T d` adds the review's delta to those same rows ([`scatter_add`]).
//! With counts for input, the rows of words that occur several times are multiplied ([`Repeated`]).
//!
//! Every kernel is written once, in sixteen lanes, and compiled for each [`Level`] of instructions.

mod aligned;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod bits;
mod dense;
mod elementwise;
mod id;
mod lanes;
mod level;
pub(crate) mod math;
mod portable;
mod powers;
mod prefetch;
mod rows;
mod small;
mod sparse;
mod sweep;

pub use aligned::Aligned;
pub(crate) use aligned::has_room;
pub(crate) use bits::bits_of;
pub use bits::{BITS, Subsets, gather_bits, scatter_bits};
pub use dense::{
    Matrix, add_bias, add_d_bias, dense_d_input, dense_d_kernel, dense_forward, matmul,
};
pub(crate) use elementwise::{Map, map, scale_by};
pub use id::{Id, Repeated, Single};
pub use lanes::Sum;
pub(crate) use lanes::{Kernel, LANES, Lanes};
pub use level::{LEVEL_VARIABLE, Level, UnsupportedLevel};
pub use powers::Powers;
pub(crate) use prefetch::prefetch;
pub use rows::{Apart, Records, Rows, Selection, Touched, Values, Whole};
pub use sparse::{Span, Table, gather_sum, scatter_add};
pub(crate) use sparse::{prefetch_span, scatter_add_ahead};
pub(crate) use sweep::{Rule, sweep, sweep_slices, update};
