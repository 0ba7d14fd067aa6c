//! `matchwatch completions`

use std::io::Write as _;

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use super::{Cli, Exit, Failure};

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// The shell that completes
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

const AFTER_HELP: &str = "\
For the shell that runs, and for each one to come:

  bash        source <(matchwatch completions bash)
              matchwatch completions bash >~/.local/share/bash-completion/completions/matchwatch
  zsh         source <(matchwatch completions zsh)
              matchwatch completions zsh >a_folder_of_fpath/_matchwatch
  fish        matchwatch completions fish | source
              matchwatch completions fish >~/.config/fish/completions/matchwatch.fish
  elvish      eval (matchwatch completions elvish | slurp)
  powershell  matchwatch completions powershell | Out-String | Invoke-Expression";

pub(super) fn run(args: &Args) -> Result<Exit, Failure> {
    // By way of memory: what cannot be written would break off within the generator.
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), env!("CARGO_PKG_NAME"), &mut script);
    std::io::stdout().write_all(&script).map_err(Failure::usage)?;
    Ok(Exit::Success)
}
