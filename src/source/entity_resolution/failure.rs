//! What it means when no answer came at all.

use std::error::Error;
use std::iter;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use aws_sdk_entityresolution::error::SdkError;
use aws_smithy_runtime_api::client::endpoint::error::ResolveEndpointError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::error::ErrorMetadata;

use super::refusal::clean;
use crate::aws::{NotAssumed, OUTAGE, without_session_token};
use crate::source::{Scope, SourceError};

/// Longest text that is told, in characters. Credential providers repeat what others say.
const LONGEST: usize = 2_000;

/// Says what can be done about a request that got no answer, or only a part of one.
pub(super) fn classify<E>(error: &SdkError<E>) -> SourceError
where
    E: Error + 'static,
{
    if let Some(error) = find::<CredentialsError>(error) {
        return without_credentials(error);
    }
    if let Some(error) = find::<ResolveEndpointError>(error) {
        // Its own words show the whole request.
        let why = error.source().map_or_else(|| error.to_string(), causes);
        return SourceError::Invalid { message: format!("the endpoint cannot be used: {why}") };
    }
    let message = match find::<ConnectorError>(error).and_then(Error::source) {
        Some(cause) => causes(cause),
        None => causes(error),
    };
    match error {
        SdkError::ConstructionFailure(_) => SourceError::Invalid { message },
        SdkError::DispatchFailure(failure) if failure.is_user() => SourceError::Invalid { message },
        _ => SourceError::Unavailable { message },
    }
}

/// Whether there was no connection that the request could have gone out on.
pub(super) fn never_connected<E>(error: &SdkError<E>) -> bool
where
    E: Error + 'static,
{
    find::<hyper_util::client::legacy::Error>(error)
        .is_some_and(hyper_util::client::legacy::Error::is_connect)
}

/// Credentials that were refused stay refused until somebody acts; a provider that could not be reached may
/// answer next time.
fn without_credentials(error: &CredentialsError) -> SourceError {
    if let Some(refused) = find::<NotAssumed>(error).filter(|error| error.is_answer()) {
        return without_role(refused);
    }
    let message = match find::<NotAssumed>(error) {
        Some(error) => causes(error),
        None => causes(error),
    };
    // Providers that ask others hand on what those say.
    let first = chain(error).filter_map(|error| error.downcast_ref()).last().unwrap_or(error);
    match first {
        CredentialsError::CredentialsNotLoaded(_) => SourceError::AccessDenied {
            scope: Scope::Account,
            message: format!(
                "no credentials found: {}; name a profile, set AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY, or give this machine a role",
                first.source().map_or(message, causes)
            ),
        },
        CredentialsError::ProviderTimedOut(_) => SourceError::Unavailable { message },
        _ if is_outage(error) => SourceError::Unavailable { message },
        _ => SourceError::AccessDenied {
            scope: Scope::Account,
            message: format!("no credentials: {message}"),
        },
    }
}

/// What STS says is the whole story.
fn without_role(refused: &NotAssumed) -> SourceError {
    let message = clean(&refused.to_string(), LONGEST);
    if refused.is_outage() {
        return SourceError::Unavailable { message };
    }
    SourceError::AccessDenied {
        scope: Scope::Account,
        message: format!(
            "{message}; the role's trust policy must let in whoever assumes it (by the external_id, \
             where it asks for one), and their own policy must allow sts:AssumeRole on the role"
        ),
    }
}

/// Whether the provider was not reached, or is in trouble itself.
fn is_outage(error: &CredentialsError) -> bool {
    let code = find::<ErrorMetadata>(error).and_then(ErrorMetadata::code);
    find::<ConnectorError>(error).is_some()
        || find::<ImdsError>(error).is_some()
        || code.is_some_and(|code| {
            [THROTTLING_ERRORS, TRANSIENT_ERRORS, OUTAGE].concat().contains(&code)
        })
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |&error| error.source())
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    chain(error).find_map(|error| error.downcast_ref())
}

/// An error with its causes, on one line, each said once.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut said: Vec<String> = Vec::new();
    for cause in chain(error) {
        let cause = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if !said.iter().any(|before| before.contains(&cause)) {
            said.push(cause);
        }
    }
    clean(&without_session_token(&said.join(": ")), LONGEST)
}
