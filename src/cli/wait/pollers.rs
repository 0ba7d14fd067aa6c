//! Those who ask: one for each kind of jobs that there are.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::anyhow;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::super::Failure;
use crate::app;
use crate::domain::{ByKind, JobKey, JobKind};
use crate::watch::{Account, Budgets, Config, Handed, Observer, Place, WatchedJob};

/// The pollers of one command.
pub(super) struct Pollers {
    account: Account,
    config: Config,
    budgets: ByKind<Budgets>,
    observer: Arc<dyn Observer>,
    stop: CancellationToken,
    /// Jobs on their way to the poller of their kind, once there is one.
    jobs: ByKind<Option<mpsc::UnboundedSender<Handed>>>,
    running: JoinSet<HashMap<JobKey, Place>>,
}

impl Pollers {
    /// None yet. They tell `observer`, and end with `stop`.
    pub(super) fn new(
        account: Account,
        config: Config,
        budgets: ByKind<Budgets>,
        observer: Arc<dyn Observer>,
        stop: CancellationToken,
    ) -> Self {
        let (jobs, running) = (ByKind::default(), JoinSet::new());
        Self { account, config, budgets, observer, stop, jobs, running }
    }

    /// Has a job asked about from now on.
    pub(super) fn watch(&mut self, key: JobKey) -> Result<(), Failure> {
        let kind = key.kind;
        let (notifiers, terms) = (Arc::default(), Arc::default());
        let job = WatchedJob { key, status: None, since: None, notifiers, terms, place: None };
        let job = Handed::Jobs(vec![job]);
        if let Some(jobs) = self.jobs.of(kind) {
            return jobs.send(job).map_err(|_| broken_off());
        }
        let jobs = self.start(kind)?;
        let sent = jobs.send(job).map_err(|_| broken_off());
        *self.jobs.of_mut(kind) = Some(jobs);
        sent
    }

    fn start(&mut self, kind: JobKind) -> Result<mpsc::UnboundedSender<Handed>, Failure> {
        let poller = app::step_poller(
            self.account.clone(),
            kind,
            self.config.clone(),
            self.budgets.of(kind).clone(),
            Arc::clone(&self.observer),
        )
        .map_err(Failure::usage)?;
        let (jobs, given) = mpsc::unbounded_channel();
        self.running.spawn(poller.run(given, self.stop.clone()));
        Ok(jobs)
    }

    /// Waits until one breaks off. None ends before it is stopped: if it does, that is no success.
    pub(super) async fn break_off(&mut self) -> Failure {
        match self.running.join_next().await {
            Some(_) => broken_off(),
            None => std::future::pending().await,
        }
    }
}

fn broken_off() -> Failure {
    Failure::usage(anyhow!("a poller broke off; please report this defect"))
}
