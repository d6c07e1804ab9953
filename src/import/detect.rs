//! Which format a file is in.

use std::io::Read;
use std::path::Path;

use super::{
    Format, archive, delimited, fasttext, json_lines, keras, libsvm, parquet_file, unpack,
};
use crate::error::{Error, Result};
use crate::input::BYTE_ORDER_MARK;

/// How much of a file is looked at.
const HEAD: u64 = 64 << 10;

/// Finds out the format by the first bytes of the file, or what they unpack to; its name does not count. A folder is in
/// [`Format::Folder`] if it is laid out like one.
///
/// # Errors
/// [`Error::WrongKind`] for other folders, empty files, safetensors files, zip files of other things than arrays and whatever
/// else is not known; [`Error::Io`].
pub fn detect(path: &Path) -> Result<Format> {
    let wrong = |found: &str, remedy: &str| {
        Err(Error::WrongKind {
            path: path.to_path_buf(),
            expected: "a file with reviews",
            found: found.into(),
            remedy: remedy.into(),
        })
    };
    if path.is_dir() {
        let remedy = "name a file, or the folder aclImdb with train/pos, train/neg, test/pos and test/neg in it";
        return match archive::find(path)? {
            Some(_) => Ok(Format::Folder),
            None => wrong("a folder without reviews", remedy),
        };
    }
    let input = unpack::open(path, None)?;
    let mut head = Vec::new();
    let read = input.reader.take(HEAD).read_to_end(&mut head);
    read.map_err(|error| input.faults.explain(error))?;
    if head.is_empty() {
        return wrong("an empty file", "get the file again");
    }
    if let Some((found, remedy)) = foreign(&head) {
        return wrong(found, remedy);
    }
    if is_safetensors(&head) {
        return wrong(
            "a safetensors file",
            "it is a dataset or a model already and needs no import",
        );
    }
    // Before CSV, which its commas look like.
    if is_array_of_objects(&head) {
        return wrong("a JSON array", INSTEAD_OF_AN_ARRAY);
    }
    if let Some(format) = format_of(&head) {
        if format == Format::Keras {
            keras::expect_arrays(path)?;
        }
        return Ok(format);
    }
    let remedy = format!(
        "if you know its format, name it with --format ({})",
        Format::ALL.map(Format::name).join(", ")
    );
    wrong("an unknown format", &remedy)
}

/// What a file that begins with `head` is, and what to do with it, if it is packed or encoded as no reader here takes it.
pub fn foreign(head: &[u8]) -> Option<(&'static str, &'static str)> {
    // Three letters and a digit may begin a text: behind them is the mark of a block, or that of the end of an empty file.
    if let [b'B', b'Z', b'h', b'1'..=b'9', rest @ ..] = head
        && (rest.starts_with(b"1AY&SY") || rest.starts_with(b"\x17\x72\x45\x38\x50\x90"))
    {
        return Some(("a bzip2 file", "unpack it first: bunzip2 FILE"));
    }
    let known = [
        (&b"\x1f\x8b"[..], "a gzip file within a gzip file", "unpack it once"),
        (b"\xfd7zXZ", "an xz file", "unpack it first: unxz FILE"),
        (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it first: unzstd FILE"),
        (b"\xff\xfe\0\0", "text in UTF-32", "convert it to UTF-8"),
        (b"\0\0\xfe\xff", "text in UTF-32", "convert it to UTF-8"),
        (b"\xff\xfe", "text in UTF-16", "convert it to UTF-8"),
        (b"\xfe\xff", "text in UTF-16", "convert it to UTF-8"),
    ];
    let found = known.into_iter().find(|(magic, ..)| head.starts_with(magic));
    found.map(|(_, found, remedy)| (found, remedy))
}

/// What to make of a JSON array.
pub const INSTEAD_OF_AN_ARRAY: &str =
    "write one object a line, without brackets and commas: jq -c '.[]' FILE";

/// Whether a file that begins with `head` is a JSON array of objects, as which reviews are not read.
pub fn is_array_of_objects(head: &[u8]) -> bool {
    let text = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    let inside = text.trim_ascii_start().strip_prefix(b"[");
    inside.is_some_and(|inside| inside.trim_ascii_start().starts_with(b"{"))
}

/// The format of a file that begins with `head`, if it is known by that.
pub fn format_of(head: &[u8]) -> Option<Format> {
    let text = head.strip_prefix(BYTE_ORDER_MARK).unwrap_or(head);
    // No format has blank lines that mean anything.
    let start = text.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(text.len());
    let text = &text[start..];
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(Format::Keras);
    }
    for (looks_like_it, format) in [
        (archive::looks_like_it(head), Format::Archive),
        (parquet_file::looks_like_it(head), Format::Parquet),
        (libsvm::looks_like_it(text), Format::Libsvm),
        // Before fastText's labels, which may stand anywhere: a text of JSON may speak of them.
        (json_lines::looks_like_it(text), Format::JsonLines),
        (fasttext::looks_like_it(text), Format::Fasttext),
    ] {
        if looks_like_it {
            return Some(format);
        }
    }
    match delimited::looks_like_it(text)? {
        b'\t' => Some(Format::Tsv),
        _ => Some(Format::Csv),
    }
}

/// Whether a file starts as safetensors files do: with a small length and the JSON object that has it.
pub fn is_safetensors(head: &[u8]) -> bool {
    let length = head.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
    length.is_some_and(|length| length < 1 << 32) && head.get(8) == Some(&b'{')
}
