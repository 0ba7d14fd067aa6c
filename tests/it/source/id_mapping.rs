//! ID mapping jobs: operations of their own, counts of their own, and the same care.

use matchwatch::domain::{JobKind, JobStatus, JobType, Observation, ObservedStatus};
use matchwatch::source::{JobSource, PageToken, SourceError};
use serde_json::{Value, json};

use super::{LONG, Reply, ScriptedServer, error, id_mapping_job, keys, source};

/// What is observed when the service replies so.
async fn observe(reply: Reply) -> Result<Observation, SourceError> {
    let server = ScriptedServer::start([reply]).await;
    source(&server.url(), LONG, keys("AKID")).await.observe(&id_mapping_job()).await
}

/// Counts as an ID mapping job reports them, each another number.
fn counts() -> Value {
    json!({
        "inputRecords": 5_000_000_000_i64, "totalRecordsProcessed": 14, "recordsNotProcessed": 13,
        "deleteRecordsProcessed": 12, "totalMappedRecords": 11, "totalMappedSourceRecords": 10,
        "totalMappedTargetRecords": 9, "uniqueRecordsLoaded": 8, "newMappedRecords": 7,
        "newMappedSourceRecords": 6, "newMappedTargetRecords": 5, "newUniqueRecordsLoaded": 4,
        "mappedRecordsRemoved": 3, "mappedSourceRecordsRemoved": 2, "mappedTargetRecordsRemoved": 1,
    })
}

#[tokio::test]
async fn everything_that_the_api_tells_is_observed_with_counts_beyond_32_bits() {
    let told = json!({
        "jobId": "job-1",
        "status": "SUCCEEDED",
        "startTime": 1_700_000_000.123,
        "endTime": 1_700_000_100,
        "metrics": counts(),
        "errorDetails": { "errorMessage": "none to speak of" },
        "outputSourceConfig": [
            { "roleArn": "arn:role", "outputS3Path": "s3://bucket/out", "KMSArn": "arn:key" },
        ],
        "jobType": "INCREMENTAL",
    });
    let observation = observe(Reply::json(200, &told)).await.unwrap();
    assert_eq!(observation.status, ObservedStatus::Known(JobStatus::Succeeded));
    assert_eq!(observation.details.job_type, Some(JobType::Incremental));
    let mut expected = told;
    let fields = expected.as_object_mut().unwrap();
    fields.retain(|name, _| name != "jobId" && name != "status");
    fields["startTime"] = json!("2023-11-14T22:13:20.123Z");
    fields["endTime"] = json!("2023-11-14T22:15:00Z");
    assert_eq!(serde_json::to_value(observation.details).unwrap(), expected);
}

#[tokio::test]
async fn an_answer_that_is_empty_or_about_another_job_is_no_status() {
    for reply in [
        Reply::new(200, &[], ""),
        Reply::json(200, &json!({})),
        Reply::json(200, &json!({ "jobId": "job-1", "jobType": "BATCH" })),
        Reply::json(200, &json!({ "jobId": "job-2", "status": "SUCCEEDED" })),
    ] {
        assert_eq!(observe(reply).await.unwrap_err().reason(), "unavailable");
    }
}

#[tokio::test]
async fn a_type_of_a_newer_service_is_observed_under_its_name() {
    let told = json!({ "jobId": "job-1", "status": "QUEUED", "jobType": "REPLAY" });
    let observation = observe(Reply::json(200, &told)).await.unwrap();
    assert_eq!(observation.details.job_type, Some(JobType::Unknown("REPLAY".to_owned())));
}

#[tokio::test]
async fn jobs_and_workflows_are_asked_for_under_their_own_collection() {
    let running = json!({ "jobId": "job-1", "status": "RUNNING" });
    let server = ScriptedServer::start([
        Reply::json(200, &running),
        Reply::json(200, &json!({ "jobs": [running], "nextToken": "t/2" })),
        Reply::json(200, &json!({ "jobs": [] })),
        Reply::json(200, &json!({ "workflowSummaries": [{ "workflowName": "households" }] })),
        Reply::json(200, &json!({ "workflowSummaries": [] })),
    ])
    .await;
    let source = source(&server.url(), LONG, keys("AKID")).await;
    let workflow = id_mapping_job().workflow();
    source.observe(&id_mapping_job()).await.unwrap();
    let page = source.list_jobs(&workflow, None).await.unwrap();
    assert_eq!(page.jobs[0].job_id, "job-1");
    assert_eq!(page.next, Some(PageToken("t/2".to_owned())));
    source.list_jobs(&workflow, page.next).await.unwrap();
    let page = source.list_workflows(JobKind::IdMapping, None).await.unwrap();
    assert_eq!(page.names, ["households"]);
    source.introduce(JobKind::IdMapping).await.unwrap();
    let lines: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(
        lines,
        [
            "GET /idmappingworkflows/households/jobs/job-1 HTTP/1.1",
            "GET /idmappingworkflows/households/jobs?maxResults=25 HTTP/1.1",
            "GET /idmappingworkflows/households/jobs?nextToken=t%2F2&maxResults=25 HTTP/1.1",
            "GET /idmappingworkflows HTTP/1.1",
            "GET /idmappingworkflows?maxResults=1 HTTP/1.1",
        ]
    );
}

#[tokio::test]
async fn an_answer_without_jobs_is_no_list_of_jobs() {
    for body in [json!({ "jobs": [{ "jobId": "1" }] }), json!({})] {
        let server = ScriptedServer::start([Reply::json(200, &body)]).await;
        let source = source(&server.url(), LONG, keys("AKID")).await;
        let error = source.list_jobs(&id_mapping_job().workflow(), None).await.unwrap_err();
        assert_eq!(error.reason(), "unavailable");
    }
}

#[tokio::test]
async fn denials_name_the_permission_that_is_missing() {
    let denied = || error(403, "AccessDeniedException", "No.");
    let server = ScriptedServer::start([denied(), denied(), denied(), denied()]).await;
    let source = source(&server.url(), LONG, keys("AKID")).await;
    let (job, shared) =
        (id_mapping_job(), "arn:aws:entityresolution:eu-west-1:1:idmappingworkflow/a");
    let of_another_account =
        matchwatch::domain::JobKey { workflow_name: shared.into(), ..job.clone() };
    for (error, needed) in [
        (
            source.observe(&job).await.unwrap_err(),
            "GetIdMappingJob on idmappingworkflow/households".to_owned(),
        ),
        (
            source.list_jobs(&job.workflow(), None).await.unwrap_err(),
            "ListIdMappingJobs on idmappingworkflow/households".to_owned(),
        ),
        (
            source.list_workflows(JobKind::IdMapping, None).await.unwrap_err(),
            "ListIdMappingWorkflows on *".to_owned(),
        ),
        (
            source.observe(&of_another_account).await.unwrap_err(),
            format!("GetIdMappingJob on {shared}"),
        ),
    ] {
        assert_eq!(error.reason(), "access_denied");
        let needed = format!("this needs entityresolution:{needed}");
        assert!(error.to_string().ends_with(&needed), "{error}");
    }
}
