//! What the fuzz targets check, one module each: `check` panics where something is wrong, and returns whether the input was
//! one that the program accepts.
//!
//! The libFuzzer entries in `fuzz_targets` call these, and `tests/fuzz_corpus.rs` of the package, on stable, includes this
//! very file and runs each over its corpus.

pub mod acl_tar;
pub mod checkpoint_load;
pub mod containers;
pub mod dataset_open;
pub mod dataset_roundtrip;
pub mod delimited;
pub mod desk;
pub mod import_options;
pub mod judge;
pub mod keras_npz;
pub mod kernels_agree;
pub mod lazy_equals_dense;
pub mod lexicon;
pub mod libsvm;
pub mod model_load;
pub mod pickle;
pub mod run_records;
pub mod sweep_file;
pub mod swept;
pub mod tokenizer;
pub mod walk;

/// What a target does with an input.
pub type Check = fn(&[u8]) -> bool;

/// All targets.
pub const TARGETS: [(&str, Check); 16] = [
    ("dataset_open", dataset_open::check),
    ("dataset_roundtrip", dataset_roundtrip::check),
    ("model_load", model_load::check),
    ("judge", judge::check),
    ("checkpoint_load", checkpoint_load::check),
    ("keras_npz", keras_npz::check),
    ("pickle", pickle::check),
    ("libsvm", libsvm::check),
    ("delimited", delimited::check),
    ("import_options", import_options::check),
    ("acl_tar", acl_tar::check),
    ("tokenizer", tokenizer::check),
    ("sweep_file", sweep_file::check),
    ("run_records", run_records::check),
    ("kernels_agree", kernels_agree::check),
    ("lazy_equals_dense", lazy_equals_dense::check),
];
