//! Secrets go to the one who is meant, and nowhere else.

use crate::support::daemon::{Home, watch};
use crate::support::receiver::{Mood, Receiver};
use crate::support::service::Service;

const SIGNING: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const HEADER: &str = "Bearer planted-header-value";
const PATH_TOKEN: &str = "planted-path-token";
const QUERY_TOKEN: &str = "planted-query-token";

/// What no log, metric, event or database may hold.
const PLANTED: [&str; 4] =
    ["MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "planted-header-value", PATH_TOKEN, QUERY_TOKEN];

/// Panics if `bytes` hold a secret.
fn assert_clean(what: &str, bytes: &[u8]) {
    for secret in PLANTED {
        let found = bytes.windows(secret.len()).position(|window| window == secret.as_bytes());
        let around = found.map(|at| {
            let around = &bytes[at.saturating_sub(200)..bytes.len().min(at + 200)];
            String::from_utf8_lossy(around).into_owned()
        });
        assert_eq!(around, None, "{secret} is in {what}");
    }
}

#[tokio::test]
async fn no_secret_is_in_any_log_metric_event_or_database_whatever_receivers_echo() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Bad(500)).await;
    let configuration = watch("customers", &[&job])
        + r#"
        [[notifier]]
        name = "lines"
        type = "stdout"
        [[notifier]]
        name = "hook"
        type = "webhook"
        url = { env = "HOOK_URL" }
        secrets = [{ env = "HOOK_SECRET" }]
        headers = { Authorization = { env = "HOOK_AUTHORIZATION" } }
        [[notifier]]
        name = "nobody"
        type = "webhook"
        url = { env = "NOBODY_URL" }
        "#;
    let url = |base: &str| format!("{base}/hooks/{PATH_TOKEN}?key={QUERY_TOKEN}");
    let home = Home::new(service.url(), &configuration)
        .with("HOOK_URL", &url(receiver.url()))
        .with("HOOK_SECRET", SIGNING)
        .with("HOOK_AUTHORIZATION", HEADER)
        .with("NOBODY_URL", &url("http://127.0.0.1:1"))
        .with("MATCHWATCH__LOG__FILTER", "trace");
    let mut daemon = home.serve().await;
    daemon.event().await;
    // Refused for the time being, then for good.
    receiver.next().await;
    receiver.next().await;
    receiver.set(Mood::Bad(410));
    daemon.log("delivery given up").await;
    let (status, metrics) = daemon.page("/metrics").await;
    assert_eq!(status, 200);
    assert_clean("the metrics", metrics.as_bytes());
    // Killed, so that the log of the database is there to be read as well.
    let ended = daemon.kill().await;
    assert_clean("standard output", ended.stdout.join("\n").as_bytes());
    assert_clean("the logs", ended.stderr.join("\n").as_bytes());
    let mut database = Vec::new();
    for name in ["jobs.db", "jobs.db-wal"] {
        let bytes = std::fs::read(home.file(name)).unwrap();
        assert_clean(name, &bytes);
        database.extend(bytes);
    }
    let database = String::from_utf8_lossy(&database);
    assert!(database.contains("answered 500") && database.contains("answered 410"));
    assert!(database.contains("[redacted]"), "the receiver echoes what it was sent");
}
