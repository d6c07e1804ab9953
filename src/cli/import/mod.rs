//! `imdb-fast import`: from other programs' files to a dataset.

mod options;

use imdb_fast::Result;
use imdb_fast::{dataset, import};

use super::{Global, OutputArg, shown, thousands};
pub(crate) use options::Args;

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let mut source = import::open(&args.source, &args.options(global))?;
    for note in source.notes() {
        global.note(note);
    }
    let summary = dataset::write(&mut *source, &args.output.output)?;
    report(global, &args.output, &summary);
    Ok(())
}

/// Says what a new dataset file holds.
pub(super) fn report(global: &Global, output: &OutputArg, summary: &dataset::Summary) {
    for (split, reviews, nnz) in &summary.splits {
        let (reviews, nnz) = (thousands(*reviews as u64), thousands(*nnz));
        global.note(format_args!("{}: {reviews} reviews, {nnz} nonzeros", split.name()));
    }
    let (features, bytes) = (thousands(summary.features as u64), thousands(summary.bytes));
    let path = shown(&output.output);
    global.note(format_args!("wrote {path}: {features} features, {bytes} bytes"));
}
