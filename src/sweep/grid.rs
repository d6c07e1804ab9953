//! All combinations of some values of each option.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::Configuration;
use crate::error::{Error, Result};
use crate::nn::{Activation, hidden_units};

/// Values of each option; an empty list stands for the book's own. A file says so by leaving it out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grid {
    /// Units of the hidden layers.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<Vec<usize>>,
    /// Of the hidden layers.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub activation: Vec<String>,
    /// What is made small.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub loss: Vec<String>,
    /// With their parameters.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub optimizer: Vec<String>,
    /// Step sizes.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub learning_rate: Vec<f32>,
    /// The biases' own.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub bias_optimizer: Vec<String>,
    /// Reviews a step.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub batch_size: Vec<usize>,
    /// How often all reviews are seen.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub epochs: Vec<usize>,
    /// What becomes of the learning rates on the way.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<String>,
    /// How the weights of the words start.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub first_kernel_initializer: Vec<String>,
    /// Chances that a hidden unit is left out.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub dropout: Vec<f32>,
    /// Chances that a word is left out.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub word_dropout: Vec<f32>,
    /// Penalties on the squares of the weights.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub l2: Vec<f32>,
    /// By what words are scaled.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub feature_scale: Vec<String>,
    /// What the length of each review's input becomes.
    #[serde(deserialize_with = "listed", skip_serializing_if = "Vec::is_empty")]
    pub row_norm: Vec<String>,
}

/// The values of an option that a file names.
fn listed<'de, D: Deserializer<'de>, T: Deserialize<'de>>(values: D) -> Result<Vec<T>, D::Error> {
    let values = Vec::deserialize(values)?;
    match values.is_empty() {
        true => Err(D::Error::custom("the list is empty; leave it out for the book's own")),
        false => Ok(values),
    }
}

/// The most configurations of one sweep.
pub const MOST_CONFIGURATIONS: usize = 10_000;

impl Grid {
    /// The cartesian product; the last option changes first. Networks without a hidden layer are in it with the first activation
    /// alone: they have none, and the others would be the same once more. How many are left out for that is told beside it.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] where it has more than [`MOST_CONFIGURATIONS`], or an activation that nobody knows.
    pub fn configurations(&self) -> Result<(Vec<Configuration>, usize)> {
        let mut all = Product { configurations: vec![Configuration::default()], size: 1 };
        all.vary(&self.hidden, |one, value| one.hidden = value);
        all.vary(&self.activation, |one, value| one.activation = value);
        // Those that are left out with their combinations come before nobody else.
        for name in &self.activation {
            name.parse::<Activation>()?;
        }
        if let Some(first) = self.activation.first() {
            all.configurations.retain(|one| !one.hidden.is_empty() || one.activation == *first);
        }
        all.vary(&self.loss, |one, value| one.loss = value);
        all.vary(&self.optimizer, |one, value| one.optimizer = value);
        all.vary(&self.learning_rate, |one, value| one.learning_rate = Some(value));
        all.vary(&self.bias_optimizer, |one, value| one.bias_optimizer = value);
        all.vary(&self.batch_size, |one, value| one.batch_size = value);
        all.vary(&self.epochs, |one, value| one.epochs = value);
        all.vary(&self.schedule, |one, value| one.schedule = value);
        all.vary(&self.first_kernel_initializer, |one, value| {
            one.first_kernel_initializer = value;
        });
        all.vary(&self.dropout, |one, value| one.dropout = value);
        all.vary(&self.word_dropout, |one, value| one.word_dropout = value);
        all.vary(&self.l2, |one, value| one.l2 = value);
        all.vary(&self.feature_scale, |one, value| one.feature_scale = value);
        all.vary(&self.row_norm, |one, value| one.row_norm = value);
        let Product { configurations, size } = all;
        if size > MOST_CONFIGURATIONS {
            let expected = format!("at most {MOST_CONFIGURATIONS} configurations");
            return Err(Error::invalid("the grid", format!("{size} configurations"), expected));
        }
        let left_out = size - configurations.len();
        Ok((configurations, left_out))
    }
}

/// A cartesian product on its way; one that is too large is counted, and not made.
struct Product {
    configurations: Vec<Configuration>,
    /// Of the whole product, those that are left out included; the largest number there is where it is more.
    size: usize,
}

impl Product {
    /// Each configuration once with each value.
    fn vary<T: Clone>(&mut self, values: &[T], set: impl Fn(&mut Configuration, T)) {
        self.size = self.size.saturating_mul(values.len().max(1));
        if values.is_empty() || self.size > MOST_CONFIGURATIONS {
            return;
        }
        let with = |one: &Configuration, value: &T| {
            let mut one = one.clone();
            set(&mut one, value.clone());
            one
        };
        let all = self.configurations.iter();
        self.configurations =
            all.flat_map(|one| values.iter().map(move |value| with(one, value))).collect();
    }
}

/// Hidden layers as the command line takes them: `/` between the points of a grid, `,` between the layers of one, and `none`.
///
/// # Errors
/// [`Error::InvalidOption`]
pub fn hidden_layers(text: &str) -> Result<Vec<Vec<usize>>> {
    let layers: Option<Vec<Vec<usize>>> = text.split('/').map(hidden_units).collect();
    layers.ok_or_else(|| {
        let expected = "widths from 1 such as 16/16,16/64,64 (`,` between layers, `/` between networks), or `none`";
        Error::invalid("--hidden", text, expected)
    })
}

/// Names with parameters, as in `rmsprop,sgd:momentum=0.9,nesterov=true,adam`: what is an assignment and names nothing
/// belongs to the name before it.
pub fn named_values(text: &str) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for part in text.split(',').map(str::trim) {
        let continues = part.contains('=') && !part.contains(':');
        match values.last_mut().filter(|_| continues) {
            Some(last) => *last = format!("{last},{part}"),
            None => values.push(part.to_owned()),
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_is_all_combinations_in_order() {
        let grid = Grid {
            hidden: vec![vec![16], vec![]],
            activation: vec!["relu".to_owned(), "tanh".to_owned()],
            learning_rate: vec![0.1],
            ..Grid::default()
        };
        let (all, left_out) = grid.configurations().unwrap();
        let seen: Vec<(String, &str)> =
            all.iter().map(|one| (one.layers(), one.activation.as_str())).collect();
        let expected = [("16", "relu"), ("16", "tanh"), ("none", "relu")];
        assert_eq!(left_out, 1);
        assert!(seen.iter().map(|(layers, name)| (layers.as_str(), *name)).eq(expected));
        assert!(all.iter().all(|one| one.learning_rate == Some(0.1) && one.epochs == 20));
        assert_eq!(Grid::default().configurations().unwrap(), (vec![Configuration::default()], 0));
    }

    #[test]
    fn a_grid_has_an_end() {
        let most = Grid { epochs: (1..=10_000).collect(), ..Grid::default() };
        assert_eq!(most.configurations().unwrap().0.len(), MOST_CONFIGURATIONS);
        let axis: Vec<usize> = (1..=5_000_000).collect();
        let more = Grid { epochs: axis.clone(), batch_size: axis, ..Grid::default() };
        assert!(more.configurations().unwrap_err().to_string().contains("25000000000000"));
    }

    #[test]
    fn layers_and_names_are_cut_where_they_should() {
        let layers = hidden_layers("16/16,16/none/ 64, 64").unwrap();
        assert_eq!(layers, [vec![16], vec![16, 16], vec![], vec![64, 64]]);
        for wrong in ["", "16/", "16,,16", "0", "a", "16|32", "-1", "16,none"] {
            assert!(hidden_layers(wrong).unwrap_err().is_usage(), "{wrong}");
        }
        let names = named_values("rmsprop,sgd:momentum=0.9,nesterov=true,adam");
        assert_eq!(names, ["rmsprop", "sgd:momentum=0.9,nesterov=true", "adam"]);
        assert_eq!(named_values(""), [""]);
    }
}
