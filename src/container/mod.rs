//! The container of datasets and models alike: one safetensors file.
//!
//! Reading checks the container itself (header, sizes, types) and hands out typed slices; what the tensors mean is
//! the business of [`dataset`](crate::dataset) and [`model`](crate::model).

#[cfg(unix)]
mod fault;
mod map;
pub(crate) mod vocabulary;
mod watch;
mod write;

use std::ops::Range;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use xxhash_rust::xxh3::xxh3_64;

#[cfg(unix)]
pub use fault::{exit_on_lost_pages, is_ignored};
pub use map::Access;
use map::Bytes;
pub(crate) use vocabulary::TEXT_RULES;
pub use watch::changed_map;
pub(crate) use write::{
    Sink, Source, Spool, TensorBytes, join, json_text, write_foreign, write_tensors,
};

use crate::error::{Error, Result, shortened};

#[cfg(target_endian = "big")]
compile_error!("the files are little endian and are used as they are mapped");

/// The longest header that a reader accepts, 1 MiB, before the container's own parser sees it.
const MAX_HEADER: u64 = 1 << 20;

/// As many bytes of a file as a header may take, with its length.
const MAX_HEAD: usize = 8 + MAX_HEADER as usize;

/// The key of a tensor's checksum in the metadata.
fn checksum_key(tensor: &str) -> String {
    format!("xxh3:{tensor}")
}

/// The key of the checksum of all else in the header: the metadata says how the tensors are to be read.
const HEADER_CHECKSUM: &str = "xxh3:header";
/// The name that no tensor has: its checksum would have the key of the header's.
const RESERVED: &str = "header";

/// The checksum of a header, whatever the order of its keys.
fn header_checksum(mut header: serde_json::Value) -> String {
    if let Some(metadata) = header.get_mut("__metadata__").and_then(|m| m.as_object_mut()) {
        metadata.remove(HEADER_CHECKSUM);
    }
    header.sort_all_objects();
    checksum_text(xxh3_64(header.to_string().as_bytes()))
}

/// A checksum as it stands in the metadata.
fn checksum_text(hash: u64) -> String {
    format!("{hash:016x}")
}

/// A type that tensors are made of.
pub(crate) trait Element: bytemuck::Pod {
    const DTYPE: Dtype;
}

impl Element for u8 {
    const DTYPE: Dtype = Dtype::U8;
}
impl Element for u16 {
    const DTYPE: Dtype = Dtype::U16;
}
impl Element for u32 {
    const DTYPE: Dtype = Dtype::U32;
}
impl Element for u64 {
    const DTYPE: Dtype = Dtype::U64;
}
impl Element for f32 {
    const DTYPE: Dtype = Dtype::F32;
}
impl Element for f64 {
    const DTYPE: Dtype = Dtype::F64;
}

/// Where a tensor of `T` lies in its container. Only [`Container::section`] makes one, after it has checked type,
/// bounds and alignment.
#[derive(Debug, Clone)]
pub(crate) struct Section<T> {
    bytes: Range<usize>,
    of: std::marker::PhantomData<T>,
}

/// What kind of file `__metadata__` says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A dataset of this program.
    Dataset,
    /// A model of this program.
    Model,
    /// A run of this program that is not finished.
    Checkpoint,
    /// Tensors of another program.
    Foreign,
}

impl Kind {
    /// `format` in the metadata.
    pub(crate) const fn format(self) -> &'static str {
        match self {
            Kind::Dataset => "imdb-fast dataset",
            Kind::Model => "imdb-fast model",
            Kind::Checkpoint => "imdb-fast checkpoint",
            Kind::Foreign => "",
        }
    }

    const fn with_article(self) -> &'static str {
        match self {
            Kind::Dataset => "a dataset of imdb-fast",
            Kind::Model => "a model of imdb-fast",
            Kind::Checkpoint => "a checkpoint of imdb-fast",
            Kind::Foreign => "a safetensors file of another program",
        }
    }
}

/// An open container whose header is sound: all tensors lie within the file, one behind the other.
#[derive(Debug)]
pub struct Container {
    path: PathBuf,
    bytes: Bytes,
    header: Metadata,
    /// Where the tensors start in the file.
    start: usize,
}

impl Container {
    /// Opens a file and checks its header against its bytes.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::WrongKind`] where the file is no safetensors file; [`Error::Malformed`] where its
    /// header and its length disagree.
    pub fn open(path: &Path, access: Access) -> Result<Container> {
        Container::open_if(path, access, |_| Ok(()))
    }

    /// Opens a file of a kind and a version. Of others no more than the header is read.
    pub(crate) fn open_as(
        path: &Path,
        access: Access,
        kind: Kind,
        version: &str,
    ) -> Result<Container> {
        Container::open_if(path, access, |header| expect(path, header, kind, version))
    }

    fn open_if(
        path: &Path,
        access: Access,
        check: impl FnOnce(&Metadata) -> Result<()>,
    ) -> Result<Container> {
        let (bytes, (start, header)) = Bytes::open(path, access, |head, length| {
            let (start, header) = header_at(path, head, length)?;
            check(&header)?;
            Ok((start, header))
        })?;
        Ok(Container { path: path.to_path_buf(), bytes, header, start })
    }

    /// Whether the bytes are still those that were opened. A file that is read stays what it was; one that is mapped changes
    /// under its reader where another program writes into it. Replacing it, as this program does, changes nothing.
    ///
    /// # Errors
    /// [`Error::Malformed`] where the file was written into or cut since.
    pub fn check_unchanged(&self) -> Result<()> {
        match self.bytes.is_changed() {
            false => Ok(()),
            true => Err(watch::changed(&self.path)),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The size of the file in bytes.
    pub fn len(&self) -> usize {
        self.bytes.as_slice().len()
    }

    /// Whether the file has no bytes; never so for an open one.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A string of `__metadata__`.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        string(&self.header, key)
    }

    /// What the metadata says the file is.
    pub fn kind(&self) -> Kind {
        kind(&self.header)
    }

    /// All tensors, in the order of the file: name, type, shape.
    pub fn tensors(&self) -> impl Iterator<Item = (String, String, Vec<usize>)> {
        self.header.offset_keys().into_iter().filter_map(|name| {
            let info = self.header.info(&name)?;
            let (dtype, shape) = (info.dtype.to_string(), info.shape.clone());
            Some((name, dtype, shape))
        })
    }

    /// The shape of a tensor, if the file has it.
    pub(crate) fn shape(&self, tensor: &str) -> Option<&[usize]> {
        self.header.info(tensor).map(|info| info.shape.as_slice())
    }

    /// Where a tensor lies in the file. `parse_header` has checked that all of them fill it to its end.
    fn span(&self, info: &TensorInfo) -> Range<usize> {
        self.start + info.data_offsets.0..self.start + info.data_offsets.1
    }

    /// Finds a tensor of `T`s; an error where it is missing, of another type, or not aligned to it.
    pub(crate) fn section<T: Element>(&self, tensor: &str) -> Result<Section<T>> {
        let remedy = "make the file again";
        let Some(info) = self.header.info(tensor) else {
            return Err(self.malformed("header", format!("no tensor `{tensor}`"), remedy));
        };
        if info.dtype != T::DTYPE {
            let problem = format!("the type is {}, expected {}", info.dtype, T::DTYPE);
            return Err(self.malformed(format!("tensor `{tensor}`"), problem, remedy));
        }
        let bytes = self.span(info);
        if bytemuck::try_cast_slice::<u8, T>(&self.bytes.as_slice()[bytes.clone()]).is_err() {
            let problem = format!("it starts at byte {}, unaligned to its type", bytes.start);
            return Err(self.malformed(format!("tensor `{tensor}`"), problem, remedy));
        }
        Ok(Section { bytes, of: std::marker::PhantomData })
    }

    /// As [`Container::section`], of a tensor with one dimension.
    pub(crate) fn list<T: Element>(&self, tensor: &str) -> Result<Section<T>> {
        let section = self.section(tensor)?;
        match self.shape(tensor) {
            Some([_]) => Ok(section),
            shape => {
                let problem =
                    format!("the shape is {:?}, expected one dimension", shape.unwrap_or(&[]));
                Err(self.malformed(format!("tensor `{tensor}`"), problem, "make the file again"))
            }
        }
    }

    /// The values of a section of this container.
    pub(crate) fn get<T: Element>(&self, section: &Section<T>) -> &[T] {
        bytemuck::cast_slice(&self.bytes.as_slice()[section.bytes.clone()])
    }

    /// Tells the system that some values of a section will be read soon.
    pub(crate) fn will_need<T: Element>(&self, section: &Section<T>, values: Range<usize>) {
        let start = section.bytes.start + values.start * size_of::<T>();
        self.bytes.will_need(start..start + values.len() * size_of::<T>());
    }

    /// Compares the header and every tensor with their checksums. Returns how many tensors there are.
    ///
    /// # Errors
    /// [`Error::Malformed`] that names the header, or the first tensor that differs; a missing checksum is a difference.
    pub fn verify(&self) -> Result<usize> {
        let header = serde_json::to_value(&self.header)
            .map_err(|error| self.malformed("header", error.to_string(), "make the file again"))?;
        self.compare("header", HEADER_CHECKSUM, &header_checksum(header))?;
        let names = self.header.offset_keys();
        for name in &names {
            let Some(info) = self.header.info(name) else { continue };
            let found = checksum_text(xxh3_64(&self.bytes.as_slice()[self.span(info)]));
            let place = format!("tensor `{}`", name.escape_debug());
            self.compare(&place, &checksum_key(name), &found)?;
        }
        Ok(names.len())
    }

    fn compare(&self, place: &str, key: &str, found: &str) -> Result<()> {
        let problem = match self.metadata(key) {
            Some(expected) if expected == found => return Ok(()),
            Some(expected) => {
                format!("its checksum is {found}, the header says {:.40}", expected.escape_debug())
            }
            None => format!("the header does not tell its checksum (`{}`)", key.escape_debug()),
        };
        let remedy = "the file was altered or damaged: make it again, or fetch it again";
        Err(self.malformed(place, problem, remedy))
    }

    /// One number for some strings of the metadata and the contents of all tensors that are `relevant`, by their checksums: equal
    /// contents give equal numbers, wherever the file lies and whatever else it holds.
    pub(crate) fn fingerprint(&self, strings: &[&str], relevant: impl Fn(&str) -> bool) -> String {
        let mut names: Vec<String> = self.header.offset_keys();
        names.retain(|name| relevant(name));
        names.sort();
        let mut text = String::new();
        for key in strings {
            text.push_str(&format!("{key:?} {:?}\n", self.metadata(key)));
        }
        for name in names {
            let Some(info) = self.header.info(&name) else { continue };
            let checksum = match self.metadata(&checksum_key(&name)) {
                Some(checksum) => checksum.to_owned(),
                None => checksum_text(xxh3_64(&self.bytes.as_slice()[self.span(info)])),
            };
            text.push_str(&format!("{name:?} {} {:?} {checksum:?}\n", info.dtype, info.shape));
        }
        checksum_text(xxh3_64(text.as_bytes()))
    }

    /// An [`Error::Malformed`] of this file.
    pub(crate) fn malformed(
        &self,
        place: impl Into<String>,
        problem: impl Into<String>,
        remedy: &str,
    ) -> Error {
        Error::malformed(&self.path, place, problem, remedy)
    }
}

/// What a file's header says it is. No more of the file is read than the header may take.
///
/// # Errors
/// Those of [`Container::open`].
pub fn kind_of(path: &Path) -> Result<Kind> {
    let header = map::look_at(path, |head, length| header_at(path, head, length))?.1;
    Ok(kind(&header))
}

/// A string of `__metadata__`.
fn string<'a>(header: &'a Metadata, key: &str) -> Option<&'a str> {
    header.metadata().as_ref()?.get(key).map(String::as_str)
}

/// What the metadata says a file is.
fn kind(header: &Metadata) -> Kind {
    match string(header, "format") {
        Some(format) if format == Kind::Dataset.format() => Kind::Dataset,
        Some(format) if format == Kind::Model.format() => Kind::Model,
        Some(format) if format == Kind::Checkpoint.format() => Kind::Checkpoint,
        _ => Kind::Foreign,
    }
}

/// Refuses a file of another kind, or of a version that this program does not know.
fn expect(path: &Path, header: &Metadata, expected: Kind, version: &str) -> Result<()> {
    let found = kind(header);
    if found != expected {
        let remedy = match expected {
            Kind::Dataset => "name a file that `imdb-fast import` or `synth` made",
            Kind::Checkpoint => "name the folder of a run that was stopped",
            _ => "name a `model.safetensors` that `imdb-fast train` made",
        };
        return Err(Error::WrongKind {
            path: path.to_path_buf(),
            expected: expected.with_article(),
            found: found.with_article().to_owned(),
            remedy: remedy.to_owned(),
        });
    }
    let malformed =
        |problem: String, remedy: &str| Err(Error::malformed(path, "metadata", problem, remedy));
    match string(header, "version") {
        Some(found) if found == version => {}
        found => {
            let found = shortened(found.unwrap_or(""), 60);
            let problem = format!("format version {found:?}, this program knows {version:?}");
            let remedy = "use a version of imdb-fast that knows it, or make the file again";
            return malformed(problem, remedy);
        }
    }
    if header.info(RESERVED).is_some() {
        let problem =
            format!("a tensor is called `{RESERVED}`, which leaves `{HEADER_CHECKSUM}` to two");
        return malformed(problem, "give the tensor another name");
    }
    Ok(())
}

/// Where the tensors of a file start, and its header, by its first bytes and its length.
fn header_at(path: &Path, head: &[u8], length: usize) -> Result<(usize, Metadata)> {
    refuse_other_formats(path, head)?;
    parse_header(path, head, length)
}

/// Says what a file is that is plainly something else, by its first bytes.
fn refuse_other_formats(path: &Path, bytes: &[u8]) -> Result<()> {
    const IMPORT: &str = "`imdb-fast import` makes a dataset of it, if it is in a known format";
    let (found, remedy) = match bytes {
        [] => ("an empty file", "make it again"),
        [b'P', b'K', 3, 4, ..] => ("a zip or npz archive", IMPORT),
        [0x1f, 0x8b, ..] => ("a gzip file", IMPORT),
        [b'P', b'A', b'R', b'1', ..] => ("a parquet file", IMPORT),
        // A header's length is below MAX_HEADER, so its upper bytes are zero: eight printable bytes are text.
        [a, b, c, d, e, f, g, h, ..] if is_text(&[*a, *b, *c, *d, *e, *f, *g, *h]) => {
            ("a text file", IMPORT)
        }
        _ => return Ok(()),
    };
    Err(Error::WrongKind {
        path: path.to_path_buf(),
        expected: "a safetensors file",
        found: found.to_owned(),
        remedy: remedy.to_owned(),
    })
}

/// Whether some bytes are the beginning of UTF-8 without control characters; the last character may be cut.
fn is_text(bytes: &[u8]) -> bool {
    let is_printable = bytes.iter().all(|&byte| byte >= 9 && byte != 127);
    is_printable && std::str::from_utf8(bytes).map_or_else(|e| e.error_len().is_none(), |_| true)
}

/// Reads a header, or says what is wrong with it. The crate checks that the tensors follow each other and are as long as their
/// shapes say; its own reader names one of several that are wrong by chance.
fn header_of(json: &[u8]) -> Result<Metadata, String> {
    let mut entries: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let strings = entries.remove("__metadata__").map(serde_json::from_value).transpose();
    let strings = strings.map_err(|error| format!("`__metadata__`: {error}"))?;
    let mut tensors = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        match serde_json::from_value::<TensorInfo>(value) {
            Ok(info) => tensors.push((name, info)),
            Err(error) => return Err(format!("tensor `{}`: {error}", name.escape_debug())),
        }
    }
    tensors.sort_by(|(a, one), (b, other)| {
        one.data_offsets.cmp(&other.data_offsets).then_with(|| a.cmp(b))
    });
    Metadata::new(strings, tensors).map_err(|error| error.to_string())
}

/// Checks the container's own rules by the first bytes of a file and its length. Returns where the tensors start, and the
/// header.
fn parse_header(path: &Path, head: &[u8], file_length: usize) -> Result<(usize, Metadata)> {
    let remedy = "the file is cut short, altered, or no safetensors file: make it again";
    let Some((length, rest)) = head.split_first_chunk::<8>() else {
        let problem = format!("the file ends after {} bytes", head.len());
        return Err(Error::malformed(path, "byte 0", problem, remedy));
    };
    let length = u64::from_le_bytes(*length);
    let follow = file_length.saturating_sub(8);
    // The head has no more bytes than are allowed.
    let Some(json) = usize::try_from(length).ok().and_then(|length| rest.get(..length)) else {
        let problem = format!(
            "the header says it is {length} bytes long; {follow} follow and {MAX_HEADER} are allowed"
        );
        return Err(Error::malformed(path, "byte 0", problem, remedy));
    };
    let length = json.len();
    let header =
        header_of(json).map_err(|problem| Error::malformed(path, "header", problem, remedy))?;
    // The sum may be anything that a header can claim.
    let end = header.data_len().checked_add(8 + length);
    if end != Some(file_length) {
        let problem = format!(
            "its tensors have {} bytes, behind it are {}",
            header.data_len(),
            file_length - 8 - length
        );
        return Err(Error::malformed(path, "header", problem, remedy));
    }
    Ok((8 + length, header))
}
