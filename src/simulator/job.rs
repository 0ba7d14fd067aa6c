//! A simulated job.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::wire;

/// An instant of simulated time: milliseconds since the Unix epoch, as fine as the API tells them.
pub type Millis = i64;

/// Record counts under the API's names. Wider than the API's 32 bits, so that a scenario can exceed them.
pub type Metrics = BTreeMap<String, i64>;

/// A job's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the API's names say it")]
pub enum Status {
    Queued,
    Running,
    Succeeded,
    Failed,
}

impl Status {
    /// The name that the API uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
        }
    }

    /// Whether the job has ended.
    pub const fn is_terminal(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// How a job ends when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Ending {
    Succeeded,
    Failed,
}

/// What an ID mapping job processes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the API's names say it")]
pub enum JobType {
    #[default]
    Batch,
    Incremental,
    DeleteOnly,
}

/// Where a job writes, and as whom.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// The S3 path.
    pub s3_path: String,
    /// The role that writes.
    #[serde(default = "default_role")]
    pub role_arn: String,
    /// The key that encrypts.
    pub kms_arn: Option<String>,
}

fn default_role() -> String {
    "arn:aws:iam::123456789012:role/SimulatedEntityResolution".to_owned()
}

impl Output {
    /// A place below `s3_path`, written by a role of `account_id`.
    pub(super) fn of(account_id: &str, s3_path: String) -> Self {
        let role_arn = format!("arn:aws:iam::{account_id}:role/SimulatedEntityResolution");
        Self { s3_path, role_arn, kms_arn: None }
    }

    /// Checks the constraints that the service's model sets.
    pub(super) fn check(&self) -> Result<(), String> {
        if !wire::is_s3_path(&self.s3_path) {
            return Err(format!(
                "s3_path {:?} is no S3 path: write s3://bucket/path/",
                self.s3_path
            ));
        }
        if !wire::is_role_arn(&self.role_arn) {
            return Err(format!(
                "role_arn {:?} is no role: write arn:aws:iam::123456789012:role/name",
                self.role_arn
            ));
        }
        match &self.kms_arn {
            Some(key) if !wire::is_kms_arn(key) => Err(format!(
                "kms_arn {key:?} is no key: write arn:aws:kms:region:123456789012:key/id"
            )),
            _ => Ok(()),
        }
    }
}

/// What is to become of a job.
#[derive(Debug, Clone)]
pub(super) struct Fate {
    /// Simulated milliseconds between begin and end; none if it never ends.
    pub(super) runs_for: Option<Millis>,
    pub(super) ending: Ending,
    pub(super) error_message: String,
    pub(super) metrics: Option<Metrics>,
}

/// A job at one instant of simulated time.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its id: 32 hexadecimal digits.
    pub id: String,
    /// The index of its workflow in the world.
    pub(super) workflow: usize,
    /// When it was submitted.
    pub submitted_at: Millis,
    /// When it began to run.
    pub began_at: Option<Millis>,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// Where it is now.
    pub status: Status,
    /// Why it failed.
    pub error_message: Option<String>,
    /// What it counted.
    pub metrics: Option<Metrics>,
    /// Where it writes.
    pub output: Output,
    /// What it processes; for ID mapping alone.
    pub job_type: Option<JobType>,
    /// Only the control path moves it.
    pub held: bool,
    /// The API knows nothing of it.
    pub(super) hidden: bool,
    pub(super) fate: Fate,
}

impl Job {
    /// Queued → running.
    pub(super) fn begin(&mut self, at: Millis) {
        self.status = Status::Running;
        self.began_at = Some(at);
    }

    /// Running → the ending that its fate holds.
    pub(super) fn end(&mut self, at: Millis) {
        self.ended_at = Some(at);
        match self.fate.ending {
            Ending::Succeeded => {
                self.status = Status::Succeeded;
                self.metrics.clone_from(&self.fate.metrics);
            }
            Ending::Failed => {
                self.status = Status::Failed;
                self.error_message = Some(self.fate.error_message.clone());
            }
        }
    }

    /// Any status → any status, as the control path wants it. The instants follow the status.
    pub(super) fn hold(&mut self, change: StatusChange, at: Millis) {
        let StatusChange { status, error_message, metrics } = change;
        self.held = true;
        self.status = status;
        self.began_at = match status {
            Status::Queued => None,
            _ => self.began_at.or(Some(at)),
        };
        self.ended_at = status.is_terminal().then_some(at);
        self.error_message = error_message
            .or_else(|| (status == Status::Failed).then(|| self.fate.error_message.clone()));
        self.metrics = metrics.or_else(|| match status {
            Status::Succeeded => self.fate.metrics.clone(),
            _ => None,
        });
    }
}

/// What the control path wants a job to be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatusChange {
    /// The status, even one that the service would never go back to.
    pub status: Status,
    /// The `errorMessage`; left out, a failed job has its workflow's.
    #[serde(default)]
    pub error_message: Option<String>,
    /// The record counts; left out, a job that succeeded has its workflow's.
    #[serde(default)]
    pub metrics: Option<Metrics>,
}

impl From<Status> for StatusChange {
    fn from(status: Status) -> Self {
        Self { status, error_message: None, metrics: None }
    }
}
