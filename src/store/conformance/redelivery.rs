//! What every store does with what is asked for again.

use std::sync::Arc;

use super::{
    HOOK, TOPIC, at, change, commit, dead, delivered, due, due_events, event, job, message,
    only_due, retry, told_to,
};
use crate::domain::JobStatus::{Queued, Running, Succeeded};
use crate::domain::{Redelivered, Redelivery};
use crate::store::Store;

const ALL_DEAD: Redelivery = Redelivery::Dead { notifier: None };

fn both() -> [Arc<str>; 2] {
    [HOOK.into(), TOPIC.into()]
}

async fn again(store: &dyn Store, redelivery: &Redelivery, second: i64) -> u64 {
    let done = store.redeliver(redelivery, &both(), at(second)).await.unwrap();
    assert_eq!(Redelivered { redelivered: 0, ..done }, Redelivered::default());
    done.redelivered
}

/// Gives up all that is due to `notifier`.
async fn give_up(store: &dyn Store, notifier: &str, second: i64) {
    for delivery in due(store, notifier, at(second)).await {
        store.settle(delivery.id, &dead(second)).await.unwrap();
    }
}

pub(in crate::store) async fn a_dead_delivery_asked_for_again_is_due_at_once_as_if_it_were_new(
    store: &dyn Store,
) {
    let change = change(&job("a"), None, Queued, at(0));
    commit(store, &change).await;
    store.settle(only_due(store, HOOK, at(0)).await.id, &retry(5)).await.unwrap();
    give_up(store, HOOK, 9).await;
    assert_eq!(again(store, &ALL_DEAD, 100).await, 1);
    assert_eq!(due(store, HOOK, at(99)).await, []);
    let delivery = only_due(store, HOOK, at(100)).await;
    assert_eq!(delivery.message, *message(&change));
    assert_eq!((delivery.attempts, delivery.created_at), (0, at(100)));
    let backlog = store.backlog().await.unwrap();
    assert_eq!((backlog[0].pending, backlog[0].dead), (1, 0));
    assert_eq!(backlog[0].oldest_pending, Some(at(100)));
    store.settle(delivery.id, &delivered(101)).await.unwrap();
    assert_eq!(again(store, &ALL_DEAD, 102).await, 0);
    assert_eq!(due(store, HOOK, at(200)).await, []);
}

pub(in crate::store) async fn a_named_event_is_delivered_again_to_all_who_were_done_with_it(
    store: &dyn Store,
) {
    let named = told_to(&[HOOK, TOPIC], change(&job("a"), None, Queued, at(0)));
    commit(store, &named).await;
    commit(store, &change(&job("b"), None, Queued, at(0))).await;
    give_up(store, HOOK, 1).await;
    store.settle(only_due(store, TOPIC, at(1)).await.id, &delivered(1)).await.unwrap();
    let id = message(&named).event.id;
    assert_eq!(again(store, &Redelivery::Events(vec![id, id]), 10).await, 2);
    for notifier in [HOOK, TOPIC] {
        assert_eq!(only_due(store, notifier, at(10)).await.message, *message(&named));
    }
}

pub(in crate::store) async fn what_is_pending_is_not_asked_for_again(store: &dyn Store) {
    let change = change(&job("a"), None, Queued, at(0));
    commit(store, &change).await;
    store.settle(only_due(store, HOOK, at(0)).await.id, &retry(30)).await.unwrap();
    let named = Redelivery::Events(vec![message(&change).event.id]);
    assert_eq!(again(store, &named, 10).await, 0);
    assert_eq!(again(store, &ALL_DEAD, 10).await, 0);
    assert_eq!(due(store, HOOK, at(29)).await, []);
    assert_eq!(only_due(store, HOOK, at(30)).await.attempts, 1);
}

pub(in crate::store) async fn the_dead_of_one_notifier_are_asked_for_alone(store: &dyn Store) {
    commit(store, &told_to(&[HOOK, TOPIC], change(&job("a"), None, Queued, at(0)))).await;
    give_up(store, HOOK, 1).await;
    give_up(store, TOPIC, 1).await;
    let of_topic = Redelivery::Dead { notifier: Some(TOPIC.into()) };
    assert_eq!(again(store, &of_topic, 10).await, 1);
    assert_eq!(due(store, HOOK, at(99)).await, []);
    assert_eq!(due_events(store, TOPIC, at(10)).await, [event("a", Queued)]);
}

pub(in crate::store) async fn a_delivery_asked_for_again_neither_waits_in_line_nor_holds_it_up(
    store: &dyn Store,
) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    give_up(store, HOOK, 1).await;
    commit(store, &change(&job("a"), Some(Queued), Running, at(2))).await;
    store.settle(only_due(store, HOOK, at(2)).await.id, &retry(50)).await.unwrap();
    assert_eq!(again(store, &ALL_DEAD, 10).await, 1);
    assert_eq!(due_events(store, HOOK, at(10)).await, [event("a", Queued)]);
    store.settle(only_due(store, HOOK, at(10)).await.id, &retry(90)).await.unwrap();
    // The line goes on while the old one waits for its retry.
    store.settle(only_due(store, HOOK, at(50)).await.id, &delivered(50)).await.unwrap();
    commit(store, &change(&job("a"), Some(Running), Succeeded, at(60))).await;
    assert_eq!(due_events(store, HOOK, at(60)).await, [event("a", Succeeded)]);
    assert_eq!(due(store, HOOK, at(90)).await.len(), 2);
    // And it does not lose its first when the old one is done.
    let [last, old] = <[_; 2]>::try_from(due(store, HOOK, at(90)).await).unwrap();
    store.settle(old.id, &delivered(91)).await.unwrap();
    assert_eq!(only_due(store, HOOK, at(91)).await, last);
}

pub(in crate::store) async fn a_delivery_to_a_notifier_that_is_gone_stays_dead(store: &dyn Store) {
    let change = told_to(&[HOOK, TOPIC], change(&job("a"), None, Queued, at(0)));
    commit(store, &change).await;
    give_up(store, HOOK, 1).await;
    give_up(store, TOPIC, 1).await;
    let left = Redelivered { redelivered: 0, without_notifier: 1, unknown: Vec::new() };
    let of_topic = Redelivery::Dead { notifier: Some(TOPIC.into()) };
    let only_hook = [HOOK.into()];
    assert_eq!(store.redeliver(&of_topic, &only_hook, at(9)).await.unwrap(), left);
    let named = Redelivery::Events(vec![message(&change).event.id]);
    let one = Redelivered { redelivered: 1, ..left.clone() };
    assert_eq!(store.redeliver(&named, &only_hook, at(9)).await.unwrap(), one);
    assert_eq!(store.redeliver(&ALL_DEAD, &only_hook, at(9)).await.unwrap(), left);
    assert_eq!(due(store, TOPIC, at(99)).await, []);
    let backlog = store.backlog().await.unwrap();
    assert_eq!((backlog[1].pending, backlog[1].dead), (0, 1));
}

pub(in crate::store) async fn an_event_that_is_not_there_is_told_as_unknown(store: &dyn Store) {
    let there = change(&job("a"), None, Queued, at(0));
    let elsewhere = message(&change(&job("b"), None, Queued, at(0))).event.id;
    commit(store, &there).await;
    give_up(store, HOOK, 1).await;
    let named = Redelivery::Events(vec![elsewhere, message(&there).event.id, elsewhere]);
    let done = store.redeliver(&named, &both(), at(9)).await.unwrap();
    let expected = Redelivered { redelivered: 1, without_notifier: 0, unknown: vec![elsewhere] };
    assert_eq!(done, expected);
}

pub(in crate::store) async fn a_delivery_asked_for_again_can_fail_and_die_again(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    give_up(store, HOOK, 1).await;
    assert_eq!(again(store, &ALL_DEAD, 10).await, 1);
    store.settle(only_due(store, HOOK, at(10)).await.id, &retry(20)).await.unwrap();
    assert_eq!(due(store, HOOK, at(19)).await, []);
    let delivery = only_due(store, HOOK, at(20)).await;
    assert_eq!((delivery.attempts, delivery.created_at), (1, at(10)));
    store.settle(delivery.id, &dead(20)).await.unwrap();
    assert_eq!(due(store, HOOK, at(99)).await, []);
    assert_eq!(again(store, &ALL_DEAD, 30).await, 1);
}
