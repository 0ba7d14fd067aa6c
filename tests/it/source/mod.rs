//! Asking AWS Entity Resolution, over real HTTP: one test for each trap of the wire and of the SDK.

mod answers;
mod credentials;
mod endpoints;
mod failures;
mod id_mapping;
mod refusals;
mod starts;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use matchwatch::aws::{Access, Aws};
use matchwatch::domain::{JobKey, JobKind, Observation, WorkflowKey};
use matchwatch::source::{EntityResolution, JobSource, SourceError};

use crate::support::scripted::{Reply, ScriptedServer};

/// Long enough for a busy machine; tests that wait for it to pass take [`SHORT`].
const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(200);

fn job() -> JobKey {
    JobKey {
        account: "main".into(),
        kind: JobKind::Matching,
        workflow_name: "customers".into(),
        job_id: "job-1".into(),
    }
}

fn id_mapping_job() -> JobKey {
    JobKey { kind: JobKind::IdMapping, workflow_name: "households".into(), ..job() }
}

fn workflow() -> WorkflowKey {
    job().workflow()
}

fn keys(access_key_id: &str) -> Credentials {
    Credentials::new(
        access_key_id,
        "the-secret-key",
        Some("the-session-token".into()),
        None,
        "test",
    )
}

/// A source that asks at `url` with the keys that `credentials` finds.
async fn source(
    url: &str,
    request_timeout: Duration,
    credentials: impl ProvideCredentials + 'static,
) -> EntityResolution {
    let access = Access {
        region: Some("eu-west-1".to_owned()),
        profile: None,
        endpoint_url: Some(url.to_owned()),
        ..Access::default()
    };
    let sdk: SdkConfig = Aws::new().configure(&access, request_timeout).await;
    let credentials = SharedCredentialsProvider::new(credentials);
    EntityResolution::from_sdk_config(sdk.into_builder().credentials_provider(credentials).build())
        .unwrap()
}

/// What is observed when the service replies so. Asserts that it was asked once.
async fn observe(reply: Reply) -> Result<Observation, SourceError> {
    observe_within(LONG, reply).await
}

async fn observe_within(
    request_timeout: Duration,
    reply: Reply,
) -> Result<Observation, SourceError> {
    let server = ScriptedServer::start([reply]).await;
    let observed = source(&server.url(), request_timeout, keys("AKID")).await.observe(&job()).await;
    assert_eq!(server.requests().len(), 1, "one attempt a question");
    observed
}

/// The service's answer about a job that runs.
fn running() -> Reply {
    Reply::json(200, &serde_json::json!({ "jobId": "job-1", "status": "RUNNING" }))
}

/// A modelled error, as the service writes it.
fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = serde_json::json!({ "message": message }).to_string();
    Reply::new(status, &[("x-amzn-errortype", code)], &body)
}
