//! What every store does when a notifier is no more.

use std::sync::Arc;

use super::{
    HOOK, TOPIC, at, change, commit, delivered, due, due_events, job, only_due, retry, told_to,
};
use crate::domain::JobStatus::{Queued, Running, Succeeded};
use crate::domain::Redelivery;
use crate::store::Store;

async fn abandon(store: &dyn Store, limit: usize) -> usize {
    store.abandon(HOOK, at(50), "it is gone", limit).await.unwrap()
}

/// Pending and dead deliveries of a notifier.
async fn waiting_and_dead(store: &dyn Store, notifier: &str) -> (u64, u64) {
    let backlog = store.backlog().await.unwrap();
    let of = backlog.iter().find(|backlog| &*backlog.notifier == notifier);
    of.map_or((0, 0), |backlog| (backlog.pending, backlog.dead))
}

pub(in crate::store) async fn what_waits_for_a_notifier_is_given_up_and_what_waits_for_others_stays(
    store: &dyn Store,
) {
    for id in ["a", "b"] {
        let both = |change| told_to(&[HOOK, TOPIC], change);
        commit(store, &both(change(&job(id), None, Queued, at(0)))).await;
        commit(store, &both(change(&job(id), Some(Queued), Running, at(1)))).await;
    }
    let first = due(store, HOOK, at(1)).await.remove(0);
    store.settle(first.id, &delivered(2)).await.unwrap();
    let second = due(store, HOOK, at(2)).await.remove(0);
    store.settle(second.id, &retry(100)).await.unwrap();
    assert_eq!(abandon(store, 100).await, 3);
    assert_eq!(abandon(store, 100).await, 0);
    assert_eq!(waiting_and_dead(store, HOOK).await, (0, 3));
    assert_eq!(due(store, HOOK, at(200)).await, []);
    assert_eq!(store.next_due(HOOK, at(0)).await.unwrap(), None);
    assert_eq!(waiting_and_dead(store, TOPIC).await, (4, 0));
    assert_eq!(due(store, TOPIC, at(200)).await.len(), 2);

    // A notifier that comes back under the same name starts a line of its own.
    commit(store, &change(&job("a"), Some(Running), Succeeded, at(60))).await;
    only_due(store, HOOK, at(60)).await;
}

pub(in crate::store) async fn a_line_that_is_given_up_in_part_keeps_its_order(store: &dyn Store) {
    // The clock went back in between: the oldest of the line is not the one that was recorded first.
    let steps = [(None, Queued, 30), (Some(Queued), Running, 10), (Some(Running), Succeeded, 20)];
    for (from, to, second) in steps {
        commit(store, &change(&job("a"), from, to, at(second))).await;
    }
    for left in (0..3).rev() {
        assert_eq!(abandon(store, 1).await, 1);
        assert_eq!(waiting_and_dead(store, HOOK).await.0, left);
        assert_eq!(due(store, HOOK, at(200)).await.len() as u64, left.min(1));
    }
}

pub(in crate::store) async fn what_was_given_up_unattempted_can_be_asked_for_again(
    store: &dyn Store,
) {
    let told = change(&job("a"), None, Queued, at(0));
    commit(store, &told).await;
    abandon(store, 1).await;
    let notifiers: [Arc<str>; 1] = [HOOK.into()];
    let dead = Redelivery::Dead { notifier: None };
    let done = store.redeliver(&dead, &notifiers, at(60)).await.unwrap();
    assert_eq!(done.redelivered, 1);
    assert_eq!(due_events(store, HOOK, at(60)).await, [("a".to_owned(), Queued)]);
}
