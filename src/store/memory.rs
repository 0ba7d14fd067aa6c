//! A store that lives as long as the process.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use uuid::Uuid;

use super::{Backlog, Change, Delivery, DeliveryId, Recorded, Settlement, Store, StoreError};
use crate::domain::{JobKey, JobStatus, Message};

/// Keeps everything in memory: for `wait`, `demo` and tests.
///
/// Of a delivery that was made or given up nothing stays but the event's id and the count of the dead.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Kept>);

impl MemoryStore {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn status(&self, job: &JobKey) -> Result<Option<JobStatus>, StoreError> {
        Ok(self.kept().statuses.get(job).copied())
    }

    async fn record(&self, change: &Change) -> Result<Recorded, StoreError> {
        Ok(self.kept().record(change))
    }

    async fn due(
        &self,
        notifier: &str,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        Ok(self
            .kept()
            .outboxes
            .get(notifier)
            .map_or_else(Vec::new, |outbox| outbox.due(now, limit)))
    }

    async fn next_due(
        &self,
        notifier: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.kept().outboxes.get(notifier).and_then(|outbox| outbox.next_due(now)))
    }

    async fn settle(&self, id: DeliveryId, settlement: &Settlement) -> Result<(), StoreError> {
        let mut kept = self.kept();
        if let Some(outbox) = kept.outboxes.values_mut().find(|o| o.pending.contains_key(&id)) {
            outbox.settle(id, settlement);
        }
        Ok(())
    }

    async fn backlog(&self) -> Result<Vec<Backlog>, StoreError> {
        let kept = self.kept();
        let backlogs = kept.outboxes.iter().map(|(notifier, outbox)| outbox.backlog(notifier));
        Ok(backlogs.filter(|backlog| backlog.pending + backlog.dead > 0).collect())
    }

    async fn check_writable(&self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn close(&self) {}
}

#[derive(Debug, Default)]
struct Kept {
    statuses: HashMap<JobKey, JobStatus>,
    recorded_events: HashSet<Uuid>,
    last_delivery: i64,
    outboxes: BTreeMap<Arc<str>, Outbox>,
}

impl Kept {
    fn record(&mut self, change: &Change) -> Recorded {
        let status = self.statuses.get(&change.job).copied();
        if status != change.from {
            return Recorded::Superseded(status);
        }
        self.statuses.insert(change.job.clone(), change.to);
        if !self.recorded_events.insert(change.message.event.id) {
            return Recorded::Committed;
        }
        let message = Arc::new(change.message.clone());
        let recorded_at = to_the_microsecond(change.recorded_at);
        for notifier in change.notifiers.iter().collect::<BTreeSet<_>>() {
            self.last_delivery += 1;
            self.outboxes.entry(Arc::clone(notifier)).or_default().push(
                DeliveryId(self.last_delivery),
                Pending {
                    job: change.job.clone(),
                    attempts: 0,
                    created_at: recorded_at,
                    due_at: recorded_at,
                    message: Arc::clone(&message),
                },
            );
        }
        Recorded::Committed
    }
}

/// A delivery that is not made yet.
#[derive(Debug)]
struct Pending {
    job: JobKey,
    attempts: u32,
    created_at: Timestamp,
    due_at: Timestamp,
    message: Arc<Message>,
}

/// The deliveries of one notifier.
#[derive(Debug, Default)]
struct Outbox {
    pending: BTreeMap<DeliveryId, Pending>,
    /// The pending deliveries of each job, oldest first. No line is empty.
    lines: HashMap<JobKey, BTreeSet<DeliveryId>>,
    /// The first of each line, by due time.
    firsts: BTreeSet<(Timestamp, DeliveryId)>,
    dead: u64,
}

impl Outbox {
    fn push(&mut self, id: DeliveryId, delivery: Pending) {
        let line = self.lines.entry(delivery.job.clone()).or_default();
        if line.is_empty() {
            self.firsts.insert((delivery.due_at, id));
        }
        line.insert(id);
        self.pending.insert(id, delivery);
    }

    fn due(&self, now: Timestamp, limit: usize) -> Vec<Delivery> {
        let due = self.firsts.range(..=(now, DeliveryId(i64::MAX))).take(limit);
        due.filter_map(|(_, id)| {
            let delivery = self.pending.get(id)?;
            Some(Delivery {
                id: *id,
                attempts: delivery.attempts,
                created_at: delivery.created_at,
                message: Message::clone(&delivery.message),
            })
        })
        .collect()
    }

    fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let later = (Bound::Excluded((now, DeliveryId(i64::MAX))), Bound::Unbounded);
        self.firsts.range(later).next().map(|(due_at, _)| *due_at)
    }

    fn settle(&mut self, id: DeliveryId, settlement: &Settlement) {
        match settlement {
            Settlement::Delivered { .. } => self.remove(id),
            Settlement::Retry { due_at, .. } => self.postpone(id, to_the_microsecond(*due_at)),
            Settlement::Dead { .. } => {
                self.remove(id);
                self.dead += 1;
            }
        }
    }

    fn postpone(&mut self, id: DeliveryId, due_at: Timestamp) {
        let Some(delivery) = self.pending.get_mut(&id) else { return };
        if self.firsts.remove(&(delivery.due_at, id)) {
            self.firsts.insert((due_at, id));
        }
        delivery.attempts += 1;
        delivery.due_at = due_at;
    }

    fn remove(&mut self, id: DeliveryId) {
        let Some(delivery) = self.pending.remove(&id) else { return };
        let was_first = self.firsts.remove(&(delivery.due_at, id));
        let Some(line) = self.lines.get_mut(&delivery.job) else { return };
        line.remove(&id);
        match line.first() {
            None => {
                self.lines.remove(&delivery.job);
            }
            Some(next) if was_first => {
                if let Some(moved_up) = self.pending.get(next) {
                    self.firsts.insert((moved_up.due_at, *next));
                }
            }
            Some(_) => {}
        }
    }

    fn backlog(&self, notifier: &Arc<str>) -> Backlog {
        Backlog {
            notifier: Arc::clone(notifier),
            pending: self.pending.len() as u64,
            dead: self.dead,
            oldest_pending: self.pending.values().map(|delivery| delivery.created_at).min(),
        }
    }
}

/// As other stores keep it.
fn to_the_microsecond(instant: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::conformance::{self, Fresh};

    conformance::tests!(async || Fresh::new(MemoryStore::default()));
}
