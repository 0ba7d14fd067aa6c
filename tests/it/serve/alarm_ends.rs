//! How alarms end that nobody who asks would end: by what is recorded, and by what nobody watches any more.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use matchwatch::clock::{Clock as _, SystemClock};
use matchwatch::domain::JobStatus::{Running, Succeeded};
use matchwatch::domain::{
    Alarm, AlarmFacts, AlarmKey, AlarmName, Event, JobKey, JobKind, JobStatus, Message,
};
use matchwatch::simulator::{JobSpec, Kind, Status};
use matchwatch::store::{
    Change, Raising, Settlement, SqliteConfig, SqliteStore, Store as _, Telling,
};

use crate::support::daemon::{Home, watch};
use crate::support::receiver::{Mood, Receiver};
use crate::support::service::Service;
use crate::support::soon;

const FOUND: &str = "[[watch]]\nworkflow_name = \"customers\"\nnotifiers = [\"own\"]\n";

/// Standard output.
const OWN: &str = "[[notifier]]\nname = \"own\"\ntype = \"stdout\"\n";

/// The notifiers `own` and `other`.
fn notifiers(other: &Receiver) -> String {
    let url = other.url();
    format!("{OWN}[[notifier]]\nname = \"other\"\ntype = \"webhook\"\nurl = {url:?}\n")
}

/// The database as an earlier process left it.
async fn store(home: &Home) -> SqliteStore {
    let (path, lock_timeout) = (home.file("jobs.db"), Duration::ZERO);
    SqliteStore::open(&SqliteConfig { path, lock_timeout }).await.unwrap()
}

fn job(id: &str) -> JobKey {
    JobKey {
        account: "main".into(),
        kind: JobKind::Matching,
        workflow_name: "customers".into(),
        job_id: id.into(),
    }
}

fn minutes_ago(minutes: i64) -> Timestamp {
    SystemClock.now() - SignedDuration::from_mins(minutes)
}

/// Moves a job, and tells nobody.
async fn recorded(store: &SqliteStore, job: &JobKey, from: Option<JobStatus>, to: JobStatus) {
    let (job, recorded_at) = (job.clone(), minutes_ago(20));
    store.record(&Change { job, from, to, tellings: Vec::new(), recorded_at }).await.unwrap();
}

/// Raises an alarm, of which `own` was told.
async fn raised(store: &SqliteStore, name: AlarmName, job: &JobKey) {
    let key = AlarmKey { name, subject: job.clone().into() };
    let (region, message) = ("eu-west-1".to_owned(), "so".to_owned());
    let alarm = Alarm::new(key, region, minutes_ago(30), message, AlarmFacts::default());
    let alarm = Alarm { notifiers: ["own".into()].into(), ..alarm };
    let message = Message::encode(Event::of_raised(&alarm)).unwrap();
    let telling = Telling { message, notifiers: vec!["own".into()] };
    assert!(store.raise(&Raising { alarm, telling }).await.unwrap());
    for delivery in store.due("own", SystemClock.now(), 10).await.unwrap() {
        let delivered = Settlement::Delivered { at: SystemClock.now() };
        store.settle(delivery.id, &delivered).await.unwrap();
    }
}

#[tokio::test]
async fn a_found_job_whose_end_was_recorded_before_the_process_died_keeps_no_alarm_open() {
    let (service, mut other) = (Service::start().await, Receiver::start(Mood::Good).await);
    let home = Home::new(service.url(), &(notifiers(&other) + FOUND));
    let names = [
        AlarmName::QueuedTooLong,
        AlarmName::RunningTooLong,
        AlarmName::RunningLongerThanUsual,
        AlarmName::Lost,
        AlarmName::WatchBroken,
    ];
    let before = store(&home).await;
    for name in names {
        let job = job(&format!("{:032x}", name as u8));
        recorded(&before, &job, None, Running).await;
        raised(&before, name, &job).await;
        recorded(&before, &job, Some(Running), Succeeded).await;
    }
    before.close().await;

    let mut daemon = home.serve().await;
    let mut told = Vec::new();
    for _ in names {
        let event = daemon.event().await;
        assert_eq!(event["data"]["message"], "the job has ended: SUCCEEDED");
        told.push(event["type"].as_str().unwrap().to_owned());
    }
    told.sort();
    let mut expected = names.map(|name| format!("dev.matchwatch.alarm.{name}.resolved.v1"));
    expected.sort();
    assert_eq!(told, expected);
    let pending = r#"matchwatch_deliveries_pending{notifier="own"}"#;
    soon("the last delivery", async { while daemon.metric(pending).await != Some(0.0) {} }).await;
    daemon.kill().await;

    let daemon = home.serve().await;
    assert_eq!(daemon.stop().await.stdout.len(), 0, "each is told once");
    assert!(other.rest().is_empty(), "who was not told of it before is not told now");
}

#[tokio::test]
async fn a_found_job_that_was_given_up_unseen_is_asked_about_by_the_next_start() {
    let service = Service::start().await;
    // Older than the watch: no list brings it up.
    let spec = JobSpec {
        status: Some(Status::Running),
        submitted_ago: Duration::from_secs(7_200),
        ..JobSpec::of(Kind::Matching, "customers")
    };
    let id = service.simulator.add_jobs(&spec).unwrap().remove(0);
    let home = Home::new(service.url(), &format!("{OWN}{FOUND}"));
    let before = store(&home).await;
    raised(&before, AlarmName::Lost, &job(&id)).await;
    before.close().await;

    let mut daemon = home.serve().await;
    let mut told = [daemon.event().await, daemon.event().await].map(|event| {
        assert_eq!(event["subject"], id);
        event["type"].as_str().unwrap().to_owned()
    });
    told.sort();
    assert_eq!(told, ["dev.matchwatch.alarm.lost.resolved.v1", "dev.matchwatch.job.running.v1"]);
    assert_eq!(daemon.stop().await.stdout.len(), 2);
}

#[tokio::test]
async fn the_end_of_an_alarm_goes_to_those_that_were_told_of_its_beginning() {
    let (service, mut other) = (Service::start().await, Receiver::start(Mood::Good).await);
    let (lost, good) = (service.job("customers"), service.job("suppliers"));
    service.simulator.set_hidden(&lost, true).unwrap();
    let rest = watch("suppliers", &[&good]) + "notifiers = [\"own\"]\n";
    let first = watch("customers", &[&lost]) + "notifiers = [\"own\"]\n";
    let home = Home::new(service.url(), &(notifiers(&other) + &first + &rest))
        .with("MATCHWATCH__POLL__NOT_FOUND_GRACE", "1s");
    let mut daemon = home.serve().await;
    let mut types = Vec::new();
    for _ in 0..2 {
        types.push(daemon.event().await["type"].clone());
    }
    types.sort_by_key(ToString::to_string);
    assert_eq!(types, ["dev.matchwatch.alarm.lost.raised.v1", "dev.matchwatch.job.queued.v1"]);

    home.configure(&(notifiers(&other) + &rest));
    daemon.hang_up();
    let event = daemon.event().await;
    assert_eq!(event["type"], "dev.matchwatch.alarm.lost.resolved.v1");
    assert_eq!(event["data"]["message"], "it is not watched any more");
    assert_eq!(daemon.stop().await.code, Some(0));
    assert!(other.rest().is_empty(), "who was not told of it before is not told now");
}
