//! `imdb-fast report`: a run or a sweep as one page.

use std::path::{Path, PathBuf};

use imdb_fast::dataset::{Dataset, Split};
use imdb_fast::model::Model;
use imdb_fast::report::findings::{Findings, Wanted};
use imdb_fast::report::html::{run_page, sweep_page};
use imdb_fast::report::json::HistoryFile;
use imdb_fast::report::sweep::SweepResults;
use imdb_fast::{Error, Result, output};
use serde_json::Value;

use super::train::{self, CHECKPOINT, HISTORY, MODEL};
use super::{
    Global, OutputArg, count, labelled_split, loss_of, or_by_train, quoted, shown, sweep, thousands,
};

/// Write a run or a sweep as one page for a browser: curves, scores, words, mistakes; the configurations compared
///
/// The page needs no other file and no network, and follows the browser's light or dark colours. It is judged on the whole
/// test split of the dataset that the run was trained on; one that was made anew since then has to be named by --data. The
/// texts of the mistakes are in the page: mind whose they are before you publish it. Of a sweep the page has the table and the
/// curves of its configurations, and needs no dataset.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast report run -o report.html
  imdb-fast report run --data moved/imdb.safetensors -o report.html
  imdb-fast report run --split train --mistakes 50 -o train.html
  imdb-fast report sweep -o sweep.html          a sweep
  imdb-fast report sweep/best -o best.html      its best model, which is a run")]
pub(crate) struct Args {
    /// The folder of a run, as `imdb-fast train --out` leaves it, or of a sweep
    #[arg(value_hint = clap::ValueHint::DirPath)]
    run: PathBuf,
    /// The dataset, or the name of a fetched one; the one it was trained on where it is not given
    #[arg(long, value_name = "DATASET")]
    data: Option<PathBuf>,
    /// The reviews to judge by: test or train
    #[arg(long, default_value = "test", value_parser = labelled_split(), hide_possible_values = true)]
    split: Split,
    /// How many of the strongest words to show, each way
    #[arg(long, value_name = "N", default_value_t = Wanted::default().words)]
    words: usize,
    /// How many of the surest mistakes to show
    #[arg(long, value_name = "N", default_value_t = Wanted::default().mistakes)]
    mistakes: usize,
    #[command(flatten)]
    output: OutputArg,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    if let Some(results) = sweep::results_in(&args.run)? {
        return write_sweep(global, &args, &results);
    }
    let path = &args.output.output;
    let (history, model) = read(&args.run)?;
    args.output.spare(train::NAMES.map(|name| args.run.join(name)), "those of the run")?;
    let dataset = dataset(global, &args, &history)?;
    args.output.spare([dataset.container().path()], "the dataset")?;
    let loss = loss_of(&model, &args.run.join(MODEL))?;
    let team = global.team()?;
    let wanted = Wanted { split: args.split, words: args.words, mistakes: args.mistakes };
    let findings = Findings::collect(&model, &dataset, &*loss, wanted, &team);
    let findings = findings.map_err(or_by_train)?;
    dataset.container().check_unchanged()?;
    let page = run_page(&name(&args.run), &history, &model, &findings);
    output::write(path, page.as_bytes())?;
    global.note(format_args!(
        "wrote {}: {} bytes, judged on the {} of the {} split",
        shown(path),
        thousands(page.len() as u64),
        count(findings.evaluation.reviews as u64, "review", "reviews"),
        args.split.name()
    ));
    Ok(())
}

fn write_sweep(global: &Global, args: &Args, results: &SweepResults) -> Result<()> {
    let path = &args.output.output;
    if let Some(data) = &args.data {
        let expected = "left out: the page of a sweep needs no dataset";
        return Err(Error::invalid("--data", shown(data), expected));
    }
    let Wanted { split, words, mistakes } = Wanted::default();
    for (option, value, usual) in [
        ("--split", args.split.name().to_owned(), split.name().to_owned()),
        ("--words", args.words.to_string(), words.to_string()),
        ("--mistakes", args.mistakes.to_string(), mistakes.to_string()),
    ] {
        if value != usual {
            let expected = "left out: the page of a sweep compares, and judges no review";
            return Err(Error::invalid(option, value, expected));
        }
    }
    args.output.spare(sweep::files(&args.run), "those of the sweep")?;
    let page = sweep_page(&name(&args.run), results);
    output::write(path, page.as_bytes())?;
    global.note(format_args!(
        "wrote {}: {} bytes, {} compared",
        shown(path),
        thousands(page.len() as u64),
        count(results.design.configurations().len() as u64, "configuration", "configurations")
    ));
    Ok(())
}

/// The history and the model of a run.
fn read(run: &Path) -> Result<(HistoryFile, Model)> {
    let unfit = |reason: String, remedy: &str| Error::Unfit {
        option: "the run",
        value: shown(run),
        reason,
        remedy: remedy.to_owned(),
    };
    if !run.exists() {
        let remedy = "`imdb-fast train` makes one: `run`, or as --out names it";
        return Err(unfit("there is no such folder".into(), remedy));
    }
    if !run.is_dir() {
        return Err(unfit("it is a file".into(), "name the folder that `imdb-fast train` wrote"));
    }
    for name in [HISTORY, MODEL] {
        if !run.join(name).exists() {
            let remedy = match run.join(CHECKPOINT).exists() {
                true => &format!("`imdb-fast train --resume {}` ends the run", quoted(run)),
                false => "name the folder of a run that has ended well, or train again",
            };
            return Err(unfit(format!("it has no {name}"), remedy));
        }
    }
    let history = HistoryFile::read(&run.join(HISTORY))?;
    let model = Model::load(&run.join(MODEL))?;
    // A program that is killed while it puts its files in place leaves those of two runs.
    let differs = |(name, value): (&String, &Value)| model.training[name] != *value;
    if let Some((name, _)) =
        history.options.as_object().into_iter().flatten().find(|&entry| differs(entry))
    {
        let reason = format!("its {HISTORY} and its {MODEL} are of two runs: `{name}` differs");
        return Err(unfit(reason, "train again"));
    }
    Ok((history, model))
}

/// The dataset that was named, or that of the run.
fn dataset(global: &Global, args: &Args, history: &HistoryFile) -> Result<Dataset> {
    if let Some(path) = &args.data {
        return global.open(path);
    }
    let unfit = |value: &str, reason: &str| Error::Unfit {
        option: "the dataset",
        value: value.to_owned(),
        reason: reason.to_owned(),
        remedy: "name it by --data".to_owned(),
    };
    let (name, dataset) = match (&history.dataset, history.options.get("dataset")) {
        (Some(path), _) if Path::new(path).exists() => (&**path, global.open(Path::new(path))?),
        (Some(path), _) => {
            return Err(unfit(path, "the run was trained on it and it is not there any more"));
        }
        (None, Some(Value::Null)) => ("generated reviews", train::generated(global)?),
        (None, named) => {
            let named = named.and_then(Value::as_str).unwrap_or("unknown");
            return Err(unfit(named, "the run's history does not tell where it lies"));
        }
    };
    match &history.fingerprint {
        Some(noted) if *noted != dataset.fingerprint() => Err(unfit(
            name,
            "it had other contents when the run was trained on it: reviews to judge by may be among those that were \
             trained on",
        )),
        _ => Ok(dataset),
    }
}

/// What to call a run: its folder's own name, also where it is given as `.` or `..`.
fn name(run: &Path) -> String {
    let whole = run.canonicalize().unwrap_or_else(|_| run.to_path_buf());
    match whole.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => shown(run),
    }
}
