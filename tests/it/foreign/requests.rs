//! A request to the daemon: `METHOD target`, headers a line each, an empty line, the body. `x-repeat: N` repeats the
//! body so often, and is not sent.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::BodyExt as _;
use matchwatch::domain::{Redelivered, Redelivery};
use matchwatch::http::{AccountView, Control, Refusal, Status, pages};
use serde_json::Value;
use tower_service::Service as _;

use super::cut;

const REDELIVER: &str = "/-/redeliver";
const RELOAD: &str = "/-/reload";
const PAGES: [&str; 5] = ["/", "/api/accounts", "/healthz", "/readyz", "/metrics"];
/// Larger bodies are refused.
const LARGEST: usize = 64 * 1024;
/// Redelivery to a notifier of this name is refused.
const REFUSED: &str = "refused";

pub(crate) fn check(input: &[u8]) {
    let Some(asked) = Asked::read(input) else { return };
    let daemon = Arc::new(Daemon::default());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (status, headers, body) = runtime.block_on(async {
        let mut pages = pages(Arc::<Daemon>::clone(&daemon), Arc::<Daemon>::clone(&daemon));
        let answer = pages.call(asked.to_request()).await.unwrap_or_else(|never| match never {});
        let (head, body) = answer.into_parts();
        (head.status, head.headers, body.collect().await.expect("a whole body").to_bytes())
    });
    asked.judge_deeds(&daemon.deeds.lock().expect("no panic"), status);
    asked.judge_answer(status, &headers, &body);
}

/// The request that came.
struct Asked {
    method: Method,
    target: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Asked {
    /// As far as it is one that HTTP knows.
    fn read(input: &[u8]) -> Option<Self> {
        let (head, body) = cut(input, b"\n\n");
        let mut lines = head.split(|byte| *byte == b'\n');
        let (method, target) = cut(lines.next()?, b" ");
        let mut headers = HeaderMap::new();
        let mut times = 1;
        for line in lines {
            let (name, value) = cut(line, b":");
            let name = HeaderName::from_bytes(name).ok()?;
            let value = HeaderValue::from_bytes(value.trim_ascii()).ok()?;
            if name == "x-repeat" {
                times = value.to_str().ok()?.parse().ok()?;
            } else {
                headers.append(name, value);
            }
        }
        Some(Self {
            method: Method::from_bytes(method).ok()?,
            target: Uri::try_from(target).ok()?,
            headers,
            body: body.repeat(times.min(1 + 2 * LARGEST / body.len().max(1))),
        })
    }

    fn to_request(&self) -> Request<Body> {
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }

    fn is_for(&self, path: &str) -> bool {
        self.target.path() == path
    }

    /// Whether a browser sends it for a web page.
    fn comes_from_a_page(&self) -> bool {
        let of_this_machine = |site: &HeaderValue| site == "none" || site == "same-origin";
        self.headers.contains_key("origin")
            || self.headers.get("sec-fetch-site").is_some_and(|site| !of_this_machine(site))
    }

    /// Nothing is done but what was asked for, by one who may, and the answer owns up to it.
    fn judge_deeds(&self, deeds: &[Deed], status: StatusCode) {
        let may = self.method == Method::POST && !self.comes_from_a_page();
        match deeds {
            [] => {
                let steers = self.is_for(REDELIVER) || self.is_for(RELOAD);
                assert!(!(steers && status.is_success()), "done, says the answer, and was not");
                assert!(!(may && self.is_for(RELOAD)), "a good request was not done: {status}");
                assert!(!(may && self.asks_plainly()), "a good request was not done: {status}");
            }
            [Deed::Reloaded] => {
                assert!(may && self.is_for(RELOAD));
                assert_eq!(status, StatusCode::OK);
            }
            [Deed::Redelivered(redelivery)] => {
                assert!(may && self.is_for(REDELIVER) && self.body.len() <= LARGEST);
                self.judge_redelivery(redelivery);
                let refused = matches!(redelivery, Redelivery::Dead { notifier: Some(name) } if **name == *REFUSED);
                assert_eq!(status == StatusCode::OK, !refused);
            }
            several => panic!("one request, several deeds: {several:?}"),
        }
    }

    /// Whether the body is one of those that docs/operations.md shows, without a trick.
    fn asks_plainly(&self) -> bool {
        let Ok(body) = serde_json::from_slice::<Value>(&self.body) else { return false };
        let is_plain = body.to_string().as_bytes() == self.body && self.body.len() <= LARGEST;
        let Some(fields) = body.as_object().filter(|_| is_plain && self.is_for(REDELIVER)) else {
            return false;
        };
        match (fields.get("event_ids"), fields.get("dead"), fields.get("notifier"), fields.len()) {
            (Some(Value::Array(ids)), None, None, 1) => ids.iter().all(is_uuid),
            (None, Some(Value::Bool(true)), None, 1) => true,
            (None, Some(Value::Bool(true)), Some(Value::String(_)), 2) => true,
            _ => false,
        }
    }

    /// What is made again is what the body names.
    fn judge_redelivery(&self, redelivery: &Redelivery) {
        let body: Value = serde_json::from_slice(&self.body).expect("JSON, as it was understood");
        match redelivery {
            Redelivery::Events(ids) => {
                let named = match &body {
                    Value::Array(fields) => &fields[0],
                    body => &body["event_ids"],
                };
                let named = named.as_array().expect("a list of ids");
                assert_eq!(named.len(), ids.len());
                for (named, id) in named.iter().zip(ids) {
                    let named = named.as_str().and_then(|named| named.parse().ok());
                    assert_eq!(named, Some(*id), "an event that was not named");
                }
            }
            Redelivery::Dead { notifier } => {
                let (dead, named) = match &body {
                    Value::Array(fields) => (&fields[1], fields.get(2).unwrap_or(&Value::Null)),
                    body => (&body["dead"], &body["notifier"]),
                };
                assert_eq!(dead, &Value::Bool(true));
                assert_eq!(named.as_str(), notifier.as_deref());
            }
        }
    }

    fn judge_answer(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) {
        let content_type =
            headers.get(header::CONTENT_TYPE).map(|value| value.to_str().expect("ASCII"));
        match status.as_u16() {
            200 => {
                assert!(PAGES.into_iter().chain([REDELIVER, RELOAD]).any(|path| self.is_for(path)))
            }
            404 => {
                assert!(!PAGES.into_iter().chain([REDELIVER, RELOAD]).any(|path| self.is_for(path)))
            }
            405 => assert!(headers.contains_key(header::ALLOW), "which method is allowed?"),
            400 | 403 | 413 => {
                assert_eq!(content_type, Some("application/json"));
                let reason: Value = serde_json::from_slice(body).expect("JSON");
                let reason = reason["error"].as_str().unwrap_or_default();
                assert!(!reason.is_empty(), "refused without a reason");
                assert_eq!(status == StatusCode::FORBIDDEN, self.comes_from_a_page(), "{reason}");
                assert_eq!(
                    status == StatusCode::PAYLOAD_TOO_LARGE,
                    self.body.len() > LARGEST && !self.comes_from_a_page()
                );
            }
            _ => panic!("{status} is no answer to {} {}", self.method, self.target),
        }
    }
}

fn is_uuid(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.parse::<uuid::Uuid>().is_ok())
}

/// What the daemon was made to do.
#[derive(Debug)]
enum Deed {
    Reloaded,
    Redelivered(Redelivery),
}

/// In place of the running program.
#[derive(Debug, Default)]
struct Daemon {
    deeds: Mutex<Vec<Deed>>,
}

#[async_trait]
impl Control for Daemon {
    async fn redeliver(&self, request: Redelivery) -> Result<Redelivered, Refusal> {
        let refused =
            matches!(&request, Redelivery::Dead { notifier: Some(name) } if **name == *REFUSED);
        self.deeds.lock().expect("no panic").push(Deed::Redelivered(request));
        match refused {
            true => Err(Refusal::Invalid(format!("there is no notifier {REFUSED}"))),
            false => Ok(Redelivered::default()),
        }
    }

    async fn reload(&self) -> Result<(), Refusal> {
        self.deeds.lock().expect("no panic").push(Deed::Reloaded);
        Ok(())
    }
}

#[async_trait]
impl Status for Daemon {
    fn is_alive(&self) -> bool {
        true
    }

    async fn is_ready(&self) -> bool {
        true
    }

    async fn metrics(&self) -> Option<Vec<u8>> {
        Some(Vec::new())
    }

    async fn accounts(&self) -> Vec<AccountView> {
        Vec::new()
    }
}
