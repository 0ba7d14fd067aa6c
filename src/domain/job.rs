//! A job, and what the API says about it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::details::JobDetails;

/// Which of the service's two families of jobs a job belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// Started by `StartMatchingJob`.
    Matching,
    /// Started by `StartIdMappingJob`.
    IdMapping,
}

impl JobKind {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Matching, Self::IdMapping];

    /// The name used in configuration, events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Matching => "matching",
            Self::IdMapping => "id-mapping",
        }
    }

    /// The name as people write it.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Matching => "matching",
            Self::IdMapping => "ID mapping",
        }
    }

    /// The path segment that ARNs and event sources use for workflows of this kind.
    pub const fn workflow_collection(self) -> &'static str {
        match self {
            Self::Matching => "matchingworkflows",
            Self::IdMapping => "idmappingworkflows",
        }
    }

    /// The type of resource that workflows of this kind are in ARNs and IAM policies.
    pub const fn workflow_resource(self) -> &'static str {
        match self {
            Self::Matching => "matchingworkflow",
            Self::IdMapping => "idmappingworkflow",
        }
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What identifies one job: no two jobs share a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JobKey {
    /// Name of the account in the configuration, which also fixes the Region.
    pub account: Arc<str>,
    /// Matching or ID mapping.
    pub kind: JobKind,
    /// Name of the workflow that the job runs.
    pub workflow_name: Arc<str>,
    /// The id that the service gave the job.
    pub job_id: Arc<str>,
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.account, self.workflow_name, self.job_id)
    }
}

impl JobKey {
    /// The workflow that the job runs.
    pub fn workflow(&self) -> WorkflowKey {
        WorkflowKey {
            account: Arc::clone(&self.account),
            kind: self.kind,
            name: Arc::clone(&self.workflow_name),
        }
    }
}

/// What identifies one workflow.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WorkflowKey {
    /// Name of the account in the configuration.
    pub account: Arc<str>,
    /// The kind of its jobs.
    pub kind: JobKind,
    /// Its name.
    pub name: Arc<str>,
}

impl fmt::Display for WorkflowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.name)
    }
}

/// How long a job ran that has ended: from the start of its work, without the time it stood in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastRun {
    /// The job.
    pub job_id: Arc<str>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How long it ran.
    pub run_time: Duration,
}

/// The statuses that the service documents for a job
/// (<https://docs.aws.amazon.com/entityresolution/latest/apireference/API_GetMatchingJob.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum JobStatus {
    /// Accepted, and waiting for its turn.
    Queued,
    /// At work.
    Running,
    /// Ended well.
    Succeeded,
    /// Ended with an error.
    Failed,
}

impl JobStatus {
    /// All statuses, in the order in which a job passes through them.
    pub const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed];

    /// The name that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether a job with this status has ended: it will never change again.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }

    /// How far along a job is: 1 queued, 2 running, 3 ended.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Queued => 1,
            Self::Running => 2,
            Self::Succeeded | Self::Failed => 3,
        }
    }
}

impl fmt::Display for JobStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is not one of the documented ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown name {0:?}")]
pub struct UnknownName(pub String);

impl FromStr for JobStatus {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == name)
            .ok_or_else(|| UnknownName(name.to_owned()))
    }
}

impl FromStr for JobKind {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == name)
            .ok_or_else(|| UnknownName(name.to_owned()))
    }
}

/// A status as the API sent it, which may be newer than this program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ObservedStatus {
    /// One that this version knows.
    Known(JobStatus),
    /// One that it does not.
    Unknown(String),
}

impl ObservedStatus {
    /// The name that the API uses.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(status) => status.as_str(),
            Self::Unknown(name) => name,
        }
    }
}

impl From<&str> for ObservedStatus {
    fn from(name: &str) -> Self {
        name.parse().map_or_else(|UnknownName(name)| Self::Unknown(name), Self::Known)
    }
}

/// What the API said about a job at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The job's status.
    pub status: ObservedStatus,
    /// Everything else that the answer held.
    pub details: JobDetails,
}

/// What a list of jobs says about one of them.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSummary {
    /// The job's id.
    pub job_id: String,
    /// Its status.
    pub status: ObservedStatus,
    /// When it was started: submitted, or at work. The service does not say which.
    pub start_time: Option<Timestamp>,
    /// When it ended.
    pub end_time: Option<Timestamp>,
}
