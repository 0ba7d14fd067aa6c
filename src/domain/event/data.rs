//! The payload of an event.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::alarm::AlarmData;
use crate::domain::details::JobDetails;
use crate::domain::job::{JobKey, JobKind, JobStatus};
use crate::domain::quality::GateFailure;

/// The payload of an event. Which one it is follows from the event's type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum EventData {
    /// Of `dev.matchwatch.job.…`.
    Job(JobData),
    /// Of `dev.matchwatch.alarm.…`.
    Alarm(AlarmData),
}

/// The payload of a job's event: what the API returned under its own names, and what we know besides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobData {
    /// The id that the service gave the job.
    pub job_id: String,
    /// The status that the job has now.
    pub status: JobStatus,
    /// The status that was told before; absent in a job's first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_status: Option<JobStatus>,
    /// Statuses that the job passed through unseen since the event before, in their order.
    pub inferred: Vec<JobStatus>,
    /// Name of the workflow that the job runs.
    pub workflow_name: String,
    /// Matching or ID mapping.
    pub kind: JobKind,
    /// The AWS Region.
    pub region: String,
    /// Name of the account in the configuration.
    pub account: String,
    /// When the change was observed.
    pub observed_at: Timestamp,
    /// `endTime` − `startTime`, where the API told both.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_seconds: Option<f64>,
    /// The quality gates that the job failed; empty but in the event that tells of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed_gates: Vec<GateFailure>,
    /// What else the API returned.
    #[serde(flatten)]
    pub details: JobDetails,
}

impl JobData {
    /// The key of the job.
    pub fn key(&self) -> JobKey {
        JobKey {
            account: self.account.as_str().into(),
            kind: self.kind,
            workflow_name: self.workflow_name.as_str().into(),
            job_id: self.job_id.as_str().into(),
        }
    }
}
