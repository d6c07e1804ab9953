//! JSON lines: an object a line, with a field for the text and one for the label.

use std::borrow::Cow;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::TextOptions;
use super::lines::Lines;
use super::row::{LabelUse, Row, Rows, Wanted, is_similar, wanted};
use crate::error::{Error, Result};

const REMEDY: &str = "expected a JSON object with text and label in each line";

/// The objects of a file.
pub(super) struct JsonLines {
    lines: Lines,
    options: TextOptions,
    labels: LabelUse,
    /// Those of text, label and split.
    fields: [Field; 3],
}

/// A field that counts.
#[derive(Default)]
struct Field {
    /// Its name, once an object has had it.
    name: Option<String>,
    /// What is wrong with the file if no other object has it.
    missing: Option<Error>,
    /// What the last object holds in it, whether by the very name, and how many fields come before it.
    value: Option<Value>,
    is_exact: bool,
    place: usize,
    /// The same, where it is a string of a line that is not UTF-8.
    bytes: Option<Vec<u8>>,
}

/// Whether a file that begins with `head` is in this format.
pub(super) fn looks_like_it(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    head.first() == Some(&b'{') && matches!(head[1..].trim_ascii_start().first(), Some(b'"' | b'}'))
}

/// The reviews of these lines.
pub(super) fn of(lines: Lines, options: TextOptions, labels: LabelUse) -> JsonLines {
    JsonLines { lines, options, labels, fields: Default::default() }
}

impl Rows for JsonLines {
    fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        if !self.lines.advance_past_blank()? {
            let missing = self.fields.iter_mut().find_map(|field| field.missing.take());
            return missing.map_or(Ok(None), Err);
        }
        let (number, bytes) = (self.lines.number(), self.lines.line());
        let line = match std::str::from_utf8(bytes) {
            Ok(line) => Cow::Borrowed(line),
            Err(_) => String::from_utf8_lossy(bytes),
        };
        let malformed = |error: serde_json::Error| {
            let place = format!("line {number}, column {}", error.column());
            let mut problem = error.to_string();
            // The parser knows of one line only.
            if let Some(end) = problem.rfind(" at line ") {
                problem.truncate(end);
            }
            let rest = line.as_bytes().get(error.column().saturating_sub(1)..).unwrap_or_default();
            let is_no_number = rest.starts_with(b"NaN") || rest.starts_with(b"Infinity");
            let remedy = match &*problem {
                _ if is_no_number => "JSON has no such number: write null",
                // What the parser says of surrogates alone.
                problem if problem.ends_with("hex escape") => {
                    "half of a surrogate pair is no character: write \\ufffd in its place"
                }
                _ => REMEDY,
            };
            self.lines.malformed_at(place, problem, remedy)
        };
        let sought = wanted(&self.options, self.labels);
        let mut pairs = self.fields.iter().zip(&sought);
        let is_searching = pairs.any(|(field, wanted)| field.name.is_none() && wanted.is_sought());
        let mut names = is_searching.then(Vec::new);
        read(&line, &mut self.fields, names.as_mut()).map_err(malformed)?;
        if let Some(names) = names
            && find(&mut self.fields, &sought, self.lines.path(), &names)?
        {
            read(&line, &mut self.fields, None).map_err(malformed)?;
        }
        // Whoever takes a text or a label that is not UTF-8 stops, skips it or replaces what is not. In other fields it does not
        // matter.
        if let Cow::Owned(_) = line {
            for field in &mut self.fields[..2] {
                field.bytes = field.bytes_in(bytes);
            }
        }
        let [field, label, split] = &self.fields;
        let name = field.name.as_deref().unwrap_or_default();
        let text = match &field.value {
            Some(Value::String(text)) => field.bytes.as_deref().unwrap_or(text.as_bytes()),
            found => {
                let problem = match found {
                    None => format!("no field {name:?}"),
                    Some(Value::Null) => format!("{name:?} is null, not a text"),
                    Some(_) => format!("{name:?} is a list or an object, not a text"),
                };
                return Err(self.lines.malformed(problem, REMEDY));
            }
        };
        let [label, split] = [label, split].map(|field| {
            let value = || field.value.as_ref().and_then(Value::as_str).map(str::as_bytes);
            field.bytes.as_deref().or_else(value)
        });
        Ok(Some(Row { number, text, label, split }))
    }
}

impl Field {
    /// Its bytes in the line that was read last; nothing where nothing of them was replaced, or it is no string.
    fn bytes_in(&self, line: &[u8]) -> Option<Vec<u8>> {
        let value = self.value.as_ref()?.as_str()?;
        let mut json = serde_json::Deserializer::from_slice(line);
        let is_replaced = value.contains(char::REPLACEMENT_CHARACTER);
        // The line has been read before: a list as a label is all that fails.
        is_replaced.then(|| BytesOf(self.place).deserialize(&mut json).ok()).flatten()
    }
}

/// Looks among the names of an object for the fields that no object before it had; true where there is one.
///
/// # Errors
/// [`Error::Unfit`] where there is none for the text, or for the split that was asked for: each object must have them.
fn find(
    fields: &mut [Field; 3],
    sought: &[Wanted<'_>; 3],
    path: &Path,
    names: &[String],
) -> Result<bool> {
    let mut is_found = false;
    for (field, wanted) in fields.iter_mut().zip(sought) {
        if field.name.is_some() {
            continue;
        }
        match wanted.find(path, names) {
            Ok(None) => {}
            Ok(Some(place)) => {
                field.name = Some(names[place].clone());
                field.missing = None;
                is_found = true;
            }
            Err(error) => {
                field.missing.get_or_insert(error);
            }
        }
    }
    let [text, _, split] = fields;
    match text.missing.take().or_else(|| split.missing.take()) {
        Some(error) => Err(error),
        None => Ok(is_found),
    }
}

/// Reads an object: what its fields hold, and the names of all of them where somebody wants them.
fn read(
    json: &str,
    fields: &mut [Field; 3],
    names: Option<&mut Vec<String>>,
) -> serde_json::Result<()> {
    for field in &mut *fields {
        (field.value, field.is_exact, field.bytes) = (None, false, None);
    }
    let mut json = serde_json::Deserializer::from_str(json);
    ObjectSeed { fields, names }.deserialize(&mut json)?;
    json.end()
}

/// Reads an object and keeps what counts.
struct ObjectSeed<'a> {
    fields: &'a mut [Field; 3],
    names: Option<&'a mut Vec<String>>,
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

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut before = 0;
        while let Some(Name(name)) = map.next_key()? {
            let exact = self.fields.iter().position(|field| field.name.as_deref() == Some(&*name));
            let similar = |field: &Field| {
                !field.is_exact
                    && field.name.as_ref().is_some_and(|sought| is_similar(&name, sought))
            };
            match exact.or_else(|| self.fields.iter().position(similar)) {
                // As in Python, the last of several fields of one name counts.
                Some(place) => {
                    let field = &mut self.fields[place];
                    field.value = Some(match map.next_value()? {
                        value @ (Value::Null | Value::String(_)) => value,
                        // A label, perhaps, but no text.
                        value @ (Value::Array(_) | Value::Object(_)) if place == 0 => value,
                        value => Value::String(value.to_string()),
                    });
                    (field.is_exact, field.place) = (exact.is_some(), before);
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            if let Some(names) = &mut self.names {
                names.push(name.into_owned());
            }
            before += 1;
        }
        Ok(())
    }
}

/// Reads of an object the string behind so many fields, which need not be UTF-8.
struct BytesOf(usize);

impl<'de> DeserializeSeed<'de> for BytesOf {
    type Value = Vec<u8>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Vec<u8>, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for BytesOf {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<u8>, A::Error> {
        let mut text = Vec::new();
        let mut before = 0;
        while map.next_key::<Bytes<'_>>()?.is_some() {
            match before == self.0 {
                true => text = map.next_value::<Bytes<'_>>()?.0.into_owned(),
                false => drop(map.next_value::<IgnoredAny>()?),
            }
            before += 1;
        }
        Ok(text)
    }
}

/// A string, whatever its bytes.
#[derive(Deserialize)]
struct Bytes<'a>(#[serde(borrow)] Cow<'a, [u8]>);

/// A field's name, copied only where it has escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
