//! `imdb-fast import`: from other programs' files to a dataset.

mod options;

use std::borrow::Cow;
use std::path::PathBuf;

use imdb_fast::container::{Kind, kind_of};
use imdb_fast::dataset::SplitSummary;
use imdb_fast::import::KnownWords;
use imdb_fast::output::OutputFile;
use imdb_fast::{Error, Result, dataset, import};

use super::inspect::of_split;
use super::{Global, OutputArg, count, is_same_file, missing, open_model, shown, thousands, warn};
pub(crate) use options::Args;

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let output = &args.output.output;
    let words = args.vocabulary().map(|path| global.find(path).map(Cow::into_owned)).transpose()?;
    let inputs = args.inputs().map(|(path, _)| path);
    args.output.spare(inputs.chain(&words), "those that are read")?;
    if let Some(test) = args.test()
        && is_same_file(&args.source, test)
    {
        let (test, source) = (shown(test), shown(&args.source));
        let same =
            format!("--test {test} and {source} are the same file: both splits have its reviews");
        warn(same);
    }
    // A place that cannot be written is found out before the reviews are read.
    let file = OutputFile::create(output)?;
    let vocabulary = words.map(|path| known_words(global, path)).transpose()?;
    let source = import::open(&args.source, &args.options(global, vocabulary));
    let mut source = source.map_err(|error| of_missing(error, &args))?;
    for note in source.notes() {
        global.note(note);
    }
    let summary = dataset::write_to(&mut *source, file)?;
    report(global, &args.output, &summary);
    Ok(())
}

/// Says what belongs in the place of one of the files to read.
fn of_missing(error: Error, args: &Args) -> Error {
    let Error::Io { path, .. } = &error else { return error };
    match args.inputs().find(|&(input, _)| input == path) {
        Some((_, remedy)) => missing(remedy)(error),
        None => error,
    }
}

/// The words of a model or of a dataset.
fn known_words(global: &Global, path: PathBuf) -> Result<KnownWords> {
    let remedy = "a model belongs here, or a dataset of texts";
    let (rules, vocabulary) = match kind_of(&path).map_err(missing(remedy))? {
        Kind::Dataset => {
            let dataset = global.open(&path)?;
            (dataset.text_rules().cloned(), dataset.vocabulary().cloned())
        }
        _ => {
            let model = open_model(&path)?;
            (model.text, model.vocabulary)
        }
    };
    match (rules, vocabulary) {
        (Some(rules), Some(vocabulary)) => Ok(KnownWords { path, rules, vocabulary }),
        _ => Err(Error::Unfit {
            option: "--vocabulary",
            value: path.display().to_string(),
            reason: "it does not tell its words, or how texts become their ids".to_owned(),
            remedy: "name a dataset that was made of texts, or a model that was trained on one"
                .to_owned(),
        }),
    }
}

/// Says what a new dataset file holds.
pub(super) fn report(global: &Global, output: &OutputArg, summary: &dataset::Summary) {
    for &SplitSummary { split, rows, nnz, positive } in &summary.splits {
        let held = of_split(rows as u64, nnz, positive);
        global.note(format_args!("{}: {held}", split.name()));
    }
    let features = count(summary.features as u64, "feature", "features");
    let (path, bytes) = (shown(&output.output), thousands(summary.bytes));
    global.note(format_args!("wrote {path}: {features}, {bytes} bytes"));
}
