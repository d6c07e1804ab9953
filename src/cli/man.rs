//! `imdb-fast man`: the manual, from the definition of the arguments.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use imdb_fast::{Error, Result, output};

use super::known::Known;
use super::{Cli, Global, folders, shown, to_stdout};

/// Print a page of the manual, or write all pages to a folder
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast man | man -l -                       the page of the program
  imdb-fast man train | man -l -                 the page of a command
  imdb-fast man --dir ~/.local/share/man/man1    then: man imdb-fast-train")]
pub(crate) struct Args {
    /// The command whose page it is; that of the program where none is named
    #[arg(conflicts_with = "dir")]
    #[arg(value_parser = Known::of(COMMANDS), hide_possible_values = true)]
    command: Option<String>,
    /// Write all pages to this folder, which is made where it is missing
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    dir: Option<PathBuf>,
}

/// The commands that have a page. They are asked for while the definition of all commands is made, so they cannot come from it.
pub(super) const COMMANDS: [&str; 17] = [
    "fetch",
    "import",
    "train",
    "sweep",
    "evaluate",
    "predict",
    "words",
    "export",
    "decode",
    "inspect",
    "verify",
    "plot",
    "report",
    "synth",
    "info",
    "completions",
    "man",
];

/// What each page ends with; the program's own help says it too.
const EXIT_STATUS: &str = ".SH \"EXIT STATUS\"
.TP
0
success
.TP
1
a file or the system is at fault
.TP
2
the arguments are
.TP
129, 130, 143
SIGHUP, SIGINT or SIGTERM has stopped it; a training run or a sweep that has begun has then saved itself
";

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    let pages = pages();
    if let Some(folder) = &args.dir {
        return write_all(global, folder, &pages);
    }
    let name = args.command.map_or("imdb-fast".to_owned(), |name| format!("imdb-fast-{name}"));
    let Some(page) = pages.iter().find(|page| page.name == name) else {
        let expected = format!("one of {}", COMMANDS.join(", "));
        return Err(Error::invalid("the command", &name["imdb-fast-".len()..], expected));
    };
    to_stdout(|out| out.write_all(&page.text))
}

fn write_all(global: &Global, folder: &Path, pages: &[Page]) -> Result<()> {
    folders::create(folder)?;
    for page in pages {
        output::write(&folder.join(format!("{}.1", page.name)), &page.text)?;
    }
    global.note(format_args!("wrote {} pages to {}", pages.len(), shown(folder)));
    Ok(())
}

/// A page as roff.
struct Page {
    /// `imdb-fast-train`
    name: String,
    text: Vec<u8>,
}

/// The page of the program, then those of its commands.
fn pages() -> Vec<Page> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    std::iter::once(&program).chain(program.get_subcommands()).map(page).collect()
}

fn page(command: &Command) -> Page {
    // Where it stands on its own, a command has its full name.
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let mut text = Vec::new();
    render(command, &mut text).expect("a vector takes all that is written");
    Page { name, text }
}

fn render(command: &Command, out: &mut Vec<u8>) -> io::Result<()> {
    // The synopsis is that of the help: the one that `clap_mangen` makes names all options, and none of their values.
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").to_owned();
    // A command by itself has no version.
    let source = concat!("imdb-fast ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone().override_usage(usage)).source(source);
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(out)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    if let Some(help) = command.get_after_long_help().or(command.get_after_help()) {
        let help = help.to_string();
        // What the program's help says of exit codes has a section of its own.
        let paragraphs = help.split("\n\n").filter(|text| !text.starts_with("Exit codes: "));
        further_sections(&paragraphs.collect::<Vec<_>>().join("\n\n"), out)?;
    }
    out.write_all(EXIT_STATUS.as_bytes())
}

/// What stands below the options, where headings such as "Examples:" begin sections, indented lines are kept as they are and
/// other lines are running text, also those that announce what follows. (`clap_mangen` would run them all together.)
fn further_sections(help: &str, out: &mut Vec<u8>) -> io::Result<()> {
    let mut is_verbatim = false;
    let mut begun = false;
    let is_heading =
        |text: &&str| text.starts_with(char::is_uppercase) && text.split_whitespace().count() <= 2;
    for line in help.lines() {
        let heading = line.strip_suffix(':').filter(is_heading);
        let wants_verbatim = line.starts_with(' ') || (is_verbatim && line.is_empty());
        if is_verbatim && !wants_verbatim {
            writeln!(out, ".fi")?;
        }
        if let Some(heading) = heading {
            writeln!(out, ".SH \"{}\"", escaped(&heading.to_uppercase()))?;
        } else {
            if !begun {
                writeln!(out, ".SH NOTES")?;
            }
            match (is_verbatim, wants_verbatim, line.is_empty()) {
                (false, false, true) => writeln!(out, ".PP")?,
                (false, true, _) => writeln!(out, ".nf\n{}", escaped(line))?,
                _ => writeln!(out, "{}", escaped(line))?,
            }
        }
        begun = true;
        is_verbatim = wants_verbatim;
    }
    if is_verbatim {
        writeln!(out, ".fi")?;
    }
    Ok(())
}

/// A line that roff prints as it is: none of its characters is a command or is made a typographic one.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', r"\e").replace('-', r"\-").replace('\'', r"\(aq");
    let line = line.replace('`', r"\(ga").replace('^', r"\(ha").replace('~', r"\(ti");
    if line.starts_with('.') { format!(r"\&{line}") } else { line }
}
