//! Lanes in two AVX2 registers, with fused multiply-add.

#![allow(unsafe_code)]

use std::arch::x86_64::*;
use std::ops::{Add, Div, Mul, Sub};

use super::lanes::{Kernel, LANES, Lanes};

/// Lanes 0 to 7, lanes 8 to 15.
#[derive(Clone, Copy)]
struct Avx2(__m256, __m256);

/// Runs a kernel with these instructions.
#[target_feature(enable = "avx2,fma,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn run<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2>()
}

/// The sum of eight lanes, as [`Lanes::sum`] orders it.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn sum(lanes: __m256) -> f32 {
    let quad = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
    let pair = _mm_add_ps(quad, _mm_movehl_ps(quad, quad));
    _mm_cvtss_f32(_mm_add_ss(pair, _mm_movehdup_ps(pair)))
}

/// Ones in the first `n` of eight lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn first(n: usize) -> __m256i {
    let lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(n as i32), lane)
}

macro_rules! operator {
    ($operation:ident, $method:ident, $intrinsic:ident) => {
        impl $operation for Avx2 {
            type Output = Avx2;
            #[inline(always)]
            fn $method(self, other: Avx2) -> Avx2 {
                // SAFETY: the type is private and only `run` names it, which has these instructions.
                unsafe { Avx2($intrinsic(self.0, other.0), $intrinsic(self.1, other.1)) }
            }
        }
    };
}

operator!(Add, add, _mm256_add_ps);
operator!(Sub, sub, _mm256_sub_ps);
operator!(Mul, mul, _mm256_mul_ps);
operator!(Div, div, _mm256_div_ps);

/// One half of [`Lanes::rsqrt`]: the estimate has 12 bits, a Newton step doubles them.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn rsqrt(x: __m256) -> __m256 {
    let estimate = _mm256_rsqrt_ps(x);
    let half = _mm256_mul_ps(x, _mm256_set1_ps(0.5));
    let square = _mm256_mul_ps(estimate, estimate);
    _mm256_mul_ps(estimate, _mm256_fnmadd_ps(half, square, _mm256_set1_ps(1.5)))
}

/// One half of [`Lanes::scale`]; the biased exponents 0 and 255 stand for zero and infinity.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn scale(x: __m256, exponent: __m256) -> __m256 {
    let exponent = _mm256_max_ps(exponent, _mm256_set1_ps(-127.0));
    let exponent = _mm256_min_ps(exponent, _mm256_set1_ps(128.0));
    let biased = _mm256_add_epi32(_mm256_cvtps_epi32(exponent), _mm256_set1_epi32(127));
    _mm256_mul_ps(x, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased)))
}

/// One half of [`Lanes::transpose`].
#[inline]
#[target_feature(enable = "avx2")]
fn transpose([a, b, c, d]: [__m256; 4]) -> [__m256; 4] {
    let ab = _mm256_castps_pd(_mm256_unpacklo_ps(a, b));
    let cd = _mm256_castps_pd(_mm256_unpacklo_ps(c, d));
    let first = _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd));
    let second = _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd));
    let ab = _mm256_castps_pd(_mm256_unpackhi_ps(a, b));
    let cd = _mm256_castps_pd(_mm256_unpackhi_ps(c, d));
    let third = _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd));
    let fourth = _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd));
    [first, second, third, fourth]
}

/// One half of [`Lanes::select_above`].
#[inline]
#[target_feature(enable = "avx2")]
fn select_above(x: __m256, bound: __m256, yes: __m256, no: __m256) -> __m256 {
    _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_GT_OQ>(x, bound))
}

impl Lanes for Avx2 {
    // All sixteen registers: what is added comes from memory.
    const PASS: usize = 2;

    #[inline(always)]
    fn splat(x: f32) -> Avx2 {
        // SAFETY: only `run` names the type.
        let half = unsafe { _mm256_set1_ps(x) };
        Avx2(half, half)
    }

    #[inline(always)]
    fn load(values: &[f32; LANES]) -> Avx2 {
        let (halves, _) = values.as_chunks::<8>();
        // SAFETY: only `run` names the type; each half has eight values.
        unsafe { Avx2(_mm256_loadu_ps(halves[0].as_ptr()), _mm256_loadu_ps(halves[1].as_ptr())) }
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; LANES]) {
        let (halves, _) = values.as_chunks_mut::<8>();
        // SAFETY: only `run` names the type; each half has eight values.
        unsafe {
            _mm256_storeu_ps(halves[0].as_mut_ptr(), self.0);
            _mm256_storeu_ps(halves[1].as_mut_ptr(), self.1);
        }
    }

    #[inline(always)]
    fn load_four(values: &[f32; 4]) -> Avx2 {
        // SAFETY: only `run` names the type; the array has four values.
        unsafe { Avx2(_mm256_zextps128_ps256(_mm_loadu_ps(values.as_ptr())), _mm256_setzero_ps()) }
    }

    #[inline(always)]
    fn store_four(self, values: &mut [f32; 4]) {
        // SAFETY: only `run` names the type; the array has four values.
        unsafe { _mm_storeu_ps(values.as_mut_ptr(), _mm256_castps256_ps128(self.0)) }
    }

    #[inline(always)]
    fn load_quads(quads: [&[f32; 4]; 4]) -> Avx2 {
        // SAFETY: only `run` names the type; each array has four values.
        unsafe {
            let [a, b, c, d] = quads;
            let [a, b] = [_mm_loadu_ps(a.as_ptr()), _mm_loadu_ps(b.as_ptr())];
            let [c, d] = [_mm_loadu_ps(c.as_ptr()), _mm_loadu_ps(d.as_ptr())];
            let low = _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(a), b);
            Avx2(low, _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(c), d))
        }
    }

    #[inline(always)]
    fn quads(self) -> [[f32; 4]; 4] {
        let mut quads = [[0.0; 4]; 4];
        self.store(quads.as_flattened_mut().try_into().expect("four times four are sixteen"));
        quads
    }

    #[inline(always)]
    fn transpose(rows: [Avx2; 4]) -> [Avx2; 4] {
        let [a, b, c, d] = rows;
        // SAFETY: only `run` names the type.
        let ([e, f, g, h], [i, j, k, l]) =
            unsafe { (transpose([a.0, b.0, c.0, d.0]), transpose([a.1, b.1, c.1, d.1])) };
        [Avx2(e, i), Avx2(f, j), Avx2(g, k), Avx2(h, l)]
    }

    #[inline(always)]
    fn load_eight(values: &[f32; 8]) -> Avx2 {
        // SAFETY: only `run` names the type; the array has eight values.
        unsafe { Avx2(_mm256_loadu_ps(values.as_ptr()), _mm256_setzero_ps()) }
    }

    #[inline(always)]
    fn store_eight(self, values: &mut [f32; 8]) {
        // SAFETY: only `run` names the type; the array has eight values.
        unsafe { _mm256_storeu_ps(values.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn load_partial(values: &[f32]) -> Avx2 {
        let (low, high) = values.split_at(values.len().min(8));
        let high = &high[..high.len().min(8)];
        // SAFETY: only `run` names the type; lanes beyond each slice are masked out and not read.
        unsafe {
            Avx2(
                _mm256_maskload_ps(low.as_ptr(), first(low.len())),
                _mm256_maskload_ps(high.as_ptr(), first(high.len())),
            )
        }
    }

    #[inline(always)]
    fn store_partial(self, values: &mut [f32]) {
        let (low, high) = values.split_at_mut(values.len().min(8));
        let (low_mask, high_mask) = (low.len(), high.len().min(8));
        // SAFETY: only `run` names the type; lanes beyond each slice are masked out and not written.
        unsafe {
            _mm256_maskstore_ps(low.as_mut_ptr(), first(low_mask), self.0);
            _mm256_maskstore_ps(high.as_mut_ptr(), first(high_mask), self.1);
        }
    }

    #[inline(always)]
    fn mul_add(self, factor: Avx2, term: Avx2) -> Avx2 {
        // SAFETY: only `run` names the type.
        unsafe {
            Avx2(
                _mm256_fmadd_ps(self.0, factor.0, term.0),
                _mm256_fmadd_ps(self.1, factor.1, term.1),
            )
        }
    }

    #[inline(always)]
    fn max(self, other: Avx2) -> Avx2 {
        // SAFETY: only `run` names the type.
        unsafe { Avx2(_mm256_max_ps(self.0, other.0), _mm256_max_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn min(self, other: Avx2) -> Avx2 {
        // SAFETY: only `run` names the type.
        unsafe { Avx2(_mm256_min_ps(self.0, other.0), _mm256_min_ps(self.1, other.1)) }
    }

    #[inline(always)]
    fn sqrt(self) -> Avx2 {
        // SAFETY: only `run` names the type.
        unsafe { Avx2(_mm256_sqrt_ps(self.0), _mm256_sqrt_ps(self.1)) }
    }

    #[inline(always)]
    fn rsqrt(self) -> Avx2 {
        // SAFETY: only `run` names the type.
        unsafe { Avx2(rsqrt(self.0), rsqrt(self.1)) }
    }

    #[inline(always)]
    fn scale(self, exponent: Avx2) -> Avx2 {
        // SAFETY: only `run` names the type.
        unsafe { Avx2(scale(self.0, exponent.0), scale(self.1, exponent.1)) }
    }

    #[inline(always)]
    fn select_above(self, bound: Avx2, yes: Avx2, no: Avx2) -> Avx2 {
        // SAFETY: only `run` names the type.
        unsafe {
            Avx2(
                select_above(self.0, bound.0, yes.0, no.0),
                select_above(self.1, bound.1, yes.1, no.1),
            )
        }
    }

    #[inline(always)]
    fn is_zero(self) -> bool {
        // SAFETY: only `run` names the type.
        unsafe {
            let any = _mm256_or_ps(self.0, self.1);
            let differs = _mm256_cmp_ps::<_CMP_NEQ_UQ>(any, _mm256_setzero_ps());
            _mm256_movemask_ps(differs) == 0
        }
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        // SAFETY: only `run` names the type.
        unsafe { sum(_mm256_add_ps(self.0, self.1)) }
    }
}
