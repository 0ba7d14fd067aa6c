//! What `events list|show` and `jobs list|show` print.

use std::process::Stdio;

use matchwatch::simulator::Kind;
use matchwatch::simulator::Status::{Running, Succeeded};
use serde_json::json;

use super::{complaint, given_up, home, rows};
use crate::support::daemon::{Home, watch};
use crate::support::receiver::{Mood, Receiver};
use crate::support::service::Service;

#[tokio::test]
async fn events_and_jobs_are_listed_beside_the_running_daemon() {
    let service = Service::start().await;
    let (ended, queued) = (service.job("customers"), service.job("customers"));
    let mut receiver = Receiver::start(Mood::Bad(410)).await;
    let home = home(&service, &[&ended], &receiver);
    let mut daemon = home.serve().await;
    let first = daemon.event().await;
    receiver.next().await;
    given_up(&mut daemon).await;

    let dead = rows(&home, &["events", "list", "--state", "dead"]).await;
    assert_eq!(dead.len(), 1, "{dead:#?}");
    assert_eq!(dead[0]["eventId"], first["id"]);
    assert_eq!(dead[0]["type"], "dev.matchwatch.job.queued.v1");
    assert_eq!(dead[0]["jobId"], ended);
    assert_eq!(dead[0]["notifier"], "hook");
    assert_eq!(dead[0]["attempts"], 1);
    assert!(dead[0]["lastReason"].as_str().unwrap().contains("410"), "{}", dead[0]);
    assert!(dead[0].get("dueAt").is_none(), "{}", dead[0]);

    receiver.set(Mood::Good);
    for status in [Running, Succeeded] {
        service.set(&ended, status);
        daemon.event().await;
        receiver.next().await;
    }
    daemon.stop().await;

    let hook = rows(&home, &["events", "list", "--notifier", "hook"]).await;
    let types: Vec<_> = hook.iter().map(|row| row["type"].as_str().unwrap()).collect();
    let newest_first = ["succeeded", "running", "queued"];
    assert_eq!(types, newest_first.map(|name| format!("dev.matchwatch.job.{name}.v1")));
    let states: Vec<_> = hook.iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["delivered", "delivered", "dead"]);
    let lines = ["--job-id", &ended, "--workflow-name", "customers", "--notifier", "lines"];
    assert_eq!(rows(&home, &[&["events", "list"][..], &lines].concat()).await.len(), 3);
    assert!(rows(&home, &["events", "list", "--job-id", &queued]).await.is_empty());

    let jobs = rows(&home, &["jobs", "list", "--status", "succeeded"]).await;
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0]["jobId"], ended);
    assert_eq!(jobs[0]["status"], "SUCCEEDED");
    assert!(rows(&home, &["jobs", "list", "--status", "FAILED"]).await.is_empty());
    let shown = &rows(&home, &["jobs", "show", &ended]).await[0];
    assert_eq!(shown["events"].as_array().unwrap().len(), 6, "{shown:#}");
    assert_eq!(shown["events"][0]["type"], "dev.matchwatch.job.queued.v1", "in their order");

    let text = String::from_utf8(home.run(&["events", "list"]).await.stdout).unwrap();
    assert!(text.starts_with("RECORDED "), "{text}");
    assert_eq!(text.lines().count(), 7, "{text}");
    let text = String::from_utf8(home.run(&["jobs", "show", &ended]).await.stdout).unwrap();
    assert!(text.contains("SUCCEEDED") && text.contains("answered 410"), "{text}");
}

#[tokio::test]
async fn jobs_and_events_of_one_kind_are_listed_alone() {
    let service = Service::start().await;
    let (matching, mapping) =
        (service.job("customers"), service.job_of(Kind::IdMapping, "customers"));
    let watches = format!(
        "{}{}kind = \"id-mapping\"\n",
        watch("customers", &[&matching]),
        watch("customers", &[&mapping])
    );
    let home = Home::new(service.url(), &watches);
    let mut daemon = home.serve().await;
    for _ in 0..2 {
        daemon.event().await;
    }
    daemon.stop().await;
    for (kind, job) in [("matching", &matching), ("id-mapping", &mapping)] {
        for list in [["jobs", "list"], ["events", "list"]] {
            let listed = rows(&home, &[&list[..], &["--kind", kind]].concat()).await;
            assert_eq!(listed.len(), 1, "{list:?} {kind}");
            assert_eq!((&listed[0]["jobId"], &listed[0]["kind"]), (&json!(job), &json!(kind)));
        }
    }
    let text = String::from_utf8(home.run(&["jobs", "list"]).await.stdout).unwrap();
    assert!(text.contains(" KIND ") && text.contains(" id-mapping "), "{text}");
}

#[tokio::test]
async fn an_event_is_shown_as_it_was_sent() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Good).await;
    let home = home(&service, &[&job], &receiver);
    let daemon = home.serve().await;
    let arrival = receiver.next().await;
    daemon.stop().await;

    let output = home.run(&["events", "show", &arrival.id, "--output", "json"]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    let sent = format!("{{\"event\":{},\"deliveries\":[", arrival.body);
    assert!(text.starts_with(&sent), "the very bytes:\n{text}\n{sent}");
    let output = home.run(&["events", "show", &arrival.id]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["hook", "lines", "delivered", "\"specversion\": \"1.0\""] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[tokio::test]
async fn only_the_newest_are_listed_and_that_is_said() {
    let service = Service::start().await;
    let (one, two) = (service.job("customers"), service.job("customers"));
    let mut receiver = Receiver::start(Mood::Good).await;
    let home = home(&service, &[&one, &two], &receiver);
    let daemon = home.serve().await;
    for _ in 0..2 {
        receiver.next().await;
    }
    daemon.stop().await;
    let output = home.run(&["jobs", "list", "--limit", "1", "--output", "json"]).await;
    assert_eq!(String::from_utf8(output.stdout.clone()).unwrap().lines().count(), 1);
    assert!(complaint(&output).1.contains("only the newest 1 are shown"), "{output:?}");
    let all = home.run(&["jobs", "list", "--limit", "2"]).await;
    assert_eq!(complaint(&all).1, "", "nothing is left out");
}

#[tokio::test]
async fn looking_needs_no_secret_and_no_receiver() {
    let service = Service::start().await;
    let job = service.job("customers");
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let configuration = watch("customers", &[&job])
        + "[[notifier]]\nname = \"hook\"\ntype = \"webhook\"\nurl = { env = \"HOOK_URL\" }\n\
           secrets = [{ env = \"HOOK_SECRET\" }]\n";
    let home = Home::new(service.url(), &configuration);
    let mut receiver = Receiver::start(Mood::Good).await;
    let home = home.with("HOOK_URL", receiver.url()).with("HOOK_SECRET", secret);
    let daemon = home.serve().await;
    receiver.next().await;
    daemon.stop().await;

    let output = home
        .command(&["events", "list", "--output", "json"])
        .env_remove("HOOK_URL")
        .env_remove("HOOK_SECRET")
        .output()
        .await
        .unwrap();
    assert_eq!(complaint(&output), (Some(0), String::new()));
    assert!(!output.stdout.is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_told_with_what_to_do() {
    let service = Service::start().await;
    let job = service.job("customers");
    let home = Home::new(service.url(), &watch("customers", &[&job]));
    let output = home.run(&["events", "list"]).await;
    let (code, said) = complaint(&output);
    assert_eq!(code, Some(2));
    assert!(said.contains("jobs.db") && said.contains("`serve` makes it"), "{said}");
    assert!(!home.file("jobs.db").exists(), "looking makes no database");
    let output = home.run(&["events", "redeliver", "--dead"]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(!home.file("jobs.db").exists(), "nor does redelivery");

    let mut daemon = home.serve().await;
    daemon.event().await;
    daemon.stop().await;
    let id = "00000000-0000-4000-8000-000000000000";
    for arguments in [["events", "show", id], ["jobs", "show", id], ["events", "redeliver", id]] {
        let (code, said) = complaint(&home.run(&arguments).await);
        assert_eq!(code, Some(5), "{arguments:?}: {said}");
        assert!(said.contains(id), "{arguments:?}: {said}");
    }
    for arguments in [
        &["events", "list", "--state", "lost"][..],
        &["events", "redeliver"],
        &["events", "redeliver", "no-id"],
        &["events", "redeliver", id, "--dead"],
        &["events", "redeliver", id, "--notifier", "hook"],
        &["events", "redeliver", "--dead", "--notifier", "nobody"],
        &["jobs", "list", "--status", "DONE"],
        &["jobs", "list", "--limit", "0"],
    ] {
        let (code, said) = complaint(&home.run(arguments).await);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
    }

    let memory = home.with("MATCHWATCH__STORE__TYPE", "memory");
    let (code, said) = complaint(&memory.run(&["jobs", "list"]).await);
    assert_eq!(code, Some(2));
    assert!(said.contains("memory"), "{said}");
}

#[tokio::test]
async fn whoever_stops_reading_has_seen_enough() {
    let service = Service::start().await;
    let job = service.job("customers");
    let home = Home::new(service.url(), &watch("customers", &[&job]));
    let mut daemon = home.serve().await;
    daemon.event().await;
    daemon.stop().await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = home.command(&["events", "list"]);
    let output = command.stdout(Stdio::from(writer)).output().await.unwrap();
    assert_eq!(complaint(&output), (Some(0), String::new()));
}
