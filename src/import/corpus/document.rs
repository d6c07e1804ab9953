//! Reviews as readers yield them: texts with what is known of them, in batches. Nothing here knows of words.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::labels::Labels;
use crate::dataset::Split;
use crate::error::Result;
use crate::import::archive::{Movies, folder};

/// A batch is full at so many bytes of text, or at so many reviews.
const BATCH_BYTES: usize = 256 << 10;
const BATCH_REVIEWS: usize = 256;

/// What a reader knows of a review besides its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::import) struct Header {
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
pub(in crate::import) struct Batch {
    /// Where they come from.
    pub origin: Arc<Origin>,
    /// Each review, and where its text ends in `text`.
    pub reviews: Vec<(Header, usize)>,
    /// All texts. Empty before [`Batch::load`] where each text is a file of its own.
    pub text: Vec<u8>,
}

/// The kind of place where a review was found, for error texts and for texts that are still to be read.
#[derive(Debug)]
pub(in crate::import) enum Origin {
    /// An entry of this tar archive.
    Archive(PathBuf),
    /// A file in this folder, of at most so many bytes.
    Folder(PathBuf, usize),
    /// A line of this file.
    Lines(PathBuf),
    /// A row of this file, counted from 1.
    Rows(PathBuf),
}

impl Origin {
    /// The file, and the place in it, of a review.
    pub fn place(&self, header: &Header) -> (PathBuf, String) {
        match self {
            Origin::Archive(path) => (path.clone(), format!("entry {}", folder::relative(header))),
            Origin::Folder(path, _) => (path.join(folder::relative(header)), "the file".into()),
            Origin::Lines(path) => (path.clone(), format!("line {}", header.number)),
            Origin::Rows(path) => (path.clone(), format!("row {}", header.number)),
        }
    }

    /// The file or folder itself.
    pub fn path(&self) -> &Path {
        match self {
            Origin::Archive(path)
            | Origin::Folder(path, _)
            | Origin::Lines(path)
            | Origin::Rows(path) => path,
        }
    }
}

impl Batch {
    fn new(origin: Arc<Origin>) -> Batch {
        Batch { origin, reviews: Vec::new(), text: Vec::new() }
    }

    /// Reads the texts, where each is a file of its own.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io), and [`Error::Malformed`](crate::Error::Malformed) for texts that are too long.
    pub fn load(&mut self) -> Result<()> {
        if let Origin::Folder(path, max_text) = &*self.origin {
            folder::read_texts(path, *max_text, &mut self.reviews, &mut self.text)?;
        }
        Ok(())
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
pub(in crate::import) type Emit<'a> = &'a mut dyn FnMut(Batch) -> Result<()>;

/// Puts reviews together to batches.
pub(in crate::import) struct Batcher<'a> {
    batch: Batch,
    emit: Emit<'a>,
}

impl<'a> Batcher<'a> {
    /// Batches of reviews from one origin, for `emit`.
    pub fn new(origin: Origin, emit: Emit<'a>) -> Batcher<'a> {
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
pub(in crate::import) trait Reader: Send {
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
pub(in crate::import) struct Findings {
    /// Which class is the positive one.
    pub positive: u8,
    /// The movie of each review, where the source tells.
    pub movies: Option<Movies>,
    /// Whether [`Header::number`] is an id, unique within split and class, by which reviews are sorted.
    pub has_ids: bool,
    /// For the user to check.
    pub notes: Vec<String>,
}

impl Findings {
    /// Those of a source with labels.
    ///
    /// # Errors
    /// Those of [`Labels::positive`].
    pub fn labelled(labels: &Labels, notes: Vec<String>) -> Result<Findings> {
        let positive = labels.positive()?;
        Ok(Findings { positive, movies: None, has_ids: false, notes })
    }

    /// Those of the archive or its folder.
    pub fn archive(movies: Movies) -> Findings {
        let movies = (!movies.is_empty()).then_some(movies);
        Findings { positive: 1, movies, has_ids: true, notes: Vec::new() }
    }
}
