//! Loading a model: an error, or a model that can be saved, loaded again, and asked.

use std::path::Path;

use arbitrary::{Result, Unstructured};
use imdb_fast::answer::Judge;
use imdb_fast::container::{Access, Container};
use imdb_fast::kernel::Level;
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::train::Team;
use serde_json::json;

use super::containers::{self, Tensor};
use super::desk::{self, choice, seldom};

pub fn check(data: &[u8]) -> bool {
    if containers::looks_like_a_file(data) {
        return loaded(data) | containers::repaired(data).is_some_and(|file| loaded(&file));
    }
    match assembled(&mut Unstructured::new(data)) {
        Ok(file) => loaded(&file),
        Err(_) => false,
    }
}

fn loaded(file: &[u8]) -> bool {
    let path = desk::file("model", file);
    if let Ok(container) = Container::open(&path, Access::Map) {
        let _ = container.verify();
    }
    from_foreign(&path);
    let model = match Model::load(&path) {
        Ok(model) => model,
        Err(error) => {
            desk::assert_explains(&error, &path);
            return false;
        }
    };
    let parameters = model.parameters();
    assert!(
        parameters
            .first_kernel
            .iter()
            .chain(&parameters.head.values)
            .all(|value| value.is_finite())
    );
    let again = desk::path("model again");
    model.save(&again).expect("the disk has room");
    let container = Container::open(&again, Access::Read).expect("our own files are sound");
    container.verify().expect("our own files have their checksums");
    let first = std::fs::read(&again).expect("it has just been written");
    Model::load(&again).expect("our own files are sound").save(&again).expect("the disk has room");
    assert_eq!(first, std::fs::read(&again).expect("it has just been written"));
    judge(&model);
    true
}

/// A model gives each text a probability, or it says why it cannot.
fn judge(model: &Model) {
    let team = Team::new(1).expect("one thread").with_level(Level::portable());
    let Ok(judge) = Judge::new(model, &team) else { return };
    let mut probabilities = Vec::new();
    let texts = ["", "The film is good, not good; naïve", "日本 awful\n"];
    // Weights are finite; what they come to may not be.
    if judge.probabilities(&texts, &mut probabilities).is_ok() {
        assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
    }
}

/// The tensors of another program's file.
fn from_foreign(path: &Path) {
    let layer = Dense { units: 2, activation: Activation::Prelu };
    let architecture = Architecture::new(3, &[layer]).expect("a small network");
    if let Err(error) = Model::from_tensors(architecture, path) {
        desk::assert_explains(&error, path);
    }
}

fn assembled(u: &mut Unstructured) -> Result<Vec<u8>> {
    const ACTIVATIONS: [&str; 6] = ["relu", "tanh", "prelu", "gelu", "linear", "none"];
    let inputs = if seldom(u, 1)? { u.arbitrary::<u64>()? } else { u.int_in_range(0..=30)? };
    let (mut layers, mut tensors) = (Vec::new(), Vec::new());
    let (mut rows, mut embedding) = (inputs.min(40), None);
    if u.arbitrary()? {
        let dim = u.int_in_range(1..=20u64)?;
        tensors.push(Tensor::of("embedding.kernel", "F32", &[rows, dim], &values(u, rows * dim)?));
        embedding = Some(json!({
            "dim": if seldom(u, 1)? { u.arbitrary()? } else { dim },
            "max_len": if seldom(u, 1)? { u.arbitrary::<u64>()? } else { u.int_in_range(1..=9)? },
            "mask": u.arbitrary::<bool>()?,
            "padding": if seldom(u, 1)? { "post" } else { "pre" },
            "truncating": if seldom(u, 1)? { "post" } else { "pre" },
        }));
        rows = dim;
    }
    let hidden = u.int_in_range(0..=3usize)?;
    for layer in 0..=hidden {
        let is_last = layer == hidden && !seldom(u, 1)?;
        let units = if is_last { 1 } else { u.int_in_range(1..=20u64)? };
        let activation = if is_last { "sigmoid" } else { choice(u, &ACTIVATIONS)? };
        let claimed = if seldom(u, 1)? { u.arbitrary()? } else { units };
        layers.push(json!({ "units": claimed, "activation": activation }));
        let kernel = values(u, rows * units)?;
        let (bias, alpha) = (values(u, units)?, values(u, units)?);
        let name = format!("dense_{layer}.kernel");
        tensors.push(Tensor::of(name, "F32", &[rows, units], &kernel));
        tensors.push(Tensor::of(format!("dense_{layer}.bias"), "F32", &[units], &bias));
        if (activation == "prelu") != seldom(u, 1)? {
            tensors.push(Tensor::of(format!("dense_{layer}.alpha"), "F32", &[units], &alpha));
        }
        rows = units;
    }
    // With an embedding there is none.
    let is_scaled = u.arbitrary()? && (embedding.is_none() || seldom(u, 1)?);
    if is_scaled {
        let scales = values(u, inputs.min(40))?;
        tensors.push(Tensor::of("input.scale", "F32", &[scales.len() as u64], &scales));
    }
    let mut architecture = json!({ "inputs": inputs, "layers": layers });
    if let Some(embedding) = embedding {
        architecture["embedding"] = embedding;
    }
    let training = choice(u, &["null", "{\"loss\":\"hinge\"}", "{", "[[[[[[1]]]]]]"])?;
    let mut metadata = vec![
        ("format", "imdb-fast model".to_owned()),
        ("version", "1".to_owned()),
        ("architecture", architecture.to_string()),
        ("training", training.to_owned()),
    ];
    if is_scaled && u.arbitrary()? {
        metadata.push(("row_norm", choice(u, &["l2", "l2", "none", "l1"])?.to_owned()));
    }
    if u.arbitrary()? {
        let mut vocabulary = containers::vocabulary(u, inputs.min(30) as usize)?;
        // The offsets are wider than all else.
        tensors.insert(0, vocabulary.remove(0));
        tensors.append(&mut vocabulary);
        metadata.push(("text", containers::text_rules(u, inputs)?));
    }
    containers::joined(u, &metadata, &tensors)
}

fn values(u: &mut Unstructured, count: u64) -> Result<Vec<f32>> {
    let seed: f32 = if seldom(u, 1)? { u.arbitrary()? } else { f32::from(u.arbitrary::<i8>()?) };
    Ok((0..count).map(|at| seed * (1.0 + at as f32 / 7.0)).collect())
}
