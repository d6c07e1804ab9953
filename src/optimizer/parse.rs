//! Optimizers by name, as the command line and model files write them: `rmsprop:rho=0.9,centered=true`.

use std::str::FromStr;

use super::{Adagrad, Adam, Optimizer, RmsProp, Sgd};
use crate::error::{Error, Result};

const OPTION: &str = "--optimizer";

/// Reads `name` or `name:parameter=value,...`, with Keras' names and defaults. A learning rate given apart wins over
/// the optimizer's default and must not stand in both places.
///
/// # Errors
/// [`Error::InvalidOption`] that names the known optimizers, parameters or bounds.
pub fn parse(text: &str, learning_rate: Option<f32>) -> Result<Box<dyn Optimizer>> {
    let (name, settings) = text.split_once(':').unwrap_or((text, ""));
    let mut settings = Settings::parse(text, settings)?;
    if let Some(rate) = learning_rate {
        if settings.0.iter().any(|(key, _)| key == "learning_rate") {
            let expected = "a learning rate here or in --learning-rate, not both";
            return Err(Error::invalid(OPTION, text, expected));
        }
        settings.0.push(("learning_rate".to_owned(), rate.to_string()));
    }
    let optimizer: Box<dyn Optimizer> = match name {
        "rmsprop" => {
            let mut it = RmsProp::default();
            settings.rate(&mut it.learning_rate)?;
            settings.share("rho", &mut it.rho)?;
            settings.share("momentum", &mut it.momentum)?;
            settings.positive("epsilon", &mut it.epsilon)?;
            settings.flag("centered", &mut it.centered)?;
            settings.nothing_left("learning_rate, rho, momentum, epsilon, centered")?;
            Box::new(it)
        }
        "sgd" => {
            let mut it = Sgd::default();
            settings.rate(&mut it.learning_rate)?;
            settings.share("momentum", &mut it.momentum)?;
            settings.flag("nesterov", &mut it.nesterov)?;
            settings.nothing_left("learning_rate, momentum, nesterov")?;
            Box::new(it)
        }
        "adagrad" => {
            let mut it = Adagrad::default();
            settings.rate(&mut it.learning_rate)?;
            settings.positive("initial_accumulator_value", &mut it.initial_accumulator_value)?;
            settings.positive("epsilon", &mut it.epsilon)?;
            settings.nothing_left("learning_rate, initial_accumulator_value, epsilon")?;
            Box::new(it)
        }
        "adam" | "adamw" => {
            let decays = name == "adamw";
            let mut it = if decays { Adam::with_weight_decay() } else { Adam::default() };
            settings.rate(&mut it.learning_rate)?;
            settings.share("beta_1", &mut it.beta_1)?;
            settings.share("beta_2", &mut it.beta_2)?;
            settings.positive("epsilon", &mut it.epsilon)?;
            settings.flag("amsgrad", &mut it.amsgrad)?;
            if let Some(decay) = &mut it.weight_decay {
                settings.positive("weight_decay", decay)?;
            }
            let also = if decays { ", weight_decay" } else { "" };
            settings
                .nothing_left(&format!("learning_rate, beta_1, beta_2, epsilon, amsgrad{also}"))?;
            Box::new(it)
        }
        _ => {
            let expected = "one of rmsprop, sgd, adam, adamw, adagrad";
            return Err(Error::invalid(OPTION, name, expected));
        }
    };
    Ok(optimizer)
}

/// The `parameter=value` pairs that nobody has asked for yet.
struct Settings(Vec<(String, String)>);

impl Settings {
    fn parse(whole: &str, text: &str) -> Result<Settings> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in text.split(',').filter(|pair| !pair.is_empty()) {
            let Some((key, value)) = pair.split_once('=') else {
                return Err(Error::invalid(OPTION, whole, "`name:parameter=value,...`"));
            };
            let key = key.trim().replace('-', "_");
            if pairs.iter().any(|(other, _)| *other == key) {
                return Err(Error::invalid(OPTION, whole, format!("`{key}` once")));
            }
            pairs.push((key, value.trim().to_owned()));
        }
        Ok(Settings(pairs))
    }

    /// Sets `target` if the parameter is there and passes the test.
    fn take<T: FromStr + Copy>(
        &mut self,
        key: &str,
        target: &mut T,
        passes: impl Fn(T) -> bool,
        expected: &str,
    ) -> Result<()> {
        let Some(at) = self.0.iter().position(|(name, _)| name == key) else { return Ok(()) };
        let (_, value) = self.0.remove(at);
        match value.parse() {
            Ok(parsed) if passes(parsed) => *target = parsed,
            _ => return Err(Error::invalid(format!("{key} of {OPTION}"), value, expected)),
        }
        Ok(())
    }

    fn rate(&mut self, target: &mut f32) -> Result<()> {
        let passes = |x: f32| x.is_finite() && x > 0.0;
        self.take("learning_rate", target, passes, "a number above 0")
    }

    fn share(&mut self, key: &str, target: &mut f32) -> Result<()> {
        self.take(key, target, |x| (0.0..1.0).contains(&x), "a number from 0 to below 1")
    }

    fn positive(&mut self, key: &str, target: &mut f32) -> Result<()> {
        self.take(key, target, |x: f32| x.is_finite() && x >= 0.0, "a number of at least 0")
    }

    fn flag(&mut self, key: &str, target: &mut bool) -> Result<()> {
        self.take(key, target, |_| true, "true or false")
    }

    fn nothing_left(&self, known: &str) -> Result<()> {
        match self.0.first() {
            None => Ok(()),
            Some((key, _)) => Err(Error::invalid(
                format!("a parameter of {OPTION}"),
                key,
                format!("one of {known}"),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse(text, None).unwrap_err().to_string()
    }

    #[test]
    fn parameters_have_keras_names() {
        let it = parse("rmsprop:rho=0.8,momentum=0.5,centered=true,epsilon=1e-6", Some(0.002));
        let expected = RmsProp {
            learning_rate: 0.002,
            rho: 0.8,
            momentum: 0.5,
            epsilon: 1e-6,
            centered: true,
        };
        assert_eq!(format!("{:?}", it.unwrap()), format!("{expected:?}"));
    }

    #[test]
    fn wrong_values_are_told_what_is_right() {
        assert!(message("rmsporp").contains("rmsprop, sgd"));
        assert!(message("sgd:rho=1").contains("learning_rate, momentum, nesterov"));
        assert!(message("adam:beta_1=1.5").contains("from 0 to below 1"));
        assert!(message("adam:beta_1").contains("parameter=value"));
        assert!(message("sgd:momentum=0.5,momentum=0.6").contains("once"));
        assert!(parse("sgd:learning_rate=1", Some(0.1)).unwrap_err().is_usage());
    }
}
