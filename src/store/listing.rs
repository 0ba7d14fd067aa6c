//! What is in a store, for people who look into it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;

use crate::domain::{JobKey, JobKind, JobStatus, Subject, UnknownName};

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// Not made yet.
    Pending,
    /// Made.
    Delivered,
    /// Given up.
    Dead,
}

impl DeliveryState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

impl fmt::Display for DeliveryState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for DeliveryState {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == name)
            .ok_or_else(|| UnknownName(name.to_owned()))
    }
}

/// Which events are looked for. What is `None` is anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// The event.
    pub event_id: Option<String>,
    /// The state of a delivery.
    pub state: Option<DeliveryState>,
    /// Whom a delivery is for.
    pub notifier: Option<String>,
    /// The job that the event tells of.
    pub job_id: Option<String>,
    /// The kind of that job.
    pub kind: Option<JobKind>,
    /// The workflow of that job.
    pub workflow_name: Option<String>,
}

/// Which jobs are looked for. What is `None` is anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// The job.
    pub job_id: Option<String>,
    /// Its status.
    pub status: Option<JobStatus>,
    /// Its kind.
    pub kind: Option<JobKind>,
    /// Its workflow.
    pub workflow_name: Option<String>,
}

/// An event, and one of its deliveries.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedEvent {
    /// The event's id.
    pub event_id: String,
    /// Its type.
    pub event_type: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// What it tells of.
    pub subject: Subject,
    /// `None` where nobody is told.
    pub delivery: Option<ListedDelivery>,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedDelivery {
    /// Whom it is for.
    pub notifier: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// Failed attempts.
    pub attempts: u32,
    /// Why the last of them failed.
    pub last_reason: Option<String>,
    /// When the next attempt is due, while it is pending.
    pub due_at: Timestamp,
    /// When it was made or given up.
    pub settled_at: Option<Timestamp>,
}

/// A job.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedJob {
    /// The job.
    pub job: JobKey,
    /// Its status.
    pub status: JobStatus,
    /// When its first status was recorded.
    pub first_seen_at: Timestamp,
    /// When its present one was.
    pub updated_at: Timestamp,
}
