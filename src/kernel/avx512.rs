//! Lanes in one AVX-512 register.

#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Sub};

use super::lanes::{Kernel, LANES, Lanes};

/// One register.
#[derive(Clone, Copy)]
struct Avx512(__m512);

/// Runs a kernel with these instructions.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512>()
}

/// The first `n` of the lanes.
#[inline(always)]
fn first(n: usize) -> __mmask16 {
    debug_assert!(n <= LANES);
    ((1u32 << n) - 1) as __mmask16
}

macro_rules! operator {
    ($operation:ident, $method:ident, $intrinsic:ident) => {
        impl $operation for Avx512 {
            type Output = Avx512;
            #[inline(always)]
            fn $method(self, other: Avx512) -> Avx512 {
                // SAFETY: the type is private and only `run` names it, which has these instructions.
                Avx512(unsafe { $intrinsic(self.0, other.0) })
            }
        }
    };
}

operator!(Add, add, _mm512_add_ps);
operator!(Sub, sub, _mm512_sub_ps);
operator!(Mul, mul, _mm512_mul_ps);
operator!(Div, div, _mm512_div_ps);

// In all that follows only `run` can have made the type known, so the CPU has the instructions.
impl Lanes for Avx512 {
    const PASS: usize = 4;

    #[inline(always)]
    fn splat(x: f32) -> Avx512 {
        // SAFETY: only `run` names the type.
        Avx512(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Avx512 {
        // SAFETY: only `run` names the type; the array has sixteen values.
        Avx512(unsafe { _mm512_loadu_ps(values.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        // SAFETY: only `run` names the type; the array has sixteen values.
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn load_four(values: &[f32; 4]) -> Avx512 {
        // SAFETY: only `run` names the type; the array has four values.
        Avx512(unsafe { _mm512_zextps128_ps512(_mm_loadu_ps(values.as_ptr())) })
    }

    #[inline(always)]
    fn store_four(self, values: &mut [f32; 4]) {
        // SAFETY: only `run` names the type; the array has four values.
        unsafe { _mm_storeu_ps(values.as_mut_ptr(), _mm512_castps512_ps128(self.0)) }
    }

    #[inline(always)]
    fn load_quads(quads: [&[f32; 4]; 4]) -> Avx512 {
        // SAFETY: only `run` names the type; each array has four values.
        Avx512(unsafe {
            let [a, b, c, d] = quads;
            let [a, b] = [_mm_loadu_ps(a.as_ptr()), _mm_loadu_ps(b.as_ptr())];
            let [c, d] = [_mm_loadu_ps(c.as_ptr()), _mm_loadu_ps(d.as_ptr())];
            let low =
                _mm512_castps256_ps512(_mm256_insertf128_ps::<1>(_mm256_castps128_ps256(a), b));
            let high = _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(c), d);
            _mm512_insertf32x8::<1>(low, high)
        })
    }

    #[inline(always)]
    fn quads(self) -> [[f32; 4]; 4] {
        let mut quads = [[0.0; 4]; 4];
        let [a, b, c, d] = &mut quads;
        // SAFETY: only `run` names the type; each array has four values.
        unsafe {
            _mm_storeu_ps(a.as_mut_ptr(), _mm512_castps512_ps128(self.0));
            _mm_storeu_ps(b.as_mut_ptr(), _mm512_extractf32x4_ps::<1>(self.0));
            _mm_storeu_ps(c.as_mut_ptr(), _mm512_extractf32x4_ps::<2>(self.0));
            _mm_storeu_ps(d.as_mut_ptr(), _mm512_extractf32x4_ps::<3>(self.0));
        }
        quads
    }

    #[inline(always)]
    fn transpose(rows: [Avx512; 4]) -> [Avx512; 4] {
        let [Avx512(a), Avx512(b), Avx512(c), Avx512(d)] = rows;
        // SAFETY: only `run` names the type.
        unsafe {
            let ab = _mm512_castps_pd(_mm512_unpacklo_ps(a, b));
            let cd = _mm512_castps_pd(_mm512_unpacklo_ps(c, d));
            let first = Avx512(_mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)));
            let second = Avx512(_mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)));
            let ab = _mm512_castps_pd(_mm512_unpackhi_ps(a, b));
            let cd = _mm512_castps_pd(_mm512_unpackhi_ps(c, d));
            let third = Avx512(_mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd)));
            let fourth = Avx512(_mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)));
            [first, second, third, fourth]
        }
    }

    #[inline(always)]
    fn load_eight(values: &[f32; 8]) -> Avx512 {
        // SAFETY: only `run` names the type; the array has eight values.
        Avx512(unsafe { _mm512_zextps256_ps512(_mm256_loadu_ps(values.as_ptr())) })
    }

    #[inline(always)]
    fn store_eight(self, values: &mut [f32; 8]) {
        // SAFETY: only `run` names the type; the array has eight values.
        unsafe { _mm256_storeu_ps(values.as_mut_ptr(), _mm512_castps512_ps256(self.0)) }
    }

    #[inline(always)]
    fn load_partial(values: &[f32]) -> Avx512 {
        let mask = first(values.len().min(LANES));
        // SAFETY: only `run` names the type; lanes beyond the slice are masked out and not read.
        Avx512(unsafe { _mm512_maskz_loadu_ps(mask, values.as_ptr()) })
    }

    #[inline(always)]
    fn store_partial(self, values: &mut [f32]) {
        let mask = first(values.len().min(LANES));
        // SAFETY: only `run` names the type; lanes beyond the slice are masked out and not written.
        unsafe { _mm512_mask_storeu_ps(values.as_mut_ptr(), mask, self.0) }
    }

    #[inline(always)]
    fn mul_add(self, factor: Avx512, term: Avx512) -> Avx512 {
        // SAFETY: only `run` names the type.
        Avx512(unsafe { _mm512_fmadd_ps(self.0, factor.0, term.0) })
    }

    #[inline(always)]
    fn max(self, other: Avx512) -> Avx512 {
        // SAFETY: only `run` names the type.
        Avx512(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Avx512) -> Avx512 {
        // SAFETY: only `run` names the type.
        Avx512(unsafe { _mm512_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Avx512 {
        // SAFETY: only `run` names the type.
        Avx512(unsafe { _mm512_sqrt_ps(self.0) })
    }

    /// The estimate has 14 bits, a Newton step doubles them: `y (3/2 - x/2 y^2)`.
    #[inline(always)]
    fn rsqrt(self) -> Avx512 {
        // SAFETY: only `run` names the type.
        let estimate = Avx512(unsafe { _mm512_rsqrt14_ps(self.0) });
        // SAFETY: as above.
        let factor = Avx512(unsafe {
            let half = _mm512_mul_ps(self.0, _mm512_set1_ps(0.5));
            let square = _mm512_mul_ps(estimate.0, estimate.0);
            _mm512_fnmadd_ps(half, square, _mm512_set1_ps(1.5))
        });
        estimate * factor
    }

    #[inline(always)]
    fn scale(self, exponent: Avx512) -> Avx512 {
        // SAFETY: only `run` names the type.
        Avx512(unsafe { _mm512_scalef_ps(self.0, exponent.0) })
    }

    #[inline(always)]
    fn select_above(self, bound: Avx512, yes: Avx512, no: Avx512) -> Avx512 {
        // SAFETY: only `run` names the type.
        Avx512(unsafe {
            let mask = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, bound.0);
            _mm512_mask_blend_ps(mask, no.0, yes.0)
        })
    }

    #[inline(always)]
    fn is_zero(self) -> bool {
        // SAFETY: only `run` names the type.
        unsafe { _mm512_cmp_ps_mask::<_CMP_NEQ_UQ>(self.0, _mm512_setzero_ps()) == 0 }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: only `run` names the type.
        unsafe {
            let low = _mm512_castps512_ps256(self.0);
            let high = _mm512_extractf32x8_ps::<1>(self.0);
            super::avx2::sum(_mm256_add_ps(low, high))
        }
    }
}
