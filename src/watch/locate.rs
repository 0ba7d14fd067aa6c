//! Finds the workflows that jobs belong to: the API wants both, people have only the jobs' ids.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::patience::patiently;
use super::poller::Account;
use super::{Budget, Budgets, Config};
use crate::domain::{JobKey, JobKind};
use crate::source::{PageToken, SourceError, WorkflowPage};

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

/// Why a job's workflow was not found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LocateError {
    /// None of the workflows that could be asked knows the job.
    #[error("none of the account's {asked} workflows has the job{}", denied_clause(.denied))]
    NotFound {
        /// How many workflows were asked.
        asked: usize,
        /// Workflows that may not be read.
        denied: Vec<String>,
    },
    /// No workflow may be read.
    #[error("entityresolution:GetMatchingJob is denied on every workflow of the account: {}", .0.join(", "))]
    Denied(Vec<String>),
    /// The service refused an answer that the search cannot do without.
    #[error(transparent)]
    Source(SourceError),
}

fn denied_clause(denied: &[String]) -> String {
    if denied.is_empty() {
        return String::new();
    }
    format!(
        "; entityresolution:GetMatchingJob is denied on {}: the job may be theirs",
        denied.join(", ")
    )
}

/// Time between two rounds of questions.
const ROUND: Duration = Duration::from_secs(5);

/// Asks the workflows of an account for jobs, within the account's budgets.
///
/// Throttles and outages are waited out for ever: the caller sets the deadline.
pub struct Search {
    account: Account,
    config: Config,
    budgets: Budgets,
    told: mpsc::UnboundedSender<Located>,
}

impl Search {
    /// A search that shares `budgets` with the poller, and tells `told` what it finds.
    pub fn new(
        account: Account,
        config: Config,
        budgets: Budgets,
        told: mpsc::UnboundedSender<Located>,
    ) -> Self {
        Self { account, config, budgets, told }
    }

    /// Looks for all the jobs, until each is found or its grace is over: a new one may not be readable yet.
    pub async fn run(self, mut job_ids: Vec<Arc<str>>) {
        let workflows = match self.workflows().await {
            Ok(workflows) => workflows,
            Err(error) => {
                for job_id in job_ids {
                    self.fail(job_id, LocateError::Source(error.clone()));
                }
                return;
            }
        };
        let give_up_at = Instant::now() + self.config.not_found_grace;
        loop {
            let last_round = Instant::now() >= give_up_at;
            let mut not_found = Vec::new();
            for job_id in job_ids {
                match self.locate(&job_id, &workflows).await {
                    Ok(job) => self.tell(Located::Found(job)),
                    Err(LocateError::NotFound { .. }) if !last_round => not_found.push(job_id),
                    Err(error) => self.fail(job_id, error),
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
        workflows: &[Arc<str>],
    ) -> Result<JobKey, LocateError> {
        let mut denied = Vec::new();
        for workflow_name in workflows {
            let job = JobKey {
                account: Arc::clone(&self.account.name),
                kind: JobKind::Matching,
                workflow_name: Arc::clone(workflow_name),
                job_id: Arc::clone(job_id),
            };
            match self.patiently(&self.budgets.gets, || self.account.source.observe(&job)).await {
                Ok(_) => return Ok(job),
                Err(SourceError::NotFound { .. }) => {}
                Err(SourceError::AccessDenied { .. }) => denied.push(workflow_name.to_string()),
                Err(error) => return Err(LocateError::Source(error)),
            }
        }
        if !denied.is_empty() && denied.len() == workflows.len() {
            return Err(LocateError::Denied(denied));
        }
        Err(LocateError::NotFound { asked: workflows.len(), denied })
    }

    /// The names of all matching workflows.
    async fn workflows(&self) -> Result<Vec<Arc<str>>, SourceError> {
        let mut names = Vec::new();
        let mut next: Option<PageToken> = None;
        loop {
            let list = || self.account.source.list_workflows(JobKind::Matching, next.clone());
            let page: WorkflowPage = self.patiently(&self.budgets.lists, list).await?;
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

    fn fail(&self, job_id: Arc<str>, error: LocateError) {
        self.tell(Located::Failed { job_id, error });
    }

    fn tell(&self, located: Located) {
        // Nobody listens any more once the command has ended.
        let _ = self.told.send(located);
    }
}
