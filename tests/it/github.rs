//! `--github`: what a step tells a workflow of GitHub Actions, read as the runner reads it.

mod action;
mod early;
mod runner;

use std::path::PathBuf;
use std::process::Output;

use matchwatch::simulator::{Answer, Operation, Status};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::wait::{Account, assert_exit, ended, stderr, stdout};
use runner::{Annotation, annotations, outputs, table};

/// A step of a workflow, with the files that a runner makes for it.
struct Step {
    folder: TempDir,
}

impl Step {
    fn new() -> Self {
        let step = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(step.file("output"), "earlier=a line of the same step\n").unwrap();
        std::fs::write(step.file("summary"), "# Before\n\n").unwrap();
        step
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn prepare(&self, command: &mut Command) {
        command
            .arg("--github")
            .env("GITHUB_OUTPUT", self.file("output"))
            .env("GITHUB_STEP_SUMMARY", self.file("summary"));
    }

    async fn run(&self, mut command: Command) -> Output {
        self.prepare(&mut command);
        ended(command).await
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.file(name)).unwrap()
    }

    fn output(&self, name: &str) -> Option<String> {
        let all = outputs(&self.text("output"));
        assert_eq!(all["earlier"], "a line of the same step");
        all.get(name).cloned()
    }
}

fn wait(account: &Account, ids: &[&str]) -> Command {
    let mut command = account.command("wait", &["--workflow-name", "customers"]);
    command.args(ids.iter().flat_map(|id| ["--job-id", id]));
    command
}

#[tokio::test]
async fn a_job_that_succeeds_has_an_output_for_each_of_its_properties_and_a_row() {
    let account = Account::open().await;
    let id = account.job();
    account.simulator.set_status(&id, Status::Succeeded).unwrap();
    let step = Step::new();
    let output = step.run(wait(&account, &[&id])).await;
    assert_exit(&output, 0);
    for (name, value) in [
        ("job-id", id.as_str()),
        ("workflow-name", "customers"),
        ("status", "SUCCEEDED"),
        ("exit-code", "0"),
        ("input-records", "100"),
        ("records-not-processed", "2"),
        ("match-ids", "60"),
    ] {
        assert_eq!(step.output(name).as_deref(), Some(value), "{name}");
    }
    assert_eq!(step.output("error-message"), None, "absent stays absent");
    assert!(step.output("end-time").unwrap().ends_with('Z'));
    let metrics: Value = serde_json::from_str(&step.output("metrics").unwrap()).unwrap();
    assert_eq!(metrics["matchIDs"], 60);
    let printed: Value = serde_json::from_str(stdout(&output)).unwrap();
    let jobs: Value = serde_json::from_str(&step.output("jobs").unwrap()).unwrap();
    assert_eq!(jobs, json!([printed]));

    let summary = step.text("summary");
    assert!(summary.starts_with("# Before\n\n### "), "{summary}");
    let rows = table(&summary);
    assert_eq!(rows[0][..3], ["Workflow", "Job", "Status"]);
    assert_eq!(rows[1][..3], ["customers", &id, "SUCCEEDED"]);
    assert_eq!(rows[1].last().unwrap(), "60");
    assert!(annotations(stderr(&output)).is_empty());
}

/// What would end a cell, an output or a command if it were not written as it must be.
const HOSTILE: &str = "S3: denied | 100 %\r\n::error::no\nstatus=SUCCEEDED\nEOF\n<b>, `x` [y](z)";

#[tokio::test]
async fn a_job_that_fails_is_an_annotation_and_its_message_breaks_out_of_nothing() {
    let account = Account::open().await;
    let id = account.failed_job(HOSTILE);
    let step = Step::new();
    let output = step.run(wait(&account, &[&id])).await;
    assert_exit(&output, 1);
    assert_eq!(step.output("status").as_deref(), Some("FAILED"));
    assert_eq!(step.output("error-message").as_deref(), Some(HOSTILE));
    let title = format!("customers job {id} FAILED");
    let wanted = Annotation { command: "error".to_owned(), title, message: HOSTILE.to_owned() };
    assert_eq!(annotations(stderr(&output)), [wanted]);
    assert_eq!(stdout(&output).lines().count(), 1, "JSON alone");
    let rows = table(&step.text("summary"));
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1][..3], ["customers", &id, "FAILED"]);
    let item = step.text("summary").lines().last().map(str::to_owned);
    assert!(step.text("summary").contains("100 \\% <br>\\:\\:error"), "{item:?}");
}

#[tokio::test]
async fn a_name_that_holds_a_line_for_the_runner_is_no_line() {
    let account = Account::open().await;
    for command in ["run", "wait"] {
        let mut command = account.command(command, &["--workflow-name", "a\n::error::no\n"]);
        if command.as_std().get_args().next().is_some_and(|name| name == "wait") {
            command.args(["--job-id", "b\n::error::no\n"]);
        }
        let output = Step::new().run(command).await;
        let told: Vec<_> = annotations(stderr(&output)).into_iter().map(|a| a.title).collect();
        assert_eq!(told, ["matchwatch"], "{}", stderr(&output));
    }
}

#[tokio::test]
async fn several_jobs_are_rows_and_one_list() {
    let account = Account::open().await;
    let (good, bad) = (account.job(), account.failed_job("no"));
    account.simulator.set_status(&good, Status::Succeeded).unwrap();
    let step = Step::new();
    let output = step.run(wait(&account, &[&good, &bad])).await;
    assert_exit(&output, 1);
    assert_eq!(table(&step.text("summary")).len(), 3);
    let jobs: Value = serde_json::from_str(&step.output("jobs").unwrap()).unwrap();
    assert_eq!(jobs.as_array().unwrap().len(), 2);
    assert_eq!(step.output("job-id"), None, "which of them?");
    assert_eq!(step.output("exit-code").as_deref(), Some("1"));
}

#[tokio::test]
async fn of_several_jobs_the_only_one_that_ends_is_not_told_as_if_there_were_no_other() {
    let account = Account::open().await;
    let (good, endless) = (account.job(), account.job());
    account.simulator.set_status(&good, Status::Succeeded).unwrap();
    let step = Step::new();
    let mut command = wait(&account, &[&good, &endless]);
    command.arg("--any");
    assert_exit(&step.run(command).await, 0);
    let jobs: Value = serde_json::from_str(&step.output("jobs").unwrap()).unwrap();
    assert_eq!(jobs[0]["jobId"], good);
    for name in ["job-id", "status", "metrics"] {
        assert_eq!(step.output(name), None, "{name}");
    }
}

#[tokio::test]
async fn a_step_that_starts_a_job_and_does_not_see_its_end_has_its_id_all_the_same() {
    let account = Account::open().await;
    let step = Step::new();
    let run = account.command("run", &["--workflow-name", "customers", "--timeout", "2s"]);
    let output = step.run(run).await;
    assert_exit(&output, 3);
    let (.., job) = account.simulator.jobs().remove(0);
    assert_eq!(step.output("job-id"), Some(job.id));
    assert_eq!(step.output("status"), None);
    assert_eq!(step.output("exit-code").as_deref(), Some("3"));
    assert_eq!(annotations(stderr(&output))[0].title, "matchwatch");
    assert!(step.text("summary").contains("No job has ended"));
}

#[tokio::test]
async fn outside_of_github_the_flag_is_exit_2_and_starts_nothing() {
    let account = Account::open().await;
    let output = ended(account.command("run", &["--workflow-name", "customers", "--github"])).await;
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("GITHUB_OUTPUT is not set"), "{}", stderr(&output));
    assert!(account.simulator.jobs().is_empty());
}

#[tokio::test]
async fn a_runner_without_summaries_gets_the_outputs() {
    let account = Account::open().await;
    let id = account.failed_job("no");
    let step = Step::new();
    let mut command = wait(&account, &[&id]);
    command.arg("--github").env("GITHUB_OUTPUT", step.file("output"));
    assert_exit(&ended(command).await, 1);
    assert_eq!(step.output("job-id"), Some(id));
}

#[tokio::test]
async fn outputs_that_cannot_be_written_make_a_success_none_and_hide_nothing_worse() {
    let account = Account::open().await;
    let (good, bad) = (account.job(), account.failed_job("no"));
    account.simulator.set_status(&good, Status::Succeeded).unwrap();
    account.script(Operation::StartMatchingJob, Answer::Conflict, 1);
    let run = account.command("run", &["--workflow-name", "customers"]);
    for (mut command, code) in
        [(wait(&account, &[&good]), 2), (wait(&account, &[&bad]), 1), (run, 8)]
    {
        command.arg("--github").env("GITHUB_OUTPUT", "/dev/full");
        let output = ended(command).await;
        assert_exit(&output, code);
        assert!(stderr(&output).contains("GITHUB_OUTPUT: No space left"), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn a_closed_standard_output_keeps_nothing_from_github() {
    let account = Account::open().await;
    let id = account.failed_job("no");
    let step = Step::new();
    let mut command = wait(&account, &[&id]);
    command.stdout(std::fs::File::create("/dev/full").unwrap());
    let mut child =
        command.arg("--github").env("GITHUB_OUTPUT", step.file("output")).spawn().unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(2));
    assert_eq!(step.output("job-id"), Some(id));
    assert_eq!(step.output("exit-code").as_deref(), Some("2"));
}
