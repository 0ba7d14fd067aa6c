//! Finds the workflow that a job belongs to: the API wants both, people have only the job's id.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::poller::Account;
use super::{Config, Pacer};
use crate::backoff::Backoff;
use crate::domain::{JobKey, JobKind};
use crate::source::SourceError;

/// Why a job's workflow was not found.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LocateError {
    /// None of the workflows that could be asked knows the job.
    #[error("no workflow of the account has a job {job_id} ({asked} asked){}", denied_clause(.denied))]
    NotFound {
        /// The job.
        job_id: String,
        /// How many workflows were asked.
        asked: usize,
        /// Workflows that may not be read.
        denied: Vec<String>,
    },
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

/// Asks each workflow of the account for `job_id`, and returns the name of the one that has it.
///
/// Throttles and outages are waited out for ever: the caller sets the deadline.
///
/// # Errors
///
/// No workflow that may be read has the job, or the workflows may not be listed.
pub async fn locate(
    account: &Account,
    job_id: &Arc<str>,
    config: &Config,
) -> Result<Arc<str>, LocateError> {
    let now = Instant::now();
    let mut search = Search {
        account,
        config,
        lists: Pacer::new(config.list_rate, now),
        gets: Pacer::new(config.get_rate, now),
    };
    let mut denied = Vec::new();
    let mut asked = 0;
    let mut page = None;
    loop {
        let workflows = search.list(page).await?;
        for name in workflows.names {
            asked += 1;
            match search.has_job(&name, job_id).await {
                Ok(true) => return Ok(name.into()),
                Ok(false) => {}
                Err(SourceError::AccessDenied { .. }) => denied.push(name),
                Err(error) => return Err(LocateError::Source(error)),
            }
        }
        page = workflows.next;
        if page.is_none() {
            return Err(LocateError::NotFound { job_id: job_id.to_string(), asked, denied });
        }
    }
}

struct Search<'a> {
    account: &'a Account,
    config: &'a Config,
    lists: Pacer,
    gets: Pacer,
}

impl Search<'_> {
    async fn list(
        &mut self,
        page: Option<crate::source::PageToken>,
    ) -> Result<crate::source::WorkflowPage, LocateError> {
        let source = &self.account.source;
        patiently(&mut self.lists, self.config, || source.list_workflows(page.clone()))
            .await
            .map_err(LocateError::Source)
    }

    async fn has_job(&mut self, workflow: &str, job_id: &Arc<str>) -> Result<bool, SourceError> {
        let key = JobKey {
            account: Arc::clone(&self.account.name),
            kind: JobKind::Matching,
            workflow_name: workflow.into(),
            job_id: Arc::clone(job_id),
        };
        let source = &self.account.source;
        match patiently(&mut self.gets, self.config, || source.observe(&key)).await {
            Ok(_) => Ok(true),
            Err(SourceError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Asks within the pace until there is an answer, or an error that waiting does not mend.
async fn patiently<T, F>(
    pacer: &mut Pacer,
    config: &Config,
    ask: impl Fn() -> F,
) -> Result<T, SourceError>
where
    F: Future<Output = Result<T, SourceError>>,
{
    let mut backoff = Backoff::new(config.backoff);
    let mut renewed = false;
    loop {
        while let Err(ready_at) = pacer.acquire(Instant::now()) {
            sleep_until(ready_at).await;
        }
        let sent_at = Instant::now();
        let delay = match ask().await {
            Err(SourceError::Throttled { retry_after, .. }) => {
                pacer.throttled(sent_at, Instant::now(), retry_after);
                backoff.next_delay()
            }
            Err(SourceError::CredentialsExpired { .. }) if !renewed => {
                renewed = true;
                continue;
            }
            Err(SourceError::Unavailable { .. } | SourceError::CredentialsExpired { .. }) => {
                backoff.next_delay()
            }
            answer => return answer,
        };
        tokio::time::sleep(delay).await;
    }
}
