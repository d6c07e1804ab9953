//! The commands: one file each, an `Args` and a `run`.
//!
//! Data goes to stdout, progress and warnings to stderr. Exit code 0 is success, 1 a failure of data or system, 2 wrong
//! arguments; 129, 130 or 143 says which signal has stopped it.

mod answers;
mod cache;
mod completions;
mod decode;
mod elsewhere;
mod evaluate;
mod export;
mod fetch;
mod folders;
mod import;
mod info;
mod inspect;
mod known;
mod lock;
mod man;
mod number;
mod plot;
mod predict;
mod preset;
mod progress;
mod report;
mod stop;
mod sweep;
mod synth;
mod terminal;
mod train;
mod verify;
mod words;

#[cfg(test)]
mod tests;

use std::any::TypeId;
use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Write};
use std::num::{IntErrorKind, ParseFloatError, ParseIntError};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;

use clap::builder::styling::AnsiColor;
use clap::builder::{PathBufValueParser, RangedU64ValueParser, StyledStr, TypedValueParser};
use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, Args, CommandFactory, Parser, Subcommand};
use imdb_fast::container::{self, Access};
use imdb_fast::dataset::{Dataset, Split};
use imdb_fast::kernel::{LEVEL_VARIABLE, Level};
use imdb_fast::model::Model;
use imdb_fast::nn::{Loss, loss};
use imdb_fast::report::table::{count, thousands};
use imdb_fast::train::Team;
use imdb_fast::{Error, Result};
use known::Known;
use number::SMALLER;
use terminal::Tame;

/// Train and run small neural networks on sparse text features, at the speed of the memory system
#[derive(Debug, Parser)]
// Errors' usage begins with this name, whatever the file is called.
#[command(bin_name = "imdb-fast")]
#[command(version, arg_required_else_help = true, after_help = AFTER_HELP)]
#[command(mut_args(takes_negative_numbers))]
#[command(mut_subcommands(|command| command.mut_args(takes_negative_numbers)))]
struct Cli {
    #[command(flatten, next_help_heading = "Global options")]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// An option that is given a number below 0 says itself what is wrong with it: clap would take the number for an option. That
/// stays so before paths, lest a slip makes a file of that name.
fn takes_negative_numbers(arg: Arg) -> Arg {
    let is_path = arg.get_value_parser().type_id() == TypeId::of::<PathBuf>();
    let is_option = !arg.is_positional() && arg.get_action().takes_values();
    arg.allow_negative_numbers(is_option && !is_path)
}

const AFTER_HELP: &str = "\
Examples:
  imdb-fast train                   the book's network on generated reviews
  imdb-fast fetch                   get Keras' reviews, once
  imdb-fast train imdb              the same network on the reviews fetched
  imdb-fast train imdb --epochs 4 --validation 0 --out final
  imdb-fast evaluate final/model.safetensors imdb
  imdb-fast predict final/model.safetensors imdb --rows 0..10
  imdb-fast predict final/model.safetensors --text 'Not bad at all.' --explain
  imdb-fast words final/model.safetensors
  imdb-fast report final -o report.html
  imdb-fast sweep imdb --book       the book's further experiments, compared

Or of files that are here:
  imdb-fast import imdb.npz --word-index imdb_word_index.json -o x.safetensors
  imdb-fast train x.safetensors

A dataset is named by its path, or as `imdb` or `imdb-stanford` once `fetch` has brought it.

Environment:
  NO_COLOR                no colours in any output, where it is not empty
  CLICOLOR                0: no colours
  CLICOLOR_FORCE          1: colours also where the output is no terminal
  IMDB_FAST_CACHE         the folder of what was fetched, as --cache
  IMDB_FAST_KERNEL        portable, avx2 or avx512: the kernels to use
  HTTPS_PROXY, NO_PROXY   the proxy for `fetch`, and what is reached without

Exit codes: 0 success, 1 a file or the system is at fault, 2 the arguments are; 129, 130, 143 after SIGHUP, SIGINT, SIGTERM \
(unless it was ignored from the start, as `nohup` has it): a training run or a sweep that has begun has then saved itself; \
before that, as of all other commands, nothing is left of the files that they write, but for the beginning of a download, from \
which `fetch` goes on.";

/// Options of every command.
#[derive(Debug, Args)]
struct Global {
    /// Threads to use; 0 is one for each core that the system lets it have, whatever OMP_NUM_THREADS says. The results do not
    /// depend on it
    #[arg(long, global = true, value_name = "N", default_value_t = 0)]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(..=Team::MAX_THREADS as u64))]
    threads: usize,
    /// Say nothing but data, warnings and errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Read datasets whole instead of mapping them, where other programs may change files in use
    #[arg(long, global = true)]
    no_mmap: bool,
    /// The folder of fetched files and datasets; IMDB_FAST_CACHE or the platform's where it is not given
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    cache: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fetch(fetch::Args),
    Import(Box<import::Args>),
    Train(Box<train::Args>),
    Sweep(Box<sweep::Args>),
    Evaluate(evaluate::Args),
    Predict(Box<predict::Args>),
    Words(words::Args),
    Export(export::Args),
    Decode(decode::Args),
    Inspect(inspect::Args),
    Verify(verify::Args),
    Plot(plot::Args),
    Report(report::Args),
    Synth(synth::Args),
    Info(info::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Command {
    /// Whether it writes files. Training and sweeps save themselves at a signal, once they have begun.
    fn writes(&self) -> bool {
        matches!(
            self,
            Command::Fetch(_)
                | Command::Import(_)
                | Command::Train(_)
                | Command::Sweep(_)
                | Command::Export(_)
                | Command::Plot(_)
                | Command::Report(_)
                | Command::Synth(_)
                | Command::Man(_)
        )
    }
}

/// Parses the arguments, runs the command, reports its error.
pub(crate) fn main() -> ExitCode {
    let outcome = match preset::parse(std::env::args_os()) {
        Ok(Cli { global, command }) => {
            blame_changed_files();
            stop::outlive_file_limit().and_then(|()| run(&global, command))
        }
        Err(error) if error.use_stderr() => {
            // Nobody listens on a closed stderr.
            let _ = write!(anstream::stderr(), "{}", in_words(error));
            return ExitCode::from(2);
        }
        // Help and version, which are data as any other.
        Err(told) => told.print().map(|()| ExitCode::SUCCESS).map_err(stdout_failed),
    };
    match outcome {
        Ok(code) => code,
        // The reader of a pipe has seen enough: not our failure.
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(Kind::Error, &error);
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
}

/// What is wrong with the arguments, coloured. Of what is no number the library that parses it speaks to programmers.
fn in_words(mut error: clap::Error) -> String {
    if let Some(tip) = elsewhere::tip(&error) {
        // The usage goes by what was suggested.
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::Usage);
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    } else if let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested) {
        // That `--` makes a value of what looks like an option is true of no option's value.
        let tips = tips.iter().filter(|tip| !tip.to_string().contains(" as a value, use "));
        let tips: Vec<StyledStr> = tips.cloned().collect();
        match tips.is_empty() {
            true => error.remove(ContextKind::Suggested),
            false => error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tips)),
        };
    }
    let text = error.render().ansi().to_string();
    let Some(source) = error.source() else { return text };
    let expected = match source.downcast_ref::<ParseIntError>().map(ParseIntError::kind) {
        Some(IntErrorKind::PosOverflow) => SMALLER,
        Some(_) => "expected a whole number, 0 or more",
        None if source.is::<ParseFloatError>() => "expected a number",
        None => return text,
    };
    // Behind the value, which may be anything.
    let source = format!(": {source}");
    match text.rfind(&source) {
        Some(at) => format!("{}: {expected}{}", &text[..at], &text[at + source.len()..]),
        None => text,
    }
}

fn run(global: &Global, command: Command) -> Result<ExitCode> {
    if command.writes() {
        stop::clear_on_signal()?;
    }
    match command {
        Command::Train(args) => return train::run(global, *args),
        Command::Sweep(args) => return sweep::run(global, *args),
        Command::Fetch(args) => fetch::run(global, args),
        Command::Import(args) => import::run(global, *args),
        Command::Evaluate(args) => evaluate::run(global, args),
        Command::Predict(args) => predict::run(global, *args),
        Command::Words(args) => words::run(global, args),
        Command::Export(args) => export::run(global, args),
        Command::Decode(args) => decode::run(global, args),
        Command::Inspect(args) => inspect::run(global, args),
        Command::Verify(args) => verify::run(global, args),
        Command::Plot(args) => plot::run(global, args),
        Command::Report(args) => report::run(global, args),
        Command::Synth(args) => synth::run(global, args),
        Command::Info(args) => info::run(global, args),
        Command::Completions(args) => completions::run(global, args),
        Command::Man(args) => man::run(global, args),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// The arguments of `train` that the words behind the program's name stand for, or what is wrong with them.
fn train_arguments(words: &[OsString]) -> std::result::Result<train::Args, String> {
    let words = std::iter::once("imdb-fast".into()).chain(words.iter().cloned());
    match preset::parse(words) {
        Ok(Cli { command: Command::Train(args), .. }) => Ok(*args),
        Ok(_) => Err("they are of another command than `train`".to_owned()),
        Err(error) => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or("no arguments");
            Err(line.strip_prefix("error: ").unwrap_or(line).to_owned())
        }
    }
}

/// Which arguments of `train` stand in a command line, and are not defaults.
fn given_to_train(words: impl Iterator<Item = OsString>) -> Vec<String> {
    let command = Cli::command();
    let train = command.find_subcommand("train").expect("there is such a command");
    let names: Vec<String> = train.get_arguments().map(|arg| arg.get_id().to_string()).collect();
    let matches = command.get_matches_from(words);
    let Some(given) = matches.subcommand_matches("train") else { return Vec::new() };
    let is_given = |name: &String| given.value_source(name) == Some(ValueSource::CommandLine);
    names.into_iter().filter(is_given).collect()
}

/// Where another program cuts a mapped file, or writes into it, that is the error: not the fault or the panic that follows.
fn blame_changed_files() {
    #[cfg(unix)]
    {
        let message = |path: &Path| {
            format!(
                "error: {}: another program has cut it short while it was in use; start again with --no-mmap, \
                 which reads the file once\n",
                path.display()
            )
        };
        // Without the handler the system says it in its own way.
        let _ = container::exit_on_lost_pages(message);
    }
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match container::changed_map() {
        Some(error) => {
            // Threads may come to grief at once: the first one speaks for all, and the others wait for the end.
            static SPOKESMAN: Mutex<()> = Mutex::new(());
            let _spokesman = SPOKESMAN.lock();
            say(Kind::Error, error);
            std::process::exit(1);
        }
        None => hook(panic),
    }));
}

/// The kernels that the environment asks for.
fn level() -> Result<Level> {
    Level::from_env().map_err(|refused| {
        let expected = format!("one that this CPU can run: {}", refused.supported);
        Error::invalid(LEVEL_VARIABLE, refused.asked, expected)
    })
}

impl Global {
    /// The threads, with the kernels that the environment asks for.
    fn team(&self) -> Result<Team> {
        let level = level()?;
        Ok(Team::new(self.threads)?.with_level(level))
    }

    fn access(&self) -> Access {
        if self.no_mmap { Access::Read } else { Access::Map }
    }

    /// Opens the dataset at a path, or the fetched one of that name.
    fn open(&self, path: &Path) -> Result<Dataset> {
        let remedy =
            "`imdb-fast import` makes a dataset of reviews, `imdb-fast fetch` of the official ones";
        Dataset::open(&self.find(path)?, self.access()).map_err(missing(remedy))
    }

    /// A line for a person, unless silence was asked for.
    fn note(&self, line: impl std::fmt::Display) {
        if !self.quiet {
            // Nobody listens on a closed stderr, and that is no reason to stop.
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
}

/// What a line on stderr is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Error,
    Warning,
    Note,
    Stopped,
}

/// A line of a kind, coloured as clap colours its own where stderr takes colours.
fn say(kind: Kind, message: impl std::fmt::Display) {
    let (kind, colour) = match kind {
        Kind::Error => ("error", AnsiColor::Red),
        Kind::Warning => ("warning", AnsiColor::Yellow),
        Kind::Note => ("note", AnsiColor::Cyan),
        Kind::Stopped => ("stopped", AnsiColor::Cyan),
    };
    let style = colour.on_default().bold();
    let mut stderr = anstream::stderr().lock();
    let _ = write!(stderr, "{style}{kind}:{style:#} ")
        .and_then(|()| writeln!(Tame::new(&mut stderr), "{message}"));
}

/// The same of what is no error, but may not be meant.
fn warn(message: impl std::fmt::Display) {
    say(Kind::Warning, message);
}

/// Blames what a file says on the file, where the error is about an option that nobody has given.
fn of_file(path: &Path, place: &str, remedy: &str) -> impl FnOnce(Error) -> Error {
    move |error| match error.is_usage() {
        true => Error::malformed(path, place, error.to_string(), remedy),
        false => error,
    }
}

/// What belongs in the place of a word index.
const WORD_INDEX: &str = "Keras' imdb_word_index.json belongs here";

/// Says what belongs in the place of a file that is not there.
fn missing(remedy: &str) -> impl FnOnce(Error) -> Error {
    move |error| match error {
        // What is no file's name may be too long for one.
        Error::Io { path, action, source }
            if matches!(
                source.kind(),
                ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename
            ) =>
        {
            let source = io::Error::new(source.kind(), format!("{source}; {remedy}"));
            Error::Io { path, action, source }
        }
        other => other,
    }
}

/// The model of a command's first argument.
fn open_model(path: &Path) -> Result<Model> {
    let remedy =
        "a model belongs here, such as the run/model.safetensors that `imdb-fast train` writes";
    Model::load(path).map_err(missing(remedy))
}

/// The loss that a model has been trained with.
fn loss_of(model: &Model, path: &Path) -> Result<Box<dyn Loss>> {
    let name = model.training["loss"].as_str().unwrap_or("binary_crossentropy");
    let remedy = "`imdb-fast evaluate --loss` judges it by another one";
    loss(name).map_err(of_file(path, "metadata `training`", remedy))
}

/// Runs `write` on a buffered stdout, which gets all as it is unless it is a terminal.
fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let mut out = io::BufWriter::new(terminal::stdout());
    write(&mut out).and_then(|()| out.flush()).map_err(stdout_failed)
}

/// Stdout failed.
fn stdout_failed(error: io::Error) -> Error {
    Error::io(Path::new("stdout"), "write to")(error)
}

/// A split by its name.
fn split() -> impl TypedValueParser<Value = Split> {
    one_of(Split::ALL)
}

/// One whose reviews have labels to judge by.
fn labelled_split() -> impl TypedValueParser<Value = Split> {
    one_of([Split::Train, Split::Test])
}

/// Where a dataset has no test split to judge by, what is there at once.
fn or_by_train(error: Error) -> Error {
    match error {
        Error::Unfit { option: "--split", value, reason, remedy }
            if value == Split::Test.name() =>
        {
            let remedy = format!("{remedy}; --split train judges by the reviews that it has");
            Error::Unfit { option: "--split", value, reason, remedy }
        }
        other => other,
    }
}

fn one_of<const N: usize>(splits: [Split; N]) -> impl TypedValueParser<Value = Split> {
    Known::of(splits.map(Split::name)).try_map(move |name| {
        let split = splits.into_iter().find(|split| split.name() == name);
        split.ok_or_else(|| format!("expected one of {}", splits.map(Split::name).join(", ")))
    })
}

/// A choice of two.
fn on_off() -> impl TypedValueParser<Value = bool> {
    Known::of(["on", "off"]).try_map(|text| match &*text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off"),
    })
}

/// A path that stands beside options, for messages.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A word as a POSIX shell takes it; one that is not UTF-8 as those take it that know the quotes of POSIX 2024, such as bash.
fn quoted(word: impl AsRef<OsStr>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    match word.as_ref().to_str() {
        Some(text) if !text.is_empty() && text.chars().all(plain) => text.to_owned(),
        Some(text) => format!("'{}'", text.replace('\'', r"'\''")),
        // Its bytes by their numbers, where they are not of ASCII.
        None => {
            let byte = |&byte: &u8| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(byte)),
                b' '..=b'~' => char::from(byte).to_string(),
                _ => format!("\\{byte:03o}"),
            };
            let bytes = word.as_ref().as_encoded_bytes();
            format!("$'{}'", bytes.iter().map(byte).collect::<String>())
        }
    }
}

/// The output option of commands that write one file.
#[derive(Debug, Args)]
struct OutputArg {
    /// The file to write; replaced at once when it is whole
    #[arg(long, short, value_name = "FILE", value_parser = PathBufValueParser::new().try_map(no_stream))]
    output: PathBuf,
}

impl OutputArg {
    /// Refuses the place of one of some files, which would be lost.
    fn spare(&self, files: impl IntoIterator<Item = impl AsRef<Path>>, what: &str) -> Result<()> {
        if files.into_iter().any(|file| is_same_file(file.as_ref(), &self.output)) {
            let expected = format!("another file than {what}, which would be lost");
            return Err(Error::invalid("--output", shown(&self.output), expected));
        }
        Ok(())
    }
}

/// Refuses `-`: it means stdin or stdout to other programs, and would be a file of that name here.
fn no_stream(path: PathBuf) -> std::result::Result<PathBuf, &'static str> {
    match path.as_os_str() == "-" {
        true => Err("name a file; ./- for one of that name"),
        false => Ok(path),
    }
}

/// Whether two paths lead to one file.
fn is_same_file(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}
