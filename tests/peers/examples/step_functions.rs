//! The state machine, executed by moto, whose task token a running daemon's command answers.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

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
