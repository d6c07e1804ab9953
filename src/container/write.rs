//! Writing a container: the header, then the tensors, widest type first so that each is aligned.

use std::collections::HashMap;
use std::io::{BufWriter, Seek, Write};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use tempfile::{SpooledData, SpooledTempFile};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::{Element, Kind, checksum_key, checksum_text};
use crate::error::{Error, Result};
use crate::output::{self, OutputFile};

/// Strings for `__metadata__`, besides format, version and checksums.
pub(crate) type Strings = Vec<(&'static str, String)>;

/// A tensor that is in memory already.
pub(crate) struct TensorBytes<'a> {
    name: String,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: &'a [u8],
}

impl<'a> TensorBytes<'a> {
    pub(crate) fn new<T: Element>(
        name: impl Into<String>,
        shape: &[usize],
        values: &'a [T],
    ) -> TensorBytes<'a> {
        let bytes = bytemuck::cast_slice(values);
        TensorBytes { name: name.into(), dtype: T::DTYPE, shape: shape.to_vec(), bytes }
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
    let mut output = OutputFile::create(path)?;
    tensors.sort_by(|a, b| widest_first((a.dtype, &a.name), (b.dtype, &b.name)));
    let described =
        tensors.iter().map(|t| (t.name.clone(), t.dtype, t.shape.clone(), xxh3_64(t.bytes)));
    header(&mut output, kind, version, strings, described)
        .and_then(|_| tensors.iter().try_for_each(|tensor| output.write_all(tensor.bytes)))
        .map_err(Error::io(path, "write"))?;
    output.commit()
}

/// What a spool keeps in memory, in bytes, before it becomes a file. The largest of IMDB has 23 MiB.
const IN_MEMORY: usize = 32 << 20;

/// A tensor on its way, its length and its checksum so far: in memory while it is small, then in an unlinked temporary
/// file.
pub(crate) struct Spool {
    name: String,
    dtype: Dtype,
    file: BufWriter<SpooledTempFile>,
    elements: u64,
    hash: Box<Xxh3>,
}

impl Spool {
    /// A spool of `T`s in the folder of the output at `path`.
    pub(crate) fn create<T: Element>(path: &Path, name: String) -> Spool {
        let file = tempfile::spooled_tempfile_in(IN_MEMORY, output::folder_of(path));
        let file = BufWriter::with_capacity(1 << 16, file);
        Spool { name, dtype: T::DTYPE, file, elements: 0, hash: Box::default() }
    }

    /// How many values it holds so far.
    pub(crate) fn elements(&self) -> u64 {
        self.elements
    }

    /// Appends values of the spool's type.
    pub(crate) fn write<T: Element>(&mut self, values: &[T]) -> std::io::Result<()> {
        debug_assert_eq!(T::DTYPE, self.dtype);
        let bytes = bytemuck::cast_slice(values);
        self.elements += values.len() as u64;
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
    let described = spools
        .iter()
        .map(|s| (s.name.clone(), s.dtype, vec![s.elements as usize], s.hash.digest()));
    let mut bytes = header(output, kind, version, strings, described)?;
    for spool in spools {
        let file = spool.file.into_inner().map_err(|e| e.into_error())?;
        bytes += match file.into_inner() {
            SpooledData::InMemory(memory) => {
                let values = memory.into_inner();
                output.write_all(&values)?;
                values.len() as u64
            }
            SpooledData::OnDisk(mut file) => {
                file.rewind()?;
                output.append(&mut file)?
            }
        };
    }
    Ok(bytes)
}

/// All lengths are multiples of their widths, so this order aligns every tensor to its type.
fn widest_first(a: (Dtype, &str), b: (Dtype, &str)) -> std::cmp::Ordering {
    b.0.bitsize().cmp(&a.0.bitsize()).then_with(|| a.1.cmp(b.1))
}

/// Writes the header of tensors (name, type, shape, checksum) that follow in this order. Returns its bytes.
fn header(
    output: &mut impl Write,
    kind: Kind,
    version: &str,
    strings: Strings,
    described: impl Iterator<Item = (String, Dtype, Vec<usize>, u64)>,
) -> std::io::Result<u64> {
    let mut metadata = HashMap::from([
        ("format".to_owned(), kind.format().to_owned()),
        ("version".to_owned(), version.to_owned()),
    ]);
    metadata.extend(strings.into_iter().map(|(key, value)| (key.to_owned(), value)));
    let mut tensors = Vec::new();
    let mut end = 0;
    for (name, dtype, shape, hash) in described {
        metadata.insert(checksum_key(&name), checksum_text(hash));
        let start = end;
        end += shape.iter().product::<usize>() * dtype.bitsize() / 8;
        tensors.push((name, TensorInfo { dtype, shape, data_offsets: (start, end) }));
    }
    let header = Metadata::new(Some(metadata), tensors).map_err(std::io::Error::other)?;
    // `Value` sorts nothing but `HashMap` shuffles: through a sorted map the same contents give the same bytes.
    let mut header = serde_json::to_value(&header)?;
    header.sort_all_objects();
    let mut header = serde_json::to_vec(&header)?;
    // The container pads with spaces, so that the tensors start on a multiple of eight.
    header.resize(header.len().next_multiple_of(8), b' ');
    output.write_all(&(header.len() as u64).to_le_bytes())?;
    output.write_all(&header)?;
    Ok(8 + header.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::{Access, Container};

    #[test]
    fn small_and_large_spools_are_joined_alike() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("joined");
        let mut output = OutputFile::create(&path).unwrap();
        let mut small = Spool::create::<u64>(&path, "small".into());
        let mut large = Spool::create::<u16>(&path, "large".into());
        small.write(&[7u64, 9]).unwrap();
        let values: Vec<u16> = (0..IN_MEMORY / 2 + 5).map(|value| value as u16).collect();
        for part in values.chunks(1_000_003) {
            large.write(part).unwrap();
        }
        let spools = vec![large, small];
        let bytes = join(&mut output, Kind::Dataset, "1", Vec::new(), spools).unwrap();
        output.commit().unwrap();
        assert_eq!(bytes, std::fs::metadata(&path).unwrap().len());
        let file = Container::open(&path, Access::Read).unwrap();
        file.verify().unwrap();
        assert_eq!(file.get(&file.list::<u64>("small").unwrap()), [7, 9]);
        assert!(file.get(&file.list::<u16>("large").unwrap()) == values);
    }
}
