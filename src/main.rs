//! Parse, run, and map the outcome to an exit code.

use std::process::ExitCode;

use clap::Parser;
use matchwatch::cli::{self, Cli};
use mimalloc::MiMalloc;

/// The system's allocator spreads a million jobs so that every poll misses the cache (docs/adr/0002-dependencies.md).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::run(Cli::parse())
}
