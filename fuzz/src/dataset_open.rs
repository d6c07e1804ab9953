//! Opening a dataset: an error, or a dataset whose every row can be walked, mapped and read alike.

use arbitrary::{Result, Unstructured};
use imdb_fast::container::Access;
use imdb_fast::dataset::Dataset;

use super::containers::{self, Tensor};
use super::desk::{self, choice, seldom};
use super::walk::walk;

pub fn check(data: &[u8]) -> bool {
    if containers::looks_like_a_file(data) {
        return opened(data);
    }
    match assembled(&mut Unstructured::new(data)) {
        Ok(file) => opened(&file),
        Err(_) => false,
    }
}

fn opened(file: &[u8]) -> bool {
    let path = desk::file("dataset", file);
    let datasets = [Access::Map, Access::Read].map(|access| Dataset::open(&path, access));
    match datasets {
        [Ok(mapped), Ok(read)] => {
            assert_eq!(walk(&mapped), walk(&read), "mapped and read");
            assert_eq!(mapped.container().verify().is_ok(), read.container().verify().is_ok());
            mapped.container().check_unchanged().expect("nobody writes");
            true
        }
        [Err(mapped), Err(read)] => {
            assert_eq!(mapped.to_string(), read.to_string());
            desk::assert_explains(&mapped, &path);
            false
        }
        [mapped, read] => panic!("mapped {:?}, read {:?}", mapped.err(), read.err()),
    }
}

/// A file with tensors that mostly fit each other.
fn assembled(u: &mut Unstructured) -> Result<Vec<u8>> {
    let features = match u.int_in_range(0..=7u8)? {
        0 => u.arbitrary::<u64>()?,
        1 => 1,
        2 => 65_535,
        3 => 65_536,
        4 => 1 << 26,
        _ => 20,
    };
    let mut tensors = Vec::new();
    let mut metadata = vec![
        ("format", "imdb-fast dataset".to_owned()),
        ("version", "1".to_owned()),
        ("features", features.to_string()),
        ("options", "{}".to_owned()),
    ];
    let mut parts = Vec::new();
    for split in ["train", "test", "unlabelled"] {
        if u.ratio(2, 3)? {
            parts.push(part(u, split, features)?);
        }
    }
    // Wide types first, as the writer does, or unaligned tensors would be all there is.
    for dtype in ["U64", "U32", "U16", "U8"] {
        for part in &mut parts {
            tensors.extend(part.extract_if(.., |tensor: &mut Tensor| tensor.dtype == dtype));
        }
        if dtype == "U64" && u.arbitrary()? {
            let [offsets, rest @ ..] =
                &mut containers::vocabulary(u, features.min(30) as usize)?[..]
            else {
                unreachable!("a vocabulary has offsets");
            };
            let take = |tensor: &mut Tensor| Tensor {
                name: std::mem::take(&mut tensor.name),
                bytes: std::mem::take(&mut tensor.bytes),
                shape: std::mem::take(&mut tensor.shape),
                dtype: tensor.dtype,
            };
            tensors.push(take(offsets));
            parts.push(rest.iter_mut().map(take).collect());
        }
    }
    if u.arbitrary()? {
        metadata.push(("text", containers::text_rules(u, features)?));
    }
    containers::joined(u, &metadata, &tensors)
}

/// The tensors of a split.
fn part(u: &mut Unstructured, split: &str, features: u64) -> Result<Vec<Tensor>> {
    let rows = u.int_in_range(0..=6usize)?;
    let name = |part: &str| format!("{split}.{part}");
    let mut tensors = Vec::new();
    for (pointers, ids, is_set) in
        [("indptr", "indices", true), ("sequence_ptr", "sequences", false)]
    {
        if !is_set && u.arbitrary()? {
            continue;
        }
        let (mut indptr, mut words) = (vec![0u64], Vec::new());
        for _ in 0..rows {
            let mut word = 0u64;
            for _ in 0..u.int_in_range(0..=5u8)? {
                word = match u.int_in_range(0..=7u8)? {
                    0 => u.arbitrary()?,
                    _ => word.saturating_add(u.int_in_range(0..=3u64)?),
                };
                // Mostly in range and, in a set, ascending.
                if !seldom(u, 1)? {
                    word = word.min(features.saturating_sub(1));
                }
                words.push(word as u32);
            }
            if is_set && !seldom(u, 1)? {
                let start = *indptr.last().expect("it starts with 0") as usize;
                words[start..].sort_unstable();
                let mut row = words.split_off(start);
                row.dedup();
                words.extend(row);
            }
            indptr.push(words.len() as u64);
        }
        if seldom(u, 1)? {
            let at = u.choose_index(indptr.len())?;
            indptr[at] = u.arbitrary()?;
        }
        tensors.push(Tensor::of(name(pointers), "U64", &[indptr.len() as u64], &indptr));
        let count = [words.len() as u64];
        if (features < 65_536) != seldom(u, 1)? {
            let narrow: Vec<u16> = words.iter().map(|&word| word as u16).collect();
            tensors.push(Tensor::of(name(ids), "U16", &count, &narrow));
        } else {
            tensors.push(Tensor::of(name(ids), "U32", &count, &words));
        }
    }
    let rows = if seldom(u, 1)? { u.int_in_range(0..=7)? } else { rows };
    let count = [rows as u64];
    if split != "unlabelled" || seldom(u, 1)? {
        let greatest = choice(u, &[1, 1, 1, 1, 1, 1, 2, 255])?;
        let label = |_| u.int_in_range(0..=greatest);
        let labels = (0..rows).map(label).collect::<Result<Vec<u8>>>()?;
        tensors.push(Tensor::of(name("labels"), "U8", &count, &labels));
    }
    if seldom(u, 4)? {
        tensors.push(Tensor::of(name("ratings"), "U8", &count, &vec![7u8; rows]));
        tensors.push(Tensor::of(name("groups"), "U32", &count, &vec![7u32; rows]));
    }
    Ok(tensors)
}
