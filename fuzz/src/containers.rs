//! Files in the container's form that say what no writer of ours would.

use std::ops::Range;

use arbitrary::{Result, Unstructured};
use serde_json::{Map, Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::desk::{choice, seldom};

const METADATA: &str = "__metadata__";

/// A tensor to be.
pub struct Tensor {
    pub name: String,
    pub dtype: &'static str,
    pub shape: Vec<u64>,
    pub bytes: Vec<u8>,
}

impl Tensor {
    pub fn of<T: bytemuck::NoUninit>(
        name: impl Into<String>,
        dtype: &'static str,
        shape: &[u64],
        values: &[T],
    ) -> Tensor {
        let bytes = bytemuck::cast_slice(values).to_vec();
        Tensor { name: name.into(), dtype, shape: shape.to_vec(), bytes }
    }
}

/// Whether the bytes are a file of their own and not the source of a structured one.
pub fn looks_like_a_file(data: &[u8]) -> bool {
    data.get(8) == Some(&b'{')
}

/// Header and body of a file.
pub fn parts(file: &[u8]) -> Option<(Map<String, Value>, &[u8])> {
    let (length, rest) = file.split_first_chunk()?;
    let (header, body) =
        rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    Some((serde_json::from_slice(header).ok()?, body))
}

/// A file of these parts whose checksums are right: they are no matter of knowing how, and no mutation finds them.
pub fn with_checksums(mut header: Map<String, Value>, body: &[u8]) -> Vec<u8> {
    add_checksums(&mut header, body);
    file(&padded(header), body)
}

/// A changed file with its checksums mended, if its header can be read.
pub fn repaired(file: &[u8]) -> Option<Vec<u8>> {
    let (header, body) = parts(file)?;
    Some(with_checksums(header, body))
}

/// A file of our own with one more tensor, of values of four bytes.
pub fn with_tensor(file: &[u8], tensor: &Tensor) -> Vec<u8> {
    let (mut header, body) = parts(file).expect("our own files are sound");
    let is_wide = |tensor: &Value| tensor["dtype"] != "U8" && tensor["dtype"] != "U16";
    let tensors = header.iter_mut().filter(|(name, _)| *name != METADATA);
    let mut tensors: Vec<&mut Value> = tensors.map(|(_, tensor)| tensor).collect();
    // Widest first: so each stands where its values may.
    let wide = tensors.iter().filter(|tensor| is_wide(tensor));
    let at = wide.map(|tensor| bytes_of(tensor).end).max().unwrap_or(0);
    let length = tensor.bytes.len();
    for tensor in tensors.iter_mut().filter(|tensor| bytes_of(tensor).start >= at) {
        let Range { start, end } = bytes_of(tensor);
        tensor["data_offsets"] = json!([start + length, end + length]);
    }
    let Tensor { name, dtype, shape, bytes } = tensor;
    let tensor = json!({ "dtype": dtype, "shape": shape, "data_offsets": [at, at + length] });
    header.insert(name.clone(), tensor);
    with_checksums(header, &[&body[..at], bytes, &body[at..]].concat())
}

/// Writes the checksums of a header and of the tensors that do lie in the body.
fn add_checksums(header: &mut Map<String, Value>, body: &[u8]) {
    let text = |bytes: &[u8]| Value::from(format!("{:016x}", xxh3_64(bytes)));
    let tensors = header.iter().filter(|(name, _)| *name != METADATA);
    let sums: Vec<_> = tensors
        .filter_map(|(name, tensor)| {
            Some((format!("xxh3:{name}"), text(body.get(bytes_of(tensor))?)))
        })
        .collect();
    let Some(Value::Object(strings)) = header.get_mut(METADATA) else { return };
    strings.extend(sums);
    strings.remove("xxh3:header");
    let mut sorted = Value::from(header.clone());
    sorted.sort_all_objects();
    header[METADATA]["xxh3:header"] = text(sorted.to_string().as_bytes());
}

/// Where a tensor stands in the body.
pub fn bytes_of(tensor: &Value) -> Range<usize> {
    let [start, end] = [0, 1].map(|end| tensor["data_offsets"][end].as_u64().unwrap_or(0) as usize);
    start..end
}

/// A header as text that ends where eight bytes do.
fn padded(header: Map<String, Value>) -> Vec<u8> {
    let mut header = Value::from(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    header
}

fn file(header: &[u8], body: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header, body].concat()
}

/// Joins tensors behind a header that seldom tells the truth about all of them, and seldom lacks checksums.
pub fn joined(
    u: &mut Unstructured,
    metadata: &[(&str, String)],
    tensors: &[Tensor],
) -> Result<Vec<u8>> {
    let mut header = Map::new();
    let mut strings = Map::new();
    for (key, value) in metadata {
        if !seldom(u, 1)? {
            strings.insert((*key).to_owned(), Value::from(value.as_str()));
        }
    }
    header.insert(METADATA.to_owned(), strings.into());
    let mut body = Vec::new();
    for tensor in tensors {
        if seldom(u, 1)? {
            continue;
        }
        let mut ends = [body.len() as u64, (body.len() + tensor.bytes.len()) as u64];
        body.extend(&tensor.bytes);
        let (mut dtype, mut shape) = (tensor.dtype, tensor.shape.clone());
        if seldom(u, 1)? {
            match u.int_in_range(0..=3u8)? {
                0 => dtype = choice(u, &["U8", "U16", "U32", "U64", "F32", "F64", "BOOL", "X1"])?,
                1 => shape.push(choice(u, &[0, 1, 2, u64::MAX])?),
                2 => shape = vec![u.arbitrary()?],
                _ => ends[u.int_in_range(0..=1)?] = u.arbitrary()?,
            }
        }
        header.insert(
            tensor.name.clone(),
            json!({ "dtype": dtype, "shape": shape, "data_offsets": ends }),
        );
    }
    if !seldom(u, 1)? {
        add_checksums(&mut header, &body);
    }
    let mut header = padded(header);
    if seldom(u, 1)? {
        header.truncate(header.trim_ascii_end().len());
    }
    let length = header.len() as u64;
    let mut file = file(&header, &body);
    if seldom(u, 1)? {
        let lengths = [0, 1, length + 1, length - 1, u64::MAX, 1 << 20, (1 << 20) + 1];
        file[..8].copy_from_slice(&choice(u, &lengths)?.to_le_bytes());
    }
    if seldom(u, 1)? {
        file.truncate(u.int_in_range(0..=file.len())?);
    }
    Ok(file)
}

/// A vocabulary's tensors, mostly sound, for at most so many ids.
pub fn vocabulary(u: &mut Unstructured, most: usize) -> Result<Vec<Tensor>> {
    const WORDS: [&str; 8] = ["", "a", "the", "film", "good", "naïve", "not good", "日本"];
    let (mut offsets, mut text) = (vec![0u64], String::new());
    for _ in 0..u.int_in_range(0..=most.min(12))? {
        text.push_str(u.choose(&WORDS)?);
        offsets.push(text.len() as u64);
    }
    if seldom(u, 1)? {
        let at = u.choose_index(offsets.len())?;
        offsets[at] = u.arbitrary()?;
    }
    let mut bytes = text.into_bytes();
    if seldom(u, 1)? && !bytes.is_empty() {
        let at = u.choose_index(bytes.len())?;
        bytes[at] = u.arbitrary()?;
    }
    let count = |n: usize| [n as u64];
    let mut tensors = vec![
        Tensor::of("vocabulary.offsets", "U64", &count(offsets.len()), &offsets),
        Tensor::of("vocabulary.text", "U8", &count(bytes.len()), &bytes),
    ];
    if u.arbitrary()? {
        let cut: &[u8] = choice(u, &[&b"awful dull"[..], b"", b"  ", b"\xff"])?;
        tensors.push(Tensor::of("vocabulary.cut", "U8", &count(cut.len()), cut));
    }
    Ok(tensors)
}

/// The text rules, mostly sound.
pub fn text_rules(u: &mut Unstructured, features: u64) -> Result<String> {
    let mark = |u: &mut Unstructured| {
        Ok::<Value, arbitrary::Error>(match u.int_in_range(0..=4u8)? {
            0 => Value::Null,
            1 => 1.into(),
            2 => 2.into(),
            3 => 0.into(),
            _ => u.arbitrary::<u32>()?.into(),
        })
    };
    let num_words = if seldom(u, 2)? { u.arbitrary::<u64>()? } else { features };
    let hash = match u.int_in_range(0..=7u8)? {
        0 => json!({ "bits": u.int_in_range(0..=70u8)?, "seed": u.arbitrary::<u64>()? }),
        _ => Value::Null,
    };
    let rules = json!({
        "tokenizer": choice(u, &["keras", "words-and-marks", "none"])?,
        "num_words": num_words,
        "skip_top": if seldom(u, 1)? { u.arbitrary::<u64>()? } else { 0 },
        "start_char": mark(u)?,
        "oov_char": mark(u)?,
        "index_from": if seldom(u, 1)? { u.arbitrary::<u32>()? } else { 3 },
        "unknown": choice(u, &["drop", "cut"])?,
        "ngrams": if seldom(u, 2)? { u.int_in_range(0..=7u8)? } else { 1 },
        "hash": hash,
    });
    let mut rules = rules.to_string();
    if seldom(u, 1)? {
        rules.truncate(u.choose_index(rules.len())?);
    }
    Ok(rules)
}
