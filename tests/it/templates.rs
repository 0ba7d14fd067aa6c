//! What webhooks send that are made from templates, held to what the receivers document.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use matchwatch::clock::SystemClock;
use matchwatch::domain::{Message, TestEvent};
use matchwatch::notify::{BuiltInTemplate, Notifier, Outcome, Webhook, WebhookConfig};
use matchwatch::secret::{MaybeSecret, SecretRef};
use serde_json::{Value, json};
use standardwebhooks::Webhook as Verifier;
use tempfile::TempDir;

use crate::support::receiver::{Arrival, Mood, Receiver};
use crate::support::schema::{assert_valid, examples, validator};

const SIGNING_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const ROUTING_KEY: &str = "0123456789abcdef0123456789ABCDEF";

/// A webhook with a template, and its receiver.
struct Posted {
    receiver: Receiver,
    webhook: Webhook,
    _secrets: TempDir,
}

impl Posted {
    async fn with(template: BuiltInTemplate) -> Self {
        let receiver = Receiver::start(Mood::Good).await;
        let secrets = tempfile::tempdir().unwrap();
        let keep = |name: &str, value: &str| {
            let path = secrets.path().join(name);
            std::fs::write(&path, value).unwrap();
            SecretRef::File(path)
        };
        let mut template_secrets = BTreeMap::new();
        if template == BuiltInTemplate::PagerDuty {
            template_secrets.insert("routing_key".to_owned(), keep("routing_key", ROUTING_KEY));
        }
        let config = WebhookConfig {
            url: MaybeSecret::Plain(receiver.url().to_owned()),
            secrets: vec![keep("signing", SIGNING_SECRET)],
            headers: BTreeMap::new(),
            timeout: Duration::from_secs(20),
            template: Some(template),
            template_file: None,
            template_text: None,
            template_secrets,
            content_type: None,
        };
        let client = Webhook::http_client(None).unwrap();
        let webhook = Webhook::new(&config, client, Arc::new(SystemClock)).unwrap();
        Self { receiver, webhook, _secrets: secrets }
    }

    /// What is sent for this event, once it is known to be signed as it is sent.
    async fn told(&mut self, event: &Value) -> Value {
        let outcome = if event["type"] == TestEvent::TYPE {
            let test: TestEvent = serde_json::from_value(event.clone()).unwrap();
            self.webhook.try_out(&Message::encode(test).unwrap()).await
        } else {
            self.webhook.notify(&Message::decode(&event.to_string()).unwrap()).await
        };
        assert_eq!(outcome, Outcome::Delivered);
        let arrival: Arrival = self.receiver.next().await;
        assert_eq!(arrival.headers["content-type"], "application/json");
        assert_eq!(json!(arrival.id), event["id"]);
        let verifier = Verifier::new(SIGNING_SECRET).unwrap();
        verifier.verify(arrival.body.as_bytes(), &arrival.headers).expect("what is sent is signed");
        serde_json::from_str(&arrival.body).unwrap()
    }
}

/// The documented events, and one with an error message that is made to break things.
fn events() -> Vec<Value> {
    let mut events = examples();
    let mut hostile = example("dev.matchwatch.job.failed.v1");
    let message = "<!channel> & \"quoted\" \\ {{ secrets }} \u{1}\n".repeat(20_000);
    hostile["data"]["errorDetails"]["errorMessage"] = message.into();
    hostile["data"]["account"] = "<@U123>&".into();
    events.push(hostile);
    events
}

fn example(event_type: &str) -> Value {
    examples().into_iter().find(|event| event["type"] == event_type).unwrap()
}

async fn all_fit(template: BuiltInTemplate, schema: &str, most_bytes: usize) {
    let validator = validator(&serde_json::from_str(schema).unwrap());
    let mut posted = Posted::with(template).await;
    for event in events() {
        let told = posted.told(&event).await;
        assert_valid(&validator, &told);
        let size = told.to_string().len();
        assert!(size <= most_bytes, "{size} bytes");
    }
}

#[tokio::test]
async fn slack_gets_blocks_within_its_limits_and_a_text_for_notifications() {
    // What Slack's API takes of a whole message is not documented; its texts are.
    all_fit(BuiltInTemplate::Slack, include_str!("templates/slack.schema.json"), 100_000).await;
    let mut posted = Posted::with(BuiltInTemplate::Slack).await;
    let told = posted.told(&example("dev.matchwatch.job.failed.v1")).await;
    assert_eq!(told["text"], "Matching job of customers failed in main, eu-west-1");
    assert_eq!(told["blocks"][1]["fields"][0]["text"], "*Workflow*\ncustomers");
    assert_eq!(told["blocks"][2]["text"]["text"], "S3: access denied to s3://customers/input/");
}

#[tokio::test]
async fn teams_gets_an_adaptive_card_within_its_limit() {
    all_fit(BuiltInTemplate::Teams, include_str!("templates/teams.schema.json"), 28 * 1024).await;
    let mut posted = Posted::with(BuiltInTemplate::Teams).await;
    for (event_type, color) in [
        ("dev.matchwatch.job.failed.v1", "Attention"),
        ("dev.matchwatch.job.succeeded.v1", "Good"),
        ("dev.matchwatch.job.running.v1", "Default"),
    ] {
        let told = posted.told(&example(event_type)).await;
        assert_eq!(told["attachments"][0]["content"]["body"][0]["color"], color, "{event_type}");
    }
}

#[tokio::test]
async fn pagerduty_is_triggered_by_trouble_and_told_when_there_is_none() {
    let schema = include_str!("templates/pagerduty.schema.json");
    all_fit(BuiltInTemplate::PagerDuty, schema, 512 * 1024).await;
    let mut posted = Posted::with(BuiltInTemplate::PagerDuty).await;
    let failed = posted.told(&example("dev.matchwatch.job.failed.v1")).await;
    assert_eq!(failed["event_action"], "trigger");
    assert_eq!(failed["routing_key"], ROUTING_KEY);
    assert_eq!(failed["payload"]["severity"], "error");
    assert_eq!(
        failed["dedup_key"],
        "/aws/entityresolution/eu-west-1/matchingworkflows/customers/0123456789abcdef0123456789abcdef"
    );
    let raised = events().into_iter().find(|event| event["data"]["state"] == "raised").unwrap();
    let raised = posted.told(&raised).await;
    assert_eq!(
        (&raised["event_action"], &raised["payload"]["severity"]),
        (&json!("trigger"), &json!("warning"))
    );
    for harmless in ["dev.matchwatch.job.succeeded.v1", TestEvent::TYPE] {
        let told = posted.told(&example(harmless)).await;
        assert_eq!(told["event_action"], "resolve", "nobody is woken by {harmless}");
    }
}

#[tokio::test]
async fn the_shape_of_eventbridge_holds_the_event_as_its_detail() {
    let schema = include_str!("templates/eventbridge.schema.json");
    all_fit(BuiltInTemplate::EventBridge, schema, usize::MAX).await;
    let mut posted = Posted::with(BuiltInTemplate::EventBridge).await;
    let event = example("dev.matchwatch.job.succeeded.v1");
    let told = posted.told(&event).await;
    assert_eq!(told["detail"], event);
    assert_eq!(told["id"], event["id"]);
    assert_eq!(told["detail-type"], "dev.matchwatch.job.succeeded.v1");
    assert_eq!(told["account"], "123456789012");
    assert_eq!(
        told["resources"],
        json!(["arn:aws:entityresolution:eu-west-1:123456789012:matchingworkflow/customers"])
    );
}
