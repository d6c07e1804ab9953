//! `imdb-fast import`: from other programs' files to a dataset.

use std::path::PathBuf;

use imdb_fast::Result;
use imdb_fast::dataset;
use imdb_fast::import::{self, Format, ImportOptions, IndexBase, KerasOptions, LibsvmOptions};

use super::{Global, OutputArg, shown, thousands};

/// Make a dataset of Keras' imdb.npz or of libsvm text
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast import imdb.npz --word-index imdb_word_index.json -o imdb.safetensors
  imdb-fast import train.svm --test test.svm -o mine.safetensors")]
pub(crate) struct Args {
    /// The file to import; its format is found out by its content
    source: PathBuf,
    #[command(flatten)]
    output: OutputArg,
    /// The format, where it cannot be found out: keras or libsvm
    #[arg(long)]
    format: Option<Format>,
    #[command(flatten, next_help_heading = "Keras (as keras.datasets.imdb.load_data)")]
    keras: Keras,
    #[command(flatten, next_help_heading = "libsvm")]
    libsvm: Libsvm,
}

#[derive(Debug, clap::Args)]
struct Keras {
    /// Word ranks of Keras' imdb_word_index.json, so that reviews can be decoded
    #[arg(long, value_name = "FILE")]
    word_index: Option<PathBuf>,
    /// Word ids from here on are cut, the reserved ones counted; `all` keeps every word
    #[arg(long, value_name = "N", default_value = "10000", value_parser = number_or("all"))]
    num_words: Choice,
    /// Word ids below this one are cut
    #[arg(long, value_name = "N", default_value_t = 0)]
    skip_top: usize,
    /// Leave out reviews of this many words and more
    #[arg(long, value_name = "N")]
    maxlen: Option<usize>,
    /// Seed of the order of the reviews
    #[arg(long, value_name = "N", default_value_t = 113)]
    seed: u32,
    /// The id that starts each review; `none` for none
    #[arg(long, value_name = "ID", default_value = "1", value_parser = number_or("none"))]
    start_char: Choice,
    /// The id that stands for words that are cut; `none` drops them
    #[arg(long, value_name = "ID", default_value = "2", value_parser = number_or("none"))]
    oov_char: Choice,
    /// What is added to each word's rank
    #[arg(long, value_name = "N", default_value_t = 3)]
    index_from: u32,
    /// The most bytes that one array of the archive may unpack to
    #[arg(long, value_name = "BYTES", default_value_t = KerasOptions::default().max_array_bytes)]
    max_array_bytes: u64,
}

#[derive(Debug, clap::Args)]
struct Libsvm {
    /// A second file, the test split
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// How many features, where the files do not have all of them
    #[arg(long, value_name = "N")]
    features: Option<usize>,
    /// The index of the first feature, 0 or 1; found out where it is not given
    #[arg(long, value_name = "0|1", value_parser = index_base)]
    index_base: Option<IndexBase>,
    /// Take every value but 0 for 1
    #[arg(long)]
    binarize: bool,
}

/// A number, or the word that stands for none.
type Choice = Option<u32>;

fn number_or(
    word: &'static str,
) -> impl Fn(&str) -> Result<Choice, String> + Clone + Send + Sync + 'static {
    move |text| match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) if text == word => Ok(None),
        Err(_) => Err(format!("expected a number or `{word}`")),
    }
}

fn index_base(text: &str) -> Result<IndexBase, String> {
    match text {
        "0" => Ok(IndexBase::Zero),
        "1" => Ok(IndexBase::One),
        _ => Err("expected 0 or 1".to_owned()),
    }
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let Args { source, output, format, keras, libsvm } = args;
    let options = ImportOptions {
        format,
        word_index: keras.word_index,
        keras: KerasOptions {
            num_words: keras.num_words.map(|n| n as usize),
            skip_top: keras.skip_top,
            maxlen: keras.maxlen,
            seed: keras.seed,
            start_char: keras.start_char,
            oov_char: keras.oov_char,
            index_from: keras.index_from,
            max_array_bytes: keras.max_array_bytes,
        },
        libsvm: LibsvmOptions {
            test: libsvm.test,
            features: libsvm.features,
            index_base: libsvm.index_base,
            binarize: libsvm.binarize,
        },
    };
    let mut source = import::open(&source, &options)?;
    for note in source.notes() {
        global.note(note);
    }
    let summary = dataset::write(&mut *source, &output.output)?;
    report(global, &output, &summary);
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
