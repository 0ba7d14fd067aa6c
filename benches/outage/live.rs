//! Jobs that change while the daemon watches, at a steady pace: what the other notifier is told of.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use matchwatch::simulator::Operation::GetMatchingJob;
use matchwatch::simulator::{
    Distribution, JobSpec, Kind, Limit, Limits, Scenario, Simulator, Status, WorkflowSpec,
};
use tokio::net::TcpListener;
use tokio::time::interval;

/// Jobs that change in one phase: each starts to run, and ends.
pub(crate) const JOBS: usize = 300;
/// Between two changes.
const PACE: Duration = Duration::from_millis(100);
/// The simulated service. It runs in a thread of its own, as it runs elsewhere.
pub(crate) struct Service {
    simulator: Simulator,
    url: String,
}

impl Service {
    /// Starts it with the jobs of two phases, all of them queued.
    pub(crate) fn start() -> anyhow::Result<Self> {
        let minute = Distribution::Fixed(Duration::from_secs(60));
        let simulator = Simulator::new(Scenario {
            workflows: vec![WorkflowSpec::named(Kind::Matching, "bench", minute)],
            limits: Limits::from([(GetMatchingJob, Limit::Unlimited)]),
            ..Scenario::default()
        })?;
        for id in ids() {
            let status = Some(Status::Queued);
            let of = JobSpec::of(Kind::Matching, "bench");
            simulator.add_jobs(&JobSpec { job_id: Some(id), status, ..of })?;
        }
        let (bound, address) = mpsc::channel();
        let serving = simulator.clone();
        thread::spawn(move || -> anyhow::Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await?;
                bound.send(listener.local_addr()?)?;
                Ok(serving.serve(listener, std::future::pending()).await?)
            })
        });
        let address = address.recv().context("the simulator does not listen")?;
        Ok(Self { simulator, url: format!("http://{address}") })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Lets the jobs of one of the phases run and end.
    pub(crate) async fn play(&self, phase: usize) -> anyhow::Result<()> {
        let mut pace = interval(PACE);
        for status in [Status::Running, Status::Succeeded] {
            for id in ids().skip(phase * JOBS).take(JOBS) {
                pace.tick().await;
                self.simulator.set_status(&id, status)?;
            }
        }
        Ok(())
    }
}

/// The ids of all jobs, phase after phase.
pub(crate) fn ids() -> impl Iterator<Item = String> {
    (0..2 * JOBS).map(|number| format!("{number:032x}"))
}
