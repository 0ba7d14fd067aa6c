//! The event that a transition makes: a CloudEvents 1.0 JSON object, described in docs/events.md.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::details::JobDetails;
use super::job::{JobKey, JobKind, JobStatus, UnknownName};
use super::state::Transition;

/// Namespace of event ids: UUIDv5 of `matchwatch.dev` in the DNS namespace.
pub const EVENT_NAMESPACE: Uuid = Uuid::from_u128(0xad02_6373_2351_583d_953f_a7b8_5acf_210f);

/// What an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum EventType {
    /// The job waits for its turn.
    #[serde(rename = "dev.matchwatch.job.queued.v1")]
    JobQueued,
    /// The job is at work.
    #[serde(rename = "dev.matchwatch.job.running.v1")]
    JobRunning,
    /// The job ended well.
    #[serde(rename = "dev.matchwatch.job.succeeded.v1")]
    JobSucceeded,
    /// The job ended with an error.
    #[serde(rename = "dev.matchwatch.job.failed.v1")]
    JobFailed,
}

impl EventType {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::JobQueued, Self::JobRunning, Self::JobSucceeded, Self::JobFailed];

    /// The type of the event that tells that a job reached `status`.
    pub const fn of(status: JobStatus) -> Self {
        match status {
            JobStatus::Queued => Self::JobQueued,
            JobStatus::Running => Self::JobRunning,
            JobStatus::Succeeded => Self::JobSucceeded,
            JobStatus::Failed => Self::JobFailed,
        }
    }

    /// The CloudEvents `type`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JobQueued => "dev.matchwatch.job.queued.v1",
            Self::JobRunning => "dev.matchwatch.job.running.v1",
            Self::JobSucceeded => "dev.matchwatch.job.succeeded.v1",
            Self::JobFailed => "dev.matchwatch.job.failed.v1",
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

/// A CloudEvents 1.0 event in the JSON format (<https://github.com/cloudevents/spec>).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Always `1.0`.
    pub specversion: String,
    /// The same for every replay of the same change, wherever and whenever it is made.
    pub id: Uuid,
    /// `/aws/entityresolution/<region>/<matchingworkflows or idmappingworkflows>/<workflow>`.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// The job id.
    pub subject: String,
    /// When the change was observed.
    pub time: Timestamp,
    /// Orders the events of one job: 1 queued, 2 running, 3 ended (CloudEvents extension `sequence`).
    pub sequence: String,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// The job.
    pub data: EventData,
}

/// The payload of a job's event: what the API returned under its own names, and what we know besides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventData {
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
    /// What else the API returned.
    #[serde(flatten)]
    pub details: JobDetails,
}

impl Event {
    /// The event that tells `transition` of the job `key` in `region`.
    pub fn of_transition(
        key: &JobKey,
        region: &str,
        transition: &Transition,
        details: &JobDetails,
        observed_at: Timestamp,
    ) -> Self {
        let event_type = EventType::of(transition.to);
        Self {
            specversion: "1.0".to_owned(),
            id: event_id(region, key, event_type),
            source: format!(
                "/aws/entityresolution/{region}/{}/{}",
                key.kind.workflow_collection(),
                key.workflow_name
            ),
            event_type,
            subject: key.job_id.to_string(),
            time: observed_at,
            sequence: transition.to.rank().to_string(),
            datacontenttype: "application/json".to_owned(),
            data: EventData {
                job_id: key.job_id.to_string(),
                status: transition.to,
                previous_status: transition.from,
                inferred: transition.inferred.clone(),
                workflow_name: key.workflow_name.to_string(),
                kind: key.kind,
                region: region.to_owned(),
                account: key.account.to_string(),
                observed_at,
                duration_seconds: details.duration_seconds(),
                details: details.clone(),
            },
        }
    }

    /// The ARN of the job's workflow, where the role that wrote the job's output tells the AWS account: a service
    /// can only be given a role of its own account.
    pub fn workflow_arn(&self) -> Option<String> {
        let data = &self.data;
        let sources = data.details.output_source_config.iter().flatten();
        let (partition, account) = sources
            .filter_map(|source| source.role_arn.as_deref())
            .find_map(|role| match role.split(':').collect::<Vec<_>>()[..] {
                ["arn", partition, "iam", "", account, ..] => Some((partition, account)),
                _ => None,
            })?;
        let collection = data.kind.workflow_collection().trim_end_matches('s');
        let (region, name) = (&data.region, &data.workflow_name);
        Some(format!("arn:{partition}:entityresolution:{region}:{account}:{collection}/{name}"))
    }

    /// The key of the job that the event is about.
    pub fn job_key(&self) -> JobKey {
        JobKey {
            account: self.data.account.as_str().into(),
            kind: self.data.kind,
            workflow_name: self.data.workflow_name.as_str().into(),
            job_id: self.data.job_id.as_str().into(),
        }
    }
}

/// UUIDv5, in [`EVENT_NAMESPACE`], of the JSON array `[region, kind, workflow, job, type]` without spaces.
///
/// A JSON array is an unambiguous encoding: no two different lists of names share one.
fn event_id(region: &str, key: &JobKey, event_type: EventType) -> Uuid {
    let name = serde_json::json!([
        region,
        key.kind.as_str(),
        &*key.workflow_name,
        &*key.job_id,
        event_type.as_str()
    ]);
    Uuid::new_v5(&EVENT_NAMESPACE, name.to_string().as_bytes())
}

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
