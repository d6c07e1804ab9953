//! Names that an option takes.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use imdb_fast::Error;

/// Takes any text, which who uses it checks; a shell offers the names that are known. Parameters may follow them, other
/// spellings name the same, and lists have several: clap's own parser of possible values would refuse all of these.
#[derive(Debug, Clone)]
pub(super) struct Known(Vec<&'static str>);

impl Known {
    pub(super) fn of(names: impl IntoIterator<Item = &'static str>) -> Known {
        Known(names.into_iter().collect())
    }
}

impl TypedValueParser for Known {
    type Value = String;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.0.iter().map(PossibleValue::new)))
    }
}

/// The same where the name is all there is to say.
pub(super) fn parsed<T>(
    names: impl IntoIterator<Item = &'static str>,
) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err = Error> + Clone + Send + Sync + 'static,
{
    Known::of(names).try_map(|name| name.parse::<T>())
}

pub(super) const LOSSES: [&str; 3] = ["binary-crossentropy", "mean-squared-error", "hinge"];
pub(super) const OPTIMIZERS: [&str; 5] = ["rmsprop", "sgd", "adam", "adamw", "adagrad"];
pub(super) const SCHEDULES: [&str; 4] = ["constant", "linear", "cosine", "exponential"];
pub(super) const INITIALIZERS: [&str; 3] = ["glorot_uniform", "zeros", "random_uniform"];
pub(super) const METRICS: [&str; 5] = ["accuracy", "precision", "recall", "f1", "auc"];
pub(super) const FEATURE_SCALES: [&str; 1] = ["naive-bayes"];
pub(super) const ROW_NORMS: [&str; 2] = ["none", "l2"];
pub(super) const MEASURES: [&str; 2] = ["val_loss", "val_accuracy"];

#[cfg(test)]
mod tests {
    use imdb_fast::nn::{Initializer, RowNorm, loss};
    use imdb_fast::optimizer::{Schedule, parse};
    use imdb_fast::sweep::Measure;
    use imdb_fast::train::{FeatureScale, metric};

    use super::*;

    #[test]
    fn what_shells_offer_is_accepted() {
        assert!(LOSSES.iter().all(|name| loss(name).is_ok()));
        assert!(OPTIMIZERS.iter().all(|name| parse(name, None).is_ok()));
        assert!(METRICS.iter().all(|name| metric(name).is_ok()));
        assert!(INITIALIZERS.iter().all(|name| name.parse::<Initializer>().is_ok()));
        assert!(FEATURE_SCALES.iter().all(|name| name.parse::<FeatureScale>().is_ok()));
        assert!(ROW_NORMS.iter().all(|name| name.parse::<RowNorm>().is_ok()));
        assert!(MEASURES.iter().all(|name| name.parse::<Measure>().is_ok()));
        for name in SCHEDULES {
            let parameters =
                if name == "exponential" { ":decay_rate=0.5,decay_steps=9" } else { "" };
            assert!(format!("{name}{parameters}").parse::<Schedule>().is_ok(), "{name}");
        }
    }
}
