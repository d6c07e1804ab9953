//! JSON lines: an object a line, with a field for the text and one for the label.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use super::lines::Lines;
use super::row::{LABEL_NAMES, Row, Rows, TEXT_NAMES, column};
use super::{InvalidUtf8, TextOptions};
use crate::error::{Error, Result};

const REMEDY: &str = "expected a JSON object with text and label in each line";

/// The objects of a file.
pub(super) struct JsonLines {
    lines: Lines,
    path: PathBuf,
    options: TextOptions,
    /// Whether a file without labels is at fault.
    labelled: bool,
    /// The names of the fields, once the first object is there.
    fields: Option<Fields>,
    object: Object,
    /// A line of which bytes were replaced.
    replaced: String,
}

/// The names of the fields that count.
struct Fields {
    text: String,
    label: Option<String>,
    split: Option<String>,
}

/// What an object holds in these fields.
#[derive(Default)]
struct Object {
    text: Option<String>,
    label: Option<String>,
    split: Option<String>,
}

/// Whether a file that begins with `head` is in this format.
pub(super) fn looks_like_it(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    head.first() == Some(&b'{') && matches!(head[1..].trim_ascii_start().first(), Some(b'"' | b'}'))
}

/// Opens the file at `path`.
///
/// # Errors
/// Those of [`Lines::open`].
pub(super) fn open(path: &Path, options: &TextOptions, labelled: bool) -> Result<JsonLines> {
    Ok(JsonLines {
        lines: Lines::open(path, options.max_unpacked, options.max_text)?,
        path: path.to_path_buf(),
        options: options.clone(),
        labelled,
        fields: None,
        object: Object::default(),
        replaced: String::new(),
    })
}

impl Rows for JsonLines {
    fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        loop {
            if !self.lines.advance()? {
                return Ok(None);
            }
            if !self.lines.line().trim_ascii().is_empty() {
                break;
            }
        }
        let (number, line) = (self.lines.number(), self.lines.line());
        let line = match std::str::from_utf8(line) {
            Ok(line) => line,
            Err(_) if self.options.invalid_utf8 == InvalidUtf8::Replace => {
                self.replaced = String::from_utf8_lossy(line).into_owned();
                &self.replaced
            }
            // Whoever takes it sees that it is not UTF-8, and stops or skips it.
            Err(_) => return Ok(Some(Row { number, text: line, label: None, split: None })),
        };
        let malformed = |error: serde_json::Error| {
            let place = format!("line {number}, column {}", error.column());
            let mut problem = error.to_string();
            // The parser knows of one line only.
            if let Some(end) = problem.rfind(" at line ") {
                problem.truncate(end);
            }
            Error::malformed(&self.path, place, problem, REMEDY)
        };
        let fields = match &mut self.fields {
            Some(fields) => fields,
            empty => {
                let names: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_str(line).map_err(malformed)?;
                let names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
                empty.insert(Fields::find(&self.path, &names, &self.options, self.labelled)?)
            }
        };
        self.object.clear();
        let mut json = serde_json::Deserializer::from_str(line);
        let read = ObjectSeed { fields, object: &mut self.object }.deserialize(&mut json);
        read.and_then(|()| json.end()).map_err(malformed)?;
        let Some(text) = &self.object.text else {
            let problem = format!("no field {:?}", fields.text);
            return Err(Error::malformed(&self.path, format!("line {number}"), problem, REMEDY));
        };
        Ok(Some(Row {
            number,
            text: text.as_bytes(),
            label: self.object.label.as_deref().map(str::as_bytes),
            split: self.object.split.as_deref().map(str::as_bytes),
        }))
    }
}

impl Fields {
    fn find(
        path: &Path,
        names: &[String],
        options: &TextOptions,
        labelled: bool,
    ) -> Result<Fields> {
        let find = |asked, usual: &[&str], missing| {
            let place = column(path, names, asked, usual, missing)?;
            Ok::<_, Error>(place.map(|place| names[place].clone()))
        };
        let text = find(("--text-column", options.text_column.as_deref()), &TEXT_NAMES, false)?;
        let label = ("--label-column", options.label_column.as_deref());
        let split = ("--split-column", options.split_column.as_deref());
        Ok(Fields {
            text: text.expect("a missing text is an error"),
            label: if labelled { find(label, &LABEL_NAMES, false)? } else { None },
            split: find(split, &[], true)?,
        })
    }
}

impl Object {
    fn clear(&mut self) {
        self.text = None;
        self.label = None;
        self.split = None;
    }
}

/// Reads an object and keeps what counts.
struct ObjectSeed<'a> {
    fields: &'a Fields,
    object: &'a mut Object,
}

impl<'de> DeserializeSeed<'de> for ObjectSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ObjectSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Fields { text, label, split } = self.fields;
        while let Some(name) = map.next_key_seed(Name)? {
            // As in Python, the last of several fields of one name counts.
            if *name == **text {
                self.object.text = map.next_value_seed(Text)?;
                if self.object.text.is_none() {
                    return Err(A::Error::custom(format_args!("{text:?} is null, not a text")));
                }
            } else if label.as_deref() == Some(&*name) {
                self.object.label = map.next_value_seed(Text)?;
            } else if split.as_deref() == Some(&*name) {
                self.object.split = map.next_value_seed(Text)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// A field's name, copied only where it has escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Cow<'de, str>, D::Error> {
        json.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// A text, number or truth value as text; none for null.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Option<String>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<String>, D::Error> {
        json.deserialize_any(self)
    }
}

impl Visitor<'_> for Text {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<String>, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Option<String>, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Option<String>, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Option<String>, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Option<String>, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_unit<E>(self) -> Result<Option<String>, E> {
        Ok(None)
    }
}
