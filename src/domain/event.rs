//! The event that a transition or an alarm makes: a CloudEvents 1.0 JSON object, described in docs/events.md.

mod data;
mod event_type;
mod id;
mod message;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::alarm::{Alarm, AlarmData, AlarmKey, AlarmState};
use super::details::JobDetails;
use super::job::{JobKey, JobKind, JobStatus};
use super::quality::GateFailure;
use super::state::Transition;
use super::subject::Subject;
pub use data::{EventData, JobData};
pub use event_type::EventType;
pub use id::EVENT_NAMESPACE;
use id::event_id;
pub use message::Message;

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

    /// What an ID mapping job processes; no other has a type.
    pub fn job_type(&self) -> Option<&str> {
        Some(self.job()?.details.job_type.as_ref()?.as_str())
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
