//! The commands: one file each, an `Args` and a `run`.
//!
//! Data goes to stdout, progress and warnings to stderr. Exit code 0 is success, 1 a failure of data or system, 2 wrong
//! arguments.

mod answers;
mod cache;
mod decode;
mod evaluate;
mod fetch;
mod import;
mod info;
mod inspect;
mod plot;
mod predict;
mod progress;
mod synth;
mod terminal;
mod train;
mod verify;
mod words;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use imdb_fast::container::{self, Access};
use imdb_fast::dataset::{Dataset, Split};
use imdb_fast::kernel::{LEVEL_VARIABLE, Level};
use imdb_fast::train::Team;
use imdb_fast::{Error, Result};
use terminal::Tame;

/// Train and run small neural networks on sparse text features, at the speed of the memory system
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "\
Examples:
  imdb-fast train                                   the book's network on generated reviews
  imdb-fast fetch                                   get Keras' reviews, once; or, of files that are here,
  imdb-fast import imdb.npz --word-index imdb_word_index.json -o imdb.safetensors
  imdb-fast train imdb                              the same on the reviews that were fetched
  imdb-fast train imdb --epochs 4 --validation 0 --out final
  imdb-fast evaluate final/model.safetensors imdb
  imdb-fast predict final/model.safetensors imdb --rows 0..10
  imdb-fast predict final/model.safetensors --text 'Not bad at all.' --explain
  imdb-fast words final/model.safetensors

Where a dataset is asked for, a path is, or `imdb` or `imdb-stanford` for what `fetch` brought.

Exit codes: 0 success, 1 a file or the system is at fault, 2 the arguments are.";

/// Options of every command.
#[derive(Debug, Args)]
struct Global {
    /// Threads to use; 0 is one a core. The results do not depend on it
    #[arg(long, global = true, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// Say nothing but data, warnings and errors
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Read datasets whole instead of mapping them, where other programs may change files in use
    #[arg(long, global = true)]
    no_mmap: bool,
    /// The folder of fetched files and datasets; IMDB_FAST_CACHE or the platform's where it is not given
    #[arg(long, global = true, value_name = "DIR")]
    cache: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Fetch(fetch::Args),
    Import(Box<import::Args>),
    Train(Box<train::Args>),
    Evaluate(evaluate::Args),
    Predict(Box<predict::Args>),
    Words(words::Args),
    Decode(decode::Args),
    Inspect(inspect::Args),
    Verify(verify::Args),
    Plot(plot::Args),
    Synth(synth::Args),
    Info(info::Args),
}

/// Parses the arguments, runs the command, reports its error.
pub(crate) fn main() -> ExitCode {
    let Cli { global, command } = Cli::parse();
    blame_changed_files();
    let result = match command {
        Command::Fetch(args) => fetch::run(&global, args),
        Command::Import(args) => import::run(&global, *args),
        Command::Train(args) => train::run(&global, *args),
        Command::Evaluate(args) => evaluate::run(&global, args),
        Command::Predict(args) => predict::run(&global, *args),
        Command::Words(args) => words::run(&global, args),
        Command::Decode(args) => decode::run(&global, args),
        Command::Inspect(args) => inspect::run(&global, args),
        Command::Verify(args) => verify::run(&global, args),
        Command::Plot(args) => plot::run(&global, args),
        Command::Synth(args) => synth::run(&global, args),
        Command::Info(args) => info::run(&global, args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // The reader of a pipe has seen enough: not our failure.
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            warn("error", &error);
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
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
            warn("error", error);
            std::process::exit(1);
        }
        None => hook(panic),
    }));
}

impl Global {
    /// The threads, with the kernels that the environment asks for.
    fn team(&self) -> Result<Team> {
        let level = Level::from_env().map_err(|refused| {
            let expected = format!("one that this CPU can run: {}", refused.supported);
            Error::invalid(LEVEL_VARIABLE, refused.asked, expected)
        })?;
        Ok(Team::new(self.threads)?.with_level(level))
    }

    fn access(&self) -> Access {
        if self.no_mmap { Access::Read } else { Access::Map }
    }

    /// Opens the dataset at a path, or the fetched one of that name.
    fn open(&self, path: &Path) -> Result<Dataset> {
        Dataset::open(&self.find(path)?, self.access())
    }

    /// A line for a person, unless silence was asked for.
    fn note(&self, line: impl std::fmt::Display) {
        if !self.quiet {
            // Nobody listens on a closed stderr, and that is no reason to stop.
            let _ = writeln!(io::stderr(), "{line}");
        }
    }
}

fn warn(kind: &str, message: impl std::fmt::Display) {
    let _ = writeln!(Tame(io::stderr()), "{kind}: {message}");
}

/// Runs `write` on a buffered stdout, which gets all as it is unless it is a terminal.
fn to_stdout(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<()> {
    let stdout = io::stdout().lock();
    let stdout: Box<dyn Write> =
        if stdout.is_terminal() { Box::new(Tame(stdout)) } else { Box::new(stdout) };
    let mut out = io::BufWriter::new(stdout);
    write(&mut out).and_then(|()| out.flush()).map_err(Error::io(Path::new("stdout"), "write to"))
}

/// A split by its name.
fn split(name: &str) -> std::result::Result<Split, String> {
    Split::ALL.into_iter().find(|split| split.name() == name).ok_or_else(|| {
        let names: Vec<&str> = Split::ALL.iter().map(|split| split.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// 1234567 as "1,234,567".
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A path that stands beside options, for messages.
fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A word as a POSIX shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The output option of commands that write one file.
#[derive(Debug, Args)]
struct OutputArg {
    /// The file to write; replaced at once when it is whole
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}
