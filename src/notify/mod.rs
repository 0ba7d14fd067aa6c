//! Who is told: the port to the places that events go, and its adapters.
//!
//! An adapter makes one attempt and says how it went. Retries, order and bookkeeping live in [`crate::deliver`].

mod amazon;
mod command;
mod event_bridge;
mod reason;
mod sns;
mod sqs;
mod stdout;
#[cfg(test)]
mod testing;
mod webhook;

use std::time::Duration;

use async_trait::async_trait;

pub use amazon::Config as AwsConfig;
pub use command::{Command, Config as CommandConfig};
pub use event_bridge::{Config as EventBridgeConfig, EventBridge};
pub use sns::{Config as SnsConfig, Sns};
pub use sqs::{Config as SqsConfig, Sqs};
pub use stdout::Stdout;
pub use webhook::{BuiltInTemplate, Config as WebhookConfig, HttpClient, Webhook};

use crate::domain::{Message, TestEvent};

/// A place that events go.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Makes one attempt to deliver `message`, and ends by itself within the adapter's timeout.
    async fn notify(&self, message: &Message) -> Outcome;

    /// The same by the same road with an event that tells of no job, to see whether the place can be told at all.
    async fn try_out(&self, test: &Message<TestEvent>) -> Outcome;
}

/// How one attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// It did not work; it may work later.
    Retry {
        /// What happened. Holds no secret.
        reason: String,
        /// How long the receiver asks to be left alone.
        after: Option<Duration>,
    },
    /// It will never work.
    Reject {
        /// What happened. Holds no secret.
        reason: String,
    },
}

impl Outcome {
    /// It did not work, and the receiver does not say when to come back.
    fn retry(reason: impl Into<String>) -> Self {
        Self::Retry { reason: reason.into(), after: None }
    }

    /// It will never work.
    fn reject(reason: impl Into<String>) -> Self {
        Self::Reject { reason: reason.into() }
    }
}

/// Why a notifier cannot be built from its configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);
