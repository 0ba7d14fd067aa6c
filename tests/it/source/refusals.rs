//! Answers that grant nothing.

use std::time::Duration;

use matchwatch::domain::JobKind;
use matchwatch::source::{JobSource, Scope, SourceError};
use serde_json::json;

use super::{LONG, Reply, ScriptedServer, error, keys, observe, source};

/// Asserts that the service's reply counts as throttling, and tells the delay that it asks for.
async fn throttled(reply: Reply) -> Option<Duration> {
    match observe(reply).await.unwrap_err() {
        SourceError::Throttled { retry_after, .. } => retry_after,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_429_of_a_proxy_in_html_is_throttling() {
    let html = Reply::new(429, &[("content-type", "text/html")], "<html>Slow down</html>");
    assert_eq!(throttled(html).await, None);
    assert_eq!(throttled(Reply::new(429, &[], "")).await, None);
}

#[tokio::test]
async fn a_modelled_throttle_keeps_the_delay_in_milliseconds() {
    let headers = [("x-amzn-errortype", "ThrottlingException"), ("x-amz-retry-after", "1500")];
    let reply = Reply::new(429, &headers, r#"{"message":"Rate exceeded"}"#);
    let error = observe(reply).await.unwrap_err();
    let message = "ThrottlingException: Rate exceeded (HTTP 429)".to_owned();
    let retry_after = Some(Duration::from_millis(1500));
    assert_eq!(error, SourceError::Throttled { retry_after, message });
}

#[tokio::test]
async fn a_throttle_may_say_when_to_come_back_in_seconds_or_as_a_date() {
    let after = |headers: &[(&str, &str)]| throttled(Reply::new(429, headers, ""));
    assert_eq!(after(&[("retry-after", "7")]).await, Some(Duration::from_secs(7)));
    let come_back = ("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT");
    let now = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(after(&[come_back, now]).await, Some(Duration::from_secs(30)));
    assert_eq!(after(&[come_back]).await, None);
    assert_eq!(after(&[("retry-after", "soon")]).await, None);
}

#[tokio::test]
async fn a_throttling_code_counts_whatever_the_status_and_wherever_it_is_written() {
    let body = |status, body| Reply::json(status, &body);
    for reply in [
        error(400, "ThrottlingException:http://internal.amazon.com/", "Rate exceeded"),
        error(400, "aws.protocols#TooManyRequestsException", "Rate exceeded"),
        error(503, "SlowDown", "Rate exceeded"),
        body(400, json!({ "code": "com.amazonaws#Throttling", "message": "Rate exceeded" })),
        body(400, json!({ "__type": "com.amazonaws#RequestLimitExceeded:http://x/" })),
        body(400, json!({ "__type": "ThrottledException", "code": 7 })),
    ] {
        throttled(reply).await;
    }
}

#[tokio::test]
async fn the_code_in_the_header_beats_those_in_the_body() {
    let reply = Reply::new(
        404,
        &[("x-amzn-errortype", "ResourceNotFoundException")],
        r#"{"code":"ThrottlingException","__type":"ValidationException","Message":"no such job"}"#,
    );
    let message = "ResourceNotFoundException: no such job (HTTP 404)".to_owned();
    assert_eq!(observe(reply).await.unwrap_err(), SourceError::NotFound { message });
}

#[tokio::test]
async fn a_service_in_trouble_is_unavailable() {
    for reply in [
        error(500, "InternalServerException", "oops"),
        Reply::new(500, &[], ""),
        Reply::new(502, &[], "<html>Bad gateway</html>"),
        error(503, "ServiceUnavailableException", "try later"),
        error(400, "RequestTimeoutException", "too slow"),
    ] {
        assert_eq!(observe(reply).await.unwrap_err().reason(), "unavailable");
    }
}

#[tokio::test]
async fn a_404_that_is_not_the_services_own_is_no_proof_that_the_job_is_missing() {
    for reply in [
        Reply::new(404, &[("content-type", "text/html")], "<html>Not found</html>"),
        Reply::new(404, &[], ""),
        error(404, "UnknownOperationException", ""),
    ] {
        let error = observe(reply).await.unwrap_err();
        assert_eq!(error.reason(), "unavailable");
        assert!(error.to_string().contains("is the endpoint right?"), "{error}");
    }
}

#[tokio::test]
async fn an_answer_without_a_code_is_not_the_services_last_word() {
    for status in [301, 302, 400, 407, 418] {
        let error = observe(Reply::new(status, &[], "<html>")).await.unwrap_err();
        assert_eq!(error.reason(), "unavailable", "{status}");
    }
}

#[tokio::test]
async fn a_denial_names_the_permission_that_is_missing() {
    let needed = "entityresolution:GetMatchingJob on matchingworkflow/customers";
    for reply in [error(403, "AccessDeniedException", "No."), Reply::new(403, &[], "<html>")] {
        let error = observe(reply).await.unwrap_err();
        assert_eq!(error.reason(), "access_denied");
        assert!(error.to_string().ends_with(&format!("this needs {needed}")), "{error}");
    }
}

/// How much is denied.
fn scope(error: &SourceError) -> Scope {
    match error {
        SourceError::AccessDenied { scope, .. } => *scope,
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_missing_permission_denies_a_question_and_credentials_that_are_no_good_deny_all() {
    for code in ["AccessDeniedException", "NotAuthorized", "ForbiddenException"] {
        let error = observe(error(403, code, "No.")).await.unwrap_err();
        assert_eq!(scope(&error), Scope::Question, "{code}");
    }
    for code in ["UnrecognizedClientException", "InvalidSignatureException", "OptInRequired"] {
        let error = observe(error(403, code, "No.")).await.unwrap_err();
        assert_eq!(scope(&error), Scope::Account, "{code}");
    }
}

#[tokio::test]
async fn a_denial_that_names_the_permission_itself_is_told_as_it_is() {
    let words = "User: arn:aws:iam::1:user/u is not authorized to perform: \
                 entityresolution:GetMatchingJob on resource: arn:aws:entityresolution:…";
    let error = observe(error(403, "AccessDeniedException", words)).await.unwrap_err();
    let expected = format!("access denied: AccessDeniedException: {words} (HTTP 403)");
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_denied_list_names_its_own_permission() {
    let server = ScriptedServer::start([error(403, "AccessDeniedException", "No.")]).await;
    let source = source(&server.url(), LONG, keys("AKID")).await;
    let error = source.list_workflows(JobKind::Matching, None).await.unwrap_err();
    let needed = "this needs entityresolution:ListMatchingWorkflows on *";
    assert!(error.to_string().ends_with(needed), "{error}");
    let server = ScriptedServer::start([super::error(403, "AccessDeniedException", "No.")]).await;
    let source = super::source(&server.url(), LONG, keys("AKID")).await;
    let error = source.list_jobs(&super::workflow(), None).await.unwrap_err();
    let needed = "this needs entityresolution:ListMatchingJobs on matchingworkflow/customers";
    assert!(error.to_string().ends_with(needed), "{error}");
}

#[tokio::test]
async fn credentials_that_the_service_does_not_know_are_denied_access() {
    for code in [
        "UnrecognizedClientException",
        "InvalidSignatureException",
        "MissingAuthenticationTokenException",
        "InvalidClientTokenId",
        "OptInRequired",
        "SomethingNewAboutAccess",
    ] {
        let error = observe(error(403, code, "No.")).await.unwrap_err();
        let expected = format!("access denied: {code}: No. (HTTP 403)");
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test]
async fn a_wrong_signature_is_told_without_the_token_that_the_service_repeats() {
    let words = "The signature does not match.\n\nThe Canonical String should have been\n\
                 'GET\nx-amz-security-token:the-session-token'";
    let error = observe(error(403, "InvalidSignatureException", words)).await.unwrap_err();
    assert!(error.to_string().contains("The signature does not match."), "{error}");
    assert!(!format!("{error} {error:?}").contains("the-session-token"), "{error}");
}

#[tokio::test]
async fn a_clock_that_is_off_is_worth_another_try() {
    for reply in [
        error(403, "RequestTimeTooSkewed", "too far off"),
        error(403, "InvalidSignatureException", "Signature expired: 19700101T000000Z is …"),
    ] {
        let error = observe(reply).await.unwrap_err();
        assert_eq!(error.reason(), "unavailable");
        assert!(error.to_string().ends_with("is the clock right?"), "{error}");
    }
}

#[tokio::test]
async fn a_request_that_the_service_rejects_is_invalid() {
    for reply in [
        error(400, "ValidationException", "jobId must match [a-f0-9]{32}"),
        error(402, "ExceedsLimitException", "too much"),
        error(409, "ConflictException", "not now"),
    ] {
        assert_eq!(observe(reply).await.unwrap_err().reason(), "invalid");
    }
}
