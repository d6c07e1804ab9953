//! One way to train: a network and the options of its runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::dataset::Holdout;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::nn::{Activation, Architecture, Dense, Initializer, RowNorm, loss};
use crate::optimizer::{self, Schedule, parse_for_biases};
use crate::train::{FeatureScale, FitOptions, expect_network, metric};

/// The options that a configuration has, by their keys in files.
pub const OPTIONS: [&str; 15] = [
    "hidden",
    "activation",
    "loss",
    "optimizer",
    "learning_rate",
    "bias_optimizer",
    "batch_size",
    "epochs",
    "schedule",
    "first_kernel_initializer",
    "dropout",
    "word_dropout",
    "l2",
    "feature_scale",
    "row_norm",
];

/// A network and how it is trained, but for the seed and what is held out. Names and values as the command line takes them;
/// the default is the book's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Configuration {
    /// What to call it in tables; by what it differs in from the others where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Units of the hidden layers; none is logistic regression.
    pub hidden: Vec<usize>,
    /// Of the hidden layers.
    pub activation: String,
    /// What is made small.
    pub loss: String,
    /// With its parameters.
    pub optimizer: String,
    /// The optimizer's own default where it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f32>,
    /// The biases' own, or `none`.
    pub bias_optimizer: String,
    /// Reviews a step.
    pub batch_size: usize,
    /// How often all reviews are seen.
    pub epochs: usize,
    /// What becomes of the learning rate on the way.
    pub schedule: String,
    /// How the weights of the words start, or `none` for the usual way.
    pub first_kernel_initializer: String,
    /// The chance that a hidden unit is left out.
    pub dropout: f32,
    /// The chance that a word is left out.
    pub word_dropout: f32,
    /// The penalty on the squares of the weights.
    pub l2: f32,
    /// By what words are scaled, or `none`.
    pub feature_scale: String,
    /// What the length of each review's input becomes.
    pub row_norm: String,
}

impl Default for Configuration {
    fn default() -> Configuration {
        Configuration {
            name: None,
            hidden: vec![16, 16],
            activation: "relu".to_owned(),
            loss: "binary-crossentropy".to_owned(),
            optimizer: "rmsprop".to_owned(),
            learning_rate: None,
            bias_optimizer: NONE.to_owned(),
            batch_size: 512,
            epochs: 20,
            schedule: "constant".to_owned(),
            first_kernel_initializer: NONE.to_owned(),
            dropout: 0.0,
            word_dropout: 0.0,
            l2: 0.0,
            feature_scale: NONE.to_owned(),
            row_norm: NONE.to_owned(),
        }
    }
}

/// The word for nothing.
const NONE: &str = "none";
/// The longest name, in characters: a table has other columns, too.
const LONGEST_NAME: usize = 60;
/// The most epochs; what a run keeps of each, the sweep keeps of all runs.
const MOST_EPOCHS: usize = 100_000;

impl Configuration {
    /// Writes names with dashes: both spellings name the same, and tables and files have one of them.
    pub fn normalise(&mut self) {
        for name in [&mut self.activation, &mut self.loss] {
            *name = name.replace('_', "-");
        }
    }

    /// Checks all that needs no data.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub fn check(&self) -> Result<()> {
        let network = self.architecture(1)?;
        if let Some(initializer) = self.initializer()? {
            initializer.check_before(network.layers())?;
        }
        let options = self.fit_options(0, Holdout::None)?;
        options.check()?;
        expect_network(&network, &options)?;
        if self.epochs > MOST_EPOCHS {
            return Err(Error::invalid("--epochs", self.epochs, format!("at most {MOST_EPOCHS}")));
        }
        match &self.name {
            Some(name) if name.is_empty() || name.chars().count() > LONGEST_NAME => {
                let expected = format!("1 to {LONGEST_NAME} characters");
                Err(Error::invalid("the name of a configuration", name, expected))
            }
            _ => Ok(()),
        }
    }

    /// The network, for so many features.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub fn architecture(&self, features: usize) -> Result<Architecture> {
        let activation: Activation = self.activation.parse()?;
        let layers: Vec<Dense> =
            self.hidden.iter().map(|&units| Dense { units, activation }).collect();
        Architecture::new(features, &layers)
    }

    /// A network before its first step.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]; [`Error::Unfit`] where memory is short.
    pub fn model(&self, features: usize, seed: u64) -> Result<Model> {
        let network = self.architecture(features)?;
        network.expect_memory()?;
        Model::initial(network, self.initializer()?, seed)
    }

    fn initializer(&self) -> Result<Option<Initializer>> {
        given(&self.first_kernel_initializer).map(str::parse).transpose()
    }

    /// The options of a run; it records loss and accuracy.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub fn fit_options(&self, seed: u64, validation: Holdout) -> Result<FitOptions> {
        let feature_scale: Option<FeatureScale> =
            given(&self.feature_scale).map(str::parse).transpose()?;
        let row_norm: RowNorm = self.row_norm.parse()?;
        let bias_optimizer = given(&self.bias_optimizer).map(parse_for_biases).transpose()?;
        Ok(FitOptions {
            epochs: self.epochs,
            batch_size: self.batch_size,
            validation,
            seed,
            loss: loss(&self.loss)?,
            optimizer: optimizer::parse(&self.optimizer, self.learning_rate)?,
            bias_optimizer,
            schedule: self.schedule.parse()?,
            dropout: self.dropout,
            word_dropout: self.word_dropout,
            l2: self.l2,
            metrics: vec![metric("accuracy")?],
            feature_scale,
            row_norm,
            ..FitOptions::default()
        })
    }

    /// The value of each of [`OPTIONS`] as the command line takes it; empty where the optimizer's own counts.
    pub fn values(&self) -> [String; OPTIONS.len()] {
        [
            self.layers(),
            self.activation.clone(),
            self.loss.clone(),
            self.optimizer.clone(),
            self.learning_rate.map_or(String::new(), number),
            self.bias_optimizer.clone(),
            self.batch_size.to_string(),
            self.epochs.to_string(),
            self.schedule.clone(),
            self.first_kernel_initializer.clone(),
            number(self.dropout),
            number(self.word_dropout),
            number(self.l2),
            self.feature_scale.clone(),
            self.row_norm.clone(),
        ]
    }

    /// The options of `imdb-fast train` that make the same run, but for the number of epochs.
    pub fn arguments(&self) -> Vec<String> {
        let default = Configuration::default().values();
        let options = OPTIONS.into_iter().zip(self.values()).zip(default);
        options
            .filter(|((name, value), default)| {
                *name != "epochs" && self.has(name) && value != default
            })
            .map(|((name, value), _)| format!("--{}={value}", name.replace('_', "-")))
            .collect()
    }

    /// Whether its learning rates follow a schedule over the whole run: then an epoch on the way is not where a shorter run
    /// would end.
    pub fn is_scheduled(&self) -> bool {
        self.schedule.parse().is_ok_and(|schedule: Schedule| schedule.follows_length())
    }

    /// The hidden layers as `--hidden` takes them.
    pub fn layers(&self) -> String {
        match &self.hidden[..] {
            [] => NONE.to_owned(),
            hidden => hidden.iter().map(usize::to_string).collect::<Vec<_>>().join(","),
        }
    }

    /// The book's further experiments (Chollet, Deep Learning with Python, 2nd edition, section 4.1.5), each a change to its
    /// first model, and that model.
    pub fn book() -> Vec<Configuration> {
        let default = Configuration::default;
        let named = |name: &str, other: Configuration| Configuration {
            name: Some(name.to_owned()),
            ..other
        };
        let hidden = |name, hidden: &[usize]| {
            named(name, Configuration { hidden: hidden.to_vec(), ..default() })
        };
        vec![
            named("the book's model", default()),
            hidden("1 hidden layer", &[16]),
            hidden("3 hidden layers", &[16, 16, 16]),
            hidden("32 units", &[32, 32]),
            hidden("64 units", &[64, 64]),
            named(
                "mean squared error",
                Configuration { loss: "mean-squared-error".to_owned(), ..default() },
            ),
            named("tanh", Configuration { activation: "tanh".to_owned(), ..default() }),
        ]
    }

    /// What it is, however its options are written: two that differ in it train in another way.
    ///
    /// # Errors
    /// [`Error::InvalidOption`]
    pub(super) fn meaning(&self) -> Result<String> {
        let network = self.architecture(1)?;
        let initializer = self.initializer()?.unwrap_or(Initializer::GlorotUniform);
        let mut options = self.fit_options(0, Holdout::None)?;
        if options.bias_optimizer.is_none() {
            let same = optimizer::parse(&self.optimizer, self.learning_rate)?;
            options.bias_optimizer = Some(same);
        }
        Ok(format!("{network:?} {initializer:?} {options:?}"))
    }

    /// Each option with its value, in words.
    fn parts(&self) -> [String; OPTIONS.len()] {
        let values = self.values();
        std::array::from_fn(|at| in_words(OPTIONS[at], &values[at]))
    }

    /// Without a hidden layer nothing has an activation.
    fn has(&self, option: &str) -> bool {
        option != "activation" || !self.hidden.is_empty()
    }
}

/// An option with its value, as labels have it: the commonest ones are known by their values alone.
fn in_words(option: &str, value: &str) -> String {
    match (option, value) {
        ("hidden", NONE) => "no hidden layer".to_owned(),
        ("hidden" | "activation" | "loss" | "optimizer", _) => value.to_owned(),
        ("learning_rate", "") => "default rate".to_owned(),
        ("learning_rate", _) => format!("rate {value}"),
        ("batch_size", _) => format!("batch {value}"),
        ("epochs", "1") => "1 epoch".to_owned(),
        ("epochs", _) => format!("{value} epochs"),
        ("schedule", _) => format!("{value} rate"),
        ("first_kernel_initializer", _) => format!("first kernel {value}"),
        ("l2", _) => format!("L2 {value}"),
        _ => format!("{} {value}", option.replace('_', " ")),
    }
}

/// A number as short as it can be written, so that it is read as the same again.
fn number(value: f32) -> String {
    let scientific = format!("{value:?}");
    if scientific.contains('e') { scientific } else { value.to_string() }
}

/// What a value says, unless that is nothing.
fn given(value: &str) -> Option<&str> {
    Some(value).filter(|&value| value != NONE)
}

/// All its options, and nothing of its name: two with the same text train in the same way.
impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.parts().join(", "))
    }
}

/// What to call each of some configurations: its name, or its layers and all options that differ between those without a name.
pub fn labels(configurations: &[Configuration]) -> Vec<String> {
    let nameless =
        || configurations.iter().filter(|one| one.name.is_none()).map(Configuration::parts);
    let first = nameless().next().unwrap_or_default();
    let differs = |part: usize| nameless().any(|parts| parts[part] != first[part]);
    let shown: Vec<bool> = (0..first.len()).map(|part| part == 0 || differs(part)).collect();
    let label = |one: &Configuration| match &one.name {
        Some(name) => name.clone(),
        None => {
            let is_shown = |part: usize| shown[part] && one.has(OPTIONS[part]);
            let parts = (0..).zip(one.parts()).filter(|&(part, _)| is_shown(part));
            parts.map(|(_, part)| part).collect::<Vec<_>>().join(" ")
        }
    };
    configurations.iter().map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_say_what_differs() {
        let with = |hidden: &[usize], activation: &str| Configuration {
            hidden: hidden.to_vec(),
            activation: activation.to_owned(),
            ..Configuration::default()
        };
        let mut some = vec![with(&[16, 16], "relu"), with(&[], "tanh")];
        assert_eq!(labels(&some), ["16,16 relu", "no hidden layer"]);
        assert_eq!(labels(&some[..1]), ["16,16"]);
        let fast = Configuration { learning_rate: Some(1e20), ..Configuration::default() };
        assert_eq!(labels(&[fast, with(&[8], "relu")]), ["16,16 rate 1e20", "8 default rate"]);
        some[1].name = Some("mine".to_owned());
        assert_eq!(labels(&some), ["16,16", "mine"]);
        assert!(labels(&[]).is_empty());
    }

    #[test]
    fn the_book_is_sound() {
        let book = Configuration::book();
        assert_eq!(book.len(), 7);
        for (at, one) in book.iter().enumerate() {
            one.check().unwrap();
            assert!(book[..at].iter().all(|other| other.to_string() != one.to_string()));
        }
        assert_eq!(book[1].arguments()[0], "--hidden=16");
        let linear = Configuration { hidden: vec![], activation: "tanh".into(), ..book[0].clone() };
        assert_eq!(linear.arguments(), ["--hidden=none"]);
    }

    #[test]
    fn defaults_are_those_of_a_run() {
        let expected = FitOptions::default();
        let default = Configuration::default();
        let options = default.fit_options(expected.seed, expected.validation).unwrap();
        assert_eq!(format!("{options:?}"), format!("{expected:?}"));
    }

    #[test]
    fn what_no_data_could_make_right_is_refused() {
        let book = Configuration::default;
        let wrong = [
            Configuration { hidden: vec![0], ..book() },
            Configuration { activation: "relo".to_owned(), ..book() },
            Configuration { loss: String::new(), ..book() },
            Configuration { optimizer: "adam:rho=1".to_owned(), ..book() },
            Configuration { learning_rate: Some(f32::NAN), ..book() },
            Configuration { bias_optimizer: "adam:rate".to_owned(), ..book() },
            Configuration { first_kernel_initializer: "ones".to_owned(), ..book() },
            Configuration { first_kernel_initializer: "zeros".to_owned(), ..book() },
            Configuration { batch_size: 0, ..book() },
            Configuration { epochs: 0, ..book() },
            Configuration { epochs: MOST_EPOCHS + 1, ..book() },
            Configuration { schedule: "later".to_owned(), ..book() },
            Configuration { dropout: 1.0, ..book() },
            Configuration { dropout: 0.5, hidden: vec![], ..book() },
            Configuration { word_dropout: f32::NAN, ..book() },
            Configuration { l2: -1.0, ..book() },
            Configuration { feature_scale: "bayes".to_owned(), ..book() },
            Configuration { row_norm: "l1".to_owned(), ..book() },
            Configuration { name: Some(String::new()), ..book() },
            Configuration { name: Some("x".repeat(61)), ..book() },
        ];
        for configuration in wrong {
            assert!(configuration.check().unwrap_err().is_usage(), "{configuration:?}");
        }
    }
}
