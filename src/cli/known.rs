//! Names that an option takes.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Command};
use imdb_fast::Error;

/// The word for nothing.
const NONE: &str = "none";

/// A name, or nothing where `none` takes the place of one that would count otherwise, such as a preset's.
pub(super) type Choice = Option<String>;

/// Takes any text, which who uses it checks; a shell offers the names that are known. Parameters may follow them, other
/// spellings name the same, and lists have several: clap's own parser of possible values would refuse all of these.
#[derive(Debug, Clone)]
pub(super) struct Known(Vec<&'static str>);

impl Known {
    pub(super) fn of(names: impl IntoIterator<Item = &'static str>) -> Known {
        Known(names.into_iter().collect())
    }

    /// Takes `none` besides.
    pub(super) fn and_none(mut self) -> Known {
        self.0.push(NONE);
        self
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

/// What a text chooses.
pub(super) fn choice(text: String) -> Choice {
    Some(text).filter(|text| text != NONE)
}
