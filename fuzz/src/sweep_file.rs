//! A sweep as a TOML file: an error with its place, or configurations that can be trained and told apart.

use imdb_fast::dataset::Holdout;
use imdb_fast::sweep::{Configuration, Design, Judging, SweepFile};

use super::desk;

pub fn check(data: &[u8]) -> bool {
    let path = desk::file("sweep.toml", data);
    let file = match SweepFile::read(&path) {
        Ok(file) => file,
        Err(error) => {
            desk::assert_explains(&error, &path);
            return false;
        }
    };
    for one in &file.configurations {
        one.check().expect("a file's have been checked");
        let json = serde_json::to_string(one).expect("options are plain");
        let again: Configuration = serde_json::from_str(&json).expect("JSON of our own");
        assert_eq!(again, *one);
        assert!(one.arguments().iter().all(|argument| argument.starts_with("--")));
    }
    let judging = Judging::Holdout(Holdout::First(10));
    // Two that are the same cannot be told apart.
    if let Ok(design) = Design::new(file.configurations, vec![1], judging, file.by) {
        let labels = design.labels();
        assert_eq!(labels.len(), design.configurations().len());
        assert!(labels.iter().all(|label| !label.is_empty()));
    }
    true
}
