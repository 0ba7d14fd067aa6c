//! The outbox as a day without its receiver leaves it, made through the store.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use jiff::{SignedDuration, Timestamp};
use matchwatch::backoff::{Backoff, Policy};
use matchwatch::clock::{Clock, SystemClock};
use matchwatch::store::{Delivery, Recorded, Settlement, SqliteConfig, SqliteStore, Store};
use tokio::task::JoinSet;

use crate::jobs::{self, STATES};

/// Jobs that ran through their states on that day: three deliveries each.
pub(crate) const JOBS: usize = 33_334;
pub(crate) const DELIVERIES: usize = JOBS * STATES.len();

const DAY: SignedDuration = SignedDuration::from_hours(24);
/// The configured default.
const RETRIES: Policy = Policy { initial: Duration::from_secs(1), max: Duration::from_mins(10) };
/// Of a day's retries the last are written down: after so many, each delay is the longest already.
const WRITTEN_RETRIES: usize = 10;
/// Those who write at once.
const WRITERS: usize = 256;

/// Fills a new database with deliveries to `notifier` that were recorded in the last 24 hours, the first of each job
/// due again as late as a day of retries leaves it.
pub(crate) async fn make(database: &Path, notifier: &str) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let config = SqliteConfig { path: database.to_owned(), lock_timeout: Duration::ZERO };
    let store: Arc<dyn Store> = Arc::new(SqliteStore::open(&config).await?);
    let next = Arc::new(AtomicUsize::new(0));
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        writers.spawn(record(Arc::clone(&store), Arc::clone(&next), notifier.into(), now));
    }
    while let Some(done) = writers.join_next().await {
        done??;
    }
    let mut waiting = store.due(notifier, Timestamp::MAX, usize::MAX).await?;
    ensure!(waiting.len() == JOBS, "{} jobs wait", waiting.len());
    while !waiting.is_empty() {
        let rest = waiting.split_off(waiting.len().min(WRITERS));
        for delivery in std::mem::replace(&mut waiting, rest) {
            writers.spawn(retry(Arc::clone(&store), delivery));
        }
        while let Some(done) = writers.join_next().await {
            done??;
        }
    }
    store.close().await;
    Ok(())
}

/// Records all states of one job after the other. Jobs start all through the day, and take some minutes.
async fn record(
    store: Arc<dyn Store>,
    next: Arc<AtomicUsize>,
    notifier: Arc<str>,
    now: Timestamp,
) -> anyhow::Result<()> {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= JOBS {
            return Ok(());
        }
        let job = jobs::job(&id(number));
        let started = now - DAY + DAY * i32::try_from(number)? / i32::try_from(JOBS)?;
        for (state, after) in [0, 60, 900].into_iter().enumerate() {
            let at = now.min(started + SignedDuration::from_secs(after));
            let change = jobs::change(&job, state, &[Arc::clone(&notifier)], at)?;
            ensure!(store.record(&change).await? == Recorded::Committed, "{job} was there");
        }
    }
}

/// Tries a delivery in vain until now.
async fn retry(store: Arc<dyn Store>, delivery: Delivery) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let mut due = Vec::new();
    let mut at = delivery.created_at;
    for failures in 0.. {
        if at > now {
            break;
        }
        at += SignedDuration::try_from(Backoff::resume(RETRIES, failures).next_delay())?;
        due.push(at);
    }
    for due_at in due.split_off(due.len().saturating_sub(WRITTEN_RETRIES)) {
        let reason = "127.0.0.1: connection refused".to_owned();
        store.settle(delivery.id, &Settlement::Retry { due_at, reason }).await?;
    }
    Ok(())
}

/// The id of one of the day's jobs.
pub(crate) fn id(number: usize) -> String {
    format!("da{number:030x}")
}
