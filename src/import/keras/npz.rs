//! NumPy's archive of arrays: a zip file with one `.npy` file for each array.
//!
//! The array format is specified in NumPy's `numpy/lib/format.py`: the magic `\x93NUMPY`, two bytes of version, the
//! header's length (two bytes in version 1, four in versions 2 and 3), the header (a Python dict literal with `descr`,
//! `fortran_order` and `shape`), then the elements, or a pickle of the whole array where its elements are objects.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use super::entry::{AS_LISTS, Entry, REMEDY, above_limit};
use super::pickle;
use crate::error::{Error, Result, shortened};
use crate::import::ragged::Ragged;
use crate::import::unpack::GZIP;
use crate::input;

/// What helps where labels are sound, but of another type.
const AS_LABELS: &str = "save it as y.ravel().astype('int64')";

/// What helps where there are two labels, but others.
const AS_ZERO_AND_ONE: &str = "of labels -1 and 1 save (y > 0).astype('int64')";

/// The longest array header that is read; NumPy itself stops at 10,000 bytes.
const MAX_HEADER: usize = 64 << 10;

/// An open archive.
pub(super) struct Npz {
    archive: ZipArchive<BufReader<File>>,
    path: PathBuf,
    max_array_bytes: u64,
}

impl Npz {
    /// Opens the archive and reads its table of contents.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Malformed`] where it is no zip file or damaged; [`Error::WrongKind`] where it is packed by gzip
    /// or holds other things than arrays.
    pub fn open(path: &Path, max_array_bytes: u64) -> Result<Npz> {
        let wrong = |found: String, remedy: &str| {
            Err(Error::WrongKind {
                path: path.to_path_buf(),
                expected: "a file with reviews",
                found,
                remedy: remedy.into(),
            })
        };
        let mut file = BufReader::new(input::open(path)?);
        if file.fill_buf().map_err(Error::io(path, "read"))?.starts_with(GZIP) {
            return wrong("a gzip file".into(), "unpack it first: gunzip FILE");
        }
        let archive =
            ZipArchive::new(file).map_err(|error| zip_error(path, "the archive", error))?;
        let first = archive.file_names().flatten().find(|name| !name.ends_with('/'));
        if let Some(first) = first
            && !archive.file_names().flatten().any(|name| name.ends_with(".npy"))
        {
            let found = format!("a zip archive of {}", shortened(&first, 100));
            return wrong(found, "unpack it first: unzip FILE");
        }
        Ok(Npz { archive, path: path.to_path_buf(), max_array_bytes })
    }

    /// Reads an object array of lists of numbers.
    pub fn lists(&mut self, array: &str) -> Result<Ragged> {
        self.read(array, |entry| {
            let header = Header::read(entry, AS_LISTS)?;
            if header.descr != "|O" {
                return Err(header.unfit("|O, an object array of lists", entry, AS_LISTS));
            }
            let rows = pickle::read(entry)?;
            if rows.len() as u64 != header.rows {
                let problem = format!(
                    "the header promises {} rows, the pickle has {}",
                    header.rows,
                    rows.len()
                );
                return Err(entry.malformed(entry.offset(), problem));
            }
            Ok(rows)
        })
    }

    /// Reads an array of labels: integers, booleans or floats that are 0 or 1.
    pub fn labels(&mut self, array: &str) -> Result<Vec<u8>> {
        self.read(array, |entry| {
            let header = Header::read(entry, AS_LABELS)?;
            let Some(one) = one_as(&header.descr) else {
                let expected = "little-endian integers, booleans or floats";
                return Err(header.unfit(expected, entry, AS_LABELS));
            };
            let mut element = vec![0; one.len()];
            let mut labels = Vec::new();
            for row in 0..header.rows {
                entry.fill(&mut element)?;
                labels.push(match element.as_slice() {
                    label if label == one => 1,
                    label if label.iter().all(|&byte| byte == 0) => 0,
                    _ => {
                        let problem = "its label is neither 0 nor 1";
                        return Err(entry.unfit_row(row as usize, problem, AS_ZERO_AND_ONE));
                    }
                });
            }
            Ok(labels)
        })
    }

    /// Opens one array, lets `decode` read it, and checks that this was all of it.
    fn read<T>(
        &mut self,
        array: &str,
        decode: impl FnOnce(&mut Entry<'_>) -> Result<T>,
    ) -> Result<T> {
        let name = format!("{array}.npy");
        let Some(index) = self.archive.index_for_name(&name) else {
            let present: Vec<_> = self.archive.file_names().flatten().take(8).collect();
            let problem = format!("it is missing; the archive has {:.500}", present.join(", "));
            return Err(Error::malformed(&self.path, name, problem, REMEDY));
        };
        let file = self.archive.by_index(index);
        let file = file.map_err(|error| zip_error(&self.path, &name, error))?;
        if file.size() > self.max_array_bytes {
            return Err(above_limit(&name, self.max_array_bytes));
        }
        let mut entry = Entry::new(file, &self.path, &name, self.max_array_bytes);
        let value = decode(&mut entry)?;
        if !entry.at_end()? {
            return Err(entry.malformed(entry.offset(), "bytes follow the array's end"));
        }
        Ok(value)
    }
}

fn zip_error(path: &Path, place: &str, error: ZipError) -> Error {
    match error {
        ZipError::Io(source) if source.raw_os_error().is_some() => Error::io(path, "read")(source),
        error => Error::malformed(path, place, error.to_string(), REMEDY),
    }
}

/// How the number 1 looks in an array of this type; `None` for types that labels do not have. Zero is zeros in all.
fn one_as(descr: &str) -> Option<Vec<u8>> {
    Some(match descr {
        "|b1" | "|u1" | "|i1" => vec![1],
        "<u2" | "<i2" => 1u16.to_le_bytes().to_vec(),
        "<u4" | "<i4" => 1u32.to_le_bytes().to_vec(),
        "<u8" | "<i8" => 1u64.to_le_bytes().to_vec(),
        "<f4" => 1f32.to_le_bytes().to_vec(),
        "<f8" => 1f64.to_le_bytes().to_vec(),
        _ => return None,
    })
}

/// What a `.npy` header says about a one-dimensional array.
#[derive(Debug, PartialEq, Eq)]
struct Header {
    /// The element type, as NumPy spells it.
    descr: String,
    rows: u64,
}

impl Header {
    /// `remedy` is for arrays that are sound, but of another shape.
    fn read(entry: &mut Entry<'_>, remedy: &str) -> Result<Header> {
        let start: [u8; 8] = entry.take()?;
        if &start[..6] != b"\x93NUMPY" {
            return Err(entry.malformed(0, "it does not start as a NumPy array does"));
        }
        let length = match start[6] {
            1 => u16::from_le_bytes(entry.take()?) as usize,
            2 | 3 => u32::from_le_bytes(entry.take()?) as usize,
            version => {
                return Err(entry.malformed(6, format!("its format is {version}, not 1, 2 or 3")));
            }
        };
        if length > MAX_HEADER {
            return Err(entry.malformed(8, format!("its header claims {length} bytes")));
        }
        let offset = entry.offset();
        let mut text = vec![0; length];
        entry.fill(&mut text)?;
        let text = std::str::from_utf8(&text)
            .map_err(|_| entry.malformed(offset, "its header is not UTF-8"))?;
        Literal { text }.header().map_err(|rest| {
            let at = offset + (text.len() - rest.len()) as u64;
            entry.unfit(at, "its header is not that of an array with one dimension", remedy)
        })
    }

    fn unfit(&self, expected: &str, entry: &Entry<'_>, remedy: &str) -> Error {
        let problem = format!("its elements are {:?}, expected {expected}", self.descr);
        entry.unfit(0, problem, remedy)
    }
}

/// A parser of the dict literal, as strict as NumPy's writer is regular. The error is the text that it did not like.
struct Literal<'a> {
    text: &'a str,
}

impl<'a> Literal<'a> {
    fn header(&mut self) -> Result<Header, &'a str> {
        let (mut descr, mut order, mut shape) = (None, None, None);
        self.expect("{")?;
        while !self.accept("}") {
            let key = self.string()?;
            self.expect(":")?;
            match key {
                "descr" if descr.is_none() => descr = Some(self.string()?.to_owned()),
                "fortran_order" if order.is_none() => order = Some(self.boolean()?),
                "shape" if shape.is_none() => shape = Some(self.one_dimension()?),
                _ => return Err(self.text),
            }
            if !self.accept(",") {
                self.expect("}")?;
                break;
            }
        }
        match (descr, order, shape) {
            // In one dimension both orders are the same.
            (Some(descr), Some(_), Some(rows)) if self.text.trim().is_empty() => {
                Ok(Header { descr, rows })
            }
            _ => Err(self.text),
        }
    }

    fn accept(&mut self, token: &str) -> bool {
        let rest = self.text.trim_start().strip_prefix(token);
        self.text = rest.unwrap_or(self.text);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), &'a str> {
        if self.accept(token) { Ok(()) } else { Err(self.text) }
    }

    /// A string without escapes: type names and keys have none.
    fn string(&mut self) -> Result<&'a str, &'a str> {
        self.expect("'")?;
        let (string, rest) = self.text.split_once('\'').ok_or(self.text)?;
        self.text = rest;
        Ok(string)
    }

    fn boolean(&mut self) -> Result<bool, &'a str> {
        if self.accept("True") {
            return Ok(true);
        }
        self.expect("False").map(|()| false)
    }

    /// `(25000,)`; NumPy under Python 2 could write `(25000L,)`.
    fn one_dimension(&mut self) -> Result<u64, &'a str> {
        self.expect("(")?;
        let text = self.text;
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let rows = text[..digits].parse().map_err(|_| text)?;
        self.text = &text[digits..];
        self.accept("L");
        self.expect(",")?;
        self.expect(")")?;
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(bytes: &[u8]) -> Result<Header> {
        Header::read(&mut Entry::new(bytes, Path::new("a.npz"), "y.npy", 1 << 20), REMEDY)
    }

    fn version_1(text: &str) -> Vec<u8> {
        [b"\x93NUMPY\x01\x00".as_slice(), &(text.len() as u16).to_le_bytes(), text.as_bytes()]
            .concat()
    }

    #[test]
    fn reads_the_headers_of_all_versions() {
        let expected = Header { descr: "<i8".into(), rows: 25000 };
        let text = "{'descr': '<i8', 'fortran_order': False, 'shape': (25000,), }          \n";
        assert_eq!(header(&version_1(text)).unwrap(), expected);
        for version in [2, 3] {
            let mut bytes = vec![0x93, b'N', b'U', b'M', b'P', b'Y', version, 0];
            bytes.extend((text.len() as u32).to_le_bytes());
            bytes.extend(text.as_bytes());
            assert_eq!(header(&bytes).unwrap(), expected);
        }
        let python_2 = "{'descr': '<i8', 'fortran_order': True, 'shape': (25000L,)}";
        assert_eq!(header(&version_1(python_2)).unwrap(), expected);
    }

    #[test]
    fn refuses_other_headers_with_their_place() {
        for (text, place) in [
            ("{'descr': '<i8', 'fortran_order': False, 'shape': (3, 4), }", 63),
            ("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", 61),
            ("{'descr': [('a', '<i8')], 'fortran_order': False, 'shape': (3,), }", 19),
            ("{'descr': '<i8', 'descr': '<i8', 'shape': (3,), }", 35),
            ("{'descr': '<i8', 'fortran_order': False}", 50),
            ("{'descr': '<i8', 'fortran_order': False, 'shape': (3,)} + 1", 65),
            ("{'descr': '<i8', 'fortran_order': False, 'shape': (99999999999999999999,)}", 61),
            ("", 10),
        ] {
            let error = header(&version_1(text)).unwrap_err().to_string();
            assert!(error.contains(&format!("a.npz: y.npy, byte {place}:")), "{text}: {error}");
        }
        let error = header(b"\x93NUMPY\x02\x00\xff\xff\xff\x7f{").unwrap_err().to_string();
        assert!(error.contains("byte 8: its header claims 2147483647 bytes"), "{error}");
        let error = header(b"\x93NUMPY\x09\x00").unwrap_err().to_string();
        assert!(error.contains("byte 6: its format is 9"), "{error}");
    }
}
