//! Finds the jobs that workflows start, whoever starts them: looks through the lists of an account's workflows, again and
//! again, and hands what is new to the poller.
//!
//! ```text
//! rules ─▶ which workflows ─▶ rounds ─▶ look: walk the list → judge → hand out ─▶ poller
//!  watches   listed now and then   when      how far     is it new?
//! ```

mod due;
mod followed;
mod judgement;
mod look;
mod rounds;
mod telling;
#[cfg(test)]
mod tests;
mod walk;
mod workflows;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::poller::Account;
use super::{Budget, Handed, Observer, Place, ReadPage, Terms, WatchedJob};
use crate::backoff::Policy;
use crate::clock::SharedClock;
use crate::domain::{JobKey, JobKind, JobSet, NamePattern, Start, WorkflowKey};
use crate::heartbeat::{self, Heartbeat};
use crate::metrics::Metrics;
use crate::source::SourceError;
use crate::store::{Standing, Store};
use due::Due;
use followed::Followed;
use look::{Context, Failure};
use rounds::Rounds;

/// Looks under way at once: one that gets no answer holds up no other.
const CONCURRENCY: usize = 4;
/// What is denied is asked for again no sooner than this.
const DENIED_INTERVAL: Duration = Duration::from_mins(5);
/// In the place of a workflow's name: all of them.
pub const ALL: &str = "*";

/// A watch that finds its jobs.
#[derive(Debug)]
pub struct Rule {
    /// The names of its workflows.
    pub workflows: NamePattern,
    /// Which of their jobs.
    pub start: Start,
    /// When the watch was first seen.
    pub first_sight: Timestamp,
    /// Time between two looks through a workflow's list, as far as the budget allows.
    pub interval: Duration,
    /// Names of the notifiers to tell; empty for all.
    pub notifiers: Arc<[Arc<str>]>,
    /// What is asked of the jobs.
    pub terms: Arc<Terms>,
}

impl Rule {
    /// The rule for the jobs of a workflow: the first that fits it.
    pub fn of<'r>(rules: &'r [Arc<Self>], workflow: &str) -> Option<&'r Arc<Self>> {
        rules.iter().find(|rule| rule.workflows.matches(workflow))
    }

    /// A job that is followed by this rule, and has got so far.
    pub fn watched(&self, key: JobKey, standing: Option<Standing>) -> WatchedJob {
        WatchedJob {
            key,
            status: standing.map(|standing| standing.status),
            since: standing.map(|standing| standing.since),
            notifiers: Arc::clone(&self.notifiers),
            terms: Arc::clone(&self.terms),
            place: None,
        }
    }
}

/// Finds the jobs of one kind in one account.
pub struct Discovery {
    /// Who is asked.
    pub account: Account,
    /// The kind of jobs.
    pub kind: JobKind,
    /// Which are followed. The first that fits a workflow decides about all of its jobs.
    pub rules: Vec<Arc<Rule>>,
    /// Jobs that watches name: they are followed already.
    pub named: Arc<JobSet>,
    /// What survives.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: SharedClock,
    /// Delays after errors.
    pub backoff: Policy,
    /// How long ended jobs are kept in the store.
    pub retain: Duration,
    /// The account's list calls.
    pub lists: Budget,
    /// What is counted.
    pub metrics: Metrics,
    /// Is told of every answer.
    pub observer: Arc<dyn Observer>,
    /// Beats while the loop goes round.
    pub heartbeat: Heartbeat,
}

impl Discovery {
    /// The jobs that an earlier one handed out and that were left, each with its place: they are taken out.
    pub fn take_over(&self, left: &mut HashMap<JobKey, Place>) -> Vec<WatchedJob> {
        let own = |key: &JobKey| key.account == self.account.name && key.kind == self.kind;
        let left = left
            .extract_if(|key, _| own(key) && Rule::of(&self.rules, &key.workflow_name).is_some());
        left.filter_map(|(key, place)| {
            let rule = Rule::of(&self.rules, &key.workflow_name)?;
            // If something was recorded of it since, the first answer tells.
            Some(WatchedJob { place: Some(place), ..rule.watched(key, None) })
        })
        .collect()
    }

    /// Hands the jobs that are found to the poller, and the pages that are read for it, until `shutdown` is cancelled. Those
    /// that the poller has `read` need not be read here.
    pub async fn run(
        self,
        poller: mpsc::UnboundedSender<Handed>,
        mut read: mpsc::UnboundedReceiver<ReadPage>,
        shutdown: CancellationToken,
    ) {
        let heartbeat = self.heartbeat.clone();
        let mut run = Run::new(self, poller);
        loop {
            heartbeat.beat();
            let wake_at = run.send_what_is_due();
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(back) = run.errands.join_next() => run.take_back(back),
                Some(page) = read.recv() => run.overhear(page),
                () = sleep_until(wake_at) => {}
            }
        }
        run.errands.shutdown().await;
        heartbeat.done();
    }
}

/// What came back.
enum Errand {
    Workflows(Result<Vec<String>, SourceError>),
    /// The second value says when the poller asked for its first page, if it did.
    Look(Box<Followed>, Option<Instant>, Result<(), Failure>),
}

/// What is looked through, or listed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Task {
    Workflows,
    Look(Arc<str>),
}

struct Run {
    context: Arc<Context>,
    rules: Vec<Arc<Rule>>,
    observer: Arc<dyn Observer>,
    tasks: Due<Task>,
    rounds: Rounds,
    /// `None` where it is being looked through.
    followed: HashMap<Arc<str>, Option<Box<Followed>>>,
    /// Workflows that were deleted while they were looked through.
    gone: HashSet<Arc<str>>,
    /// Why workflows cannot be looked through, or listed.
    troubles: HashMap<Arc<str>, &'static str>,
    errands: JoinSet<Errand>,
}

impl Run {
    fn new(discovery: Discovery, poller: mpsc::UnboundedSender<Handed>) -> Self {
        let Discovery { account, kind, rules, named, store, clock, backoff, retain, .. } =
            discovery;
        let now = Instant::now();
        let context = Context {
            share: Context::share_of(&discovery.lists),
            lists: discovery.lists,
            metrics: discovery.metrics,
            backoff,
            account,
            kind,
            store,
            clock,
            retain,
            named,
            poller,
        };
        let mut run = Self {
            context: Arc::new(context),
            rules,
            observer: discovery.observer,
            tasks: Due::new(),
            rounds: Rounds::new(now),
            followed: HashMap::new(),
            gone: HashSet::new(),
            troubles: HashMap::new(),
            errands: JoinSet::new(),
        };
        run.follow_those_that_are_named(now);
        if run.list_interval().is_some() {
            run.tasks.set(Task::Workflows, now);
        }
        run.show();
        run
    }

    fn key(&self, name: Arc<str>) -> WorkflowKey {
        WorkflowKey {
            account: Arc::clone(&self.context.account.name),
            kind: self.context.kind,
            name,
        }
    }

    /// Begins what is due. Returns when to look again.
    fn send_what_is_due(&mut self) -> Instant {
        let now = Instant::now();
        let look_again = now + heartbeat::PERIOD;
        while self.errands.len() < CONCURRENCY {
            let Some(task) = self.tasks.take(now) else {
                return self.tasks.next().map_or(look_again, |due| due.min(look_again));
            };
            let context = Arc::clone(&self.context);
            match task {
                Task::Workflows => {
                    self.errands.spawn(async move { Errand::Workflows(context.workflows().await) });
                }
                Task::Look(name) => {
                    let Some(mut workflow) = self.followed.get_mut(&name).and_then(Option::take)
                    else {
                        continue;
                    };
                    self.errands.spawn(async move {
                        let looked = context.look(&mut workflow, None).await;
                        Errand::Look(workflow, None, looked)
                    });
                }
            }
        }
        look_again
    }

    /// The poller has read the first page of a list. Where a look would be likely to end there, it is one.
    fn overhear(&mut self, page: ReadPage) {
        let name = Arc::clone(&page.workflow.name);
        let Some(home) = self.followed.get_mut(&name) else { return };
        let may_be_one = |workflow: &mut Box<Followed>| workflow.may_look_short(page.began_at);
        let Some(mut workflow) = home.take_if(may_be_one) else { return };
        self.tasks.remove(&Task::Look(name));
        let context = Arc::clone(&self.context);
        self.errands.spawn(async move {
            let began_at = page.began_at;
            let looked = context.look(&mut workflow, Some(page)).await;
            Errand::Look(workflow, Some(began_at), looked)
        });
    }

    fn take_back(&mut self, back: Result<Errand, JoinError>) {
        let now = Instant::now();
        match back {
            Ok(Errand::Workflows(names)) => self.listed(names, now),
            Ok(Errand::Look(workflow, read_at, looked)) => {
                self.looked(workflow, read_at, looked, now);
            }
            Err(panicked) => {
                tracing::error!(error = %panicked, "a look broke off; please report this defect");
                self.start_over(now);
            }
        }
        self.show();
    }

    /// A defect of this program must not lose a workflow: those that are away are followed anew.
    fn start_over(&mut self, now: Instant) {
        let away: Vec<_> = self.followed.extract_if(|_, workflow| workflow.is_none()).collect();
        for (name, _) in away {
            self.follow(name, now);
        }
        if self.list_interval().is_some() {
            self.tasks.set(Task::Workflows, now + DENIED_INTERVAL);
        }
    }

    /// A workflow was looked through, or not.
    fn looked(
        &mut self,
        workflow: Box<Followed>,
        read_at: Option<Instant>,
        looked: Result<(), Failure>,
        now: Instant,
    ) {
        let name = Arc::clone(&workflow.key.name);
        self.count(&workflow.key, &looked);
        let is_named = self.is_named(&name);
        let mut due = match read_at {
            Some(read_at) => read_at + workflow.round.interval(),
            None => workflow.round.after(now),
        };
        let mut is_gone = self.gone.remove(&name);
        match &looked {
            Ok(()) => {
                if self.troubles.remove(&name).is_some() {
                    tracing::info!(workflow = %workflow.key, "its jobs can be listed again");
                }
            }
            Err(failure) => {
                let (reason, error): (_, &dyn std::error::Error) = match failure {
                    Failure::Source(error) => (error.reason(), error),
                    Failure::Store(error) => ("store", error),
                };
                if self.troubles.insert(Arc::clone(&name), reason) != Some(reason) {
                    tracing::warn!(workflow = %workflow.key, error, "its jobs cannot be looked through; trying again");
                }
                if let Failure::Source(error) = failure {
                    // It is looked for again where the list of workflows shows it again.
                    is_gone |= matches!(error, SourceError::NotFound { .. }) && !is_named;
                    if is_refusal(error) {
                        due = now + workflow.round.interval().max(DENIED_INTERVAL);
                    }
                }
            }
        }
        self.followed.insert(Arc::clone(&name), Some(workflow));
        self.tasks.set(Task::Look(Arc::clone(&name)), due);
        if is_gone {
            self.forget(name);
        }
    }
}

/// Whether the service did answer, and asking soon again would change nothing.
const fn is_refusal(error: &SourceError) -> bool {
    matches!(
        error,
        SourceError::NotFound { .. }
            | SourceError::AccessDenied { .. }
            | SourceError::Invalid { .. }
    )
}
