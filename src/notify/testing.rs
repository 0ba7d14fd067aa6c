//! What the adapters' tests share: two events, and a receiver on the loopback interface.

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::domain::{
    Alarm, AlarmFacts, AlarmKey, AlarmName, ErrorDetails, Event, EventData, JobData, JobDetails,
    JobKey, JobKind, JobStatus, Message, Subject, TestEvent, Transition,
};

/// A job's end that was seen coming.
pub(super) fn succeeded() -> Message {
    message(JobStatus::Succeeded, Some(JobStatus::Running), JobDetails::default())
}

/// A test of a notifier.
pub(super) fn trial() -> Message<TestEvent> {
    let id = "5d0f0b6a-6c5f-4d1c-9a53-3a4f8c4d7f10".parse().unwrap();
    Message::encode(TestEvent::new(id, "ops", "2025-06-01T08:00:00Z".parse().unwrap())).unwrap()
}

/// A job's failure, the first that is heard of it.
pub(super) fn failed() -> Message {
    failed_with("S3: access denied")
}

/// [`failed`] with an error message of the test's choice.
pub(super) fn failed_with(error_message: &str) -> Message {
    let error_details = Some(ErrorDetails { error_message: Some(error_message.to_owned()) });
    let details = JobDetails { error_details, ..JobDetails::default() };
    message(JobStatus::Failed, None, details)
}

fn message(to: JobStatus, from: Option<JobStatus>, details: JobDetails) -> Message {
    let key = JobKey {
        account: "main".into(),
        kind: JobKind::Matching,
        workflow_name: "customers".into(),
        job_id: "0123456789abcdef0123456789abcdef".into(),
    };
    let transition = Transition { from, to, inferred: Vec::new() };
    let observed_at = "2025-06-01T08:00:00Z".parse().unwrap();
    Message::encode(Event::of_transition(&key, "eu-west-1", &transition, &details, observed_at))
        .unwrap()
}

/// An alarm of an account, which has no workflow and no job.
pub(super) fn raised() -> Message {
    let (name, subject) = (AlarmName::AccessDenied, Subject::Account("main".into()));
    let raised_at = "2025-06-01T08:00:00Z".parse().unwrap();
    let message = "access is denied to all of account main".to_owned();
    let key = AlarmKey { name, subject };
    let alarm = Alarm::new(key, "eu-west-1".to_owned(), raised_at, message, AlarmFacts::default());
    Message::encode(Event::of_raised(&alarm)).unwrap()
}

/// The job that an event tells of, to be changed.
pub(super) fn job_of(event: &mut Event) -> &mut JobData {
    match &mut event.data {
        EventData::Job(job) => job,
        EventData::Alarm(alarm) => panic!("{alarm:?}"),
    }
}

/// One request that a [`Receiver`] got.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// A server that answers every request alike and keeps what it was sent.
pub(super) struct Receiver {
    pub(super) address: std::net::SocketAddr,
    requests: mpsc::UnboundedReceiver<Received>,
    _server: AbortOnDropHandle<()>,
}

impl Receiver {
    /// Answers with `status`, `headers` and `body`.
    pub(super) async fn answering(
        status: u16,
        headers: &[(&'static str, &str)],
        body: impl Into<String>,
    ) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let body = body.into();
        let (tell, requests) = mpsc::unbounded_channel();
        let app = Router::new().fallback(async move |uri: Uri, sent: HeaderMap, bytes: Bytes| {
            let sent_body = String::from_utf8(bytes.to_vec()).unwrap();
            tell.send(Received { uri, headers: sent, body: sent_body }).unwrap();
            (status, headers.clone(), body.clone())
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { address, requests, _server: AbortOnDropHandle::new(server) }
    }

    /// The oldest request not yet asked for. Call it after the request was answered.
    pub(super) fn request(&mut self) -> Received {
        self.requests.try_recv().expect("a request has come")
    }

    /// Whether every request was asked for.
    pub(super) fn is_idle(&self) -> bool {
        self.requests.is_empty()
    }
}
