//! Which options mean something in which format.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::{Format, ImportOptions, KerasOptions, TextOptions, WordOptions};
use crate::error::{Error, Result};

/// The options that say which words there are and what their ids are.
const OF_WORDS: [&str; 12] = [
    "--tokenizer",
    "--ngrams",
    "--min-count",
    "--count-unlabelled",
    "--hash-bits",
    "--hash-seed",
    "--word-index",
    "--num-words",
    "--skip-top",
    "--start-char",
    "--oov-char",
    "--index-from",
];

/// Refuses options that would have no say: whoever gives one expects something of it.
///
/// # Errors
/// [`Error::Unfit`] for one that is not its default and means nothing in `format`, or beside known words.
pub(super) fn check(path: &Path, format: Format, options: &ImportOptions) -> Result<()> {
    let ImportOptions { word_index, vocabulary, keras, text, words, libsvm, .. } = options;
    let (is_keras, is_libsvm) = (format == Format::Keras, format == Format::Libsvm);
    let is_text = !is_keras && !is_libsvm;
    let is_archive = matches!(format, Format::Archive | Format::Folder);
    let is_table = matches!(format, Format::Csv | Format::Tsv);
    let has_fields = is_table || matches!(format, Format::JsonLines | Format::Parquet);
    let (usual_text, usual_words) = (TextOptions::default(), WordOptions::default());
    let usual_keras = KerasOptions::default();
    let path_of = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let number = |number: Option<usize>| number.map_or("none".to_owned(), |n| n.to_string());
    let id = |id: Option<u32>| number(id.map(|id| id as usize));
    let names = |names: &[String]| (!names.is_empty()).then(|| names.join(","));
    let flag = |is_on: bool| is_on.then(|| "given".to_owned());
    let on_off = |on: bool| if on { "on" } else { "off" }.to_owned();
    fn changed<T: PartialEq + Display>(value: T, usual: T) -> Option<String> {
        (value != usual).then(|| value.to_string())
    }
    for (option, value, is_fit) in [
        ("--test", path_of(&text.test), !is_archive && !is_keras),
        ("--test-fraction", text.test_fraction.map(|part| part.to_string()), is_text),
        ("--split-column", text.split_column.clone(), has_fields),
        ("--unlabelled", path_of(&text.unlabelled), is_text && !is_archive),
        ("--no-unlabelled", flag(!text.with_unlabelled), is_text),
        ("--keep-order", flag(text.keep_order), is_text),
        ("--text-column", text.text_column.clone(), has_fields),
        ("--label-column", text.label_column.clone(), has_fields),
        ("--negative", names(&text.negative), is_text && !is_archive),
        ("--positive", names(&text.positive), is_text && !is_archive),
        ("--no-header", flag(!text.header), is_table),
        ("--quoting", text.quoting.map(on_off), is_table),
        (
            "--invalid-utf8",
            changed(text.invalid_utf8.name(), usual_text.invalid_utf8.name()),
            is_text,
        ),
        ("--max-unpacked", text.max_unpacked.map(|bytes| bytes.to_string()), !is_keras),
        ("--max-text", text.max_text.map(|bytes| bytes.to_string()), !is_keras),
        ("--tokenizer", changed(words.tokenizer, usual_words.tokenizer), is_text),
        ("--ngrams", changed(words.ngrams, usual_words.ngrams), is_text),
        ("--min-count", words.min_count.map(|count| count.to_string()), is_text),
        ("--count-unlabelled", flag(words.count_unlabelled), is_text),
        ("--hash-bits", words.hash_bits.map(|bits| bits.to_string()), is_text),
        ("--hash-seed", changed(words.hash_seed, usual_words.hash_seed), is_text),
        (
            "--vocabulary",
            vocabulary.as_ref().map(|known| known.path.display().to_string()),
            is_text,
        ),
        ("--word-index", path_of(word_index), !is_libsvm),
        (
            "--num-words",
            changed(number(keras.num_words), number(usual_keras.num_words)),
            !is_libsvm,
        ),
        ("--skip-top", changed(keras.skip_top, usual_keras.skip_top), !is_libsvm),
        ("--maxlen", keras.maxlen.map(|most| most.to_string()), !is_libsvm),
        ("--seed", changed(keras.seed, usual_keras.seed), !is_libsvm),
        ("--start-char", changed(id(keras.start_char), id(usual_keras.start_char)), !is_libsvm),
        ("--oov-char", changed(id(keras.oov_char), id(usual_keras.oov_char)), !is_libsvm),
        ("--index-from", changed(keras.index_from, usual_keras.index_from), !is_libsvm),
        (
            "--max-array-bytes",
            changed(keras.max_array_bytes, usual_keras.max_array_bytes),
            is_keras,
        ),
        ("--features", libsvm.features.map(|n| n.to_string()), is_libsvm),
        ("--index-base", libsvm.index_base.map(|base| (base as u32).to_string()), is_libsvm),
        ("--binarize", flag(libsvm.binarize), is_libsvm),
    ] {
        let Some(value) = value else { continue };
        let (reason, remedy) = match vocabulary {
            _ if !is_fit => (
                format!("{} is in the format {}", path.display(), format.name()),
                "leave it out, or the preset that has it; this format has no use for it",
            ),
            Some(known) if OF_WORDS.contains(&option) => (
                format!("the words of {} are taken over", known.path.display()),
                "leave it out, or --vocabulary",
            ),
            _ => continue,
        };
        return Err(Error::Unfit { option, value, reason, remedy: remedy.to_owned() });
    }
    Ok(())
}
