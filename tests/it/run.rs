//! `matchwatch run`: the real binary against a simulator in this process.

mod accounts;
mod id_mapping;
mod linger;
mod lossy;
mod start;
mod stop;

use matchwatch::simulator::{Answer, Operation, Status};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::wait::{Account, assert_exit, bare, ended, progress, send, stderr, stdout};

const START: Operation = Operation::StartMatchingJob;

/// Jobs that end by themselves, soon.
const QUICK: &str = r#"
running_at_once = "unlimited"
[limits]
GetMatchingJob = "unlimited"
ListMatchingJobs = "unlimited"
StartMatchingJob = "unlimited"
[[workflows]]
name = "customers"
duration = "100ms"
metrics = { inputRecords = 10, matchIDs = 4 }
"#;

fn run(account: &Account, arguments: &[&str]) -> Command {
    let mut command = account.command("run", &["--workflow-name", "customers"]);
    command.args(arguments);
    command
}

/// The ids of all jobs there are.
fn job_ids(account: &Account) -> Vec<String> {
    account.simulator.jobs().into_iter().map(|(.., job)| job.id).collect()
}

/// Starts the command, and waits until it says so.
async fn begun(mut command: Command, words: &str) -> (Child, Lines<BufReader<ChildStderr>>) {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    progress(&mut lines, words).await;
    (child, lines)
}
