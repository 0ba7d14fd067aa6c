//! Amazon SNS: one message an event, with attributes that filter policies can use.

mod publication;
#[cfg(test)]
mod tests;
mod topic;

use std::time::Duration;

use async_trait::async_trait;
use aws_config::{Region, SdkConfig};
use aws_sdk_sns::Client;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sns::operation::publish::PublishError;
use serde::Deserialize;
use uuid::Uuid;

use self::publication::Publication;
use self::topic::Topic;
use super::reason::{causes, head};
use super::{ConfigError, Notifier, Outcome};
use crate::aws::{Access, Aws, Role, assume, without_session_token};
use crate::domain::{Message, TestEvent};

/// Keys of a `[[notifier]]` with `type = "sns"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The topic. One that ends in `.fifo` gets a group and a deduplication id.
    pub topic_arn: String,
    /// The Region, where it is not the topic's own.
    pub region: Option<String>,
    /// A profile of the shared AWS configuration files.
    pub profile: Option<String>,
    /// A role to assume for publishing.
    pub role_arn: Option<String>,
    /// What the role's owner wants to be told.
    pub external_id: Option<String>,
    /// What the session in the role is called.
    pub session_name: Option<String>,
    /// An endpoint in place of the service's own.
    pub endpoint_url: Option<String>,
    /// Time that one attempt may take.
    #[serde(default = "default_timeout", deserialize_with = "crate::duration::deserialize")]
    pub timeout: Duration,
}

impl Config {
    fn region(&self, topic: &Topic) -> String {
        self.region.clone().unwrap_or_else(|| topic.region.clone())
    }

    fn role(&self) -> Option<Role> {
        let arn = self.role_arn.as_ref()?;
        Some(Role {
            external_id: self.external_id.clone(),
            session_name: self
                .session_name
                .clone()
                .unwrap_or_else(|| Role::SESSION_NAME.to_owned()),
            ..Role::new(arn)
        })
    }
}

const fn default_timeout() -> Duration {
    Duration::from_secs(20)
}

/// No more than this of the service's words is told.
const EXCERPT_CHARS: usize = 300;

/// Publishes events to one topic.
#[derive(Debug)]
pub struct Sns {
    client: Client,
    topic: Topic,
}

impl Sns {
    /// Checks the topic and finds credentials. Makes no request to SNS.
    ///
    /// # Errors
    ///
    /// The topic is no ARN of a topic.
    pub async fn connect(aws: &Aws, config: &Config) -> Result<Self, ConfigError> {
        let topic: Topic = config.topic_arn.parse()?;
        let access = Access {
            region: Some(config.region(&topic)),
            profile: config.profile.clone(),
            role: config.role(),
            endpoint_url: config.endpoint_url.clone(),
            ..Access::default()
        };
        let sdk = aws.configure(&access, config.timeout).await;
        Ok(Self { client: Client::new(&sdk), topic })
    }

    /// As [`Sns::connect`], with credentials, HTTP client and time limits of the caller's. The endpoint of `base`
    /// serves STS, and SNS too where `config` names none.
    ///
    /// # Errors
    ///
    /// The topic is no ARN of a topic.
    pub fn with_base(base: SdkConfig, config: &Config) -> Result<Self, ConfigError> {
        let topic: Topic = config.topic_arn.parse()?;
        let base = base.into_builder().region(Region::new(config.region(&topic))).build();
        let sdk = match config.role() {
            Some(role) => assume(base, &role),
            None => base,
        };
        let mut settings = aws_sdk_sns::config::Builder::from(&sdk);
        if let Some(endpoint_url) = &config.endpoint_url {
            settings = settings.endpoint_url(endpoint_url);
        }
        Ok(Self { client: Client::from_conf(settings.build()), topic })
    }

    /// `group` and `id` are for FIFO topics alone.
    async fn publish(&self, publication: Publication<'_>, group: String, id: Uuid) -> Outcome {
        let mut request = self
            .client
            .publish()
            .topic_arn(&self.topic.arn)
            .set_message_attributes(Some(publication.message_attributes()))
            .message(publication.body);
        if self.topic.is_fifo() {
            request = request.message_group_id(group).message_deduplication_id(id);
        }
        match request.send().await {
            Ok(_) => Outcome::Delivered,
            Err(error) => judge(&error),
        }
    }
}

#[async_trait]
impl Notifier for Sns {
    async fn notify(&self, message: &Message) -> Outcome {
        match Publication::of(message) {
            Ok(publication) => {
                let group = publication::group_id(&message.event);
                self.publish(publication, group, message.event.id).await
            }
            Err(error) => Outcome::reject(error.to_string()),
        }
    }

    async fn try_out(&self, test: &Message<TestEvent>) -> Outcome {
        let group = publication::TEST_GROUP.to_owned();
        self.publish(Publication::of_test(test), group, test.event.id).await
    }
}

/// Rejects what SNS would refuse again. What an operator can repair (permissions, a missing topic, a key)
/// is retried: the delivery succeeds when it is repaired, and is given up when it is not.
fn judge(error: &SdkError<PublishError>) -> Outcome {
    let reason = head(&without_session_token(&explain(error)), EXCERPT_CHARS);
    match error.as_service_error() {
        Some(
            PublishError::InvalidParameterException(_)
            | PublishError::InvalidParameterValueException(_)
            | PublishError::ValidationException(_),
        ) => Outcome::reject(reason),
        _ => Outcome::retry(reason),
    }
}

/// The service's code and message; where it sent none, the HTTP status, or what kept the request from it.
fn explain(error: &SdkError<PublishError>) -> String {
    match (error.code(), error.raw_response()) {
        (Some(code), _) => {
            format!("SNS: {code}: {}", error.message().unwrap_or("no message"))
        }
        (None, Some(response)) => {
            format!("SNS: HTTP {} without an error code", response.status().as_u16())
        }
        (None, None) => format!("SNS: {}", causes(error)),
    }
}
