//! The official archive: any tar is refused with its place or imported, and the reviews of a sound one come back.

use arbitrary::{Result, Unstructured};
use imdb_fast::dataset::Split;
use imdb_fast::import::{Format, ImportOptions, InvalidUtf8, TextOptions};
use tar::{Builder, EntryType, Header};

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
            match u.int_in_range(0..=3u8)? {
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
                _ => path = desk::text(u, 20)?,
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
    if !is_sound {
        return Ok(imported(&file));
    }
    expected[Split::Train as usize] += 2;
    let dataset = desk::imported(&desk::file("a.tar", &file), &options()).expect("a sound archive");
    let rows = walk(&dataset);
    for split in Split::ALL {
        assert_eq!(rows.iter().filter(|row| row.0 == split).count(), expected[split as usize]);
    }
    Ok(true)
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
