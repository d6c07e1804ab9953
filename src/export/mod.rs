//! A model for other programs: Keras, ONNX runtimes, PyTorch.
//!
//! Each file holds the very weights of the model, so the probabilities are the same, to float32 rounding. What becomes of
//! text stays here: the inputs are the ids of a dataset's rows, reserved ids included.
//!
//! Reviews that are scaled to length 1 (`--row-norm l2`) need the squares of the words' scales besides, and divide their sum by
//! the root of the sum of these. A network of an [`Embedding`](crate::nn::Embedding) takes sequences, padded and cut to its
//! `max_len` as Keras' `pad_sequences` does by default.
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
//! Where reviews have length 1, the squares \[features, 1\] stand behind the first bias, and the first layer is
//!
//! ```python
#![doc = include_str!("load_keras_unit_length.py")]
//! ```
//!
//! An embedding's kernel \[features, dim\] comes before the Dense layers:
//!
//! ```python
#![doc = include_str!("load_keras_embedding.py")]
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
//! - [`OnnxInput::Ids`]: `ids`, int64 \[reviews, max_len\]: padded and cut sequences, for a network of an embedding, whose
//!   weights are `embedding.kernel`.
//!
//! ```python
#![doc = include_str!("load_onnx.py")]
//! ```
//!
//! # [`Format::TorchSafetensors`]
//!
//! A `state_dict`, in PyTorch's orientation \[outputs, inputs\]: `embedding.weight` \[features, units\] and `bias` \[units\] are
//! the first layer, an `EmbeddingBag` whose mode is `sum`; `linear.I.weight` and `linear.I.bias`, from 0, the layers behind
//! it; `activation.I.weight` the alphas of PReLU, where `activation.0` follows the first layer. `squares.weight` \[features, 1\]
//! is there where reviews have length 1. The metadata's `architecture` tells the layers as JSON.
//!
//! ```python
#![doc = include_str!("load_torch.py")]
//! ```
//!
//! Of a network of an embedding `embedding.weight` \[features, dim\] is an `EmbeddingBag` whose mode is `mean`, there is no `bias`,
//! and `linear.0` is the first Dense layer:
//!
//! ```python
#![doc = include_str!("load_torch_embedding.py")]
//! ```

mod network;
mod npz;
mod onnx;
mod torch;

use std::fmt;
use std::path::Path;

use crate::error::Result;
use crate::model::Model;
use crate::nn::Architecture;
use network::Network;

/// How a script loads a [`Format::KerasNpz`].
pub const LOAD_KERAS: &str = include_str!("load_keras.py");
/// The same where reviews have length 1.
pub const LOAD_KERAS_UNIT_LENGTH: &str = include_str!("load_keras_unit_length.py");
/// The same for a network of an embedding.
pub const LOAD_KERAS_EMBEDDING: &str = include_str!("load_keras_embedding.py");
/// How a script loads a [`Format::Onnx`], of any input.
pub const LOAD_ONNX: &str = include_str!("load_onnx.py");
/// How a script loads a [`Format::TorchSafetensors`].
pub const LOAD_TORCH: &str = include_str!("load_torch.py");
/// The same for a network of an embedding.
pub const LOAD_TORCH_EMBEDDING: &str = include_str!("load_torch_embedding.py");

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
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
#[non_exhaustive]
pub enum OnnxInput {
    /// Rows of zeros and ones.
    #[default]
    MultiHot,
    /// Lists of words.
    Indices,
    /// Sequences of word ids, for a network that averages an embedding.
    Ids,
}

impl OnnxInput {
    /// The usual one for a network.
    pub fn of(architecture: &Architecture) -> OnnxInput {
        if architecture.embedding().is_some() { OnnxInput::Ids } else { OnnxInput::MultiHot }
    }
}

impl fmt::Display for OnnxInput {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            OnnxInput::MultiHot => "multi-hot",
            OnnxInput::Indices => "indices",
            OnnxInput::Ids => "ids",
        })
    }
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
