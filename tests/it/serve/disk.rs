//! A database that cannot be written for a while, or is not there any more: the real daemon on a disk of its own.

use std::collections::HashSet;

use matchwatch::simulator::Status::{Running, Succeeded};
use serde_json::Value;

use crate::support::daemon::{Daemon, Home, watch};
use crate::support::receiver::{Arrival, Mood, Receiver};
use crate::support::service::Service;
use crate::support::soon;

const REFUSED_RECORD: &str = r#"matchwatch_store_errors_total{operation="record"}"#;
const REFUSED_SETTLE: &str = r#"matchwatch_store_errors_total{operation="settle"}"#;

/// A home whose daemon tells the receiver of these jobs.
pub(super) fn home(service: &Service, jobs: &[&str], receiver: &Receiver) -> Home {
    let hook = format!(
        "[[notifier]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{}\"\n",
        receiver.url()
    );
    Home::new(service.url(), &(watch("customers", jobs) + &hook))
}

/// Waits until a page answers so.
async fn page_is(daemon: &Daemon, path: &str, status: u16) {
    soon(&format!("{status} at {path}"), async { while daemon.page(path).await.0 != status {} })
        .await;
}

pub(super) async fn metric_is_above(daemon: &Daemon, series: &str, least: f64) {
    soon(series, async { while daemon.metric(series).await.unwrap_or_default() <= least {} }).await;
}

/// Asks whether the daemon is ready until its log says that it is not for this reason.
async fn not_ready_because(daemon: &mut Daemon, why: &str) {
    soon(why, async {
        loop {
            let line = daemon.log("not ready: the store cannot write").await;
            if line["error"].as_str().unwrap().contains(why) {
                break;
            }
            assert_eq!(daemon.page("/readyz").await.0, 503);
        }
    })
    .await;
}

/// The job and the status that an event tells.
pub(super) fn told(arrival: &Arrival) -> (String, String) {
    let event: Value = serde_json::from_str(&arrival.body).unwrap();
    (event["subject"].as_str().unwrap().to_owned(), arrival.status())
}

/// Takes arrivals until each of the jobs has ended.
async fn until_ended(receiver: &mut Receiver, jobs: &[&str], arrivals: &mut Vec<Arrival>) {
    let ended = |arrivals: &[Arrival]| {
        arrivals.iter().filter(|arrival| arrival.status() == "SUCCEEDED").count()
    };
    while ended(arrivals) < jobs.len() {
        arrivals.push(receiver.next().await);
    }
}

/// All jobs succeed, and the daemon is told to stop: what was told in all is the whole life of each.
async fn ends_well(
    service: &Service,
    daemon: Daemon,
    mut receiver: Receiver,
    jobs: &[&str],
    mut arrivals: Vec<Arrival>,
) {
    for job in jobs {
        service.set(job, Succeeded);
    }
    until_ended(&mut receiver, jobs, &mut arrivals).await;
    assert_eq!(daemon.stop().await.code, Some(0));
    arrivals.extend(receiver.rest());
    assert_whole(&arrivals, jobs);
}

/// Asserts that each job's whole life was told in order, under one id a status.
pub(super) fn assert_whole(arrivals: &[Arrival], jobs: &[&str]) {
    for job in jobs {
        let of_job: Vec<_> = arrivals.iter().filter(|arrival| told(arrival).0 == *job).collect();
        let statuses: Vec<_> = of_job.iter().map(|arrival| arrival.status()).collect();
        assert_eq!(statuses, ["QUEUED", "RUNNING", "SUCCEEDED"], "{job}");
        let ids: HashSet<_> = of_job.iter().map(|arrival| &arrival.id).collect();
        assert_eq!(ids.len(), 3);
    }
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_work_resumes_by_itself_when_there_is_room() {
    let service = Service::start().await;
    let jobs = [service.job("customers"), service.job("customers")];
    let jobs = jobs.each_ref().map(String::as_str);
    let mut receiver = Receiver::start(Mood::Good).await;
    let mut home = home(&service, &jobs, &receiver).on_a_small_disk();
    let mut daemon = home.serve().await;
    let mut arrivals = vec![receiver.next().await, receiver.next().await];

    // The first job's RUNNING is recorded, and is being told when the disk is full.
    receiver.set(Mood::Silent);
    service.set(jobs[0], Running);
    arrivals.push(receiver.next().await);
    home.disk.as_mut().unwrap().fill();
    service.set(jobs[1], Running);
    let line = daemon.log("a change could not be recorded; asking again").await;
    assert!(line["error"].as_str().unwrap().contains("its disk is full"), "{line}");
    page_is(&daemon, "/readyz", 503).await;
    metric_is_above(&daemon, REFUSED_RECORD, 0.0).await;
    receiver.set(Mood::Good);
    metric_is_above(&daemon, REFUSED_SETTLE, 0.0).await;
    assert_eq!(daemon.page("/healthz").await.0, 200, "a restart would mend nothing");
    not_ready_because(&mut daemon, "Make room").await;

    home.disk.as_mut().unwrap().make_room().await;
    arrivals.push(receiver.next().await);
    page_is(&daemon, "/readyz", 200).await;
    ends_well(&service, daemon, receiver, &jobs, arrivals).await;
}

#[tokio::test]
async fn a_file_system_that_turns_read_only_loses_nothing_and_work_resumes_by_itself() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Good).await;
    let home = home(&service, &[&job], &receiver).on_a_small_disk();
    let disk = home.disk.as_ref().unwrap();
    let mut daemon = home.serve().await;
    let mut arrivals = vec![receiver.next().await];

    // As where the kernel finds an error: files that are open can be written no more, others be opened to read alone.
    disk.make_read_only();
    daemon.may_write_files(false);
    service.set(&job, Running);
    let line = daemon.log("a change could not be recorded; asking again").await;
    assert!(line["error"].as_str().unwrap().contains("its disk fails"), "{line}");
    page_is(&daemon, "/readyz", 503).await;
    daemon.may_write_files(true);
    not_ready_because(&mut daemon, "not read-only").await;
    metric_is_above(&daemon, REFUSED_RECORD, 0.0).await;

    disk.make_writable();
    arrivals.push(receiver.next().await);
    page_is(&daemon, "/readyz", 200).await;
    ends_well(&service, daemon, receiver, &[&job], arrivals).await;
}

#[tokio::test]
async fn a_database_that_is_moved_away_is_missed_and_nothing_is_lost_once_it_is_back() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Good).await;
    let home = home(&service, &[&job], &receiver);
    let mut daemon = home.serve().await;
    let mut arrivals = vec![receiver.next().await];
    page_is(&daemon, "/readyz", 200).await;

    std::fs::rename(home.file("jobs.db"), home.file("away.db")).unwrap();
    service.set(&job, Running);
    let line = daemon.log("a change could not be recorded; asking again").await;
    assert!(line["error"].as_str().unwrap().contains("was removed or replaced"), "{line}");
    page_is(&daemon, "/readyz", 503).await;
    std::fs::rename(home.file("away.db"), home.file("jobs.db")).unwrap();
    arrivals.push(receiver.next().await);
    ends_well(&service, daemon, receiver, &[&job], arrivals).await;
}

#[tokio::test]
async fn after_a_database_was_replaced_a_restart_tells_again_under_the_same_ids() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Good).await;
    let home = home(&service, &[&job], &receiver);
    let mut daemon = home.serve().await;
    let queued = receiver.next().await;
    page_is(&daemon, "/readyz", 200).await;
    for name in ["jobs.db", "jobs.db-wal", "jobs.db-shm"] {
        std::fs::remove_file(home.file(name)).unwrap();
    }
    service.set(&job, Running);
    daemon.log("a change could not be recorded; asking again").await;
    assert_eq!(daemon.stop().await.code, Some(0));
    assert_eq!(receiver.rest(), [], "nothing was told that is not recorded");

    let daemon = home.serve().await;
    let running = receiver.next().await;
    assert_eq!(running.status(), "RUNNING");
    assert_ne!(running.id, queued.id);
    assert_eq!(daemon.stop().await.code, Some(0));
}
