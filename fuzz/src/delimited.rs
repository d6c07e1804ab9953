//! CSV, TSV, JSON lines and fastText: any text is refused with its place or imported, and the same reviews are the same in each.
//! What answers are asked of is read from end to end, or to its fault.

use std::io::Cursor;
use std::path::Path;

use arbitrary::{Result, Unstructured};
use imdb_fast::import::{
    Format, ImportOptions, InvalidUtf8, KerasOptions, TextOptions, WordOptions, rows_of,
};
use imdb_fast::text::Tokenizer;

use super::desk::{self, choice, seldom};
use super::walk::walk;

/// The first byte of inputs that are sources of reviews, and not files: no text begins so.
const STRUCTURED: u8 = 0xff;

pub fn check(data: &[u8]) -> bool {
    match data.split_first() {
        Some((&STRUCTURED, rest)) => each_way(&mut Unstructured::new(rest)).unwrap_or(false),
        _ => any_text(data),
    }
}

fn options(format: Format, text: TextOptions) -> ImportOptions {
    let text = TextOptions {
        threads: 1,
        spool: Some(desk::path("")),
        max_unpacked: Some(1 << 20),
        max_text: Some(1 << 16),
        ..text
    };
    // All words that occur.
    let keras = KerasOptions { num_words: None, ..KerasOptions::default() };
    ImportOptions { format: Some(format), text, keras, ..ImportOptions::default() }
}

/// One text in every format, in every way to read it.
fn any_text(data: &[u8]) -> bool {
    let path = desk::file("text", data);
    let mut is_accepted = false;
    for format in [Format::Csv, Format::Tsv, Format::JsonLines, Format::Fasttext] {
        let is_table = matches!(format, Format::Csv | Format::Tsv);
        for invalid_utf8 in InvalidUtf8::ALL {
            let other = invalid_utf8 == InvalidUtf8::Replace;
            let text = TextOptions {
                header: !(is_table && other),
                quoting: (is_table && other).then_some(format == Format::Tsv),
                text_column: (is_table && other).then(|| "1".to_owned()),
                label_column: (is_table && other).then(|| "2".to_owned()),
                invalid_utf8,
                with_unlabelled: invalid_utf8 != InvalidUtf8::Stop,
                keep_order: other,
                ..TextOptions::default()
            };
            is_accepted |= desk::imported(&path, &options(format, text)).is_ok();
        }
        read_for_answers(&path, data, Some(format));
    }
    read_for_answers(&path, data, None);
    in_runs_of_words(&path, data.len());
    is_accepted
}

/// As `predict` reads it.
fn read_for_answers(path: &Path, data: &[u8], format: Option<Format>) {
    let text = TextOptions { max_text: Some(1 << 16), ..TextOptions::default() };
    let read = || -> imdb_fast::Result<()> {
        let mut rows = rows_of(Box::new(Cursor::new(data.to_vec())), path, format, &text)?;
        while rows.next_row()?.is_some() {}
        Ok(())
    };
    if let Err(error) = read() {
        desk::assert_explains(&error, path);
    }
}

/// In the format that it is found to have, and with features of another kind: runs of words and marks, by name or hashed.
fn in_runs_of_words(path: &Path, length: usize) {
    let is_hashed = length % 2 == 1;
    let words = WordOptions {
        tokenizer: Tokenizer::WordsAndMarks,
        // Single words are not hashed.
        ngrams: 1 + usize::from(is_hashed) + length % 4,
        hash_bits: is_hashed.then_some(8),
        min_count: (!is_hashed).then_some(1),
        ..WordOptions::default()
    };
    let keras = KerasOptions {
        num_words: None,
        start_char: None,
        oov_char: None,
        index_from: 0,
        ..KerasOptions::default()
    };
    let options = options(Format::Csv, TextOptions::default());
    let options = ImportOptions { format: None, words, keras, ..options };
    // Refused or not: which of the formats it has is not known here.
    desk::imported(path, &options).ok();
}

/// Reviews, written in each format as its standard has it.
fn each_way(u: &mut Unstructured) -> Result<bool> {
    let mut rows = vec![("a good film".to_owned(), "1"), ("a bad one".to_owned(), "0")];
    for _ in 0..u.int_in_range(0..=8u8)? {
        // What TSV cannot hold is left out, and what fastText takes for a blank.
        let mut text =
            desk::text(u, 20)?.replace(['\t', '\n', '\x0c', '\r', '\0', '\u{1a}', '\u{feff}'], "");
        if seldom(u, 1)? {
            text = text.repeat(200);
        }
        // To fastText a line without text and label is no review.
        let labels: &[&str] = if text.trim().is_empty() { &["0", "1"] } else { &["0", "1", ""] };
        rows.push((text, choice(u, labels)?));
    }
    let starts = ["text,label\n", "text\tlabel\n", "", ""];
    let [mut csv, mut tsv, mut json, mut fasttext] = starts.map(str::to_owned);
    let break_of = choice(u, &["\n", "\r\n"])?;
    for (text, label) in &rows {
        csv.push_str(&format!("\"{}\",{label}{break_of}", text.replace('"', "\"\"")));
        tsv.push_str(&format!("{text}\t{label}{break_of}"));
        let object = serde_json::json!({ "text": text, "label": label, "other": [[{}], null] });
        json.push_str(&format!("{object}{break_of}"));
        let label = if label.is_empty() { "" } else { &format!("__label__{label}") };
        fasttext.push_str(&format!("{label} {text}{break_of}"));
    }
    let keep_order = u.arbitrary()?;
    let mut found = Vec::new();
    for (format, text) in [
        (Format::Csv, csv),
        (Format::Tsv, tsv),
        (Format::JsonLines, json),
        (Format::Fasttext, fasttext),
    ] {
        let path = desk::file("rows", text.as_bytes());
        let options = options(format, TextOptions { keep_order, ..TextOptions::default() });
        let dataset =
            desk::imported(&path, &options).unwrap_or_else(|error| panic!("{error}: {text:?}"));
        found.push((walk(&dataset), dataset.vocabulary().cloned()));
    }
    assert_eq!(found[0], found[1], "csv and tsv of {rows:?}");
    assert_eq!(found[0], found[2], "csv and json of {rows:?}");
    assert_eq!(found[0], found[3], "csv and fasttext of {rows:?}");
    assert_eq!(found[0].0.len(), rows.len());
    Ok(true)
}
