//! Activations and their derivatives, by Keras' definitions (`keras/src/activations/activations.py`).

use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// What a layer applies to each of its units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Activation {
    /// `max(x, 0)`
    Relu,
    /// `tanh(x)`
    Tanh,
    /// `1 / (1 + e^-x)`
    Sigmoid,
    /// `x` where positive, else `e^x - 1`
    Elu,
    /// [`Activation::Elu`] with the scales of Klambauer et al. 2017, "Self-Normalizing Neural Networks"
    Selu,
    /// `x` where positive, else `0.2 x` (the default slope of `keras.activations.leaky_relu`)
    LeakyRelu,
    /// `x` where positive, else `alpha x` with one trained alpha a unit, from 0 (`keras.layers.PReLU`)
    Prelu,
    /// `x` times the normal distribution's cumulative function, by `erf` (`approximate=False`)
    Gelu,
    /// `x sigmoid(x)`, also called swish
    Silu,
    /// `ln(1 + e^x)`
    Softplus,
    /// `x`
    Linear,
}

const SELU_ALPHA: f32 = 1.673_263_2;
const SELU_SCALE: f32 = 1.050_701;
const LEAKY_SLOPE: f32 = 0.2;

/// `1 / (1 + e^-x)`; 0 and 1 where `x` is far out.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// `ln(1 + e^x)` without overflow.
pub(super) fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

impl Activation {
    /// All of them.
    pub const ALL: [Activation; 11] = [
        Activation::Relu,
        Activation::Tanh,
        Activation::Sigmoid,
        Activation::Elu,
        Activation::Selu,
        Activation::LeakyRelu,
        Activation::Prelu,
        Activation::Gelu,
        Activation::Silu,
        Activation::Softplus,
        Activation::Linear,
    ];

    /// Its name in Keras.
    pub const fn name(self) -> &'static str {
        match self {
            Activation::Relu => "relu",
            Activation::Tanh => "tanh",
            Activation::Sigmoid => "sigmoid",
            Activation::Elu => "elu",
            Activation::Selu => "selu",
            Activation::LeakyRelu => "leaky_relu",
            Activation::Prelu => "prelu",
            Activation::Gelu => "gelu",
            Activation::Silu => "silu",
            Activation::Softplus => "softplus",
            Activation::Linear => "linear",
        }
    }

    /// Whether each unit has a trained alpha.
    pub const fn has_alpha(self) -> bool {
        matches!(self, Activation::Prelu)
    }

    /// `h = f(z)`, both `[rows, units]`; `alpha` is `[units]` for [`Activation::Prelu`] and empty for all others.
    pub(super) fn forward(self, z: &[f32], alpha: &[f32], h: &mut [f32]) {
        match self {
            Activation::Relu => map(z, h, |x| x.max(0.0)),
            Activation::Tanh => map(z, h, f32::tanh),
            Activation::Sigmoid => map(z, h, sigmoid),
            Activation::Elu => map(z, h, elu),
            Activation::Selu => {
                map(z, h, |x| SELU_SCALE * if x > 0.0 { x } else { SELU_ALPHA * x.exp_m1() })
            }
            Activation::LeakyRelu => map(z, h, |x| if x > 0.0 { x } else { LEAKY_SLOPE * x }),
            Activation::Prelu => {
                for (z, h) in z.chunks_exact(alpha.len()).zip(h.chunks_exact_mut(alpha.len())) {
                    for ((h, &x), &alpha) in h.iter_mut().zip(z).zip(alpha) {
                        *h = if x > 0.0 { x } else { alpha * x };
                    }
                }
            }
            Activation::Gelu => map(z, h, |x| x * normal_cdf(x)),
            Activation::Silu => map(z, h, |x| x * sigmoid(x)),
            Activation::Softplus => map(z, h, softplus),
            Activation::Linear => h.copy_from_slice(z),
        }
    }

    /// `d = d * f'(z)` in place, and for [`Activation::Prelu`] adds the gradient of alpha to `d_alpha`.
    pub(super) fn backward(
        self,
        z: &[f32],
        h: &[f32],
        alpha: &[f32],
        d: &mut [f32],
        d_alpha: &mut [f32],
    ) {
        match self {
            Activation::Relu => scale(z, d, |x| if x > 0.0 { 1.0 } else { 0.0 }),
            Activation::Tanh => scale(h, d, |h| 1.0 - h * h),
            Activation::Sigmoid => scale(h, d, |h| h * (1.0 - h)),
            Activation::Elu => scale(z, d, |x| if x > 0.0 { 1.0 } else { x.exp() }),
            Activation::Selu => {
                scale(z, d, |x| SELU_SCALE * if x > 0.0 { 1.0 } else { SELU_ALPHA * x.exp() })
            }
            Activation::LeakyRelu => scale(z, d, |x| if x > 0.0 { 1.0 } else { LEAKY_SLOPE }),
            Activation::Prelu => {
                let units = alpha.len();
                for (z, d) in z.chunks_exact(units).zip(d.chunks_exact_mut(units)) {
                    for unit in 0..units {
                        if z[unit] <= 0.0 {
                            d_alpha[unit] += d[unit] * z[unit];
                            d[unit] *= alpha[unit];
                        }
                    }
                }
            }
            Activation::Gelu => scale(z, d, |x| normal_cdf(x) + x * normal_density(x)),
            Activation::Silu => scale(z, d, |x| {
                let s = sigmoid(x);
                s * (1.0 + x * (1.0 - s))
            }),
            Activation::Softplus => scale(z, d, sigmoid),
            Activation::Linear => {}
        }
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Activation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Activation, Error> {
        Activation::ALL.into_iter().find(|a| a.name() == name.replace('-', "_")).ok_or_else(|| {
            let known: Vec<&str> = Activation::ALL.iter().map(|a| a.name()).collect();
            Error::invalid("--activation", name, format!("one of {}", known.join(", ")))
        })
    }
}

fn map(z: &[f32], h: &mut [f32], f: impl Fn(f32) -> f32) {
    for (h, &z) in h.iter_mut().zip(z) {
        *h = f(z);
    }
}

fn scale(at: &[f32], d: &mut [f32], f: impl Fn(f32) -> f32) {
    for (d, &x) in d.iter_mut().zip(at) {
        *d *= f(x);
    }
}

fn elu(x: f32) -> f32 {
    if x > 0.0 { x } else { x.exp_m1() }
}

fn normal_cdf(x: f32) -> f32 {
    0.5 * (1.0 + libm::erff(x * std::f32::consts::FRAC_1_SQRT_2))
}

fn normal_density(x: f32) -> f32 {
    const FRAC_1_SQRT_TAU: f32 = 0.398_942_3;
    FRAC_1_SQRT_TAU * (-0.5 * x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each derivative against the slope of a small step, on both sides of zero.
    #[test]
    fn derivatives_are_the_slopes() {
        let z = [-3.0f32, -1.2, -0.4, 0.3, 0.9, 2.5];
        for activation in Activation::ALL {
            let alpha = if activation.has_alpha() { vec![0.3; z.len()] } else { Vec::new() };
            let f = |z: &[f32]| {
                let mut h = vec![0.0; z.len()];
                activation.forward(z, &alpha, &mut h);
                h
            };
            let step = 1e-2;
            let above = f(&z.map(|x| x + step));
            let below = f(&z.map(|x| x - step));
            let mut d = [1.0; 6];
            let mut d_alpha = vec![0.0; alpha.len()];
            activation.backward(&z, &f(&z), &alpha, &mut d, &mut d_alpha);
            for i in 0..z.len() {
                let slope = (above[i] - below[i]) / (2.0 * step);
                assert!((slope - d[i]).abs() < 1e-3, "{activation} at {}: {slope} {}", z[i], d[i]);
            }
        }
    }

    #[test]
    fn the_far_ends_stay_finite() {
        for activation in Activation::ALL {
            let alpha = if activation.has_alpha() { vec![0.3; 4] } else { Vec::new() };
            let z = [-1e4, -100.0, 100.0, 1e4];
            let mut h = [0.0; 4];
            activation.forward(&z, &alpha, &mut h);
            let mut d = [1.0; 4];
            activation.backward(&z, &h, &alpha, &mut d, &mut [0.0; 4]);
            assert!(h.iter().chain(&d).all(|x| x.is_finite()), "{activation}: {h:?} {d:?}");
        }
    }

    #[test]
    fn unknown_names_are_told_the_known_ones() {
        assert_eq!("leaky-relu".parse::<Activation>().unwrap(), Activation::LeakyRelu);
        let error = "rleu".parse::<Activation>().unwrap_err();
        assert!(error.to_string().contains("relu, tanh"), "{error}");
    }
}
