//! The restricted unpickler: any program is refused or makes lists that fit its bytes, and what Python would write comes back.

use std::io::{Cursor, Write};

use arbitrary::{Result, Unstructured};
use imdb_fast::dataset::Split;
use imdb_fast::import::{Format, ImportOptions, KerasImdb, KerasOptions};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::desk::{self, choice, seldom};

pub fn check(data: &[u8]) -> bool {
    match data {
        // A pickle of protocol 2 and later begins so.
        [0x80, ..] => program(data),
        _ => written(&mut Unstructured::new(data)).is_ok(),
    }
}

/// A `.npy` file of one dimension.
pub fn npy(descr: &str, rows: usize, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({rows},), }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), data].concat()
}

/// An archive of arrays.
pub fn npz(arrays: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(method);
    for (name, array) in arrays {
        archive.start_file(format!("{name}.npy"), options).expect("memory takes it");
        archive.write_all(array).expect("memory takes it");
    }
    archive.finish().expect("memory takes it").into_inner()
}

/// The options under which ids are the ranks themselves, in the order of the archive's own shuffle.
pub fn plain() -> KerasOptions {
    KerasOptions {
        num_words: Some(1 << 26),
        start_char: None,
        oov_char: None,
        index_from: 0,
        // Small enough that a bomb is soon over.
        max_array_bytes: 1 << 20,
        ..KerasOptions::default()
    }
}

/// An archive whose training reviews are a pickle of `rows` rows.
fn archive(pickle: &[u8], rows: usize) -> Vec<u8> {
    let one = Program { protocol: 4, memo: false, append: false, frame: false };
    let arrays = [
        ("x_train", npy("|O", rows, pickle)),
        ("y_train", npy("|b1", rows, &vec![1; rows])),
        ("x_test", npy("|O", 1, &one.of(&[vec![1]]))),
        ("y_test", npy("|b1", 1, &[0])),
    ];
    npz(&arrays, CompressionMethod::Stored)
}

/// Runs a pickle. The row count that the header promises is unknown, so it is what the outer list seems to have.
fn program(pickle: &[u8]) -> bool {
    // Each row is a list of its own, and so is the outer one.
    let lists = pickle.iter().filter(|&&byte| byte == b']').count();
    let mut is_accepted = false;
    for rows in [lists.saturating_sub(1), 0, 1, 2] {
        let path = desk::file("p.npz", &archive(pickle, rows));
        match KerasImdb::open(&path, None, plain()) {
            Ok(mut source) => {
                let reviews = desk::reviews(&mut source).expect("memory takes them");
                let words: usize = reviews.iter().map(|(_, words, _)| words.len()).sum();
                assert!(words <= pickle.len() + 1, "{words} words of {} bytes", pickle.len());
                is_accepted = true;
            }
            Err(error) => {
                desk::assert_explains(&error, &path);
                // Only another row count could help.
                if error.to_string().contains("the header promises") {
                    continue;
                }
            }
        }
        break;
    }
    is_accepted
}

/// How a pickle is written: the forms that Python and NumPy have had.
struct Program {
    protocol: u8,
    memo: bool,
    append: bool,
    frame: bool,
}

impl Program {
    /// The pickle of an object array of lists.
    fn of(&self, rows: &[Vec<u32>]) -> Vec<u8> {
        let mut kept = 0u32;
        let mut out = vec![0x80, self.protocol];
        if self.frame {
            out.extend(b"\x95\0\0\0\0\0\0\0\0");
        }
        let memoise = |out: &mut Vec<u8>, kept: &mut u32| {
            match (self.memo, self.protocol) {
                (false, _) => return,
                (true, 4..) => out.push(0x94),
                (true, _) if *kept < 256 => out.extend([b'q', *kept as u8]),
                (true, _) => out.extend([&b"r"[..], &kept.to_le_bytes()].concat()),
            }
            *kept += 1;
        };
        let global = |out: &mut Vec<u8>, kept: &mut u32, module: &str, name: &str| {
            if self.protocol < 4 {
                out.extend(format!("c{module}\n{name}\n").as_bytes());
            } else {
                for part in [module, name] {
                    out.extend([&[0x8c, part.len() as u8], part.as_bytes()].concat());
                    memoise(out, kept);
                }
                out.push(0x93);
            }
            memoise(out, kept);
        };
        global(&mut out, &mut kept, "numpy._core.multiarray", "_reconstruct");
        global(&mut out, &mut kept, "numpy", "ndarray");
        out.extend(b"K\0\x85");
        out.extend(if self.protocol == 2 { &b"U\x01b"[..] } else { b"C\x01b" });
        out.extend(b"\x87R(K\x01J");
        out.extend((rows.len() as u32).to_le_bytes());
        out.push(0x85);
        global(&mut out, &mut kept, "numpy", "dtype");
        out.extend(b"X\x02\0\0\0O8\x89\x88\x87R(K\x03X\x01\0\0\0|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89]");
        memoise(&mut out, &mut kept);
        let row_of = |out: &mut Vec<u8>, kept: &mut u32, row: &[u32]| {
            out.push(b']');
            memoise(out, kept);
            if self.append {
                row.iter().for_each(|&rank| out.extend([&number(rank)[..], b"a"].concat()));
                return;
            }
            // Python writes lists in batches.
            for batch in row.chunks(1000) {
                out.push(b'(');
                batch.iter().for_each(|&rank| out.extend(number(rank)));
                out.push(b'e');
            }
        };
        for batch in rows.chunks(1000) {
            out.push(b'(');
            batch.iter().for_each(|row| row_of(&mut out, &mut kept, row));
            out.push(b'e');
        }
        out.extend(b"tb.");
        out
    }
}

/// An integer in the shortest form, as Python writes it.
fn number(rank: u32) -> Vec<u8> {
    let bytes = rank.to_le_bytes();
    match rank {
        0..=0xff => vec![b'K', bytes[0]],
        0x100..=0xffff => vec![b'M', bytes[0], bytes[1]],
        0x1_0000..=0x7fff_ffff => [&b"J"[..], &bytes].concat(),
        _ => [&b"\x8a\x05"[..], &bytes, b"\0"].concat(),
    }
}

/// Lists that come back as they were.
fn written(u: &mut Unstructured) -> Result<()> {
    let mut rows = Vec::new();
    for _ in 0..u.int_in_range(0..=12u8)? {
        let length = if seldom(u, 1)? { 2500 } else { u.int_in_range(0..=20)? };
        let (first, step) = (u.arbitrary::<u32>()?, choice(u, &[0u32, 1, 255, 70_001])?);
        let rank = |at: u32| first.wrapping_add(at.wrapping_mul(step)) >> 6;
        rows.push((0..length).map(rank).collect::<Vec<u32>>());
    }
    let program = Program {
        protocol: u.int_in_range(2..=5)?,
        memo: u.arbitrary()?,
        append: u.arbitrary()?,
        frame: u.arbitrary()?,
    };
    let path = desk::file("w.npz", &archive(&program.of(&rows), rows.len()));
    let mut source = KerasImdb::open(&path, None, plain()).expect("Python's own form");
    let found = desk::reviews(&mut source).expect("memory takes them").into_iter();
    let found = found.filter(|(split, ..)| *split == Split::Train).map(|(_, words, _)| words);
    let mut found: Vec<_> = found.collect();
    // Ranks from the feature count on are cut; the order is a permutation.
    for row in &mut rows {
        row.retain(|&rank| rank < 1 << 26);
    }
    found.sort();
    rows.sort();
    assert_eq!(found, rows);
    Ok(())
}

/// The options of an import of such an archive.
pub fn options() -> ImportOptions {
    ImportOptions { format: Some(Format::Keras), keras: plain(), ..ImportOptions::default() }
}

/// A pickle in the form of a protocol, for files to begin with.
pub fn sample(protocol: u8) -> Vec<u8> {
    let program = Program {
        protocol,
        memo: protocol.is_multiple_of(2),
        append: protocol == 3,
        frame: protocol > 3,
    };
    program.of(&[vec![1, 300, 70_000], vec![], vec![5]])
}
