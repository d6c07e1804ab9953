//! `imdb-fast verify`: every check there is, checksums included.

use std::path::{Path, PathBuf};

use imdb_fast::container::{Container, Kind, kind_of};
use imdb_fast::dataset::Dataset;
use imdb_fast::model::Model;
use imdb_fast::train::Checkpoint;
use imdb_fast::{Error, Result};

use super::answers::harmless;
use super::{Global, missing, shown, to_stdout};

/// Check a dataset, model or checkpoint completely: structure and the checksum of every tensor
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast verify imdb
  imdb-fast verify run/model.safetensors")]
pub(crate) struct Args {
    /// A dataset, model or checkpoint, or the name of a fetched dataset
    file: PathBuf,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let file = global.find(&args.file)?;
    // No two readers of the file at a time: where it is not mapped, each has all of it in memory.
    let tensors = || Ok::<_, Error>(Container::open(&file, global.access())?.tensors().count());
    let remedy = "a dataset, model or checkpoint belongs here";
    let (what, tensors) = match kind_of(&file).map_err(missing(remedy))? {
        Kind::Dataset => {
            let dataset = Dataset::open(&file, global.access())?;
            let tensors = dataset.container().verify()?;
            dataset.encoder()?;
            ("dataset", tensors)
        }
        // Both compare their checksums.
        Kind::Model => {
            Model::load(&file)?.encoder().map_err(|error| unfit_words(&file, error))?;
            ("model", tensors()?)
        }
        Kind::Checkpoint => {
            Checkpoint::load(&file)?.model()?;
            ("checkpoint", tensors()?)
        }
        Kind::Foreign => {
            return Err(Error::WrongKind {
                path: file.into_owned(),
                expected: "a dataset, model or checkpoint of imdb-fast",
                found: "a safetensors file of another program".to_owned(),
                remedy: "it has no checksums to compare".to_owned(),
            });
        }
    };
    let path = harmless(&shown(&file));
    to_stdout(|out| writeln!(out, "{path}: ok, a {what}, {tensors} tensors match their checksums"))
}

/// What is wrong with a model's words, as an error of its file.
fn unfit_words(path: &Path, error: Error) -> Error {
    match error {
        Error::Unfit { reason, remedy, .. } => {
            Error::malformed(path, "the text rules and the vocabulary", reason, remedy)
        }
        other => other,
    }
}
