//! The options of a run.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::TypedValueParser;
use imdb_fast::ensemble::{Ensemble, SelfTraining};
use imdb_fast::nn::{
    Activation, Dense, Embedding, Initializer, LOSSES, RowNorm, hidden_units, loss,
};
use imdb_fast::optimizer::{self, OPTIMIZERS, Schedule};
use imdb_fast::train::{EarlyStopping, FeatureScale, FitOptions, METRICS, Shuffle, metric};
use imdb_fast::{Error, Result};
use serde::{Serialize, Serializer};

use super::network::Network;
use crate::cli::known::{Choice, Known, choice};
use crate::cli::number::number;
use crate::cli::preset::Preset;

/// Train a network; without a dataset, on generated reviews
#[derive(Debug, clap::Args, Serialize)]
#[command(after_help = "\
Examples:
  imdb-fast train                   the book's network on generated reviews
  imdb-fast train imdb --seed 1     on real ones, the first 10,000 held out
  imdb-fast train imdb --epochs 4 --validation 0 --out final
  imdb-fast train mine.safetensors --validation 0.2
  imdb-fast train imdb --hidden 64,64 --activation tanh \\
      --loss mean-squared-error
  imdb-fast train imdb --optimizer sgd:momentum=0.9,nesterov=true \\
      --learning-rate 0.1
  imdb-fast train imdb --hidden none --epochs 2 --batch-size 1 \\
      --feature-scale naive-bayes --row-norm l2 --schedule linear \\
      --optimizer adagrad:initial_accumulator=1e-8,epsilon=0 \\
      --learning-rate 0.3 --bias-optimizer sgd:learning_rate=0.03
  imdb-fast train ngrams.safetensors --preset best
  imdb-fast train --preset best --show-preset      the options it stands for
  imdb-fast train imdb --early-stopping 2 --keep-best
  imdb-fast train imdb --encoding embedding --hidden 16 --learning-rate 0.01
  imdb-fast train large.safetensors --epochs 500 --checkpoint-every 10
  imdb-fast train --resume run      go on after a stop or a kill
  imdb-fast train imdb --init run/model.safetensors --epochs 2 --out further

--encoding multi-hot is the book's first: each review is a row of zeros and ones, one column a word. --encoding embedding is \
its other: the sequence of the word ids, padded and cut to --max-len as Keras' pad_sequences does, an Embedding layer with a \
vector for each word, and GlobalAveragePooling1D, the average of the vectors over all positions. The Dense layers follow. \
Padding has a vector like any word and counts, unless --mask leaves it out. The dataset needs the reviews' sequences: those \
of libsvm text and of `synth --no-sequences` have none, and n-grams have no place in one.

--ensemble and --self-training train many networks and save one, which every other command takes as any model. Their history is \
the mean over the networks. Stopped, they leave nothing behind and start anew; one network that diverges ends them all.

Ctrl-C (SIGINT), SIGTERM and a terminal that closes (SIGHUP) let a run of one network finish its step and save itself in its \
folder; it exits with 130, 143 or 129 and says how it goes on. Under `nohup` a run outlives its terminal. A second signal \
stops it at once. A run that goes on ends with the same model and history, to the bit, as one that was never stopped (with \
the same kernels, on any number of threads); only its times differ. When it \
is finished, its checkpoint is removed.

While a run is on its way, its history is saved in history.partial.json, once a second as epochs end; \
model.safetensors, history.json, history.csv, \
curves.svg and curves.png of an earlier run in the folder stay until it is finished. Where the loss or a weight is not \
finite any more, training stops, and the model of a run of one network is that of the best epoch before: always with \
--keep-best, else where the weights are few for the words of an epoch, since they have to be copied. Where there is none, the last \
checkpoint stays as diverged.safetensors.")]
pub(crate) struct Args {
    /// The dataset, as `imdb-fast import` or `synth` makes it, or `imdb` where `imdb-fast fetch` brought it
    #[serde(serialize_with = "optional_path")]
    pub(crate) dataset: Option<PathBuf>,
    /// Options by name, but for those that are given; a dataset made by `imdb-fast import --preset` of the same name goes with it
    #[arg(long, value_name = "NAME", value_enum, default_value = "book")]
    #[serde(skip)]
    pub(super) preset: Preset,
    /// Print the command lines that --preset stands for, and do nothing else
    #[arg(long, conflicts_with = "dataset")]
    #[serde(skip)]
    pub(super) show_preset: bool,
    /// The folder for model, history and curves; at the end of the run, they replace those of an earlier one
    #[arg(long, short, value_name = "DIR", default_value = "run", value_hint = clap::ValueHint::DirPath)]
    #[serde(serialize_with = "path")]
    pub(crate) out: PathBuf,
    /// How often all reviews are seen
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(super) epochs: usize,
    /// Reviews a step
    #[arg(long, value_name = "N", default_value_t = 512)]
    batch_size: usize,
    /// What is held out: the first N training reviews, or the first part of them, such as 0.4 (Keras' validation_split is the
    /// last); `test`; or 0 for nothing
    #[arg(long, value_name = "N", default_value = "10000")]
    validation: String,
    /// How a review becomes the network's input: multi-hot or embedding; see below
    #[arg(long, value_name = "HOW", value_enum, default_value = "multi-hot")]
    encoding: EncodingArg,
    /// Values of a word's vector, for --encoding embedding [default: 16]
    #[arg(long, value_name = "N")]
    embedding_dim: Option<usize>,
    /// Positions of a review's sequence, for --encoding embedding: of longer ones the last N ids stay [default: 256]
    #[arg(long, value_name = "N")]
    max_len: Option<usize>,
    /// Leave padding out of the average, for --encoding embedding: Keras' mask_zero
    #[arg(long)]
    mask: bool,
    /// Units of the hidden layers, from the first to the last, or `none`
    #[arg(long, value_name = "N,N,...", default_value = "16,16")]
    hidden: String,
    /// Of the hidden layers: relu, tanh, sigmoid, elu, selu, leaky_relu, prelu, gelu, silu, softplus, linear
    #[arg(long, value_name = "NAME", default_value = "relu")]
    #[arg(value_parser = Known::of(Activation::ALL.map(Activation::name)), hide_possible_values = true)]
    activation: String,
    /// binary-crossentropy, mean-squared-error or hinge
    #[arg(long, value_name = "NAME", default_value = "binary-crossentropy")]
    #[arg(value_parser = Known::of(LOSSES), hide_possible_values = true)]
    loss: String,
    /// rmsprop, sgd, adam, adamw or adagrad, with Keras' parameters: `rmsprop:rho=0.9,centered=true`; all but adam take a
    /// weight_decay, decoupled as in adamw. `adam:rows=touched` moves
    /// only the rows of the batch's words, averages and weights, as PyTorch's SparseAdam does
    #[arg(long, value_name = "NAME[:PARAMETER=VALUE,...]", default_value = "rmsprop")]
    #[arg(value_parser = Known::of(OPTIMIZERS), hide_possible_values = true)]
    optimizer: String,
    /// The step size; the optimizer's own default where it is not given
    #[arg(long, alias = "lr", value_name = "RATE", value_parser = number)]
    learning_rate: Option<f32>,
    /// The optimizer of the biases, with its own learning rate: `sgd:learning_rate=0.03`; that of the other weights where it is
    /// `none` or not given
    #[arg(long, value_name = "NAME[:PARAMETER=VALUE,...]")]
    #[arg(value_parser = Known::of(OPTIMIZERS).and_none().map(choice), hide_possible_values = true)]
    bias_optimizer: Option<Choice>,
    /// What becomes of the learning rates, step by step: constant, linear (to 0, or to a part of it: `linear:end=0.1`), cosine
    /// (the same), `exponential:decay_rate=0.5,decay_steps=1000`; each with `warm_up=N` steps from 0, or a part of all,
    /// and `peak=0.5`, the part of the rate that the warm-up ends at and the schedule starts from
    #[arg(long, value_name = "NAME[:PARAMETER=VALUE,...]", default_value = "constant")]
    #[arg(value_parser = Known::of(Schedule::NAMES), hide_possible_values = true)]
    schedule: String,
    /// Leave out each hidden unit with this chance, review by review: Keras' Dropout behind each hidden layer. In training alone
    #[arg(long, value_name = "CHANCE", default_value_t = 0.0, value_parser = number)]
    dropout: f32,
    /// Leave out each word of a review with this chance, anew in each epoch: Keras' Dropout before the first layer. With
    /// --encoding embedding a word goes at all its places together
    #[arg(long, value_name = "CHANCE", default_value_t = 0.0, value_parser = number)]
    word_dropout: f32,
    /// Add X times the sum of all squared kernel weights to what is made small: Keras' regularizer L2. The losses shown,
    /// by which --early-stopping and --keep-best go too, are without it; Keras adds it to its own
    #[arg(long, value_name = "X", default_value_t = 0.0, value_parser = number)]
    l2: f32,
    /// Cut the gradient down to this norm where it is longer, that of all weights and biases taken as one vector: Keras'
    /// global_clipnorm
    #[arg(long, value_name = "NORM", value_parser = number)]
    global_clipnorm: Option<f32>,
    /// What to record besides the loss: accuracy, precision, recall, f1, auc (Keras', of 200 points)
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', default_value = "accuracy")]
    #[arg(value_parser = Known::of(METRICS), hide_possible_values = true)]
    metrics: Vec<String>,
    /// Decides every random number: the same seed gives the same result, to the bit
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// How the reviews are put in another order each epoch: `full`, any order; `blocked`, for files larger than memory,
    /// chunks of 4,096 neighbours in any order and 64 of them mixed; `none`. Where it is not given, `full` up to 1 GiB of words
    #[arg(long, value_name = "HOW", value_enum, conflicts_with = "no_shuffle")]
    shuffle: Option<ShuffleArg>,
    /// Keep the reviews in the order of the dataset, as `--shuffle none`
    #[arg(long)]
    no_shuffle: bool,
    /// Stop when the validation loss has not fallen for N epochs
    #[arg(long, value_name = "N")]
    early_stopping: Option<usize>,
    /// By how much the loss has to fall to count for --early-stopping; --keep-best goes by the lowest whatever the delta, where
    /// Keras' restore_best_weights goes by the delta too
    #[arg(long, value_name = "X", default_value_t = 0.0, requires = "early_stopping")]
    min_delta: f64,
    /// End with the weights of the epoch with the lowest validation loss
    #[arg(long)]
    pub(crate) keep_best: bool,
    /// End with the exponential moving average of the weights over all steps, `ema` or `ema:momentum=0.99`: Keras' use_ema. Validation
    /// on the way is by the weights as they are. `none` is the last weights
    #[arg(long, value_name = "ema[:momentum=M]")]
    #[arg(value_parser = Known::of(["ema"]).and_none().map(choice), hide_possible_values = true)]
    average_weights: Option<Choice>,
    /// Train N networks, each with the next seed and side by side, and make one of them whose logit is the mean of theirs, each
    /// network's divided by their standard deviation over the training reviews
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(super) ensemble: usize,
    /// Use the reviews without a label: what was trained labels them, and a student learns from all; then once more from those
    /// with a label. Parameters: `smoothing=2` of --feature-scale for the student, `fine_tuning_epochs=1` at the end, and
    /// `fine_tuning_rate=0.333`, the part of the learning rate that these begin with. `none` is none of it
    #[arg(long, value_name = "pseudo-labels[:PARAMETER=VALUE,...]", conflicts_with_all = ["early_stopping", "keep_best"])]
    #[arg(value_parser = Known::of(["pseudo-labels"]).and_none().map(choice), hide_possible_values = true)]
    self_training: Option<Choice>,
    /// Save the run every N epochs, or every N steps as in `50steps`; one that is stopped by a signal is saved in any case
    #[arg(long, value_name = "N|Nsteps")]
    #[serde(skip)]
    pub(super) checkpoint_every: Option<Every>,
    /// Go on with the run of a folder, with the options that it began with. Only --epochs and --checkpoint-every may be given
    /// anew, and the dataset if it has moved. To end it with the epoch that it was stopped in, give that as
    /// --epochs. One that is finished is trained further by --init
    #[arg(long, value_name = "DIR")]
    #[serde(skip)]
    pub(crate) resume: Option<PathBuf>,
    /// Start anew where the folder has a run that is not finished, and discard that
    #[arg(long)]
    #[serde(skip)]
    pub(crate) fresh: bool,
    /// Scale each word by its log-count ratio of naive Bayes, counted on the rows that are trained on:
    /// naive-bayes, or naive-bayes:smoothing=A; or `none`
    #[arg(long, value_name = "HOW")]
    #[arg(value_parser = Known::of(FeatureScale::NAMES).and_none().map(choice), hide_possible_values = true)]
    feature_scale: Option<Choice>,
    /// Scale each review's input to length 1 (l2), or leave it (none)
    #[arg(long, value_name = "NORM", default_value = "none")]
    #[arg(value_parser = Known::of(RowNorm::ALL.map(RowNorm::name)), hide_possible_values = true)]
    row_norm: String,
    /// How the weights of the words start: glorot_uniform, zeros (from which relu and prelu never learn), or
    /// `random_uniform:minval=-0.05,maxval=0.05`; Keras' default where it is `none` or not given: glorot_uniform, and of an
    /// embedding random_uniform
    #[arg(long, value_name = "NAME[:PARAMETER=VALUE,...]", conflicts_with = "init")]
    #[arg(value_parser = Known::of(Initializer::NAMES).and_none().map(choice), hide_possible_values = true)]
    first_kernel_initializer: Option<Choice>,
    /// Start from the `embedding.kernel`, `dense_I.kernel`, `.bias` and `.alpha` of a safetensors file; a model brings its scales of
    /// words and reviews, too, and its words have to be the dataset's. Optimizer and epochs begin anew
    #[arg(long, value_name = "MODEL")]
    #[serde(serialize_with = "optional_path")]
    pub(crate) init: Option<PathBuf>,
}

impl Args {
    /// What the run does; checked as far as the arguments alone tell.
    pub(super) fn fit_options(&self) -> Result<FitOptions> {
        let metrics = self.metrics.iter().map(|name| metric(name));
        let options = FitOptions {
            epochs: self.epochs,
            batch_size: self.batch_size,
            validation: self.validation.parse()?,
            shuffle: match self.no_shuffle {
                true => Some(Shuffle::None),
                false => self.shuffle.map(Shuffle::from),
            },
            seed: self.seed,
            loss: loss(&self.loss)?,
            optimizer: optimizer::parse(&self.optimizer, self.learning_rate)?,
            bias_optimizer: chosen(&self.bias_optimizer, optimizer::parse_for_biases)?,
            schedule: self.schedule.parse()?,
            dropout: self.dropout,
            word_dropout: self.word_dropout,
            l2: self.l2,
            global_clipnorm: self.global_clipnorm,
            metrics: metrics.collect::<Result<_>>()?,
            early_stopping: self
                .early_stopping
                .map(|patience| EarlyStopping { patience, min_delta: self.min_delta }),
            keep_best: self.keep_best,
            average_weights: chosen(&self.average_weights, str::parse)?,
            feature_scale: chosen(&self.feature_scale, str::parse)?,
            row_norm: self.row_norm.parse()?,
        };
        options.check()?;
        Ok(options)
    }

    /// The networks of an ensemble, where it is more than a run of one network.
    pub(super) fn ensemble(&self) -> Result<Option<Ensemble>> {
        let &Args { ensemble: members, seed, .. } = self;
        let self_training: Option<SelfTraining> = chosen(&self.self_training, str::parse)?;
        let ensemble = Ensemble { members, seed, self_training };
        ensemble.check()?;
        if members == 1 && self_training.is_none() {
            return Ok(None);
        }
        match self.checkpoint_every {
            None => Ok(Some(ensemble)),
            Some(every) => {
                let expected = "left out beside --ensemble and --self-training: they start anew";
                Err(Error::invalid("--checkpoint-every", every, expected))
            }
        }
    }

    /// The network before its first step.
    pub(super) fn network(&self) -> Result<Network<'_>> {
        let hidden = self.hidden_layers()?;
        let initializer: Option<Initializer> = chosen(&self.first_kernel_initializer, str::parse)?;
        if let Some(initializer) = initializer {
            initializer.check_before(&hidden)?;
        }
        Ok(Network {
            hidden,
            embedding: self.embedding()?,
            initializer,
            init: self.init.as_deref(),
        })
    }

    /// The hidden layers, all with the same activation.
    fn hidden_layers(&self) -> Result<Vec<Dense>> {
        let activation: Activation = self.activation.parse()?;
        let Some(hidden) = hidden_units(&self.hidden) else {
            let expected = "widths from 1 such as 16,16, or `none`";
            return Err(Error::invalid("--hidden", &self.hidden, expected));
        };
        // The default may have been given or not.
        if hidden.is_empty() && activation != Activation::Relu {
            let expected = "left out where there is no hidden layer";
            return Err(Error::invalid("--activation", &self.activation, expected));
        }
        Ok(hidden.into_iter().map(|units| Dense { units, activation }).collect())
    }

    /// The embedding, where the encoding is one.
    fn embedding(&self) -> Result<Option<Embedding>> {
        let &Args { encoding, embedding_dim, max_len, mask, .. } = self;
        if let EncodingArg::Embedding = encoding {
            let default = Embedding::default();
            let embedding = Embedding {
                dim: embedding_dim.unwrap_or(default.dim),
                max_len: max_len.unwrap_or(default.max_len),
                mask,
            };
            embedding.check()?;
            return Ok(Some(embedding));
        }
        let number = |value: Option<usize>| value.map(|value| value.to_string());
        let given = [
            ("--embedding-dim", number(embedding_dim)),
            ("--max-len", number(max_len)),
            ("--mask", mask.then(|| "given".to_owned())),
        ];
        match given.into_iter().find_map(|(option, value)| Some((option, value?))) {
            Some((option, value)) => {
                let expected = "left out, or used together with --encoding embedding";
                Err(Error::invalid(option, value, expected))
            }
            None => Ok(None),
        }
    }
}

/// What an option says that may be `none`.
fn chosen<T>(given: &Option<Choice>, read: impl FnOnce(&str) -> Result<T>) -> Result<Option<T>> {
    given.as_ref().and_then(Option::as_deref).map(read).transpose()
}

/// How often a run is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Every {
    Epochs(usize),
    Steps(usize),
}

impl Every {
    /// Whether a run is to be saved where so many batches of an epoch are done. The end of an epoch is a place of its own, behind
    /// its last batch.
    pub(super) fn is_due(self, epoch: usize, batch: usize, batches: usize) -> bool {
        match self {
            Every::Epochs(n) => batch == 0 && epoch.is_multiple_of(n),
            Every::Steps(n) => batch > 0 && (epoch * batches + batch).is_multiple_of(n),
        }
    }
}

impl FromStr for Every {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Every, &'static str> {
        let (number, unit): (&str, fn(usize) -> Every) =
            match text.strip_suffix("steps").or(text.strip_suffix("step")) {
                Some(number) => (number, Every::Steps),
                None => (text, Every::Epochs),
            };
        match number.trim().parse() {
            Ok(0) | Err(_) => Err("expected a number of epochs from 1, or of steps as in 50steps"),
            Ok(number) => Ok(unit(number)),
        }
    }
}

impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Every::Epochs(n) => write!(f, "{n}"),
            Every::Steps(n) => write!(f, "{n}steps"),
        }
    }
}

/// A path as messages show it: JSON has no way to write one that is not UTF-8.
fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

fn optional_path<S: Serializer>(
    optional: &Option<PathBuf>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match optional {
        Some(some) => path(some, serializer),
        None => serializer.serialize_none(),
    }
}

/// What the network takes of a review.
#[derive(Debug, Clone, Copy, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum EncodingArg {
    /// The set of its words
    MultiHot,
    /// The vectors of the words of its sequence, averaged
    Embedding,
}

/// [`Shuffle`] on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum, serde::Serialize)]
#[serde(rename_all = "lowercase")]
enum ShuffleArg {
    None,
    Full,
    Blocked,
}

impl From<ShuffleArg> for Shuffle {
    fn from(arg: ShuffleArg) -> Shuffle {
        match arg {
            ShuffleArg::None => Shuffle::None,
            ShuffleArg::Full => Shuffle::Full,
            ShuffleArg::Blocked => Shuffle::Blocked,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    #[test]
    fn defaults_are_those_of_the_library() {
        let Command::Train(args) = Cli::parse_from(["imdb-fast", "train"]).command else {
            panic!("it is a training")
        };
        let (options, expected) = (args.fit_options().unwrap(), FitOptions::default());
        assert_eq!(format!("{options:?}"), format!("{expected:?}"));
    }

    #[test]
    fn checkpoints_come_by_epochs_or_steps() {
        let due = |text: &str| {
            let every: Every = text.parse().unwrap();
            assert_eq!(every.to_string(), text);
            // Three epochs of four batches, in the order in which a run asks.
            let places =
                (0..3).flat_map(|epoch| (1..=4).map(move |b| (epoch, b)).chain([(epoch + 1, 0)]));
            places.filter(|&(epoch, batch)| every.is_due(epoch, batch, 4)).collect::<Vec<_>>()
        };
        assert_eq!(due("1"), [(1, 0), (2, 0), (3, 0)]);
        assert_eq!(due("2"), [(2, 0)]);
        assert_eq!(due("5steps"), [(1, 1), (2, 2)]);
        assert_eq!(due("4steps"), [(0, 4), (1, 4), (2, 4)]);
        for wrong in ["0", "0steps", "", "steps", "2epochs", "-1", "1.5"] {
            assert!(wrong.parse::<Every>().unwrap_err().contains("50steps"), "{wrong}");
        }
    }
}
