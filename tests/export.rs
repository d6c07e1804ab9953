//! Exported models, in the frameworks that they are for: `tests/frameworks/agree.py` loads them by the documentation's own
//! snippets. `IMDB_FAST_PYTHON` names a Python that has them; else it is `python3`.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{generated, repository, team, written};
use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Dataset, Holdout, Split};
use imdb_fast::export::{Format, LOAD_KERAS, LOAD_ONNX, LOAD_TORCH, OnnxInput, export};
use imdb_fast::import::{self, ImportOptions};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::train::{FitOptions, Silent, TrainPlan, fit, predict};
use serde_json::{Value, json};

/// Absolute. Sums of some hundred float32 weights in other orders differ by a few units of the last place.
const TOLERANCE: f64 = 1e-5;

/// How many reviews are compared.
const REVIEWS: usize = 1_000;

/// Networks that were trained a little, so that no weight is at its start, with the reviews to judge.
struct Trained {
    name: String,
    model: Model,
    rows: PathBuf,
    probabilities: String,
}

fn bytes<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|value| bytes(*value)).collect()
}

/// Writes the first test reviews as lists of words.
fn write_rows(dataset: &Dataset, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let (mut indices, mut offsets) = (Vec::new(), Vec::new());
    let csr = dataset.csr(Split::Test).unwrap();
    for row in 0..REVIEWS {
        offsets.push(indices.len() as i64);
        indices.extend(csr.row(row).into_iter().map(i64::from));
    }
    std::fs::write(folder.join("indices.i64"), bytes(&indices, i64::to_le_bytes)).unwrap();
    std::fs::write(folder.join("offsets.i64"), bytes(&offsets, i64::to_le_bytes)).unwrap();
}

fn train(
    dataset: &Dataset,
    rows: &Path,
    name: &str,
    hidden: &[(usize, Activation)],
    epochs: usize,
) -> Trained {
    let hidden: Vec<Dense> =
        hidden.iter().map(|&(units, activation)| Dense { units, activation }).collect();
    let mut model = Model::new(Architecture::new(dataset.features(), &hidden).unwrap(), 3);
    let options = FitOptions { epochs, validation: Holdout::None, ..FitOptions::default() };
    let plan = TrainPlan::new(dataset, &model, options).unwrap();
    let team = team(2);
    fit(&plan, &mut model, &team, &mut Silent).unwrap();
    let mut probabilities = Vec::new();
    predict(&team, &model, dataset, Split::Test, 0..REVIEWS, |_, some, _| {
        probabilities.extend_from_slice(some);
        Ok(())
    })
    .unwrap();
    // Of a network that answers the same to all, any export would agree.
    let (low, high) = probabilities
        .iter()
        .fold((1.0, 0.0), |(low, high): (f32, f32), &p| (low.min(p), high.max(p)));
    assert!(high - low > 0.01, "{name}: from {low} to {high}");
    std::fs::write(rows.join(format!("{name}.f32")), bytes(&probabilities, f32::to_le_bytes))
        .unwrap();
    Trained { name: name.to_owned(), model, rows: rows.to_owned(), probabilities: name.to_owned() }
}

/// Every activation, no hidden layer, many layers; and the book's network on real reviews, where they are.
fn networks(folder: &Path) -> Vec<Trained> {
    let mut source = generated(4 * REVIEWS, 600, 1);
    // Reviews without words: the first, some in a row, the last that is compared.
    let tests = source.reviews.iter_mut().filter(|(split, ..)| *split == Split::Test);
    for (row, (_, words, _)) in tests.enumerate() {
        if [0, 17, 18, 19, REVIEWS - 1].contains(&row) {
            words.clear();
        }
    }
    let dataset = written(source, &folder.join("generated.safetensors"));
    let rows = folder.join("generated");
    write_rows(&dataset, &rows);
    let mut networks: Vec<Trained> = Activation::ALL
        .into_iter()
        .map(|f| train(&dataset, &rows, f.name(), &[(20, f), (12, f)], 10))
        .collect();
    networks.push(train(&dataset, &rows, "no_hidden_layer", &[], 10));
    // More than ten arrays, whose names no longer sort as they count.
    networks.push(train(&dataset, &rows, "twelve_layers", &[(9, Activation::Prelu); 12], 5));
    if let Some(dataset) = real_reviews(folder) {
        let rows = folder.join("real");
        write_rows(&dataset, &rows);
        let hidden = [(16, Activation::Relu); 2];
        networks.push(train(&dataset, &rows, "real_reviews_4_epochs", &hidden, 4));
        networks.push(train(&dataset, &rows, "real_reviews_20_epochs", &hidden, 20));
    }
    networks
}

fn real_reviews(folder: &Path) -> Option<Dataset> {
    let Some(data) = std::env::var_os("IMDB_FAST_DATA").map(PathBuf::from) else {
        println!("generated reviews only: IMDB_FAST_DATA names no folder with imdb.npz");
        return None;
    };
    let path = folder.join("imdb.safetensors");
    let mut source = import::open(&data.join("imdb.npz"), &ImportOptions::default()).unwrap();
    dataset::write(&mut *source, &path).unwrap();
    Some(Dataset::open(&path, Access::Map).unwrap())
}

/// Exports all networks and compares; says so where the framework is not there.
fn agrees(framework: &str, snippet: &str, formats: &[(Format, &str, &str)]) {
    let python = std::env::var_os("IMDB_FAST_PYTHON").unwrap_or_else(|| "python3".into());
    // Asked first, since the networks take their time.
    let module = if framework == "onnx" { "onnxruntime" } else { framework };
    let probe =
        format!("import importlib.util as u, sys; sys.exit(u.find_spec({module:?}) is None)");
    let found = Command::new(&python).args(["-c", &probe]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        println!("skipped: {} has no {module}; IMDB_FAST_PYTHON names another", python.display());
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    for Trained { name, model, rows, probabilities } in networks(folder.path()) {
        let layers = model.architecture().hidden().iter();
        let hidden: Vec<Value> =
            layers.map(|layer| json!([layer.units, layer.activation.name()])).collect();
        for (format, input, extension) in formats {
            let file = folder.path().join(format!("{name}.{input}.{extension}"));
            export(&model, *format, &file).unwrap();
            cases.push(json!({
                "name": format!("{name}{}{input}", if input.is_empty() { "" } else { " " }),
                "file": file,
                "features": model.architecture().inputs(),
                "hidden": hidden,
                "input": input,
                "rows": rows,
                "probabilities": probabilities,
            }));
        }
    }
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("cases.json"), serde_json::to_vec(&cases).unwrap()).unwrap();
    std::fs::write(at("snippet.py"), snippet).unwrap();
    let output = Command::new(&python)
        .arg(repository("tests/frameworks/agree.py"))
        .arg(framework)
        .args([at("snippet.py"), at("cases.json")])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(text.lines().last().expect(&errors)).expect(&text);
    if let Some(missing) = report["missing"].as_str() {
        println!("skipped: {}: {missing}", python.display());
        return;
    }
    println!("{}", report["versions"].as_str().unwrap());
    let differences = report["differences"].as_object().unwrap();
    assert_eq!(differences.len(), cases.len());
    for (name, difference) in differences {
        println!("  {name}: {difference}");
        assert!(difference.as_f64().unwrap() <= TOLERANCE, "{name}: {difference}");
    }
}

#[test]
fn keras_agrees() {
    agrees("keras", LOAD_KERAS, &[(Format::KerasNpz, "", "npz")]);
}

#[test]
fn onnx_agrees() {
    let formats = [
        (Format::Onnx(OnnxInput::MultiHot), "multi-hot", "onnx"),
        (Format::Onnx(OnnxInput::Indices), "indices", "onnx"),
    ];
    agrees("onnx", LOAD_ONNX, &formats);
}

#[test]
fn torch_agrees() {
    agrees("torch", LOAD_TORCH, &[(Format::TorchSafetensors, "", "safetensors")]);
}
