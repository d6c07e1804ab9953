//! The vocabulary as two tensors, in datasets and models alike.

use super::{Container, TensorBytes};
use crate::error::Result;
use crate::text::{Rules, Vocabulary};

/// Where each word starts and ends in [`TEXT`].
const OFFSETS: &str = "vocabulary.offsets";
/// All words, one after the other, UTF-8.
const TEXT: &str = "vocabulary.text";

/// The words that were cut, with spaces between, UTF-8.
const CUT: &str = "vocabulary.cut";
/// The key of the text rules in the metadata.
pub(crate) const TEXT_RULES: &str = "text";

const REMEDY: &str = "the file is damaged: make it again";

impl Container {
    /// The vocabulary of the file, if it has one.
    pub(crate) fn vocabulary(&self) -> Result<Option<Vocabulary>> {
        if self.shape(OFFSETS).is_none() && self.shape(TEXT).is_none() {
            return Ok(None);
        }
        let offsets = self.get(&self.list::<u64>(OFFSETS)?).to_vec();
        let vocabulary = Vocabulary::from_parts(self.text(TEXT)?, offsets).map_err(|error| {
            self.malformed(format!("tensor `{OFFSETS}`"), error.reason(), REMEDY)
        })?;
        if self.shape(CUT).is_none() {
            return Ok(Some(vocabulary));
        }
        Ok(Some(vocabulary.with_cut(self.text(CUT)?.split(' '))))
    }

    /// The rules by which text becomes ids, if the file has them.
    pub(crate) fn text_rules(&self) -> Result<Option<Rules>> {
        let Some(json) = self.metadata(TEXT_RULES) else { return Ok(None) };
        Rules::from_json(json).map(Some).map_err(|error| {
            self.malformed(format!("metadata `{TEXT_RULES}`"), error.reason(), REMEDY)
        })
    }

    fn text(&self, tensor: &str) -> Result<String> {
        let bytes = self.get(&self.list::<u8>(tensor)?).to_vec();
        String::from_utf8(bytes).map_err(|error| {
            self.malformed(format!("tensor `{tensor}`"), error.to_string(), REMEDY)
        })
    }
}

/// The tensors of a vocabulary.
pub(crate) fn tensors(vocabulary: &Vocabulary) -> impl Iterator<Item = TensorBytes<'_>> {
    let (offsets, text) = (vocabulary.offsets(), vocabulary.text().as_bytes());
    let cut = vocabulary.cut().as_bytes();
    let cut = (!cut.is_empty()).then(|| TensorBytes::new(CUT, &[cut.len()], cut));
    let offsets = TensorBytes::new(OFFSETS, &[offsets.len()], offsets);
    [offsets, TensorBytes::new(TEXT, &[text.len()], text)].into_iter().chain(cut)
}
