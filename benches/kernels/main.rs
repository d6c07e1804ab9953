//! How near are the kernels to what the machine can do? Each against its roofline, measured in the same run: see
//! [`roofline`].
//!
//! The bytes that must move for a nonzero are its row of the table, one line of 64 bytes at sixteen columns (twice where it
//! is written back), and the word's id, 2 bytes; for a review its row of sums or deltas. Everything else, such as spans, is
//! ours to avoid. For dense products arithmetic is the bound, not bytes.
//!
//! The reviews come in random order, a whole epoch at a time, since a kernel that sees the same few reviews again and again
//! finds them in the cache and its branches foretold.

#[path = "../common/mod.rs"]
mod common;
mod dense;
mod epoch;
mod head;
mod report;
mod roofline;
mod sparse;
mod sweep;

use std::time::Duration;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};

use common::Reviews;
use epoch::Epoch;
use report::Report;
use sparse::{Calls, WIDTHS};

/// Reviews a batch, as the book has them.
const BATCH: usize = 512;

/// Reviews that the trainer takes through the dense layers at a time.
const BLOCK: usize = 64;

/// Bytes of a cache line, and of a row of sixteen columns.
const LINE: usize = 64;

/// What a timing of the dense layers repeats, so that it takes long enough to be told from the clock.
const REPEATS: usize = 16;

/// A group of short routines, whose elements are what `unit` says.
fn group<'a>(
    criterion: &'a mut Criterion,
    name: &str,
    unit: &str,
    elements: usize,
) -> BenchmarkGroup<'a, WallTime> {
    let mut group = criterion.benchmark_group(format!("{name}, elements are {unit}"));
    group.throughput(Throughput::Elements(elements as u64));
    group.sampling_mode(SamplingMode::Flat);
    group.measurement_time(Duration::from_millis(300));
    group
}

fn main() {
    let mut criterion = common::criterion();
    let reviews = Reviews::new();
    let epoch = Epoch::new(&reviews);
    let all_calls = Calls::all(&epoch);
    let mut report = Report::new(&epoch);
    for calls in &all_calls {
        sparse::gather(&mut criterion, calls, &mut report);
        sparse::scatter(&mut criterion, calls, &mut report);
    }
    for calls in &all_calls[..WIDTHS] {
        sweep::nonzero(&mut criterion, calls, &mut report);
    }
    sweep::listed(&mut criterion, &mut report);
    dense::products(&mut criterion, &mut report);
    head::forward_and_back(&mut criterion, &mut report);
    head::losses(&mut criterion, &mut report);
    criterion.final_summary();
    report.print(reviews.origin);
}
