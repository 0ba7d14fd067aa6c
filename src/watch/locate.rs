//! Finds the workflows that jobs belong to: the API wants both, people have only the jobs' ids.

mod outcome;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::patience::patiently;
use super::poller::Account;
use super::{Budget, Budgets, Config};
use crate::domain::{ByKind, JobKey, JobKind};
use crate::source::{PageToken, SourceError, WorkflowPage};
use outcome::Visit;
pub use outcome::{LocateError, Searched};

/// What a search has to tell.
#[derive(Debug, Clone, PartialEq)]
pub enum Located {
    /// The job, with its workflow.
    Found(JobKey),
    /// The job is given up.
    Failed {
        /// The job.
        job_id: Arc<str>,
        /// Why.
        error: LocateError,
    },
    /// A request got no answer; it is sent again.
    Trouble(SourceError),
}

/// Time between two rounds of questions.
const ROUND: Duration = Duration::from_secs(5);

/// Asks the workflows of an account for jobs, within the account's budgets.
///
/// Throttles and outages are waited out for ever: the caller sets the deadline.
pub struct Search {
    account: Account,
    config: Config,
    budgets: ByKind<Budgets>,
    told: mpsc::UnboundedSender<Located>,
}

/// The names of an account's workflows, or that they may not be listed; `None` until they are needed.
type Lists = ByKind<Option<Result<Vec<Arc<str>>, SourceError>>>;

impl Search {
    /// A search that shares `budgets` with the pollers, and tells `told` what it finds.
    pub fn new(
        account: Account,
        config: Config,
        budgets: ByKind<Budgets>,
        told: mpsc::UnboundedSender<Located>,
    ) -> Self {
        Self { account, config, budgets, told }
    }

    /// Looks for all the jobs, until each is found or its grace is over: a new one may not be readable yet. Workflows
    /// of the first of `kinds` are asked first, those of the next where none of these has the job.
    pub async fn run(self, mut job_ids: Vec<Arc<str>>, kinds: &[JobKind]) {
        let mut lists = Lists::default();
        if let Some(&first) = kinds.first() {
            // The grace is for jobs, not for the time that this takes.
            *lists.of_mut(first) = Some(self.workflows(first).await);
        }
        let give_up_at = Instant::now() + self.config.not_found_grace;
        loop {
            let last_round = Instant::now() >= give_up_at;
            let mut not_found = Vec::new();
            for job_id in job_ids {
                match self.locate(&job_id, kinds, &mut lists).await {
                    Ok(job) => self.tell(Located::Found(job)),
                    Err(LocateError::NotFound(_)) if !last_round => not_found.push(job_id),
                    Err(error) => self.tell(Located::Failed { job_id, error }),
                }
            }
            if not_found.is_empty() {
                return;
            }
            job_ids = not_found;
            sleep_until(give_up_at.min(Instant::now() + ROUND)).await;
        }
    }

    async fn locate(
        &self,
        job_id: &Arc<str>,
        kinds: &[JobKind],
        lists: &mut Lists,
    ) -> Result<JobKey, LocateError> {
        let mut visits = Vec::new();
        for &kind in kinds {
            let list = lists.of_mut(kind);
            if list.is_none() {
                *list = Some(self.workflows(kind).await);
            }
            match list {
                Some(Ok(workflows)) => match self.ask_all(kind, job_id, workflows).await? {
                    Ok(job) => return Ok(job),
                    Err(visit) => visits.push(visit),
                },
                Some(Err(error @ SourceError::AccessDenied { .. })) => {
                    visits.push(Visit::Unlisted(error.clone()));
                }
                Some(Err(error)) => return Err(LocateError::Source(error.clone())),
                None => {}
            }
        }
        Err(Searched(visits).error())
    }

    /// Asks workflows of one kind for the job, until one has it.
    async fn ask_all(
        &self,
        kind: JobKind,
        job_id: &Arc<str>,
        workflows: &[Arc<str>],
    ) -> Result<Result<JobKey, Visit>, LocateError> {
        let (mut without, mut denied) = (0, Vec::new());
        for workflow_name in workflows {
            let job = JobKey {
                account: Arc::clone(&self.account.name),
                kind,
                workflow_name: Arc::clone(workflow_name),
                job_id: Arc::clone(job_id),
            };
            let budget = &self.budgets.of(kind).gets;
            match self.patiently(budget, || self.account.source.observe(&job)).await {
                Ok(_) => return Ok(Ok(job)),
                Err(SourceError::NotFound { .. }) => without += 1,
                Err(SourceError::AccessDenied { .. }) => denied.push(workflow_name.to_string()),
                Err(error) => return Err(LocateError::Source(error)),
            }
        }
        Ok(Err(Visit::Asked { kind, without, denied }))
    }

    /// The names of all workflows of this kind.
    async fn workflows(&self, kind: JobKind) -> Result<Vec<Arc<str>>, SourceError> {
        let mut names = Vec::new();
        let mut next: Option<PageToken> = None;
        loop {
            let list = || self.account.source.list_workflows(kind, next.clone());
            let budget = &self.budgets.of(kind).lists;
            let page: WorkflowPage = self.patiently(budget, list).await?;
            names.extend(page.names.into_iter().map(Arc::from));
            next = page.next;
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    /// Asks within the budget until there is an answer, or an error that waiting does not mend.
    async fn patiently<T, F>(&self, budget: &Budget, ask: impl Fn() -> F) -> Result<T, SourceError>
    where
        F: Future<Output = Result<T, SourceError>>,
    {
        patiently(budget, self.config.backoff, |error| self.tell(Located::Trouble(error)), ask)
            .await
    }

    fn tell(&self, located: Located) {
        // Nobody listens any more once the command has ended.
        let _ = self.told.send(located);
    }
}
