//! The guide does not rot: its commands run, one after the other, and its how-tos name what there is.

#![cfg(unix)] // a shell runs the commands

mod common;

use std::path::Path;

use common::desk::neutral;
use common::repository;

const BOOK: &str = include_str!("../src/guide/book.rs");
const EXTENDING: &str = include_str!("../src/guide/extending.rs");

/// The text of a module's documentation.
fn documentation(source: &str) -> String {
    let lines = source.lines().filter_map(|line| line.strip_prefix("//!"));
    lines.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned() + "\n").collect()
}

/// The sample, forty times: as many reviews as the book holds out, and more to train on.
fn write_reviews(path: &Path) {
    let sample = std::fs::read_to_string(repository("data/sample.csv")).unwrap();
    let (header, rows) = sample.split_once('\n').unwrap();
    std::fs::write(path, format!("{header}\n{}", rows.repeat(40))).unwrap();
}

/// All in one folder, as a reader would type them. `fetch` finds a dataset in the cache, and so needs no network.
#[test]
fn the_commands_of_the_guide_run() {
    let folder = tempfile::tempdir().unwrap();
    let program = Path::new(env!("CARGO_BIN_EXE_imdb-fast"));
    let path =
        format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let run = |script: &str| {
        let mut shell = neutral("sh");
        shell.args(["-euc", script]).current_dir(&folder).env("PATH", &path);
        let output = shell.env("IMDB_FAST_CACHE", folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}{said}");
    };
    write_reviews(&folder.path().join("reviews.csv"));
    run("imdb-fast import reviews.csv --test-fraction 0.5 --num-words 600 -o imdb.safetensors\n");

    let text = documentation(BOOK);
    let blocks = text.split("```").skip(1).step_by(2);
    let scripts: Vec<&str> = blocks.filter_map(|block| block.strip_prefix("sh\n")).collect();
    let count = scripts.iter().flat_map(|script| script.lines()).count();
    assert!(count >= 15, "{count} commands were found");
    scripts.into_iter().for_each(run);
    for made in ["run/curves.svg", "again.svg", "report.html", "sweep.html", "sweep/results.csv"] {
        assert!(folder.path().join(made).is_file(), "{made} is missing");
    }
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn is_path(word: &str) -> bool {
    let begins = ["src/", "tests/", "fuzz/", "benches/", "data/", ".ci/"];
    begins.iter().any(|begin| word.starts_with(begin)) || word == "README.md"
}

/// Each point begins with a file, and that has the other names that the point mentions. Of `Type::name` it is the last part.
#[test]
fn the_how_tos_name_what_there_is() {
    let text = documentation(EXTENDING);
    let code: Vec<&str> = text.split("```").step_by(2).collect();
    let mut checked = 0;
    for point in code.join("").split("\n- ").skip(1) {
        let point = point.split("\n\n").next().unwrap();
        let mut words = quoted(point);
        let file = words.next().unwrap_or_else(|| panic!("no file: {point}"));
        assert!(repository(file).exists(), "{file} is not there");
        let content = std::fs::read_to_string(repository(file)).unwrap_or_default();
        for word in words {
            if is_path(word) {
                assert!(repository(word).exists(), "{word} is not there");
                continue;
            }
            let name = word.rsplit("::").next().unwrap().replace('\n', " ");
            assert!(content.contains(&name), "{file} has no `{name}`");
            checked += 1;
        }
    }
    assert!(checked > 80, "only {checked} names were found");
}
