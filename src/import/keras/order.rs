//! The order in which `numpy.random.RandomState(seed).shuffle` leaves `numpy.arange(n)`.
//!
//! Keras shuffles both splits with it, so the same seed must give the same order here. NumPy has frozen this generator
//! ([NEP 19](https://numpy.org/neps/nep-0019-rng-policy.html)); the formulas are those of `random_interval` in
//! `numpy/random/src/distributions/distributions.c` and of `RandomState.shuffle` in `numpy/random/mtrand.pyx`.

use rand_mt::Mt;

/// NumPy's legacy generator, as far as shuffling needs it.
pub(in crate::import) struct RandomState {
    generator: Mt,
}

impl RandomState {
    /// As `numpy.random.RandomState(seed)`.
    pub fn new(seed: u32) -> RandomState {
        RandomState { generator: Mt::new(seed) }
    }

    /// The numbers `0..n`, shuffled. The next call goes on with the same generator.
    pub fn shuffled(&mut self, n: u32) -> Vec<u32> {
        let mut order: Vec<u32> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i as usize, self.up_to(i) as usize);
        }
        order
    }

    /// A uniform number from 0 to `greatest`: draws of as many bits as it has, until one is not above it.
    fn up_to(&mut self, greatest: u32) -> u32 {
        let mask = u32::MAX >> greatest.leading_zeros();
        loop {
            let draw = self.generator.next_u32() & mask;
            if draw <= greatest {
                return draw;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by NumPy 2.4: `r = numpy.random.RandomState(113); a = numpy.arange(20); r.shuffle(a)`, and the same for
    /// `b = numpy.arange(7)`.
    #[test]
    fn shuffles_as_numpy_does() {
        let mut state = RandomState::new(113);
        assert_eq!(state.shuffled(20), EXPECTED_20);
        assert_eq!(state.shuffled(7), EXPECTED_7);
    }

    #[test]
    fn nothing_and_one_need_no_draw() {
        let mut state = RandomState::new(113);
        assert!(state.shuffled(0).is_empty());
        assert_eq!(state.shuffled(1), [0]);
        assert_eq!(state.shuffled(20), EXPECTED_20);
    }

    const EXPECTED_20: [u32; 20] =
        [14, 11, 19, 17, 1, 4, 8, 3, 13, 15, 16, 9, 0, 7, 6, 18, 12, 10, 2, 5];
    const EXPECTED_7: [u32; 7] = [2, 1, 0, 4, 6, 3, 5];
}
