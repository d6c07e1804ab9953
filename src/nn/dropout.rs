//! Values that are left out at random while a network is trained (`keras/src/layers/regularization/dropout.py`).

use crate::error::{Error, Result};
use crate::kernel::Aligned;
use crate::random::Draws;

/// Leaves out a value with some chance, and divides those that stay by the chance to stay (Srivastava et al. 2014, in the inverted
/// form), so that nothing changes where nothing is left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dropout {
    rate: f32,
    /// Random numbers from here on stay.
    bound: u64,
}

impl Dropout {
    /// By the chance to be left out, from 0 to below 1; `option` is what an error calls it.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub fn new(option: &str, rate: f32) -> Result<Dropout> {
        if !(0.0..1.0).contains(&rate) {
            return Err(Error::invalid(option, rate, "a chance from 0 to below 1"));
        }
        Ok(Dropout { rate, bound: (f64::from(rate) * 2f64.powi(64)) as u64 })
    }

    /// Whether anything is ever left out.
    pub fn is_on(self) -> bool {
        self.rate > 0.0
    }

    /// Whether the value stays that has this random number.
    #[inline]
    pub fn keeps(self, number: u64) -> bool {
        number >= self.bound
    }

    /// What values that stay are multiplied by.
    pub fn scale(self) -> f32 {
        1.0 / (1.0 - self.rate)
    }
}

/// What is left of the outputs of a layer.
#[derive(Debug)]
pub(super) struct Dropped {
    /// 0, or the scale of those that stay: `[rows, units]`.
    mask: Aligned,
    /// `[rows, units]`
    pub(super) h: Aligned,
}

impl Dropped {
    pub(super) fn new(values: usize) -> Dropped {
        Dropped { mask: Aligned::zeros(values), h: Aligned::zeros(values) }
    }

    /// Draws what stays of a row, by the places from `first` on.
    pub(super) fn draw(
        &mut self,
        dropout: Dropout,
        row: usize,
        units: usize,
        (counted, first): (Draws, usize),
    ) {
        let mask = &mut self.mask[row * units..][..units];
        for (place, value) in (first as u64..).zip(mask) {
            *value = if dropout.keeps(counted.at(place)) { dropout.scale() } else { 0.0 };
        }
    }

    /// `h = mask h` of the outputs.
    pub(super) fn forward(&mut self, h: &[f32]) {
        for ((left, h), mask) in self.h.iter_mut().zip(h).zip(&self.mask[..]) {
            *left = h * mask;
        }
    }

    /// `d = mask d`
    pub(super) fn backward(&self, d: &mut [f32]) {
        d.iter_mut().zip(&self.mask[..]).for_each(|(d, mask)| *d *= mask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn as_many_stay_as_the_chance_says() {
        for rate in [0.0, 0.1, 0.5, 0.9] {
            let dropout = Dropout::new("--dropout", rate).unwrap();
            let counted = Draws::numbered(1, Stream::Dropout, 0);
            let kept = (0..100_000).filter(|&place| dropout.keeps(counted.at(place))).count();
            // Standard deviation 158 at most: five of them.
            assert!((kept as f32 - 100_000.0 * (1.0 - rate)).abs() < 790.0, "{rate}: {kept}");
            assert!(rate > 0.0 || kept == 100_000);
            assert!((dropout.scale() * (1.0 - rate) - 1.0).abs() < 1e-6);
        }
        for rate in [-0.1, 1.0, f32::NAN, f32::INFINITY] {
            let error = Dropout::new("--dropout", rate).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains("below 1"), "{error}");
        }
    }
}
