use std::net::SocketAddr;

use serde_json::Value;

use super::*;
use crate::notify::amazon::testing::{at, base};
use crate::notify::testing::{Receiver, failed, job_of, succeeded, trial};

const QUEUE: &str = "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs";
const SENT: &str = r#"{"MessageId":"567910cd-659e-55d4-8ccb-5aaf14679dc0"}"#;

fn config(queue_url: &str, endpoint: SocketAddr) -> Config {
    Config { queue_url: queue_url.to_owned(), aws: at(endpoint) }
}

async fn sqs(config: &Config) -> Sqs {
    Sqs::with_base(base(&config.aws).await, config).unwrap()
}

fn fields(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

/// What becomes of an event when the service answers so.
async fn outcome_of(status: u16, code: &str) -> Outcome {
    let body = format!(r#"{{"__type":"com.amazonaws.sqs#{code}","message":"not now"}}"#);
    let mut receiver = Receiver::answering(status, &[], body).await;
    let outcome = sqs(&config(QUEUE, receiver.address)).await.notify(&failed()).await;
    receiver.request();
    assert!(receiver.is_idle(), "retries belong to the caller");
    outcome
}

#[tokio::test]
async fn a_standard_queue_gets_the_event_and_its_attributes() {
    let mut receiver = Receiver::answering(200, &[], SENT).await;
    let sqs = sqs(&config(QUEUE, receiver.address)).await;
    assert_eq!(sqs.notify(&succeeded()).await, Outcome::Delivered);
    let request = receiver.request();
    assert_eq!(request.headers["x-amz-target"], "AmazonSQS.SendMessage");
    let signature = request.headers["authorization"].to_str().unwrap();
    assert!(signature.contains("/eu-west-1/sqs/"), "the Region is the queue's own: {signature}");
    let fields = fields(&request.body);
    assert_eq!(fields["QueueUrl"], QUEUE);
    assert_eq!(fields["MessageBody"], *succeeded().body);
    assert_eq!(fields["MessageAttributes"]["status"]["StringValue"], "SUCCEEDED");
    assert_eq!(fields["MessageAttributes"]["status"]["DataType"], "String");
    assert!(
        fields.get("MessageGroupId").is_none() && fields.get("MessageDeduplicationId").is_none()
    );
}

#[tokio::test]
async fn a_fifo_queue_gets_the_job_as_group_and_the_event_id_against_duplicates() {
    let mut receiver = Receiver::answering(200, &[], SENT).await;
    let sqs = sqs(&config(&format!("{QUEUE}.fifo"), receiver.address)).await;
    assert_eq!(sqs.notify(&succeeded()).await, Outcome::Delivered);
    let sent = fields(&receiver.request().body);
    assert_eq!(sent["MessageGroupId"], group_id(&succeeded().event));
    assert_eq!(sent["MessageDeduplicationId"], succeeded().event.id.to_string());
    assert_eq!(sqs.try_out(&trial()).await, Outcome::Delivered);
    let sent = fields(&receiver.request().body);
    assert_eq!(sent["MessageGroupId"], TEST_GROUP);
    assert_eq!(sent["MessageDeduplicationId"], trial().event.id.to_string());
}

#[tokio::test]
async fn what_may_come_right_is_retried_with_the_services_words() {
    for (status, code) in [
        (400, "RequestThrottled"),
        (400, "KmsThrottled"),
        (500, "InternalError"),
        (403, "ExpiredToken"),
        // An operator can repair these.
        (400, "QueueDoesNotExist"),
        (400, "KmsAccessDenied"),
        (403, "AccessDeniedException"),
    ] {
        let expected = Outcome::retry(format!("SQS: {code}: not now"));
        assert_eq!(outcome_of(status, code).await, expected);
    }
}

#[tokio::test]
async fn what_sqs_would_refuse_again_is_rejected() {
    for code in HOPELESS {
        let expected = Outcome::reject(format!("SQS: {code}: not now"));
        assert_eq!(outcome_of(400, code).await, expected);
    }
}

#[tokio::test]
async fn a_yes_without_a_message_id_is_some_other_servers_and_retried() {
    for body in ["{}", r#"{"ok":true}"#, r#"{"MessageId":null}"#, "", "<html>ok</html>", "ok"] {
        let receiver = Receiver::answering(200, &[], body).await;
        let outcome = sqs(&config(QUEUE, receiver.address)).await.notify(&succeeded()).await;
        let Outcome::Retry { reason, .. } = outcome else { panic!("{body}: {outcome:?}") };
        assert!(reason.starts_with("SQS"), "{body}: {reason}");
    }
    let receiver = Receiver::answering(200, &[], "{}").await;
    let outcome = sqs(&config(QUEUE, receiver.address)).await.try_out(&trial()).await;
    assert_eq!(outcome, Outcome::retry("SQS answered without an id; is the endpoint right?"));
}

#[tokio::test]
async fn an_event_that_cannot_fit_is_rejected_without_a_request() {
    let receiver = Receiver::answering(200, &[], SENT).await;
    let mut event = failed().event;
    job_of(&mut event).workflow_name = "w".repeat(300_000);
    let message = Message::encode(event).unwrap();
    let outcome = sqs(&config(QUEUE, receiver.address)).await.notify(&message).await;
    let Outcome::Reject { reason } = outcome else { panic!("{outcome:?}") };
    assert!(reason.starts_with("SQS: the event has "), "{reason}");
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn what_is_no_queue_is_refused_before_anything_is_sent() {
    let config = config("jobs", ([127, 0, 0, 1], 1).into());
    let error = Sqs::connect(&Aws::new(), &config).await.unwrap_err();
    assert!(error.to_string().starts_with("queue_url: "), "{error}");
}

#[tokio::test]
async fn no_print_shows_a_credential() {
    let sqs = sqs(&config(QUEUE, ([127, 0, 0, 1], 1).into())).await;
    assert!(!format!("{sqs:?}").contains("hunter2"));
}
