//! Several networks as one.

use super::{Model, SMALLER_STEPS};
use crate::error::{Error, Result};
use crate::nn::{Architecture, Embedding, Parameters};

impl Model {
    /// The network whose logit is `sum_m factors[m] logit_m` over some models of the same architecture and input scale: it answers
    /// as all of them together, and is a model like any other. Hidden layers stand side by side, `n` times as wide, with kernels
    /// whose blocks are the models' and which are 0 elsewhere; linear models are added up.
    ///
    /// What is not weights (vocabulary, text rules) is the first one's.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the architectures or the scales differ, memory is short, or weights are or would be not finite; those
    /// of [`Architecture::new`] where it would be too wide.
    ///
    /// # Panics
    /// If there is no model, or not one factor a model.
    pub fn merged(models: &[Model], factors: &[f32]) -> Result<Model> {
        assert_eq!(models.len(), factors.len(), "a factor for each model");
        let first = models.first().expect("there is a model to merge");
        let is_same = |model: &&Model| {
            model.architecture == first.architecture && model.input_scale == first.input_scale
        };
        if let Some(other) = models.iter().position(|model| !is_same(&model)) {
            return Err(Error::Unfit {
                option: "the models",
                value: format!("number {}", other + 1),
                reason: "its layers or its input's scale are not those of the first".to_owned(),
                remedy: "merge models that were trained alike, on the same reviews".to_owned(),
            });
        }
        let architecture = first.side_by_side(models.len(), 0)?;
        let parameters = parameters(&architecture, models, factors);
        let input_scale = first.input_scale.clone();
        if !parameters.values().all(f32::is_finite) {
            let is_bad = |model: &Model| !model.parameters.values().all(f32::is_finite);
            if let Some(bad) = models.iter().position(is_bad) {
                return Err(Error::Unfit {
                    option: "the models",
                    value: format!("number {}", bad + 1),
                    reason: "its weights are not finite".to_owned(),
                    remedy: SMALLER_STEPS.to_owned(),
                });
            }
            return Err(Error::Unfit {
                option: "the models",
                value: format!("{} times {factors:?}", models.len()),
                reason: "the weights of their sum are not finite".to_owned(),
                remedy: "give factors that are numbers, and smaller ones".to_owned(),
            });
        }
        let merged = Model::of_parts(architecture, parameters, input_scale);
        Ok(Model { vocabulary: first.vocabulary.clone(), text: first.text.clone(), ..merged })
    }

    /// The network that so many models of this architecture are merged into: all hidden layers, and the embedding, so many times as
    /// wide. Some of the models may still be to come, and take memory as well.
    ///
    /// # Errors
    /// Those of [`Architecture::new`] and [`Architecture::with_embedding`] where it would be too wide; [`Error::Unfit`] where memory is
    /// short.
    pub(crate) fn side_by_side(&self, times: usize, to_come: usize) -> Result<Architecture> {
        let one = &self.architecture;
        let mut hidden = one.hidden().to_vec();
        hidden.iter_mut().for_each(|layer| layer.units *= times);
        let mut architecture = Architecture::new(one.inputs(), &hidden)?;
        if let Some(embedding) = one.embedding() {
            let dim = embedding.dim * times;
            architecture = architecture.with_embedding(Embedding { dim, ..embedding })?;
        }
        architecture.expect_memory_with(to_come.saturating_mul(one.parameters()))?;
        Ok(architecture)
    }
}

fn parameters(architecture: &Architecture, models: &[Model], factors: &[f32]) -> Parameters {
    let mut merged = Parameters::zeros(architecture);
    let last = architecture.layers().len() - 1;
    let is_linear = last == 0 && architecture.embedding().is_none();
    for (at, (model, &factor)) in models.iter().zip(factors).enumerate() {
        let one = &model.architecture;
        let (width, whole) = (one.width(), architecture.width());
        let rows = model.parameters.first_kernel.chunks_exact(width);
        if is_linear {
            for (sum, weight) in merged.first_kernel.iter_mut().zip(rows.flatten()) {
                *sum += factor * weight;
            }
        } else {
            for (all, row) in merged.first_kernel.chunks_exact_mut(whole).zip(rows) {
                all[at * width..][..width].copy_from_slice(row);
            }
        }
        for layer in 0..=last {
            let ranges = merged.head.layers()[layer].clone();
            let head = &model.parameters.head;
            let units = one.layers()[layer].units;
            let columns = if layer == last { 0 } else { at * units };
            if !ranges.kernel.is_empty() {
                let stride = architecture.layers()[layer].units;
                let first = at * one.fan_in(layer);
                let kernel = &mut merged.head.values[ranges.kernel];
                let block = kernel.chunks_exact_mut(stride).skip(first);
                for (all, row) in block.zip(head.kernel(layer).chunks_exact(units)) {
                    all[columns..][..units].copy_from_slice(row);
                    if layer == last {
                        all[0] *= factor;
                    }
                }
            }
            let bias = &mut merged.head.values[ranges.bias];
            for (all, value) in bias[columns..].iter_mut().zip(head.bias(layer)) {
                *all += if layer == last { factor * value } else { *value };
            }
            let alpha = &mut merged.head.values[ranges.alpha];
            alpha.iter_mut().skip(columns).zip(head.alpha(layer)).for_each(|(all, &a)| *all = a);
        }
    }
    merged
}
