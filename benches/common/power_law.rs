//! Reviews over vocabularies of any size.

use std::collections::HashSet;

use imdb_fast::Result;
use imdb_fast::dataset::{Contents, Review, ReviewSource, Split};
use imdb_fast::random::{Random, Stream};

use super::is_test;

/// Reviews in a generated set, as many as the book trains on; fewer in a test.
pub fn generated_reviews() -> usize {
    if is_test() { 1_000 } else { 15_000 }
}

/// Reviews whose words follow a power law over any vocabulary: a word of rank `r` comes with a probability of about `1 / r`,
/// so each tenfold of the vocabulary has as large a share of the words, its rare end included.
pub struct PowerLaw {
    pub reviews: usize,
    pub features: usize,
}

impl PowerLaw {
    /// Distinct words of a review: 131 on average, as in the IMDB set, and as widely spread.
    fn length(random: &mut Random) -> usize {
        (20.0 + 90.0 * (0.65 * random.normal()).exp()).round().min(1_000.0) as usize
    }

    fn review(&self, row: u64, label: u8, words: &mut HashSet<u32>) {
        let mut random = Random::numbered(3, Stream::SyntheticReviews, row);
        let length = PowerLaw::length(&mut random);
        words.clear();
        while words.len() < length {
            let word = (self.features as f64).powf(random.uniform_f64()) as u32 - 1;
            // Of two neighbours, the odd one is a little more frequent in positive reviews.
            let leans = random.below(8) == 0;
            words.insert(if leans { (word & !1) | u32::from(label) } else { word });
        }
    }
}

impl ReviewSource for PowerLaw {
    fn contents(&self) -> Contents {
        Contents {
            features: self.features,
            vocabulary: None,
            text: None,
            sequences: false,
            options: serde_json::json!({ "source": "power law" }),
        }
    }

    fn for_each(&mut self, sink: &mut dyn FnMut(Review<'_>) -> Result<()>) -> Result<()> {
        let (mut set, mut words) = (HashSet::new(), Vec::new());
        for row in 0..self.reviews as u64 {
            let label = (row % 2) as u8;
            self.review(row, label, &mut set);
            words.clear();
            words.extend(set.iter().copied());
            sink(Review::new(Split::Train, &words, Some(label)))?;
        }
        Ok(())
    }
}

/// Whether there is memory for the weights, the copy that is trained, and the optimizer's state, twice over. Where the system
/// does not tell, there is.
pub fn fits_memory(features: usize) -> bool {
    let needed = 2 * 3 * features * 16 * size_of::<f32>();
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let available = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kilobytes = available.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
    kilobytes.is_none_or(|kilobytes: usize| kilobytes * 1024 > needed)
}
