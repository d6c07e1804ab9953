//! How the learning rate changes in the course of a run (`keras/src/optimizers/schedules/learning_rate_schedule.py`).

use std::f64::consts::PI;
use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::settings::{Bound, Settings, expect_numbers, of_parameter};

const OPTION: &str = "--schedule";

/// A factor of the learning rate for each step of a run, of all optimizers alike.
///
/// Of `n` steps the first `w` warm up; step `t` (from 0) has the factor `t / w` there, and behind them that of the
/// [`Decay`] by `t - w` of `n - w` steps, as in Keras' `CosineDecay` with `warmup_steps`. So the first step of a warm-up moves no
/// weight. All factors are multiplied by the peak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Schedule {
    /// What comes behind the warm-up.
    pub decay: Decay,
    /// How long the factor rises from 0 to the peak.
    pub warm_up: Stretch,
    /// The part of the learning rate that is reached, 1 by default.
    pub peak: f32,
}

impl Schedule {
    /// The names that are read, in the order in which error and help texts list them.
    pub const NAMES: [&str; 4] = ["constant", "linear", "cosine", "exponential"];
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule { decay: Decay::default(), warm_up: Stretch::default(), peak: 1.0 }
    }
}

/// The factor in step `t` (from 0) of `n`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
#[non_exhaustive]
pub enum Decay {
    /// `1`
    #[default]
    Constant,
    /// `(1 - end) (1 - t / n) + end`: `PolynomialDecay` with the power 1, whose `end_learning_rate` is the learning rate times
    /// `end`.
    Linear {
        /// Where it would be at step `n`.
        end: f32,
    },
    /// `(1 - end) (1 + cos(pi t / n)) / 2 + end`: `CosineDecay`, where `end` is called `alpha`.
    Cosine {
        /// Where it would be at step `n`.
        end: f32,
    },
    /// `decay_rate^(t / decay_steps)`: `ExponentialDecay`. With a staircase the exponent is rounded down.
    Exponential {
        /// The factor of so many steps.
        decay_rate: f32,
        /// How many.
        decay_steps: Stretch,
        /// Whether it falls in jumps.
        staircase: bool,
    },
}

/// Some steps of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stretch {
    /// Their number.
    Steps(u32),
    /// A part of all steps, rounded; of a decay, of those behind the warm-up.
    Share(f64),
}

impl Default for Stretch {
    fn default() -> Stretch {
        Stretch::Steps(0)
    }
}

impl Stretch {
    /// How many of a run's steps it is.
    pub fn of(self, steps: u32) -> u32 {
        match self {
            Stretch::Steps(number) => number,
            Stretch::Share(share) => (share * f64::from(steps)).round() as u32,
        }
    }
}

impl FromStr for Stretch {
    type Err = Error;

    fn from_str(text: &str) -> Result<Stretch> {
        match (text.parse(), text.parse()) {
            (Ok(steps), _) => Ok(Stretch::Steps(steps)),
            (_, Ok(share)) if is_part(share) => Ok(Stretch::Share(share)),
            _ => Err(Error::invalid("a stretch of a run", text, STEPS)),
        }
    }
}

/// What a [`Stretch`] is.
const STEPS: &str = "a number of steps, or a part of all such as 0.1";

fn is_part(share: f64) -> bool {
    0.0 < share && share <= 1.0
}

impl fmt::Display for Stretch {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Stretch::Steps(steps) => write!(f, "{steps}"),
            // With a point, so that it is read as a part again.
            Stretch::Share(share) => write!(f, "{share:?}"),
        }
    }
}

impl Schedule {
    /// Checks the values.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub fn check(&self) -> Result<()> {
        expect_numbers(OPTION, &[("peak", self.peak, Bound::PartAboveZero)])?;
        // A warm-up of all steps would end before it has begun to decay.
        let is_warm_up = |share| is_part(share) && share < 1.0;
        if let Stretch::Share(share) = self.warm_up
            && !is_warm_up(share)
        {
            return Err(of_parameter(OPTION, "warm_up", self.warm_up, STEPS));
        }
        match self.decay {
            Decay::Constant => Ok(()),
            Decay::Linear { end } | Decay::Cosine { end } => {
                expect_numbers(OPTION, &[("end", end, Bound::Part)])
            }
            Decay::Exponential { decay_rate, decay_steps, .. } => {
                expect_numbers(OPTION, &[("decay_rate", decay_rate, Bound::PartAboveZero)])?;
                let decays = match decay_steps {
                    Stretch::Steps(steps) => steps > 0,
                    Stretch::Share(share) => is_part(share),
                };
                match decays {
                    true => Ok(()),
                    false => Err(of_parameter(OPTION, "decay_steps", decay_steps, DECAY_STEPS)),
                }
            }
        }
    }

    /// What the learning rate of a step, from 0, is multiplied by in a run of so many.
    pub fn factor(&self, step: u32, steps: u32) -> f32 {
        let warm_up = self.warm_up.of(steps);
        let factor = if step < warm_up {
            f64::from(step) / f64::from(warm_up)
        } else {
            self.decay.factor(step - warm_up, steps - warm_up.min(steps))
        };
        self.peak * factor as f32
    }

    /// Whether the rates of the same steps change with the run's length.
    pub fn follows_length(&self) -> bool {
        let is_share = |stretch| matches!(stretch, Stretch::Share(_));
        let decays = match self.decay {
            Decay::Constant => false,
            Decay::Linear { .. } | Decay::Cosine { .. } => true,
            Decay::Exponential { decay_steps, .. } => is_share(decay_steps),
        };
        decays || is_share(self.warm_up)
    }

    /// How many epochs of so many steps a run needs to outlast its warm-up. A warm-up that is a part of all steps grows with
    /// them, and asks for no number.
    ///
    /// # Panics
    /// If an epoch has no steps.
    pub fn fewest_epochs(&self, steps: usize) -> usize {
        match self.warm_up {
            Stretch::Steps(warm_up) => warm_up as usize / steps + 1,
            Stretch::Share(_) => 1,
        }
    }
}

impl Decay {
    fn factor(self, step: u32, steps: u32) -> f64 {
        let done = f64::from(step) / f64::from(steps.max(1));
        let down_to = |end: f32, left: f64| (1.0 - f64::from(end)) * left + f64::from(end);
        match self {
            Decay::Constant => 1.0,
            Decay::Linear { end } => down_to(end, 1.0 - done),
            Decay::Cosine { end } => down_to(end, 0.5 * (1.0 + (PI * done).cos())),
            Decay::Exponential { decay_rate, decay_steps, staircase } => {
                let exponent = f64::from(step) / f64::from(decay_steps.of(steps).max(1));
                let exponent = if staircase { exponent.floor() } else { exponent };
                f64::from(decay_rate).powf(exponent)
            }
        }
    }
}

/// As it is read: `linear:end=0.1,warm_up=100`.
impl FromStr for Schedule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Schedule> {
        let mut settings = Settings::parse(OPTION, text)?;
        let mut warm_up = Stretch::default();
        settings.take("warm_up", &mut warm_up, STEPS)?;
        let mut peak = 1.0;
        settings.number("peak", Bound::PartAboveZero, &mut peak)?;
        let mut end = 0.0;
        let mut ending = |settings: &mut Settings<'_>| {
            settings.number("end", Bound::Part, &mut end)?;
            settings.nothing_left("end, peak, warm_up").map(|()| end)
        };
        let decay = match settings.name() {
            "constant" => {
                settings.nothing_left("peak, warm_up")?;
                Decay::Constant
            }
            "linear" => Decay::Linear { end: ending(&mut settings)? },
            "cosine" => Decay::Cosine { end: ending(&mut settings)? },
            "exponential" => exponential(&mut settings)?,
            _ => return Err(settings.unknown(&Schedule::NAMES)),
        };
        let schedule = Schedule { decay, warm_up, peak };
        schedule.check()?;
        Ok(schedule)
    }
}

/// How many steps a decay may take.
const DECAY_STEPS: &str = "a number of steps from 1, or a part of all such as 0.5";

fn exponential(settings: &mut Settings<'_>) -> Result<Decay> {
    if !settings.has("decay_rate") {
        let expected = "a decay_rate, such as exponential:decay_rate=0.01";
        return Err(Error::invalid(OPTION, settings.text(), expected));
    }
    let (mut decay_rate, mut decay_steps, mut staircase) = (0.0, Stretch::Share(1.0), false);
    settings.number("decay_rate", Bound::PartAboveZero, &mut decay_rate)?;
    settings.take("decay_steps", &mut decay_steps, DECAY_STEPS)?;
    settings.flag("staircase", &mut staircase)?;
    settings.nothing_left("decay_rate, decay_steps, staircase, peak, warm_up")?;
    Ok(Decay::Exponential { decay_rate, decay_steps, staircase })
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.decay {
            Decay::Constant => f.write_str("constant:")?,
            Decay::Linear { end } => write!(f, "linear:end={end},")?,
            Decay::Cosine { end } => write!(f, "cosine:end={end},")?,
            Decay::Exponential { decay_rate, decay_steps, staircase } => {
                write!(f, "exponential:decay_rate={decay_rate},decay_steps={decay_steps},")?;
                write!(f, "staircase={staircase},")?;
            }
        }
        write!(f, "warm_up={},peak={}", self.warm_up, self.peak)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factors(text: &str, steps: u32) -> Vec<f32> {
        let schedule: Schedule = text.parse().unwrap();
        (0..steps).map(|step| schedule.factor(step, steps)).collect()
    }

    #[test]
    fn factors_are_those_of_the_formulas() {
        assert_eq!(factors("constant", 3), [1.0; 3]);
        assert_eq!(factors("linear", 4), [1.0, 0.75, 0.5, 0.25]);
        assert_eq!(factors("linear:end=0.5", 4), [1.0, 0.875, 0.75, 0.625]);
        assert_eq!(factors("linear:warm-up=0.5", 8), [0.0, 0.25, 0.5, 0.75, 1.0, 0.75, 0.5, 0.25]);
        assert_eq!(factors("constant:warm_up=2", 4), [0.0, 0.5, 1.0, 1.0]);
        assert_eq!(factors("linear:peak=0.5,warm_up=1", 3), [0.0, 0.5, 0.25]);
        let half = (0.5 + 0.5 * (PI / 4.0).cos()) as f32;
        for (factor, expected) in factors("cosine", 4).into_iter().zip([1.0, half, 0.5, 1.0 - half])
        {
            assert!((factor - expected).abs() < 1e-7, "{factor}, not {expected}");
        }
        assert_eq!(factors("cosine:end=1", 2), [1.0, 1.0]);
        assert_eq!(factors("exponential:decay_rate=0.25", 2), [1.0, 0.5]);
        let stairs = "exponential:decay_rate=0.5,decay_steps=2,staircase=true";
        assert_eq!(factors(stairs, 5), [1.0, 1.0, 0.5, 0.5, 0.25]);
        // The shortest of runs, and a warm-up that takes all of it.
        assert_eq!(factors("linear", 1), [1.0]);
        assert_eq!(factors("linear:warm_up=2", 2), [0.0, 0.5]);
    }

    #[test]
    fn its_text_is_read_again() {
        let mut named = Schedule::NAMES.iter().zip(["", "", "", ":decay_rate=0.5"]);
        assert!(named.all(|(name, rest)| format!("{name}{rest}").parse::<Schedule>().is_ok()));
        for text in [
            "constant",
            "constant:warm_up=7",
            "linear:end=0.1,warm_up=0.25",
            "cosine:end=0.3,peak=0.2",
            "exponential:decay_rate=0.9,decay_steps=100,staircase=true",
            "exponential:decay_rate=0.9,decay_steps=1.0",
        ] {
            let schedule: Schedule = text.parse().unwrap();
            assert_eq!(schedule.to_string().parse::<Schedule>().unwrap(), schedule, "{text}");
        }
    }

    #[test]
    fn what_follows_the_length_of_the_run_says_so() {
        let follows = |text: &str| text.parse::<Schedule>().unwrap().follows_length();
        for text in ["linear", "cosine", "constant:warm_up=0.1", "exponential:decay_rate=0.1"] {
            assert!(follows(text), "{text}");
        }
        for text in ["constant:warm_up=10", "exponential:decay_rate=0.1,decay_steps=10"] {
            assert!(!follows(text), "{text}");
        }
    }

    #[test]
    fn wrong_values_are_told_what_is_right() {
        for (text, part) in [
            ("linaer", "constant, linear, cosine, exponential"),
            ("linear:stop=0", "end, peak, warm_up"),
            ("linear:peak=0", "above 0"),
            ("linear:end=2", "from 0 to 1"),
            ("linear:end=nan", "from 0 to 1"),
            ("linear:0", "parameter=value"),
            ("constant:end=0", "warm_up"),
            ("cosine:warm_up=-1", "a number of steps"),
            ("cosine:warm_up=1.5", "a number of steps"),
            ("cosine:warm_up=1.0", "a number of steps"),
            ("exponential", "decay_rate=0.01"),
            ("exponential:decay_rate=0", "above 0"),
            ("exponential:decay_rate=0.5,decay_steps=0", "from 1"),
        ] {
            let error = text.parse::<Schedule>().unwrap_err();
            assert!(error.is_usage() && error.to_string().contains(part), "{text}: {error}");
        }
    }
}
