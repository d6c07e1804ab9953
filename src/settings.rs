//! Choices by name, with parameters: `name` or `name:parameter=value,...`, as the command line writes them.

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

    /// Adds a parameter that was given elsewhere.
    pub(crate) fn add(&mut self, key: &str, value: impl ToString) {
        self.pairs.push((key.to_owned(), value.to_string()));
    }

    /// Sets `target` if the parameter is there and passes the test.
    pub(crate) fn take<T: FromStr>(
        &mut self,
        key: &str,
        target: &mut T,
        passes: impl Fn(&T) -> bool,
        expected: &str,
    ) -> Result<()> {
        let Some(at) = self.pairs.iter().position(|(name, _)| name == key) else { return Ok(()) };
        let (_, value) = self.pairs.remove(at);
        match value.parse() {
            Ok(parsed) if passes(&parsed) => *target = parsed,
            _ => {
                let option = format!("{key} of {}", self.option);
                return Err(Error::invalid(option, value, expected));
            }
        }
        Ok(())
    }

    /// A number above 0.
    pub(crate) fn above_zero(&mut self, key: &str, target: &mut f32) -> Result<()> {
        self.take(key, target, |x: &f32| x.is_finite() && *x > 0.0, "a number above 0")
    }

    /// A number from 0 to below 1.
    pub(crate) fn share(&mut self, key: &str, target: &mut f32) -> Result<()> {
        self.take(key, target, |x| (0.0..1.0).contains(x), "a number from 0 to below 1")
    }

    /// A number of at least 0.
    pub(crate) fn positive(&mut self, key: &str, target: &mut f32) -> Result<()> {
        self.take(key, target, |x: &f32| x.is_finite() && *x >= 0.0, "a number of at least 0")
    }

    /// True or false.
    pub(crate) fn flag(&mut self, key: &str, target: &mut bool) -> Result<()> {
        self.take(key, target, |_| true, "true or false")
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
