//! From text to words, ids and features: as Python's tokenizers, as Keras' ids, and the same in parts as in one.

mod common;
// The tokenizers once more, character by character: what is fuzzed, too.
#[path = "../fuzz/src/tokenizer.rs"]
mod reference;

use std::collections::{BTreeMap, HashMap};
use std::io::{BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{repository, skipped};
use imdb_fast::dataset::Review;
use imdb_fast::import::{self, ImportOptions};
use imdb_fast::random::{Random, Stream};
use imdb_fast::text::{
    CUT, DROPPED, Encoder, Encoding, Hash, NgramCounts, Ngrams, Rules, Scratch, Tokenizer, Unknown,
    Vocabulary, WordCounts,
};
use serde::Deserialize;

fn tokens(tokenizer: Tokenizer, text: &str) -> Vec<String> {
    let mut words = Vec::new();
    tokenizer.for_each(text, &mut Scratch::default(), |word| words.push(word.to_owned()));
    words
}

fn golden<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    let bytes = std::fs::read(repository("tests/golden/text").join(name)).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn tricky_texts_have_the_words_that_python_finds() {
    let cases: Vec<BTreeMap<String, serde_json::Value>> = golden("texts.json");
    assert!(cases.len() > 80);
    for case in cases {
        let text = case["text"].as_str().unwrap();
        for tokenizer in Tokenizer::ALL {
            let found = serde_json::json!(tokens(tokenizer, text));
            assert_eq!(found, case[tokenizer.name()], "{tokenizer}: {text:?}");
        }
    }
}

/// What Python knows of all characters.
#[derive(Deserialize)]
struct Characters {
    unassigned: Vec<(u32, u32)>,
    word: Vec<(u32, u32)>,
    space: Vec<(u32, u32)>,
    lower: HashMap<char, String>,
}

/// Every character that Python 3.11 (Unicode 14) knows. Later ones are younger than the reference.
#[test]
fn every_character_is_what_it_is_in_python() {
    let python: Characters = golden("characters.json");
    let is_in = |runs: &[(u32, u32)], character: char| {
        let code = u32::from(character);
        let run = runs.partition_point(|&(_, last)| last < code);
        runs.get(run).is_some_and(|&(first, _)| first <= code)
    };
    let mut checked = 0;
    for character in ('\0'..=char::MAX).filter(|&c| !is_in(&python.unassigned, c)) {
        checked += 1;
        if let Some(lower) = python.lower.get(&character) {
            let found = tokens(Tokenizer::Keras, &character.to_string());
            assert_eq!(found, [lower.as_str()], "{character:?}");
            continue;
        }
        let separated = tokens(Tokenizer::Keras, &format!("a{character}b")).len() == 2;
        let filters = "!\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n ";
        assert_eq!(separated, filters.contains(character), "{character:?}");
        if character == '\'' {
            continue; // not a matter of its own: `a'b` is one word
        }
        let expected = match character {
            c if is_in(&python.word, c) => vec![format!("a{c}b")],
            c if is_in(&python.space, c) => vec!["a".into(), "b".into()],
            c => vec!["a".into(), c.to_string(), "b".into()],
        };
        let found = tokens(Tokenizer::WordsAndMarks, &format!("a{character}b"));
        assert_eq!(found, expected, "{character:?}");
    }
    assert!(checked > 280_000, "{checked}");
}

/// Words, marks and line breaks wherever blocks of bytes may end.
#[test]
fn where_a_word_stands_makes_no_difference() {
    let pieces = [
        "a",
        "b",
        "Z",
        "_",
        "'",
        "''",
        " ",
        "  ",
        "\n",
        "\r",
        ".",
        "-",
        "<br />",
        "<br",
        " />",
        "é",
        "É",
        "’",
        "Σ",
        "日",
        "\u{301}",
        "\u{a0}",
        "word",
        "letters",
        "0123456789",
    ];
    let mut random = Random::new(3, Stream::SyntheticReviews);
    for round in 0..20_000 {
        // Mostly ASCII in every other round, so that long runs of it come.
        let choice = if round % 2 == 0 { pieces.len() as u64 } else { 15 };
        let pieces = (0..random.below(90)).map(|_| match random.below(3) {
            0 => pieces[random.below(choice) as usize],
            _ => "x",
        });
        let text: String = pieces.collect();
        assert!(reference::check(text.as_bytes()), "{text:?}");
    }
}

/// The next length and the bytes that follow it.
fn next_part(from: &mut impl Read) -> Option<String> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return None,
        result => result.unwrap(),
    }
    let mut bytes = vec![0; u32::from_le_bytes(length) as usize];
    from.read_exact(&mut bytes).unwrap();
    Some(String::from_utf8(bytes).unwrap())
}

#[test]
fn all_reviews_have_the_words_that_python_finds() {
    let Some(folder) = std::env::var_os("IMDB_FAST_DATA").map(PathBuf::from) else {
        skipped("IMDB_FAST_DATA names no folder with aclImdb_v1.tar.gz");
        return;
    };
    let mut python = Command::new("python3");
    python.arg(repository("tests/golden/text/reference.py")).arg("archive");
    python.arg(folder.join("aclImdb_v1.tar.gz")).stdout(Stdio::piped());
    let Ok(mut python) = python.spawn() else {
        skipped("there is no python3");
        return;
    };
    let mut parts = BufReader::with_capacity(1 << 20, python.stdout.take().unwrap());
    let (encoder, mut expected_rows) = keras(&folder);
    let mut encoding = Encoding::default();
    let mut rows = Vec::new();
    let mut scratch = Scratch::default();
    let mut reviews = 0;
    let mut words = 0;
    while let Some(text) = next_part(&mut parts) {
        for tokenizer in Tokenizer::ALL {
            let expected = next_part(&mut parts).unwrap();
            let mut expected = expected.split('\n').filter(|word| !word.is_empty());
            tokenizer.for_each(&text, &mut scratch, |word| {
                assert_eq!(Some(word), expected.next(), "{tokenizer}: {text}");
                words += 1;
            });
            assert_eq!(expected.next(), None, "{tokenizer}: {text}");
        }
        encoder.encode(&text, &mut encoding);
        rows.push(encoding.words().to_vec());
        reviews += 1;
    }
    assert!(python.wait().unwrap().success());
    assert_eq!(reviews, 50_000);
    rows.sort();
    expected_rows.sort();
    assert!(rows == expected_rows, "the ids of imdb.npz");
    println!("{words} words of both tokenizers agree");
}

/// Keras' rules with its word index, and all rows that `load_data` gives.
fn keras(folder: &Path) -> (Encoder, Vec<Vec<u32>>) {
    let options = ImportOptions {
        word_index: Some(folder.join("imdb_word_index.json")),
        ..ImportOptions::default()
    };
    let mut source = import::open(&folder.join("imdb.npz"), &options).unwrap();
    let contents = source.contents();
    let mut rows = Vec::new();
    let mut push = |review: Review<'_>| {
        rows.push(review.words.to_vec());
        Ok(())
    };
    source.for_each(&mut push).unwrap();
    (Encoder::new(&contents.text.unwrap(), &contents.vocabulary.unwrap()).unwrap(), rows)
}

/// Texts whose words follow a power law.
fn texts(count: usize, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed, Stream::SyntheticReviews);
    let word = |random: &mut Random| format!("w{}", 300f64.powf(random.uniform_f64()) as u32);
    let mut texts = Vec::new();
    for _ in 0..count {
        let words: Vec<String> = (0..random.below(40)).map(|_| word(&mut random)).collect();
        texts.push(words.join(" "));
    }
    texts
}

fn count(texts: &[String]) -> (WordCounts, Vec<Vec<u32>>) {
    let (mut counts, mut scratch) = (WordCounts::default(), Scratch::default());
    let numbers = texts.iter().map(|text| {
        let mut numbers = Vec::new();
        counts.add(Tokenizer::Keras, text, &mut scratch, &mut numbers).unwrap();
        numbers
    });
    let numbers = numbers.collect();
    (counts, numbers)
}

#[test]
fn counts_in_parts_equal_counts_in_one() {
    let texts = texts(200, 1);
    let (whole, numbers) = count(&texts);
    for size in [1, 7, 64, 199, 200] {
        let mut merged = WordCounts::default();
        let mut merged_numbers = Vec::new();
        for part in texts.chunks(size) {
            let (counts, numbers) = count(part);
            let here = merged.merge(&counts).unwrap();
            let translated =
                |numbers: Vec<u32>| numbers.iter().map(|&n| here[n as usize]).collect();
            merged_numbers.extend(numbers.into_iter().map(translated).collect::<Vec<Vec<u32>>>());
        }
        assert_eq!(merged_numbers, numbers);
        assert!(merged.ranked().eq(whole.ranked()));
        for number in 0..whole.len() as u32 {
            assert_eq!(merged.word(number), whole.word(number));
            assert_eq!(merged.total(number), whole.total(number));
            assert_eq!(merged.texts(number), whole.texts(number));
        }
    }
}

#[test]
fn ranks_fall_by_count_and_ties_go_to_the_first() {
    let texts = ["b a c", "a d d", "e c"].map(str::to_owned);
    let (counts, numbers) = count(&texts);
    assert_eq!(numbers, [vec![0, 1, 2], vec![1, 3, 3], vec![4, 2]]);
    let ranked: Vec<(u64, &str)> = counts.ranked().collect();
    assert_eq!(ranked, [(1, "a"), (2, "c"), (3, "d"), (4, "b"), (5, "e")]);
    assert_eq!((counts.total(3), counts.texts(3)), (2, 1));
}

fn encoded(encoder: &Encoder, text: &str) -> (Vec<u32>, Vec<u32>) {
    let mut encoding = Encoding::default();
    encoder.encode(text, &mut encoding);
    (encoding.words().to_vec(), encoding.features().to_vec())
}

/// `the` 4, `of` 5, `film` 6; `plot` is cut.
fn small_rules() -> (Rules, Vocabulary) {
    let rules = Rules { num_words: 7, ..Rules::default() };
    let vocabulary = rules.vocabulary([(3, "film"), (1, "the"), (4, "plot"), (2, "of")]).unwrap();
    (rules, vocabulary)
}

#[test]
fn ids_are_those_of_keras() {
    let (rules, vocabulary) = small_rules();
    let text = "The film's plot of THE film";
    let encoder = Encoder::new(&rules, &vocabulary).unwrap();
    assert_eq!(encoded(&encoder, text), (vec![1, 4, 2, 5, 4, 6], vec![1, 2, 4, 5, 6]));
    assert_eq!(encoded(&encoder, ""), (vec![1], vec![1]));
    assert_eq!(encoder.token("plot"), CUT);
    assert_eq!(encoder.token("film's"), DROPPED);

    let with = |change: &dyn Fn(&mut Rules)| {
        let mut rules = rules.clone();
        change(&mut rules);
        encoded(&Encoder::new(&rules, &vocabulary).unwrap(), text).0
    };
    assert_eq!(with(&|rules| rules.unknown = Unknown::Cut), [1, 4, 2, 2, 5, 4, 6]);
    assert_eq!(with(&|rules| rules.oov_char = None), [1, 4, 5, 4, 6]);
    assert_eq!(with(&|rules| rules.start_char = None), [4, 2, 5, 4, 6]);
    assert_eq!(with(&|rules| rules.skip_top = 5), [2, 2, 2, 5, 2, 6]);
}

#[test]
fn a_vocabulary_without_its_cut_words_takes_unknown_ones_for_cut() {
    let rules = Rules { num_words: 6, unknown: Unknown::Cut, ..Rules::default() };
    let vocabulary = rules.vocabulary([(1, "the"), (2, "of"), (3, "film")]).unwrap();
    assert_eq!(vocabulary.cut_words().count(), 0);
    let encoder = Encoder::new(&rules, &vocabulary).unwrap();
    assert_eq!(encoded(&encoder, "the film, what").0, [1, 4, 2, 2]);
}

/// All runs of `2..=longest` kept words, by their words, with the number of texts they are in.
fn runs(texts: &[Vec<u32>], longest: usize) -> HashMap<Vec<u32>, u32> {
    let mut counts = HashMap::new();
    for tokens in texts {
        let mut seen = std::collections::HashSet::new();
        for length in 2..=longest {
            let windows = tokens.windows(length).filter(|run| run.iter().all(|&word| word < CUT));
            seen.extend(windows.map(<[u32]>::to_vec));
        }
        seen.into_iter().for_each(|run| *counts.entry(run).or_default() += 1);
    }
    counts
}

#[test]
fn frequent_runs_of_words_become_features() {
    let texts = texts(300, 2);
    let (counts, numbers) = count(&texts);
    let rules = Rules { num_words: 60, ngrams: 5, ..Rules::default() };
    let words = rules.vocabulary(counts.ranked()).unwrap();
    let encoder = Encoder::new(&Rules { ngrams: 1, ..rules.clone() }, &words).unwrap();
    let ids = encoder.tokens(counts.words());
    let tokens: Vec<Vec<u32>> =
        numbers.iter().map(|text| text.iter().map(|&n| ids[n as usize]).collect()).collect();
    for (min_texts, parts) in [(1, 300), (2, 50), (3, 7)] {
        let mut ngrams = Ngrams::new(rules.num_words);
        while ngrams.next_length() <= rules.ngrams {
            let mut counts = NgramCounts::default();
            for part in tokens.chunks(parts) {
                let mut more = NgramCounts::default();
                part.iter().for_each(|tokens| more.add(&ngrams, tokens).unwrap());
                counts.merge(more).unwrap();
            }
            ngrams.grow(counts, min_texts).unwrap();
        }
        let mut expected = runs(&tokens, rules.ngrams);
        expected.retain(|_, texts| *texts >= min_texts);
        let vocabulary = ngrams.vocabulary(&words);
        assert!(ngrams.len() > 20 || min_texts > 2);
        assert_eq!(ngrams.len(), expected.len(), "at least {min_texts} texts");

        // By falling number of texts, then length, then words.
        let mut order: Vec<(&Vec<u32>, u32)> = expected.iter().map(|(run, &n)| (run, n)).collect();
        order.sort_by(|a, b| {
            b.1.cmp(&a.1).then(a.0.len().cmp(&b.0.len())).then_with(|| a.0.cmp(b.0))
        });
        let mut ids = HashMap::new();
        for (id, (run, _)) in (60..).zip(order) {
            let name: Vec<&str> = run.iter().map(|&word| words.word(word).unwrap()).collect();
            assert_eq!(vocabulary.word(id), Some(name.join(" ").as_str()));
            ids.insert(run.clone(), id);
        }

        let encoder = Encoder::new(&rules, &vocabulary).unwrap();
        assert_eq!(encoder.features(), 60 + expected.len());
        for (text, tokens) in texts.iter().zip(&tokens) {
            let (sequence, features) = encoded(&encoder, text);
            let mut expected: Vec<u32> = sequence;
            let runs = runs(std::slice::from_ref(tokens), rules.ngrams);
            expected.extend(runs.keys().filter_map(|run| ids.get(run)));
            expected.sort();
            expected.dedup();
            assert_eq!(features, expected);
            let mut encoding = Encoding::default();
            encoder.encode_tokens(tokens.iter().copied(), &mut encoding);
            assert_eq!(encoding.features(), features);
        }
    }
}

#[test]
fn hashed_runs_share_the_ids_behind_the_words() {
    let (rules, _) = small_rules();
    let hash = Some(Hash { bits: 10, seed: 7 });
    let rules = Rules { ngrams: 3, hash, ..rules };
    let vocabulary = rules.vocabulary([(1, "the"), (2, "of"), (3, "film"), (4, "plot")]).unwrap();
    let encoder = Encoder::new(&rules, &vocabulary).unwrap();
    assert_eq!(encoder.features(), 1024);
    // `the of`, `the of film` and `of film`; no run holds a word that is cut or dropped.
    let (sequence, features) = encoded(&encoder, "the of film plot the what of");
    assert_eq!(sequence, [1, 4, 5, 6, 2, 4, 5]);
    // A second implementation, in Python, agrees: these ids never change.
    assert_eq!(features, [1, 2, 4, 5, 6, PINNED[0], PINNED[1], PINNED[2]]);
    let other = Rules { hash: Some(Hash { bits: 10, seed: 8 }), ..rules.clone() };
    let other = Encoder::new(&other, &vocabulary).unwrap();
    assert_ne!(encoded(&other, "the of film plot the what of").1, features);
}

const PINNED: [u32; 3] = [337, 410, 960];

#[test]
fn rules_survive_json_and_hostile_ones_do_not() {
    let (rules, _) = small_rules();
    assert_eq!(Rules::from_json(&rules.to_json()).unwrap(), rules);
    let hash = Some(Hash { bits: 20, seed: u64::MAX });
    let rules = Rules { ngrams: 5, hash, tokenizer: Tokenizer::WordsAndMarks, ..rules };
    assert_eq!(Rules::from_json(&rules.to_json()).unwrap(), rules);

    let json = rules.to_json();
    for (from, to, expected) in [
        ("words-and-marks", "regex", "unknown variant `regex`"),
        (r#""num_words":7"#, r#""num_words":0"#, "--num-words is \"0\""),
        (r#""num_words":7"#, r#""num_words":67108865"#, "67108864"),
        (r#""num_words":7"#, r#""num_words":-1"#, "invalid value"),
        (r#""num_words":7"#, r#""num_words":2097152"#, "--hash-bits"),
        (r#""num_words":7"#, r#""num_words":3"#, "--index-from"),
        (r#""skip_top":0"#, r#""skip_top":9"#, "--skip-top"),
        (r#""oov_char":2"#, r#""oov_char":4294967295"#, "--oov-char"),
        (r#""start_char":1"#, r#""start_char":5"#, "--index-from"),
        (r#""ngrams":5"#, r#""ngrams":6"#, "--ngrams"),
        (r#""ngrams":5"#, r#""ngrams":0"#, "--ngrams"),
        (r#""ngrams":5"#, r#""ngrams":1"#, "--hash-bits"),
        (r#""bits":20"#, r#""bits":27"#, "--hash-bits"),
        (r#""bits":20"#, r#""bits":64"#, "--hash-bits"),
        (r#""bits":20"#, r#""bits":2"#, "--hash-bits"),
        (r#""ngrams":5"#, r#""ngrams":5,"more":1"#, "unknown field `more`"),
        (r#""ngrams":5,"#, "", "missing field `ngrams`"),
        ("{", "", "invalid type"),
    ] {
        assert!(json.contains(from), "{json}");
        let error = Rules::from_json(&json.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn vocabularies_that_contradict_the_rules_are_refused() {
    let rules = Rules { num_words: 6, ngrams: 3, ..Rules::default() };
    let words = ["", "", "", "", "a", "b"];
    let new = |runs: &[&str]| {
        let vocabulary = Vocabulary::from_words(words.iter().chain(runs));
        Encoder::new(&rules, &vocabulary).map(|encoder| encoder.features())
    };
    assert_eq!(new(&[]).unwrap(), 6);
    assert_eq!(new(&["a b", "a b a", "b b"]).unwrap(), 9);
    for (runs, expected) in [
        (&["a b a"][..], "before its own beginning"),
        (&["a b a", "a b"], "before its own beginning"),
        (&["a b", "a b"], "also that of id 6"),
        (&["a"], "has 1 words"),
        (&[""], "has 1 words"),
        (&["a b", "a b a", "a b a b"], "has 4 words"),
        (&["a c"], "no feature"),
        (&["a "], "no feature"),
    ] {
        let error = new(runs).unwrap_err().to_string();
        assert!(error.contains(expected), "{runs:?}: {error}");
    }
    let no_runs = Rules { ngrams: 1, ..rules };
    let vocabulary = Vocabulary::from_words(words.iter().chain(&["a b"]));
    let error = Encoder::new(&no_runs, &vocabulary).unwrap_err().to_string();
    assert!(error.contains("names 7 ids"), "{error}");
}

/// Ids behind the last word have no word, but a place each.
#[test]
fn a_vocabulary_has_no_more_ids_than_a_dataset() {
    let rules = Rules { num_words: usize::MAX, ..Rules::default() };
    assert!(rules.vocabulary([(1, "the")]).unwrap_err().is_usage());
    let all = Rules { num_words: rules.ids_of(1), ..rules };
    assert_eq!(all.vocabulary([(1, "the")]).unwrap().len(), 5);
}

#[test]
fn tokens_of_no_feature_break_no_encoding() {
    let (rules, vocabulary) = small_rules();
    let encoder = Encoder::new(&rules, &vocabulary).unwrap();
    let mut encoding = Encoding::default();
    for wrong in [rules.num_words as u32, 1 << 20, CUT - 1] {
        let encode = AssertUnwindSafe(|| encoder.encode_tokens([4, wrong], &mut encoding));
        assert!(catch_unwind(encode).is_err(), "{wrong}");
    }
    encoder.encode_tokens([5, CUT, DROPPED], &mut encoding);
    assert_eq!(encoding.features(), [1, 2, 5]);
}
