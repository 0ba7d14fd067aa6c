//! `matchwatch simulate`

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use tokio::net::TcpListener;

use super::signals::Signals;
use super::{Exit, Failure};
use crate::simulator::{DEFAULT, Scenario, Simulator};

#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Args {
    /// What to simulate; without it, a small account (config/simulator.toml explains every key)
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,

    /// Where to answer; port 0 takes a free one. The first line on stdout is the URL
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
}

const AFTER_HELP: &str = "\
It answers the operations on jobs, and creates, lists and deletes workflows. Tests steer it below
/_simulator: GET and POST jobs, POST workflows, PUT limits, faults and denials, POST answers, with
the keys of the scenario as JSON:

  curl -d '{\"status\": \"FAILED\"}' http://127.0.0.1:8090/_simulator/jobs/JOB_ID/status
  curl -X PUT -d '[{\"operation\": \"GetMatchingJob\"}]' http://127.0.0.1:8090/_simulator/denials";

pub(super) async fn run(args: Args) -> Result<Exit, Failure> {
    let scenario = match &args.scenario {
        Some(path) => Scenario::load(path),
        None => Scenario::parse(DEFAULT, "config/simulator.toml"),
    }
    .map_err(Failure::usage)?;
    let region = scenario.region.clone();
    let simulator = Simulator::new(scenario).map_err(Failure::usage)?;
    let listener = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("cannot listen on {}", args.listen))
        .map_err(Failure::usage)?;
    // Before anybody can know the address, so that no signal is missed.
    let mut signals = Signals::catch().context("catching signals").map_err(Failure::usage)?;
    announce(&listener, simulator.seed(), &region)
        .context("cannot say the address")
        .map_err(Failure::usage)?;
    let stop = async move {
        signals.received().await;
    };
    simulator.serve(listener, stop).await.context("the listener failed").map_err(Failure::usage)?;
    Ok(Exit::Success)
}

/// The URL on stdout for scripts, and what to do with it on stderr for people.
fn announce(listener: &TcpListener, seed: u64, region: &str) -> io::Result<()> {
    let url = format!("http://{}", listener.local_addr()?);
    writeln!(
        io::stderr(),
        "Entity Resolution is simulated at {url} (seed {seed}). Point the AWS CLI at it: \
         export AWS_ENDPOINT_URL_ENTITYRESOLUTION={url} AWS_ACCESS_KEY_ID=test \
         AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION={region}"
    )?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{url}")?;
    stdout.flush()
}
