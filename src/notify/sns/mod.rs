//! Amazon SNS: one message an event, with attributes that filter policies can use.

#[cfg(test)]
mod tests;
mod topic;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sns::Client;
use aws_sdk_sns::error::BuildError;
use aws_sdk_sns::types::MessageAttributeValue;
use uuid::Uuid;

use self::topic::Topic;
use super::amazon::{self, Publication, TEST_GROUP, group_id};
use super::{ConfigError, Notifier, Outcome};
use crate::aws::Aws;
use crate::domain::{Message, TestEvent};

/// Keys of a `[[notifier]]` with `type = "sns"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The topic. One that ends in `.fifo` gets a group and a deduplication id.
    pub topic_arn: String,
    /// Whose credentials are used, and where.
    pub aws: amazon::Config,
}

impl Config {
    /// Says whether a topic can have this ARN.
    ///
    /// # Errors
    ///
    /// What to write instead.
    pub fn check_topic_arn(topic_arn: &str) -> Result<(), String> {
        topic_arn.parse::<Topic>().map(|_| ())
    }
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
        let topic = parse(&config.topic_arn)?;
        let sdk = config.aws.configure(aws, Some(&topic.region)).await;
        Ok(Self { client: Client::new(&sdk), topic })
    }

    /// As [`Sns::connect`], with credentials, HTTP client and time limits of the caller's. The endpoint of `base`
    /// serves STS, and SNS too where `config` names none.
    ///
    /// # Errors
    ///
    /// The topic is no ARN of a topic.
    pub fn with_base(base: SdkConfig, config: &Config) -> Result<Self, ConfigError> {
        let topic = parse(&config.topic_arn)?;
        let sdk = config.aws.with_base(base, Some(&topic.region));
        Ok(Self { client: Client::new(&sdk), topic })
    }

    /// `group` and `id` are for FIFO topics alone.
    async fn publish(&self, publication: Publication<'_>, group: String, id: Uuid) -> Outcome {
        let mut request = self
            .client
            .publish()
            .topic_arn(&self.topic.arn)
            .set_message_attributes(Some(publication.attributes(attribute)))
            .message(publication.body);
        if self.topic.is_fifo() {
            request = request.message_group_id(group).message_deduplication_id(id);
        }
        match request.send().await {
            Ok(answer) if answer.message_id().is_some() => Outcome::Delivered,
            Ok(_) => amazon::no_id("SNS"),
            Err(error) => amazon::judge("SNS", &error, &HOPELESS),
        }
    }
}

fn parse(topic_arn: &str) -> Result<Topic, ConfigError> {
    topic_arn.parse().map_err(|problem| ConfigError(format!("topic_arn: {problem}")))
}

fn attribute(kind: &str, value: &str) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type(kind).string_value(value).build()
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
