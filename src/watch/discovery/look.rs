//! One look through a workflow's list, and the list of workflows: what is asked, and what follows.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::followed::Followed;
use super::judgement::forgotten_before;
use crate::backoff::{Backoff, Policy};
use crate::clock::SharedClock;
use crate::domain::{JobKey, JobKind, JobSet, JobSummary, WorkflowKey};
use crate::metrics::Metrics;
use crate::source::{JobPage, Operation, PageToken, SourceError, WorkflowPage};
use crate::store::{Store, StoreError};
use crate::watch::poller::Account;
use crate::watch::seen::Seen;
use crate::watch::{Budget, Handed, ReadPage};

/// The share of an account's list calls that discovery takes at the most: the rest is for lists of live jobs.
const SHARE: f64 = 0.6;
/// A page that gets no answer is asked for so often; then the look is given up, and its time comes again.
const ATTEMPTS: u32 = 6;

/// What every look works with.
pub(super) struct Context {
    pub(super) account: Account,
    pub(super) kind: JobKind,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: SharedClock,
    pub(super) metrics: Metrics,
    pub(super) retain: Duration,
    pub(super) backoff: Policy,
    /// Jobs that watches name: these find their way by themselves.
    pub(super) named: Arc<JobSet>,
    /// The account's calls for lists, which others make, too.
    pub(super) lists: Budget,
    /// Those of them that are made here.
    pub(super) share: Budget,
    /// Who follows the jobs that are found.
    pub(super) poller: mpsc::UnboundedSender<Handed>,
}

/// Why a look came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    Source(SourceError),
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Context {
    /// A budget for discovery alone, within that of all lists.
    pub(super) fn share_of(lists: &Budget) -> Budget {
        Budget::new(lists.pacer().rate() * SHARE)
    }

    /// Looks through the jobs of a workflow, and hands out those that are new. The poller may have `read` the first page.
    pub(super) async fn look(
        &self,
        workflow: &mut Followed,
        mut read: Option<ReadPage>,
    ) -> Result<(), Failure> {
        if workflow.remembered.is_none() {
            let stored = self.store.follow(&workflow.key, workflow.rule.first_sight).await?;
            workflow.remember(stored);
        }
        let is_first = !workflow.is_judged();
        // At each look: a clock that was ahead for a while has forgotten more than the present time tells.
        let pruned_to = self.store.pruned_to().await?;
        let forgotten = forgotten_before(self.retain, pruned_to, self.clock.now());
        let began_at = read.as_ref().map_or_else(Instant::now, |page| page.began_at);
        let mut walk = workflow.order.walk(is_first, began_at);
        let (mut met, mut next) = (HashSet::new(), None);
        let is_whole = loop {
            let is_shared = read.is_some();
            let page = match read.take() {
                Some(page) => page,
                None => self.page(&workflow.key, next, began_at).await.map_err(Failure::Source)?,
            };
            let new = self.take_in(workflow, &page.jobs, forgotten, is_first).await?;
            let goes_on = walk.goes_on(&page.jobs, |job| new.contains(&job.job_id));
            met.extend(page.jobs.iter().map(|job| job.job_id.clone()));
            next = page.next.clone();
            if !is_shared {
                // After the jobs that it brought: what it shows of those that are at work need not be asked again.
                let _ = self.poller.send(Handed::Page(page));
            }
            if next.is_none() || !goes_on {
                break next.is_none();
            }
        };
        let extent = workflow.order.learn(&walk, is_whole);
        if extent.lost_trust {
            tracing::info!(workflow = %workflow.key, "its jobs are not listed newest first; the whole list is read each time");
        }
        if extent.is_whole
            && let Some(passed_over) = workflow.saw_all(&met)
        {
            let judged_by = workflow.rule.start.to_string();
            self.store.pass_over(&workflow.key, &judged_by, &passed_over).await?;
            tracing::info!(
                workflow = %workflow.key,
                jobs = met.len(),
                "all of its jobs have been looked through; new ones are followed"
            );
            workflow.judged(passed_over);
        }
        Ok(())
    }

    /// A page of a list that was begun then.
    async fn page(
        &self,
        workflow: &WorkflowKey,
        token: Option<PageToken>,
        began_at: Instant,
    ) -> Result<ReadPage, SourceError> {
        let list = || self.account.source.list_jobs(workflow, token.clone());
        let page: JobPage = self.ask(Operation::list_jobs(self.kind), list).await?;
        self.metrics.discovery_pages.with_label_values(&self.labels()).inc();
        let (jobs, next, seen) = (page.jobs, page.next, Seen::of(&*self.clock));
        Ok(ReadPage { workflow: workflow.clone(), jobs, next, began_at, seen })
    }

    /// Hands out the jobs of a page that are followed. Returns those that nobody knew.
    pub(super) async fn take_in(
        &self,
        workflow: &mut Followed,
        jobs: &[JobSummary],
        forgotten_before: Timestamp,
        is_first: bool,
    ) -> Result<HashSet<String>, StoreError> {
        let candidates = workflow.candidates(jobs, forgotten_before);
        if candidates.is_empty() {
            return Ok(HashSet::new());
        }
        let keys: Vec<_> =
            candidates.iter().map(|job| job_key(&workflow.key, &job.job_id)).collect();
        let standings = self.store.standings(&keys).await?;
        let (mut new, mut found) = (HashSet::new(), Vec::new());
        for ((key, job), standing) in keys.into_iter().zip(candidates).zip(standings) {
            workflow.know(&job.job_id);
            if self.named.contains(&key) {
                continue;
            }
            match standing {
                Some(standing) if standing.status.is_terminal() => {}
                // A start goes on with it, unless its watch is a new one. Who is followed is not followed twice.
                Some(standing) => found.push(workflow.rule.watched(key, Some(standing))),
                None => {
                    tracing::debug!(job = %key, status = job.status.as_str(), "found a job");
                    self.count(&job, is_first);
                    new.insert(job.job_id);
                    found.push(workflow.rule.watched(key, None));
                }
            }
        }
        if !found.is_empty() {
            // Nobody follows any more where the daemon stops: the next start finds them again.
            let _ = self.poller.send(Handed::Jobs(found));
        }
        Ok(new)
    }

    /// Counts a job that was found. Those of the first look began when nobody looked.
    fn count(&self, job: &JobSummary, is_first: bool) {
        self.metrics.discovered_jobs.with_label_values(&self.labels()).inc();
        if let Some(start) = job.start_time.filter(|_| !is_first) {
            let delay = self.clock.now().duration_since(start).as_secs_f64().max(0.0);
            self.metrics.discovery_delay_seconds.with_label_values(&self.labels()).observe(delay);
        }
    }

    /// The names of all workflows.
    pub(super) async fn workflows(&self) -> Result<Vec<String>, SourceError> {
        let (mut names, mut next) = (Vec::new(), None);
        loop {
            let operation = Operation::list_workflows(self.kind);
            let list = || self.account.source.list_workflows(self.kind, next.clone());
            let page: WorkflowPage = self.ask(operation, list).await?;
            names.extend(page.names);
            next = page.next;
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    /// Asks within the budget until there is an answer, or an error that waiting for a while does not mend.
    async fn ask<T, F>(&self, operation: Operation, ask: impl Fn() -> F) -> Result<T, SourceError>
    where
        F: Future<Output = Result<T, SourceError>>,
    {
        let mut backoff = Backoff::new(self.backoff);
        let mut attempt = 1;
        loop {
            self.share.set_max_rate(self.lists.pacer().rate() * SHARE);
            self.share.spend_one().await;
            self.lists.spend_one().await;
            let sent_at = Instant::now();
            let answer = ask().await;
            let outcome = answer.as_ref().map_or_else(SourceError::reason, |_| "ok");
            let (account, operation) = (&self.account.name, operation.as_str());
            self.metrics.request(account, operation, outcome, sent_at.elapsed());
            let delay = match &answer {
                Err(SourceError::Throttled { retry_after, .. }) => {
                    self.lists.pacer().throttled(sent_at, Instant::now(), *retry_after);
                    backoff.next_delay()
                }
                Err(SourceError::Unavailable { .. }) => backoff.next_delay(),
                // The adapter has thrown away what it had.
                Err(SourceError::CredentialsExpired { .. }) if attempt == 1 => Duration::ZERO,
                Err(SourceError::CredentialsExpired { .. }) => backoff.next_delay(),
                Ok(_)
                | Err(
                    SourceError::NotFound { .. }
                    | SourceError::AccessDenied { .. }
                    | SourceError::Invalid { .. },
                ) => {
                    self.lists.pacer().succeeded();
                    return answer;
                }
            };
            if attempt == ATTEMPTS {
                return answer;
            }
            attempt += 1;
            sleep(delay).await;
        }
    }

    pub(super) fn labels(&self) -> [&str; 2] {
        [&self.account.name, self.kind.as_str()]
    }
}

fn job_key(workflow: &WorkflowKey, job_id: &str) -> JobKey {
    JobKey {
        account: Arc::clone(&workflow.account),
        kind: workflow.kind,
        workflow_name: Arc::clone(&workflow.name),
        job_id: job_id.into(),
    }
}
