//! Files that are damaged in thousands of ways: each is refused with its name, or has what it had, or `verify` tells.
//!
//! By default a part of the cases; all of them with `IMDB_FAST_CORRUPTIONS=all`, those of one file with `=all:npz`, and a
//! table with `-- --nocapture`.

mod common;

use std::collections::hash_map::DefaultHasher;
use std::fmt::Debug;
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use common::{generated, growth, repository, written};
use imdb_fast::Result;
use imdb_fast::container::{Access, Container};
use imdb_fast::dataset::{Dataset, Holdout, Split};
use imdb_fast::import::{self, ImportOptions};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::random::{Random, Stream};
use imdb_fast::text::Vocabulary;
use imdb_fast::train::{Checkpoint, FitOptions, Observer, Snapshot, Team, TrainPlan, fit};

/// How long a case may take; a sound file takes some milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// How much memory a damaged file may take above what stands before, in MiB: buffers, and what a sound file takes.
const MEMORY: u64 = 8;

/// What an opened file holds, as a hash, and whether its checksums are right, where its own format does not check them.
struct Seen {
    contents: u64,
    is_verified: bool,
}

/// A sound file and how it is opened.
struct Kind {
    name: &'static str,
    bytes: Vec<u8>,
    open: fn(&Path) -> Result<Seen>,
    /// Whether the format has a checksum of all that it holds.
    has_checksums: bool,
}

fn hash(value: impl Debug) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{value:?}").hash(&mut hasher);
    hasher.finish()
}

fn dataset(path: &Path, access: Access) -> Result<Seen> {
    let dataset = Dataset::open(path, access)?;
    let split = |split: Split| {
        let csr = dataset.csr(split).unwrap();
        let row = |row| (csr.row(row), dataset.sequence(split, row).unwrap());
        let rows: Vec<_> = (0..csr.rows()).map(row).collect();
        let more = (dataset.labels(split).ok(), dataset.ratings(split), dataset.groups(split));
        hash((split, rows, format!("{more:?}")))
    };
    let splits: Vec<u64> = dataset.splits().map(split).collect();
    let words = (dataset.vocabulary(), dataset.text_rules());
    Ok(Seen {
        contents: hash((dataset.features(), splits, words, dataset.options())),
        is_verified: dataset.container().verify().is_ok(),
    })
}

fn model(path: &Path) -> Result<Seen> {
    let model = Model::load(path)?;
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let parameters = model.parameters();
    let weights = (bits(&parameters.first_kernel), bits(&parameters.head.values));
    let words = (&model.vocabulary, &model.text, model.training.to_string());
    Ok(Seen {
        contents: hash((model.architecture(), weights, words)),
        is_verified: Container::open(path, Access::Map)?.verify().is_ok(),
    })
}

fn checkpoint(path: &Path) -> Result<Seen> {
    Checkpoint::load(path)?.model()?;
    // Its checksums, which have been verified, are of all that the header says and of all that is behind it.
    let file = std::fs::read(path).unwrap();
    let (length, rest) = file.split_first_chunk().unwrap();
    let (header, tensors) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header: serde_json::Value = serde_json::from_slice(header).unwrap();
    Ok(Seen { contents: hash((header, tensors)), is_verified: true })
}

/// Saves a run in the middle of its first epoch, and ends it.
struct Saver<'a>(&'a Path);

impl Observer for Saver<'_> {
    fn pauses(&mut self, _epoch: usize, batch: usize) -> bool {
        batch == 2
    }

    fn paused(&mut self, snapshot: &Snapshot<'_>) -> ControlFlow<()> {
        snapshot.save(self.0, &serde_json::json!({ "by": "hand" })).unwrap();
        ControlFlow::Break(())
    }
}

fn checkpoint_bytes(dataset: &Path, path: &Path) -> Vec<u8> {
    let dataset = Dataset::open(dataset, Access::Read).unwrap();
    let layer = Dense { units: 4, activation: Activation::Relu };
    let mut model = Model::new(Architecture::new(dataset.features(), &[layer]).unwrap(), 1);
    let validation = Holdout::Fraction(0.2);
    let options = FitOptions { batch_size: 16, validation, ..FitOptions::default() };
    let plan = TrainPlan::new(&dataset, &model, options).unwrap();
    fit(&plan, &mut model, &Team::new(1).unwrap(), &mut Saver(path)).unwrap();
    std::fs::read(path).unwrap()
}

fn imported(path: &Path) -> Result<Seen> {
    let mut source = import::open(path, &ImportOptions::default())?;
    let mut reviews = Vec::new();
    source.for_each(&mut |review| {
        reviews.push(hash(review));
        Ok(())
    })?;
    let contents = source.contents();
    Ok(Seen {
        contents: hash((reviews, contents.features, contents.vocabulary)),
        is_verified: true,
    })
}

/// Sound files of a few dozen KiB, none of them all zeros or all text.
fn kinds(folder: &Path) -> Vec<Kind> {
    let file = folder.join("sound");
    let mut source = generated(200, 400, 1);
    source.contents.sequences = true;
    let words = (0..400).map(|id| format!("word{id}"));
    source.contents.vocabulary = Some(Vocabulary::from_words(words).with_cut(["rare"]));
    source.reviews.push((Split::Unlabelled, vec![5, 2, 5], None));
    drop(written(source.clone(), &file));
    let dataset_bytes = std::fs::read(&file).unwrap();
    let checkpoint_bytes = checkpoint_bytes(&file, &folder.join("checkpoint"));

    let layer = Dense { units: 16, activation: Activation::Prelu };
    let mut model_file = Model::new(Architecture::new(400, &[layer, layer]).unwrap(), 1);
    model_file.vocabulary = source.contents.vocabulary;
    model_file.training = serde_json::json!({ "loss": "hinge" });
    model_file.save(&file).unwrap();
    let model_bytes = std::fs::read(&file).unwrap();

    let packed = std::fs::read(repository("data/sample_acl.tar.gz")).unwrap();
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut plain).unwrap();
    let kind = |name, bytes, open: fn(&Path) -> Result<Seen>| Kind {
        name,
        bytes,
        open,
        has_checksums: true,
    };
    vec![
        kind("dataset, mapped", dataset_bytes.clone(), |path| dataset(path, Access::Map)),
        kind("dataset, read", dataset_bytes, |path| dataset(path, Access::Read)),
        kind("model", model_bytes, model),
        kind("checkpoint", checkpoint_bytes, checkpoint),
        kind("npz", std::fs::read(repository("data/sample.npz")).unwrap(), imported),
        kind("tar.gz", packed, imported),
        Kind { has_checksums: false, ..kind("tar", plain, imported) },
    ]
}

/// How many cases of each damage.
struct Counts {
    truncations_step: usize,
    random_truncations: usize,
    flips: usize,
    overwrites: usize,
}

/// What is done to a file.
enum Case {
    Cut(usize),
    Flip(usize, u8),
    Overwrite(usize, [u8; 8]),
}

impl Case {
    fn of(&self, sound: &[u8]) -> Vec<u8> {
        let mut bytes = sound.to_vec();
        match *self {
            Case::Cut(length) => bytes.truncate(length),
            Case::Flip(at, bit) => bytes[at] ^= 1 << bit,
            Case::Overwrite(at, with) => bytes[at..at + 8].copy_from_slice(&with),
        }
        bytes
    }
}

/// The cases of each damage.
fn damages(length: usize, counts: &Counts, seed: u64) -> [(&'static str, Vec<Case>); 3] {
    let mut random = Random::numbered(11, Stream::Shuffle, seed);
    let mut below = |n: usize| random.below(n as u64) as usize;
    let every = (0..length.min(4097)).step_by(counts.truncations_step);
    let more: Vec<usize> = (0..counts.random_truncations).map(|_| below(length)).collect();
    let cut = every.chain(more).map(Case::Cut).collect();
    let flips = (0..counts.flips).map(|_| Case::Flip(below(length), below(8) as u8)).collect();
    let mut overwrite = |_| {
        let at = below(length - 8);
        Case::Overwrite(at, std::array::from_fn(|_| below(256) as u8))
    };
    let overwrites = (0..counts.overwrites).map(&mut overwrite).collect();
    [("cut short", cut), ("one bit flipped", flips), ("8 bytes overwritten", overwrites)]
}

/// What came of the cases of one damage.
#[derive(Debug, Default)]
struct Outcome {
    refused: usize,
    harmless: usize,
    told_by_verify: usize,
    unnoticed: usize,
    panics: usize,
    slowest: Duration,
}

impl Outcome {
    fn take(&mut self, kind: &Kind, sound: u64, path: &Path, bytes: &[u8]) {
        std::fs::write(path, bytes).unwrap();
        let start = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| (kind.open)(path)));
        self.slowest = self.slowest.max(start.elapsed());
        match result {
            Err(_) => self.panics += 1,
            Ok(Err(error)) => {
                let text = error.to_string();
                let is_named = text.contains(path.to_str().unwrap()) || text.contains("--");
                assert!(is_named && text.len() < 4000, "{}: {text}", kind.name);
                self.refused += 1;
            }
            Ok(Ok(seen)) if seen.contents == sound => self.harmless += 1,
            Ok(Ok(seen)) if !seen.is_verified => self.told_by_verify += 1,
            Ok(Ok(_)) => self.unnoticed += 1,
        }
    }
}

#[test]
fn damaged_files_are_refused_or_harmless() {
    let asked = std::env::var("IMDB_FAST_CORRUPTIONS").unwrap_or_default();
    let (asked, only) = asked.split_once(':').unwrap_or((&asked, ""));
    let counts = match asked {
        "all" => {
            Counts { truncations_step: 1, random_truncations: 200, flips: 2000, overwrites: 500 }
        }
        _ => Counts { truncations_step: 61, random_truncations: 20, flips: 150, overwrites: 40 },
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged");
    // A case that hangs would hang the test: it ends the process instead, and says so.
    let (begun, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    let clock = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(50));
                let took = clock.elapsed().as_millis() as u64 - begun.load(Ordering::Relaxed);
                if took > PATIENCE.as_millis() as u64 {
                    let _ = writeln!(
                        std::io::stderr(),
                        "a damaged file takes {took} ms: {}",
                        path.display()
                    );
                    std::process::abort();
                }
            }
        });
        let run = catch_unwind(AssertUnwindSafe(|| {
            table(folder.path(), &path, (&counts, only), &|| {
                begun.store(clock.elapsed().as_millis() as u64, Ordering::Relaxed);
            });
        }));
        is_over.store(true, Ordering::Relaxed);
        run.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn table(folder: &Path, path: &Path, (counts, only): (&Counts, &str), begin: &dyn Fn()) {
    println!(
        "{:<16} {:>7} {:<20} {:>6} {:>8} {:>9} {:>7} {:>10} {:>7} {:>9} {:>5}",
        "file",
        "bytes",
        "damage",
        "cases",
        "refused",
        "harmless",
        "verify",
        "unnoticed",
        "panics",
        "slowest",
        "MiB"
    );
    let kinds = kinds(folder);
    let asked = kinds.iter().enumerate().filter(|(_, kind)| only.is_empty() || kind.name == only);
    for (seed, kind) in asked {
        begin();
        std::fs::write(path, &kind.bytes).unwrap();
        let sound = (kind.open)(path).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
        assert!(sound.is_verified, "{}", kind.name);
        for (damage, cases) in damages(kind.bytes.len(), counts, seed as u64) {
            let mut outcome = Outcome::default();
            let peak = growth(|| {
                for case in &cases {
                    begin();
                    outcome.take(kind, sound.contents, path, &case.of(&kind.bytes));
                }
            }) >> 10;
            let Outcome { refused, harmless, told_by_verify, unnoticed, panics, slowest } = outcome;
            println!(
                "{:<16} {:>7} {damage:<20} {:>6} {refused:>8} {harmless:>9} {told_by_verify:>7} {unnoticed:>10} {panics:>7} {:>6} ms {peak:>5}",
                kind.name,
                kind.bytes.len(),
                cases.len(),
                slowest.as_millis()
            );
            assert_eq!(panics, 0, "{}: {damage}", kind.name);
            assert!(unnoticed == 0 || !kind.has_checksums, "{}: {damage}: {unnoticed}", kind.name);
            assert!(peak <= MEMORY, "{}: {damage}: {peak} MiB", kind.name);
            assert!(refused > 0, "{}: {damage}: nothing is ever refused", kind.name);
        }
    }
}
