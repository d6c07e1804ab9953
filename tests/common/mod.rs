//! What several tests need.

#![allow(dead_code)] // each test uses its part

pub mod averages;
pub mod dense;
pub mod desk;

use std::io::Write;
use std::path::{Path, PathBuf};

use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Contents, Dataset, Review, ReviewSource, Split};
use imdb_fast::kernel::Level;
use imdb_fast::random::{Random, Stream};
use imdb_fast::train::Team;

/// So many threads, with the kernels that the environment asks for: the suite is run once for each.
pub fn team(threads: usize) -> Team {
    let level = Level::from_env().expect("IMDB_FAST_KERNEL names kernels that this CPU can run");
    Team::new(threads).expect("the threads start").with_level(level)
}

/// Says that a test checks nothing here, and why. Past the harness, which keeps what a test that passes has printed to itself.
pub fn skipped(why: impl std::fmt::Display) {
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {why}");
}

/// A signal that is not ignored, and what a program exits with that it ends: the one that is named where it is heard. What a script
/// has started in the background does not hear SIGINT, and what `nohup` has started does not hear SIGHUP.
#[cfg(unix)]
pub fn heard(name: &'static str) -> (&'static str, i32) {
    let number = match name {
        "HUP" => 1,
        "INT" => 2,
        _ => 15,
    };
    if imdb_fast::container::is_ignored(number) {
        skipped(format_args!("SIG{name} is ignored here; SIGTERM comes in its place"));
        return ("TERM", 143);
    }
    (name, 128 + number)
}

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Rows in memory as a source.
#[derive(Debug, Clone)]
pub struct InMemory {
    pub contents: Contents,
    pub reviews: Vec<(Split, Vec<u32>, Option<u8>)>,
}

impl ReviewSource for InMemory {
    fn contents(&self) -> Contents {
        self.contents.clone()
    }

    fn for_each(
        &mut self,
        sink: &mut dyn FnMut(Review<'_>) -> imdb_fast::Result<()>,
    ) -> imdb_fast::Result<()> {
        self.reviews
            .iter()
            .try_for_each(|(split, words, label)| sink(Review::new(*split, words, *label)))
    }
}

/// A dataset of a few thousand rows whose words follow a power law and lean to a side.
pub fn generated(rows: usize, features: usize, seed: u64) -> InMemory {
    let mut random = Random::new(seed, Stream::SyntheticReviews);
    let reviews = (0..rows).map(|row| {
        let label = (random.below(2)) as u8;
        let words = (0..5 + random.below(60)).map(|_| {
            let word = (features as f64).powf(random.uniform_f64()) as u32 - 1;
            // Of two neighbours, the odd one is a little more frequent in positive reviews.
            if random.below(4) == 0 { (word & !1) | u32::from(label) } else { word }
        });
        let words = words.map(|word| word.min(features as u32 - 1)).collect();
        let split = if row % 4 == 3 { Split::Test } else { Split::Train };
        (split, words, Some(label))
    });
    let reviews = reviews.collect();
    let contents = Contents {
        features,
        vocabulary: None,
        text: None,
        sequences: false,
        options: serde_json::json!({}),
    };
    InMemory { contents, reviews }
}

/// The same with the reviews' sequences, in which words are repeated, some of them often; a few reviews are empty.
pub fn sequences(rows: usize, features: usize, seed: u64) -> InMemory {
    let mut source = generated(rows, features, seed);
    source.contents.sequences = true;
    for (row, (_, words, _)) in source.reviews.iter_mut().enumerate() {
        match row % 50 {
            0 => words.clear(),
            1..10 => words.extend_from_within(..words.len().min(9)),
            _ => {}
        }
        words.truncate(64);
    }
    source
}

/// By how many KiB the process grew at most, while something ran; 0 where the system does not tell.
pub fn growth(run: impl FnOnce()) -> u64 {
    // The system's own high-water mark starts again from here.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = status("VmRSS");
    run();
    status("VmHWM").saturating_sub(before)
}

/// A number of `/proc/self/status` in KiB; 0 where there is no such file.
fn status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Writes a source to a file and opens it.
pub fn written(mut source: InMemory, path: &Path) -> Dataset {
    dataset::write(&mut source, path).expect("the dataset is written");
    Dataset::open(path, Access::Map).expect("the dataset is sound")
}

/// The names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

pub fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(content).unwrap();
    packer.finish().unwrap()
}

/// Fails where a page could load, or lead to, anything.
pub fn is_self_contained(page: &str) {
    let lower = page.to_lowercase();
    for outward in
        [" src=", " href=", "url(", "@import", "http://", "https://", "fetch(", "import("]
    {
        assert!(!lower.contains(outward), "{outward} in the page");
    }
    let policies = lower.matches("content-security-policy").count();
    assert_eq!(policies, 1);
    assert!(lower.contains("default-src 'none'") || lower.contains("default-src &#39;none&#39;"));
    assert_eq!(lower.matches("<script").count(), 1, "the page's own script alone");
    assert_eq!(lower.matches("<style").count(), 1);
    assert!(!lower.contains(" style="), "the policy forbids styles in attributes");
    let events = [" onload", " onclick", " onerror", " onmouseover"];
    assert!(events.iter().all(|event| !lower.contains(&format!("{event}="))));
}
