//! Writing a container: the header, then the tensors, widest type first so that each is aligned.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use xxhash_rust::xxh3::Xxh3;

use super::{
    Element, HEADER_CHECKSUM, Kind, MAX_HEADER, checksum_key, checksum_text, header_checksum,
};
use crate::error::{Error, Result};
use crate::output::{self, OutputFile};

/// Strings for `__metadata__`, besides format, version and checksums.
pub(crate) type Strings = Vec<(&'static str, String)>;

/// JSON as its readers take it back: they go no deeper than 127 levels. `whose` it is, for an error.
///
/// # Errors
/// [`Error::Unfit`] where it is nested deeper.
pub(crate) fn json_text(whose: &'static str, json: &serde_json::Value) -> Result<String> {
    let text = json.to_string();
    match serde_json::from_str::<serde_json::Value>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Error::Unfit {
            option: whose,
            value: "deeply nested JSON".to_owned(),
            reason: format!("it could not be read again: {error}"),
            remedy: "give it fewer levels".to_owned(),
        }),
    }
}

/// A tensor that is in memory already, in one piece or several.
pub(crate) struct TensorBytes<'a> {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    pieces: Vec<Piece<'a>>,
}

enum Piece<'a> {
    Bytes(&'a [u8]),
    Source(&'a dyn Source),
}

/// Values that stand in memory in another order than in the file, and need not stand there twice.
pub(crate) trait Source {
    /// Gives all of their bytes in the file's order, some at a time.
    ///
    /// # Errors
    /// Those of the sink.
    fn each(&self, sink: Sink<'_>) -> std::io::Result<()>;
}

/// What takes the bytes of a tensor.
pub(crate) type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> std::io::Result<()>;

impl<'a> TensorBytes<'a> {
    pub(crate) fn new<T: Element>(
        name: impl Into<String>,
        shape: &[usize],
        values: &'a [T],
    ) -> TensorBytes<'a> {
        TensorBytes::of_pieces(name, shape, [values])
    }

    /// One piece after the other.
    pub(crate) fn of_pieces<T: Element>(
        name: impl Into<String>,
        shape: &[usize],
        pieces: impl IntoIterator<Item = &'a [T]>,
    ) -> TensorBytes<'a> {
        let pieces: Vec<&[u8]> = pieces.into_iter().map(bytemuck::cast_slice).collect();
        debug_assert_eq!(
            pieces.iter().map(|piece| piece.len()).sum::<usize>(),
            shape.iter().product::<usize>() * size_of::<T>()
        );
        let pieces = pieces.into_iter().map(Piece::Bytes).collect();
        TensorBytes { name: name.into(), dtype: T::DTYPE, shape: shape.to_vec(), pieces }
    }

    /// What one source gives after the other.
    pub(crate) fn of_sources<T: Element>(
        name: impl Into<String>,
        shape: &[usize],
        sources: impl IntoIterator<Item = &'a dyn Source>,
    ) -> TensorBytes<'a> {
        let pieces = sources.into_iter().map(Piece::Source).collect();
        TensorBytes { name: name.into(), dtype: T::DTYPE, shape: shape.to_vec(), pieces }
    }

    fn each(&self, sink: Sink<'_>) -> std::io::Result<()> {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Bytes(bytes) => sink(bytes),
            Piece::Source(source) => source.each(sink),
        })
    }

    fn hash(&self) -> u64 {
        let mut hash = Xxh3::new();
        let hashed = self.each(&mut |bytes| {
            hash.update(bytes);
            Ok(())
        });
        hashed.expect("to hash has no errors");
        hash.digest()
    }
}

/// Writes tensors that are in memory to a file at `path`, whole or not at all.
pub(crate) fn write_tensors(
    path: &Path,
    kind: Kind,
    version: &str,
    strings: Strings,
    mut tensors: Vec<TensorBytes<'_>>,
) -> Result<()> {
    tensors.sort_by(|a, b| widest_first((a.dtype, &a.name), (b.dtype, &b.name)));
    let hashes = tensors.iter().map(|t| (t.name.as_str(), t.hash()));
    write_all(path, own_metadata(kind, version, strings, hashes), &tensors, true)
}

/// As [`write_tensors`], for another program: only these strings, the tensors in this order. All have values of one width.
pub(crate) fn write_foreign(
    path: &Path,
    strings: Strings,
    tensors: &[TensorBytes<'_>],
) -> Result<()> {
    let strings = strings.into_iter().map(|(key, value)| (key.to_owned(), value));
    write_all(path, strings.collect(), tensors, false)
}

fn write_all(
    path: &Path,
    metadata: HashMap<String, String>,
    tensors: &[TensorBytes<'_>],
    is_ours: bool,
) -> Result<()> {
    let mut output = OutputFile::create(path)?;
    let described = tensors.iter().map(|t| (t.name.clone(), t.dtype, t.shape.clone()));
    header(&mut output, metadata, described, is_ours)
        .and_then(|_| {
            let mut write = |bytes: &[u8]| output.write_all(bytes);
            tensors.iter().try_for_each(|tensor| tensor.each(&mut write))
        })
        .map_err(Error::io(path, "write"))?;
    output.commit()
}

/// A tensor on its way: an unlinked temporary file, its length and its checksum so far.
pub(crate) struct Spool {
    name: String,
    dtype: Dtype,
    file: BufWriter<File>,
    elements: u64,
    hash: Box<Xxh3>,
}

impl Spool {
    /// A spool of `T`s in the folder of the output at `path`.
    pub(crate) fn create<T: Element>(path: &Path, name: String) -> Result<Spool> {
        Spool::empty(path, name, T::DTYPE)
    }

    /// A spool of a list that is in memory.
    pub(crate) fn of(path: &Path, tensor: TensorBytes<'_>) -> Result<Spool> {
        let mut spool = Spool::empty(path, tensor.name.clone(), tensor.dtype)?;
        let spooled = tensor.each(&mut |bytes| spool.append(bytes));
        spooled.map_err(Error::io(path, "spool a list for"))?;
        spool.elements = tensor.shape.iter().product::<usize>() as u64;
        Ok(spool)
    }

    fn empty(path: &Path, name: String, dtype: Dtype) -> Result<Spool> {
        let file = tempfile::tempfile_in(output::folder_of(path))
            .map_err(Error::io(path, "create a spool file for"))?;
        let file = BufWriter::with_capacity(1 << 16, file);
        Ok(Spool { name, dtype, file, elements: 0, hash: Box::default() })
    }

    /// How many values it holds so far.
    pub(crate) fn elements(&self) -> u64 {
        self.elements
    }

    /// Appends values of the spool's type.
    pub(crate) fn write<T: Element>(&mut self, values: &[T]) -> std::io::Result<()> {
        debug_assert_eq!(T::DTYPE, self.dtype);
        self.elements += values.len() as u64;
        self.append(bytemuck::cast_slice(values))
    }

    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.hash.update(bytes);
        self.file.write_all(bytes)
    }
}

/// Joins spools behind their header. Returns the bytes written.
pub(crate) fn join(
    output: &mut OutputFile,
    kind: Kind,
    version: &str,
    strings: Strings,
    mut spools: Vec<Spool>,
) -> std::io::Result<u64> {
    spools.sort_by(|a, b| widest_first((a.dtype, &a.name), (b.dtype, &b.name)));
    let hashes = spools.iter().map(|s| (s.name.as_str(), s.hash.digest()));
    let metadata = own_metadata(kind, version, strings, hashes);
    let described = spools.iter().map(|s| (s.name.clone(), s.dtype, vec![s.elements as usize]));
    let mut bytes = header(output, metadata, described, true)?;
    for spool in spools {
        let mut file = spool.file.into_inner().map_err(|e| e.into_error())?;
        file.rewind()?;
        bytes += output.append(&mut file)?;
    }
    Ok(bytes)
}

/// All lengths are multiples of their widths, so this order aligns every tensor to its type.
fn widest_first(a: (Dtype, &str), b: (Dtype, &str)) -> std::cmp::Ordering {
    b.0.bitsize().cmp(&a.0.bitsize()).then_with(|| a.1.cmp(b.1))
}

/// The metadata of our own files: what they are, and the checksum of each tensor.
fn own_metadata<'a>(
    kind: Kind,
    version: &str,
    strings: Strings,
    hashes: impl Iterator<Item = (&'a str, u64)>,
) -> HashMap<String, String> {
    let mut metadata = HashMap::from([
        ("format".to_owned(), kind.format().to_owned()),
        ("version".to_owned(), version.to_owned()),
    ]);
    metadata.extend(strings.into_iter().map(|(key, value)| (key.to_owned(), value)));
    metadata.extend(hashes.map(|(name, hash)| (checksum_key(name), checksum_text(hash))));
    metadata
}

/// Writes the header of tensors (name, type, shape) that follow in this order, with a checksum of its own where the file is
/// one of ours. Returns its bytes.
fn header(
    output: &mut impl Write,
    metadata: HashMap<String, String>,
    described: impl Iterator<Item = (String, Dtype, Vec<usize>)>,
    is_ours: bool,
) -> std::io::Result<u64> {
    let mut tensors = Vec::new();
    let mut end = 0;
    for (name, dtype, shape) in described {
        let start = end;
        end += shape.iter().product::<usize>() * dtype.bitsize() / 8;
        tensors.push((name, TensorInfo { dtype, shape, data_offsets: (start, end) }));
    }
    let header = Metadata::new(Some(metadata), tensors).map_err(std::io::Error::other)?;
    let mut header = serde_json::to_value(&header)?;
    if is_ours {
        header["__metadata__"][HEADER_CHECKSUM] = header_checksum(header.clone()).into();
    }
    // `Value` sorts nothing but `HashMap` shuffles: through a sorted map the same contents give the same bytes.
    header.sort_all_objects();
    let mut header = serde_json::to_vec(&header)?;
    // The container pads with spaces, so that the tensors start on a multiple of eight.
    header.resize(header.len().next_multiple_of(8), b' ');
    if is_ours && header.len() as u64 > MAX_HEADER {
        let problem = format!(
            "the header has {} bytes, and no more than {MAX_HEADER} can be read again: its strings are too long",
            header.len()
        );
        return Err(std::io::Error::other(problem));
    }
    output.write_all(&(header.len() as u64).to_le_bytes())?;
    output.write_all(&header)?;
    Ok(8 + header.len() as u64)
}
