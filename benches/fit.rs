//! How fast is a training epoch? Generated reviews, the book's network and batch, one thread and all.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Dataset, Holdout, Split, Synthetic, SyntheticOptions};
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::train::{Ending, FitOptions, Silent, Team, TrainPlan, fit};

/// 15,000 reviews, as many as the book trains on.
fn generated() -> Dataset {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("synthetic.safetensors");
    let options = SyntheticOptions { reviews: 30_000, ..SyntheticOptions::default() };
    let mut source = Synthetic::new(options).expect("the options are valid");
    dataset::write(&mut source, &path).expect("the dataset is written");
    Dataset::open(&path, Access::Read).expect("the dataset is sound")
}

fn epoch(criterion: &mut Criterion) {
    let dataset = generated();
    let reviews = dataset.csr(Split::Train).expect("it has a train split").rows();
    let layer = Dense { units: 16, activation: Activation::Relu };
    let architecture =
        Architecture::new(dataset.features(), &[layer, layer]).expect("the widths are valid");
    let fresh = Model::new(architecture, 1);
    let plan = || {
        let options = FitOptions { epochs: 1, validation: Holdout::None, ..FitOptions::default() };
        TrainPlan::new(&dataset, &fresh, options).expect("the plan fits")
    };

    let mut group = criterion.benchmark_group("fit/epoch");
    group.throughput(Throughput::Elements(reviews as u64));
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let mut reference = None;
    for threads in std::collections::BTreeSet::from([1, all]) {
        let team = Team::new(threads).expect("the threads start");
        let plan = plan();
        group.bench_function(BenchmarkId::new("threads", threads), |bencher| {
            bencher.iter_batched(
                || fresh.clone(),
                |mut model| {
                    let outcome = fit(&plan, &mut model, &team, &mut Silent).expect("it fits");
                    assert!(matches!(outcome.ending, Ending::Completed));
                    // What is timed is right: it learns, and the same on any number of threads.
                    let loss = outcome.history.get("loss").expect("it has a loss")[0];
                    assert!(loss < 0.65, "the loss of the first epoch is {loss}");
                    assert_eq!(*reference.get_or_insert(loss), loss);
                    black_box(model)
                },
                criterion::BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, epoch);
criterion_main!(benches);
