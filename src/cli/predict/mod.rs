//! `imdb-fast predict`: probabilities for reviews, and the reasons for them.

mod batch;
mod dataset;
mod input;
mod lines;
mod text;

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use imdb_fast::answer::Judge;
use imdb_fast::dataset::Split;
use imdb_fast::import::{self, InvalidUtf8, TextOptions};
use imdb_fast::model::Model;
use imdb_fast::{Error, Result};

use super::answers::{ColourArg, Format, FormatArg};
use super::known::parsed;
use super::{Global, missing, on_off, open_model, split};
use dataset::{Rows, rows};
use input::{Source, Texts};
use lines::{Lines, Place, Style};
use text::Answerer;

/// Print the probability that each review is positive, in order: of a dataset, of text in a file or from stdin, or of --text
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("reviews").required(true).args(["input", "text"]))]
#[command(override_usage = "\
imdb-fast predict [OPTIONS] <MODEL> <DATASET|FILE|->
       imdb-fast predict [OPTIONS] <MODEL> --text <REVIEW>...")]
#[command(after_help = "\
Examples:
  imdb-fast predict run/model.safetensors --text 'A fine film' --text 'Boring'
  imdb-fast predict run/model.safetensors --text 'Not bad, was it?' --explain
  imdb-fast predict run/model.safetensors - < reviews.txt
  imdb-fast predict run/model.safetensors reviews.csv --jsonl
  imdb-fast predict run/model.safetensors imdb --rows 0..10 --csv
  imdb-fast predict run/model.safetensors imdb --rows 7..8 --explain

Text needs a model that was trained on a dataset with words: one that `imdb-fast import` made of text, or of imdb.npz with \
--word-index. A review without any word gets the answer that the network has for nothing. From stdin, a review a line is \
answered as it comes; of CSV, TSV, JSON lines or fastText there, --input tells.

--explain tells for each word how much it adds to the probability: what is lost where it is taken out everywhere, with the \
n-grams that hold it. Numbers above 0 made the review more positive. On a terminal it is coloured text, elsewhere JSON lines.")]
pub(crate) struct Args {
    /// A model.safetensors
    model: PathBuf,
    /// A dataset or the name of a fetched one, a file with texts (a review a line, CSV, TSV, JSON lines or fastText), or `-` for stdin; packed by gzip or not
    #[arg(value_name = "DATASET|FILE|-")]
    input: Option<PathBuf>,
    /// A review; may be repeated
    #[arg(long, value_name = "REVIEW", allow_hyphen_values = true)]
    text: Vec<String>,
    /// Tell which words made the answer, and by how much; as JSON lines where the output is no terminal and no format is named
    #[arg(long)]
    explain: bool,
    /// The most words and n-grams a review for --explain; 0 shows all. 10 in plain text, else all
    #[arg(long, value_name = "N", requires = "explain")]
    top: Option<usize>,
    #[command(flatten)]
    format: FormatArg,
    #[command(flatten)]
    colour: ColourArg,
    #[command(flatten, next_help_heading = "Datasets")]
    dataset: DatasetArgs,
    #[command(flatten, next_help_heading = "Text")]
    layout: LayoutArgs,
}

#[derive(Debug, clap::Args)]
struct DatasetArgs {
    /// The reviews: train, test or unlabelled [default: test]
    #[arg(long, value_parser = split(), hide_possible_values = true)]
    split: Option<Split>,
    /// Only the rows from A to before B, counted from 0; either may be left out
    #[arg(long, value_name = "A..B", value_parser = rows)]
    rows: Option<Rows>,
}

#[derive(Debug, clap::Args)]
struct LayoutArgs {
    /// How the texts lie in the file; found out where it is not given, and `lines` for stdin. A table that shows no column for
    /// its texts is refused
    #[arg(long = "input", value_name = "LAYOUT", value_enum)]
    layout: Option<Layout>,
    /// The column or field with the text; found by its usual names where it is not given
    #[arg(long, value_name = "NAME")]
    text_column: Option<String>,
    /// The column or field with the label, which is shown beside the answer
    #[arg(long, value_name = "NAME")]
    label_column: Option<String>,
    /// The first row of a table is a review; columns are named by numbers from 1
    #[arg(long)]
    no_header: bool,
    /// Whether fields of a table may stand in double quotes [default: on for csv, off for tsv]
    #[arg(long, value_name = "on|off", value_parser = on_off(), hide_possible_values = true)]
    quoting: Option<bool>,
    /// What to do with texts, and labels, that are not UTF-8: stop, replace (the bytes at fault) or skip (the review) [default: stop]
    #[arg(long, value_name = "HOW")]
    #[arg(value_parser = parsed::<InvalidUtf8>(InvalidUtf8::ALL.map(InvalidUtf8::name)), hide_possible_values = true)]
    invalid_utf8: Option<InvalidUtf8>,
    /// The most bytes of one review, or of the line that it is in [default: 16777216]
    #[arg(long, value_name = "BYTES")]
    max_text: Option<usize>,
}

/// How texts lie in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Layout {
    /// One text a line
    Lines,
    /// Separated by commas or semicolons, with a header
    Csv,
    /// Tab-separated, with a header
    Tsv,
    /// A JSON object a line
    Jsonl,
    /// `__label__x text`, a label anywhere in its line
    Fasttext,
}

impl Layout {
    /// The format that an import would call it; none for lines.
    fn format(self) -> Option<import::Format> {
        match self {
            Layout::Lines => None,
            Layout::Csv => Some(import::Format::Csv),
            Layout::Tsv => Some(import::Format::Tsv),
            Layout::Jsonl => Some(import::Format::JsonLines),
            Layout::Fasttext => Some(import::Format::Fasttext),
        }
    }

    /// Its name on the command line.
    fn name(self) -> &'static str {
        self.format().map_or("lines", import::Format::name)
    }
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let model = open_model(&args.model)?;
    let Some(input) = &args.input else { return of_arguments(global, &model, &args) };
    if input == Path::new("-") {
        if std::io::stdin().is_terminal() {
            global.note("type a review and press Enter; Ctrl-D ends");
        }
        let stdin = Box::new(std::io::stdin());
        if let Some((option, value)) = args.dataset.given() {
            let expected = "left out: only the reviews of datasets have splits and rows";
            return Err(Error::invalid(option, value, expected));
        }
        let layout = args.layout.layout.unwrap_or(Layout::Lines);
        return of_texts(global, &model, &args, Path::new("stdin"), (stdin, layout));
    }
    let input = &*global.find(input)?;
    let remedy = "a dataset or a file of texts belongs here; a text itself is given by --text";
    match input::look_at(input, args.layout.layout, &args.layout.options())
        .map_err(missing(remedy))?
    {
        Source::Text(file, layout) => {
            if let Some((option, value)) = args.dataset.given() {
                let reason = format!("{} is a file with texts", input.display());
                let remedy = "leave it out: only the reviews of datasets have splits and rows";
                return Err(unfit(option, value, reason, remedy));
            }
            of_texts(global, &model, &args, input, (file, layout))
        }
        Source::Dataset => of_dataset(global, &model, &args, input),
    }
}

fn of_dataset(global: &Global, model: &Model, args: &Args, path: &Path) -> Result<()> {
    if let Some((option, value)) = args.layout.misplaced(None) {
        let remedy = "leave it out, or name a text file, `-` for stdin, or --text";
        let reason = format!("{} is no file with texts", path.display());
        return Err(unfit(option, value, reason, remedy));
    }
    let rows = (args.dataset.split.unwrap_or(Split::Test), args.dataset.rows);
    dataset::run(global, model, path, rows, args.style(Place::Row))
}

fn of_arguments(global: &Global, model: &Model, args: &Args) -> Result<()> {
    if let Some((option, value)) = args.dataset.given().or(args.layout.misplaced(None)) {
        let expected = "left out: --text is the review itself";
        return Err(Error::invalid(option, value, expected));
    }
    let team = global.team()?;
    let judge = Judge::new(model, &team)?;
    let lines = Lines::new(args.style(Place::Review))?;
    let mut answerer = Answerer::new(judge, lines, None);
    let texts: Vec<_> = (1..).zip(&args.text).map(|(n, text)| (n, text.as_str(), None)).collect();
    answerer.answer(&texts)
}

fn of_texts(
    global: &Global,
    model: &Model,
    args: &Args,
    path: &Path,
    (source, layout): (Box<dyn Read + Send>, Layout),
) -> Result<()> {
    let options = args.layout.options();
    options.check()?;
    if let Some((option, value)) = args.layout.misplaced(Some(layout)) {
        let is_stdin = args.input.as_deref() == Some(Path::new("-"));
        if is_stdin || args.layout.layout.is_some() {
            let expected = match args.layout.layout {
                Some(layout) => format!("left out with --input {}", layout.name()),
                None => "used with --input csv, tsv or jsonl: stdin is read as lines".to_owned(),
            };
            return Err(Error::invalid(option, value, expected));
        }
        let reason = format!("{} is read as {}", path.display(), layout.name());
        let remedy = "say how the texts lie there by --input, or leave it out";
        return Err(unfit(option, value, reason, remedy));
    }
    let team = global.team()?;
    let judge = Judge::new(model, &team)?;
    let lines = Lines::new(args.style(Place::Line))?;
    let mut answerer = Answerer::new(judge, lines, Some(path.to_path_buf()));
    let layout = (layout, args.layout.layout.is_some());
    answerer.stream(&Texts::read(source, path.to_path_buf(), layout, options)?)
}

/// An option and its value.
type Given = (&'static str, String);

impl DatasetArgs {
    /// The first option that was given.
    fn given(&self) -> Option<Given> {
        let split = self.split.map(|split| ("--split", split.name().to_owned()));
        split.or_else(|| self.rows.map(|rows| ("--rows", rows.to_string())))
    }
}

impl LayoutArgs {
    /// The first option that was given and means nothing where texts lie so; none has a say where there is no such text.
    fn misplaced(&self, layout: Option<Layout>) -> Option<Given> {
        let is_table = matches!(layout, Some(Layout::Csv | Layout::Tsv));
        let has_fields = is_table || layout == Some(Layout::Jsonl);
        let is_text = layout.is_some();
        let quoting = self.quoting.map(|is_on| if is_on { "on" } else { "off" }.to_owned());
        let options = [
            ("--input", self.layout.map(|layout| layout.name().to_owned()), is_text),
            ("--text-column", self.text_column.clone(), has_fields),
            ("--label-column", self.label_column.clone(), has_fields),
            ("--no-header", self.no_header.then(|| "given".to_owned()), is_table),
            ("--quoting", quoting, is_table),
            ("--invalid-utf8", self.invalid_utf8.map(|how| how.name().to_owned()), is_text),
            ("--max-text", self.max_text.map(|bytes| bytes.to_string()), is_text),
        ];
        let mut misplaced = options.into_iter().filter(|(_, _, has_a_say)| !has_a_say);
        misplaced.find_map(|(option, value, _)| Some((option, value?)))
    }

    /// The options of the library that they stand for.
    fn options(&self) -> TextOptions {
        TextOptions {
            text_column: self.text_column.clone(),
            label_column: self.label_column.clone(),
            header: !self.no_header,
            quoting: self.quoting,
            invalid_utf8: self.invalid_utf8.unwrap_or_default(),
            max_text: self.max_text,
            ..TextOptions::default()
        }
    }
}

impl Args {
    /// How answers are given.
    fn style(&self, place: Place) -> Style {
        let colour = self.colour.is_on();
        // Explanations for people are for the terminal; what reads a pipe wants all of it.
        let format =
            self.format.asked().unwrap_or(match self.explain && !self.colour.is_for_people() {
                true => Format::Jsonl,
                false => Format::Plain,
            });
        let top = match self.top {
            None if format == Format::Plain => 10,
            None | Some(0) => usize::MAX,
            Some(top) => top,
        };
        Style { format, explain: self.explain, colour, top, place }
    }
}

fn unfit(option: &'static str, value: String, reason: String, remedy: &str) -> Error {
    Error::Unfit { option, value, reason, remedy: remedy.to_owned() }
}
