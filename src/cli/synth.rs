//! `imdb-fast synth`: a dataset of generated reviews.

use imdb_fast::Result;
use imdb_fast::dataset::{self, Synthetic, SyntheticOptions};

use super::{Global, OutputArg};

/// Generate reviews whose statistics follow the IMDB set
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast synth -o reviews.safetensors
  imdb-fast synth -o large.safetensors --reviews 1000000 --words 100000 \\
      --no-sequences --seed 7")]
pub(crate) struct Args {
    #[command(flatten)]
    output: OutputArg,
    /// How many reviews, half of them to train and half to test
    #[arg(long, value_name = "N", default_value_t = SyntheticOptions::default().reviews)]
    reviews: usize,
    /// How many features: words and reserved ids
    #[arg(long, value_name = "N", default_value_t = SyntheticOptions::default().words)]
    words: usize,
    /// Decides every random number
    #[arg(long, value_name = "N", default_value_t = SyntheticOptions::default().seed)]
    seed: u64,
    /// Leave out the words in reading order: a third of the bytes is left, but `decode` and embeddings need
    /// them
    #[arg(long)]
    no_sequences: bool,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let Args { output, reviews, words, seed, no_sequences } = args;
    let options = SyntheticOptions { reviews, words, seed, sequences: !no_sequences };
    let mut source = Synthetic::new(options)?;
    let summary = dataset::write(&mut source, &output.output)?;
    super::import::report(global, &output, &summary);
    Ok(())
}
