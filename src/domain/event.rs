//! The event that a transition or an alarm makes: a CloudEvents 1.0 JSON object, described in docs/events.md.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::alarm::{Alarm, AlarmData, AlarmKey, AlarmName, AlarmState};
use super::details::JobDetails;
use super::job::{JobKey, JobKind, JobStatus, UnknownName, WorkflowKey};
use super::quality::GateFailure;
use super::state::Transition;
use super::subject::Subject;

/// Namespace of event ids: UUIDv5 of `matchwatch.dev` in the DNS namespace.
pub const EVENT_NAMESPACE: Uuid = Uuid::from_u128(0xad02_6373_2351_583d_953f_a7b8_5acf_210f);

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

/// A CloudEvents 1.0 event in the JSON format (<https://github.com/cloudevents/spec>).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Always `1.0`.
    pub specversion: String,
    /// The same for every replay of the same change, wherever and whenever it is made.
    pub id: Uuid,
    /// `/aws/entityresolution/<region>/<matchingworkflows or idmappingworkflows>/<workflow>`; of an account's alarm
    /// without workflow.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: EventType,
    /// The job id; of an alarm the name of the workflow or account, where it is one's.
    pub subject: String,
    /// When the change was observed.
    pub time: Timestamp,
    /// Orders the events of one job: 1 queued, 2 running, 3 ended, 4 its quality (CloudEvents extension `sequence`).
    /// Alarms have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<String>,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// What it tells of.
    pub data: EventData,
}

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
        let data = JobData {
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
            failed_gates: Vec::new(),
            details: details.clone(),
        };
        let subject = Subject::from(key.clone());
        let id = event_id(region, &subject, event_type, None);
        Self {
            sequence: Some(transition.to.rank().to_string()),
            ..Self::new(id, &subject, region, event_type, observed_at, EventData::Job(data))
        }
    }

    /// The event that tells that a job failed its gates. It stands beside `succeeded`, the event that tells of the
    /// job's end.
    pub fn of_failed_gates(succeeded: &Self, failed_gates: Vec<GateFailure>) -> Option<Self> {
        let ended = succeeded.job()?;
        let event_type = EventType::JobQualityFailed;
        let (subject, region) = (Subject::from(ended.key()), ended.region.clone());
        let data = JobData { failed_gates, inferred: Vec::new(), ..ended.clone() };
        let (id, time) = (event_id(&region, &subject, event_type, None), succeeded.time);
        Some(Self {
            sequence: Some("4".to_owned()),
            ..Self::new(id, &subject, &region, event_type, time, EventData::Job(data))
        })
    }

    /// The event that tells that `alarm` begins.
    pub fn of_raised(alarm: &Alarm) -> Self {
        Self::of_alarm(alarm, &alarm.message, None)
    }

    /// The event that tells that `alarm` is over since `resolved_at`, and by what: one sentence for people.
    pub fn of_resolved(alarm: &Alarm, message: &str, resolved_at: Timestamp) -> Self {
        Self::of_alarm(alarm, message, Some(resolved_at))
    }

    fn of_alarm(alarm: &Alarm, message: &str, resolved_at: Option<Timestamp>) -> Self {
        let (AlarmKey { name, subject }, region) = (&alarm.key, &*alarm.region);
        let (event_type, state) = match resolved_at {
            None => (EventType::AlarmRaised(*name), AlarmState::Raised),
            Some(_) => (EventType::AlarmResolved(*name), AlarmState::Resolved),
        };
        let data = AlarmData {
            alarm: *name,
            state,
            raised_at: alarm.raised_at,
            resolved_at,
            message: message.to_owned(),
            job_id: subject.job_id().map(ToString::to_string),
            workflow_name: subject.workflow_name().map(ToString::to_string),
            kind: subject.kind(),
            region: region.to_owned(),
            account: subject.account().to_string(),
            facts: alarm.facts.clone(),
        };
        let id = event_id(region, subject, event_type, Some(alarm.raised_at));
        let time = resolved_at.unwrap_or(alarm.raised_at);
        Self::new(id, subject, region, event_type, time, EventData::Alarm(data))
    }

    fn new(
        id: Uuid,
        subject: &Subject,
        region: &str,
        event_type: EventType,
        time: Timestamp,
        data: EventData,
    ) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id,
            source: subject.source(region),
            event_type,
            subject: subject.name().to_owned(),
            time,
            sequence: None,
            datacontenttype: "application/json".to_owned(),
            data,
        }
    }

    /// The ARN of the job's workflow, where the role that wrote the job's output tells the AWS account: a service
    /// can only be given a role of its own account.
    pub fn workflow_arn(&self) -> Option<String> {
        let job = self.job()?;
        let sources = job.details.output_source_config.iter().flatten();
        let (partition, account) = sources
            .filter_map(|source| source.role_arn.as_deref())
            .find_map(|role| match role.split(':').collect::<Vec<_>>()[..] {
                ["arn", partition, "iam", "", account, ..] => Some((partition, account)),
                _ => None,
            })?;
        let collection = job.kind.workflow_collection().trim_end_matches('s');
        let (region, name) = (&job.region, &job.workflow_name);
        Some(format!("arn:{partition}:entityresolution:{region}:{account}:{collection}/{name}"))
    }

    /// What the event tells of.
    pub fn about(&self) -> Subject {
        match &self.data {
            EventData::Job(job) => Subject::Job(job.key()),
            EventData::Alarm(alarm) => alarm.subject(),
        }
    }

    /// The payload of a job's event.
    pub const fn job(&self) -> Option<&JobData> {
        match &self.data {
            EventData::Job(job) => Some(job),
            EventData::Alarm(_) => None,
        }
    }

    /// The payload of an alarm's event.
    pub const fn alarm(&self) -> Option<&AlarmData> {
        match &self.data {
            EventData::Alarm(alarm) => Some(alarm),
            EventData::Job(_) => None,
        }
    }

    /// The status that it tells to be reached; `None` where it tells something else of a job, or is an alarm.
    pub fn status(&self) -> Option<JobStatus> {
        self.job().filter(|_| self.event_type.status().is_some()).map(|job| job.status)
    }

    /// The status before that.
    pub fn previous_status(&self) -> Option<JobStatus> {
        self.status().and(self.job()?.previous_status)
    }

    /// Name of the account in the configuration.
    pub fn account(&self) -> &str {
        match &self.data {
            EventData::Job(job) => &job.account,
            EventData::Alarm(alarm) => &alarm.account,
        }
    }

    /// The AWS Region.
    pub fn region(&self) -> &str {
        match &self.data {
            EventData::Job(job) => &job.region,
            EventData::Alarm(alarm) => &alarm.region,
        }
    }

    /// The kind of the job or workflow; an account has none.
    pub const fn kind(&self) -> Option<JobKind> {
        match &self.data {
            EventData::Job(job) => Some(job.kind),
            EventData::Alarm(alarm) => alarm.kind,
        }
    }

    /// The workflow; an account has none.
    pub fn workflow_name(&self) -> Option<&str> {
        match &self.data {
            EventData::Job(job) => Some(&job.workflow_name),
            EventData::Alarm(alarm) => alarm.workflow_name.as_deref(),
        }
    }

    /// The job; a workflow and an account have none.
    pub fn job_id(&self) -> Option<&str> {
        match &self.data {
            EventData::Job(job) => Some(&job.job_id),
            EventData::Alarm(alarm) => alarm.job_id.as_deref(),
        }
    }

    /// What an event that tells of no status says, for people.
    pub fn message(&self) -> Option<String> {
        match &self.data {
            EventData::Alarm(alarm) => Some(alarm.message.clone()),
            EventData::Job(job) if !job.failed_gates.is_empty() => {
                let failures: Vec<_> = job.failed_gates.iter().map(|gate| &*gate.message).collect();
                Some(failures.join("; "))
            }
            EventData::Job(_) => None,
        }
    }

    /// Why the job failed, as the service says.
    pub fn error_message(&self) -> Option<&str> {
        self.job()?.details.error_details.as_ref()?.error_message.as_deref()
    }
}

/// UUIDv5, in [`EVENT_NAMESPACE`], of a JSON array without spaces: the Region, what the event tells of, its type, and
/// for an alarm when it was raised.
///
/// A JSON array is an unambiguous encoding: no two different lists of names share one. What an alarm's ends with is no
/// type, so none shares one with a job's.
fn event_id(
    region: &str,
    subject: &Subject,
    event_type: EventType,
    raised_at: Option<Timestamp>,
) -> Uuid {
    let mut name = vec![region.to_owned()];
    match subject {
        Subject::Job(JobKey { kind, workflow_name, job_id, .. }) => {
            name.extend([kind.as_str(), workflow_name, job_id].map(str::to_owned));
        }
        Subject::Workflow(WorkflowKey { kind, name: workflow, .. }) => {
            name.extend([kind.as_str(), workflow].map(str::to_owned));
        }
        Subject::Account(account) => name.push(account.to_string()),
    }
    name.push(event_type.as_str().to_owned());
    name.extend(raised_at.map(|raised_at| raised_at.to_string()));
    Uuid::new_v5(&EVENT_NAMESPACE, serde_json::Value::from(name).to_string().as_bytes())
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
