//! Amazon SQS: one message an event, with attributes.

mod queue;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;
use serde::Deserialize;
use uuid::Uuid;

use self::queue::Queue;
use super::amazon::{self, Identity, Publication, TEST_GROUP, group_id};
use super::{ConfigError, Notifier, Outcome};
use crate::aws::Aws;
use crate::domain::{Message, TestEvent};

/// Keys of a `[[notifier]]` with `type = "sqs"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The queue. One that ends in `.fifo` gets a group and a deduplication id.
    pub queue_url: String,
    /// The Region, where it is not the one that the URL names.
    pub region: Option<String>,
    /// A profile of the shared AWS configuration files.
    pub profile: Option<String>,
    /// A role to assume for sending.
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

impl Config {
    /// Says whether a queue can have this URL.
    ///
    /// # Errors
    ///
    /// What to write instead.
    pub fn check_queue_url(queue_url: &str) -> Result<(), String> {
        queue_url.parse::<Queue>().map(|_| ())
    }
}

/// Error codes of what SQS would refuse again.
const HOPELESS: [&str; 4] =
    ["InvalidMessageContents", "InvalidParameterValue", "MissingParameter", "ValidationException"];

/// Sends events to one queue.
#[derive(Debug)]
pub struct Sqs {
    client: Client,
    queue: Queue,
}

impl Sqs {
    /// Checks the queue's URL and finds credentials. Makes no request to SQS.
    ///
    /// # Errors
    ///
    /// The URL is none of a queue.
    pub async fn connect(aws: &Aws, config: &Config) -> Result<Self, ConfigError> {
        let queue = parse(&config.queue_url)?;
        let endpoint_url = config.endpoint_url.as_deref();
        let sdk = identity(config, &queue).configure(aws, endpoint_url, config.timeout).await;
        Ok(Self { client: Client::new(&sdk), queue })
    }

    /// As [`Sqs::connect`], with credentials, HTTP client and time limits of the caller's. The endpoint of `base`
    /// serves STS, and SQS too where `config` names none.
    ///
    /// # Errors
    ///
    /// The URL is none of a queue.
    pub fn with_base(base: SdkConfig, config: &Config) -> Result<Self, ConfigError> {
        let queue = parse(&config.queue_url)?;
        let sdk = identity(config, &queue).assume(base);
        let mut settings = aws_sdk_sqs::config::Builder::from(&sdk);
        if let Some(endpoint_url) = &config.endpoint_url {
            settings = settings.endpoint_url(endpoint_url);
        }
        Ok(Self { client: Client::from_conf(settings.build()), queue })
    }

    /// `group` and `id` are for FIFO queues alone.
    async fn send(&self, publication: Publication<'_>, group: String, id: Uuid) -> Outcome {
        let mut request = self
            .client
            .send_message()
            .queue_url(&self.queue.url)
            .set_message_attributes(Some(message_attributes(&publication)))
            .message_body(publication.body);
        if self.queue.is_fifo() {
            request = request.message_group_id(group).message_deduplication_id(id);
        }
        match request.send().await {
            Ok(answer) if answer.message_id().is_some() => Outcome::Delivered,
            // Another server at a wrong endpoint says yes to everything, and gives no id.
            Ok(_) => Outcome::Retry {
                reason: "SQS answered without a message id; is the endpoint right?".to_owned(),
                after: None,
            },
            Err(error) => amazon::judge("SQS", &error, &HOPELESS),
        }
    }
}

fn parse(queue_url: &str) -> Result<Queue, ConfigError> {
    queue_url.parse().map_err(|problem| ConfigError(format!("queue_url: {problem}")))
}

fn identity<'a>(config: &'a Config, queue: &'a Queue) -> Identity<'a> {
    Identity {
        region: config.region.as_deref().or(queue.region.as_deref()),
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
impl Notifier for Sqs {
    async fn notify(&self, message: &Message) -> Outcome {
        match Publication::of(message) {
            Ok(publication) => {
                self.send(publication, group_id(&message.event), message.event.id).await
            }
            Err(error) => Outcome::reject(format!("SQS: {error}")),
        }
    }

    async fn try_out(&self, test: &Message<TestEvent>) -> Outcome {
        self.send(Publication::of_test(test), TEST_GROUP.to_owned(), test.event.id).await
    }
}
