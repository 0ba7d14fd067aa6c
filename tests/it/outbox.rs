//! Looking into the outbox, and having something of it sent again: `matchwatch events` and `matchwatch jobs`.

mod listing;
mod redelivery;
mod trouble;

use std::process::Output;

use serde_json::Value;

use crate::support::daemon::{Daemon, Home, watch};
use crate::support::receiver::Receiver;
use crate::support::service::Service;

/// A home whose daemon tells both stdout and the receiver, as `hook`, of these jobs.
fn home(service: &Service, jobs: &[&str], receiver: &Receiver) -> Home {
    let configuration = format!(
        r#"{}
        [[notifier]]
        name = "lines"
        type = "stdout"
        [[notifier]]
        name = "hook"
        type = "webhook"
        url = "{}"
        "#,
        watch("customers", jobs),
        receiver.url(),
    );
    Home::new(service.url(), &configuration)
}

/// The rows that a command prints with `--output json`.
async fn rows(home: &Home, arguments: &[&str]) -> Vec<Value> {
    let output = home.run(&[arguments, &["--output", "json"]].concat()).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// How a command ended, and what it said on standard error.
fn complaint(output: &Output) -> (Option<i32>, String) {
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Waits until a delivery is a dead letter, in the database too.
async fn given_up(daemon: &mut Daemon) {
    daemon.log("delivery given up").await;
    crate::support::soon("a dead letter in the metrics", async {
        while daemon.metric("matchwatch_deliveries_dead{notifier=\"hook\"}").await != Some(1.0) {}
    })
    .await;
}
