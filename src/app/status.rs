//! What a running daemon says of itself.

mod account;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::domain::{Alarm, AlarmName};
use crate::heartbeat::{self, Heartbeat};
use crate::http::{AccountView, Status};
use crate::metrics::Metrics;
use crate::store::{Backlog, Store};

pub(super) use account::{About, AccountStatus};

/// A loop that has not beaten for this long is stuck.
const STUCK_AFTER: Duration = heartbeat::PERIOD.saturating_mul(12);

/// Health, readiness and metrics of a daemon.
pub(super) struct DaemonStatus {
    store: Arc<dyn Store>,
    metrics: Metrics,
    notifiers: Mutex<Vec<Arc<str>>>,
    heartbeats: Mutex<Vec<Heartbeat>>,
    accounts: Mutex<Vec<Arc<AccountStatus>>>,
}

impl DaemonStatus {
    pub(super) fn new(store: Arc<dyn Store>, metrics: Metrics) -> Self {
        Self {
            store,
            metrics,
            notifiers: Mutex::default(),
            heartbeats: Mutex::default(),
            accounts: Mutex::default(),
        }
    }

    /// From now on readiness depends on these accounts, and these notifiers are the configured ones.
    pub(super) fn watch_over(&self, accounts: Vec<Arc<AccountStatus>>, notifiers: Vec<Arc<str>>) {
        *lock(&self.accounts) = accounts;
        *lock(&self.notifiers) = notifiers;
    }

    /// The notifiers that are configured.
    pub(super) fn notifiers(&self) -> Vec<Arc<str>> {
        lock(&self.notifiers).clone()
    }

    /// A heartbeat that health depends on until it is done.
    pub(super) fn heartbeat(&self) -> Heartbeat {
        let heartbeat = Heartbeat::new();
        let mut heartbeats = lock(&self.heartbeats);
        heartbeats.retain(|heartbeat| !heartbeat.is_done());
        heartbeats.push(heartbeat.clone());
        heartbeat
    }

    /// Shows which accounts work, as far as they are asked about jobs of one kind.
    fn show_accounts(&self) {
        let up = &self.metrics.account_up;
        up.reset();
        for account in lock(&self.accounts).iter() {
            let labels = [&**account.name(), account.kind().as_str()];
            up.with_label_values(&labels).set(account.may_work().into());
        }
    }

    /// Shows how many deliveries wait and how many are dead. A notifier that has none shows 0: one without a value
    /// would keep its last in the eyes of an alert. That of the oldest is none where nothing waits.
    fn show(&self, backlog: &[Backlog]) {
        let Metrics { deliveries_pending, deliveries_dead, .. } = &self.metrics;
        let oldest = &self.metrics.oldest_pending_delivery_timestamp_seconds;
        oldest.reset();
        for gauge in [deliveries_pending, deliveries_dead] {
            gauge.reset();
            for notifier in lock(&self.notifiers).iter() {
                gauge.with_label_values(&[&**notifier]).set(0);
            }
        }
        let count = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        for Backlog { notifier, pending, dead, oldest_pending } in backlog {
            deliveries_pending.with_label_values(&[&**notifier]).set(count(*pending));
            deliveries_dead.with_label_values(&[&**notifier]).set(count(*dead));
            if let Some(recorded_at) = oldest_pending {
                oldest.with_label_values(&[&**notifier]).set(recorded_at.as_second());
            }
        }
    }
}

impl DaemonStatus {
    /// Shows which alarms are open. An account of the configuration shows 0 where none is: one without a value would keep
    /// its last in the eyes of an alert.
    fn show_alarms(&self, open: &[Alarm]) {
        let gauge = &self.metrics.alarms_open;
        gauge.reset();
        for account in lock(&self.accounts).iter() {
            for name in AlarmName::ALL {
                gauge.with_label_values(&[&**account.name(), name.as_str()]).set(0);
            }
        }
        for Alarm { key, .. } in open {
            gauge.with_label_values(&[&**key.subject.account(), key.name.as_str()]).inc();
        }
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
        match self.store.open_alarms(None).await {
            Ok(open) => self.show_alarms(&open),
            Err(error) => tracing::warn!(%error, "open alarms cannot be read"),
        }
        self.show_accounts();
        match self.store.backlog().await {
            Ok(backlog) => self.show(&backlog),
            // The other metrics are all the more needed.
            Err(error) => tracing::warn!(%error, "the backlog cannot be read"),
        }
        self.metrics.committed(self.store.commits());
        self.metrics.encode().ok()
    }

    async fn accounts(&self) -> Vec<AccountView> {
        let told = self.store.open_alarms(None).await;
        let open =
            told.inspect_err(|error| tracing::warn!(%error, "open alarms cannot be read")).ok();
        let accounts = lock(&self.accounts).clone();
        let view = |account: &Arc<AccountStatus>| {
            // An alarm about the whole account is one of each kind.
            let concerns = |Alarm { key, .. }: &&Alarm| {
                let kind = key.subject.kind().unwrap_or(account.kind());
                key.subject.account() == account.name() && kind == account.kind()
            };
            let alarms = open.as_ref().map(|open| open.iter().filter(concerns).count());
            let alarms = alarms.map(|count| u64::try_from(count).unwrap_or(u64::MAX));
            account.view(&self.metrics, alarms)
        };
        accounts.iter().map(view).collect()
    }
}

/// What is behind these locks is whole after every statement: a panic elsewhere does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::domain::JobKind;
    use crate::store::{Double, MemoryStore, StoreError};
    use crate::watch::Budgets;

    /// A store that cannot say which alarms are open.
    #[derive(Default)]
    struct Broken(MemoryStore);

    #[async_trait]
    impl Double for Broken {
        fn behind(&self) -> &MemoryStore {
            &self.0
        }

        async fn open_alarms(&self, _: Option<&str>) -> Result<Vec<Alarm>, StoreError> {
            Err(StoreError::Unusable("the disk is gone".to_owned()))
        }
    }

    #[tokio::test]
    async fn open_alarms_are_counted_where_the_store_tells_them_and_not_said_to_be_none_else() {
        let about = || About {
            name: "main".into(),
            kind: JobKind::Matching,
            region: "eu-west-1".to_owned(),
            role_arn: None,
            discovers: false,
            budgets: Budgets::new(5.0, 2.5),
            clock: Arc::new(SystemClock),
        };
        let stores: [(Arc<dyn Store>, _); 2] =
            [(Arc::new(MemoryStore::default()), Some(0)), (Arc::new(Broken::default()), None)];
        for (store, told) in stores {
            let status = DaemonStatus::new(store, Metrics::new().unwrap());
            status.watch_over(vec![Arc::new(AccountStatus::new(about(), []))], Vec::new());
            assert_eq!(status.accounts().await[0].open_alarms, told);
        }
    }
}
