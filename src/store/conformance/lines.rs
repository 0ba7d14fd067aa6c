//! Whose turn it is: the deliveries of a job wait in line, those of others do not.

use super::{
    HOOK, TOPIC, at, change, commit, dead, delivered, due, due_events, event, job, only_due, retry,
    told_to,
};
use crate::domain::JobStatus::{Failed, Queued, Running, Succeeded};
use crate::store::{DeliveryId, Store};

pub(in crate::store) async fn nothing_is_due_before_it_was_recorded(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Running, at(10))).await;
    assert_eq!(due(store, HOOK, at(9)).await, []);
    assert_eq!(due(store, HOOK, at(10)).await.len(), 1);
}

pub(in crate::store) async fn the_second_delivery_of_a_job_is_not_due_before_the_first_is_settled(
    store: &dyn Store,
) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    commit(store, &change(&job("a"), Some(Queued), Running, at(1))).await;
    commit(store, &change(&job("a"), Some(Running), Succeeded, at(2))).await;
    for (second, status) in [(3, Queued), (4, Running), (5, Succeeded)] {
        assert_eq!(due_events(store, HOOK, at(second)).await, [event("a", status)]);
        let delivery = only_due(store, HOOK, at(second)).await;
        store.settle(delivery.id, &delivered(second)).await.unwrap();
    }
    assert_eq!(due(store, HOOK, at(9)).await, []);
}

pub(in crate::store) async fn a_delivery_that_waits_for_its_retry_holds_back_the_next_of_its_job(
    store: &dyn Store,
) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    commit(store, &change(&job("a"), Some(Queued), Running, at(1))).await;
    store.settle(only_due(store, HOOK, at(1)).await.id, &retry(30)).await.unwrap();
    assert_eq!(due(store, HOOK, at(29)).await, []);
    assert_eq!(due_events(store, HOOK, at(30)).await, [event("a", Queued)]);
}

pub(in crate::store) async fn a_dead_delivery_no_longer_blocks_the_next(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    commit(store, &change(&job("a"), Some(Queued), Running, at(1))).await;
    store.settle(only_due(store, HOOK, at(1)).await.id, &dead(2)).await.unwrap();
    assert_eq!(due_events(store, HOOK, at(2)).await, [event("a", Running)]);
}

pub(in crate::store) async fn a_delivery_recorded_after_the_line_emptied_is_due_at_once(
    store: &dyn Store,
) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    store.settle(only_due(store, HOOK, at(0)).await.id, &delivered(1)).await.unwrap();
    commit(store, &change(&job("a"), Some(Queued), Running, at(2))).await;
    store.settle(only_due(store, HOOK, at(2)).await.id, &dead(3)).await.unwrap();
    commit(store, &change(&job("a"), Some(Running), Failed, at(4))).await;
    assert_eq!(due_events(store, HOOK, at(4)).await, [event("a", Failed)]);
}

pub(in crate::store) async fn settling_one_that_is_not_first_in_line_keeps_the_first_where_it_is(
    store: &dyn Store,
) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    commit(store, &change(&job("a"), Some(Queued), Running, at(1))).await;
    commit(store, &change(&job("a"), Some(Running), Succeeded, at(2))).await;
    let first = only_due(store, HOOK, at(2)).await;
    // Ids rise in the order of recording, so the one after the first stands behind it.
    let second = DeliveryId(first.id.0 + 1);
    store.settle(second, &retry(60)).await.unwrap();
    assert_eq!(only_due(store, HOOK, at(3)).await, first);
    store.settle(second, &dead(3)).await.unwrap();
    assert_eq!(only_due(store, HOOK, at(3)).await, first);
    store.settle(first.id, &delivered(4)).await.unwrap();
    assert_eq!(due_events(store, HOOK, at(4)).await, [event("a", Succeeded)]);
}

pub(in crate::store) async fn one_notifier_never_sees_anothers_deliveries(store: &dyn Store) {
    commit(store, &told_to(&[HOOK], change(&job("a"), None, Queued, at(0)))).await;
    commit(store, &told_to(&[HOOK, TOPIC], change(&job("a"), Some(Queued), Running, at(1)))).await;
    // The topic does not wait for what only the hook is told, nor for the hook's retries.
    assert_eq!(due_events(store, TOPIC, at(1)).await, [event("a", Running)]);
    store.settle(only_due(store, HOOK, at(1)).await.id, &retry(60)).await.unwrap();
    assert_eq!(due_events(store, TOPIC, at(1)).await, [event("a", Running)]);
    store.settle(only_due(store, TOPIC, at(1)).await.id, &delivered(2)).await.unwrap();
    assert_eq!(due(store, TOPIC, at(99)).await, []);
    assert_eq!(due_events(store, HOOK, at(99)).await, [event("a", Queued)]);
    assert_eq!(due(store, "hoo", at(99)).await, []);
}

pub(in crate::store) async fn one_job_never_waits_for_another(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    commit(store, &change(&job("b"), None, Queued, at(1))).await;
    let [a, _] = <[_; 2]>::try_from(due(store, HOOK, at(1)).await).unwrap();
    store.settle(a.id, &retry(3_600)).await.unwrap();
    assert_eq!(due_events(store, HOOK, at(2)).await, [event("b", Queued)]);
}

pub(in crate::store) async fn those_due_longest_come_first_and_at_most_as_many_as_asked_for(
    store: &dyn Store,
) {
    for (id, second) in [("late", 5), ("early", 1), ("twin", 5), ("retried", 0)] {
        commit(store, &change(&job(id), None, Running, at(second))).await;
    }
    let retried = due(store, HOOK, at(0)).await[0].id;
    store.settle(retried, &retry(3)).await.unwrap();
    let all = ["early", "retried", "late", "twin"].map(|id| event(id, Running));
    assert_eq!(due_events(store, HOOK, at(9)).await, all);
    for limit in 0..=4 {
        let some = store.due(HOOK, at(9), limit).await.unwrap();
        assert_eq!(some, due(store, HOOK, at(9)).await[..limit]);
    }
    assert_eq!(store.due(HOOK, at(9), usize::MAX).await.unwrap().len(), 4);
}

pub(in crate::store) async fn those_that_the_caller_works_on_are_passed_over(store: &dyn Store) {
    for (id, second) in [("a", 0), ("b", 1), ("c", 2), ("d", 3)] {
        commit(store, &change(&job(id), None, Running, at(second))).await;
    }
    let all = due(store, HOOK, at(9)).await;
    let besides = async |held: &[DeliveryId], limit| {
        store.due_besides(held, HOOK, at(9), limit).await.unwrap()
    };
    assert_eq!(besides(&[], 9).await, all);
    assert_eq!(besides(&[all[2].id, all[0].id], 9).await, [all[1].clone(), all[3].clone()]);
    // They take up no room.
    assert_eq!(besides(&[all[0].id, all[1].id], 1).await, [all[2].clone()]);
    assert_eq!(besides(&all.iter().map(|d| d.id).collect::<Vec<_>>(), 9).await, []);
    assert_eq!(besides(&[DeliveryId(-1)], 9).await, all);
}

pub(in crate::store) async fn the_next_due_time_is_the_first_one_after_now(store: &dyn Store) {
    let next = async |second| store.next_due(HOOK, at(second)).await.unwrap();
    assert_eq!(next(0).await, None);
    commit(store, &change(&job("a"), None, Running, at(10))).await;
    commit(store, &change(&job("b"), None, Running, at(20))).await;
    commit(store, &told_to(&[TOPIC], change(&job("c"), None, Running, at(5)))).await;
    assert_eq!(next(0).await, Some(at(10)));
    assert_eq!(next(10).await, Some(at(20)));
    assert_eq!(next(20).await, None);
    store.settle(due(store, HOOK, at(10)).await[0].id, &retry(30)).await.unwrap();
    assert_eq!(next(0).await, Some(at(20)));
    assert_eq!(next(20).await, Some(at(30)));
    store.settle(only_due(store, HOOK, at(20)).await.id, &delivered(20)).await.unwrap();
    assert_eq!(next(0).await, Some(at(30)));
}

pub(in crate::store) async fn the_next_due_time_passes_over_those_that_wait_in_line(
    store: &dyn Store,
) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    commit(store, &change(&job("a"), Some(Queued), Running, at(10))).await;
    let first = only_due(store, HOOK, at(0)).await.id;
    assert_eq!(store.next_due(HOOK, at(0)).await.unwrap(), None);
    store.settle(first, &retry(40)).await.unwrap();
    assert_eq!(store.next_due(HOOK, at(0)).await.unwrap(), Some(at(40)));
    store.settle(first, &delivered(5)).await.unwrap();
    assert_eq!(store.next_due(HOOK, at(5)).await.unwrap(), Some(at(10)));
}
