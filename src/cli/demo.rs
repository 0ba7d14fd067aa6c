//! `matchwatch demo`: simulator, daemon and stdout notifier in one process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::signals::Signals;
use super::{Exit, Failure, logging, tell};
use crate::app::Daemon;
use crate::config::{self, Loaded};
use crate::deliver::Stop;
use crate::duration;
use crate::simulator::{Ended, Kind, Operation, Scenario, Simulator, Status};

/// What the simulated account is like.
const SCENARIO: &str = include_str!("../../config/demo-scenario.toml");
/// What the daemon runs on.
const CONFIGURATION: &str = include_str!("../../config/demo.toml");
/// The jobs that are started: workflow and count, in the order of the watches in the configuration.
const JOBS: [(&str, usize); 2] = [("customers", 3), ("suppliers", 2)];
/// The demo ends by itself, whatever happens.
const LONGEST: Duration = Duration::from_secs(55);

#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) async fn run(_args: Args) -> Result<Exit, Failure> {
    let mut signals = Signals::catch().context("catching signals").map_err(Failure::usage)?;
    let demo = Demo::set_up().await.map_err(Failure::usage)?;
    tokio::select! {
        shown = demo.show() => shown.map_err(Failure::usage),
        signal = signals.received() => Ok(signal),
    }
}

struct Demo {
    started: Instant,
    simulator: Simulator,
    listener: TcpListener,
    daemon: Daemon,
}

impl Demo {
    async fn set_up() -> anyhow::Result<Self> {
        let simulator = Simulator::new(Scenario::parse(SCENARIO, "config/demo-scenario.toml")?)?;
        let listener = TcpListener::bind("127.0.0.1:0").await.context("cannot listen")?;
        let address = listener.local_addr()?;
        tell(format_args!("Entity Resolution is simulated at http://{address}."));
        let Loaded { settings, warnings } = settings(address, &start_jobs(&simulator)?)?;
        logging::start(&settings.log)?;
        // Nothing of it changes.
        let again = Loaded { settings: settings.clone(), warnings };
        let daemon = Daemon::build(&settings, Arc::new(move || Ok(again.clone()))).await?;
        Ok(Self { started: Instant::now(), simulator, listener, daemon })
    }

    /// Lets the daemon watch until all jobs have ended, and sums up.
    async fn show(self) -> anyhow::Result<Exit> {
        let Self { started, simulator, listener, daemon } = self;
        let stop = Stop::default();
        let serving = simulator.clone().serve(listener, stop.drain.clone().cancelled_owned());
        let jobs_ended = daemon.jobs_ended();
        let watching = async {
            let in_time = tokio::time::timeout(LONGEST, jobs_ended.cancelled()).await.is_ok();
            stop.drain.cancel();
            in_time
        };
        let (served, ran, in_time) =
            tokio::join!(serving, daemon.run(None, stop.clone()), watching);
        ran?;
        served.context("the simulator's listener failed")?;
        if !in_time {
            bail!("not all jobs ended within {}", duration::display(LONGEST));
        }
        sum_up(&simulator, started.elapsed());
        Ok(Exit::Success)
    }
}

/// Starts the jobs as somebody else would, and returns their ids by workflow.
fn start_jobs(simulator: &Simulator) -> anyhow::Result<Vec<Vec<String>>> {
    let start = |workflow: &str| simulator.start_job(Kind::Matching, workflow);
    let mut ids = Vec::new();
    for (workflow, count) in JOBS {
        ids.push((0..count).map(|_| start(workflow)).collect::<Result<_, _>>()?);
        tell(format_args!("{count} jobs of workflow {workflow} were started; one runs at a time."));
    }
    tell(format_args!(
        "matchwatch serve watches them. Each transition is a log line on standard error, and then a \
         CloudEvent on standard output:\n"
    ));
    Ok(ids)
}

/// The configuration, completed as an operator would: from the environment.
fn settings(simulator: SocketAddr, job_ids: &[Vec<String>]) -> anyhow::Result<Loaded> {
    let watches = job_ids
        .iter()
        .enumerate()
        .map(|(index, ids)| (format!("MATCHWATCH__WATCH__{index}__JOB_IDS"), format!("{ids:?}")));
    let endpoint =
        ("MATCHWATCH__ACCOUNT__0__ENDPOINT_URL".to_owned(), format!("http://{simulator}"));
    let environment = watches.chain([endpoint]);
    config::parse("config/demo.toml", CONFIGURATION, environment)
        .map_err(|problems| anyhow::anyhow!("{problems}"))
}

fn sum_up(simulator: &Simulator, took: Duration) {
    let endings = simulator.endings();
    let with = |status| endings.iter().filter(|ended| ended.status == status).count();
    tell(format_args!(
        "\n{} jobs ended in {}: {} SUCCEEDED, {} FAILED.",
        endings.len(),
        duration::display(took),
        with(Status::Succeeded),
        with(Status::Failed),
    ));
    let counts = simulator.counts();
    let asked = counts.total(Operation::GetMatchingJob);
    let throttled = counts.of(Operation::GetMatchingJob, "ThrottlingException");
    let latest = endings.iter().filter_map(Ended::delay).max().unwrap_or_default();
    tell(format_args!(
        "{asked} questions were asked, {throttled} of them throttled; each end was known at the latest {} \
         after it came.",
        duration::display(latest),
    ));
    tell(format_args!(
        "Next: `matchwatch simulate` for an API to play with, `matchwatch wait --help` for pipelines, \
         config/matchwatch.toml for a daemon of your own."
    ));
}
