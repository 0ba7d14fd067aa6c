//! What settings come to: everything built that can fail to be, and nothing running yet.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{OnceCell, watch as channel};

use super::StartError;
use super::access::{Bell, Overheard, Porter};
use super::accounts::{connect, named_jobs, watched_jobs, watched_kinds};
use super::notifiers::{Notifiers, routing};
use super::retention::Janitor;
use super::status::{About, AccountStatus, DaemonStatus};
use crate::aws::Aws;
use crate::clock::SharedClock;
use crate::config::Settings;
use crate::deliver::Worker;
use crate::domain::{JobKind, JobSet, JobStatus};
use crate::heartbeat::Heartbeat;
use crate::metrics::Metrics;
use crate::notify::Stdout;
use crate::source;
use crate::store::Store;
use crate::watch::{Budgets, Discovery, Observer, Patience, Poller, WatchedJob};

/// What stays as it is while settings come and go.
#[derive(Clone)]
pub(super) struct Base {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: SharedClock,
    pub(super) metrics: Metrics,
    pub(super) status: Arc<DaemonStatus>,
    /// One for all: what it writes must not mix with what another one writes.
    pub(super) stdout: Arc<Stdout>,
    /// Marked changed with every transition, and when something is to be sent again.
    pub(super) recorded: channel::Sender<()>,
}

/// Who asks and who tells, ready to start.
pub(super) struct Plan {
    pub(super) settings: Settings,
    pub(super) accounts: Vec<PlannedAccount>,
    /// One for each account.
    pub(super) porters: Vec<Porter>,
    pub(super) workers: Vec<Worker>,
    pub(super) janitor: Janitor,
}

/// The jobs of one kind in an account, to be watched.
pub(super) struct PlannedAccount {
    pub(super) poller: Poller,
    pub(super) jobs: Vec<WatchedJob>,
    /// Who finds jobs, where a watch names none.
    pub(super) discovery: Option<Discovery>,
    pub(super) status: Arc<AccountStatus>,
}

/// What is known of the accounts' limits, by account and kind of jobs.
pub(super) type KnownLimits = HashMap<(Arc<str>, JobKind), Budgets>;

impl Base {
    /// Finds credentials, builds the notifiers, looks up how far the jobs are. Nothing is asked and nobody is told.
    pub(super) async fn plan(
        &self,
        settings: &Settings,
        limits: &KnownLimits,
    ) -> Result<Plan, StartError> {
        let aws = Aws::trusting(settings.ca_bundle.as_ref())?;
        let named = Arc::new(named_jobs(settings));
        let (accounts, porters) = self.plan_accounts(&aws, settings, limits, &named).await?;
        let janitor = Janitor {
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            metrics: self.metrics.clone(),
            retain: settings.retain,
            watched: named,
        };
        let workers = self.plan_workers(aws, settings).await?;
        self.forget_other_watches(settings).await?;
        Ok(Plan { settings: settings.clone(), accounts, porters, workers, janitor })
    }

    async fn plan_accounts(
        &self,
        aws: &Aws,
        settings: &Settings,
        limits: &KnownLimits,
        named: &Arc<JobSet>,
    ) -> Result<(Vec<PlannedAccount>, Vec<Porter>), StartError> {
        let routing = routing(settings);
        let (mut accounts, mut porters) = (Vec::new(), Vec::new());
        for account in &settings.accounts {
            let config = source::Config {
                access: account.access.clone(),
                request_timeout: settings.request_timeout,
            };
            let connected = connect(aws, Arc::clone(&account.name), &config).await?;
            let (bell, news) = Bell::new(&account.name);
            porters.push(self.porter(settings, &connected, news));
            for kind in watched_kinds(settings, &account.name) {
                let mut jobs = watched_jobs(settings, &account.name, kind, &*self.store).await?;
                let rules = self.rules(settings, &account.name, kind).await?;
                jobs.extend(self.found_jobs(&account.name, kind, &rules, named).await?);
                let known = limits.get(&(Arc::clone(&account.name), kind));
                let budgets = known.cloned().unwrap_or_else(|| {
                    let (get, list) = settings.rates(account);
                    Budgets::new(get, list)
                });
                let about = About {
                    name: Arc::clone(&account.name),
                    kind,
                    region: connected.region.clone(),
                    role_arn: account.access.role.as_ref().map(|role| role.arn.clone()),
                    discovers: !rules.is_empty(),
                    budgets: budgets.clone(),
                    clock: Arc::clone(&self.clock),
                };
                let live =
                    jobs.iter().filter(|job| !job.status.is_some_and(JobStatus::is_terminal));
                let workflows = live.map(|job| job.key.workflow());
                let status = Arc::new(AccountStatus::new(about, workflows));
                let poller = Poller {
                    account: connected.clone(),
                    kind,
                    store: Arc::clone(&self.store),
                    routing: routing.clone(),
                    clock: Arc::clone(&self.clock),
                    config: settings.watch.clone(),
                    patience: Patience::of_daemon(settings.watch.not_found_grace),
                    budgets,
                    seed: rand::random(),
                    metrics: self.metrics.clone(),
                    observer: Arc::new(Overheard {
                        bell: Arc::clone(&bell),
                        by: Arc::clone(&status) as Arc<dyn Observer>,
                    }),
                    finder: None,
                    recorded: self.recorded.clone(),
                    heartbeat: Heartbeat::new(),
                };
                let discovery = self.discovery(settings, &poller, rules, named);
                accounts.push(PlannedAccount { poller, jobs, discovery, status });
            }
        }
        Ok((accounts, porters))
    }

    async fn plan_workers(&self, aws: Aws, settings: &Settings) -> Result<Vec<Worker>, StartError> {
        let notifiers = Notifiers {
            aws,
            clock: Arc::clone(&self.clock),
            http_client: OnceCell::new(),
            ca_bundle: settings.ca_bundle.clone(),
            stdout: Arc::clone(&self.stdout),
        };
        let mut workers = Vec::new();
        for notifier in &settings.notifiers {
            let name = Arc::clone(&notifier.name);
            let built = notifiers.build(&notifier.adapter).await;
            workers.push(Worker {
                notifier: built
                    .map_err(|source| StartError::Notifier { name: Arc::clone(&name), source })?,
                name,
                store: Arc::clone(&self.store),
                clock: Arc::clone(&self.clock),
                config: settings.deliver.clone(),
                metrics: self.metrics.clone(),
                heartbeat: Heartbeat::new(),
            });
        }
        Ok(workers)
    }
}
