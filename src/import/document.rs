//! Reviews as readers yield them: texts with what is known of them, in batches. Nothing here knows of words.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::dataset::Split;
use crate::error::Result;

/// A batch is full at so many bytes of text, or at so many reviews.
const BATCH_BYTES: usize = 256 << 10;
const BATCH_REVIEWS: usize = 256;

/// What a reader knows of a review besides its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    /// Where it belongs.
    pub split: Split,
    /// Its class, in the reader's own numbers; none for unlabelled reviews.
    pub class: Option<u8>,
    /// Its stars, or 0.
    pub rating: u8,
    /// Its id in the archive, its line, or its row.
    pub number: u32,
}

/// Some reviews, with their texts one after the other.
pub(super) struct Batch {
    /// Where they come from.
    pub origin: Arc<dyn Origin>,
    /// Each review, and where its text ends in `text`.
    pub reviews: Vec<(Header, usize)>,
    /// All texts. Empty before [`Batch::load`] where each text is a file of its own.
    pub text: Vec<u8>,
}

/// The kind of place where a review was found, for error texts and for texts that are still to be read.
pub(super) trait Origin: fmt::Debug + Send + Sync {
    /// The file or folder itself.
    fn path(&self) -> &Path;

    /// The file, and the place in it, of a review.
    fn place(&self, header: &Header) -> (PathBuf, String);

    /// Appends the text of each review, one after the other, and sets where it ends, where each is a file of its own.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), and [`Error::Malformed`](crate::Error::Malformed) for texts that are too long.
    fn load(&self, reviews: &mut [(Header, usize)], text: &mut Vec<u8>) -> Result<()> {
        let _ = (reviews, text);
        Ok(())
    }
}

/// The lines or rows of a file, by their numbers.
#[derive(Debug)]
pub(super) struct Numbered {
    pub path: PathBuf,
    /// What has the number.
    pub unit: &'static str,
}

impl Origin for Numbered {
    fn path(&self) -> &Path {
        &self.path
    }

    fn place(&self, header: &Header) -> (PathBuf, String) {
        (self.path.clone(), format!("{} {}", self.unit, header.number))
    }
}

impl Batch {
    fn new(origin: Arc<dyn Origin>) -> Batch {
        Batch { origin, reviews: Vec::new(), text: Vec::new() }
    }

    /// Reads the texts, where each is a file of its own.
    ///
    /// # Errors
    /// Those of [`Origin::load`].
    pub fn load(&mut self) -> Result<()> {
        self.origin.load(&mut self.reviews, &mut self.text)
    }

    /// Each review with its text.
    pub fn iter(&self) -> impl Iterator<Item = (&Header, &[u8])> {
        let mut start = 0;
        self.reviews.iter().map(move |(header, end)| {
            let text = &self.text[start..*end];
            start = *end;
            (header, text)
        })
    }
}

/// Takes full batches.
pub(super) type Emit<'a> = &'a mut dyn FnMut(Batch) -> Result<()>;

/// Puts reviews together to batches.
pub(super) struct Batcher<'a> {
    batch: Batch,
    emit: Emit<'a>,
}

impl<'a> Batcher<'a> {
    /// Batches of reviews from one origin, for `emit`.
    pub fn new(origin: impl Origin + 'static, emit: Emit<'a>) -> Batcher<'a> {
        Batcher { batch: Batch::new(Arc::new(origin)), emit }
    }

    /// Where the text of the next review is to be appended.
    pub fn text(&mut self) -> &mut Vec<u8> {
        if self.batch.text.capacity() == 0 {
            // Room for the review that makes it full, if it is one of the usual length.
            self.batch.text.reserve(BATCH_BYTES + (16 << 10));
        }
        &mut self.batch.text
    }

    /// Ends a review: what was appended to the text since the last call is its own.
    ///
    /// # Errors
    /// Those of the taker.
    pub fn end(&mut self, header: Header) -> Result<()> {
        self.batch.reviews.push((header, self.batch.text.len()));
        if self.batch.text.len() >= BATCH_BYTES || self.batch.reviews.len() >= BATCH_REVIEWS {
            let next = Batch::new(self.batch.origin.clone());
            (self.emit)(std::mem::replace(&mut self.batch, next))?;
        }
        Ok(())
    }

    /// Emits what is left.
    ///
    /// # Errors
    /// Those of the taker.
    pub fn finish(self) -> Result<()> {
        if self.batch.reviews.is_empty() { Ok(()) } else { (self.emit)(self.batch) }
    }
}

/// A file, an archive or a folder with reviews.
pub(super) trait Reader: Send {
    /// Emits all reviews in the order of the source. Called once.
    ///
    /// # Errors
    /// [`Error::Malformed`](crate::Error::Malformed) with the place in the source, [`Error::Io`](crate::Error::Io), and
    /// those of `emit`.
    fn read(&mut self, emit: Emit<'_>) -> Result<()>;

    /// What is known once all is read.
    ///
    /// # Errors
    /// [`Error::Unfit`](crate::Error::Unfit) where the labels mean nothing yet.
    fn findings(&mut self) -> Result<Findings>;
}

/// What a reader knows at the end.
pub(super) struct Findings {
    /// Which class is the positive one.
    pub positive: u8,
    /// What each review is about, where the source tells.
    pub groups: Option<Box<dyn Groups>>,
    /// Whether [`Header::number`] is an id, unique within split and class, by which reviews are sorted.
    pub has_ids: bool,
    /// For the user to check.
    pub notes: Vec<String>,
}

/// What reviews are about.
pub(super) trait Groups: Send + Sync {
    /// The number of it, [`UNKNOWN_GROUP`](crate::dataset::format::UNKNOWN_GROUP) where nobody knows.
    fn of(&self, header: &Header) -> u32;
}
