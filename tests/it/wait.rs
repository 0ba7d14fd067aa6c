//! `matchwatch wait`: the real binary against a simulator in this process.

mod ending;
mod gates;
mod id_mapping;
mod search;
mod trouble;

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

[[workflows]]
name = "households"
kind = "id-mapping"
duration = "never"
metrics = { inputRecords = 100, totalMappedRecords = 9, newMappedRecords = 5, mappedRecordsRemoved = 1 }
"#;

/// A simulated account, and the command that waits for its jobs.
pub(crate) struct Account {
    pub(crate) simulator: Simulator,
    pub(crate) url: String,
    stop: CancellationToken,
}

impl Drop for Account {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Account {
    pub(crate) async fn open() -> Self {
        Self::open_with(SCENARIO).await
    }

    pub(crate) async fn open_with(scenario: &str) -> Self {
        let simulator = Simulator::new(Scenario::parse(scenario, "test").unwrap()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(simulator.clone().serve(listener, stop.clone().cancelled_owned()));
        Self { simulator, url, stop }
    }

    /// A new job of the workflow `customers`.
    pub(crate) fn job(&self) -> String {
        self.simulator.start_job(Kind::Matching, "customers").unwrap()
    }

    /// A new job of the ID mapping workflow `households`, with this status.
    fn id_mapping_job_at(&self, status: Status) -> String {
        let id = self.simulator.start_job(Kind::IdMapping, "households").unwrap();
        self.simulator.set_status(&id, status).unwrap();
        id
    }

    /// A job of the workflow `customers` with this status.
    fn job_at(&self, status: Status) -> String {
        let id = self.job();
        self.simulator.set_status(&id, status).unwrap();
        id
    }

    pub(crate) fn failed_job(&self, message: &str) -> String {
        let id = self.job();
        let change = json!({ "status": "FAILED", "error_message": message });
        let change: StatusChange = serde_json::from_value(change).unwrap();
        self.simulator.set_status(&id, change).unwrap();
        id
    }

    fn answer_next(&self, answer: Answer, times: u32) {
        self.script(Operation::GetMatchingJob, answer, times);
    }

    pub(crate) fn script(&self, operation: Operation, answer: Answer, times: u32) {
        self.simulator.script(Script { operation, answer, times });
    }

    pub(crate) fn deny(&self, operation: Operation, workflow: Option<&str>) {
        let workflow = workflow.map(str::to_owned);
        self.simulator.set_denials(vec![Denial { operation: Some(operation), workflow }]);
    }

    fn wait(&self, arguments: &[&str]) -> Command {
        self.command("wait", arguments)
    }

    /// A command that asks this account.
    pub(crate) fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = bare(name, arguments);
        command.args(["--endpoint-url", &self.url, "--region", "eu-west-1", "--no-sign-request"]);
        command
    }

    async fn asked(&self, times: u64) {
        self.simulator.until(|counts| counts.total(Operation::GetMatchingJob) >= times).await;
    }
}

fn bare_wait(arguments: &[&str]) -> Command {
    bare("wait", arguments)
}

/// A command with nothing of this machine's AWS configuration.
pub(crate) fn bare(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_matchwatch"));
    command
        .env_clear()
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .arg(name)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

pub(crate) async fn ended(mut command: Command) -> Output {
    command.output().await.unwrap()
}

pub(crate) fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

pub(crate) fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[track_caller]
pub(crate) fn assert_exit(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", stderr(output));
}

/// Waits for a line of progress that holds `words`.
pub(crate) async fn progress(lines: &mut Lines<BufReader<ChildStderr>>, words: &str) {
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

pub(crate) fn send(signal: rustix::process::Signal, child: &Child) {
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}
