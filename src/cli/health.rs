//! `matchwatch health`: asks a running daemon whether it lives, for a container's health check.

use std::net::SocketAddr;

use anyhow::anyhow;

use super::config_args::ConfigArgs;
use super::daemon_address::{DaemonAddress, reachable};
use super::{Exit, Failure};
use crate::http;

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArgs,

    #[command(flatten)]
    daemon: DaemonAddress,
}

const AFTER_HELP: &str = "\
Exit codes:
  0    it is alive
  1    it is not, or does not answer
  2    nothing to ask: [http] listen is not set, or is wrong";

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let address = match args.daemon.given() {
        Some(address) => address,
        None => configured(&args.config)?,
    };
    http::ask_health(address)
        .await
        .map_err(|error| Failure { exit: Exit::Failed, error: error.into() })?;
    Ok(Exit::Success)
}

fn configured(config: &ConfigArgs) -> Result<SocketAddr, Failure> {
    config.load_listen()?.map(reachable).ok_or_else(|| {
        Failure::usage(anyhow!("nothing to ask: set [http] listen in {}", config.path.display()))
    })
}
