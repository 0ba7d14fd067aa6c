//! Who is asked: the port to the service that runs the jobs, and its adapter.

mod entity_resolution;
mod start;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

pub use entity_resolution::{Config, EntityResolution};
pub use start::{JobOrder, JobStarter, StartError};

use crate::domain::{JobKey, JobKind, JobSummary, Observation, WorkflowKey};

/// Answers questions about jobs. One request each, without retries: those belong to the caller.
#[async_trait]
pub trait JobSource: Send + Sync {
    /// What is known about `job` at this moment.
    ///
    /// # Errors
    ///
    /// One of [`SourceError`], by what the caller can do about it.
    async fn observe(&self, job: &JobKey) -> Result<Observation, SourceError>;

    /// One page of the jobs of `workflow`, in whatever order the service has them: nothing is known of it.
    ///
    /// # Errors
    ///
    /// One of [`SourceError`].
    async fn list_jobs(
        &self,
        workflow: &WorkflowKey,
        page: Option<PageToken>,
    ) -> Result<JobPage, SourceError>;

    /// One page of the names of the account's workflows whose jobs are of this kind.
    ///
    /// # Errors
    ///
    /// One of [`SourceError`].
    async fn list_workflows(
        &self,
        kind: JobKind,
        page: Option<PageToken>,
    ) -> Result<WorkflowPage, SourceError>;
}

/// Where the next page of a list begins, in the service's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken(pub String);

/// One page of a workflow's jobs.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct JobPage {
    /// The jobs on this page, [`JobPage::MAX_JOBS`] at the most.
    pub jobs: Vec<JobSummary>,
    /// The page after it, if there is one.
    pub next: Option<PageToken>,
}

impl JobPage {
    /// Jobs on a page, as many as the service allows
    /// (<https://docs.aws.amazon.com/entityresolution/latest/apireference/API_ListMatchingJobs.html>).
    pub const MAX_JOBS: u16 = 25;
}

/// One page of workflow names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkflowPage {
    /// The names on this page.
    pub names: Vec<String>,
    /// The page after it, if there is one.
    pub next: Option<PageToken>,
}

/// The operations that a source is asked for: the scope of a request budget, and a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// One matching job.
    GetMatchingJob,
    /// The jobs of a matching workflow.
    ListMatchingJobs,
    /// The account's matching workflows.
    ListMatchingWorkflows,
    /// Another job of a matching workflow.
    StartMatchingJob,
    /// One ID mapping job.
    GetIdMappingJob,
    /// The jobs of an ID mapping workflow.
    ListIdMappingJobs,
    /// The account's ID mapping workflows.
    ListIdMappingWorkflows,
    /// Another job of an ID mapping workflow.
    StartIdMappingJob,
}

impl Operation {
    /// What asks for one job of this kind.
    pub const fn get_job(kind: JobKind) -> Self {
        match kind {
            JobKind::Matching => Self::GetMatchingJob,
            JobKind::IdMapping => Self::GetIdMappingJob,
        }
    }

    /// What asks for the jobs of a workflow of this kind.
    pub const fn list_jobs(kind: JobKind) -> Self {
        match kind {
            JobKind::Matching => Self::ListMatchingJobs,
            JobKind::IdMapping => Self::ListIdMappingJobs,
        }
    }

    /// What asks for the account's workflows of this kind.
    pub const fn list_workflows(kind: JobKind) -> Self {
        match kind {
            JobKind::Matching => Self::ListMatchingWorkflows,
            JobKind::IdMapping => Self::ListIdMappingWorkflows,
        }
    }

    /// What starts a job of this kind.
    pub const fn start_job(kind: JobKind) -> Self {
        match kind {
            JobKind::Matching => Self::StartMatchingJob,
            JobKind::IdMapping => Self::StartIdMappingJob,
        }
    }

    /// The kind of jobs that it is about.
    pub const fn kind(self) -> JobKind {
        match self {
            Self::GetMatchingJob
            | Self::ListMatchingJobs
            | Self::ListMatchingWorkflows
            | Self::StartMatchingJob => JobKind::Matching,
            Self::GetIdMappingJob
            | Self::ListIdMappingJobs
            | Self::ListIdMappingWorkflows
            | Self::StartIdMappingJob => JobKind::IdMapping,
        }
    }

    /// The API's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GetMatchingJob => "GetMatchingJob",
            Self::ListMatchingJobs => "ListMatchingJobs",
            Self::ListMatchingWorkflows => "ListMatchingWorkflows",
            Self::StartMatchingJob => "StartMatchingJob",
            Self::GetIdMappingJob => "GetIdMappingJob",
            Self::ListIdMappingJobs => "ListIdMappingJobs",
            Self::ListIdMappingWorkflows => "ListIdMappingWorkflows",
            Self::StartIdMappingJob => "StartIdMappingJob",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How much is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// This question: the service knows who asks, and does not allow it.
    Question,
    /// Everything: there are no credentials, or the service does not accept them.
    Account,
}

/// Why a question got no answer, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Too many requests: ask again later, and less often.
    #[error("throttled by the service: {message}")]
    Throttled {
        /// How long the service asks to be left alone.
        retry_after: Option<Duration>,
        /// The service's words.
        message: String,
    },
    /// No usable answer (5xx, timeout, no connection, malformed or empty answer, a credential provider that timed out): ask again later.
    #[error("service unavailable: {message}")]
    Unavailable {
        /// What happened, with its causes.
        message: String,
    },
    /// The service knows no such job or workflow (yet).
    #[error("not found: {message}")]
    NotFound {
        /// The service's words.
        message: String,
    },
    /// The session token has expired. The adapter has thrown away what it had cached: ask again at once.
    #[error("credentials expired: {message}")]
    CredentialsExpired {
        /// The service's words.
        message: String,
    },
    /// The caller has no credentials, or they do not allow this.
    #[error("access denied: {message}")]
    AccessDenied {
        /// How much is denied.
        scope: Scope,
        /// What is missing, as the service or the credential provider says it.
        message: String,
    },
    /// The request itself is wrong and will stay so.
    #[error("invalid request: {message}")]
    Invalid {
        /// The service's words.
        message: String,
    },
}

impl SourceError {
    /// The reason as a metric label: one of a bounded set.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Unavailable { .. } => "unavailable",
            Self::NotFound { .. } => "not_found",
            Self::CredentialsExpired { .. } => "credentials_expired",
            Self::AccessDenied { .. } => "access_denied",
            Self::Invalid { .. } => "invalid",
        }
    }
}
