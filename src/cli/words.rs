//! `imdb-fast words`: the words that move a model most.

use std::path::PathBuf;

use imdb_fast::Result;
use imdb_fast::answer::{Judge, Strongest, WordEffect};
use imdb_fast::report::table::{Align, aligned};
use serde::Serialize;

use super::answers::{Answers, Format, FormatArg};
use super::{Global, open_model};

/// Show the words with the strongest effect on an empty review, both ways
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast words run/model.safetensors
  imdb-fast words run/model.safetensors --top 500 --csv > words.csv

The effect is the probability that a review of this word alone is positive, less that of a review without words. N-grams \
that have a name are shown as well, each by itself, without its words.")]
pub(crate) struct Args {
    /// A model.safetensors
    model: PathBuf,
    /// How many words each way; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 20)]
    top: usize,
    #[command(flatten)]
    format: FormatArg,
}

/// A line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    word: &'a str,
    effect: f32,
    probability: f32,
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let model = open_model(&args.model)?;
    let team = global.team()?;
    let top = if args.top == 0 { usize::MAX } else { args.top };
    let strongest = Judge::new(&model, &team)?.strongest(top)?;
    let Strongest { positive, negative, .. } = &strongest;
    let format = args.format.asked().unwrap_or(Format::Plain);
    let mut answers = Answers::new(format);
    let all = positive.iter().chain(negative.iter().rev());
    match format {
        Format::Plain => plain(&mut answers, &strongest)?,
        Format::Csv => {
            answers.record(["word", "effect", "probability"])?;
            for WordEffect { name, effect, probability } in all {
                answers.record([name, &effect.to_string(), &probability.to_string()])?;
            }
        }
        Format::Jsonl => {
            for &WordEffect { name: ref word, effect, probability } in all {
                answers.json(&Line { word, effect, probability })?;
            }
        }
    }
    answers.flush()
}

/// Two columns beside each other, the strongest words first.
fn plain(answers: &mut Answers, strongest: &Strongest) -> Result<()> {
    let Strongest { empty, positive, negative } = strongest;
    answers.line(format_args!("an empty review: {empty:.4}"))?;
    let cells = |words: &[WordEffect], row: usize| match words.get(row) {
        Some(word) => [format!("{:+.4}", word.effect), word.name.clone()],
        None => [String::new(), String::new()],
    };
    let rows: Vec<Vec<String>> = (0..positive.len().max(negative.len()))
        .map(|row| [cells(positive, row), cells(negative, row)].concat())
        .collect();
    let columns = [Align::Right, Align::Left, Align::Right, Align::Left];
    let table = aligned(&columns, &rows);
    table.lines().try_for_each(|line| answers.line(format_args!("{line}")))
}
