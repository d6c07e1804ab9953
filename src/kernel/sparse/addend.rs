//! What is added, as often as a word occurs.

use super::super::Id;
use super::super::lanes::Lanes;

/// A row, or a delta, as often as a word occurs.
#[inline(always)]
pub(super) fn times<V: Lanes, I: Id>(lanes: V, id: I) -> V {
    if I::REPEATS { lanes * V::splat(id.times()) } else { lanes }
}

/// Several numbers that are added together.
pub(super) trait Addend: Copy {
    fn plus(self, other: Self) -> Self;

    /// As often as a word occurs.
    fn times<I: Id>(self, id: I) -> Self;
}

impl Addend for f32 {
    #[inline(always)]
    fn plus(self, other: f32) -> f32 {
        self + other
    }

    #[inline(always)]
    fn times<I: Id>(self, id: I) -> f32 {
        if I::REPEATS { self * id.times() } else { self }
    }
}

impl<V: Lanes, const P: usize> Addend for [V; P] {
    #[inline(always)]
    fn plus(mut self, other: [V; P]) -> [V; P] {
        for (lanes, other) in self.iter_mut().zip(other) {
            *lanes = *lanes + other;
        }
        self
    }

    #[inline(always)]
    fn times<I: Id>(mut self, id: I) -> [V; P] {
        for lanes in &mut self {
            *lanes = times(*lanes, id);
        }
        self
    }
}

impl<V: Lanes, const P: usize> Addend for ([V; P], V) {
    #[inline(always)]
    fn plus(self, other: ([V; P], V)) -> ([V; P], V) {
        (self.0.plus(other.0), self.1 + other.1)
    }

    #[inline(always)]
    fn times<I: Id>(self, id: I) -> ([V; P], V) {
        (self.0.times(id), times(self.1, id))
    }
}
