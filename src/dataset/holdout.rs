//! Which reviews are trained on and which are held out to validate.

use std::fmt;
use std::num::IntErrorKind;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Dataset, Split};
use crate::error::{Error, Result};

/// What a run validates on after each epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Holdout {
    /// Nothing.
    None,
    /// The first so many training reviews, as the book holds out its first 10,000; they are not trained on.
    First(usize),
    /// The first part of the training reviews, rounded down, such as 0.4. Keras' `validation_split` is the last part.
    Fraction(f64),
    /// Another split, whole; all training reviews are trained on.
    Split(Split),
}

/// As `--validation` takes it: `test`, a number of reviews, a part of them, or 0.
impl FromStr for Holdout {
    type Err = Error;

    fn from_str(text: &str) -> Result<Holdout> {
        if text == Split::Test.name() {
            return Ok(Holdout::Split(Split::Test));
        }
        match (text.parse::<usize>(), text.parse::<f64>()) {
            (Ok(0), _) => Ok(Holdout::None),
            (Ok(count), _) => Ok(Holdout::First(count)),
            (_, Ok(part)) if (0.0..1.0).contains(&part) => Ok(Holdout::Fraction(part)),
            (count, _) => {
                let is_large = count.is_err_and(|error| *error.kind() == IntErrorKind::PosOverflow);
                let expected = match is_large {
                    true => "a smaller number",
                    false => "a number of reviews, a part such as 0.4, `test`, or 0",
                };
                Err(Error::invalid("--validation", text, expected))
            }
        }
    }
}

/// As a user writes it; a part has a point in it. [`Holdout::from_str`] reads again what [`Holdout::rows`] does not refuse; the first 0
/// reviews are [`Holdout::None`].
impl fmt::Display for Holdout {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Holdout::None => f.write_str("0"),
            Holdout::First(count) => write!(f, "{count}"),
            Holdout::Fraction(part) => write!(f, "{part:?}"),
            Holdout::Split(split) => f.write_str(split.name()),
        }
    }
}

impl TryFrom<String> for Holdout {
    type Error = Error;

    fn try_from(text: String) -> Result<Holdout> {
        text.parse()
    }
}

impl From<Holdout> for String {
    fn from(holdout: Holdout) -> String {
        holdout.to_string()
    }
}

/// The rows that a run validates on, and their split.
pub type HeldOut = (Split, Range<usize>);

impl Holdout {
    /// The rows to train on, of the train split, and those to validate on.
    ///
    /// # Errors
    /// [`Error::Unfit`] where nothing is left to train on or the dataset has no such split;
    /// [`Error::InvalidOption`] for a fraction that is not between 0 and 1.
    pub fn rows(self, dataset: &Dataset) -> Result<(Range<usize>, Option<HeldOut>)> {
        let rows = dataset.csr(Split::Train)?.rows();
        if rows == 0 {
            return Err(Error::Unfit {
                option: "the dataset",
                value: dataset.container().path().display().to_string(),
                reason: "its train split has no review".to_owned(),
                remedy: "import reviews to train on".to_owned(),
            });
        }
        let first = match self {
            Holdout::None => 0,
            Holdout::First(count) => count,
            // A part that is written in decimals may be a little less than it says: 0.29 of 400 is 116.
            Holdout::Fraction(part) if (0.0..1.0).contains(&part) => {
                (rows as f64 * part + 1e-9) as usize
            }
            Holdout::Fraction(part) => {
                return Err(Error::invalid("--validation", part, "a fraction below 1"));
            }
            Holdout::Split(Split::Train) => {
                let expected = "`test`, a number of training reviews, or a fraction of them";
                return Err(Error::invalid("--validation", "train", expected));
            }
            Holdout::Split(split) => {
                let labels = dataset.labels(split).map_err(|error| match error {
                    // The option that the user gave.
                    Error::Unfit { value, reason, remedy, .. } => {
                        Error::Unfit { option: "--validation", value, reason, remedy }
                    }
                    other => other,
                })?;
                let held_out = 0..labels.len();
                if held_out.is_empty() {
                    return Err(self.is_nobody(format!("the {} split has no review", split.name())));
                }
                return Ok((0..rows, Some((split, held_out))));
            }
        };
        let is_nobody = first == 0 && matches!(self, Holdout::Fraction(part) if part > 0.0);
        if rows == 1 && (first > 0 || is_nobody) {
            return Err(Error::Unfit {
                option: "--validation",
                value: self.to_string(),
                reason: "the train split has one review, too little to hold any out".to_owned(),
                remedy: "import more, or train on it by --validation 0".to_owned(),
            });
        }
        if is_nobody {
            return Err(self.is_nobody(format!("of {rows} reviews that is less than one")));
        }
        if first >= rows {
            return Err(Error::Unfit {
                option: "--validation",
                value: first.to_string(),
                reason: format!("the train split has {rows} reviews, and none is left to train on"),
                remedy: "hold out fewer, or a part of them such as --validation 0.4".to_owned(),
            });
        }
        Ok((first..rows, (first > 0).then_some((Split::Train, 0..first))))
    }

    /// Where it was asked for and holds nobody.
    fn is_nobody(self, reason: String) -> Error {
        let remedy = "hold out more, or nothing by --validation 0".to_owned();
        Error::Unfit { option: "--validation", value: self.to_string(), reason, remedy }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_text_is_read_again() {
        for text in ["0", "10000", "0.4", "0.0", "test"] {
            assert_eq!(text.parse::<Holdout>().unwrap().to_string(), text);
        }
        for wrong in ["", "-1", "1.5", "train", "NaN", "unlabelled"] {
            assert!(wrong.parse::<Holdout>().unwrap_err().is_usage(), "{wrong}");
        }
    }
}
