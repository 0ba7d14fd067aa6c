//! `matchwatch check`.

use std::process::{Command, Output};

fn check(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_matchwatch"))
        .arg("check")
        .args(arguments)
        .env_clear()
        .env("CARGO_PKG_NAME", "matchwatch")
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn check_says_what_would_run_and_succeeds() {
    let output = check(&["--config", "tests/fixtures/config/good.full.toml"], &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "tests/fixtures/config/good.full.toml is fine. `serve` would run:
  account   production in eu-west-1
  account   123456789012 in the Region of the AWS environment, as arn:aws-us-gov:iam::210987654321:role/path/watcher
  watch     2 jobs of customers in production, told to ops, lines
  watch     1 job of customers in 123456789012, told to all notifiers
  watch     1 ID mapping job of customers in 123456789012, told to all notifiers
  watch     running and new jobs of orders-* in production, told to all notifiers
  watch     jobs of all workflows since 7d before its first sight in production, told to lines
  notifier  ops tells a webhook: SUCCEEDED, FAILED, events job.*, workflows customers, cust*, accounts production, regions eu-west-1, kinds matching
  notifier  chat tells a webhook, by the template slack: every event
  notifier  tickets tells a webhook, by a template: every event
  notifier  phone tells a webhook, by a template: every event
  notifier  data tells arn:aws:sns:eu-west-1:123456789012:jobs.fifo: every event
  notifier  queue tells https://sqs.eu-west-1.amazonaws.com/123456789012/jobs.fifo: every event
  notifier  bus tells arn:aws:events:eu-west-1:123456789012:event-bus/jobs: every event
  notifier  archive tells /bin/cat: every event
  notifier  lines tells standard output: every event
  store     state/jobs.db
  http      [::1]:9000
"
    );
}

#[test]
fn check_takes_the_shipped_file_by_default_and_warns_that_it_watches_nothing() {
    let output = check(&[], &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    let warning = "warning: config/matchwatch.toml: [[watch]]: there is none: nothing is watched\n";
    assert!(stderr.contains(warning), "{stderr}");
}

#[test]
fn check_tells_all_problems_on_stderr_and_exits_with_2() {
    let output = check(
        &[],
        &[
            ("MATCHWATCH_CONFIG", "tests/fixtures/config/bad.interval-too-long.toml"),
            ("MATCHWATCH__SERVE__SHUTDOWN_GRACE", "long"),
        ],
    );
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(output.stdout, b"");
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "tests/fixtures/config/bad.interval-too-long.toml:2:16: [poll] max_interval: \"11m\" is out of range; \
         write a duration from 1s to 10m
MATCHWATCH__SERVE__SHUTDOWN_GRACE: [serve] shutdown_grace: \"long\" is not a duration: \
         write a number and a unit, as in 30s, 5m, 2h30m or 3d
matchwatch: 2 problems in tests/fixtures/config/bad.interval-too-long.toml and the environment
"
    );
}

#[test]
fn check_warns_of_a_program_that_is_not_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("matchwatch.toml");
    let notifier = "[[notifier]]\nname = \"pager\"\ntype = \"command\"\n";
    std::fs::write(&path, format!("{notifier}command = [\"/no/such/program\"]\n")).unwrap();
    let output = check(&["--config", path.to_str().unwrap()], &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(":4:11: [[notifier]] command: there is no such program"), "{stderr}");
}
