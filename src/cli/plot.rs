//! `imdb-fast plot`: the curves of a history.

use std::path::PathBuf;

use imdb_fast::report::json::HistoryFile;
use imdb_fast::report::plot::{curves_png, curves_svg};
use imdb_fast::{Error, Result, output};

use super::{Global, OutputArg, missing, shown, thousands};

/// Draw loss and accuracy of a history.json, as the book does
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast plot run/history.json -o curves.svg
  imdb-fast plot keras-history.json -o curves.png")]
pub(crate) struct Args {
    /// The history.json of a run, or a Keras History.history as JSON
    ///
    /// Where it has no `accuracy`, the first other metric is drawn. A value of `null` is no number: the curves have a gap there.
    history: PathBuf,
    #[command(flatten)]
    output: OutputArg,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let path = &args.output.output;
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
    let draw = match extension.as_deref() {
        Some("svg") => |history| curves_svg(history).into_bytes(),
        Some("png") => curves_png,
        _ => {
            return Err(Error::invalid(
                "--output",
                shown(path),
                "a name that ends in .svg or .png",
            ));
        }
    };
    let belongs = "the history.json of a run belongs here, or a Keras History.history as JSON";
    let history = HistoryFile::read(&args.history).map_err(missing(belongs))?.history;
    if history.epochs() == 0 {
        let remedy = "name the history.json of a run, or a Keras History.history as JSON";
        return Err(Error::malformed(&args.history, "the history", "no epoch in it", remedy));
    }
    let picture = draw(&history);
    output::write(path, &picture)?;
    let bytes = thousands(picture.len() as u64);
    global.note(format_args!("wrote {}: {bytes} bytes", shown(path)));
    Ok(())
}
