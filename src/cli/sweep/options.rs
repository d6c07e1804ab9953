//! The options of a sweep.

use std::path::PathBuf;

use imdb_fast::nn::{Activation, Initializer, LOSSES, RowNorm};
use imdb_fast::optimizer::{OPTIMIZERS, Schedule};
use imdb_fast::sweep::{
    Configuration, Design, Grid, Judging, Measure, OPTIONS, SweepFile, hidden_layers, named_values,
};
use imdb_fast::train::{FeatureScale, FitOptions};
use imdb_fast::{Error, Result};

use crate::cli::known::Known;
use crate::cli::missing;
use crate::cli::number::number;

/// Train many configurations in parallel, compare them, and train the best one on all reviews
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast sweep imdb --book                   the book's further experiments
  imdb-fast sweep imdb --hidden none/16/16,16 --activation relu,tanh --seeds 3
  imdb-fast sweep imdb --optimizer rmsprop,adam --learning-rate 0.001,0.0003 \\
      --folds 5
  imdb-fast sweep imdb --config sweep.toml -o mine
  imdb-fast sweep --resume                      go on after a stop
  imdb-fast sweep --resume mine
  imdb-fast report sweep -o sweep.html          table and curves as one page
  imdb-fast report sweep/best -o best.html      its best model

Every combination of the values is a configuration; what is not named is the book's. Each has a run for each seed, and with \
--folds for each fold: an equal part of the training reviews that is held out in turn, the reviews of one film together where \
the dataset knows the films. Each run has one thread, and as many are trained at a time as there are threads, and as memory \
has room for. All read the one dataset.

Configurations are compared by the mean of the measure over their runs, at the epoch where that mean is best; at the last \
epoch where the learning rate follows a schedule over the whole run, since a shorter one would follow it in another way; behind ± stands the standard deviation of the runs (n - 1). The \
best one is trained again on all training reviews for so many epochs, with the first seed, and only then judged on the test split, \
which has no say in the choice: it is the run in the folder `best`. The folder also has results.csv (a line a configuration), \
results.json (all of every run), and in `runs` each run that is done, by which a sweep goes on.

A file for --config, in TOML; each part may be left out, but for one configuration:
  seeds = 5                # how many; the first one is `seed`
  folds = 5                # or validation = 10000
  by = \"val_loss\"          # or \"val_accuracy\"

  [grid]                   # all combinations
  hidden = [[16], [16, 16]]  # lists of widths; [] is no hidden layer
  activation = [\"relu\", \"tanh\"]

  [[configuration]]        # and single ones
  name = \"slow\"
  hidden = [64, 64]
  optimizer = \"adam\"
  learning_rate = 1e-4

Its keys: hidden, activation, loss, optimizer, learning_rate, bias_optimizer, batch_size, epochs, schedule, \
first_kernel_initializer, dropout, word_dropout, l2, feature_scale, row_norm.")]
pub(crate) struct Args {
    /// The dataset, as `imdb-fast import` or `synth` makes it, or `imdb` where `imdb-fast fetch` brought it; generated reviews
    /// where it is not given
    pub(super) dataset: Option<PathBuf>,
    /// The folder for the results [default: sweep]
    #[arg(long, short, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub(super) out: Option<PathBuf>,
    /// The book's further experiments: 1 or 3 hidden layers, 32 or 64 units, mean squared error, tanh, and its own model
    #[arg(long, conflicts_with_all = OPTIONS, conflicts_with = "config")]
    book: bool,
    /// Configurations from a TOML file; see below
    #[arg(long, value_name = "FILE", conflicts_with_all = OPTIONS, value_hint = clap::ValueHint::FilePath)]
    config: Option<PathBuf>,
    /// Units of the hidden layers: `/` between networks, `,` between the layers of one, as in 16/16,16/64,64; or `none`
    #[arg(long, value_name = "N,N/N,...")]
    hidden: Option<String>,
    /// Activations of the hidden layers
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    #[arg(value_parser = Known::of(Activation::ALL.map(Activation::name)), hide_possible_values = true)]
    activation: Vec<String>,
    /// Losses
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    #[arg(value_parser = Known::of(LOSSES), hide_possible_values = true)]
    loss: Vec<String>,
    /// Optimizers, with Keras' parameters: `rmsprop,sgd:momentum=0.9,nesterov=true,adam`
    #[arg(long, value_name = "NAME[:PARAMETER=VALUE,...],...")]
    #[arg(value_parser = Known::of(OPTIMIZERS), hide_possible_values = true)]
    optimizer: Option<String>,
    /// Step sizes
    #[arg(long, value_name = "RATE,...", value_delimiter = ',', value_parser = number)]
    learning_rate: Vec<f32>,
    /// Optimizers of the biases: `none,sgd:learning_rate=0.03`
    #[arg(long, value_name = "NAME[:PARAMETER=VALUE,...],...")]
    #[arg(value_parser = Known::of(OPTIMIZERS).and_none(), hide_possible_values = true)]
    bias_optimizer: Option<String>,
    /// Reviews a step
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    batch_size: Vec<usize>,
    /// How often all reviews are seen
    #[arg(long, value_name = "N,...", value_delimiter = ',')]
    epochs: Vec<usize>,
    /// Schedules of the learning rate: `constant,linear:end=0.1,warm_up=100,cosine`
    #[arg(long, value_name = "NAME[:PARAMETER=VALUE,...],...")]
    #[arg(value_parser = Known::of(Schedule::NAMES), hide_possible_values = true)]
    schedule: Option<String>,
    /// How the weights of the words start: `none,zeros,random_uniform:minval=-0.05,maxval=0.05`
    #[arg(long, value_name = "NAME[:PARAMETER=VALUE,...],...")]
    #[arg(value_parser = Known::of(Initializer::NAMES).and_none(), hide_possible_values = true)]
    first_kernel_initializer: Option<String>,
    /// Chances that a hidden unit is left out
    #[arg(long, value_name = "CHANCE,...", value_delimiter = ',', value_parser = number)]
    dropout: Vec<f32>,
    /// Chances that a word is left out
    #[arg(long, value_name = "CHANCE,...", value_delimiter = ',', value_parser = number)]
    word_dropout: Vec<f32>,
    /// Penalties on the squares of the kernels' weights
    #[arg(long, value_name = "X,...", value_delimiter = ',', value_parser = number)]
    l2: Vec<f32>,
    /// Scales of the words: `none,naive-bayes`
    #[arg(long, value_name = "HOW,...", value_delimiter = ',')]
    #[arg(value_parser = Known::of(FeatureScale::NAMES).and_none(), hide_possible_values = true)]
    feature_scale: Vec<String>,
    /// Lengths of the reviews' inputs: `none,l2`
    #[arg(long, value_name = "NORM,...", value_delimiter = ',')]
    #[arg(value_parser = Known::of(RowNorm::ALL.map(RowNorm::name)), hide_possible_values = true)]
    row_norm: Vec<String>,
    /// How many seeds each configuration is trained with [default: 5; 1 with --folds]
    #[arg(long, value_name = "N")]
    seeds: Option<usize>,
    /// The first seed [default: 0]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Hold out each of N parts of the training reviews in turn
    #[arg(long, value_name = "N", conflicts_with = "validation")]
    folds: Option<usize>,
    /// Hold out the first N training reviews, or the first part of them, such as 0.4 [default: 10000]
    #[arg(long, value_name = "N")]
    validation: Option<String>,
    /// What is best: val_loss, the default where all have one loss, or val_accuracy
    #[arg(long, value_name = "MEASURE")]
    #[arg(value_parser = Known::of(Measure::ALL.map(Measure::name)), hide_possible_values = true)]
    by: Option<String>,
    /// Go on with the sweep in a folder: DIR, or that of --out. Other options may be left out, or all be given again that it began with
    #[arg(long, value_name = "DIR", num_args = 0..=1, value_hint = clap::ValueHint::DirPath, conflicts_with = "fresh")]
    pub(super) resume: Option<Option<PathBuf>>,
    /// Start anew where the folder has a sweep already, and discard that
    #[arg(long)]
    pub(super) fresh: bool,
    /// Do not train the best configuration again
    #[arg(long)]
    pub(super) no_refit: bool,
}

/// The most seeds.
const MOST_SEEDS: usize = 10_000;

/// What the arguments, and a file that they name, ask for; what they leave open is none.
#[derive(Debug, Default)]
pub(super) struct Asked {
    configurations: Option<Vec<Configuration>>,
    /// Combinations of the grid that are the same network as others.
    pub(super) left_out: usize,
    seed: Option<u64>,
    seeds: Option<usize>,
    judging: Option<Judging>,
    by: Option<Measure>,
}

impl Args {
    pub(super) fn folder(&self) -> PathBuf {
        let named = self.resume.clone().flatten().or(self.out.clone());
        named.unwrap_or_else(|| "sweep".into())
    }

    /// What is asked for. An option goes before what the file says.
    pub(super) fn asked(&self) -> Result<Asked> {
        if let (Some(Some(_)), Some(out)) = (&self.resume, &self.out) {
            let expected = "left out where --resume names the folder";
            return Err(Error::invalid("--out", out.display(), expected));
        }
        let mut asked = Asked::default();
        if let Some(path) = &self.config {
            let remedy = "a TOML file such as that of `imdb-fast sweep --help` belongs here";
            let file = SweepFile::read(path).map_err(missing(remedy))?;
            asked.configurations = Some(file.configurations);
            asked.left_out = file.left_out;
            (asked.seed, asked.seeds, asked.by) = (file.seed, file.seeds, file.by);
            asked.judging =
                file.folds.map(Judging::Folds).or(file.validation.map(Judging::Holdout));
        } else if self.book {
            asked.configurations = Some(Configuration::book());
        } else {
            let grid = self.grid()?;
            if grid != Grid::default() {
                let (configurations, left_out) = grid.configurations()?;
                (asked.configurations, asked.left_out) = (Some(configurations), left_out);
            }
        }
        asked.configurations.iter_mut().flatten().for_each(Configuration::normalise);
        asked.seed = self.seed.or(asked.seed);
        asked.seeds = self.seeds.or(asked.seeds);
        if let Some(folds) = self.folds {
            asked.judging = Some(Judging::Folds(folds));
        }
        if let Some(text) = &self.validation {
            asked.judging = Some(Judging::Holdout(text.parse()?));
        }
        if let Some(name) = &self.by {
            asked.by = Some(name.parse()?);
        }
        Ok(asked)
    }

    fn grid(&self) -> Result<Grid> {
        let named = |values: &Option<String>| values.as_deref().map_or_else(Vec::new, named_values);
        Ok(Grid {
            hidden: self.hidden.as_deref().map_or(Ok(Vec::new()), hidden_layers)?,
            activation: self.activation.clone(),
            loss: self.loss.clone(),
            optimizer: named(&self.optimizer),
            learning_rate: self.learning_rate.clone(),
            bias_optimizer: named(&self.bias_optimizer),
            batch_size: self.batch_size.clone(),
            epochs: self.epochs.clone(),
            schedule: named(&self.schedule),
            first_kernel_initializer: named(&self.first_kernel_initializer),
            dropout: self.dropout.clone(),
            word_dropout: self.word_dropout.clone(),
            l2: self.l2.clone(),
            feature_scale: self.feature_scale.clone(),
            row_norm: self.row_norm.clone(),
        })
    }
}

impl Asked {
    /// A whole design: what was left open is the default.
    pub(super) fn design(self) -> Result<Design> {
        let judging = self.judging.unwrap_or(Judging::Holdout(FitOptions::default().validation));
        let seeds = self.seeds_with(judging)?;
        let configurations = self.configurations.unwrap_or_else(|| vec![Configuration::default()]);
        Design::new(configurations, seeds, judging, self.by)
    }

    fn seeds_with(&self, judging: Judging) -> Result<Vec<u64>> {
        let default = if let Judging::Folds(_) = judging { 1 } else { 5 };
        let (first, count) = (self.seed.unwrap_or(0), self.seeds.unwrap_or(default));
        if count == 0 || count > MOST_SEEDS {
            return Err(Error::invalid("--seeds", count, format!("1 to {MOST_SEEDS}")));
        }
        let last = first.checked_add(count as u64 - 1);
        let last = last.ok_or_else(|| Error::invalid("--seed", first, "a smaller number"))?;
        Ok((first..=last).collect())
    }

    /// The first option that asks for something else than a design has.
    pub(super) fn differs_from(self, design: &Design) -> Result<Option<&'static str>> {
        if let Some(asked) = &self.configurations
            && asked != design.configurations()
        {
            return Ok(Some("the configurations"));
        }
        if self.judging.is_some_and(|asked| asked != design.judging()) {
            return Ok(Some("--folds or --validation"));
        }
        let names_seeds = self.seed.is_some() || self.seeds.is_some();
        if names_seeds && self.seeds_with(design.judging())? != design.seeds() {
            return Ok(Some("--seeds or --seed"));
        }
        Ok(self.by.filter(|&asked| asked != design.by()).map(|_| "--by"))
    }
}
