//! `imdb-fast inspect`: what a file holds.

use std::path::PathBuf;

use imdb_fast::Result;
use imdb_fast::container::{Container, Kind, kind_of};
use imdb_fast::dataset::Dataset;
use imdb_fast::model::Model;
use imdb_fast::nn::{Architecture, Embedding};
use imdb_fast::report::table::{Align, aligned};
use imdb_fast::text::{Rules, Vocabulary};
use imdb_fast::train::Checkpoint;

use super::{Global, count, missing, shown, thousands, to_stdout};

/// Show what a dataset, a model, a checkpoint or another safetensors file holds
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast inspect imdb
  imdb-fast inspect run/model.safetensors")]
pub(crate) struct Args {
    /// The file, or the name of a fetched dataset
    file: PathBuf,
}

type Rows = Vec<Vec<String>>;

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let file = global.find(&args.file)?;
    let mut facts: Rows = vec![row("file", shown(&file))];
    let kind = kind_of(&file).map_err(missing("a dataset, model or checkpoint belongs here"))?;
    // No two readers of the file at a time: where it is not mapped, each has all of it in memory.
    let tensors = if kind == Kind::Dataset {
        let opened = Dataset::open(&file, global.access())?;
        let tensors = tensors(opened.container(), &mut facts);
        dataset(&opened, &mut facts)?;
        tensors
    } else {
        let tensors = tensors(&Container::open(&file, global.access())?, &mut facts);
        match kind {
            Kind::Model => model(&Model::load(&file)?, &mut facts),
            Kind::Checkpoint => checkpoint(&Checkpoint::load(&file)?, &mut facts),
            _ => facts.push(row("kind", "safetensors of another program")),
        }
        tensors
    };
    to_stdout(|out| {
        write!(out, "{}", aligned(&[Align::Left, Align::Left], &facts))?;
        write!(out, "\n{}", aligned(&[Align::Left, Align::Left, Align::Left], &tensors))
    })
}

fn row(name: &str, value: impl Into<String>) -> Vec<String> {
    vec![name.to_owned(), value.into()]
}

/// The tensors of a file, whose size joins the facts.
fn tensors(container: &Container, facts: &mut Rows) -> Rows {
    facts.push(row("bytes", thousands(container.len() as u64)));
    let tensors = container.tensors();
    tensors.map(|(name, dtype, shape)| vec![name, dtype, format!("{shape:?}")]).collect()
}

fn dataset(dataset: &Dataset, facts: &mut Rows) -> Result<()> {
    facts.push(row("kind", "dataset"));
    facts.push(row("features", thousands(dataset.features() as u64)));
    for split in dataset.splits() {
        let csr = dataset.csr(split)?;
        let positive = match split.is_labelled() {
            true => Some(dataset.labels(split)?.iter().map(|&label| u64::from(label)).sum()),
            false => None,
        };
        let value = of_split(csr.rows() as u64, csr.nnz() as u64, positive);
        facts.push(row(split.name(), value));
    }
    text(dataset.vocabulary(), dataset.text_rules(), facts);
    facts.push(row("options", dataset.options()));
    Ok(())
}

/// What a split holds. How many reviews are positive shows what an accuracy is worth.
pub(super) fn of_split(reviews: u64, nnz: u64, positive: Option<u64>) -> String {
    let (reviews, nnz) = (count(reviews, "review", "reviews"), count(nnz, "nonzero", "nonzeros"));
    let positive = positive.map(|positive| format!(", {} positive", thousands(positive)));
    format!("{reviews}, {nnz}{}", positive.unwrap_or_default())
}

/// The words, and the rules by which text becomes ids.
fn text(vocabulary: Option<&Vocabulary>, rules: Option<&Rules>, facts: &mut Rows) {
    let words = vocabulary.map_or("none".to_owned(), |vocabulary| {
        let ids = vocabulary.len() as u32;
        let runs_from = rules.map_or(ids, |rules| ids.min(rules.num_words as u32));
        let first = rules.map_or(0, |rules| runs_from.min(rules.skip_top as u32));
        let named = |ids: std::ops::Range<u32>| {
            ids.filter(|&id| vocabulary.word(id).is_some()).count() as u64
        };
        let mut words = count(named(first..runs_from), "word", "words");
        if runs_from < ids {
            let ngrams = count(named(runs_from..ids), "n-gram", "n-grams");
            words.push_str(&format!(", {ngrams}"));
        }
        let cut = named(0..first) + vocabulary.cut_words().count() as u64;
        if cut > 0 {
            words.push_str(&format!(", {} more that are cut", thousands(cut)));
        }
        words
    });
    facts.push(row("vocabulary", words));
    facts.push(row("text", rules.map_or("no rules".to_owned(), Rules::to_json)));
}

/// What a network takes of a review.
fn encoding(embedding: Option<Embedding>) -> String {
    let Some(Embedding { dim, max_len, mask }) = embedding else { return "multi-hot".to_owned() };
    let padding = if mask { "padding is left out" } else { "padding counts" };
    format!("embedding of {dim} values, averaged over {max_len} positions, {padding}")
}

fn model(model: &Model, facts: &mut Rows) {
    facts.push(row("kind", "model"));
    network(model.architecture(), facts);
    if let Some(scale) = model.input_scale() {
        facts.push(row("input scale", scale.to_string()));
    }
    text(model.vocabulary.as_ref(), model.text.as_ref(), facts);
    facts.push(row("training", model.training.to_string()));
}

fn checkpoint(checkpoint: &Checkpoint, facts: &mut Rows) {
    let of = |done: usize, all: usize| {
        format!("{} of {}", thousands(done as u64), thousands(all as u64))
    };
    facts.push(row("kind", "checkpoint of a run"));
    network(checkpoint.architecture(), facts);
    facts.push(row("epochs done", of(checkpoint.epoch(), checkpoint.epochs())));
    facts.push(row("batches of the next", of(checkpoint.batch(), checkpoint.batches())));
    facts.push(row("dataset", checkpoint.dataset()));
    facts.push(row("kernels", checkpoint.kernels()));
    facts.push(row("notes", checkpoint.notes().to_string()));
}

fn network(architecture: &Architecture, facts: &mut Rows) {
    let layers: Vec<String> = architecture
        .layers()
        .iter()
        .map(|layer| format!("{} {}", layer.units, layer.activation))
        .collect();
    facts.push(row("inputs", thousands(architecture.inputs() as u64)));
    facts.push(row("encoding", encoding(architecture.embedding())));
    facts.push(row("layers", layers.join(", ")));
    facts.push(row("parameters", thousands(architecture.parameters() as u64)));
}
