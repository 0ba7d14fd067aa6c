//! ID mapping jobs, which have a type and an output.

use matchwatch::simulator::Kind;
use serde_json::json;

use super::*;

const HOUSEHOLDS: &str = r#"
[[workflows]]
name = "households"
kind = "id-mapping"
duration = "100ms"
metrics = { inputRecords = 9, totalMappedRecords = 8 }
"#;

fn run_id_mapping(account: &Account, arguments: &[&str]) -> Command {
    let mut command =
        account.command("run", &["--workflow-name", "households", "--kind", "id-mapping"]);
    command.args(arguments);
    command
}

#[tokio::test]
async fn an_id_mapping_job_is_started_as_asked_for_and_waited_for() {
    let account = Account::open_with(HOUSEHOLDS).await;
    let output = "roleArn=arn:aws:iam::123456789012:role/writer,outputS3Path=s3://my-bucket/out/";
    let arguments = ["--job-type", "INCREMENTAL", "--output-source-config", output];
    let output = ended(run_id_mapping(&account, &arguments)).await;
    assert_exit(&output, 0);
    let [(kind, _, job)] = &account.simulator.jobs()[..] else { panic!("one job") };
    assert_eq!((*kind, &*job.output.s3_path), (Kind::IdMapping, "s3://my-bucket/out/"));
    let printed: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(printed["jobId"], json!(job.id));
    assert_eq!(printed["jobType"], "INCREMENTAL");
    assert_eq!(printed["metrics"]["totalMappedRecords"], 8);
}

#[tokio::test]
async fn denied_access_names_the_permission_and_the_resource_of_its_kind() {
    let account = Account::open_with(HOUSEHOLDS).await;
    account.deny(Operation::StartIdMappingJob, None);
    let output = ended(run_id_mapping(&account, &[])).await;
    assert_exit(&output, 4);
    assert!(stderr(&output).contains("entityresolution:StartIdMappingJob"), "{}", stderr(&output));
    assert!(stderr(&output).contains("idmappingworkflow/households"), "{}", stderr(&output));
}

#[tokio::test]
async fn an_id_mapping_job_whose_answer_is_lost_is_adopted_by_its_type() {
    let account = Account::open_with(HOUSEHOLDS).await;
    account.script(Operation::StartIdMappingJob, Answer::Lost, 1);
    let output = ended(run_id_mapping(&account, &["--job-type", "DELETE_ONLY"])).await;
    assert_exit(&output, 0);
    assert_eq!(job_ids(&account).len(), 1);
    assert!(stderr(&output).contains("adopted"), "{}", stderr(&output));
}

#[tokio::test]
async fn what_is_for_id_mapping_alone_is_exit_2_elsewhere() {
    let account = Account::open_with(QUICK).await;
    let output = ended(run(&account, &["--job-type", "BATCH"])).await;
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("--kind id-mapping"), "{}", stderr(&output));
    let output = ended(run_id_mapping(&account, &["--output-source-config", "s3://b/"])).await;
    assert_exit(&output, 2);
    assert!(job_ids(&account).is_empty());
}
