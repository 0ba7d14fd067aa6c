//! What a receiver of webhooks sends back, byte for byte, over a real connection.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use jiff::Timestamp;
use matchwatch::clock::{Clock, SharedClock};
use matchwatch::domain::{Event, JobDetails, JobKey, JobKind, JobStatus, Message, Transition};
use matchwatch::notify::{HttpClient, Notifier as _, Outcome, Webhook, WebhookConfig};
use matchwatch::secret::MaybeSecret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Parts of what is sent, each a secret.
const PLANTED: [&str; 3] = ["pLANTED-in-the-url", "pLANTED-in-the-query", "pLANTED-in-a-header"];
/// No reason is longer than this, in characters, whatever the receiver says.
const LONGEST_REASON: usize = 600;

pub(crate) fn check(input: &[u8]) {
    RUNTIME.block_on(async {
        let outcome = tell_who_answers(input).await;
        let reason = match outcome {
            Outcome::Delivered => {
                assert!(says(input, |status| (200..300).contains(&status)), "nobody has it");
                return;
            }
            Outcome::Reject { reason } => {
                assert!(says(input, |status| status == 410), "given up for nothing: {reason}");
                reason
            }
            Outcome::Retry { reason, after } => {
                let may_ask = |status| status == 429 || status == 503;
                assert!(after.is_none() || says(input, may_ask), "nobody asked for {after:?}");
                reason
            }
        };
        assert!(!reason.is_empty() && !reason.contains(char::is_control), "{reason:?}");
        assert!(reason.chars().count() <= LONGEST_REASON, "{} characters", reason.chars().count());
        assert!(!PLANTED.iter().any(|secret| reason.contains(secret)), "shown: {reason}");
    });
}

/// Whether there is a status line with such a status.
fn says(input: &[u8], fits: impl Fn(u16) -> bool) -> bool {
    input.windows(12).any(|window| {
        let (version, status) = window.split_at(9);
        let status = std::str::from_utf8(status).ok().and_then(|status| status.parse().ok());
        version.starts_with(b"HTTP/1.") && status.is_some_and(&fits)
    })
}

/// Sends an event to a receiver that answers with `bytes` and says no more.
async fn tell_who_answers(bytes: &[u8]) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let url = format!("http://{address}/{}?token={}", PLANTED[0], PLANTED[1]);
    let config = WebhookConfig {
        headers: [("x-token".to_owned(), MaybeSecret::Plain(PLANTED[2].to_owned()))].into(),
        timeout: Duration::from_secs(60),
        ..WebhookConfig::posting_to(MaybeSecret::Plain(url))
    };
    let clock: SharedClock = Arc::new(Stopped);
    let webhook = Webhook::new(&config, CLIENT.clone(), clock).expect("a good configuration");
    let message = message();
    let receive = async {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        read_request(&mut connection).await;
        // Whoever has heard enough may be gone.
        let _ = connection.write_all(bytes).await;
        let _ = connection.shutdown().await;
        connection
    };
    // The connection stays until the answer is judged, and leaves nothing behind.
    let (outcome, connection) = tokio::join!(webhook.notify(&message), receive);
    let _ = connection.set_zero_linger();
    outcome
}

async fn read_request(connection: &mut TcpStream) {
    let body = message().body;
    let mut request = Vec::new();
    while !request.ends_with(body.as_bytes()) {
        if connection.read_buf(&mut request).await.is_ok_and(|read| read == 0) {
            break;
        }
    }
}

fn message() -> Message {
    let job = JobKey {
        account: "main".into(),
        kind: JobKind::Matching,
        workflow_name: "customers".into(),
        job_id: "job".into(),
    };
    let transition = Transition { from: None, to: JobStatus::Queued, inferred: Vec::new() };
    let details = JobDetails::default();
    let event = Event::of_transition(&job, "eu-west-1", &transition, &details, now());
    Message::encode(event).expect("an event is written as JSON")
}

/// Connections belong to the runtime that made them.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
});

static CLIENT: LazyLock<HttpClient> =
    LazyLock::new(|| Webhook::http_client(None).expect("a client"));

fn now() -> Timestamp {
    Timestamp::from_second(1_700_000_000).expect("an instant")
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        now()
    }
}
