//! What is counted and logged of a poller's work.

use super::Run;
use crate::domain::{JobKey, JobStatus};
use crate::metrics::IntGauge;
use crate::source::{Operation, SourceError};
use crate::watch::Next;
use crate::watch::poll::Ignored;
use crate::watch::roster::{JobIndex, Told};

impl Run {
    pub(super) fn show_load(&self) {
        let (metrics, load) = (&self.context.metrics, self.agenda.load());
        let rates = [self.budgets.gets.pacer().rate(), self.budgets.lists.pacer().rate()];
        let operations = [Operation::get_job(self.kind), Operation::list_jobs(self.kind)];
        for (number, operation) in operations.into_iter().enumerate() {
            let labels = [&*self.context.account, operation.as_str()];
            metrics.pacer_rate.with_label_values(&labels).set(rates[number]);
            metrics.demand.with_label_values(&labels).set(load.demand[number]);
            metrics.call_worth.with_label_values(&labels).set(load.price[number]);
        }
    }

    /// Counts an observation that changed nothing, and logs it once for each job.
    pub(super) fn tell_ignored(&mut self, index: JobIndex, observed: &str, ignored: Ignored) {
        let labels = [&*self.context.account, ignored.reason()];
        self.context.metrics.observations_ignored.with_label_values(&labels).inc();
        let Some(job) = self.agenda.job_mut(index) else { return };
        let told = told_of(&mut job.told, ignored);
        if !std::mem::replace(told, true) {
            tracing::warn!(
                job = %job.key,
                known = job.status.map(JobStatus::as_str),
                observed,
                reason = ignored.reason(),
                "an observation changed nothing"
            );
        }
    }

    pub(super) fn jobs_gauge(&self, state: &str) -> IntGauge {
        let labels = [&*self.context.account, self.kind.as_str(), state];
        self.context.metrics.jobs.with_label_values(&labels)
    }
}

const fn told_of(told: &mut Told, ignored: Ignored) -> &mut bool {
    match ignored {
        Ignored::Stale => &mut told.stale,
        Ignored::Unknown => &mut told.unknown,
    }
}

pub(super) const fn state_label(status: Option<JobStatus>) -> &'static str {
    match status {
        None => "unseen",
        Some(JobStatus::Queued) => "queued",
        Some(JobStatus::Running) => "running",
        Some(JobStatus::Succeeded) => "succeeded",
        Some(JobStatus::Failed) => "failed",
    }
}

/// The state of a job that is not asked about any more.
pub(super) const fn given_up_label(error: &SourceError) -> &'static str {
    match error {
        SourceError::NotFound { .. } => "lost",
        _ => "broken",
    }
}

/// Logs the first error for its reason in a row aloud, the others for those who look closely.
pub(super) fn tell_failed(job: &JobKey, error: &SourceError, next: &Next, first: bool) {
    match next {
        Next::GiveUp(_) => tracing::error!(%job, %error, "job given up"),
        // Sessions end every hour. If others are no better, the account is said not to work.
        _ if first && matches!(error, SourceError::CredentialsExpired { .. }) => {
            tracing::info!(%job, %error, "asking again at once with other credentials");
        }
        // Throttling is everyday life: the pacer slows down.
        _ if first && !matches!(error, SourceError::Throttled { .. }) => {
            tracing::warn!(%job, %error, "no answer about the job; asking again");
        }
        _ => tracing::debug!(%job, %error, "no answer about the job; asking again"),
    }
}
