//! What an answer means that grants nothing: pure, from status, headers and body.

use std::fmt;
use std::time::Duration;

use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde_json::Value;

use super::exchange::Answer;
use crate::aws::without_session_token;
use crate::source::{Operation, Scope, SourceError};

/// The session token is too old.
const EXPIRED: &[&str] =
    &["ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"];

/// The request bears the wrong time. The SDK learns the true time from the answer and signs the next request by it.
const CLOCK_IS_OFF: &[&str] = &["RequestTimeTooSkewed", "RequestInTheFuture"];

/// How AWS says the same under the code of a wrong signature.
const SIGNATURE_IS_OFF: &[&str] = &["Signature expired", "Signature not yet current"];

/// The credentials are good, but allow too little.
const FORBIDDEN: &[&str] =
    &["AccessDenied", "AccessDeniedException", "NotAuthorized", "UnauthorizedOperation"];

/// The credentials themselves are no good.
const UNRECOGNIZED: &[&str] = &[
    "AuthFailure",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignature",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotSignedUp",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "SubscriptionRequiredException",
    "UnrecognizedClientException",
];

/// What the caller must be allowed to do, as IAM names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permission<'a> {
    operation: Operation,
    workflow: Option<&'a str>,
}

impl<'a> Permission<'a> {
    pub(super) const fn on_workflow(operation: Operation, workflow: &'a str) -> Self {
        Self { operation, workflow: Some(workflow) }
    }

    pub(super) const fn on_everything(operation: Operation) -> Self {
        Self { operation, workflow: None }
    }

    fn action(self) -> String {
        format!("entityresolution:{}", self.operation.as_str())
    }
}

impl fmt::Display for Permission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = self.action();
        match self.workflow {
            // One that another account shares is named by its ARN.
            Some(arn) if arn.starts_with("arn:") => write!(f, "{action} on {arn}"),
            Some(workflow) => {
                let resource = self.operation.kind().workflow_resource();
                write!(f, "{action} on {resource}/{workflow}")
            }
            None => write!(f, "{action} on *"),
        }
    }
}

/// Says what can be done about `answer`, which is no success, to a request that needs `permission`.
pub(super) fn classify(answer: &Answer, permission: Permission<'_>) -> SourceError {
    let words = Words::of(answer);
    let status = answer.status();
    let message = words.to_string();
    let is = |codes: &[&str]| words.code.as_deref().is_some_and(|code| codes.contains(&code));

    if status == 429 || is(THROTTLING_ERRORS) {
        return SourceError::Throttled { retry_after: retry_after(answer), message };
    }
    if is(EXPIRED) {
        return SourceError::CredentialsExpired { message };
    }
    if status >= 500 || is(TRANSIENT_ERRORS) {
        return SourceError::Unavailable { message };
    }
    if is(CLOCK_IS_OFF) || words.say(SIGNATURE_IS_OFF) {
        return SourceError::Unavailable { message: format!("{message}; is the clock right?") };
    }
    if is(FORBIDDEN) || matches!((status, &words.code), (401 | 403, None)) {
        let message = match message.contains(&permission.action()) {
            true => message,
            false => format!("{message}; this needs {permission}"),
        };
        return SourceError::AccessDenied { scope: Scope::Question, message };
    }
    if is(UNRECOGNIZED) {
        return SourceError::AccessDenied { scope: Scope::Account, message };
    }
    if matches!(status, 401 | 403) {
        return SourceError::AccessDenied { scope: Scope::Question, message };
    }
    match (status, words.code.as_deref()) {
        (404, Some("ResourceNotFoundException")) => SourceError::NotFound { message },
        // Neither the service's words nor final: a proxy, or another server at a wrong address.
        (404, _) | (_, None) => {
            SourceError::Unavailable { message: format!("{message}; is the endpoint right?") }
        }
        (_, Some(_)) => SourceError::Invalid { message },
    }
}

/// Whether the service knows who asks, and says that this one may not.
pub(super) fn is_forbidden(answer: &Answer) -> bool {
    Words::of(answer).code.is_some_and(|code| FORBIDDEN.contains(&code.as_str()))
}

/// The service's code for `answer`, which is no success.
pub(super) fn code(answer: &Answer) -> Option<String> {
    Words::of(answer).code
}

/// Whether `answer`, which is no success, says that the request changed nothing: the service itself found fault with
/// the request, and did not give up on it in the middle.
pub(super) fn had_no_effect(answer: &Answer) -> bool {
    let is_the_callers_fault = (400..500).contains(&answer.status());
    is_the_callers_fault && code(answer).is_some_and(|code| !TRANSIENT_ERRORS.contains(&&*code))
}

/// What the service says, in words fit for a log line.
struct Words {
    status: u16,
    code: Option<String>,
    text: Option<String>,
}

impl Words {
    /// Longest text that is repeated, in characters.
    const LONGEST: usize = 1000;
    /// Longest code. Those that AWS has are shorter by far.
    const LONGEST_CODE: usize = 100;

    /// The code is in a header, or else in the body; both may carry a namespace and a link around it.
    fn of(answer: &Answer) -> Self {
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let told = |names: &[&str]| names.iter().find_map(|name| body.get(name)?.as_str());
        let code = answer.header("x-amzn-errortype").or_else(|| told(&["code", "__type"]));
        let text = told(&["message", "Message", "errorMessage"]);
        Self {
            status: answer.status(),
            code: code
                .map(bare)
                .filter(|code| !code.is_empty())
                .map(|c| clean(c, Self::LONGEST_CODE)),
            text: text.map(first_line).filter(|text| !text.is_empty()),
        }
    }

    fn say(&self, phrases: &[&str]) -> bool {
        let text = self.text.as_deref().unwrap_or_default();
        phrases.iter().any(|phrase| text.contains(phrase))
    }
}

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status;
        match (&self.code, &self.text) {
            (Some(code), Some(text)) => write!(f, "{code}: {text} (HTTP {status})"),
            (Some(code), None) => write!(f, "{code} (HTTP {status})"),
            (None, Some(text)) => write!(f, "{text} (HTTP {status} without an error code)"),
            (None, None) => write!(f, "HTTP {status} without an error code"),
        }
    }
}

/// `ns#Name:http://…` is `Name`.
fn bare(code: &str) -> &str {
    let code = code.split_once(':').map_or(code, |(code, _)| code);
    code.split_once('#').map_or(code, |(_, code)| code).trim()
}

/// The first line only: under a wrong signature, the lines that follow repeat the request with its session token.
fn first_line(text: &str) -> String {
    let line = text.trim_start().lines().next().unwrap_or_default();
    clean(&without_session_token(line.trim_end()), Words::LONGEST)
}

/// At most so many characters, none of which breaks a line or steers a terminal.
pub(super) fn clean(text: &str, longest: usize) -> String {
    text.chars().take(longest).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// How long the service asks to be left alone: `x-amz-retry-after` in milliseconds, or `Retry-After` in seconds or
/// as a date, which is measured against the answer's own `Date`.
fn retry_after(answer: &Answer) -> Option<Duration> {
    if let Some(Ok(millis)) = answer.header("x-amz-retry-after").map(|value| value.trim().parse()) {
        return Some(Duration::from_millis(millis));
    }
    let retry_after = answer.header("retry-after")?.trim();
    if let Ok(seconds) = retry_after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |value| DateTime::from_str(value, Format::HttpDate).ok();
    let seconds = date(retry_after)?.secs() - date(answer.header("date")?.trim())?.secs();
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}
