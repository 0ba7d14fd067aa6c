//! What waits for one notifier, and what is done with.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::to_the_microsecond;
use crate::domain::{Message, Subject};
use crate::store::{Backlog, Delivery, DeliveryId, Settlement};

/// A delivery.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) subject: Subject,
    pub(super) attempts: u32,
    pub(super) created_at: Timestamp,
    pub(super) due_at: Timestamp,
    pub(super) message: Arc<Message>,
}

/// Whether a pending delivery stands in its subject's line, or beside it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    InLine,
    Again,
}

/// A delivery that was made or given up.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) made: Made,
    pub(super) is_dead: bool,
    pub(super) at: Timestamp,
}

/// The deliveries of one notifier.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    pub(super) pending: BTreeMap<DeliveryId, Made>,
    pub(super) settled: BTreeMap<DeliveryId, Settled>,
    /// The pending deliveries of each subject, oldest first. No line is empty.
    pub(super) lines: HashMap<Subject, BTreeSet<DeliveryId>>,
    /// The first of each line, and all that stand beside theirs, by due time.
    pub(super) firsts: BTreeSet<(Timestamp, DeliveryId)>,
}

impl Outbox {
    pub(super) fn push(&mut self, id: DeliveryId, kind: Kind, delivery: Made) {
        if kind == Kind::Again {
            self.firsts.insert((delivery.due_at, id));
        } else {
            let line = self.lines.entry(delivery.subject.clone()).or_default();
            if line.is_empty() {
                self.firsts.insert((delivery.due_at, id));
            }
            line.insert(id);
        }
        self.pending.insert(id, delivery);
    }

    pub(super) fn push_again(&mut self, id: DeliveryId, now: Timestamp) {
        let Some(Settled { made, .. }) = self.settled.remove(&id) else { return };
        self.push(id, Kind::Again, Made { attempts: 0, created_at: now, due_at: now, ..made });
    }

    pub(super) fn due(&self, now: Timestamp, limit: usize) -> Vec<Delivery> {
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

    pub(super) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let later = (Bound::Excluded((now, DeliveryId(i64::MAX))), Bound::Unbounded);
        self.firsts.range(later).next().map(|(due_at, _)| *due_at)
    }

    pub(super) fn settle(&mut self, id: DeliveryId, settlement: &Settlement) {
        let (is_dead, at) = match settlement {
            Settlement::Retry { due_at, .. } => {
                return self.postpone(id, to_the_microsecond(*due_at));
            }
            Settlement::Delivered { at } => (false, at),
            Settlement::Dead { at, .. } => (true, at),
        };
        self.put_away(id, is_dead, *at);
    }

    pub(super) fn hasten(&mut self, now: Timestamp, by: Duration, latest: Timestamp) -> u64 {
        let waiting = self.pending.iter_mut().filter(|(_, made)| made.due_at > now);
        let mut hastened = 0;
        for (id, made) in waiting {
            let earlier = made.due_at.checked_sub(by).unwrap_or(Timestamp::MIN);
            let due_at = if made.attempts == 0 || earlier > latest { now } else { earlier };
            if due_at == made.due_at {
                continue;
            }
            if self.firsts.remove(&(made.due_at, *id)) {
                self.firsts.insert((due_at, *id));
            }
            made.due_at = due_at;
            hastened += 1;
        }
        hastened
    }

    pub(super) fn abandon(&mut self, at: Timestamp, limit: usize) -> usize {
        let waiting: Vec<DeliveryId> = self.pending.keys().take(limit).copied().collect();
        waiting.iter().for_each(|id| self.put_away(*id, true, at));
        waiting.len()
    }

    pub(super) fn put_away(&mut self, id: DeliveryId, is_dead: bool, at: Timestamp) {
        if let Some(made) = self.remove(id) {
            let at = to_the_microsecond(at);
            self.settled.insert(id, Settled { made, is_dead, at });
        }
    }

    pub(super) fn postpone(&mut self, id: DeliveryId, due_at: Timestamp) {
        let Some(delivery) = self.pending.get_mut(&id) else { return };
        if self.firsts.remove(&(delivery.due_at, id)) {
            self.firsts.insert((due_at, id));
        }
        delivery.attempts += 1;
        delivery.due_at = due_at;
    }

    pub(super) fn remove(&mut self, id: DeliveryId) -> Option<Made> {
        let delivery = self.pending.remove(&id)?;
        let was_first = self.firsts.remove(&(delivery.due_at, id));
        // One that stood beside the line leaves the line as it is.
        let line = self.lines.get_mut(&delivery.subject).filter(|line| line.contains(&id));
        if let Some(line) = line {
            line.remove(&id);
            match line.first() {
                None => {
                    self.lines.remove(&delivery.subject);
                }
                Some(next) if was_first => {
                    if let Some(moved_up) = self.pending.get(next) {
                        self.firsts.insert((moved_up.due_at, *next));
                    }
                }
                Some(_) => {}
            }
        }
        Some(delivery)
    }

    pub(super) fn backlog(&self, notifier: &Arc<str>) -> Backlog {
        Backlog {
            notifier: Arc::clone(notifier),
            pending: self.pending.len() as u64,
            dead: self.settled.values().filter(|settled| settled.is_dead).count() as u64,
            oldest_pending: self.pending.values().map(|delivery| delivery.created_at).min(),
        }
    }
}
