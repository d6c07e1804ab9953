//! The page of a sweep.

use imdb_fast::report::html::sweep_page;
use imdb_fast::report::sweep::SweepResults;

use crate::common::is_self_contained;
use crate::{SMALL, desk};

#[test]
fn a_page_has_the_table_and_all_curves() {
    let desk = desk();
    desk.ok(&[&SMALL[..], &["-q"]].concat());
    desk.ok(&["report", "s", "-o", "r.html"]);
    let page = desk.text("r.html");
    is_self_contained(&page);
    assert!(page.starts_with("<!DOCTYPE html><html lang=\"en\">") && page.ends_with("</html>\n"));
    let results = SweepResults::read(&desk.path("s/results.json")).unwrap();
    for summary in results.ranking() {
        let label = &results.design.labels()[summary.configuration];
        let count = |part: &str| page.matches(&format!("{part}<bdi>{label}</bdi>")).count();
        assert_eq!(count("<th scope=\"row\">"), 1, "{label}");
        let captions = ["val-loss", "val-accuracy"]
            .map(|name| format!("<figcaption id=\"{name}-{}\">", summary.configuration));
        assert!(captions.iter().all(|caption| count(caption) == 1), "{label}");
        let loss = imdb_fast::report::sweep::plus_minus(summary.best().unwrap());
        assert!(page.contains(&format!("<td>{loss}</td>")), "{loss}");
    }
    // Two measures of two configurations, each chart named and described, with a thin line a run.
    assert_eq!(page.matches("role=\"img\"").count(), 4);
    assert_eq!(
        (page.matches("<desc id=").count(), page.matches("<figcaption id=").count()),
        (4, 4)
    );
    assert_eq!(page.matches("<polyline class=\"line run\"").count(), 8);
    assert_eq!(page.matches("<circle class=\"ring\"").count(), 4 + 2);
    for part in [
        "2 configurations, each trained with 2 seeds, judged on the first 100 training reviews, held out. They",
        "held out</th><td>the first 100 training reviews</td>",
        "at the epoch where that mean is lowest",
        "<title>Epoch 1\nvalidation ",
        "<title>seed 1\n",
        "test accuracy, trained again on all",
        "d.safetensors",
    ] {
        assert!(page.contains(part), "no {part:?}");
    }
    let ids: Vec<&str> =
        page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let unique: std::collections::BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), unique.len(), "{ids:?}");
    assert_eq!(page, sweep_page("s", &results), "same results, same bytes");
}

/// The page of a sweep over two learning rates.
fn page_of_rates(rates: &str) -> String {
    let desk = desk();
    let words = ["sweep", "d.safetensors", "--hidden", "4", "--learning-rate", rates];
    let options = ["--epochs", "3", "--seeds", "1", "--validation", "100", "--no-refit", "-q"];
    desk.ok(&[&words[..], &options].concat());
    desk.ok(&["report", "sweep", "-o", "r.html"]);
    desk.text("r.html")
}

#[test]
fn small_charts_tell_the_power_of_ten_of_their_labels() {
    let page = page_of_rates("100000,120000");
    let told = |part: &str| page.matches(part).count();
    assert_eq!(told("<div class=\"legend\">validation loss (×10"), 2, "{page}");
    assert_eq!(told("-description\">validation loss (×10"), 2);
    assert_eq!(told("-description\">validation accuracy over"), 2);
    assert_eq!(told("leaves the picture"), 0);
}

#[test]
fn curves_far_above_the_better_half_leave_the_picture() {
    let page = page_of_rates("0.01,1000");
    let told = |part: &str| page.matches(part).count();
    assert_eq!(told("have one scale, that of the better half: what is far above it leaves"), 1);
    assert_eq!((told("have one scale."), told("(×10")), (1, 0), "{page}");
}

#[test]
fn names_from_files_stay_names() {
    let desk = desk();
    let name = "<script>alert(1)</script>";
    let toml = format!("seeds = 2\n[[configuration]]\nname = {name:?}\nepochs = 1\n");
    desk.write("s.toml", &toml);
    let words = ["sweep", "d.safetensors", "--config", "s.toml", "--folds", "2", "-q"];
    desk.ok(&words);
    desk.ok(&["report", "sweep", "-o", "r.html"]);
    let page = desk.text("r.html");
    is_self_contained(&page);
    assert!(page.contains("<bdi>&lt;script&gt;alert(1)&lt;/script&gt;</bdi>"));
    assert!(page.contains("judged on each of 2 folds") && page.contains("<title>seed 1, fold 2\n"));
}

#[test]
fn configurations_are_told_apart_by_the_end_of_their_labels() {
    let desk = desk();
    let hidden = ["2"; 40].join(",");
    let words = ["sweep", "d.safetensors", "--hidden", &hidden, "--row-norm", "none,l2"];
    desk.ok(&[
        &words[..],
        &["--epochs", "1", "--seeds", "1", "--validation", "100", "--no-refit", "-q"],
    ]
    .concat());
    let mut results = SweepResults::read(&desk.path("sweep/results.json")).unwrap();
    let path = format!("/{}/d.safetensors", "folder/".repeat(30));
    results.dataset = Some(path.clone());
    let page = sweep_page("s", &results);
    for label in results.design.labels() {
        assert!(label.starts_with(&hidden));
        assert!(page.contains(&format!("<th scope=\"row\"><bdi>{label}</bdi>")), "{label}");
    }
    assert!(page.contains(&format!("<td>{path}</td>")));
}

#[test]
fn what_is_in_the_way_is_said() {
    let desk = desk();
    desk.ok(&[&SMALL[..], &["-q", "--no-refit"]].concat());
    desk.fails(2, &["report", "s", "-o", "s/results.json"], &["which would be lost"]);
    desk.fails(2, &["report", "s", "--data", "d.safetensors", "-o", "r"], &["needs no dataset"]);
    desk.remove("s/results.json");
    desk.fails(1, &["report", "s", "-o", "r.html"], &["not finished", "--resume s"]);
    assert!(!desk.path("r.html").exists());
}
