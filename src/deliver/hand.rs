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
    ready: VecDeque<Delivery>,
    attempts: JoinSet<Ended>,
    /// The receiver has answered; the outbox does not know it yet.
    settlements: JoinSet<()>,
    under_way: HashMap<task::Id, DeliveryId>,
    held: HashSet<DeliveryId>,
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
        match self.settlements.len() {
            0..MOST_UNSETTLED => concurrency.saturating_sub(self.attempts.len()),
            _ => 0,
        }
    }

    /// Whether what was fetched is under way.
    pub(super) fn wants_more(&self) -> bool {
        self.ready.is_empty()
    }

    /// Takes up what was fetched besides.
    pub(super) fn take(&mut self, due: Vec<Delivery>) {
        self.held.extend(due.iter().map(|delivery| delivery.id));
        self.ready.extend(due);
    }

    /// The one that has waited longest.
    pub(super) fn next(&mut self) -> Option<Delivery> {
        self.ready.pop_front()
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
