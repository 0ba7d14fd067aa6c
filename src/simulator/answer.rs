//! Turns what the gate decided into what goes over the wire.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::faults::Answer;
use super::refusal::Refusal;

/// What goes over the wire.
pub(super) enum Delivery {
    Http(Response<Body>),
    Reset,
    Stall,
}

/// A delivery, and the outcome under which it is counted.
pub(super) struct Reply {
    pub(super) outcome: &'static str,
    pub(super) delivery: Delivery,
}

const HTML: &str = "<html><head><title>429</title></head><body>Too Many Requests</body></html>";
const HTML_503: &str =
    "<html><head><title>503</title></head><body>Service Unavailable</body></html>";
const BROKEN_OFF: &str = "{\"jobId\":\"0123";

/// What no client of this version knows.
const UNKNOWN_STATUS: &str = "PAUSED";

/// Above 32 bits.
const MANY_RECORDS: i64 = 3_000_000_000;

/// Makes the reply. `genuine` is called for answers that are the truth, or the truth tampered with; its
/// argument says whether the truth goes out untouched.
pub(super) fn reply(
    answer: Answer,
    denied: impl FnOnce() -> Refusal,
    mut genuine: impl FnMut(bool) -> Result<Value, Refusal>,
) -> Reply {
    let mut tampered = |outcome, tamper: fn(&mut Value)| match genuine(false) {
        Ok(mut shape) => {
            tamper(&mut shape);
            counted(outcome, json_body(200, &shape))
        }
        Err(refusal) => refused(&refusal),
    };
    // What is asked for is done, whatever it is; nobody learns of it.
    let lost = |outcome, delivery| Reply { outcome, delivery };
    let html = |status, body: &'static str| response(status, "text/html", body);
    match answer {
        Answer::Genuine => match genuine(true) {
            Ok(shape) => counted("ok", json_body(200, &shape)),
            Err(refusal) => refused(&refusal),
        },
        Answer::Throttled => refused(&Refusal::throttled()),
        Answer::ThrottledHtml => counted("throttled-html", html(429, HTML)),
        Answer::ThrottledEmpty => counted("throttled-empty", html(429, "")),
        Answer::ThrottledRetryAfter { millis } => {
            let Refusal { http_status, code, body } = Refusal::throttled();
            let mut response = coded(json_body(http_status, &body), code);
            let name = HeaderName::from_static("x-amz-retry-after");
            response.headers_mut().insert(name, HeaderValue::from(millis));
            counted("throttled-retry-after", response)
        }
        Answer::ThrottledRetryAfterSeconds { seconds } => {
            let mut response = html(429, HTML);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            counted("throttled-retry-after-seconds", response)
        }
        Answer::Empty => counted("empty", response(200, "application/json", "")),
        Answer::WithoutStatus => tampered("without-status", |shape| each_job(shape, drop_status)),
        Answer::UnknownStatus => tampered("unknown-status", |shape| each_job(shape, odd_status)),
        Answer::MetricOverflow => tampered("metric-overflow", |shape| {
            shape["metrics"]["inputRecords"] = json!(MANY_RECORDS);
        }),
        Answer::IsoTimes => tampered("iso-times", |shape| each_job(shape, iso_times)),
        Answer::Malformed => counted("malformed", response(200, "application/json", BROKEN_OFF)),
        Answer::Error500 => refused(&Refusal::internal()),
        Answer::Error503 => counted("error-503", html(503, HTML_503)),
        Answer::AccessDenied => refused(&denied()),
        Answer::ExpiredToken => refused(&Refusal::expired_token()),
        Answer::NotFound => refused(&Refusal::not_found("A script says that it is not there.")),
        Answer::Invalid => refused(&Refusal::invalid("A script says that it is invalid.")),
        Answer::Conflict => refused(&Refusal::conflict("The workflow is currently running.")),
        Answer::ExceedsLimit => refused(&Refusal::exceeds_limit()),
        Answer::Reset => Reply { outcome: "reset", delivery: Delivery::Reset },
        Answer::Stall => Reply { outcome: "stall", delivery: Delivery::Stall },
        Answer::Lost => {
            let _ = genuine(false);
            lost("lost", Delivery::Reset)
        }
        Answer::Lost500 => {
            let _ = genuine(false);
            lost("lost-500", Delivery::Http(refusal(&Refusal::internal())))
        }
        Answer::LostStall => {
            let _ = genuine(false);
            lost("lost-stall", Delivery::Stall)
        }
        Answer::Raw { status, headers, body } => {
            let mut response = response(200, "application/json", body);
            *response.status_mut() = status;
            response.headers_mut().extend(headers);
            counted("raw", response)
        }
    }
}

/// An error answer outside of the operations.
pub(super) fn refusal(refusal: &Refusal) -> Response<Body> {
    coded(json_body(refusal.http_status, &refusal.body), refusal.code)
}

fn counted(outcome: &'static str, response: Response<Body>) -> Reply {
    Reply { outcome, delivery: Delivery::Http(response) }
}

fn refused(error: &Refusal) -> Reply {
    counted(error.code, refusal(error))
}

fn json_body(status: u16, shape: &Value) -> Response<Body> {
    response(status, "application/json", shape.to_string())
}

fn coded(mut response: Response<Body>, code: &'static str) -> Response<Body> {
    let name = HeaderName::from_static("x-amzn-errortype");
    response.headers_mut().insert(name, HeaderValue::from_static(code));
    response
}

fn response(status: u16, content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Ok(id) = HeaderValue::try_from(Uuid::new_v4().to_string()) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    response
}

/// Applies a change to the job that the answer tells about, or to each that it lists.
fn each_job(shape: &mut Value, change: fn(&mut Value)) {
    match shape.get_mut("jobs").and_then(Value::as_array_mut) {
        Some(jobs) => jobs.iter_mut().for_each(change),
        None => change(shape),
    }
}

fn drop_status(job: &mut Value) {
    if let Some(members) = job.as_object_mut() {
        members.shift_remove("status");
    }
}

fn odd_status(job: &mut Value) {
    job["status"] = json!(UNKNOWN_STATUS);
}

#[expect(clippy::cast_possible_truncation, reason = "milliseconds of our own time")]
fn iso_times(job: &mut Value) {
    for member in ["startTime", "endTime"] {
        if let Some(seconds) = job[member].as_f64()
            && let Ok(time) = Timestamp::from_millisecond((seconds * 1_000.0).round() as i64)
        {
            job[member] = json!(time.to_string());
        }
    }
}
