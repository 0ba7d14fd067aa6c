//! One poll: observe → step → record.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::WatchedJob;
use crate::clock::SharedClock;
use crate::domain::{Event, JobKey, JobStatus, Message, Observation, Routing, Step, step};
use crate::metrics::Metrics;
use crate::source::{JobSource, Operation, SourceError};
use crate::store::{Change, Recorded, Store, StoreError};

/// What every poll of an account works with.
pub(super) struct Context {
    pub(super) account: Arc<str>,
    pub(super) region: String,
    pub(super) source: Arc<dyn JobSource>,
    pub(super) store: Arc<dyn Store>,
    pub(super) routing: Routing,
    pub(super) clock: SharedClock,
    pub(super) metrics: Metrics,
    /// Wakes those who deliver.
    pub(super) recorded: watch::Sender<()>,
}

/// What one poll came to.
#[derive(Debug)]
pub(super) enum Polled {
    /// The service answered, and what follows from it is recorded.
    Answered {
        observation: Observation,
        /// The job's status now.
        status: Option<JobStatus>,
        /// The observation differed from the status, and changed nothing.
        ignored: Option<Ignored>,
    },
    /// The service did not answer.
    Failed(SourceError),
    /// The store did not take it: the job is where it was.
    NotRecorded(StoreError),
}

/// Why an observation changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignored {
    Stale,
    Unknown,
}

impl Ignored {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::Stale => "stale",
            Self::Unknown => "unknown",
        }
    }
}

impl Context {
    /// Asks about `job` and makes durable what follows. `None` where `shutdown` came before the answer.
    pub(super) async fn poll(
        &self,
        job: &WatchedJob,
        shutdown: CancellationToken,
    ) -> Option<Polled> {
        match shutdown.run_until_cancelled(self.observe(&job.key)).await? {
            Ok(observation) => Some(self.accept(job, observation).await),
            Err(error) => Some(Polled::Failed(error)),
        }
    }

    async fn observe(&self, job: &JobKey) -> Result<Observation, SourceError> {
        let sent_at = Instant::now();
        let answer = self.source.observe(job).await;
        let outcome = answer.as_ref().map_or_else(SourceError::reason, |_| "ok");
        let operation = Operation::GetMatchingJob.as_str();
        self.metrics.request(&self.account, operation, outcome, sent_at.elapsed());
        answer
    }

    /// Works out what `observation` means for `job`, and makes it durable.
    async fn accept(&self, job: &WatchedJob, observation: Observation) -> Polled {
        let (status, ignored) = match step(job.status, &observation.status) {
            Step::Unchanged => (job.status, None),
            Step::Stale => (job.status, Some(Ignored::Stale)),
            Step::Unknown => (job.status, Some(Ignored::Unknown)),
            Step::Transition(transition) => {
                let event = Event::of_transition(
                    &job.key,
                    &self.region,
                    &transition,
                    &observation.details,
                    self.clock.now(),
                );
                match self.record(job, transition.from, transition.to, event).await {
                    Ok(status) => (status, None),
                    Err(error) => return Polled::NotRecorded(error),
                }
            }
        };
        Polled::Answered { observation, status, ignored }
    }

    /// Records a change, and returns the status that the job has then.
    async fn record(
        &self,
        job: &WatchedJob,
        from: Option<JobStatus>,
        to: JobStatus,
        event: Event,
    ) -> Result<Option<JobStatus>, StoreError> {
        let notifiers = self.routing.targets(&event, &job.notifiers);
        let event_id = event.id;
        let recorded_at = event.time;
        let message = Message::encode(event)
            .map_err(|error| StoreError::Unusable(format!("event {event_id}: {error}")))?;
        let change = Change { job: job.key.clone(), from, to, message, notifiers, recorded_at };
        match self.store.record(&change).await? {
            Recorded::Committed => {
                let labels = [&*self.account, job.key.kind.as_str(), to.as_str()];
                self.metrics.transitions.with_label_values(&labels).inc();
                tracing::info!(
                    job = %job.key,
                    from = from.map(tracing::field::display),
                    %to,
                    event = %event_id,
                    "job changed state"
                );
                self.recorded.send_replace(());
                Ok(Some(to))
            }
            Recorded::Superseded(status) => Ok(status),
        }
    }
}
