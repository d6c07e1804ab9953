//! Sixteen lanes: what every kernel is written in, once for all instruction sets.

use std::ops::{Add, Div, Mul, Sub};

/// How many lanes a [`Lanes`] has: a cache line of `f32`.
pub(crate) const LANES: usize = 16;

/// What becomes of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sum {
    /// It replaces what the output held.
    Store,
    /// It is added to what the output held.
    Add,
}

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

    /// Four values, then zeros.
    fn load_four(values: &[f32; 4]) -> Self;

    /// The first four lanes.
    fn store_four(self, values: &mut [f32; 4]);

    /// Eight values, then zeros.
    fn load_eight(values: &[f32; 8]) -> Self;

    /// The first eight lanes.
    fn store_eight(self, values: &mut [f32; 8]);

    /// Up to sixteen values, then zeros.
    fn load_partial(values: &[f32]) -> Self;

    /// The first of the lanes, as many as there is room for.
    fn store_partial(self, values: &mut [f32]);

    /// Four times four values, one quad after the other.
    fn load_quads(quads: [&[f32; 4]; 4]) -> Self;

    /// The lanes as quads.
    fn quads(self) -> [[f32; 4]; 4];

    /// Of four times four quads the first values, the second, the third and the fourth ones: quad `q` of what comes out at `i` has
    /// value `i` of quad `q` of each. Twice makes it what it was.
    fn transpose(rows: [Self; 4]) -> [Self; 4];

    /// `self * factor + term`, rounded once where the CPU can.
    fn mul_add(self, factor: Self, term: Self) -> Self;

    /// The larger of the two; `other` where one of them is NaN.
    fn max(self, other: Self) -> Self;

    /// The smaller of the two; `other` where one of them is NaN.
    fn min(self, other: Self) -> Self;

    /// The square root.
    fn sqrt(self) -> Self;

    /// `1 / sqrt(self)` of positive normal numbers, within 3 units of the last place: an estimate and one Newton step. Of zero,
    /// infinity and numbers below the smallest normal one it is NaN or infinite at some levels.
    fn rsqrt(self) -> Self;

    /// `self * 2^exponent` for whole exponents; those below -126 may give 0 and those above 127 infinity.
    fn scale(self, exponent: Self) -> Self;

    /// `yes` where `self` is above `bound`, else (and where it is NaN) `no`.
    fn select_above(self, bound: Self, yes: Self, no: Self) -> Self;

    /// Whether all lanes are zero, of either sign.
    fn is_zero(self) -> bool;

    /// The first lane.
    #[inline(always)]
    fn first(self) -> f32 {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        lanes[0]
    }

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

/// The lanes of some lines, as many as there are.
///
/// No `map` of an array here, nor `from_fn`, nor anywhere else around lanes: they call a closure through several functions, and
/// what the compiler does not inline there is not compiled for the instructions of the lanes.
#[inline(always)]
pub(crate) fn load_lines<V: Lanes, const N: usize>(lines: &[[f32; LANES]]) -> [V; N] {
    let mut loaded = [V::zero(); N];
    for (lanes, line) in loaded.iter_mut().zip(lines) {
        *lanes = V::load(line);
    }
    loaded
}

/// A computation that can be carried out in any [`Lanes`].
pub(crate) trait Kernel {
    /// What it returns.
    type Output;

    /// Carries it out. Must be `#[inline(always)]`, and so all that it calls with `V`: only then is it compiled for the
    /// instruction set of `V`.
    fn run<V: Lanes>(self) -> Self::Output;
}

#[cfg(test)]
mod tests {
    use super::super::Level;
    use super::*;

    /// What behaves unlike others, and some that do not.
    const NUMBERS: [f32; LANES] = [
        0.0,
        -0.0,
        1.0,
        -2.5,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        f32::MAX,
        f32::MIN,
        f32::MIN_POSITIVE,
        1e-45,
        -3e-41,
        0.1,
        -7e-3,
        1e20,
        f32::EPSILON,
    ];

    /// All operations that promise the same bits at every level, on two lines.
    struct All<'a>(&'a [f32; LANES], &'a [f32; LANES]);

    impl Kernel for All<'_> {
        type Output = Vec<f32>;

        #[inline(always)]
        fn run<V: Lanes>(self) -> Vec<f32> {
            let (a, b) = (V::load(self.0), V::load(self.1));
            let mut results = Vec::new();
            let mut line = |lanes: V| {
                let mut line = [0.0; LANES];
                lanes.store(&mut line);
                results.extend(line);
            };
            [a + b, a - b, a * b, a / b, a.max(b), a.min(b), a.sqrt()]
                .into_iter()
                .for_each(&mut line);
            line(a.select_above(b, V::splat(1.0), V::splat(-1.0)));
            for exponent in [-126.0, -3.0, 0.0, 5.0, 127.0] {
                line(a.scale(V::splat(exponent)));
            }
            for n in 0..=LANES {
                line(V::load_partial(&self.0[..n]));
                let mut part = *self.1;
                a.store_partial(&mut part[..n]);
                line(V::load(&part));
                let rest = V::load_partial(&self.0[n..]);
                line(V::splat(f32::from(u8::from(rest.is_zero()))));
            }
            let quads = self.0.as_chunks().0;
            let quads = [a, b, V::load_quads([&quads[3], &quads[1], &quads[0], &quads[1]]), a + b];
            V::transpose(quads).into_iter().for_each(&mut line);
            V::transpose(V::transpose(quads)).into_iter().for_each(&mut line);
            results.extend(a.quads().as_flattened());
            let sums = [a.sum(), b.sum(), V::load_partial(&self.0[..3]).sum()];
            let zeros =
                [a, b, V::zero(), V::splat(-0.0)].map(|lanes| f32::from(u8::from(lanes.is_zero())));
            results.extend(sums.into_iter().chain(zeros));
            results
        }
    }

    #[test]
    fn operations_give_the_same_bits_at_every_level() {
        // Sums of these tell the order of the additions.
        let ordinary = std::array::from_fn(|lane| 1.1f32.powi(lane as i32 * 7 % 40) - 3.0);
        for shift in 0..LANES {
            let mut other = if shift % 2 == 0 { NUMBERS } else { ordinary };
            other.rotate_left(shift);
            let portable = Level::portable().run(All(&NUMBERS, &other));
            for level in Level::supported() {
                let got = level.run(All(&NUMBERS, &other));
                assert_eq!(got.len(), portable.len());
                for (at, (got, portable)) in got.iter().zip(&portable).enumerate() {
                    let is_same = got.to_bits() == portable.to_bits();
                    let what = format!("{level}, shift {shift}, result {at}: {got:?} {portable:?}");
                    assert!(is_same || (got.is_nan() && portable.is_nan()), "{what}");
                }
            }
        }
    }

    /// The reciprocal roots of a line.
    struct Rsqrt<'a>(&'a mut [f32; LANES]);

    impl Kernel for Rsqrt<'_> {
        type Output = ();

        #[inline(always)]
        fn run<V: Lanes>(self) {
            V::load(self.0).rsqrt().store(self.0);
        }
    }

    #[test]
    fn reciprocal_roots_are_within_three_units() {
        for level in Level::supported() {
            let mut worst = 0f64;
            let mut check = |first: u32, stride: u32| {
                let x = std::array::from_fn(|lane| f32::from_bits(first + lane as u32 * stride));
                let mut roots = x;
                level.run(Rsqrt(&mut roots));
                for (x, root) in x.into_iter().zip(roots) {
                    let exact = 1.0 / f64::from(x).sqrt();
                    let unit = f64::from((exact as f32).next_up() - exact as f32);
                    worst = worst.max((f64::from(root) - exact).abs() / unit);
                    assert!(worst <= 3.0, "{level}: 1 / sqrt({x:?}) is {root:?}, not {exact:?}");
                }
            };
            // A mantissa in eleven, of an odd and an even exponent; some of each exponent of a normal number.
            let (one, four) = (1f32.to_bits(), 4f32.to_bits());
            (one..four).step_by(11 * LANES).for_each(|first| check(first, 11));
            let (least, most) = (f32::MIN_POSITIVE.to_bits(), f32::MAX.to_bits());
            (least..most - 16 * 97).step_by(99_991).for_each(|first| check(first, 97));
            println!("{level}: {worst:.2} units");
        }
    }
}
