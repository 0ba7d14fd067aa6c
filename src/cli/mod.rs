//! The command line: one file per command.

mod alarms;
mod check;
mod completions;
mod config_args;
mod daemon_address;
mod demo;
mod doctor;
mod events;
mod exit;
mod github;
mod health;
mod jobs;
mod kind;
mod listing;
mod logging;
mod plan;
mod run;
mod serve;
mod shell;
mod signals;
mod simulate;
mod wait;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit::Exit;

/// Waits for AWS Entity Resolution jobs and tells every change of state.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Wait until jobs end, and say how by exit code and JSON
    Wait(wait::Args),
    /// Start a job, wait until it ends, and say how by exit code and JSON
    Run(run::Args),
    /// Watch jobs and tell every transition to the configured notifiers, until stopped
    Serve(serve::Args),
    /// Say all that is wrong with a configuration
    Check(check::Args),
    /// Find out what keeps a configuration from working: clock, identity, permissions, notifiers, database
    Doctor(doctor::Args),
    /// List and show jobs, as far as a daemon's database knows them
    Jobs(jobs::Args),
    /// List, show and redeliver events
    Events(events::Args),
    /// List the alarms that are open
    Alarms(alarms::Args),
    /// Show when a job would be asked about, and what that costs, beside a fixed interval
    Plan(plan::Args),
    /// Run a local Entity Resolution API
    Simulate(simulate::Args),
    /// Watch simulated jobs from start to end: the whole program in under a minute
    Demo(demo::Args),
    /// Ask a running `serve` whether it is alive
    Health(health::Args),
    /// Print a script that has a shell complete this program's commands and flags
    Completions(completions::Args),
}

/// Runs the command that was asked for.
pub fn run(cli: Cli) -> ExitCode {
    // One thread: the program waits more than it computes, and passes nothing from one core to another.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(Exit::Usage, format_args!("cannot start: {error}")),
    };
    let ended = runtime.block_on(async {
        match cli.command {
            Command::Wait(args) => wait::run(args).await,
            Command::Run(args) => run::run(args).await,
            Command::Serve(args) => serve::run(args).await,
            Command::Check(args) => check::run(args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Jobs(args) => jobs::run(args).await,
            Command::Events(args) => events::run(args).await,
            Command::Alarms(args) => alarms::run(args).await,
            Command::Plan(args) => plan::run(args).await,
            Command::Simulate(args) => simulate::run(args).await,
            Command::Demo(args) => demo::run(args).await,
            Command::Health(args) => health::run(args).await,
            Command::Completions(args) => completions::run(&args),
        }
    });
    // A name look-up that hangs would hold the runtime's blocking thread; nothing of ours runs there at the end.
    runtime.shutdown_background();
    match ended {
        Ok(exit) => exit.into(),
        Err(Failure { exit, error }) => fail(exit, format_args!("{error:#}")),
    }
}

/// Why a command could not do its work, and the exit code that says so.
#[derive(Debug)]
struct Failure {
    exit: Exit,
    error: anyhow::Error,
}

impl Failure {
    /// The command line, the configuration or the machine is not fit for the command.
    fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Usage, error: error.into() }
    }
}

fn fail(exit: Exit, message: std::fmt::Arguments<'_>) -> ExitCode {
    tell(format_args!("matchwatch: {message}"));
    exit.into()
}

/// Says a line on standard error. Where nobody reads that any more, the work goes on all the same.
fn tell(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}
