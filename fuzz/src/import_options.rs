//! Files and options of an import that fit each other, or do not: an error that explains itself, or a dataset, and the same one
//! each time.

use std::path::{Path, PathBuf};

use arbitrary::{Result, Unstructured};
use imdb_fast::dataset::Dataset;
use imdb_fast::import::{
    Format, ImportOptions, IndexBase, InvalidUtf8, KerasOptions, KnownWords, LibsvmOptions,
    TextOptions, WordOptions,
};
use imdb_fast::text::{Encoder, Tokenizer};
use serde_json::{Map, Value};

use super::desk::{self, choice, seldom};
use super::lexicon::{lexicon, words};

pub fn check(data: &[u8]) -> bool {
    drawn(&mut Unstructured::new(data)).unwrap_or(false)
}

/// The formats of files that are written here, and how their names end as a rule.
const FORMATS: [(Format, &str); 5] = [
    (Format::Csv, ".csv"),
    (Format::Tsv, ".tsv"),
    (Format::JsonLines, ".jsonl"),
    (Format::Fasttext, ".txt"),
    (Format::Libsvm, ".svm"),
];

fn drawn(u: &mut Unstructured) -> Result<bool> {
    let is_folder = seldom(u, 2)?;
    let format = if is_folder { Format::Folder } else { choice(u, &FORMATS)?.0 };
    let header = Header::drawn(u)?;
    let path = match is_folder {
        true => folder(u)?,
        false => file(u, "reviews", format, &header)?,
    };
    let options = options(u, format, &header)?;
    let Ok(dataset) = imported(&path, &options) else { return Ok(false) };
    if let (Some(rules), Some(vocabulary)) = (dataset.text_rules(), dataset.vocabulary()) {
        let encoder = Encoder::new(rules, vocabulary).expect("an import's words are of its rules");
        assert_eq!(encoder.features(), dataset.features());
        if let Some(known) = &options.vocabulary {
            assert_eq!((rules, vocabulary), (&known.rules, &known.vocabulary));
        }
    }
    Ok(true)
}

/// Imports twice, by one thread and by two: what comes of it is the same.
fn imported(path: &Path, options: &ImportOptions) -> imdb_fast::Result<Dataset> {
    let import = |threads| -> imdb_fast::Result<(Dataset, Vec<u8>)> {
        let text = TextOptions { threads, ..options.text.clone() };
        let dataset = desk::imported_with_others(path, &ImportOptions { text, ..options.clone() })?;
        let file = std::fs::read(dataset.container().path());
        Ok((dataset, file.expect("it has just been read")))
    };
    match (import(1), import(2)) {
        (Ok((dataset, first)), Ok((_, second))) => {
            assert!(first == second, "two datasets of one import");
            Ok(dataset)
        }
        (Err(first), Err(second)) => {
            assert_eq!(first.to_string(), second.to_string());
            Err(first)
        }
        (first, second) => {
            let errors = [first.err(), second.err()].map(|error| error.map(|e| e.to_string()));
            panic!("accepted once and refused once: {errors:?}");
        }
    }
}

/// What the files of an import have in common: the columns of text, label and split, and what labels there are.
struct Header {
    is_there: bool,
    names: [&'static str; 3],
    labels: [&'static str; 2],
}

impl Header {
    fn drawn(u: &mut Unstructured) -> Result<Header> {
        const NAMES: [[&str; 3]; 4] = [
            ["text", "label", "split"],
            ["Review", " sentiment", "set"],
            ["tweet", "2", "1"],
            ["label", "text", "text"],
        ];
        let names = if seldom(u, 4)? { choice(u, &NAMES)? } else { NAMES[0] };
        let labels = choice(u, &[["1", "0"], ["pos", "neg"], ["2", "1"], ["1", "-1"]])?;
        let labels = if seldom(u, 1)? { ["a", "b"] } else { labels };
        Ok(Header { is_there: !seldom(u, 2)?, names, labels })
    }

    /// What an option may call a column by.
    fn name(&self, u: &mut Unstructured, column: usize) -> Result<String> {
        let number = (column + 1).to_string();
        let name = if self.is_there { self.names[column] } else { &number };
        Ok(match u.int_in_range(0..=15u8)? {
            0 => name.to_uppercase(),
            1 => "id".to_owned(),
            2 => number.clone(),
            3 => self.names[u.int_in_range(0..=2usize)?].to_owned(),
            _ => name.to_owned(),
        })
    }
}

/// A file with reviews, mostly in one format, of a name that ends so or otherwise.
fn file(u: &mut Unstructured, stem: &str, format: Format, header: &Header) -> Result<PathBuf> {
    let format = if seldom(u, 1)? { choice(u, &FORMATS)?.0 } else { format };
    let usual = FORMATS.into_iter().find(|(other, _)| *other == format).unwrap_or(FORMATS[0]).1;
    let end =
        if seldom(u, 4)? { choice(u, &["", ".csv", ".jsonl", ".gz", ".npz"])? } else { usual };
    let mut bytes = content(u, format, header)?.into_bytes();
    if seldom(u, 1)? && !bytes.is_empty() {
        let at = u.choose_index(bytes.len())?;
        bytes[at] = u.arbitrary()?;
    }
    if seldom(u, 1)? {
        bytes.truncate(u.int_in_range(0..=bytes.len())?);
    }
    Ok(desk::file(&format!("{stem}{end}"), &bytes))
}

fn content(u: &mut Unstructured, format: Format, header: &Header) -> Result<String> {
    let break_of = choice(u, &["\n", "\r\n"])?;
    let mut content = String::new();
    if seldom(u, 1)? {
        content.push('\u{feff}');
    }
    let [text, label, split] = header.names;
    if header.is_there {
        match format {
            Format::Csv => content.push_str(&format!("{text},{label},{split}{break_of}")),
            Format::Tsv => content.push_str(&format!("{text}\t{label}\t{split}{break_of}")),
            _ => {}
        }
    }
    let least = if seldom(u, 1)? { 0 } else { 2 };
    for row in 0..u.int_in_range(least..=8u8)? {
        let is_sound = row < 2 && u.arbitrary()?;
        let text = if is_sound { "a good film" } else { &desk::text(u, 8)? };
        let label = match u.int_in_range(0..=31u8)? {
            0..=1 => "",
            2 => choice(u, &["1", "x", "-1", "+1.0", " Pos"])?,
            _ => header.labels[usize::from(row) % 2],
        };
        let split = if seldom(u, 1)? {
            choice(u, &["", "x"])?
        } else {
            choice(u, &["train", "test", "unsup"])?
        };
        content.push_str(&line(format, header, [text, label, split]));
        content.push_str(break_of);
    }
    Ok(content)
}

/// A review as a format has it.
fn line(format: Format, header: &Header, [text, label, split]: [&str; 3]) -> String {
    let flat = text.replace(['\t', '\n', '\r'], " ");
    match format {
        Format::Csv => format!("\"{}\",{label},{split}", text.replace('"', "\"\"")),
        Format::Tsv => format!("{flat}\t{label}\t{split}"),
        Format::JsonLines => {
            let fields = header.names.into_iter().zip([text, label, split]);
            let object: Map<String, Value> =
                fields.map(|(name, value)| (name.to_owned(), value.into())).collect();
            Value::from(object).to_string()
        }
        Format::Fasttext if label.is_empty() => flat,
        Format::Fasttext => format!("__label__{label} {flat}"),
        _ => {
            let number = if matches!(label, "1" | "0" | "-1") { label } else { "1" };
            let mut places: Vec<u32> = text.chars().map(|c| u32::from(c) % 97).collect();
            places.sort_unstable();
            places.dedup();
            places.into_iter().fold(number.to_owned(), |line, place| format!("{line} {place}:1"))
        }
    }
}

/// A folder that is laid out as the archive of reviews, or hardly so.
fn folder(u: &mut Unstructured) -> Result<PathBuf> {
    const FOLDERS: [&str; 5] = ["train/pos", "train/neg", "test/pos", "test/neg", "train/unsup"];
    let path = desk::path("folder");
    // What another input left.
    std::fs::remove_dir_all(&path).ok();
    let top = if u.arbitrary()? { path.clone() } else { path.join("aclImdb") };
    std::fs::create_dir_all(&top).expect("the disk has room");
    for name in FOLDERS {
        if seldom(u, 4)? {
            continue;
        }
        let folder = top.join(name);
        std::fs::create_dir_all(&folder).expect("the disk has room");
        for number in 0..u.int_in_range(0..=3u32)? {
            let name = match u.int_in_range(0..=15u8)? {
                0 => {
                    choice(u, &["1_10.txt", "01_1.txt", "x", ".x", "4294967295_0.txt", "7_11.txt"])?
                        .to_owned()
                }
                _ => format!("{number}_{}.txt", u.int_in_range(0..=10u8)?),
            };
            let text = desk::text(u, 8)?;
            std::fs::write(folder.join(name), text).expect("the disk has room");
        }
    }
    if seldom(u, 2)? {
        let movies = choice(u, &["http://www.imdb.com/title/tt0453418/usercomments\n", "x", ""])?;
        // Where there is no such folder, there is no list either.
        std::fs::write(top.join("train/urls_pos.txt"), movies).ok();
    }
    Ok(path)
}

/// So many times out of sixteen, some value.
fn maybe<T>(
    u: &mut Unstructured,
    times: u8,
    draw: impl FnOnce(&mut Unstructured) -> Result<T>,
) -> Result<Option<T>> {
    if seldom(u, times)? { draw(u).map(Some) } else { Ok(None) }
}

fn options(u: &mut Unstructured, format: Format, header: &Header) -> Result<ImportOptions> {
    let is_libsvm = format == Format::Libsvm;
    // Most options mean nothing in some format, and are refused there.
    let is_stranger = seldom(u, 1)?;
    let named = match u.int_in_range(0..=15u8)? {
        0 => Some(choice(u, &Format::ALL)?),
        // Without a header a table may look like anything.
        1..8 if header.is_there => None,
        _ => Some(format),
    };
    let vocabulary = if is_libsvm && !is_stranger { None } else { maybe(u, 3, known)? };
    let takes_words = is_stranger || (!is_libsvm && vocabulary.is_none());
    Ok(ImportOptions {
        format: named,
        word_index: if takes_words { maybe(u, 2, word_index)? } else { None },
        words: if takes_words { word_options(u)? } else { WordOptions::default() },
        keras: if is_libsvm && !is_stranger {
            KerasOptions::default()
        } else {
            keras_options(u, takes_words)?
        },
        vocabulary,
        text: text_options(u, format, header, is_stranger)?,
        libsvm: if is_libsvm || is_stranger {
            libsvm_options(u)?
        } else {
            LibsvmOptions::default()
        },
    })
}

fn text_options(
    u: &mut Unstructured,
    format: Format,
    header: &Header,
    is_stranger: bool,
) -> Result<TextOptions> {
    let is_table = matches!(format, Format::Csv | Format::Tsv);
    let has_columns = is_stranger || is_table || format == Format::JsonLines;
    let is_text = is_stranger || format != Format::Libsvm;
    let is_file = is_stranger || format != Format::Folder;
    let are_unusual = !header.is_there || header.names[0] != "text";
    let another = |u: &mut Unstructured, stem: &str| match u.int_in_range(0..=31u8)? {
        0 => Ok(desk::path("missing")),
        1 => Ok(desk::path("")),
        _ => file(u, stem, format, header),
    };
    let column = |u: &mut Unstructured, column, times| match has_columns {
        true => maybe(u, times, |u| header.name(u, column)),
        false => Ok(None),
    };
    let names = |u: &mut Unstructured| {
        let names = maybe(u, 1, |u| choice(u, &["1", "0", "pos", "a", "A ", ""]))?;
        Ok::<_, arbitrary::Error>(names.into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    let fraction = |u: &mut Unstructured| match seldom(u, 2)? {
        true => choice(u, &[0.0, 1.0, 1e-9, f64::NAN, -0.5, 1e300]),
        false => choice(u, &[0.5, 0.25, 0.7]),
    };
    let often = if are_unusual { 14 } else { 2 };
    Ok(TextOptions {
        test: if is_file { maybe(u, 4, |u| another(u, "test"))? } else { None },
        unlabelled: match is_file && is_text {
            true => maybe(u, 3, |u| another(u, "unlabelled"))?,
            false => None,
        },
        test_fraction: if is_text { maybe(u, 3, fraction)? } else { None },
        text_column: column(u, 0, often)?,
        label_column: column(u, 1, often)?,
        split_column: column(u, 2, 4)?,
        header: header.is_there || !(is_table || is_stranger),
        quoting: if is_table || is_stranger { maybe(u, 1, |u| u.arbitrary())? } else { None },
        negative: if is_text && is_file { names(u)? } else { Vec::new() },
        positive: if is_text && is_file { names(u)? } else { Vec::new() },
        keep_order: is_text && seldom(u, 4)?,
        with_unlabelled: !(is_text && seldom(u, 2)?),
        invalid_utf8: if is_text && seldom(u, 4)? {
            choice(u, &InvalidUtf8::ALL)?
        } else {
            InvalidUtf8::Stop
        },
        max_unpacked: maybe(u, 1, |u| choice(u, &[0, 1, 100, 1 << 20, u64::MAX]))?,
        max_text: maybe(u, 1, |u| choice(u, &[0, 1, 10, 1 << 16, usize::MAX]))?,
        threads: 1,
        spool: Some(desk::path("")),
    })
}

/// One of some values; seldom one of those that are refused as a rule.
fn either<T: Clone>(u: &mut Unstructured, sound: &[T], odd: &[T]) -> Result<T> {
    if seldom(u, 1)? { choice(u, odd) } else { choice(u, sound) }
}

fn word_options(u: &mut Unstructured) -> Result<WordOptions> {
    let ngrams = if seldom(u, 5)? { either(u, &[2, 3, 5], &[0, 6])? } else { 1 };
    let hash_bits = if ngrams > 1 || seldom(u, 1)? {
        maybe(u, 6, |u| either(u, &[8, 10, 17, 26], &[0, 3, 27, 64]))?
    } else {
        None
    };
    Ok(WordOptions {
        tokenizer: choice(u, &Tokenizer::ALL)?,
        ngrams,
        min_count: maybe(u, 4, |u| either(u, &[1, 2], &[0, u32::MAX]))?,
        count_unlabelled: seldom(u, 2)?,
        hash_bits,
        hash_seed: if hash_bits.is_some() && u.arbitrary()? { u.arbitrary()? } else { 0 },
    })
}

fn keras_options(u: &mut Unstructured, takes_words: bool) -> Result<KerasOptions> {
    let usual = KerasOptions::default();
    let maxlen = maybe(u, 2, |u| u.int_in_range(0..=12usize))?;
    let seed = if seldom(u, 2)? { u.arbitrary()? } else { usual.seed };
    if !takes_words {
        return Ok(KerasOptions { maxlen, seed, ..usual });
    }
    let mark = |u: &mut Unstructured, usual| match u.int_in_range(0..=31u8)? {
        0 => Ok(Some(u.arbitrary()?)),
        1..=4 => Ok(None),
        5..=8 => u.int_in_range(0..=3u32).map(Some),
        _ => Ok(usual),
    };
    let num_words = match u.int_in_range(0..=7u8)? {
        0 => usual.num_words,
        1 => Some(u.int_in_range(0..=30usize)?),
        2..=3 => Some(u.int_in_range(5..=30usize)?),
        _ => None,
    };
    Ok(KerasOptions {
        num_words,
        skip_top: if seldom(u, 2)? { u.int_in_range(0..=9usize)? } else { 0 },
        maxlen,
        seed,
        start_char: mark(u, usual.start_char)?,
        oov_char: mark(u, usual.oov_char)?,
        index_from: if seldom(u, 2)? {
            either(u, &[2, 3, 4], &[0, 1, u32::MAX])?
        } else {
            usual.index_from
        },
        ..usual
    })
}

fn libsvm_options(u: &mut Unstructured) -> Result<LibsvmOptions> {
    Ok(LibsvmOptions {
        features: maybe(u, 4, |u| either(u, &[97, 1 << 17, 1 << 26], &[0, 1, usize::MAX]))?,
        index_base: maybe(u, 4, |u| choice(u, &[IndexBase::Zero, IndexBase::One]))?,
        binarize: seldom(u, 2)?,
    })
}

/// Texts as those of the files.
fn texts(u: &mut Unstructured) -> Result<Vec<String>> {
    let mut texts = vec!["a good film".to_owned()];
    for _ in 0..u.int_in_range(0..=3u8)? {
        texts.push(desk::text(u, 8)?);
    }
    Ok(texts)
}

/// The words of another dataset, or some that no dataset has so.
fn known(u: &mut Unstructured) -> Result<KnownWords> {
    let texts = texts(u)?;
    let (mut rules, vocabulary) = lexicon(u, &texts, false)?;
    if seldom(u, 1)? {
        match u.int_in_range(0..=3u8)? {
            0 => rules.num_words = u.int_in_range(0..=100usize)?,
            1 => rules.ngrams = u.int_in_range(0..=6usize)?,
            2 => rules.skip_top = u.arbitrary()?,
            _ => rules.oov_char = Some(u.arbitrary()?),
        }
    }
    Ok(KnownWords { path: desk::path("known"), rules, vocabulary })
}

/// A file of words and their ranks.
fn word_index(u: &mut Unstructured) -> Result<PathBuf> {
    let texts = texts(u)?;
    let mut index = Map::new();
    for word in texts.iter().flat_map(|text| words(Tokenizer::Keras, text)) {
        let rank = match u.int_in_range(0..=31u8)? {
            0 => choice(u, &[0, 1, 1 << 20, (1 << 20) + 1, u64::MAX])?,
            _ => index.len() as u64 + 1,
        };
        index.insert(word, rank.into());
    }
    Ok(desk::file("index.json", Value::from(index).to_string().as_bytes()))
}
