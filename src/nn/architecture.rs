//! Which layers a network has.

use serde_json::{Value, json};

use super::{Activation, Embedding};
use crate::error::{Error, Result};
use crate::kernel::has_room;

/// One Dense layer (`keras.layers.Dense`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dense {
    /// How many outputs.
    pub units: usize,
    /// What is applied to them.
    pub activation: Activation,
}

/// A stack of Dense layers over `inputs` binary features, or over an [`Embedding`] of so many words; the last has one sigmoid
/// unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Architecture {
    inputs: usize,
    embedding: Option<Embedding>,
    layers: Vec<Dense>,
}

/// The units of hidden layers as the command line takes them, `16,16` or `none`; nothing where a number is none above 0.
pub fn hidden_units(text: &str) -> Option<Vec<usize>> {
    match text.trim() {
        "none" => Some(Vec::new()),
        text => text.split(',').map(|units| units.trim().parse().ok().filter(|&n| n > 0)).collect(),
    }
}

/// No layer may be wider.
const MAX_UNITS: usize = 1 << 16;
/// No network may be deeper.
const MAX_LAYERS: usize = 64;

impl Architecture {
    /// A network with these hidden layers; none of them is logistic regression.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for a width of 0 or beyond 65,536, or more than 64 layers; [`Error::Unfit`] where no memory could
    /// have room for the weights.
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
        Architecture { inputs, embedding: None, layers }.addressable()
    }

    /// The same Dense layers over averages of word vectors, in place of binary features.
    ///
    /// # Errors
    /// Those of [`Embedding::check`], and [`Error::Unfit`] where no memory could have room for the weights.
    pub fn with_embedding(self, embedding: Embedding) -> Result<Architecture> {
        embedding.check()?;
        Architecture { embedding: Some(embedding), ..self }.addressable()
    }

    /// Checks that the places of all weights, and of their bytes, fit a number.
    fn addressable(self) -> Result<Architecture> {
        let bytes = self.parameters().checked_mul(size_of::<f32>());
        match bytes.filter(|&bytes| isize::try_from(bytes).is_ok()) {
            Some(_) => Ok(self),
            None => Err(self.too_large("no memory has room for its weights".to_owned())),
        }
    }

    /// Checks that the system gives the memory for the weights, before they are made: where it refuses, that ends the process.
    ///
    /// # Errors
    /// [`Error::Unfit`]
    pub fn expect_memory(&self) -> Result<()> {
        self.expect_memory_with(0)
    }

    /// The same for so many weights of other networks as well.
    pub(crate) fn expect_memory_with(&self, others: usize) -> Result<()> {
        let bytes = (self.parameters() as u128 + others as u128) * size_of::<f32>() as u128;
        if usize::try_from(bytes).is_ok_and(has_room) {
            return Ok(());
        }
        let whose = if others == 0 { "its weights" } else { "its weights and theirs" };
        Err(self.too_large(format!("the system does not give the {bytes} bytes for {whose}")))
    }

    fn too_large(&self, reason: String) -> Error {
        let hidden: Vec<String> = self.hidden().iter().map(|l| l.units.to_string()).collect();
        Error::Unfit {
            option: "the network",
            value: format!("one of {} inputs and layers of {}", self.inputs, hidden.join(", ")),
            reason,
            remedy: "give fewer or narrower layers by --hidden, or a dataset of fewer features"
                .to_owned(),
        }
    }

    /// What comes before the Dense layers, if anything.
    pub fn embedding(&self) -> Option<Embedding> {
        self.embedding
    }

    /// How many features, or words, the first layer takes.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// All Dense layers, the output included.
    pub fn layers(&self) -> &[Dense] {
        &self.layers
    }

    /// The layers before the output.
    pub fn hidden(&self) -> &[Dense] {
        &self.layers[..self.layers.len() - 1]
    }

    /// The width of a weight row, of which each feature has one: values of a word vector, or units of the first Dense layer.
    pub fn width(&self) -> usize {
        self.embedding.map_or(self.layers[0].units, |embedding| embedding.dim)
    }

    /// Inputs of a Dense layer.
    ///
    /// # Panics
    /// If there are not so many layers.
    pub fn fan_in(&self, layer: usize) -> usize {
        match &self.layers[..=layer] {
            [.., before, _] => before.units,
            _ => self.embedding.map_or(self.inputs, |embedding| embedding.dim),
        }
    }

    /// How many parameters are trained.
    pub fn parameters(&self) -> usize {
        let embedding = self.embedding.map_or(0, |e| self.inputs.saturating_mul(e.dim));
        (0..self.layers.len()).fold(embedding, |sum, i| {
            let Dense { units, activation } = self.layers[i];
            let each = self.fan_in(i).saturating_add(1 + usize::from(activation.has_alpha()));
            sum.saturating_add(each.saturating_mul(units))
        })
    }

    /// As it stands in a model file.
    pub(crate) fn to_json(&self) -> Value {
        let layers: Vec<Value> = self
            .layers
            .iter()
            .map(|l| json!({ "units": l.units, "activation": l.activation.name() }))
            .collect();
        let mut json = json!({ "inputs": self.inputs, "layers": layers });
        if let Some(embedding) = self.embedding {
            json["embedding"] = embedding.to_json();
        }
        json
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
        let architecture = Architecture::new(inputs, &layers);
        let architecture = match &value["embedding"] {
            Value::Null => architecture,
            embedding => {
                let embedding = Embedding::from_json(embedding)?;
                architecture.and_then(|architecture| architecture.with_embedding(embedding))
            }
        };
        architecture.map_err(|e| e.to_string())
    }
}
