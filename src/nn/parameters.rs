//! The weights of a network.

use std::ops::Range;

use super::Architecture;
use crate::kernel::Aligned;
use crate::random::{Random, Stream};

/// All that is trained: the first kernel, whose rows belong to words, and the [`Head`].
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// `[inputs, width]`, one row a feature.
    pub first_kernel: Aligned,
    /// Everything else.
    pub head: Head,
}

/// Everything but the first kernel, in one array: a few hundred values that every batch needs whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The values; [`Head::layers`] tells whose they are. A gradient has the same layout.
    pub values: Vec<f32>,
    layers: Vec<LayerRanges>,
}

/// Where a layer's values lie in the [`Head`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRanges {
    /// `[fan_in, units]`; empty for the first layer, whose kernel stands apart.
    pub kernel: Range<usize>,
    /// `[units]`
    pub bias: Range<usize>,
    /// `[units]` for PReLU, else empty.
    pub alpha: Range<usize>,
}

impl Parameters {
    /// Kernels from the Glorot uniform distribution, biases and alphas 0, as `keras.layers.Dense` and `PReLU` start.
    ///
    /// Source: `keras/src/initializers/random_initializers.py`, `GlorotUniform`: uniform between `-l` and `l`, where
    /// `l = sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio 2010).
    pub fn glorot(architecture: &Architecture, seed: u64) -> Parameters {
        let mut random = Random::new(seed, Stream::Initialisation);
        let mut parameters = Parameters::zeros(architecture);
        for layer in 0..architecture.layers().len() {
            let (fan_in, fan_out) =
                (architecture.fan_in(layer), architecture.layers()[layer].units);
            let limit = (6.0 / (fan_in + fan_out) as f64).sqrt() as f32;
            for weight in parameters.kernel_mut(layer) {
                *weight = (2.0 * random.uniform_f32() - 1.0) * limit;
            }
        }
        parameters
    }

    /// All zero.
    pub fn zeros(architecture: &Architecture) -> Parameters {
        Parameters {
            first_kernel: Aligned::zeros(architecture.inputs() * architecture.width()),
            head: Head::zeros(architecture),
        }
    }

    /// A layer's kernel, `[fan_in, units]`.
    pub fn kernel(&self, layer: usize) -> &[f32] {
        if layer == 0 {
            &self.first_kernel
        } else {
            &self.head.values[self.head.layers[layer].kernel.clone()]
        }
    }

    /// A layer's kernel, `[fan_in, units]`, to be set.
    pub fn kernel_mut(&mut self, layer: usize) -> &mut [f32] {
        if layer == 0 {
            &mut self.first_kernel
        } else {
            &mut self.head.values[self.head.layers[layer].kernel.clone()]
        }
    }

    /// Whether no value is NaN or infinite.
    pub fn are_finite(&self) -> bool {
        self.first_kernel.iter().chain(&self.head.values).all(|value| value.is_finite())
    }
}

impl Head {
    fn zeros(architecture: &Architecture) -> Head {
        let mut end = 0;
        let mut take = |length: usize| {
            end += length;
            end - length..end
        };
        let layers: Vec<LayerRanges> = (0..architecture.layers().len())
            .map(|i| {
                let layer = architecture.layers()[i];
                LayerRanges {
                    kernel: take(if i == 0 { 0 } else { architecture.fan_in(i) * layer.units }),
                    bias: take(layer.units),
                    alpha: take(if layer.activation.has_alpha() { layer.units } else { 0 }),
                }
            })
            .collect();
        Head { values: vec![0.0; end], layers }
    }

    /// One a layer.
    pub fn layers(&self) -> &[LayerRanges] {
        &self.layers
    }

    /// A layer's bias, `[units]`.
    pub fn bias(&self, layer: usize) -> &[f32] {
        &self.values[self.layers[layer].bias.clone()]
    }

    /// A layer's alphas, `[units]` or empty.
    pub fn alpha(&self, layer: usize) -> &[f32] {
        &self.values[self.layers[layer].alpha.clone()]
    }

    /// The kernel of a layer but the first, `[fan_in, units]`.
    pub fn kernel(&self, layer: usize) -> &[f32] {
        &self.values[self.layers[layer].kernel.clone()]
    }
}
