//! The network once more, in f64 and as plainly as Keras' formulas stand: every review is a row of numbers, every weight is
//! updated in every step, and all options of the training are written out.

use imdb_fast::dataset::{Dataset, Split};
use imdb_fast::model::Model;
use imdb_fast::nn::Dropout;
use imdb_fast::random::{Draws, Stream};

/// How weights follow their gradients: `keras/src/optimizers`, and `torch/optim/sparse_adam.py` where only touched rows move.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    Sgd,
    Momentum(f64),
    Adagrad { initial: f64, epsilon: f64 },
    RmsProp { momentum: f64 },
    Adam { rows_touched: bool },
    Amsgrad,
}

/// The factor of the learning rate by the step (from 0) and the number of steps.
pub type Factor<'a> = &'a dyn Fn(f64, f64) -> f64;

/// All that decides how a network is trained.
pub struct Recipe<'a> {
    pub rule: Rule,
    pub rate: f64,
    /// The optimizer of the biases, where they have one of their own.
    pub biases: Option<(Rule, f64)>,
    pub batch_size: usize,
    pub epochs: usize,
    /// Decoupled decay, and the penalty on kernels.
    pub decay: f64,
    pub l2: f64,
    /// The momentum of the average that the values end with.
    pub average: Option<f64>,
    /// Of hidden units and of words, drawn by this seed.
    pub dropout: [f32; 2],
    pub seed: u64,
    /// The longest that the gradient may be.
    pub clip: f64,
    pub schedule: Factor<'a>,
}

impl Recipe<'_> {
    pub const PLAIN: Recipe<'static> = Recipe {
        rule: Rule::Sgd,
        rate: 0.1,
        biases: None,
        decay: 0.0,
        l2: 0.0,
        average: None,
        dropout: [0.0; 2],
        seed: 0,
        clip: f64::INFINITY,
        batch_size: 20,
        epochs: 3,
        schedule: &|_, _| 1.0,
    };
}

/// A kernel or a bias with what belongs to it.
#[derive(Clone)]
pub struct Part {
    pub values: Vec<f64>,
    gradient: Vec<f64>,
    /// Up to three values of state for each.
    state: [Vec<f64>; 3],
    average: Vec<f64>,
    is_bias: bool,
}

/// Dense layers with tanh between them and a sigmoid behind them: kernel, bias, kernel, bias, and so on.
pub struct Dense {
    features: usize,
    widths: Vec<usize>,
    pub parts: Vec<Part>,
}

/// A review's words and its label.
pub type Review = (Vec<usize>, f64);

/// The train split of a dataset, in its order.
pub fn reviews(dataset: &Dataset) -> Vec<Review> {
    let (csr, labels) = (dataset.csr(Split::Train).unwrap(), dataset.labels(Split::Train).unwrap());
    let words = |row: usize| csr.row(row).iter().map(|&word| word as usize).collect();
    (0..csr.rows()).map(|row| (words(row), f64::from(labels[row]))).collect()
}

impl Dense {
    pub fn of(model: &Model) -> Dense {
        let architecture = model.architecture();
        let parameters = model.parameters();
        let part = |values: &[f32], is_bias: bool| Part {
            values: values.iter().map(|&value| f64::from(value)).collect(),
            gradient: vec![0.0; values.len()],
            state: std::array::from_fn(|_| vec![0.0; values.len()]),
            average: vec![0.0; values.len()],
            is_bias,
        };
        let layers = 0..architecture.layers().len();
        let parts = layers.flat_map(|layer| {
            [part(parameters.kernel(layer), false), part(parameters.head.bias(layer), true)]
        });
        Dense {
            features: architecture.inputs(),
            widths: architecture.layers().iter().map(|layer| layer.units).collect(),
            parts: parts.collect(),
        }
    }

    /// By how much the parameter is off that differs most.
    pub fn worst(&self, model: &Model) -> f64 {
        let theirs = Dense::of(model);
        let values = |net: &Dense| -> Vec<f64> {
            net.parts.iter().flat_map(|part| part.values.iter().copied()).collect()
        };
        let pairs = values(self).into_iter().zip(values(&theirs));
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    }

    /// Trains on the reviews in their order.
    pub fn train(&mut self, reviews: &[Review], recipe: &Recipe) {
        for part in &mut self.parts {
            let (rule, _) = recipe.of(part);
            if let Rule::Adagrad { initial, .. } = rule {
                part.state[0].fill(initial);
            }
        }
        let steps = (reviews.len().div_ceil(recipe.batch_size) * recipe.epochs) as f64;
        let mut step = 0;
        for epoch in 0..recipe.epochs {
            let mut row = 0;
            for batch in reviews.chunks(recipe.batch_size) {
                self.parts.iter_mut().for_each(|part| part.gradient.fill(0.0));
                let mut touched = vec![false; self.features];
                for (words, label) in batch {
                    words.iter().for_each(|&word| touched[word] = true);
                    let masks = Masks::drawn(recipe, epoch, row);
                    row += 1;
                    self.add_gradient(words, *label, batch.len() as f64, &masks);
                }
                for part in self.parts.iter_mut().filter(|part| !part.is_bias) {
                    for (g, w) in part.gradient.iter_mut().zip(&part.values) {
                        *g += 2.0 * recipe.l2 * w;
                    }
                }
                let squares = self.parts.iter().flat_map(|part| &part.gradient).map(|g| g * g);
                let shrunk = (recipe.clip / squares.sum::<f64>().sqrt()).min(1.0);
                for part in &mut self.parts {
                    part.gradient.iter_mut().for_each(|g| *g *= shrunk);
                }
                let factor = (recipe.schedule)(f64::from(step), steps);
                step += 1;
                let width = self.widths[0];
                for (at, part) in self.parts.iter_mut().enumerate() {
                    let (rule, rate) = recipe.of(part);
                    for i in 0..part.values.len() {
                        let rests = at == 0 && !touched[i / width];
                        if !(rests && matches!(rule, Rule::Adam { rows_touched: true })) {
                            let rate = factor * rate;
                            part.values[i] -= rate * recipe.decay * part.values[i];
                            part.step(i, rule, rate, step);
                        }
                    }
                    let momentum = recipe.average.filter(|_| step > 1).unwrap_or(0.0);
                    for (average, value) in part.average.iter_mut().zip(&part.values) {
                        *average = momentum * *average + (1.0 - momentum) * value;
                    }
                }
            }
        }
        if recipe.average.is_some() {
            self.parts.iter_mut().for_each(|part| part.values.clone_from(&part.average));
        }
    }

    /// Forward and backward of one review.
    fn add_gradient(&mut self, words: &[usize], label: f64, batch: f64, masks: &Masks) {
        let mut h = vec![{
            let mut x = vec![0.0; self.features];
            words.iter().for_each(|&word| x[word] = masks.word(word));
            x
        }];
        let last = self.widths.len() - 1;
        // What `h` of each layer changes by with its `z`.
        let mut slopes: Vec<Vec<f64>> = Vec::new();
        for (layer, &units) in self.widths.iter().enumerate() {
            let (kernel, bias) = (&self.parts[2 * layer].values, &self.parts[2 * layer + 1].values);
            let input = &h[layer];
            let z = (0..units).map(|unit| {
                let inputs = input.iter().enumerate();
                bias[unit] + inputs.map(|(i, x)| x * kernel[i * units + unit]).sum::<f64>()
            });
            h.push(z.map(|z| if layer < last { z.tanh() } else { z }).collect());
            let first: usize = self.widths[..layer].iter().sum();
            slopes.push(h[layer + 1].iter().map(|h| 1.0 - h * h).collect());
            if layer < last {
                for (unit, h) in h[layer + 1].iter_mut().enumerate() {
                    *h *= masks.unit(first + unit);
                    slopes[layer][unit] *= masks.unit(first + unit);
                }
            }
        }
        let mut d_z = vec![(1.0 / (1.0 + (-h[last + 1][0]).exp()) - label) / batch];
        for layer in (0..=last).rev() {
            let units = self.widths[layer];
            let mut d_h = vec![0.0; h[layer].len()];
            for (i, x) in h[layer].iter().enumerate() {
                for (unit, d) in d_z.iter().enumerate() {
                    self.parts[2 * layer].gradient[i * units + unit] += x * d;
                    d_h[i] += d * self.parts[2 * layer].values[i * units + unit];
                }
            }
            for (unit, d) in d_z.iter().enumerate() {
                self.parts[2 * layer + 1].gradient[unit] += d;
            }
            if let Some(before) = layer.checked_sub(1) {
                d_z = d_h.iter().zip(&slopes[before]).map(|(d, slope)| d * slope).collect();
            }
        }
    }
}

/// What words and units of a review are multiplied by.
struct Masks {
    dropouts: [Dropout; 2],
    counted: [Draws; 2],
}

impl Masks {
    fn drawn(recipe: &Recipe, epoch: usize, row: usize) -> Masks {
        let number = (epoch as u64) << 32 | row as u64;
        Masks {
            dropouts: recipe.dropout.map(|rate| Dropout::new("--dropout", rate).unwrap()),
            counted: [Stream::Dropout, Stream::WordDropout]
                .map(|stream| Draws::numbered(recipe.seed, stream, number)),
        }
    }

    fn of(&self, which: usize, place: usize) -> f64 {
        let dropout = self.dropouts[which];
        match dropout.keeps(self.counted[which].at(place as u64)) {
            true => f64::from(dropout.scale()),
            false => 0.0,
        }
    }

    fn unit(&self, unit: usize) -> f64 {
        self.of(0, unit)
    }

    fn word(&self, word: usize) -> f64 {
        self.of(1, word)
    }
}

impl Recipe<'_> {
    fn of(&self, part: &Part) -> (Rule, f64) {
        match self.biases {
            Some(own) if part.is_bias => own,
            _ => (self.rule, self.rate),
        }
    }
}

impl Part {
    /// Moves one of the values, in step `step` from 1.
    fn step(&mut self, i: usize, rule: Rule, rate: f64, step: i32) {
        let g = self.gradient[i];
        let [first, second, third] = &mut self.state;
        let taken = match rule {
            Rule::Sgd => rate * g,
            Rule::Momentum(momentum) => {
                first[i] = momentum * first[i] - rate * g;
                -first[i]
            }
            Rule::Adagrad { epsilon, .. } => {
                first[i] += g * g;
                rate * g / (first[i] + epsilon).sqrt()
            }
            Rule::RmsProp { momentum } => {
                first[i] = 0.9 * first[i] + 0.1 * g * g;
                second[i] = momentum * second[i] + rate * g / (first[i] + 1e-7).sqrt();
                second[i]
            }
            Rule::Adam { .. } | Rule::Amsgrad => {
                first[i] += (g - first[i]) * (1.0 - 0.9);
                second[i] += (g * g - second[i]) * (1.0 - 0.999);
                let corrected = (1.0 - 0.999f64.powi(step)).sqrt() / (1.0 - 0.9f64.powi(step));
                let before = if let Rule::Amsgrad = rule { third[i] } else { 0.0 };
                third[i] = second[i].max(before);
                rate * corrected * first[i] / (third[i].sqrt() + 1e-7)
            }
        };
        self.values[i] -= taken;
    }
}
