//! The archive around the arrays: zip, `.npy` headers, labels, the options of `load_data`; and the words of it.

use arbitrary::{Result, Unstructured};
use imdb_fast::dataset::Split;
use imdb_fast::import::{Format, ImportOptions, KerasOptions};
use zip::CompressionMethod;

use super::desk::{self, choice, seldom};
use super::pickle::{self, npy, npz};

pub fn check(data: &[u8]) -> bool {
    if data.starts_with(b"PK") {
        return imported(data, &pickle::options());
    }
    if data.starts_with(b"{") {
        return with_words(data);
    }
    assembled(&mut Unstructured::new(data)).unwrap_or(false)
}

fn imported(file: &[u8], options: &ImportOptions) -> bool {
    let path = desk::file("a.npz", file);
    desk::imported(&path, options).is_ok_and(|dataset| dataset.csr(Split::Train).is_ok())
}

/// A word index beside a sound archive.
fn with_words(index: &[u8]) -> bool {
    let (x, y) = (npy("|O", 3, &pickle::sample(2)), npy("|b1", 3, &[1, 0, 1]));
    let arrays = [("x_train", &x), ("y_train", &y), ("x_test", &x), ("y_test", &y)];
    let arrays = arrays.map(|(name, array)| (name, array.clone()));
    // An error may name either, so the one path begins with the other.
    let archive = desk::file("a.npz", &npz(&arrays, CompressionMethod::Stored));
    let index = desk::file("a.npz.json", index);
    // Each id takes memory, whether it has a word or not.
    let keras = KerasOptions { num_words: Some(1_000), ..pickle::options().keras };
    let options = ImportOptions { word_index: Some(index), keras, ..pickle::options() };
    desk::imported(&archive, &options).is_ok()
}

/// Arrays whose headers and labels mostly fit, and options that may not.
fn assembled(u: &mut Unstructured) -> Result<bool> {
    let mut arrays = Vec::new();
    for split in ["train", "test"] {
        // The pickle has three rows.
        let rows = if seldom(u, 1)? { u.int_in_range(0..=9)? } else { 3 };
        let mut x = npy("|O", rows, &pickle::sample(u.int_in_range(2..=5)?));
        let descr = choice(u, &["|b1", "<i8", "<f4", "|u1", "<u2", ">i8", "|O", "<c16"])?;
        let one: &[u8] = match descr {
            "<f4" => &[0, 0, 0x80, 0x3f],
            "<i8" => &[1, 0, 0, 0, 0, 0, 0, 0],
            "<u2" => &[1, 0],
            _ => &[1],
        };
        let mut labels = Vec::new();
        for _ in 0..rows {
            labels.extend(if u.arbitrary()? { one.to_vec() } else { vec![0; one.len()] });
        }
        let mut y = npy(descr, rows, &labels);
        for array in [&mut x, &mut y] {
            // A byte in the header is worth more than one in the elements.
            if seldom(u, 1)? {
                let at = u.choose_index(array.len().min(100))?;
                array[at] = u.arbitrary()?;
            }
            if seldom(u, 1)? {
                array.truncate(u.choose_index(array.len())?);
            }
            if seldom(u, 1)? {
                array.extend(u.arbitrary::<[u8; 3]>()?);
            }
        }
        let names = if split == "train" { ["x_train", "y_train"] } else { ["x_test", "y_test"] };
        arrays.extend(names.into_iter().zip([x, y]));
    }
    if seldom(u, 1)? {
        arrays.remove(u.choose_index(arrays.len())?);
    }
    let method = choice(u, &[CompressionMethod::Stored, CompressionMethod::Deflated])?;
    let mut file = npz(&arrays, method);
    // The archive's own structures stand at its ends.
    for _ in 0..if seldom(u, 3)? { u.int_in_range(1..=4u8)? } else { 0 } {
        let from_end = u.choose_index(file.len().min(300))?;
        let at = if u.arbitrary()? { from_end } else { file.len() - 1 - from_end };
        file[at] = u.arbitrary()?;
    }
    let id = |u: &mut Unstructured| {
        Ok::<u32, arbitrary::Error>(if seldom(u, 1)? {
            u.arbitrary()?
        } else {
            u.int_in_range(0..=9)?
        })
    };
    let keras = KerasOptions {
        num_words: if u.arbitrary()? {
            Some(choice(u, &[0, 1, 10, 10_000, 1 << 26, usize::MAX])?)
        } else {
            None
        },
        skip_top: id(u)? as usize,
        maxlen: if seldom(u, 4)? { Some(id(u)? as usize) } else { None },
        seed: u.arbitrary()?,
        start_char: if u.arbitrary()? { Some(id(u)?) } else { None },
        oov_char: if u.arbitrary()? { Some(id(u)?) } else { None },
        index_from: id(u)?,
        max_array_bytes: choice(u, &[0, 100, 1 << 20])?,
    };
    Ok(imported(
        &file,
        &ImportOptions { format: Some(Format::Keras), keras, ..ImportOptions::default() },
    ))
}
