//! Imports point one way: each module may use only those below it, and each outside crate has one door.

mod common;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use common::repository;

/// Module, and the modules of ours it may use besides itself.
const ALLOWED: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("input", &["error"]),
    ("output", &["error"]),
    ("random", &[]),
    ("settings", &["error"]),
    ("threads", &["error"]),
    ("text", &["error"]),
    ("kernel", &[]),
    ("fetch", &["error", "input", "output"]),
    ("container", &["error", "input", "output", "text"]),
    ("dataset", &["container", "error", "output", "random", "text"]),
    ("import", &["dataset", "error", "input", "text", "threads"]),
    ("nn", &["error", "kernel", "random", "settings"]),
    ("optimizer", &["error", "kernel", "settings"]),
    ("model", &["container", "dataset", "error", "nn", "text"]),
    ("export", &["container", "error", "model", "nn", "output"]),
    (
        "train",
        &[
            "container",
            "dataset",
            "error",
            "kernel",
            "model",
            "nn",
            "optimizer",
            "random",
            "settings",
            "threads",
        ],
    ),
    ("ensemble", &["container", "dataset", "error", "model", "output", "settings", "train"]),
    ("answer", &["dataset", "error", "kernel", "model", "nn", "text", "train"]),
    ("sweep", &["dataset", "error", "input", "model", "nn", "optimizer", "train"]),
    ("report", &["answer", "dataset", "error", "input", "model", "nn", "sweep", "train"]),
    // Documentation alone.
    ("guide", &[]),
];

/// Outside crate, and the only files or folders that may name it.
const DOORS: &[(&str, &[&str])] = &[
    ("memmap2", &["container/map.rs", "kernel/aligned.rs"]),
    ("libc", &["container/fault.rs"]),
    ("safetensors", &["container/"]),
    ("xxhash_rust", &["container/"]),
    ("sprs", &["dataset/split.rs"]),
    ("zip", &["import/keras/npz.rs", "export/npz.rs"]),
    ("prost", &["export/onnx/"]),
    ("flate2", &["import/unpack.rs"]),
    ("rustix", &["container/fault.rs", "import/archive/folder.rs", "output.rs"]),
    ("tar", &["import/archive/entries.rs"]),
    ("parquet", &["import/parquet_file/columns.rs"]),
    ("rand_mt", &["import/keras/order.rs"]),
    ("rand_xoshiro", &["random.rs"]),
    ("matrixmultiply", &["kernel/dense.rs"]),
    ("rayon", &["train/parallel.rs"]),
    ("hashbrown", &["text/"]),
    ("unicode_properties", &["text/characters.rs"]),
    ("plotters", &["report/plot.rs"]),
    ("png", &["report/plot.rs"]),
    ("toml", &["sweep/file.rs"]),
    ("csv", &["report/csv.rs", "import/delimited.rs", "cli/"]),
    ("ureq", &["fetch/http.rs"]),
    ("sha2", &["fetch/digest.rs", "report/html/policy.rs"]),
    ("base64", &["report/html/policy.rs"]),
    ("maud", &["report/html/"]),
    ("etcetera", &["cli/cache.rs"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/completions.rs"]),
    ("clap_mangen", &["cli/man.rs"]),
    ("anstream", &["cli/"]),
    ("indicatif", &["cli/progress.rs"]),
    ("signal_hook", &["cli/stop.rs"]),
];

/// Outside crates without a door: what they name is everyone's vocabulary.
const OPEN: &[&str] = &["bytemuck", "serde", "serde_json", "tempfile", "thiserror"];

/// All Rust files below `src`, with their paths from there.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    let root = repository("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    let name = |path: &Path| path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
    // Files of unit tests may use more.
    let files = files.iter().filter(|path| !path.to_str().unwrap().ends_with("tests.rs"));
    files.map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The lines of code: no comments, nothing behind the file's own unit tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    let lines = text[..end].lines().enumerate().map(|(i, line)| (i + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// The words behind each occurrence of `prefix` in a line.
fn words_behind<'a>(line: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(prefix).map(move |(at, _)| {
        let rest = &line[at + prefix.len()..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        &rest[..end]
    })
}

/// How many modules a file lies below the root.
fn depth(file: &str) -> usize {
    file.trim_end_matches("/mod.rs").split('/').count()
}

#[test]
fn modules_use_only_those_below() {
    let (mut checked, mut seen) = (0, HashSet::new());
    for (file, text) in sources() {
        let module = file.split(['/', '.']).next().unwrap();
        if ["lib", "main", "cli"].contains(&module) {
            continue;
        }
        let (_, allowed) = ALLOWED
            .iter()
            .find(|(name, _)| *name == module)
            .unwrap_or_else(|| panic!("src/{file}: `{module}` has no row in the table"));
        for (number, line) in code(&text) {
            assert!(!line.contains("crate::{"), "src/{file}:{number}: one `use` a module");
            // Out of the module by its back door: as many `super`s as the file is deep lead to the root.
            let back_door = "super::".repeat(depth(&file));
            for used in words_behind(line, "crate::").chain(words_behind(line, &back_door)) {
                let is_module = ALLOWED.iter().any(|(name, _)| *name == used) || used == "cli";
                checked += 1;
                seen.insert((module.to_owned(), used.to_owned()));
                assert!(
                    !is_module || used == module || allowed.contains(&used),
                    "src/{file}:{number}: `{module}` may use {allowed:?}, not `{used}`"
                );
            }
        }
    }
    assert!(checked > 50, "only {checked} uses were seen: the scan is broken");
    for (module, allowed) in ALLOWED {
        for used in *allowed {
            let pair = (module.to_string(), used.to_string());
            assert!(seen.contains(&pair), "`{module}` may use `{used}` and does not");
        }
    }
}

#[test]
fn readers_of_files_know_nothing_of_what_becomes_of_reviews() {
    let readers = sources().into_iter().filter(|(file, _)| {
        let above = ["import/mod.rs", "import/corpus/", "import/applicable.rs"];
        file.starts_with("import/") && !above.iter().any(|above| file.starts_with(above))
    });
    let mut checked = 0;
    for (file, text) in readers {
        checked += 1;
        for (number, line) in code(&text) {
            assert!(!line.contains("corpus::"), "src/{file}:{number}: {line}");
        }
    }
    assert!(checked > 15, "only {checked} files were seen: the scan is broken");
}

/// Unsafe code is an error in the whole library but for files that say otherwise, which SECURITY.md names.
#[test]
fn unsafe_code_is_where_it_is_told_to_be() {
    let security = std::fs::read_to_string(repository("SECURITY.md")).unwrap();
    let (_, told) = security.split_once("`unsafe` is allowed in").unwrap();
    let (told, _) = told.split_once("elsewhere").unwrap();
    let mut named: Vec<String> = Vec::new();
    for path in told.split('`').skip(1).step_by(2) {
        match path.split_once(['{', '}']).zip(path.split_once('}')) {
            Some(((folder, _), (names, end))) => {
                let names = names[folder.len() + 1..].split(',');
                named.extend(names.map(|name| format!("{folder}{name}{end}")));
            }
            None => named.push(path.to_owned()),
        }
    }
    named.sort();
    // The roots of library and program forbid it.
    let others = sources().into_iter().filter(|(file, _)| file != "lib.rs" && file != "main.rs");
    let speaks = |text: &str| code(text).any(|(_, line)| line.contains("unsafe_code"));
    let mut allowed: Vec<String> =
        others.filter(|(_, text)| speaks(text)).map(|(file, _)| file).collect();
    allowed.sort();
    assert_eq!(allowed, named);
}

#[test]
fn outside_crates_have_one_door() {
    for (outside, doors) in DOORS {
        let mut uses = 0;
        for (file, text) in sources() {
            let (path, whole) = (format!("{outside}::"), format!("use {outside};"));
            for (number, line) in code(&text) {
                let is_within = line.match_indices(&path).any(|(at, _)| {
                    !line[..at].ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c))
                });
                let is_use = is_within || line.contains(&whole);
                if is_use {
                    uses += 1;
                    assert!(
                        doors.iter().any(|door| file.starts_with(door)),
                        "src/{file}:{number}: only {doors:?} may name `{outside}`"
                    );
                }
            }
        }
        assert!(uses > 0, "`{outside}` is used nowhere");
    }
}

#[test]
fn every_outside_crate_has_a_rule() {
    let manifest = std::fs::read_to_string(repository("Cargo.toml")).unwrap();
    let section = manifest.split("\n[").find_map(|section| section.strip_prefix("dependencies]\n"));
    let names = section.unwrap().lines().filter(|line| !line.starts_with('#'));
    let names = names.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name);
    let mut names: Vec<String> = names.map(|name| name.replace('-', "_")).collect();
    let mut ruled: Vec<&str> =
        DOORS.iter().map(|(name, _)| *name).chain(OPEN.iter().copied()).collect();
    names.sort();
    ruled.sort();
    assert_eq!(names, ruled, "the dependencies, and the crates that DOORS and OPEN know");
}
