//! Which layers a network has.

use serde_json::{Value, json};

use super::Activation;
use crate::error::{Error, Result};

/// One Dense layer (`keras.layers.Dense`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dense {
    /// How many outputs.
    pub units: usize,
    /// What is applied to them.
    pub activation: Activation,
}

/// A stack of Dense layers over `inputs` binary features; the last has one sigmoid unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Architecture {
    inputs: usize,
    layers: Vec<Dense>,
}

/// No layer may be wider.
const MAX_UNITS: usize = 1 << 16;
/// No network may be deeper.
const MAX_LAYERS: usize = 64;

impl Architecture {
    /// A network with these hidden layers; none of them is logistic regression.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for a width of 0 or beyond 65,536, or more than 64 layers.
    pub fn new(inputs: usize, hidden: &[Dense]) -> Result<Architecture> {
        if let Some(layer) = hidden.iter().find(|l| l.units == 0 || l.units > MAX_UNITS) {
            let expected = format!("widths from 1 to {MAX_UNITS}, or `none`");
            return Err(Error::invalid("--hidden", layer.units, expected));
        }
        if hidden.len() >= MAX_LAYERS {
            let expected = format!("fewer than {MAX_LAYERS} layers");
            return Err(Error::invalid("--hidden", format!("{} widths", hidden.len()), expected));
        }
        let mut layers = hidden.to_vec();
        layers.push(Dense { units: 1, activation: Activation::Sigmoid });
        Ok(Architecture { inputs, layers })
    }

    /// How many features the first layer takes.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// All layers, the output included.
    pub fn layers(&self) -> &[Dense] {
        &self.layers
    }

    /// The layers before the output.
    pub fn hidden(&self) -> &[Dense] {
        &self.layers[..self.layers.len() - 1]
    }

    /// Units of the first layer: the width of a weight row.
    pub fn width(&self) -> usize {
        self.layers[0].units
    }

    /// Inputs of a layer.
    pub fn fan_in(&self, layer: usize) -> usize {
        if layer == 0 { self.inputs } else { self.layers[layer - 1].units }
    }

    /// How many parameters are trained.
    pub fn parameters(&self) -> usize {
        (0..self.layers.len())
            .map(|i| {
                let Dense { units, activation } = self.layers[i];
                (self.fan_in(i) + 1 + usize::from(activation.has_alpha())) * units
            })
            .sum()
    }

    /// As it stands in a model file.
    pub(crate) fn to_json(&self) -> Value {
        let layers: Vec<Value> = self
            .layers
            .iter()
            .map(|l| json!({ "units": l.units, "activation": l.activation.name() }))
            .collect();
        json!({ "inputs": self.inputs, "layers": layers })
    }

    /// Reads [`Architecture::to_json`] back, or says what is wrong with it.
    pub(crate) fn from_json(text: &str) -> Result<Architecture, String> {
        let value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let number = |value: &Value| value.as_u64().and_then(|n| usize::try_from(n).ok());
        let inputs = number(&value["inputs"]).ok_or("no number `inputs`")?;
        let mut layers = Vec::new();
        for layer in value["layers"].as_array().ok_or("no list `layers`")? {
            let units = number(&layer["units"]).ok_or("a layer without `units`")?;
            let name = layer["activation"].as_str().ok_or("a layer without `activation`")?;
            let activation = name.parse().map_err(|e: Error| e.to_string())?;
            layers.push(Dense { units, activation });
        }
        match layers.pop() {
            Some(Dense { units: 1, activation: Activation::Sigmoid }) => {}
            _ => return Err("the last layer is not one sigmoid unit".to_owned()),
        }
        Architecture::new(inputs, &layers).map_err(|e| e.to_string())
    }
}
