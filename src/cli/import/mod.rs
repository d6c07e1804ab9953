//! `imdb-fast import`: from other programs' files to a dataset.

mod options;

use imdb_fast::output::OutputFile;
use imdb_fast::{Result, dataset, import};

use super::{Global, OutputArg, count, is_same_file, shown, thousands, warn};
pub(crate) use options::Args;

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let output = &args.output.output;
    args.output.spare(args.inputs(), "those that are read")?;
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
    let mut source = import::open(&args.source, &args.options(global))?;
    for note in source.notes() {
        global.note(note);
    }
    let summary = dataset::write_to(&mut *source, file)?;
    report(global, &args.output, &summary);
    Ok(())
}

/// Says what a new dataset file holds.
pub(super) fn report(global: &Global, output: &OutputArg, summary: &dataset::Summary) {
    for (split, reviews, nnz) in &summary.splits {
        let reviews = count(*reviews as u64, "review", "reviews");
        let nnz = count(*nnz, "nonzero", "nonzeros");
        global.note(format_args!("{}: {reviews}, {nnz}", split.name()));
    }
    let features = count(summary.features as u64, "feature", "features");
    let (path, bytes) = (shown(&output.output), thousands(summary.bytes));
    global.note(format_args!("wrote {path}: {features}, {bytes} bytes"));
}
