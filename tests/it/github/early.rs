//! A step that ends before anything is asked: its outputs say so.

use rustix::process::Signal;
use tokio::io::{AsyncBufReadExt, BufReader};

use super::*;
use crate::support::scripted::{Reply, ScriptedServer};
use crate::wait::{bare, progress, send};

/// The commands that follow jobs, with nothing that says which Region is meant.
fn commands() -> [Command; 2] {
    [
        bare("wait", &["--workflow-name", "customers", "--job-id", "0123"]),
        bare("run", &["--workflow-name", "customers"]),
    ]
}

/// Whoever has no Region asks the machine's metadata service, and this one never answers.
fn ask(silent: &ScriptedServer, command: &mut Command) {
    command
        .env_remove("AWS_EC2_METADATA_DISABLED")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", silent.url());
}

fn assert_told(step: &Step, code: i32) {
    assert_eq!(step.output("exit-code"), Some(code.to_string()));
    let none = format!("No job has ended (exit code {code})");
    assert!(step.text("summary").contains(&none), "{}", step.text("summary"));
}

#[tokio::test]
async fn a_deadline_before_anything_is_asked_is_exit_6_in_the_outputs_too() {
    for mut command in commands() {
        let (silent, step) = (ScriptedServer::start([Reply::Silence]).await, Step::new());
        ask(&silent, command.args(["--timeout", "300ms"]));
        let output = step.run(command).await;
        assert_exit(&output, 6);
        let told = "the time was up before anything could be asked; ";
        assert!(stderr(&output).contains(told), "{}", stderr(&output));
        assert_eq!(annotations(stderr(&output))[0].message, "The service never answered.");
        assert_told(&step, 6);
    }
}

#[tokio::test]
async fn a_signal_before_anything_is_asked_is_in_the_outputs_too() {
    for mut command in commands() {
        let (silent, step) = (ScriptedServer::start([Reply::Silence]).await, Step::new());
        ask(&silent, &mut command);
        step.prepare(&mut command);
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        silent.asked(1).await;
        send(Signal::TERM, &child);
        progress(&mut lines, "stopped before anything could be asked; ").await;
        assert_eq!(child.wait().await.unwrap().code(), Some(143));
        assert_told(&step, 143);
    }
}

#[tokio::test]
async fn an_account_that_cannot_be_asked_is_exit_2_in_the_outputs_too() {
    for command in commands() {
        let step = Step::new();
        let output = step.run(command).await;
        assert_exit(&output, 2);
        assert!(stderr(&output).contains("Region"), "{}", stderr(&output));
        assert_told(&step, 2);
    }
}
