//! SQS as moto plays it, with boto3 for a consumer.

use matchwatch::domain::JobStatus;
use matchwatch::notify::{Notifier, Outcome, Sqs, SqsConfig};
use serde_json::{Value, json};

use crate::moto::{Moto, statuses, trial};
use crate::support::{message, message_of};

async fn sqs(moto: &Moto, queue_url: &str, role_arn: Option<String>) -> Sqs {
    let config = SqsConfig { queue_url: queue_url.to_owned(), aws: moto.keys(role_arn) };
    Sqs::with_base(moto.base().await, &config).unwrap()
}

#[tokio::test]
async fn a_queue_gets_the_event_whole_with_its_attributes() {
    let moto = Moto::start().await;
    let queue = moto.name(&["queue", "jobs"]).await;
    let sqs = sqs(&moto, &queue, None).await;
    assert_eq!(sqs.notify(&message(JobStatus::Failed)).await, Outcome::Delivered);
    let received = moto.received(&queue).await;
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
async fn a_fifo_queue_drops_what_is_sent_again_and_keeps_the_next_transition() {
    let moto = Moto::start().await;
    let queue = moto.name(&["queue", "jobs.fifo"]).await;
    let sqs = sqs(&moto, &queue, None).await;
    for status in [JobStatus::Running, JobStatus::Running, JobStatus::Failed, JobStatus::Running] {
        assert_eq!(sqs.notify(&message(status)).await, Outcome::Delivered);
    }
    assert_eq!(sqs.try_out(&trial()).await, Outcome::Delivered);
    let received = moto.received(&queue).await;
    assert_eq!(statuses(&received[..2]), ["RUNNING", "FAILED"]);
    assert_eq!(received[0]["group"], received[1]["group"]);
    assert_eq!(received[0]["deduplication"], received[0]["event"]["id"]);
    assert_eq!(received[2]["event"]["data"]["test"], true);
    assert_eq!(received[2]["group"], "matchwatch-test");
    assert_eq!(received.len(), 3);
}

#[tokio::test]
async fn an_event_too_large_arrives_trimmed() {
    let moto = Moto::start().await;
    let queue = moto.name(&["queue", "jobs"]).await;
    let sqs = sqs(&moto, &queue, None).await;
    let large = message_of(JobStatus::Failed, &"ä\n".repeat(200_000));
    assert_eq!(sqs.notify(&large).await, Outcome::Delivered);
    let received = moto.received(&queue).await;
    assert_eq!(received[0]["event"]["data"]["truncated"], true);
    assert_eq!(received[0]["attributes"]["truncated"], "true");
}

#[tokio::test]
async fn a_role_is_assumed_for_sending() {
    let moto = Moto::start().await;
    let queue = moto.name(&["queue", "jobs"]).await;
    let role = moto.name(&["role"]).await;
    let sqs = sqs(&moto, &queue, Some(role)).await;
    assert_eq!(sqs.notify(&message(JobStatus::Queued)).await, Outcome::Delivered);
    assert_eq!(statuses(&moto.received(&queue).await), ["QUEUED"]);
}

#[tokio::test]
async fn a_queue_that_does_not_exist_is_retried_until_somebody_makes_it() {
    let moto = Moto::start().await;
    let queue = format!("{}/123456789012/jobs", moto.endpoint);
    let sqs = sqs(&moto, &queue, None).await;
    let outcome = sqs.notify(&message(JobStatus::Queued)).await;
    let Outcome::Retry { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.starts_with("SQS: ") && reason.contains("queue does not exist"), "{reason}");
    assert_eq!(moto.name(&["queue", "jobs"]).await, queue);
    assert_eq!(sqs.notify(&message(JobStatus::Queued)).await, Outcome::Delivered);
}
