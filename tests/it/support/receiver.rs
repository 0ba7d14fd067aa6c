//! A receiver of webhooks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::soon;

/// What the receiver does with what arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// Answers 204.
    Good,
    /// Answers with this status, and echoes all that it was sent.
    Bad(u16),
    /// Answers 429 and asks to be left alone for so many seconds.
    Busy(u64),
    /// Does not answer until its mood changes.
    Silent,
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    /// Its `webhook-id`.
    pub(crate) id: String,
    /// The whole body.
    pub(crate) body: String,
    /// All headers.
    pub(crate) headers: HeaderMap,
}

/// Two are the same message where id and body are: other headers belong to an attempt.
impl PartialEq for Arrival {
    fn eq(&self, other: &Self) -> bool {
        (&self.id, &self.body) == (&other.id, &other.body)
    }
}

impl Arrival {
    /// The status that the event tells.
    pub(crate) fn status(&self) -> String {
        let event: serde_json::Value = serde_json::from_str(&self.body).unwrap();
        event["data"]["status"].as_str().unwrap().to_owned()
    }
}

/// The receiver. It ends when it is dropped.
pub(crate) struct Receiver {
    url: String,
    mood: watch::Sender<Mood>,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    most_at_once: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

struct Desk {
    mood: watch::Receiver<Mood>,
    arrived: mpsc::UnboundedSender<Arrival>,
    at_once: AtomicUsize,
    most_at_once: Arc<AtomicUsize>,
}

impl Desk {
    /// Counts a request for as long as what this returns is kept.
    fn count(&self) -> impl Drop {
        struct Counted<'a>(&'a AtomicUsize);
        impl Drop for Counted<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        Counted(&self.at_once)
    }
}

impl Receiver {
    /// Starts on a free port of the loopback interface.
    pub(crate) async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (mood, moods) = watch::channel(mood);
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let most_at_once = Arc::new(AtomicUsize::new(0));
        let desk = Arc::new(Desk {
            mood: moods,
            arrived,
            at_once: AtomicUsize::new(0),
            most_at_once: Arc::clone(&most_at_once),
        });
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            axum::serve(listener, Router::new().fallback(receive).with_state(desk)).await.unwrap();
        });
        Self { url, mood, arrivals, most_at_once, _serving: serving }
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Changes its mood, for the requests it has not answered too.
    pub(crate) fn set(&self, mood: Mood) {
        self.mood.send_replace(mood);
    }

    /// The next request that arrives.
    pub(crate) async fn next(&mut self) -> Arrival {
        soon("a webhook", self.arrivals.recv()).await.unwrap()
    }

    /// How many requests were there at the same time, at the most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.most_at_once.load(Ordering::SeqCst)
    }

    /// What has arrived and was not taken.
    pub(crate) fn rest(&mut self) -> Vec<Arrival> {
        std::iter::from_fn(|| self.arrivals.try_recv().ok()).collect()
    }
}

async fn receive(
    State(desk): State<Arc<Desk>>,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let _counted = desk.count();
    let echo = format!("{uri} {headers:?} {body}");
    let id = headers["webhook-id"].to_str().unwrap().to_owned();
    // The test may have heard enough.
    let _ = desk.arrived.send(Arrival { id, body, headers });
    let mut mood = desk.mood.clone();
    let mood = *mood.wait_for(|mood| *mood != Mood::Silent).await.unwrap();
    match mood {
        Mood::Bad(status) => (StatusCode::from_u16(status).unwrap(), echo).into_response(),
        Mood::Busy(seconds) => {
            let pause = [(RETRY_AFTER, seconds.to_string())];
            (StatusCode::TOO_MANY_REQUESTS, pause).into_response()
        }
        Mood::Good | Mood::Silent => StatusCode::NO_CONTENT.into_response(),
    }
}
