//! Model files: what is saved is loaded, and what is broken is refused by name.

mod common;

use std::path::Path;

use common::{generated, names, written};
use imdb_fast::Result;
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense, Embedding, Initializer, Parameters};
use imdb_fast::random::{Random, Stream};
use imdb_fast::text::{Rules, Vocabulary};
use safetensors::SafeTensors;

fn model(hidden: &[usize], activation: Activation) -> Model {
    let hidden: Vec<Dense> = hidden.iter().map(|&units| Dense { units, activation }).collect();
    let mut model = Model::new(Architecture::new(30, &hidden).unwrap(), 7);
    model.vocabulary = Some(Vocabulary::from_words(["", "the", "naïve"]));
    model.training = serde_json::json!({ "epochs": 4, "loss": "hinge" });
    model
}

/// The same over averages of word vectors.
fn averaging(hidden: &[usize], embedding: Embedding) -> Model {
    let dense = model(hidden, Activation::Relu);
    let architecture = dense.architecture().clone().with_embedding(embedding).unwrap();
    let mut model = Model::new(architecture, 7);
    (model.vocabulary, model.training) = (dense.vocabulary, dense.training);
    model
}

fn load(path: &Path, bytes: &[u8]) -> Result<Model> {
    std::fs::write(path, bytes).unwrap();
    Model::load(path)
}

#[test]
fn what_is_saved_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let embedding = Embedding { dim: 6, max_len: 9, mask: true };
    for activation in Activation::ALL {
        for hidden in [&[][..], &[5], &[16, 3, 16]] {
            let saved = match activation {
                Activation::Linear => averaging(hidden, embedding),
                activation => model(hidden, activation),
            };
            saved.save(&path).unwrap();
            let loaded = Model::load(&path).unwrap();
            assert_eq!(loaded.architecture(), saved.architecture());
            assert_eq!(loaded.parameters(), saved.parameters());
            assert_eq!(loaded.vocabulary, saved.vocabulary);
            assert_eq!(loaded.training, saved.training);
            let bytes = std::fs::read(&path).unwrap();
            loaded.save(&path).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "a copy has the same bytes");
        }
    }
    assert_eq!(names(folder.path()), ["m.safetensors"]);
}

#[test]
#[should_panic = "out of range"]
fn there_is_no_layer_behind_the_output() {
    model(&[5], Activation::Relu).architecture().fan_in(2);
}

#[test]
fn a_vocabulary_of_no_word_is_loaded_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let mut saved = model(&[5], Activation::Relu);
    saved.vocabulary = Some(Vocabulary::default());
    saved.save(&path).unwrap();
    assert_eq!(Model::load(&path).unwrap().vocabulary, saved.vocabulary);
}

#[test]
fn words_that_lead_to_other_inputs_are_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut model = model(&[5], Activation::Relu);
    for (num_words, part) in
        [(20, "text leads to 20 features, the network has 30"), (0, "--num-words is \"0\"")]
    {
        model.text = Some(Rules { num_words, ..Rules::default() });
        let error = model.save(&path).unwrap_err().to_string();
        assert!(error.contains(part) && !path.exists(), "{part}: {error}");
    }
    model.text = Some(Rules { num_words: 30, ..Rules::default() });
    model.save(&path).unwrap();
    Model::load(&path).unwrap();
}

#[test]
fn json_that_would_not_be_read_again_is_not_saved() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let nested = |levels| (0..levels).fold(serde_json::json!(1), |inner, _| [inner].into());
    let mut model = model(&[5], Activation::Relu);
    model.training = nested(128);
    let error = model.save(&path).unwrap_err().to_string();
    assert!(error.contains("its training is deeply nested JSON") && !path.exists(), "{error}");
    model.training = nested(127);
    model.save(&path).unwrap();
    assert_eq!(Model::load(&path).unwrap().training, model.training);
}

#[test]
fn datasets_of_other_words_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = |vocabulary: Vocabulary| {
        let mut source = generated(20, 30, 1);
        source.contents.vocabulary = Some(vocabulary);
        written(source, &folder.path().join("d.safetensors"))
    };
    let words = |third: &str| Vocabulary::from_words(["", "the", third]).with_cut(["rare"]);
    let mut model = model(&[5], Activation::Relu);
    model.vocabulary = Some(words("naïve"));
    model.expect_dataset(&dataset(words("naïve"))).unwrap();
    for (vocabulary, expected) in [
        (words("other"), "its id 2 is \"other\", and \"naïve\" to the model"),
        (words(&"long".repeat(1_000_000)), "longlong...\", and \"naïve\""),
        (words("naïve").with_cut(["seldom"]), "other words were cut from its vocabulary"),
    ] {
        let error = model.expect_dataset(&dataset(vocabulary)).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("d.safetensors"), "{error:.2000}");
        assert!(error.len() < 2_000, "{} bytes", error.len());
    }
}

#[test]
fn an_architecture_beyond_all_memory_is_an_error() {
    let layer = Dense { units: 1 << 16, activation: Activation::Prelu };
    for inputs in [usize::MAX, 1 << 48] {
        let error = Architecture::new(inputs, &[layer, layer]).unwrap_err().to_string();
        assert!(error.contains("layers of 65536, 65536") && error.contains("--hidden"), "{error}");
    }
    let embedding = Embedding { dim: 1 << 16, ..Embedding::default() };
    Architecture::new(1 << 46, &[]).unwrap().with_embedding(embedding).unwrap_err();
}

#[test]
fn weights_are_set_where_they_fit() {
    let trained = model(&[5, 3], Activation::Prelu);
    let mut other = Model::new(trained.architecture().clone(), 8);
    other.set_parameters(trained.parameters().clone()).unwrap();
    assert!(other.parameters() == trained.parameters());
    let mut nan = trained.parameters().clone();
    nan.head.values[0] = f32::NAN;
    let narrow = Parameters::zeros(model(&[5, 2], Activation::Prelu).architecture());
    let mut long = trained.parameters().clone();
    long.head.values.push(0.0);
    for (wrong, part) in
        [(nan, "NaN among others"), (narrow, "Parameters::zeros"), (long, "the network is")]
    {
        let error = other.set_parameters(wrong).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(other.parameters() == trained.parameters());
}

#[test]
fn tensors_have_the_names_and_the_orientation_of_keras() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    model(&[5, 4], Activation::Prelu).save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for (name, shape) in [
        ("dense_0.kernel", &[30, 5][..]),
        ("dense_0.bias", &[5]),
        ("dense_0.alpha", &[5]),
        ("dense_1.kernel", &[5, 4]),
        ("dense_2.kernel", &[4, 1]),
        ("dense_2.bias", &[1]),
    ] {
        assert_eq!(file.tensor(name).unwrap().shape(), shape, "{name}");
    }
    assert!(file.tensor("dense_2.alpha").is_err(), "the output is a sigmoid");
}

#[test]
fn an_embedding_is_a_tensor_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let embedding = Embedding { dim: 6, ..Embedding::default() };
    let saved = averaging(&[5], embedding);
    saved.save(&path).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for (name, shape) in [
        ("embedding.kernel", &[30, 6][..]),
        ("dense_0.kernel", &[6, 5]),
        ("dense_0.bias", &[5]),
        ("dense_1.kernel", &[5, 1]),
    ] {
        assert_eq!(file.tensor(name).unwrap().shape(), shape, "{name}");
    }
    // Keras starts vectors between -0.05 and 0.05, and kernels by their fans.
    let largest = |values: &[f32]| values.iter().fold(0f32, |most, value| most.max(value.abs()));
    let vectors = largest(&saved.parameters().first_kernel);
    assert!((0.045..=0.05).contains(&vectors), "{vectors}");
    assert!(largest(saved.parameters().kernel(0)) > 0.5);
    assert_eq!(saved.architecture().parameters(), 30 * 6 + 6 * 5 + 5 + 5 + 1);

    let dense = |inputs: usize| {
        let layer = Dense { units: 5, activation: Activation::Relu };
        Architecture::new(inputs, &[layer]).unwrap()
    };
    let start = |architecture| Model::from_tensors(architecture, &path).map(drop);
    start(dense(30).with_embedding(embedding).unwrap()).unwrap();
    let other = Embedding { dim: 7, ..embedding };
    for (result, parts) in [
        (start(dense(30)), ["`embedding.kernel` is there", "--encoding embedding"]),
        // Its first Dense layer would even fit.
        (start(dense(6)), ["`embedding.kernel` is there", "--encoding embedding"]),
        (
            start(dense(30).with_embedding(other).unwrap()),
            ["`embedding.kernel`: the shape is [30, 6]", "--embedding-dim"],
        ),
    ] {
        let error = result.expect_err(parts[0]).to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{parts:?}: {error}");
    }
    model(&[5], Activation::Relu).save(&path).unwrap();
    let error = start(dense(30).with_embedding(embedding).unwrap()).unwrap_err().to_string();
    assert!(error.contains("no tensor `embedding.kernel`"), "{error}");
}

#[test]
fn other_networks_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    model(&[5, 4], Activation::Relu).save(&path).unwrap();
    let start = |inputs: usize, hidden: &[usize], activation| {
        let hidden: Vec<Dense> = hidden.iter().map(|&units| Dense { units, activation }).collect();
        let architecture = Architecture::new(inputs, &hidden).unwrap();
        Model::from_tensors(architecture, &path).map(drop)
    };
    start(30, &[5, 4], Activation::Tanh).unwrap();
    for (result, expected) in [
        (start(31, &[5, 4], Activation::Relu), "`dense_0.kernel`: the shape is [30, 5]"),
        (start(30, &[5, 3], Activation::Relu), "`dense_1.kernel`: the shape is [5, 4]"),
        (start(30, &[5, 4, 4], Activation::Relu), "`dense_2.kernel`: the shape is [4, 1]"),
        (start(30, &[5], Activation::Relu), "`dense_1.kernel`: the shape is [5, 4]"),
        (start(30, &[5, 4], Activation::Prelu), "no tensor `dense_0.alpha`"),
    ] {
        let error = result.expect_err(expected).to_string();
        assert!(error.contains(expected) && error.contains("--hidden"), "{expected}: {error}");
    }
}

#[test]
fn cut_and_flipped_models_never_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    model(&[5, 4], Activation::Prelu).save(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    for length in 0..good.len() {
        assert!(load(&path, &good[..length]).is_err(), "cut to {length} bytes");
    }
    let mut random = Random::new(3, Stream::Shuffle);
    for _ in 0..3000 {
        let mut bad = good.clone();
        bad[random.below(good.len() as u64) as usize] ^= 1 << random.below(8);
        assert!(load(&path, &bad).is_err());
    }
}

#[test]
fn altered_models_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    model(&[5], Activation::Relu).save(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    let replaced = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let text = std::str::from_utf8(&good[8..header]).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        [&good[..8], text.replace(from, to).as_bytes(), &good[header..]].concat()
    };
    // The offsets of the vocabulary stand first, being widest; weights follow.
    let mut not_finite = good.clone();
    not_finite[header + 4 * 8..][..4].copy_from_slice(&f32::NAN.to_le_bytes());
    for (bytes, expected) in [
        (replaced(r#"inputs\":30"#, r#"inputs\":31"#), "`dense_0.kernel`: the shape is [30, 5]"),
        (
            replaced(r#"inputs\":30"#, r#"inputs\":-1"#),
            "metadata `architecture`: no number `inputs`",
        ),
        (replaced(r#"units\":5"#, r#"units\":0"#), "metadata `architecture`: --hidden is \"0\""),
        (replaced("relu", "rule"), "metadata `architecture`: --activation is \"rule\""),
        (replaced("sigmoid", "softmax"), "metadata `architecture`: --activation is \"softmax\""),
        (replaced(r#""version":"1""#, r#""version":"2""#), "format version \"2\""),
        (replaced("dense_1.bias", "dense_1.bios"), "no tensor `dense_1.bias`"),
        (replaced("imdb-fast model", "imdb-slow model"), "expected a model of imdb-fast"),
        (replaced(r#"{\"epochs"#, r#"(\"epochs"#), "metadata `training`"),
        (not_finite, "value 0 is NaN"),
    ] {
        let error = load(&path, &bytes).expect_err(expected).to_string();
        assert!(error.contains(expected), "no {expected:?} in {error}");
        assert!(error.contains("m.safetensors"), "{error}");
    }
}

#[test]
fn altered_embeddings_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    averaging(&[5], Embedding { dim: 6, max_len: 90, mask: true }).save(&path).unwrap();
    let good = std::fs::read(&path).unwrap();
    let header = 8 + u64::from_le_bytes(good[..8].try_into().unwrap()) as usize;
    for (from, to, expected) in [
        (r#"dim\":6"#, r#"dim\":0"#, "--embedding-dim is \"0\""),
        (r#"dim\":6"#, r#"dim\":7"#, "`embedding.kernel`: the shape is [30, 6]"),
        (r#"max_len\":90"#, r#"max_len\":00"#, "metadata `architecture`"),
        (r#"max_len\":90"#, r#"max_len\":-9"#, "an embedding without a number `max_len`"),
        (r#"max_len\":90"#, r#"max_len\":{}"#, "an embedding without a number `max_len`"),
        (r#"mask\":true"#, r#"mask\":null"#, "an embedding without `mask`"),
        (r#"padding\":\"pre"#, r#"padding\":\"mid"#, "`padding` of the embedding is \"mid\""),
        (r#"truncating\":\"pre"#, r#"truncating\":\"mid"#, "`truncating` of the embedding"),
        (r#"\"embedding\":{"#, r#"\"embodding\":{"#, "`embedding.kernel` is there"),
        ("embedding.kernel", "embodding.kernel", "no tensor `embedding.kernel`"),
    ] {
        let text = std::str::from_utf8(&good[8..header]).unwrap();
        assert!(text.contains(from) && from.len() == to.len(), "{from} in {text}");
        let bytes = [&good[..8], text.replace(from, to).as_bytes(), &good[header..]].concat();
        let error = load(&path, &bytes).expect_err(expected).to_string();
        assert!(error.contains(expected), "no {expected:?} in {error}");
    }
}

#[test]
fn the_first_kernel_alone_starts_as_asked() {
    let layer = Dense { units: 3, activation: Activation::Tanh };
    let dense = Architecture::new(50, &[layer]).unwrap();
    let embedding = Embedding { dim: 4, ..Embedding::default() };
    for architecture in [dense.clone(), dense.with_embedding(embedding).unwrap()] {
        let initial = |text: Option<&str>| {
            let initializer = text.map(|text| text.parse().unwrap());
            Model::initial(architecture.clone(), initializer, 3).unwrap().parameters().clone()
        };
        assert!(initial(None) == *Model::new(architecture.clone(), 3).parameters());
        assert!(initial(Some("zeros")).first_kernel.iter().all(|&weight| weight == 0.0));
        let high = initial(Some("random_uniform:minval=1,maxval=2"));
        assert!(high.first_kernel.iter().all(|weight| (1.0..2.0).contains(weight)));
        // The other kernels start as ever: between the limits of Glorot, which are below 1.6.
        assert!(high.head.values.iter().all(|weight| (-1.6..1.6).contains(weight)));
        assert!(high.head.values.iter().any(|&weight| weight < 0.0));
        let is_embedded = architecture.embedding().is_some();
        let default = if is_embedded { "random_uniform" } else { "glorot_uniform" };
        assert!(initial(Some(default)) == initial(None), "{default}");
        assert!((initial(Some("glorot_uniform")) == initial(None)) != is_embedded);
        let nan = Initializer::RandomUniform { minval: f32::NAN, maxval: 1.0 };
        assert!(Model::initial(architecture, Some(nan), 3).unwrap_err().is_usage());
    }
}
