//! What happens at SIGTERM.

use matchwatch::simulator::Answer;
use matchwatch::simulator::Operation::GetMatchingJob;
use matchwatch::simulator::Script;
use matchwatch::simulator::Status::Running;

use sqlx::{ConnectOptions as _, Executor as _};

use crate::support::daemon::{Home, watch};
use crate::support::receiver::{Mood, Receiver};
use crate::support::service::Service;

fn hook(receiver: &Receiver) -> String {
    format!("[[notifier]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{}\"\n", receiver.url())
}

#[tokio::test]
async fn what_is_due_is_delivered_before_the_end() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Silent).await;
    let configuration = watch("customers", &[&job]) + &hook(&receiver);
    let mut daemon = Home::new(service.url(), &configuration).serve().await;
    receiver.next().await;
    service.set(&job, Running);
    while daemon.log("job changed state").await["to"] != "RUNNING" {}

    daemon.terminate();
    daemon.log("stopping: no more questions, delivering what is due").await;
    receiver.set(Mood::Good);
    assert_eq!(receiver.next().await.status(), "RUNNING", "what stood behind the first comes too");
    let ended = daemon.ended().await;
    assert_eq!(ended.code, Some(0));
    assert!(!ended.stderr.concat().contains("grace"), "{:#?}", ended.stderr);
}

#[tokio::test]
async fn a_receiver_that_does_not_answer_holds_up_the_end_for_the_grace_alone() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Silent).await;
    let configuration = watch("customers", &[&job]) + &hook(&receiver);
    let home =
        Home::new(service.url(), &configuration).with("MATCHWATCH__SERVE__SHUTDOWN_GRACE", "100ms");
    let daemon = home.serve().await;
    let first = receiver.next().await;
    let ended = daemon.stop().await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.concat().contains("the grace is over"), "{:#?}", ended.stderr);

    receiver.set(Mood::Good);
    let daemon = home.serve().await;
    assert_eq!(receiver.next().await, first, "it is delivered after the next start");
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once_and_loses_nothing() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Silent).await;
    let configuration = watch("customers", &[&job]) + &hook(&receiver);
    let home =
        Home::new(service.url(), &configuration).with("MATCHWATCH__SERVE__SHUTDOWN_GRACE", "1h");
    let mut daemon = home.serve().await;
    let first = receiver.next().await;
    daemon.terminate();
    daemon.log("stopping: no more questions, delivering what is due").await;
    let ended = daemon.stop().await;
    assert_eq!(ended.code, Some(0));

    receiver.set(Mood::Good);
    let daemon = home.serve().await;
    assert_eq!(receiver.next().await, first);
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_question_that_is_never_answered_does_not_hold_up_the_end() {
    let service = Service::start().await;
    let job = service.job("customers");
    service.simulator.script(Script { operation: GetMatchingJob, answer: Answer::Stall, times: 1 });
    let home = Home::new(service.url(), &watch("customers", &[&job]))
        .with("MATCHWATCH__POLL__REQUEST_TIMEOUT", "10m");
    let daemon = home.serve().await;
    service.answered("stall", 1).await;
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_daemon_whose_jobs_have_all_ended_runs_on_until_it_is_told_to_stop() {
    let service = Service::start().await;
    let job = service.job("customers");
    service.set(&job, matchwatch::simulator::Status::Succeeded);
    let mut daemon = Home::new(service.url(), &watch("customers", &[&job])).serve().await;
    assert_eq!(daemon.event().await["data"]["status"], "SUCCEEDED");
    assert_eq!(daemon.page("/healthz").await.0, 200);
    assert_eq!(daemon.page("/readyz").await.0, 200);
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn another_program_that_locks_the_database_does_not_hold_up_the_end() {
    let service = Service::start().await;
    let jobs: Vec<String> = (0..30).map(|_| service.job("customers")).collect();
    let watched: Vec<&str> = jobs.iter().map(String::as_str).collect();
    let mut receiver = Receiver::start(Mood::Good).await;
    let configuration = watch("customers", &watched) + &hook(&receiver);
    let home =
        Home::new(service.url(), &configuration).with("MATCHWATCH__SERVE__SHUTDOWN_GRACE", "100ms");
    let daemon = home.serve().await;
    for _ in &jobs {
        receiver.next().await;
    }
    let file = sqlx::sqlite::SqliteConnectOptions::new().filename(home.file("jobs.db"));
    let mut shell = file.connect().await.unwrap();
    // Each write waits for it for 5 seconds.
    shell.execute("BEGIN IMMEDIATE").await.unwrap();
    for job in &jobs {
        service.set(job, Running);
    }
    let asked = service.simulator.counts().total(GetMatchingJob);
    service.answered("ok", asked + jobs.len() as u64).await;
    assert_eq!(daemon.stop().await.code, Some(0));
    shell.execute("ROLLBACK").await.unwrap();

    let daemon = home.serve().await;
    let mut running = 0;
    while running < jobs.len() {
        running += usize::from(receiver.next().await.status() == "RUNNING");
    }
    assert_eq!(daemon.stop().await.code, Some(0));
}
