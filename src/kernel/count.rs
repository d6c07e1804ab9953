//! How many ids are below a bound: where the words of a range of features stand in a sorted list.

use super::lanes::{Kernel, Lanes};
use super::{Id, Level};

/// How many of some ids are below each bound. Without branches: a search would mispredict half of its steps.
pub(crate) fn count_below<I: Id, const BOUNDS: usize>(
    level: Level,
    ids: &[I],
    bounds: [usize; BOUNDS],
) -> [u32; BOUNDS] {
    level.run(CountBelow { ids, bounds })
}

struct CountBelow<'a, I, const BOUNDS: usize> {
    ids: &'a [I],
    bounds: [usize; BOUNDS],
}

impl<I: Id, const BOUNDS: usize> Kernel for CountBelow<'_, I, BOUNDS> {
    type Output = [u32; BOUNDS];

    #[inline(always)]
    fn run<V: Lanes>(self) -> [u32; BOUNDS] {
        self.bounds.map(|bound| match I::try_from(bound) {
            Ok(bound) => self.ids.chunks(COUNTED).map(|ids| u32::from(below(ids, bound))).sum(),
            Err(_) => self.ids.len() as u32,
        })
    }
}

/// Few enough ids to be counted in sixteen bits, thirty-two at a time.
const COUNTED: usize = 1 << 15;

#[inline(always)]
fn below<I: Id>(ids: &[I], bound: I) -> u16 {
    ids.iter().fold(0, |count, &id| count + u16::from(id < bound))
}

#[cfg(test)]
mod tests {
    use super::super::Single;
    use super::*;

    fn check<I: Id>(ids: &[I], bounds: [usize; 4]) {
        let expected =
            bounds.map(|bound| ids.iter().filter(|id| id.place() < bound).count() as u32);
        for level in Level::supported() {
            let what = format!("{level}, {} ids of {} bytes", ids.len(), size_of::<I>());
            assert_eq!(count_below(level, ids, bounds), expected, "{what} below {bounds:?}");
        }
    }

    #[test]
    fn ids_below_bounds_are_counted_whatever_their_number() {
        // Around the widths of registers, a row of the longest reviews, and around the counts that fit sixteen bits.
        for n in [0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 2500, 32_767, 32_768, 65_536] {
            let narrow: Vec<u16> = (0..n).map(|i| i as u16).collect();
            for bounds in [[0, 1, n / 2, n], [n + 1, 65_535, 65_536, usize::MAX]] {
                check(&narrow, bounds);
            }
            // Ids of more than sixteen bits, and in falling order: the count asks for none.
            let wide: Vec<u32> = (0..n as u32).rev().map(|i| i * 65_000).collect();
            for bounds in [[0, 1, n * 32_500, n * 65_000], [65_536, 1 << 31, 1 << 32, usize::MAX]] {
                check(&wide, bounds);
            }
        }
        let many: Vec<u32> = (0..200_000).map(|i| i % 100).collect();
        check(&many, [0, 50, 100, 1 << 20]);
        // However often they occur.
        let repeated: Vec<_> = (0..200u16).map(|id| (327 * id).repeated(id ^ 1)).collect();
        check(&repeated, [0, 327, 328, 65_535]);
        let repeated: Vec<_> = (0..200u32).map(|id| (id << 24).repeated(u16::MAX)).collect();
        check(&repeated, [0, 1 << 24, 1 << 31, 1 << 32]);
    }
}
