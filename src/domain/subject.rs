//! What an event tells of.

use std::fmt;
use std::sync::Arc;

use super::job::{JobKey, JobKind, WorkflowKey};

/// What an event tells of: all job events of a job, some alarms of a workflow or an account. The events of one subject
/// keep their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// A job.
    Job(JobKey),
    /// A workflow.
    Workflow(WorkflowKey),
    /// An account, by its name in the configuration.
    Account(Arc<str>),
}

impl Subject {
    /// The job, where it is one.
    pub const fn job(&self) -> Option<&JobKey> {
        match self {
            Self::Job(job) => Some(job),
            Self::Workflow(_) | Self::Account(_) => None,
        }
    }

    /// Name of the account in the configuration.
    pub const fn account(&self) -> &Arc<str> {
        match self {
            Self::Job(job) => &job.account,
            Self::Workflow(workflow) => &workflow.account,
            Self::Account(account) => account,
        }
    }

    /// The kind of its jobs, where they are all of one.
    pub const fn kind(&self) -> Option<JobKind> {
        match self {
            Self::Job(job) => Some(job.kind),
            Self::Workflow(workflow) => Some(workflow.kind),
            Self::Account(_) => None,
        }
    }

    /// Name of the workflow, where it is one or belongs to one.
    pub const fn workflow_name(&self) -> Option<&Arc<str>> {
        match self {
            Self::Job(job) => Some(&job.workflow_name),
            Self::Workflow(workflow) => Some(&workflow.name),
            Self::Account(_) => None,
        }
    }

    /// The id of the job, where it is one.
    pub fn job_id(&self) -> Option<&Arc<str>> {
        self.job().map(|job| &job.job_id)
    }

    /// The CloudEvents `source` of its events: who told of it.
    pub(super) fn source(&self, region: &str) -> String {
        let of_workflow = |kind: JobKind, name: &str| {
            format!("/aws/entityresolution/{region}/{}/{name}", kind.workflow_collection())
        };
        match self {
            Self::Job(job) => of_workflow(job.kind, &job.workflow_name),
            Self::Workflow(workflow) => of_workflow(workflow.kind, &workflow.name),
            Self::Account(_) => format!("/aws/entityresolution/{region}"),
        }
    }

    /// The CloudEvents `subject` of its events: the last part of its name.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Job(job) => &job.job_id,
            Self::Workflow(workflow) => &workflow.name,
            Self::Account(account) => account,
        }
    }
}

impl From<JobKey> for Subject {
    fn from(job: JobKey) -> Self {
        Self::Job(job)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Job(job) => job.fmt(f),
            Self::Workflow(workflow) => workflow.fmt(f),
            Self::Account(account) => f.write_str(account),
        }
    }
}
