//! ID mapping jobs: named, configured, piped in, or searched for.

use super::*;

#[tokio::test]
async fn an_id_mapping_job_is_waited_for_under_its_workflow_and_kind() {
    let account = Account::open().await;
    let id = account.id_mapping_job_at(Status::Succeeded);
    let flags = ["--workflow-name", "households", "--kind", "id-mapping", "--job-id", &id];
    let output = ended(account.wait(&flags)).await;
    assert_exit(&output, 0);
    let job: Value = serde_json::from_str(stdout(&output)).unwrap();
    let counts = json!({
        "inputRecords": 100, "totalMappedRecords": 9, "newMappedRecords": 5, "mappedRecordsRemoved": 1,
    });
    assert_eq!((&job["metrics"], &job["jobType"]), (&counts, &json!("BATCH")));
    assert_eq!(account.simulator.counts().total(Operation::GetMatchingJob), 0);

    let output = ended(account.wait(&[&flags[..], &["--output", "text"]].concat())).await;
    let counts = "(100 input records, 9 mapped, 5 newly mapped, 1 no longer mapped)";
    assert!(stdout(&output).contains(counts), "{}", stdout(&output));
}

#[tokio::test]
async fn a_failed_id_mapping_job_is_exit_1() {
    let account = Account::open().await;
    let id = account.id_mapping_job_at(Status::Failed);
    let flags = ["--workflow-name", "households", "--kind", "id-mapping", "--job-id", &id];
    assert_exit(&ended(account.wait(&flags)).await, 1);
}

#[tokio::test]
async fn jobs_of_both_kinds_are_found_in_one_search_matching_workflows_first() {
    let account = Account::open().await;
    let matching = account.job_at(Status::Succeeded);
    let output = ended(account.wait(&["--job-id", &matching])).await;
    assert_exit(&output, 0);
    assert_eq!(account.simulator.counts().total(Operation::ListIdMappingWorkflows), 0);

    let mapping = account.id_mapping_job_at(Status::Succeeded);
    let output = ended(account.wait(&["--job-id", &mapping, "--job-id", &matching])).await;
    assert_exit(&output, 0);
    assert!(stdout(&output).contains(&mapping) && stdout(&output).contains(&matching));
    assert_eq!(account.simulator.counts().total(Operation::ListIdMappingWorkflows), 1);
}

#[tokio::test]
async fn with_a_kind_only_its_workflows_are_searched() {
    let account = Account::open().await;
    let id = account.id_mapping_job_at(Status::Succeeded);
    let output = ended(account.wait(&["--kind", "id-mapping", "--job-id", &id])).await;
    assert_exit(&output, 0);
    let counts = account.simulator.counts();
    assert_eq!(counts.total(Operation::ListMatchingWorkflows), 0);
    assert_eq!(counts.total(Operation::GetMatchingJob), 0);
}

#[tokio::test]
async fn a_job_that_neither_kind_has_is_not_found_and_both_are_named() {
    let account = Account::open().await;
    let nowhere = "0".repeat(32);
    let output = ended(account.wait(&["--job-id", &nowhere])).await;
    assert_exit(&output, 5);
    let words = "none of 2 matching workflows and 1 ID mapping workflow has the job";
    assert!(stderr(&output).contains(words), "{}", stderr(&output));
}

#[tokio::test]
async fn who_may_not_list_id_mapping_workflows_is_told_that_the_job_may_be_theirs() {
    let account = Account::open().await;
    account.deny(Operation::ListIdMappingWorkflows, None);
    let id = account.id_mapping_job_at(Status::Succeeded);
    let flags = ["--kind", "id-mapping", "--job-id", &id];
    let output = ended(account.wait(&flags)).await;
    assert_exit(&output, 4);
    assert!(stderr(&output).contains("ListIdMappingWorkflows"), "{}", stderr(&output));
    assert!(stderr(&output).contains("--workflow-name"), "{}", stderr(&output));
    // A matching job is found all the same.
    let id = account.job_at(Status::Succeeded);
    assert_exit(&ended(account.wait(&["--job-id", &id])).await, 0);
}

#[tokio::test]
async fn a_configuration_that_names_the_job_says_its_kind_too() {
    let account = Account::open().await;
    let id = account.id_mapping_job_at(Status::Succeeded);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("matchwatch.toml");
    let watch = format!(
        "[[watch]]\nkind = \"id-mapping\"\nworkflow_name = \"households\"\njob_ids = [\"{id}\"]\n"
    );
    std::fs::write(&path, watch).unwrap();
    let output = ended(account.wait(&["--job-id", &id, "--config", path.to_str().unwrap()])).await;
    assert_exit(&output, 0);
    let counts = account.simulator.counts();
    assert_eq!(counts.total(Operation::GetMatchingJob), 0);
    assert_eq!(counts.total(Operation::ListIdMappingWorkflows), 0);
}

#[tokio::test]
async fn how_to_wait_again_names_the_kind() {
    let account = Account::open().await;
    let id = account.id_mapping_job_at(Status::Running);
    let flags = ["--workflow-name", "households", "--kind", "id-mapping", "--job-id", &id];
    let output = ended(account.wait(&[&flags[..], &["--timeout", "1s"]].concat())).await;
    assert_exit(&output, 3);
    let again = format!("wait --job-id {id} --workflow-name households --kind id-mapping");
    assert!(stderr(&output).contains(&again), "{}", stderr(&output));
}
