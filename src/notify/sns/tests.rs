use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;

use super::*;
use crate::notify::amazon::testing::{at, base};
use crate::notify::testing::{Received, Receiver, failed, job_of, succeeded};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:jobs";
const PUBLISHED: &str = r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/">
    <PublishResult><MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult>
</PublishResponse>"#;

fn config(topic_arn: &str, endpoint: SocketAddr) -> Config {
    Config { topic_arn: topic_arn.to_owned(), aws: at(endpoint) }
}

async fn sns(config: &Config) -> Sns {
    Sns::with_base(base(&config.aws).await, config).unwrap()
}

/// The form fields of a request in AWS's query protocol.
fn fields(request: &Received) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://sns/?{}", request.body)).unwrap();
    url.query_pairs().into_owned().collect()
}

fn refusal(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    )
}

/// What becomes of an event when the service answers so.
async fn outcome_of(status: u16, body: &str) -> Outcome {
    let mut receiver = Receiver::answering(status, &[], body).await;
    let outcome = sns(&config(TOPIC, receiver.address)).await.notify(&failed()).await;
    receiver.request();
    assert!(receiver.is_idle(), "retries belong to the caller");
    outcome
}

#[tokio::test]
async fn a_standard_topic_gets_the_event_and_its_attributes() {
    let mut receiver = Receiver::answering(200, &[], PUBLISHED).await;
    let sns = sns(&config(TOPIC, receiver.address)).await;
    assert_eq!(sns.notify(&succeeded()).await, Outcome::Delivered);
    let request = receiver.request();
    let fields = fields(&request);
    assert_eq!(fields["Action"], "Publish");
    assert_eq!(fields["TopicArn"], TOPIC);
    assert_eq!(fields["Message"], *succeeded().body);
    let names: Vec<_> = fields
        .iter()
        .filter(|(field, _)| field.starts_with("MessageAttributes.") && field.ends_with(".Name"))
        .map(|(_, name)| name.as_str())
        .collect();
    for name in
        ["status", "previousStatus", "workflowName", "kind", "account", "region", "eventType"]
    {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    assert!(!fields.contains_key("MessageGroupId"));
    assert!(!fields.contains_key("MessageDeduplicationId"));
}

#[tokio::test]
async fn the_region_is_the_topics_own_unless_another_is_named() {
    for (region, signed_for) in [(None, "/eu-west-1/sns/"), (Some("eu-west-2"), "/eu-west-2/sns/")]
    {
        let mut receiver = Receiver::answering(200, &[], PUBLISHED).await;
        let mut config = config(TOPIC, receiver.address);
        config.aws.region = region.map(str::to_owned);
        assert_eq!(sns(&config).await.notify(&succeeded()).await, Outcome::Delivered);
        let request = receiver.request();
        let signature = request.headers["authorization"].to_str().unwrap();
        assert!(signature.contains(signed_for), "{signature}");
    }
}

#[tokio::test]
async fn a_fifo_topic_gets_the_job_as_group_and_the_event_id_against_duplicates() {
    let mut receiver = Receiver::answering(200, &[], PUBLISHED).await;
    let sns = sns(&config(&format!("{TOPIC}.fifo"), receiver.address)).await;
    assert_eq!(sns.notify(&succeeded()).await, Outcome::Delivered);
    let fields = fields(&receiver.request());
    assert_eq!(fields["MessageGroupId"], group_id(&succeeded().event));
    assert_eq!(fields["MessageDeduplicationId"], succeeded().event.id.to_string());
}

#[tokio::test]
async fn what_may_come_right_is_retried_with_the_services_words() {
    for (status, code) in [
        (429, "Throttled"),
        (400, "Throttling"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
        (403, "ExpiredToken"),
        (403, "InvalidClientTokenId"),
        // An operator can repair these.
        (403, "AuthorizationError"),
        (404, "NotFound"),
        (400, "KMSAccessDenied"),
    ] {
        let expected = Outcome::retry(format!("SNS: {code}: not now"));
        assert_eq!(outcome_of(status, &refusal(code, "not now")).await, expected);
    }
}

#[tokio::test]
async fn what_sns_would_refuse_again_is_rejected() {
    for code in ["InvalidParameter", "ParameterValueInvalid", "ValidationException"] {
        let expected = Outcome::reject(format!("SNS: {code}: Message too long"));
        assert_eq!(outcome_of(400, &refusal(code, "Message too long")).await, expected);
    }
}

#[tokio::test]
async fn a_yes_without_a_message_id_is_some_other_servers_and_retried() {
    for body in
        ["<PublishResponse><PublishResult/></PublishResponse>", "<html>ok</html>", "ok", "{}", ""]
    {
        let outcome = outcome_of(200, body).await;
        let Outcome::Retry { reason, .. } = outcome else { panic!("{body}: {outcome:?}") };
        assert!(reason.starts_with("SNS"), "{body}: {reason}");
    }
}

#[tokio::test]
async fn an_answer_of_some_proxy_is_retried_and_named_by_its_status() {
    let outcome = outcome_of(502, "<html>Bad gateway</html>").await;
    let Outcome::Retry { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("502"), "{reason}");
}

#[tokio::test]
async fn an_event_that_cannot_fit_is_rejected_without_a_request() {
    let receiver = Receiver::answering(200, &[], PUBLISHED).await;
    let mut event = failed().event;
    job_of(&mut event).workflow_name = "w".repeat(300_000);
    let message = Message::encode(event).unwrap();
    let outcome = sns(&config(TOPIC, receiver.address)).await.notify(&message).await;
    assert!(matches!(outcome, Outcome::Reject { .. }), "{outcome:?}");
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn no_connection_and_no_answer_are_retried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut silent = config(TOPIC, listener.local_addr().unwrap());
    silent.aws.timeout = Duration::from_millis(100);
    let outcome = sns(&silent).await.notify(&succeeded()).await;
    let Outcome::Retry { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("time"), "{reason}");

    drop(listener);
    silent.aws.timeout = Duration::from_secs(10);
    let outcome = sns(&silent).await.notify(&succeeded()).await;
    let Outcome::Retry { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("refused"), "{reason}");
}

#[tokio::test]
async fn credentials_that_cannot_be_had_are_retried() {
    let receiver =
        Receiver::answering(403, &[], refusal("AccessDenied", "no sts:AssumeRole")).await;
    let mut config = config(TOPIC, receiver.address);
    config.aws.role_arn = Some("arn:aws:iam::123456789012:role/publisher".to_owned());
    let base = base(&config.aws)
        .await
        .into_builder()
        .endpoint_url(format!("http://{}", receiver.address))
        .build();
    let outcome = Sns::with_base(base, &config).unwrap().notify(&succeeded()).await;
    let Outcome::Retry { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("no sts:AssumeRole"), "{reason}");
}

#[tokio::test]
async fn what_is_no_topic_is_refused_before_anything_is_sent() {
    let config = config("jobs", ([127, 0, 0, 1], 1).into());
    let error = Sns::connect(&Aws::new(), &config).await.unwrap_err();
    assert!(error.to_string().starts_with("topic_arn: is not the ARN"), "{error}");
}

#[tokio::test]
async fn no_print_shows_a_credential() {
    let sns = sns(&config(TOPIC, ([127, 0, 0, 1], 1).into())).await;
    assert!(!format!("{sns:?}").contains("hunter2"));
}
