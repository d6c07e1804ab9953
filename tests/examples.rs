//! The examples run to their end, and find what they say of themselves.

#[path = "../examples/ensemble.rs"]
mod ensemble;
#[path = "../examples/own_parts.rs"]
mod own_parts;
#[path = "../examples/raw_text.rs"]
mod raw_text;
#[path = "../examples/train_and_predict.rs"]
mod train_and_predict;

#[test]
fn a_network_is_trained_and_predicts() {
    train_and_predict::main().unwrap();
}

#[test]
fn text_is_judged_and_explained() {
    raw_text::main().unwrap();
}

#[test]
fn own_losses_metrics_and_optimizers_train() {
    own_parts::main().unwrap();
}

#[test]
fn five_networks_become_one() {
    ensemble::main().unwrap();
}

/// Each file in the folder stands above.
#[test]
fn no_example_is_left_out() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let this = include_str!("examples.rs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(this.contains(&format!("examples/{name}\"")), "{name} is run by no test");
    }
}
