//! The examples, as they stand: each is run against the simulated service, by its engine where a package index has that.

mod airflow;
mod step_functions;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::simulator::Simulated;
use crate::support::{beside, program};

/// A copy of an example, beside a simulated service.
struct Example {
    folder: TempDir,
    simulated: Simulated,
}

impl Example {
    fn of(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        copy(&original, folder.path());
        Self { folder, simulated: Simulated::of(&beside("examples/simulator.toml")) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `program` in the example's folder, with matchwatch, the AWS CLI and Python on its PATH, and the simulated service for
    /// AWS.
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.simulated.peer(program);
        command.current_dir(&self.folder).env("PATH", path()).env("HOME", self.folder.path());
        command
    }

    /// What comes of the runner of that name beside these tests.
    fn run_with(&self, runner: &str, argument: &str) -> Output {
        let runner = beside("examples").join(runner);
        self.command(program("python")).arg(runner).arg(argument).output().unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn path() -> OsString {
    let matchwatch = Path::new(env!("CARGO_BIN_EXE_matchwatch")).parent().unwrap().to_owned();
    let peers = program("python").parent().unwrap().to_owned();
    let machine = std::env::var_os("PATH").unwrap_or_default();
    let all = [matchwatch, peers].into_iter().chain(std::env::split_paths(&machine));
    std::env::join_paths(all).unwrap()
}

/// What a program printed that ended well.
fn printed(output: &Output) -> String {
    let (stdout, stderr) = told(output);
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    stdout
}

fn told(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// The example folder has nothing that no test here runs.
#[test]
fn every_example_is_run() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names: Vec<_> = std::fs::read_dir(examples)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    names.sort();
    assert_eq!(names, ["airflow", "argo", "github-actions", "jenkins", "make", "step-functions"]);
}

#[test]
fn make_reports_what_the_job_found_and_leaves_no_file_of_a_job_that_failed() {
    let example = Example::of("make");
    let report = printed(&example.command("make").args(["--silent", "report"]).output().unwrap());
    assert!(report.contains(": 98750 match ids from 125000 records"), "{report}");

    std::fs::remove_file(example.path("matched.json")).unwrap();
    let failed = example.command("make").args(["report", "WORKFLOW=broken"]).output().unwrap();
    assert_eq!(failed.status.code(), Some(2), "{:?}", told(&failed));
    assert!(!example.path("matched.json").exists());
}

#[test]
fn a_jenkins_pipeline_runs_to_its_report() {
    let example = Example::of("jenkins");
    let report = printed(&example.run_with("jenkins.py", "Jenkinsfile"));
    assert_eq!(report.trim(), "98750 match ids from 125000 records");
}

#[test]
fn an_argo_workflow_starts_a_job_and_waits_for_it() {
    let example = Example::of("argo");
    let printed = printed(&example.run_with("argo.py", "workflow.yaml"));
    let lines: Vec<_> = printed.lines().collect();
    let [job_id, job] = lines[..] else { panic!("{printed}") };
    let job: serde_json::Value = serde_json::from_str(job).unwrap();
    assert_eq!((&job["jobId"], &job["status"]), (&job_id.into(), &"SUCCEEDED".into()));
}

#[test]
fn a_github_workflow_uses_what_the_action_found() {
    let example = Example::of("github-actions");
    let action = Path::new(env!("CARGO_MANIFEST_DIR")).join("action.yml");
    let output = example
        .command(program("python"))
        .arg(beside("examples/github.py"))
        .args([example.path("match-customers.yml"), action])
        .output()
        .unwrap();
    let printed = printed(&output);
    assert!(printed.contains("98750 match ids from 125000 records"), "{printed}");
    assert!(printed.contains("--- summary"), "{printed}");
}
