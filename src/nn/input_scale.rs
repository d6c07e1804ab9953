//! How much each word of a review counts.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// What the input of a network is, where it is not 1 for each word that is there: for review `i` and word `j`
///
/// ```text
/// x_ij = s_i r_j        s_i = 1 / sqrt(sum of r_j^2 over the words of i) where rows are normalised, else 1
/// ```
///
/// Neither is ever stored beside the indices. The first kernel of a network that has a scale is kept as the product
/// `v_j = r_j w_j`, so that a review's sum is `s_i` times the sum of its words' rows, as fast as without.
#[derive(Debug, Clone, PartialEq)]
pub struct InputScale {
    features: Vec<f32>,
    row_norm: RowNorm,
}

/// What the length of a review's input becomes (`sklearn.preprocessing.Normalizer`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum RowNorm {
    /// It is as it is.
    #[default]
    None,
    /// 1, by the Euclidean norm.
    L2,
}

impl RowNorm {
    /// All of them, in the order in which help texts list them.
    pub const ALL: [RowNorm; 2] = [RowNorm::None, RowNorm::L2];

    /// Its name on the command line and in files.
    pub const fn name(self) -> &'static str {
        match self {
            RowNorm::None => "none",
            RowNorm::L2 => "l2",
        }
    }
}

impl fmt::Display for RowNorm {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for RowNorm {
    type Err = Error;

    fn from_str(name: &str) -> Result<RowNorm> {
        let found = RowNorm::ALL.into_iter().find(|norm| norm.name() == name);
        found.ok_or_else(|| Error::unknown("--row-norm", name, &RowNorm::ALL.map(RowNorm::name)))
    }
}

impl fmt::Display for InputScale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_words = if self.features.is_empty() { "none of words" } else { "one a word" };
        write!(f, "{of_words}, row norm {}", self.row_norm)
    }
}

impl InputScale {
    /// By a scale for each feature, which may be none at all where every word counts 1, and the norm.
    pub fn new(features: Vec<f32>, row_norm: RowNorm) -> InputScale {
        InputScale { features, row_norm }
    }

    /// `r`, one a feature; `None` where every word counts 1.
    pub fn features(&self) -> Option<&[f32]> {
        (!self.features.is_empty()).then_some(&self.features)
    }

    /// What becomes of the length of a review.
    pub fn row_norm(&self) -> RowNorm {
        self.row_norm
    }

    /// Whether reviews have a scale of their own.
    pub fn normalises(&self) -> bool {
        self.row_norm != RowNorm::None
    }

    /// The sum of `r_j^2` over some words. It depends on their order, to rounding.
    #[inline]
    pub fn squares(&self, words: impl Iterator<Item = usize>) -> f64 {
        let square = |word: usize| {
            self.features.get(word).map_or(1.0, |&scale| f64::from(scale) * f64::from(scale))
        };
        words.map(square).sum()
    }

    /// `s`, the scale of a review by the sum of its words' squares; 1 where that is 0, as scikit-learn leaves such rows alone.
    #[inline]
    pub fn of_squares(&self, squares: f64) -> f32 {
        match self.row_norm {
            // Bounded, since a file may hold scales whose squares are next to nothing.
            RowNorm::L2 if squares > 0.0 => (1.0 / squares.sqrt()).min(f64::from(f32::MAX)) as f32,
            RowNorm::L2 | RowNorm::None => 1.0,
        }
    }

    /// `s`, the scale of a review by its words. It depends on their order, to rounding.
    #[inline]
    pub fn row(&self, words: impl Iterator<Item = usize>) -> f32 {
        match self.normalises() {
            true => self.of_squares(self.squares(words)),
            false => 1.0,
        }
    }

    /// Multiplies the rows of a kernel, `[features, width]`, by the features' scales.
    ///
    /// # Panics
    /// If the kernel has other than one row a scale.
    pub fn multiply(&self, kernel: &mut [f32]) {
        let Some(scales) = self.features() else { return };
        let width = kernel.len() / scales.len();
        assert_eq!(kernel.len(), scales.len() * width, "a row for each scale");
        for (row, &scale) in kernel.chunks_exact_mut(width).zip(scales) {
            row.iter_mut().for_each(|weight| *weight *= scale);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviews_get_the_length_1() {
        let scale = InputScale::new(vec![3.0, 0.0, -4.0], RowNorm::L2);
        assert_eq!(scale.row([0, 1, 2].into_iter()), 0.2);
        assert_eq!(scale.row([2].into_iter()), 0.25);
        assert_eq!(scale.row([1].into_iter()), 1.0, "nothing to normalise");
        assert_eq!(scale.row([].into_iter()), 1.0);
        let binary = InputScale::new(Vec::new(), RowNorm::L2);
        assert_eq!(binary.row(0..4), 0.5);
        let tiny = InputScale::new(vec![f32::from_bits(1)], RowNorm::L2);
        assert_eq!(tiny.row([0].into_iter()), f32::MAX);
        assert_eq!(InputScale::new(vec![3.0], RowNorm::None).row([0].into_iter()), 1.0);
    }
}
