//! Remembers whether the service ever answered, which decides between "timed out" and "unreachable".

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::domain::{JobKey, JobKind, Observation, WorkflowKey};
use crate::source::{JobPage, JobSource, PageToken, SourceError, WorkflowPage};

/// A source that remembers how it was answered.
pub(super) struct Witness {
    source: Arc<dyn JobSource>,
    answered: AtomicBool,
    last_error: Mutex<Option<SourceError>>,
}

impl Witness {
    pub(super) fn of(source: Arc<dyn JobSource>) -> Self {
        Self { source, answered: AtomicBool::new(false), last_error: Mutex::default() }
    }

    /// Whether any answer of the service has come, be it an error.
    pub(super) fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed)
    }

    /// The error of the latest request, if it failed.
    pub(super) fn last_error(&self) -> Option<SourceError> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note<T>(&self, answer: Result<T, SourceError>) -> Result<T, SourceError> {
        let error = answer.as_ref().err();
        if !matches!(error, Some(SourceError::Unavailable { .. })) {
            self.answered.store(true, Ordering::Relaxed);
        }
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = error.cloned();
        answer
    }
}

#[async_trait]
impl JobSource for Witness {
    async fn observe(&self, job: &JobKey) -> Result<Observation, SourceError> {
        self.note(self.source.observe(job).await)
    }

    async fn list_jobs(
        &self,
        workflow: &WorkflowKey,
        page: Option<PageToken>,
    ) -> Result<JobPage, SourceError> {
        // The wait goes on without lists: their errors are not why it ends.
        self.source.list_jobs(workflow, page).await
    }

    async fn list_workflows(
        &self,
        kind: JobKind,
        page: Option<PageToken>,
    ) -> Result<WorkflowPage, SourceError> {
        self.note(self.source.list_workflows(kind, page).await)
    }
}
