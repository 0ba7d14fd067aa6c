//! Who signs the requests, as STS says. It tells everybody who asks: no permission is needed
//! (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html>).

use std::time::Duration;

use aws_sdk_sts::Client;
use aws_sdk_sts::config::Builder;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

use super::{Access, Aws, without_session_token};

/// Whose credentials they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The number of the AWS account.
    pub account_id: String,
    /// The user, or the session in a role.
    pub arn: String,
}

impl Identity {
    /// The part of AWS that the account is in: `aws`, `aws-cn`, `aws-us-gov`.
    pub fn partition(&self) -> &str {
        self.arn.split(':').nth(1).unwrap_or("aws")
    }
}

/// Why it is not known who asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotIdentified {
    /// STS refuses the credentials.
    #[error("{0}")]
    Refused(String),
    /// STS cannot be reached, or there are no credentials to show it. The service itself may be well.
    #[error("{0}")]
    NoAnswer(String),
}

impl Aws {
    /// Asks STS whose credentials `access` has. One request.
    ///
    /// # Errors
    ///
    /// One of [`NotIdentified`].
    pub async fn identify(
        &self,
        access: &Access,
        attempt_timeout: Duration,
    ) -> Result<Identity, NotIdentified> {
        // The endpoint of an account is the service's alone.
        let access = Access { endpoint_url: None, ..access.clone() };
        let mut config = Builder::from(&self.configure(&access, attempt_timeout).await);
        if let Some(url) = access.role.as_ref().and_then(|role| role.sts_endpoint_url.as_ref()) {
            config = config.endpoint_url(url);
        }
        let answer = Client::from_conf(config.build()).get_caller_identity().send().await;
        let answer = answer.map_err(|error| not_identified(&error))?;
        match (answer.account, answer.arn) {
            (Some(account_id), Some(arn)) => Ok(Identity { account_id, arn }),
            _ => Err(NotIdentified::NoAnswer("STS answered without saying who asks".to_owned())),
        }
    }
}

fn not_identified<E>(error: &SdkError<E>) -> NotIdentified
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let said = match error {
        SdkError::ServiceError(context) => context.err().meta(),
        other => {
            let mut words = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(error) = cause {
                words = format!("{words}: {error}");
                cause = error.source();
            }
            return NotIdentified::NoAnswer(without_session_token(&words).into_owned());
        }
    };
    let code = said.code().unwrap_or("an error without a code");
    // The first line only: under a wrong signature, the next repeat the request.
    let text = said.message().and_then(|text| text.lines().next()).unwrap_or_default();
    let words = without_session_token(text);
    NotIdentified::Refused(format!("STS says {code}: {words}"))
}
