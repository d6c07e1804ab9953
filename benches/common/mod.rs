//! What several benches need: reviews, a clock that remembers, a table of what it saw.

#![allow(dead_code)] // each bench uses its part

pub mod epochs;
pub mod power_law;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};
use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Csr, Dataset, ReviewSource, Split, Synthetic, SyntheticOptions};
use imdb_fast::import::{self, ImportOptions};
use imdb_fast::random::{Random, Stream};
use tempfile::TempDir;

/// Names a folder with `imdb.npz` and `imdb_word_index.json`: benches then take the real reviews.
pub const DATA_VARIABLE: &str = "IMDB_FAST_DATA";

/// Whether each bench runs once, to see that it works: `cargo bench -- --test` or `cargo test --benches`.
pub fn is_test() -> bool {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    has("--test") || !has("--bench")
}

/// Criterion with few samples and short ones: what is timed takes milliseconds and varies little. The command line may ask
/// for more.
pub fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args()
}

/// One thread a core.
pub fn all_threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// All numbers of threads that are worth a look: powers of two, and one a core.
pub fn thread_counts() -> Vec<usize> {
    let powers = (0..).map(|k| 1 << k).take_while(|&threads| threads < all_threads());
    powers.chain([all_threads()]).collect()
}

/// The real reviews, where the environment names their folder.
pub fn real_data() -> Option<PathBuf> {
    std::env::var_os(DATA_VARIABLE).map(PathBuf::from)
}

/// The real reviews as an importer reads them, with Keras' options.
pub fn import_real(folder: &Path) -> Box<dyn ReviewSource + Send> {
    let word_index = Some(folder.join("imdb_word_index.json"));
    let options = ImportOptions { word_index, ..ImportOptions::default() };
    import::open(&folder.join("imdb.npz"), &options).expect("the folder has the real reviews")
}

/// A dataset and its folder, which lives as long.
pub struct Reviews {
    pub dataset: Dataset,
    pub path: PathBuf,
    /// Where the reviews come from, for tables.
    pub origin: &'static str,
    _folder: TempDir,
}

impl Reviews {
    /// The real reviews, or as many generated ones with their statistics: 25,000 to train on and 25,000 to test on. A test
    /// takes fewer.
    pub fn new() -> Reviews {
        match real_data() {
            Some(folder) => Reviews::of(&mut *import_real(&folder), "the IMDB set"),
            None => {
                let reviews = if is_test() { 2_000 } else { 50_000 };
                let options = SyntheticOptions { reviews, ..SyntheticOptions::default() };
                let mut source = Synthetic::new(options).expect("the options are valid");
                Reviews::of(&mut source, "generated reviews")
            }
        }
    }

    /// Those of a source.
    pub fn of(source: &mut dyn ReviewSource, origin: &'static str) -> Reviews {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("reviews.safetensors");
        dataset::write(source, &path).expect("the dataset is written");
        let dataset = Dataset::open(&path, Access::Map).expect("the dataset is sound");
        Reviews { dataset, path, origin, _folder: folder }
    }

    /// The work that a split is.
    pub fn work(&self, split: Split) -> Work {
        let csr = self.dataset.csr(split).expect("the dataset has the split");
        Work { reviews: csr.rows(), nonzeros: csr.nnz() }
    }

    /// Row pointers and ids of a split whose ids have sixteen bits.
    pub fn narrow(&self, split: Split) -> (&[u64], &[u16]) {
        match self.dataset.csr(split).expect("the dataset has the split") {
            Csr::Narrow(matrix) => {
                let (indptr, indices, _) = matrix.into_raw_storage();
                (indptr, indices)
            }
            Csr::Wide(_) => panic!("10,000 features have ids of sixteen bits"),
        }
    }
}

/// How much is done each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    pub reviews: usize,
    pub nonzeros: usize,
}

/// `count` numbers between -`bound` and `bound`.
pub fn uniform(count: usize, bound: f32, seed: u64) -> Vec<f32> {
    let mut random = Random::new(seed, Stream::Initialisation);
    (0..count).map(|_| bound * (2.0 * random.uniform_f32() - 1.0)).collect()
}

/// The numbers below `count` in a random order.
pub fn shuffled(count: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count as u32).collect();
    Random::new(1, Stream::Shuffle).shuffle(&mut order);
    order
}

/// Asserts that two results agree within rounding, each difference measured by the largest value.
pub fn assert_close(ours: &[f32], theirs: &[f32], tolerance: f32, what: &str) {
    assert_eq!(ours.len(), theirs.len(), "{what}: the shapes");
    let largest = theirs.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    for (i, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let difference = (ours - theirs).abs();
        assert!(difference <= tolerance * largest, "{what}, value {i}: {ours} and {theirs}");
    }
}

/// Starts a group whose throughput is told in reviews a second, or in nonzeros a second. Its name says which, and where the
/// reviews come from: criterion compares a time with the last one of the same name, which has to be of the same reviews.
pub fn group<'a>(
    criterion: &'a mut Criterion,
    name: &str,
    origin: &str,
    elements: Elements,
    work: Work,
) -> BenchmarkGroup<'a, WallTime> {
    let (unit, count) = match elements {
        Elements::Reviews => ("reviews", work.reviews),
        Elements::Nonzeros => ("nonzeros", work.nonzeros),
    };
    let mut group = criterion.benchmark_group(format!("{name} ({origin}), elements are {unit}"));
    group.throughput(Throughput::Elements(count as u64));
    group.sampling_mode(SamplingMode::Flat);
    group
}

/// What criterion counts.
#[derive(Debug, Clone, Copy)]
pub enum Elements {
    Reviews,
    Nonzeros,
}

/// Times a routine with criterion and returns the best of all its times, or nothing where a filter leaves it out.
///
/// The best, since on a machine with other work the others tell about that work.
pub fn best_time(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut routine: impl FnMut(),
) -> Option<Duration> {
    best_of(group, name, || {
        let start = Instant::now();
        routine();
        start.elapsed()
    })
}

/// The same for a routine that looks at the clock itself.
pub fn best_of(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut routine: impl FnMut() -> Duration,
) -> Option<Duration> {
    let mut best: Option<Duration> = None;
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let mut sum = Duration::ZERO;
            for _ in 0..iterations {
                let elapsed = routine();
                best = Some(best.map_or(elapsed, |best| best.min(elapsed)));
                sum += elapsed;
            }
            sum
        });
    });
    best
}

/// Best times, printed when all are known.
#[derive(Debug)]
pub struct Journal {
    title: String,
    lines: Vec<(String, Duration, Work)>,
}

impl Journal {
    pub fn new(title: impl Into<String>) -> Journal {
        Journal { title: title.into(), lines: Vec::new() }
    }

    /// Notes a time, if there is one.
    pub fn note(&mut self, name: impl Into<String>, best: Option<Duration>, work: Work) {
        if let Some(best) = best {
            self.lines.push((name.into(), best, work));
        }
    }

    /// Prints the table. A test has none: what runs once and cold tells nothing.
    pub fn print(&self) {
        if is_test() || self.lines.is_empty() {
            return;
        }
        println!("{}; best times", self.title);
        println!();
        println!("| what | time | thousand reviews/s | million nonzeros/s | ns a nonzero |");
        println!("| --- | ---: | ---: | ---: | ---: |");
        for (name, best, work) in &self.lines {
            let seconds = best.as_secs_f64();
            println!(
                "| {name} | {} | {:.1} | {:.1} | {:.2} |",
                duration(*best),
                work.reviews as f64 / seconds / 1e3,
                work.nonzeros as f64 / seconds / 1e6,
                seconds / work.nonzeros as f64 * 1e9,
            );
        }
        println!();
    }
}

/// A time in the unit that suits it.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    match seconds {
        ..1e-3 => format!("{:.1} µs", seconds * 1e6),
        ..1.0 => format!("{:.2} ms", seconds * 1e3),
        _ => format!("{seconds:.2} s"),
    }
}
