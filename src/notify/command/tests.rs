use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::*;
use crate::domain::{JobKind, JobType};
use crate::notify::testing::{failed, failed_with, job_of, raised, succeeded};

/// Runs `script` in a shell that finds `dir` in `$0`.
fn command(script: &str, dir: &Path, timeout: Duration) -> Command {
    let dir = dir.to_str().unwrap();
    let command = ["/bin/sh", "-c", script, dir].map(str::to_owned).to_vec();
    Command::new(&Config { command, timeout }).unwrap()
}

async fn outcome_of(script: &str) -> Outcome {
    let dir = tempfile::tempdir().unwrap();
    command(script, dir.path(), Duration::from_secs(60)).notify(&succeeded()).await
}

/// The variables of ours that a program sees when it is told of `message`.
async fn environment_for(message: &Message) -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let script = r#"env -0 > "$0/env""#;
    let outcome = command(script, dir.path(), Duration::from_secs(60)).notify(message).await;
    assert_eq!(outcome, Outcome::Delivered);
    fs::read_to_string(dir.path().join("env"))
        .unwrap()
        .split('\0')
        .filter_map(|variable| variable.split_once('='))
        .filter(|(name, _)| variables(&message.event).iter().any(|(known, _)| known == name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[tokio::test]
async fn the_event_is_on_stdin() {
    let dir = tempfile::tempdir().unwrap();
    let command = command(r#"cat > "$0/event""#, dir.path(), Duration::from_secs(60));
    assert_eq!(command.notify(&succeeded()).await, Outcome::Delivered);
    assert_eq!(fs::read_to_string(dir.path().join("event")).unwrap(), *succeeded().body);
}

#[tokio::test]
async fn its_fields_are_in_the_environment_and_absent_ones_are_not_set() {
    let of = |message: &Message, fields: &[(&str, &str)]| {
        let mut variables = BTreeMap::from([
            ("MATCHWATCH_EVENT_ID".to_owned(), message.event.id.to_string()),
            ("MATCHWATCH_JOB_ID".to_owned(), "0123456789abcdef0123456789abcdef".to_owned()),
            ("MATCHWATCH_WORKFLOW_NAME".to_owned(), "customers".to_owned()),
            ("MATCHWATCH_KIND".to_owned(), "matching".to_owned()),
            ("MATCHWATCH_REGION".to_owned(), "eu-west-1".to_owned()),
            ("MATCHWATCH_ACCOUNT".to_owned(), "main".to_owned()),
        ]);
        let fields =
            fields.iter().map(|(name, value)| (format!("MATCHWATCH_{name}"), (*value).to_owned()));
        variables.extend(fields);
        variables
    };
    let succeeded = succeeded();
    let expected = [
        ("EVENT_TYPE", "dev.matchwatch.job.succeeded.v1"),
        ("STATUS", "SUCCEEDED"),
        ("PREVIOUS_STATUS", "RUNNING"),
    ];
    assert_eq!(environment_for(&succeeded).await, of(&succeeded, &expected));
    let failed = failed();
    let expected = [
        ("EVENT_TYPE", "dev.matchwatch.job.failed.v1"),
        ("STATUS", "FAILED"),
        ("ERROR_MESSAGE", "S3: access denied"),
    ];
    assert_eq!(environment_for(&failed).await, of(&failed, &expected));
}

#[tokio::test]
async fn an_alarm_has_no_variables_of_a_job_and_says_what_it_is_about() {
    let raised = raised();
    let expected = [
        ("MATCHWATCH_EVENT_ID", &*raised.event.id.to_string()),
        ("MATCHWATCH_EVENT_TYPE", "dev.matchwatch.alarm.access_denied.raised.v1"),
        ("MATCHWATCH_REGION", "eu-west-1"),
        ("MATCHWATCH_ACCOUNT", "main"),
        ("MATCHWATCH_MESSAGE", "access is denied to all of account main"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(environment_for(&raised).await, BTreeMap::from(expected));
}

#[tokio::test]
async fn a_job_of_id_mapping_has_its_type_in_the_environment() {
    let mut event = succeeded().event;
    let job = job_of(&mut event);
    job.kind = JobKind::IdMapping;
    job.details.job_type = Some(JobType::Incremental);
    let variables = environment_for(&Message::encode(event).unwrap()).await;
    assert_eq!(variables["MATCHWATCH_KIND"], "id-mapping");
    assert_eq!(variables["MATCHWATCH_JOB_TYPE"], "INCREMENTAL");
}

#[tokio::test]
async fn an_error_message_that_no_variable_can_hold_does_not_keep_the_program_from_starting() {
    let variables = environment_for(&failed_with(&"\0ä".repeat(500_000))).await;
    let told = &variables["MATCHWATCH_ERROR_MESSAGE"];
    assert!(told.len() > 10_000 && told.chars().all(|c| c == 'ä'), "{}", told.len());
}

#[tokio::test]
async fn exit_codes_say_what_becomes_of_the_delivery() {
    assert_eq!(outcome_of("exit 0").await, Outcome::Delivered);
    let retry = Outcome::retry("/bin/sh ended with exit status: 75");
    assert_eq!(outcome_of("exit 75").await, retry);
    for code in [1, 2, 74, 76, 127, 255] {
        let reject = Outcome::reject(format!("/bin/sh ended with exit status: {code}"));
        assert_eq!(outcome_of(&format!("exit {code}")).await, reject);
    }
    let Outcome::Reject { reason } = outcome_of("kill -9 $$").await else { panic!() };
    assert!(reason.starts_with("/bin/sh ended with signal: 9"), "{reason}");
}

#[tokio::test]
async fn a_reason_tells_the_end_of_what_was_printed_on_either_stream() {
    let outcome = outcome_of("echo to stdout; echo to stderr >&2; exit 1").await;
    let Outcome::Reject { reason } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("to stdout") && reason.contains("to stderr"), "{reason}");
    // More than a pipe holds, so a program whose output nobody takes would never end.
    let outcome = outcome_of("yes | head -c 1000000; echo; echo the end; exit 1").await;
    let Outcome::Reject { reason } = outcome else { panic!("{outcome:?}") };
    assert!(reason.ends_with("y y the end"), "{reason}");
    assert!(reason.len() < 300, "{reason}");
}

#[tokio::test]
async fn a_program_need_not_read_the_event() {
    // More than a pipe holds, so that writing all of it is impossible.
    let message = failed_with(&"x".repeat(1_000_000));
    for script in ["exit 0", "exec <&-", "head -c 1 > /dev/null"] {
        let dir = tempfile::tempdir().unwrap();
        let command = command(script, dir.path(), Duration::from_secs(60));
        assert_eq!(command.notify(&message).await, Outcome::Delivered, "{script}");
    }
}

#[tokio::test]
async fn a_program_that_cannot_be_started_is_retried() {
    let command = vec!["/nonexistent/notify".to_owned()];
    let command = Command::new(&Config { command, timeout: Duration::from_secs(60) }).unwrap();
    let outcome = command.notify(&succeeded()).await;
    let Outcome::Retry { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.starts_with("cannot start /nonexistent/notify: No such file"), "{reason}");
}

/// Makes a named pipe in `dir`, by which a program and the test wait for each other.
fn named_pipe(dir: &Path) -> std::path::PathBuf {
    let pipe = dir.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    pipe
}

#[tokio::test(start_paused = true)]
async fn a_program_that_exceeds_its_time_is_killed_with_all_that_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = named_pipe(dir.path());
    let script = r#"echo working; exec 3> "$0/pipe"; (echo started >&3; sleep 60; echo survived >&3) & wait"#;
    let command = command(script, dir.path(), Duration::from_secs(30));
    // Paused time stands still for as long as a blocking task runs: the timeout strikes after this one.
    let started = tokio::task::spawn_blocking(|| {
        let mut pipe = BufReader::new(fs::File::open(pipe).unwrap());
        let mut line = String::new();
        pipe.read_line(&mut line).unwrap();
        (pipe, line)
    });
    let message = succeeded();
    let (outcome, started) = tokio::join!(command.notify(&message), started);
    assert_eq!(outcome, Outcome::retry("/bin/sh was killed after 30s: working"));
    let (mut pipe, line) = started.unwrap();
    assert_eq!(line, "started\n");
    // The pipe ends when the last program that holds it has ended.
    let mut rest = String::new();
    pipe.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
}

#[tokio::test]
async fn a_child_that_a_program_leaves_behind_does_not_hold_up_the_delivery() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = named_pipe(dir.path());
    // The child keeps stdout open for as long as nobody writes to the pipe.
    let command = command(r#"cat "$0/pipe" &"#, dir.path(), Duration::from_secs(60));
    assert_eq!(command.notify(&succeeded()).await, Outcome::Delivered);
    // Nobody would read from the pipe if the child had been killed.
    tokio::task::spawn_blocking(|| fs::write(pipe, "")).await.unwrap().unwrap();
}

#[test]
fn a_command_line_without_a_program_is_refused() {
    for command in [vec![], vec![String::new(), "--json".to_owned()]] {
        let config = Config { command, timeout: Duration::from_secs(60) };
        assert!(Command::new(&config).unwrap_err().to_string().contains("names no program"));
    }
}
