//! What an event tells, and the name of that in CloudEvents.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::alarm::{AlarmName, AlarmState};
use crate::domain::job::{JobStatus, UnknownName};

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Cow<'_, str>")]
pub enum EventType {
    /// The job waits for its turn.
    JobQueued,
    /// The job is at work.
    JobRunning,
    /// The job ended well.
    JobSucceeded,
    /// The job ended with an error.
    JobFailed,
    /// The job ended well, and failed its quality gates.
    JobQualityFailed,
    /// An alarm begins.
    AlarmRaised(AlarmName),
    /// An alarm is over.
    AlarmResolved(AlarmName),
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::JobQueued,
        Self::JobRunning,
        Self::JobSucceeded,
        Self::JobFailed,
        Self::JobQualityFailed,
        Self::AlarmRaised(AlarmName::QueuedTooLong),
        Self::AlarmResolved(AlarmName::QueuedTooLong),
        Self::AlarmRaised(AlarmName::RunningTooLong),
        Self::AlarmResolved(AlarmName::RunningTooLong),
        Self::AlarmRaised(AlarmName::RunningLongerThanUsual),
        Self::AlarmResolved(AlarmName::RunningLongerThanUsual),
        Self::AlarmRaised(AlarmName::Lost),
        Self::AlarmResolved(AlarmName::Lost),
        Self::AlarmRaised(AlarmName::AccessDenied),
        Self::AlarmResolved(AlarmName::AccessDenied),
        Self::AlarmRaised(AlarmName::WatchBroken),
        Self::AlarmResolved(AlarmName::WatchBroken),
    ];

    /// The type of the event that tells that a job reached `status`.
    pub const fn of(status: JobStatus) -> Self {
        match status {
            JobStatus::Queued => Self::JobQueued,
            JobStatus::Running => Self::JobRunning,
            JobStatus::Succeeded => Self::JobSucceeded,
            JobStatus::Failed => Self::JobFailed,
        }
    }

    /// The status that it tells to be reached; `None` where it tells something else.
    pub const fn status(self) -> Option<JobStatus> {
        match self {
            Self::JobQueued => Some(JobStatus::Queued),
            Self::JobRunning => Some(JobStatus::Running),
            Self::JobSucceeded => Some(JobStatus::Succeeded),
            Self::JobFailed => Some(JobStatus::Failed),
            Self::JobQualityFailed | Self::AlarmRaised(_) | Self::AlarmResolved(_) => None,
        }
    }

    /// The CloudEvents `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JobQueued => "dev.matchwatch.job.queued.v1",
            Self::JobRunning => "dev.matchwatch.job.running.v1",
            Self::JobSucceeded => "dev.matchwatch.job.succeeded.v1",
            Self::JobFailed => "dev.matchwatch.job.failed.v1",
            Self::JobQualityFailed => "dev.matchwatch.job.quality_failed.v1",
            Self::AlarmRaised(alarm) => alarm.event_type(AlarmState::Raised),
            Self::AlarmResolved(alarm) => alarm.event_type(AlarmState::Resolved),
        }
    }

    /// The type without what all have in common: `job.failed`.
    pub fn short_name(self) -> &'static str {
        let name = self.as_str();
        let name = name.strip_prefix("dev.matchwatch.").unwrap_or(name);
        name.rsplit_once('.').map_or(name, |(name, _version)| name)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EventType {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|event_type| event_type.as_str() == name)
            .ok_or_else(|| UnknownName(name.to_owned()))
    }
}

impl From<EventType> for String {
    fn from(event_type: EventType) -> Self {
        event_type.as_str().to_owned()
    }
}

impl TryFrom<Cow<'_, str>> for EventType {
    type Error = UnknownName;

    fn try_from(name: Cow<'_, str>) -> Result<Self, UnknownName> {
        name.parse()
    }
}
