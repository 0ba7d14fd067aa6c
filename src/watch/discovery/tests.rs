//! Discovery against a service in the same process, in paused time.

mod finding;
mod fleet;
mod service;
mod sharing;
mod trouble;
mod workflows;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::clock::TokioClock;
use crate::domain::{JobStatus, Observation};
use crate::source::JobSource;
use crate::store::MemoryStore;
use crate::watch::Next;
use crate::watch::seen::Seen;
use service::Service;

const INTERVAL: Duration = Duration::from_secs(30);
const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// Somebody who notes nothing.
struct Nobody;

impl Observer for Nobody {
    fn polled(&self, _: &JobKey, _: Result<&Observation, &SourceError>, _: &Next) {}
}

/// What outlives a run.
struct Stage {
    service: Arc<Service>,
    store: Arc<dyn Store>,
    clock: SharedClock,
    metrics: Metrics,
    lists: Budget,
    named: Vec<JobKey>,
    retain: Duration,
}

impl Stage {
    fn new() -> Self {
        let clock: SharedClock = Arc::new(TokioClock::starting_at(service::ORIGIN));
        Self {
            service: Arc::new(Service::new()),
            store: Arc::new(MemoryStore::default()),
            clock,
            metrics: Metrics::new().unwrap(),
            lists: Budget::new(2.5),
            named: Vec::new(),
            retain: 90 * DAY,
        }
    }

    /// A watch that was first seen when the stage was set.
    fn rule(pattern: &str, start: Start) -> Arc<Rule> {
        Arc::new(Rule {
            workflows: NamePattern::new(pattern),
            start,
            first_sight: service::ORIGIN,
            interval: INTERVAL,
            notifiers: Arc::default(),
            terms: Arc::default(),
        })
    }

    fn start(&self, rules: &[Arc<Rule>]) -> Running {
        let discovery = Discovery {
            account: Account {
                name: "main".into(),
                region: "eu-west-1".into(),
                source: Arc::clone(&self.service) as Arc<dyn JobSource>,
            },
            kind: JobKind::Matching,
            rules: rules.to_vec(),
            named: Arc::new(self.named.iter().cloned().collect()),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            backoff: Policy { initial: Duration::from_secs(1), max: MINUTE },
            retain: self.retain,
            lists: self.lists.clone(),
            metrics: self.metrics.clone(),
            observer: Arc::new(Nobody),
            heartbeat: Heartbeat::new(),
        };
        let (jobs, found) = mpsc::unbounded_channel();
        let stop = CancellationToken::new();
        let (read, pages) = mpsc::unbounded_channel();
        let run = tokio::spawn(discovery.run(jobs, pages, stop.clone()));
        Running { found, read, stop, run }
    }
}

/// Discovery at work.
struct Running {
    found: mpsc::UnboundedReceiver<Handed>,
    /// The poller's way to show what it has read.
    read: mpsc::UnboundedSender<ReadPage>,
    stop: CancellationToken,
    run: JoinHandle<()>,
}

impl Running {
    /// The ids of the jobs that were found since the last time, in the order in which they were.
    fn found(&mut self) -> Vec<String> {
        let mut ids = Vec::new();
        while let Ok(handed) = self.found.try_recv() {
            ids.extend(found_in(handed));
        }
        ids
    }

    async fn stop(mut self) -> Vec<String> {
        self.stop.cancel();
        (&mut self.run).await.unwrap();
        self.found()
    }
}

fn found_in(handed: Handed) -> Vec<String> {
    match handed {
        Handed::Jobs(jobs) => jobs.iter().map(|job| job.key.job_id.to_string()).collect(),
        Handed::Page(_) => Vec::new(),
    }
}

fn key(workflow: &str, job_id: &str) -> JobKey {
    JobKey {
        account: "main".into(),
        kind: JobKind::Matching,
        workflow_name: workflow.into(),
        job_id: job_id.into(),
    }
}
