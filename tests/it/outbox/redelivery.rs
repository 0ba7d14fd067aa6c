//! Sending again what was given up, or what somebody wants once more.

use serde_json::json;

use super::{complaint, given_up, home, rows};
use crate::support::receiver::{Mood, Receiver};
use crate::support::service::Service;

const PATH: &str = "/-/redeliver";

#[tokio::test]
async fn a_dead_letter_goes_out_again_as_it_was_from_the_running_daemon() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Bad(410)).await;
    let home = home(&service, &[&job], &receiver);
    let mut daemon = home.serve().await;
    let refused = receiver.next().await;
    given_up(&mut daemon).await;
    receiver.set(Mood::Good);

    let address = daemon.http().to_string();
    let asked = ["events", "redeliver", "--dead", "--notifier", "hook", "--address", &address];
    let output = home.run(&asked).await;
    assert_eq!(complaint(&output), (Some(0), String::new()));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "1 delivery to be made again: they are on their way\n"
    );
    assert_eq!(receiver.next().await, refused, "the same id, and the same bytes");

    let id = refused.id.clone();
    let output = home.run(&["events", "redeliver", &id, "--address", &address]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(receiver.next().await, refused, "what was delivered goes out once more too");
    let ended = daemon.stop().await;
    assert!(ended.stdout.iter().all(|line| line.contains(&id)), "{:#?}", ended.stdout);
    assert_eq!(ended.stdout.len(), 2, "by its id, an event goes to all whom it was for");
}

#[tokio::test]
async fn without_a_daemon_the_next_one_sends_again() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Bad(410)).await;
    let home = home(&service, &[&job], &receiver);
    let mut daemon = home.serve().await;
    let refused = receiver.next().await;
    given_up(&mut daemon).await;
    daemon.stop().await;

    receiver.set(Mood::Good);
    let done = rows(&home, &["events", "redeliver", "--dead"]).await;
    assert_eq!(done, [json!({ "redelivered": 1, "without_notifier": 0, "unknown": [] })]);
    assert_eq!(rows(&home, &["events", "list", "--state", "pending"]).await.len(), 1);
    let daemon = home.serve().await;
    assert_eq!(receiver.next().await, refused);
    daemon.stop().await;
    let output = home.run(&["events", "redeliver", "--dead"]).await;
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "nothing to send again\n");
}

#[tokio::test]
async fn a_daemon_that_cannot_be_asked_is_said_to_be_in_the_way() {
    let service = Service::start().await;
    let job = service.job("customers");
    let receiver = Receiver::start(Mood::Good).await;
    let home = home(&service, &[&job], &receiver).with("MATCHWATCH__HTTP__LISTEN", "");
    let mut daemon = home.serve().await;
    daemon.event().await;
    let (code, said) = complaint(&home.run(&["events", "redeliver", "--dead"]).await);
    assert_eq!(code, Some(2));
    assert!(said.contains("[http] listen is not set"), "{said}");

    // A port that was free a moment ago: nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let elsewhere = ["events", "redeliver", "--dead", "--address", &free.to_string()];
    let (code, said) = complaint(&home.run(&elsewhere).await);
    assert_eq!(code, Some(6));
    assert!(said.contains("does not answer"), "{said}");
    daemon.stop().await;
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_with_what_would() {
    let service = Service::start().await;
    let job = service.job("customers");
    let receiver = Receiver::start(Mood::Good).await;
    let home = home(&service, &[&job], &receiver);
    let mut daemon = home.serve().await;
    let event = daemon.event().await;
    for (body, expected) in [
        ("", "the body is not what is expected"),
        ("{", "the body is not what is expected"),
        ("[]", r#"write {"event_ids": ["…"]}"#),
        (r#"{"event_ids": ["1"]}"#, "the body is not what is expected"),
        (r#"{"death": true}"#, "unknown field `death`"),
        ("{}", r#"write {"event_ids": ["…"]}"#),
        (r#"{"dead": false}"#, r#"write {"event_ids": ["…"]}"#),
        (r#"{"dead": true, "notifier": "nobody"}"#, "known are lines, hook"),
    ] {
        let (status, answer) = daemon.post(PATH, body, &[]).await;
        assert_eq!(status, 400, "{body}");
        let reason = answer["error"].as_str().unwrap();
        assert!(reason.contains(expected), "{body}: {reason}");
    }
    let (status, _) = daemon.post(PATH, &" ".repeat(70_000), &[]).await;
    assert_eq!(status, 413);
    let good = json!({ "event_ids": [event["id"]] }).to_string();
    for header in [("origin", "https://example.com"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(daemon.post(PATH, &good, &[header]).await.0, 403, "{header:?}");
    }
    let (status, answer) = daemon.post(PATH, &good, &[]).await;
    assert_eq!((status, &answer["redelivered"]), (200, &json!(2)));
    assert_eq!(daemon.event().await, event);
    daemon.stop().await;
}
