//! Amazon EventBridge: each event put on a bus, with the event as its detail.

mod bus;
mod entry;
#[cfg(test)]
mod tests;

use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use serde::Deserialize;

use self::bus::Bus;
use self::entry::Entry;
use super::amazon::{self, Identity};
use super::{ConfigError, Notifier, Outcome};
use crate::aws::Aws;
use crate::domain::{Message, TestEvent};

/// Keys of a `[[notifier]]` with `type = "eventbridge"`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name or ARN of the bus.
    #[serde(default = "default_event_bus")]
    pub event_bus: String,
    /// The Region, where it is not the one of the bus's ARN.
    pub region: Option<String>,
    /// A profile of the shared AWS configuration files.
    pub profile: Option<String>,
    /// A role to assume for putting events.
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
    /// Says whether a bus can be called so.
    ///
    /// # Errors
    ///
    /// What to write instead.
    pub fn check_event_bus(event_bus: &str) -> Result<(), String> {
        event_bus.parse::<Bus>().map(|_| ())
    }
}

fn default_event_bus() -> String {
    "default".to_owned()
}

/// Error codes, of a request or of an entry in it, of what EventBridge would refuse again
/// (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEventsResultEntry.html>).
const HOPELESS: [&str; 4] =
    ["InvalidArgument", "MalformedDetail", "RedactionFailure", "ValidationException"];

/// Puts events on one bus.
#[derive(Debug)]
pub struct EventBridge {
    client: Client,
    bus: Bus,
}

impl EventBridge {
    /// Checks the bus and finds credentials. Makes no request to EventBridge.
    ///
    /// # Errors
    ///
    /// The bus is neither a name nor an ARN.
    pub async fn connect(aws: &Aws, config: &Config) -> Result<Self, ConfigError> {
        let bus = parse(&config.event_bus)?;
        let endpoint_url = config.endpoint_url.as_deref();
        let sdk = identity(config, &bus).configure(aws, endpoint_url, config.timeout).await;
        Ok(Self { client: Client::new(&sdk), bus })
    }

    /// As [`EventBridge::connect`], with credentials, HTTP client and time limits of the caller's. The endpoint of
    /// `base` serves STS, and EventBridge too where `config` names none.
    ///
    /// # Errors
    ///
    /// The bus is neither a name nor an ARN.
    pub fn with_base(base: SdkConfig, config: &Config) -> Result<Self, ConfigError> {
        let bus = parse(&config.event_bus)?;
        let sdk = identity(config, &bus).assume(base);
        let mut settings = aws_sdk_eventbridge::config::Builder::from(&sdk);
        if let Some(endpoint_url) = &config.endpoint_url {
            settings = settings.endpoint_url(endpoint_url);
        }
        Ok(Self { client: Client::from_conf(settings.build()), bus })
    }

    /// A request succeeds though its entry is refused: then the entry's own code says why.
    async fn put(&self, entry: Entry<'_>) -> Outcome {
        let entry = entry.request(&self.bus.name);
        let answer = match self.client.put_events().entries(entry).send().await {
            Ok(answer) => answer,
            Err(error) => return amazon::judge("EventBridge", &error, &HOPELESS),
        };
        if answer.failed_entry_count() == 0 {
            // Another server at a wrong endpoint says yes to everything, and gives no id.
            return match answer.entries().first().and_then(|taken| taken.event_id()) {
                Some(_) => Outcome::Delivered,
                None => Outcome::Retry {
                    reason: "EventBridge answered without an event id; is the endpoint right?"
                        .to_owned(),
                    after: None,
                },
            };
        }
        let refused = answer.entries().iter().find(|entry| entry.error_code().is_some());
        let (code, message) = refused.map_or((None, None), |r| (r.error_code(), r.error_message()));
        let code = code.unwrap_or("refused without an error code");
        amazon::judge_code("EventBridge", code, message, &HOPELESS)
    }
}

fn parse(event_bus: &str) -> Result<Bus, ConfigError> {
    event_bus.parse().map_err(|problem| ConfigError(format!("event_bus: {problem}")))
}

fn identity<'a>(config: &'a Config, bus: &'a Bus) -> Identity<'a> {
    Identity {
        region: config.region.as_deref().or(bus.region.as_deref()),
        profile: config.profile.as_deref(),
        role_arn: config.role_arn.as_deref(),
        external_id: config.external_id.as_deref(),
        session_name: config.session_name.as_deref(),
    }
}

#[async_trait]
impl Notifier for EventBridge {
    async fn notify(&self, message: &Message) -> Outcome {
        match Entry::of(message) {
            Ok(entry) => self.put(entry).await,
            Err(error) => Outcome::reject(format!("EventBridge: {error}")),
        }
    }

    async fn try_out(&self, test: &Message<TestEvent>) -> Outcome {
        self.put(Entry::of_test(test)).await
    }
}
