//! One function applied to every value of an array.

use super::Level;
use super::lanes::{Kernel, LANES, Lanes};

/// A function of one value, in lanes.
pub(crate) trait Map {
    /// Its value. Must be `#[inline(always)]`.
    fn apply<V: Lanes>(&self, x: V) -> V;
}

/// `y = f(x)`
///
/// # Panics
/// If the lengths differ.
pub(crate) fn map(level: Level, f: &impl Map, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "one value for each");
    level.run(Mapped { f, x, y });
}

/// `d *= f(x)`
///
/// # Panics
/// If the lengths differ.
pub(crate) fn scale_by(level: Level, f: &impl Map, x: &[f32], d: &mut [f32]) {
    assert_eq!(x.len(), d.len(), "one value for each");
    level.run(Scaled { f, x, d });
}

struct Mapped<'a, F> {
    f: &'a F,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl<F: Map> Kernel for Mapped<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let (lines, rest) = self.x.as_chunks::<LANES>();
        let (out_lines, out_rest) = self.y.as_chunks_mut::<LANES>();
        for (x, y) in lines.iter().zip(out_lines) {
            self.f.apply(V::load(x)).store(y);
        }
        if !rest.is_empty() {
            self.f.apply(V::load_partial(rest)).store_partial(out_rest);
        }
    }
}

struct Scaled<'a, F> {
    f: &'a F,
    x: &'a [f32],
    d: &'a mut [f32],
}

impl<F: Map> Kernel for Scaled<'_, F> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes>(self) {
        let (lines, rest) = self.x.as_chunks::<LANES>();
        let (d_lines, d_rest) = self.d.as_chunks_mut::<LANES>();
        for (x, d) in lines.iter().zip(d_lines) {
            (V::load(d) * self.f.apply(V::load(x))).store(d);
        }
        if !rest.is_empty() {
            let d = V::load_partial(d_rest) * self.f.apply(V::load_partial(rest));
            d.store_partial(d_rest);
        }
    }
}
