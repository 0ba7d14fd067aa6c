//! What a worker has in hand.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;

use tokio::task::{self, JoinError, JoinSet};

use super::attempt::Ended;
use crate::store::{Delivery, DeliveryId};

/// Outcomes that may wait for the disk, for each notifier. They share commits: while the disk is slow, many of them go
/// into one, and the receiver is not kept waiting. But a store that takes nothing is left alone.
const MOST_UNSETTLED: usize = 128;

/// Deliveries that a worker has fetched, from then until how they went is written down. The outbox still holds them as
/// due, so they are told apart by their ids.
///
/// Bodies are held of `ready` and `attempts` alone: at most `concurrency` each.
#[derive(Default)]
pub(super) struct Hand {
    /// Fetched, and waiting for room.
    ready: VecDeque<Ready>,
    attempts: JoinSet<Ended>,
    /// The receiver has answered; the outbox does not know it yet.
    settlements: JoinSet<()>,
    under_way: HashMap<task::Id, DeliveryId>,
    held: HashSet<DeliveryId>,
}

/// A delivery whose attempt is next.
struct Ready {
    delivery: Delivery,
    /// It is not due yet.
    is_early: bool,
}

/// What came to its end.
pub(super) enum Progress {
    /// The receiver has answered.
    Answered(DeliveryId, Ended),
    /// It is written down, or it broke off and nothing is.
    LetGo,
}

impl Hand {
    /// Deliveries in hand.
    pub(super) fn held(&self) -> Vec<DeliveryId> {
        self.held.iter().copied().collect()
    }

    /// Whether nothing is under way. What is ready only may be left to others.
    pub(super) fn is_idle(&self) -> bool {
        self.under_way.is_empty()
    }

    /// How many attempts may start.
    pub(super) fn room(&self, concurrency: usize) -> usize {
        if self.is_full() { 0 } else { concurrency.saturating_sub(self.attempts.len()) }
    }

    /// Whether nothing is left that waits for room. It is worth asking for more then, while attempts are under way.
    pub(super) fn wants_more(&self) -> bool {
        self.ready.is_empty() && !self.is_full()
    }

    /// Whether all that was fetched is under way.
    pub(super) fn has_begun_all(&self) -> bool {
        self.ready.is_empty()
    }

    fn is_full(&self) -> bool {
        self.settlements.len() >= MOST_UNSETTLED
    }

    /// Takes up what is due.
    pub(super) fn take(&mut self, due: Vec<Delivery>) {
        self.take_up(due, false);
    }

    /// Takes up what is to be made before it is due.
    pub(super) fn take_early(&mut self, waiting: Vec<Delivery>) {
        self.take_up(waiting, true);
    }

    fn take_up(&mut self, deliveries: Vec<Delivery>, is_early: bool) {
        self.held.extend(deliveries.iter().map(|delivery| delivery.id));
        self.ready.extend(deliveries.into_iter().map(|delivery| Ready { delivery, is_early }));
    }

    /// Leaves for its time what is not due yet.
    pub(super) fn put_back_early(&mut self) {
        let held = &mut self.held;
        self.ready.retain(|ready| {
            if ready.is_early {
                held.remove(&ready.delivery.id);
            }
            !ready.is_early
        });
    }

    /// The one that has waited longest.
    pub(super) fn next(&mut self) -> Option<Delivery> {
        self.ready.pop_front().map(|ready| ready.delivery)
    }

    pub(super) fn start(
        &mut self,
        id: DeliveryId,
        attempt: impl Future<Output = Ended> + Send + 'static,
    ) {
        let attempt = self.attempts.spawn(attempt);
        self.under_way.insert(attempt.id(), id);
    }

    pub(super) fn settle(
        &mut self,
        id: DeliveryId,
        settlement: impl Future<Output = ()> + Send + 'static,
    ) {
        let settlement = self.settlements.spawn(settlement);
        self.under_way.insert(settlement.id(), id);
    }

    /// Waits until something comes to its end. Pends for ever where nothing is under way.
    pub(super) async fn progress(&mut self) -> Progress {
        tokio::select! {
            Some(ended) = self.attempts.join_next_with_id() => self.answered(ended),
            Some(ended) = self.settlements.join_next_with_id() => self.let_go(ended),
            else => std::future::pending().await,
        }
    }

    /// What else has come to its end by now.
    pub(super) fn more_progress(&mut self) -> Option<Progress> {
        if let Some(ended) = self.attempts.try_join_next_with_id() {
            return Some(self.answered(ended));
        }
        let ended = self.settlements.try_join_next_with_id()?;
        Some(self.let_go(ended))
    }

    fn answered(&mut self, ended: Result<(task::Id, Ended), JoinError>) -> Progress {
        match ended {
            Ok((task, ended)) => match self.under_way.remove(&task) {
                Some(id) => Progress::Answered(id, ended),
                None => Progress::LetGo,
            },
            Err(panicked) => self.broke_off(&panicked),
        }
    }

    fn let_go(&mut self, ended: Result<(task::Id, ()), JoinError>) -> Progress {
        match ended {
            Ok((task, ())) => self.forget(task),
            Err(panicked) => self.broke_off(&panicked),
        }
    }

    /// One that broke off is made again: nothing was written down.
    fn broke_off(&mut self, panicked: &JoinError) -> Progress {
        tracing::error!(error = %panicked, "a delivery broke off; please report this defect");
        self.forget(panicked.id())
    }

    fn forget(&mut self, task: task::Id) -> Progress {
        if let Some(id) = self.under_way.remove(&task) {
            self.held.remove(&id);
        }
        Progress::LetGo
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::{Event, JobDetails, JobKey, JobKind, JobStatus, Message, Transition};

    fn delivery(id: i64) -> Delivery {
        let key = JobKey {
            account: "default".into(),
            kind: JobKind::Matching,
            workflow_name: "customers".into(),
            job_id: "0123".into(),
        };
        let transition = Transition { from: None, to: JobStatus::Queued, inferred: Vec::new() };
        let created_at = Timestamp::UNIX_EPOCH;
        let details = JobDetails::default();
        let event = Event::of_transition(&key, "eu-west-1", &transition, &details, created_at);
        let message = Message::encode(event).unwrap();
        Delivery { id: DeliveryId(id), attempts: 0, created_at, message }
    }

    #[test]
    fn what_is_early_can_be_put_back_and_what_is_due_stays() {
        let mut hand = Hand::default();
        hand.take(vec![delivery(1)]);
        hand.take_early(vec![delivery(2), delivery(3)]);
        hand.put_back_early();
        assert_eq!(hand.held(), [DeliveryId(1)]);
        assert_eq!(hand.next().map(|delivery| delivery.id), Some(DeliveryId(1)));
        assert!(hand.has_begun_all());
    }
}
