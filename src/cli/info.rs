//! `imdb-fast info`: the program and the machine.

use imdb_fast::Result;
use imdb_fast::kernel::{LEVEL_VARIABLE, Level};
use imdb_fast::report::json::Environment;
use imdb_fast::report::table::{Align, aligned};
use imdb_fast::train::Team;

use super::{Global, level, to_stdout};

/// Print the version, what the CPU can do, and how many threads are used
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast info
  IMDB_FAST_KERNEL=portable imdb-fast info          as on a CPU without AVX2")]
pub(crate) struct Args {}

pub(crate) fn run(global: &Global, _args: Args) -> Result<()> {
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let rows = [
        row("version", env!("CARGO_PKG_VERSION").to_owned()),
        row("target", target()),
        row("cpu features", cpu_features()),
        row("kernels", kernels(level()?)),
        row("threads", Team::size_of(global.threads)?.to_string()),
    ];
    to_stdout(|out| write!(out, "{}", aligned(&[Align::Left, Align::Left], &rows)))
}

/// What a run with the threads of this team is made by.
pub(super) fn environment(team: &Team) -> Environment {
    Environment {
        target: target(),
        cpu_features: cpu_features(),
        kernels: team.level().to_string(),
    }
}

/// Processor family and system.
fn target() -> String {
    format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS)
}

/// The kernels in use, and those that could be forced.
fn kernels(chosen: Level) -> String {
    let supported: Vec<&str> = Level::supported().into_iter().map(Level::name).collect();
    format!("{chosen} (of {}; {LEVEL_VARIABLE} chooses)", supported.join(", "))
}

/// Of the instruction sets that kernels want, those that this CPU has.
fn cpu_features() -> String {
    let sets = Level::instruction_sets().into_iter();
    let names: Vec<&str> = sets.filter_map(|(name, is_there)| is_there.then_some(name)).collect();
    if names.is_empty() { "baseline".to_owned() } else { names.join(" ") }
}
