//! Choices by name, with parameters: `name` or `name:parameter=value,...`, as the command line writes them. What the parameters
//! may be is checked by what they are parameters of, which need not come from a text.

use std::fmt::Debug;
use std::str::FromStr;

use crate::error::{Error, Result};

/// A name and the `parameter=value` pairs that nobody has asked for yet.
#[derive(Debug)]
pub(crate) struct Settings<'a> {
    option: &'static str,
    text: &'a str,
    name: &'a str,
    pairs: Vec<(String, String)>,
}

impl<'a> Settings<'a> {
    /// Reads the value of an option.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] where it is not of that form, or has a parameter twice.
    pub(crate) fn parse(option: &'static str, text: &'a str) -> Result<Settings<'a>> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in rest.split(',').filter(|pair| !pair.is_empty()) {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Error::invalid(option, text, "`name:parameter=value,...`"));
            };
            let key = key.trim().replace('-', "_");
            if pairs.iter().any(|(other, _)| *other == key) {
                return Err(Error::invalid(option, text, format!("`{key}` once")));
            }
            pairs.push((key, value.trim().to_owned()));
        }
        Ok(Settings { option, text, name, pairs })
    }

    /// What stands before the parameters.
    pub(crate) fn name(&self) -> &'a str {
        self.name
    }

    /// Whose value it is.
    pub(crate) fn option(&self) -> &'static str {
        self.option
    }

    /// All of it.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Whether the parameter is there and nobody has asked for it yet.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.pairs.iter().any(|(other, _)| other == key)
    }

    /// Adds a number that was given elsewhere.
    pub(crate) fn add(&mut self, key: &str, number: f32) {
        self.pairs.push((key.to_owned(), shown(number)));
    }

    /// Sets `target` if the parameter is there.
    pub(crate) fn take<T: FromStr>(
        &mut self,
        key: &str,
        target: &mut T,
        expected: &str,
    ) -> Result<()> {
        self.take_by(key, target, expected, |text| text.parse().ok())
    }

    /// The same of a number within its bounds. An error shows it as it was written, which may be beyond what an `f32` tells apart.
    pub(crate) fn number<T: Number>(
        &mut self,
        key: &str,
        bound: Bound,
        target: &mut T,
    ) -> Result<()> {
        self.take_by(key, target, bound.expected(), |text| {
            text.parse().ok().filter(|&number: &T| bound.holds(number.into()))
        })
    }

    fn take_by<T>(
        &mut self,
        key: &str,
        target: &mut T,
        expected: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<()> {
        let Some(at) = self.pairs.iter().position(|(name, _)| name == key) else { return Ok(()) };
        let (_, value) = self.pairs.remove(at);
        *target = read(&value).ok_or_else(|| of_parameter(self.option, key, value, expected))?;
        Ok(())
    }

    /// True or false.
    pub(crate) fn flag(&mut self, key: &str, target: &mut bool) -> Result<()> {
        self.take(key, target, "true or false")
    }

    /// Refuses parameters that nobody has asked for.
    pub(crate) fn nothing_left(&self, known: &str) -> Result<()> {
        match self.pairs.first() {
            None => Ok(()),
            Some((key, _)) => {
                let expected = match known {
                    "" => format!("left out: {} has no parameters", self.name),
                    _ => format!("one of {known}"),
                };
                Err(Error::invalid(format!("a parameter of {}", self.option), key, expected))
            }
        }
    }

    /// That the name is none of those known.
    pub(crate) fn unknown(&self, known: &[&str]) -> Error {
        Error::unknown(self.option, self.name, known)
    }
}

/// What a parameter that is a number is kept as: `f32`, or `f64` where it goes on in `f64`.
pub(crate) trait Number: Copy + Debug + FromStr + Into<f64> {}

impl Number for f32 {}
impl Number for f64 {}

/// Which numbers a parameter may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Bound {
    Finite,
    AboveZero,
    AtLeastZero,
    /// A positive number that is not denormal.
    Normal,
    /// From 0 to below 1.
    Share,
    /// From 0 to 1.
    Part,
    /// The same, but not 0.
    PartAboveZero,
}

impl Bound {
    fn holds(self, x: f64) -> bool {
        x.is_finite()
            && match self {
                Bound::Finite => true,
                Bound::AboveZero => x > 0.0,
                Bound::AtLeastZero => x >= 0.0,
                Bound::Normal => x >= f64::from(f32::MIN_POSITIVE),
                Bound::Share => (0.0..1.0).contains(&x),
                Bound::Part => (0.0..=1.0).contains(&x),
                Bound::PartAboveZero => 0.0 < x && x <= 1.0,
            }
    }

    fn expected(self) -> &'static str {
        match self {
            Bound::Finite => "a number",
            Bound::AboveZero => "a number above 0",
            Bound::AtLeastZero => "a number of at least 0",
            Bound::Normal => "a number of at least 1.2e-38",
            Bound::Share => "a number from 0 to below 1",
            Bound::Part => "a number from 0 to 1",
            Bound::PartAboveZero => "a number above 0, up to 1",
        }
    }
}

/// Refuses parameters of an option that are not within their bounds.
///
/// # Errors
/// [`Error::InvalidOption`]
pub(crate) fn expect_numbers<T: Number>(option: &str, numbers: &[(&str, T, Bound)]) -> Result<()> {
    match numbers.iter().find(|&&(_, number, bound)| !bound.holds(number.into())) {
        None => Ok(()),
        Some((key, number, bound)) => {
            Err(of_parameter(option, key, shown(*number), bound.expected()))
        }
    }
}

/// Without a row of zeros where it is tiny.
fn shown(number: impl Number) -> String {
    let text = format!("{number:?}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

/// That a parameter of an option is wrong.
pub(crate) fn of_parameter(option: &str, key: &str, value: impl ToString, expected: &str) -> Error {
    Error::invalid(format!("{key} of {option}"), value, expected)
}
