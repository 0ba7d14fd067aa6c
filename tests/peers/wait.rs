//! What `wait` prints beside what the AWS CLI prints for the same job.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::simulator::Simulated;
use crate::support::beside;

/// What `get-matching-job` of the AWS CLI prints, with the timestamps of its version 2 in UTC.
fn cli(simulated: &Simulated, job_id: &str) -> Value {
    let output = simulated
        .peer(crate::support::program("aws"))
        .env("AWS_CONFIG_FILE", beside("cli_v2_timestamps.ini"))
        .env("TZ", "UTC")
        .args(["--output", "json", "entityresolution", "get-matching-job"])
        .args(["--workflow-name", "customers", "--job-id", job_id])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn wait(simulated: &Simulated, job_id: &str) -> Value {
    let output = simulated
        .peer(env!("CARGO_BIN_EXE_matchwatch"))
        .args(["wait", "--workflow-name", "customers", "--job-id", job_id])
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn wait_prints_what_the_aws_cli_prints_value_for_value() {
    let simulated = Simulated::start();
    for (job, status) in [("a", "SUCCEEDED"), ("b", "FAILED")] {
        let id = format!("{job:0>32}");
        let told = wait(&simulated, &id);
        assert_eq!(told["status"], status);
        assert_eq!(told, cli(&simulated, &id), "{status}");
    }
}

#[test]
fn what_the_aws_cli_prints_of_a_started_job_is_what_wait_reads() {
    let simulated = Simulated::start();
    let started = simulated.told("start-matching-job --workflow-name customers");
    let mut child = simulated
        .peer(env!("CARGO_BIN_EXE_matchwatch"))
        .args(["wait", "--workflow-name", "customers", "--job-id", "-", "--timeout", "3s"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let printed = serde_json::to_string_pretty(&started).unwrap();
    child.stdin.take().unwrap().write_all(printed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(started["jobId"].as_str().unwrap()), "{said}");
    assert_eq!(output.status.code(), Some(3), "{said}");
}
