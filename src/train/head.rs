//! The weights behind the first kernel, and the biases: how they follow their gradient. They are few, and one thread's work.

use std::ops::Range;
use std::sync::RwLock;

use super::average::Averages;
use super::block::Block;
use super::parallel::read;
use super::shard::{pull, squares};
use super::{FitOptions, TrainPlan};
use crate::nn::Head;
use crate::optimizer::{Optimizer, Step};

/// The gradient of a step, and the optimizers with their state.
#[derive(Debug)]
pub(super) struct HeadTrainer<'a> {
    gradient: Vec<f32>,
    groups: Vec<Group<'a>>,
    /// The penalty on kernels.
    l2: f32,
    /// The averages of all values, where the run ends with them.
    averages: Option<Averages>,
}

/// Weights that follow one optimizer.
#[derive(Debug)]
struct Group<'a> {
    optimizer: &'a dyn Optimizer,
    /// Where they lie in the head.
    ranges: Vec<Range<usize>>,
    /// `[arrays, values]`
    state: Vec<f32>,
    arrays: usize,
    /// Weights and gradient next to each other, where they do not lie so in the head.
    weights: Vec<f32>,
    gradient: Vec<f32>,
}

/// The most groups there are: with one for the biases.
pub(super) const MOST_GROUPS: usize = 2;

impl<'a> HeadTrainer<'a> {
    pub(super) fn new(plan: &'a TrainPlan<'_>, head: &Head) -> HeadTrainer<'a> {
        let FitOptions { optimizer, bias_optimizer, .. } = &plan.options;
        let n = head.values.len();
        let groups = match bias_optimizer {
            None => vec![Group::new(&**optimizer, std::iter::once(0..n).collect())],
            Some(own) => {
                let layers = head.layers().iter();
                let others = layers.clone().flat_map(|l| [l.kernel.clone(), l.alpha.clone()]);
                let biases = layers.map(|layer| layer.bias.clone()).collect();
                let others = others.filter(|range| !range.is_empty()).collect();
                vec![Group::new(&**optimizer, others), Group::new(&**own, biases)]
            }
        };
        let averages = plan.options.average_weights.map(|average| Averages::new(average, 1, n));
        HeadTrainer { gradient: vec![0.0; n], groups, l2: plan.options.l2, averages }
    }

    /// Adds the blocks' gradients in their order, and that of the penalty on kernels.
    pub(super) fn collect(&mut self, blocks: &[RwLock<Block>], head: &Head) {
        self.gradient.fill(0.0);
        for block in blocks {
            for (sum, d) in self.gradient.iter_mut().zip(&read(block).d_head) {
                *sum += d;
            }
        }
        if self.l2 > 0.0 {
            for layer in head.layers() {
                let kernel = layer.kernel.clone();
                pull(self.l2, &mut self.gradient[kernel.clone()], &head.values[kernel]);
            }
        }
    }

    /// The sum of the gradient's squares.
    pub(super) fn squares(&self) -> f64 {
        squares(&self.gradient)
    }

    /// Multiplies the gradient by a factor.
    pub(super) fn shrink(&mut self, factor: f32) {
        self.gradient.iter_mut().for_each(|value| *value *= factor);
    }

    /// One step by the gradient.
    pub(super) fn update(&mut self, head: &mut Head, step: Step) {
        for group in &mut self.groups {
            group.update(step, &mut head.values, &self.gradient);
        }
        if let Some(averages) = &mut self.averages {
            averages.take_in(0, &head.values, step.number);
        }
    }

    /// The averages, where the run ends with them.
    pub(super) fn averages(&self) -> Option<&[f32]> {
        self.averages.as_ref().map(Averages::values)
    }

    /// Goes on with the averages as they stood after so many steps.
    pub(super) fn take_up_averages(&mut self, steps: u32, values: &[f32]) {
        if let Some(averages) = &mut self.averages {
            averages.take_up(values, &[steps]);
        }
    }

    /// For a checkpoint: of each group the state, and how many arrays it has.
    pub(super) fn states(&self) -> impl Iterator<Item = (usize, &[f32])> {
        self.groups.iter().map(|group| (group.arrays, &group.state[..]))
    }

    /// The same, to be filled in.
    pub(super) fn states_mut(&mut self) -> impl Iterator<Item = (usize, &mut [f32])> {
        self.groups.iter_mut().map(|group| (group.arrays, &mut group.state[..]))
    }
}

impl<'a> Group<'a> {
    fn new(optimizer: &'a dyn Optimizer, ranges: Vec<Range<usize>>) -> Group<'a> {
        let n = ranges.iter().map(Range::len).sum();
        let initial = optimizer.state();
        Group {
            optimizer,
            ranges,
            state: initial.iter().flat_map(|&value| std::iter::repeat_n(value, n)).collect(),
            arrays: initial.len(),
            weights: Vec::new(),
            gradient: Vec::new(),
        }
    }

    fn update(&mut self, step: Step, values: &mut [f32], d_values: &[f32]) {
        let Group { optimizer, ranges, state, weights, gradient, .. } = self;
        if let [range] = &ranges[..] {
            let range = range.clone();
            optimizer.update(step, &mut values[range.clone()], &d_values[range], state);
            return;
        }
        weights.clear();
        gradient.clear();
        for range in &*ranges {
            weights.extend_from_slice(&values[range.clone()]);
            gradient.extend_from_slice(&d_values[range.clone()]);
        }
        optimizer.update(step, weights, gradient, state);
        let mut rest = &weights[..];
        for range in ranges {
            let (these, others) = rest.split_at(range.len());
            values[range.clone()].copy_from_slice(these);
            rest = others;
        }
    }
}
