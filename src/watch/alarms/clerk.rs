//! Writes down what alarms begin and end, one after the other, while the loop goes on.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::backoff::{self, Backoff};
use crate::domain::{Alarm, Event};
use crate::store::{Raising, Resolving, StoreError};
use crate::watch::poll::Context;

/// Something to be written down.
#[derive(Debug)]
pub(in crate::watch) struct Entry {
    pub(in crate::watch) alarm: Alarm,
    /// When it was over, and by what; `None` where it begins.
    pub(in crate::watch) resolved: Option<(Timestamp, String)>,
    /// Whom to tell; all if it is empty.
    pub(in crate::watch) notifiers: Arc<[Arc<str>]>,
}

/// Who writes it.
pub(in crate::watch) struct Clerk {
    pub(in crate::watch) context: Arc<Context>,
    pub(in crate::watch) backoff: backoff::Policy,
    pub(in crate::watch) shutdown: CancellationToken,
}

impl Clerk {
    /// Writes what comes until nothing more does. Of what the store refuses at shutdown nothing is lost but time: what is
    /// not as it should be is found so again after the next start.
    pub(in crate::watch) async fn run(self, mut entries: mpsc::UnboundedReceiver<Entry>) {
        while let Some(entry) = entries.recv().await {
            let mut backoff = Backoff::new(self.backoff);
            while let Err(error) = self.write(&entry).await {
                self.context.metrics.store_errors.with_label_values(&["alarm"]).inc();
                tracing::error!(alarm = %entry.alarm.key, %error, "an alarm could not be recorded; trying again");
                let pause = tokio::time::sleep(backoff.next_delay());
                if self.shutdown.run_until_cancelled(pause).await.is_none() {
                    break;
                }
            }
        }
    }

    async fn write(&self, entry: &Entry) -> Result<(), StoreError> {
        let Entry { alarm, resolved, notifiers } = entry;
        let context = &self.context;
        match resolved {
            None => {
                let telling = context.telling(Event::of_raised(alarm), notifiers)?;
                let event = telling.message.event.id;
                let raising = Raising { alarm: alarm.clone(), telling };
                if context.store.raise(&raising).await? {
                    let (name, subject) = (alarm.key.name, &alarm.key.subject);
                    tracing::warn!(alarm = %name, %subject, %event, "alarm raised: {}", alarm.message);
                    self.count(alarm, "raised");
                }
            }
            Some((at, message)) => {
                let event = Event::of_resolved(alarm, message, *at);
                let telling = context.telling(event, notifiers)?;
                let event = telling.message.event.id;
                let resolving = Resolving {
                    key: alarm.key.clone(),
                    raised_at: alarm.raised_at,
                    resolved_at: *at,
                    telling,
                };
                if context.store.resolve(&resolving).await? {
                    let (name, subject) = (alarm.key.name, &alarm.key.subject);
                    tracing::info!(alarm = %name, %subject, %event, "alarm resolved: {message}");
                    self.count(alarm, "resolved");
                }
            }
        }
        Ok(())
    }

    fn count(&self, alarm: &Alarm, state: &str) {
        let labels = [&*self.context.account, alarm.key.name.as_str(), state];
        self.context.metrics.alarms.with_label_values(&labels).inc();
        self.context.recorded.send_replace(());
    }
}
