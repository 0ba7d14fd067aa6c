//! Who is told what.

use std::collections::HashMap;

use matchwatch::simulator::Status::{Failed, Running, Succeeded};
use serde_json::{Value, json};

use crate::support::daemon::{Home, watch};
use crate::support::receiver::{Mood, Receiver};
use crate::support::schema::{assert_valid, schema, validator};
use crate::support::service::Service;

#[tokio::test]
async fn every_transition_of_every_job_is_a_cloudevent_on_stdout_in_order() {
    let service = Service::start().await;
    let (one, two) = (service.job("customers"), service.job("customers"));
    let three = service.job("suppliers");
    let watches = watch("customers", &[&one, &two]) + &watch("suppliers", &[&three]);
    let mut daemon = Home::new(service.url(), &watches).serve().await;

    let mut told: HashMap<String, Vec<Value>> = HashMap::new();
    for statuses in [None, Some([Running; 3]), Some([Succeeded, Failed, Succeeded])] {
        for (job, status) in [&one, &two, &three].into_iter().zip(statuses.into_iter().flatten()) {
            service.set(job, status);
        }
        for _ in 0..3 {
            let event = daemon.event().await;
            told.entry(event["subject"].as_str().unwrap().to_owned()).or_default().push(event);
        }
    }
    assert_eq!(daemon.stop().await.stdout.len(), 9, "nothing else is on stdout");

    let validator = validator(&schema());
    let endings = [
        (&one, "customers", "SUCCEEDED"),
        (&two, "customers", "FAILED"),
        (&three, "suppliers", "SUCCEEDED"),
    ];
    for (job, workflow, ending) in endings {
        let events = &told[job];
        for event in events {
            assert_valid(&validator, event);
            assert_eq!(event["data"]["workflowName"], workflow);
            assert_eq!(event["data"]["account"], "main");
        }
        let field = |pointer| events.iter().map(|event| event.pointer(pointer)).collect::<Vec<_>>();
        let [queued, running, ended] = [json!("QUEUED"), json!("RUNNING"), json!(ending)];
        assert_eq!(field("/data/status"), [Some(&queued), Some(&running), Some(&ended)]);
        assert_eq!(field("/data/previousStatus"), [None, Some(&queued), Some(&running)]);
        assert_eq!(field("/sequence"), ["1", "2", "3"].map(Value::from).each_ref().map(Some));
    }
}

#[tokio::test]
async fn a_notifier_with_statuses_is_told_of_no_other() {
    let service = Service::start().await;
    let (good, bad) = (service.job("customers"), service.job("customers"));
    let mut receiver = Receiver::start(Mood::Good).await;
    let configuration = format!(
        r#"{}
        [[notifier]]
        name = "failures"
        type = "stdout"
        statuses = ["FAILED"]
        [[notifier]]
        name = "everything"
        type = "webhook"
        url = "{}"
        "#,
        watch("customers", &[&good, &bad]),
        receiver.url(),
    );
    let mut daemon = Home::new(service.url(), &configuration).serve().await;
    for _ in 0..2 {
        assert_eq!(receiver.next().await.status(), "QUEUED");
    }
    service.set(&good, Succeeded);
    assert_eq!(receiver.next().await.status(), "SUCCEEDED");
    service.set(&bad, Failed);
    assert_eq!(receiver.next().await.status(), "FAILED");
    assert_eq!(daemon.event().await["subject"], bad);
    assert_eq!(daemon.stop().await.stdout.len(), 1);
}

#[tokio::test]
async fn a_watch_that_names_its_notifiers_is_told_to_no_other() {
    let service = Service::start().await;
    let (public, private) = (service.job("customers"), service.job("suppliers"));
    let mut receiver = Receiver::start(Mood::Good).await;
    let configuration = format!(
        r#"{}
        {}
        notifiers = ["hook"]
        [[notifier]]
        name = "lines"
        type = "stdout"
        [[notifier]]
        name = "hook"
        type = "webhook"
        url = "{}"
        "#,
        watch("customers", &[&public]),
        watch("suppliers", &[&private]),
        receiver.url(),
    );
    let mut daemon = Home::new(service.url(), &configuration).serve().await;
    assert_eq!(daemon.event().await["subject"], public);
    let both = [receiver.next().await, receiver.next().await];
    for job in [&public, &private] {
        assert!(both.iter().any(|arrival| arrival.body.contains(job.as_str())));
    }
    assert_eq!(daemon.stop().await.stdout.len(), 1);
}

#[tokio::test]
async fn logs_are_json_on_stderr_and_stdout_holds_events_alone() {
    let service = Service::start().await;
    let job = service.job("customers");
    let home = Home::new(service.url(), &watch("customers", &[&job]))
        .with("MATCHWATCH__LOG__FILTER", "info,matchwatch=debug");
    let mut daemon = home.serve().await;
    daemon.event().await;
    let ended = daemon.stop().await;
    assert_eq!(ended.stdout.len(), 1);
    for line in &ended.stderr {
        let line: Value = serde_json::from_str(line).expect("a log line is JSON");
        for field in ["timestamp", "level", "target", "message"] {
            assert!(line[field].is_string(), "{field} of {line}");
        }
    }
    let told: Vec<Value> =
        ended.stderr.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let transition = told.iter().find(|line| line["message"] == "job changed state").unwrap();
    assert_eq!(transition["to"], "QUEUED");
    assert!(transition["job"].as_str().unwrap().contains(&job));
}
