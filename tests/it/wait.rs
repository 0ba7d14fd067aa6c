//! `matchwatch wait`: the real binary against a simulator in this process.

use std::process::{Output, Stdio};
use std::time::Duration;

use matchwatch::simulator::{
    Answer, Denial, Kind, Operation, Scenario, Script, Simulator, Status, StatusChange,
};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpListener;
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Jobs whose status only the test moves.
const SCENARIO: &str = r#"
[[workflows]]
name = "customers"
duration = "never"
metrics = { inputRecords = 100, totalRecordsProcessed = 98, recordsNotProcessed = 2, matchIDs = 60 }

[[workflows]]
name = "suppliers"
duration = "never"
"#;

/// A simulated account, and the command that waits for its jobs.
struct Account {
    simulator: Simulator,
    url: String,
    stop: CancellationToken,
}

impl Drop for Account {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Account {
    async fn open() -> Self {
        let simulator = Simulator::new(Scenario::parse(SCENARIO, "test").unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(simulator.clone().serve(listener, stop.clone().cancelled_owned()));
        Self { simulator, url, stop }
    }

    /// A new job of the workflow `customers`.
    fn job(&self) -> String {
        self.simulator.start_job(Kind::Matching, "customers").unwrap()
    }

    /// A job of the workflow `customers` with this status.
    fn job_at(&self, status: Status) -> String {
        let id = self.job();
        self.simulator.set_status(&id, status).unwrap();
        id
    }

    fn failed_job(&self, message: &str) -> String {
        let id = self.job();
        let change = json!({ "status": "FAILED", "error_message": message });
        let change: StatusChange = serde_json::from_value(change).unwrap();
        self.simulator.set_status(&id, change).unwrap();
        id
    }

    fn answer_next(&self, answer: Answer, times: u64) {
        let script = json!({ "operation": "GetMatchingJob", "answer": "genuine", "times": times });
        let mut script: Script = serde_json::from_value(script).unwrap();
        script.answer = answer;
        self.simulator.script(script);
    }

    fn deny(&self, operation: Operation, workflow: Option<&str>) {
        let workflow = workflow.map(str::to_owned);
        self.simulator.set_denials(vec![Denial { operation: Some(operation), workflow }]);
    }

    fn wait(&self, arguments: &[&str]) -> Command {
        let mut command = bare_wait(arguments);
        command.args(["--endpoint-url", &self.url, "--region", "eu-west-1", "--no-sign-request"]);
        command
    }

    async fn asked(&self, times: u64) {
        self.simulator.until(|counts| counts.total(Operation::GetMatchingJob) >= times).await;
    }
}

/// `matchwatch wait` with nothing of this machine's AWS configuration.
fn bare_wait(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_matchwatch"));
    command
        .env_clear()
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .arg("wait")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn ended(mut command: Command) -> Output {
    command.output().await.unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[track_caller]
fn assert_exit(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", stderr(output));
}

/// Waits for a line of progress that holds `words`.
async fn progress(lines: &mut Lines<BufReader<ChildStderr>>, words: &str) {
    loop {
        let line = lines.next_line().await.unwrap().expect("the command still runs");
        if line.contains(words) {
            return;
        }
    }
}

/// Starts the command, and waits until it shows that the job runs.
async fn started(mut command: Command) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    progress(&mut lines, "RUNNING").await;
    (child, lines)
}

fn send(signal: rustix::process::Signal, child: &Child) {
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

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
async fn an_id_that_the_service_rejects_is_exit_2() {
    let account = Account::open().await;
    let output =
        ended(account.wait(&["--job-id", "nonsense", "--workflow-name", "customers"])).await;
    assert_exit(&output, 2);
}

#[tokio::test]
async fn a_deadline_is_exit_3_and_says_how_to_wait_again() {
    let account = Account::open().await;
    let id = account.job();
    let arguments = ["--job-id", &id, "--workflow-name", "customers", "--timeout", "3s"];
    let output = ended(account.wait(&arguments)).await;
    assert_exit(&output, 3);
    let again = format!(
        "matchwatch wait --job-id {id} --workflow-name customers --region eu-west-1 --endpoint-url {} \
         --no-sign-request",
        account.url
    );
    assert!(stderr(&output).contains(&again), "{}", stderr(&output));
    assert!(stdout(&output).is_empty());
}

#[tokio::test]
async fn a_request_that_hangs_does_not_outlive_the_deadline() {
    let account = Account::open().await;
    let id = account.job();
    account.answer_next(Answer::Stall, 1);
    let arguments = ["--job-id", &id, "--workflow-name", "customers", "--timeout", "300ms"];
    let begun = Instant::now();
    let output = ended(account.wait(&arguments)).await;
    assert_exit(&output, 6);
    assert!(stderr(&output).contains("no answer in 3"), "{}", stderr(&output));
    // The request would have been given up after 10 seconds.
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn denied_access_is_exit_4_and_names_the_permission() {
    let account = Account::open().await;
    account.deny(Operation::GetMatchingJob, None);
    let id = account.job();
    let output = ended(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
    assert_exit(&output, 4);
    assert!(stderr(&output).contains("entityresolution:GetMatchingJob"), "{}", stderr(&output));
}

#[tokio::test]
async fn no_credentials_are_exit_4() {
    let account = Account::open().await;
    let id = account.job();
    let mut command = bare_wait(&["--job-id", &id, "--workflow-name", "customers"]);
    command.args(["--endpoint-url", &account.url, "--region", "eu-west-1"]);
    let output = ended(command).await;
    assert_exit(&output, 4);
    assert!(stderr(&output).contains("credentials"), "{}", stderr(&output));
}

/// Takes half a minute: so long is a job that the service does not know yet waited for.
#[tokio::test]
async fn a_job_that_the_service_does_not_know_is_exit_5_after_its_grace() {
    let account = Account::open().await;
    let id = "0".repeat(32);
    let output = ended(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
    assert_exit(&output, 5);
    assert!(stderr(&output).contains(&id), "{}", stderr(&output));
    assert!(account.simulator.counts().total(Operation::GetMatchingJob) > 2);
}

#[tokio::test]
async fn a_service_that_never_answers_is_exit_6_and_says_why() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let mut command =
        bare_wait(&["--job-id", "a", "--workflow-name", "customers", "--timeout", "300ms"]);
    command.args(["--endpoint-url", &url, "--region", "eu-west-1", "--no-sign-request"]);
    let output = ended(command).await;
    assert_exit(&output, 6);
    assert!(stderr(&output).contains("no answer"), "{}", stderr(&output));
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
async fn throttles_resets_errors_and_nonsense_do_not_end_a_wait() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    for answer in [Answer::ThrottledHtml, Answer::Reset, Answer::Empty] {
        account.answer_next(answer, 1);
    }
    let output = ended(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
    assert_exit(&output, 0);
    assert_eq!(account.simulator.counts().total(Operation::GetMatchingJob), 4);
}

#[tokio::test]
async fn a_metric_too_large_for_the_sdk_does_not_hide_the_end() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    account.answer_next(Answer::MetricOverflow, 1);
    let output = ended(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
    assert_exit(&output, 0);
    let job: Value = serde_json::from_str(stdout(&output)).unwrap();
    let metrics = job["metrics"].as_object().unwrap();
    assert!(metrics.values().any(|count| count.as_i64().unwrap() > i64::from(i32::MAX)));
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
async fn without_its_name_the_workflow_is_searched_for_past_one_that_denies_access() {
    let account = Account::open().await;
    account.deny(Operation::GetMatchingJob, Some("customers"));
    let id = account.simulator.start_job(Kind::Matching, "suppliers").unwrap();
    account.simulator.set_status(&id, Status::Succeeded).unwrap();
    let output = ended(account.wait(&["--job-id", &id])).await;
    assert_exit(&output, 0);
    assert!(stdout(&output).contains(&id));
}

#[tokio::test]
async fn a_search_that_may_not_list_workflows_is_exit_4_and_offers_the_way_round() {
    let account = Account::open().await;
    account.deny(Operation::ListMatchingWorkflows, None);
    let id = account.job();
    let output = ended(account.wait(&["--job-id", &id])).await;
    assert_exit(&output, 4);
    assert!(stderr(&output).contains("entityresolution:ListMatchingWorkflows"));
    assert!(stderr(&output).contains("--workflow-name"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_configuration_that_names_the_job_spares_the_search() {
    let account = Account::open().await;
    account.deny(Operation::ListMatchingWorkflows, None);
    let id = account.job_at(Status::Succeeded);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("matchwatch.toml");
    let watch = format!("[[watch]]\nworkflow_name = \"customers\"\njob_ids = [\"{id}\"]\n");
    std::fs::write(&path, watch).unwrap();
    let output = ended(account.wait(&["--job-id", &id, "--config", path.to_str().unwrap()])).await;
    assert_exit(&output, 0);
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
async fn a_status_of_a_newer_service_is_waited_out() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    account.answer_next(Answer::UnknownStatus, 1);
    let arguments = ["--job-id", &id, "--workflow-name", "customers", "--max-interval", "1s"];
    let output = ended(account.wait(&arguments)).await;
    assert_exit(&output, 0);
}

#[tokio::test]
async fn an_id_that_is_nowhere_to_be_found_holds_up_no_other() {
    let account = Account::open().await;
    let (nowhere, good) = ("0".repeat(32), account.job_at(Status::Succeeded));
    let output = ended(account.wait(&["--job-id", &nowhere, "--job-id", &good, "--any"])).await;
    assert_exit(&output, 0);
    assert!(stdout(&output).contains(&good));
}

#[tokio::test]
async fn a_search_that_is_denied_everywhere_is_exit_4_without_waiting_for_a_miracle() {
    let account = Account::open().await;
    account.deny(Operation::GetMatchingJob, None);
    let id = account.job();
    let output = ended(account.wait(&["--job-id", &id])).await;
    assert_exit(&output, 4);
    assert!(stderr(&output).contains("customers, suppliers"), "{}", stderr(&output));
    assert_eq!(account.simulator.counts().total(Operation::GetMatchingJob), 2, "one a workflow");
}

#[tokio::test]
async fn many_jobs_are_searched_for_with_one_list_of_workflows() {
    let account = Account::open().await;
    let ids: Vec<String> = (0..3).map(|_| account.job_at(Status::Succeeded)).collect();
    let arguments: Vec<&str> = ids.iter().flat_map(|id| ["--job-id", id]).collect();
    let output = ended(account.wait(&arguments)).await;
    assert_exit(&output, 0);
    assert_eq!(stdout(&output).lines().count(), 3);
    assert_eq!(account.simulator.counts().total(Operation::ListMatchingWorkflows), 1);
}

#[tokio::test]
async fn a_search_without_answers_says_so() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let mut command = bare_wait(&["--job-id", "a", "--timeout", "3s", "--endpoint-url", &url]);
    command.args(["--region", "eu-west-1", "--no-sign-request"]);
    let output = ended(command).await;
    assert_exit(&output, 6);
    assert!(stderr(&output).contains("asking again"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_configuration_gives_the_account_too_and_its_notifiers_do_not_matter() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("matchwatch.toml");
    let text = format!(
        r#"
        [[account]]
        name = "main"
        region = "eu-west-1"
        endpoint_url = "{}"
        no_sign_request = true

        [[watch]]
        workflow_name = "customers"
        job_ids = ["{id}"]

        [[notifier]]
        name = "ops"
        type = "webhook"
        url = {{ env = "NOT_SET_HERE" }}
        "#,
        account.url
    );
    std::fs::write(&path, text).unwrap();
    let output = ended(bare_wait(&["--job-id", &id, "--config", path.to_str().unwrap()])).await;
    assert_exit(&output, 0);
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
