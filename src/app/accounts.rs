//! Who is asked, about what, and by whom.

use std::sync::Arc;

use tokio::sync::watch as channel;

use super::StartError;
use crate::aws::Aws;
use crate::clock::SystemClock;
use crate::config::Settings;
use crate::domain::{JobKey, Routing};
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

/// A poller that remembers nothing beyond its own end, and tells `observer` alone: what `wait` runs on. It shares
/// `budgets` with whoever else asks the account.
///
/// # Errors
///
/// Only if the metrics could not be set up.
pub fn step_poller(
    account: Account,
    config: watch::Config,
    budgets: Budgets,
    observer: Arc<dyn Observer>,
) -> Result<Poller, StartError> {
    let (recorded, _) = channel::channel(());
    Ok(Poller {
        account,
        store: Arc::new(MemoryStore::default()),
        routing: Routing::default(),
        clock: Arc::new(SystemClock),
        budgets,
        config,
        patience: Patience::OF_STEP,
        seed: rand::random(),
        metrics: Metrics::new()?,
        observer,
        recorded,
        heartbeat: Heartbeat::new(),
    })
}

/// The jobs of one account that the watches name, as far as they got by the last run.
pub(super) async fn watched_jobs(
    settings: &Settings,
    account: &Arc<str>,
    store: &dyn Store,
) -> Result<Vec<WatchedJob>, StoreError> {
    // The configuration names each job once.
    let (mut keys, mut told) = (Vec::new(), Vec::new());
    for watch in settings.watches.iter().filter(|watch| watch.account == *account) {
        let notifiers: Arc<[_]> = watch.notifiers.clone().into();
        let terms = Arc::new(Terms { gates: watch.gates, alarms: watch.alarms });
        told.push((watch.job_ids.len(), notifiers, terms));
        keys.extend(watch.job_ids.iter().map(|job_id| JobKey {
            account: Arc::clone(account),
            kind: watch.kind,
            workflow_name: Arc::clone(&watch.workflow_name),
            job_id: Arc::clone(job_id),
        }));
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
