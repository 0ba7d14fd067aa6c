//! A service that does not answer as it should: what is borne with, what is not, and what is said then.

use tokio::net::TcpSocket;

use super::*;
use crate::support::credentials;
use crate::support::scripted::Reply;
use crate::support::service::Service;

/// `wait` for a job of a service, with the keys that are handed out at `keys`.
fn signing(account: &Account, id: &str, keys: &str) -> Command {
    let mut command = bare_wait(&["--job-id", id, "--workflow-name", "customers"]);
    command.args(["--endpoint-url", &account.url, "--region", "eu-west-1"]);
    command.env(credentials::URI, keys);
    command
}

#[tokio::test]
async fn an_id_that_the_service_rejects_is_exit_2() {
    let account = Account::open().await;
    let output =
        ended(account.wait(&["--job-id", "nonsense", "--workflow-name", "customers"])).await;
    assert_exit(&output, 2);
}

#[tokio::test]
async fn a_deadline_is_exit_3_and_says_how_to_wait_again() {
    let account = Account::open().await;
    let id = account.job();
    let arguments = ["--job-id", &id, "--workflow-name", "customers", "--timeout", "3s"];
    let output = ended(account.wait(&arguments)).await;
    assert_exit(&output, 3);
    let again = format!(
        "matchwatch wait --job-id {id} --workflow-name customers --region eu-west-1 --endpoint-url {} \
         --no-sign-request",
        account.url
    );
    assert!(stderr(&output).contains(&again), "{}", stderr(&output));
    assert!(stdout(&output).is_empty());
}

#[tokio::test]
async fn a_request_that_hangs_does_not_outlive_the_deadline() {
    let account = Account::open().await;
    let id = account.job();
    account.answer_next(Answer::Stall, 1);
    let arguments = ["--job-id", &id, "--workflow-name", "customers", "--timeout", "300ms"];
    let begun = Instant::now();
    let output = ended(account.wait(&arguments)).await;
    assert_exit(&output, 6);
    assert!(stderr(&output).contains("no answer in 3"), "{}", stderr(&output));
    // The request would have been given up after 10 seconds.
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn denied_access_is_exit_4_and_names_the_permission() {
    let account = Account::open().await;
    account.deny(Operation::GetMatchingJob, None);
    let id = account.job();
    let output = ended(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
    assert_exit(&output, 4);
    assert!(stderr(&output).contains("entityresolution:GetMatchingJob"), "{}", stderr(&output));
}

#[tokio::test]
async fn no_credentials_are_exit_4() {
    let account = Account::open().await;
    let id = account.job();
    let mut command = bare_wait(&["--job-id", &id, "--workflow-name", "customers"]);
    command.args(["--endpoint-url", &account.url, "--region", "eu-west-1"]);
    let output = ended(command).await;
    assert_exit(&output, 4);
    assert!(stderr(&output).contains("credentials"), "{}", stderr(&output));
}

/// Takes half a minute: so long is a job that the service does not know yet waited for.
#[tokio::test]
async fn a_job_that_the_service_does_not_know_is_exit_5_after_its_grace() {
    let account = Account::open().await;
    let id = "0".repeat(32);
    let output = ended(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
    assert_exit(&output, 5);
    assert!(stderr(&output).contains(&id), "{}", stderr(&output));
    assert!(account.simulator.counts().total(Operation::GetMatchingJob) > 2);
}

#[tokio::test]
async fn a_service_that_never_answers_is_exit_6_and_says_why() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let mut command =
        bare_wait(&["--job-id", "a", "--workflow-name", "customers", "--timeout", "300ms"]);
    command.args(["--endpoint-url", &url, "--region", "eu-west-1", "--no-sign-request"]);
    let output = ended(command).await;
    assert_exit(&output, 6);
    assert!(stderr(&output).contains("no answer"), "{}", stderr(&output));
}

#[tokio::test]
async fn throttles_resets_errors_and_nonsense_do_not_end_a_wait() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    for answer in [Answer::ThrottledHtml, Answer::Reset, Answer::Empty] {
        account.answer_next(answer, 1);
    }
    let output = ended(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
    assert_exit(&output, 0);
    assert_eq!(account.simulator.counts().total(Operation::GetMatchingJob), 4);
}

#[tokio::test]
async fn a_metric_too_large_for_the_sdk_does_not_hide_the_end() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    account.answer_next(Answer::MetricOverflow, 1);
    let output = ended(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
    assert_exit(&output, 0);
    let job: Value = serde_json::from_str(stdout(&output)).unwrap();
    let metrics = job["metrics"].as_object().unwrap();
    assert!(metrics.values().any(|count| count.as_i64().unwrap() > i64::from(i32::MAX)));
}

#[tokio::test]
async fn a_status_of_a_newer_service_is_waited_out() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    account.answer_next(Answer::UnknownStatus, 1);
    let arguments = ["--job-id", &id, "--workflow-name", "customers", "--max-interval", "1s"];
    let output = ended(account.wait(&arguments)).await;
    assert_exit(&output, 0);
}

#[tokio::test]
async fn however_the_service_throttles_the_job_is_waited_for() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    for answer in [
        Answer::Throttled,
        Answer::ThrottledEmpty,
        Answer::ThrottledRetryAfter { millis: 20 },
        Answer::ThrottledRetryAfterSeconds { seconds: 1 },
    ] {
        account.answer_next(answer, 1);
    }
    let output = ended(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
    assert_exit(&output, 0);
    assert_eq!(account.simulator.counts().total(Operation::GetMatchingJob), 5);
}

#[tokio::test]
async fn however_the_service_fails_the_job_is_waited_for() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    for answer in [Answer::Error500, Answer::Error503, Answer::Malformed] {
        account.answer_next(answer, 1);
    }
    let output = ended(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
    assert_exit(&output, 0);
    assert_eq!(account.simulator.counts().total(Operation::GetMatchingJob), 4);
}

/// Takes ten seconds: so long may a request take.
#[tokio::test]
async fn a_request_that_hangs_is_made_again() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    account.answer_next(Answer::Stall, 1);
    let output = ended(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
    assert_exit(&output, 0);
    assert_eq!(account.simulator.counts().total(Operation::GetMatchingJob), 2);
}

#[tokio::test]
async fn a_service_that_refuses_connections_is_asked_until_it_is_there() {
    // A port that is taken, and where nobody listens yet.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let id = "0123456789abcdef0123456789abcdef";
    let mut command = bare_wait(&["--job-id", id, "--workflow-name", "customers"]);
    command.args(["--endpoint-url", &url, "--region", "eu-west-1", "--no-sign-request"]);
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    progress(&mut lines, "Connection refused").await;
    let service = Service::start_on(socket.listen(16).unwrap());
    service.job_named(id, "customers");
    service.set(id, Status::Succeeded);
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_job_that_becomes_readable_within_its_grace_is_waited_for() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    account.answer_next(Answer::NotFound, 2);
    let output = ended(account.wait(&["--job-id", &id, "--workflow-name", "customers"])).await;
    assert_exit(&output, 0);
}

#[tokio::test]
async fn after_an_expired_token_other_credentials_are_found() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    account.answer_next(Answer::ExpiredToken, 1);
    let keys = [credentials::keys("AKIDOLD"), credentials::keys("AKIDNEW")];
    let keys = credentials::service(keys).await;
    let output = ended(signing(&account, &id, &keys.url())).await;
    assert_exit(&output, 0);
    assert_eq!(keys.requests().len(), 2);
    assert_eq!(account.simulator.counts().total(Operation::GetMatchingJob), 2);
}

#[tokio::test]
async fn credentials_that_do_not_come_in_time_are_asked_for_again() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    let keys = credentials::service([Reply::Silence, credentials::keys("AKID")]).await;
    let output = ended(signing(&account, &id, &keys.url())).await;
    assert_exit(&output, 0);
    assert_eq!(keys.requests().len(), 2);
}

/// That it ends with exit 4 after five minutes is told in paused time, beside the code.
#[tokio::test]
async fn access_that_is_denied_after_a_success_is_borne_with_for_a_while() {
    let account = Account::open().await;
    let id = account.job();
    let arguments = ["--job-id", &id, "--workflow-name", "customers", "--max-interval", "1s"];
    let (mut child, mut lines) = started(account.wait(&arguments)).await;
    account.deny(Operation::GetMatchingJob, None);
    progress(&mut lines, "entityresolution:GetMatchingJob").await;
    account
        .simulator
        .until(|counts| counts.of(Operation::GetMatchingJob, "AccessDeniedException") >= 2)
        .await;
    account.simulator.set_denials(Vec::new());
    account.simulator.set_status(&id, Status::Succeeded).unwrap();
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}
