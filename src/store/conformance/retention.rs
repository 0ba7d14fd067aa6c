//! What every store forgets, and what it never does.

use std::sync::Arc;

use super::{
    HOOK, TOPIC, at, change, commit, dead, delivered, due_events, event, job, message, only_due,
    retry, told_to,
};
use crate::domain::JobStatus::{Failed, Queued, Running, Succeeded};
use crate::domain::Redelivery;
use crate::domain::{JobKey, JobSet};
use crate::store::{Position, Retention, Store};

/// One whole pass in batches of `limit`; says how much is gone.
pub(in crate::store) async fn forget_in_batches(
    store: &dyn Store,
    second: i64,
    watched: &[JobKey],
    limit: usize,
) -> usize {
    let watched: JobSet = watched.iter().cloned().collect();
    let retention = Retention { before: at(second), watched: Arc::new(watched) };
    let (mut removed, mut position) = (0, Some(Position::default()));
    while let Some(from) = position {
        let pruned = store.prune(&retention, from, limit).await.unwrap();
        removed += pruned.removed;
        position = pruned.next;
    }
    removed
}

async fn forget(store: &dyn Store, second: i64, watched: &[JobKey]) -> usize {
    forget_in_batches(store, second, watched, 500).await
}

/// A job that was told to the hook at `second`, from start to end.
async fn over(store: &dyn Store, id: &str, second: i64) {
    commit(store, &change(&job(id), None, Succeeded, at(second))).await;
    store.settle(only_due(store, HOOK, at(second)).await.id, &delivered(second)).await.unwrap();
}

pub(in crate::store) async fn what_was_delivered_before_the_instant_is_forgotten_with_its_event_and_its_job(
    store: &dyn Store,
) {
    over(store, "a", 0).await;
    assert_eq!(forget(store, 10, &[]).await, 3);
    assert_eq!(store.status(&job("a")).await.unwrap(), None);
    // Nothing of it is left: it is told again.
    commit(store, &change(&job("a"), None, Succeeded, at(20))).await;
    assert_eq!(due_events(store, HOOK, at(20)).await, [event("a", Succeeded)]);
}

pub(in crate::store) async fn nothing_of_the_instant_or_after_it_is_forgotten(store: &dyn Store) {
    over(store, "a", 10).await;
    assert_eq!(forget(store, 10, &[]).await, 0);
    commit(store, &change(&job("b"), None, Succeeded, at(0))).await;
    store.settle(only_due(store, HOOK, at(1)).await.id, &delivered(10)).await.unwrap();
    assert_eq!(forget(store, 10, &[]).await, 0, "it was recorded before, but delivered since");
    assert_eq!(store.status(&job("b")).await.unwrap(), Some(Succeeded));
}

pub(in crate::store) async fn what_is_pending_or_dead_is_never_forgotten(store: &dyn Store) {
    commit(store, &change(&job("waits"), None, Failed, at(0))).await;
    store.settle(only_due(store, HOOK, at(0)).await.id, &retry(5_000)).await.unwrap();
    commit(store, &change(&job("dead"), None, Failed, at(1))).await;
    store.settle(only_due(store, HOOK, at(1)).await.id, &dead(2)).await.unwrap();
    let backlog = store.backlog().await.unwrap();
    assert_eq!(forget(store, 9_999, &[]).await, 0);
    assert_eq!(store.backlog().await.unwrap(), backlog);
    assert_eq!(store.status(&job("waits")).await.unwrap(), Some(Failed));
    assert_eq!(store.status(&job("dead")).await.unwrap(), Some(Failed));
    let all_dead = Redelivery::Dead { notifier: None };
    store.redeliver(&all_dead, &[HOOK.into()], at(6_000)).await.unwrap();
    let told = due_events(store, HOOK, at(6_000)).await;
    assert_eq!(told, [event("waits", Failed), event("dead", Failed)]);
}

pub(in crate::store) async fn an_event_that_one_notifier_still_waits_for_stays(store: &dyn Store) {
    let change = told_to(&[HOOK, TOPIC], change(&job("a"), None, Succeeded, at(0)));
    commit(store, &change).await;
    store.settle(only_due(store, HOOK, at(0)).await.id, &delivered(0)).await.unwrap();
    assert_eq!(forget(store, 10, &[]).await, 1, "the delivery that was made, and nothing else");
    assert_eq!(only_due(store, TOPIC, at(10)).await.message, *message(&change));
    assert_eq!(store.status(&job("a")).await.unwrap(), Some(Succeeded));
}

pub(in crate::store) async fn a_watched_job_and_one_that_has_not_ended_keep_their_status(
    store: &dyn Store,
) {
    over(store, "watched", 0).await;
    over(store, "other", 0).await;
    commit(store, &change(&job("runs"), None, Running, at(0))).await;
    store.settle(only_due(store, HOOK, at(0)).await.id, &delivered(0)).await.unwrap();
    assert_eq!(forget(store, 10, &[job("watched")]).await, 7);
    let status = async |id| store.status(&job(id)).await.unwrap();
    assert_eq!(status("watched").await, Some(Succeeded));
    assert_eq!(status("other").await, None);
    assert_eq!(status("runs").await, Some(Running));
    assert_eq!(forget(store, 10, &[]).await, 1, "it is not watched any more");
    assert_eq!(status("watched").await, None);
}

pub(in crate::store) async fn an_event_that_nobody_was_told_is_forgotten_too(store: &dyn Store) {
    commit(store, &told_to(&[], change(&job("a"), None, Queued, at(0)))).await;
    commit(store, &told_to(&[], change(&job("a"), Some(Queued), Succeeded, at(1)))).await;
    assert_eq!(forget(store, 1, &[]).await, 1);
    assert_eq!(forget(store, 2, &[]).await, 2);
    assert_eq!(store.status(&job("a")).await.unwrap(), None);
}

pub(in crate::store) async fn a_dead_delivery_that_was_made_after_all_is_forgotten_in_time(
    store: &dyn Store,
) {
    commit(store, &change(&job("a"), None, Failed, at(0))).await;
    store.settle(only_due(store, HOOK, at(0)).await.id, &dead(1)).await.unwrap();
    let all_dead = Redelivery::Dead { notifier: None };
    store.redeliver(&all_dead, &[HOOK.into()], at(50)).await.unwrap();
    assert_eq!(forget(store, 60, &[]).await, 0);
    store.settle(only_due(store, HOOK, at(60)).await.id, &delivered(60)).await.unwrap();
    assert_eq!(forget(store, 60, &[]).await, 0);
    assert_eq!(forget(store, 61, &[]).await, 3);
}

pub(in crate::store) async fn a_long_past_is_forgotten_in_batches(store: &dyn Store) {
    for number in 0..20 {
        // Several of one instant, and some that stay in between.
        over(store, &format!("{number}"), number / 4).await;
        if number % 3 == 0 {
            let stays = change(&job(&format!("dead {number}")), None, Failed, at(number / 4));
            commit(store, &stays).await;
            let id = only_due(store, HOOK, at(number / 4)).await.id;
            store.settle(id, &dead(number / 4)).await.unwrap();
        }
    }
    assert_eq!(forget_in_batches(store, 3, &[], 5).await, 3 * 12);
    assert_eq!(forget_in_batches(store, 99, &[], 1).await, 3 * 8);
    assert_eq!(store.backlog().await.unwrap()[0].dead, 7);
}

pub(in crate::store) async fn how_far_ended_jobs_were_forgotten_is_kept_and_never_goes_back(
    store: &dyn Store,
) {
    assert_eq!(store.pruned_to().await.unwrap(), None);
    over(store, "first", 0).await;
    commit(store, &change(&job("runs"), None, Running, at(0))).await;
    store.settle(only_due(store, HOOK, at(0)).await.id, &delivered(0)).await.unwrap();
    assert_eq!(forget(store, 10, &[job("first")]).await, 4, "deliveries and events, and no job");
    assert_eq!(store.pruned_to().await.unwrap(), None);
    forget(store, 20, &[]).await;
    assert_eq!(store.pruned_to().await.unwrap(), Some(at(20)));
    // By a longer `retain`.
    over(store, "second", 5).await;
    assert_eq!(forget(store, 7, &[]).await, 3);
    assert_eq!(store.pruned_to().await.unwrap(), Some(at(20)));
}
