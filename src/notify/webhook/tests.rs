use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use standardwebhooks::Webhook as Verifier;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use super::*;
use crate::clock::Clock;
use crate::notify::testing::{Receiver, succeeded, trial};

const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
/// 2025-06-01 08:00:00 UTC.
const NOW: i64 = 1_748_764_800;

struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(NOW).unwrap()
    }
}

fn config(address: SocketAddr) -> Config {
    let url = format!("http://{address}/hooks/T0SECRET?token=s3cr3t-value");
    Config { timeout: Duration::from_secs(10), ..Config::posting_to(MaybeSecret::Plain(url)) }
}

/// Keeps `values` in files, as an operator would.
fn kept(dir: &TempDir, values: &[&str]) -> Vec<SecretRef> {
    let keep = |(number, value): (usize, &&str)| {
        let path = dir.path().join(number.to_string());
        std::fs::write(&path, value).unwrap();
        SecretRef::File(path)
    };
    values.iter().enumerate().map(keep).collect()
}

fn webhook(config: &Config) -> Result<Webhook, ConfigError> {
    Webhook::new(config, Webhook::http_client(None).unwrap(), Arc::new(FixedClock))
}

/// What becomes of an event when the receiver answers so.
async fn outcome_of(status: u16, headers: &[(&'static str, &str)], body: &str) -> Outcome {
    let mut receiver = Receiver::answering(status, headers, body).await;
    let outcome = webhook(&config(receiver.address)).unwrap().notify(&succeeded()).await;
    receiver.request();
    assert!(receiver.is_idle(), "one attempt is one request");
    outcome
}

fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Retry { reason, .. } | Outcome::Reject { reason } => reason,
        Outcome::Delivered => panic!("delivered"),
    }
}

#[tokio::test]
async fn an_event_is_posted_as_a_structured_cloudevent() {
    let mut receiver = Receiver::answering(204, &[], "").await;
    let outcome = webhook(&config(receiver.address)).unwrap().notify(&succeeded()).await;
    assert_eq!(outcome, Outcome::Delivered);
    let request = receiver.request();
    assert_eq!(request.uri, "/hooks/T0SECRET?token=s3cr3t-value");
    assert_eq!(request.body, *succeeded().body);
    let header = |name: &str| request.headers[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/cloudevents+json; charset=UTF-8");
    assert_eq!(header("user-agent"), concat!("matchwatch/", env!("CARGO_PKG_VERSION")));
    assert_eq!(header("webhook-id"), succeeded().event.id.to_string());
    assert_eq!(header("webhook-timestamp"), NOW.to_string());
    assert!(!request.headers.contains_key("webhook-signature"), "there is no secret to sign with");
}

#[tokio::test]
async fn each_secret_signs_the_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::answering(200, &[], "ok").await;
    let config = Config { secrets: kept(&dir, &[NEW, OLD]), ..config(receiver.address) };
    assert_eq!(webhook(&config).unwrap().notify(&succeeded()).await, Outcome::Delivered);
    let request = receiver.request();
    let id = succeeded().event.id.to_string();
    let expected = [NEW, OLD].map(|secret| {
        Verifier::new(secret).unwrap().sign(&id, NOW, request.body.as_bytes()).unwrap()
    });
    assert_eq!(request.headers["webhook-signature"], expected.join(" "));
}

#[tokio::test]
async fn a_test_is_signed_as_an_event_is() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::answering(204, &[], "").await;
    let config = Config { secrets: kept(&dir, &[NEW]), ..config(receiver.address) };
    assert_eq!(webhook(&config).unwrap().try_out(&trial()).await, Outcome::Delivered);
    let request = receiver.request();
    assert_eq!(request.body, *trial().body);
    assert_eq!(request.headers["webhook-id"], trial().event.id.to_string());
    let signature = Verifier::new(NEW).unwrap().sign(
        &trial().event.id.to_string(),
        NOW,
        trial().body.as_bytes(),
    );
    assert_eq!(request.headers["webhook-signature"], signature.unwrap());
}

#[tokio::test]
async fn further_headers_are_sent() {
    let mut receiver = Receiver::answering(200, &[], "").await;
    let headers = [("X-Team", "data"), ("authorization", "Bearer t0ken-t0ken")];
    let headers = headers.map(|(name, value)| (name.into(), MaybeSecret::Plain(value.into())));
    let config = Config { headers: headers.into(), ..config(receiver.address) };
    assert_eq!(webhook(&config).unwrap().notify(&succeeded()).await, Outcome::Delivered);
    let request = receiver.request();
    assert_eq!(request.headers["x-team"], "data");
    assert_eq!(request.headers["authorization"], "Bearer t0ken-t0ken");
}

#[tokio::test]
async fn only_2xx_is_delivered_and_only_410_rejects() {
    for status in [200, 201, 202, 204, 299] {
        assert_eq!(outcome_of(status, &[], "").await, Outcome::Delivered, "{status}");
    }
    for status in [300, 304, 400, 401, 403, 404, 408, 409, 429, 500, 502, 503, 504] {
        let outcome = outcome_of(status, &[], "").await;
        assert!(matches!(outcome, Outcome::Retry { after: None, .. }), "{status}: {outcome:?}");
    }
    let gone = Outcome::reject("127.0.0.1 answered 410 Gone: unsubscribed");
    assert_eq!(outcome_of(410, &[], "unsubscribed").await, gone);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Receiver::answering(200, &[], "").await;
    let location = format!("http://{}/", elsewhere.address);
    let outcome = outcome_of(307, &[("location", &location)], "").await;
    assert_eq!(
        reason(&outcome),
        "127.0.0.1 answered 307 Temporary Redirect (redirects are not followed)"
    );
    assert!(elsewhere.is_idle());
}

#[tokio::test]
async fn retry_after_is_honoured_in_seconds_and_as_a_date_where_it_has_a_meaning() {
    for (status, value, expected) in [
        (429, "120", Some(120)),
        (503, " 7 ", Some(7)),
        (503, "Sun, 01 Jun 2025 08:01:30 GMT", Some(90)),
        (429, "Sun, 01 Jun 2025 07:00:00 GMT", Some(0)),
        (429, "soon", None),
        (429, "-1", None),
        (500, "120", None),
    ] {
        let outcome = outcome_of(status, &[("retry-after", value)], "").await;
        let Outcome::Retry { after, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(after, expected.map(Duration::from_secs), "{status} {value}");
    }
}

#[tokio::test]
async fn a_reason_tells_the_beginning_of_the_answer_and_no_more() {
    let body = format!("bad\r\n\u{1b}[31mrequest {}", "x".repeat(5_000_000));
    let outcome = outcome_of(400, &[], &body).await;
    let expected = format!("bad [31mrequest {}…", "x".repeat(184));
    assert_eq!(reason(&outcome), format!("127.0.0.1 answered 400 Bad Request: {expected}"));
}

enum Then {
    FallsSilent,
    HangsUp,
}

/// A receiver that begins an answer of a million bytes, and does not end it.
async fn receiver_that_says(beginning: String, then: Then) -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let receiver = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        connection.read_exact(&mut [0; "POST /".len()]).await.unwrap();
        let head = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 1000000\r\n\r\n";
        connection.write_all(format!("{head}{beginning}").as_bytes()).await.unwrap();
        if matches!(then, Then::HangsUp) {
            connection.shutdown().await.unwrap();
        }
        // Reads on for as long as the other side does not hang up.
        tokio::io::copy(&mut connection, &mut tokio::io::sink()).await.unwrap();
    });
    (address, AbortOnDropHandle::new(receiver))
}

#[tokio::test]
async fn no_more_of_an_answer_is_waited_for_than_is_needed() {
    let (address, _receiver) = receiver_that_says("x".repeat(8 * 1024), Then::FallsSilent).await;
    let config = Config { timeout: Duration::from_hours(24), ..config(address) };
    let outcome = webhook(&config).unwrap().notify(&succeeded()).await;
    assert!(reason(&outcome).ends_with("x…"), "{outcome:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told_as_far_as_it_came() {
    let (address, _receiver) = receiver_that_says("out of".to_owned(), Then::HangsUp).await;
    let outcome = webhook(&config(address)).unwrap().notify(&succeeded()).await;
    assert_eq!(outcome, Outcome::retry("127.0.0.1 answered 500 Internal Server Error: out of"));
}

#[tokio::test]
async fn a_receiver_that_echoes_secrets_does_not_make_us_tell_them() {
    let echo = "Cannot POST /hooks/T0SECRET?token=s3cr3t-value for Bearer t0ken-t0ken: T0SECRET";
    let receiver = Receiver::answering(404, &[], echo).await;
    let authorization = MaybeSecret::Plain("Bearer t0ken-t0ken".into());
    let headers = BTreeMap::from([("authorization".into(), authorization)]);
    let config = Config { headers, ..config(receiver.address) };
    let outcome = webhook(&config).unwrap().notify(&succeeded()).await;
    assert_eq!(
        reason(&outcome),
        "127.0.0.1 answered 404 Not Found: Cannot POST [redacted]?[redacted] for Bearer [redacted]: [redacted]"
    );
}

#[tokio::test]
async fn a_secret_is_not_told_either_that_comes_back_escaped_or_in_part() {
    for (echo, told) in [
        (
            r#"{"path":"\/hooks\/T0SECRET?token=s3cr3t-value"}"#,
            r#"{"path":"[redacted]?[redacted]"}"#,
        ),
        (r"no \u002fhooks\u002fT0SECRET", "no [redacted]"),
        (
            "<a href=\"/login?next=%2Fhooks%2FT0SECRET%3Ftoken%3Ds3cr3t%2Dvalue\">",
            "<a href=\"/login?next=[redacted]%3F[redacted]\">",
        ),
        ("<p>Bearer t0ken-&amp;t0ken&#x2f;", "<p>Bearer [redacted]"),
        ("s\x003\0c\0r\x003\0t\0-\0v\0a\0l\0u\0e\0", "[redacted]"),
    ] {
        let receiver = Receiver::answering(404, &[], echo).await;
        let authorization = MaybeSecret::Plain("Bearer t0ken-&t0ken/".into());
        let headers = BTreeMap::from([("authorization".into(), authorization)]);
        let config = Config { headers, ..config(receiver.address) };
        let outcome = webhook(&config).unwrap().notify(&succeeded()).await;
        assert_eq!(reason(&outcome), format!("127.0.0.1 answered 404 Not Found: {told}"), "{echo}");
    }
    // No more than 4 KiB are read, and blanks are not told: what is left is a part of the secret.
    let cut = format!("{}s3cr3t-value", " ".repeat(4086));
    assert_eq!(
        reason(&outcome_of(404, &[], &cut).await),
        "127.0.0.1 answered 404 Not Found: [redacted]"
    );
}

#[tokio::test]
async fn no_connection_is_retried_and_shows_the_host_alone() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(listener.local_addr().unwrap());
    drop(listener);
    let outcome = webhook(&config).unwrap().notify(&succeeded()).await;
    assert!(matches!(outcome, Outcome::Retry { after: None, .. }));
    let reason = reason(&outcome);
    assert!(reason.starts_with("127.0.0.1: "), "{reason}");
    assert!(reason.contains("refused"), "{reason}");
    for hidden in ["http://", "SECRET", "s3cr3t"] {
        assert!(!reason.contains(hidden), "{reason}");
    }
}

#[tokio::test]
async fn a_receiver_that_never_answers_is_retried() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = config(listener.local_addr().unwrap());
    let config = Config { timeout: Duration::from_millis(100), ..config };
    let outcome = webhook(&config).unwrap().notify(&succeeded()).await;
    assert_eq!(outcome, Outcome::retry("127.0.0.1: no answer within 100ms"));
}

#[test]
fn a_malformed_secret_is_refused_without_being_shown() {
    let dir = tempfile::tempdir().unwrap();
    for secret in [
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_",
        // 23 and 65 bytes.
        &format!("whsec_{}=", "A".repeat(31)),
        &format!("whsec_{}=", "A".repeat(87)),
        "whsec_!!!!9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ] {
        let secrets = kept(&dir, &[secret]);
        let place = secrets[0].to_string();
        let config = Config { secrets, ..config(([127, 0, 0, 1], 1).into()) };
        let error = webhook(&config).unwrap_err().to_string();
        let told = format!("secrets: {place}: what is kept there is no signing secret");
        assert!(error.starts_with(&told), "{error}");
        let shown = secret.trim_start_matches("whsec_");
        assert!(shown.is_empty() || !error.contains(shown), "{error}");
    }
    for bytes in [24, 64] {
        let encoded = match bytes {
            24 => "A".repeat(32),
            _ => format!("{}==", "A".repeat(86)),
        };
        let secrets = kept(&dir, &[&format!("whsec_{encoded}")]);
        let config = Config { secrets, ..config(([127, 0, 0, 1], 1).into()) };
        assert!(webhook(&config).is_ok(), "{bytes} bytes");
    }
}

#[test]
fn what_is_no_url_is_refused_without_being_shown() {
    for url in ["", "hooks.example.com/T0SECRET", "ftp://example.com/T0SECRET", "https://"] {
        let config = Config {
            url: MaybeSecret::Plain(url.to_owned()),
            ..config(([127, 0, 0, 1], 1).into())
        };
        let error = webhook(&config).unwrap_err().to_string();
        assert!(error.starts_with("url: "), "{error}");
        assert!(!error.contains("SECRET"), "{error}");
    }
}

#[test]
fn headers_that_are_ours_or_cannot_be_sent_are_refused() {
    for (name, value, problem) in [
        ("Content-Type", "text/plain", "is set by matchwatch itself"),
        ("webhook-ID", "1", "is set by matchwatch itself"),
        ("webhook-signature", "v1,x", "is set by matchwatch itself"),
        ("Webhook-Timestamp", "1", "is set by matchwatch itself"),
        ("host", "example.com", "is set by matchwatch itself"),
        ("user-agent", "curl", "is set by matchwatch itself"),
        ("two words", "x", "is not the name of a header"),
        ("x-team", "line\nbreak", "is not the value of a header"),
    ] {
        let headers = BTreeMap::from([(name.to_owned(), MaybeSecret::Plain(value.to_owned()))]);
        let config = Config { headers, ..config(([127, 0, 0, 1], 1).into()) };
        let error = webhook(&config).unwrap_err().to_string();
        assert!(error.starts_with(&format!("headers.{name}: ")), "{error}");
        assert!(error.contains(problem), "{error}");
    }
    let twice = ["X-Team", "x-team"].map(|name| (name.into(), MaybeSecret::Plain("data".into())));
    let config = Config { headers: twice.into(), ..config(([127, 0, 0, 1], 1).into()) };
    assert!(webhook(&config).unwrap_err().to_string().contains("is given twice"));
}

#[tokio::test]
async fn a_body_made_from_a_template_is_sent_with_its_type_and_signed() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::answering(204, &[], "").await;
    let config = Config {
        secrets: kept(&dir, &[NEW]),
        template_text: Some(r#"{ "text": {{ title }} }"#.to_owned()),
        content_type: Some("application/vnd.chat+json".to_owned()),
        ..config(receiver.address)
    };
    assert_eq!(webhook(&config).unwrap().notify(&succeeded()).await, Outcome::Delivered);
    let request = receiver.request();
    let body = r#"{"text":"Matching job of customers succeeded in main, eu-west-1"}"#;
    assert_eq!(request.body, body);
    assert_eq!(request.headers["content-type"], "application/vnd.chat+json");
    let id = succeeded().event.id.to_string();
    let signature = Verifier::new(NEW).unwrap().sign(&id, NOW, body.as_bytes()).unwrap();
    assert_eq!(request.headers["webhook-signature"], signature);
}

#[tokio::test]
async fn a_delivery_whose_body_cannot_be_made_is_rejected_and_tells_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let token = kept(&dir, &["s3cret-of-the-template"]).remove(0);
    let receiver = Receiver::answering(204, &[], "").await;
    let config = Config {
        template_text: Some("[\n{{ secrets.token + 1 }}]".to_owned()),
        template_secrets: [("token".to_owned(), token)].into(),
        ..config(receiver.address)
    };
    let outcome = webhook(&config).unwrap().notify(&succeeded()).await;
    let Outcome::Reject { reason } = outcome else { panic!("{outcome:?}") };
    assert!(reason.starts_with("no body can be made: template_text:2: "), "{reason}");
    assert!(!reason.contains("s3cret-of"), "{reason}");
    assert!(receiver.is_idle());
}

#[tokio::test]
async fn a_receiver_that_echoes_the_secret_of_a_template_does_not_make_us_tell_it() {
    let dir = tempfile::tempdir().unwrap();
    let token = kept(&dir, &["s3cret-of-the-template"]).remove(0);
    let receiver = Receiver::answering(403, &[], "no s3cret-of-the-template here").await;
    let config = Config {
        template_text: Some("[{{ secrets.token }}]".to_owned()),
        template_secrets: [("token".to_owned(), token)].into(),
        ..config(receiver.address)
    };
    let outcome = webhook(&config).unwrap().notify(&succeeded()).await;
    assert_eq!(reason(&outcome), "127.0.0.1 answered 403 Forbidden: no [redacted] here");
}

#[test]
fn no_print_shows_a_secret() {
    let dir = tempfile::tempdir().unwrap();
    let authorization = MaybeSecret::Plain("Bearer t0ken-t0ken".into());
    let config = Config {
        secrets: kept(&dir, &[OLD]),
        headers: BTreeMap::from([("authorization".into(), authorization)]),
        ..config(([127, 0, 0, 1], 1).into())
    };
    let shown = format!("{:?}", webhook(&config).unwrap());
    assert_eq!(shown, "Webhook { host: \"127.0.0.1\", timeout: 10s, .. }");
}
