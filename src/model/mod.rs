//! A trained network as one file.
//!
//! A model is a [safetensors](https://github.com/huggingface/safetensors) file: for each layer `I` from 0
//! `dense_I.kernel` \[inputs, units\] and `dense_I.bias` \[units\], which is Keras' orientation, for PReLU `dense_I.alpha`
//! \[units\], all F32. A network of an [`Embedding`](crate::nn::Embedding) has `embedding.kernel` \[words, dim\] besides, and
//! the inputs of its `dense_0` are a word vector's values. A network whose input has a [scale](crate::nn::InputScale) has
//! `input.scale` \[inputs\], if its words have one each, and the metadata `row_norm` = `l2`, if its rows are normalised; its
//! `dense_0.kernel` is multiplied by the words' scales already. Where the dataset had words, `vocabulary.offsets`,
//! `vocabulary.text` and `vocabulary.cut` are as in a [dataset](crate::dataset::format). `__metadata__` holds `format` =
//! `imdb-fast model`, `version`, `architecture`, `training` (JSON: how it was trained), the checksums of a dataset and, where the
//! dataset had it, `text` as there.

mod merge;
mod words;

use std::path::Path;

use crate::container::{
    Access, Container, Kind, TEXT_RULES, TensorBytes, json_text, vocabulary, write_tensors,
};
use crate::error::{Error, Result};
use crate::nn::{Architecture, Head, Initializer, InputScale, Parameters, RowNorm};
use crate::text::{Rules, Vocabulary};
use words::WORDS_REMEDY;

/// `version` in the metadata.
const VERSION: &str = "1";

/// What to do about weights that are too large, or not even numbers.
const SMALLER_STEPS: &str = "train it again, with a smaller --learning-rate";

/// A network and what is needed to use it. The shapes of its parameters agree with its architecture.
#[derive(Debug, Clone)]
pub struct Model {
    architecture: Architecture,
    parameters: Parameters,
    input_scale: Option<InputScale>,
    /// The words that its inputs stand for, where they are known.
    pub vocabulary: Option<Vocabulary>,
    /// How text becomes its inputs, where that is known.
    pub text: Option<Rules>,
    /// How it was trained, for `inspect`.
    pub training: serde_json::Value,
}

impl Model {
    /// A fresh network: Glorot-uniform kernels from the seed, zero biases.
    ///
    /// Where the system does not give the memory for its weights, this ends the process: [`Architecture::expect_memory`] says so
    /// before.
    pub fn new(architecture: Architecture, seed: u64) -> Model {
        let parameters = Parameters::initial(&architecture, None, seed);
        Model::of_parts(architecture, parameters, None)
    }

    /// The same with a first kernel that starts as an initializer says.
    ///
    /// # Errors
    /// Those of [`Initializer::check`].
    pub fn initial(
        architecture: Architecture,
        first_kernel: Option<Initializer>,
        seed: u64,
    ) -> Result<Model> {
        first_kernel.map_or(Ok(()), Initializer::check)?;
        let parameters = Parameters::initial(&architecture, first_kernel, seed);
        Ok(Model::of_parts(architecture, parameters, None))
    }

    /// A network that starts from the tensors `embedding.kernel`, `dense_I.kernel`, `dense_I.bias` and `dense_I.alpha` of any
    /// safetensors file, another program's too. Of a model it has the scales and the words as well.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::WrongKind`], and
    /// [`Error::Malformed`] where a tensor is missing, has another shape than
    /// the architecture asks for, or a value that is not finite.
    pub fn from_tensors(architecture: Architecture, path: &Path) -> Result<Model> {
        let container = Container::open(path, Access::Read)?;
        let model = Model::of_container(&container, architecture)?;
        Ok(Model { vocabulary: container.vocabulary()?, text: container.text_rules()?, ..model })
    }

    /// The same, of a file that is open.
    pub(crate) fn of_container(container: &Container, architecture: Architecture) -> Result<Model> {
        let parameters = read_parameters(container, &architecture)?;
        let input_scale = read_scale(container, &architecture)?;
        Ok(Model::of_parts(architecture, parameters, input_scale))
    }

    /// A network of parameters whose shapes agree with its architecture, and that are multiplied by the words' scales already.
    pub(crate) fn of_parts(
        architecture: Architecture,
        parameters: Parameters,
        input_scale: Option<InputScale>,
    ) -> Model {
        let training = serde_json::Value::Null;
        Model { architecture, parameters, input_scale, vocabulary: None, text: None, training }
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::WrongKind`] for another kind of file;
    /// [`Error::Malformed`] where it is damaged.
    pub fn load(path: &Path) -> Result<Model> {
        let container = Container::open_as(path, Access::Read, Kind::Model, VERSION)?;
        let json = |key: &str| container.metadata(key).unwrap_or("null");
        let architecture = Architecture::from_json(json("architecture")).map_err(|problem| {
            container.malformed("metadata `architecture`", problem, "train the model again")
        })?;
        let model = Model::of_container(&container, architecture)?;
        let vocabulary = container.vocabulary()?;
        let text = container.text_rules()?;
        let training = serde_json::from_str(json("training")).map_err(|error| {
            container.malformed("metadata `training`", error.to_string(), "train the model again")
        })?;
        // All of it has been read, and a wrong weight would go unnoticed.
        container.verify()?;
        let model = Model { vocabulary, text, training, ..model };
        model.check_words().map_err(|error| {
            let place = "the text rules and the vocabulary";
            container.malformed(place, error.reason(), WORDS_REMEDY)
        })?;
        Ok(model)
    }

    /// Writes the model file, whole or not at all.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Unfit`] and [`Error::InvalidOption`] where its vocabulary and its text rules, or the depth
    /// of [`Model::training`], are such that [`Model::load`] would refuse the file, or a weight is not finite.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.check_words()?;
        self.expect_finite_weights()?;
        self.write(path)
    }

    fn write(&self, path: &Path) -> Result<()> {
        let Parameters { first_kernel, head } = &self.parameters;
        let scale = self.input_scale.as_ref();
        let mut tensors = tensors(&self.architecture, vec![first_kernel], head, scale);
        tensors.extend(self.vocabulary.iter().flat_map(vocabulary::tensors));
        let mut strings = vec![
            ("architecture", self.architecture.to_json().to_string()),
            ("training", json_text("what the model says of its training", &self.training)?),
        ];
        strings.extend(row_norm(scale));
        strings.extend(self.text.iter().map(|rules| (TEXT_RULES, rules.to_json())));
        write_tensors(path, Kind::Model, VERSION, strings, tensors)
    }

    /// Its layers.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Its weights.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// Gives it other weights, as `set_weights` does in Keras. Where its words have a scale, the first kernel is one that is multiplied
    /// by it already.
    ///
    /// ```
    /// use imdb_fast::model::Model;
    /// use imdb_fast::nn::{Architecture, Parameters};
    ///
    /// # fn main() -> imdb_fast::Result<()> {
    /// let architecture = Architecture::new(3, &[])?;
    /// let mut parameters = Parameters::zeros(&architecture);
    /// parameters.kernel_mut(0).copy_from_slice(&[0.5, -1.0, 2.0]);
    /// let bias = parameters.head.layers()[0].bias.clone();
    /// parameters.head.values[bias].copy_from_slice(&[0.25]);
    /// let mut model = Model::new(architecture, 1);
    /// model.set_parameters(parameters)?;
    /// assert_eq!(model.parameters().kernel(0), [0.5, -1.0, 2.0]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unfit`] where their shapes are not those of its architecture, or a value is not finite.
    pub fn set_parameters(&mut self, parameters: Parameters) -> Result<()> {
        if !parameters.is_shaped_as(&self.parameters) {
            return Err(Error::Unfit {
                option: "the weights",
                value: format!(
                    "{} and {} of them",
                    parameters.first_kernel.len(),
                    parameters.head.values.len()
                ),
                reason: format!("the network is {}", self.architecture.to_json()),
                remedy: "make them by `Parameters::zeros` of its architecture".to_owned(),
            });
        }
        if let Some(value) = parameters.values().find(|value| !value.is_finite()) {
            return Err(Error::Unfit {
                option: "the weights",
                value: format!("{value} among others"),
                reason: "a network answers by finite weights alone".to_owned(),
                remedy: "give others".to_owned(),
            });
        }
        self.parameters = parameters;
        Ok(())
    }

    /// How much each word of a review counts, where it is not 1.
    pub fn input_scale(&self) -> Option<&InputScale> {
        self.input_scale.as_ref()
    }

    /// The same, where reviews have a scale of their own.
    pub fn row_scale(&self) -> Option<&InputScale> {
        self.input_scale().filter(|scale| scale.normalises())
    }

    /// Checks that its weights are numbers: those of a run that diverged may be none.
    ///
    /// # Errors
    /// [`Error::Unfit`] that names the first that is none.
    fn expect_finite_weights(&self) -> Result<()> {
        match self.parameters.values().find(|value| !value.is_finite()) {
            None => Ok(()),
            Some(value) => Err(Error::Unfit {
                option: "the model",
                value: "one whose training has diverged".to_owned(),
                reason: format!("{value} is among its weights"),
                remedy: SMALLER_STEPS.to_owned(),
            }),
        }
    }

    /// Checks that the logits of some reviews are numbers, whose places and names are those of `review`: weights that are, each
    /// by itself, may still be so large that sums of them overflow.
    ///
    /// # Errors
    /// [`Error::Overflow`] of the first review whose logit is none.
    pub(crate) fn expect_finite(
        &self,
        logits: &[f32],
        review: impl Fn(usize) -> (usize, String),
    ) -> Result<()> {
        let Some(place) = logits.iter().position(|logit| !logit.is_finite()) else {
            return Ok(());
        };
        let (at, review) = review(place);
        Err(Error::Overflow { at, review, logit: logits[place] })
    }

    /// Gives a network whose input is 0 and 1 another one: its first kernel is multiplied by the words' scales, as
    /// [`InputScale`] says.
    pub(crate) fn scale_input(&mut self, scale: Option<InputScale>) {
        if let Some(scale) = &scale {
            scale.multiply(&mut self.parameters.first_kernel);
        }
        self.input_scale = scale;
    }

    /// Takes over the weights of another model of the same architecture.
    ///
    /// # Panics
    /// If the architectures differ.
    pub(crate) fn take_weights(&mut self, other: Model) {
        assert_eq!(self.architecture, other.architecture, "weights of the same network");
        self.parameters = other.parameters;
        self.input_scale = other.input_scale;
    }

    /// Its weights, to be trained, whose shapes are fixed, and the scale of its input.
    pub(crate) fn trained(&mut self) -> (&mut Parameters, Option<&InputScale>) {
        (&mut self.parameters, self.input_scale.as_ref())
    }
}

/// The rows of an embedding.
const EMBEDDING: &str = "embedding.kernel";

/// What the words' inputs are multiplied by.
const INPUT_SCALE: &str = "input.scale";
/// What becomes of the rows' length, in the metadata.
const ROW_NORM: &str = "row_norm";

/// The tensors of a network whose first kernel comes in pieces.
pub(crate) fn tensors<'a>(
    architecture: &Architecture,
    first_kernel: Vec<&'a [f32]>,
    head: &'a Head,
    scale: Option<&'a InputScale>,
) -> Vec<TensorBytes<'a>> {
    let mut tensors = Vec::new();
    let mut first_kernel = Some(first_kernel);
    if architecture.embedding().is_some() {
        let shape = [architecture.inputs(), architecture.width()];
        let rows = first_kernel.take().unwrap_or_default();
        tensors.push(TensorBytes::of_pieces(EMBEDDING, &shape, rows));
    }
    for (i, ranges) in head.layers().iter().enumerate() {
        let units = architecture.layers()[i].units;
        let shape = [architecture.fan_in(i), units];
        let kernel = first_kernel.take().unwrap_or_else(|| vec![head.kernel(i)]);
        tensors.push(TensorBytes::of_pieces(kernel_name(i), &shape, kernel));
        tensors.push(TensorBytes::new(bias_name(i), &[units], head.bias(i)));
        if !ranges.alpha.is_empty() {
            tensors.push(TensorBytes::new(alpha_name(i), &[units], head.alpha(i)));
        }
    }
    if let Some(scales) = scale.and_then(InputScale::features) {
        tensors.push(TensorBytes::new(INPUT_SCALE, &[scales.len()], scales));
    }
    tensors
}

/// What the metadata of a network say of its input's scale.
pub(crate) fn row_norm(scale: Option<&InputScale>) -> Option<(&'static str, String)> {
    scale.filter(|scale| scale.normalises()).map(|scale| (ROW_NORM, scale.row_norm().to_string()))
}

fn kernel_name(layer: usize) -> String {
    format!("dense_{layer}.kernel")
}

fn bias_name(layer: usize) -> String {
    format!("dense_{layer}.bias")
}

fn alpha_name(layer: usize) -> String {
    format!("dense_{layer}.alpha")
}

/// Checks the shapes of all tensors before it reserves memory for any, then copies them.
fn read_parameters(container: &Container, architecture: &Architecture) -> Result<Parameters> {
    let layers = architecture.layers();
    if architecture.embedding().is_some() {
        check_shape(container, EMBEDDING, &[architecture.inputs(), architecture.width()])?;
    } else if container.shape(EMBEDDING).is_some() {
        let problem = format!("`{EMBEDDING}` is there, but the network has no embedding");
        return Err(container.malformed("header", problem, "give --encoding embedding"));
    }
    for (i, layer) in layers.iter().enumerate() {
        check_shape(container, &kernel_name(i), &[architecture.fan_in(i), layer.units])?;
        check_shape(container, &bias_name(i), &[layer.units])?;
        if layer.activation.has_alpha() {
            check_shape(container, &alpha_name(i), &[layer.units])?;
        }
    }
    let surplus = kernel_name(layers.len());
    if container.shape(&surplus).is_some() {
        let problem = format!("`{surplus}` is there, but the network has {} layers", layers.len());
        return Err(container.malformed("header", problem, "give the --hidden it was made with"));
    }
    let mut parameters = Parameters::zeros(architecture);
    if architecture.embedding().is_some() {
        copy(container, EMBEDDING, &mut parameters.first_kernel)?;
    }
    for (i, layer) in layers.iter().enumerate() {
        copy(container, &kernel_name(i), parameters.kernel_mut(i))?;
        let ranges = parameters.head.layers()[i].clone();
        copy(container, &bias_name(i), &mut parameters.head.values[ranges.bias])?;
        if layer.activation.has_alpha() {
            copy(container, &alpha_name(i), &mut parameters.head.values[ranges.alpha])?;
        }
    }
    Ok(parameters)
}

/// The scale of the input, where it has one.
fn read_scale(container: &Container, architecture: &Architecture) -> Result<Option<InputScale>> {
    const REMEDY: &str = "train the model again";
    let norm = container.metadata(ROW_NORM).unwrap_or(RowNorm::None.name());
    let norm: RowNorm = norm.parse().map_err(|_| {
        let problem = format!("`{norm}` is no norm that this version knows");
        container.malformed(format!("metadata `{ROW_NORM}`"), problem, REMEDY)
    })?;
    let has_scales = container.shape(INPUT_SCALE).is_some();
    if !has_scales && norm == RowNorm::None {
        return Ok(None);
    }
    if architecture.embedding().is_some() {
        let problem = "an embedding's words have no scale".to_owned();
        return Err(container.malformed("header", problem, REMEDY));
    }
    let mut scales = Vec::new();
    if has_scales {
        check_shape(container, INPUT_SCALE, &[architecture.inputs()])?;
        scales.resize(architecture.inputs(), 0.0);
        copy(container, INPUT_SCALE, &mut scales)?;
    }
    Ok(Some(InputScale::new(scales, norm)))
}

fn check_shape(container: &Container, tensor: &str, expected: &[usize]) -> Result<()> {
    let remedy = match tensor {
        EMBEDDING => {
            "give the --encoding and --embedding-dim it was made with, and a dataset of as many features"
        }
        _ => {
            "give the --hidden and --activation it was made with, and a dataset of as many features"
        }
    };
    match container.shape(tensor) {
        None => Err(container.malformed("header", format!("no tensor `{tensor}`"), remedy)),
        Some(shape) if shape == expected => Ok(()),
        Some(shape) => {
            let problem = format!("the shape is {shape:?}, the network has {expected:?}");
            Err(container.malformed(format!("tensor `{tensor}`"), problem, remedy))
        }
    }
}

fn copy(container: &Container, tensor: &str, to: &mut [f32]) -> Result<()> {
    let values = container.get(&container.section::<f32>(tensor)?);
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        let problem = format!("value {at} is {}", values[at]);
        let remedy = "the file is damaged or its training diverged: train again";
        return Err(container.malformed(format!("tensor `{tensor}`"), problem, remedy));
    }
    to.copy_from_slice(values);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a run that diverged may leave them.
    #[test]
    fn weights_that_are_not_finite_are_neither_saved_nor_merged() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let good = Model::new(Architecture::new(4, &[]).unwrap(), 1);
        for value in [f32::NAN, f32::INFINITY] {
            let mut bad = good.clone();
            *bad.parameters.head.values.last_mut().unwrap() = value;
            let error = bad.save(&path).unwrap_err().to_string();
            assert!(error.contains("smaller --learning-rate") && !path.exists(), "{error}");
            let error = Model::merged(&[good.clone(), bad], &[0.5, 0.5]).unwrap_err().to_string();
            assert!(error.contains("number 2") && !error.contains("factors"), "{error}");
        }
    }

    /// As another program may write it.
    #[test]
    fn words_that_lead_to_other_inputs_are_not_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let mut model = Model::new(Architecture::new(40, &[]).unwrap(), 1);
        model.vocabulary = Some(Vocabulary::from_words(["w"; 40]));
        model.text = Some(Rules { num_words: 50, ..Rules::default() });
        model.write(&path).unwrap();
        let error = Model::load(&path).unwrap_err().to_string();
        let place = "m.safetensors: the text rules and the vocabulary: ";
        assert!(error.contains(place), "{error}");
        assert!(error.contains("text leads to 50 features, the network has 40"), "{error}");
    }
}
