//! Sweeps: the library's runs, the command, and what it leaves behind.

#[path = "../common/mod.rs"]
mod common;

mod command;
mod files;
mod folds;
mod page;
mod rows;
mod runs;
#[cfg(unix)]
mod stopped;

use std::path::Path;

use common::desk::Desk;

/// A sweep of a moment: two configurations, two seeds.
const SMALL: [&str; 12] = [
    "sweep",
    "d.safetensors",
    "--hidden",
    "none/4",
    "--epochs",
    "3",
    "--seeds",
    "2",
    "--validation",
    "100",
    "-o",
    "s",
];

fn desk() -> Desk {
    Desk::with_sample("300")
}

/// What a sweep leaves that does not depend on the clock or on its threads.
fn results(desk: &Desk, folder: &str) -> [Vec<u8>; 3] {
    ["results.json", "results.csv", "best/history.csv"]
        .map(|name| desk.read(&format!("{folder}/{name}")))
}

/// The weights of the best model.
fn best_weights(desk: &Desk, folder: &str) -> Vec<u32> {
    weights(&desk.path(folder).join("best/model.safetensors"))
}

fn weights(path: &Path) -> Vec<u32> {
    let model = imdb_fast::model::Model::load(path).unwrap();
    let parameters = model.parameters();
    let all = parameters.first_kernel.iter().chain(parameters.head.values.iter());
    all.map(|weight| weight.to_bits()).collect()
}
