//! The loop that watches the jobs of one account.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{self, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::follow_up::Record;
use super::poll::{Context, Ignored, Polled};
use super::{Budget, Config, Next, Observer, Patience, Place, Scheduler, WatchedJob};
use crate::clock::SharedClock;
use crate::domain::{JobKey, JobStatus, Observation, Routing};
use crate::heartbeat::{self, Heartbeat};
use crate::metrics::{IntGauge, Metrics};
use crate::source::{JobSource, Operation, SourceError};
use crate::store::Store;

/// An account to poll.
#[derive(Clone)]
pub struct Account {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Its Region.
    pub region: String,
    /// Who is asked.
    pub source: Arc<dyn JobSource>,
}

/// Watches the jobs of one account: asks, records, and asks again, until all have ended or it is told to stop.
pub struct Poller {
    /// Who is asked.
    pub account: Account,
    /// What survives.
    pub store: Arc<dyn Store>,
    /// Who is told.
    pub routing: Routing,
    /// The time that events bear.
    pub clock: SharedClock,
    /// How often.
    pub config: Config,
    /// How long errors are borne.
    pub patience: Patience,
    /// Requests a second.
    pub budget: Budget,
    /// What is counted.
    pub metrics: Metrics,
    /// Is told of every answer.
    pub observer: Arc<dyn Observer>,
    /// Marked changed with every transition.
    pub recorded: watch::Sender<()>,
    /// Beats while the loop goes round.
    pub heartbeat: Heartbeat,
}

impl Poller {
    /// Watches the jobs that come through `jobs` until that is closed and each has ended or was given up, or
    /// `shutdown` is cancelled.
    ///
    /// Requests under way are dropped at shutdown; what has been answered by then is recorded first. Returns the
    /// places of the jobs that were left, for another poller to go on.
    pub async fn run(
        self,
        mut jobs: mpsc::UnboundedReceiver<WatchedJob>,
        shutdown: CancellationToken,
    ) -> HashMap<JobKey, Place> {
        let mut run = Run::new(self, shutdown);
        let mut more = true;
        while more || !run.scheduler.is_empty() {
            run.heartbeat.beat();
            let wake_at = run.send_what_is_due();
            tokio::select! {
                biased;
                () = run.shutdown.cancelled() => break,
                Some(back) = run.polls.join_next_with_id() => run.settle(back),
                job = jobs.recv(), if more => match job {
                    Some(job) => run.track(job, Instant::now()),
                    None => more = false,
                },
                () = sleep_until(wake_at) => {}
            }
        }
        while let Some(back) = run.polls.join_next_with_id().await {
            run.settle(back);
        }
        run.heartbeat.done();
        run.places()
    }
}

/// What the loop remembers of a job.
struct Tracked {
    job: WatchedJob,
    record: Record,
    /// What has been logged once and is not logged again.
    told: Vec<Ignored>,
}

/// A poll that came back; without a value where shutdown came first.
type Back = Result<(task::Id, Option<Polled>), task::JoinError>;

/// A poll under way.
struct Flight {
    key: JobKey,
    sent_at: Instant,
}

struct Run {
    context: Arc<Context>,
    config: Config,
    patience: Patience,
    budget: Budget,
    observer: Arc<dyn Observer>,
    heartbeat: Heartbeat,
    shutdown: CancellationToken,
    scheduler: Scheduler<JobKey>,
    tracked: HashMap<JobKey, Tracked>,
    polls: JoinSet<Option<Polled>>,
    flights: HashMap<task::Id, Flight>,
}

impl Run {
    fn new(poller: Poller, shutdown: CancellationToken) -> Self {
        let context = Context {
            account: poller.account.name,
            region: poller.account.region,
            source: poller.account.source,
            store: poller.store,
            routing: poller.routing,
            clock: poller.clock,
            metrics: poller.metrics,
            recorded: poller.recorded,
        };
        let operation = Operation::GetMatchingJob.as_str();
        context.metrics.expect_requests(&context.account, operation);
        Self {
            context: Arc::new(context),
            config: poller.config,
            patience: poller.patience,
            budget: poller.budget,
            observer: poller.observer,
            heartbeat: poller.heartbeat,
            shutdown,
            scheduler: Scheduler::new(),
            tracked: HashMap::new(),
            polls: JoinSet::new(),
            flights: HashMap::new(),
        }
    }

    /// Starts to follow a job, unless it has ended already.
    fn track(&mut self, mut job: WatchedJob, now: Instant) {
        if self.tracked.contains_key(&job.key) {
            return;
        }
        self.jobs_gauge(state_label(job.status)).inc();
        if job.status.is_some_and(JobStatus::is_terminal) {
            return;
        }
        let place = job.place.take();
        // Where the intervals are shorter now, that counts.
        let latest = now + self.config.interval.max(self.config.backoff.max);
        let ask_at = place.as_ref().map_or(now, |place| place.ask_at.min(latest));
        self.scheduler.schedule(job.key.clone(), ask_at);
        let record = place.map(|place| place.record).unwrap_or_default();
        let tracked = Tracked { job, record, told: Vec::new() };
        self.tracked.insert(tracked.job.key.clone(), tracked);
    }

    /// Where each job stands; one whose question was dropped is to be asked about at once.
    fn places(self) -> HashMap<JobKey, Place> {
        let now = Instant::now();
        let waiting: HashMap<_, _> = self.scheduler.waiting().collect();
        let place = |(key, tracked): (JobKey, Tracked)| {
            let ask_at = waiting.get(&key).copied().unwrap_or(now);
            (key, Place { ask_at, record: tracked.record })
        };
        self.tracked.into_iter().map(place).collect()
    }

    /// Sends as many polls as are due, allowed and not too many at once. Returns when to look again.
    fn send_what_is_due(&mut self) -> Instant {
        let now = Instant::now();
        let look_again = now + heartbeat::PERIOD;
        while self.polls.len() < self.config.concurrency {
            match self.scheduler.next_deadline() {
                None => return look_again,
                Some(deadline) if deadline > now => return deadline.min(look_again),
                Some(_) => {}
            }
            if let Err(ready_at) = self.budget.pacer().acquire(now) {
                return ready_at.min(look_again);
            }
            if let Some((key, deadline)) = self.scheduler.take_due(now) {
                self.send(key, now, now.duration_since(deadline));
            }
        }
        look_again
    }

    fn send(&mut self, key: JobKey, now: Instant, lateness: Duration) {
        let Some(tracked) = self.tracked.get(&key) else { return };
        let metrics = &self.context.metrics;
        metrics
            .poll_lateness_seconds
            .with_label_values(&[&*self.context.account])
            .observe(lateness.as_secs_f64());
        let (context, job) = (Arc::clone(&self.context), tracked.job.clone());
        let shutdown = self.shutdown.clone();
        let poll = self.polls.spawn(async move { context.poll(&job, shutdown).await });
        self.flights.insert(poll.id(), Flight { key, sent_at: now });
    }

    /// Takes a poll back: works out what happens next with its job.
    fn settle(&mut self, back: Back) {
        let (id, polled) = match back {
            Ok((id, polled)) => (id, polled),
            // A defect of this program must not lose the job: it is asked about again.
            Err(panicked) => {
                tracing::error!(error = %panicked, "a poll broke off; please report this defect");
                let message = panicked.to_string();
                (panicked.id(), Some(Polled::Failed(SourceError::Unavailable { message })))
            }
        };
        let Some(Flight { key, sent_at }) = self.flights.remove(&id) else { return };
        let Some(polled) = polled else { return };
        self.adapt_pace(&polled, sent_at);
        let Some(mut tracked) = self.tracked.remove(&key) else { return };
        let next = self.follow_up(&mut tracked, polled);
        let deadline = match next {
            Next::AskIn(delay) => Some(Instant::now() + delay),
            Next::Ended(_) | Next::GiveUp(_) => None,
        };
        self.scheduler.give_back(&key, deadline);
        if deadline.is_some() {
            self.tracked.insert(key, tracked);
        }
    }

    fn adapt_pace(&mut self, polled: &Polled, sent_at: Instant) {
        match polled {
            Polled::Failed(SourceError::Throttled { retry_after, .. }) => {
                self.budget.pacer().throttled(sent_at, Instant::now(), *retry_after);
            }
            Polled::Answered { .. } => self.budget.pacer().succeeded(),
            Polled::Failed(_) | Polled::NotRecorded(_) => {}
        }
        let labels = [&*self.context.account, Operation::GetMatchingJob.as_str()];
        self.context.metrics.pacer_rate.with_label_values(&labels).set(self.budget.pacer().rate());
    }

    fn follow_up(&mut self, tracked: &mut Tracked, polled: Polled) -> Next {
        let Tracked { job, record, .. } = tracked;
        match polled {
            Polled::Answered { observation, status, ignored } => {
                if let Some(ignored) = ignored {
                    self.tell_ignored(tracked, &observation, ignored);
                }
                self.move_job(tracked, status);
                let next = tracked.record.answered(status, &self.config);
                self.observer.polled(&tracked.job.key, Ok(&observation), &next);
                next
            }
            Polled::Failed(error) => {
                let now = Instant::now();
                let (next, first) = record.failed(&error, &self.config, &self.patience, now);
                tell_failed(&job.key, &error, &next, first);
                if matches!(next, Next::GiveUp(_)) {
                    self.jobs_gauge(state_label(job.status)).dec();
                    self.jobs_gauge(given_up_label(&error)).inc();
                }
                self.observer.polled(&job.key, Err(&error), &next);
                next
            }
            Polled::NotRecorded(error) => {
                self.context.metrics.store_errors.with_label_values(&["record"]).inc();
                tracing::error!(job = %job.key, %error, "a change could not be recorded; asking again");
                record.not_recorded(&self.config)
            }
        }
    }

    fn move_job(&self, tracked: &mut Tracked, status: Option<JobStatus>) {
        if tracked.job.status != status {
            self.jobs_gauge(state_label(tracked.job.status)).dec();
            self.jobs_gauge(state_label(status)).inc();
            tracked.job.status = status;
        }
    }

    /// Counts an observation that changed nothing, and logs it once for each job.
    fn tell_ignored(&self, tracked: &mut Tracked, observation: &Observation, ignored: Ignored) {
        let labels = [&*self.context.account, ignored.reason()];
        self.context.metrics.observations_ignored.with_label_values(&labels).inc();
        if !tracked.told.contains(&ignored) {
            tracked.told.push(ignored);
            tracing::warn!(
                job = %tracked.job.key,
                known = tracked.job.status.map(JobStatus::as_str),
                observed = ?observation.status,
                reason = ignored.reason(),
                "an observation changed nothing"
            );
        }
    }

    fn jobs_gauge(&self, state: &str) -> IntGauge {
        self.context.metrics.jobs.with_label_values(&[&*self.context.account, state])
    }
}

const fn state_label(status: Option<JobStatus>) -> &'static str {
    match status {
        None => "unseen",
        Some(JobStatus::Queued) => "queued",
        Some(JobStatus::Running) => "running",
        Some(JobStatus::Succeeded) => "succeeded",
        Some(JobStatus::Failed) => "failed",
    }
}

/// The state of a job that is not asked about any more.
const fn given_up_label(error: &SourceError) -> &'static str {
    match error {
        SourceError::NotFound { .. } => "lost",
        _ => "broken",
    }
}

/// Logs the first error for its reason in a row aloud, the others for those who look closely.
fn tell_failed(job: &JobKey, error: &SourceError, next: &Next, first: bool) {
    match next {
        Next::GiveUp(_) => tracing::error!(%job, %error, "job given up"),
        // Throttling is everyday life: the pacer slows down.
        _ if first && !matches!(error, SourceError::Throttled { .. }) => {
            tracing::warn!(%job, %error, "no answer about the job; asking again");
        }
        _ => tracing::debug!(%job, %error, "no answer about the job; asking again"),
    }
}
