//! The text format of SVMlight and LIBSVM: a line `LABEL INDEX:VALUE INDEX:VALUE ...` for each review.
//!
//! `#` starts a comment, blank lines mean nothing, indices ascend. [SVMlight](https://www.cs.cornell.edu/people/tj/svm_light/)
//! specifies it; labels are -1 and +1 there, others write 0 and 1. Indices start at 1, some programs start at 0.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::TextOptions;
use super::lines::{Lines, check_max_text};
use super::ragged::Ragged;
use super::unpack;
use crate::dataset::{Contents, Review, ReviewSource, Split, format};
use crate::error::{Error, Result, expect_within, shortened};

/// The index of the first feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexBase {
    /// 0, as `sklearn.datasets.dump_svmlight_file` writes by default.
    Zero = 0,
    /// 1, as SVMlight and LIBSVM want it.
    One = 1,
}

/// How to read an SVMlight file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LibsvmOptions {
    /// The feature count; the greatest that occurs in either file where it is not given.
    pub features: Option<usize>,
    /// The first feature's index; where it is not given it is 0 if an index 0 occurs in either file, else 1.
    pub index_base: Option<IndexBase>,
    /// Takes every value but 0 for "the word occurs". Otherwise values other than 0 and 1 are errors. A value of 0 says what a
    /// missing index says: the word does not occur.
    pub binarize: bool,
}

/// One or two SVMlight files, decoded.
#[derive(Debug)]
pub struct Libsvm {
    options: LibsvmOptions,
    file: PathBuf,
    test: Option<PathBuf>,
    base: IndexBase,
    features: usize,
    negative: Negative,
    parts: Vec<Part>,
}

/// One file.
#[derive(Debug)]
struct Part {
    split: Split,
    rows: Ragged,
    labels: Vec<u8>,
}

/// How negative reviews are labelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Negative {
    Zero,
    MinusOne,
}

impl Negative {
    const fn labels(self) -> &'static str {
        match self {
            Negative::Zero => "0/1",
            Negative::MinusOne => "-1/+1",
        }
    }
}

impl Libsvm {
    /// Reads the training reviews at `path` and those of the test file.
    ///
    /// # Errors
    /// [`Error::Malformed`] with line and column, [`Error::Unfit`] where there are more features than the options
    /// allow, or more reviews, [`Error::InvalidOption`] for a feature count of 0 or above 2^26 or a limit that means
    /// nothing, [`Error::Io`].
    pub fn open(path: &Path, options: LibsvmOptions, text: &TextOptions) -> Result<Libsvm> {
        if let Some(features) = options.features {
            expect_within("--features", features, 1..=format::MAX_FEATURES)?;
        }
        check_max_text(text.max_text)?;
        let mut findings = Findings::default();
        let mut read =
            |path: &Path, split| Part::read(path, split, (&options, text), &mut findings);
        let mut parts = vec![read(path, Split::Train)?];
        if let Some(test) = &text.test {
            parts.push(read(test, Split::Test)?);
        }
        let found = if findings.least == Some(0) { IndexBase::Zero } else { IndexBase::One };
        let base = options.index_base.unwrap_or(found);
        let seen = findings.greatest.map_or(0, |index| index as usize + 1 - base as usize);
        if seen == 0 && options.features.is_none() {
            return Err(Error::malformed(path, "the file", "no review has a feature", REMEDY));
        }
        if seen > options.features.unwrap_or(format::MAX_FEATURES) {
            return Err(Error::Unfit {
                option: "--features",
                value: options.features.map_or("not given".into(), |n| n.to_string()),
                reason: format!("the files have {seen} features"),
                remedy: match seen <= format::MAX_FEATURES {
                    true => format!("give a number from {seen} to {}", format::MAX_FEATURES),
                    false => format!("leave out those above {}", format::MAX_FEATURES),
                },
            });
        }
        let features = options.features.unwrap_or(seen);
        let negative = findings.negative.unwrap_or(Negative::Zero);
        let (file, test) = (path.to_path_buf(), text.test.clone());
        Ok(Libsvm { options, file, test, base, features, negative, parts })
    }
}

impl ReviewSource for Libsvm {
    fn contents(&self) -> Contents {
        Contents {
            features: self.features,
            vocabulary: None,
            text: None,
            sequences: false,
            options: json!({
                "format": super::Format::Libsvm.name(),
                "file": super::file_name(&self.file),
                "test": self.test.as_deref().map(super::file_name),
                "index_base": self.base as u32,
                "labels": self.negative.labels(),
                "binarize": self.options.binarize,
            }),
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = vec![format!("labels are {}", self.negative.labels())];
        if self.options.index_base.is_none() {
            let why =
                if self.base == IndexBase::Zero { "index 0 occurs" } else { "no index 0 occurs" };
            notes.push(format!("indices start at {}: {why}", self.base as u32));
        }
        if self.options.features.is_none() {
            notes.push(format!("the greatest index makes {} features", self.features));
        }
        // The training reviews, of which alone a part may be held out.
        let changes = self.parts[0].labels.windows(2).filter(|pair| pair[0] != pair[1]);
        if changes.take(2).count() == 1 {
            notes.push(
                "the train split is sorted by class, and its rows are left so: shuffle the lines of its file before a part of \
                 them is held out"
                    .into(),
            );
        }
        notes
    }

    fn for_each(&mut self, sink: &mut dyn FnMut(Review<'_>) -> Result<()>) -> Result<()> {
        let base = self.base as u32;
        let mut words = Vec::new();
        for part in &self.parts {
            for (row, &label) in part.labels.iter().enumerate() {
                words.clear();
                words.extend(part.rows.row(row).iter().map(|index| index - base));
                sink(Review::new(part.split, &words, Some(label)))?;
            }
        }
        Ok(())
    }
}

const REMEDY: &str = "expected `LABEL INDEX:1 INDEX:1 ...` with ascending indices";

/// What holds for both files together.
#[derive(Debug, Default)]
struct Findings {
    reviews: usize,
    least: Option<u32>,
    greatest: Option<u32>,
    negative: Option<Negative>,
}

impl Part {
    fn read(
        path: &Path,
        split: Split,
        (options, text): (&LibsvmOptions, &TextOptions),
        findings: &mut Findings,
    ) -> Result<Part> {
        let input = unpack::open_text(path, text.max_unpacked)?;
        let mut lines = Lines::new(input, text.max_text);
        let mut part = Part { split, rows: Ragged::default(), labels: Vec::new() };
        while lines.advance()? {
            let read = part.read_line(lines.line(), options, findings);
            read.map_err(|(column, problem)| {
                let place = format!("line {}, column {column}", lines.number());
                lines.malformed_at(place, problem, REMEDY)
            })?;
            text.check_reviews(findings.reviews, path, split == Split::Train)?;
        }
        if part.labels.is_empty() {
            return Err(Error::malformed(path, "the file", "it holds no review", REMEDY));
        }
        Ok(part)
    }

    /// Reads a line. The error is a column (in bytes, from 1) and what is wrong there.
    fn read_line(
        &mut self,
        line: &[u8],
        options: &LibsvmOptions,
        findings: &mut Findings,
    ) -> Result<(), (usize, String)> {
        let mut tokens = tokens(line);
        let Some((column, label)) = tokens.next() else { return Ok(()) };
        let label = parse_label(label, findings).map_err(|problem| (column, problem))?;
        let mut previous = None;
        for (column, token) in tokens {
            let (index, present) =
                parse_feature(token, options).map_err(|problem| (column, problem))?;
            if previous.is_some_and(|previous| previous >= index) {
                let problem = format!("index {index} follows {}", previous.unwrap_or(0));
                return Err((column, problem));
            }
            previous = Some(index);
            findings.least = Some(findings.least.map_or(index, |least| least.min(index)));
            findings.greatest = findings.greatest.max(previous);
            if present {
                self.rows.numbers.push(index);
            }
        }
        self.rows.end_row();
        self.labels.push(label);
        findings.reviews += 1;
        Ok(())
    }
}

/// The words of a line up to the comment, each with its column, from 1.
fn tokens(line: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let end = line.iter().position(|&byte| byte == b'#').unwrap_or(line.len());
    let mut start = 0;
    line[..end].split(u8::is_ascii_whitespace).filter_map(move |token| {
        let column = start + 1;
        start += token.len() + 1;
        (!token.is_empty()).then_some((column, token))
    })
}

/// A token for error texts: quoted, and not longer than a line of a terminal.
fn quoted(token: &[u8]) -> String {
    format!("{:?}", shortened(&String::from_utf8_lossy(token), 40))
}

fn parse_number(token: &[u8]) -> Option<f64> {
    std::str::from_utf8(token).ok()?.parse().ok().filter(|number: &f64| number.is_finite())
}

fn parse_label(token: &[u8], findings: &mut Findings) -> Result<u8, String> {
    let negative = match parse_number(token) {
        Some(1.0) => return Ok(1),
        Some(0.0) => Negative::Zero,
        Some(-1.0) => Negative::MinusOne,
        _ => return Err(format!("the label {} is none of 0, 1, -1, +1", quoted(token))),
    };
    let earlier = *findings.negative.get_or_insert(negative);
    if earlier != negative {
        return Err(format!("the label {}, where labels were {}", quoted(token), earlier.labels()));
    }
    Ok(0)
}

/// Reads `INDEX:VALUE`. Returns the index and whether the word occurs.
fn parse_feature(token: &[u8], options: &LibsvmOptions) -> Result<(u32, bool), String> {
    let bad = || format!("{} is no INDEX:VALUE", quoted(token));
    let colon = token.iter().position(|&byte| byte == b':').ok_or_else(bad)?;
    let (index, value) = (&token[..colon], &token[colon + 1..]);
    if index == b"qid" {
        return Err("query ids belong to rankings, reviews have none".into());
    }
    if index.is_empty() || !index.iter().all(u8::is_ascii_digit) {
        return Err(bad());
    }
    let number = std::str::from_utf8(index).ok().and_then(|index| index.parse::<u32>().ok());
    let Some(number) = number.filter(|&number| number as usize <= format::MAX_FEATURES) else {
        return Err(format!("index {} is above {}", quoted(index), format::MAX_FEATURES));
    };
    if number == 0 && options.index_base == Some(IndexBase::One) {
        return Err("index 0, where indices start at 1 (--index-base)".into());
    }
    match parse_number(value) {
        None => Err(bad()),
        Some(value) if value == 0.0 || value == 1.0 || options.binarize => {
            Ok((number, value != 0.0))
        }
        Some(_) => Err(format!(
            "the value of {} is neither 0 nor 1; --binarize takes all but 0 for 1",
            quoted(token)
        )),
    }
}

/// Whether a file that begins with `head` is in this format, judged by its first review that has a feature: a number, then
/// `INDEX:VALUE`. A number alone may be a line of prose.
pub(super) fn looks_like_it(head: &[u8]) -> bool {
    let is_feature = |token: &[u8]| {
        let index = token.split(|&byte| byte == b':').next().unwrap_or_default();
        index.len() < token.len() && (index == b"qid" || parse_number(index).is_some())
    };
    for line in head.split(|&byte| byte == b'\n') {
        let mut tokens = tokens(line).map(|(_, token)| token);
        match (tokens.next(), tokens.next()) {
            (Some(label), _) if parse_number(label).is_none() => return false,
            (_, Some(token)) => return is_feature(token),
            (_, None) => {}
        }
    }
    false
}
