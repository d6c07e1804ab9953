//! The network: a stack of Dense layers over sparse binary input, or over averages of word vectors, ending in one sigmoid
//! unit.
//!
//! Shapes are `[rows, units]`, row-major. `z` are a layer's values before the activation, `h` after it, and a
//! gradient has its quantity's name with `d_` before it.

mod activation;
mod architecture;
mod dropout;
mod embedding;
mod initializer;
mod input_scale;
mod loss;
mod parameters;
mod workspace;

pub use activation::{Activation, sigmoid};
pub(crate) use activation::{LEAKY_SLOPE, SELU_ALPHA, SELU_SCALE};
pub use architecture::{Architecture, Dense, hidden_units};
pub use dropout::Dropout;
pub use embedding::{Embedding, MAX_LEN};
pub use initializer::Initializer;
pub use input_scale::{InputScale, RowNorm};
pub use loss::{BinaryCrossentropy, Hinge, LOSSES, Loss, MeanSquaredError, loss};
pub use parameters::{Head, LayerRanges, Parameters};
pub use workspace::Workspace;
