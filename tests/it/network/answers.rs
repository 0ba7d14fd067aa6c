//! No more is read of an answer than can matter, however much is sent.

use serde_json::Value;

use crate::support::daemon::{Home, watch};
use crate::support::scripted::{Reply, ScriptedServer};
use crate::support::service::Service;

const ENDLESS: &str = "connection: close";
const HUGE: &str = "content-length: 1000000000000";
/// What the buffers of two sockets may hold besides what was read.
const ON_THE_WAY: usize = 32 * 1024 * 1024;

/// An answer with this status that is as long as the header says.
fn flood(status: u16, length: &str) -> Reply {
    Reply::Flood(format!("HTTP/1.1 {status} Flood\r\n{length}\r\n\r\n").into_bytes())
}

/// An answer about a job that runs, of some `length`.
fn running(job: &str, length: usize) -> Reply {
    let body = serde_json::json!({ "jobId": job, "status": "RUNNING" }).to_string();
    let spaces = " ".repeat(length - body.len());
    Reply::new(200, &[("content-type", "application/json")], &(body + &spaces))
}

fn said<'v>(line: &'v Value, field: &str) -> &'v str {
    line[field].as_str().unwrap()
}

#[tokio::test]
async fn an_answer_of_the_service_without_end_is_no_answer_and_is_not_read_on() {
    let job = "0".repeat(32);
    let limit = 16 * 1024 * 1024;
    let service = ScriptedServer::start([
        flood(200, HUGE),
        flood(200, ENDLESS),
        flood(503, ENDLESS),
        running(&job, limit + 1),
        running(&job, limit),
    ])
    .await;
    let home = Home::new(&service.url(), &watch("customers", &[&job]))
        .with("MATCHWATCH__LOG__FILTER", "debug")
        .with("MATCHWATCH__POLL__REQUEST_TIMEOUT", "10m");
    let mut daemon = home.serve().await;
    for _ in 0..4 {
        let line = daemon.log("no answer about the job; asking again").await;
        assert!(said(&line, "error").contains("length limit exceeded"), "{line}");
    }
    assert_eq!(daemon.event().await["data"]["status"], "RUNNING");
    assert!(service.flooded() < 3 * (limit + ON_THE_WAY), "{} bytes were taken", service.flooded());
}

#[tokio::test]
async fn an_answer_of_a_receiver_without_end_is_judged_by_its_beginning() {
    let service = Service::start().await;
    let job = service.job("customers");
    let receiver = ScriptedServer::start([
        flood(500, HUGE),
        flood(500, ENDLESS),
        flood(429, ENDLESS),
        flood(200, ENDLESS),
    ])
    .await;
    let hook = format!(
        "[[notifier]]\nname = \"hook\"\ntype = \"webhook\"\ntimeout = \"1d\"\nurl = \"{}\"\n",
        receiver.url()
    );
    let home = Home::new(service.url(), &(watch("customers", &[&job]) + &hook))
        .with("MATCHWATCH__LOG__FILTER", "debug");
    let mut daemon = home.serve().await;
    for status in [500, 500, 429] {
        let line = daemon.log("delivery failed; trying again").await;
        let reason = said(&line, "reason");
        assert!(reason.starts_with(&format!("127.0.0.1 answered {status}")), "{reason}");
        assert!(reason.len() < 300, "{reason}");
    }
    daemon.log("delivered").await;
    assert!(receiver.flooded() < 4 * ON_THE_WAY, "{} bytes were taken", receiver.flooded());
}
