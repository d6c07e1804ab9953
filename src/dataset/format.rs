//! The dataset file, version 1.
//!
//! A dataset is one [safetensors](https://github.com/huggingface/safetensors) file: eight bytes with the header's
//! length (little endian), the header (JSON: name, type, shape and place of each tensor), then the tensors, one after
//! the other, little endian. For each split `S` of `train`, `test`, `unlabelled` that the file has:
//!
//! | tensor | type | shape | meaning |
//! | --- | --- | --- | --- |
//! | `S.indptr` | U64 | \[rows + 1\] | MUST. Row `r` holds `S.indices[indptr[r]..indptr[r + 1]]`; starts at 0, never falls, ends at nnz |
//! | `S.indices` | U16 below 65,536 features, else U32 | \[nnz\] | MUST. Word ids below the feature count, strictly ascending within a row |
//! | `S.labels` | U8 | \[rows\] | MUST for `train` and `test`, absent for `unlabelled`. 0 or 1 |
//! | `S.sequence_ptr` | U64 | \[rows + 1\] | MAY, together with `S.sequences`. As `S.indptr` |
//! | `S.sequences` | as `S.indices` | \[words\] | MAY. The word ids in reading order, uncut and repeated |
//! | `S.ratings` | U8 | \[rows\] | MAY. The stars that the author of the review gave |
//! | `S.groups` | U32 | \[rows\] | MAY. What the review is about, for IMDB the number of the movie's title: reviews of one movie have more in common than their label. [`UNKNOWN_GROUP`] where nobody knows |
//! | `vocabulary.offsets` | U64 | \[words + 1\] | MAY, together with `vocabulary.text`. Where each id's word starts; empty where it has none |
//! | `vocabulary.text` | U8 | \[bytes\] | MAY. UTF-8; an n-gram is its words with spaces between |
//! | `vocabulary.cut` | U8 | \[bytes\] | MAY, together with `vocabulary.text`. UTF-8: words that were cut and have no id, by falling frequency, with spaces between |
//!
//! At least one of `train` and `test` MUST be there. Tensors of other names are kept and ignored. Wider types come
//! first, so that each tensor is aligned to its type wherever the file is mapped.
//!
//! `__metadata__` (strings) holds `format` = `imdb-fast dataset`, `version` = [`VERSION`], `features`, `options` (JSON: how the
//! file was imported), `text` (JSON, MAY: the [`Rules`](crate::text::Rules) by which text becomes ids) and the checksums. A reader MUST
//! refuse another format name or a version that it does not know.
//!
//! For each tensor `T` its checksum is `xxh3:T`, XXH3-64 of its bytes in 16 hexadecimal digits (lower case). `xxh3:header` is that of
//! the header, so no tensor may be called `header`: of its JSON without the key `xxh3:header`, the keys of each object sorted, and
//! nothing between the tokens, which Python writes by
//! `json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False)`.
//!
//! [`Dataset::open`](super::Dataset::open) checks all of this but the checksums, which
//! [`Container::verify`](crate::container::Container::verify) compares.
//!
//! Python opens it with `safetensors.numpy.load_file`; `scipy.sparse.csr_matrix((numpy.ones(len(indices)), indices,
//! indptr), (rows, features))` is then the split as a matrix.

/// `version` in the metadata.
pub const VERSION: &str = "1";

/// The most features a dataset may have: 2^26.
pub const MAX_FEATURES: usize = crate::text::MAX_FEATURES;

/// The group of reviews of which nobody knows what they are about.
pub const UNKNOWN_GROUP: u32 = u32::MAX;

/// From this many features on, indices are U32: sprs wants the feature count itself to fit the index type.
pub const WIDE_FROM: usize = 1 << 16;
