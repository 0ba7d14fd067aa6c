//! Jobs whose workflow is not named: it is searched for, or the configuration knows it.

use super::*;

#[tokio::test]
async fn without_its_name_the_workflow_is_searched_for_past_one_that_denies_access() {
    let account = Account::open().await;
    account.deny(Operation::GetMatchingJob, Some("customers"));
    let id = account.simulator.start_job(Kind::Matching, "suppliers").unwrap();
    account.simulator.set_status(&id, Status::Succeeded).unwrap();
    let output = ended(account.wait(&["--job-id", &id])).await;
    assert_exit(&output, 0);
    assert!(stdout(&output).contains(&id));
}

#[tokio::test]
async fn a_search_that_may_not_list_workflows_is_exit_4_and_offers_the_way_round() {
    let account = Account::open().await;
    account.deny(Operation::ListMatchingWorkflows, None);
    let id = account.job();
    let output = ended(account.wait(&["--job-id", &id])).await;
    assert_exit(&output, 4);
    assert!(stderr(&output).contains("entityresolution:ListMatchingWorkflows"));
    assert!(stderr(&output).contains("--workflow-name"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_configuration_that_names_the_job_spares_the_search() {
    let account = Account::open().await;
    account.deny(Operation::ListMatchingWorkflows, None);
    let id = account.job_at(Status::Succeeded);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("matchwatch.toml");
    let watch = format!("[[watch]]\nworkflow_name = \"customers\"\njob_ids = [\"{id}\"]\n");
    std::fs::write(&path, watch).unwrap();
    let output = ended(account.wait(&["--job-id", &id, "--config", path.to_str().unwrap()])).await;
    assert_exit(&output, 0);
}

#[tokio::test]
async fn an_id_that_is_nowhere_to_be_found_holds_up_no_other() {
    let account = Account::open().await;
    let (nowhere, good) = ("0".repeat(32), account.job_at(Status::Succeeded));
    let output = ended(account.wait(&["--job-id", &nowhere, "--job-id", &good, "--any"])).await;
    assert_exit(&output, 0);
    assert!(stdout(&output).contains(&good));
}

#[tokio::test]
async fn a_search_that_is_denied_everywhere_is_exit_4_without_waiting_for_a_miracle() {
    let account = Account::open().await;
    account.deny(Operation::GetMatchingJob, None);
    let id = account.job();
    let output = ended(account.wait(&["--job-id", &id])).await;
    assert_exit(&output, 4);
    assert!(stderr(&output).contains("customers, suppliers"), "{}", stderr(&output));
    assert_eq!(account.simulator.counts().total(Operation::GetMatchingJob), 2, "one a workflow");
}

#[tokio::test]
async fn many_jobs_are_searched_for_with_one_list_of_workflows() {
    let account = Account::open().await;
    let ids: Vec<String> = (0..3).map(|_| account.job_at(Status::Succeeded)).collect();
    let arguments: Vec<&str> = ids.iter().flat_map(|id| ["--job-id", id]).collect();
    let output = ended(account.wait(&arguments)).await;
    assert_exit(&output, 0);
    assert_eq!(stdout(&output).lines().count(), 3);
    assert_eq!(account.simulator.counts().total(Operation::ListMatchingWorkflows), 1);
}

#[tokio::test]
async fn a_search_without_answers_says_so() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let mut command = bare_wait(&["--job-id", "a", "--timeout", "3s", "--endpoint-url", &url]);
    command.args(["--region", "eu-west-1", "--no-sign-request"]);
    let output = ended(command).await;
    assert_exit(&output, 6);
    assert!(stderr(&output).contains("asking again"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_configuration_gives_the_account_too_and_its_notifiers_do_not_matter() {
    let account = Account::open().await;
    let id = account.job_at(Status::Succeeded);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("matchwatch.toml");
    let text = format!(
        r#"
        [[account]]
        name = "main"
        region = "eu-west-1"
        endpoint_url = "{}"
        no_sign_request = true

        [[watch]]
        workflow_name = "customers"
        job_ids = ["{id}"]

        [[notifier]]
        name = "ops"
        type = "webhook"
        url = {{ env = "NOT_SET_HERE" }}
        "#,
        account.url
    );
    std::fs::write(&path, text).unwrap();
    let output = ended(bare_wait(&["--job-id", &id, "--config", path.to_str().unwrap()])).await;
    assert_exit(&output, 0);
}

#[tokio::test]
async fn an_account_of_the_configuration_is_named_where_there_are_several() {
    let (one, two) = (Account::open().await, Account::open().await);
    let id = two.job_at(Status::Succeeded);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("matchwatch.toml");
    let account = |name: &str, url: &str| {
        format!(
            "[[account]]\nname = {name:?}\nregion = \"eu-west-1\"\nno_sign_request = true\nendpoint_url = {url:?}\n"
        )
    };
    // The same job id in another account is another job.
    let watch = format!(
        "[[watch]]\naccount = \"one\"\nworkflow_name = \"suppliers\"\njob_ids = [{id:?}]\n"
    );
    let text = account("one", &one.url) + &account("two", &two.url) + &watch;
    std::fs::write(&path, text).unwrap();
    let config = path.to_str().unwrap();
    let wait = |account| bare_wait(&["--job-id", &id, "--config", config, "--account", account]);
    assert_exit(&ended(wait("two")).await, 0);
    let output = ended(wait("three")).await;
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("--account three: the configuration has one, two only"));
}
