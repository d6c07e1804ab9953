//! The official archive: any tar is refused with its place or imported, with the reviews that the tar crate finds in it, and the
//! reviews of a sound one come back.

use std::io::Read;

use arbitrary::{Result, Unstructured};
use imdb_fast::dataset::Split;
use imdb_fast::import::{Format, ImportOptions, InvalidUtf8, TextOptions};
use tar::{Archive, Builder, EntryType, Header};

use super::desk::{self, choice, seldom};
use super::walk::walk;

pub fn check(data: &[u8]) -> bool {
    let is_tar = data.get(257..262) == Some(b"ustar") || data.starts_with(&[0x1f, 0x8b]);
    if is_tar {
        let sound = repaired(data);
        return imported(data) | (sound != data && imported(&sound));
    }
    assembled(&mut Unstructured::new(data)).unwrap_or(false)
}

fn options() -> ImportOptions {
    let text = TextOptions {
        threads: 1,
        spool: Some(desk::path("")),
        max_unpacked: Some(1 << 20),
        max_text: Some(1 << 16),
        invalid_utf8: InvalidUtf8::Skip,
        ..TextOptions::default()
    };
    ImportOptions { format: Some(Format::Archive), text, ..ImportOptions::default() }
}

fn imported(file: &[u8]) -> bool {
    desk::imported(&desk::file("a.tar", file), &options()).is_ok()
}

/// The same with a right checksum in each block that looks like a header: no mutation finds one.
fn repaired(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    for block in file.as_chunks_mut::<512>().0 {
        if &block[257..262] == b"ustar" {
            block[148..156].fill(b' ');
            let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
            block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        }
    }
    file
}

/// An archive of entries, some of which the importer must refuse.
fn assembled(u: &mut Unstructured) -> Result<bool> {
    const KINDS: [EntryType; 10] = [
        EntryType::Regular,
        EntryType::Directory,
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Char,
        EntryType::Fifo,
        EntryType::GNULongName,
        EntryType::XHeader,
        EntryType::XGlobalHeader,
        EntryType::GNUSparse,
    ];
    let mut archive = Builder::new(Vec::new());
    let (mut expected, mut is_sound) = ([0; 3], true);
    // Without a training review there is nothing to import.
    append(&mut archive, "aclImdb/train/pos/0_9.txt", EntryType::Regular, b"a good film", None);
    append(&mut archive, "aclImdb/train/neg/0_2.txt", EntryType::Regular, b"a bad film", None);
    for number in 1..=u.int_in_range(0..=8u32)? {
        let (folder, split) = choice(
            u,
            &[
                ("train/pos", Split::Train),
                ("train/neg", Split::Train),
                ("test/pos", Split::Test),
                ("test/neg", Split::Test),
                ("train/unsup", Split::Unlabelled),
            ],
        )?;
        let mut path = format!("aclImdb/{folder}/{number}_{}.txt", u.int_in_range(0..=10u8)?);
        let text = desk::text(u, 30)?;
        let (mut kind, mut size) = (EntryType::Regular, None);
        let is_usual = !seldom(u, 1)?;
        if !is_usual {
            match u.int_in_range(0..=4u8)? {
                0 => kind = choice(u, &KINDS)?,
                1 => {
                    path = choice(
                        u,
                        &[
                            "/etc/passwd",
                            "../x",
                            "train/pos/1_11.txt",
                            "C:\\x",
                            "urls_pos.txt",
                            "aclImdb/train/urls_pos.txt",
                        ],
                    )?
                    .to_owned()
                }
                2 => {
                    size = Some(choice(
                        u,
                        &[0, 1, 511, 512, 513, 1 << 16, (1 << 16) + 1, u64::MAX >> 1, u64::MAX],
                    )?)
                }
                3 => path = desk::text(u, 20)?,
                _ => {
                    let kind = choice(u, &[EntryType::XHeader, EntryType::XGlobalHeader])?;
                    let records = records(u, text.len())?;
                    append(&mut archive, "pax", kind, records.as_bytes(), None);
                }
            }
        }
        is_sound &= is_usual;
        expected[split as usize] += 1;
        append(&mut archive, &path, kind, text.as_bytes(), size);
    }
    let mut file = archive.into_inner().expect("memory takes it");
    if seldom(u, 1)? {
        file.truncate(u.int_in_range(0..=file.len())?);
        is_sound = false;
    }
    let dataset = desk::imported(&desk::file("a.tar", &file), &options());
    if !is_sound {
        let Ok(dataset) = dataset else { return Ok(false) };
        if let Some(reviews) = reviews(&file) {
            assert_eq!(walk(&dataset).len(), reviews, "another reader finds other reviews");
        }
        return Ok(true);
    }
    expected[Split::Train as usize] += 2;
    let rows = walk(&dataset.expect("a sound archive"));
    assert_eq!(Some(rows.len()), reviews(&file));
    for split in Split::ALL {
        assert_eq!(rows.iter().filter(|row| row.0 == split).count(), expected[split as usize]);
    }
    Ok(true)
}

/// Records of a header of pax, for an entry of `size` bytes.
fn records(u: &mut Unstructured, size: usize) -> Result<String> {
    let mut records = String::new();
    for _ in 0..u.int_in_range(0..=3u8)? {
        let sizes = [size, 0, 1, 512, 1024].map(|size| size.to_string());
        let (key, value) = match u.int_in_range(0..=3u8)? {
            0 => ("size", u.choose(&sizes)?.clone()),
            1 => ("path", choice(u, &["notes", "aclImdb/train/pos/99_9.txt", "/x"])?.to_owned()),
            2 => ("GNU.sparse.major", "1".to_owned()),
            // The crate ends a record at the first line's end in it.
            _ => ("comment", desk::text(u, 10)?.replace('\n', "")),
        };
        // The length counts its own digits.
        let rest = format!(" {key}={value}\n");
        let digits = if rest.len() + 1 < 10 { 1 } else { 2 };
        records += &format!("{}{rest}", rest.len() + digits);
    }
    Ok(records)
}

/// How many reviews the crate finds that are text, unless it finds fault with the archive.
fn reviews(file: &[u8]) -> Option<usize> {
    let mut reviews = 0;
    for entry in Archive::new(file).entries().ok()? {
        let mut entry = entry.ok()?;
        let kind = entry.header().entry_type();
        let path = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let mut text = Vec::new();
        entry.read_to_end(&mut text).ok()?;
        let [name, class, split] = path.rsplit('/').take(3).collect::<Vec<_>>()[..] else {
            continue;
        };
        let is_review =
            matches!((split, class), ("train" | "test", "pos" | "neg") | ("train", "unsup"))
                && !name.is_empty()
                && !name.starts_with('.');
        let is_file = matches!(kind, EntryType::Regular | EntryType::Continuous);
        reviews += usize::from(is_review && is_file && std::str::from_utf8(&text).is_ok());
    }
    Some(reviews)
}

fn append(
    archive: &mut Builder<Vec<u8>>,
    path: &str,
    kind: EntryType,
    content: &[u8],
    size: Option<u64>,
) {
    let mut header = Header::new_ustar();
    // Past the crate's own checks, which refuse what this is about.
    let name = &path.as_bytes()[..path.len().min(100)];
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_entry_type(kind);
    header.set_size(size.unwrap_or(content.len() as u64));
    header.set_cksum();
    archive.append(&header, content).expect("memory takes it");
}
