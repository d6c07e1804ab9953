//! The command line of imdb-fast.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
