//! The weights of a network.

use std::ops::Range;

use super::{Architecture, Initializer};
use crate::kernel::Aligned;
use crate::random::{Random, Stream};

/// All that is trained: the first kernel, whose rows belong to words, and the [`Head`].
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    /// `[inputs, width]`, one row a feature: that of the embedding where there is one, else of the first Dense layer.
    pub first_kernel: Aligned,
    /// Everything else.
    pub head: Head,
}

/// Everything but the first kernel, in one array: few values beside it as a rule, and every batch needs them whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Head {
    /// The values; [`Head::layers`] tells whose they are. A gradient has the same layout.
    pub values: Vec<f32>,
    layers: Vec<LayerRanges>,
}

/// Where a layer's values lie in the [`Head`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRanges {
    /// `[fan_in, units]`; empty where it is the first kernel, which stands apart.
    pub kernel: Range<usize>,
    /// `[units]`
    pub bias: Range<usize>,
    /// `[units]` for PReLU, else empty.
    pub alpha: Range<usize>,
}

impl Parameters {
    /// Kernels from the Glorot uniform distribution, biases and alphas 0, as `keras.layers.Dense` and `PReLU` start; those
    /// of an embedding uniform between -0.05 and 0.05, as `keras.layers.Embedding` starts. The first kernel may start otherwise.
    ///
    /// Source: `keras/src/initializers/random_initializers.py`, `GlorotUniform` and `RandomUniform`.
    pub fn initial(
        architecture: &Architecture,
        first_kernel: Option<Initializer>,
        seed: u64,
    ) -> Parameters {
        let mut random = Random::new(seed, Stream::Initialisation);
        let mut parameters = Parameters::zeros(architecture);
        if architecture.embedding().is_some() {
            let fans = [architecture.inputs(), architecture.width()];
            let default = Initializer::RandomUniform { minval: -0.05, maxval: 0.05 };
            let initializer = first_kernel.unwrap_or(default);
            initializer.fill(&mut random, &mut parameters.first_kernel, fans);
        }
        for layer in 0..architecture.layers().len() {
            let is_first = layer == 0 && architecture.embedding().is_none();
            let chosen = first_kernel.filter(|_| is_first);
            let fans = [architecture.fan_in(layer), architecture.layers()[layer].units];
            let initializer = chosen.unwrap_or(Initializer::GlorotUniform);
            initializer.fill(&mut random, parameters.kernel_mut(layer), fans);
        }
        parameters
    }

    /// All zero. Where the system does not give the memory, this ends the process: [`Architecture::expect_memory`] says so before.
    pub fn zeros(architecture: &Architecture) -> Parameters {
        Parameters {
            first_kernel: Aligned::zeros(architecture.inputs() * architecture.width()),
            head: Head::zeros(architecture),
        }
    }

    /// All of them, the first kernel first.
    pub(crate) fn values(&self) -> impl Iterator<Item = f32> {
        self.first_kernel.iter().chain(&self.head.values).copied()
    }

    /// Whether these are of a network of the same shapes.
    pub(crate) fn is_shaped_as(&self, other: &Parameters) -> bool {
        let lengths = |all: &Parameters| [all.first_kernel.len(), all.head.values.len()];
        lengths(self) == lengths(other) && self.head.layers == other.head.layers
    }

    /// A Dense layer's kernel, `[fan_in, units]`.
    ///
    /// # Panics
    /// If there are not so many layers.
    pub fn kernel(&self, layer: usize) -> &[f32] {
        let range = self.head.layers[layer].kernel.clone();
        if range.is_empty() { &self.first_kernel } else { &self.head.values[range] }
    }

    /// A Dense layer's kernel, `[fan_in, units]`, to be set.
    ///
    /// # Panics
    /// If there are not so many layers.
    pub fn kernel_mut(&mut self, layer: usize) -> &mut [f32] {
        let range = self.head.layers[layer].kernel.clone();
        if range.is_empty() { &mut self.first_kernel } else { &mut self.head.values[range] }
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
                let is_first_kernel = i == 0 && architecture.embedding().is_none();
                let fan_in = if is_first_kernel { 0 } else { architecture.fan_in(i) };
                LayerRanges {
                    kernel: take(fan_in * layer.units),
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
    ///
    /// # Panics
    /// If there are not so many layers.
    pub fn bias(&self, layer: usize) -> &[f32] {
        &self.values[self.layers[layer].bias.clone()]
    }

    /// A layer's alphas, `[units]` or empty.
    ///
    /// # Panics
    /// If there are not so many layers.
    pub fn alpha(&self, layer: usize) -> &[f32] {
        &self.values[self.layers[layer].alpha.clone()]
    }

    /// The kernel of a layer, `[fan_in, units]`, but the first kernel.
    ///
    /// # Panics
    /// If there are not so many layers.
    pub fn kernel(&self, layer: usize) -> &[f32] {
        &self.values[self.layers[layer].kernel.clone()]
    }
}
