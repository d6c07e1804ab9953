//! How reviews without a label are used.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::settings::{Bound, Settings, expect_numbers};
use crate::train::{FeatureScale, FitOptions};

const OPTION: &str = "--self-training";
const NAME: &str = "pseudo-labels";

/// The student's part of self-training; the teacher is trained by the options as they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SelfTraining {
    /// The smoothing of the words' scale, counted anew on all reviews, where words have one. Labels that were guessed deserve
    /// more of it than given ones.
    pub smoothing: f32,
    /// Epochs over the labelled reviews at the end, with an optimizer whose state begins anew.
    pub fine_tuning_epochs: usize,
    /// The part of the learning rate that these begin with.
    pub fine_tuning_rate: f32,
}

impl Default for SelfTraining {
    fn default() -> SelfTraining {
        SelfTraining { smoothing: 2.0, fine_tuning_epochs: 1, fine_tuning_rate: 1.0 / 3.0 }
    }
}

impl SelfTraining {
    /// Checks the values.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub fn check(&self) -> Result<()> {
        let numbers = [
            ("smoothing", self.smoothing, Bound::AboveZero),
            ("fine_tuning_rate", self.fine_tuning_rate, Bound::PartAboveZero),
        ];
        expect_numbers(OPTION, &numbers)
    }

    /// Checks that it can do what the teachers' options ask for: students on all reviews have nothing to validate on.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] where they ask for a best epoch.
    pub(super) fn check_with(&self, options: &FitOptions) -> Result<()> {
        if options.keep_best || options.early_stopping.is_some() {
            let expected = "options without a best epoch: students have nothing to validate on";
            return Err(Error::invalid(OPTION, self, expected));
        }
        Ok(())
    }

    /// What a run's options become for the student on all reviews.
    pub(super) fn on_all(&self, options: FitOptions) -> FitOptions {
        let SelfTraining { smoothing, .. } = *self;
        let feature_scale = options
            .feature_scale
            .map(|FeatureScale::NaiveBayes { .. }| FeatureScale::NaiveBayes { smoothing });
        FitOptions { feature_scale, ..options }
    }

    /// And for the same on those that have a label.
    pub(super) fn fine_tuning(&self, mut options: FitOptions) -> FitOptions {
        options.epochs = self.fine_tuning_epochs;
        options.schedule.peak *= self.fine_tuning_rate;
        options
    }
}

/// As it is read: `pseudo-labels:smoothing=2,fine_tuning_epochs=1,fine_tuning_rate=0.3`.
impl FromStr for SelfTraining {
    type Err = Error;

    fn from_str(text: &str) -> Result<SelfTraining> {
        let mut settings = Settings::parse(OPTION, text)?;
        if settings.name() != NAME {
            return Err(settings.unknown(&[NAME]));
        }
        let mut training = SelfTraining::default();
        settings.number("smoothing", Bound::AboveZero, &mut training.smoothing)?;
        let epochs = &mut training.fine_tuning_epochs;
        settings.take("fine_tuning_epochs", epochs, "a number of epochs")?;
        let rate = &mut training.fine_tuning_rate;
        settings.number("fine_tuning_rate", Bound::PartAboveZero, rate)?;
        settings.nothing_left("smoothing, fine_tuning_epochs, fine_tuning_rate")?;
        training.check()?;
        Ok(training)
    }
}

impl fmt::Display for SelfTraining {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let SelfTraining { smoothing, fine_tuning_epochs, fine_tuning_rate } = self;
        write!(f, "{NAME}:smoothing={smoothing},fine_tuning_epochs={fine_tuning_epochs},")?;
        write!(f, "fine_tuning_rate={fine_tuning_rate}")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Ensemble;
    use super::*;

    #[test]
    fn its_text_is_read_again() {
        for text in ["pseudo-labels", "pseudo-labels:smoothing=0.5,fine_tuning_epochs=0"] {
            let training: SelfTraining = text.parse().unwrap();
            assert_eq!(training.to_string().parse::<SelfTraining>().unwrap(), training, "{text}");
        }
        for wrong in [
            "",
            "teacher",
            "pseudo-labels:smoothing=0",
            "pseudo-labels:fine_tuning_epochs=-1",
            "pseudo-labels:fine_tuning_rate=2",
            "pseudo-labels:rounds=2",
        ] {
            assert!(wrong.parse::<SelfTraining>().unwrap_err().is_usage(), "{wrong}");
        }
        let training = SelfTraining { fine_tuning_rate: f32::NAN, ..SelfTraining::default() };
        let ensemble = Ensemble { members: 2, seed: 0, self_training: Some(training) };
        assert!(ensemble.check().unwrap_err().is_usage());
    }
}
