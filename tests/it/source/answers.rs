//! Answers that grant the request.

use matchwatch::domain::{JobKey, JobKind, JobStatus, ObservedStatus};
use matchwatch::source::{JobSource, PageToken};
use serde_json::json;

use super::{LONG, Reply, ScriptedServer, job, keys, observe, running, source, workflow};

#[tokio::test]
async fn everything_that_the_api_tells_is_observed() {
    let told = json!({
        "jobId": "job-1",
        "status": "SUCCEEDED",
        "startTime": 1_700_000_000.123,
        "endTime": 1_700_000_100,
        "metrics": {
            "inputRecords": 5, "totalRecordsProcessed": 4, "recordsNotProcessed": 1,
            "deleteRecordsProcessed": 0, "matchIDs": 3,
        },
        "errorDetails": { "errorMessage": "none to speak of" },
        "outputSourceConfig": [
            { "roleArn": "arn:role", "outputS3Path": "s3://bucket/out", "KMSArn": "arn:key" },
        ],
    });
    let observation = observe(Reply::json(200, &told)).await.unwrap();
    assert_eq!(observation.status, ObservedStatus::Known(JobStatus::Succeeded));
    let mut expected = told;
    let fields = expected.as_object_mut().unwrap();
    fields.retain(|name, _| name != "jobId" && name != "status");
    fields["startTime"] = json!("2023-11-14T22:13:20.123Z");
    fields["endTime"] = json!("2023-11-14T22:15:00Z");
    assert_eq!(serde_json::to_value(observation.details).unwrap(), expected);
}

#[tokio::test]
async fn a_start_time_that_the_answer_lacks_is_absent_not_1970() {
    let observation = observe(running()).await.unwrap();
    assert_eq!(observation.details.start_time, None);
}

#[tokio::test]
async fn a_count_beyond_32_bits_is_observed_as_it_is() {
    let told = json!({
        "jobId": "job-1", "status": "SUCCEEDED", "metrics": { "inputRecords": 5_000_000_000_i64 },
    });
    let observation = observe(Reply::json(200, &told)).await.unwrap();
    assert_eq!(observation.status, ObservedStatus::Known(JobStatus::Succeeded));
    assert_eq!(observation.details.metrics.unwrap().input_records, Some(5_000_000_000));
}

#[tokio::test]
async fn an_instant_in_iso_8601_is_understood() {
    let told =
        json!({ "jobId": "job-1", "status": "RUNNING", "startTime": "2023-11-14T22:13:20Z" });
    let observation = observe(Reply::json(200, &told)).await.unwrap();
    assert_eq!(observation.status, ObservedStatus::Known(JobStatus::Running));
    assert_eq!(observation.details.start_time, "2023-11-14T22:13:20Z".parse().ok());
}

#[tokio::test]
async fn a_status_of_a_newer_service_is_observed_under_its_name() {
    let told = json!({ "jobId": "job-1", "status": "CANCELLED" });
    let observation = observe(Reply::json(200, &told)).await.unwrap();
    assert_eq!(observation.status, ObservedStatus::Unknown("CANCELLED".to_owned()));
}

#[tokio::test]
async fn an_error_message_of_megabytes_is_observed_whole() {
    let message = "é".repeat(4 << 20);
    let told = json!({
        "jobId": "job-1", "status": "FAILED", "errorDetails": { "errorMessage": message },
    });
    let observation = observe(Reply::json(200, &told)).await.unwrap();
    assert!(observation.details.error_details.unwrap().error_message == Some(message));
}

#[tokio::test]
async fn an_empty_answer_is_no_status() {
    let error = observe(Reply::new(200, &[], "")).await.unwrap_err();
    assert_eq!(error.to_string(), "service unavailable: the answer is malformed: it is empty");
}

#[tokio::test]
async fn an_answer_without_a_status_is_no_status() {
    let error = observe(Reply::json(200, &json!({ "jobId": "job-1" }))).await.unwrap_err();
    assert_eq!(error.to_string(), "service unavailable: the answer is malformed: it has no status");
}

#[tokio::test]
async fn an_answer_about_another_job_is_no_status() {
    let told = json!({ "jobId": "job-2", "status": "SUCCEEDED" });
    assert_eq!(observe(Reply::json(200, &told)).await.unwrap_err().reason(), "unavailable");
}

#[tokio::test]
async fn a_page_of_html_is_no_status() {
    let html = Reply::new(200, &[("content-type", "text/html")], "<html>Please log in</html>");
    assert_eq!(observe(html).await.unwrap_err().reason(), "unavailable");
}

#[tokio::test]
async fn a_job_is_asked_for_under_its_workflow_and_signed_for_the_region() {
    let server = ScriptedServer::start([running()]).await;
    let source = source(&server.url(), LONG, keys("AKID")).await;
    let job = JobKey { workflow_name: "a b".into(), ..job() };
    source.observe(&job).await.unwrap();
    let request = &server.requests()[0];
    assert_eq!(request.line, "GET /matchingworkflows/a%20b/jobs/job-1 HTTP/1.1");
    let signed = request.header("authorization").unwrap();
    assert!(signed.contains("Credential=AKID/"), "{signed}");
    assert!(signed.contains("/eu-west-1/entityresolution/aws4_request"), "{signed}");
    assert_eq!(source.region(), "eu-west-1");
}

#[tokio::test]
async fn questions_one_after_the_other_share_a_connection() {
    let server = ScriptedServer::start([running(), running()]).await;
    let source = source(&server.url(), LONG, keys("AKID")).await;
    source.observe(&job()).await.unwrap();
    source.observe(&job()).await.unwrap();
    assert_eq!(server.requests().len(), 2);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn workflows_are_listed_page_by_page() {
    let server = ScriptedServer::start([
        Reply::json(
            200,
            &json!({ "workflowSummaries": [{ "workflowName": "a" }], "nextToken": "t/2" }),
        ),
        Reply::json(200, &json!({ "workflowSummaries": [{ "workflowName": "b" }] })),
    ])
    .await;
    let source = source(&server.url(), LONG, keys("AKID")).await;
    let first = source.list_workflows(JobKind::Matching, None).await.unwrap();
    assert_eq!(first.names, ["a"]);
    assert_eq!(first.next, Some(PageToken("t/2".to_owned())));
    let second = source.list_workflows(JobKind::Matching, first.next).await.unwrap();
    assert_eq!(second.names, ["b"]);
    assert_eq!(second.next, None);
    let lines: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(
        lines,
        ["GET /matchingworkflows HTTP/1.1", "GET /matchingworkflows?nextToken=t%2F2 HTTP/1.1"]
    );
}

#[tokio::test]
async fn an_empty_answer_is_no_list_of_workflows() {
    let server = ScriptedServer::start([Reply::new(200, &[], "")]).await;
    let source = source(&server.url(), LONG, keys("AKID")).await;
    assert_eq!(
        source.list_workflows(JobKind::Matching, None).await.unwrap_err().reason(),
        "unavailable"
    );
}

#[tokio::test]
async fn the_jobs_of_a_workflow_are_listed_page_by_page_with_what_the_list_says_of_them() {
    let server = ScriptedServer::start([
        Reply::json(
            200,
            &json!({
                "jobs": [
                    { "jobId": "1", "status": "RUNNING", "startTime": 1_700_000_000.5 },
                    { "jobId": "2", "status": "PAUSED" },
                ],
                "nextToken": "t/2",
            }),
        ),
        Reply::json(
            200,
            &json!({ "jobs": [{ "jobId": "3", "status": "FAILED", "endTime": 1_700_000_060 }] }),
        ),
    ])
    .await;
    let source = source(&server.url(), LONG, keys("AKID")).await;
    let first = source.list_jobs(&workflow(), None).await.unwrap();
    let told: Vec<_> = first.jobs.iter().map(|job| (&*job.job_id, job.status.as_str())).collect();
    assert_eq!(told, [("1", "RUNNING"), ("2", "PAUSED")]);
    assert_eq!(first.jobs[0].start_time, "2023-11-14T22:13:20.5Z".parse().ok());
    assert_eq!(first.next, Some(PageToken("t/2".to_owned())));
    let second = source.list_jobs(&workflow(), first.next).await.unwrap();
    assert_eq!(second.jobs[0].end_time, "2023-11-14T22:14:20Z".parse().ok());
    assert_eq!(second.next, None);
    let lines: Vec<_> = server.requests().into_iter().map(|request| request.line).collect();
    assert_eq!(
        lines,
        [
            "GET /matchingworkflows/customers/jobs?maxResults=25 HTTP/1.1",
            "GET /matchingworkflows/customers/jobs?nextToken=t%2F2&maxResults=25 HTTP/1.1"
        ]
    );
}

#[tokio::test]
async fn an_answer_that_names_a_job_without_its_status_is_no_list_of_jobs() {
    for body in [json!({ "jobs": [{ "jobId": "1" }] }), json!({ "jobs": 1 }), json!([]), json!({})]
    {
        let server = ScriptedServer::start([Reply::json(200, &body)]).await;
        let source = source(&server.url(), LONG, keys("AKID")).await;
        let error = source.list_jobs(&workflow(), None).await.unwrap_err();
        assert_eq!(error.reason(), "unavailable");
    }
}
