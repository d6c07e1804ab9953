//! A model for other programs: Keras, ONNX runtimes, PyTorch.
//!
//! Each file holds the very weights of the model, so the probabilities are the same, to float32 rounding. What becomes of
//! text stays here: the inputs are the ids of a dataset's rows, reserved ids included.
//!
//! # [`Format::KerasNpz`]
//!
//! NumPy's archive of the arrays that `Model.set_weights` takes, in its order, named `arr_0`, `arr_1` ... as
//! `numpy.savez(path, *model.get_weights())` names them: for each layer the kernel \[inputs, units\], the bias \[units\] and,
//! where the activation is PReLU, the alpha \[units\] of the `PReLU` layer behind it.
//!
//! ```python
#![doc = include_str!("load_keras.py")]
//! ```
//!
//! # [`Format::Onnx`]
//!
//! The operators of opset 13 (IR version 7) and no others. The weights are the initializers `dense_I.kernel`, `dense_I.bias`
//! and `dense_I.alpha`; the output is `probability`, float32 \[reviews, 1\]. The [`OnnxInput`]s:
//!
//! - [`OnnxInput::MultiHot`]: `multi_hot`, float32 \[reviews, features\]: 1 where the review has the word, else 0.
//! - [`OnnxInput::Indices`]: `indices`, int64 \[words\]: the ids of all reviews, one review behind the other, each id once a
//!   review; and `offsets`, int64 \[reviews\]: where in `indices` each review begins, the first at 0. It is what
//!   `torch.nn.EmbeddingBag` takes. The rows of the first kernel are gathered and added up in 64 bits: its cost follows the
//!   words and not the features.
//!
//! ```python
#![doc = include_str!("load_onnx.py")]
//! ```
//!
//! # [`Format::TorchSafetensors`]
//!
//! A `state_dict`, in PyTorch's orientation \[outputs, inputs\]: `embedding.weight` \[features, units\] and `bias` \[units\] are
//! the first layer, an `EmbeddingBag` whose mode is `sum`; `linear.I.weight` and `linear.I.bias`, from 0, the layers behind
//! it; `activation.I.weight` the alphas of PReLU, where `activation.0` follows the first layer. The metadata's `architecture`
//! tells the layers as JSON.
//!
//! ```python
#![doc = include_str!("load_torch.py")]
//! ```

mod network;
mod npz;
mod onnx;
mod torch;

use std::path::Path;

use crate::error::Result;
use crate::model::Model;
use network::Network;

/// How a script loads a [`Format::KerasNpz`].
pub const LOAD_KERAS: &str = include_str!("load_keras.py");
/// How a script loads a [`Format::Onnx`], of either input.
pub const LOAD_ONNX: &str = include_str!("load_onnx.py");
/// How a script loads a [`Format::TorchSafetensors`].
pub const LOAD_TORCH: &str = include_str!("load_torch.py");

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The arrays of Keras' `set_weights`.
    KerasNpz,
    /// A computation that ONNX runtimes run.
    Onnx(OnnxInput),
    /// A PyTorch `state_dict`.
    TorchSafetensors,
}

/// How a computation in ONNX is given its reviews.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnnxInput {
    /// Rows of zeros and ones.
    #[default]
    MultiHot,
    /// Lists of words.
    Indices,
}

/// Writes a model in another program's format, whole or not at all.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io); [`Error::Unfit`](crate::Error::Unfit) where the format cannot hold the model.
pub fn export(model: &Model, format: Format, path: &Path) -> Result<()> {
    let network = Network::of(model)?;
    match format {
        Format::KerasNpz => npz::write(&network, path),
        Format::Onnx(input) => onnx::write(&network, input, path),
        Format::TorchSafetensors => torch::write(&network, path),
    }
}
