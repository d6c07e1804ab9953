//! The network that a run begins with.

use std::path::Path;

use imdb_fast::Result;
use imdb_fast::dataset::Dataset;
use imdb_fast::model::Model;
use imdb_fast::nn::{Architecture, Dense, Embedding, Initializer};

use crate::cli::missing;

pub(super) struct Network<'a> {
    pub(super) hidden: Vec<Dense>,
    pub(super) embedding: Option<Embedding>,
    /// How the first kernel starts, where not by default.
    pub(super) initializer: Option<Initializer>,
    /// The file whose weights it starts from.
    pub(super) init: Option<&'a Path>,
}

impl Network<'_> {
    /// Whether its first weights depend on a seed. Kernels behind the first one always do.
    pub(super) fn is_drawn(&self) -> bool {
        let is_one_kernel = self.hidden.is_empty() && self.embedding.is_none();
        let is_constant = match self.initializer {
            Some(Initializer::Zeros) => true,
            Some(Initializer::RandomUniform { minval, maxval }) => minval == maxval,
            _ => false,
        };
        self.init.is_none() && !(is_one_kernel && is_constant)
    }

    /// A network for the words of a dataset, before its first step.
    pub(super) fn model(&self, dataset: &Dataset, seed: u64) -> Result<Model> {
        let mut architecture = Architecture::new(dataset.features(), &self.hidden)?;
        if let Some(embedding) = self.embedding {
            architecture = architecture.with_embedding(embedding)?;
        }
        match self.init {
            Some(path) => {
                let remedy = "a model belongs here, or other weights as a safetensors file";
                let model = Model::from_tensors(architecture, path).map_err(missing(remedy))?;
                model.expect_dataset(dataset)?;
                Ok(model)
            }
            None => {
                architecture.expect_memory()?;
                Model::initial(architecture, self.initializer, seed)
            }
        }
    }
}
