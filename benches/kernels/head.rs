//! All that is behind the first layer at once: dense products, activations, loss.

use std::cell::RefCell;
use std::collections::HashSet;
use std::hint::black_box;

use criterion::Criterion;
use imdb_fast::kernel::{Aligned, Level};
use imdb_fast::nn::{
    Activation, Architecture, BinaryCrossentropy, Dense, Loss, Parameters, Workspace, sigmoid,
};

use super::common::{assert_close, uniform};
use super::report::{Bound, Case, Report, timed};
use super::roofline::Pattern;
use super::{BATCH, BLOCK, REPEATS, group};

/// A block of reviews through all that is behind the first layer of the book's network, and back.
struct Head {
    parameters: Parameters,
    sums: Vec<f32>,
    labels: Vec<f32>,
    workspace: RefCell<Workspace>,
    gradient: RefCell<Vec<f32>>,
}

impl Head {
    fn new(activation: Activation) -> Head {
        let layer = Dense { units: 16, activation };
        let architecture = Architecture::new(16, &[layer, layer]).expect("the widths are valid");
        let parameters = Parameters::initial(&architecture, None, 1);
        Head {
            sums: uniform(BLOCK * 16, 1.0, 6),
            labels: (0..BLOCK).map(|row| (row % 2) as f32).collect(),
            workspace: RefCell::new(Workspace::new(&architecture, BLOCK)),
            gradient: RefCell::new(vec![0.0; parameters.head.values.len()]),
            parameters,
        }
    }

    /// Multiplications and additions of the dense products: forward, and twice as many back.
    const OPERATIONS: usize = 3 * 2 * BLOCK * (16 * 16 + 16);

    /// Forward and back; returns the sum of the losses.
    fn run(&self, level: Level) -> f64 {
        let (head, mut workspace) = (&self.parameters.head, self.workspace.borrow_mut());
        let mut gradient = self.gradient.borrow_mut();
        workspace.first_z(BLOCK).copy_from_slice(&self.sums);
        workspace.forward(level, head);
        gradient.fill(0.0);
        let scale = 1.0 / BLOCK as f32;
        workspace.backward(level, head, &BinaryCrossentropy, &self.labels, scale, &mut gradient)
    }
}

pub fn forward_and_back(criterion: &mut Criterion, report: &mut Report<'_>) {
    let operations = REPEATS * Head::OPERATIONS;
    let mut group = group(criterion, "behind the first layer", "operations", operations);
    let all = Activation::ALL.map(|activation| (activation, Level::detect()));
    let relu = Level::supported().into_iter().map(|level| (Activation::Relu, level));
    let mut seen = HashSet::new();
    for (activation, level) in relu.chain(all) {
        if !seen.insert((activation, level.name())) {
            continue;
        }
        let head = Head::new(activation);
        let (expected, gradient) = (head.run(Level::portable()), head.gradient.borrow().clone());
        let loss = head.run(level);
        assert!((loss / expected - 1.0).abs() < 1e-5, "{activation}: {loss} and {expected}");
        assert_close(&head.gradient.borrow(), &gradient, 1e-4, activation.name());
        let case = Case {
            kernel: format!("forward and back, 16-16-1 {activation}"),
            by: level.name(),
            bounds: vec![Bound::Operations(operations)],
            run: timed(move || {
                for _ in 0..REPEATS {
                    black_box(head.run(level));
                }
            }),
        };
        report.time(&mut group, &format!("16-16-1 {activation}, {level}"), case);
    }
    group.finish();
}

/// Logits of a batch with all that a loss needs.
struct Outputs {
    logits: Aligned,
    probabilities: Vec<f32>,
    labels: Vec<f32>,
    d_logits: Aligned,
}

impl Outputs {
    fn new() -> Outputs {
        let logits = Aligned::from(&uniform(BATCH, 5.0, 7)[..]);
        Outputs {
            probabilities: logits.iter().map(|&logit| sigmoid(logit)).collect(),
            labels: (0..BATCH).map(|row| (row % 2) as f32).collect(),
            d_logits: Aligned::zeros(BATCH),
            logits,
        }
    }

    /// The sum of the losses and the derivative of each.
    fn judge(&mut self, level: Level) -> f64 {
        let Outputs { logits, probabilities, labels, d_logits } = self;
        let logits = black_box(&*logits);
        BinaryCrossentropy.d_logits(level, logits, probabilities, labels, 1.0, d_logits);
        BinaryCrossentropy.sum(level, logits, probabilities, labels)
    }

    /// Asserts that a sum and the derivatives are those of the definition.
    fn assert_right(&self, sum: f64) {
        let rows = || self.logits.iter().zip(&self.probabilities).zip(&self.labels);
        let value = |((&z, &p), &label)| f64::from(BinaryCrossentropy.value(z, p, label));
        let slope = |((&z, &p), &label)| BinaryCrossentropy.d_logit(z, p, label);
        let expected: f64 = rows().map(value).sum();
        assert!((sum / expected - 1.0).abs() < 1e-5, "{sum} and {expected}");
        assert_close(&self.d_logits, &rows().map(slope).collect::<Vec<f32>>(), 1e-6, "slopes");
    }
}

/// The losses of a batch and their derivatives, one a review: an exponential and a logarithm each, against copying.
pub fn losses(criterion: &mut Criterion, report: &mut Report<'_>) {
    let mut group = group(criterion, "binary_crossentropy", "reviews", REPEATS * BATCH);
    let array = BATCH * size_of::<f32>();
    for level in Level::supported() {
        let mut outputs = Outputs::new();
        let sum = outputs.judge(level);
        outputs.assert_right(sum);
        // The sum reads logits and labels, the derivative reads probabilities and labels and is written.
        let moved = REPEATS * 5 * array;
        let case = Case {
            kernel: "binary_crossentropy and derivative".to_owned(),
            by: level.name(),
            bounds: vec![Bound::Bytes { moved, pattern: Pattern::Copy, arrays: 4 * array }],
            run: timed(move || {
                for _ in 0..REPEATS {
                    black_box(outputs.judge(level));
                }
            }),
        };
        report.time(&mut group, level.name(), case);
    }
    group.finish();
}
