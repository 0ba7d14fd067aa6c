//! SNS as moto plays it, with boto3 for a subscriber.

use matchwatch::domain::JobStatus;
use matchwatch::notify::{Notifier, Outcome, Sns, SnsConfig};
use serde_json::{Value, json};

use crate::moto::{Moto, statuses, trial};
use crate::support::{message, message_of};

/// A topic and a queue that it feeds.
struct Subscription {
    topic: String,
    queue: String,
}

async fn subscribe(moto: &Moto, arguments: &[&str]) -> Subscription {
    let made = moto.call(&[&["subscribe"], arguments].concat()).await;
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    Subscription { topic: text("topic"), queue: text("queue") }
}

async fn sns(moto: &Moto, topic: &str, role_arn: Option<String>) -> Sns {
    let config = SnsConfig { topic_arn: topic.to_owned(), aws: moto.keys(role_arn) };
    Sns::with_base(moto.base().await, &config).unwrap()
}

#[tokio::test]
async fn a_filter_policy_on_status_gets_exactly_the_matching_events() {
    let moto = Moto::start().await;
    let policy = json!({ "status": ["FAILED", "SUCCEEDED"] }).to_string();
    let subscription = subscribe(&moto, &["jobs", &policy]).await;
    let sns = sns(&moto, &subscription.topic, None).await;
    for status in JobStatus::ALL {
        assert_eq!(sns.notify(&message(status)).await, Outcome::Delivered);
    }
    let mut received = moto.received(&subscription.queue).await;
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
    let subscription = subscribe(&moto, &["jobs.fifo"]).await;
    let sns = sns(&moto, &subscription.topic, None).await;
    for status in [JobStatus::Running, JobStatus::Running, JobStatus::Failed, JobStatus::Running] {
        assert_eq!(sns.notify(&message(status)).await, Outcome::Delivered);
    }
    let received = moto.received(&subscription.queue).await;
    assert_eq!(statuses(&received), ["RUNNING", "FAILED"]);
    assert_eq!(received[0]["group"], received[1]["group"]);
    assert_eq!(received[0]["deduplication"], received[0]["event"]["id"]);
}

#[tokio::test]
async fn a_test_reaches_those_who_do_not_filter_jobs_and_no_others() {
    let moto = Moto::start().await;
    let everything = subscribe(&moto, &["jobs"]).await;
    let policy = json!({ "status": ["FAILED", "SUCCEEDED"] }).to_string();
    let filtered = subscribe(&moto, &["filtered", &policy]).await;
    let fifo = subscribe(&moto, &["jobs.fifo"]).await;
    for subscription in [&everything, &filtered, &fifo, &fifo] {
        let sns = sns(&moto, &subscription.topic, None).await;
        assert_eq!(sns.try_out(&trial()).await, Outcome::Delivered);
    }
    assert_eq!(moto.received(&filtered.queue).await, [] as [Value; 0]);
    let received = moto.received(&everything.queue).await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0]["event"]["data"]["test"], true);
    let attributes = json!({ "eventType": "dev.matchwatch.test.v1", "test": "true" });
    assert_eq!(received[0]["attributes"], attributes);
    let received = moto.received(&fifo.queue).await;
    assert_eq!(received.len(), 2, "each test is a new event");
    assert_eq!(received[0]["group"], "matchwatch-test");
    assert_eq!(received[0]["deduplication"], received[0]["event"]["id"]);
}

#[tokio::test]
async fn check_online_publishes_a_test_and_tells_which_topic_is_not_there() {
    let moto = Moto::start().await;
    let subscription = subscribe(&moto, &["jobs.fifo"]).await;
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
    let received = moto.received(&subscription.queue).await;
    assert_eq!(received.len(), 1);
    assert_eq!(received[0]["event"]["subject"], "topic");
}

#[tokio::test]
async fn an_event_too_large_for_sns_arrives_trimmed() {
    let moto = Moto::start().await;
    let subscription = subscribe(&moto, &["jobs"]).await;
    let sns = sns(&moto, &subscription.topic, None).await;
    let large = message_of(JobStatus::Failed, &"ä\n".repeat(200_000));
    assert_eq!(sns.notify(&large).await, Outcome::Delivered);
    let received = moto.received(&subscription.queue).await;
    assert_eq!(received[0]["event"]["data"]["truncated"], true);
    assert_eq!(received[0]["attributes"]["truncated"], "true");
}

#[tokio::test]
async fn a_role_is_assumed_for_publishing() {
    let moto = Moto::start().await;
    let subscription = subscribe(&moto, &["jobs"]).await;
    let role = moto.name(&["role"]).await;
    let sns = sns(&moto, &subscription.topic, Some(role)).await;
    assert_eq!(sns.notify(&message(JobStatus::Queued)).await, Outcome::Delivered);
    assert_eq!(statuses(&moto.received(&subscription.queue).await), ["QUEUED"]);
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_retried_until_somebody_makes_it() {
    let moto = Moto::start().await;
    let topic = "arn:aws:sns:eu-west-1:123456789012:jobs";
    let sns = sns(&moto, topic, None).await;
    let outcome = sns.notify(&message(JobStatus::Queued)).await;
    let Outcome::Retry { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.starts_with("SNS: NotFound"), "{reason}");
    assert_eq!(subscribe(&moto, &["jobs"]).await.topic, topic);
    assert_eq!(sns.notify(&message(JobStatus::Queued)).await, Outcome::Delivered);
}
