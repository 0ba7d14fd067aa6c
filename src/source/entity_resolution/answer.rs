//! Reads answers into the domain's types.
//!
//! What is read decides: an answer is a status or it is no answer. What comes beside the status is taken as far
//! as it can be understood, because no detail is worth losing the status for.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::refusal::clean;
use crate::aws::without_session_token;
use crate::domain::{JobDetails, JobSummary, JobType, Observation, ObservedStatus};
use crate::source::{JobPage, PageToken, SourceError, WorkflowPage};

/// No more than this of an id is told, in characters. The API's ids have 32.
const LONGEST_ID: usize = 64;
/// No more than this is told of what is wrong, in characters.
const LONGEST_WORDS: usize = 500;

/// Reads the answer of `GetMatchingJob` or `GetIdMappingJob` for `job_id`.
pub(super) fn observation(body: &[u8], job_id: &str) -> Result<Observation, SourceError> {
    let answer = object(body)?;
    let status = required(&answer, "status")?;
    let answered_for = required(&answer, "jobId")?;
    if answered_for != job_id {
        let shown: String = answered_for.chars().take(LONGEST_ID).collect();
        return Err(malformed(format_args!("it is about job {shown:?}, not {job_id:?}")));
    }
    Ok(Observation {
        status: ObservedStatus::from(status),
        details: JobDetails {
            start_time: answer.get("startTime").and_then(timestamp),
            end_time: answer.get("endTime").and_then(timestamp),
            metrics: detail(&answer, "metrics"),
            error_details: detail(&answer, "errorDetails"),
            output_source_config: detail(&answer, "outputSourceConfig"),
            job_type: detail(&answer, "jobType").filter(|told: &JobType| !told.as_str().is_empty()),
        },
    })
}

/// Reads the answer of `StartMatchingJob` or `StartIdMappingJob`: the id of the job.
pub(super) fn started(body: &[u8]) -> Result<String, SourceError> {
    Ok(required(&object(body)?, "jobId")?.to_owned())
}

/// Reads one answer of `ListMatchingWorkflows` or `ListIdMappingWorkflows`.
pub(super) fn workflow_page(body: &[u8]) -> Result<WorkflowPage, SourceError> {
    let answer = object(body)?;
    let names = entries(&answer, "workflowSummaries", |summary| {
        Ok(required(summary, "workflowName")?.to_owned())
    })?;
    Ok(WorkflowPage { names, next: next_page(&answer) })
}

/// Reads one answer of `ListMatchingJobs` or `ListIdMappingJobs`.
pub(super) fn job_page(body: &[u8]) -> Result<JobPage, SourceError> {
    let answer = object(body)?;
    if !answer.contains_key("jobs") {
        // No list is no list without entries: all live jobs would seem to be gone.
        return Err(malformed(format_args!("it has no jobs")));
    }
    let jobs = entries(&answer, "jobs", |summary| {
        Ok(JobSummary {
            job_id: required(summary, "jobId")?.to_owned(),
            status: ObservedStatus::from(required(summary, "status")?),
            start_time: summary.get("startTime").and_then(timestamp),
            end_time: summary.get("endTime").and_then(timestamp),
        })
    })?;
    Ok(JobPage { jobs, next: next_page(&answer) })
}

/// The entries of a list. An answer without the list has none.
fn entries<T>(
    answer: &Map<String, Value>,
    list: &str,
    read: impl Fn(&Map<String, Value>) -> Result<T, SourceError>,
) -> Result<Vec<T>, SourceError> {
    match answer.get(list) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(entries)) => entries
            .iter()
            .map(|entry| match entry {
                Value::Object(entry) => read(entry),
                _ => Err(malformed(format_args!("an entry of {list} is no object"))),
            })
            .collect(),
        Some(_) => Err(malformed(format_args!("{list} is not a list"))),
    }
}

fn next_page(answer: &Map<String, Value>) -> Option<PageToken> {
    let token = answer.get("nextToken").and_then(Value::as_str).filter(|token| !token.is_empty());
    token.map(|token| PageToken(token.to_owned()))
}

fn object(body: &[u8]) -> Result<Map<String, Value>, SourceError> {
    if body.is_empty() {
        return Err(malformed(format_args!("it is empty")));
    }
    serde_json::from_slice(body).map_err(|error| malformed(format_args!("{error}")))
}

/// A text that every answer has.
fn required<'a>(answer: &'a Map<String, Value>, name: &str) -> Result<&'a str, SourceError> {
    match answer.get(name).and_then(Value::as_str) {
        None | Some("") => Err(malformed(format_args!("it has no {name}"))),
        Some(text) => Ok(text),
    }
}

fn detail<T: DeserializeOwned>(answer: &Map<String, Value>, name: &str) -> Option<T> {
    match answer.get(name)? {
        Value::Null => None,
        value => T::deserialize(value)
            .inspect_err(
                |error| tracing::debug!(%error, name, "left out of an answer: not understood"),
            )
            .ok(),
    }
}

/// An instant as the service writes it, seconds since 1970 with a fraction, or as ISO 8601.
fn timestamp(value: &Value) -> Option<Timestamp> {
    match value {
        Value::Number(seconds) => from_epoch_seconds(seconds.as_f64()?),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// To the microsecond, halves to even: as Python's `datetime.fromtimestamp`, and so as the AWS CLI prints it.
fn from_epoch_seconds(seconds: f64) -> Option<Timestamp> {
    let whole = seconds.trunc();
    let micros = ((seconds - whole) * 1e6).round_ties_even();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "casts saturate, and jiff refuses what is out of range"
    )]
    let (whole, micros) = (whole as i64, micros as i64);
    Timestamp::from_microsecond(whole.checked_mul(1_000_000)?.checked_add(micros)?).ok()
}

/// `what` may repeat what stands in the answer.
fn malformed(what: std::fmt::Arguments<'_>) -> SourceError {
    let what = clean(&without_session_token(&what.to_string()), LONGEST_WORDS);
    SourceError::Unavailable { message: format!("the answer is malformed: {what}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::JobStatus;

    fn read(body: &Value) -> Result<Observation, SourceError> {
        observation(body.to_string().as_bytes(), "job-1")
    }

    fn reason(body: &[u8]) -> String {
        let error = observation(body, "job-1").unwrap_err();
        assert_eq!(error.reason(), "unavailable");
        error.to_string()
    }

    #[test]
    fn what_is_absent_stays_absent() {
        let observation = read(&json!({ "jobId": "job-1", "status": "QUEUED" })).unwrap();
        assert_eq!(observation.status, ObservedStatus::Known(JobStatus::Queued));
        assert_eq!(observation.details, JobDetails::default());
        let nulls = json!({
            "jobId": "job-1", "status": "QUEUED", "startTime": null, "endTime": null,
            "metrics": null, "errorDetails": null, "outputSourceConfig": null, "jobType": null,
        });
        assert_eq!(read(&nulls).unwrap().details, JobDetails::default());
    }

    #[test]
    fn an_answer_without_a_status_is_no_answer() {
        assert!(reason(b"").contains("empty"));
        assert!(reason(b"{}").contains("no status"));
        assert!(reason(br#"{"jobId":"job-1"}"#).contains("no status"));
        assert!(reason(br#"{"jobId":"job-1","status":""}"#).contains("no status"));
        assert!(reason(br#"{"jobId":"job-1","status":7}"#).contains("no status"));
        assert!(reason(br#"{"status":"SUCCEEDED"}"#).contains("no jobId"));
        assert!(reason(br#"["SUCCEEDED"]"#).contains("malformed"));
        assert!(reason(b"<html>").contains("malformed"));
        assert!(reason(br#"{"jobId":"job-1","status":"SUCC"#).contains("malformed"));
    }

    #[test]
    fn an_answer_about_another_job_is_no_answer() {
        let message = reason(br#"{"jobId":"job-2","status":"SUCCEEDED"}"#);
        assert!(message.contains(r#"about job "job-2", not "job-1""#), "{message}");
    }

    #[test]
    fn a_detail_that_is_not_understood_does_not_cost_the_status() {
        let observation = read(&json!({
            "jobId": "job-1", "status": "FAILED", "startTime": "yesterday", "endTime": 1e300,
            "metrics": { "inputRecords": "many" }, "errorDetails": { "errorMessage": "no key" },
        }))
        .unwrap();
        assert_eq!(observation.status, ObservedStatus::Known(JobStatus::Failed));
        assert_eq!(observation.details.start_time, None);
        assert_eq!(observation.details.end_time, None);
        assert_eq!(observation.details.metrics, None);
        let error = observation.details.error_details.unwrap();
        assert_eq!(error.error_message.as_deref(), Some("no key"));
    }

    #[test]
    fn a_job_type_of_a_newer_service_is_kept_and_an_empty_one_is_none() {
        let job_type = |told: &str| {
            let answer = json!({ "jobId": "job-1", "status": "QUEUED", "jobType": told });
            read(&answer).unwrap().details.job_type
        };
        assert_eq!(job_type("DELETE_ONLY"), Some(JobType::DeleteOnly));
        assert_eq!(job_type("REPLAY"), Some(JobType::Unknown("REPLAY".to_owned())));
        assert_eq!(job_type(""), None);
    }

    /// Right sides: `datetime.datetime.fromtimestamp(x, datetime.timezone.utc).isoformat()` of Python.
    #[test]
    fn an_instant_is_the_one_that_python_reads() {
        for (number, python) in PYTHON {
            let value: Value = serde_json::from_str(number).unwrap();
            let expected: Timestamp = python.parse().unwrap();
            assert_eq!(timestamp(&value), Some(expected), "{number}");
        }
    }

    const PYTHON: &[(&str, &str)] = &[
        ("0", "1970-01-01T00:00:00Z"),
        ("0.5", "1970-01-01T00:00:00.500000Z"),
        ("1700000000", "2023-11-14T22:13:20Z"),
        ("1700000000.0", "2023-11-14T22:13:20Z"),
        ("1700000000.123", "2023-11-14T22:13:20.123000Z"),
        ("1700000000.123456", "2023-11-14T22:13:20.123456Z"),
        ("1700000000.1234567", "2023-11-14T22:13:20.123457Z"),
        ("1700000000.9999996", "2023-11-14T22:13:21Z"),
        ("1700000000.9999994", "2023-11-14T22:13:20.999999Z"),
        ("1.7e9", "2023-11-14T22:13:20Z"),
        ("1699999999.0000005", "2023-11-14T22:13:19Z"),
        ("1700000000.000001", "2023-11-14T22:13:20.000001Z"),
        ("1755601200.5489998", "2025-08-19T11:00:00.549000Z"),
        ("4102444799.999999", "2099-12-31T23:59:59.999999Z"),
        ("0.0000005", "1970-01-01T00:00:00Z"),
        ("0.0000015", "1970-01-01T00:00:00.000002Z"),
        ("0.0000025", "1970-01-01T00:00:00.000002Z"),
        ("-0.5", "1969-12-31T23:59:59.500000Z"),
        ("-1.9999999", "1969-12-31T23:59:58Z"),
        ("1712345678.7654321", "2024-04-05T19:34:38.765432Z"),
        ("1700000000.3000002", "2023-11-14T22:13:20.300000Z"),
    ];

    #[test]
    fn an_instant_may_be_written_as_iso_8601() {
        let expected = "2023-11-14T22:13:20.123Z".parse().ok();
        assert_eq!(timestamp(&json!("2023-11-14T22:13:20.123Z")), expected);
        assert_eq!(timestamp(&json!("2023-11-14T23:13:20.123+01:00")), expected);
    }

    #[test]
    fn a_page_of_workflows_has_names_and_perhaps_a_successor() {
        let read = |body: Value| workflow_page(body.to_string().as_bytes());
        let page = read(json!({
            "workflowSummaries": [{ "workflowName": "a", "createdAt": "odd" }, { "workflowName": "b" }],
            "nextToken": "more",
        }))
        .unwrap();
        assert_eq!(page.names, ["a", "b"]);
        assert_eq!(page.next, Some(PageToken("more".to_owned())));
        assert_eq!(read(json!({ "workflowSummaries": [] })).unwrap(), WorkflowPage::default());
        assert_eq!(read(json!({ "nextToken": "" })).unwrap(), WorkflowPage::default());
    }

    #[test]
    fn half_a_page_of_workflows_is_no_page() {
        for body in
            [&b""[..], b"[]", br#"{"workflowSummaries":[{}]}"#, br#"{"workflowSummaries":1}"#]
        {
            assert_eq!(workflow_page(body).unwrap_err().reason(), "unavailable");
        }
    }
}
