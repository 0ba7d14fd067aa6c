//! Amazon EventBridge: each event put on a bus, with the event as its detail.

mod bus;
mod entry;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;

use self::bus::Bus;
use self::entry::Entry;
use super::amazon;
use super::{ConfigError, Notifier, Outcome};
use crate::aws::Aws;
use crate::domain::{Message, TestEvent};

/// Keys of a `[[notifier]]` with `type = "eventbridge"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Name or ARN of the bus.
    pub event_bus: String,
    /// Whose credentials are used, and where.
    pub aws: amazon::Config,
}

impl Config {
    /// The bus that every account has.
    pub const DEFAULT_BUS: &str = "default";

    /// Says whether a bus can be called so.
    ///
    /// # Errors
    ///
    /// What to write instead.
    pub fn check_event_bus(event_bus: &str) -> Result<(), String> {
        event_bus.parse::<Bus>().map(|_| ())
    }
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
        let sdk = config.aws.configure(aws, bus.region.as_deref()).await;
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
        let sdk = config.aws.with_base(base, bus.region.as_deref());
        Ok(Self { client: Client::new(&sdk), bus })
    }

    /// A request succeeds though its entry is refused: then the entry's own code says why.
    async fn put(&self, entry: Entry<'_>) -> Outcome {
        let entry = entry.request(&self.bus.name);
        let answer = match self.client.put_events().entries(entry).send().await {
            Ok(answer) => answer,
            Err(error) => return amazon::judge("EventBridge", &error, &HOPELESS),
        };
        if answer.failed_entry_count() == 0 {
            return match answer.entries().first().and_then(|taken| taken.event_id()) {
                Some(_) => Outcome::Delivered,
                None => amazon::no_id("EventBridge"),
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
