//! `imdb-fast completions`: what a shell offers on Tab.

use clap::CommandFactory;
use clap_complete::Shell;
use imdb_fast::Result;

use super::{Cli, Global, to_stdout};

/// Print a shell's completions of commands, options and their values
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  imdb-fast completions bash \\
      > ~/.local/share/bash-completion/completions/imdb-fast
  imdb-fast completions zsh > ~/.zfunc/_imdb-fast
  imdb-fast completions fish > ~/.config/fish/completions/imdb-fast.fish
  imdb-fast completions powershell >> $PROFILE
  imdb-fast completions elvish >> ~/.config/elvish/rc.elv

Zsh finds the file where ~/.zshrc has fpath+=~/.zfunc before compinit.")]
pub(crate) struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn run(_global: &Global, args: Args) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut script);
    let script = String::from_utf8_lossy(&script);
    // Its script for bash calls the states of a program with a hyphen by two names, so that nothing is offered behind a
    // command (clap-rs/clap#6421). Once that is mended, nothing is replaced.
    let script = script.replace("imdb__subcmd__fast", "imdb__fast");
    to_stdout(|out| out.write_all(script.as_bytes()))
}
