//! Certificates are verified, against the roots of the machine and those of the configured bundle.

use serde_json::Value;

use crate::support::daemon::{Home, watch};
use crate::support::receiver::{Mood, Receiver};
use crate::support::service::Service;
use crate::support::tls::{Door, fixture, roots_of_a_machine};

const NO_ANSWER: &str = "no answer about the job; asking again";
const NOT_TOLD: &str = "delivery failed; trying again";

/// A daemon's home whose service is at `endpoint` and whose webhook is at `hook`.
fn home(endpoint: &str, job: &str, hook: &str) -> Home {
    let hook =
        format!("[[notifier]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{hook}/events\"\n");
    Home::new(endpoint, &(watch("customers", &[job]) + &hook))
        .with("SSL_CERT_FILE", roots_of_a_machine())
        .with("MATCHWATCH__LOG__FILTER", "debug")
}

fn trusting(home: Home) -> Home {
    home.with("MATCHWATCH__TLS__CA_BUNDLE", fixture("ca.pem").to_str().unwrap())
}

/// What was said, without the second in which it was: of an expired certificate that is told.
fn timeless(said: &Value) -> String {
    said.as_str().unwrap().replace(|c: char| c.is_ascii_digit(), "")
}

/// Why the service gives no answer, at a door with this certificate.
async fn no_answer(certificate: &str, trust: impl FnOnce(Home) -> Home) -> String {
    let service = Service::start().await;
    let job = service.job("customers");
    let door = Door::before(service.url(), certificate).await;
    let home = trust(home(&door.url(), &job, "http://127.0.0.1:1"));
    let mut daemon = home.serve().await;
    let [first, second] = [daemon.log(NO_ANSWER).await, daemon.log(NO_ANSWER).await];
    assert_eq!(timeless(&first["error"]), timeless(&second["error"]), "it is asked again");
    said(&first["error"])
}

/// Why the webhook is not told, at a door with this certificate.
async fn not_told(certificate: &str, trust: impl FnOnce(Home) -> Home) -> String {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Good).await;
    let door = Door::before(receiver.url(), certificate).await;
    let mut daemon = trust(home(service.url(), &job, &door.url())).serve().await;
    let [first, second] = [daemon.log(NOT_TOLD).await, daemon.log(NOT_TOLD).await];
    assert_eq!(timeless(&first["reason"]), timeless(&second["reason"]), "it is told again");
    assert_eq!(receiver.rest(), [], "nothing was sent");
    said(&first["reason"])
}

fn said(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_private_authority_is_trusted_for_the_service_and_for_webhooks_alike() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Good).await;
    let to_service = Door::before(service.url(), "good").await;
    let to_receiver = Door::before(receiver.url(), "good").await;
    let home = trusting(home(&to_service.url(), &job, &to_receiver.url()));
    let daemon = home.serve().await;
    assert_eq!(receiver.next().await.status(), "QUEUED");
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn the_bundle_of_the_aws_environment_is_trusted_for_the_service_alone() {
    let service = Service::start().await;
    let job = service.job("customers");
    let receiver = Receiver::start(Mood::Good).await;
    let to_service = Door::before(service.url(), "good").await;
    let to_receiver = Door::before(receiver.url(), "good").await;
    let home = home(&to_service.url(), &job, &to_receiver.url())
        .with("AWS_CA_BUNDLE", fixture("ca.pem").to_str().unwrap());
    let refused = home.serve().await.log(NOT_TOLD).await;
    assert!(said(&refused["reason"]).contains("UnknownIssuer"), "{refused}");
}

#[tokio::test]
async fn wait_trusts_the_bundle_of_its_configuration() {
    let service = Service::start().await;
    let job = service.job("customers");
    service.set(&job, matchwatch::simulator::Status::Succeeded);
    let door = Door::before(service.url(), "good").await;
    let home = trusting(home(&door.url(), &job, "http://127.0.0.1:1"));
    let ended = home.run(&["wait", "--config", "matchwatch.toml", "--job-id", &job]).await;
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority_is_refused_and_tried_again() {
    for refusal in [no_answer("good", |home| home).await, not_told("good", |home| home).await] {
        assert!(refusal.contains("invalid peer certificate: UnknownIssuer"), "{refusal}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_refused_and_tried_again() {
    for refusal in [no_answer("elsewhere", trusting).await, not_told("elsewhere", trusting).await] {
        let words = "certificate not valid for name \"localhost\"";
        assert!(refusal.contains(words), "{refusal}");
    }
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused_and_tried_again() {
    for refusal in [no_answer("expired", trusting).await, not_told("expired", trusting).await] {
        assert!(refusal.contains("invalid peer certificate: certificate expired"), "{refusal}");
    }
}

#[tokio::test]
async fn a_bundle_that_cannot_be_used_ends_check_and_serve_with_2_wherever_it_is_named() {
    for (variable, told) in [
        ("MATCHWATCH__TLS__CA_BUNDLE", "MATCHWATCH__TLS__CA_BUNDLE: [tls] ca_bundle: "),
        ("AWS_CA_BUNDLE", "matchwatch: AWS_CA_BUNDLE: "),
    ] {
        let home = home("http://127.0.0.1:1", &"0".repeat(32), "http://127.0.0.1:1");
        let file = home.file("ca.pem");
        let home = home.with(variable, file.to_str().unwrap());
        let problem = |what: &str| format!("{told}{} {what}", file.display());
        for command in ["check", "serve"] {
            let _ = std::fs::remove_file(&file);
            assert_refused(&home, command, &problem("cannot be read: No such file")).await;
            std::fs::write(&file, "no certificate").unwrap();
            assert_refused(&home, command, &problem("holds no certificate")).await;
        }
    }
}

async fn assert_refused(home: &Home, command: &str, told: &str) {
    let ended = home.run(&[command]).await;
    let stderr = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{command}: {stderr}");
    assert!(stderr.contains(told), "{command}: {stderr}");
    assert!(!home.file("jobs.db").exists(), "{command} touches nothing");
}
