//! How weights start (`keras/src/initializers/`).

use std::fmt;
use std::str::FromStr;

use super::{Activation, Dense};
use crate::error::{Error, Result};
use crate::random::Random;
use crate::settings::{Bound, Settings, expect_numbers};

const OPTION: &str = "--first-kernel-initializer";

/// The weights of a kernel before the first step.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Initializer {
    /// Uniform between `-l` and `l`, where `l = sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio 2010).
    GlorotUniform,
    /// All 0. Behind a first kernel of zeros hidden layers of relu never learn: their gradient is 0 there.
    Zeros,
    /// Uniform from `minval` to below `maxval`.
    RandomUniform {
        /// The lowest.
        minval: f32,
        /// What all are below, but for rounding.
        maxval: f32,
    },
}

impl Initializer {
    /// The names that are read, in the order in which error and help texts list them.
    pub const NAMES: [&str; 3] = ["glorot_uniform", "zeros", "random_uniform"];

    /// Checks the values.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub fn check(self) -> Result<()> {
        let Initializer::RandomUniform { minval, maxval } = self else { return Ok(()) };
        let bounds = [("minval", minval, Bound::Finite), ("maxval", maxval, Bound::Finite)];
        expect_numbers(OPTION, &bounds)?;
        let expected = match maxval - minval {
            0.0..=f32::MAX => return Ok(()),
            f32::INFINITY => "minval and maxval less than 3.4e38 apart",
            _ => "minval up to maxval",
        };
        Err(Error::invalid(OPTION, self, expected))
    }

    /// Checks that the layers behind a first kernel that starts so will learn.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for zeros before relu or prelu: these are 0 there and so are their slopes, and no gradient
    /// comes through. Not so behind sigmoid or softplus, which make something else of 0.
    pub fn check_before(self, hidden: &[Dense]) -> Result<()> {
        let is_zero = match self {
            Initializer::Zeros => true,
            Initializer::GlorotUniform => false,
            Initializer::RandomUniform { minval, maxval } => minval == 0.0 && maxval == 0.0,
        };
        let keeps_zero = |layer: &&Dense| {
            is_zero && !matches!(layer.activation, Activation::Sigmoid | Activation::Softplus)
        };
        let is_deaf =
            |layer: &&Dense| matches!(layer.activation, Activation::Relu | Activation::Prelu);
        match hidden.iter().take_while(keeps_zero).find(is_deaf) {
            None => Ok(()),
            Some(layer) => {
                let name = layer.activation.name();
                let expected = format!(
                    "--first-kernel-initializer glorot_uniform, --activation tanh or --hidden none: hidden layers of {name} \
                     never learn behind zeros"
                );
                Err(Error::invalid(OPTION, self, expected))
            }
        }
    }

    /// Fills a kernel, `[fan_in, fan_out]`.
    pub(super) fn fill(
        self,
        random: &mut Random,
        kernel: &mut [f32],
        [fan_in, fan_out]: [usize; 2],
    ) {
        match self {
            Initializer::Zeros => kernel.fill(0.0),
            Initializer::GlorotUniform => {
                let limit = (6.0 / (fan_in + fan_out) as f64).sqrt() as f32;
                kernel.fill_with(|| (2.0 * random.uniform_f32() - 1.0) * limit);
            }
            Initializer::RandomUniform { minval, maxval } => {
                kernel.fill_with(|| minval + (maxval - minval) * random.uniform_f32());
            }
        }
    }
}

/// As it is read.
impl fmt::Display for Initializer {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Initializer::GlorotUniform => f.write_str("glorot_uniform"),
            Initializer::Zeros => f.write_str("zeros"),
            Initializer::RandomUniform { minval, maxval } => {
                write!(f, "random_uniform:minval={minval},maxval={maxval}")
            }
        }
    }
}

impl FromStr for Initializer {
    type Err = Error;

    fn from_str(text: &str) -> Result<Initializer> {
        let mut settings = Settings::parse(OPTION, text)?;
        let initializer = match settings.name() {
            "glorot_uniform" => Initializer::GlorotUniform,
            "zeros" => Initializer::Zeros,
            "random_uniform" => {
                let (mut minval, mut maxval) = (-0.05f32, 0.05f32);
                for (key, value) in [("minval", &mut minval), ("maxval", &mut maxval)] {
                    settings.number(key, Bound::Finite, value)?;
                }
                settings.nothing_left("minval, maxval")?;
                Initializer::RandomUniform { minval, maxval }
            }
            _ => return Err(settings.unknown(&Initializer::NAMES)),
        };
        settings.nothing_left("")?;
        initializer.check()?;
        Ok(initializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn values_fill_their_range() {
        let filled = |text: &str| {
            let mut kernel = vec![7.0; 10_000];
            let initializer: Initializer = text.parse().unwrap();
            assert_eq!(initializer.to_string().parse::<Initializer>().unwrap(), initializer);
            let random = &mut Random::new(1, Stream::Initialisation);
            initializer.fill(random, &mut kernel, [1000, 10]);
            let extremes = kernel.iter().fold([f32::MAX, f32::MIN], |[low, high], &value| {
                [low.min(value), high.max(value)]
            });
            let mean = kernel.iter().sum::<f32>() / kernel.len() as f32;
            (extremes, mean)
        };
        for (text, low, high) in [
            ("glorot_uniform", -0.0771, 0.0771),
            ("random_uniform", -0.05, 0.05),
            ("random_uniform:minval=1,maxval=3", 1.0, 3.0),
            ("zeros", 0.0, 0.0),
            ("random_uniform:minval=2,maxval=2", 2.0, 2.0),
        ] {
            let ([lowest, highest], mean) = filled(text);
            let range = high - low;
            assert!(lowest >= low && lowest <= low + 0.01 * range, "{text}: {lowest}");
            assert!(highest <= high && highest >= high - 0.01 * range, "{text}: {highest}");
            assert!((mean - (low + high) / 2.0).abs() <= 0.01 * range, "{text}: {mean}");
        }
    }

    #[test]
    fn zeros_go_before_layers_that_learn_from_them() {
        use Activation::{Prelu, Relu, Sigmoid, Softplus, Tanh};
        for (text, activations, is_fit) in [
            ("zeros", &[Relu][..], false),
            ("random_uniform:minval=0,maxval=0", &[Prelu], false),
            ("zeros", &[Tanh], true),
            ("zeros", &[Tanh, Relu], false),
            ("zeros", &[Sigmoid, Relu], true),
            ("zeros", &[Tanh, Softplus, Prelu], true),
            ("glorot_uniform", &[Relu], true),
            ("random_uniform", &[Relu], true),
            ("zeros", &[], true),
        ] {
            let initializer: Initializer = text.parse().unwrap();
            let layer = |&activation: &Activation| Dense { units: 4, activation };
            let hidden: Vec<Dense> = activations.iter().map(layer).collect();
            let checked = initializer.check_before(&hidden);
            assert_eq!(checked.is_ok(), is_fit, "{text} before {activations:?}");
        }
    }

    #[test]
    fn wrong_values_are_told_what_is_right() {
        assert!(Initializer::NAMES.iter().all(|name| name.parse::<Initializer>().is_ok()));
        for (text, part) in [
            ("glorot", "glorot_uniform, zeros, random_uniform"),
            ("zeros:value=1", "has no parameters"),
            ("random_uniform:0.05", "parameter=value"),
            ("random_uniform:limit=1", "minval, maxval"),
            ("random_uniform:minval=nan", "a number"),
            ("random_uniform:minval=1", "minval up to maxval"),
            ("random_uniform:minval=-2e38,maxval=2e38", "less than 3.4e38 apart"),
        ] {
            let error = text.parse::<Initializer>().unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(part), "{text}: {error}");
        }
    }
}
