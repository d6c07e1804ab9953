//! A history with the facts of its run, as JSON.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use crate::error::Result;
use crate::input;
use crate::train::History;

/// The longest file that [`HistoryFile::read`] reads: a million epochs of four series with room to spare.
const MAX_BYTES: u64 = 128 << 20;

const REMEDY: &str = "expected is the JSON that a run leaves behind, or Keras' `History.history` as JSON, with `null` where \
                      Python's json.dump writes NaN or Infinity";

/// A machine, as far as it decides speed and the last bits of results.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// Processor family and system, such as `x86_64-linux`.
    pub target: String,
    /// The instruction sets that matter and that the CPU has, with spaces between.
    pub cpu_features: String,
    /// The kernels that ran.
    pub kernels: String,
}

/// How good the one network is that an ensemble, self-training or an averaging run ends with: the history has means of
/// several, or the weights before they were averaged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Merged {
    /// The loss on what was held out.
    pub val_loss: f64,
    /// The share of right answers there.
    pub val_accuracy: f64,
}

impl fmt::Display for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Merged { val_loss, val_accuracy } = self;
        write!(f, "validation loss {val_loss:.4}, accuracy {val_accuracy:.4}")
    }
}

/// What a run leaves behind: its history and what it takes to repeat it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryFile {
    /// The version of the program that ran.
    pub version: String,
    /// Everything the run was called with.
    pub options: Value,
    /// The seed of its random numbers.
    pub seed: u64,
    /// The threads that it was given, whether or not there was work for all of them.
    pub threads: usize,
    /// The wall time of the training, in seconds.
    pub fit_seconds: f64,
    /// Where the dataset lies, from the root; none for generated reviews, and for a path that is not UTF-8.
    pub dataset: Option<String>,
    /// Of the dataset, [`fingerprint`](crate::dataset::Dataset::fingerprint); none where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// How many reviews were trained on in an epoch; 0 where it is not known.
    pub train_reviews: usize,
    /// How many reviews were validated on after each epoch.
    pub validation_reviews: usize,
    /// How many networks were trained side by side, whose means the history holds; 0 where it is not known.
    pub networks: usize,
    /// How many reviews without a label students learned from, too.
    #[serde(skip_serializing_if = "is_none")]
    pub pseudo_labelled_reviews: usize,
    /// What the network reaches that an ensemble, self-training or an averaging run ends with, where something was held out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged: Option<Merged>,
    /// The machine and what was used of it.
    pub environment: Environment,
    /// What was measured, epoch by epoch. JSON has no numbers but the finite ones: others are written as `null`, and
    /// `null` is read as NaN.
    pub history: History,
}

/// Whether there is nothing to count.
fn is_none(count: &usize) -> bool {
    *count == 0
}

impl HistoryFile {
    /// Reads a file that [`HistoryFile::to_json`] made, or the history of a Keras run: `{"loss": [...], ...}`, alone or
    /// as `{"history": {...}}`. What such a file does not tell stays at its default.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), and [`Error::Malformed`](crate::Error::Malformed) with line and column where the file
    /// is not JSON, not of one of these shapes, or longer than 128 MiB.
    pub fn read(path: &Path) -> Result<HistoryFile> {
        let bytes = input::read_json(path, MAX_BYTES, REMEDY)?;
        let malformed = |error| input::not_json(path, &error, REMEDY);
        let keys: HashMap<String, IgnoredAny> =
            serde_json::from_slice(&bytes).map_err(malformed)?;
        if keys.contains_key("history") {
            return serde_json::from_slice(&bytes).map_err(malformed);
        }
        let history = serde_json::from_slice(&bytes).map_err(malformed)?;
        Ok(HistoryFile { history, ..HistoryFile::default() })
    }

    /// How many reviews a second went through all networks, those to validate on included. None where it is not known, as where
    /// networks learned from reviews without a label too, in epochs that the history does not tell of.
    pub fn reviews_a_second(&self) -> Option<u64> {
        // As floats: what a damaged file says may overflow.
        let reviews = self.train_reviews as f64 + self.validation_reviews as f64;
        let epochs = self.history.epochs() as f64 * self.networks.max(1) as f64;
        let rate = reviews * epochs / self.fit_seconds;
        (rate >= 1.0 && rate.is_finite() && !self.is_self_trained()).then_some(rate as u64)
    }

    /// Whether teachers labelled reviews for students.
    pub fn is_self_trained(&self) -> bool {
        self.is_given("self_training", Value::Null)
    }

    /// Whether the model is the average of the weights that the history tells of.
    pub fn is_averaged(&self) -> bool {
        self.is_given("average_weights", Value::Null)
    }

    /// Whether the validation had a say in which epoch the model is of.
    pub fn is_of_chosen_epoch(&self) -> bool {
        self.is_given("early_stopping", Value::Null)
            || self.is_given("keep_best", Value::Bool(false))
    }

    fn is_given(&self, option: &str, not: Value) -> bool {
        self.options.get(option).is_some_and(|value| !value.is_null() && *value != not)
    }

    /// The file's text: a line a fact, and a line a list.
    pub fn to_json(&self) -> String {
        written(self)
    }
}

/// Reads a file of one shape, of at most so many bytes.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io), and [`Error::Malformed`](crate::Error::Malformed) with line and column, and `remedy`.
pub fn read_json<T: DeserializeOwned>(path: &Path, most: u64, remedy: &str) -> Result<T> {
    let bytes = input::read_json(path, most, remedy)?;
    serde_json::from_slice(&bytes).map_err(|error| input::not_json(path, &error, remedy))
}

/// A value as JSON: a line a fact, and a line a list.
///
/// # Panics
/// If the value has a map whose keys JSON has no text for, or refuses to be written.
pub fn written(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, ListsOnOneLine::default());
    value.serialize(&mut serializer).expect("the keys are strings, and memory takes the bytes");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

/// serde_json's pretty form, but with each list on one line: four lists of twenty numbers are read as four lines.
#[derive(Default)]
struct ListsOnOneLine {
    objects: PrettyFormatter<'static>,
}

impl Formatter for ListsOnOneLine {
    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.objects.begin_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.objects.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.objects.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.objects.end_object_value(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.objects.end_object(writer)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::NamedTempFile;

    use super::*;
    use crate::error::Error;

    fn parse(text: &str) -> Result<HistoryFile> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        HistoryFile::read(file.path())
    }

    fn example() -> HistoryFile {
        let loss = vec![0.1 + 0.2, 1e-300, f64::MAX, 5e-324, std::f64::consts::LN_2];
        let accuracy = vec![0.5, 0.75, 0.8875, 2.0 / 3.0, 1.0];
        let series = vec![("loss".to_owned(), loss), ("accuracy".to_owned(), accuracy)];
        HistoryFile {
            version: "0.1.0".to_owned(),
            options: serde_json::json!({"optimizer": "rmsprop", "layers": [16, 16]}),
            seed: u64::MAX,
            threads: 2,
            fit_seconds: 0.157,
            dataset: Some("/data/imdb.safetensors".to_owned()),
            fingerprint: Some("0123456789abcdef".to_owned()),
            train_reviews: 15_000,
            validation_reviews: 10_000,
            networks: 1,
            pseudo_labelled_reviews: 0,
            merged: Some(Merged { val_loss: 0.1 + 0.2, val_accuracy: 0.89 }),
            environment: Environment {
                target: "x86_64-linux".to_owned(),
                cpu_features: "avx2 fma".to_owned(),
                kernels: "avx2".to_owned(),
            },
            history: History::from_series(series).unwrap(),
        }
    }

    #[test]
    fn a_file_comes_back_to_the_last_bit() {
        let file = example();
        assert_eq!(parse(&file.to_json()).unwrap(), file);
    }

    #[test]
    fn reviews_a_second_are_those_of_all_networks() {
        let one = example();
        let expected = 25_000.0 * 5.0 / 0.157;
        assert_eq!(one.reviews_a_second(), Some(expected as u64));
        let three = HistoryFile { networks: 3, ..example() };
        assert_eq!(three.reviews_a_second(), Some((3.0 * expected) as u64));
        let options = serde_json::json!({"self_training": "pseudo-labels"});
        assert_eq!(HistoryFile { options, ..example() }.reviews_a_second(), None);
        assert_eq!(HistoryFile { fit_seconds: 1e300, ..example() }.reviews_a_second(), None);
        assert_eq!(HistoryFile::default().reviews_a_second(), None);
    }

    #[test]
    fn a_list_is_one_line() {
        let text = example().to_json();
        assert!(text.starts_with("{\n  \"version\": \"0.1.0\",\n  \"options\": {\n"), "{text}");
        assert!(text.contains("\n    \"layers\": [16, 16]\n  },\n"), "{text}");
        assert!(text.contains("\n    \"loss\": [0.30000000000000004, 1e-300, "), "{text}");
        assert!(text.ends_with("]\n  }\n}\n"), "{text}");
    }

    #[test]
    fn a_loss_that_is_no_number_comes_back_as_nan() {
        let series = vec![("loss".to_owned(), vec![0.5, f64::NAN, f64::INFINITY])];
        let history = History::from_series(series).unwrap();
        let file = parse(&HistoryFile { history, ..HistoryFile::default() }.to_json()).unwrap();
        let loss = file.history.get("loss").unwrap();
        assert_eq!(loss[0], 0.5);
        assert!(loss[1].is_nan() && loss[2].is_nan());
    }

    #[test]
    fn the_forms_of_keras_are_read() {
        let bare = parse(r#"{"loss": [0.5, 0.25], "val_loss": [1, null]}"#).unwrap();
        let wrapped =
            r#"{"history": {"loss": [0.5, 0.25]}, "epoch": [0, 1], "params": {"steps": 30}}"#;
        let marked = parse(&format!("\u{FEFF}{wrapped}")).unwrap();
        for file in [&bare, &parse(wrapped).unwrap(), &marked] {
            assert_eq!(file.history.get("loss"), Some(&[0.5, 0.25][..]));
            assert_eq!(file.seed, 0);
        }
        assert_eq!(bare.history.get("val_loss").unwrap()[0], 1.0);
    }

    #[test]
    fn an_error_tells_file_line_and_column() {
        let cases = [
            ("", "line 1, column 0"),
            ("[1, 2]", "line 1, column 0"),
            ("[\"0.1.0\"]", "line 1, column 0"),
            ("{\n  \"loss\": [0.5, \"x\"]\n}", "line 2, column 19"),
            ("{\n  \"loss\": 0.5\n}", "line 2, column 13"),
            ("{\n  \"history\": {\"loss\": [0.5, true]}}", "line 2, column 32"),
            ("{\n  \"history\": {\"loss\": [1], \"val_loss\": []}}", "line 2, column 42"),
            ("{\"history\": {\"loss\": [1]},\n \"seed\": -1}", "line 2, column 11"),
            ("{\"loss\": [1e999]}", "line 1, column 15"),
            ("{\"loss\": [0.5, NaN]}", "line 1, column 16"),
            ("{\"loss\": [-Infinity]}", "line 1, column 12"),
        ];
        for (text, expected) in cases {
            let Err(Error::Malformed { place, problem, remedy, .. }) = parse(text) else {
                panic!("{text:?} is refused");
            };
            assert!(remedy.contains("`null` where Python's json.dump writes NaN"), "{remedy}");
            assert_eq!(place, expected, "{text}: {problem}");
            assert!(!problem.contains("column"), "{problem}");
        }
    }

    #[test]
    fn depth_and_length_are_bounded() {
        assert!(parse(&format!("{{\"loss\": {}", "[".repeat(1 << 20))).is_err());
        let names = ["loss", "accuracy", "val_loss", "val_accuracy"];
        let series = names.map(|name| (name.to_owned(), vec![0.1 + 0.2; 1_000]));
        let history = History::from_series(series.to_vec()).unwrap();
        let text = HistoryFile { history, ..HistoryFile::default() }.to_json();
        assert!(text.len() as u64 * 1_000 < MAX_BYTES, "a million epochs fit");
        let file = NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_BYTES + 1).unwrap();
        let error = HistoryFile::read(file.path()).unwrap_err().to_string();
        assert!(error.contains("beyond 128 MiB"), "{error}");
    }
}
