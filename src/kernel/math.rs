//! Exponentials and their kin, in lanes.
//!
//! Errors are in units of the last place of the true value: the largest at any level among tens of millions of arguments,
//! rounded up. No number makes a NaN, nor does an infinity, and NaN stays NaN, so that a run that diverges is noticed.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LOG2_E};

use super::lanes::Lanes;

/// `e^x`, within 1.1 units. Results below 2^-126 may be 0, and results above 2^127.5 infinity.
///
/// It is `2^n e^r` with the [`reduce`]d argument.
#[inline(always)]
pub(crate) fn exp<V: Lanes>(x: V) -> V {
    let (n, r) = reduce(clamp(x, -104.0, 89.0));
    (V::splat(1.0) + exp_m1_near_zero(r)).scale(n)
}

/// `e^x - 1`, within 1.8 units also where `x` is close to 0. From 88 on it stays at `e^88`.
///
/// It is `2^n (e^r - 1) + (2^n - 1)` with the [`reduce`]d argument, which keeps all of `e^r - 1` where `n` is 0.
#[inline(always)]
pub(crate) fn exp_m1<V: Lanes>(x: V) -> V {
    let (n, r) = reduce(clamp(x, -18.0, 88.0));
    let power = V::splat(1.0).scale(n);
    exp_m1_near_zero(r).mul_add(power, power - V::splat(1.0))
}

/// `ln(1 + u)` for `u` from 0 to 1, within 1.3 units.
///
/// With `s = u / (2 + u)` it is `2 atanh(s) = 2 s + s^3 R(s^2)`, and `2 s = u - s u` moves the largest term to where it is
/// exact: `u - s (u - s^2 R(s^2))`, as in fdlibm's `log1p`. `R` has the least relative error for `s` up to 1/3.
#[inline(always)]
pub(crate) fn ln_1p<V: Lanes>(u: V) -> V {
    const R: [f32; 4] = [0.666_664_4, 0.400_203_32, 0.280_186_77, 0.279_379_37];
    let minus_s = u / (V::splat(-2.0) - u);
    let square = minus_s * minus_s;
    let inner = square.mul_add(polynomial(square, R.map(|r| -r)), u);
    minus_s.mul_add(inner, u)
}

/// `1 / (1 + e^-x)`, within 2.4 units. Results below 2^-126 may be 0.
#[inline(always)]
pub(crate) fn sigmoid<V: Lanes>(x: V) -> V {
    let one = V::splat(1.0);
    one / (one + exp(V::zero() - x))
}

/// `ln(1 + e^x) = max(x, 0) + ln(1 + e^-|x|)`, within 2.1 units. Results below 2^-126 may be 0.
#[inline(always)]
pub(crate) fn softplus<V: Lanes>(x: V) -> V {
    V::zero().max(x) + softplus_of_minus_abs(x)
}

/// `ln(1 + e^-|x|)`, by which [`softplus`] exceeds `max(x, 0)`; as exact as that.
#[inline(always)]
pub(crate) fn softplus_of_minus_abs<V: Lanes>(x: V) -> V {
    ln_1p(exp(x.min(V::zero() - x)))
}

/// `tanh(x) = t / (t + 2)` with `t = e^2x - 1`, within 2.5 units also where `x` is close to 0.
#[inline(always)]
pub(crate) fn tanh<V: Lanes>(x: V) -> V {
    let t = exp_m1(x + x);
    t / (t + V::splat(2.0))
}

/// The error function, within 5.3 units (3.2e-7); exactly -1 and 1 from 3.95 outwards.
///
/// `x P(x^2) / Q(x^2)`, the form of XLA's `Erf32` (Eigen's before it), fitted to `erf(x) + 1.5e-7 (x / 3.95)^10`: what is
/// added lifts it above 1 at the end, where it is cut off, so that the far tails are exact.
#[inline(always)]
pub(crate) fn erf<V: Lanes>(x: V) -> V {
    const P: [f32; 6] = [
        FRAC_2_SQRT_PI,
        0.191_526_73,
        0.052_873_943,
        0.003_807_437_8,
        0.000_284_735_7,
        0.000_002_027_223_2,
    ];
    const Q: [f32; 6] =
        [1.0, 0.503_068_86, 0.114_551_31, 0.015_053_784, 0.001_170_651_5, 0.000_037_846_92];
    let x = clamp(x, -3.95, 3.95);
    let square = x * x;
    clamp(x * polynomial(square, P) / polynomial(square, Q), -1.0, 1.0)
}

/// The normal distribution's cumulative function, `(1 + erf(x / sqrt(2))) / 2`, within 2e-7; exactly 0 and 1 far out.
#[inline(always)]
pub(crate) fn normal_cdf<V: Lanes>(x: V) -> V {
    let half = V::splat(0.5);
    erf(x * V::splat(FRAC_1_SQRT_2)).mul_add(half, half)
}

/// The normal distribution's density, `e^(-x^2 / 2) / sqrt(2 pi)`, within 5e-8.
#[inline(always)]
pub(crate) fn normal_density<V: Lanes>(x: V) -> V {
    const FRAC_1_SQRT_TAU: f32 = 0.398_942_3;
    V::splat(FRAC_1_SQRT_TAU) * exp(x * x * V::splat(-0.5))
}

/// `x = n ln 2 + r` with a whole `n` and `r` of at most `ln 2 / 2`.
///
/// Source: W. J. Cody, W. Waite, Software Manual for the Elementary Functions (1980): `ln 2` in two parts, of which the
/// first has so few bits that its product with `n` is exact. Adding 1.5 * 2^23 and taking it away rounds to a whole
/// number.
#[inline(always)]
fn reduce<V: Lanes>(x: V) -> (V, V) {
    const LN_2_HIGH: f32 = 355.0 / 512.0;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let whole = V::splat(12_582_912.0);
    let n = x.mul_add(V::splat(LOG2_E), whole) - whole;
    let r = n.mul_add(V::splat(-LN_2_HIGH), x);
    (n, n.mul_add(V::splat(-LN_2_LOW), r))
}

/// `e^r - 1 = r + r^2 P(r)` for [`reduce`]d arguments, with the `P` of the least relative error.
#[inline(always)]
fn exp_m1_near_zero<V: Lanes>(r: V) -> V {
    const P: [f32; 5] = [0.499_999_97, 0.166_665_45, 0.041_667_16, 0.008_366_427, 0.001_388_488_2];
    (r * r).mul_add(polynomial(r, P), r)
}

/// `c[0] + c[1] x + c[2] x^2 ...`, by Horner's rule.
#[inline(always)]
fn polynomial<V: Lanes, const N: usize>(x: V, coefficients: [f32; N]) -> V {
    let mut value = V::splat(coefficients[N - 1]);
    for k in (0..N - 1).rev() {
        value = value.mul_add(x, V::splat(coefficients[k]));
    }
    value
}

/// `x`, or the bound that it exceeds; NaN stays.
#[inline(always)]
fn clamp<V: Lanes>(x: V, low: f32, high: f32) -> V {
    V::splat(low).max(V::splat(high).min(x))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{FRAC_1_SQRT_2, TAU};

    use super::super::{Level, Map, map};
    use super::*;

    /// A function with its reference and its bounds.
    struct Case {
        name: &'static str,
        values: fn(Level, &[f32]) -> Vec<f32>,
        reference: fn(f64) -> f64,
        /// Where the bounds hold.
        domain: [f32; 2],
        /// The largest error in units of the last place, or, where that is more, by itself.
        units: f64,
        absolute: f64,
    }

    macro_rules! case {
        ($function:ident, $reference:expr, $domain:expr, $units:expr, $absolute:expr) => {
            Case {
                name: stringify!($function),
                values: |level, x| {
                    struct Function;
                    impl Map for Function {
                        #[inline(always)]
                        fn apply<V: Lanes>(&self, x: V) -> V {
                            $function(x)
                        }
                    }
                    let mut y = vec![0.0; x.len()];
                    map(level, &Function, x, &mut y);
                    y
                },
                reference: $reference,
                domain: $domain,
                units: $units,
                absolute: $absolute,
            }
        };
    }

    const ALL: [f32; 2] = [-f32::INFINITY, f32::INFINITY];
    /// Smaller numbers may become 0.
    const TINY: f64 = f32::MIN_POSITIVE as f64;

    const CASES: [Case; 10] = [
        case!(exp, f64::exp, [-f32::INFINITY, 88.3], 1.1, TINY),
        case!(exp_m1, f64::exp_m1, [-f32::INFINITY, 88.0], 1.8, 0.0),
        case!(ln_1p, f64::ln_1p, [0.0, 1.0], 1.3, 0.0),
        case!(sigmoid, |x| 1.0 / (1.0 + (-x).exp()), ALL, 2.4, TINY),
        case!(softplus, |x| x.max(0.0) + (-x.abs()).exp().ln_1p(), ALL, 2.1, TINY),
        case!(softplus_of_minus_abs, |x| (-x.abs()).exp().ln_1p(), ALL, 2.1, TINY),
        case!(tanh, f64::tanh, ALL, 2.5, 0.0),
        case!(erf, libm::erf, ALL, 5.3, 0.0),
        case!(normal_cdf, |x| 0.5 * libm::erfc(-x * FRAC_1_SQRT_2), ALL, 0.0, 2e-7),
        case!(normal_density, |x| (-0.5 * x * x).exp() / TAU.sqrt(), ALL, 0.0, 5e-8),
    ];

    /// Numbers of both signs from 0 to infinity, some two thousand to each power of two, and the ends of the domain.
    fn sweep(domain: [f32; 2]) -> Vec<f32> {
        let numbers = (0..=f32::INFINITY.to_bits()).step_by(4001).map(f32::from_bits);
        let both = numbers.flat_map(|x| [x, -x]).chain(domain);
        both.filter(|x| (domain[0]..=domain[1]).contains(x)).collect()
    }

    /// The unit in the last place of an `f32` of this size.
    fn last_place(x: f64) -> f64 {
        x.abs().max(TINY).log2().floor().exp2() * f64::from(f32::EPSILON)
    }

    /// Levels differ from portable by no more than the bound either, in whole units.
    #[test]
    fn values_are_within_their_bounds() {
        for Case { name, values, reference, domain, units, absolute } in CASES {
            let x = sweep(domain);
            let portable = values(Level::portable(), &x);
            for level in Level::supported() {
                for ((&x, y), portable) in x.iter().zip(values(level, &x)).zip(&portable) {
                    let (y, portable) = (f64::from(y), f64::from(*portable));
                    for (expected, units) in
                        [(reference(f64::from(x)), units), (portable, units.ceil())]
                    {
                        let error = (y - expected).abs();
                        let is_within = error <= absolute.max(units * last_place(expected));
                        assert!(
                            is_within || y == expected,
                            "{level}: {name}({x:e}) is {y:e}, expected {expected:e}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn nan_stays_nan() {
        for Case { name, values, .. } in CASES {
            for level in Level::supported() {
                assert!(values(level, &[f32::NAN])[0].is_nan(), "{level}: {name}");
            }
        }
    }

    #[test]
    fn beyond_the_largest_numbers() {
        for level in Level::supported() {
            let of = |case: &Case| (case.values)(level, &[88.8, 1e4, f32::INFINITY]);
            assert_eq!(of(&CASES[0]), [f32::INFINITY; 3], "{level}");
            assert!(of(&CASES[1]).iter().all(|&y| y > 1.6e38 && y.is_finite()), "{level}");
        }
    }
}
