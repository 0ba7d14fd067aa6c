//! Alarms: something is not as it should be, and nobody is told by a change of status.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::job::{JobKey, JobKind, JobStatus, UnknownName, WorkflowKey};
use super::subject::Subject;

/// What is not as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmName {
    /// A job waits in the queue for longer than is allowed.
    QueuedTooLong,
    /// A job is at work for longer than is allowed.
    RunningTooLong,
    /// A job is at work for much longer than its workflow's jobs usually are.
    RunningLongerThanUsual,
    /// The service does not know a job any more, or never did.
    Lost,
    /// The service denies access to a workflow, or to all of an account.
    AccessDenied,
    /// The service calls the questions about a workflow wrong.
    WatchBroken,
}

/// The event types of an alarm: raised, resolved.
macro_rules! types {
    ($name:literal) => {
        [
            concat!("dev.matchwatch.alarm.", $name, ".raised.v1"),
            concat!("dev.matchwatch.alarm.", $name, ".resolved.v1"),
        ]
    };
}

impl AlarmName {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::QueuedTooLong,
        Self::RunningTooLong,
        Self::RunningLongerThanUsual,
        Self::Lost,
        Self::AccessDenied,
        Self::WatchBroken,
    ];

    /// Those of jobs whose time is looked at.
    pub const OF_TIME: [Self; 3] =
        [Self::QueuedTooLong, Self::RunningTooLong, Self::RunningLongerThanUsual];

    /// Its name in events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueuedTooLong => "queued_too_long",
            Self::RunningTooLong => "running_too_long",
            Self::RunningLongerThanUsual => "running_longer_than_usual",
            Self::Lost => "lost",
            Self::AccessDenied => "access_denied",
            Self::WatchBroken => "watch_broken",
        }
    }

    /// By what a job's alarm is over once the job was seen in `status`, if it is: one sentence for people.
    pub fn over_in(self, status: JobStatus) -> Option<String> {
        self.is_over_in(status).then(|| match status.is_terminal() {
            true => format!("the job has ended: {status}"),
            false => format!("the job is {status} now"),
        })
    }

    const fn is_over_in(self, status: JobStatus) -> bool {
        match self {
            Self::QueuedTooLong => !matches!(status, JobStatus::Queued),
            Self::RunningTooLong | Self::RunningLongerThanUsual => {
                !matches!(status, JobStatus::Running)
            }
            // Whoever tells of an end knows the job.
            Self::Lost | Self::WatchBroken => status.is_terminal(),
            Self::AccessDenied => false,
        }
    }

    /// The CloudEvents `type` of its events.
    pub(super) const fn event_type(self, state: AlarmState) -> &'static str {
        let [raised, resolved] = match self {
            Self::QueuedTooLong => types!("queued_too_long"),
            Self::RunningTooLong => types!("running_too_long"),
            Self::RunningLongerThanUsual => types!("running_longer_than_usual"),
            Self::Lost => types!("lost"),
            Self::AccessDenied => types!("access_denied"),
            Self::WatchBroken => types!("watch_broken"),
        };
        match state {
            AlarmState::Raised => raised,
            AlarmState::Resolved => resolved,
        }
    }
}

impl fmt::Display for AlarmName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AlarmName {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|alarm| alarm.as_str() == name)
            .ok_or_else(|| UnknownName(name.to_owned()))
    }
}

/// Whether an alarm begins or is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlarmState {
    /// It begins.
    Raised,
    /// It is over.
    Resolved,
}

/// Which alarm: at most one of a key is open at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AlarmKey {
    /// What is not as it should be.
    pub name: AlarmName,
    /// With what.
    pub subject: Subject,
}

impl fmt::Display for AlarmKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.subject)
    }
}

/// One occurrence of an alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// Which alarm.
    pub key: AlarmKey,
    /// The AWS Region.
    pub region: String,
    /// When it was raised, to the microsecond. It tells occurrences of one alarm apart.
    pub raised_at: Timestamp,
    /// The same for people, in one sentence.
    pub message: String,
    /// What is known of it.
    pub facts: AlarmFacts,
    /// Names of the notifiers that hear of its beginning and its end, as far as their filters let either pass.
    pub notifiers: Arc<[Arc<str>]>,
}

impl Alarm {
    /// An occurrence that begins now, and of which nobody hears. Its instant is kept as stores keep instants.
    pub fn new(
        key: AlarmKey,
        region: String,
        now: Timestamp,
        message: String,
        facts: AlarmFacts,
    ) -> Self {
        let raised_at = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
        Self { key, region, raised_at, message, facts, notifiers: Arc::default() }
    }
}

/// What is known of an alarm. What does not apply, or is not known, is absent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlarmFacts {
    /// The job's status when the alarm was raised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<JobStatus>,
    /// What the time counts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// What `since` is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted_from: Option<CountedFrom>,
    /// How long it was by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elapsed_seconds: Option<f64>,
    /// How long it may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_seconds: Option<f64>,
    /// How long 95 of 100 jobs of the workflow take at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_seconds: Option<f64>,
    /// How many times that long a job may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// How many past runs that is known from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past_runs: Option<usize>,
    /// The job's place among the watched jobs in the queue: 1 for the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_position: Option<usize>,
    /// The watched job that is right before it: at work, or in the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_ahead: Option<JobAhead>,
    /// The operation that is denied; none where all are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// What the service said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a time counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CountedFrom {
    /// The service's `startTime`.
    StartTime,
    /// The first sight of the job in its present status.
    FirstSeen,
}

/// The job that one in the queue waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobAhead {
    /// Its id.
    pub job_id: String,
    /// Its workflow.
    pub workflow_name: String,
    /// Its status.
    pub status: JobStatus,
}

/// The payload of an alarm's event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AlarmData {
    /// What is not as it should be.
    pub alarm: AlarmName,
    /// Whether it begins or is over.
    pub state: AlarmState,
    /// When it began.
    pub raised_at: Timestamp,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Timestamp>,
    /// The same for people, in one sentence.
    pub message: String,
    /// The job, where it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// The workflow, where it is one's or that of a job of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow_name: Option<String>,
    /// The kind of that workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<JobKind>,
    /// The AWS Region.
    pub region: String,
    /// Name of the account in the configuration.
    pub account: String,
    /// What was known when it began.
    #[serde(flatten)]
    pub facts: AlarmFacts,
}

impl AlarmData {
    /// What it is the alarm of.
    pub fn subject(&self) -> Subject {
        let account = self.account.as_str().into();
        match (self.kind, self.workflow_name.as_deref(), self.job_id.as_deref()) {
            (Some(kind), Some(workflow), Some(job_id)) => {
                let (workflow_name, job_id) = (workflow.into(), job_id.into());
                Subject::Job(JobKey { account, kind, workflow_name, job_id })
            }
            (Some(kind), Some(name), None) => {
                Subject::Workflow(WorkflowKey { account, kind, name: name.into() })
            }
            _ => Subject::Account(account),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_ends_every_alarm_of_its_job_and_each_status_those_of_the_others() {
        use AlarmName::{AccessDenied, QueuedTooLong, RunningLongerThanUsual, RunningTooLong};
        let over = |status| AlarmName::ALL.into_iter().filter(move |name| name.is_over_in(status));
        for status in [JobStatus::Succeeded, JobStatus::Failed] {
            let stay: Vec<_> = AlarmName::ALL
                .into_iter()
                .filter(|name| !over(status).any(|over| over == *name))
                .collect();
            assert_eq!(stay, [AccessDenied], "{status}");
        }
        assert_eq!(over(JobStatus::Running).collect::<Vec<_>>(), [QueuedTooLong]);
        let queued: Vec<_> = over(JobStatus::Queued).collect();
        assert_eq!(queued, [RunningTooLong, RunningLongerThanUsual]);
    }

    #[test]
    fn an_alarm_is_called_alike_everywhere() {
        for name in AlarmName::ALL {
            assert_eq!(name.as_str().parse(), Ok(name));
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
            for (state, word) in
                [(AlarmState::Raised, "raised"), (AlarmState::Resolved, "resolved")]
            {
                let expected = format!("dev.matchwatch.alarm.{name}.{word}.v1");
                assert_eq!(name.event_type(state), expected);
                assert_eq!(serde_json::to_value(state).unwrap(), word);
            }
        }
    }
}
