//! Quality gates: a job that succeeded and is not good enough.

use super::*;

/// Waits for one job that has succeeded: 100 records, 2 of them not processed, 60 match ids.
async fn judged(flags: &[&str]) -> Output {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    let arguments = [&["--job-id", &*id, "--workflow-name", "customers"], flags].concat();
    ended(account.wait(&arguments)).await
}

#[tokio::test]
async fn a_job_that_passes_its_gates_is_exit_0() {
    let flags = ["--max-unprocessed", "2%", "--min-match-ids", "60", "--min-processed", "98"];
    let output = judged(&flags).await;
    assert_exit(&output, 0);
    assert!(!stderr(&output).contains("max_unprocessed"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_job_that_fails_a_gate_is_exit_7_with_the_reason_on_stderr_and_the_job_on_stdout() {
    for (flags, reason) in [
        (
            ["--max-unprocessed", "1.5%"],
            "2 of 100 records (2%) were not processed, and max_unprocessed is 1.5%",
        ),
        (["--max-unprocessed", "1"], "2 records were not processed, and max_unprocessed is 1"),
        (["--min-match-ids", "61"], "60 match ids were generated, and min_match_ids is 61"),
        (["--min-processed", "99"], "98 records were processed, and min_processed is 99"),
    ] {
        let output = judged(&[&flags[..], &["--quiet"]].concat()).await;
        assert_exit(&output, 7);
        assert!(stderr(&output).contains(reason), "{}", stderr(&output));
        let job: Value = serde_json::from_str(stdout(&output)).unwrap();
        assert_eq!(
            (&job["status"], &job["metrics"]["matchIDs"]),
            (&json!("SUCCEEDED"), &json!(60))
        );
    }
}

#[tokio::test]
async fn a_count_that_the_service_does_not_say_fails_the_gate_that_needs_it() {
    let account = Account::open().await;
    let id = account.simulator.start_job(Kind::Matching, "suppliers").unwrap();
    account.simulator.set_status(&id, Status::Succeeded).unwrap();
    let job = ["--job-id", &id, "--workflow-name", "suppliers", "--max-unprocessed", "100%"];
    let output = ended(account.wait(&job)).await;
    assert_exit(&output, 7);
    let reason = "the service did not say recordsNotProcessed, and max_unprocessed is 100%";
    assert!(stderr(&output).contains(reason), "{}", stderr(&output));
}

#[tokio::test]
async fn a_failed_job_is_worse_than_one_that_fails_its_gates_and_is_not_judged() {
    let account = Account::open().await;
    let (good, bad) = (account.job_at(Status::Succeeded), account.failed_job("S3: no"));
    let jobs = ["--job-id", &*good, "--job-id", &bad, "--workflow-name", "customers"];
    let output = ended(account.wait(&[&jobs[..], &["--min-match-ids", "61"]].concat())).await;
    assert_exit(&output, 1);
    assert_eq!(stderr(&output).matches("min_match_ids is 61").count(), 1, "{}", stderr(&output));
}

#[tokio::test]
async fn with_any_a_job_that_fails_its_gates_decides_too() {
    let account = Account::open().await;
    let (ended_job, other) = (account.job_at(Status::Succeeded), account.job());
    let jobs = ["--any", "--job-id", &*ended_job, "--job-id", &other];
    let flags = ["--workflow-name", "customers", "--max-unprocessed", "0"];
    assert_exit(&ended(account.wait(&[&jobs[..], &flags].concat())).await, 7);
}

#[tokio::test]
async fn the_gates_of_the_watch_count_where_no_flag_says_otherwise() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("matchwatch.toml");
    let text = format!(
        "[[watch]]\nworkflow_name = 'customers'\njob_ids = ['{id}']\nmax_unprocessed = '1%'\nmin_match_ids = 60\n"
    );
    std::fs::write(&config, text).unwrap();
    let job = ["--job-id", &*id, "--config", config.to_str().unwrap()];
    assert_exit(&ended(account.wait(&job)).await, 7);
    let lenient = [&job[..], &["--max-unprocessed", "2%"]].concat();
    assert_exit(&ended(account.wait(&lenient)).await, 0);
    let strict = [&lenient[..], &["--min-match-ids", "61"]].concat();
    assert_exit(&ended(account.wait(&strict)).await, 7);
}

#[tokio::test]
async fn a_gate_that_makes_no_sense_is_exit_2() {
    for flags in [
        ["--max-unprocessed", "five"],
        ["--max-unprocessed", "101%"],
        ["--max-unprocessed", "-1"],
        ["--min-match-ids", "5%"],
        ["--min-processed", "1.5"],
    ] {
        assert_exit(&judged(&flags).await, 2);
    }
}

#[tokio::test]
async fn a_gate_that_no_job_of_the_kind_can_pass_is_exit_2_before_anybody_is_asked() {
    let account = Account::open().await;
    let flags = ["--kind", "id-mapping", "--min-match-ids", "1"];
    let job = ["--job-id", "0123456789abcdef0123456789abcdef", "--workflow-name", "households"];
    let output = ended(account.wait(&[&job[..], &flags].concat())).await;
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("ID mapping jobs have no match ids"), "{}", stderr(&output));
}
