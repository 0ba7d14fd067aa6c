//! A simulated Entity Resolution API, served on the loopback interface.

use std::time::Duration;

use matchwatch::simulator::{Distribution, JobSpec, Kind, Scenario, Simulator, Status};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::soon;

/// Two workflows of each kind and no quota: no test waits for the service's.
const SCENARIO: &str = r#"
limits = { GetMatchingJob = "unlimited", GetIdMappingJob = "unlimited" }
workflows = [
    { name = "customers" },
    { name = "suppliers" },
    { name = "households", kind = "id-mapping" },
    { name = "customers", kind = "id-mapping" },
]
"#;

/// The service. It ends when it is dropped.
pub(crate) struct Service {
    /// Steers it.
    pub(crate) simulator: Simulator,
    url: String,
    _serving: JoinSet<()>,
}

impl Service {
    /// A service with the matching workflows `customers` and `suppliers`, the ID mapping workflows `households` and
    /// `customers`, and no jobs.
    pub(crate) async fn start() -> Self {
        Self::start_on(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// The same, on this listener.
    pub(crate) fn start_on(listener: TcpListener) -> Self {
        let scenario = Scenario::parse(SCENARIO, "the tests' scenario").unwrap();
        let simulator = Simulator::new(scenario).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut serving = JoinSet::new();
        let served = simulator.clone();
        serving.spawn(async move { served.serve(listener, std::future::pending()).await.unwrap() });
        Self { simulator, url, _serving: serving }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Adds a queued job that only [`Service::set`] moves; returns its id.
    pub(crate) fn job(&self, workflow: &str) -> String {
        self.job_of(Kind::Matching, workflow)
    }

    /// The same for a workflow of this kind.
    pub(crate) fn job_of(&self, kind: Kind, workflow: &str) -> String {
        let spec = JobSpec { status: Some(Status::Queued), ..JobSpec::of(kind, workflow) };
        self.simulator.add_jobs(&spec).unwrap().remove(0)
    }

    /// Adds a matching job that was submitted so long ago, ran for so long, and has ended.
    pub(crate) fn ended_job(&self, workflow: &str, submitted_ago: Duration, ran: Duration) {
        self.ended_job_of(Kind::Matching, workflow, submitted_ago, ran);
    }

    /// The same for a workflow of this kind.
    pub(crate) fn ended_job_of(
        &self,
        kind: Kind,
        workflow: &str,
        submitted_ago: Duration,
        ran: Duration,
    ) {
        let spec = JobSpec {
            status: Some(Status::Succeeded),
            submitted_ago,
            duration: Some(Distribution::Fixed(ran)),
            ..JobSpec::of(kind, workflow)
        };
        self.simulator.add_jobs(&spec).unwrap();
    }

    /// Adds a queued job with this id.
    pub(crate) fn job_named(&self, job_id: &str, workflow: &str) {
        let spec = JobSpec {
            job_id: Some(job_id.to_owned()),
            status: Some(Status::Queued),
            ..JobSpec::of(Kind::Matching, workflow)
        };
        self.simulator.add_jobs(&spec).unwrap();
    }

    /// Moves a job.
    pub(crate) fn set(&self, job_id: &str, status: Status) {
        self.simulator.set_status(job_id, status).unwrap();
    }

    /// Waits until `count` questions had this outcome.
    pub(crate) async fn answered(&self, outcome: &str, count: u64) {
        use matchwatch::simulator::Operation::GetMatchingJob;
        let what = format!("{count} answers {outcome}");
        soon(&what, self.simulator.until(|counts| counts.of(GetMatchingJob, outcome) >= count))
            .await;
    }
}
