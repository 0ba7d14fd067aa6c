//! The loop that makes the deliveries of one notifier.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Config;
use super::attempt::{self, Ended};
use super::hand::{Hand, Progress};
use super::recovery::Recovery;
use super::timekeeper::Timekeeper;
use crate::backoff::{Backoff, Policy};
use crate::clock::SharedClock;
use crate::heartbeat::{self, Heartbeat};
use crate::metrics::Metrics;
use crate::notify::{Notifier, Outcome};
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

/// What a worker has on its mind.
struct Desk {
    time: Arc<Timekeeper>,
    hand: Hand,
    recovery: Recovery,
    store_backoff: Backoff,
    /// It ends as soon as nothing is due.
    draining: bool,
}

impl Worker {
    /// Delivers until told to stop. `recorded` is marked changed with every transition.
    pub async fn run(self, mut recorded: watch::Receiver<()>, stop: Stop) {
        let worker = Arc::new(self);
        let mut desk = Desk {
            time: Arc::new(Timekeeper::new(Arc::clone(&worker.clock))),
            hand: Hand::default(),
            recovery: Recovery::default(),
            store_backoff: Backoff::new(STORE_BACKOFF),
            draining: false,
        };
        // When something may be due that is not in hand.
        let mut look_at = Instant::now();
        loop {
            worker.heartbeat.beat();
            let finishing = stop.finish.is_cancelled();
            desk.draining = stop.drain.is_cancelled();
            if !finishing {
                worker.start_attempts(&mut desk);
                if look_at <= Instant::now() && desk.hand.wants_more() {
                    recorded.mark_unchanged();
                    look_at = worker.look(&mut desk).await;
                    worker.start_attempts(&mut desk);
                }
            }
            let draining = desk.draining;
            if desk.hand.is_idle() && (finishing || (draining && desk.hand.has_begun_all())) {
                break;
            }
            let heartbeat = Instant::now() + heartbeat::PERIOD;
            let may_look = !finishing && desk.hand.wants_more();
            let wake_at = if may_look { look_at.min(heartbeat) } else { heartbeat };
            tokio::select! {
                biased;
                () = stop.now.cancelled() => break,
                () = stop.finish.cancelled(), if !finishing => {}
                () = stop.drain.cancelled(), if !draining => {
                    desk.hand.put_back_early();
                    look_at = Instant::now();
                }
                progress = desk.hand.progress() => {
                    let mut next = Some(progress);
                    // Those that shared a commit end together, and make room for as many.
                    while let Some(progress) = next {
                        if worker.take_note(progress, &mut desk) {
                            look_at = Instant::now();
                        }
                        next = desk.hand.more_progress();
                    }
                }
                Ok(()) = recorded.changed(), if !draining => look_at = Instant::now(),
                () = sleep_until(wake_at) => {}
            }
        }
        worker.heartbeat.done();
    }

    /// Starts as many attempts of what was fetched as there is room for.
    fn start_attempts(self: &Arc<Self>, desk: &mut Desk) {
        for _ in 0..desk.hand.room(self.config.concurrency) {
            let Some(delivery) = desk.hand.next() else { return };
            let (worker, time) = (Arc::clone(self), Arc::clone(&desk.time));
            desk.hand.start(delivery.id, async move { worker.deliver(&delivery, &time).await });
        }
    }

    /// Writes an outcome down. Returns whether there may be something to send now that was not before.
    fn take_note(self: &Arc<Self>, progress: Progress, desk: &mut Desk) -> bool {
        let Progress::Answered(id, ended) = progress else { return true };
        match &ended.settlement {
            Settlement::Delivered { .. } if ended.was_retry => {
                desk.recovery.retry_succeeded(self.config.concurrency);
            }
            Settlement::Retry { .. } => {
                desk.recovery.failed(ended.asked);
                desk.hand.put_back_early();
            }
            Settlement::Delivered { .. } | Settlement::Dead { .. } => {}
        }
        let worker = Arc::clone(self);
        desk.hand.settle(id, async move { worker.write_down(id, &ended.settlement).await });
        // What has been earned is sent without a wait for the disk.
        desk.recovery.earned() > 0
    }

    /// Fetches what is due. Returns when to look again.
    async fn look(&self, desk: &mut Desk) -> Instant {
        let (operation, error) = match self.fetch(desk).await {
            Ok(look_at) => {
                desk.store_backoff = Backoff::new(STORE_BACKOFF);
                return look_at;
            }
            // It would stand in the way for ever.
            Err(StoreError::Damaged { delivery, event_id, source }) => {
                match self.set_aside(delivery, &event_id, &source.to_string()).await {
                    Ok(()) => return Instant::now(),
                    Err(error) => ("settle", error),
                }
            }
            Err(error) => ("due", error),
        };
        self.count_store_error(operation, &error);
        Instant::now() + desk.store_backoff.next_delay()
    }

    /// Takes up to `concurrency` deliveries that are due and not in hand; where these are fewer, retries that have been
    /// earned. Returns when to look again.
    async fn fetch(&self, desk: &mut Desk) -> Result<Instant, StoreError> {
        let now = desk.time.now();
        self.correct_due_times(&desk.time, now).await?;
        let most = self.config.concurrency;
        // Those in hand are still first in line.
        let due = self.store.due_besides(&desk.hand.held(), &self.name, now, most).await?;
        let found = due.len();
        desk.hand.take(due);
        if found == most {
            return Ok(Instant::now());
        }
        // Whoever drains leaves for the next start what is not due.
        let earned = if desk.draining { 0 } else { desk.recovery.earned() };
        let early = earned.min(most.saturating_sub(found));
        if early > 0 {
            // What is due later than that waits because its receiver asked for it, perhaps before a restart.
            let latest = attempt::later(now, self.config.backoff.max);
            let held = desk.hand.held();
            let waiting = self.store.due_besides(&held, &self.name, latest, early).await?;
            // What a commit has moved up in the meantime is due, and earns nothing.
            let retries = waiting.iter().filter(|delivery| delivery.attempts > 0).count();
            // What nobody waits for is not kept for later.
            desk.recovery.spend(if waiting.len() < early { earned } else { retries });
            desk.hand.take_early(waiting);
        }
        let next_due = self.store.next_due(&self.name, now).await?;
        let wait =
            next_due.map(|at| Duration::try_from(at.duration_since(now)).unwrap_or_default());
        // Often enough for a clock that jumps.
        Ok(Instant::now() + wait.map_or(heartbeat::PERIOD, |wait| wait.min(heartbeat::PERIOD)))
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

    /// Makes one attempt, and says how it went.
    async fn deliver(&self, delivery: &Delivery, time: &Timekeeper) -> Ended {
        let outcome = self.notifier.notify(&delivery.message).await;
        let asked = match &outcome {
            Outcome::Retry { after, .. } => after.map(|a| a.min(self.config.max_retry_after)),
            Outcome::Delivered | Outcome::Reject { .. } => None,
        };
        let now = time.now();
        let (settlement, label) =
            attempt::settle(delivery, outcome, &self.config, now, time.even_for());
        self.metrics.deliveries.with_label_values(&[&*self.name, label]).inc();
        self.tell(delivery, &settlement);
        Ended { settlement, was_retry: delivery.attempts > 0, asked }
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
