//! Alarms: each raised once for each occurrence and resolved once, whatever restarts come between.

use std::time::Duration;

use jiff::Timestamp;
use matchwatch::domain::{JobKind, PastRun, WorkflowKey};
use matchwatch::simulator::Operation::GetMatchingJob;
use matchwatch::simulator::Status::{Failed, Running, Succeeded};
use matchwatch::simulator::{Answer, Denial, Script};
use matchwatch::store::{SqliteConfig, SqliteStore, Store as _};
use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Home, watch};
use crate::support::schema::{assert_valid, schema, validator};
use crate::support::service::Service;
use crate::support::soon;

/// The next event, as the end of its type and its data.
async fn told(daemon: &mut Daemon) -> (String, Value) {
    let event = daemon.event().await;
    assert_valid(&validator(&schema()), &event);
    let event_type = event["type"].as_str().unwrap().strip_prefix("dev.matchwatch.").unwrap();
    (event_type.to_owned(), event["data"].clone())
}

/// The ends of the types of the next events.
async fn types<const N: usize>(daemon: &mut Daemon) -> [String; N] {
    let mut types = [const { String::new() }; N];
    for name in &mut types {
        *name = told(daemon).await.0;
    }
    types
}

/// Waits until so many alarms of this name are open, by the metrics.
async fn open(daemon: &Daemon, name: &str, count: f64) {
    let series = format!(r#"matchwatch_alarms_open{{account="main",alarm="{name}"}}"#);
    let shown = async { while daemon.metric(&series).await != Some(count) {} };
    soon(&format!("{count} {name}"), shown).await;
}

/// Ends the daemon without a word once all is delivered, and starts another.
async fn killed_and_started(daemon: Daemon, home: &Home) -> Daemon {
    let pending = r#"matchwatch_deliveries_pending{notifier="stdout"}"#;
    soon("the last delivery", async { while daemon.metric(pending).await != Some(0.0) {} }).await;
    daemon.kill().await;
    home.serve().await
}

#[tokio::test]
async fn a_job_that_waits_too_long_is_told_once_with_its_place_in_the_queue_and_once_when_its_turn_comes()
 {
    let service = Service::start().await;
    let at_work = service.job("suppliers");
    service.set(&at_work, Running);
    let job = service.job("customers");
    let watches = watch("suppliers", &[&at_work])
        + &watch("customers", &[&job])
        + "queued_longer_than = \"1s\"\n";
    let home = Home::new(service.url(), &watches);
    let mut daemon = home.serve().await;
    let mut first = types(&mut daemon).await;
    first.sort();
    assert_eq!(first, ["job.queued.v1", "job.running.v1"]);
    let (raised, data) = told(&mut daemon).await;
    assert_eq!(raised, "alarm.queued_too_long.raised.v1");
    assert_eq!((&data["jobId"], &data["limitSeconds"]), (&json!(job), &json!(1.0)));
    assert_eq!((&data["status"], &data["countedFrom"]), (&json!("QUEUED"), &json!("startTime")));
    assert_eq!(data["queuePosition"], 1);
    let ahead = json!({ "jobId": at_work, "workflowName": "suppliers", "status": "RUNNING" });
    assert_eq!(data["jobAhead"], ahead);
    open(&daemon, "queued_too_long", 1.0).await;

    // It is open, so no start tells it again; and what the next daemon sees resolves it.
    let mut daemon = killed_and_started(daemon, &home).await;
    open(&daemon, "queued_too_long", 1.0).await;
    service.answered("ok", service.simulator.counts().of(GetMatchingJob, "ok") + 4).await;
    service.set(&job, Running);
    assert_eq!(told(&mut daemon).await.0, "job.running.v1");
    let (resolved, over) = told(&mut daemon).await;
    assert_eq!(resolved, "alarm.queued_too_long.resolved.v1");
    assert_eq!(
        (&over["raisedAt"], &over["message"]),
        (&data["raisedAt"], &json!("the job is RUNNING now"))
    );
    open(&daemon, "queued_too_long", 0.0).await;
    service.set(&job, Succeeded);
    assert_eq!(told(&mut daemon).await.0, "job.succeeded.v1");
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_job_that_runs_too_long_is_told_once_and_once_when_it_ends() {
    let service = Service::start().await;
    let job = service.job("customers");
    let alarms = "[alarms]\nrunning_longer_than = \"1s\"\n".to_owned();
    let home = Home::new(service.url(), &(alarms + &watch("customers", &[&job])));
    let mut daemon = home.serve().await;
    assert_eq!(types(&mut daemon).await, ["job.queued.v1"]);
    service.set(&job, Running);
    assert_eq!(types(&mut daemon).await, ["job.running.v1", "alarm.running_too_long.raised.v1"]);
    let mut daemon = killed_and_started(daemon, &home).await;
    open(&daemon, "running_too_long", 1.0).await;
    service.set(&job, Failed);
    assert_eq!(types(&mut daemon).await, ["job.failed.v1", "alarm.running_too_long.resolved.v1"]);
    assert_eq!(daemon.stop().await.stdout.len(), 2, "nothing else was told");
}

/// Has the home's database know of jobs of `customers` that ran for so long.
async fn remember(home: &Home, run_times: [Duration; 5]) {
    let (path, lock_timeout) = (home.file("jobs.db"), Duration::ZERO);
    let store = SqliteStore::open(&SqliteConfig { path, lock_timeout }).await.unwrap();
    let (account, kind, name) = ("main".into(), JobKind::Matching, "customers".into());
    let runs = run_times.into_iter().enumerate().map(|(number, run_time)| PastRun {
        job_id: format!("{number:032x}").into(),
        ended_at: Timestamp::UNIX_EPOCH + run_time,
        run_time,
    });
    let runs: Vec<_> = runs.collect();
    store.learn(&WorkflowKey { account, kind, name }, &runs).await.unwrap();
    store.close().await;
}

#[tokio::test]
async fn a_job_that_runs_much_longer_than_usual_is_told_with_what_is_usual() {
    let service = Service::start().await;
    let job = service.job("customers");
    let alarms = "[alarms]\nrunning_longer_than_usual = 1.5\nusual_needs_runs = 5\n".to_owned();
    let home = Home::new(service.url(), &(alarms + &watch("customers", &[&job])));
    remember(&home, [100, 200, 400, 200, 300].map(Duration::from_millis)).await;
    let mut daemon = home.serve().await;
    assert_eq!(types(&mut daemon).await, ["job.queued.v1"]);
    service.set(&job, Running);
    assert_eq!(types(&mut daemon).await, ["job.running.v1"]);
    let (raised, data) = told(&mut daemon).await;
    assert_eq!(raised, "alarm.running_longer_than_usual.raised.v1");
    assert_eq!((&data["factor"], &data["pastRuns"]), (&json!(1.5), &json!(5)));
    assert_eq!((&data["usualSeconds"], &data["limitSeconds"]), (&json!(0.4), &json!(0.6)));
    assert!(data["elapsedSeconds"].as_f64().unwrap() >= 0.6, "{data}");
    let mut daemon = killed_and_started(daemon, &home).await;
    service.set(&job, Succeeded);
    assert_eq!(
        types(&mut daemon).await,
        ["job.succeeded.v1", "alarm.running_longer_than_usual.resolved.v1"]
    );
    assert_eq!(daemon.stop().await.stdout.len(), 2, "nothing else was told");
}

#[tokio::test]
async fn a_job_that_is_lost_is_told_once_over_restarts_and_once_when_it_shows_up_after_all() {
    let service = Service::start().await;
    let job = service.job("customers");
    service.simulator.set_hidden(&job, true).unwrap();
    let home = Home::new(service.url(), &watch("customers", &[&job]))
        .with("MATCHWATCH__POLL__NOT_FOUND_GRACE", "1s");
    let mut daemon = home.serve().await;
    let (raised, data) = told(&mut daemon).await;
    assert_eq!((raised.as_str(), &data["jobId"]), ("alarm.lost.raised.v1", &json!(job)));

    // Lost again, and that is known.
    let mut daemon = killed_and_started(daemon, &home).await;
    daemon.log("job given up").await;
    open(&daemon, "lost", 1.0).await;
    service.simulator.set_hidden(&job, false).unwrap();
    let mut daemon = killed_and_started(daemon, &home).await;
    assert_eq!(types(&mut daemon).await, ["job.queued.v1", "alarm.lost.resolved.v1"]);
    open(&daemon, "lost", 0.0).await;
    assert_eq!(daemon.stop().await.stdout.len(), 2, "nothing else was told");
}

#[tokio::test]
async fn a_workflow_that_is_denied_is_told_once_for_all_its_jobs_and_once_when_access_is_back() {
    let service = Service::start().await;
    let jobs = [service.job("customers"), service.job("customers")];
    service.simulator.set_denials(vec![Denial::default()]);
    let watches = watch("customers", &jobs.each_ref().map(String::as_str));
    let home = Home::new(service.url(), &watches);
    let mut daemon = home.serve().await;
    let event = daemon.event().await;
    assert_valid(&validator(&schema()), &event);
    assert_eq!(event["type"], "dev.matchwatch.alarm.access_denied.raised.v1");
    assert_eq!((&event["subject"], &event["data"]["jobId"]), (&json!("customers"), &Value::Null));
    let error = event["data"]["error"].as_str().unwrap();
    assert!(error.contains("entityresolution:GetMatchingJob"), "names the permission: {error}");
    service.answered("AccessDeniedException", 2).await;

    let mut daemon = killed_and_started(daemon, &home).await;
    service.answered("AccessDeniedException", 4).await;
    open(&daemon, "access_denied", 1.0).await;
    daemon.log("no answer about the job; asking again").await;
    service.simulator.set_denials(Vec::new());
    let mut daemon = killed_and_started(daemon, &home).await;
    let mut types: [String; 3] = types(&mut daemon).await;
    types.sort();
    assert_eq!(types, ["alarm.access_denied.resolved.v1", "job.queued.v1", "job.queued.v1"]);
    assert_eq!(daemon.stop().await.stdout.len(), 3, "nothing else was told");
}

#[tokio::test]
async fn a_question_that_the_service_calls_wrong_is_told_once_and_resolved_when_nobody_asks_it_any_more()
 {
    let service = Service::start().await;
    let (wrong, good) = (service.job("customers"), service.job("suppliers"));
    let script = Script { operation: GetMatchingJob, answer: Answer::Invalid, times: 1 };
    service.simulator.script(script);
    let home = Home::new(service.url(), &watch("customers", &[&wrong]));
    let mut daemon = home.serve().await;
    let (raised, data) = told(&mut daemon).await;
    assert_eq!((raised.as_str(), &data["jobId"]), ("alarm.watch_broken.raised.v1", &json!(wrong)));
    assert!(data["error"].as_str().unwrap().contains("ValidationException"), "{data}");

    home.configure(&watch("suppliers", &[&good]));
    daemon.hang_up();
    let mut types: [String; 2] = types(&mut daemon).await;
    types.sort();
    assert_eq!(types, ["alarm.watch_broken.resolved.v1", "job.queued.v1"]);
    open(&daemon, "watch_broken", 0.0).await;
    assert_eq!(daemon.stop().await.stdout.len(), 3, "nothing else was told");
}

#[tokio::test]
async fn who_does_not_want_an_alarm_switches_it_off_for_all_or_for_one_watch() {
    let service = Service::start().await;
    let (lost, also_lost) = (service.job("customers"), service.job("suppliers"));
    for job in [&lost, &also_lost] {
        service.simulator.set_hidden(job, true).unwrap();
    }
    let watches =
        watch("customers", &[&lost]) + "lost = true\n" + &watch("suppliers", &[&also_lost]);
    let home = Home::new(service.url(), &format!("[alarms]\nlost = false\n{watches}"))
        .with("MATCHWATCH__POLL__NOT_FOUND_GRACE", "1s");
    let mut daemon = home.serve().await;
    for _ in 0..2 {
        daemon.log("job given up").await;
    }
    let (raised, data) = told(&mut daemon).await;
    assert_eq!((raised.as_str(), &data["jobId"]), ("alarm.lost.raised.v1", &json!(lost)));
    assert_eq!(daemon.stop().await.stdout.len(), 1, "nothing else was told");
}
