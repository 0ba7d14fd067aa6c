//! What a service's refusal means for the delivery.

use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::aws::without_session_token;
use crate::notify::Outcome;
use crate::notify::reason::{causes, head};

/// No more than this of the service's words is told.
const EXCERPT_CHARS: usize = 300;

/// Rejects what the service would refuse again: the error codes that are `hopeless`. What an operator can repair
/// (permissions, a missing queue, a key) is retried: the delivery succeeds when it is repaired, and is given up when
/// it is not.
pub(in crate::notify) fn judge<E>(
    service: &str,
    error: &SdkError<E, HttpResponse>,
    hopeless: &[&str],
) -> Outcome
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let told = match (error.code(), error.raw_response()) {
        (Some(code), _) => return judge_code(service, code, error.message(), hopeless),
        (None, Some(response)) => {
            format!("{service}: HTTP {} without an error code", response.status().as_u16())
        }
        (None, None) => format!("{service}: {}", causes(error)),
    };
    Outcome::retry(presentable(&told))
}

/// The same for a part of a request that was refused, by its error code and message.
pub(in crate::notify) fn judge_code(
    service: &str,
    code: &str,
    message: Option<&str>,
    hopeless: &[&str],
) -> Outcome {
    let reason = presentable(&format!("{service}: {code}: {}", message.unwrap_or("no message")));
    if hopeless.contains(&code) { Outcome::reject(reason) } else { Outcome::retry(reason) }
}

/// What an answer without an id means that says yes: another server at a wrong endpoint says it to everything.
pub(in crate::notify) fn no_id(service: &str) -> Outcome {
    Outcome::retry(format!("{service} answered without an id; is the endpoint right?"))
}

fn presentable(told: &str) -> String {
    head(&without_session_token(told), EXCERPT_CHARS)
}
