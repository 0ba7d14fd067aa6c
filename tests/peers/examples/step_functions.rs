//! The state machine, executed by moto, whose task token a running daemon's command answers.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use matchwatch::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use super::Example;
use crate::support::{beside, program};

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    fn lines(&mut self) -> impl Iterator<Item = String> + use<> {
        BufReader::new(self.0.stdout.take().unwrap()).lines().map(Result::unwrap)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// How the execution ends that runs `workflow`.
fn execution_of(example: &Example, workflow: &str) -> Value {
    let config = std::fs::read_to_string(example.path("matchwatch.toml")).unwrap();
    let config = config.replace("customers", workflow);
    std::fs::write(example.path("matchwatch.toml"), config).unwrap();

    let mut moto = Running::start(
        example
            .command(program("python"))
            .arg(beside("examples/step_functions.py"))
            .arg("state-machine.asl.json")
            .arg(json!({ "workflowName": workflow }).to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null()),
    );
    let mut told = moto.lines();
    let endpoint = told.next().expect("moto starts");
    let _daemon = Running::start(
        example
            .command(env!("CARGO_BIN_EXE_matchwatch"))
            .args(["serve", "--config", "matchwatch.toml"])
            .env("AWS_ENDPOINT_URL_DYNAMODB", &endpoint)
            .env("AWS_ENDPOINT_URL_SFN", &endpoint),
    );
    let ended = told.next().expect("the execution ends");
    serde_json::from_str(&ended).unwrap()
}

#[test]
fn a_state_machine_wakes_up_with_the_job_that_it_started() {
    let example = Example::of("step-functions");
    let ended = execution_of(&example, "customers");
    assert_eq!(ended["status"], "SUCCEEDED", "{ended}");
    let output: Value = serde_json::from_str(ended["output"].as_str().unwrap()).unwrap();
    assert_eq!(output["job"]["jobId"], output["started"]["JobId"]);
    assert_eq!(output["job"]["metrics"]["matchIDs"], 98750);
}

#[test]
fn a_state_machine_whose_job_failed_fails_with_the_services_words() {
    let example = Example::of("step-functions");
    let ended = execution_of(&example, "broken");
    assert_eq!(ended["status"], "FAILED", "{ended}");
    assert_eq!(ended["error"], "MatchingJobFailed");
    assert_eq!(ended["cause"], "Access to s3://input/ was denied.");
}

/// A boto3 that knows of no task token.
const BOTO3: &str = "
class Client:
    def get_item(self, **parameters):
        return {}

def client(service):
    return Client()
";

/// Those of Python's versions from 3.9 on that are here.
fn pythons() -> Vec<PathBuf> {
    let here = |python: &PathBuf| {
        let version = Command::new(python).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    let named = (9..15).map(|minor| PathBuf::from(format!("python3.{minor}"))).filter(here);
    named.chain([program("python")]).collect()
}

/// How send-task-result ends that is told this.
fn answer_to(python: &Path, libraries: &Path, event: &Value) -> Option<i32> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/step-functions");
    let mut child = Command::new(python)
        .arg(script.join("send-task-result"))
        .env("PYTHONPATH", libraries)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(event.to_string().as_bytes()).unwrap();
    child.wait().unwrap().code()
}

#[test]
fn the_command_works_with_any_python_from_3_9_on_and_knows_how_old_an_event_is() {
    let libraries = tempfile::tempdir().unwrap();
    std::fs::write(libraries.path().join("boto3.py"), BOTO3).unwrap();
    std::fs::create_dir(libraries.path().join("botocore")).unwrap();
    let errors = "class BotoCoreError(Exception): pass\nclass ClientError(Exception): pass\n";
    std::fs::write(libraries.path().join("botocore/exceptions.py"), errors).unwrap();
    let now = SystemClock.now();
    let job = json!({ "jobId": "0123456789abcdef0123456789abcdef", "status": "SUCCEEDED" });
    for python in pythons() {
        let answer = |event: Value| answer_to(&python, libraries.path(), &event);
        for time in [format!("{now:.9}"), format!("{now:.0}"), format!("{now:.1}")] {
            let fresh = json!({ "time": time, "data": job });
            assert_eq!(answer(fresh), Some(75), "{}: {time}", python.display());
        }
        let old = json!({ "time": "2025-06-01T08:00:00.123456789Z", "data": job });
        assert_eq!(answer(old), Some(0), "{}", python.display());
        let test = json!({ "time": "2025-06-01T08:00:00Z", "data": { "test": true } });
        assert_eq!(answer(test), Some(0), "{}", python.display());
    }
}
