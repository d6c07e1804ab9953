//! The network of averaged word vectors once more, in f64 and as plainly as the formulas stand: every sequence is padded
//! and cut as it is, every position is visited, every weight is updated in every step.

use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Embedding};

/// A sequence of word ids and its label.
pub type Review = (Vec<u32>, u8);

/// How weights follow their gradients: `keras/src/optimizers`, `sgd.py`, `rmsprop.py` and `adagrad.py`.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    Sgd,
    RmsProp,
    Adagrad,
}

/// Embedding, average, one hidden layer, one sigmoid unit.
pub struct Averages {
    embedding: Embedding,
    activation: Activation,
    units: usize,
    rule: Rule,
    rate: f64,
    /// The embedding's rows, kernel and bias of the hidden layer, kernel and bias of the output.
    parameters: [Vec<f64>; 5],
    state: [Vec<f64>; 5],
}

/// What a review comes to.
struct Forward {
    positions: Vec<u32>,
    average: Vec<f64>,
    h: Vec<f64>,
    logit: f64,
}

fn values(model: &Model) -> [Vec<f64>; 5] {
    let parameters = model.parameters();
    let head = &parameters.head;
    [&parameters.first_kernel, head.kernel(0), head.bias(0), head.kernel(1), head.bias(1)]
        .map(|values| values.iter().copied().map(f64::from).collect())
}

impl Averages {
    pub fn of(model: &Model, rule: Rule, rate: f64) -> Averages {
        let architecture = model.architecture();
        let [hidden] = architecture.hidden() else { panic!("one hidden layer") };
        let parameters = values(model);
        let start = if let Rule::Adagrad = rule { 0.1 } else { 0.0 };
        Averages {
            embedding: architecture.embedding().expect("an embedding"),
            activation: hidden.activation,
            units: hidden.units,
            rule,
            rate,
            state: parameters.each_ref().map(|values| vec![start; values.len()]),
            parameters,
        }
    }

    fn forward(&self, words: &[u32]) -> Forward {
        let Embedding { dim, max_len, mask } = self.embedding;
        let mut padded = vec![0; max_len];
        let there = words.len().min(max_len);
        padded[max_len - there..].copy_from_slice(&words[words.len() - there..]);
        let positions: Vec<u32> = padded.into_iter().filter(|&id| !mask || id != 0).collect();
        let mut average = vec![0.0; dim];
        let [table, kernel, bias, out, out_bias] = &self.parameters;
        for &id in &positions {
            for (sum, value) in average.iter_mut().zip(&table[id as usize * dim..]) {
                *sum += value;
            }
        }
        average.iter_mut().for_each(|sum| *sum /= positions.len().max(1) as f64);
        let z = (0..self.units).map(|unit| {
            let inputs = average.iter().enumerate();
            bias[unit] + inputs.map(|(i, a)| a * kernel[i * self.units + unit]).sum::<f64>()
        });
        let h: Vec<f64> = z
            .map(|z| match self.activation {
                Activation::Relu => z.max(0.0),
                Activation::Tanh => z.tanh(),
                _ => panic!("an activation that is not needed"),
            })
            .collect();
        let logit = out_bias[0] + h.iter().zip(out).map(|(h, weight)| h * weight).sum::<f64>();
        Forward { positions, average, h, logit }
    }

    /// The mean of the binary cross-entropy.
    pub fn loss(&self, reviews: &[Review]) -> f64 {
        let losses = reviews.iter().map(|(words, label)| loss(self.forward(words).logit, *label));
        losses.sum::<f64>() / reviews.len() as f64
    }

    /// Trains on the reviews in their order; returns the mean of the losses on the way.
    pub fn epoch(&mut self, reviews: &[Review], batch_size: usize) -> f64 {
        let sum: f64 = reviews.chunks(batch_size).map(|batch| self.step(batch)).sum();
        sum / reviews.len() as f64
    }

    fn step(&mut self, batch: &[Review]) -> f64 {
        let dim = self.embedding.dim;
        let mut gradient = self.parameters.each_ref().map(|values| vec![0.0; values.len()]);
        let mut sum = 0.0;
        for (words, label) in batch {
            let Forward { positions, average, h, logit } = self.forward(words);
            sum += loss(logit, *label);
            let d_logit = (sigmoid(logit) - f64::from(*label)) / batch.len() as f64;
            let [d_table, d_kernel, d_bias, d_out, d_out_bias] = &mut gradient;
            let [_, kernel, _, out, _] = &self.parameters;
            d_out_bias[0] += d_logit;
            let mut d_average = vec![0.0; dim];
            for unit in 0..self.units {
                d_out[unit] += d_logit * h[unit];
                let slope = match self.activation {
                    Activation::Relu => f64::from(u8::from(h[unit] > 0.0)),
                    _ => 1.0 - h[unit] * h[unit],
                };
                let d_z = d_logit * out[unit] * slope;
                d_bias[unit] += d_z;
                for (i, average) in average.iter().enumerate() {
                    d_kernel[i * self.units + unit] += d_z * average;
                    d_average[i] += d_z * kernel[i * self.units + unit];
                }
            }
            for &id in &positions {
                for (d, d_average) in d_table[id as usize * dim..].iter_mut().zip(&d_average) {
                    *d += d_average / positions.len() as f64;
                }
            }
        }
        for ((values, state), gradient) in
            self.parameters.iter_mut().zip(&mut self.state).zip(&gradient)
        {
            for ((value, state), g) in values.iter_mut().zip(state).zip(gradient) {
                *value -= self.rate * update(self.rule, state, *g);
            }
        }
        sum
    }

    /// By how much the parameter is off that differs most.
    pub fn worst(&self, model: &Model) -> f64 {
        let theirs = values(model);
        let pairs = self.parameters.iter().flatten().zip(theirs.iter().flatten());
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }
}

fn update(rule: Rule, state: &mut f64, gradient: f64) -> f64 {
    match rule {
        Rule::Sgd => return gradient,
        Rule::RmsProp => *state = 0.9 * *state + 0.1 * gradient * gradient,
        Rule::Adagrad => *state += gradient * gradient,
    }
    gradient / (*state + 1e-7).sqrt()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn loss(logit: f64, label: u8) -> f64 {
    logit.max(0.0) - logit * f64::from(label) + (-logit.abs()).exp().ln_1p()
}
