//! A command that has to end while its request is under way: the answer that still comes counts.

use std::sync::Arc;

use rustix::process::Signal;
use serde_json::json;
use tokio::sync::Barrier;

use super::*;
use crate::support::scripted::{Reply, ScriptedServer};

/// What ends the command before the answer comes.
#[derive(Debug, Clone, Copy)]
enum End {
    Deadline,
    Interrupt,
}

/// How the command ended, and what it said.
struct Ended {
    code: Option<i32>,
    said: String,
}

/// Runs the command; it gets this answer to its request once it has to end.
async fn answered_late(end: End, answer: Reply) -> Ended {
    let Reply::Answer(bytes) = answer else { panic!("{answer:?}") };
    let release = Arc::new(Barrier::new(2));
    let no_jobs = Reply::json(200, &json!({ "jobs": [] }));
    let held_back = Reply::Together(Arc::clone(&release), bytes);
    let server = ScriptedServer::start([no_jobs, held_back]).await;
    let url = server.url();
    let mut command = bare("run", &["--workflow-name", "customers", "--endpoint-url", &url]);
    command.args(["--region", "eu-west-1", "--no-sign-request"]);
    if matches!(end, End::Deadline) {
        command.args(["--timeout", "1s"]);
    }
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    if matches!(end, End::Interrupt) {
        server.asked(2).await;
        send(Signal::INT, &child);
    }
    progress(&mut lines, "waiting 2s for the answer").await;
    release.wait().await;
    let mut said = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        said += &(line + "\n");
    }
    assert_eq!(server.requests().len(), 2, "no other request: {said}");
    Ended { code: child.wait().await.unwrap().code(), said }
}

fn refused() -> Reply {
    let denied = [("x-amzn-errortype", "AccessDeniedException")];
    Reply::new(403, &denied, r#"{"message":"not you"}"#)
}

#[tokio::test]
async fn a_refusal_says_that_no_job_was_started_and_why() {
    for (end, code) in [(End::Deadline, 4), (End::Interrupt, 130)] {
        let Ended { code: ended, said } = answered_late(end, refused()).await;
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains("no job of workflow customers was started"), "{said}");
        assert!(said.contains("not you"), "{said}");
        assert!(!said.contains("may have been started"), "{said}");
    }
    let conflict = [("x-amzn-errortype", "ConflictException")];
    let conflict = Reply::new(400, &conflict, r#"{"message":"it runs"}"#);
    let Ended { code, said } = answered_late(End::Deadline, conflict).await;
    assert_eq!(code, Some(8), "{said}");
    assert!(said.contains("it runs"), "{said}");
}

#[tokio::test]
async fn a_refusal_that_would_be_asked_again_is_not_said_to_be() {
    for (end, code) in [(End::Deadline, 3), (End::Interrupt, 130)] {
        let throttled = [("x-amzn-errortype", "ThrottlingException")];
        let throttled = Reply::new(429, &throttled, r#"{"message":"slow down"}"#);
        let Ended { code: ended, said } = answered_late(end, throttled).await;
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains("no job of workflow customers was started"), "{said}");
        assert!(said.contains("slow down"), "{said}");
        assert!(!said.contains("asking again"), "{said}");
    }
}

#[tokio::test]
async fn a_job_that_is_started_all_the_same_is_said_with_its_id() {
    for (end, code) in [(End::Deadline, 3), (End::Interrupt, 130)] {
        let started = Reply::json(200, &json!({ "jobId": "job-1" }));
        let Ended { code: ended, said } = answered_late(end, started).await;
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains("customers/job-1: started"), "{said}");
        assert!(said.contains("job job-1 goes on. To wait for it: matchwatch wait --job-id job-1"));
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_not_said_to_be_looked_after() {
    for (end, code) in [(End::Deadline, 9), (End::Interrupt, 130)] {
        let Ended { code: ended, said } = answered_late(end, Reply::new(500, &[], "")).await;
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains("a job may have been started"), "{said}");
        assert!(!said.contains("looking for it"), "{said}");
    }
}
