//! Starting jobs: a port of its own, so that nothing that only watches can start anything.

use async_trait::async_trait;

use super::SourceError;
use crate::domain::{JobType, OutputSource, WorkflowKey};

/// Starts jobs. One request each, without retries: the service takes no token by which it would know a repeated
/// request from a new one, so whether to ask again is for the caller to decide.
#[async_trait]
pub trait JobStarter: Send + Sync {
    /// Starts a job. Returns its id.
    ///
    /// # Errors
    ///
    /// One of [`StartError`], which says whether a job may have been started all the same.
    async fn start(&self, order: &JobOrder) -> Result<String, StartError>;
}

/// The job that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOrder {
    /// What it runs.
    pub workflow: WorkflowKey,
    /// What it processes; for ID mapping alone. Left out, the service decides.
    pub job_type: Option<JobType>,
    /// Where it writes; for ID mapping alone. Left out, where the workflow says.
    pub output: Option<OutputSource>,
}

/// Why there is no job, or none that is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// No job was started: the service refused, or the request never left this machine.
    #[error(transparent)]
    NotStarted(SourceError),
    /// No job was started: the workflow is busy.
    #[error("the workflow is busy: {message}")]
    Conflict {
        /// The service's words.
        message: String,
    },
    /// No job was started: the account has as many as it may have.
    #[error("a limit of the account is reached: {message}")]
    LimitReached {
        /// The service's words.
        message: String,
    },
    /// The request left, and no answer came that says what became of it: a job may have been started.
    #[error(transparent)]
    Lost(SourceError),
}
