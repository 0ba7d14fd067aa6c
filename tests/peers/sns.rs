//! SNS as moto plays it, with boto3 for a subscriber.

use std::process::Stdio;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sns::config::{Credentials, SharedCredentialsProvider};
use matchwatch::aws::{Access, Aws};
use matchwatch::domain::{JobStatus, Message, TestEvent};
use matchwatch::notify::{Notifier, Outcome, Sns, SnsConfig};
use serde_json::{Value, json};

use crate::support::{Peer, message, message_of, output_of, python};

/// An AWS of its own for one test.
struct Moto {
    endpoint: String,
    _server: Peer,
}

impl Moto {
    async fn start() -> Self {
        let mut server = python(&["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
        let mut server = server.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = server.stderr.take().unwrap();
        let mut server = Peer::new(server, stderr);
        // It listens by the time that it says so.
        let endpoint = server.line_after("Running on ").await;
        Self { endpoint, _server: server }
    }

    async fn call(&self, arguments: &[&str]) -> Value {
        let arguments = [&["sns.py", &self.endpoint], arguments].concat();
        serde_json::from_str(&output_of(&arguments).await).unwrap()
    }

    async fn subscribe(&self, arguments: &[&str]) -> Subscription {
        let made = self.call(&[&["subscribe"], arguments].concat()).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Subscription { topic: text("topic"), queue: text("queue") }
    }

    async fn received(&self, subscription: &Subscription) -> Vec<Value> {
        match self.call(&["receive", &subscription.queue]).await {
            Value::Array(messages) => messages,
            other => panic!("{other}"),
        }
    }

    /// A configuration whose STS is here.
    async fn base(&self) -> SdkConfig {
        let access = Access { endpoint_url: Some(self.endpoint.clone()), ..Access::default() };
        let credentials = Credentials::new("test", "test", None, None, "test");
        Aws::new()
            .configure(&access, Duration::from_secs(20))
            .await
            .into_builder()
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }

    async fn sns(&self, topic: &str, role_arn: Option<String>) -> Sns {
        let config = SnsConfig {
            topic_arn: topic.to_owned(),
            region: None,
            profile: None,
            role_arn,
            external_id: None,
            session_name: None,
            endpoint_url: Some(self.endpoint.clone()),
            timeout: Duration::from_secs(20),
        };
        Sns::with_base(self.base().await, &config).unwrap()
    }
}

/// A topic and a queue that it feeds.
struct Subscription {
    topic: String,
    queue: String,
}

fn trial() -> Message<TestEvent> {
    let now = "2025-06-01T08:00:00Z".parse().unwrap();
    Message::encode(TestEvent::new(uuid::Uuid::new_v4(), "topic", now)).unwrap()
}

fn statuses(received: &[Value]) -> Vec<&str> {
    received.iter().map(|message| message["event"]["data"]["status"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_filter_policy_on_status_gets_exactly_the_matching_events() {
    let moto = Moto::start().await;
    let policy = json!({ "status": ["FAILED", "SUCCEEDED"] }).to_string();
    let subscription = moto.subscribe(&["jobs", &policy]).await;
    let sns = moto.sns(&subscription.topic, None).await;
    for status in JobStatus::ALL {
        assert_eq!(sns.notify(&message(status)).await, Outcome::Delivered);
    }
    let mut received = moto.received(&subscription).await;
    received.sort_by_key(|message| message["event"]["type"].to_string());
    assert_eq!(statuses(&received), ["FAILED", "SUCCEEDED"]);
    let sent: Value = serde_json::from_str(&message(JobStatus::Failed).body).unwrap();
    assert_eq!(received[0]["event"], sent);
    assert_eq!(
        received[0]["attributes"],
        json!({
            "status": "FAILED",
            "previousStatus": "RUNNING",
            "workflowName": "customers",
            "kind": "matching",
            "account": "main",
            "region": "eu-west-1",
            "eventType": "dev.matchwatch.job.failed.v1",
        })
    );
}

#[tokio::test]
async fn a_fifo_topic_drops_what_is_sent_again_and_keeps_the_next_transition() {
    let moto = Moto::start().await;
    let subscription = moto.subscribe(&["jobs.fifo"]).await;
    let sns = moto.sns(&subscription.topic, None).await;
    for status in [JobStatus::Running, JobStatus::Running, JobStatus::Failed, JobStatus::Running] {
        assert_eq!(sns.notify(&message(status)).await, Outcome::Delivered);
    }
    let received = moto.received(&subscription).await;
    assert_eq!(statuses(&received), ["RUNNING", "FAILED"]);
    assert_eq!(received[0]["group"], received[1]["group"]);
    assert_eq!(received[0]["deduplication"], received[0]["event"]["id"]);
}

#[tokio::test]
async fn a_test_reaches_those_who_do_not_filter_jobs_and_no_others() {
    let moto = Moto::start().await;
    let everything = moto.subscribe(&["jobs"]).await;
    let policy = json!({ "status": ["FAILED", "SUCCEEDED"] }).to_string();
    let filtered = moto.subscribe(&["filtered", &policy]).await;
    let fifo = moto.subscribe(&["jobs.fifo"]).await;
    for subscription in [&everything, &filtered, &fifo, &fifo] {
        let sns = moto.sns(&subscription.topic, None).await;
        assert_eq!(sns.try_out(&trial()).await, Outcome::Delivered);
    }
    assert_eq!(moto.received(&filtered).await, [] as [Value; 0]);
    let received = moto.received(&everything).await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0]["event"]["data"]["test"], true);
    let attributes = json!({ "eventType": "dev.matchwatch.test.v1", "test": "true" });
    assert_eq!(received[0]["attributes"], attributes);
    let received = moto.received(&fifo).await;
    assert_eq!(received.len(), 2, "each test is a new event");
    assert_eq!(received[0]["group"], "matchwatch-test");
    assert_eq!(received[0]["deduplication"], received[0]["event"]["id"]);
}

#[tokio::test]
async fn check_online_publishes_a_test_and_tells_which_topic_is_not_there() {
    let moto = Moto::start().await;
    let subscription = moto.subscribe(&["jobs.fifo"]).await;
    let folder = tempfile::tempdir().unwrap();
    let notifier = |name: &str, topic: &str| {
        format!(
            "[[notifier]]\nname = {name:?}\ntype = \"sns\"\ntopic_arn = {topic:?}\nendpoint_url = {:?}\n",
            moto.endpoint
        )
    };
    let configuration = notifier("topic", &subscription.topic)
        + &notifier("nowhere", &format!("{}x", subscription.topic.trim_end_matches(".fifo")));
    std::fs::write(folder.path().join("matchwatch.toml"), configuration).unwrap();
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_matchwatch"))
        .args(["check", "--online", "--config", "matchwatch.toml"])
        .current_dir(folder.path())
        .env_clear()
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ENDPOINT_URL_ENTITYRESOLUTION", "http://127.0.0.1:1")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .output()
        .await
        .unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(6), "the account is away: {report}");
    assert!(report.contains("  ok      notifier topic: took the test event "), "{report}");
    assert!(report.contains("  FAILED  notifier nowhere: SNS: NotFound"), "{report}");
    assert!(report.contains("allow sns:Publish on the topic"), "{report}");
    let received = moto.received(&subscription).await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0]["event"]["subject"], "topic");
}

#[tokio::test]
async fn an_event_too_large_for_sns_arrives_trimmed() {
    let moto = Moto::start().await;
    let subscription = moto.subscribe(&["jobs"]).await;
    let sns = moto.sns(&subscription.topic, None).await;
    let large = message_of(JobStatus::Failed, &"ä\n".repeat(200_000));
    assert_eq!(sns.notify(&large).await, Outcome::Delivered);
    let received = moto.received(&subscription).await;
    assert_eq!(received[0]["event"]["data"]["truncated"], true);
    assert_eq!(received[0]["attributes"]["truncated"], "true");
}

#[tokio::test]
async fn a_role_is_assumed_for_publishing() {
    let moto = Moto::start().await;
    let subscription = moto.subscribe(&["jobs"]).await;
    let role = moto.call(&["publisher"]).await.as_str().unwrap().to_owned();
    let sns = moto.sns(&subscription.topic, Some(role)).await;
    assert_eq!(sns.notify(&message(JobStatus::Queued)).await, Outcome::Delivered);
    assert_eq!(statuses(&moto.received(&subscription).await), ["QUEUED"]);
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_retried_until_somebody_makes_it() {
    let moto = Moto::start().await;
    let topic = "arn:aws:sns:eu-west-1:123456789012:jobs";
    let sns = moto.sns(topic, None).await;
    let outcome = sns.notify(&message(JobStatus::Queued)).await;
    let Outcome::Retry { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.starts_with("SNS: NotFound"), "{reason}");
    assert_eq!(moto.subscribe(&["jobs"]).await.topic, topic);
    assert_eq!(sns.notify(&message(JobStatus::Queued)).await, Outcome::Delivered);
}
