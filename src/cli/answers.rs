//! How answers are written: for people, as CSV, as JSON lines.

use std::io::{self, BufWriter, IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
pub(super) use imdb_fast::report::table::harmless;
use imdb_fast::{Error, Result};
use serde::Serialize;

use super::{stdout_failed, terminal};

/// How answers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people, and for simple scripts
    Plain,
    /// Comma-separated values with a header
    Csv,
    /// A JSON object a line
    Jsonl,
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless NO_COLOR is set or CLICOLOR is 0; anywhere where CLICOLOR_FORCE is set
    Auto,
    /// Everywhere; explanations are then for people
    Always,
    /// Nowhere
    Never,
}

/// The options of commands that give answers.
#[derive(Debug, clap::Args)]
pub(super) struct FormatArg {
    /// How to write the answers
    #[arg(long, value_name = "FORMAT", value_enum, conflicts_with_all = ["csv", "jsonl"])]
    format: Option<Format>,
    /// The same as --format csv
    #[arg(long, conflicts_with = "jsonl")]
    csv: bool,
    /// The same as --format jsonl
    #[arg(long)]
    jsonl: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ColourArg {
    /// When to use colours
    #[arg(long, value_name = "WHEN", value_enum, default_value = "auto")]
    color: Colour,
}

impl FormatArg {
    /// The format that was asked for.
    pub(super) fn asked(&self) -> Option<Format> {
        match (self.csv, self.jsonl) {
            (true, _) => Some(Format::Csv),
            (_, true) => Some(Format::Jsonl),
            _ => self.format,
        }
    }
}

impl ColourArg {
    /// Whether stdout takes colours, by the rule for help and errors: <https://no-color.org>, <https://bixense.com/clicolors>,
    /// and none on a dumb terminal.
    pub(super) fn is_on(&self) -> bool {
        match self.color {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => AutoStream::choice(&io::stdout()) != ColorChoice::Never,
        }
    }

    /// Whether what is written is for people, wherever it goes.
    pub(super) fn is_for_people(&self) -> bool {
        self.color == Colour::Always || io::stdout().is_terminal()
    }
}

/// Stdout, as lines of text or as records.
pub(super) enum Answers {
    Lines(BufWriter<Box<dyn Write>>),
    Records(Box<csv::Writer<Box<dyn Write>>>),
}

/// The same by way of the csv crate, which would hide what kind of error it was: a closed pipe is none of ours.
fn failed_record(error: csv::Error) -> Error {
    stdout_failed(match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    })
}

impl Answers {
    /// In a format, without codes for a terminal.
    pub(super) fn new(format: Format) -> Answers {
        let stdout = terminal::stdout();
        match format {
            Format::Csv => {
                let mut builder = csv::WriterBuilder::new();
                builder.terminator(csv::Terminator::Any(b'\n'));
                Answers::Records(Box::new(builder.from_writer(stdout)))
            }
            _ => Answers::lines(stdout),
        }
    }

    /// As lines with codes for colours: what else they say must be [`harmless`].
    pub(super) fn coloured() -> Answers {
        Answers::lines(Box::new(io::stdout().lock()))
    }

    fn lines(stdout: Box<dyn Write>) -> Answers {
        Answers::Lines(BufWriter::with_capacity(1 << 16, stdout))
    }

    /// Writes a line of text.
    pub(super) fn line(&mut self, line: std::fmt::Arguments<'_>) -> Result<()> {
        match self {
            Answers::Lines(out) => writeln!(out, "{line}").map_err(stdout_failed),
            Answers::Records(_) => unreachable!("records have fields"),
        }
    }

    /// Writes a JSON object as a line.
    pub(super) fn json(&mut self, object: &impl Serialize) -> Result<()> {
        let Answers::Lines(out) = self else { unreachable!("records have fields") };
        serde_json::to_writer(&mut *out, object).map_err(|error| stdout_failed(error.into()))?;
        out.write_all(b"\n").map_err(stdout_failed)
    }

    /// Writes a CSV record.
    pub(super) fn record<F: AsRef<[u8]>>(
        &mut self,
        fields: impl IntoIterator<Item = F>,
    ) -> Result<()> {
        match self {
            Answers::Records(out) => out.write_record(fields).map_err(failed_record),
            Answers::Lines(_) => unreachable!("lines have no fields"),
        }
    }

    /// Hands over all that was written.
    pub(super) fn flush(&mut self) -> Result<()> {
        match self {
            Answers::Lines(out) => out.flush().map_err(stdout_failed),
            Answers::Records(out) => out.flush().map_err(stdout_failed),
        }
    }
}
