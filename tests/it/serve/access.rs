//! A service that refuses the caller, or cannot be reached, and credentials that expire or are not to be had.

use matchwatch::simulator::Operation::GetMatchingJob;
use matchwatch::simulator::Status::{Running, Succeeded};
use matchwatch::simulator::{Answer, Denial, Script};
use tokio::net::TcpSocket;

use crate::support::credentials;
use crate::support::daemon::{Home, watch};
use crate::support::scripted::Reply;
use crate::support::service::Service;
use crate::support::soon;

/// A home whose daemon signs its requests with the keys that are handed out at `keys`.
fn signing(service: &Service, job: &str, keys: &str) -> Home {
    Home::new(service.url(), &watch("customers", &[job]))
        .with("MATCHWATCH__ACCOUNT__0__NO_SIGN_REQUEST", "false")
        .with("AWS_EC2_METADATA_DISABLED", "true")
        .with(credentials::URI, keys)
}

#[tokio::test]
async fn after_an_expired_token_other_credentials_are_found_and_the_question_is_asked_again_at_once()
 {
    let service = Service::start().await;
    let job = service.job("customers");
    let keys = [credentials::keys("AKIDOLD"), credentials::keys("AKIDNEW")];
    let keys = credentials::service(keys).await;
    let answer = Answer::ExpiredToken;
    service.simulator.script(Script { operation: GetMatchingJob, answer, times: 1 });
    // Longer than this test waits for anything: only a question that needs no delay is asked again.
    let home = signing(&service, &job, &keys.url())
        .with("MATCHWATCH__POLL__BACKOFF_INITIAL", "1h")
        .with("MATCHWATCH__POLL__BACKOFF_MAX", "2h");
    let mut daemon = home.serve().await;
    assert_eq!(daemon.event().await["data"]["status"], "QUEUED");
    assert_eq!(service.simulator.counts().of(GetMatchingJob, "ExpiredTokenException"), 1);
    assert_eq!(keys.requests().len(), 2);
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn credentials_that_do_not_come_in_time_are_asked_for_again() {
    let service = Service::start().await;
    let job = service.job("customers");
    let keys = credentials::service([Reply::Silence, credentials::keys("AKID")]).await;
    let home = signing(&service, &job, &keys.url()).with("MATCHWATCH__POLL__REQUEST_TIMEOUT", "1s");
    let mut daemon = home.serve().await;
    let line = daemon.log("no answer about the job; asking again").await;
    assert!(line["error"].as_str().unwrap().contains("timed out"), "{line}");
    assert_eq!(daemon.event().await["data"]["status"], "QUEUED");
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn a_service_that_refuses_connections_is_asked_until_it_is_there() {
    // A port that is taken, and where nobody listens yet.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let job = "0123456789abcdef0123456789abcdef";
    let mut daemon = Home::new(&url, &watch("customers", &[job])).serve().await;
    let line = daemon.log("no answer about the job; asking again").await;
    assert!(line["error"].as_str().unwrap().contains("Connection refused"), "{line}");
    daemon.log("account does not work").await;
    assert_eq!(daemon.page("/readyz").await.0, 503);
    assert_eq!(daemon.page("/healthz").await.0, 200);

    let service = Service::start_on(socket.listen(16).unwrap());
    service.job_named(job, "customers");
    assert_eq!(daemon.event().await["data"]["status"], "QUEUED");
    assert_eq!(daemon.page("/readyz").await.0, 200);
    assert_eq!(daemon.stop().await.code, Some(0));
}

#[tokio::test]
async fn an_account_that_is_denied_everything_is_asked_rarely_and_holds_up_no_other() {
    let (denied, good) = (Service::start().await, Service::start().await);
    let (denied_job, job) = (denied.job("customers"), good.job("customers"));
    denied.simulator.set_denials(vec![Denial::default()]);
    let watches = format!(
        "[[account]]\nname = \"other\"\nregion = \"eu-west-1\"\nno_sign_request = true\nendpoint_url = {:?}\n\
         {}account = \"main\"\n{}account = \"other\"\n",
        good.url(),
        watch("customers", &[&denied_job]),
        watch("customers", &[&job]),
    );
    let mut daemon = Home::new(denied.url(), &watches).serve().await;
    let line = daemon.log("no answer about the job; asking again").await;
    let error = line["error"].as_str().unwrap();
    assert!(error.contains("entityresolution:GetMatchingJob"), "names the permission: {error}");
    daemon.log("account does not work").await;
    for status in [Running, Succeeded] {
        service_moves(&good, &job, status).await;
        while daemon.event().await["data"]["status"] != status.as_str() {}
    }
    assert_eq!(daemon.page("/readyz").await.0, 200, "the other account works");
    let refused = r#"matchwatch_requests_total{account="main",operation="GetMatchingJob",outcome="access_denied"}"#;
    // The other account was asked every second, this one is asked once a minute.
    assert_eq!(daemon.metric(refused).await, Some(1.0));
    assert_eq!(daemon.stop().await.code, Some(0));
}

/// Moves a job once its status has been told.
async fn service_moves(service: &Service, job: &str, status: matchwatch::simulator::Status) {
    let asked = service.simulator.counts().of(GetMatchingJob, "ok");
    service.answered("ok", asked + 1).await;
    service.set(job, status);
}

#[tokio::test]
async fn a_question_that_the_service_calls_invalid_is_not_asked_again_and_the_others_go_on() {
    let service = Service::start().await;
    let jobs = [service.job("customers"), service.job("customers")];
    let watches = watch("customers", &jobs.each_ref().map(String::as_str));
    let answer = Answer::Invalid;
    service.simulator.script(Script { operation: GetMatchingJob, answer, times: 1 });
    let mut daemon = Home::new(service.url(), &watches).serve().await;
    let line = daemon.log("job given up").await;
    assert_eq!(line["level"], "ERROR");
    let is_broken = |job: &&String| line["job"].as_str().unwrap().contains(job.as_str());
    let job = jobs.iter().find(|job| !is_broken(job)).unwrap();
    for status in [Running, Succeeded] {
        service_moves(&service, job, status).await;
        while daemon.event().await["data"]["status"] != status.as_str() {}
    }
    assert_eq!(service.simulator.counts().of(GetMatchingJob, "ValidationException"), 1);
    let broken = r#"matchwatch_jobs{account="main",kind="matching",state="broken"}"#;
    soon("a broken job", async { while daemon.metric(broken).await != Some(1.0) {} }).await;
    assert_eq!(daemon.page("/readyz").await.0, 200);
    assert_eq!(daemon.stop().await.code, Some(0));
}
