//! An event as it is stored and sent.

use std::sync::Arc;

use serde::Serialize;

use super::Event;

/// An event with its encoding, fixed when the transition is recorded: every delivery of the event, today
/// or after an upgrade, sends the same bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<E = Event> {
    /// The event.
    pub event: E,
    /// The event as one line of JSON, without a line break.
    pub body: Arc<str>,
}

impl<E: Serialize> Message<E> {
    /// Fixes the encoding of `event`.
    ///
    /// # Errors
    ///
    /// Only if the event cannot be written as JSON, which none of its types allows.
    pub fn encode(event: E) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_string(&event)?.into();
        Ok(Self { event, body })
    }
}

impl Message {
    /// Takes up a body that was encoded before.
    ///
    /// # Errors
    ///
    /// The body is not an event on one line, as when a database was damaged.
    pub fn decode(body: &str) -> Result<Self, serde_json::Error> {
        if body.contains(['\n', '\r']) {
            return Err(serde::de::Error::custom("there is a line break in it"));
        }
        Ok(Self { event: serde_json::from_str(body)?, body: body.into() })
    }
}
