//! Jobs that nobody named: found, told and taken up again.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use matchwatch::simulator::Kind::Matching;
use matchwatch::simulator::Status::{Queued, Running, Succeeded};
use matchwatch::simulator::{Denial, Distribution, Operation, WorkflowSpec};
use serde_json::{Value, json};

use crate::support::daemon::{Daemon, Home};
use crate::support::schema::{assert_valid, schema, validator};
use crate::support::service::Service;
use crate::support::soon;

const LOOKED_THROUGH: &str = "all of its jobs have been looked through; new ones are followed";

/// Everything that the account's workflows start, looked for as often as can be.
const ALL: &str = "[discovery]\ninterval = \"1s\"\n\n[[watch]]\nall = true\n";

/// Waits until both workflows were looked through.
async fn looked_through(daemon: &mut Daemon) {
    for _ in 0..2 {
        daemon.log(LOOKED_THROUGH).await;
    }
}

/// The id of the job that was added last.
fn newest(service: &Service) -> String {
    service.simulator.jobs().last().unwrap().2.id.clone()
}

fn millis(time: &Value) -> i64 {
    time.as_str().unwrap().parse::<Timestamp>().unwrap().as_millisecond()
}

#[tokio::test]
async fn a_job_that_starts_and_ends_between_two_looks_is_told_with_its_true_times() {
    let service = Service::start().await;
    service.ended_job("customers", Duration::from_secs(9_000), Duration::from_secs(60));
    let home = Home::new(service.url(), ALL);
    let mut daemon = home.serve().await;
    looked_through(&mut daemon).await;
    service.ended_job("suppliers", Duration::from_secs(7), Duration::from_secs(5));
    let id = newest(&service);
    let event = daemon.event().await;
    assert_eq!((&event["subject"], &event["data"]["status"]), (&json!(id), &json!("SUCCEEDED")));
    assert_eq!(event["data"]["inferred"], json!(["QUEUED", "RUNNING"]));
    let job = service.simulator.job(&id).unwrap();
    assert_eq!(millis(&event["data"]["startTime"]), job.submitted_at);
    assert_eq!(Some(millis(&event["data"]["endTime"])), job.ended_at);
    assert_eq!(daemon.stop().await.stdout.len(), 1, "what was there before is not told");
}

#[tokio::test]
async fn jobs_that_start_and_end_while_no_daemon_runs_are_told_by_the_next() {
    let service = Service::start().await;
    service.ended_job("customers", Duration::from_secs(9_000), Duration::from_secs(60));
    let at_work = service.job("customers");
    service.set(&at_work, Running);
    let home = Home::new(service.url(), ALL);
    let mut daemon = home.serve().await;
    looked_through(&mut daemon).await;
    let known = service.job("suppliers");
    // One that is at work when the watch is first seen started just then: it counts as new.
    let first = [daemon.event().await, daemon.event().await];
    let told = first.each_ref().map(|event| event["subject"].as_str().unwrap().to_owned());
    assert_eq!(BTreeSet::from(told), BTreeSet::from([at_work.clone(), known.clone()]));
    daemon.kill().await;

    let mut missed = BTreeSet::new();
    for workflow in ["customers", "suppliers"] {
        for _ in 0..30 {
            service.ended_job(workflow, Duration::ZERO, Duration::ZERO);
            missed.insert(newest(&service));
        }
    }
    service.set(&known, Succeeded);
    missed.insert(known);
    let mut daemon = home.serve().await;
    let mut told = BTreeSet::new();
    while told.len() < missed.len() {
        let event = daemon.event().await;
        // Whether the last word got through is not known after a kill: it may come again, as it was.
        if !first.contains(&event) {
            assert_eq!(event["data"]["status"], "SUCCEEDED");
            assert!(told.insert(event["subject"].as_str().unwrap().to_owned()), "twice: {event}");
        }
    }
    assert_eq!(told, missed);
    service.set(&at_work, Succeeded);
    assert_eq!(daemon.event().await["subject"], at_work);
    daemon.stop().await;
}

#[tokio::test]
async fn a_reload_goes_on_with_what_was_found_and_finds_what_starts_meanwhile() {
    let service = Service::start().await;
    let home = Home::new(service.url(), ALL);
    let mut daemon = home.serve().await;
    looked_through(&mut daemon).await;
    let found = service.simulator.start_job(Matching, "customers").unwrap();
    assert_eq!(daemon.event().await["subject"], found);
    // Another watch, and so another first sight, for a workflow that was followed before.
    home.configure("[discovery]\ninterval = \"1s\"\n\n[[watch]]\nworkflow_name = \"custom*\"\n");
    let meanwhile = service.job("customers");
    service.set(&meanwhile, Succeeded);
    daemon.hang_up();
    daemon.log("another configuration runs").await;
    assert_eq!(daemon.event().await["subject"], meanwhile);
    service.set(&found, Succeeded);
    let event = daemon.event().await;
    assert_eq!((&event["subject"], &event["data"]["status"]), (&json!(found), &json!("SUCCEEDED")));
    assert_eq!(event["data"]["previousStatus"], "RUNNING");
    let followed = "matchwatch_discovery_workflows{account=\"main\",kind=\"matching\"}";
    assert_eq!(daemon.metric(followed).await, Some(1.0));
    assert_eq!(daemon.stop().await.stdout.len(), 3);
}

#[tokio::test]
async fn an_account_whose_workflows_cannot_be_listed_is_not_ready() {
    let service = Service::start().await;
    let operation = Some(Operation::ListMatchingWorkflows);
    service.simulator.set_denials(vec![Denial { operation, ..Denial::default() }]);
    let home = Home::new(service.url(), ALL);
    let mut daemon = home.serve().await;
    let line = daemon.log("account does not work").await;
    assert!(
        line["error"].as_str().unwrap().contains("entityresolution:ListMatchingWorkflows"),
        "{line}"
    );
    daemon.log("the workflows cannot be listed; asking again").await;
    assert_eq!(daemon.page("/readyz").await.0, 503);
    let troubles = "matchwatch_discovery_troubles{account=\"main\",kind=\"matching\"}";
    assert_eq!(daemon.metric(troubles).await, Some(1.0));
}

#[tokio::test]
async fn a_workflow_that_comes_is_followed_one_that_goes_is_no_trouble_and_one_that_comes_again_is_new()
 {
    let service = Service::start().await;
    let home = Home::new(service.url(), ALL).with("MATCHWATCH__ALARMS__LOST", "true");
    let mut daemon = home.serve().await;
    looked_through(&mut daemon).await;
    let orders = WorkflowSpec::named(Matching, "orders", Distribution::Fixed(Duration::ZERO));
    let mut told = Vec::new();
    for _ in 0..2 {
        service.simulator.add_workflow(&orders).unwrap();
        followed(&daemon, 3.0).await;
        // One that starts and ends between two looks, and one that is seen at work.
        let short = service.simulator.start_job(Matching, "orders").unwrap();
        assert_eq!(daemon.event().await["subject"], short);
        let long = service.job("orders");
        for status in [Queued, Running, Succeeded] {
            service.set(&long, status);
            let event = daemon.event().await;
            assert_eq!(
                (&event["subject"], &event["data"]["status"]),
                (&json!(long), &json!(status.as_str()))
            );
        }
        told.extend([short, long]);
        service.simulator.remove_workflow(Matching, "orders").unwrap();
        followed(&daemon, 2.0).await;
    }
    told.sort();
    told.dedup();
    assert_eq!(told.len(), 4, "a workflow that is made again has other jobs");
    let troubles = "matchwatch_discovery_troubles{account=\"main\",kind=\"matching\"}";
    assert_eq!(daemon.metric(troubles).await, Some(0.0));
    for alarm in ["lost", "access_denied", "watch_broken"] {
        let open = format!("matchwatch_alarms_open{{account=\"main\",alarm=\"{alarm}\"}}");
        assert_eq!(daemon.metric(&open).await, Some(0.0), "{alarm}");
    }
    let up = "matchwatch_account_up{account=\"main\",kind=\"matching\"}";
    assert_eq!(daemon.metric(up).await, Some(1.0));
    // Everything else goes on.
    let job = service.job("customers");
    assert_eq!(daemon.event().await["subject"], job);
    let ended = daemon.stop().await;
    assert_eq!(ended.stdout.len(), 9, "no alarm, and nothing told twice: {:#?}", ended.stdout);
    for line in ended.stderr {
        assert!(!line.contains("\"level\":\"ERROR\""), "{line}");
    }
}

/// Waits until so many workflows are followed.
async fn followed(daemon: &Daemon, wanted: f64) {
    let followed = "matchwatch_discovery_workflows{account=\"main\",kind=\"matching\"}";
    soon("the workflows to be followed", async {
        while daemon.metric(followed).await != Some(wanted) {}
    })
    .await;
}

/// Has `denial` raise an alarm, which the next start knows and the one after it resolves. Returns the event.
async fn told_once(denial: Denial) -> Value {
    let service = Service::start().await;
    service.simulator.set_denials(vec![denial]);
    let home = Home::new(service.url(), ALL);
    let mut daemon = home.serve().await;
    let raised = daemon.event().await;
    assert_valid(&validator(&schema()), &raised);
    assert_eq!(raised["type"], "dev.matchwatch.alarm.access_denied.raised.v1");
    daemon.kill().await;
    let daemon = home.serve().await;
    let troubles = "matchwatch_discovery_troubles{account=\"main\",kind=\"matching\"}";
    soon("a denied list", async { while daemon.metric(troubles).await != Some(1.0) {} }).await;
    daemon.kill().await;
    service.simulator.set_denials(Vec::new());
    let mut daemon = home.serve().await;
    let resolved = daemon.event().await;
    assert_eq!(resolved["type"], "dev.matchwatch.alarm.access_denied.resolved.v1");
    for member in ["subject", "source"] {
        assert_eq!(resolved[member], raised[member]);
    }
    assert_eq!(resolved["data"]["raisedAt"], raised["data"]["raisedAt"]);
    assert_eq!(daemon.stop().await.stdout.len(), 1, "nothing else was told");
    raised
}

#[tokio::test]
async fn a_list_of_jobs_that_is_denied_is_an_alarm_of_the_workflow() {
    let operation = Some(Operation::ListMatchingJobs);
    let raised = told_once(Denial { operation, workflow: Some("customers".to_owned()) }).await;
    assert_eq!(
        (&raised["subject"], &raised["data"]["operation"]),
        (&json!("customers"), &json!("ListMatchingJobs"))
    );
}

#[tokio::test]
async fn a_list_of_workflows_that_is_denied_is_an_alarm_of_the_account() {
    let operation = Some(Operation::ListMatchingWorkflows);
    let raised = told_once(Denial { operation, workflow: None }).await;
    assert_eq!(
        (&raised["subject"], &raised["data"]["operation"]),
        (&json!("main"), &json!("ListMatchingWorkflows"))
    );
}
