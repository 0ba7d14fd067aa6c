//! How long jobs ran: read from the store and kept there, while the loop goes on.

use std::sync::Arc;

use tokio::task;

use super::Run;
use crate::domain::{PastRun, WorkflowKey};
use crate::store::StoreError;

/// Something that is fetched from the store or brought there, while the loop goes on.
pub(super) enum Errand {
    Remembered(WorkflowKey, Result<Vec<PastRun>, StoreError>),
    Kept(WorkflowKey, Result<(), StoreError>),
}

impl Run {
    /// Reads what is known of a workflow's past.
    pub(super) fn look_up_past(&mut self, workflow: WorkflowKey) {
        let store = Arc::clone(&self.context.store);
        self.errands.spawn(async move {
            let runs = store.past_runs(&workflow).await;
            Errand::Remembered(workflow, runs)
        });
    }

    /// Keeps past runs for later.
    pub(super) fn keep(&mut self, workflow: WorkflowKey, runs: Vec<PastRun>) {
        if runs.is_empty() {
            return;
        }
        let store = Arc::clone(&self.context.store);
        self.errands.spawn(async move {
            let kept = store.learn(&workflow, &runs).await;
            Errand::Kept(workflow, kept)
        });
    }

    pub(super) fn take_in(&mut self, back: Result<Errand, task::JoinError>) {
        let (workflow, error) = match back {
            Ok(Errand::Remembered(workflow, Ok(runs))) => {
                return self.agenda.remember(&workflow, runs);
            }
            Ok(Errand::Kept(_, Ok(()))) => return,
            Ok(Errand::Remembered(workflow, Err(error)) | Errand::Kept(workflow, Err(error))) => {
                (workflow, error)
            }
            Err(panicked) => {
                return tracing::error!(error = %panicked, "the store broke off; please report this defect");
            }
        };
        // Nothing is lost by it but some calls.
        self.context.metrics.store_errors.with_label_values(&["past_runs"]).inc();
        tracing::warn!(%workflow, %error, "past run times cannot be read or kept");
    }
}
