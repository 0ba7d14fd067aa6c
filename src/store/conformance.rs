//! What every store does, told by tests: `conformance::tests!(async || Fresh::new(…))` in an adapter runs them all.

mod abandonment;
mod alarms;
mod hastening;
pub(super) mod model;
mod past_runs;
mod redelivery;
mod retention;

use std::any::Any;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

pub(super) use self::abandonment::*;
pub(super) use self::alarms::*;
pub(super) use self::hastening::*;
pub(super) use self::past_runs::*;
pub(super) use self::redelivery::*;
pub(super) use self::retention::*;
use super::{Backlog, Change, Delivery, DeliveryId, Recorded, Settlement, Store, Telling};
use crate::domain::JobStatus::{Failed, Queued, Running, Succeeded};
use crate::domain::{Event, JobDetails, JobKey, JobKind, JobStatus, Message, Transition};

/// A store that holds nothing yet.
pub(super) struct Fresh {
    pub(super) store: Box<dyn Store>,
    _alive: Box<dyn Any>,
}

impl Fresh {
    pub(super) fn new(store: impl Store + 'static) -> Self {
        Self::backed_by((), store)
    }

    /// Keeps `backing`, such as a temporary folder, for as long as the store.
    pub(super) fn backed_by(backing: impl Any, store: impl Store + 'static) -> Self {
        Self { store: Box::new(store), _alive: Box::new(backing) }
    }
}

macro_rules! tests {
    ($fresh:expr) => {
        $crate::store::conformance::tests! { @each $fresh;
            a_job_that_was_never_recorded_has_no_status
            a_recorded_change_is_the_status_of_its_job_and_of_no_other
            a_change_is_due_at_once_to_each_notifier_named
            a_notifier_named_twice_gets_one_delivery
            a_change_that_nobody_is_told_moves_the_status
            a_change_from_a_status_that_is_not_the_current_one_writes_nothing
            recording_the_same_change_twice_makes_one_event
            the_events_of_a_change_are_recorded_together_and_told_in_their_order
            an_event_recorded_before_under_another_account_name_is_not_told_again
            jobs_that_differ_in_account_kind_workflow_or_id_are_different_jobs
            a_body_is_delivered_byte_for_byte
            nothing_is_due_before_it_was_recorded
            the_second_delivery_of_a_job_is_not_due_before_the_first_is_settled
            a_delivery_that_waits_for_its_retry_holds_back_the_next_of_its_job
            a_dead_delivery_no_longer_blocks_the_next
            a_delivery_recorded_after_the_line_emptied_is_due_at_once
            settling_one_that_is_not_first_in_line_keeps_the_first_where_it_is
            one_notifier_never_sees_anothers_deliveries
            one_job_never_waits_for_another
            those_due_longest_come_first_and_at_most_as_many_as_asked_for
            those_that_the_caller_works_on_are_passed_over
            a_retry_counts_the_attempt_and_moves_the_due_time
            a_settled_delivery_stays_as_it_was_settled
            settling_what_was_never_recorded_changes_nothing
            the_next_due_time_is_the_first_one_after_now
            the_next_due_time_passes_over_those_that_wait_in_line
            the_backlog_counts_what_waits_and_what_is_dead
            times_are_kept_to_the_microsecond
            the_write_check_changes_nothing_that_can_be_seen
            changes_of_one_job_at_the_same_time_are_taken_once
            a_dead_delivery_asked_for_again_is_due_at_once_as_if_it_were_new
            a_named_event_is_delivered_again_to_all_who_were_done_with_it
            what_is_pending_is_not_asked_for_again
            the_dead_of_one_notifier_are_asked_for_alone
            a_delivery_asked_for_again_neither_waits_in_line_nor_holds_it_up
            a_delivery_to_a_notifier_that_is_gone_stays_dead
            an_event_that_is_not_there_is_told_as_unknown
            a_delivery_asked_for_again_can_fail_and_die_again
            what_waits_for_a_notifier_is_given_up_and_what_waits_for_others_stays
            a_line_that_is_given_up_in_part_keeps_its_order
            what_was_given_up_unattempted_can_be_asked_for_again
            what_waits_for_its_time_falls_due_earlier_by_as_much
            what_no_honest_clock_planned_is_due_now
            what_an_honest_clock_planned_stays_and_is_not_counted
            what_was_delivered_before_the_instant_is_forgotten_with_its_event_and_its_job
            nothing_of_the_instant_or_after_it_is_forgotten
            what_is_pending_or_dead_is_never_forgotten
            an_event_that_one_notifier_still_waits_for_stays
            a_watched_job_and_one_that_has_not_ended_keep_their_status
            an_event_that_nobody_was_told_is_forgotten_too
            a_dead_delivery_that_was_made_after_all_is_forgotten_in_time
            a_long_past_is_forgotten_in_batches
            past_runs_are_told_in_the_order_in_which_they_ended
            past_runs_of_one_workflow_are_not_those_of_another
            a_run_that_is_known_stays_as_it_is
            of_many_past_runs_those_that_ended_last_are_kept
            the_standing_of_many_jobs_is_told_in_the_order_asked_for
            an_alarm_is_open_from_its_raising_to_its_resolving
            an_alarm_that_is_open_is_not_raised_again
            an_alarm_that_is_not_open_is_not_resolved
            an_alarm_can_be_raised_again_after_it_was_resolved_and_is_told_again
            an_alarm_stands_in_line_with_the_events_of_its_job
            alarms_of_workflows_and_accounts_have_lines_of_their_own
            alarms_of_one_account_are_told_apart_from_anothers
            a_job_of_which_there_is_only_an_alarm_has_no_status_until_it_is_recorded
            an_open_alarm_outlives_what_was_told_of_it
            what_alarms_told_of_is_forgotten_in_time
            an_alarm_of_which_nobody_is_told_is_open_all_the_same
            an_alarms_event_can_be_asked_for_again
        }
    };
    (@each $fresh:expr; $($name:ident)+) => {
        $(
            #[tokio::test]
            async fn $name() {
                let fresh: $crate::store::conformance::Fresh = ($fresh)().await;
                $crate::store::conformance::$name(&*fresh.store).await;
                fresh.store.close().await;
            }
        )+

        #[test]
        fn any_sequence_of_changes_and_settlements_is_answered_as_by_the_model() {
            $crate::store::conformance::model::check($fresh);
        }
    };
}
pub(super) use tests;

// What the tests talk about.

pub(super) const HOOK: &str = "hook";
pub(super) const TOPIC: &str = "topic";

/// An instant of the tests' own time.
pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(1_700_000_000 + second)
}

pub(super) fn job(id: &str) -> JobKey {
    JobKey {
        account: "main".into(),
        kind: JobKind::Matching,
        workflow_name: "customers".into(),
        job_id: id.into(),
    }
}

/// A change told to [`HOOK`].
pub(super) fn change(
    job: &JobKey,
    from: Option<JobStatus>,
    to: JobStatus,
    recorded_at: Timestamp,
) -> Change {
    let transition = Transition { from, to, inferred: Vec::new() };
    let event =
        Event::of_transition(job, "eu-west-1", &transition, &JobDetails::default(), recorded_at);
    Change {
        job: job.clone(),
        from,
        to,
        tellings: vec![Telling {
            message: Message::encode(event).unwrap(),
            notifiers: vec![HOOK.into()],
        }],
        recorded_at,
    }
}

pub(super) fn told_to(notifiers: &[&str], mut change: Change) -> Change {
    for telling in &mut change.tellings {
        telling.notifiers = notifiers.iter().map(|&name| name.into()).collect();
    }
    change
}

/// What a change with one event tells.
pub(super) fn message(change: &Change) -> &Message {
    let [telling] = &*change.tellings else { panic!("{change:?}") };
    &telling.message
}

pub(super) async fn commit(store: &dyn Store, change: &Change) {
    assert_eq!(store.record(change).await.unwrap(), Recorded::Committed, "{change:?}");
}

pub(super) async fn due(store: &dyn Store, notifier: &str, now: Timestamp) -> Vec<Delivery> {
    store.due(notifier, now, 100).await.unwrap()
}

/// What is due, as (job id, status) pairs.
pub(super) async fn due_events(
    store: &dyn Store,
    notifier: &str,
    now: Timestamp,
) -> Vec<(String, JobStatus)> {
    let due = due(store, notifier, now).await;
    let event = |event: Event| (event.subject.clone(), event.status().unwrap());
    due.into_iter().map(|delivery| event(delivery.message.event)).collect()
}

/// The one delivery that is due.
pub(super) async fn only_due(store: &dyn Store, notifier: &str, now: Timestamp) -> Delivery {
    let [delivery] = <[_; 1]>::try_from(due(store, notifier, now).await).unwrap();
    delivery
}

pub(super) fn delivered(second: i64) -> Settlement {
    Settlement::Delivered { at: at(second) }
}

pub(super) fn retry(second: i64) -> Settlement {
    Settlement::Retry { due_at: at(second), reason: "connection refused".to_owned() }
}

pub(super) fn dead(second: i64) -> Settlement {
    Settlement::Dead { at: at(second), reason: "410 Gone".to_owned() }
}

fn event(job_id: &str, status: JobStatus) -> (String, JobStatus) {
    (job_id.to_owned(), status)
}

// What every store does.

pub(super) async fn a_job_that_was_never_recorded_has_no_status(store: &dyn Store) {
    assert_eq!(store.status(&job("a")).await.unwrap(), None);
}

pub(super) async fn a_recorded_change_is_the_status_of_its_job_and_of_no_other(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    commit(store, &change(&job("a"), Some(Queued), Running, at(1))).await;
    assert_eq!(store.status(&job("a")).await.unwrap(), Some(Running));
    assert_eq!(store.status(&job("b")).await.unwrap(), None);
}

pub(super) async fn a_change_is_due_at_once_to_each_notifier_named(store: &dyn Store) {
    let change = told_to(&[HOOK, TOPIC], change(&job("a"), None, Running, at(0)));
    commit(store, &change).await;
    for notifier in [HOOK, TOPIC] {
        let delivery = only_due(store, notifier, at(0)).await;
        assert_eq!(&delivery.message, message(&change));
        assert_eq!((delivery.attempts, delivery.created_at), (0, at(0)));
    }
}

pub(super) async fn a_notifier_named_twice_gets_one_delivery(store: &dyn Store) {
    commit(store, &told_to(&[HOOK, HOOK], change(&job("a"), None, Running, at(0)))).await;
    let delivery = only_due(store, HOOK, at(0)).await;
    store.settle(delivery.id, &delivered(1)).await.unwrap();
    assert_eq!(due(store, HOOK, at(9)).await, []);
}

pub(super) async fn a_change_that_nobody_is_told_moves_the_status(store: &dyn Store) {
    commit(store, &told_to(&[], change(&job("a"), None, Running, at(0)))).await;
    assert_eq!(store.status(&job("a")).await.unwrap(), Some(Running));
    assert_eq!(store.backlog().await.unwrap(), []);
}

pub(super) async fn a_change_from_a_status_that_is_not_the_current_one_writes_nothing(
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

pub(super) async fn recording_the_same_change_twice_makes_one_event(store: &dyn Store) {
    let change = change(&job("a"), None, Running, at(0));
    commit(store, &change).await;
    assert_eq!(store.record(&change).await.unwrap(), Recorded::Superseded(Some(Running)));
    let delivery = only_due(store, HOOK, at(9)).await;
    store.settle(delivery.id, &delivered(9)).await.unwrap();
    assert_eq!(due(store, HOOK, at(9)).await, []);
}

pub(super) async fn the_events_of_a_change_are_recorded_together_and_told_in_their_order(
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

pub(super) async fn an_event_recorded_before_under_another_account_name_is_not_told_again(
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

pub(super) async fn jobs_that_differ_in_account_kind_workflow_or_id_are_different_jobs(
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

pub(super) async fn a_body_is_delivered_byte_for_byte(store: &dyn Store) {
    let mut change = change(&job("ä'\"%_"), None, Running, at(0));
    // An encoding that no version of this program would choose.
    let body = format!(" {}\t ", message(&change).body.replace("\":", "\" :\t"));
    change.tellings[0].message = Message::decode(&body).unwrap();
    commit(store, &change).await;
    let delivery = only_due(store, HOOK, at(0)).await;
    assert_eq!(*delivery.message.body, *body);
    assert_eq!(&delivery.message, message(&change));
}

pub(super) async fn nothing_is_due_before_it_was_recorded(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Running, at(10))).await;
    assert_eq!(due(store, HOOK, at(9)).await, []);
    assert_eq!(due(store, HOOK, at(10)).await.len(), 1);
}

pub(super) async fn the_second_delivery_of_a_job_is_not_due_before_the_first_is_settled(
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

pub(super) async fn a_delivery_that_waits_for_its_retry_holds_back_the_next_of_its_job(
    store: &dyn Store,
) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    commit(store, &change(&job("a"), Some(Queued), Running, at(1))).await;
    store.settle(only_due(store, HOOK, at(1)).await.id, &retry(30)).await.unwrap();
    assert_eq!(due(store, HOOK, at(29)).await, []);
    assert_eq!(due_events(store, HOOK, at(30)).await, [event("a", Queued)]);
}

pub(super) async fn a_dead_delivery_no_longer_blocks_the_next(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    commit(store, &change(&job("a"), Some(Queued), Running, at(1))).await;
    store.settle(only_due(store, HOOK, at(1)).await.id, &dead(2)).await.unwrap();
    assert_eq!(due_events(store, HOOK, at(2)).await, [event("a", Running)]);
}

pub(super) async fn a_delivery_recorded_after_the_line_emptied_is_due_at_once(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    store.settle(only_due(store, HOOK, at(0)).await.id, &delivered(1)).await.unwrap();
    commit(store, &change(&job("a"), Some(Queued), Running, at(2))).await;
    store.settle(only_due(store, HOOK, at(2)).await.id, &dead(3)).await.unwrap();
    commit(store, &change(&job("a"), Some(Running), Failed, at(4))).await;
    assert_eq!(due_events(store, HOOK, at(4)).await, [event("a", Failed)]);
}

pub(super) async fn settling_one_that_is_not_first_in_line_keeps_the_first_where_it_is(
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

pub(super) async fn one_notifier_never_sees_anothers_deliveries(store: &dyn Store) {
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

pub(super) async fn one_job_never_waits_for_another(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    commit(store, &change(&job("b"), None, Queued, at(1))).await;
    let [a, _] = <[_; 2]>::try_from(due(store, HOOK, at(1)).await).unwrap();
    store.settle(a.id, &retry(3_600)).await.unwrap();
    assert_eq!(due_events(store, HOOK, at(2)).await, [event("b", Queued)]);
}

pub(super) async fn those_due_longest_come_first_and_at_most_as_many_as_asked_for(
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

pub(super) async fn those_that_the_caller_works_on_are_passed_over(store: &dyn Store) {
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

pub(super) async fn a_retry_counts_the_attempt_and_moves_the_due_time(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Running, at(0))).await;
    for (attempts, second) in [(0, 0), (1, 10), (2, 30)] {
        assert_eq!(due(store, HOOK, at(second - 1)).await, []);
        let delivery = only_due(store, HOOK, at(second)).await;
        assert_eq!((delivery.attempts, delivery.created_at), (attempts, at(0)));
        store.settle(delivery.id, &retry(2 * second + 10)).await.unwrap();
    }
}

pub(super) async fn a_settled_delivery_stays_as_it_was_settled(store: &dyn Store) {
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

pub(super) async fn settling_what_was_never_recorded_changes_nothing(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    let delivery = only_due(store, HOOK, at(0)).await;
    store.settle(DeliveryId(delivery.id.0 + 1), &delivered(1)).await.unwrap();
    assert_eq!(only_due(store, HOOK, at(9)).await, delivery);
}

pub(super) async fn the_next_due_time_is_the_first_one_after_now(store: &dyn Store) {
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

pub(super) async fn the_next_due_time_passes_over_those_that_wait_in_line(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    commit(store, &change(&job("a"), Some(Queued), Running, at(10))).await;
    let first = only_due(store, HOOK, at(0)).await.id;
    assert_eq!(store.next_due(HOOK, at(0)).await.unwrap(), None);
    store.settle(first, &retry(40)).await.unwrap();
    assert_eq!(store.next_due(HOOK, at(0)).await.unwrap(), Some(at(40)));
    store.settle(first, &delivered(5)).await.unwrap();
    assert_eq!(store.next_due(HOOK, at(5)).await.unwrap(), Some(at(10)));
}

pub(super) async fn the_backlog_counts_what_waits_and_what_is_dead(store: &dyn Store) {
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

pub(super) async fn times_are_kept_to_the_microsecond(store: &dyn Store) {
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

pub(super) async fn the_write_check_changes_nothing_that_can_be_seen(store: &dyn Store) {
    commit(store, &change(&job("a"), None, Running, at(0))).await;
    let before = (due(store, HOOK, at(9)).await, store.backlog().await.unwrap());
    for _ in 0..3 {
        store.check_writable().await.unwrap();
    }
    assert_eq!((due(store, HOOK, at(9)).await, store.backlog().await.unwrap()), before);
}

pub(super) async fn changes_of_one_job_at_the_same_time_are_taken_once(store: &dyn Store) {
    let (succeeded, failed) =
        (change(&job("a"), None, Succeeded, at(0)), change(&job("a"), None, Failed, at(0)));
    let (one, other) = tokio::join!(store.record(&succeeded), store.record(&failed));
    let outcomes = [one.unwrap(), other.unwrap()];
    assert_eq!(outcomes.iter().filter(|&&o| o == Recorded::Committed).count(), 1);
    let status = store.status(&job("a")).await.unwrap();
    assert!(outcomes.contains(&Recorded::Superseded(status)), "{outcomes:?} {status:?}");
    assert_eq!(due(store, HOOK, at(0)).await.len(), 1);
}
