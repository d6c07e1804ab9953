//! Sixteen lanes: what every kernel is written in, once for all instruction sets.

use std::ops::{Add, Div, Mul, Sub};

use super::sparse::Sum;

/// How many lanes a [`Lanes`] has: a cache line of `f32`.
pub(crate) const LANES: usize = 16;

/// Sixteen `f32` that are worked on together.
///
/// Only [`Level::run`](super::Level::run) chooses the type, so whoever runs with one has a CPU that has its instructions.
/// Additions, subtractions, multiplications, divisions and roots round the same at every level; `mul_add` and `rsqrt` do
/// not, and a kernel that promises the same bits at every level uses neither.
pub(crate) trait Lanes:
    Copy + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
{
    /// How many of these, times four chains of additions, the registers hold.
    const PASS: usize;

    /// `x` in every lane.
    fn splat(x: f32) -> Self;

    /// A whole line.
    fn load(values: &[f32; LANES]) -> Self;

    /// To a whole line.
    fn store(self, values: &mut [f32; LANES]);

    /// Up to sixteen values, then zeros.
    fn load_partial(values: &[f32]) -> Self;

    /// The first of the lanes, as many as there is room for.
    fn store_partial(self, values: &mut [f32]);

    /// `self * factor + term`, rounded once where the CPU can.
    fn mul_add(self, factor: Self, term: Self) -> Self;

    /// The larger of the two; `other` where one of them is NaN.
    fn max(self, other: Self) -> Self;

    /// The smaller of the two; `other` where one of them is NaN.
    fn min(self, other: Self) -> Self;

    /// The square root.
    fn sqrt(self) -> Self;

    /// `1 / sqrt(self)` of positive numbers, within 3 units of the last place: an estimate and one Newton step.
    fn rsqrt(self) -> Self;

    /// `self * 2^exponent` for whole exponents; those below -126 may give 0 and those above 127 infinity.
    fn scale(self, exponent: Self) -> Self;

    /// `yes` where `self` is above `bound`, else (and where it is NaN) `no`.
    fn select_above(self, bound: Self, yes: Self, no: Self) -> Self;

    /// Whether all lanes are zero, of either sign.
    fn is_zero(self) -> bool;

    /// The sum of the lanes: halves added, then halves of that, and so on.
    fn sum(self) -> f32;

    /// The first sixteen values, or zeros behind the last.
    #[inline(always)]
    fn load_line(values: &[f32]) -> Self {
        match values.first_chunk() {
            Some(line) => Self::load(line),
            None => Self::load_partial(values),
        }
    }

    /// To the first sixteen values, or as many as there are.
    #[inline(always)]
    fn store_line(self, values: &mut [f32]) {
        match values.first_chunk_mut() {
            Some(line) => self.store(line),
            None => self.store_partial(values),
        }
    }

    /// To a whole line, instead of what it held or added to it.
    #[inline(always)]
    fn put(self, sum: Sum, values: &mut [f32; LANES]) {
        match sum {
            Sum::Store => self.store(values),
            Sum::Add => (Self::load(values) + self).store(values),
        }
    }

    /// Zero in every lane.
    #[inline(always)]
    fn zero() -> Self {
        Self::splat(0.0)
    }
}

/// A computation that can be carried out in any [`Lanes`].
pub(crate) trait Kernel {
    /// What it returns.
    type Output;

    /// Carries it out. Must be `#[inline(always)]`, and so all that it calls with `V`: only then is it compiled for the
    /// instruction set of `V`.
    fn run<V: Lanes>(self) -> Self::Output;
}
