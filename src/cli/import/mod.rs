//! `imdb-fast import`: from other programs' files to a dataset.

mod options;

use imdb_fast::{Error, Result, dataset, import};

use super::stop::clear_on_signal;
use super::{Global, OutputArg, is_same_file, shown, thousands};
pub(crate) use options::Args;

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let output = &args.output.output;
    if args.inputs().any(|input| is_same_file(input, output)) {
        let expected = "another file than those that are read: they would be lost";
        return Err(Error::invalid("--output", shown(output), expected));
    }
    let mut source = import::open(&args.source, &args.options(global))?;
    for note in source.notes() {
        global.note(note);
    }
    clear_on_signal(output)?;
    let summary = dataset::write(&mut *source, output)?;
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
