//! Activations and their derivatives, by Keras' definitions (`keras/src/activations/activations.py`).

use std::fmt;
use std::str::FromStr;

use crate::error::Error;
use crate::kernel::{Kernel, LANES, Lanes, Level, Map, map, math, scale_by};

/// What a layer applies to each of its units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
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

pub(crate) const SELU_ALPHA: f32 = 1.673_263_2;
pub(crate) const SELU_SCALE: f32 = 1.050_701;
pub(crate) const LEAKY_SLOPE: f32 = 0.2;

/// `1 / (1 + e^-x)`; 0 and 1 where `x` is far out.
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// [`sigmoid`] of every logit.
pub(super) fn probabilities(level: Level, logits: &[f32], probabilities: &mut [f32]) {
    map(level, &Sigmoid, logits, probabilities);
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
    pub(super) fn forward(self, level: Level, z: &[f32], alpha: &[f32], h: &mut [f32]) {
        match self {
            Activation::Relu => map(level, &Relu, z, h),
            Activation::Tanh => map(level, &Tanh, z, h),
            Activation::Sigmoid => map(level, &Sigmoid, z, h),
            Activation::Elu => map(level, &Elu, z, h),
            Activation::Selu => map(level, &Selu, z, h),
            Activation::LeakyRelu => map(level, &LeakyRelu, z, h),
            Activation::Prelu => level.run(Prelu { z, alpha, h }),
            Activation::Gelu => map(level, &Gelu, z, h),
            Activation::Silu => map(level, &Silu, z, h),
            Activation::Softplus => map(level, &Softplus, z, h),
            Activation::Linear => h.copy_from_slice(z),
        }
    }

    /// `d = d * f'(z)` in place, and for [`Activation::Prelu`] adds the gradient of alpha to `d_alpha`, row by row.
    pub(super) fn backward(
        self,
        level: Level,
        z: &[f32],
        h: &[f32],
        alpha: &[f32],
        d: &mut [f32],
        d_alpha: &mut [f32],
    ) {
        match self {
            Activation::Relu => scale_by(level, &ReluSlope, z, d),
            Activation::Tanh => scale_by(level, &TanhSlope, h, d),
            Activation::Sigmoid => scale_by(level, &SigmoidSlope, h, d),
            Activation::Elu => scale_by(level, &EluSlope, z, d),
            Activation::Selu => scale_by(level, &SeluSlope, z, d),
            Activation::LeakyRelu => scale_by(level, &LeakyReluSlope, z, d),
            Activation::Prelu => level.run(PreluSlope { z, alpha, d, d_alpha }),
            Activation::Gelu => scale_by(level, &GeluSlope, z, d),
            Activation::Silu => scale_by(level, &SiluSlope, z, d),
            Activation::Softplus => scale_by(level, &Sigmoid, z, d),
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
        let found = Activation::ALL.into_iter().find(|a| a.name() == name.replace('-', "_"));
        let known = Activation::ALL.map(Activation::name);
        found.ok_or_else(|| Error::unknown("--activation", name, &known))
    }
}

/// Defines functions of one value in lanes `V`.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident($x:ident) = $value:expr;)*) => {$(
        $(#[$doc])*
        struct $name;

        impl Map for $name {
            #[inline(always)]
            fn apply<V: Lanes>(&self, $x: V) -> V {
                $value
            }
        }
    )*};
}

functions! {
    /// NaN stays, since it is the second argument of `max`.
    Relu(x) = V::zero().max(x);
    Tanh(x) = math::tanh(x);
    Sigmoid(x) = math::sigmoid(x);
    Elu(x) = where_positive(x, x, math::exp_m1(x));
    Selu(x) = V::splat(SELU_SCALE) * where_positive(x, x, V::splat(SELU_ALPHA) * math::exp_m1(x));
    LeakyRelu(x) = where_positive(x, x, V::splat(LEAKY_SLOPE) * x);
    Gelu(x) = x * math::normal_cdf(x);
    Silu(x) = x * math::sigmoid(x);
    Softplus(x) = math::softplus(x);

    ReluSlope(x) = where_positive(x, one(), V::zero());
    /// Of `h = tanh(x)`.
    TanhSlope(h) = one::<V>() - h * h;
    /// Of `h = sigmoid(x)`.
    SigmoidSlope(h) = h * (one::<V>() - h);
    EluSlope(x) = where_positive(x, one(), math::exp(x));
    /// At zero that of the positive side, as in TensorFlow, though it jumps there.
    SeluSlope(x) = {
        let slope = where_negative(x, V::splat(SELU_ALPHA) * math::exp(x), one());
        V::splat(SELU_SCALE) * slope
    };
    LeakyReluSlope(x) = where_positive(x, one(), V::splat(LEAKY_SLOPE));
    GeluSlope(x) = math::normal_cdf(x) + x * math::normal_density(x);
    SiluSlope(x) = {
        let s = math::sigmoid(x);
        s * (one::<V>() + x * (one::<V>() - s))
    };
}

#[inline(always)]
fn one<V: Lanes>() -> V {
    V::splat(1.0)
}

/// `yes` where `x` is positive, else (and where it is NaN) `no`.
#[inline(always)]
fn where_positive<V: Lanes>(x: V, yes: V, no: V) -> V {
    x.select_above(V::zero(), yes, no)
}

/// `yes` where `x` is negative, else (and where it is NaN) `no`.
#[inline(always)]
fn where_negative<V: Lanes>(x: V, yes: V, no: V) -> V {
    V::zero().select_above(x, yes, no)
}

/// `h = z` where positive, else `alpha z`.
struct Prelu<'a> {
    z: &'a [f32],
    alpha: &'a [f32],
    h: &'a mut [f32],
}

impl Kernel for Prelu<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let units = self.alpha.len();
        let (alpha_lines, alpha_rest) = self.alpha.as_chunks::<LANES>();
        for (z, h) in self.z.chunks_exact(units).zip(self.h.chunks_exact_mut(units)) {
            let (z_lines, z_rest) = z.as_chunks::<LANES>();
            let (h_lines, h_rest) = h.as_chunks_mut::<LANES>();
            for ((z, alpha), h) in z_lines.iter().zip(alpha_lines).zip(h_lines) {
                prelu(V::load(z), V::load(alpha)).store(h);
            }
            if !z_rest.is_empty() {
                prelu(V::load_partial(z_rest), V::load_partial(alpha_rest)).store_partial(h_rest);
            }
        }
    }
}

#[inline(always)]
fn prelu<V: Lanes>(z: V, alpha: V) -> V {
    where_positive(z, z, alpha * z)
}

/// Where `z` is negative, `d_alpha += d z` and then `d = alpha d`; where it is zero, `d = 0`, as for Keras, to which this is
/// `relu(z) - alpha relu(-z)`.
struct PreluSlope<'a> {
    z: &'a [f32],
    alpha: &'a [f32],
    d: &'a mut [f32],
    d_alpha: &'a mut [f32],
}

impl Kernel for PreluSlope<'_> {
    type Output = ();

    /// Column by column, so that the sums stay in registers.
    #[inline(always)]
    fn run<V: Lanes>(self) {
        let units = self.alpha.len();
        let (alpha_lines, alpha_rest) = self.alpha.as_chunks::<LANES>();
        let (sum_lines, sum_rest) = self.d_alpha.as_chunks_mut::<LANES>();
        for (line, (alpha, sums)) in alpha_lines.iter().zip(sum_lines).enumerate() {
            let (alpha, mut sum) = (V::load(alpha), V::load(sums));
            for (z, d) in self.z.chunks_exact(units).zip(self.d.chunks_exact_mut(units)) {
                let z = &z.as_chunks::<LANES>().0[line];
                let d = &mut d.as_chunks_mut::<LANES>().0[line];
                let (slope, d_alpha) = prelu_slope(V::load(z), V::load(d), alpha);
                slope.store(d);
                sum = sum + d_alpha;
            }
            sum.store(sums);
        }
        if !alpha_rest.is_empty() {
            let (alpha, mut sum) = (V::load_partial(alpha_rest), V::load_partial(sum_rest));
            for (z, d) in self.z.chunks_exact(units).zip(self.d.chunks_exact_mut(units)) {
                let z = V::load_partial(z.as_chunks::<LANES>().1);
                let d_rest = d.as_chunks_mut::<LANES>().1;
                let (slope, d_alpha) = prelu_slope(z, V::load_partial(d_rest), alpha);
                slope.store_partial(d_rest);
                sum = sum + d_alpha;
            }
            sum.store_partial(sum_rest);
        }
    }
}

/// The new `d`, and what is added to `d_alpha`. A product with 1, since the choice between `d` and `alpha d` in its place
/// would become a masked store, which is slow on many CPUs.
#[inline(always)]
fn prelu_slope<V: Lanes>(z: V, d: V, alpha: V) -> (V, V) {
    let slope = where_positive(z, one(), where_negative(z, alpha, V::zero()));
    (d * slope, where_positive(z, V::zero(), d * z))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All activations with an alpha for each of `units`, at all levels.
    fn each(units: usize, test: impl Fn(Level, Activation, &[f32])) {
        let alphas: Vec<f32> = (0..units).map(|unit| 0.3 + 0.01 * unit as f32).collect();
        for level in Level::supported() {
            for activation in Activation::ALL {
                test(level, activation, if activation.has_alpha() { &alphas } else { &[] });
            }
        }
    }

    fn forward(level: Level, activation: Activation, alpha: &[f32], z: &[f32]) -> Vec<f32> {
        let mut h = vec![0.0; z.len()];
        activation.forward(level, z, alpha, &mut h);
        h
    }

    /// `f(x)` and `f'(x)` by Keras' definitions.
    fn reference(activation: Activation, alpha: f64, x: f64) -> [f64; 2] {
        let [selu_alpha, selu_scale] = [1.673_263_242_354_377_2, 1.050_700_987_355_480_5];
        let s = 1.0 / (1.0 + (-x).exp());
        let cdf = 0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2);
        let density = (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
        let is_positive = x > 0.0;
        match activation {
            Activation::Relu if is_positive => [x, 1.0],
            Activation::Relu => [0.0, 0.0],
            Activation::Tanh => [x.tanh(), 1.0 - x.tanh() * x.tanh()],
            Activation::Sigmoid => [s, s * (1.0 - s)],
            Activation::Selu if x >= 0.0 => [selu_scale * x, selu_scale],
            Activation::Selu => [x.exp_m1(), x.exp()].map(|y| selu_scale * selu_alpha * y),
            Activation::Elu | Activation::LeakyRelu | Activation::Prelu if is_positive => [x, 1.0],
            Activation::Elu => [x.exp_m1(), x.exp()],
            Activation::LeakyRelu => [0.2 * x, 0.2],
            Activation::Prelu if x == 0.0 => [0.0, 0.0],
            Activation::Prelu => [alpha * x, alpha],
            Activation::Gelu => [x * cdf, cdf + x * density],
            Activation::Silu => [x * s, s * (1.0 + x * (1.0 - s))],
            Activation::Softplus => [x.max(0.0) + (-x.abs()).exp().ln_1p(), s],
            Activation::Linear => [x, 1.0],
        }
    }

    /// Rows of whole lines, of part of one, and of both.
    #[test]
    fn values_and_slopes_are_those_of_keras() {
        for units in [1, 7, 16, 37] {
            each(units, |level, activation, alpha| {
                let z: Vec<f32> = (0..units * 64).map(|i| (i as f32 * 0.7).sin() * 9.0).collect();
                let h = forward(level, activation, alpha, &z);
                let mut d = vec![2.0; z.len()];
                activation.backward(level, &z, &h, alpha, &mut d, &mut vec![0.0; alpha.len()]);
                for (i, &x) in z.iter().enumerate() {
                    let alpha = alpha.get(i % units).copied().unwrap_or_default();
                    let [value, slope] = reference(activation, f64::from(alpha), f64::from(x));
                    let bound = 1e-6 * f64::from(x.abs().max(1.0));
                    let errors = [f64::from(h[i]) - value, f64::from(d[i]) / 2.0 - slope];
                    assert!(
                        errors.iter().all(|error| error.abs() < bound),
                        "{level}: {activation} at {x}: {errors:?}"
                    );
                }
            });
        }
    }

    /// The gradient of alpha is added in the order of the rows, to what is there, the same bits at every level.
    #[test]
    fn the_gradient_of_alpha_is_a_sum_over_rows() {
        let units = 21;
        let z: Vec<f32> = (0..units * 50).map(|i| (i as f32 * 0.7).sin()).collect();
        let d: Vec<f32> = (0..units * 50).map(|i| (i as f32 * 0.3).cos()).collect();
        let mut expected = vec![0.5f32; units];
        for (i, (z, d)) in z.iter().zip(&d).enumerate() {
            expected[i % units] += d * z.min(0.0);
        }
        for level in Level::supported() {
            let mut d_alpha = vec![0.5; units];
            let alpha = vec![0.3; units];
            Activation::Prelu.backward(level, &z, &z, &alpha, &mut d.clone(), &mut d_alpha);
            assert_eq!(d_alpha, expected, "{level}");
        }
    }

    #[test]
    fn slopes_at_zero() {
        each(1, |level, activation, alpha| {
            let mut d = [1.0];
            let h = forward(level, activation, alpha, &[0.0]);
            activation.backward(level, &[0.0], &h, alpha, &mut d, &mut vec![0.0; alpha.len()]);
            let alpha = alpha.first().copied().unwrap_or_default();
            let [_, slope] = reference(activation, f64::from(alpha), 0.0);
            assert!((f64::from(d[0]) - slope).abs() < 1e-6, "{level}: {activation} {d:?}");
        });
    }

    #[test]
    fn nan_goes_through() {
        each(1, |level, activation, alpha| {
            let h = forward(level, activation, alpha, &[f32::NAN]);
            assert!(h[0].is_nan(), "{level}: {activation} {h:?}");
        });
    }

    /// Each derivative against the slope of a small step, on both sides of zero.
    #[test]
    fn derivatives_are_the_slopes() {
        let z = [-3.0f32, -1.2, -0.4, 0.3, 0.9, 2.5];
        each(z.len(), |level, activation, alpha| {
            let step = 1e-2;
            let above = forward(level, activation, alpha, &z.map(|x| x + step));
            let below = forward(level, activation, alpha, &z.map(|x| x - step));
            let h = forward(level, activation, alpha, &z);
            let mut d = [1.0; 6];
            activation.backward(level, &z, &h, alpha, &mut d, &mut vec![0.0; alpha.len()]);
            for i in 0..z.len() {
                let slope = (above[i] - below[i]) / (2.0 * step);
                assert!((slope - d[i]).abs() < 1e-3, "{activation} at {}: {slope} {}", z[i], d[i]);
            }
        });
    }

    #[test]
    fn the_far_ends_stay_finite() {
        let z = [-1e30, -1e4, -100.0, 100.0, 1e4, 1e30];
        each(z.len(), |level, activation, alpha| {
            let h = forward(level, activation, alpha, &z);
            let mut d = [1.0; 6];
            activation.backward(level, &z, &h, alpha, &mut d, &mut vec![0.0; alpha.len()]);
            assert!(h.iter().chain(&d).all(|x| x.is_finite()), "{activation}: {h:?} {d:?}");
        });
    }

    #[test]
    fn unknown_names_are_told_the_known_ones() {
        assert_eq!("leaky-relu".parse::<Activation>().unwrap(), Activation::LeakyRelu);
        let error = "rleu".parse::<Activation>().unwrap_err();
        assert!(error.to_string().contains("relu, tanh"), "{error}");
    }
}
