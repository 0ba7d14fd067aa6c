//! A service that does not answer as it should: what is borne with, what is not, and what is said then.

use super::*;

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
    let arguments = ["--job-id", &id, "--workflow-name", "customers", "--poll-interval", "1s"];
    let output = ended(account.wait(&arguments)).await;
    assert_exit(&output, 0);
}
