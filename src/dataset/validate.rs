//! The checks that make a container a [`Dataset`].

use super::{Dataset, Ids, Split, SplitSections, WordId, format};
use crate::container::{Container, Element, Section};
use crate::error::{Error, Result, shortened};

const REMEDY: &str = "the file is damaged: import it again";

/// Checks all rules of [`format`] but the checksums.
pub(super) fn dataset(container: Container) -> Result<Dataset> {
    let features = features(&container)?;
    let mut splits = [None, None, None];
    for split in Split::ALL {
        if container.shape(&tensor(split, "indptr")).is_some() {
            splits[split as usize] = Some(sections(&container, split, features)?);
        }
    }
    if splits[Split::Train as usize].is_none() && splits[Split::Test as usize].is_none() {
        return Err(container.malformed(
            "header",
            "no `train.indptr` and no `test.indptr`",
            REMEDY,
        ));
    }
    let vocabulary = container.vocabulary()?;
    let text = container.text_rules()?;
    if let (Some(rules), Some(vocabulary)) = (&text, &vocabulary) {
        let found = rules.checked_features(vocabulary);
        let found = found.map_err(|error| unfit_words(&container, error.reason()))?;
        if found != features {
            let problem = format!("they lead to {found} features, the dataset has {features}");
            return Err(unfit_words(&container, problem));
        }
    }
    Ok(Dataset { container, features, splits, vocabulary, text })
}

/// The error of rules and a vocabulary that contradict each other.
pub(super) fn unfit_words(container: &Container, problem: String) -> Error {
    container.malformed("the text rules and the vocabulary", problem, REMEDY)
}

fn tensor(split: Split, name: &str) -> String {
    format!("{}.{name}", split.name())
}

fn features(container: &Container) -> Result<usize> {
    let text = container.metadata("features").unwrap_or("");
    match text.parse() {
        Ok(features) if (1..=format::MAX_FEATURES).contains(&features) => Ok(features),
        _ => {
            let (text, most) = (shortened(text, 60), format::MAX_FEATURES);
            let problem = format!("`features` is {text:?}, expected 1 to {most}");
            Err(container.malformed("metadata", problem, REMEDY))
        }
    }
}

fn sections(container: &Container, split: Split, features: usize) -> Result<SplitSections> {
    let name = |part| tensor(split, part);
    let (indptr, indices) = rows(container, features, &name("indptr"), &name("indices"), true)?;
    let rows_count = container.get(&indptr).len() - 1;
    let labels = match split.is_labelled() {
        true => Some(labels(container, &name("labels"), rows_count)?),
        false => None,
    };
    let has = |part| container.shape(&name(part)).is_some();
    let sequences = if has("sequence_ptr") || has("sequences") {
        let parts = rows(container, features, &name("sequence_ptr"), &name("sequences"), false)?;
        let found = container.get(&parts.0).len() - 1;
        if found != rows_count {
            let problem = format!("{found} rows, `{}` has {rows_count}", name("indptr"));
            return Err(container.malformed(place(&name("sequence_ptr")), problem, REMEDY));
        }
        Some(parts)
    } else {
        None
    };
    let ratings = optional(container, &name("ratings"), rows_count)?;
    let groups = optional(container, &name("groups"), rows_count)?;
    Ok(SplitSections { indptr, indices, labels, sequences, ratings, groups })
}

/// A tensor that the file may have, with one value a row.
fn optional<T: Element>(
    container: &Container,
    name: &str,
    rows: usize,
) -> Result<Option<Section<T>>> {
    container.shape(name).map(|_| one_a_row(container, name, rows)).transpose()
}

/// A tensor with one value a row.
fn one_a_row<T: Element>(container: &Container, name: &str, rows: usize) -> Result<Section<T>> {
    let section = container.list::<T>(name)?;
    let found = container.get(&section).len();
    if found != rows {
        let problem = format!("{found} values for {rows} rows");
        return Err(container.malformed(place(name), problem, REMEDY));
    }
    Ok(section)
}

/// Row pointers and the ids they point into; `sets` where the ids have to ascend within a row.
fn rows(
    container: &Container,
    features: usize,
    pointers: &str,
    ids: &str,
    sets: bool,
) -> Result<(Section<u64>, Ids)> {
    let indptr = container.list::<u64>(pointers)?;
    if features < format::WIDE_FROM {
        let indices = container.list::<u16>(ids)?;
        check_rows(container, features, (pointers, &indptr), (ids, &indices), sets)?;
        Ok((indptr, Ids::Narrow(indices)))
    } else {
        let indices = container.list::<u32>(ids)?;
        check_rows(container, features, (pointers, &indptr), (ids, &indices), sets)?;
        Ok((indptr, Ids::Wide(indices)))
    }
}

fn check_rows<I: WordId + Element>(
    container: &Container,
    features: usize,
    (pointers, indptr): (&str, &Section<u64>),
    (ids, indices): (&str, &Section<I>),
    sets: bool,
) -> Result<()> {
    let found = sound_rows(features, container.get(indptr), container.get(indices), sets);
    found.map_err(|(fault, problem)| {
        let place = match fault {
            Fault::Pointers => place(pointers),
            Fault::Pointer(row) => row_place(pointers, row),
            Fault::Words(row) => row_place(ids, row),
        };
        container.malformed(place, problem, REMEDY)
    })
}

/// What of some rows is at fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Fault {
    /// All row pointers.
    Pointers,
    /// The pointer of a row.
    Pointer(usize),
    /// The words of a row.
    Words(usize),
}

/// Checks row pointers and the ids they point into; `sets` where the ids have to ascend within a row.
///
/// # Errors
/// What is at fault, and what is wrong there.
pub(crate) fn sound_rows<I: WordId>(
    features: usize,
    indptr: &[u64],
    indices: &[I],
    sets: bool,
) -> Result<(), (Fault, String)> {
    let nnz = indices.len() as u64;
    if indptr.first() != Some(&0) || indptr.last() != Some(&nnz) {
        let problem = format!("the row pointers do not run from 0 to {nnz}, the number of ids");
        return Err((Fault::Pointers, problem));
    }
    for (row, pair) in indptr.windows(2).enumerate() {
        if pair[0] > pair[1] || pair[1] > nnz {
            let problem = format!("the pointer goes from {} to {} of {nnz}", pair[0], pair[1]);
            return Err((Fault::Pointer(row), problem));
        }
        let words = &indices[pair[0] as usize..pair[1] as usize];
        // Folded without an early way out, so that the compiler can use vectors: a good file is the common case.
        let in_range = words.iter().fold(true, |good, &w| good & (w.index() < features));
        if !in_range {
            let word = words.iter().map(|w| w.index()).find(|&w| w >= features).unwrap_or(0);
            let problem = format!("word id {word} where there are {features} features");
            return Err((Fault::Words(row), problem));
        }
        let ascends = words.windows(2).fold(true, |good, w| good & (w[0] < w[1]));
        if sets && !ascends {
            return Err((Fault::Words(row), "the word ids do not ascend strictly".to_owned()));
        }
    }
    Ok(())
}

fn labels(container: &Container, name: &str, rows: usize) -> Result<Section<u8>> {
    let section = one_a_row::<u8>(container, name, rows)?;
    let labels = container.get(&section);
    if let Some(row) = labels.iter().position(|&label| label > 1) {
        let problem = format!("the label is {}, expected 0 or 1", labels[row]);
        return Err(container.malformed(row_place(name, row), problem, REMEDY));
    }
    Ok(section)
}

fn place(tensor: &str) -> String {
    format!("tensor `{tensor}`")
}

fn row_place(tensor: &str, row: usize) -> String {
    format!("tensor `{tensor}`, row {row}")
}
