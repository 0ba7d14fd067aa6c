//! Parse, run, and map the outcome to an exit code.

use std::process::ExitCode;

use clap::Parser;
use matchwatch::cli::{self, Cli};

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
