//! Forward and backward over a block of rows, and the buffers for it.

use super::activation::probabilities;
use super::dropout::Dropped;
use super::{Activation, Architecture, Dropout, Head, Loss};
use crate::kernel::{
    Aligned, Level, add_bias, add_d_bias, dense_d_input, dense_d_kernel, dense_forward,
};
use crate::random::Draws;

/// The buffers of one block of rows; allocated once, used for every batch.
#[derive(Debug)]
pub struct Workspace {
    /// Where the first kernel is an embedding's, the averages over its rows.
    averages: Option<Averages>,
    layers: Vec<LayerBuffers>,
    /// What the block's first-layer sums are multiplied by, one a row; none where they are taken as they are.
    scales: Vec<f32>,
    /// Whether hidden units are left out of the block.
    drops: bool,
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
    /// Where units have ever been left out of it.
    dropped: Option<Dropped>,
}

impl LayerBuffers {
    /// What the layer behind takes.
    fn output(&self, drops: bool) -> &[f32] {
        match &self.dropped {
            Some(dropped) if drops => &dropped.h,
            _ => &self.h,
        }
    }
}

/// Both `[rows, dim]`.
#[derive(Debug)]
struct Averages {
    dim: usize,
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
                dropped: None,
            })
            .collect();
        let averages = architecture.embedding().map(|embedding| Averages {
            dim: embedding.dim,
            h: Aligned::zeros(rows * embedding.dim),
            d: Aligned::zeros(rows * embedding.dim),
        });
        let probabilities = vec![0.0; rows];
        Workspace { averages, layers, scales: Vec::new(), drops: false, probabilities, rows: 0 }
    }

    /// Sets how many rows the block has and lends the buffer for their first-layer sums, `[rows, width]`, without the
    /// bias. [`Workspace::forward`] goes on from there.
    ///
    /// # Panics
    /// If the block is larger than the workspace.
    pub fn first_z(&mut self, rows: usize) -> &mut [f32] {
        assert!(rows <= self.probabilities.len(), "a block of {rows} rows");
        self.rows = rows;
        self.scales.clear();
        self.drops = false;
        match (&mut self.averages, &mut self.layers[0]) {
            (Some(averages), _) => &mut averages.h[..rows * averages.dim],
            (None, first) => &mut first.z[..rows * first.units],
        }
    }

    /// Multiplies the first-layer sums of each row by a number, which [`Workspace::backward`] does to their gradient as
    /// well: `z = s sum`, `d_sum = s d_z`. For sums that have been filled in, and before [`Workspace::forward`].
    ///
    /// # Panics
    /// If there is not one scale a row.
    pub fn scale(&mut self, scales: impl IntoIterator<Item = f32>) {
        let mut all = std::mem::take(&mut self.scales);
        all.clear();
        all.extend(scales);
        assert_eq!(all.len(), self.rows, "a scale for each row");
        let width = self.width();
        let sums = match (&mut self.averages, &mut self.layers[0]) {
            (Some(averages), _) => &mut averages.h,
            (None, first) => &mut first.z,
        };
        scale_rows(sums, width, &all);
        self.scales = all;
    }

    /// Leaves out some units of the hidden layers in this block's [`Workspace::forward`] and [`Workspace::backward`], as
    /// `keras.layers.Dropout` behind each of them does: by one sequence of random numbers a row, one number a unit.
    ///
    /// # Panics
    /// If there is not one sequence a row.
    pub fn drop_units(&mut self, dropout: Dropout, rows: impl ExactSizeIterator<Item = Draws>) {
        assert_eq!(rows.len(), self.rows, "a sequence for each row");
        self.drops = true;
        let room = self.probabilities.len();
        let hidden = self.layers.len() - 1;
        for (row, counted) in rows.enumerate() {
            let mut first = 0;
            for LayerBuffers { units, dropped, .. } in &mut self.layers[..hidden] {
                let dropped = dropped.get_or_insert_with(|| Dropped::new(room * *units));
                dropped.draw(dropout, row, *units, (counted, first));
                first += *units;
            }
        }
    }

    /// From the first layer's sums to the probabilities:
    /// `z_0 += bias_0`, `h_l = f_l(z_l)`, `z_l+1 = h_l kernel_l+1 + bias_l+1`, `p = sigmoid(z_last)`. With an embedding its
    /// averages are `h_-1`, and `z_0 = h_-1 kernel_0 + bias_0`.
    ///
    /// # Panics
    /// If the head is not of the architecture that the workspace was made for.
    pub fn forward(&mut self, level: Level, head: &Head) {
        let rows = self.rows;
        let last = self.layers.len() - 1;
        for l in 0..=last {
            let (before, from_here) = self.layers.split_at_mut(l);
            let layer = &mut from_here[0];
            let z = &mut layer.z[..rows * layer.units];
            let bias = head.bias(l);
            let below = match (before.last(), &self.averages) {
                (Some(below), _) => Some(&below.output(self.drops)[..rows * below.units]),
                (None, Some(averages)) => Some(&averages.h[..rows * averages.dim]),
                (None, None) => None,
            };
            match below {
                Some(h) => dense_forward(level, h, head.kernel(l), bias, z),
                None => add_bias(level, bias, z),
            }
            if l < last {
                let h = &mut layer.h[..rows * layer.units];
                layer.activation.forward(level, z, head.alpha(l), h);
                if let Some(dropped) = layer.dropped.as_mut().filter(|_| self.drops) {
                    dropped.forward(h);
                }
            } else {
                probabilities(level, z, &mut self.probabilities[..rows]);
            }
        }
    }

    /// From the loss back to the first layer's sums. Adds the gradients of the head to `d_head`, leaves
    /// [`Workspace::first_d`], and returns the sum of the losses. `scale` is one over the batch's size.
    ///
    /// `d_z_last = scale loss'`, `d_kernel_l = h_l-1^T d_z_l`, `d_bias_l = sum over rows of d_z_l`,
    /// `d_z_l-1 = (d_z_l kernel_l^T) f'(z_l-1)`, with an embedding `d_h_-1 = d_z_0 kernel_0^T`.
    ///
    /// # Panics
    /// If there is not one label a row, the head is not of the architecture that the workspace was made for, or `d_head` is not as long as
    /// its values; where the loss does.
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
        assert_eq!(labels.len(), rows, "a label for each row");
        assert_eq!(d_head.len(), head.values.len(), "a gradient for each weight");
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
            if let Some(dropped) = layer.dropped.as_ref().filter(|_| self.drops) {
                dropped.backward(d);
            }
            if l < last {
                let (z, h) = (&layer.z[..rows * layer.units], &layer.h[..rows * layer.units]);
                let d_alpha = &mut d_head[ranges.alpha.clone()];
                layer.activation.backward(level, z, h, head.alpha(l), d, d_alpha);
            }
            add_d_bias(level, d, &mut d_head[ranges.bias.clone()]);
            let below = match (before.last_mut(), &mut self.averages) {
                (Some(LayerBuffers { h, d, units, dropped, .. }), _) => {
                    let dropped = dropped.as_ref().filter(|_| self.drops);
                    Some((dropped.map_or(&*h, |dropped| &dropped.h), d, *units))
                }
                (None, Some(Averages { h, d, dim })) => Some((&*h, d, *dim)),
                (None, None) => None,
            };
            if let Some((h, d_h, inputs)) = below {
                let (units, n) = (layer.units, rows * inputs);
                let d_kernel = &mut d_head[ranges.kernel.clone()];
                dense_d_kernel(level, &h[..n], d, units, d_kernel);
                dense_d_input(level, d, head.kernel(l), units, &mut d_h[..n]);
            }
        }
        let width = self.width();
        let d_first = match (&mut self.averages, &mut self.layers[0]) {
            (Some(averages), _) => &mut averages.d,
            (None, first) => &mut first.d,
        };
        scale_rows(d_first, width, &self.scales);
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
        match (&self.averages, &self.layers[0]) {
            (Some(averages), _) => &averages.d[..self.rows * averages.dim],
            (None, first) => &first.d[..self.rows * first.units],
        }
    }

    /// Values of a row of first-layer sums.
    fn width(&self) -> usize {
        self.averages.as_ref().map_or(self.layers[0].units, |averages| averages.dim)
    }
}

/// Multiplies each of the rows that have a scale by it.
fn scale_rows(values: &mut [f32], width: usize, scales: &[f32]) {
    for (row, &scale) in values.chunks_exact_mut(width).zip(scales) {
        row.iter_mut().for_each(|value| *value *= scale);
    }
}
