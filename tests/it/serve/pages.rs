//! Health, readiness, metrics and accounts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use matchwatch::simulator::Operation::{GetIdMappingJob, GetMatchingJob};
use matchwatch::simulator::Status::Succeeded;
use matchwatch::simulator::{Answer, Denial, Faults, Kind, Script, Share};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::support::daemon::{Home, watch};
use crate::support::receiver::{Mood, Receiver};
use crate::support::service::Service;

#[tokio::test]
async fn a_daemon_is_ready_while_its_account_works_and_alive_all_the_time() {
    let service = Service::start().await;
    let job = service.job("customers");
    let mut daemon = Home::new(service.url(), &watch("customers", &[&job])).serve().await;
    daemon.event().await;
    let alive = (200, "alive\n".to_owned());
    assert_eq!(daemon.page("/healthz").await, alive);
    assert_eq!(daemon.page("/readyz").await, (200, "ready\n".to_owned()));

    let error_500 = Share::try_from(1.0).unwrap();
    service.simulator.set_faults(Faults { error_500, ..Faults::default() });
    daemon.log("account does not work").await;
    assert_eq!(daemon.page("/readyz").await, (503, "not ready\n".to_owned()));
    assert_eq!(daemon.page("/healthz").await, alive);

    service.simulator.set_faults(Faults::default());
    daemon.log("account works again").await;
    assert_eq!(daemon.page("/readyz").await.0, 200);
    assert_eq!(daemon.page("/no-such-page").await.0, 404);
    daemon.stop().await;
}

#[tokio::test]
async fn an_account_that_is_denied_everything_makes_the_daemon_not_ready() {
    let service = Service::start().await;
    let jobs: Vec<String> = (0..3).map(|_| service.job("customers")).collect();
    let jobs: Vec<&str> = jobs.iter().map(String::as_str).collect();
    service.simulator.set_denials(vec![Denial::default()]);
    let mut daemon = Home::new(service.url(), &watch("customers", &jobs)).serve().await;
    daemon.log("account does not work").await;
    assert_eq!(daemon.page("/readyz").await.0, 503);
    let good =
        r#"matchwatch_requests_total{account="main",operation="GetMatchingJob",outcome="ok"}"#;
    assert_eq!(daemon.metric(good).await, Some(0.0), "an alert compares it with 0");
    assert_eq!(daemon.page("/healthz").await.0, 200);
    daemon.stop().await;
}

#[tokio::test]
async fn health_asks_the_daemon_whether_it_lives() {
    let service = Service::start().await;
    let job = service.job("customers");
    let home = Home::new(service.url(), &watch("customers", &[&job]));
    let daemon = home.serve().await;
    let at = daemon.http().to_string();
    let healthy = home.run(&["health", "--address", &at]).await;
    assert_eq!(healthy.status.code(), Some(0), "{healthy:?}");
    daemon.stop().await;

    // Bound, so that nobody else gets it, and not listening.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nobody = socket.local_addr().unwrap().to_string();
    let home = home.with("MATCHWATCH__HTTP__LISTEN", &nobody);
    let silent = home.run(&["health"]).await;
    assert_eq!(silent.status.code(), Some(1), "{silent:?}");
    let stderr = String::from_utf8(silent.stderr).unwrap();
    assert!(stderr.contains(&format!("no answer from http://{nobody}/healthz")), "{stderr}");
}

/// The type and the labels of each metric, as docs/operations.md tells them.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>)> {
    let rows = include_str!("../../../docs/operations.md").lines();
    rows.filter(|row| row.starts_with("| `matchwatch_"))
        .map(|row| {
            let mut cells = row.split('|').map(str::trim).skip(1);
            let mut cell = || cells.next().unwrap();
            let (name, kind, labels) = (cell().trim_matches('`'), cell(), cell());
            let labels = labels.split(", ").filter(|label| *label != "–");
            let labels = labels.map(str::to_owned).collect();
            (name.to_owned(), (kind.to_owned(), labels))
        })
        .collect()
}

/// The same, as the page of a daemon tells them.
fn exposed(page: &str) -> BTreeMap<String, (String, BTreeSet<String>)> {
    let mut metrics = BTreeMap::new();
    for line in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let series = page.lines().find(|line| line.starts_with(name)).unwrap();
        let labels = series.split_once('{').map_or("", |(_, rest)| rest.split_once('}').unwrap().0);
        let labels = labels.split("\",").map(|label| label.split('=').next().unwrap().to_owned());
        let labels = labels.filter(|label| !["", "le"].contains(&&**label)).collect();
        metrics.insert(name.to_owned(), (kind.to_owned(), labels));
    }
    metrics
}

#[tokio::test]
async fn the_metrics_are_those_that_the_documentation_names() {
    let service = Service::start().await;
    let (one, two) = (service.job("customers"), service.job("suppliers"));
    let mut receiver = Receiver::start(Mood::Bad(410)).await;
    let watches = watch("customers", &[&one]) + &watch("suppliers", &[&two]);
    let hook =
        format!("[[notifier]]\nname = \"hook\"\ntype = \"webhook\"\nurl = \"{}\"", receiver.url());
    let mut daemon = Home::new(service.url(), &format!("{watches}{hook}")).serve().await;
    for _ in 0..2 {
        daemon.log("delivery given up").await;
        receiver.next().await;
    }
    receiver.set(Mood::Good);
    service.set(&one, Succeeded);
    receiver.next().await;
    let answer = Answer::UnknownStatus;
    service.simulator.script(Script { operation: GetMatchingJob, answer, times: 1 });
    daemon.log("an observation changed nothing").await;
    receiver.set(Mood::Bad(503));
    service.set(&two, Succeeded);
    daemon.log("delivery failed; trying again").await;

    let (status, page) = daemon.page("/metrics").await;
    assert_eq!(status, 200);
    let mut documented = documented();
    // There is none of these while all is well.
    for trouble in ["store_errors", "alarms", "quality_gates_failed"] {
        assert!(documented.remove(&format!("matchwatch_{trouble}_total")).is_some(), "{trouble}");
    }
    // Nor of what finds jobs, where the watches name theirs.
    documented.retain(|name, _| !name.starts_with("matchwatch_discover"));
    assert_eq!(exposed(&page), documented, "{page}");
    let dead = r#"matchwatch_deliveries_dead{notifier="hook"}"#;
    assert_eq!(daemon.metric(dead).await, Some(2.0));
    let pending = r#"matchwatch_deliveries_pending{notifier="hook"}"#;
    assert_eq!(daemon.metric(pending).await, Some(1.0));
    let oldest = r#"matchwatch_oldest_pending_delivery_timestamp_seconds{notifier="hook"}"#;
    assert!(daemon.metric(oldest).await > Some(1.7e9));
    daemon.stop().await;
}

#[tokio::test]
async fn a_notifier_that_nothing_waits_for_shows_zero_and_not_nothing() {
    let service = Service::start().await;
    let daemon =
        Home::new(service.url(), &watch("customers", &[&service.job("customers")])).serve().await;
    for state in ["dead", "pending"] {
        let series = format!("matchwatch_deliveries_{state}{{notifier=\"stdout\"}}");
        assert!(daemon.metric(&series).await.is_some(), "{series}");
    }
    daemon.stop().await;
}

#[tokio::test]
async fn what_an_account_is_denied_for_one_kind_of_jobs_is_shown_for_that_kind_alone() {
    let service = Service::start().await;
    let (id, mapping) = (service.job("customers"), service.job_of(Kind::IdMapping, "households"));
    let operation = Some(GetIdMappingJob);
    service.simulator.set_denials(vec![Denial { operation, ..Denial::default() }]);
    let households = watch("households", &[&mapping]) + "kind = \"id-mapping\"\n";
    let watches = format!("[discovery]\ninterval = \"1s\"\n[[watch]]\nall = true\n{households}");
    let home = Home::new(service.url(), &watches)
        // Only jobs are told of here.
        .with("MATCHWATCH__ALARMS__ACCESS_DENIED", "false");
    let mut daemon = home.serve().await;
    let line = daemon.log("account does not work").await;
    assert_eq!((&line["account"], &line["kind"]), (&json!("main"), &json!("id-mapping")));
    assert_eq!(daemon.event().await["subject"], id);
    for (kind, up) in [("matching", 1.0), ("id-mapping", 0.0)] {
        let series = format!("matchwatch_account_up{{account=\"main\",kind=\"{kind}\"}}");
        assert_eq!(daemon.metric(&series).await, Some(up), "{kind}");
    }
    assert_eq!(daemon.page("/readyz").await.0, 200);

    let (status, text) = daemon.page("/api/accounts").await;
    let shown: Value = serde_json::from_str(&text).unwrap();
    let [matching, id_mapping] = &shown["accounts"].as_array().unwrap()[..] else {
        panic!("two kinds: {text}")
    };
    assert_eq!((status, &matching["state"]), (200, &json!("up")), "{text}");
    assert_eq!(matching["discovery"], json!({ "workflows": 2, "troubles": 0 }));
    assert_eq!(matching["jobs"]["queued"], 1);
    let most = |view: &Value, which: usize| view["budgets"][which]["at_most"].clone();
    assert_eq!((most(matching, 0), most(matching, 1)), (json!(100.0), json!(2.5)));
    assert_eq!((&matching["account"], &matching["region"]), (&json!("main"), &json!("eu-west-1")));
    assert_eq!(id_mapping["state"], "down");
    assert_eq!(id_mapping["denied_workflows"], json!(["households"]));
    assert_eq!(
        (&id_mapping["discovery"], &id_mapping["jobs"]["unseen"]),
        (&Value::Null, &json!(1))
    );
    let reason = id_mapping["reason"].as_str().unwrap();
    assert!(reason.contains("entityresolution:GetIdMappingJob"), "{reason}");
    assert!(id_mapping["since"].as_str().unwrap().parse::<Timestamp>().is_ok());

    let (status, page) = daemon.page("/").await;
    assert_eq!(status, 200);
    for part in ["1 of 1 account does not work", "entityresolution:GetIdMappingJob", "2 followed"] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
    daemon.stop().await;
}
