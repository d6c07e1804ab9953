//! The arguments of `imdb-fast import`.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};
use imdb_fast::import::{
    Format, ImportOptions, IndexBase, InvalidUtf8, KerasOptions, KnownWords, LibsvmOptions,
    TextOptions, WordOptions,
};
use imdb_fast::output::folder_of;
use imdb_fast::text::Tokenizer;

use super::super::known::{Known, parsed};
use super::super::number::whole;
use super::super::preset::Preset;
use super::super::{Global, OutputArg, WORD_INDEX, no_stream, on_off};

/// Make a dataset of raw text, of Keras' imdb.npz, or of libsvm text
///
/// Text is the official archive aclImdb_v1.tar.gz or its folder, CSV, TSV, JSON lines, fastText lines, or parquet; all but
/// folders and parquet packed by gzip or not. The format is found out by content. The words of the training reviews make
/// the vocabulary, by frequency, unless --word-index or --vocabulary imposes one.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast import aclImdb_v1.tar.gz -o imdb.safetensors
  imdb-fast import aclImdb_v1.tar.gz --word-index imdb_word_index.json \\
      -o as-keras.safetensors
  imdb-fast import aclImdb_v1.tar.gz --preset best -o ngrams.safetensors
  imdb-fast import reviews.csv --test-fraction 0.2 -o mine.safetensors
  imdb-fast import train.jsonl.gz --test test.jsonl.gz --text-column body \\
      --label-column stars --negative 1,2 --positive 4,5 -o mine.safetensors
  imdb-fast import new.csv --vocabulary run/model.safetensors \\
      -o new.safetensors
  imdb-fast import imdb.npz --word-index imdb_word_index.json \\
      -o imdb.safetensors
  imdb-fast import train.svm --test test.svm -o mine.safetensors")]
pub(crate) struct Args {
    /// The file or folder to import; it may be read twice, so it is no pipe
    #[arg(value_parser = PathBufValueParser::new().try_map(no_stream))]
    pub(super) source: PathBuf,
    #[command(flatten)]
    pub(super) output: OutputArg,
    /// The format, where it cannot be found out: archive, folder, csv, tsv, jsonl, fasttext, keras, libsvm, or parquet where
    /// built with `--features parquet`
    #[arg(long)]
    #[arg(value_parser = parsed::<Format>(Format::ALL.map(Format::name)), hide_possible_values = true)]
    format: Option<Format>,
    /// Options by name, but for those that are given; `imdb-fast train --preset NAME --show-preset` prints them
    #[arg(
        long,
        value_name = "NAME",
        value_enum,
        default_value = "book",
        conflicts_with = "vocabulary"
    )]
    preset: Preset,
    #[command(flatten, next_help_heading = "Splits")]
    splits: Splits,
    #[command(flatten, next_help_heading = "Text files")]
    text: Text,
    #[command(flatten, next_help_heading = "Words of texts")]
    words: Words,
    #[command(flatten, next_help_heading = "Word ids (as keras.datasets.imdb.load_data)")]
    keras: Keras,
    #[command(flatten, next_help_heading = "libsvm")]
    libsvm: Libsvm,
}

#[derive(Debug, clap::Args)]
struct Splits {
    /// A second file of the same format, the test split
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Make this part of the reviews the test split, chosen by --seed
    #[arg(long, value_name = "PART", conflicts_with = "test")]
    test_fraction: Option<f64>,
    /// The column that names each review's split: train, test or unlabelled
    #[arg(long, value_name = "NAME", conflicts_with_all = ["test", "test_fraction"])]
    split_column: Option<String>,
    /// A file of the same format with reviews whose labels do not count
    #[arg(long, value_name = "FILE", conflicts_with = "no_unlabelled")]
    unlabelled: Option<PathBuf>,
    /// Leave out reviews without a label
    #[arg(long)]
    no_unlabelled: bool,
    /// Leave reviews in the order of the source. Otherwise splits that are sorted by class are permuted as Keras permutes,
    /// so that the first reviews are of both classes
    #[arg(long)]
    keep_order: bool,
}

#[derive(Debug, clap::Args)]
struct Text {
    /// The column or field with the text [default: text, review, sentence, content, comment or body]
    #[arg(long, value_name = "NAME")]
    text_column: Option<String>,
    /// The column or field with the label [default: label, sentiment, class, polarity or target]
    #[arg(long, value_name = "NAME")]
    label_column: Option<String>,
    /// Labels that mean a negative review [default: those of common pairs, such as 0 and 1, neg and pos; where only one
    /// side is named, one other label is the other side]
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    negative: Vec<String>,
    /// Labels that mean a positive review
    #[arg(long, value_name = "LABELS", value_delimiter = ',')]
    positive: Vec<String>,
    /// The first row is a review; columns are named by numbers from 1
    #[arg(long)]
    no_header: bool,
    /// Whether fields may stand in double quotes [default: on for csv, off for tsv]
    #[arg(long, value_name = "on|off", value_parser = on_off(), hide_possible_values = true)]
    quoting: Option<bool>,
    /// What to do with reviews that are not UTF-8: stop, replace (the bytes at fault) or skip (the review)
    #[arg(long, value_name = "HOW", default_value = InvalidUtf8::default().name())]
    #[arg(value_parser = parsed::<InvalidUtf8>(InvalidUtf8::ALL.map(InvalidUtf8::name)), hide_possible_values = true)]
    invalid_utf8: InvalidUtf8,
    /// The most bytes that a gzip file may unpack to, and that reviews take besides their texts, 64 each [default: 4294967296]
    #[arg(long, value_name = "BYTES")]
    max_unpacked: Option<u64>,
    /// The most bytes of one review, or of the line that it is in, libsvm's too [default: 16777216]
    #[arg(long, value_name = "BYTES")]
    max_text: Option<usize>,
}

#[derive(Debug, clap::Args)]
struct Words {
    /// Take the words, their ids and how texts are cut into them from this model or dataset, to judge or to train a model on
    /// other reviews; options that would say otherwise are refused
    #[arg(long, value_name = "FILE")]
    #[arg(conflicts_with_all = [
        "tokenizer", "ngrams", "min_count", "count_unlabelled", "hash_bits", "hash_seed", "word_index", "num_words",
        "skip_top", "start_char", "oov_char", "index_from",
    ])]
    vocabulary: Option<PathBuf>,
    /// How texts are cut into words: keras (as its Tokenizer), or words-and-marks (apostrophes stay in words, each mark is
    /// a word)
    #[arg(long, value_name = "NAME", default_value_t)]
    #[arg(value_parser = parsed::<Tokenizer>(Tokenizer::ALL.map(Tokenizer::name)), hide_possible_values = true)]
    tokenizer: Tokenizer,
    /// The most words that make a feature together
    #[arg(long, value_name = "N", default_value_t = WordOptions::default().ngrams)]
    ngrams: usize,
    /// In how many training reviews a word or an n-gram must occur to be a feature, with --word-index an n-gram alone
    /// [default: words by rank alone, n-grams in 5]
    #[arg(long, value_name = "N")]
    min_count: Option<u32>,
    /// Count words and n-grams in the reviews without a label too, not in those to train on alone; with --word-index n-grams
    /// alone
    #[arg(long, conflicts_with = "no_unlabelled")]
    count_unlabelled: bool,
    /// Make 2^B features: words keep their ids, below --num-words, and n-grams share the others by a hash, instead of each
    /// frequent one having its own
    #[arg(long, value_name = "B", conflicts_with = "min_count")]
    hash_bits: Option<u32>,
    /// Seed of the hash, with --hash-bits
    #[arg(long, value_name = "N", default_value_t = WordOptions::default().hash_seed)]
    hash_seed: u64,
}

#[derive(Debug, clap::Args)]
struct Keras {
    /// Word ranks of Keras' imdb_word_index.json: the words of imdb.npz, or the ranks to give to words of texts
    #[arg(long, value_name = "FILE")]
    word_index: Option<PathBuf>,
    /// Word ids from here on are cut, the reserved ones counted; `all`, Keras' default, keeps every word
    #[arg(long, value_name = "N", default_value = "10000", value_parser = number_or("all"))]
    num_words: Choice,
    /// Word ids below this one are cut
    #[arg(long, value_name = "N", default_value_t = KerasOptions::default().skip_top)]
    skip_top: usize,
    /// Leave out reviews of this many word ids and more; the mark of the start is one
    #[arg(long, value_name = "N")]
    maxlen: Option<usize>,
    /// Seed of the order of the reviews
    #[arg(long, value_name = "N", default_value_t = KerasOptions::default().seed)]
    seed: u32,
    /// The id that starts each review; `none` for none
    #[arg(long, value_name = "ID", default_value = "1", value_parser = number_or("none"))]
    start_char: Choice,
    /// The id that stands for words that are cut; `none` drops them
    #[arg(long, value_name = "ID", default_value = "2", value_parser = number_or("none"))]
    oov_char: Choice,
    /// What is added to each word's rank
    #[arg(long, value_name = "N", default_value_t = KerasOptions::default().index_from)]
    index_from: u32,
    /// The most bytes that one array of imdb.npz may unpack to
    #[arg(long, value_name = "BYTES", default_value_t = KerasOptions::default().max_array_bytes)]
    max_array_bytes: u64,
}

#[derive(Debug, clap::Args)]
struct Libsvm {
    /// How many features, where the files do not have all of them
    #[arg(long, value_name = "N")]
    features: Option<usize>,
    /// The index of the first feature, 0 or 1; found out where it is not given
    #[arg(long, value_name = "0|1", value_parser = index_base(), hide_possible_values = true)]
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
    move |text| match text == word {
        true => Ok(None),
        false => whole(text, &format!("expected a number or `{word}`")).map(Some),
    }
}

fn index_base() -> impl TypedValueParser<Value = IndexBase> {
    Known::of(["0", "1"]).try_map(|text| match &*text {
        "0" => Ok(IndexBase::Zero),
        "1" => Ok(IndexBase::One),
        _ => Err("expected 0 or 1"),
    })
}

impl Args {
    /// The files that are read, but for that of the vocabulary, and what belongs in the place of each.
    pub(super) fn inputs(&self) -> impl Iterator<Item = (&PathBuf, &'static str)> {
        let reviews = "a file of reviews belongs here, or the folder of the archive";
        let second =
            "a second file of reviews belongs here; --test-fraction makes the test split of a part";
        let Splits { test, unlabelled, .. } = &self.splits;
        [
            (Some(&self.source), reviews),
            (test.as_ref(), second),
            (unlabelled.as_ref(), reviews),
            (self.keras.word_index.as_ref(), WORD_INDEX),
        ]
        .into_iter()
        .filter_map(|(path, remedy)| Some((path?, remedy)))
    }

    /// The second file, the test split.
    pub(super) fn test(&self) -> Option<&PathBuf> {
        self.splits.test.as_ref()
    }

    /// The model or dataset whose words are taken over, which may be the name of a fetched one.
    pub(super) fn vocabulary(&self) -> Option<&PathBuf> {
        self.words.vocabulary.as_ref()
    }

    /// The options of the library that they stand for, with the words that are taken over.
    pub(super) fn options(&self, global: &Global, vocabulary: Option<KnownWords>) -> ImportOptions {
        let Args { splits, text, words, keras, libsvm, .. } = self;
        ImportOptions {
            format: self.format,
            word_index: keras.word_index.clone(),
            vocabulary,
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
                features: libsvm.features,
                index_base: libsvm.index_base,
                binarize: libsvm.binarize,
            },
            text: TextOptions {
                test: splits.test.clone(),
                unlabelled: splits.unlabelled.clone(),
                test_fraction: splits.test_fraction,
                text_column: text.text_column.clone(),
                label_column: text.label_column.clone(),
                split_column: splits.split_column.clone(),
                header: !text.no_header,
                quoting: text.quoting,
                negative: text.negative.clone(),
                positive: text.positive.clone(),
                keep_order: splits.keep_order,
                with_unlabelled: !splits.no_unlabelled,
                invalid_utf8: text.invalid_utf8,
                max_unpacked: text.max_unpacked,
                max_text: text.max_text,
                threads: global.threads,
                spool: Some(folder_of(&self.output.output).to_path_buf()),
            },
            words: WordOptions {
                tokenizer: words.tokenizer,
                ngrams: words.ngrams,
                min_count: words.min_count,
                count_unlabelled: words.count_unlabelled,
                hash_bits: words.hash_bits,
                hash_seed: words.hash_seed,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use imdb_fast::import::ImportOptions;

    use crate::cli::{Cli, Command};

    #[test]
    fn defaults_are_those_of_the_library() {
        let Cli { global, command } = Cli::parse_from(["imdb-fast", "import", "a", "-o", "b"]);
        let Command::Import(args) = command else { panic!("it is an import") };
        let (options, expected) = (args.options(&global, None), ImportOptions::default());
        assert_eq!(options.keras, expected.keras);
        assert_eq!(options.words, expected.words);
        assert_eq!(options.libsvm, expected.libsvm);
    }
}
