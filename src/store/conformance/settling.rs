//! What becomes of a delivery once it was attempted.

use std::sync::Arc;

use super::{HOOK, TOPIC, at, change, commit, dead, delivered, due, job, only_due, retry, told_to};
use crate::domain::JobStatus::{Queued, Running};
use crate::store::{Backlog, DeliveryId, Store};

pub(in crate::store) async fn a_retry_counts_the_attempt_and_moves_the_due_time(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Running, at(0))).await;
    for (attempts, second) in [(0, 0), (1, 10), (2, 30)] {
        assert_eq!(due(store, HOOK, at(second - 1)).await, []);
        let delivery = only_due(store, HOOK, at(second)).await;
        assert_eq!((delivery.attempts, delivery.created_at), (attempts, at(0)));
        store.settle(delivery.id, &retry(2 * second + 10)).await.unwrap();
    }
}

pub(in crate::store) async fn a_settled_delivery_stays_as_it_was_settled(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    commit(store, &change(&job("b"), None, Queued, at(0))).await;
    let [a, b] = <[_; 2]>::try_from(due(store, HOOK, at(0)).await).unwrap();
    store.settle(a.id, &delivered(1)).await.unwrap();
    store.settle(b.id, &dead(1)).await.unwrap();
    let settled = store.backlog().await.unwrap();
    for late in [delivered(2), retry(2), dead(2)] {
        store.settle(a.id, &late).await.unwrap();
        store.settle(b.id, &late).await.unwrap();
        assert_eq!(due(store, HOOK, at(99)).await, [], "{late:?}");
        assert_eq!(store.backlog().await.unwrap(), settled, "{late:?}");
    }
}

pub(in crate::store) async fn settling_what_was_never_recorded_changes_nothing(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    let delivery = only_due(store, HOOK, at(0)).await;
    store.settle(DeliveryId(delivery.id.0 + 1), &delivered(1)).await.unwrap();
    assert_eq!(only_due(store, HOOK, at(9)).await, delivery);
}

pub(in crate::store) async fn the_backlog_counts_what_waits_and_what_is_dead(store: &dyn Store) {
    assert_eq!(store.backlog().await.unwrap(), []);
    let line = |notifier: &str, pending, dead, oldest_pending| Backlog {
        notifier: Arc::from(notifier),
        pending,
        dead,
        oldest_pending,
    };
    commit(store, &told_to(&[TOPIC, HOOK], change(&job("a"), None, Queued, at(2)))).await;
    commit(store, &told_to(&[TOPIC], change(&job("a"), Some(Queued), Running, at(3)))).await;
    commit(store, &told_to(&[TOPIC], change(&job("b"), None, Running, at(1)))).await;
    let [b, a] = <[_; 2]>::try_from(due(store, TOPIC, at(9)).await).unwrap();
    assert_eq!(
        store.backlog().await.unwrap(),
        [line(HOOK, 1, 0, Some(at(2))), line(TOPIC, 3, 0, Some(at(1)))]
    );
    store.settle(b.id, &retry(60)).await.unwrap();
    store.settle(b.id, &dead(9)).await.unwrap();
    store.settle(a.id, &delivered(9)).await.unwrap();
    store.settle(only_due(store, HOOK, at(9)).await.id, &delivered(9)).await.unwrap();
    assert_eq!(store.backlog().await.unwrap(), [line(TOPIC, 1, 1, Some(at(3)))]);
    store.settle(only_due(store, TOPIC, at(9)).await.id, &dead(9)).await.unwrap();
    assert_eq!(store.backlog().await.unwrap(), [line(TOPIC, 0, 2, None)]);
}
