//! What webhooks send that are made from templates, held to what the receivers document.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use matchwatch::clock::SystemClock;
use matchwatch::domain::{AlarmName, Message, TestEvent};
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

/// The documented events and alarms of every name and subject; and events with texts that are made to break things.
fn events() -> Vec<Value> {
    let events = examples();
    let alarms: Vec<_> = events.iter().filter(|event| event["data"]["alarm"].is_string()).collect();
    let named = alarms.iter().flat_map(|alarm| {
        let name = alarm["data"]["alarm"].as_str().unwrap();
        AlarmName::ALL.map(|other| alarm.to_string().replace(name, &other.to_string()))
    });
    let mut alarms: Vec<Value> = named.map(|alarm| serde_json::from_str(&alarm).unwrap()).collect();
    for mut alarm in alarms.clone() {
        alarm["subject"] = "main".into();
        alarm["source"] = "/aws/entityresolution/eu-west-1".into();
        let data = alarm["data"].as_object_mut().unwrap();
        data.retain(|key, _| {
            !["jobId", "workflowName", "kind", "status", "jobAhead"].contains(&&**key)
        });
        data.insert("error".to_owned(), "not authorized to perform".into());
        alarms.push(alarm);
    }
    let of_account = alarms.iter().rev().take(2).cloned();
    let attacked: Vec<_> = events.iter().cloned().chain(of_account).collect();
    let hostile = HOSTILE.iter().flat_map(|(text, times)| {
        let text = text.repeat(*times);
        attacked.iter().map(move |event| told_in(event, &text))
    });
    events.into_iter().chain(alarms).chain(hostile).collect()
}

/// Texts, and how many times over.
const HOSTILE: [(&str, usize); 8] = [
    ("<!channel> & \"quoted\" \\ {{ secrets }} \u{1}\n", 200),
    (
        "[here](https://evil.example.com) *b* _i_ `c` <at>all</at> @here #general {{DATE(2017-02-14T06:00:00Z)}}",
        1,
    ),
    ("customers\n*Status*\nSUCCEEDED", 1),
    ("&", 6_000),
    ("😀", 6_000),
    ("\u{1}", 6_000),
    (" \n", 1),
    ("", 1),
];

/// The event with `text` wherever others have a say.
fn told_in(event: &Value, text: &str) -> Value {
    let mut event = event.clone();
    let data = event["data"].as_object_mut().unwrap();
    for key in ["workflowName", "account", "message", "error", "jobType"] {
        if let Some(value) = data.get_mut(key) {
            *value = text.into();
        }
    }
    if let Some(message) = event.pointer_mut("/data/errorDetails/errorMessage") {
        *message = text.into();
    }
    if let Some(message) = event.pointer_mut("/data/failedGates/0/message") {
        *message = text.into();
    }
    if event["type"] != TestEvent::TYPE {
        event["source"] =
            format!("/aws/entityresolution/eu-west-1/matchingworkflows/{text}").into();
    }
    event
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
    let [failed, raised] =
        ["dev.matchwatch.job.failed.v1", "dev.matchwatch.alarm.queued_too_long.raised.v1"];
    let lines = "customers\n*Status*\n@here";
    let told = posted.told(&told_in(&example(raised), lines)).await;
    let title = told["text"].as_str().unwrap();
    assert!(title.starts_with("Matching job of customers *Status* @here in customers"), "{title}");
    assert_eq!(told["blocks"][1]["fields"][0]["text"], "*Workflow*\ncustomers *Status* @here");
    assert_eq!(told["blocks"][1]["fields"][0]["verbatim"], true, "no name becomes a mention");
    let mapped =
        examples().into_iter().find(|event| event["data"]["kind"] == "id-mapping").unwrap();
    let blocks = posted.told(&mapped).await["blocks"].to_string();
    for count in ["Input records", "Mapped target records removed"] {
        assert!(blocks.contains(count), "all counts are told: {blocks}");
    }
    let told = posted.told(&example(failed)).await;
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
        let body = &told["attachments"][0]["content"]["body"];
        assert_eq!(body[0]["inlines"][0]["color"], color, "{event_type}");
        let inlines = &body[1]["inlines"];
        assert_eq!(
            (&inlines[0]["text"], &inlines[1]["text"]),
            (&json!("Workflow: "), &json!("customers"))
        );
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
    let [raised, resolved] = ["raised", "resolved"]
        .map(|state| example(&format!("dev.matchwatch.alarm.queued_too_long.{state}.v1")));
    let (raised, resolved) = (posted.told(&raised).await, posted.told(&resolved).await);
    assert_eq!(resolved["event_action"], "resolve");
    assert_eq!(resolved["dedup_key"], raised["dedup_key"]);
    assert_eq!(
        (&raised["event_action"], &raised["payload"]["severity"]),
        (&json!("trigger"), &json!("warning"))
    );
    let harmless = ["running", "succeeded"].map(|status| format!("dev.matchwatch.job.{status}.v1"));
    for harmless in harmless.iter().map(String::as_str).chain([TestEvent::TYPE]) {
        let told = posted.told(&example(harmless)).await;
        assert_eq!(told["event_action"], "resolve", "nobody is woken by {harmless}");
        assert_ne!(
            told["dedup_key"], failed["dedup_key"],
            "one that is sent again later closes no alert"
        );
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
