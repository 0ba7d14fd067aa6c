//! The loop that watches the jobs of one account.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::{self, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::agenda::{Agenda, Answered, Sight, Turn};
use super::poll::{Context, Ignored, Polled};
use super::roster::{JobIndex, Told, WorkflowIndex};
use super::{Budgets, Config, Next, Observer, Patience, Place, WatchedJob};
use crate::clock::SharedClock;
use crate::domain::{JobKey, JobStatus, Observation, PastRun, Routing, Step, WorkflowKey};
use crate::heartbeat::{self, Heartbeat};
use crate::metrics::{IntGauge, Metrics};
use crate::source::{JobPage, JobSource, Operation, SourceError};
use crate::store::{Store, StoreError};

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
    pub budgets: Budgets,
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
    /// Watches the jobs that come through `jobs`, batch by batch, until that is closed and each has ended or was given
    /// up, or `shutdown` is cancelled.
    ///
    /// Requests under way are dropped at shutdown; what has been answered by then is recorded first. Returns the
    /// places of the jobs that were left, for another poller to go on.
    pub async fn run(
        self,
        mut jobs: mpsc::UnboundedReceiver<Vec<WatchedJob>>,
        shutdown: CancellationToken,
    ) -> HashMap<JobKey, Place> {
        let mut run = Run::new(self, shutdown);
        let (mut more, mut newcomers) = (true, Vec::new().into_iter());
        while more || newcomers.len() > 0 || !run.agenda.is_empty() {
            run.heartbeat.beat();
            // In every turn, however many answers come in.
            newcomers.by_ref().take(NEWCOMERS).for_each(|job| run.follow(job));
            let wake_at = run.send_what_is_due();
            tokio::select! {
                biased;
                () = run.shutdown.cancelled() => break,
                Some(back) = run.questions.join_next_with_id() => run.settle(back),
                Some(back) = run.errands.join_next() => run.take_in(back),
                // Others have their turn, too.
                () = task::yield_now(), if newcomers.len() > 0 => {}
                batch = jobs.recv(), if more && newcomers.len() == 0 => match batch {
                    Some(batch) => {
                        run.agenda.expect(batch.len());
                        newcomers = batch.into_iter();
                    }
                    None => more = false,
                },
                () = sleep_until(wake_at) => {}
            }
        }
        while let Some(back) = run.questions.join_next_with_id().await {
            run.settle(back);
        }
        // What was learned is written down.
        while let Some(back) = run.errands.join_next().await {
            run.take_in(back);
        }
        run.heartbeat.done();
        run.agenda.into_places(Instant::now())
    }
}

/// Jobs that are taken in at once, before it is looked again for who is due.
const NEWCOMERS: usize = 64;

/// What came back of a question; without a value where shutdown came first.
type Back = Result<(task::Id, Option<Answer>), task::JoinError>;

/// A question that came back.
enum Answer {
    Job(Polled),
    Page(Result<JobPage, SourceError>),
}

/// A question under way.
enum Question {
    Job(JobIndex),
    Page(WorkflowIndex),
}

/// Something that is fetched from the store or brought there, while the loop goes on.
enum Errand {
    Remembered(WorkflowKey, Result<Vec<PastRun>, StoreError>),
    Kept(WorkflowKey, Result<(), StoreError>),
}

struct Run {
    context: Arc<Context>,
    concurrency: usize,
    budgets: Budgets,
    observer: Arc<dyn Observer>,
    heartbeat: Heartbeat,
    shutdown: CancellationToken,
    agenda: Agenda,
    questions: JoinSet<Option<Answer>>,
    flights: HashMap<task::Id, (Question, Instant)>,
    errands: JoinSet<Errand>,
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
            concurrency: poller.config.concurrency,
            budgets: poller.budgets.clone(),
            observer: poller.observer,
            heartbeat: poller.heartbeat,
            shutdown,
            agenda: Agenda::new(poller.config, poller.patience, poller.budgets, Instant::now()),
            questions: JoinSet::new(),
            flights: HashMap::new(),
            errands: JoinSet::new(),
        }
    }

    /// Starts to follow a job, unless it has ended already.
    fn follow(&mut self, job: WatchedJob) {
        let status = job.status;
        if status.is_some_and(JobStatus::is_terminal) {
            self.jobs_gauge(state_label(status)).inc();
            return;
        }
        let Some(followed) = self.agenda.follow(job, Instant::now()) else { return };
        self.jobs_gauge(state_label(status)).inc();
        if let Some(workflow) = followed.new_workflow {
            let store = Arc::clone(&self.context.store);
            self.errands.spawn(async move {
                let runs = store.past_runs(&workflow).await;
                Errand::Remembered(workflow, runs)
            });
        }
    }

    /// Sends as many questions as are due, allowed and not too many at once. Returns when to look again.
    fn send_what_is_due(&mut self) -> Instant {
        let now = Instant::now();
        let mut look_again = now + heartbeat::PERIOD;
        while self.questions.len() < self.concurrency {
            match self.agenda.next_list(now) {
                Turn::Ask(workflow, _) => self.ask_for_page(workflow, now),
                Turn::Wait(until) => {
                    look_again = look_again.min(until);
                    break;
                }
                Turn::Nothing => break,
            }
        }
        while self.questions.len() < self.concurrency {
            match self.agenda.next_job(now) {
                Turn::Ask(job, lateness) => {
                    let metrics = &self.context.metrics;
                    metrics
                        .poll_lateness_seconds
                        .with_label_values(&[&*self.context.account])
                        .observe(lateness.as_secs_f64());
                    self.ask_about_job(job, now);
                }
                Turn::Wait(until) => {
                    look_again = look_again.min(until);
                    break;
                }
                Turn::Nothing => break,
            }
        }
        look_again
    }

    fn ask_about_job(&mut self, index: JobIndex, now: Instant) {
        let Some(job) = self.agenda.job(index) else { return };
        let (key, status, notifiers) = (job.key.clone(), job.status, Arc::clone(&job.notifiers));
        let (context, shutdown) = (Arc::clone(&self.context), self.shutdown.clone());
        let question = self.questions.spawn(async move {
            context.poll(&key, status, &notifiers, shutdown).await.map(Answer::Job)
        });
        self.flights.insert(question.id(), (Question::Job(index), now));
    }

    fn ask_for_page(&mut self, index: WorkflowIndex, now: Instant) {
        let (workflow, page) = (self.agenda.workflow(index).clone(), self.agenda.page_token(index));
        let (context, shutdown) = (Arc::clone(&self.context), self.shutdown.clone());
        let question = self.questions.spawn(async move {
            let list = context.list(&workflow, page);
            shutdown.run_until_cancelled(list).await.map(Answer::Page)
        });
        self.flights.insert(question.id(), (Question::Page(index), now));
    }

    /// Takes a question back: works out what happens next.
    fn settle(&mut self, back: Back) {
        let (id, answer, broken) = match back {
            Ok((id, answer)) => (id, answer, None),
            // A defect of this program must not lose the job: it is asked about again.
            Err(panicked) => {
                tracing::error!(error = %panicked, "a question broke off; please report this defect");
                let message = panicked.to_string();
                (panicked.id(), None, Some(SourceError::Unavailable { message }))
            }
        };
        let Some((question, sent_at)) = self.flights.remove(&id) else { return };
        match (question, answer, broken) {
            (Question::Job(job), Some(Answer::Job(polled)), _) => {
                self.settle_job(job, polled, sent_at);
            }
            (Question::Job(job), _, Some(error)) => {
                self.settle_job(job, Polled::Failed(error), sent_at);
            }
            (Question::Page(workflow), Some(Answer::Page(page)), _) => {
                self.settle_page(workflow, page, sent_at);
            }
            (Question::Page(workflow), _, Some(error)) => {
                self.settle_page(workflow, Err(error), sent_at);
            }
            // Shutdown came first.
            (Question::Job(_) | Question::Page(_), _, None) => {}
        }
        self.show_load();
    }

    fn settle_job(&mut self, index: JobIndex, polled: Polled, sent_at: Instant) {
        let now = Instant::now();
        match polled {
            Polled::Answered { observation, observed_at, status, ignored } => {
                self.budgets.gets.pacer().succeeded();
                if let Some(ignored) = ignored {
                    self.tell_ignored(index, observation.status.as_str(), ignored);
                }
                let told = Answered {
                    start_time: observation.details.start_time,
                    end_time: observation.details.end_time,
                    now,
                    at: observed_at,
                };
                self.settle_answer(index, &observation, status, told);
            }
            Polled::Failed(error) => {
                if let SourceError::Throttled { retry_after, .. } = &error {
                    self.budgets.gets.pacer().throttled(sent_at, now, *retry_after);
                }
                self.settle_failure(index, &error, now);
            }
            Polled::NotRecorded(error) => {
                self.context.metrics.store_errors.with_label_values(&["record"]).inc();
                if let Some(job) = self.agenda.job(index) {
                    tracing::error!(job = %job.key, %error, "a change could not be recorded; asking again");
                }
                self.agenda.not_recorded(index, now);
            }
        }
    }

    fn settle_answer(
        &mut self,
        index: JobIndex,
        observation: &Observation,
        status: Option<JobStatus>,
        told: Answered,
    ) {
        let Some(job) = self.agenda.job(index) else { return };
        let (key, before) = (job.key.clone(), job.status);
        if before != status {
            self.jobs_gauge(state_label(before)).dec();
            self.jobs_gauge(state_label(status)).inc();
        }
        let Some((next, run)) = self.agenda.answered(index, status, told) else { return };
        self.keep(key.workflow(), run.into_iter().collect());
        self.observer.polled(&key, Ok(observation), &next);
        self.tell_eta(index);
    }

    /// Tells whoever listens when the job will have ended.
    fn tell_eta(&self, index: JobIndex) {
        if self.observer.wants_eta()
            && let Some(job) = self.agenda.job(index)
            && let Some(eta) = self.agenda.eta(index, self.context.clock.now())
        {
            self.observer.expected(&job.key, eta);
        }
    }

    fn settle_failure(&mut self, index: JobIndex, error: &SourceError, now: Instant) {
        let Some(job) = self.agenda.job(index) else { return };
        let (key, status) = (job.key.clone(), job.status);
        let Some((next, first)) = self.agenda.failed(index, error, now) else { return };
        tell_failed(&key, error, &next, first);
        if matches!(next, Next::GiveUp(_)) {
            self.jobs_gauge(state_label(status)).dec();
            self.jobs_gauge(given_up_label(error)).inc();
        }
        self.observer.polled(&key, Err(error), &next);
    }

    fn settle_page(
        &mut self,
        index: WorkflowIndex,
        page: Result<JobPage, SourceError>,
        sent_at: Instant,
    ) {
        let now = Instant::now();
        let workflow = self.agenda.workflow(index).clone();
        self.observer.listed(&workflow, page.as_ref().map(drop));
        match page {
            Ok(page) => {
                self.budgets.lists.pacer().succeeded();
                let at = self.context.clock.now();
                let (sights, runs) = self.agenda.page_answered(index, page, now, at);
                for Sight { job, summary, step } in sights {
                    match step {
                        Step::Stale => {
                            self.tell_ignored(job, summary.status.as_str(), Ignored::Stale);
                        }
                        Step::Unknown => {
                            self.tell_ignored(job, summary.status.as_str(), Ignored::Unknown);
                        }
                        Step::Unchanged => self.tell_eta(job),
                        Step::Transition(_) => {}
                    }
                }
                self.keep(workflow, runs);
            }
            Err(error) => {
                if let SourceError::Throttled { retry_after, .. } = &error {
                    self.budgets.lists.pacer().throttled(sent_at, now, *retry_after);
                }
                if self.agenda.page_failed(index, &error, now) {
                    tracing::info!(%workflow, %error, "its jobs cannot be listed; each is asked about by itself");
                } else {
                    tracing::debug!(%workflow, %error, "no list of its jobs; asking again");
                }
            }
        }
    }

    /// Keeps past runs for later.
    fn keep(&mut self, workflow: WorkflowKey, runs: Vec<PastRun>) {
        if runs.is_empty() {
            return;
        }
        let store = Arc::clone(&self.context.store);
        self.errands.spawn(async move {
            let kept = store.learn(&workflow, &runs).await;
            Errand::Kept(workflow, kept)
        });
    }

    fn take_in(&mut self, back: Result<Errand, task::JoinError>) {
        let (workflow, error) = match back {
            Ok(Errand::Remembered(workflow, Ok(runs))) => {
                let at = self.context.clock.now();
                return self.agenda.remember(&workflow, runs, Instant::now(), at);
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

    fn show_load(&self) {
        let (metrics, load) = (&self.context.metrics, self.agenda.load());
        let rates = [self.budgets.gets.pacer().rate(), self.budgets.lists.pacer().rate()];
        let operations = [Operation::GetMatchingJob, Operation::ListMatchingJobs];
        for (number, operation) in operations.into_iter().enumerate() {
            let labels = [&*self.context.account, operation.as_str()];
            metrics.pacer_rate.with_label_values(&labels).set(rates[number]);
            metrics.demand.with_label_values(&labels).set(load.demand[number]);
            metrics.call_worth.with_label_values(&labels).set(load.price[number]);
        }
    }

    /// Counts an observation that changed nothing, and logs it once for each job.
    fn tell_ignored(&mut self, index: JobIndex, observed: &str, ignored: Ignored) {
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

    fn jobs_gauge(&self, state: &str) -> IntGauge {
        self.context.metrics.jobs.with_label_values(&[&*self.context.account, state])
    }
}

const fn told_of(told: &mut Told, ignored: Ignored) -> &mut bool {
    match ignored {
        Ignored::Stale => &mut told.stale,
        Ignored::Unknown => &mut told.unknown,
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
