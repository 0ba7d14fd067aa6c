//! The loop that makes the deliveries of one notifier.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::{self, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::timekeeper::Timekeeper;
use super::{Config, attempt};
use crate::backoff::{Backoff, Policy};
use crate::clock::SharedClock;
use crate::heartbeat::{self, Heartbeat};
use crate::metrics::Metrics;
use crate::notify::Notifier;
use crate::store::{Delivery, DeliveryId, Settlement, Store, StoreError};

/// Delays after the store has refused to read or write.
const STORE_BACKOFF: Policy =
    Policy { initial: Duration::from_millis(500), max: Duration::from_secs(30) };

/// Delivers what the outbox holds for one notifier: in order for each job, jobs side by side.
#[derive(Clone)]
pub struct Worker {
    /// The notifier's name.
    pub name: Arc<str>,
    /// Who is told.
    pub notifier: Arc<dyn Notifier>,
    /// The outbox.
    pub store: Arc<dyn Store>,
    /// The time that due times are compared with.
    pub clock: SharedClock,
    /// How often and how long.
    pub config: Config,
    /// What is counted.
    pub metrics: Metrics,
    /// Beats while the loop goes round.
    pub heartbeat: Heartbeat,
}

/// When a worker ends.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Start no more attempts, and end when those under way have ended: another worker takes over.
    pub finish: CancellationToken,
    /// End as soon as nothing is due.
    pub drain: CancellationToken,
    /// End at once: attempts under way are dropped, and made again at the next start.
    pub now: CancellationToken,
}

impl Worker {
    /// Delivers until told to stop. `recorded` is marked changed with every transition.
    pub async fn run(self, mut recorded: watch::Receiver<()>, stop: Stop) {
        let worker = Arc::new(self);
        let mut attempts = Attempts::kept_by(Timekeeper::new(Arc::clone(&worker.clock)));
        let mut store_backoff = Backoff::new(STORE_BACKOFF);
        loop {
            worker.heartbeat.beat();
            recorded.mark_unchanged();
            let finishing = stop.finish.is_cancelled();
            let wake_at = match worker.start_unless(finishing, &mut attempts).await {
                Ok(wake_at) => {
                    store_backoff = Backoff::new(STORE_BACKOFF);
                    wake_at
                }
                // It would stand in the way for ever.
                Err(StoreError::Damaged { delivery, event_id, source }) => {
                    match worker.set_aside(delivery, &event_id, &source.to_string()).await {
                        Ok(()) => Instant::now(),
                        Err(error) => {
                            worker.count_store_error("settle", &error);
                            Instant::now() + store_backoff.next_delay()
                        }
                    }
                }
                Err(error) => {
                    worker.count_store_error("due", &error);
                    Instant::now() + store_backoff.next_delay()
                }
            };
            let draining = stop.drain.is_cancelled();
            if (draining || finishing) && attempts.running.is_empty() {
                break;
            }
            tokio::select! {
                biased;
                () = stop.now.cancelled() => break,
                () = stop.finish.cancelled(), if !finishing => {}
                () = stop.drain.cancelled(), if !draining => {}
                Some(ended) = attempts.running.join_next_with_id() => attempts.forget(&ended),
                Ok(()) = recorded.changed(), if !draining => {}
                () = sleep_until(wake_at) => {}
            }
        }
        worker.heartbeat.done();
    }

    async fn start_unless(
        self: &Arc<Self>,
        finishing: bool,
        attempts: &mut Attempts,
    ) -> Result<Instant, StoreError> {
        match finishing {
            true => Ok(Instant::now() + heartbeat::PERIOD),
            false => self.start_what_is_due(attempts).await,
        }
    }

    /// Starts an attempt for each delivery that is due and not under way, as far as there is room. Returns when to
    /// look again.
    async fn start_what_is_due(
        self: &Arc<Self>,
        attempts: &mut Attempts,
    ) -> Result<Instant, StoreError> {
        let look_again = Instant::now() + heartbeat::PERIOD;
        let now = attempts.time.now();
        self.correct_due_times(&attempts.time, now).await?;
        let room = self.config.concurrency.saturating_sub(attempts.running.len());
        if room == 0 {
            return Ok(look_again);
        }
        // Those under way are still first in line.
        let due = self.store.due(&self.name, now, room + attempts.running.len()).await?;
        let waiting = due.into_iter().filter(|delivery| !attempts.under_way(delivery.id));
        for delivery in waiting.take(room).collect::<Vec<_>>() {
            attempts.start(Arc::clone(self), delivery);
        }
        let next_due = self.store.next_due(&self.name, now).await?;
        let wait =
            next_due.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        Ok(wait.map_or(look_again, |wait| look_again.min(Instant::now() + wait)))
    }

    /// Due times are instants of the wall clock. Where that was set back, what waits would wait for so much longer.
    async fn correct_due_times(&self, time: &Timekeeper, now: Timestamp) -> Result<(), StoreError> {
        let Some(by) = time.to_correct() else { return Ok(()) };
        let latest = attempt::later(now, self.config.longest_delay());
        let hastened = self.store.hasten(&self.name, now, by, latest).await?;
        time.corrected(by);
        if hastened > 0 {
            tracing::warn!(
                notifier = %self.name,
                deliveries = hastened,
                "the clock was set back; what waits falls due earlier by as much"
            );
        }
        Ok(())
    }

    /// Makes one attempt, and writes down how it went.
    async fn deliver(&self, delivery: Delivery, time: &Timekeeper) {
        let outcome = self.notifier.notify(&delivery.message).await;
        let now = time.now();
        let (settlement, label) =
            attempt::settle(&delivery, outcome, &self.config, now, time.even_for());
        self.metrics.deliveries.with_label_values(&[&*self.name, label]).inc();
        self.tell(&delivery, &settlement);
        self.write_down(delivery.id, &settlement).await;
    }

    /// Gives up a delivery whose event cannot be read. Asks the store once: the loop must go round.
    async fn set_aside(
        &self,
        delivery: DeliveryId,
        event_id: &str,
        damage: &str,
    ) -> Result<(), StoreError> {
        let reason = format!("the stored event cannot be read: {damage}");
        let dead = Settlement::Dead { at: self.clock.now(), reason };
        self.store.settle(delivery, &dead).await?;
        tracing::error!(notifier = %self.name, event = event_id, damage, "a stored event is damaged; its delivery is given up");
        Ok(())
    }

    /// Writes a settlement down, however long it takes: until then nothing else of this delivery may happen.
    async fn write_down(&self, delivery: DeliveryId, settlement: &Settlement) {
        let mut backoff = Backoff::new(STORE_BACKOFF);
        while let Err(error) = self.store.settle(delivery, settlement).await {
            self.count_store_error("settle", &error);
            sleep(backoff.next_delay()).await;
        }
    }

    fn tell(&self, delivery: &Delivery, settlement: &Settlement) {
        let (notifier, event) = (&*self.name, delivery.message.event.id);
        match settlement {
            Settlement::Delivered { at } => {
                let took = at.duration_since(delivery.created_at).as_secs_f64().max(0.0);
                self.metrics.delivery_seconds.with_label_values(&[notifier]).observe(took);
                tracing::debug!(notifier, %event, "delivered");
            }
            Settlement::Retry { due_at, reason } if delivery.attempts == 0 => {
                tracing::warn!(notifier, %event, reason, %due_at, "delivery failed; trying again");
            }
            Settlement::Retry { due_at, reason } => {
                tracing::debug!(notifier, %event, reason, %due_at, "delivery failed; trying again");
            }
            Settlement::Dead { reason, .. } => {
                tracing::error!(notifier, %event, reason, "delivery given up");
            }
        }
    }

    fn count_store_error(&self, operation: &str, error: &StoreError) {
        self.metrics.store_errors.with_label_values(&[operation]).inc();
        tracing::error!(notifier = %self.name, %error, operation, "the store refused; trying again");
    }
}

/// Attempts under way.
struct Attempts {
    time: Arc<Timekeeper>,
    running: JoinSet<()>,
    deliveries: HashMap<task::Id, DeliveryId>,
}

impl Attempts {
    fn kept_by(time: Timekeeper) -> Self {
        Self { time: Arc::new(time), running: JoinSet::new(), deliveries: HashMap::new() }
    }

    fn under_way(&self, id: DeliveryId) -> bool {
        self.deliveries.values().any(|&under_way| under_way == id)
    }

    fn start(&mut self, worker: Arc<Worker>, delivery: Delivery) {
        let id = delivery.id;
        let time = Arc::clone(&self.time);
        let attempt = self.running.spawn(async move { worker.deliver(delivery, &time).await });
        self.deliveries.insert(attempt.id(), id);
    }

    /// An attempt is over. One that broke off is made again: nothing was written down.
    fn forget(&mut self, ended: &Result<(task::Id, ()), task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => *id,
            Err(panicked) => {
                tracing::error!(error = %panicked, "a delivery broke off; please report this defect");
                panicked.id()
            }
        };
        self.deliveries.remove(&id);
    }
}
