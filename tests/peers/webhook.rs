//! Webhooks, verified by the Python package `standardwebhooks`.

use std::process::Stdio;
use std::sync::Arc;

use matchwatch::clock::SystemClock;
use matchwatch::domain::JobStatus;
use matchwatch::notify::{Notifier, Outcome, Webhook, WebhookConfig};
use matchwatch::secret::{MaybeSecret, SecretRef};
use serde_json::{Value, json};

use crate::support::{Peer, message, python};

const OLD: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NEW: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=";
const STRANGE: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// What receivers that know one of `known` each say of an event that is signed with `secrets`.
async fn verdict(secrets: &[&str], known: &[&str]) -> Value {
    let mut receiver = python(&[&["webhook.py"], known].concat());
    let mut receiver = receiver.stdout(Stdio::piped()).spawn().unwrap();
    let stdout = receiver.stdout.take().unwrap();
    let mut receiver = Peer::new(receiver, stdout);
    let port = receiver.line().await;

    let dir = tempfile::tempdir().unwrap();
    let keep = |secret: &&str| {
        let path = dir.path().join(&secret[6..10]);
        std::fs::write(&path, secret).unwrap();
        SecretRef::File(path)
    };
    let config = WebhookConfig {
        secrets: secrets.iter().map(keep).collect(),
        ..WebhookConfig::posting_to(MaybeSecret::Plain(format!("http://127.0.0.1:{port}/")))
    };
    let client = Webhook::http_client(None).unwrap();
    let webhook = Webhook::new(&config, client, Arc::new(SystemClock)).unwrap();
    assert_eq!(webhook.notify(&message(JobStatus::Succeeded)).await, Outcome::Delivered);
    serde_json::from_str(&receiver.line().await).unwrap()
}

#[tokio::test]
async fn a_receiver_verifies_what_was_sent_and_nothing_that_was_tampered_with() {
    let verdict = verdict(&[OLD], &[OLD, STRANGE]).await;
    assert_eq!(verdict["genuine"], json!([true, false]));
    assert_eq!(verdict["tampered"], json!([false, false]));
    let sent: Value = serde_json::from_str(&message(JobStatus::Succeeded).body).unwrap();
    assert_eq!(verdict["event"], sent);
}

#[tokio::test]
async fn during_a_rotation_receivers_with_either_secret_verify() {
    let verdict = verdict(&[NEW, OLD], &[OLD, NEW, STRANGE]).await;
    assert_eq!(verdict["genuine"], json!([true, true, false]));
    assert_eq!(verdict["tampered"], json!([false, false, false]));
}
