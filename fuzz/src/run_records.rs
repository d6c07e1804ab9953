//! What runs and sweeps leave as JSON: an error with its place, or tables, curves and a page, and the same again when it is
//! written and read once more.

use imdb_fast::report::csv::{history_csv, sweep_csv};
use imdb_fast::report::html::sweep_page;
use imdb_fast::report::json::HistoryFile;
use imdb_fast::report::plot::curves_svg;
use imdb_fast::report::sweep::{SweepResults, table};

use super::desk;

pub fn check(data: &[u8]) -> bool {
    let path = desk::file("record.json", data);
    let is_history = match HistoryFile::read(&path) {
        Ok(file) => {
            drawn(&file);
            true
        }
        Err(error) => {
            desk::assert_explains(&error, &path);
            false
        }
    };
    let is_sweep = match SweepResults::read(&path) {
        Ok(results) => {
            compared(&results);
            true
        }
        Err(error) => {
            desk::assert_explains(&error, &path);
            false
        }
    };
    is_history || is_sweep
}

fn drawn(file: &HistoryFile) {
    let lines = history_csv(&file.history).lines().count();
    assert!(lines > file.history.epochs());
    assert!(curves_svg(&file.history).ends_with("</svg>\n"));
    // NaN is no other NaN, so the texts are compared.
    let json = file.to_json();
    let again = HistoryFile::read(&desk::file("again.json", json.as_bytes()));
    assert_eq!(again.expect("JSON of our own").to_json(), json);
}

fn compared(results: &SweepResults) {
    let configurations = results.design.configurations().len();
    assert!(sweep_csv(results).lines().count() > configurations);
    assert!(table(results).lines().count() > configurations);
    assert!(sweep_page("sweep", results).trim_end().ends_with("</html>"));
    let json = results.to_json();
    let again = SweepResults::read(&desk::file("again.json", json.as_bytes()));
    assert_eq!(again.expect("JSON of our own").to_json(), json);
}
