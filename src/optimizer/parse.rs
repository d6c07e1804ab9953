//! Optimizers by name, as the command line and model files write them: `rmsprop:rho=0.9,centered=true`.

use super::{Adagrad, Adam, LEARNING_RATE, Optimizer, RmsProp, Sgd, WEIGHT_DECAY};
use crate::error::{Error, Result};
use crate::settings::{Bound, Settings};

/// The names that are read, in the order in which error and help texts list them.
pub const OPTIMIZERS: [&str; 5] = ["rmsprop", "sgd", "adam", "adamw", "adagrad"];

const OPTION: &str = "--optimizer";
const BIAS_OPTION: &str = "--bias-optimizer";

/// Reads `name` or `name:parameter=value,...`, with Keras' names and defaults. A learning rate given apart wins over
/// the optimizer's default and must not stand in both places.
///
/// # Errors
/// [`Error::InvalidOption`] that names the known optimizers, parameters or bounds.
pub fn parse(text: &str, learning_rate: Option<f32>) -> Result<Box<dyn Optimizer>> {
    let mut settings = Settings::parse(OPTION, text)?;
    if let Some(rate) = learning_rate {
        if settings.has(LEARNING_RATE) {
            let expected = "a learning rate here or in --learning-rate, not both";
            return Err(Error::invalid(OPTION, text, expected));
        }
        settings.add(LEARNING_RATE, rate);
    }
    read(settings)
}

/// The same of an optimizer for the biases alone.
///
/// # Errors
/// [`Error::InvalidOption`] as for [`parse`].
pub fn parse_for_biases(text: &str) -> Result<Box<dyn Optimizer>> {
    read(Settings::parse(BIAS_OPTION, text)?)
}

fn read(mut settings: Settings<'_>) -> Result<Box<dyn Optimizer>> {
    let name = settings.name();
    let optimizer: Box<dyn Optimizer> = match name {
        "rmsprop" => {
            let mut it = RmsProp::default();
            settings.number(LEARNING_RATE, Bound::AboveZero, &mut it.learning_rate)?;
            settings.number("rho", Bound::Share, &mut it.rho)?;
            settings.number("momentum", Bound::Share, &mut it.momentum)?;
            settings.number("epsilon", Bound::Normal, &mut it.epsilon)?;
            settings.flag("centered", &mut it.centered)?;
            settings.number(WEIGHT_DECAY, Bound::AtLeastZero, &mut it.weight_decay)?;
            nothing_left(
                &settings,
                "learning_rate, rho, momentum, epsilon, centered, weight_decay",
            )?;
            Box::new(it)
        }
        "sgd" => {
            let mut it = Sgd::default();
            settings.number(LEARNING_RATE, Bound::AboveZero, &mut it.learning_rate)?;
            settings.number("momentum", Bound::Share, &mut it.momentum)?;
            settings.flag("nesterov", &mut it.nesterov)?;
            settings.number(WEIGHT_DECAY, Bound::AtLeastZero, &mut it.weight_decay)?;
            nothing_left(&settings, "learning_rate, momentum, nesterov, weight_decay")?;
            Box::new(it)
        }
        "adagrad" => Box::new(adagrad(&mut settings)?),
        "adam" | "adamw" => {
            let decays = name == "adamw";
            let mut it = if decays { Adam::with_weight_decay() } else { Adam::default() };
            settings.number(LEARNING_RATE, Bound::AboveZero, &mut it.learning_rate)?;
            settings.number("beta_1", Bound::Share, &mut it.beta_1)?;
            settings.number("beta_2", Bound::Share, &mut it.beta_2)?;
            settings.number("epsilon", Bound::Normal, &mut it.epsilon)?;
            settings.flag("amsgrad", &mut it.amsgrad)?;
            if let Some(decay) = &mut it.weight_decay {
                settings.number(WEIGHT_DECAY, Bound::AtLeastZero, decay)?;
            }
            // Biases have no rows.
            let has_rows = settings.option() == OPTION;
            if has_rows && !decays {
                settings.take("rows", &mut it.rows, "all or touched")?;
            }
            let also = match (decays, has_rows) {
                (true, true) => ", weight_decay (rows is adam's)",
                (false, true) => ", rows (weight_decay is adamw's)",
                (true, false) => ", weight_decay",
                (false, false) => " (weight_decay is adamw's)",
            };
            let known = format!("learning_rate, beta_1, beta_2, epsilon, amsgrad{also}");
            nothing_left(&settings, &known)?;
            Box::new(it)
        }
        _ => return Err(settings.unknown(&OPTIMIZERS)),
    };
    optimizer.check(settings.option())?;
    Ok(optimizer)
}

/// Refuses parameters that nobody has asked for. Some that Keras' optimizers have are options here.
fn nothing_left(settings: &Settings<'_>, known: &str) -> Result<()> {
    let elsewhere = "--global-clipnorm and --average-weights are options of their own";
    settings.nothing_left(&format!("{known}; {elsewhere}"))
}

fn adagrad(settings: &mut Settings<'_>) -> Result<Adagrad> {
    const INITIAL: [&str; 2] = ["initial_accumulator_value", "initial_accumulator"];
    let mut it = Adagrad::default();
    settings.number(LEARNING_RATE, Bound::AboveZero, &mut it.learning_rate)?;
    if INITIAL.iter().all(|name| settings.has(name)) {
        return Err(Error::invalid(settings.option(), settings.text(), "the accumulator once"));
    }
    for name in INITIAL {
        settings.number(name, Bound::AtLeastZero, &mut it.initial_accumulator_value)?;
    }
    settings.number("epsilon", Bound::AtLeastZero, &mut it.epsilon)?;
    settings.number(WEIGHT_DECAY, Bound::AtLeastZero, &mut it.weight_decay)?;
    nothing_left(settings, "learning_rate, initial_accumulator_value, epsilon, weight_decay")?;
    Ok(it)
}

#[cfg(test)]
mod tests {
    use super::super::Idle;
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
            weight_decay: 0.0,
        };
        assert_eq!(format!("{:?}", it.unwrap()), format!("{expected:?}"));
        let it = parse("adagrad:initial_accumulator=1e-8,epsilon=0", None).unwrap();
        let expected =
            Adagrad { initial_accumulator_value: 1e-8, epsilon: 0.0, ..Adagrad::default() };
        assert_eq!(format!("{it:?}"), format!("{expected:?}"));
        assert_eq!(parse("adam:rows=touched", None).unwrap().idle(), Idle::Rests);
    }

    #[test]
    fn wrong_values_are_told_what_is_right() {
        assert!(OPTIMIZERS.iter().all(|name| parse(name, None).is_ok()));
        assert!(message("rmsporp").contains("rmsprop, sgd"));
        assert!(message("sgd:rho=1").contains("learning_rate, momentum, nesterov"));
        assert!(message("adam:beta_1=1.5").contains("from 0 to below 1"));
        assert!(message("adam:beta_1").contains("parameter=value"));
        // As they are written, and not as they are read.
        for (text, part) in [
            ("sgd:learning_rate=1e40", "\"1e40\", expected a number above 0"),
            ("sgd:momentum=0.99999999", "\"0.99999999\", expected a number from 0 to below 1"),
            ("rmsprop:rho=0.99999999999999999", "999\", expected a number from 0 to below 1"),
            ("rmsprop:rho=abc", "\"abc\", expected a number from 0 to below 1"),
        ] {
            assert!(message(text).contains(part), "{text}: {}", message(text));
        }
        assert!(message("sgd:momentum=0.5,momentum=0.6").contains("once"));
        assert!(parse("sgd:learning_rate=1", Some(0.1)).unwrap_err().is_usage());
        for text in ["rmsprop:epsilon=0", "adam:epsilon=1e-42", "adamw:epsilon=-1"] {
            assert!(message(text).contains("at least 1.2e-38"), "{text}");
        }
        assert!(message("sgd:global_clipnorm=1").contains("--global-clipnorm"));
        assert!(message("adam:rows=some").contains("all or touched"));
        assert!(message("adamw:rows=touched").contains("weight_decay (rows is adam's)"));
        assert!(message("adam:weight_decay=0.004").contains("weight_decay is adamw's"));
        assert!(message("adagrad:initial_accumulator=0,epsilon=0").contains("at least 1.2e-38"));
        let twice = "adagrad:initial_accumulator=1,initial_accumulator_value=1";
        assert!(message(twice).contains("once"));
        for text in ["adam:rows=touched", "adam:foo=1", "adamw:rows=all"] {
            let biases = parse_for_biases(text).unwrap_err().to_string();
            let (_, known) = biases.split_once("expected").unwrap();
            assert!(known.contains("amsgrad") && !known.contains("rows"), "{text}: {biases}");
        }
        let biases = parse_for_biases("sgd:momentum=2").unwrap_err().to_string();
        assert!(biases.contains("momentum of --bias-optimizer"), "{biases}");
    }
}
