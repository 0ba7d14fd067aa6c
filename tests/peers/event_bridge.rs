//! EventBridge as moto plays it, with a rule and a queue for a target.

use matchwatch::domain::JobStatus;
use matchwatch::notify::{EventBridge, EventBridgeConfig, Notifier, Outcome};
use serde_json::{Value, json};

use crate::moto::{Moto, statuses, trial};
use crate::support::{message, message_of};

async fn event_bridge(moto: &Moto, event_bus: &str, role_arn: Option<String>) -> EventBridge {
    let config = EventBridgeConfig { event_bus: event_bus.to_owned(), aws: moto.keys(role_arn) };
    EventBridge::with_base(moto.base().await, &config).unwrap()
}

#[tokio::test]
async fn a_rule_gets_exactly_the_events_that_it_matches_in_the_envelope_that_it_knows() {
    let moto = Moto::start().await;
    let pattern = json!({
        "source": ["dev.matchwatch"],
        "detail-type": [{ "prefix": "dev.matchwatch.job." }],
        "detail": { "data": { "status": ["FAILED", "SUCCEEDED"], "workflowName": [{ "prefix": "cust" }] } },
    });
    let queue = moto.name(&["bus", "jobs", &pattern.to_string()]).await;
    let bridge = event_bridge(&moto, "jobs", None).await;
    for status in JobStatus::ALL {
        assert_eq!(bridge.notify(&message(status)).await, Outcome::Delivered);
    }
    assert_eq!(bridge.try_out(&trial()).await, Outcome::Delivered);
    let mut received = moto.received(&queue).await;
    received.sort_by_key(|message| message["event"]["type"].to_string());
    assert_eq!(statuses(&received), ["FAILED", "SUCCEEDED"]);
    let sent: Value = serde_json::from_str(&message(JobStatus::Failed).body).unwrap();
    assert_eq!(received[0]["event"], sent);
    let envelope = &received[0]["envelope"];
    for (field, value) in [
        ("version", json!("0")),
        ("source", json!("dev.matchwatch")),
        ("detail-type", json!("dev.matchwatch.job.failed.v1")),
        ("region", json!("eu-west-1")),
        ("time", json!("2025-06-01T08:00:00Z")),
        ("resources", json!([])),
    ] {
        assert_eq!(envelope[field], value, "{envelope}");
    }
}

#[tokio::test]
async fn an_event_too_large_arrives_trimmed_under_a_role() {
    let moto = Moto::start().await;
    let pattern = json!({ "source": ["dev.matchwatch"] }).to_string();
    let queue = moto.name(&["bus", "jobs", &pattern]).await;
    let role = moto.name(&["role"]).await;
    let bridge = event_bridge(&moto, "jobs", Some(role)).await;
    let large = message_of(JobStatus::Failed, &"ä\n".repeat(200_000));
    assert_eq!(bridge.notify(&large).await, Outcome::Delivered);
    let received = moto.received(&queue).await;
    assert_eq!(received[0]["event"]["data"]["truncated"], true);
}
