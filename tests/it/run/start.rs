//! Jobs that are started, and answers to the request that starts them.

use super::*;

#[tokio::test]
async fn a_job_is_started_and_waited_for_and_printed_as_wait_prints_it() {
    let account = Account::open_with(QUICK).await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("job-id");
    std::fs::write(&file, "an id of yesterday\n").unwrap();
    let output = ended(run(&account, &["--job-id-file", file.to_str().unwrap()])).await;
    assert_exit(&output, 0);
    let job: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(job["status"], "SUCCEEDED");
    assert_eq!(job["metrics"]["matchIDs"], 4);
    let ids = job_ids(&account);
    assert_eq!(ids, [job["jobId"].as_str().unwrap()]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{}\n", ids[0]));
    let first = stderr(&output).lines().next().unwrap();
    assert!(first.starts_with(&format!("customers/{}: started", ids[0])), "{first}");
}

#[tokio::test]
async fn a_job_that_fails_is_exit_1() {
    let failing = format!("{QUICK}failure_rate = 1.0\nfailure_message = \"no such table\"\n");
    let account = Account::open_with(&failing).await;
    let output = ended(run(&account, &["--quiet"])).await;
    assert_exit(&output, 1);
    assert!(stdout(&output).contains("no such table"));
    assert_eq!(stderr(&output).lines().count(), 1, "the id: {}", stderr(&output));
}

#[tokio::test]
async fn what_makes_no_sense_is_exit_2_and_starts_nothing() {
    let account = Account::open_with(QUICK).await;
    let file = ["--job-id-file", "/no/such/folder/job-id"];
    for arguments in [&["--timeout", "soon"][..], &["--job-id", "a"], &file] {
        let output = ended(run(&account, arguments)).await;
        assert_exit(&output, 2);
    }
    assert_exit(&ended(bare("run", &[])).await, 2);
    assert!(job_ids(&account).is_empty());
}

#[tokio::test]
async fn denied_access_is_exit_4_and_names_permission_and_resource() {
    let account = Account::open_with(QUICK).await;
    account.deny(START, None);
    let output = ended(run(&account, &[])).await;
    assert_exit(&output, 4);
    assert!(stderr(&output).contains("entityresolution:StartMatchingJob"), "{}", stderr(&output));
    assert!(stderr(&output).contains("matchingworkflow/customers"), "{}", stderr(&output));
    assert!(stderr(&output).contains("no job of workflow customers was started"));
}

#[tokio::test]
async fn a_workflow_that_is_not_there_is_exit_5() {
    let account = Account::open_with(QUICK).await;
    let output = ended(account.command("run", &["--workflow-name", "suppliers"])).await;
    assert_exit(&output, 5);
    assert!(stderr(&output).contains("suppliers"), "{}", stderr(&output));
    assert!(stderr(&output).contains("--kind id-mapping"), "{}", stderr(&output));
}

#[tokio::test]
async fn throttles_and_refusals_to_connect_start_one_job() {
    let account = Account::open_with(QUICK).await;
    for answer in [Answer::Throttled, Answer::ThrottledEmpty, Answer::ThrottledHtml] {
        account.script(START, answer, 1);
    }
    let output = ended(run(&account, &[])).await;
    assert_exit(&output, 0);
    assert_eq!(job_ids(&account).len(), 1);
    assert_eq!(account.simulator.counts().total(START), 4);
    assert!(stderr(&output).contains("no job started yet: throttled"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_busy_workflow_and_a_limit_are_exit_8_and_say_what_waits() {
    let account = Account::open_with(QUICK).await;
    for (answer, words) in [
        (Answer::Conflict, "the workflow is busy: ConflictException"),
        (Answer::ExceedsLimit, "a limit of the account is reached: ExceedsLimitException"),
    ] {
        account.script(START, answer, 1);
        let output = ended(run(&account, &[])).await;
        assert_exit(&output, 8);
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
        assert!(stderr(&output).contains("--queue"), "{}", stderr(&output));
    }
    assert!(job_ids(&account).is_empty());
}

#[tokio::test]
async fn with_queue_a_busy_workflow_is_waited_for() {
    let account = Account::open_with(QUICK).await;
    account.script(START, Answer::Conflict, 1);
    let output = ended(run(&account, &["--queue"])).await;
    assert_exit(&output, 0);
    assert_eq!(job_ids(&account).len(), 1);
    assert!(stderr(&output).contains("ConflictException"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_job_whose_answer_is_lost_is_adopted_however_it_is_lost() {
    for answer in [Answer::Lost, Answer::Lost500] {
        let account = Account::open_with(QUICK).await;
        account.script(START, answer, 1);
        let output = ended(run(&account, &[])).await;
        assert_exit(&output, 0);
        let ids = job_ids(&account);
        assert_eq!(ids.len(), 1);
        assert!(stdout(&output).contains(&ids[0]));
        let adopted = format!("customers/{}: adopted", ids[0]);
        assert!(stderr(&output).contains(&adopted), "{}", stderr(&output));
        assert!(stderr(&output).contains("somebody else may have started it"));
        assert_eq!(account.simulator.counts().total(START), 1);
    }
}

#[tokio::test]
async fn of_a_workflow_with_too_many_jobs_to_know_them_all_none_is_adopted_but_named() {
    let old = "[[jobs]]\nworkflow = \"customers\"\nsubmitted_ago = \"1d\"\ncount = 300\n";
    let account = Account::open_with(&format!("{QUICK}{old}")).await;
    let before = job_ids(&account);
    account.script(START, Answer::Lost, 1);
    let output = ended(run(&account, &[])).await;
    assert_exit(&output, 9);
    let ours = job_ids(&account).into_iter().find(|id| !before.contains(id)).unwrap();
    let last = stderr(&output).lines().last().unwrap();
    assert!(last.contains(&format!("may be ours or an older one: {ours}. ")), "{last}");
    assert!(last.contains(&format!("To wait for it: matchwatch wait --job-id {ours} ")), "{last}");
    assert_eq!(account.simulator.counts().total(START), 1);
}

#[tokio::test]
async fn who_may_not_list_is_told_and_a_lost_answer_is_exit_9_without_a_second_start() {
    let account = Account::open_with(QUICK).await;
    account.deny(Operation::ListMatchingJobs, None);
    let output = ended(run(&account, &[])).await;
    assert_exit(&output, 0);
    assert!(stderr(&output).contains("entityresolution:ListMatchingJobs"), "{}", stderr(&output));

    account.script(START, Answer::Lost, 1);
    let output = ended(run(&account, &[])).await;
    assert_exit(&output, 9);
    assert!(stdout(&output).is_empty());
    assert!(stderr(&output).contains("a job may have been started"), "{}", stderr(&output));
    let look = format!(
        "aws entityresolution list-matching-jobs --workflow-name customers --region eu-west-1 --endpoint-url {} \
         --no-sign-request",
        account.url
    );
    assert!(stderr(&output).contains(&look), "{}", stderr(&output));
    assert_eq!(account.simulator.counts().total(START), 2);
}

#[tokio::test]
async fn the_account_of_a_configuration_is_that_of_the_watch_on_the_workflow() {
    let account = Account::open_with(QUICK).await;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("matchwatch.toml");
    let text = format!(
        r#"
        [[account]]
        name = "main"
        region = "eu-west-1"
        endpoint_url = "{}"
        no_sign_request = true

        [[account]]
        name = "other"
        region = "eu-west-1"
        endpoint_url = "http://127.0.0.1:1"

        [[watch]]
        account = "main"
        workflow_name = "customers"
        job_ids = ["0123456789abcdef0123456789abcdef"]
        "#,
        account.url
    );
    std::fs::write(&path, text).unwrap();
    let arguments = ["--workflow-name", "customers", "--config", path.to_str().unwrap()];
    let output = ended(bare("run", &arguments)).await;
    assert_exit(&output, 0);
    assert_eq!(job_ids(&account).len(), 1);
}
