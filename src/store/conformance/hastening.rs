//! What every store does when the clock was set back.

use std::time::Duration;

use super::{HOOK, TOPIC, at, change, commit, delivered, due, job, only_due, retry, told_to};
use crate::domain::JobStatus::{Queued, Running};
use crate::store::Store;

const MINUTE: Duration = Duration::from_mins(1);

pub(in crate::store) async fn what_waits_for_its_time_falls_due_earlier_by_as_much(
    store: &dyn Store,
) {
    for id in ["a", "b"] {
        let told = told_to(&[HOOK, TOPIC], change(&job(id), None, Queued, at(0)));
        commit(store, &told).await;
    }
    for notifier in [HOOK, TOPIC] {
        let both = due(store, notifier, at(0)).await;
        store.settle(both[0].id, &retry(300)).await.unwrap();
        store.settle(both[1].id, &retry(100)).await.unwrap();
    }
    assert_eq!(store.hasten(HOOK, at(200), MINUTE, at(10_000)).await.unwrap(), 1);
    assert_eq!(store.next_due(HOOK, at(200)).await.unwrap(), Some(at(240)));
    assert_eq!(due(store, HOOK, at(99)).await, []);
    assert_eq!(due(store, HOOK, at(240)).await.len(), 2);
    assert_eq!(store.next_due(TOPIC, at(200)).await.unwrap(), Some(at(300)), "another's stay");
}

pub(in crate::store) async fn what_no_honest_clock_planned_is_due_now(store: &dyn Store) {
    // As by a clock that was an hour ahead, and was set right: the second stands behind the first.
    commit(store, &change(&job("a"), None, Queued, at(3_600))).await;
    commit(store, &change(&job("a"), Some(Queued), Running, at(3_600))).await;
    commit(store, &change(&job("b"), None, Queued, at(0))).await;
    store.settle(only_due(store, HOOK, at(0)).await.id, &retry(9_000)).await.unwrap();
    assert_eq!(due(store, HOOK, at(5)).await, []);

    assert_eq!(store.hasten(HOOK, at(5), Duration::ZERO, at(3_605)).await.unwrap(), 3);
    let both = due(store, HOOK, at(5)).await;
    assert_eq!(both.len(), 2);
    for delivery in both {
        store.settle(delivery.id, &delivered(5)).await.unwrap();
    }
    assert_eq!(only_due(store, HOOK, at(5)).await.message.event.sequence.as_deref(), Some("2"));
}

pub(in crate::store) async fn what_an_honest_clock_planned_stays_and_is_not_counted(
    store: &dyn Store,
) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    store.settle(only_due(store, HOOK, at(0)).await.id, &retry(300)).await.unwrap();
    assert_eq!(store.hasten(HOOK, at(5), Duration::ZERO, at(3_605)).await.unwrap(), 0);
    assert_eq!(store.next_due(HOOK, at(5)).await.unwrap(), Some(at(300)));
}
