//! Another configuration, taken up by the daemon that runs.

use std::collections::HashMap;

use matchwatch::simulator::Status::{Running, Succeeded};

use crate::support::daemon::{Daemon, Home, watch};
use crate::support::receiver::{Arrival, Mood, Receiver};
use crate::support::service::Service;

const LOADED: &str = "another configuration runs";
const REFUSED: &str = "the configuration is refused; the one before runs on";
const SUCCESSFUL: &str = "matchwatch_config_last_reload_successful";

fn hook(name: &str, receiver: &Receiver) -> String {
    format!("[[notifier]]\nname = {name:?}\ntype = \"webhook\"\nurl = {:?}\n", receiver.url())
}

const LINES: &str = "[[notifier]]\nname = \"lines\"\ntype = \"stdout\"\n";

/// Writes another configuration and has it taken up by a signal.
async fn reload(home: &Home, daemon: &mut Daemon, configuration: &str) {
    home.configure(configuration);
    daemon.hang_up();
    daemon.log(LOADED).await;
}

#[tokio::test]
async fn a_watch_that_is_added_is_followed_and_one_that_is_removed_is_not() {
    let service = Service::start().await;
    let (old, kept, new) =
        (service.job("customers"), service.job("customers"), service.job("suppliers"));
    let home = Home::new(service.url(), &watch("customers", &[&old, &kept]));
    let mut daemon = home.serve().await;
    for _ in 0..2 {
        daemon.event().await;
    }
    let watches = watch("customers", &[&kept]) + &watch("suppliers", &[&new]);
    reload(&home, &mut daemon, &watches).await;
    assert_eq!(daemon.event().await["subject"], new);
    service.set(&old, Succeeded);
    service.set(&kept, Succeeded);
    let event = daemon.event().await;
    assert_eq!(event["subject"], kept);
    assert_eq!(event["data"]["previousStatus"], "QUEUED", "what was known is known");
    service.set(&new, Succeeded);
    assert_eq!(daemon.event().await["subject"], new);
    let gauge = "matchwatch_jobs{account=\"main\",kind=\"matching\",state=\"succeeded\"}";
    assert_eq!(daemon.metric(gauge).await, Some(2.0), "the removed job is not counted");
    assert_eq!(daemon.stop().await.stdout.len(), 5, "nothing is told twice");
}

#[tokio::test]
async fn a_configuration_that_is_wrong_is_refused_whole_and_a_metric_says_so() {
    let service = Service::start().await;
    let (one, two) = (service.job("customers"), service.job("suppliers"));
    let home = Home::new(service.url(), &watch("customers", &[&one]));
    let mut daemon = home.serve().await;
    daemon.event().await;
    assert_eq!(daemon.metric(SUCCESSFUL).await, Some(1.0));
    let when = "matchwatch_config_last_reload_success_timestamp_seconds";
    let at_start = daemon.metric(when).await.unwrap();
    assert!(at_start > 1.7e9, "{at_start}");

    let wrong = watch("suppliers", &[&two]) + "[[watch]]\nworkflow = \"x\"\n[[notifier]]\n";
    home.configure(&wrong);
    daemon.hang_up();
    let said = daemon.log(REFUSED).await;
    let error = said["error"].as_str().unwrap();
    assert!(error.contains("workflow") && error.contains("[[notifier]]"), "{error}");
    assert_eq!(daemon.metric(SUCCESSFUL).await, Some(0.0));
    assert_eq!(daemon.metric(when).await, Some(at_start));
    let (status, answer) = daemon.post("/-/reload", "", &[]).await;
    assert_eq!(status, 400);
    assert!(answer["error"].as_str().unwrap().contains("problems in matchwatch.toml"), "{answer}");
    assert!(answer["problems"].as_array().unwrap().len() >= 2, "{answer}");

    service.set(&one, Succeeded);
    assert_eq!(daemon.event().await["subject"], one, "the one before runs on");
    home.configure(&watch("suppliers", &[&two]));
    for header in [("origin", "https://example.com"), ("sec-fetch-site", "cross-site")] {
        assert_eq!(daemon.post("/-/reload", "", &[header]).await.0, 403, "{header:?}");
    }
    assert_eq!(daemon.post("/-/reload", "", &[]).await.0, 200);
    assert_eq!(daemon.event().await["subject"], two);
    assert_eq!(daemon.metric(SUCCESSFUL).await, Some(1.0));
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn what_a_running_process_cannot_change_is_refused_by_name() {
    let service = Service::start().await;
    let job = service.job("customers");
    let home = Home::new(service.url(), &watch("customers", &[&job]));
    let mut daemon = home.serve().await;
    daemon.event().await;
    let path = home.file("matchwatch.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    for (from, to, key) in [
        ("jobs.db", "other.db", "[store]"),
        ("127.0.0.1:0", "127.0.0.1:1", "[http] listen"),
        ("[poll]", "[log]\nfilter = \"debug\"\n[poll]", "[log]"),
    ] {
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let (status, answer) = daemon.post("/-/reload", "", &[]).await;
        let error = answer["error"].as_str().unwrap();
        assert_eq!(status, 400, "{answer}");
        assert!(error.starts_with(key) && error.contains("restart"), "{error}");
        daemon.log(REFUSED).await;
    }
    assert!(!home.file("other.db").exists());
    daemon.stop().await;
}

#[tokio::test]
async fn what_waits_for_a_removed_notifier_is_kept_as_dead_letters_that_say_why() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut down = Receiver::start(Mood::Bad(503)).await;
    let watches = watch("customers", &[&job]);
    let both = format!("{watches}{LINES}{}", hook("hook", &down));
    let home = Home::new(service.url(), &both);
    let mut daemon = home.serve().await;
    daemon.event().await;
    down.next().await;

    reload(&home, &mut daemon, &format!("{watches}{LINES}")).await;
    let said = daemon
        .log("a notifier is not in the configuration any more; what waited for it is kept as dead letters")
        .await;
    assert_eq!((&said["notifier"], &said["deliveries"]), (&"hook".into(), &1.into()));
    let dead = "matchwatch_deliveries_dead{notifier=\"hook\"}";
    assert_eq!(daemon.metric(dead).await, Some(1.0));
    let listed = home.run(&["events", "list", "--state", "dead", "--output", "json"]).await;
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["lastReason"], "notifier hook is not in the configuration any more");
    let (_, answer) = daemon.post("/-/redeliver", r#"{"dead": true}"#, &[]).await;
    assert_eq!(answer["without_notifier"], 1, "{answer}");

    down.set(Mood::Good);
    down.rest();
    reload(&home, &mut daemon, &both).await;
    let (_, answer) = daemon.post("/-/redeliver", r#"{"dead": true}"#, &[]).await;
    assert_eq!(answer["redelivered"], 1, "{answer}");
    assert_eq!(down.next().await.status(), "QUEUED");
    assert_eq!(daemon.stop().await.stdout.len(), 1, "the others notice nothing");
}

#[tokio::test]
async fn a_notifier_that_is_gone_at_the_start_leaves_dead_letters_too() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut down = Receiver::start(Mood::Bad(503)).await;
    let watches = watch("customers", &[&job]);
    let home = Home::new(service.url(), &format!("{watches}{}", hook("hook", &down)));
    let daemon = home.serve().await;
    down.next().await;
    daemon.kill().await;
    home.configure(&watches);
    let mut daemon = home.serve().await;
    daemon
        .log("a notifier is not in the configuration any more; what waited for it is kept as dead letters")
        .await;
    let dead = "matchwatch_deliveries_dead{notifier=\"hook\"}";
    assert_eq!(daemon.metric(dead).await, Some(1.0));
    daemon.stop().await;
}

#[tokio::test]
async fn what_waits_goes_to_the_url_that_the_notifier_has_now() {
    let service = Service::start().await;
    let job = service.job("customers");
    let (mut down, mut good) =
        (Receiver::start(Mood::Bad(503)).await, Receiver::start(Mood::Good).await);
    let watches = watch("customers", &[&job]);
    let home = Home::new(service.url(), &format!("{watches}{}", hook("hook", &down)));
    let mut daemon = home.serve().await;
    let refused = down.next().await;
    reload(&home, &mut daemon, &format!("{watches}{}", hook("hook", &good))).await;
    assert_eq!(good.next().await, refused, "the same id, and the same bytes");
    down.rest();
    service.set(&job, Running);
    assert_eq!(good.next().await.status(), "RUNNING");
    daemon.stop().await;
    assert_eq!(down.rest(), [], "nobody tells the old one any more");
    assert_eq!(good.rest(), [], "nothing is told twice");
}

#[tokio::test]
async fn a_url_in_a_file_is_read_again() {
    let service = Service::start().await;
    let job = service.job("customers");
    let (mut old, mut new) = (Receiver::start(Mood::Good).await, Receiver::start(Mood::Good).await);
    let watches = watch("customers", &[&job]);
    let secret = "[[notifier]]\nname = \"hook\"\ntype = \"webhook\"\nurl = { file = \"url\" }\n";
    let home = Home::new(service.url(), &format!("{watches}{secret}"));
    std::fs::write(home.file("url"), old.url()).unwrap();
    let mut daemon = home.serve().await;
    old.next().await;
    std::fs::write(home.file("url"), new.url()).unwrap();
    daemon.hang_up();
    daemon.log(LOADED).await;
    service.set(&job, Running);
    assert_eq!(new.next().await.status(), "RUNNING");

    std::fs::remove_file(home.file("url")).unwrap();
    daemon.hang_up();
    daemon.log(REFUSED).await;
    service.set(&job, Succeeded);
    assert_eq!(new.next().await.status(), "SUCCEEDED", "the one before runs on");
    daemon.stop().await;
    assert_eq!(old.rest(), []);
}

#[tokio::test]
async fn an_attempt_under_way_ends_before_another_takes_over() {
    let service = Service::start().await;
    let job = service.job("customers");
    let (mut slow, mut good) =
        (Receiver::start(Mood::Silent).await, Receiver::start(Mood::Good).await);
    let watches = watch("customers", &[&job]);
    let home = Home::new(service.url(), &format!("{watches}{LINES}{}", hook("hook", &slow)));
    let mut daemon = home.serve().await;
    daemon.event().await;
    slow.next().await;
    reload(&home, &mut daemon, &format!("{watches}{LINES}{}", hook("hook", &good))).await;
    service.set(&job, Running);
    assert_eq!(daemon.event().await["data"]["status"], "RUNNING", "other notifiers go on");
    slow.set(Mood::Good);
    let arrival = good.next().await;
    assert_eq!(arrival.status(), "RUNNING", "QUEUED was told by the one before");
    daemon.stop().await;
    assert_eq!((slow.rest(), good.rest()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn twenty_reloads_while_jobs_move_lose_nothing_and_tell_nothing_twice() {
    let service = Service::start().await;
    let jobs: Vec<String> = (0..10).map(|_| service.job("customers")).collect();
    let ids: Vec<&str> = jobs.iter().map(String::as_str).collect();
    let mut receiver = Receiver::start(Mood::Good).await;
    let configuration = watch("customers", &ids) + &hook("hook", &receiver);
    let home = Home::new(service.url(), &configuration);
    let mut daemon = home.serve().await;
    for round in 0..20 {
        let job = &jobs[round / 2];
        service.set(job, if round % 2 == 0 { Running } else { Succeeded });
        daemon.hang_up();
        daemon.log(LOADED).await;
    }
    let mut told: HashMap<String, Vec<String>> = HashMap::new();
    while told.values().flatten().filter(|status| *status == "SUCCEEDED").count() < 10 {
        let arrival = receiver.next().await;
        let event: serde_json::Value = serde_json::from_str(&arrival.body).unwrap();
        let subject = event["subject"].as_str().unwrap().to_owned();
        told.entry(subject).or_default().push(arrival.status());
    }
    daemon.stop().await;
    assert_eq!(receiver.rest(), []);
    let order = ["QUEUED", "RUNNING", "SUCCEEDED"];
    for (job, statuses) in told {
        let places: Vec<_> =
            statuses.iter().map(|status| order.iter().position(|known| known == status)).collect();
        assert!(places.is_sorted_by(|one, next| one < next), "{job}: {statuses:?}");
    }
}

fn verifies(secret: &str, arrival: &Arrival) -> bool {
    let key = standardwebhooks::Webhook::new(secret).unwrap();
    key.verify(arrival.body.as_bytes(), &arrival.headers).is_ok()
}

#[tokio::test]
async fn a_signing_secret_in_a_file_is_rotated_by_a_reload_and_no_event_is_lost() {
    const OLD: &str = "whsec_b2xkLXNlY3JldC1vZi10d2VudHktZm91cg==";
    const NEW: &str = "whsec_bmV3LXNlY3JldC1vZi10d2VudHktZm91cg==";
    const NEWEST: &str = "whsec_bmV3ZXN0LXNlY3JldC1vZi10d2VudHktNA==";
    let service = Service::start().await;
    let job = service.job("customers");
    let mut receiver = Receiver::start(Mood::Good).await;
    let notifier = hook("hook", &receiver) + "secrets = [{ file = \"secret\" }]\n";
    let home = Home::new(service.url(), &(watch("customers", &[&job]) + &notifier));
    std::fs::write(home.file("secret"), format!("{OLD}\n")).unwrap();
    let mut daemon = home.serve().await;
    assert!(verifies(OLD, &receiver.next().await));

    std::fs::write(home.file("secret"), format!("{NEW}\n")).unwrap();
    daemon.hang_up();
    daemon.log(LOADED).await;
    service.set(&job, Running);
    let running = receiver.next().await;
    assert!(verifies(NEW, &running) && !verifies(OLD, &running));

    // A secret that is none is refused, and the one before signs on.
    std::fs::write(home.file("secret"), "none\n").unwrap();
    assert_eq!(daemon.post("/-/reload", "", &[]).await.0, 400);
    receiver.set(Mood::Bad(503));
    service.set(&job, Succeeded);
    let refused = receiver.next().await;
    assert!(verifies(NEW, &refused));

    // What waits is signed with the secret that there is when it goes out.
    std::fs::write(home.file("secret"), NEWEST).unwrap();
    assert_eq!(daemon.post("/-/reload", "", &[]).await.0, 200);
    // An attempt that was under way still ends by the secret before. It is refused, too.
    let mut arrival = receiver.next().await;
    while !verifies(NEWEST, &arrival) {
        arrival = receiver.next().await;
    }
    receiver.set(Mood::Good);
    assert_eq!(arrival, refused, "the same id, and the same bytes");
    assert_eq!(arrival.status(), "SUCCEEDED");
    daemon.stop().await;
}
