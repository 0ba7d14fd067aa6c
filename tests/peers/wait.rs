//! What `wait` prints beside what the AWS CLI prints for the same job.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::simulator::Simulated;
use crate::support::beside;

/// What the AWS CLI prints of a job, with the timestamps of its version 2 in UTC.
fn cli(simulated: &Simulated, of: &Of<'_>) -> String {
    let output = simulated
        .peer(crate::support::program("aws"))
        .env("AWS_CONFIG_FILE", beside("cli_v2_timestamps.ini"))
        .env("TZ", "UTC")
        .args(["--output", "json", "entityresolution", &format!("get-{}-job", of.kind)])
        .args(["--workflow-name", of.workflow, "--job-id", &of.job_id()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn wait(simulated: &Simulated, of: &Of<'_>) -> String {
    let output = simulated
        .peer(env!("CARGO_BIN_EXE_matchwatch"))
        .args(["wait", "--workflow-name", of.workflow, "--kind", of.kind])
        .args(["--job-id", &of.job_id()])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A job of the scenario.
struct Of<'a> {
    kind: &'a str,
    workflow: &'a str,
    job: &'a str,
}

impl Of<'_> {
    fn job_id(&self) -> String {
        format!("{:0>32}", self.job)
    }
}

/// Without the blanks between values, of which the CLI makes lines.
fn on_one_line(json: &str) -> String {
    let (mut text, mut is_quoted, mut is_escaped) = (String::new(), false, false);
    for c in json.chars() {
        if is_quoted || !c.is_whitespace() {
            text.push(c);
        }
        is_quoted ^= c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
    }
    text
}

#[test]
fn wait_prints_what_the_aws_cli_prints_value_for_value_and_in_its_order() {
    let simulated = Simulated::start();
    for (kind, workflow, job, status) in [
        ("matching", "customers", "a", "SUCCEEDED"),
        ("matching", "customers", "b", "FAILED"),
        ("id-mapping", "households", "e", "SUCCEEDED"),
    ] {
        let of = Of { kind, workflow, job };
        let told = wait(&simulated, &of);
        let document: Value = serde_json::from_str(&told).unwrap();
        assert_eq!(document["status"], status);
        assert_eq!(document.get("jobType").is_some(), kind == "id-mapping");
        assert_eq!(on_one_line(&told), on_one_line(&cli(&simulated, &of)), "{kind} {status}");
    }
}

#[test]
fn what_the_aws_cli_prints_of_a_started_job_is_what_wait_reads() {
    let simulated = Simulated::start();
    for (kind, workflow) in [("matching", "customers"), ("id-mapping", "households")] {
        let started = simulated.told(&format!("start-{kind}-job --workflow-name {workflow}"));
        wait_reads(&simulated, &started);
    }
}

/// Waits for the job that the CLI's words name, whatever its kind.
fn wait_reads(simulated: &Simulated, started: &Value) {
    let mut child = simulated
        .peer(env!("CARGO_BIN_EXE_matchwatch"))
        .args(["wait", "--job-id", "-", "--timeout", "3s"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let printed = serde_json::to_string_pretty(started).unwrap();
    child.stdin.take().unwrap().write_all(printed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(started["jobId"].as_str().unwrap()), "{said}");
    assert_eq!(output.status.code(), Some(3), "{said}");
}
