//! Exported models, in the frameworks that they are for: `tests/frameworks/agree.py` loads them by the documentation's own
//! snippets. `IMDB_FAST_PYTHON` names a Python that has them; else it is `python3`.

mod common;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::desk::neutral;
use common::{names, repository, sequences, skipped, team, written};
use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Dataset, Holdout, Sequences, Split};
use imdb_fast::export::{
    Format, LOAD_KERAS, LOAD_KERAS_EMBEDDING, LOAD_KERAS_UNIT_LENGTH, LOAD_ONNX, LOAD_TORCH,
    LOAD_TORCH_EMBEDDING, OnnxInput, export,
};
use imdb_fast::import::{self, ImportOptions};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense, Embedding, RowNorm};
use imdb_fast::optimizer;
use imdb_fast::train::{FeatureScale, FitOptions, Silent, TrainPlan, fit, predict};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde::Serialize;
use serde_json::{Value, json};

/// Absolute. Sums of some hundred float32 weights in other orders differ by a few units of the last place.
const TOLERANCE: f64 = 1e-5;

/// How many reviews are compared.
const REVIEWS: usize = 1_000;

/// What a network is given; the frameworks have a snippet for each.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Words,
    UnitLength,
    Embedding,
}

/// Networks that were trained a little, so that no weight is at its start, with the reviews to judge.
struct Trained {
    name: String,
    kind: Kind,
    model: Model,
    rows: PathBuf,
}

fn bytes<T: Copy, const N: usize>(values: &[T], bytes: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|value| bytes(*value)).collect()
}

/// Writes the first test reviews as lists of words, and as sequences where there are some.
fn write_rows(dataset: &Dataset, folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let write = |name: &str, values: &[i64]| {
        std::fs::write(folder.join(name), bytes(values, i64::to_le_bytes)).unwrap();
    };
    let (mut indices, mut offsets) = (Vec::new(), Vec::new());
    let csr = dataset.csr(Split::Test).unwrap();
    for row in 0..REVIEWS {
        offsets.push(indices.len() as i64);
        indices.extend(csr.row(row).into_iter().map(i64::from));
    }
    write("indices.i64", &indices);
    write("offsets.i64", &offsets);
    if let Some(Sequences::Narrow(pointers, ids)) = dataset.sequences(Split::Test).unwrap() {
        let row = |row: usize| &ids[pointers[row] as usize..pointers[row + 1] as usize];
        let padded = (0..REVIEWS).flat_map(|r| {
            let ids = row(r);
            let ids = &ids[ids.len().saturating_sub(MAX_LEN)..];
            let padding = std::iter::repeat_n(0, MAX_LEN - ids.len());
            padding.chain(ids.iter().map(|&id| i64::from(id))).collect::<Vec<_>>()
        });
        write("ids.i64", &padded.collect::<Vec<_>>());
    }
}

/// Positions of the sequences.
const MAX_LEN: usize = 50;

/// A dataset and the folder with its rows.
struct Data<'a> {
    dataset: &'a Dataset,
    rows: &'a Path,
}

impl Data<'_> {
    fn train(&self, name: &str, hidden: &[(usize, Activation)], epochs: usize) -> Trained {
        let options = FitOptions { epochs, ..FitOptions::default() };
        self.train_with(name, Kind::Words, hidden, options)
    }

    fn train_with(
        &self,
        name: &str,
        kind: Kind,
        hidden: &[(usize, Activation)],
        options: FitOptions,
    ) -> Trained {
        let Data { dataset, rows } = *self;
        let hidden: Vec<Dense> =
            hidden.iter().map(|&(units, activation)| Dense { units, activation }).collect();
        let mut architecture = Architecture::new(dataset.features(), &hidden).unwrap();
        if kind == Kind::Embedding {
            let mask = name.contains("mask");
            let embedding = Embedding { dim: 16, max_len: MAX_LEN, mask };
            architecture = architecture.with_embedding(embedding).unwrap();
        }
        let mut model = Model::new(architecture, 3);
        let options = FitOptions { validation: Holdout::None, ..options };
        let plan = TrainPlan::new(dataset, &model, options).unwrap();
        let team = team(2);
        fit(&plan, &mut model, &team, &mut Silent).unwrap();
        let mut probabilities = Vec::new();
        predict(&model, dataset, Split::Test, 0..REVIEWS, &team, |_, _, some| {
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
        Trained { name: name.to_owned(), kind, model, rows: rows.to_owned() }
    }
}

/// Reviews of length 1, whose words are scaled or not.
fn unit_length(feature_scale: Option<FeatureScale>) -> FitOptions {
    FitOptions {
        epochs: 5,
        optimizer: optimizer::parse("adam", Some(0.01)).unwrap(),
        feature_scale,
        row_norm: RowNorm::L2,
        ..FitOptions::default()
    }
}

/// Every activation, no hidden layer, many layers, scaled reviews, sequences; and the book's network and some of these on real
/// reviews, where they are.
fn networks(folder: &Path) -> Vec<Trained> {
    let naive_bayes = Some(FeatureScale::NaiveBayes { smoothing: 1.0 });
    let hidden = [(16, Activation::Relu); 2];
    let averaging = || FitOptions {
        epochs: 10,
        optimizer: optimizer::parse("rmsprop", Some(0.01)).unwrap(),
        ..FitOptions::default()
    };

    let mut source = sequences(4 * REVIEWS, 600, 1);
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
    let data = Data { dataset: &dataset, rows: &rows };
    let mut networks: Vec<Trained> = Activation::ALL
        .into_iter()
        .map(|f| data.train(f.name(), &[(20, f), (12, f)], 10))
        .collect();
    networks.push(data.train("no_hidden_layer", &[], 10));
    // More than ten arrays, whose names no longer sort as they count.
    networks.push(data.train("twelve_layers", &[(9, Activation::Prelu); 12], 5));
    for (name, scale) in [("length_1", None), ("length_1_naive_bayes", naive_bayes)] {
        networks.push(data.train_with(name, Kind::UnitLength, &hidden, unit_length(scale)));
    }
    let linear = unit_length(naive_bayes);
    networks.push(data.train_with("length_1_linear", Kind::UnitLength, &[], linear));
    networks.push(data.train_with("embedding", Kind::Embedding, &hidden[..1], averaging()));
    networks.push(data.train_with("embedding_alone", Kind::Embedding, &[], averaging()));

    // Keras divides zero by zero where a sequence is padding alone and that is masked.
    let mut source = sequences(4 * REVIEWS, 600, 2);
    let empty = source.reviews.iter_mut().filter(|(_, words, _)| words.is_empty());
    empty.for_each(|(_, words, _)| words.push(7));
    let dataset = written(source, &folder.join("masked.safetensors"));
    let rows = folder.join("masked");
    write_rows(&dataset, &rows);
    let data = Data { dataset: &dataset, rows: &rows };
    networks.push(data.train_with("embedding_mask", Kind::Embedding, &hidden[..1], averaging()));

    if let Some(dataset) = real_reviews(folder) {
        let rows = folder.join("real");
        write_rows(&dataset, &rows);
        let data = Data { dataset: &dataset, rows: &rows };
        networks.push(data.train("real_reviews_4_epochs", &hidden, 4));
        networks.push(data.train("real_reviews_20_epochs", &hidden, 20));
        let options = unit_length(naive_bayes);
        networks.push(data.train_with("real_reviews_length_1", Kind::UnitLength, &[], options));
        let (name, kind) = ("real_reviews_embedding", Kind::Embedding);
        networks.push(data.train_with(name, kind, &hidden[..1], averaging()));
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
fn agrees(framework: &str, snippet: fn(Kind) -> &'static str, formats: &[(Format, &str, &str)]) {
    let python = std::env::var_os("IMDB_FAST_PYTHON").unwrap_or_else(|| "python3".into());
    // Asked first, since the networks take their time.
    let module = if framework == "onnx" { "onnxruntime" } else { framework };
    let probe =
        format!("import importlib.util as u, sys; sys.exit(u.find_spec({module:?}) is None)");
    let found = Command::new(&python).args(["-c", &probe]).stderr(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        skipped(format_args!(
            "{} has no {module}; IMDB_FAST_PYTHON names another",
            python.display()
        ));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut cases = Vec::new();
    for Trained { name, kind, model, rows } in networks(folder.path()) {
        let layers = model.architecture().hidden().iter();
        let hidden: Vec<Value> =
            layers.map(|layer| json!([layer.units, layer.activation.name()])).collect();
        let ids = Format::Onnx(OnnxInput::Ids);
        let fits = |format: Format| match format {
            Format::Onnx(_) => (format == ids) == (kind == Kind::Embedding),
            _ => true,
        };
        for (format, input, extension) in formats.iter().filter(|(format, ..)| fits(*format)) {
            let file = folder.path().join(format!("{name}.{input}.{extension}"));
            export(&model, *format, &file).unwrap();
            cases.push(json!({
                "name": format!("{name}{}{input}", if input.is_empty() { "" } else { " " }),
                "file": file,
                "features": model.architecture().inputs(),
                "hidden": hidden,
                "input": input,
                "kind": kind,
                "mask": name.contains("mask"),
                "max_len": MAX_LEN,
                "snippet": snippet(kind),
                "rows": rows,
                "probabilities": name,
            }));
        }
    }
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("cases.json"), serde_json::to_vec(&cases).unwrap()).unwrap();
    let output = Command::new(&python)
        .arg(repository("tests/frameworks/agree.py"))
        .arg(framework)
        .arg(at("cases.json"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(text.lines().last().expect(&errors)).expect(&text);
    if let Some(missing) = report["missing"].as_str() {
        skipped(format_args!("{}: {missing}", python.display()));
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

/// A network of all kinds of parameters, no two of them alike, and its file: 600 inputs, then 3, 2 and 1 units.
fn small(folder: &Path) -> (Model, PathBuf) {
    let hidden = [3, 2].map(|units| Dense { units, activation: Activation::Prelu });
    let shapes: [(&str, &[usize]); 8] = [
        ("dense_0.kernel", &[600, 3]),
        ("dense_0.bias", &[3]),
        ("dense_0.alpha", &[3]),
        ("dense_1.kernel", &[3, 2]),
        ("dense_1.bias", &[2]),
        ("dense_1.alpha", &[2]),
        ("dense_2.kernel", &[2, 1]),
        ("dense_2.bias", &[1]),
    ];
    let mut values = (1..).map(|n| n as f32 / 4096.0);
    let data: Vec<Vec<u8>> = shapes
        .iter()
        .map(|(_, shape)| values.by_ref().take(shape.iter().product()).collect::<Vec<f32>>())
        .map(|values| bytes(&values, f32::to_le_bytes))
        .collect();
    let views = shapes.iter().zip(&data).map(|((name, shape), data)| {
        (*name, TensorView::new(Dtype::F32, shape.to_vec(), data).unwrap())
    });
    let tensors = folder.join("tensors.safetensors");
    std::fs::write(&tensors, safetensors::serialize(views, None).unwrap()).unwrap();
    let model = Model::from_tensors(Architecture::new(600, &hidden).unwrap(), &tensors).unwrap();
    std::fs::remove_file(tensors).unwrap();
    let path = folder.join("model.safetensors");
    model.save(&path).unwrap();
    (model, path)
}

#[test]
fn keras_arrays_stand_in_the_order_of_set_weights() {
    let folder = tempfile::tempdir().unwrap();
    let (model, _) = small(folder.path());
    let path = folder.path().join("weights.npz");
    export(&model, Format::KerasNpz, &path).unwrap();
    let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
    let (weights, head) = (model.parameters(), &model.parameters().head);
    let arrays = [
        ("(600, 3)", weights.kernel(0)),
        ("(3,)", head.bias(0)),
        ("(3,)", head.alpha(0)),
        ("(3, 2)", weights.kernel(1)),
        ("(2,)", head.bias(1)),
        ("(2,)", head.alpha(1)),
        ("(2, 1)", weights.kernel(2)),
        ("(1,)", head.bias(2)),
    ];
    assert_eq!(archive.len(), arrays.len());
    for (i, (shape, values)) in arrays.into_iter().enumerate() {
        let mut entry = archive.by_index(i).unwrap();
        assert_eq!(entry.name().unwrap(), format!("arr_{i}.npy"));
        let mut array = Vec::new();
        entry.read_to_end(&mut array).unwrap();
        let header = String::from_utf8_lossy(&array[..128]).into_owned();
        assert!(header.contains(&format!("'shape': {shape}, }}")), "{header}");
        assert_eq!(array[128..], bytes(values, f32::to_le_bytes));
    }
}

#[test]
fn torch_tensors_have_its_names_and_orientation() {
    let folder = tempfile::tempdir().unwrap();
    let (model, _) = small(folder.path());
    let path = folder.path().join("weights.safetensors");
    export(&model, Format::TorchSafetensors, &path).unwrap();
    let file = std::fs::read(path).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&file).unwrap();
    let (weights, head) = (model.parameters(), &model.parameters().head);
    let three_by_two = weights.kernel(1);
    let two_by_three = [0, 2, 4, 1, 3, 5].map(|i| three_by_two[i]);
    let expected: [(&str, &[usize], &[f32]); 8] = [
        ("embedding.weight", &[600, 3], weights.kernel(0)),
        ("bias", &[3], head.bias(0)),
        ("activation.0.weight", &[3], head.alpha(0)),
        ("linear.0.weight", &[2, 3], &two_by_three),
        ("linear.0.bias", &[2], head.bias(1)),
        ("activation.1.weight", &[2], head.alpha(1)),
        ("linear.1.weight", &[1, 2], weights.kernel(2)),
        ("linear.1.bias", &[1], head.bias(2)),
    ];
    assert_eq!(tensors.len(), expected.len());
    for (name, shape, values) in expected {
        let tensor = tensors.tensor(name).unwrap();
        assert_eq!(tensor.shape(), shape, "{name}");
        assert_eq!(tensor.data(), bytes(values, f32::to_le_bytes), "{name}");
    }
    let (_, header) = safetensors::SafeTensors::read_metadata(&file).unwrap();
    assert_eq!(header.metadata().as_ref().unwrap()["format"], "pt");
}

/// Runs the program in a folder.
fn program(arguments: &[&str], folder: &Path) -> (Option<i32>, String) {
    let mut command = neutral(env!("CARGO_BIN_EXE_imdb-fast"));
    let output = command.args(arguments).current_dir(folder).output().unwrap();
    assert!(output.stdout.is_empty());
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_format_is_named_or_told_by_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (model, _) = small(folder.path());
    let (multi_hot, indices) =
        (Format::Onnx(OnnxInput::MultiHot), Format::Onnx(OnnxInput::Indices));
    let onnx = ["--format", "onnx", "--onnx-input"];
    for (file, options, format) in [
        ("a.npz", vec![], Format::KerasNpz),
        ("a.onnx", vec![], multi_hot),
        ("a.safetensors", vec![], Format::TorchSafetensors),
        ("b.onnx", vec!["--onnx-input", "indices"], indices),
        ("b", [&onnx[..], &["indices"]].concat(), indices),
        ("c", [&onnx[..], &["multi-hot"]].concat(), multi_hot),
        ("d.onnx", vec!["--format", "keras-npz"], Format::KerasNpz),
    ] {
        let arguments = [&["export", "model.safetensors", "-o", file], &options[..]].concat();
        let (code, notes) = program(&arguments, folder.path());
        assert_eq!(code, Some(0), "{notes}");
        assert!(notes.starts_with(&format!("wrote {file}: ")), "{notes}");
        let expected = folder.path().join("expected");
        export(&model, format, &expected).unwrap();
        let written = std::fs::read(folder.path().join(file)).unwrap();
        assert!(written == std::fs::read(&expected).unwrap(), "{file}: other bytes");
    }
}

#[test]
fn what_cannot_be_exported_is_said_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (_, path) = small(folder.path());
    let model = std::fs::read(&path).unwrap();
    std::fs::write(folder.path().join("text"), "no model").unwrap();
    let before = names(folder.path());
    let fails = |code: i32, arguments: &[&str], parts: &[&str]| {
        let (found, errors) = program(&[&["export"], arguments].concat(), folder.path());
        assert_eq!(found, Some(code), "{arguments:?}: {errors}");
        for part in parts {
            assert!(errors.contains(part), "{arguments:?}: no {part:?} in {errors}");
        }
        assert_eq!(names(folder.path()), before);
        assert!(std::fs::read(&path).unwrap() == model);
    };
    let own = "model.safetensors";
    fails(2, &[own, "-o", "x.h5"], &["--output", ".npz, .onnx or .safetensors", "--format"]);
    fails(2, &[own, "-o", "x.h5", "--format", "h5"], &["keras-npz, onnx, torch-safetensors"]);
    fails(
        2,
        &[own, "-o", "x.npz", "--onnx-input", "indices"],
        &["--onnx-input is \"indices\"", "--format onnx"],
    );
    let ids = [own, "-o", "x.onnx", "--onnx-input", "ids"];
    fails(1, &ids, &["--onnx-input", "multi-hot or indices", "sets of words"]);
    fails(2, &[own, "-o", "./model.safetensors"], &["--output", "another file"]);
    fails(1, &["missing", "-o", "x.npz"], &["cannot open missing"]);
    fails(1, &["text", "-o", "x.onnx"], &["text", "expected a safetensors file"]);
    for file in ["nowhere/x.npz", "nowhere/x.onnx", "nowhere/x.safetensors"] {
        fails(1, &[own, "-o", file], &["cannot create nowhere/x"]);
    }
}

/// A limit on the size of files stands for a full disk.
#[cfg(unix)]
#[test]
fn a_full_disk_is_one_line_of_error() {
    let folder = tempfile::tempdir().unwrap();
    let network = Architecture::new(2_000, &[Dense { units: 16, activation: Activation::Relu }]);
    Model::new(network.unwrap(), 0).save(&folder.path().join("model.safetensors")).unwrap();
    for name in ["x.npz", "x.onnx", "x.safetensors"] {
        let script = format!("ulimit -f 20; exec \"$0\" export model.safetensors -o {name}");
        let mut command = neutral("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_imdb-fast")]).current_dir(folder.path());
        let output = command.output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{errors}");
        assert!(
            errors.starts_with("error: cannot write x") && errors.lines().count() == 1,
            "{errors}"
        );
        assert_eq!(names(folder.path()), ["model.safetensors"]);
    }
}

#[test]
fn keras_agrees() {
    let snippet = |kind: Kind| match kind {
        Kind::Words => LOAD_KERAS,
        Kind::UnitLength => LOAD_KERAS_UNIT_LENGTH,
        Kind::Embedding => LOAD_KERAS_EMBEDDING,
    };
    agrees("keras", snippet, &[(Format::KerasNpz, "", "npz")]);
}

#[test]
fn onnx_agrees() {
    let formats = [
        (Format::Onnx(OnnxInput::MultiHot), "multi-hot", "onnx"),
        (Format::Onnx(OnnxInput::Indices), "indices", "onnx"),
        (Format::Onnx(OnnxInput::Ids), "ids", "onnx"),
    ];
    agrees("onnx", |_| LOAD_ONNX, &formats);
}

#[test]
fn torch_agrees() {
    let snippet = |kind: Kind| match kind {
        Kind::Words | Kind::UnitLength => LOAD_TORCH,
        Kind::Embedding => LOAD_TORCH_EMBEDDING,
    };
    agrees("torch", snippet, &[(Format::TorchSafetensors, "", "safetensors")]);
}
