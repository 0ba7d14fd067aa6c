//! An answer of the service: the status, headers a line each, an empty line, the body. In place of the status, a word
//! says that there is no answer: `timeout`, `io`, `user` or `other`.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use matchwatch::aws::{Access, Aws};
use matchwatch::domain::{JobDetails, JobKey, JobKind, JobStatus, Observation, ObservedStatus};
use matchwatch::source::{EntityResolution, JobPage, JobSource, SourceError, WorkflowPage};
use serde_json::{Map, Value};

use super::cut;

const JOB_ID: &str = "0123456789abcdef0123456789abcdef";
/// Part of what a request is signed with: a service that finds the signature wrong repeats it.
const SESSION_TOKEN: &str = "pLANTED+session/token==";
/// No message is longer than this, in characters, whatever the service says.
const LONGEST_MESSAGE: usize = 2_500;

pub(crate) fn check(input: &[u8]) {
    let Some(answer) = Answer::read(input) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let source = source(&answer);
    runtime.expect("a runtime").block_on(async {
        for kind in JobKind::ALL {
            let job = JobKey {
                account: "main".into(),
                kind,
                workflow_name: "customers".into(),
                job_id: JOB_ID.into(),
            };
            judge_observation(&answer, source.observe(&job).await);
            judge_jobs(&answer, source.list_jobs(&job.workflow(), None).await);
            judge_page(&answer, source.list_workflows(kind, None).await);
        }
    });
}

fn judge_observation(answer: &Answer, observed: Result<Observation, SourceError>) {
    let told = answer.granted_object().filter(|told| {
        let status = told.get("status").and_then(Value::as_str);
        told.get("jobId").and_then(Value::as_str) == Some(JOB_ID)
            && status.is_some_and(|status| !status.is_empty())
    });
    match (observed, told) {
        (Ok(observation), Some(told)) => {
            let status = told["status"].as_str().unwrap_or_default();
            assert_eq!(observation.status.as_str(), status, "a status that was not told");
            let known = JobStatus::ALL.iter().any(|known| known.as_str() == status);
            assert_eq!(matches!(observation.status, ObservedStatus::Known(_)), known);
            judge_details(&observation.details, &told);
        }
        (Err(error), None) => judge_error(answer, &error),
        (Ok(observation), None) => panic!("made up: {observation:?}"),
        (Err(error), Some(_)) => panic!("a status was told, and lost: {error}"),
    }
}

/// What is known was told, and is told on as it was understood.
fn judge_details(details: &JobDetails, told: &Map<String, Value>) {
    let json = serde_json::to_value(details).expect("details are written as JSON");
    let again: JobDetails = serde_json::from_value(json.clone()).expect("and read back");
    assert_eq!(&again, details);
    for (name, known) in json.as_object().expect("an object") {
        let told = told.get(name).unwrap_or_else(|| panic!("{name} was not told"));
        if name != "startTime" && name != "endTime" {
            holds(told, known);
        }
    }
    if let (Some(start), Some(end), Some(seconds)) =
        (details.start_time, details.end_time, details.duration_seconds())
    {
        assert_eq!(seconds < 0.0, end < start, "{start} {end} {seconds}");
    }
}

/// Everything that `part` says, `whole` says.
fn holds(whole: &Value, part: &Value) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (name, value) in part {
                holds(whole.get(name).unwrap_or(&Value::Null), value);
            }
        }
        (Value::Array(whole), Value::Array(part)) => {
            assert_eq!(whole.len(), part.len());
            whole.iter().zip(part).for_each(|(whole, part)| holds(whole, part));
        }
        // A struct can be written as the list of its fields too.
        (Value::Array(whole), Value::Object(part)) => {
            assert!(part.values().all(|value| whole.contains(value)), "{part:?} of {whole:?}");
        }
        _ => assert_eq!(whole, part),
    }
}

fn judge_jobs(answer: &Answer, listed: Result<JobPage, SourceError>) {
    match (listed, answer.granted_object()) {
        (Ok(page), Some(told)) => {
            assert!(told.contains_key("jobs"), "a list that was not told: {page:?}");
            let summaries = told["jobs"].as_array().map(Vec::as_slice).unwrap_or_default();
            assert_eq!(summaries.len(), page.jobs.len());
            for (told, listed) in summaries.iter().zip(page.jobs) {
                assert_eq!(told["jobId"], listed.job_id);
                assert_eq!(told["status"], listed.status.as_str());
            }
            if let Some(next) = page.next {
                assert_eq!(told.get("nextToken"), Some(&Value::from(next.0)));
            }
        }
        (Err(error), _) => judge_error(answer, &error),
        (Ok(page), None) => panic!("made up: {page:?}"),
    }
}

fn judge_page(answer: &Answer, listed: Result<WorkflowPage, SourceError>) {
    match (listed, answer.granted_object()) {
        (Ok(page), Some(told)) => {
            let summaries = told.get("workflowSummaries").and_then(Value::as_array);
            let names = summaries.into_iter().flatten().map(|summary| &summary["workflowName"]);
            assert!(names.eq(&page.names), "names that were not told: {page:?}");
            if let Some(next) = page.next {
                assert_eq!(told.get("nextToken"), Some(&Value::from(next.0)));
            }
        }
        (Err(error), _) => judge_error(answer, &error),
        (Ok(page), None) => panic!("made up: {page:?}"),
    }
}

fn judge_error(answer: &Answer, error: &SourceError) {
    let message = error.to_string();
    assert!(!message.contains(char::is_control), "not one clean line: {message:?}");
    assert!(message.chars().count() <= LONGEST_MESSAGE, "{} characters", message.chars().count());
    let shown = message.contains(SESSION_TOKEN) && !answer.repeats_the_token_unmarked();
    assert!(!shown, "the session token is shown: {message}");
    let reason = error.reason();
    match answer.status {
        Err(_) => assert!(matches!(reason, "unavailable" | "invalid"), "{error}"),
        Ok(200..=299) => assert_eq!(reason, "unavailable", "{error}"),
        Ok(429) => assert_eq!(reason, "throttled", "{error}"),
        Ok(500..) => {
            let fits = matches!(reason, "throttled" | "credentials_expired" | "unavailable");
            assert!(fits, "{error}");
        }
        Ok(_) => assert!(reason != "not_found" || answer.status == Ok(404), "{error}"),
    }
    if let SourceError::Throttled { retry_after: Some(_), .. } = error {
        let asked = |name: &str| name == "retry-after" || name == "x-amz-retry-after";
        let asks = answer.headers.iter().any(|(name, _)| asked(&name.to_lowercase()));
        assert!(asks, "nobody asked for a pause: {error:?}");
    }
}

/// What the connector comes back with.
#[derive(Debug, Clone)]
struct Answer {
    status: Result<u16, NoAnswer>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NoAnswer {
    Timeout,
    Io,
    User,
    Other,
}

impl Answer {
    fn read(input: &[u8]) -> Option<Self> {
        let (head, body) = cut(input, b"\n\n");
        let mut lines = std::str::from_utf8(head).ok()?.lines();
        let status = match lines.next()? {
            "timeout" => Err(NoAnswer::Timeout),
            "io" => Err(NoAnswer::Io),
            "user" => Err(NoAnswer::User),
            "other" => Err(NoAnswer::Other),
            status => Ok(status.parse().ok().filter(|status| (200..=999).contains(status))?),
        };
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
        Some(Self { status, headers: headers.collect(), body: body.to_vec() })
    }

    /// Whether the session token stands elsewhere than behind the name of its header, where AWS repeats it.
    fn repeats_the_token_unmarked(&self) -> bool {
        let headers = self.headers.iter().map(|(name, value)| format!("{name}:{value}\n"));
        let said = headers.collect::<String>() + &String::from_utf8_lossy(&self.body);
        let marked = format!("x-amz-security-token:{SESSION_TOKEN}");
        said.matches(SESSION_TOKEN).count() > said.matches(&marked).count()
    }

    /// The object in the body of a success.
    fn granted_object(&self) -> Option<Map<String, Value>> {
        match self.status {
            Ok(200..=299) => serde_json::from_slice(&self.body).ok(),
            _ => None,
        }
    }

    fn to_response(&self) -> Result<HttpResponse, ConnectorError> {
        // As the network layer puts it, with its cause.
        let cause = String::from_utf8_lossy(&self.body).into_owned().into();
        let status = self.status.map_err(|kind| match kind {
            NoAnswer::Timeout => ConnectorError::timeout(cause),
            NoAnswer::Io => ConnectorError::io(cause),
            NoAnswer::User => ConnectorError::user(cause),
            NoAnswer::Other => ConnectorError::other(cause, None),
        })?;
        let status = StatusCode::try_from(status).expect("a status of three digits");
        let mut response = HttpResponse::new(status, SdkBody::from(self.body.clone()));
        for (name, value) in &self.headers {
            // What cannot be a header never comes.
            let _ = response.headers_mut().try_append(name.clone(), value.clone());
        }
        Ok(response)
    }
}

/// In place of the network.
#[derive(Debug, Clone)]
struct Network(Arc<Mutex<Answer>>);

impl HttpConnector for Network {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        HttpConnectorFuture::ready(answer.to_response())
    }
}

impl HttpClient for Network {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// The adapter as the program sets it up, but for the network and the credentials.
fn source(answer: &Answer) -> EntityResolution {
    let network = Network(Arc::new(Mutex::new(answer.clone())));
    let sdk = SDK.clone().into_builder().http_client(SharedHttpClient::new(network)).build();
    EntityResolution::from_sdk_config(sdk).expect("a Region is given")
}

static SDK: LazyLock<SdkConfig> = LazyLock::new(|| {
    let access = Access {
        region: Some("eu-west-1".to_owned()),
        profile: None,
        endpoint_url: Some("http://service.invalid".to_owned()),
        no_sign_request: true,
        ..Access::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let sdk = runtime
        .expect("a runtime")
        .block_on(Aws::new().configure(&access, Duration::from_secs(60)));
    let token = Some(SESSION_TOKEN.to_owned());
    let credentials = Credentials::new("AKID", "the-secret-key", token, None, "test");
    sdk.into_builder().credentials_provider(SharedCredentialsProvider::new(credentials)).build()
});
