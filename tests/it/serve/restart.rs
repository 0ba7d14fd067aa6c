//! What survives from one run to the next.

use matchwatch::simulator::Status::{Running, Succeeded};
use serde_json::Value;

use crate::support::daemon::{Home, watch};
use crate::support::receiver::{Arrival, Mood, Receiver};
use crate::support::service::Service;

/// A home whose daemon tells both stdout and the receiver of one job.
fn home(service: &Service, job: &str, receiver: &Receiver) -> Home {
    let configuration = format!(
        r#"{}
        [[notifier]]
        name = "lines"
        type = "stdout"
        [[notifier]]
        name = "hook"
        type = "webhook"
        url = "{}"
        "#,
        watch("customers", &[job]),
        receiver.url(),
    );
    Home::new(service.url(), &configuration)
}

/// Each event once, in the order of its first arrival.
fn distinct(arrivals: impl IntoIterator<Item = Arrival>) -> Vec<Arrival> {
    let mut distinct: Vec<Arrival> = Vec::new();
    for arrival in arrivals {
        if !distinct.contains(&arrival) {
            distinct.push(arrival);
        }
    }
    distinct
}

#[tokio::test]
async fn jobs_and_undelivered_events_are_taken_up_where_the_last_run_left_them() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Bad(503)).await;
    let home = home(&service, &job, &receiver);

    let mut daemon = home.serve().await;
    assert_eq!(daemon.event().await["data"]["status"], "QUEUED");
    service.set(&job, Running);
    assert_eq!(daemon.event().await["data"]["status"], "RUNNING");
    let refused = receiver.next().await;
    assert_eq!(daemon.stop().await.code, Some(0));
    let refused = distinct([refused].into_iter().chain(receiver.rest()));
    assert_eq!(refused.len(), 1, "RUNNING waits behind QUEUED: {refused:#?}");

    receiver.set(Mood::Good);
    let mut daemon = home.serve().await;
    assert_eq!(receiver.next().await, refused[0], "the same id, and the same bytes");
    assert_eq!(receiver.next().await.status(), "RUNNING");
    service.set(&job, Succeeded);
    let ended = daemon.event().await;
    assert_eq!(ended["data"]["status"], "SUCCEEDED");
    assert_eq!(ended["data"]["previousStatus"], "RUNNING");
    assert_eq!(receiver.next().await.status(), "SUCCEEDED");
    assert_eq!(daemon.stop().await.stdout.len(), 1, "what was told is not told again");
    assert_eq!(receiver.rest(), []);
}

#[tokio::test]
async fn a_daemon_that_is_killed_loses_nothing() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Silent).await;
    let home = home(&service, &job, &receiver);

    let daemon = home.serve().await;
    let queued = receiver.next().await;
    assert_eq!(daemon.kill().await.code, None);
    service.set(&job, Succeeded);

    receiver.set(Mood::Good);
    let mut daemon = home.serve().await;
    assert_eq!(receiver.next().await, queued, "the same id, and the same bytes");
    let ended = receiver.next().await;
    let event: Value = serde_json::from_str(&ended.body).unwrap();
    assert_eq!(event["data"]["status"], "SUCCEEDED");
    assert_eq!(event["data"]["inferred"], serde_json::json!(["RUNNING"]));
    while daemon.event().await["data"]["status"] != "SUCCEEDED" {}
    assert_eq!(daemon.stop().await.code, Some(0));
    assert_eq!(receiver.rest(), []);
}

#[tokio::test]
async fn a_job_that_has_ended_is_not_asked_about_after_a_restart() {
    let service = Service::start().await;
    let job = service.job("customers");
    service.set(&job, Succeeded);
    let receiver = Receiver::start(Mood::Good).await;
    let home = home(&service, &job, &receiver);
    let mut daemon = home.serve().await;
    daemon.event().await;
    daemon.stop().await;
    let asked = service.simulator.counts();

    let daemon = home.serve().await;
    let ended = r#"matchwatch_jobs{account="main",kind="matching",state="succeeded"}"#;
    assert_eq!(daemon.metric(ended).await, Some(1.0));
    assert_eq!(daemon.stop().await.stdout, Vec::<String>::new());
    assert_eq!(service.simulator.counts(), asked);
}
