//! Trains and runs small neural networks on sparse text features, at the speed of the memory system.

#![deny(unsafe_op_in_unsafe_fn, missing_docs)]

pub mod container;
pub mod dataset;
#[forbid(unsafe_code)]
pub mod error;
#[forbid(unsafe_code)]
pub mod import;
#[forbid(unsafe_code)]
mod input;
pub mod kernel;
#[forbid(unsafe_code)]
pub mod model;
#[forbid(unsafe_code)]
pub mod nn;
#[forbid(unsafe_code)]
pub mod optimizer;
#[forbid(unsafe_code)]
pub mod output;
#[forbid(unsafe_code)]
pub mod random;
#[forbid(unsafe_code)]
pub mod report;
#[forbid(unsafe_code)]
pub mod text;
#[forbid(unsafe_code)]
pub mod train;

pub use error::{Error, Result};
