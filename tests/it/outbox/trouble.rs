//! Receivers that are slow, ask for peace, or stay away.

use jiff::{SignedDuration, Timestamp};
use matchwatch::simulator::Status::{Running, Succeeded};
use serde_json::Value;

use super::{given_up, home, rows};
use crate::support::receiver::{Mood, Receiver};
use crate::support::service::Service;
use crate::support::soon;

const PENDING: &str = "matchwatch_deliveries_pending{notifier=\"hook\"}";

#[tokio::test]
async fn a_slow_receiver_never_has_more_requests_than_it_may_and_delays_nobody_else() {
    let service = Service::start().await;
    let jobs: Vec<String> = (0..12).map(|_| service.job("customers")).collect();
    let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
    let mut receiver = Receiver::start(Mood::Silent).await;
    let home = home(&service, &jobs, &receiver).with("MATCHWATCH__DELIVER__CONCURRENCY", "3");
    let mut daemon = home.serve().await;
    for _ in &jobs {
        // The other notifier is told all the same.
        assert_eq!(daemon.event().await["data"]["status"], "QUEUED");
    }
    soon("a backlog", async { while daemon.metric(PENDING).await != Some(12.0) {} }).await;
    for _ in 0..3 {
        receiver.next().await;
    }
    receiver.set(Mood::Good);
    for status in [Running, Succeeded] {
        for job in &jobs {
            service.set(job, status);
        }
        for _ in &jobs {
            daemon.event().await;
        }
    }
    for _ in 3..3 * jobs.len() {
        receiver.next().await;
    }
    assert_eq!(receiver.most_at_once(), 3);
    assert_eq!(daemon.stop().await.code, Some(0));
    assert_eq!(receiver.rest(), []);
}

#[tokio::test]
async fn a_receiver_that_asks_for_peace_gets_it_but_not_for_longer_than_configured() {
    for (asks, expected) in [(1_200, 1_200), (86_400, 1_800)] {
        let service = Service::start().await;
        let job = service.job("customers");
        let mut receiver = Receiver::start(Mood::Busy(asks)).await;
        let home =
            home(&service, &[&job], &receiver).with("MATCHWATCH__DELIVER__MAX_RETRY_AFTER", "30m");
        let mut daemon = home.serve().await;
        receiver.next().await;
        daemon.log("delivery failed; trying again").await;
        let row = soon("the retry in the database", async {
            loop {
                let mut rows = rows(&home, &["events", "list", "--notifier", "hook"]).await;
                if rows[0]["attempts"] == 1 {
                    break rows.remove(0);
                }
            }
        })
        .await;
        let instant = |row: &Value, key: &str| row[key].as_str().unwrap().parse::<Timestamp>();
        let due = instant(&row, "dueAt").unwrap();
        let pause = due.duration_since(instant(&row, "recordedAt").unwrap());
        let least = SignedDuration::from_secs(expected);
        // The rest is how long the first attempt took.
        let most = least + SignedDuration::from_mins(2);
        assert!((least..most).contains(&pause), "{pause:?}");
        assert_eq!(daemon.stop().await.code, Some(0));
        assert_eq!(receiver.rest(), [], "it was left alone at the stop, too");
    }
}

#[tokio::test]
async fn a_receiver_that_stays_away_is_given_up_listed_and_told_on_request() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Bad(503)).await;
    let home = home(&service, &[&job], &receiver).with("MATCHWATCH__DELIVER__GIVE_UP_AFTER", "1s");
    let mut daemon = home.serve().await;
    let refused = receiver.next().await;
    given_up(&mut daemon).await;
    let dead = rows(&home, &["events", "list", "--state", "dead"]).await;
    assert_eq!(dead.len(), 1, "{dead:#?}");
    let reason = dead[0]["lastReason"].as_str().unwrap();
    assert!(reason.starts_with("given up after ") && reason.contains("503"), "{reason}");
    assert!(dead[0]["attempts"].as_i64().unwrap() > 1, "{}", dead[0]);
    let tried = receiver.rest();
    assert!(tried.iter().all(|arrival| *arrival == refused), "the same id, and the same bytes");

    receiver.set(Mood::Good);
    service.set(&job, Running);
    assert_eq!(receiver.next().await.status(), "RUNNING", "it is in nobody's way");
    let address = daemon.http().to_string();
    let again = ["events", "redeliver", "--dead", "--address", &address];
    assert_eq!(home.run(&again).await.status.code(), Some(0));
    assert_eq!(receiver.next().await, refused);
    assert_eq!(daemon.stop().await.code, Some(0));
    assert!(rows(&home, &["events", "list", "--state", "dead"]).await.is_empty());
}
