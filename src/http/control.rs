//! What a running daemon does on request. Requests come from this machine's operator, never from a web page.

use std::sync::Arc;

use async_trait::async_trait;
use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::domain::{Redelivered, Redelivery};

/// The largest body that a request may have.
const BODY_LIMIT: usize = 64 * 1024;

/// Steers the running program, which provides it.
#[async_trait]
pub trait Control: Send + Sync {
    /// Makes deliveries once more.
    async fn redeliver(&self, request: Redelivery) -> Result<Redelivered, Refusal>;

    /// Reads the configuration again and takes it up.
    async fn reload(&self) -> Result<(), Refusal>;
}

/// Why a request was not done.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It asks for what there is not.
    #[error("{0}")]
    Invalid(String),
    /// What it asks for is written wrong.
    #[error("{summary}")]
    Problems {
        /// How many problems there are, and where.
        summary: String,
        /// Each of them.
        problems: Vec<String>,
    },
    /// It cannot be done at present.
    #[error("{0}")]
    Unavailable(String),
}

pub(super) fn router(control: Arc<dyn Control>) -> Router {
    Router::new()
        .route("/-/redeliver", post(redeliver))
        .route("/-/reload", post(reload))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(refuse_other_sites))
        .with_state(control)
}

/// A web page can make its visitor's browser send requests to this machine. Browsers say so.
async fn refuse_other_sites(request: Request, next: Next) -> Response {
    if comes_from_a_page(request.headers()) {
        return error(StatusCode::FORBIDDEN, "requests from web pages are refused");
    }
    next.run(request).await
}

fn comes_from_a_page(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    headers.contains_key(header::ORIGIN)
        || site.is_some_and(|site| site != "none" && site != "same-origin")
}

async fn redeliver(
    State(control): State<Arc<dyn Control>>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let request = match serde_json::from_slice::<RedeliverBody>(&body) {
        Ok(body) => body.into_request(),
        Err(reason) => Err(format!("the body is not what is expected here: {reason}")),
    };
    let request = match request {
        Ok(request) => request,
        Err(reason) => return error(StatusCode::BAD_REQUEST, &reason),
    };
    match control.redeliver(request).await {
        Ok(done) => Json(done).into_response(),
        Err(refusal) => refused(&refusal),
    }
}

async fn reload(State(control): State<Arc<dyn Control>>) -> Response {
    match control.reload().await {
        Ok(()) => Json(json!({ "reloaded": true })).into_response(),
        Err(refusal) => refused(&refusal),
    }
}

fn refused(refusal: &Refusal) -> Response {
    let reason = refusal.to_string();
    match refusal {
        Refusal::Invalid(_) => error(StatusCode::BAD_REQUEST, &reason),
        Refusal::Unavailable(_) => error(StatusCode::SERVICE_UNAVAILABLE, &reason),
        Refusal::Problems { problems, .. } => {
            let body = Json(json!({ "error": reason, "problems": problems }));
            (StatusCode::BAD_REQUEST, body).into_response()
        }
    }
}

fn error(status: StatusCode, reason: &str) -> Response {
    (status, Json(json!({ "error": reason }))).into_response()
}

/// A [`Redelivery`] as it is sent.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RedeliverBody {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event_ids: Option<Vec<Uuid>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dead: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notifier: Option<Arc<str>>,
}

impl RedeliverBody {
    fn into_request(self) -> Result<Redelivery, String> {
        const EXPECTED: &str =
            r#"write {"event_ids": ["…"]}, {"dead": true} or {"dead": true, "notifier": "…"}"#;
        match self {
            Self { event_ids: Some(events), dead: None, notifier: None } => {
                Ok(Redelivery::Events(events))
            }
            Self { event_ids: None, dead: Some(true), notifier } => {
                Ok(Redelivery::Dead { notifier })
            }
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

impl From<&Redelivery> for RedeliverBody {
    fn from(request: &Redelivery) -> Self {
        match request {
            Redelivery::Events(events) => {
                Self { event_ids: Some(events.clone()), ..Self::default() }
            }
            Redelivery::Dead { notifier } => {
                Self { dead: Some(true), notifier: notifier.clone(), event_ids: None }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_is_what_is_read() {
        let named = Redelivery::Events(vec![Uuid::from_u128(1), Uuid::from_u128(2)]);
        let dead = Redelivery::Dead { notifier: Some("hook".into()) };
        for request in [named, dead, Redelivery::Dead { notifier: None }] {
            let sent = serde_json::to_string(&RedeliverBody::from(&request)).unwrap();
            let read: RedeliverBody = serde_json::from_str(&sent).unwrap();
            assert_eq!(read.into_request(), Ok(request), "{sent}");
        }
    }
}
