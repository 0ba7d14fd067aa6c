use std::net::SocketAddr;

use serde_json::{Value, json};

use super::*;
use crate::notify::amazon::testing::{at, base};
use crate::notify::testing::{Receiver, failed, job_of, succeeded, trial};

const BUS: &str = "arn:aws:events:eu-west-1:123456789012:event-bus/jobs";
const TAKEN: &str =
    r#"{"FailedEntryCount":0,"Entries":[{"EventId":"567910cd-659e-55d4-8ccb-5aaf14679dc0"}]}"#;

fn config(event_bus: &str, endpoint: SocketAddr) -> Config {
    Config { event_bus: event_bus.to_owned(), aws: at(endpoint) }
}

async fn event_bridge(config: &Config) -> EventBridge {
    EventBridge::with_base(base(&config.aws).await, config).unwrap()
}

/// What becomes of an event when the service answers so.
async fn outcome_of(status: u16, body: String) -> Outcome {
    let mut receiver = Receiver::answering(status, &[], body).await;
    let outcome = event_bridge(&config(BUS, receiver.address)).await.notify(&failed()).await;
    receiver.request();
    assert!(receiver.is_idle(), "retries belong to the caller");
    outcome
}

fn refusal(code: &str) -> String {
    json!({ "__type": format!("com.amazonaws.events#{code}"), "message": "not now" }).to_string()
}

fn refused_entry(code: &str) -> String {
    let entry = json!({ "ErrorCode": code, "ErrorMessage": "not now" });
    json!({ "FailedEntryCount": 1, "Entries": [entry] }).to_string()
}

#[tokio::test]
async fn a_bus_gets_the_event_as_the_detail_of_an_entry() {
    let mut receiver = Receiver::answering(200, &[], TAKEN).await;
    let bridge = event_bridge(&config(BUS, receiver.address)).await;
    for (outcome, body, detail_type, time) in [
        (
            bridge.notify(&succeeded()).await,
            &succeeded().body,
            "dev.matchwatch.job.succeeded.v1",
            succeeded().event.time,
        ),
        (
            bridge.try_out(&trial()).await,
            &trial().body,
            "dev.matchwatch.test.v1",
            trial().event.time,
        ),
    ] {
        assert_eq!(outcome, Outcome::Delivered);
        let request = receiver.request();
        assert_eq!(request.headers["x-amz-target"], "AWSEvents.PutEvents");
        let signature = request.headers["authorization"].to_str().unwrap();
        assert!(
            signature.contains("/eu-west-1/events/"),
            "the Region is the bus's own: {signature}"
        );
        let sent: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(
            sent,
            json!({ "Entries": [{
                "EventBusName": BUS,
                "Source": "dev.matchwatch",
                "DetailType": detail_type,
                "Detail": **body,
                "Time": time.as_second(),
                "Resources": [],
            }]})
        );
    }
}

#[tokio::test]
async fn a_refused_entry_is_judged_by_its_own_code() {
    for code in [
        "InternalFailure",
        "ThrottlingException",
        "NotAuthorizedForSourceException",
        "AccessDeniedException",
    ] {
        let expected = Outcome::retry(format!("EventBridge: {code}: not now"));
        assert_eq!(outcome_of(200, refused_entry(code)).await, expected);
    }
    for code in HOPELESS {
        let expected = Outcome::reject(format!("EventBridge: {code}: not now"));
        assert_eq!(outcome_of(200, refused_entry(code)).await, expected);
    }
    let silent = json!({ "FailedEntryCount": 1, "Entries": [] }).to_string();
    let outcome = outcome_of(200, silent).await;
    assert_eq!(outcome, Outcome::retry("EventBridge: refused without an error code: no message"));
}

#[tokio::test]
async fn a_yes_without_an_event_id_is_some_other_servers_and_retried() {
    for body in [
        "{}",
        r#"{"FailedEntryCount":0}"#,
        r#"{"FailedEntryCount":0,"Entries":[]}"#,
        r#"{"FailedEntryCount":0,"Entries":[{}]}"#,
        r#"{"ok":true}"#,
        "",
        "<html>ok</html>",
        "ok",
    ] {
        let outcome = outcome_of(200, body.to_owned()).await;
        let Outcome::Retry { reason, .. } = outcome else { panic!("{body}: {outcome:?}") };
        assert!(reason.starts_with("EventBridge"), "{body}: {reason}");
    }
    let outcome = outcome_of(200, "{}".to_owned()).await;
    assert_eq!(
        outcome,
        Outcome::retry("EventBridge answered without an id; is the endpoint right?")
    );
}

#[tokio::test]
async fn a_refused_request_is_retried_unless_it_would_be_refused_again() {
    for (status, code) in [
        (500, "InternalException"),
        (400, "ThrottlingException"),
        (400, "ResourceNotFoundException"),
        (400, "AccessDeniedException"),
    ] {
        let expected = Outcome::retry(format!("EventBridge: {code}: not now"));
        assert_eq!(outcome_of(status, refusal(code)).await, expected);
    }
    let expected = Outcome::reject("EventBridge: ValidationException: not now");
    assert_eq!(outcome_of(400, refusal("ValidationException")).await, expected);
}

#[tokio::test]
async fn an_event_that_cannot_fit_is_rejected_without_a_request() {
    let receiver = Receiver::answering(200, &[], TAKEN).await;
    let mut event = failed().event;
    job_of(&mut event).workflow_name = "w".repeat(300_000);
    let message = Message::encode(event).unwrap();
    let outcome = event_bridge(&config(BUS, receiver.address)).await.notify(&message).await;
    let Outcome::Reject { reason } = outcome else { panic!("{outcome:?}") };
    assert!(reason.starts_with("EventBridge: the event has "), "{reason}");
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn what_is_no_bus_is_refused_before_anything_is_sent() {
    let config = config("my bus", ([127, 0, 0, 1], 1).into());
    let error = EventBridge::connect(&Aws::new(), &config).await.unwrap_err();
    assert!(error.to_string().starts_with("event_bus: "), "{error}");
}

#[tokio::test]
async fn no_print_shows_a_credential() {
    let bridge = event_bridge(&config(BUS, ([127, 0, 0, 1], 1).into())).await;
    assert!(!format!("{bridge:?}").contains("hunter2"));
}
