//! Who is asked, about what, and by whom.

use std::sync::Arc;

use tokio::sync::watch as channel;

use super::StartError;
use crate::aws::Aws;
use crate::clock::SystemClock;
use crate::config::{Settings, WatchSettings};
use crate::domain::{JobKey, JobKind, JobSet, Routing};
use crate::heartbeat::Heartbeat;
use crate::metrics::Metrics;
use crate::source::{self, EntityResolution, JobStarter};
use crate::store::{MemoryStore, Store, StoreError};
use crate::watch::{self, Account, Budgets, Observer, Patience, Poller, Terms, WatchedJob};

/// An account, ready to be asked.
///
/// # Errors
///
/// The account has no Region.
pub async fn connect(
    aws: &Aws,
    name: Arc<str>,
    config: &source::Config,
) -> Result<Account, StartError> {
    connect_to_start(aws, name, config).await.map(|(account, _)| account)
}

/// An account, ready to be asked and to start jobs.
///
/// # Errors
///
/// The account has no Region.
pub async fn connect_to_start(
    aws: &Aws,
    name: Arc<str>,
    config: &source::Config,
) -> Result<(Account, Arc<dyn JobStarter>), StartError> {
    match EntityResolution::connect(aws, config).await {
        Ok(source) => {
            let (region, source) = (source.region().to_owned(), Arc::new(source));
            let starter = Arc::clone(&source) as Arc<dyn JobStarter>;
            Ok((Account { name, region, source }, starter))
        }
        Err(source) => Err(StartError::Account { name, source }),
    }
}

/// A poller of jobs of this kind that remembers nothing beyond its own end, and tells `observer` alone: what `wait`
/// runs on. It shares `budgets` with whoever else asks the account.
///
/// # Errors
///
/// Only if the metrics could not be set up.
pub fn step_poller(
    account: Account,
    kind: JobKind,
    config: watch::Config,
    budgets: Budgets,
    observer: Arc<dyn Observer>,
) -> Result<Poller, StartError> {
    let (recorded, _) = channel::channel(());
    Ok(Poller {
        account,
        kind,
        store: Arc::new(MemoryStore::default()),
        routing: Routing::default(),
        clock: Arc::new(SystemClock),
        budgets,
        config,
        patience: Patience::OF_STEP,
        seed: rand::random(),
        metrics: Metrics::new()?,
        observer,
        finder: None,
        recorded,
        heartbeat: Heartbeat::new(),
    })
}

/// The kinds of jobs that are watched in an account; where none is, nothing is lost by watching matching jobs.
pub(super) fn watched_kinds(settings: &Settings, account: &Arc<str>) -> Vec<JobKind> {
    let watches = || settings.watches.iter().filter(|watch| watch.account == *account);
    let is_watched = |kind: &JobKind| watches().any(|watch| watch.kind == *kind);
    let kinds: Vec<_> = JobKind::ALL.into_iter().filter(is_watched).collect();
    if kinds.is_empty() { vec![JobKind::Matching] } else { kinds }
}

/// The jobs of one kind in one account that the watches name, as far as they got by the last run.
pub(super) async fn watched_jobs(
    settings: &Settings,
    account: &Arc<str>,
    kind: JobKind,
    store: &dyn Store,
) -> Result<Vec<WatchedJob>, StoreError> {
    // The configuration names each job once.
    let (mut keys, mut told) = (Vec::new(), Vec::new());
    let watches = settings.watches.iter();
    for watch in watches.filter(|watch| watch.account == *account && watch.kind == kind) {
        let notifiers: Arc<[_]> = watch.notifiers.clone().into();
        let terms = Arc::new(Terms { gates: watch.gates, alarms: watch.alarms });
        told.push((watch.job_ids.len(), notifiers, terms));
        keys.extend(jobs_of(watch));
    }
    let standings = store.standings(&keys).await?;
    let told = told
        .iter()
        .flat_map(|(jobs, notifiers, terms)| std::iter::repeat_n((notifiers, terms), *jobs));
    let jobs = keys.into_iter().zip(standings).zip(told);
    let jobs = jobs.map(|((key, standing), (notifiers, terms))| {
        let (status, since) = standing.map(|known| (known.status, known.since)).unzip();
        let (notifiers, terms) = (Arc::clone(notifiers), Arc::clone(terms));
        WatchedJob { key, status, since, notifiers, terms, place: None }
    });
    Ok(jobs.collect())
}

/// All jobs that the watches name.
pub(super) fn named_jobs(settings: &Settings) -> JobSet {
    settings.watches.iter().flat_map(jobs_of).collect()
}

fn jobs_of(watch: &WatchSettings) -> impl Iterator<Item = JobKey> {
    watch.job_ids.iter().map(|job_id| JobKey {
        account: Arc::clone(&watch.account),
        kind: watch.kind,
        workflow_name: Arc::clone(&watch.workflow_name),
        job_id: Arc::clone(job_id),
    })
}
