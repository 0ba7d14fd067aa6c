//! Forgets what is old: a pass at the start and every hour, in batches that let others have their turn.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::clock::SharedClock;
use crate::domain::JobSet;
use crate::metrics::Metrics;
use crate::store::{Position, Retention, Store, StoreError};

/// Time between two passes.
const PERIOD: Duration = Duration::from_hours(1);
/// What one batch looks at: a few milliseconds of work.
const BATCH: usize = 500;
/// Time between two batches, so that whoever records or delivers waits for one of them at most.
const PAUSE: Duration = Duration::from_millis(20);

/// The loop that forgets.
pub(super) struct Janitor {
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: SharedClock,
    pub(super) metrics: Metrics,
    pub(super) retain: Duration,
    /// Jobs that the configuration names.
    pub(super) watched: Arc<JobSet>,
}

impl Janitor {
    /// Forgets what is old, again and again, until told to stop.
    pub(super) async fn run(self, stop: CancellationToken) {
        let work = async {
            loop {
                match self.pass().await {
                    Ok(0) => {}
                    Ok(removed) => tracing::info!(rows = removed, "forgot what was old"),
                    Err(error) => {
                        self.metrics.store_errors.with_label_values(&["prune"]).inc();
                        tracing::warn!(%error, "the store refused to forget; trying again in an hour");
                    }
                }
                sleep(PERIOD).await;
            }
        };
        stop.run_until_cancelled(work).await;
    }

    /// Goes over the whole store once; says how much is gone.
    async fn pass(&self) -> Result<usize, StoreError> {
        let age = SignedDuration::try_from(self.retain).unwrap_or(SignedDuration::MAX);
        // Longer than there has been time.
        let Ok(before) = self.clock.now().checked_sub(age) else { return Ok(0) };
        let retention = Retention { before, watched: Arc::clone(&self.watched) };
        let (mut removed, mut position) = (0, Some(Position::default()));
        while let Some(from) = position {
            let pruned = self.store.prune(&retention, from, BATCH).await?;
            removed += pruned.removed;
            position = pruned.next;
            sleep(PAUSE).await;
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tokio::time::Instant;

    use super::*;
    use crate::clock::TokioClock;
    use crate::domain::{Event, JobDetails, JobKey, JobKind, JobStatus, Message, Transition};
    use crate::store::{Change, MemoryStore, Telling};

    const DAY: Duration = Duration::from_hours(24);

    fn job(id: &str) -> JobKey {
        JobKey {
            account: "main".into(),
            kind: JobKind::Matching,
            workflow_name: "customers".into(),
            job_id: id.into(),
        }
    }

    /// Records the end of a job that nobody is told of.
    async fn end(store: &dyn Store, id: &str, at: Timestamp) {
        let to = JobStatus::Succeeded;
        let transition = Transition { from: None, to, inferred: Vec::new() };
        let details = JobDetails::default();
        let event = Event::of_transition(&job(id), "eu-west-1", &transition, &details, at);
        let message = Message::encode(event).unwrap();
        let tellings = vec![Telling { message, notifiers: Vec::new() }];
        let change = Change { job: job(id), from: None, to, tellings, recorded_at: at };
        store.record(&change).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn an_ended_job_is_forgotten_within_an_hour_of_its_time_and_a_watched_one_is_not() {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let clock: SharedClock = Arc::new(TokioClock::starting_at(Timestamp::UNIX_EPOCH));
        for id in ["watched", "other"] {
            end(&*store, id, clock.now()).await;
        }
        let stop = CancellationToken::new();
        let janitor = Janitor {
            store: Arc::clone(&store),
            clock,
            metrics: Metrics::new().unwrap(),
            retain: 90 * DAY,
            watched: Arc::new(JobSet::from_iter([job("watched")])),
        };
        let started = Instant::now();
        let run = tokio::spawn(janitor.run(stop.clone()));
        while store.status(&job("other")).await.unwrap().is_some() {
            sleep(PERIOD / 2).await;
        }
        let took = started.elapsed();
        assert!(took > 90 * DAY && took < 90 * DAY + 2 * PERIOD, "{took:?}");
        assert_eq!(store.status(&job("watched")).await.unwrap(), Some(JobStatus::Succeeded));
        stop.cancel();
        run.await.unwrap();
    }
}
