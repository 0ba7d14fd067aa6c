//! The loop that watches the jobs of one kind in one account.
//!
//! ```text
//! jobs ─▶ follow ─▶ questions: what is due is sent ─▶ answers: what happens next ─▶ questions
//! ```

mod alarms;
mod answers;
mod past;
mod questions;
mod telling;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::{self, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::agenda::Agenda;
use super::alarms::{Alarms, Entry};
use super::poll::Context;
use super::seen::Seen;
use super::{Budgets, Config, Handed, Observer, Patience, Place, ReadPage, WatchedJob};
use crate::backoff;
use crate::clock::SharedClock;
use crate::domain::{JobKey, JobKind, JobStatus, Routing};
use crate::heartbeat::Heartbeat;
use crate::metrics::Metrics;
use crate::source::{JobSource, Operation};
use crate::store::Store;

use past::Errand;
use questions::{Answer, Question};
use telling::state_label;

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

/// Watches the jobs of one kind in one account: asks, records, and asks again, until all have ended or it is told to stop.
pub struct Poller {
    /// Who is asked.
    pub account: Account,
    /// The kind of the jobs. The service has other operations, other quotas and another queue for each.
    pub kind: JobKind,
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
    /// Requests a second, of this kind's operations.
    pub budgets: Budgets,
    /// What intervals are spread by: any number, and another one for each poller.
    pub seed: u64,
    /// What is counted.
    pub metrics: Metrics,
    /// Is told of every answer.
    pub observer: Arc<dyn Observer>,
    /// Who looks for new jobs, and need not read the pages that are read here.
    pub finder: Option<mpsc::UnboundedSender<ReadPage>>,
    /// Marked changed with every transition.
    pub recorded: watch::Sender<()>,
    /// Beats while the loop goes round.
    pub heartbeat: Heartbeat,
}

impl Poller {
    /// Watches the jobs that come through `handed`, batch by batch, until that is closed and each has ended or was given
    /// up, or `shutdown` is cancelled.
    ///
    /// Requests under way are dropped at shutdown; what has been answered by then is recorded first. Returns the
    /// places of the jobs that were left, for another poller to go on.
    pub async fn run(
        self,
        mut handed: mpsc::UnboundedReceiver<Handed>,
        shutdown: CancellationToken,
    ) -> HashMap<JobKey, Place> {
        let (mut run, clerk) = Run::new(self, shutdown);
        run.take_up_alarms().await;
        let (mut more, mut newcomers) = (true, Vec::new().into_iter());
        while more || newcomers.len() > 0 || !run.agenda.is_empty() {
            run.heartbeat.beat();
            // In every turn, however many answers come in.
            newcomers.by_ref().take(NEWCOMERS).for_each(|job| run.follow(job));
            let look_at = run.check_times(Instant::now());
            let wake_at = run.send_what_is_due();
            let wake_at = look_at.map_or(wake_at, |look_at| look_at.min(wake_at));
            tokio::select! {
                biased;
                () = run.shutdown.cancelled() => break,
                Some(back) = run.questions.join_next_with_id() => run.settle(back),
                Some(back) = run.errands.join_next() => run.take_in(back),
                // Others have their turn, too.
                () = task::yield_now(), if newcomers.len() > 0 => {}
                handed = handed.recv(), if more && newcomers.len() == 0 => match handed {
                    Some(Handed::Jobs(batch)) => {
                        run.agenda.expect(batch.len());
                        newcomers = batch.into_iter();
                    }
                    Some(Handed::Page(page)) => run.overhear(page),
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
        let Run { agenda, heartbeat, entries, .. } = run;
        drop(entries);
        if let Err(panicked) = clerk.await {
            tracing::error!(error = %panicked, "alarms broke off; please report this defect");
        }
        heartbeat.done();
        agenda.into_places(Instant::now())
    }
}

/// Jobs that are taken in at once, before it is looked again for who is due.
const NEWCOMERS: usize = 64;

/// A poller at work.
struct Run {
    context: Arc<Context>,
    kind: JobKind,
    concurrency: usize,
    budgets: Budgets,
    observer: Arc<dyn Observer>,
    finder: Option<mpsc::UnboundedSender<ReadPage>>,
    heartbeat: Heartbeat,
    shutdown: CancellationToken,
    agenda: Agenda,
    questions: JoinSet<Option<Answer>>,
    flights: HashMap<task::Id, (Question, Instant)>,
    errands: JoinSet<Errand>,
    backoff: backoff::Policy,
    alarms: Alarms,
    /// On their way to the clerk.
    entries: mpsc::UnboundedSender<Entry>,
}

impl Run {
    /// And whoever writes down its alarms.
    fn new(poller: Poller, shutdown: CancellationToken) -> (Self, JoinHandle<()>) {
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
        let operation = Operation::get_job(poller.kind).as_str();
        context.metrics.expect_requests(&context.account, operation);
        let (context, backoff) = (Arc::new(context), poller.config.backoff);
        let (entries, given) = mpsc::unbounded_channel();
        let clerk = tokio::spawn(context.clerk().run(given, backoff, shutdown.clone()));
        let run = Self {
            context,
            kind: poller.kind,
            concurrency: poller.config.concurrency,
            budgets: poller.budgets.clone(),
            observer: poller.observer,
            finder: poller.finder,
            heartbeat: poller.heartbeat,
            shutdown,
            agenda: Agenda::new(
                poller.config,
                poller.patience,
                poller.budgets,
                poller.seed,
                Instant::now(),
            ),
            questions: JoinSet::new(),
            flights: HashMap::new(),
            errands: JoinSet::new(),
            backoff,
            alarms: Alarms::new(Vec::new()),
            entries,
        };
        (run, clerk)
    }

    /// Starts to follow a job, unless it has ended already.
    fn follow(&mut self, job: WatchedJob) {
        let status = job.status;
        if status.is_some_and(JobStatus::is_terminal) {
            self.jobs_gauge(state_label(status)).inc();
            return;
        }
        let Some(followed) = self.agenda.follow(job, Seen::of(&*self.context.clock)) else {
            return;
        };
        // Its time is not looked at before it has answered: what was recorded by an earlier process may be long over.
        self.jobs_gauge(state_label(status)).inc();
        if let Some(workflow) = followed.new_workflow {
            self.look_up_past(workflow);
        }
    }
}
