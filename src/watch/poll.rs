//! One poll: observe → step → record.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::alarms::Clerk;
use super::seen::Seen;
use crate::clock::SharedClock;
use crate::domain::{
    Event, GateFailure, Gates, JobKey, JobStatus, Message, Observation, Routing, Step, Transition,
    WorkflowKey, step,
};
use crate::metrics::Metrics;
use crate::source::{JobPage, JobSource, Operation, PageToken, SourceError};
use crate::store::{Change, Recorded, Store, StoreError, Telling};

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
        /// When the answer came, before anybody could be told of it.
        seen: Seen,
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
    /// Asks about `job`, whose last recorded status is `known`, and makes durable what follows. `chosen` are the
    /// notifiers to tell, all if it is empty; `gates` is what the job must have done when it succeeded. `None` where
    /// `shutdown` came before the answer.
    pub(super) async fn poll(
        &self,
        job: &JobKey,
        known: Option<JobStatus>,
        chosen: &[Arc<str>],
        gates: &Gates,
        shutdown: CancellationToken,
    ) -> Option<Polled> {
        match shutdown.run_until_cancelled(self.observe(job)).await? {
            Ok(observation) => Some(self.accept(job, known, chosen, gates, observation).await),
            Err(error) => Some(Polled::Failed(error)),
        }
    }

    /// One page of the jobs of `workflow`.
    pub(super) async fn list(
        &self,
        workflow: &WorkflowKey,
        page: Option<PageToken>,
    ) -> Result<JobPage, SourceError> {
        self.counted(Operation::list_jobs(workflow.kind), self.source.list_jobs(workflow, page))
            .await
    }

    async fn observe(&self, job: &JobKey) -> Result<Observation, SourceError> {
        self.counted(Operation::get_job(job.kind), self.source.observe(job)).await
    }

    async fn counted<T>(
        &self,
        operation: Operation,
        ask: impl Future<Output = Result<T, SourceError>>,
    ) -> Result<T, SourceError> {
        let sent_at = Instant::now();
        let answer = ask.await;
        let outcome = answer.as_ref().map_or_else(SourceError::reason, |_| "ok");
        self.metrics.request(&self.account, operation.as_str(), outcome, sent_at.elapsed());
        answer
    }

    /// Works out what `observation` means for `job`, and makes it durable.
    async fn accept(
        &self,
        job: &JobKey,
        known: Option<JobStatus>,
        chosen: &[Arc<str>],
        gates: &Gates,
        observation: Observation,
    ) -> Polled {
        let seen = Seen::of(&*self.clock);
        let (status, ignored) = match step(known, &observation.status) {
            Step::Unchanged => (known, None),
            Step::Stale => (known, Some(Ignored::Stale)),
            Step::Unknown => (known, Some(Ignored::Unknown)),
            Step::Transition(transition) => {
                let event = Event::of_transition(
                    job,
                    &self.region,
                    &transition,
                    &observation.details,
                    seen.at,
                );
                let failures = match transition.to {
                    JobStatus::Succeeded => gates.check(observation.details.metrics.as_deref()),
                    _ => Vec::new(),
                };
                match self.record(job, &transition, event, failures, chosen).await {
                    Ok(status) => (status, None),
                    Err(error) => return Polled::NotRecorded(error),
                }
            }
        };
        Polled::Answered { observation, seen, status, ignored }
    }

    /// Records a change, and returns the status that the job has then.
    async fn record(
        &self,
        job: &JobKey,
        transition: &Transition,
        event: Event,
        failures: Vec<GateFailure>,
        chosen: &[Arc<str>],
    ) -> Result<Option<JobStatus>, StoreError> {
        let (from, to) = (transition.from, transition.to);
        let (event_id, recorded_at) = (event.id, event.time);
        let beside = match failures.is_empty() {
            true => None,
            false => Event::of_failed_gates(&event, failures.clone()),
        };
        let tellings = [Some(event), beside].into_iter().flatten();
        let tellings =
            tellings.map(|event| self.telling(event, chosen)).collect::<Result<_, _>>()?;
        let change = Change { job: job.clone(), from, to, tellings, recorded_at };
        match self.store.record(&change).await? {
            Recorded::Committed => {
                let labels = [&*self.account, job.kind.as_str(), to.as_str()];
                self.metrics.transitions.with_label_values(&labels).inc();
                tracing::info!(
                    %job,
                    from = from.map(tracing::field::display),
                    %to,
                    event = %event_id,
                    "job changed state"
                );
                self.tell_failed_gates(job, &failures);
                self.recorded.send_replace(());
                Ok(Some(to))
            }
            Recorded::Superseded(status) => Ok(status),
        }
    }

    /// Who writes down its alarms.
    pub(super) fn clerk(&self) -> Clerk {
        Clerk {
            store: Arc::clone(&self.store),
            routing: self.routing.clone(),
            metrics: self.metrics.clone(),
            recorded: self.recorded.clone(),
        }
    }

    /// An event, and whom it is for.
    fn telling(&self, event: Event, chosen: &[Arc<str>]) -> Result<Telling, StoreError> {
        let (id, notifiers) = (event.id, self.routing.targets(&event, chosen));
        let message = Message::encode(event)
            .map_err(|error| StoreError::Unusable(format!("event {id}: {error}")))?;
        Ok(Telling { message, notifiers })
    }

    fn tell_failed_gates(&self, job: &JobKey, failures: &[GateFailure]) {
        for GateFailure { gate, message, .. } in failures {
            let labels = [&*self.account, job.kind.as_str(), gate.as_str()];
            self.metrics.gates_failed.with_label_values(&labels).inc();
            tracing::warn!(%job, gate = gate.as_str(), "a quality gate failed: {message}");
        }
    }
}
