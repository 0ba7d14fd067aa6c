//! Requests that start a job, and whether they had an effect.

use matchwatch::domain::{JobType, OutputSource};
use matchwatch::simulator::{Kind, Scenario, Simulator};
use matchwatch::source::{JobOrder, JobStarter, StartError};
use serde_json::json;
use tokio::net::TcpListener;

use super::*;

fn order(workflow: WorkflowKey) -> JobOrder {
    JobOrder { workflow, job_type: None, output: None }
}

/// What is made of a service's reply to a start.
async fn started(reply: Reply) -> Result<String, StartError> {
    started_within(LONG, reply).await
}

async fn started_within(request_timeout: Duration, reply: Reply) -> Result<String, StartError> {
    let server = ScriptedServer::start([reply]).await;
    let source = source(&server.url(), request_timeout, keys("AKID")).await;
    let started = source.start(&order(workflow())).await;
    assert_eq!(server.requests().len(), 1, "one attempt a start");
    assert_eq!(server.requests()[0].line, "POST /matchingworkflows/customers/jobs HTTP/1.1");
    started
}

#[tokio::test]
async fn the_id_is_that_of_the_answer() {
    let id = started(Reply::json(200, &json!({ "jobId": "job-1" }))).await;
    assert_eq!(id.as_deref(), Ok("job-1"));
}

#[tokio::test]
async fn a_refusal_had_no_effect_and_keeps_its_reason() {
    for (reply, reason) in [
        (error(429, "ThrottlingException", "slow down"), "throttled"),
        (Reply::new(429, &[], "<html>"), "throttled"),
        (error(403, "ExpiredTokenException", "old"), "credentials_expired"),
        (error(403, "AccessDeniedException", "no"), "access_denied"),
        (error(404, "ResourceNotFoundException", "no workflow"), "not_found"),
        (error(400, "ValidationException", "no name"), "invalid"),
        (error(403, "RequestTimeTooSkewed", "your clock"), "unavailable"),
    ] {
        let Err(StartError::NotStarted(error)) = started(reply.clone()).await else {
            panic!("{reply:?}")
        };
        assert_eq!(error.reason(), reason);
    }
}

#[tokio::test]
async fn denied_access_names_the_permission_and_the_workflow() {
    let denied = started(error(403, "AccessDeniedException", "no")).await.unwrap_err();
    let needs = "this needs entityresolution:StartMatchingJob on matchingworkflow/customers";
    assert!(denied.to_string().contains(needs), "{denied}");
}

#[tokio::test]
async fn a_busy_workflow_and_a_limit_are_told_apart() {
    let busy = started(error(400, "ConflictException", "it runs")).await;
    assert!(matches!(busy, Err(StartError::Conflict { .. })), "{busy:?}");
    let full = started(error(402, "ExceedsLimitException", "too many")).await;
    assert!(matches!(full, Err(StartError::LimitReached { .. })), "{full:?}");
}

#[tokio::test]
async fn where_no_answer_says_what_became_of_it_a_job_may_have_been_started() {
    for reply in [
        error(500, "InternalServerException", "oh"),
        Reply::new(503, &[("content-type", "text/html")], "<html>"),
        Reply::new(404, &[("content-type", "text/html")], "<html>"),
        error(408, "RequestTimeout", "too slow"),
        Reply::new(200, &[], ""),
        Reply::json(200, &json!({ "job": "job-1" })),
        Reply::Reset(Vec::new()),
        Reply::Close(Vec::new()),
        Reply::Close(b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{\"jobId\":".to_vec()),
    ] {
        let lost = started(reply.clone()).await;
        assert!(matches!(lost, Err(StartError::Lost(_))), "{reply:?}: {lost:?}");
    }
    let lost = started_within(SHORT, Reply::Silence).await;
    assert!(matches!(lost, Err(StartError::Lost(_))), "{lost:?}");
}

#[tokio::test]
async fn a_request_that_cannot_leave_had_no_effect() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let refused = source(&url, LONG, keys("AKID")).await.start(&order(workflow())).await;
    let Err(StartError::NotStarted(error)) = refused else { panic!("{refused:?}") };
    assert_eq!(error.reason(), "unavailable");

    let nobody = ScriptedServer::start([]).await;
    let without = source(&nobody.url(), LONG, NoCredentials).await.start(&order(workflow())).await;
    let Err(StartError::NotStarted(error)) = without else { panic!("{without:?}") };
    assert_eq!(error.reason(), "access_denied");
    assert!(nobody.requests().is_empty());
}

#[derive(Debug)]
struct NoCredentials;

impl ProvideCredentials for NoCredentials {
    fn provide_credentials<'a>(
        &'a self,
    ) -> aws_credential_types::provider::future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let none = aws_credential_types::provider::error::CredentialsError::not_loaded("none");
        aws_credential_types::provider::future::ProvideCredentials::ready(Err(none))
    }
}

#[tokio::test]
async fn an_id_mapping_job_gets_the_type_and_the_output_that_were_asked_for() {
    let scenario = "[[workflows]]\nname = \"households\"\nkind = \"id-mapping\"\n";
    let simulator = Simulator::new(Scenario::parse(scenario, "test").unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(simulator.clone().serve(listener, std::future::pending()));
    let source = source(&url, LONG, keys("AKID")).await;
    let workflow =
        WorkflowKey { kind: JobKind::IdMapping, name: "households".into(), ..workflow() };
    let output = OutputSource {
        role_arn: Some("arn:aws:iam::123456789012:role/writer".to_owned()),
        output_s3_path: Some("s3://my-bucket/households/".to_owned()),
        kms_arn: None,
    };
    let wanted = JobOrder {
        job_type: Some(JobType::Incremental),
        output: Some(output),
        ..order(workflow.clone())
    };
    let id = source.start(&wanted).await.unwrap();
    let [(kind, _, job)] = &simulator.jobs()[..] else { panic!("one job") };
    assert_eq!((*kind, &job.id), (Kind::IdMapping, &id));
    assert_eq!(serde_json::to_value(job.job_type).unwrap(), "INCREMENTAL");
    assert_eq!(job.output.s3_path, "s3://my-bucket/households/");

    let incomplete = JobOrder { output: Some(OutputSource::default()), ..order(workflow) };
    let refused = source.start(&incomplete).await;
    assert!(matches!(refused, Err(StartError::NotStarted(_))), "{refused:?}");
    serving.abort();
}
