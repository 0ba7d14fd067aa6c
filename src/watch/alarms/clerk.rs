//! Writes down what alarms begin and end, and has it told.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::backoff::{self, Backoff};
use crate::domain::{Alarm, Event, Message, Routing};
use crate::metrics::Metrics;
use crate::store::{Raising, Resolving, Store, StoreError, Telling};

/// Something to be written down.
#[derive(Debug)]
pub struct Entry {
    /// What begins, or is over.
    pub alarm: Alarm,
    /// When it was over, and by what, in a sentence; `None` where it begins.
    pub resolved: Option<(Timestamp, String)>,
}

/// Who writes it.
#[derive(Clone)]
pub struct Clerk {
    /// What survives.
    pub store: Arc<dyn Store>,
    /// Who is told.
    pub routing: Routing,
    /// What is counted.
    pub metrics: Metrics,
    /// Marked changed with every entry that changed something.
    pub recorded: watch::Sender<()>,
}

impl Clerk {
    /// Writes what comes until nothing more does, one after the other. At shutdown it ends where the store refuses, and
    /// nothing is lost but time: what is not as it should be is found so again after the next start.
    pub async fn run(
        self,
        mut entries: mpsc::UnboundedReceiver<Entry>,
        backoff: backoff::Policy,
        shutdown: CancellationToken,
    ) {
        while let Some(entry) = entries.recv().await {
            if !self.persist(&entry, backoff, &shutdown).await {
                return;
            }
        }
    }

    /// Writes one down, however often the store refuses, until `shutdown`. Returns whether it is written.
    #[must_use]
    pub async fn persist(
        &self,
        entry: &Entry,
        backoff: backoff::Policy,
        shutdown: &CancellationToken,
    ) -> bool {
        let mut backoff = Backoff::new(backoff);
        while let Err(error) = self.write(entry).await {
            self.count_refusal();
            tracing::error!(alarm = %entry.alarm.key, %error, "an alarm could not be recorded; trying again");
            let pause = sleep(backoff.next_delay());
            if shutdown.run_until_cancelled(pause).await.is_none() {
                return false;
            }
        }
        true
    }

    /// Writes one down, if it is news.
    ///
    /// # Errors
    ///
    /// The store does not take it.
    pub async fn write(&self, Entry { alarm, resolved }: &Entry) -> Result<(), StoreError> {
        match resolved {
            None => self.raise(alarm).await,
            Some((at, message)) => self.resolve(alarm, *at, message).await,
        }
    }

    async fn raise(&self, alarm: &Alarm) -> Result<(), StoreError> {
        let telling = self.telling(alarm, Event::of_raised(alarm))?;
        let event = telling.message.event.id;
        if self.store.raise(&Raising { alarm: alarm.clone(), telling }).await? {
            let (name, subject) = (alarm.key.name, &alarm.key.subject);
            tracing::warn!(alarm = %name, %subject, %event, "alarm raised: {}", alarm.message);
            self.count(alarm, "raised");
        }
        Ok(())
    }

    async fn resolve(&self, alarm: &Alarm, at: Timestamp, why: &str) -> Result<(), StoreError> {
        let telling = self.telling(alarm, Event::of_resolved(alarm, why, at))?;
        let event = telling.message.event.id;
        let (key, raised_at) = (alarm.key.clone(), alarm.raised_at);
        if self.store.resolve(&Resolving { key, raised_at, resolved_at: at, telling }).await? {
            let (name, subject) = (alarm.key.name, &alarm.key.subject);
            tracing::info!(alarm = %name, %subject, %event, "alarm resolved: {why}");
            self.count(alarm, "resolved");
        }
        Ok(())
    }

    fn telling(&self, alarm: &Alarm, event: Event) -> Result<Telling, StoreError> {
        let (id, notifiers) = (event.id, self.routing.among(&event, &alarm.notifiers));
        let message = Message::encode(event)
            .map_err(|error| StoreError::Unusable(format!("event {id}: {error}")))?;
        Ok(Telling { message, notifiers })
    }

    fn count(&self, alarm: &Alarm, state: &str) {
        let labels = [&**alarm.key.subject.account(), alarm.key.name.as_str(), state];
        self.metrics.alarms.with_label_values(&labels).inc();
        self.recorded.send_replace(());
    }

    /// The store refused something about alarms.
    pub fn count_refusal(&self) {
        self.metrics.store_errors.with_label_values(&["alarm"]).inc();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;

    use super::*;
    use crate::domain::{AlarmFacts, AlarmKey, AlarmName, Subject};
    use crate::store::{Double, MemoryStore};

    /// A store that takes no alarm, and counts how often it is asked to.
    #[derive(Default)]
    struct Refusing {
        behind: MemoryStore,
        asked: AtomicUsize,
    }

    #[async_trait]
    impl Double for Refusing {
        fn behind(&self) -> &MemoryStore {
            &self.behind
        }

        async fn raise(&self, _: &Raising) -> Result<bool, StoreError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            Err(StoreError::Unusable("database is locked".to_owned()))
        }
    }

    #[tokio::test]
    async fn a_store_that_refuses_at_shutdown_is_not_asked_for_every_alarm_that_is_left() {
        let store = Arc::new(Refusing::default());
        let clerk = Clerk {
            store: Arc::clone(&store) as Arc<dyn Store>,
            routing: Routing::new(Vec::new()),
            metrics: Metrics::new().unwrap(),
            recorded: watch::Sender::new(()),
        };
        let (entries, left) = mpsc::unbounded_channel();
        for account in ["one", "two", "three"] {
            let key = AlarmKey {
                name: AlarmName::AccessDenied,
                subject: Subject::Account(account.into()),
            };
            let (region, facts) = ("eu-west-1".to_owned(), AlarmFacts::default());
            let alarm = Alarm::new(key, region, Timestamp::UNIX_EPOCH, "denied".to_owned(), facts);
            entries.send(Entry { alarm, resolved: None }).unwrap();
        }
        drop(entries);
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let backoff = backoff::Policy {
            initial: std::time::Duration::from_secs(60),
            max: std::time::Duration::from_secs(60),
        };
        clerk.run(left, backoff, shutdown).await;
        assert_eq!(store.asked.load(Ordering::Relaxed), 1);
    }
}
