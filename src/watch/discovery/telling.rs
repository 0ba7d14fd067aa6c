//! What is counted of the work of discovery, and who is told of it.

use super::Run;
use super::look::Failure;
use crate::domain::WorkflowKey;

impl Run {
    pub(super) fn count(&self, workflow: &WorkflowKey, looked: &Result<(), Failure>) {
        let metrics = &self.context.metrics;
        let outcome = match looked {
            Ok(()) => "ok",
            Err(Failure::Source(error)) => error.reason(),
            Err(Failure::Store(_)) => {
                metrics.store_errors.with_label_values(&["discovery"]).inc();
                "store"
            }
        };
        let [account, kind] = self.context.labels();
        metrics.discovery_looks.with_label_values(&[account, kind, outcome]).inc();
        match looked {
            Ok(()) => self.observer.looked(workflow, Ok(())),
            Err(Failure::Source(error)) => self.observer.looked(workflow, Err(error)),
            Err(Failure::Store(_)) => {}
        }
    }

    /// Shows how many workflows are followed, and how many of them cannot be looked through.
    pub(super) fn show(&self) {
        let metrics = &self.context.metrics;
        let [account, kind] = self.context.labels();
        for (gauge, count) in [
            (&metrics.discovery_workflows, self.followed.len()),
            (&metrics.discovery_troubles, self.troubles.len()),
        ] {
            gauge.with_label_values(&[account, kind]).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}
