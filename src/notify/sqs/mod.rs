//! Amazon SQS: one message an event, with attributes.

mod queue;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::BuildError;
use aws_sdk_sqs::types::MessageAttributeValue;
use uuid::Uuid;

use self::queue::Queue;
use super::amazon::{self, Publication, TEST_GROUP, group_id};
use super::{ConfigError, Notifier, Outcome};
use crate::aws::Aws;
use crate::domain::{Message, TestEvent};

/// Keys of a `[[notifier]]` with `type = "sqs"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The queue. One that ends in `.fifo` gets a group and a deduplication id.
    pub queue_url: String,
    /// Whose credentials are used, and where.
    pub aws: amazon::Config,
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
        let sdk = config.aws.configure(aws, queue.region.as_deref()).await;
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
        let sdk = config.aws.with_base(base, queue.region.as_deref());
        Ok(Self { client: Client::new(&sdk), queue })
    }

    /// `group` and `id` are for FIFO queues alone.
    async fn send(&self, publication: Publication<'_>, group: String, id: Uuid) -> Outcome {
        let mut request = self
            .client
            .send_message()
            .queue_url(&self.queue.url)
            .set_message_attributes(Some(publication.attributes(attribute)))
            .message_body(publication.body);
        if self.queue.is_fifo() {
            request = request.message_group_id(group).message_deduplication_id(id);
        }
        match request.send().await {
            Ok(answer) if answer.message_id().is_some() => Outcome::Delivered,
            Ok(_) => amazon::no_id("SQS"),
            Err(error) => amazon::judge("SQS", &error, &HOPELESS),
        }
    }
}

fn parse(queue_url: &str) -> Result<Queue, ConfigError> {
    queue_url.parse().map_err(|problem| ConfigError(format!("queue_url: {problem}")))
}

fn attribute(kind: &str, value: &str) -> Result<MessageAttributeValue, BuildError> {
    MessageAttributeValue::builder().data_type(kind).string_value(value).build()
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
