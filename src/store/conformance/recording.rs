//! What is recorded is there, once and as it was.

use jiff::SignedDuration;

use super::{HOOK, TOPIC, at, change, commit, delivered, due, job, message, only_due, told_to};
use crate::domain::JobStatus::{Failed, Queued, Running, Succeeded};
use crate::domain::{Event, JobKey, JobKind, Message};
use crate::store::{Recorded, Settlement, Store, Telling};

pub(in crate::store) async fn a_job_that_was_never_recorded_has_no_status(store: &dyn Store) {
    assert_eq!(store.status(&job("a")).await.unwrap(), None);
}

pub(in crate::store) async fn a_recorded_change_is_the_status_of_its_job_and_of_no_other(
    store: &dyn Store,
) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    commit(store, &change(&job("a"), Some(Queued), Running, at(1))).await;
    assert_eq!(store.status(&job("a")).await.unwrap(), Some(Running));
    assert_eq!(store.status(&job("b")).await.unwrap(), None);
}

pub(in crate::store) async fn a_change_is_due_at_once_to_each_notifier_named(store: &dyn Store) {
    let change = told_to(&[HOOK, TOPIC], change(&job("a"), None, Running, at(0)));
    commit(store, &change).await;
    for notifier in [HOOK, TOPIC] {
        let delivery = only_due(store, notifier, at(0)).await;
        assert_eq!(delivery.message, *message(&change));
        assert_eq!((delivery.attempts, delivery.created_at), (0, at(0)));
    }
}

pub(in crate::store) async fn a_notifier_named_twice_gets_one_delivery(store: &dyn Store) {
    commit(store, &told_to(&[HOOK, HOOK], change(&job("a"), None, Running, at(0)))).await;
    let delivery = only_due(store, HOOK, at(0)).await;
    store.settle(delivery.id, &delivered(1)).await.unwrap();
    assert_eq!(due(store, HOOK, at(9)).await, []);
}

pub(in crate::store) async fn a_change_that_nobody_is_told_moves_the_status(store: &dyn Store) {
    commit(store, &told_to(&[], change(&job("a"), None, Running, at(0)))).await;
    assert_eq!(store.status(&job("a")).await.unwrap(), Some(Running));
    assert_eq!(store.backlog().await.unwrap(), []);
}

pub(in crate::store) async fn a_change_from_a_status_that_is_not_the_current_one_writes_nothing(
    store: &dyn Store,
) {
    let late = change(&job("a"), Some(Queued), Running, at(0));
    assert_eq!(store.record(&late).await.unwrap(), Recorded::Superseded(None));
    assert_eq!(store.status(&job("a")).await.unwrap(), None);

    commit(store, &told_to(&[], change(&job("a"), None, Succeeded, at(0)))).await;
    for from in [None, Some(Queued), Some(Running)] {
        let late = change(&job("a"), from, Failed, at(1));
        assert_eq!(store.record(&late).await.unwrap(), Recorded::Superseded(Some(Succeeded)));
    }
    assert_eq!(store.status(&job("a")).await.unwrap(), Some(Succeeded));
    assert_eq!(due(store, HOOK, at(9)).await, []);
}

pub(in crate::store) async fn recording_the_same_change_twice_makes_one_event(store: &dyn Store) {
    let change = change(&job("a"), None, Running, at(0));
    commit(store, &change).await;
    assert_eq!(store.record(&change).await.unwrap(), Recorded::Superseded(Some(Running)));
    let delivery = only_due(store, HOOK, at(9)).await;
    store.settle(delivery.id, &delivered(9)).await.unwrap();
    assert_eq!(due(store, HOOK, at(9)).await, []);
}

pub(in crate::store) async fn the_events_of_a_change_are_recorded_together_and_told_in_their_order(
    store: &dyn Store,
) {
    let mut ended = change(&job("a"), None, Succeeded, at(0));
    let quality = Event::of_failed_gates(&message(&ended).event, Vec::new()).unwrap();
    let quality = Message::encode(quality).unwrap();
    let notifiers = vec![HOOK.into(), TOPIC.into()];
    ended.tellings.push(Telling { message: quality.clone(), notifiers });
    commit(store, &ended).await;
    assert_eq!(only_due(store, TOPIC, at(0)).await.message, quality, "only that was for it");
    for expected in &ended.tellings {
        let delivery = only_due(store, HOOK, at(0)).await;
        assert_eq!(delivery.message, expected.message);
        store.settle(delivery.id, &delivered(1)).await.unwrap();
    }
    assert_eq!(due(store, HOOK, at(9)).await, []);
    // Both or neither.
    assert_eq!(store.record(&ended).await.unwrap(), Recorded::Superseded(Some(Succeeded)));
    assert_eq!(due(store, HOOK, at(9)).await, []);
}

pub(in crate::store) async fn an_event_recorded_before_under_another_account_name_is_not_told_again(
    store: &dyn Store,
) {
    let first = change(&job("a"), None, Running, at(0));
    commit(store, &first).await;
    let renamed = JobKey { account: "primary".into(), ..job("a") };
    let again = told_to(&[HOOK, TOPIC], change(&renamed, None, Running, at(5)));
    assert_eq!(message(&again).event.id, message(&first).event.id);
    commit(store, &again).await;
    assert_eq!(store.status(&renamed).await.unwrap(), Some(Running));
    assert_eq!(only_due(store, HOOK, at(9)).await.message, *message(&first));
    assert_eq!(due(store, TOPIC, at(9)).await, []);

    // Not even when the first telling is over.
    store.settle(only_due(store, HOOK, at(9)).await.id, &delivered(9)).await.unwrap();
    let renamed_again = JobKey { account: "third".into(), ..job("a") };
    commit(store, &change(&renamed_again, None, Running, at(10))).await;
    assert_eq!(due(store, HOOK, at(20)).await, []);
}

pub(in crate::store) async fn jobs_that_differ_in_account_kind_workflow_or_id_are_different_jobs(
    store: &dyn Store,
) {
    let jobs = [
        job("a"),
        job("A"),
        JobKey { account: "other".into(), ..job("a") },
        JobKey { kind: JobKind::IdMapping, ..job("a") },
        JobKey { workflow_name: "suppliers".into(), ..job("a") },
    ];
    let statuses = [Queued, Running, Succeeded, Failed, Running];
    for (job, to) in jobs.iter().zip(statuses) {
        commit(store, &change(job, None, to, at(0))).await;
    }
    for (job, expected) in jobs.iter().zip(statuses) {
        assert_eq!(store.status(job).await.unwrap(), Some(expected), "{job}");
    }
    assert_eq!(due(store, HOOK, at(0)).await.len(), jobs.len());
}

pub(in crate::store) async fn a_body_is_delivered_byte_for_byte(store: &dyn Store) {
    let mut change = change(&job("ä'\"%_"), None, Running, at(0));
    // An encoding that no version of this program would choose.
    let body = format!(" {}\t ", message(&change).body.replace("\":", "\" :\t"));
    change.tellings[0].message = Message::decode(&body).unwrap();
    commit(store, &change).await;
    let delivery = only_due(store, HOOK, at(0)).await;
    assert_eq!(*delivery.message.body, *body);
    assert_eq!(delivery.message, *message(&change));
}

pub(in crate::store) async fn times_are_kept_to_the_microsecond(store: &dyn Store) {
    let nanoseconds = |count| at(0) + SignedDuration::from_nanos(count);
    commit(store, &change(&job("a"), None, Running, nanoseconds(1_999))).await;
    assert_eq!(due(store, HOOK, nanoseconds(999)).await, []);
    let delivery = only_due(store, HOOK, nanoseconds(1_000)).await;
    assert_eq!(delivery.created_at, nanoseconds(1_000));
    let due_at = nanoseconds(5_999);
    store.settle(delivery.id, &Settlement::Retry { due_at, reason: String::new() }).await.unwrap();
    assert_eq!(store.next_due(HOOK, nanoseconds(4_999)).await.unwrap(), Some(nanoseconds(5_000)));
    assert_eq!(store.next_due(HOOK, nanoseconds(5_001)).await.unwrap(), None);
    assert_eq!(due(store, HOOK, nanoseconds(5_001)).await.len(), 1);
}

pub(in crate::store) async fn the_write_check_changes_nothing_that_can_be_seen(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Running, at(0))).await;
    let before = (due(store, HOOK, at(9)).await, store.backlog().await.unwrap());
    for _ in 0..3 {
        store.check_writable().await.unwrap();
    }
    assert_eq!((due(store, HOOK, at(9)).await, store.backlog().await.unwrap()), before);
}

pub(in crate::store) async fn changes_of_one_job_at_the_same_time_are_taken_once(
    store: &dyn Store,
) {
    let (succeeded, failed) =
        (change(&job("a"), None, Succeeded, at(0)), change(&job("a"), None, Failed, at(0)));
    let (one, other) = tokio::join!(store.record(&succeeded), store.record(&failed));
    let outcomes = [one.unwrap(), other.unwrap()];
    assert_eq!(outcomes.iter().filter(|&&o| o == Recorded::Committed).count(), 1);
    let status = store.status(&job("a")).await.unwrap();
    assert!(outcomes.contains(&Recorded::Superseded(status)), "{outcomes:?} {status:?}");
    assert_eq!(due(store, HOOK, at(0)).await.len(), 1);
}
