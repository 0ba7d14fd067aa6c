//! What every store does, told by tests: `conformance::tests!(async || Fresh::new(…))` in an adapter runs them all.

mod abandonment;
mod alarms;
mod discovery;
mod hastening;
mod lines;
pub(super) mod model;
mod past_runs;
mod recording;
mod redelivery;
mod retention;
mod settling;

use std::any::Any;

use jiff::{SignedDuration, Timestamp};

pub(super) use self::abandonment::*;
pub(super) use self::alarms::*;
pub(super) use self::discovery::*;
pub(super) use self::hastening::*;
pub(super) use self::lines::*;
pub(super) use self::past_runs::*;
pub(super) use self::recording::*;
pub(super) use self::redelivery::*;
pub(super) use self::retention::*;
pub(super) use self::settling::*;
use super::{Change, Delivery, Recorded, Settlement, Store, Telling};
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
            how_far_ended_jobs_were_forgotten_is_kept_and_never_goes_back
            past_runs_are_told_in_the_order_in_which_they_ended
            past_runs_of_one_workflow_are_not_those_of_another
            a_run_that_is_known_stays_as_it_is
            of_many_past_runs_those_that_ended_last_are_kept
            the_standing_of_many_jobs_is_told_in_the_order_asked_for
            the_first_sight_of_a_watch_is_kept
            a_workflow_is_followed_since_it_was_followed_first
            jobs_that_were_passed_over_are_kept_until_they_are_judged_anew
            of_watches_that_are_gone_nothing_is_remembered
            live_are_the_jobs_of_an_account_and_kind_that_have_not_ended
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
            an_alarm_keeps_who_hears_of_its_end
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
