//! From rows to answers in a moment, small enough for Miri, which interprets it: every piece of unsafe code on the portable way.

mod common;

use common::{InMemory, generated, repository};
use imdb_fast::container::Access;
use imdb_fast::dataset::{self, Dataset, Holdout, Split};
use imdb_fast::kernel::Level;
use imdb_fast::model::Model;
use imdb_fast::nn::{Activation, Architecture, Dense};
use imdb_fast::optimizer;
use imdb_fast::train::{FitOptions, Silent, Team, TrainPlan, fit, predict};

/// Miri cannot map files.
const ACCESSES: &[Access] = if cfg!(miri) { &[Access::Read] } else { &[Access::Read, Access::Map] };

#[test]
fn a_small_run_is_the_same_however_it_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d");
    // 16 units are a line, 5 are none; 65,536 features have wide ids.
    for (features, units, name) in [(40, 16, "rmsprop"), (65_536, 5, "sgd")] {
        if cfg!(miri) && features > 40 {
            continue;
        }
        let written = if cfg!(miri) {
            // It cannot copy from file to file, either: the same file as it was written before.
            repository("fuzz/corpus/dataset_open/valid-small-run")
        } else {
            let mut source: InMemory = generated(24, 40, 2);
            source.contents.features = features;
            dataset::write(&mut source, &path).unwrap();
            path.clone()
        };
        let mut found: Vec<(Vec<u32>, Vec<u32>)> = Vec::new();
        for &access in ACCESSES {
            let dataset = Dataset::open(&written, access).unwrap();
            dataset.container().verify().unwrap();
            for threads in [1, 2] {
                found.push(run(&dataset, units, name, threads, &folder.path().join("m")));
            }
        }
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "{name}");
        assert!(!found[0].1.is_empty());
    }
}

/// Trains, saves, loads, predicts. Returns the bits of weights and probabilities.
fn run(
    dataset: &Dataset,
    units: usize,
    optimizer: &str,
    threads: usize,
    path: &std::path::Path,
) -> (Vec<u32>, Vec<u32>) {
    let team = Team::new(threads).unwrap().with_level(Level::portable());
    let layer = Dense { units, activation: Activation::Relu };
    let mut model = Model::new(Architecture::new(dataset.features(), &[layer]).unwrap(), 1);
    let options = FitOptions {
        epochs: if cfg!(miri) { 1 } else { 2 },
        batch_size: 7,
        validation: Holdout::Fraction(0.3),
        optimizer: optimizer::parse(optimizer, Some(0.01)).unwrap(),
        ..FitOptions::default()
    };
    let plan = TrainPlan::new(dataset, &model, options).unwrap();
    fit(&plan, &mut model, &team, &mut Silent).unwrap();
    model.save(path).unwrap();
    let model = Model::load(path).unwrap();
    let mut answers = Vec::new();
    let rows = dataset.csr(Split::Test).unwrap().rows();
    predict(&model, dataset, Split::Test, 0..rows, &team, |_, _, probabilities| {
        answers.extend(probabilities.iter().map(|p| p.to_bits()));
        Ok(())
    })
    .unwrap();
    (model.parameters().first_kernel.iter().map(|w| w.to_bits()).collect(), answers)
}
