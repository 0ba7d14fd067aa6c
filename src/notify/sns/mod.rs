//! Amazon SNS: one message an event, with attributes that filter policies can use.

#[cfg(test)]
mod tests;
mod topic;

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use serde::Deserialize;
use uuid::Uuid;

use self::topic::Topic;
use super::amazon::{self, Identity, Publication, TEST_GROUP, group_id};
use super::{ConfigError, Notifier, Outcome};
use crate::aws::Aws;
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
    #[serde(
        default = "amazon::default_timeout",
        deserialize_with = "crate::duration::deserialize"
    )]
    pub timeout: Duration,
}

/// Error codes of what SNS would refuse again.
const HOPELESS: [&str; 3] = ["InvalidParameter", "ParameterValueInvalid", "ValidationException"];

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
        let endpoint_url = config.endpoint_url.as_deref();
        let sdk = identity(config, &topic).configure(aws, endpoint_url, config.timeout).await;
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
        let sdk = identity(config, &topic).assume(base);
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
            .set_message_attributes(Some(message_attributes(&publication)))
            .message(publication.body);
        if self.topic.is_fifo() {
            request = request.message_group_id(group).message_deduplication_id(id);
        }
        match request.send().await {
            Ok(_) => Outcome::Delivered,
            Err(error) => amazon::judge("SNS", &error, &HOPELESS),
        }
    }
}

fn identity<'a>(config: &'a Config, topic: &'a Topic) -> Identity<'a> {
    Identity {
        region: Some(config.region.as_deref().unwrap_or(&topic.region)),
        profile: config.profile.as_deref(),
        role_arn: config.role_arn.as_deref(),
        external_id: config.external_id.as_deref(),
        session_name: config.session_name.as_deref(),
    }
}

fn message_attributes(publication: &Publication<'_>) -> HashMap<String, MessageAttributeValue> {
    let attributes = publication.attributes.iter().filter_map(|(name, value)| {
        let value = MessageAttributeValue::builder()
            .data_type(Publication::ATTRIBUTE_TYPE)
            .string_value(value)
            .build()
            .ok()?;
        Some(((*name).to_owned(), value))
    });
    attributes.collect()
}

#[async_trait]
impl Notifier for Sns {
    async fn notify(&self, message: &Message) -> Outcome {
        match Publication::of(message) {
            Ok(publication) => {
                self.publish(publication, group_id(&message.event), message.event.id).await
            }
            Err(error) => Outcome::reject(format!("SNS: {error}")),
        }
    }

    async fn try_out(&self, test: &Message<TestEvent>) -> Outcome {
        self.publish(Publication::of_test(test), TEST_GROUP.to_owned(), test.event.id).await
    }
}
