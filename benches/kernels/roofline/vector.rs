//! Registers of three widths, for the loops that are measured against.

use imdb_fast::kernel::Level;

/// A register of `N` numbers.
///
/// Only [`run`] chooses the type, where the CPU has its instructions.
pub trait Vector<const N: usize>: Copy {
    fn load(values: &[f32; N]) -> Self;
    fn store(self, values: &mut [f32; N]);
    fn zero() -> Self;
    fn add(self, other: Self) -> Self;
    /// The bits of both: as fast as the CPU can use what it has loaded.
    fn or(self, other: Self) -> Self;
    fn mul_add(self, factor: Self, term: Self) -> Self;
}

/// A loop that can be compiled for any register, so many of them at a time.
pub trait Loop {
    /// Must be `#[inline(always)]`: only then is it compiled for the instructions of `V`.
    fn run<V: Vector<N>, const N: usize, const UNROLL: usize>(&mut self);
}

/// A register and how many of them a loop takes at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    pub bits: usize,
    pub unroll: usize,
}

impl std::fmt::Display for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bits, {} at a time", self.bits, self.unroll)
    }
}

/// All forms that this CPU can run.
pub fn forms() -> Vec<Form> {
    let mut widths = vec![128];
    widths.extend(Level::avx2().map(|_| 256));
    widths.extend(Level::avx512().map(|_| 512));
    let unrolls = [1, 2, 4, 8, 16];
    widths.into_iter().flat_map(|bits| unrolls.map(|unroll| Form { bits, unroll })).collect()
}

/// Runs a loop in one of the [`forms`].
pub fn run(form: Form, body: &mut impl Loop) {
    match form.bits {
        #[cfg(target_arch = "x86_64")]
        512 => {
            assert!(Level::avx512().is_some(), "this CPU has no registers of 512 bits");
            // SAFETY: the CPU has the instructions, as has just been seen.
            unsafe { x86::run_512(form.unroll, body) }
        }
        #[cfg(target_arch = "x86_64")]
        256 => {
            assert!(Level::avx2().is_some(), "this CPU has no registers of 256 bits");
            // SAFETY: the CPU has the instructions, as has just been seen.
            unsafe { x86::run_256(form.unroll, body) }
        }
        _ => unrolled::<Quad, 4>(form.unroll, body),
    }
}

#[inline(always)]
fn unrolled<V: Vector<N>, const N: usize>(unroll: usize, body: &mut impl Loop) {
    match unroll {
        1 => body.run::<V, N, 1>(),
        2 => body.run::<V, N, 2>(),
        4 => body.run::<V, N, 4>(),
        8 => body.run::<V, N, 8>(),
        _ => body.run::<V, N, 16>(),
    }
}

/// Four numbers: what every CPU has.
#[derive(Clone, Copy)]
struct Quad([f32; 4]);

impl Quad {
    #[inline(always)]
    fn each(self, other: Quad, f: impl Fn(f32, f32) -> f32) -> Quad {
        let (a, b) = (self.0, other.0);
        Quad([f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])])
    }
}

impl Vector<4> for Quad {
    #[inline(always)]
    fn load(values: &[f32; 4]) -> Quad {
        Quad(*values)
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; 4]) {
        *values = self.0;
    }

    #[inline(always)]
    fn zero() -> Quad {
        Quad([0.0; 4])
    }

    #[inline(always)]
    fn add(self, other: Quad) -> Quad {
        self.each(other, |a, b| a + b)
    }

    #[inline(always)]
    fn or(self, other: Quad) -> Quad {
        self.each(other, |a, b| f32::from_bits(a.to_bits() | b.to_bits()))
    }

    #[inline(always)]
    fn mul_add(self, factor: Quad, term: Quad) -> Quad {
        self.each(factor, |a, b| a * b).add(term)
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Loop, Vector, unrolled};

    #[target_feature(enable = "avx512f,avx512dq,avx2,fma,bmi1,bmi2")]
    pub fn run_512(unroll: usize, body: &mut impl Loop) {
        unrolled::<Wide, 16>(unroll, body);
    }

    #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
    pub fn run_256(unroll: usize, body: &mut impl Loop) {
        unrolled::<Half, 8>(unroll, body);
    }

    macro_rules! vector {
        (
            $name:ident, $register:ident, $n:literal, $load:ident, $store:ident, $zero:ident, $add:ident, $or:ident,
            $mul_add:ident
        ) => {
            #[derive(Clone, Copy)]
            struct $name($register);

            // In all of these the CPU has the instructions: the type is private, and only the functions above name it.
            impl Vector<$n> for $name {
                #[inline(always)]
                fn load(values: &[f32; $n]) -> $name {
                    // SAFETY: the CPU has the instruction, and the array as many numbers as the register.
                    $name(unsafe { $load(values.as_ptr()) })
                }

                #[inline(always)]
                fn store(self, values: &mut [f32; $n]) {
                    // SAFETY: the CPU has the instruction, and the array as many numbers as the register.
                    unsafe { $store(values.as_mut_ptr(), self.0) }
                }

                #[inline(always)]
                fn zero() -> $name {
                    // SAFETY: the CPU has the instruction.
                    $name(unsafe { $zero() })
                }

                #[inline(always)]
                fn add(self, other: $name) -> $name {
                    // SAFETY: the CPU has the instruction.
                    $name(unsafe { $add(self.0, other.0) })
                }

                #[inline(always)]
                fn or(self, other: $name) -> $name {
                    // SAFETY: the CPU has the instruction.
                    $name(unsafe { $or(self.0, other.0) })
                }

                #[inline(always)]
                fn mul_add(self, factor: $name, term: $name) -> $name {
                    // SAFETY: the CPU has the instruction.
                    $name(unsafe { $mul_add(self.0, factor.0, term.0) })
                }
            }
        };
    }

    vector!(
        Wide,
        __m512,
        16,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_setzero_ps,
        _mm512_add_ps,
        _mm512_or_ps,
        _mm512_fmadd_ps
    );
    vector!(
        Half,
        __m256,
        8,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_setzero_ps,
        _mm256_add_ps,
        _mm256_or_ps,
        _mm256_fmadd_ps
    );
}
