//! What a running daemon says of itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{JobKey, Observation};
use crate::heartbeat::{self, Heartbeat};
use crate::http::Status;
use crate::metrics::Metrics;
use crate::source::SourceError;
use crate::store::Store;
use crate::watch::{Next, Observer};

/// A loop that has not beaten for this long is stuck.
const STUCK_AFTER: Duration = heartbeat::PERIOD.saturating_mul(12);

/// Health, readiness and metrics of a daemon.
pub(super) struct DaemonStatus {
    store: Arc<dyn Store>,
    metrics: Metrics,
    heartbeats: Mutex<Vec<Heartbeat>>,
    accounts: Mutex<Vec<Arc<AccountStatus>>>,
}

impl DaemonStatus {
    pub(super) fn new(store: Arc<dyn Store>, metrics: Metrics) -> Self {
        Self { store, metrics, heartbeats: Mutex::default(), accounts: Mutex::default() }
    }

    /// A heartbeat that health depends on from now on.
    pub(super) fn heartbeat(&self) -> Heartbeat {
        let heartbeat = Heartbeat::new();
        lock(&self.heartbeats).push(heartbeat.clone());
        heartbeat
    }

    /// An account that readiness depends on from now on.
    pub(super) fn account(&self, name: &Arc<str>) -> Arc<AccountStatus> {
        let account = Arc::new(AccountStatus {
            name: Arc::clone(name),
            failures_in_a_row: AtomicU32::new(0),
        });
        lock(&self.accounts).push(Arc::clone(&account));
        account
    }
}

#[async_trait]
impl Status for DaemonStatus {
    fn is_alive(&self) -> bool {
        lock(&self.heartbeats)
            .iter()
            .all(|heartbeat| heartbeat.is_done() || heartbeat.age() < STUCK_AFTER)
    }

    async fn is_ready(&self) -> bool {
        let usable = {
            let accounts = lock(&self.accounts);
            accounts.is_empty() || accounts.iter().any(|account| account.may_work())
        };
        match self.store.check_writable().await {
            Ok(()) => usable,
            Err(error) => {
                tracing::warn!(%error, "not ready: the store cannot write");
                false
            }
        }
    }

    async fn metrics(&self) -> Option<Vec<u8>> {
        match self.store.backlog().await {
            Ok(backlog) => {
                self.metrics.deliveries_pending.reset();
                self.metrics.deliveries_dead.reset();
                for notifier in backlog {
                    let label = [&*notifier.notifier];
                    let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
                    self.metrics
                        .deliveries_pending
                        .with_label_values(&label)
                        .set(count(notifier.pending));
                    self.metrics
                        .deliveries_dead
                        .with_label_values(&label)
                        .set(count(notifier.dead));
                }
            }
            // The other metrics are all the more needed.
            Err(error) => tracing::warn!(%error, "the backlog cannot be read"),
        }
        self.metrics.encode().ok()
    }
}

/// An account counts as broken after this many failures in a row: one workflow that denies access does not break it.
const BROKEN_AFTER: u32 = 3;

/// Whether an account works, as its latest answers tell.
pub(super) struct AccountStatus {
    name: Arc<str>,
    failures_in_a_row: AtomicU32,
}

impl AccountStatus {
    fn may_work(&self) -> bool {
        self.failures_in_a_row.load(Ordering::Relaxed) < BROKEN_AFTER
    }

    fn works(&self) {
        if self.failures_in_a_row.swap(0, Ordering::Relaxed) >= BROKEN_AFTER {
            tracing::info!(account = %self.name, "account works again");
        }
    }

    fn fails(&self, error: &SourceError) {
        if self.failures_in_a_row.fetch_add(1, Ordering::Relaxed) + 1 == BROKEN_AFTER {
            tracing::warn!(account = %self.name, %error, "account does not work");
        }
    }
}

impl Observer for AccountStatus {
    fn polled(&self, _job: &JobKey, answer: Result<&Observation, &SourceError>, _next: &Next) {
        match answer {
            // A service that says "slow down" or "no such job" does answer.
            Ok(_)
            | Err(
                SourceError::Throttled { .. }
                | SourceError::NotFound { .. }
                | SourceError::Invalid { .. },
            ) => self.works(),
            Err(
                error @ (SourceError::Unavailable { .. }
                | SourceError::AccessDenied { .. }
                | SourceError::CredentialsExpired { .. }),
            ) => self.fails(error),
        }
    }
}

/// What is behind these locks is whole after every statement: a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
