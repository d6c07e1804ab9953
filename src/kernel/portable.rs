//! Lanes in plain Rust, which any compiler vectorises for any CPU; the specification of the others.

use std::ops::{Add, Div, Mul, Sub};

use super::lanes::{LANES, Lanes};

/// Four vectors of four, the width that every CPU has.
#[derive(Clone, Copy)]
pub(super) struct Portable([[f32; 4]; 4]);

impl Portable {
    #[inline(always)]
    fn each(self, f: impl Fn(f32) -> f32) -> Portable {
        Portable(self.0.map(|quad| quad.map(&f)))
    }

    #[inline(always)]
    fn both(self, other: Portable, f: impl Fn(f32, f32) -> f32) -> Portable {
        // Written out, since a loop over values in place is vectorised across the quads' borders, through memory.
        let quad = |quad: usize| {
            let (a, b) = (self.0[quad], other.0[quad]);
            [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])]
        };
        Portable([quad(0), quad(1), quad(2), quad(3)])
    }
}

impl Add for Portable {
    type Output = Portable;
    #[inline(always)]
    fn add(self, other: Portable) -> Portable {
        self.both(other, |a, b| a + b)
    }
}

impl Sub for Portable {
    type Output = Portable;
    #[inline(always)]
    fn sub(self, other: Portable) -> Portable {
        self.both(other, |a, b| a - b)
    }
}

impl Mul for Portable {
    type Output = Portable;
    #[inline(always)]
    fn mul(self, other: Portable) -> Portable {
        self.both(other, |a, b| a * b)
    }
}

impl Div for Portable {
    type Output = Portable;
    #[inline(always)]
    fn div(self, other: Portable) -> Portable {
        self.both(other, |a, b| a / b)
    }
}

impl Lanes for Portable {
    const PASS: usize = 1;

    #[inline(always)]
    fn splat(x: f32) -> Portable {
        Portable([[x; 4]; 4])
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Portable {
        let (quads, _) = values.as_chunks::<4>();
        Portable([quads[0], quads[1], quads[2], quads[3]])
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        values.copy_from_slice(self.0.as_flattened());
    }

    #[inline(always)]
    fn load_four(values: &[f32; 4]) -> Portable {
        Portable([*values, [0.0; 4], [0.0; 4], [0.0; 4]])
    }

    #[inline(always)]
    fn store_four(self, values: &mut [f32; 4]) {
        *values = self.0[0];
    }

    #[inline(always)]
    fn load_quads(quads: [&[f32; 4]; 4]) -> Portable {
        Portable(quads.map(|quad| *quad))
    }

    #[inline(always)]
    fn quads(self) -> [[f32; 4]; 4] {
        self.0
    }

    #[inline(always)]
    fn transpose(rows: [Portable; 4]) -> [Portable; 4] {
        let quad = |value: usize, quad: usize| rows.map(|row| row.0[quad][value]);
        let values =
            |value| Portable([quad(value, 0), quad(value, 1), quad(value, 2), quad(value, 3)]);
        [values(0), values(1), values(2), values(3)]
    }

    #[inline(always)]
    fn load_eight(values: &[f32; 8]) -> Portable {
        let (quads, _) = values.as_chunks::<4>();
        Portable([quads[0], quads[1], [0.0; 4], [0.0; 4]])
    }

    #[inline(always)]
    fn store_eight(self, values: &mut [f32; 8]) {
        values.copy_from_slice(self.0[..2].as_flattened());
    }

    #[inline(always)]
    fn load_partial(values: &[f32]) -> Portable {
        let mut line = [0.0; LANES];
        line[..values.len()].copy_from_slice(values);
        Portable::load(&line)
    }

    #[inline(always)]
    fn store_partial(self, values: &mut [f32]) {
        let line = self.0.as_flattened();
        values.copy_from_slice(&line[..values.len()]);
    }

    #[inline(always)]
    fn mul_add(self, factor: Portable, term: Portable) -> Portable {
        self * factor + term
    }

    #[inline(always)]
    fn max(self, other: Portable) -> Portable {
        self.both(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, other: Portable) -> Portable {
        self.both(other, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn sqrt(self) -> Portable {
        self.each(f32::sqrt)
    }

    #[inline(always)]
    fn rsqrt(self) -> Portable {
        self.each(|x| 1.0 / x.sqrt())
    }

    #[inline(always)]
    fn scale(self, exponent: Portable) -> Portable {
        // In the sum with 1.5 * 2^23 the low bits are the whole number itself.
        let exponent = exponent.max(Portable::splat(-127.0)).min(Portable::splat(128.0));
        self.both(exponent, |x, n| {
            x * f32::from_bits((n + 12_582_912.0).to_bits().wrapping_add(127) << 23)
        })
    }

    #[inline(always)]
    fn select_above(self, bound: Portable, yes: Portable, no: Portable) -> Portable {
        let mut result = no;
        for quad in 0..4 {
            for i in 0..4 {
                if self.0[quad][i] > bound.0[quad][i] {
                    result.0[quad][i] = yes.0[quad][i];
                }
            }
        }
        result
    }

    #[inline(always)]
    fn is_zero(self) -> bool {
        let bits = self.0.as_flattened().iter().fold(0, |all, x| all | x.to_bits());
        bits << 1 == 0
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        let [a, b, c, d] = self.0;
        let mut quad = [0.0; 4];
        for i in 0..4 {
            quad[i] = (a[i] + c[i]) + (b[i] + d[i]);
        }
        (quad[0] + quad[2]) + (quad[1] + quad[3])
    }
}
