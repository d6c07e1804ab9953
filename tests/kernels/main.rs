//! Every kernel at every level against an obvious scalar of its own: one oracle, many instances.

mod dense;
#[cfg(unix)]
mod edge;
mod sparse;
mod sweep;

use std::panic::{AssertUnwindSafe, catch_unwind};

use imdb_fast::kernel::Level;
use imdb_fast::random::{Random, Stream};

/// Row widths, and why each: where the kernels' loops change.
const WIDTHS: &[(usize, &str)] = &[
    (1, "a linear model: scalars"),
    (2, "the smallest rest of a line"),
    (4, "a rest that is loaded without a mask"),
    (7, "a rest that leaves one of eight lanes out"),
    (8, "a rest that fills one of two AVX2 registers"),
    (15, "a rest that leaves one lane out"),
    (16, "a line"),
    (17, "a line and one value, which scatters without lanes"),
    (20, "a line and a rest"),
    (24, "a line and a rest that is loaded without a mask"),
    (31, "a line and all but one of the next"),
    (32, "two lines, a constant"),
    (33, "two lines and one value"),
    (48, "three lines, no constant"),
    (63, "three lines and a rest, the most of one pass of AVX-512"),
    (64, "four lines, a constant"),
    (65, "a pass of four lines and one value"),
    (79, "a pass and all but one of a line"),
    (100, "a pass, two lines and a rest"),
    (130, "two passes and a rest"),
];

fn random(seed: usize) -> Random {
    Random::new(seed as u64, Stream::SyntheticReviews)
}

/// Numbers of either sign and of very different size: another order of additions gives another sum.
fn ordinary(random: &mut Random, n: usize) -> Vec<f32> {
    let scales = [1e-3, 0.03, 1.0, 20.0, 1e3];
    let scale = |random: &mut Random| scales[random.below(scales.len() as u64) as usize];
    (0..n).map(|_| (random.normal() * scale(random)) as f32).collect()
}

/// The same with numbers that behave unlike others.
fn special(random: &mut Random, n: usize) -> Vec<f32> {
    let infrequent = [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, f32::MAX, f32::MIN];
    let frequent = [0.0, -0.0, f32::MIN_POSITIVE, -1e-40, f32::EPSILON];
    let mut values = ordinary(random, n);
    for value in &mut values {
        match random.below(200) {
            0 => *value = infrequent[random.below(5) as usize],
            1..80 => *value = frequent[random.below(5) as usize],
            _ => {}
        }
    }
    values
}

/// The same bits, or both not a number: which NaN comes out of two is nobody's promise.
fn is_same(a: f32, b: f32) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

#[track_caller]
fn assert_same(got: &[f32], expected: &[f32], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (at, (&got, &expected)) in got.iter().zip(expected).enumerate() {
        assert!(is_same(got, expected), "{what}: value {at} is {got:?}, not {expected:?}");
    }
}

/// A broken contract is a panic at every level, never a read or write elsewhere.
#[track_caller]
fn assert_panics(what: &str, call: impl Fn(Level)) {
    for level in Level::supported() {
        let result = catch_unwind(AssertUnwindSafe(|| call(level)));
        assert!(result.is_err(), "{level}: {what} went unnoticed");
    }
}
