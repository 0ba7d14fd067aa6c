//! What a receiver's answer means for the delivery.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};

use super::redact::Redactor;
use crate::notify::Outcome;
use crate::notify::reason::head;

/// No more than this is read of an answer's body.
const BODY_LIMIT: usize = 4 * 1024;
/// No more than this of it is told.
const EXCERPT_CHARS: usize = 200;

/// Judges as Standard Webhooks asks: 2xx has it, 410 never wants it, anything else may come round.
pub(super) async fn judge(
    response: Response,
    host: &str,
    now: Timestamp,
    redactor: &Redactor,
) -> Outcome {
    let status = response.status();
    if status.is_success() {
        return Outcome::Delivered;
    }
    let after = retry_after(&response, now);
    let body = redactor.redact(&beginning(response).await);
    let mut reason = format!("{host} answered {status}");
    if status.is_redirection() {
        reason.push_str(" (redirects are not followed)");
    }
    if !body.trim().is_empty() {
        reason.push_str(": ");
        reason.push_str(&head(&body, EXCERPT_CHARS));
    }
    match status {
        StatusCode::GONE => Outcome::reject(reason),
        _ => Outcome::Retry { reason, after },
    }
}

/// How long the receiver asks to be left alone, where its status gives the header a meaning
/// (RFC 9110 section 10.2.3, RFC 6585 section 4).
fn retry_after(response: &Response, now: Timestamp) -> Option<Duration> {
    if !matches!(response.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
    {
        return None;
    }
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    value.parse().map(Duration::from_secs).ok().or_else(|| {
        let date = httpdate::parse_http_date(value).ok()?;
        Some(date.duration_since(SystemTime::try_from(now).ok()?).unwrap_or_default())
    })
}

/// As much of the body as arrives, up to the limit. A body that breaks off is no reason of its own. UTF-16 is read
/// without its zeros, so that a secret in it is seen.
async fn beginning(mut response: Response) -> String {
    let mut body = Vec::new();
    while body.len() < BODY_LIMIT
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(BODY_LIMIT);
    body.retain(|byte| *byte != 0);
    String::from_utf8_lossy(&body).into_owned()
}
