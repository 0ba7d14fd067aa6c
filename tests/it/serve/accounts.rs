//! Accounts in roles: one daemon watches many, and each stands for itself.

use std::fmt::Write as _;

use matchwatch::simulator::Status::{Running, Succeeded};
use serde_json::{Value, json};

use crate::support::credentials;
use crate::support::daemon::{Daemon, Home, watch};
use crate::support::schema::{assert_valid, schema, validator};
use crate::support::service::Service;
use crate::support::soon;
use crate::support::sts::{Sts, Trust, role};

/// An `[[account]]` in the role of its name.
fn account(name: &str, endpoint: &str) -> String {
    format!(
        "[[account]]\nname = {name:?}\nregion = \"eu-west-1\"\nrole_arn = {:?}\n\
         endpoint_url = {endpoint:?}\n",
        role(name)
    )
}

fn watch_in(account: &str, job: &str) -> String {
    format!("{}account = {account:?}\n", watch("customers", &[job]))
}

/// A home with the account `main`, which has a role and a job, and what `more` says. Base credentials are handed out
/// at `keys`.
fn home(endpoint: &str, sts: &Sts, keys: &str, more: &str) -> Home {
    Home::new(endpoint, more)
        .with("MATCHWATCH__ACCOUNT__0__NO_SIGN_REQUEST", "false")
        // Only jobs are told of here.
        .with("MATCHWATCH__ALARMS__ACCESS_DENIED", "false")
        .with("MATCHWATCH__ACCOUNT__0__ROLE_ARN", &role("main"))
        .with("AWS_EC2_METADATA_DISABLED", "true")
        .with("AWS_ENDPOINT_URL_STS", sts.url())
        .with(credentials::URI, keys)
}

async fn up(daemon: &Daemon, account: &str) -> Option<f64> {
    daemon.metric(&format!("matchwatch_account_up{{account={account:?},kind=\"matching\"}}")).await
}

#[tokio::test]
async fn sessions_that_end_in_mid_run_are_renewed_without_a_gap_and_without_a_word() {
    let (service, mut sts) = (Service::start().await, Sts::start().await);
    let keys = credentials::service([credentials::keys("AKIDBASE")]).await;
    let job = service.job("customers");
    let guard = sts.guard(service.url()).await;
    let home = home(&guard, &sts, &keys.url(), &watch("customers", &[&job]))
        .with("MATCHWATCH__ACCOUNT__0__EXTERNAL_ID", "tenant:42")
        .with("MATCHWATCH__LOG__FILTER", "trace")
        // Longer than this test waits for anything: only a question that needs no delay is asked again.
        .with("MATCHWATCH__POLL__BACKOFF_INITIAL", "1h")
        .with("MATCHWATCH__POLL__BACKOFF_MAX", "2h");
    let mut daemon = home.serve().await;
    assert_eq!(daemon.event().await["data"]["status"], "QUEUED");
    for status in [Running, Succeeded] {
        sts.end_sessions();
        service.set(&job, status);
        assert_eq!(daemon.event().await["data"]["status"], status.as_str());
    }
    let asked = sts.asked();
    assert_eq!((asked.len(), sts.expired()), (3, 2));
    for asked in asked {
        let told = |field: &str| asked.fields[field].clone();
        assert_eq!(told("RoleArn"), role("main"));
        assert_eq!(told("ExternalId"), "tenant:42");
        assert_eq!(told("RoleSessionName"), "matchwatch");
        assert_eq!(asked.key, "AKIDBASE");
    }
    assert_eq!(keys.requests().len(), 1, "base credentials that work are kept");
    let ended = daemon.stop().await;
    assert_eq!((ended.code, ended.stdout.len()), (Some(0), 3));
    for line in &ended.stderr {
        for secret in ["planted-session-secret", "token-1", "token-2", "token-3"] {
            assert!(!line.contains(secret), "{line}");
        }
        // The database has words of its own where the disk is slow.
        let is_ours = line.contains("\"target\":\"matchwatch");
        for level in ["WARN", "ERROR"] {
            assert!(!is_ours || !line.contains(&format!("\"level\":\"{level}\"")), "{line}");
        }
    }
}

#[tokio::test]
async fn an_account_whose_role_lets_nobody_in_turns_red_alone() {
    let (service, mut sts) = (Service::start().await, Sts::start().await);
    let keys = credentials::service([credentials::keys("AKIDBASE")]).await;
    let (lost, job) = (service.job("customers"), service.job("customers"));
    let guard = sts.guard(service.url()).await;
    sts.set("main", Trust::Denied);
    let more = account("other", &guard) + &watch_in("main", &lost) + &watch_in("other", &job);
    let mut daemon = home(&guard, &sts, &keys.url(), &more).serve().await;
    let line = daemon.log("account does not work").await;
    assert_eq!(line["account"], "main");
    let error = line["error"].as_str().unwrap();
    for part in ["role/main is not assumed: AccessDenied", "sts:AssumeRole on", "external_id"] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
    assert_eq!(daemon.event().await["subject"], job.as_str());
    service.set(&job, Succeeded);
    assert_eq!(daemon.event().await["data"]["status"], "SUCCEEDED");
    assert_eq!((up(&daemon, "main").await, up(&daemon, "other").await), (Some(0.0), Some(1.0)));
    assert_eq!(daemon.page("/readyz").await.0, 200);
    let of_main = |asked: &crate::support::sts::Asked| asked.fields["RoleArn"] == role("main");
    let asked = sts.asked();
    assert_eq!(asked.iter().filter(|asked| of_main(asked)).count(), 1, "{asked:?}");
    assert_eq!(daemon.stop().await.code, Some(0));
}

/// Waits until so many questions about single jobs of `main` were denied.
async fn denied(daemon: &Daemon, count: f64) {
    let series = r#"matchwatch_requests_total{account="main",operation="GetMatchingJob",outcome="access_denied"}"#;
    soon(series, async { while daemon.metric(series).await != Some(count) {} }).await;
}

#[tokio::test]
async fn a_role_that_lets_nobody_in_is_one_alarm_of_its_account_until_it_does() {
    let (service, mut sts) = (Service::start().await, Sts::start().await);
    let keys = credentials::service(vec![credentials::keys("AKIDBASE"); 3]).await;
    let jobs = [service.job("customers"), service.job("suppliers"), service.job("suppliers")];
    let guard = sts.guard(service.url()).await;
    sts.set("main", Trust::Denied);
    let watches = watch("customers", &[&jobs[0]]) + &watch("suppliers", &[&jobs[1], &jobs[2]]);
    let home =
        home(&guard, &sts, &keys.url(), &watches).with("MATCHWATCH__ALARMS__ACCESS_DENIED", "true");
    let mut daemon = home.serve().await;
    let event = daemon.event().await;
    assert_valid(&validator(&schema()), &event);
    assert_eq!(event["type"], "dev.matchwatch.alarm.access_denied.raised.v1");
    assert_eq!((&event["subject"], &event["data"]["workflowName"]), (&json!("main"), &Value::Null));
    assert_eq!(event["source"], "/aws/entityresolution/eu-west-1");
    let error = event["data"]["error"].as_str().unwrap();
    assert!(error.contains("role/main is not assumed: AccessDenied"), "{error}");
    denied(&daemon, 3.0).await;
    let open = r#"matchwatch_alarms_open{account="main",alarm="access_denied"}"#;
    assert_eq!(daemon.metric(open).await, Some(1.0));

    // It is open, so no start tells it again.
    daemon.kill().await;
    let daemon = home.serve().await;
    denied(&daemon, 3.0).await;
    daemon.kill().await;
    sts.set("main", Trust::Granted);
    let mut daemon = home.serve().await;
    let mut types = Vec::new();
    for _ in 0..4 {
        types.push(daemon.event().await["type"].as_str().unwrap().to_owned());
    }
    types.sort();
    assert_eq!(types[0], "dev.matchwatch.alarm.access_denied.resolved.v1");
    assert!(types[1..].iter().all(|event| event == "dev.matchwatch.job.queued.v1"), "{types:?}");
    assert_eq!(daemon.stop().await.stdout.len(), 4, "nothing else was told");
}

#[tokio::test]
async fn a_daemon_is_not_ready_while_no_account_works_and_recovers_by_itself() {
    let (service, mut sts) = (Service::start().await, Sts::start().await);
    let keys = credentials::service([credentials::keys("AKIDBASE")]).await;
    let job = service.job("customers");
    let guard = sts.guard(service.url()).await;
    sts.set("main", Trust::Away);
    let mut daemon = home(&guard, &sts, &keys.url(), &watch("customers", &[&job])).serve().await;
    let line = daemon.log("account does not work").await;
    let error = line["error"].as_str().unwrap();
    assert!(error.starts_with("service unavailable: role arn:"), "{error}");
    assert_eq!(up(&daemon, "main").await, Some(0.0));
    assert_eq!(daemon.page("/readyz").await.0, 503);
    sts.set("main", Trust::Granted);
    assert_eq!(daemon.event().await["data"]["status"], "QUEUED");
    daemon.log("account works again").await;
    assert_eq!(up(&daemon, "main").await, Some(1.0));
    assert_eq!(daemon.page("/readyz").await.0, 200);
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn three_hundred_accounts_share_their_base_credentials_and_one_that_fails_holds_up_none() {
    const ACCOUNTS: usize = 300;
    let (service, mut sts) = (Service::start().await, Sts::start().await);
    // Whoever hands out credentials has two seconds to answer, which a busy machine may miss now and then.
    let keys = credentials::service(vec![credentials::keys("AKIDBASE"); 20]).await;
    let guard = sts.guard(service.url()).await;
    sts.set("main", Trust::Denied);
    let mut more = watch_in("main", &service.job("customers"));
    let mut jobs = Vec::new();
    for number in 1..ACCOUNTS {
        let (name, job) = (format!("tenant-{number}"), service.job("customers"));
        write!(more, "{}{}", account(&name, &guard), watch_in(&name, &job)).unwrap();
        jobs.push(job);
    }
    // A busy machine takes its time, and who waits too long asks STS once more.
    let home =
        home(&guard, &sts, &keys.url(), &more).with("MATCHWATCH__POLL__REQUEST_TIMEOUT", "5m");
    let mut daemon = home.serve().await;
    let mut told = Vec::new();
    for _ in &jobs {
        told.push(daemon.event().await["subject"].as_str().unwrap().to_owned());
    }
    told.sort();
    jobs.sort();
    assert_eq!(told, jobs);
    sts.until_asked(ACCOUNTS).await;
    let asked = sts.asked();
    // The one that is denied is asked for again after a minute.
    let granted = asked.iter().filter(|asked| asked.fields["RoleArn"] != role("main"));
    assert_eq!(granted.count(), ACCOUNTS - 1, "each role is assumed once");
    assert!(keys.requests().len() < 20, "base credentials are found once for all");
    let red = soon("the red account", async {
        loop {
            let (_, text) = daemon.page("/metrics").await;
            let is_up = |line: &&str| line.starts_with("matchwatch_account_up{");
            let all: Vec<_> = text.lines().filter(is_up).map(str::to_owned).collect();
            let red: Vec<_> = all.iter().filter(|line| line.ends_with(" 0")).cloned().collect();
            assert_eq!(all.len(), ACCOUNTS);
            if !red.is_empty() {
                return red;
            }
        }
    });
    assert_eq!(red.await, ["matchwatch_account_up{account=\"main\",kind=\"matching\"} 0"]);
    let resident = daemon.resident_kib();
    assert!(resident < 150 * 1024, "{resident} KiB for {ACCOUNTS} accounts");
    assert_eq!(daemon.page("/readyz").await.0, 200);
    assert_eq!(daemon.stop().await.code, Some(0));
}
