//! A model as the formats see it.

use crate::error::{Error, Result};
use crate::model::Model;
use crate::nn::{Activation, Embedding, Parameters};

/// Dense layers, from the first to the output, and what they stand on.
pub(super) struct Network<'a> {
    /// Features.
    pub(super) inputs: usize,
    /// What the first layer is given.
    pub(super) input: Input<'a>,
    /// At least one; the last has one unit.
    pub(super) layers: Vec<Layer<'a>>,
    /// Its architecture, as JSON.
    pub(super) architecture: String,
}

/// What becomes of a review before the first Dense layer.
pub(super) enum Input<'a> {
    /// A row of zeros and ones.
    Words,
    /// The same, divided by its length: the root of the sum of these squares, `[inputs]`, over its words. What else there is of
    /// scales is in the kernel.
    UnitLength(Vec<f32>),
    /// The average of the rows of this kernel, `[inputs, dim]`, over the positions of a sequence.
    Average(Embedding, &'a [f32]),
}

/// The least sum of squares that a review is divided by the root of: without a word there is nothing to divide.
pub(super) const LEAST_SQUARES: f32 = f32::MIN_POSITIVE;

/// A Dense layer and its weights.
pub(super) struct Layer<'a> {
    pub(super) fan_in: usize,
    pub(super) units: usize,
    pub(super) activation: Activation,
    /// `[fan_in, units]`
    pub(super) kernel: &'a [f32],
    /// `[units]`
    pub(super) bias: &'a [f32],
    /// `[units]` for PReLU, else empty.
    pub(super) alpha: &'a [f32],
}

/// All that [`Network`] knows of an architecture, and of a layer in it.
const KNOWN: [&[&str]; 2] = [&["inputs", "layers", "embedding"], &["units", "activation"]];

impl<'a> Network<'a> {
    /// Refuses a model that says more of itself than [`Network`] can say: without that, its exports would give other
    /// answers than it does.
    pub(super) fn of(model: &'a Model) -> Result<Network<'a>> {
        let architecture = model.architecture();
        let json = architecture.to_json();
        refuse_unknown(&json, KNOWN[0])?;
        json["layers"]
            .as_array()
            .into_iter()
            .flatten()
            .try_for_each(|layer| refuse_unknown(layer, KNOWN[1]))?;
        let parameters: &Parameters = model.parameters();
        let layer = |i: usize| Layer {
            fan_in: architecture.fan_in(i),
            units: architecture.layers()[i].units,
            activation: architecture.layers()[i].activation,
            kernel: parameters.kernel(i),
            bias: parameters.head.bias(i),
            alpha: parameters.head.alpha(i),
        };
        Ok(Network {
            inputs: architecture.inputs(),
            input: match (architecture.embedding(), model.row_scale()) {
                (Some(embedding), _) => Input::Average(embedding, &parameters.first_kernel),
                (None, Some(scale)) => Input::UnitLength(match scale.features() {
                    Some(scales) => scales.iter().map(|scale| scale * scale).collect(),
                    None => vec![1.0; architecture.inputs()],
                }),
                (None, None) => Input::Words,
            },
            layers: (0..architecture.layers().len()).map(layer).collect(),
            architecture: json.to_string(),
        })
    }
}

fn refuse_unknown(value: &serde_json::Value, known: &[&str]) -> Result<()> {
    let mut keys = value.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
    match keys.find(|key| !known.contains(key)) {
        None => Ok(()),
        Some(key) => Err(Error::Unfit {
            option: "the model",
            value: format!("a network with `{key}`"),
            reason: "the formats have no place for it".to_owned(),
            remedy: "export a network without it; its tensors can be read from the model file, \
                     which is a safetensors file"
                .to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_architecture_that_says_more_is_refused() {
        let plain = json!({ "inputs": 3, "layers": [] });
        assert!(refuse_unknown(&plain, KNOWN[0]).is_ok());
        let recurrent = json!({ "inputs": 3, "layers": [], "recurrent": { "units": 16 } });
        let error = refuse_unknown(&recurrent, KNOWN[0]).unwrap_err().to_string();
        assert!(error.contains("a network with `recurrent`"), "{error}");
        let dropout = json!({ "units": 3, "activation": "relu", "dropout": 0.5 });
        assert!(refuse_unknown(&dropout, KNOWN[1]).unwrap_err().to_string().contains("`dropout`"));
    }
}
