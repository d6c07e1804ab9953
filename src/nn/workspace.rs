//! Forward and backward over a block of rows, and the buffers for it.

use super::activation::probabilities;
use super::{Activation, Architecture, Head, Loss};
use crate::kernel::{
    Aligned, Level, add_bias, add_d_bias, dense_d_input, dense_d_kernel, dense_forward,
};

/// The buffers of one block of rows; allocated once, used for every batch.
#[derive(Debug)]
pub struct Workspace {
    layers: Vec<LayerBuffers>,
    probabilities: Vec<f32>,
    rows: usize,
}

/// All `[rows, units]`.
#[derive(Debug)]
struct LayerBuffers {
    units: usize,
    activation: Activation,
    z: Aligned,
    h: Aligned,
    d: Aligned,
}

impl Workspace {
    /// Room for blocks of up to `rows` rows.
    pub fn new(architecture: &Architecture, rows: usize) -> Workspace {
        let layers = architecture
            .layers()
            .iter()
            .map(|layer| LayerBuffers {
                units: layer.units,
                activation: layer.activation,
                z: Aligned::zeros(rows * layer.units),
                h: Aligned::zeros(rows * layer.units),
                d: Aligned::zeros(rows * layer.units),
            })
            .collect();
        Workspace { layers, probabilities: vec![0.0; rows], rows: 0 }
    }

    /// Sets how many rows the block has and lends the buffer for their first-layer sums, `[rows, width]`, without the
    /// bias. [`Workspace::forward`] goes on from there.
    ///
    /// # Panics
    /// If the block is larger than the workspace.
    pub fn first_z(&mut self, rows: usize) -> &mut [f32] {
        assert!(rows <= self.probabilities.len(), "a block of {rows} rows");
        self.rows = rows;
        let first = &mut self.layers[0];
        &mut first.z[..rows * first.units]
    }

    /// From the first layer's sums to the probabilities:
    /// `z_0 += bias_0`, `h_l = f_l(z_l)`, `z_l+1 = h_l kernel_l+1 + bias_l+1`, `p = sigmoid(z_last)`.
    pub fn forward(&mut self, level: Level, head: &Head) {
        let rows = self.rows;
        let last = self.layers.len() - 1;
        for l in 0..=last {
            let (before, from_here) = self.layers.split_at_mut(l);
            let layer = &mut from_here[0];
            let z = &mut layer.z[..rows * layer.units];
            let bias = head.bias(l);
            if let Some(below) = before.last() {
                dense_forward(level, &below.h[..rows * below.units], head.kernel(l), bias, z);
            } else {
                add_bias(level, bias, z);
            }
            if l < last {
                let h = &mut layer.h[..rows * layer.units];
                layer.activation.forward(level, z, head.alpha(l), h);
            } else {
                probabilities(level, z, &mut self.probabilities[..rows]);
            }
        }
    }

    /// From the loss back to the first layer's sums. Adds the gradients of the head to `d_head`, leaves
    /// [`Workspace::first_d`], and returns the sum of the losses. `scale` is one over the batch's size.
    ///
    /// `d_z_last = scale loss'`, `d_kernel_l = h_l-1^T d_z_l`, `d_bias_l = sum over rows of d_z_l`,
    /// `d_z_l-1 = (d_z_l kernel_l^T) f'(z_l-1)`.
    pub fn backward(
        &mut self,
        level: Level,
        head: &Head,
        loss: &dyn Loss,
        labels: &[f32],
        scale: f32,
        d_head: &mut [f32],
    ) -> f64 {
        let rows = self.rows;
        let last = self.layers.len() - 1;
        let probabilities = &self.probabilities[..rows];
        let output = &mut self.layers[last];
        let logits = &output.z[..rows];
        loss.d_logits(level, logits, probabilities, labels, scale, &mut output.d[..rows]);
        let sum = loss.sum(level, logits, probabilities, labels);

        for l in (0..=last).rev() {
            let ranges = &head.layers()[l];
            let (before, from_here) = self.layers.split_at_mut(l);
            let layer = &mut from_here[0];
            let d = &mut layer.d[..rows * layer.units];
            if l < last {
                let (z, h) = (&layer.z[..rows * layer.units], &layer.h[..rows * layer.units]);
                let d_alpha = &mut d_head[ranges.alpha.clone()];
                layer.activation.backward(level, z, h, head.alpha(l), d, d_alpha);
            }
            add_d_bias(level, d, &mut d_head[ranges.bias.clone()]);
            if let Some(below) = before.last_mut() {
                let (units, inputs) = (layer.units, rows * below.units);
                let d_kernel = &mut d_head[ranges.kernel.clone()];
                dense_d_kernel(level, &below.h[..inputs], d, units, d_kernel);
                dense_d_input(level, d, head.kernel(l), units, &mut below.d[..inputs]);
            }
        }
        sum
    }

    /// One probability a row, after [`Workspace::forward`].
    pub fn probabilities(&self) -> &[f32] {
        &self.probabilities[..self.rows]
    }

    /// One logit a row, after [`Workspace::forward`].
    pub fn logits(&self) -> &[f32] {
        &self.layers[self.layers.len() - 1].z[..self.rows]
    }

    /// The gradient of the first layer's sums, `[rows, width]`, after [`Workspace::backward`].
    pub fn first_d(&self) -> &[f32] {
        let first = &self.layers[0];
        &first.d[..self.rows * first.units]
    }
}
