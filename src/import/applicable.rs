//! Which options mean something in which format.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::{Format, ImportOptions, KerasOptions, TextOptions, WordOptions};
use crate::error::{Error, Result};

/// An option, and whether it has a say.
struct Row {
    option: &'static str,
    /// What was given, if that is not the default.
    given: Option<String>,
    /// Whether it means something in the format.
    is_fit: bool,
    /// Whether it says which words there are or what their ids are.
    is_of_words: bool,
}

impl Row {
    fn new(option: &'static str, given: Option<String>, is_fit: bool) -> Row {
        Row { option, given, is_fit, is_of_words: false }
    }

    fn of_words(option: &'static str, given: Option<String>, is_fit: bool) -> Row {
        Row { is_of_words: true, ..Row::new(option, given, is_fit) }
    }
}

/// Refuses options that would have no say: whoever gives one expects something of it.
///
/// # Errors
/// [`Error::Unfit`] for one that is not its default and means nothing in `format`, or beside known words.
pub(super) fn check(path: &Path, format: Format, options: &ImportOptions) -> Result<()> {
    let rows = on_texts(format, options).into_iter().chain(on_ids(format, options));
    for Row { option, given, is_fit, is_of_words } in rows {
        let Some(value) = given else { continue };
        let (reason, remedy) = match &options.vocabulary {
            _ if !is_fit => (
                format!("{} is in the format {}", path.display(), format.name()),
                "leave it out, or the preset that has it; this format has no use for it",
            ),
            Some(known) if is_of_words => (
                format!("the words of {} are taken over", known.path.display()),
                "leave it out, or --vocabulary",
            ),
            _ => continue,
        };
        return Err(Error::Unfit { option, value, reason, remedy: remedy.to_owned() });
    }
    Ok(())
}

/// How texts lie in files, and what is a word of theirs.
fn on_texts(format: Format, options: &ImportOptions) -> Vec<Row> {
    let ImportOptions { vocabulary, text, words, .. } = options;
    let (usual_text, usual_words) = (TextOptions::default(), WordOptions::default());
    let is_keras = format == Format::Keras;
    let is_text = !is_keras && format != Format::Libsvm;
    let is_archive = matches!(format, Format::Archive | Format::Folder);
    let is_table = matches!(format, Format::Csv | Format::Tsv);
    let has_fields = is_table || matches!(format, Format::JsonLines | Format::Parquet);
    let names = |names: &[String]| (!names.is_empty()).then(|| names.join(","));
    let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
    let (invalid, usual_invalid) = (text.invalid_utf8.name(), usual_text.invalid_utf8.name());
    let known = vocabulary.as_ref().map(|known| known.path.display().to_string());
    vec![
        Row::new("--test", path_of(&text.test), !is_archive && !is_keras),
        Row::new("--test-fraction", shown(text.test_fraction), is_text),
        Row::new("--split-column", text.split_column.clone(), has_fields),
        Row::new("--unlabelled", path_of(&text.unlabelled), is_text && !is_archive),
        Row::new("--no-unlabelled", flag(!text.with_unlabelled), is_text),
        Row::new("--keep-order", flag(text.keep_order), is_text),
        Row::new("--text-column", text.text_column.clone(), has_fields),
        Row::new("--label-column", text.label_column.clone(), has_fields),
        Row::new("--negative", names(&text.negative), is_text && !is_archive),
        Row::new("--positive", names(&text.positive), is_text && !is_archive),
        Row::new("--no-header", flag(!text.header), is_table),
        Row::new("--quoting", text.quoting.map(on_off), is_table),
        Row::new("--invalid-utf8", changed(invalid, usual_invalid), is_text),
        Row::new("--max-unpacked", shown(text.max_unpacked), !is_keras),
        Row::new("--max-text", shown(text.max_text), !is_keras),
        Row::of_words("--tokenizer", changed(words.tokenizer, usual_words.tokenizer), is_text),
        Row::of_words("--ngrams", changed(words.ngrams, usual_words.ngrams), is_text),
        Row::of_words("--min-count", shown(words.min_count), is_text),
        Row::of_words("--count-unlabelled", flag(words.count_unlabelled), is_text),
        Row::of_words("--hash-bits", shown(words.hash_bits), is_text),
        Row::of_words("--hash-seed", changed(words.hash_seed, usual_words.hash_seed), is_text),
        Row::new("--vocabulary", known, is_text),
    ]
}

/// Which ids words have, and how those of files that have ids are read.
fn on_ids(format: Format, options: &ImportOptions) -> Vec<Row> {
    let ImportOptions { word_index, keras, libsvm, .. } = options;
    let usual = KerasOptions::default();
    let (is_keras, is_libsvm) = (format == Format::Keras, format == Format::Libsvm);
    let none_or = |number: Option<String>| number.unwrap_or_else(|| "none".to_owned());
    let number = |of: &KerasOptions| none_or(shown(of.num_words));
    let start = |of: &KerasOptions| none_or(shown(of.start_char));
    let oov = |of: &KerasOptions| none_or(shown(of.oov_char));
    let index_base = libsvm.index_base.map(|base| base as u32);
    let max_bytes = changed(keras.max_array_bytes, usual.max_array_bytes);
    vec![
        Row::of_words("--word-index", path_of(word_index), !is_libsvm),
        Row::of_words("--num-words", changed(number(keras), number(&usual)), !is_libsvm),
        Row::of_words("--skip-top", changed(keras.skip_top, usual.skip_top), !is_libsvm),
        Row::new("--maxlen", shown(keras.maxlen), !is_libsvm),
        Row::new("--seed", changed(keras.seed, usual.seed), !is_libsvm),
        Row::of_words("--start-char", changed(start(keras), start(&usual)), !is_libsvm),
        Row::of_words("--oov-char", changed(oov(keras), oov(&usual)), !is_libsvm),
        Row::of_words("--index-from", changed(keras.index_from, usual.index_from), !is_libsvm),
        Row::new("--max-array-bytes", max_bytes, is_keras),
        Row::new("--features", shown(libsvm.features), is_libsvm),
        Row::new("--index-base", shown(index_base), is_libsvm),
        Row::new("--binarize", flag(libsvm.binarize), is_libsvm),
    ]
}

fn shown<T: Display>(value: Option<T>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn changed<T: PartialEq + Display>(value: T, usual: T) -> Option<String> {
    (value != usual).then(|| value.to_string())
}

fn path_of(path: &Option<PathBuf>) -> Option<String> {
    path.as_ref().map(|path| path.display().to_string())
}

fn flag(is_on: bool) -> Option<String> {
    is_on.then(|| "given".to_owned())
}
