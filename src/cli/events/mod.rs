//! `matchwatch events`: what was told, to whom, and what was not.

mod list;
mod redeliver;
mod show;

use clap::Subcommand;

use super::{Exit, Failure};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List events and their deliveries, the newest first
    List(list::Args),
    /// Show one event, as it is sent, and its deliveries
    Show(show::Args),
    /// Send events again, or dead letters
    Redeliver(redeliver::Args),
}

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::List(args) => list::run(args).await,
        Command::Show(args) => show::run(args).await,
        Command::Redeliver(args) => redeliver::run(args).await,
    }
}
