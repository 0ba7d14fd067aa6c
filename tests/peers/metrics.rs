//! The metrics of `matchwatch serve`, and the alert rules that go with them, read by Prometheus' own promtool.

use std::process::Stdio;

use matchwatch::simulator::{JobSpec, Kind, Scenario, Simulator, Status};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::support::Peer;

const SCENARIO: &str = "workflows = [{ name = \"customers\" }]";

/// What promtool says of a page of metrics, if it finds fault with it.
async fn complaints(page: &[u8]) -> Option<String> {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn();
    let mut promtool = promtool
        .expect("promtool is not found: run scripts/test, which installs the programs that these tests need");
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(page).await.unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    let silent = output.status.success() && said.is_empty();
    (!silent).then(|| format!("{}: {}", output.status, String::from_utf8_lossy(&said)))
}

#[tokio::test]
async fn promtool_finds_no_fault_with_the_metrics() {
    let simulator = Simulator::new(Scenario::parse(SCENARIO, "scenario").unwrap()).unwrap();
    let spec =
        JobSpec { status: Some(Status::Succeeded), ..JobSpec::of(Kind::Matching, "customers") };
    let job = simulator.add_jobs(&spec).unwrap().remove(0);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = listener.local_addr().unwrap();
    tokio::spawn(simulator.serve(listener, std::future::pending()));

    let folder = tempfile::tempdir().unwrap();
    let configuration = format!(
        r#"
        [http]
        listen = "127.0.0.1:0"
        [[account]]
        name = "main"
        region = "eu-west-1"
        endpoint_url = "http://{endpoint}"
        no_sign_request = true
        [[watch]]
        workflow_name = "customers"
        job_ids = ["{job}"]
        "#
    );
    std::fs::write(folder.path().join("matchwatch.toml"), configuration).unwrap();
    let mut daemon = Command::new(env!("CARGO_BIN_EXE_matchwatch"))
        .args(["serve", "--config", "matchwatch.toml"])
        .current_dir(folder.path())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let stderr = daemon.stderr.take().unwrap();
    let mut daemon = Peer::new(daemon, stderr);
    let mut log = async |message| loop {
        let line: Value = serde_json::from_str(&daemon.line().await).unwrap();
        if line["message"] == message {
            return line;
        }
    };
    let url = format!("http://{}/metrics", log("watching").await["http"].as_str().unwrap());
    log("job changed state").await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let page = client.get(url).send().await.unwrap().bytes().await.unwrap();
    assert!(String::from_utf8_lossy(&page).contains("matchwatch_transitions_total"));
    assert_eq!(complaints(&page).await, None);
}

#[tokio::test]
async fn promtool_does_find_faults() {
    let page = b"# TYPE good counter\ngood 1\n";
    let said = complaints(page).await.expect("a counter's name must end with _total");
    assert!(said.contains("_total"), "{said}");
}

/// What promtool says of a file, if it finds fault with it.
async fn faults(arguments: &[&str]) -> Option<String> {
    let output = Command::new("promtool").args(arguments).output().await.unwrap();
    let said = [output.stdout, output.stderr].concat();
    (!output.status.success()).then(|| String::from_utf8_lossy(&said).into_owned())
}

#[tokio::test]
async fn the_alert_rules_are_right_and_fire_when_they_should_and_not_otherwise() {
    assert_eq!(faults(&["check", "rules", "docs/alerts.yml"]).await, None);
    assert_eq!(faults(&["test", "rules", "tests/peers/alerts.yml"]).await, None);
}

#[test]
fn every_alert_rule_is_tried() {
    let rules = include_str!("../../docs/alerts.yml");
    let names: Vec<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 10, "the rules are not read any more: {names:?}");
    let tried = include_str!("alerts.yml");
    for name in names {
        assert!(tried.contains(name), "{name} fires in no story of tests/peers/alerts.yml");
    }
}
