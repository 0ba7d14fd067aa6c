//! What every store does with alarms.

use std::sync::Arc;

use jiff::Timestamp;

use super::{HOOK, at, change, commit, dead, delivered, due, job, only_due};
use crate::domain::JobStatus::{Queued, Running};
use crate::domain::{
    Alarm, AlarmFacts, AlarmKey, AlarmName, Event, JobKind, Message, Redelivery, Subject,
    WorkflowKey,
};
use crate::store::{Position, Raising, Resolving, Retention, Store, Telling};

fn workflow(account: &str, name: &str) -> Subject {
    let kind = JobKind::Matching;
    Subject::Workflow(WorkflowKey { account: account.into(), kind, name: name.into() })
}

fn account(name: &str) -> Subject {
    Subject::Account(name.into())
}

/// An occurrence that begins at this second.
fn alarm(name: AlarmName, subject: impl Into<Subject>, second: i64) -> Alarm {
    let facts = AlarmFacts { limit_seconds: Some(1.5), ..AlarmFacts::default() };
    let key = AlarmKey { name, subject: subject.into() };
    Alarm::new(key, "eu-west-1".to_owned(), at(second), "it is as it is".to_owned(), facts)
}

fn told(event: Event) -> Telling {
    Telling { message: Message::encode(event).unwrap(), notifiers: vec![HOOK.into()] }
}

fn raising(alarm: &Alarm) -> Raising {
    Raising { alarm: alarm.clone(), telling: told(Event::of_raised(alarm)) }
}

fn resolving(alarm: &Alarm, resolved_at: Timestamp) -> Resolving {
    let event = Event::of_resolved(alarm, "it is over", resolved_at);
    Resolving {
        key: alarm.key.clone(),
        raised_at: alarm.raised_at,
        resolved_at,
        telling: told(event),
    }
}

async fn raise(store: &dyn Store, alarm: &Alarm) -> bool {
    store.raise(&raising(alarm)).await.unwrap()
}

async fn resolve(store: &dyn Store, alarm: &Alarm, second: i64) -> bool {
    store.resolve(&resolving(alarm, at(second))).await.unwrap()
}

/// Delivers all that is due, as `type` of each event in the order of its delivery.
async fn tell_all(store: &dyn Store, second: i64) -> Vec<String> {
    let mut told = Vec::new();
    loop {
        let due = due(store, HOOK, at(second)).await;
        let Some(first) = due.first() else { return told };
        let event_type = first.message.event.event_type.as_str();
        told.push(event_type.trim_start_matches("dev.matchwatch.").to_owned());
        store.settle(first.id, &delivered(second)).await.unwrap();
    }
}

pub(in crate::store) async fn an_alarm_is_open_from_its_raising_to_its_resolving(
    store: &dyn Store,
) {
    assert_eq!(store.open_alarms(None).await.unwrap(), []);
    let lost = alarm(AlarmName::Lost, job("a"), 0);
    assert!(raise(store, &lost).await);
    assert_eq!(store.open_alarms(None).await.unwrap(), *std::slice::from_ref(&lost));
    let delivery = only_due(store, HOOK, at(0)).await;
    assert_eq!(delivery.message, raising(&lost).telling.message);
    assert_eq!((delivery.attempts, delivery.created_at), (0, at(0)));
    store.settle(delivery.id, &delivered(1)).await.unwrap();

    assert!(resolve(store, &lost, 5).await);
    assert_eq!(store.open_alarms(None).await.unwrap(), []);
    assert_eq!(due(store, HOOK, at(4)).await, []);
    let delivery = only_due(store, HOOK, at(5)).await;
    assert_eq!(delivery.message, resolving(&lost, at(5)).telling.message);
}

pub(in crate::store) async fn an_alarm_that_is_open_is_not_raised_again(store: &dyn Store) {
    let first = alarm(AlarmName::Lost, job("a"), 0);
    assert!(raise(store, &first).await);
    assert!(!raise(store, &first).await);
    assert!(!raise(store, &alarm(AlarmName::Lost, job("a"), 7)).await);
    assert_eq!(store.open_alarms(None).await.unwrap(), [first], "the first stands");
    assert_eq!(tell_all(store, 9).await, ["alarm.lost.raised.v1"]);
    // Another alarm of the same job is another matter.
    assert!(raise(store, &alarm(AlarmName::QueuedTooLong, job("a"), 8)).await);
    assert!(raise(store, &alarm(AlarmName::Lost, job("b"), 8)).await);
}

pub(in crate::store) async fn an_alarm_that_is_not_open_is_not_resolved(store: &dyn Store) {
    let first = alarm(AlarmName::Lost, job("a"), 0);
    assert!(!resolve(store, &first, 1).await);
    raise(store, &first).await;
    let another = alarm(AlarmName::Lost, job("a"), 3);
    assert!(!resolve(store, &another, 4).await, "that occurrence never was");
    assert!(!resolve(store, &alarm(AlarmName::WatchBroken, job("a"), 0), 4).await);
    assert!(resolve(store, &first, 5).await);
    assert!(!resolve(store, &first, 6).await);
    assert_eq!(tell_all(store, 9).await, ["alarm.lost.raised.v1", "alarm.lost.resolved.v1"]);
}

pub(in crate::store) async fn an_alarm_can_be_raised_again_after_it_was_resolved_and_is_told_again(
    store: &dyn Store,
) {
    let (first, second) =
        (alarm(AlarmName::Lost, job("a"), 0), alarm(AlarmName::Lost, job("a"), 2));
    assert!(raise(store, &first).await && resolve(store, &first, 1).await);
    assert!(raise(store, &second).await);
    assert!(!resolve(store, &first, 3).await, "the first occurrence is over already");
    assert!(resolve(store, &second, 4).await);
    assert_eq!(tell_all(store, 9).await.len(), 4);
}

pub(in crate::store) async fn an_alarm_stands_in_line_with_the_events_of_its_job(
    store: &dyn Store,
) {
    let long = alarm(AlarmName::QueuedTooLong, job("a"), 1);
    commit(store, &change(&job("a"), None, Queued, at(0))).await;
    raise(store, &long).await;
    commit(store, &change(&job("a"), Some(Queued), Running, at(2))).await;
    resolve(store, &long, 2).await;
    assert_eq!(due(store, HOOK, at(9)).await.len(), 1, "one after the other");
    assert_eq!(
        tell_all(store, 9).await,
        [
            "job.queued.v1",
            "alarm.queued_too_long.raised.v1",
            "job.running.v1",
            "alarm.queued_too_long.resolved.v1"
        ]
    );
}

pub(in crate::store) async fn alarms_of_workflows_and_accounts_have_lines_of_their_own(
    store: &dyn Store,
) {
    let subjects =
        [job("a").into(), workflow("main", "customers"), account("main"), account("customers")];
    for subject in &subjects {
        assert!(raise(store, &alarm(AlarmName::AccessDenied, subject.clone(), 0)).await);
    }
    assert_eq!(due(store, HOOK, at(0)).await.len(), subjects.len());
    let mut told: Vec<_> =
        store.open_alarms(None).await.unwrap().into_iter().map(|alarm| alarm.key.subject).collect();
    assert!(told.is_sorted());
    for subject in subjects {
        let at = told.iter().position(|told| *told == subject).unwrap();
        told.remove(at);
    }
}

pub(in crate::store) async fn alarms_of_one_account_are_told_apart_from_anothers(
    store: &dyn Store,
) {
    let ours = alarm(AlarmName::AccessDenied, workflow("main", "customers"), 0);
    let theirs = alarm(AlarmName::AccessDenied, workflow("other", "customers"), 0);
    raise(store, &ours).await;
    raise(store, &theirs).await;
    assert_eq!(store.open_alarms(Some("main")).await.unwrap(), [ours]);
    assert_eq!(store.open_alarms(Some("other")).await.unwrap(), [theirs]);
    assert_eq!(store.open_alarms(Some("third")).await.unwrap(), []);
    assert_eq!(store.open_alarms(None).await.unwrap().len(), 2);
}

pub(in crate::store) async fn a_job_of_which_there_is_only_an_alarm_has_no_status_until_it_is_recorded(
    store: &dyn Store,
) {
    raise(store, &alarm(AlarmName::Lost, job("a"), 0)).await;
    assert_eq!(store.status(&job("a")).await.unwrap(), None);
    assert_eq!(store.standings(&[job("a")]).await.unwrap(), [None]);
    commit(store, &change(&job("a"), None, Queued, at(5))).await;
    assert_eq!(store.status(&job("a")).await.unwrap(), Some(Queued));
    assert_eq!(tell_all(store, 9).await, ["alarm.lost.raised.v1", "job.queued.v1"]);
}

/// A whole pass over the store.
async fn prune(store: &dyn Store, before: i64) {
    let retention = Retention { before: at(before), watched: Arc::default() };
    let mut next = Some(Position::default());
    while let Some(from) = next {
        next = store.prune(&retention, from, 10).await.unwrap().next;
    }
}

pub(in crate::store) async fn an_open_alarm_outlives_what_was_told_of_it(store: &dyn Store) {
    let alarms = [
        alarm(AlarmName::Lost, job("a"), 0),
        alarm(AlarmName::AccessDenied, workflow("main", "customers"), 0),
        alarm(AlarmName::AccessDenied, account("main"), 0),
    ];
    for alarm in &alarms {
        raise(store, alarm).await;
    }
    tell_all(store, 1).await;
    prune(store, 100).await;
    assert_eq!(store.open_alarms(None).await.unwrap(), alarms);
    for alarm in &alarms {
        assert!(!raise(store, alarm).await);
        assert!(resolve(store, alarm, 200).await);
    }
    assert_eq!(tell_all(store, 200).await.len(), alarms.len());
}

pub(in crate::store) async fn what_alarms_told_of_is_forgotten_in_time(store: &dyn Store) {
    let lost = alarm(AlarmName::Lost, job("a"), 0);
    raise(store, &lost).await;
    resolve(store, &lost, 1).await;
    tell_all(store, 1).await;
    let event = raising(&lost).telling.message.event.id;
    let named = Redelivery::Events(vec![event]);
    assert_eq!(again(store, &named).await, 1);
    tell_all(store, 60).await;
    prune(store, 100).await;
    assert_eq!(again(store, &named).await, 0);
}

pub(in crate::store) async fn an_alarm_of_which_nobody_is_told_is_open_all_the_same(
    store: &dyn Store,
) {
    let lost = alarm(AlarmName::Lost, job("a"), 0);
    let mut quiet = raising(&lost);
    quiet.telling.notifiers.clear();
    assert!(store.raise(&quiet).await.unwrap());
    assert_eq!(store.backlog().await.unwrap(), []);
    assert_eq!(store.open_alarms(None).await.unwrap(), [lost]);
}

pub(in crate::store) async fn an_alarm_keeps_who_hears_of_its_end(store: &dyn Store) {
    let notifiers = [HOOK.into(), "[\"so\"]".into()].into();
    let lost = Alarm { notifiers, ..alarm(AlarmName::Lost, job("a"), 0) };
    raise(store, &lost).await;
    tell_all(store, 1).await;
    prune(store, 100).await;
    assert_eq!(store.open_alarms(None).await.unwrap(), [lost]);
}

async fn again(store: &dyn Store, redelivery: &Redelivery) -> u64 {
    store.redeliver(redelivery, &[HOOK.into()], at(50)).await.unwrap().redelivered
}

pub(in crate::store) async fn an_alarms_event_can_be_asked_for_again(store: &dyn Store) {
    let denied = alarm(AlarmName::AccessDenied, account("main"), 0);
    raise(store, &denied).await;
    store.settle(only_due(store, HOOK, at(0)).await.id, &dead(1)).await.unwrap();
    assert_eq!(again(store, &Redelivery::Dead { notifier: None }).await, 1);
    let delivery = only_due(store, HOOK, at(50)).await;
    assert_eq!(delivery.message, raising(&denied).telling.message);
    assert_eq!(delivery.message.event.about(), account("main"));
}
