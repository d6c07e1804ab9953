//! The official files of the IMDB reviews.

use super::{Digest, Size};

/// A file as its makers publish it.
#[derive(Debug, Clone, Copy)]
pub struct OfficialFile {
    /// Its name, there and here.
    pub name: &'static str,
    /// The address of its folder.
    pub base: &'static str,
    /// Its hash, where the makers publish one.
    pub sha256: Option<Digest>,
    /// Its size, or the most that is taken for it.
    pub size: Size,
    /// The option of `imdb-fast fetch` that takes a copy of it.
    pub option: &'static str,
}

const KERAS: &str = "https://storage.googleapis.com/tensorflow/tf-keras-datasets";

/// Keras' reviews; the hash is that of `keras/src/datasets/imdb.py`.
pub const KERAS_REVIEWS: OfficialFile = OfficialFile {
    name: "imdb.npz",
    base: KERAS,
    sha256: Some(Digest::new([
        0x69, 0x66, 0x41, 0x13, 0xbe, 0x75, 0x68, 0x3a, 0x8f, 0xe1, 0x6e, 0x3e, 0xd0, 0xab, 0x59,
        0xfd, 0xa8, 0x88, 0x6c, 0xb3, 0xcd, 0x7a, 0xda, 0x24, 0x4f, 0x7d, 0x95, 0x44, 0xe4, 0x67,
        0x6b, 0x9f,
    ])),
    size: Size::Exactly(17_464_789),
    option: "--from",
};

/// Keras' words and their ranks, about 1.6 MB.
pub const KERAS_WORD_INDEX: OfficialFile = OfficialFile {
    name: "imdb_word_index.json",
    base: KERAS,
    sha256: None,
    size: Size::AtMost(16 << 20),
    option: "--word-index",
};

/// What is taken for a file whose size nobody has told.
pub const UNKNOWN_SIZE: Size = Size::AtMost(256 << 20);

/// The raw texts, about 84 MB.
pub const STANFORD: OfficialFile = OfficialFile {
    name: "aclImdb_v1.tar.gz",
    base: "https://ai.stanford.edu/~amaas/data/sentiment",
    sha256: None,
    size: UNKNOWN_SIZE,
    option: "--from",
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_written_down_rightly() {
        let expected = "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f";
        assert_eq!(KERAS_REVIEWS.sha256, Some(expected.parse().unwrap()));
    }
}
