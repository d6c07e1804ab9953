//! The first pass: all texts cut into words, by all threads.

use std::path::PathBuf;
use std::sync::Arc;

use super::store::{IN_MEMORY, Place, Store};
use crate::error::{Error, Result};
use crate::import::document::{Batch, Header, Origin, Reader};
use crate::import::parallel::Workers;
use crate::import::{InvalidUtf8, TextOptions};
use crate::text::{Scratch, Tokenizer, Words};

/// The words that one thread has met, and its buffers.
pub(super) struct Shard {
    index: usize,
    tokenizer: Tokenizer,
    pub words: Words,
    scratch: Scratch,
}

impl Shard {
    /// One shard for each thread.
    pub fn all(workers: Workers, tokenizer: Tokenizer) -> Vec<Shard> {
        let states = workers.states(|| (Words::default(), Scratch::default()));
        let shard = |(index, (words, scratch))| Shard { index, tokenizer, words, scratch };
        states.into_iter().enumerate().map(shard).collect()
    }
}

/// All reviews as numbers of their words.
pub(super) struct Cut {
    /// What is known of each review, in the order of the source.
    pub headers: Vec<Header>,
    places: Vec<Place>,
    store: Store,
    /// Whose numbers each chunk of the store has.
    shards: Vec<usize>,
    /// Where reviews come from, and the first of them.
    origins: Vec<(usize, Arc<dyn Origin>)>,
    skipped: u64,
    /// The first reviews that were skipped.
    examples: Vec<String>,
}

/// A batch, cut into words.
struct Chunk {
    origin: Arc<dyn Origin>,
    shard: usize,
    /// Each review, and where its words end.
    reviews: Vec<(Header, usize)>,
    numbers: Vec<u32>,
    skipped: Vec<Header>,
}

/// How many of the reviews that are skipped are named.
const EXAMPLES: usize = 3;

/// Reads all of a source.
///
/// # Errors
/// Those of the reader; [`Error::Malformed`] for texts that are not UTF-8, where the options do not say otherwise;
/// [`Error::Unfit`] for too many reviews.
pub(super) fn cut(
    reader: &mut dyn Reader,
    workers: Workers,
    shards: &mut [Shard],
    options: &TextOptions,
) -> Result<Cut> {
    let spool = options.spool.clone().unwrap_or_else(|| ".".into());
    let mut cut = Cut {
        headers: Vec::new(),
        places: Vec::new(),
        store: Store::new(IN_MEMORY, &spool),
        shards: Vec::new(),
        origins: Vec::new(),
        skipped: 0,
        examples: Vec::new(),
    };
    workers.pipeline(
        shards,
        |emit| reader.read(emit),
        |shard, batch| shard.cut(batch, options.invalid_utf8),
        |chunk| cut.push(chunk, options),
    )?;
    Ok(cut)
}

impl Shard {
    fn cut(&mut self, mut batch: Batch, invalid: InvalidUtf8) -> Result<Chunk> {
        batch.load()?;
        // A word and its space have five bytes or six.
        let numbers = Vec::with_capacity(batch.text.len() / 5);
        let (reviews, skipped) = (Vec::with_capacity(batch.reviews.len()), Vec::new());
        let origin = batch.origin.clone();
        let mut chunk = Chunk { origin, shard: self.index, reviews, numbers, skipped };
        for (header, text) in batch.iter() {
            let Some(text) = invalid.read(text, "text", || batch.origin.place(header))? else {
                chunk.skipped.push(*header);
                continue;
            };
            self.words.add(self.tokenizer, &text, &mut self.scratch, &mut chunk.numbers)?;
            chunk.reviews.push((*header, chunk.numbers.len()));
        }
        Ok(chunk)
    }
}

impl Cut {
    fn push(&mut self, chunk: Chunk, options: &TextOptions) -> Result<()> {
        let Chunk { origin, shard, reviews, numbers, skipped } = chunk;
        if self.headers.len() + reviews.len() > u32::MAX as usize {
            let problem = format!("there are more than {} reviews", u32::MAX);
            return Err(Error::malformed(origin.path(), "the source", problem, "split it"));
        }
        let is_first = self.origins.iter().all(|(_, other)| other.path() == origin.path());
        options.check_reviews(self.headers.len() + reviews.len(), origin.path(), is_first)?;
        self.skipped += skipped.len() as u64;
        for header in skipped.iter().take(EXAMPLES.saturating_sub(self.examples.len())) {
            self.examples.push(shown(origin.place(header)));
        }
        if self.origins.last().is_none_or(|(_, last)| !Arc::ptr_eq(last, &origin)) {
            self.origins.push((self.headers.len(), origin));
        }
        let chunk = self.store.push(numbers)?;
        self.shards.push(shard);
        let mut start = 0;
        for (header, end) in reviews {
            let end = end as u32;
            self.headers.push(header);
            self.places.push(Place { chunk, numbers: start..end });
            start = end;
        }
        Ok(())
    }

    /// The file, and the place in it, of a review.
    pub fn place(&self, review: u32) -> (PathBuf, String) {
        let after = self.origins.partition_point(|(first, _)| *first <= review as usize);
        self.origins[after - 1].1.place(&self.headers[review as usize])
    }

    /// A review's shard: whose numbers its words have.
    pub fn shard(&self, review: u32) -> usize {
        self.shards[self.places[review as usize].chunk as usize]
    }

    /// A review's shard, and the numbers of its words there.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn numbers<'a>(
        &'a self,
        review: u32,
        buffer: &'a mut Vec<u32>,
    ) -> Result<(usize, &'a [u32])> {
        let place = &self.places[review as usize];
        Ok((self.shard(review), self.store.get(place, buffer)?))
    }

    /// How many words some reviews have together.
    pub fn words(&self, reviews: &[u32]) -> usize {
        reviews.iter().map(|&review| self.places[review as usize].numbers.len()).sum()
    }

    /// For the user to check.
    pub fn notes(&self) -> Vec<String> {
        if self.skipped == 0 {
            return Vec::new();
        }
        let more = if self.skipped as usize > EXAMPLES { ", ..." } else { "" };
        let (count, examples) = (self.skipped, self.examples.join(", "));
        let reviews =
            if count == 1 { "review is not UTF-8 and is" } else { "reviews are not UTF-8 and are" };
        vec![format!("{count} {reviews} left out: {examples}{more}")]
    }
}

fn shown((path, place): (PathBuf, String)) -> String {
    format!("{}: {place}", path.display())
}
