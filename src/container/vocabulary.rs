//! The vocabulary as two tensors, in datasets and models alike.

use super::{Container, TensorBytes};
use crate::error::Result;
use crate::text::Vocabulary;

/// Where each word starts and ends in [`TEXT`].
pub(crate) const OFFSETS: &str = "vocabulary.offsets";
/// All words, one after the other, UTF-8.
pub(crate) const TEXT: &str = "vocabulary.text";

impl Container {
    /// The vocabulary of the file, if it has one.
    pub(crate) fn vocabulary(&self) -> Result<Option<Vocabulary>> {
        if self.shape(OFFSETS).is_none() && self.shape(TEXT).is_none() {
            return Ok(None);
        }
        let remedy = "the file is damaged: make it again";
        let offsets = self.get(&self.list::<u64>(OFFSETS)?).to_vec();
        let text = self.get(&self.list::<u8>(TEXT)?).to_vec();
        let text = String::from_utf8(text).map_err(|error| {
            self.malformed(format!("tensor `{TEXT}`"), error.to_string(), remedy)
        })?;
        Vocabulary::from_parts(text, offsets)
            .map(Some)
            .map_err(|problem| self.malformed(format!("tensor `{OFFSETS}`"), problem, remedy))
    }
}

/// The two tensors of a vocabulary.
pub(crate) fn tensors(vocabulary: &Vocabulary) -> [TensorBytes<'_>; 2] {
    let (offsets, text) = (vocabulary.offsets(), vocabulary.text().as_bytes());
    [
        TensorBytes::new(OFFSETS, &[offsets.len()], offsets),
        TensorBytes::new(TEXT, &[text.len()], text),
    ]
}
