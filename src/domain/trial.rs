//! The event that tries out a notifier: it tells of no job.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A CloudEvents 1.0 event that says of itself that it is a test. It is described in docs/events.md.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestEvent {
    /// Always `1.0`.
    pub specversion: String,
    /// Another one each time: no receiver may take a test for one that it has.
    pub id: Uuid,
    /// Always [`TestEvent::SOURCE`].
    pub source: String,
    /// Always [`TestEvent::TYPE`].
    #[serde(rename = "type")]
    pub event_type: String,
    /// The notifier's name.
    pub subject: String,
    /// When it was made.
    pub time: Timestamp,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// What it says.
    pub data: TestData,
}

/// The payload of a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestData {
    /// Always `true`.
    pub test: bool,
    /// The notifier that is tried out.
    pub notifier: String,
    /// The same for people.
    pub message: String,
}

impl TestEvent {
    /// The CloudEvents `type`.
    pub const TYPE: &str = "dev.matchwatch.test.v1";
    /// The CloudEvents `source`.
    pub const SOURCE: &str = "/matchwatch/check";

    /// A test of the notifier of that name. `id` is a random one.
    pub fn new(id: Uuid, notifier: &str, time: Timestamp) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id,
            source: Self::SOURCE.to_owned(),
            event_type: Self::TYPE.to_owned(),
            subject: notifier.to_owned(),
            time,
            datacontenttype: "application/json".to_owned(),
            data: TestData {
                test: true,
                notifier: notifier.to_owned(),
                message: "A test by matchwatch: no job has changed.".to_owned(),
            },
        }
    }
}
