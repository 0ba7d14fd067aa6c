//! Jobs that end, and the command lines that wait for them: exit codes and what is printed.

use super::*;

#[tokio::test]
async fn a_job_that_succeeds_is_exit_0_and_one_line_of_json() {
    let account = Account::open().await;
    let id = account.job();
    let wait =
        account.wait(&["--job-id", &id, "--workflow-name", "customers", "--max-interval", "1s"]);
    let (child, _lines) = started(wait).await;
    account.simulator.set_status(&id, Status::Succeeded).unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<&str> = stdout(&output).lines().collect();
    assert_eq!(lines.len(), 1);
    let job: Value = serde_json::from_str(lines[0]).unwrap();
    assert_eq!(job["jobId"], json!(id));
    assert_eq!(job["status"], "SUCCEEDED");
    assert_eq!(job["metrics"]["matchIDs"], 60);
}

#[tokio::test]
async fn a_job_that_fails_is_exit_1_with_the_whole_message() {
    let account = Account::open().await;
    let id = account.failed_job("S3: access denied on s3://input/");
    let output = ended(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
    assert_exit(&output, 1);
    let job: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(job["errorDetails"]["errorMessage"], "S3: access denied on s3://input/");
}

#[tokio::test]
async fn a_command_line_that_makes_no_sense_is_exit_2() {
    for arguments in [
        &[][..],
        &["--job-id", ""],
        &["--job-id", "a", "--timeout", "soon"],
        &["--job-id", "a", "--no-such-flag"],
        &["--job-id", "a", "--max-interval", "0s"],
        &["--job-id", "a", "--max-interval", "1h"],
        &["--job-id", "a", "--workflow-name", ""],
        &["--job-id", "a", "--endpoint-url", "localhost:8090"],
        &["--job-id", "a", "--config", "/no/such/file.toml"],
    ] {
        let mut command = bare_wait(arguments);
        command.env("AWS_REGION", "eu-west-1");
        let output = ended(command).await;
        assert_exit(&output, 2);
        assert!(stdout(&output).is_empty());
    }
}

#[tokio::test]
async fn no_region_is_exit_2_and_says_where_to_set_one() {
    let output = ended(bare_wait(&["--job-id", "a", "--workflow-name", "customers"])).await;
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("AWS_REGION"), "{}", stderr(&output));
}

#[tokio::test]
async fn ctrl_c_is_exit_130_and_sigterm_143_and_the_job_goes_on() {
    use rustix::process::Signal;
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let account = Account::open().await;
        let id = account.job();
        let (mut child, mut lines) =
            started(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
        send(signal, &child);
        progress(&mut lines, "To wait again: matchwatch wait --job-id").await;
        assert_eq!(child.wait().await.unwrap().code(), Some(code));
    }
}

#[tokio::test]
async fn what_start_matching_job_printed_can_be_piped_in() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    let mut command = account.wait(&["--job-id", "-", "--workflow-name", "customers"]);
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(format!("{{\n    \"jobId\": \"{id}\"\n}}\n").as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    assert_exit(&output, 0);
    assert!(stdout(&output).contains(&id));
}

#[tokio::test]
async fn with_several_jobs_all_are_printed_and_the_worst_counts() {
    let account = Account::open().await;
    let (good, bad) = (account.job_at(Status::Succeeded), account.failed_job("no"));
    let arguments = ["--job-id", &good, "--job-id", &bad, "--workflow-name", "customers"];
    let output = ended(account.wait(&arguments)).await;
    assert_exit(&output, 1);
    assert_eq!(stdout(&output).lines().count(), 2);
}

#[tokio::test]
async fn with_any_the_first_job_that_ends_decides() {
    let account = Account::open().await;
    let (running, good) = (account.job(), account.job_at(Status::Succeeded));
    let arguments =
        ["--job-id", &running, "--job-id", &good, "--workflow-name", "customers", "--any"];
    let output = ended(account.wait(&arguments)).await;
    assert_exit(&output, 0);
    assert_eq!(stdout(&output).lines().count(), 1);
    assert!(stdout(&output).contains(&good));
}

#[tokio::test]
async fn output_is_for_people_or_nothing_where_asked_for() {
    let account = Account::open().await;
    let id = account.failed_job("S3: access denied");
    let arguments = ["--job-id", &id, "--workflow-name", "customers", "--output"];
    let text = ended(account.wait(&[&arguments[..], &["text"]].concat())).await;
    assert!(stdout(&text).starts_with(&format!("customers {id} FAILED")), "{}", stdout(&text));
    assert!(stdout(&text).ends_with(": S3: access denied\n"), "{}", stdout(&text));
    let none = ended(account.wait(&[&arguments[..], &["none"]].concat())).await;
    assert_exit(&none, 1);
    assert!(stdout(&none).is_empty());
}

#[tokio::test]
async fn for_people_a_message_of_several_lines_is_one_line() {
    let account = Account::open().await;
    let id = account.failed_job("no\n::error::yes\u{1b}[31m");
    let arguments = ["--job-id", &id, "--workflow-name", "customers", "--output", "text"];
    let output = ended(account.wait(&arguments)).await;
    assert!(stdout(&output).ends_with(": no ::error::yes [31m\n"), "{}", stdout(&output));
}

#[tokio::test]
async fn in_a_log_each_change_is_one_line_and_quiet_is_none() {
    let account = Account::open().await;
    let id = account.job();
    let arguments = ["--job-id", &id, "--workflow-name", "customers", "--max-interval", "1s"];
    let (child, mut lines) = started(account.wait(&arguments)).await;
    account.asked(3).await;
    account.simulator.set_status(&id, Status::Succeeded).unwrap();
    let rest = lines.next_line().await.unwrap().unwrap();
    assert!(rest.contains("RUNNING → SUCCEEDED"), "{rest}");
    assert_eq!(child.wait_with_output().await.unwrap().status.code(), Some(0));

    let quiet = ended(account.wait(&[&arguments[..], &["--quiet"]].concat())).await;
    assert_exit(&quiet, 0);
    assert!(quiet.stderr.is_empty(), "{}", stderr(&quiet));
}

#[tokio::test]
async fn nobody_reading_standard_error_changes_nothing() {
    let account = Account::open().await;
    let id = account.job();
    let arguments = ["--job-id", &id, "--workflow-name", "customers", "--max-interval", "1s"];
    let mut command = account.wait(&arguments);
    command.env("MATCHWATCH_LOG", "trace");
    let mut child = command.spawn().unwrap();
    drop(child.stderr.take());
    account.asked(2).await;
    account.simulator.set_status(&id, Status::Succeeded).unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains(&id));
}
